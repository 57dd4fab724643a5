# Channels that are not opened: nobody listens, or the handler of L2CAP_ACCEPT
# gives a nonzero value. L2CAP_DISCONNECT tells the result code, and a later
# attempt may succeed. Sending on a channel that is not there gives an error.

import sys

sys.path.append("")
from ble_node import *


class Server(Node):
    refuse = 1

    def l2cap_accept(self, conn, cid, psm, our_mtu, peer_mtu):
        print("accept?", psm, our_mtu, peer_mtu, "no" if self.refuse else "yes")
        refused, self.refuse = self.refuse, 0
        return refused


# Acting in peripheral role.
def instance0():
    node = Server()
    multitest.globals(BDADDR=node.ble.config("mac"))
    node.ble.l2cap_listen(22, 100)
    multitest.next()
    node.accept()
    node.wait(IRQ_L2CAP_CONNECT)
    node.gone()
    node.stop()


def failing(text, f, *args):
    try:
        print(text, f(*args))
    except OSError as er:
        print(text, "OSError", er.errno)


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    conn = node.connect(BDADDR)
    for psm in (23, 22, 22):
        node.ble.l2cap_connect(conn, psm, 200)
        event, data = node.wait(IRQ_L2CAP_CONNECT, IRQ_L2CAP_DISCONNECT)
        if event == IRQ_L2CAP_CONNECT:
            cid = data[1]
            print(psm, "connected", data[2:])
        else:
            print(psm, "refused", data[2:])
    failing("send to nobody", node.ble.l2cap_send, conn, cid + 1, "x")
    failing("receive from nobody", node.ble.l2cap_recvinto, conn, cid + 1, bytearray(1))
    failing("disconnect nobody", node.ble.l2cap_disconnect, conn, cid + 1)
    failing("longer than the peer takes", node.ble.l2cap_send, conn, cid, bytes(101))
    failing("no link", node.ble.l2cap_connect, conn + 1, 22, 100)
    node.disconnect(conn)
    node.stop()
