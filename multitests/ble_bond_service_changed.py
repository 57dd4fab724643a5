# A bonded client that asked for it gets Service Changed when the peripheral comes
# with other services: when the link is encrypted again, or at once while it is
# connected. With the same services it gets none.

import sys

sys.path.append("")
from ble_node import *

SERVICE_CHANGED = bluetooth.UUID(0x2A05)
FIRST = (bluetooth.UUID(0x181A), ((bluetooth.UUID(0x2A6E), F_READ),))
SECOND = (bluetooth.UUID(0x180F), ((bluetooth.UUID(0x2A19), F_READ),))


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    node.ble.gatts_register_services((FIRST,))
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for services in ((FIRST,), (FIRST, SECOND), (FIRST, SECOND)):
        node.accept()
        print("encrypted", node.encryption())
        node.gone()
        node.ble.gatts_register_services(services)
    node.accept()
    print("encrypted", node.encryption())
    # While connected.
    node.ble.gatts_register_services((SECOND, FIRST))
    node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    for text in ("subscribes", "same services", "other services", "changed while connected"):
        conn = node.connect(BDADDR)
        encrypted = node.pair(conn)
        if text == "subscribes":
            handle = node.characteristics(conn)[SERVICE_CHANGED]
            print("cccd", node.write(conn, handle + 1, b"\x02\x00"))
        node.pause(300)
        changed = [data[1] == handle and len(data[2]) for data in node.take(IRQ_GATTC_INDICATE)]
        print(text, encrypted, changed)
        node.disconnect(conn)
    node.stop()
