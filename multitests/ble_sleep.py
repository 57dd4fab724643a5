# Sleeping is not cut short by packets that arrive, and they are reported afterwards.

import sys

sys.path.append("")
from ble_node import *


# Acting in peripheral role.
def instance0():
    node = Node()
    multitest.next()
    node.ble.gap_advertise(20_000, b"\x02\x01\x06", connectable=False)
    multitest.wait("slept")
    node.stop()


def sleep(node, text, f, time_to_sleep):
    print(text, node.takes(300, f, time_to_sleep)[1])


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    node.ble.gap_scan(0, 20_000, 20_000)
    node.wait(IRQ_SCAN_RESULT)
    sleep(node, "sleep", time.sleep, 0.3)
    sleep(node, "sleep_ms", time.sleep_ms, 300)
    sleep(node, "sleep_us", time.sleep_us, 300_000)
    multitest.broadcast("slept")
    node.stop()
