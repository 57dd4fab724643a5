# docs/examples/passkey_display.py and a central with a keyboard, where somebody
# types what the display shows.

import sys

sys.path.append("")
sys.path.append("../docs/examples")
from ble_node import *

VALUE = bluetooth.UUID("2b1e0002-6d1f-4c0f-9b55-0d2f3c7a9e10")


# Acting in peripheral role.
def instance0():
    from passkey_display import PasskeyDisplay

    ble = bluetooth.BLE()
    PasskeyDisplay(ble, multitest.broadcast)
    multitest.globals(BDADDR=ble.config("mac"))
    multitest.next()
    multitest.wait("enough")
    ble.active(False)


# Acting in central role.
def instance1():
    node = Node(io=IO_KEYBOARD_ONLY, mitm=True)
    multitest.next()
    conn = node.connect(BDADDR)
    _, action, _ = node.wait(IRQ_PASSKEY_ACTION)
    # "BROADCAST type 012345 on the other device"
    number = int(sys.stdin.readline().split()[2])
    node.ble.gap_passkey(conn, action, number)
    print("encrypted", node.encryption())
    print(node.read(conn, node.characteristics(conn)[VALUE]))
    node.disconnect(conn)
    node.pause(200)
    multitest.broadcast("enough")
    node.stop()
