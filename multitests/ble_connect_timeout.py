# Connecting to nobody: PERIPHERAL_DISCONNECT with handle 65535 after the timeout
# or after gap_connect(None), one each; then a real peer can be reached.

import sys

sys.path.append("")
from ble_node import *

NOBODY = (0, b"\x11\x22\x33\x44\x55\x66")


# Acting in peripheral role.
def instance0():
    node = Node()
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for _ in range(2):
        node.accept()
        node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    start = time.ticks_ms()
    node.ble.gap_connect(*NOBODY, 500)
    try:
        node.ble.gap_connect(*BDADDR)
    except OSError as er:
        print("at the same time: OSError", er.errno)
    print("timeout", node.wait(IRQ_PERIPHERAL_DISCONNECT) == (65535,) + NOBODY)
    print("not early", time.ticks_diff(time.ticks_ms(), start) >= 450)
    conn = node.connect(BDADDR)
    # While connected.
    node.ble.gap_connect(*NOBODY, 60_000)
    node.pause(100)
    node.ble.gap_connect(None)
    print("cancelled", node.wait(IRQ_PERIPHERAL_DISCONNECT) == (65535,) + NOBODY)
    node.disconnect(conn)
    # Switched off while connecting.
    node.ble.gap_connect(*NOBODY, 60_000)
    node.stop()
    node.start()
    node.take(IRQ_PERIPHERAL_DISCONNECT)
    conn = node.connect(BDADDR)
    node.disconnect(conn)
    print("left", node.events)
    node.stop()
