# Two centrals at one peripheral: links, subscriptions, MTUs and disconnections of
# one do not touch the other.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ | F_WRITE | F_NOTIFY),))


# Acting in peripheral role.
def instance0():
    node = Node()
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    node.ble.gatts_set_buffer(handle, 100)
    multitest.globals(BDADDR=node.ble.config("mac"), HANDLE=handle)
    multitest.next()
    conns = {}
    while len(conns) < 2:
        conn = node.accept()
        # The client says who it is.
        node.wait(IRQ_GATTS_WRITE)
        conns[bytes(node.ble.gatts_read(handle))] = conn
    print("clients", sorted(conns), len(set(conns.values())))
    # Only the first is subscribed.
    node.ble.gatts_write(handle, "to subscribers", True)
    for name, conn in sorted(conns.items()):
        node.ble.gatts_notify(conn, handle, b"to client " + name)
        node.ble.gatts_notify(conn, handle, b"the longer value is cut for one of them")
    print("first gone", node.gone()[1][0] == conns[b"1"])
    node.ble.gatts_notify(conns[b"2"], handle, "alone")
    try:
        node.ble.gatts_notify(conns[b"1"], handle, "nobody")
    except OSError as er:
        print("OSError", er.errno)
    print("second gone", node.gone()[1][0] == conns[b"2"])
    node.stop()


def client(number, subscribe):
    node = Node(mtu=128)
    multitest.next()
    conn = node.connect(BDADDR)
    if subscribe:
        node.ble.gattc_exchange_mtu(conn)
        print("mtu", node.wait(IRQ_MTU_EXCHANGED)[1])
        print("subscribe", node.write(conn, HANDLE + 1, b"\x01\x00"))
    print("write", node.write(conn, HANDLE, str(number)))
    for _ in range(3):
        print(node.wait(IRQ_GATTC_NOTIFY)[2])
    if subscribe:
        node.pause(100)
        node.disconnect(conn)
    else:
        node.pause(800)
        print("left", node.pending(IRQ_GATTC_NOTIFY))
        node.disconnect(conn)
    node.stop()


# Acting in central role.
def instance1():
    client(1, True)


# Acting in central role too.
def instance2():
    client(2, False)
