# A peripheral bonded with two centrals forgets one of them: the other encrypts
# with its keys and is still subscribed, the forgotten one is told that its key is
# missing. Without an address both are forgotten.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0x2A6E)
SERVICE = (bluetooth.UUID(0x181A), ((CHAR, F_READ | F_WRITE | F_NOTIFY),))


def bonds(node):
    print("bonds", node.secrets.count(SECRET_BOND), "clients", node.secrets.count(SECRET_CLIENT))


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    multitest.globals(BDADDR=node.ble.config("mac"), HANDLE=handle)
    multitest.next()
    peers = {}
    # One after the other: two at once are too many for RootCanal.
    for name in ("1", "2"):
        multitest.broadcast(name + " first")
        node.advertise()
        _, addr_type, addr = node.wait(IRQ_CENTRAL_CONNECT)
        node.wait(IRQ_GATTS_WRITE)
        peers[bytes(node.ble.gatts_read(handle))] = addr_type, addr
        node.gone()
    print(sorted(peers))
    print("paired", node.take(IRQ_ENCRYPTION_UPDATE)[0][1:])
    bonds(node)
    node.ble.gap_unpair(*peers[b"1"])
    node.pause(100)
    bonds(node)
    for name in ("1", "2"):
        multitest.broadcast(name + " again")
        node.accept()
        node.wait(IRQ_GATTS_WRITE)
        node.ble.gatts_write(handle, "told", True)
        node.gone()
    bonds(node)
    node.ble.gap_unpair()
    node.pause(100)
    bonds(node)
    # Nobody may be told something after its end.
    multitest.broadcast("end")
    node.stop()


def client(name):
    node = Node(bond=True)
    multitest.next()
    for subscribe in (True, False):
        multitest.wait(name + (" first" if subscribe else " again"))
        conn = node.connect(BDADDR)
        print("encryption", node.pair(conn))
        if subscribe:
            print("subscribe", node.write(conn, HANDLE + 1, b"\x01\x00"))
        print("write", node.write(conn, HANDLE, name))
        node.pause(300)
        print("notified", len(node.take(IRQ_GATTC_NOTIFY)))
        node.disconnect(conn)
    print("bonds", node.secrets.count(SECRET_BOND))
    multitest.wait("end")
    node.stop()


# Acting in central role.
def instance1():
    client("1")


# Acting in central role too.
def instance2():
    client("2")
