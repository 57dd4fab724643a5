# A bonded client subscribes once: its CCCD is restored when the link is
# encrypted again, not before, also after a restart of the server. Without a
# bond a subscription ends with the link.
#
# Only on our air: RootCanal makes another controller of each activation.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0x2A6E)
SERVICE = (bluetooth.UUID(0x181A), ((CHAR, F_READ | F_NOTIFY),))


def tell(node, handle, text):
    node.ble.gatts_write(handle, text, True)


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for bond in (True, True, True, False, False):
        node.ble.config(bond=bond)
        if not bond:
            node.secrets.values.clear()
        if node.events:
            print("left", node.events)
        # A restart, with the secrets.
        node.stop()
        node.start()
        ((handle,),) = node.ble.gatts_register_services((SERVICE,))
        node.accept()
        node.wait(IRQ_MTU_EXCHANGED)
        tell(node, handle, "before encryption")
        node.encryption()
        tell(node, handle, "encrypted")
        node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    for bond, subscribe in (
        (True, False),
        (True, True),
        (True, False),
        (False, True),
        (False, False),
    ):
        node.ble.config(bond=bond)
        if not bond:
            node.secrets.values.clear()
            node.stop()
            node.start()
        conn = node.connect(BDADDR)
        handle = node.characteristics(conn)[CHAR]
        # What tells the peripheral to go on.
        node.ble.gattc_exchange_mtu(conn)
        node.wait(IRQ_MTU_EXCHANGED)
        print("encrypted", node.pair(conn))
        if subscribe:
            print("subscribe", node.write(conn, handle + 1, b"\x01\x00"))
        node.pause(200)
        print("notified", [data[2] for data in node.take(IRQ_GATTC_NOTIFY)])
        node.disconnect(conn)
    node.stop()
