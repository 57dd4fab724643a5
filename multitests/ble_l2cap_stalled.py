# A receiver that does not read stalls the sender: l2cap_send gives False, what it
# took is kept, SEND_READY comes as soon as the receiver reads. All bytes arrive
# in order; recvinto with None tells how many wait.

import sys

sys.path.append("")
from ble_node import *

MTU = const(512)
TOTAL = const(20_000)


def pattern(start, length):
    return bytes((i * 13 + (i >> 8)) & 0xFF for i in range(start, start + length))


# Acting in peripheral role: receives.
def instance0():
    node = Node()
    multitest.globals(BDADDR=node.ble.config("mac"))
    node.ble.l2cap_listen(22, MTU)
    multitest.next()
    conn = node.accept()
    cid = node.wait(IRQ_L2CAP_CONNECT)[1]
    node.wait(IRQ_L2CAP_RECV)
    # The sender says when it stalled.
    node.wait(IRQ_MTU_EXCHANGED)
    print("waiting", node.ble.l2cap_recvinto(conn, cid, None) > 0)
    buf = bytearray(MTU)
    received = 0
    intact = True
    while received < TOTAL:
        n = node.ble.l2cap_recvinto(conn, cid, buf)
        if n == 0:
            node.pause(5)
        intact = intact and buf[:n] == pattern(received, n)
        received += n
    print("received", received, intact)
    print("waiting", node.ble.l2cap_recvinto(conn, cid, None))
    node.gone()
    node.stop()


# Acting in central role: sends.
def instance1():
    node = Node()
    multitest.next()
    conn = node.connect(BDADDR)
    node.ble.l2cap_connect(conn, 22, MTU)
    cid = node.wait(IRQ_L2CAP_CONNECT)[1]
    sent = 0
    told = False
    while sent < TOTAL:
        chunk = pattern(sent, min(MTU, TOTAL - sent))
        sent += len(chunk)
        if node.ble.l2cap_send(conn, cid, chunk):
            continue
        # Ready again when the data is on its way, until the receiver is full.
        node.pause(0 if told else 300)
        if not told and not node.pending(IRQ_L2CAP_SEND_READY):
            print("stalled for long", sent < TOTAL)
            told = True
            node.ble.gattc_exchange_mtu(conn)
        if node.wait(IRQ_L2CAP_SEND_READY) != (conn, cid, 0):
            print("ready with an error")
    print("sent", sent, "left", node.pending(IRQ_L2CAP_SEND_READY))
    # The peer reads what is under way.
    node.pause(500)
    node.disconnect(conn)
    node.stop()
