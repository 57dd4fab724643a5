# Channels that the peer closed before their data was read do not keep others from
# being opened: the last of them lose what waits.

import sys

sys.path.append("")
from ble_node import *

MTU = const(64)
# More than a host has channels.
ROUNDS = const(12)


# Acting in peripheral role: sends a little and closes.
def instance0():
    node = Node()
    multitest.globals(BDADDR=node.ble.config("mac"))
    node.ble.l2cap_listen(22, MTU)
    multitest.next()
    conn = node.accept()
    for _ in range(ROUNDS):
        cid = node.wait(IRQ_L2CAP_CONNECT)[1]
        node.ble.l2cap_send(conn, cid, "unread")
        node.ble.l2cap_disconnect(conn, cid)
        node.wait(IRQ_L2CAP_DISCONNECT)
    node.gone()
    node.stop()


# Acting in central role: opens, and reads nothing but the last.
def instance1():
    node = Node()
    multitest.next()
    conn = node.connect(BDADDR)
    for _ in range(ROUNDS):
        node.ble.l2cap_connect(conn, 22, MTU)
        cid = node.wait(IRQ_L2CAP_CONNECT)[1]
        node.wait(IRQ_L2CAP_DISCONNECT)
    print("waiting", node.ble.l2cap_recvinto(conn, cid, None))
    data = bytearray(MTU)
    n = node.ble.l2cap_recvinto(conn, cid, data)
    print("read", bytes(data[:n]))
    node.disconnect(conn)
    node.stop()
