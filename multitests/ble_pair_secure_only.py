# le_secure=True with mitm=True and a display or keyboard takes nothing less than
# an authenticated pairing, as either role; without I/O it takes Just Works.
#
# That it refuses LE legacy pairing and legacy bonds needs a peer that knows no
# better: Bumble in the tests of peers, and rust-ble/core/src/smp/tests.

import sys

sys.path.append("")
from ble_node import *


# Acting in peripheral role.
def instance0():
    node = Node(mitm=True, le_secure=True, io=IO_DISPLAY_YESNO)
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for io in (IO_DISPLAY_YESNO, IO_NO_INPUT_OUTPUT, IO_NO_INPUT_OUTPUT):
        node.ble.config(io=io)
        conn = node.accept()
        print("encryption", node.encryption())
        node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node(mitm=True)
    multitest.next()
    for own_io, le_secure, text in (
        (IO_NO_INPUT_OUTPUT, False, "refused by the peripheral"),
        (IO_KEYBOARD_DISPLAY, True, "refused by us"),
        (IO_NO_INPUT_OUTPUT, True, "just works"),
    ):
        node.ble.config(io=own_io, le_secure=le_secure)
        conn = node.connect(BDADDR)
        print(text, node.pair(conn))
        node.pause(100)
        node.disconnect(conn)
    node.stop()
