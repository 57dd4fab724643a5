# A central that calls gap_pair again as soon as it hears of the encryption, when the
# peripheral has not yet got all of its keys: the link is encrypted once more, and
# both are bonded.

import sys

sys.path.append("")
from ble_node import *

ROUNDS = const(3)


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for _ in range(ROUNDS):
        node.accept()
        print("paired", node.encryption())
        node.gone()
        print("bonds", node.secrets.count(SECRET_BOND))
        node.ble.gap_unpair()
        node.pause(20)
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    for _ in range(ROUNDS):
        conn = node.connect(BDADDR)
        print("paired", node.pair(conn))
        print("again", node.pair(conn))
        node.pause(100)
        node.disconnect(conn)
        node.ble.gap_unpair()
        node.pause(100)
    node.stop()
