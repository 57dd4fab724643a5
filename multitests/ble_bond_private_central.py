# A central with resolvable private addresses (addr_mode=2) is recognised by its
# bonded peripheral, which gets its identity in CENTRAL_CONNECT and encrypts
# with the old keys. gap_unpair with the identity forgets it.

import sys

sys.path.append("")
from ble_node import *


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    peers = []
    for _ in range(2):
        node.advertise()
        peers.append(node.wait(IRQ_CENTRAL_CONNECT)[1:])
        print("encrypted", node.encryption())
        node.gone()
    first, second = peers
    print("private at first", first[0] == 1 and first[1][0] >> 6 == 1)
    print("then known", second != first, second[0] == 0 or second[1][0] >> 6 == 3)
    node.ble.gap_unpair(*second)
    node.pause(50)
    print("bonds", node.secrets.count(SECRET_BOND))
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    for _ in range(2):
        node.ble.config(addr_mode=2)
        conn = node.connect(BDADDR)
        print("encrypted", node.pair(conn))
        node.pause(100)
        node.disconnect(conn)
        node.stop()
        node.start()
    node.stop()
