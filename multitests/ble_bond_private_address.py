# A peripheral with resolvable private addresses (addr_mode=2) is recognised by
# its bonded central: reports and links come with its identity, from each new
# address, and the old keys encrypt the link. Before bonding it is a stranger.

import sys

sys.path.append("")
from ble_node import *


def is_resolvable(address):
    addr_type, addr = address
    return addr_type == 1 and addr[0] >> 6 == 1


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    identity = node.ble.config("mac")
    node.ble.config(addr_mode=2)
    first = node.ble.config("mac")
    print("private", is_resolvable(first), first != identity)
    multitest.globals(IDENTITY=identity, BDADDR=first)
    multitest.next()
    node.accept()
    print("paired", node.encryption())
    node.gone()

    # Each activation makes another address.
    node.stop()
    node.start()
    node.ble.config(addr_mode=2)
    second = node.ble.config("mac")
    print("another", is_resolvable(second), second != first)
    node.accept()
    print("encrypted", node.encryption())
    node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    node.ble.gap_connect(*BDADDR)
    conn, addr_type, addr = node.wait(IRQ_PERIPHERAL_CONNECT)
    print("a stranger", (addr_type, addr) == BDADDR)
    print("paired", node.pair(conn))
    node.pause(100)
    node.disconnect(conn)

    node.ble.gap_scan(0, 30_000, 30_000)
    while True:
        addr_type, addr, adv_type, _, data = node.wait(IRQ_SCAN_RESULT)
        if adv_type == 0 and b"MPY" in data:
            break
    node.ble.gap_scan(None)
    print("scanned identity", (addr_type, addr) == IDENTITY)
    node.ble.gap_connect(*IDENTITY)
    conn, addr_type, addr = node.wait(IRQ_PERIPHERAL_CONNECT)
    print("connected identity", (addr_type, addr) == IDENTITY)
    print("encrypted", node.pair(conn))
    print("bonds", node.secrets.count(SECRET_BOND))
    node.disconnect(conn)
    node.stop()
