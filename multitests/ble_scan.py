# Scanning: reports and scan responses, passive without the latter, exactly one
# SCAN_DONE after the duration or after gap_scan(None), and again after a
# connection came and went.

import sys

sys.path.append("")
from ble_node import *

ADV = b"\x02\x01\x06\x04\xffMPY"
RESPONSE = b"\x05\x09scan"


# Acting in peripheral role.
def instance0():
    node = Node()
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for _ in range(2):
        node.ble.gap_advertise(20_000, ADV, resp_data=RESPONSE)
        node.wait(IRQ_CENTRAL_CONNECT, timeout=20_000)
        node.gone()
    node.stop()


def scan(node, text, *args, stop=False):
    node.ble.gap_scan(*args)
    if stop:
        node.pause(400)
        node.ble.gap_scan(None)
    node.wait(IRQ_SCAN_DONE)
    reports = [data for data in node.take(IRQ_SCAN_RESULT) if data[:2] == BDADDR]
    kinds = sorted(set((data[2], data[4]) for data in reports))
    print(text, kinds, all(-127 <= data[3] <= 20 for data in reports))
    node.pause(300)
    print("after the end", node.pending(IRQ_SCAN_RESULT), node.pending(IRQ_SCAN_DONE))


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    for _ in range(2):
        scan(node, "passive", 500, 30_000, 30_000)
        scan(node, "active", 500, 30_000, 30_000, True)
        scan(node, "stopped", 0, 30_000, 30_000, True, stop=True)
        conn = node.connect(BDADDR)
        node.pause(100)
        node.disconnect(conn)
    node.ble.gap_scan(None)
    node.pause(100)
    print("nothing to stop", node.pending(IRQ_SCAN_DONE))
    node.stop()
