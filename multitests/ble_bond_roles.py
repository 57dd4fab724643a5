# A bond is between two devices, not two roles: who was peripheral connects as
# central and encrypts with the keys of the same bond.

import sys

sys.path.append("")
from ble_node import *


# Peripheral first.
def instance0():
    node = Node(bond=True)
    mac = node.ble.config("mac")
    multitest.globals(BDADDR=mac)
    multitest.next()
    node.advertise()
    _, addr_type, addr = node.wait(IRQ_CENTRAL_CONNECT)
    print("as peripheral", node.encryption())
    node.gone()
    conn = node.connect((addr_type, addr))
    print("as central", node.pair(conn))
    node.pause(100)
    node.disconnect(conn)
    print("bonds", node.secrets.count(SECRET_BOND))
    node.stop()


# Central first.
def instance1():
    node = Node(bond=True)
    multitest.next()
    conn = node.connect(BDADDR)
    print("as central", node.pair(conn))
    node.pause(100)
    node.disconnect(conn)
    node.accept()
    print("as peripheral", node.encryption())
    node.gone()
    print("bonds", node.secrets.count(SECRET_BOND))
    node.stop()
