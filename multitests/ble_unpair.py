# gap_unpair forgets one bond, with what belongs to it, or all: ENOENT for a peer
# that is not bonded, EBUSY while it is connected. Afterwards the two pair anew.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0x2A6E)


def unpair(node, *peer):
    try:
        node.ble.gap_unpair(*peer)
        # The script is asked to delete soon after.
        node.pause(50)
        print("unpaired")
    except OSError as er:
        print("OSError", er.errno)
    print("bonds", node.secrets.count(SECRET_BOND), "clients", node.secrets.count(SECRET_CLIENT))


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    node.ble.gatts_register_services(((bluetooth.UUID(0x181A), ((CHAR, F_READ | F_NOTIFY),)),))
    multitest.globals(BDADDR=node.ble.config("mac"))
    print("nothing to forget")
    unpair(node)
    unpair(node, 0, b"\x01\x02\x03\x04\x05\x06")
    multitest.next()

    for one in (True, False):
        node.advertise()
        conn, addr_type, addr = node.wait(IRQ_CENTRAL_CONNECT)
        print("paired", node.encryption())
        node.pause(50)
        peer = (addr_type, addr) if one else ()
        print("connected")
        unpair(node, *peer)
        node.gone()
        print("disconnected")
        unpair(node, *peer)
        unpair(node, addr_type, addr)
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    for _ in range(2):
        conn = node.connect(BDADDR)
        print("paired", node.pair(conn))
        node.pause(300)
        node.disconnect(conn)
        unpair(node, *BDADDR)
        unpair(node, *BDADDR)
    node.stop()
