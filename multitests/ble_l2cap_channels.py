# Several L2CAP channels on one link, opened by both sides on two PSMs: each keeps
# its own data, SDUs of 2048 bytes arrive whole, and one that closes leaves the
# others alone.

import sys

sys.path.append("")
from ble_node import *

PSMS = (22, 128)
MTU = const(2048)


def pattern(seed, length):
    return bytes((seed * 31 + i * 7) & 0xFF for i in range(length))


class L2cap(Node):
    def __init__(self, **config):
        super().__init__(**config)
        self.buffer = bytearray(MTU)

    # The channel's next bytes, as many as were asked for.
    def receive(self, conn, cid, length):
        data = b""
        while len(data) < length:
            n = self.ble.l2cap_recvinto(conn, cid, self.buffer)
            if n == 0:
                self.pause(5)
            data += self.buffer[:n]
        return data

    def send(self, conn, cid, data):
        if not self.ble.l2cap_send(conn, cid, data):
            while self.wait(IRQ_L2CAP_SEND_READY)[1] != cid:
                pass


# Acting in peripheral role: sends back what it gets, in one SDU.
def instance0():
    node = L2cap()
    multitest.globals(BDADDR=node.ble.config("mac"))
    for psm in PSMS:
        node.ble.l2cap_listen(psm, MTU)
    multitest.next()
    conn = node.accept()
    cids = []
    for _ in range(3):
        _, cid, psm, our_mtu, peer_mtu = node.wait(IRQ_L2CAP_CONNECT)
        print("connected", psm, our_mtu, peer_mtu)
        cids.append(cid)
    # The other direction, while there are three.
    node.ble.l2cap_connect(conn, 37, MTU)
    _, cid, psm, _, _ = node.wait(IRQ_L2CAP_CONNECT)
    print("connected", psm, cid not in cids)
    cids.append(cid)
    for length in (1, 300, MTU):
        for cid in cids:
            node.send(conn, cid, node.receive(conn, cid, length))
    print("closed", [node.wait(IRQ_L2CAP_DISCONNECT)[1] == cids[1]])
    node.send(conn, cids[2], node.receive(conn, cids[2], 5))
    node.ble.l2cap_disconnect(conn, cids[0])
    print("closed", node.wait(IRQ_L2CAP_DISCONNECT)[1] == cids[0])
    node.gone()
    print("closed with the link", len(node.take(IRQ_L2CAP_DISCONNECT)))
    node.stop()


# Acting in central role.
def instance1():
    node = L2cap()
    multitest.next()
    node.ble.l2cap_listen(37, MTU)
    conn = node.connect(BDADDR)
    cids = []
    for psm in PSMS + PSMS[:1]:
        node.ble.l2cap_connect(conn, psm, MTU)
        cids.append(node.wait(IRQ_L2CAP_CONNECT)[1])
    cids.append(node.wait(IRQ_L2CAP_CONNECT)[1])
    print("channels", len(set(cids)))
    for length in (1, 300, MTU):
        for i, cid in enumerate(cids):
            node.send(conn, cid, pattern(i, length))
        # The later ones first.
        for i, cid in reversed(tuple(enumerate(cids))):
            print(i, length, node.receive(conn, cid, length) == pattern(i, length))
    node.ble.l2cap_disconnect(conn, cids[1])
    print("closed", node.wait(IRQ_L2CAP_DISCONNECT)[1] == cids[1])
    node.send(conn, cids[2], "still")
    print(node.receive(conn, cids[2], 5))
    print("closed", node.wait(IRQ_L2CAP_DISCONNECT)[1] == cids[0])
    node.disconnect(conn)
    print("closed with the link", len(node.take(IRQ_L2CAP_DISCONNECT)))
    node.stop()
