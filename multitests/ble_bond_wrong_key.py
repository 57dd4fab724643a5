# One flipped bit in a stored key: the controllers find that their keys differ
# and end the link. Nobody sees an encrypted link, and no bond is lost. With the
# bit put right the same bond works again.
#
# Only on our air: the other controllers compare no keys.

import sys

sys.path.append("")
from ble_node import *


def flip(secrets):
    for (kind, key), value in secrets.values.items():
        if kind == SECRET_BOND:
            # In the long term key of both roles: the same for Secure Connections.
            value = bytearray(value)
            for place in (KEY_AT, KEY_AT + 26):
                value[place] ^= 0x10
            secrets.values[kind, key] = bytes(value)


# A bond: version, identity, key size, flags, then the keys.
KEY_AT = const(10 + 5)


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for _ in range(3):
        node.accept()
        node.gone()
        print("encryption", [data[1:] for data in node.take(IRQ_ENCRYPTION_UPDATE) if data[1]])
        print("bonds", node.secrets.count(SECRET_BOND))
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    conn = node.connect(BDADDR)
    print("paired", node.pair(conn))
    node.pause(100)
    node.disconnect(conn)

    flip(node.secrets)
    conn = node.connect(BDADDR)
    node.ble.gap_pair(conn)
    node.gone()
    print("wrong key", [data[1:] for data in node.take(IRQ_ENCRYPTION_UPDATE) if data[1]])
    print("bonds", node.secrets.count(SECRET_BOND))

    flip(node.secrets)
    conn = node.connect(BDADDR)
    print("right key", node.pair(conn))
    node.pause(100)
    node.disconnect(conn)
    node.stop()
