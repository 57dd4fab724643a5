# The main thread collects garbage again and again while packets arrive for it and another
# thread allocates: what the other thread holds stays as it is.

import sys

sys.path.append("")
from ble_node import *

import _thread
import gc

TIME_MS = 3000 if sys.platform == "linux" else 200  # Boards are emulated slowly.


# What is on the stack at the end hangs from nothing else.
def nest(depth, held):
    kept = [depth, bytes(held)]
    if depth:
        nest(depth - 1, kept[1])
    assert kept == [depth, held]


# Acting in peripheral role.
def instance0():
    node = Node()
    multitest.next()
    node.ble.gap_advertise(20_000, b"\x02\x01\x06", resp_data=b"\x02\x01\x06")
    multitest.wait("collected")
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    node.ble.gap_scan(0, 20_000, 20_000, True)
    node.wait(IRQ_SCAN_RESULT)
    going, outcome = [True], []

    def second():
        try:
            rounds = 0
            while going:
                nest(8, b"0123456789abcdef")
                rounds += 1
            outcome.append(rounds > 0)
        except Exception as er:
            outcome.append(er)

    _thread.start_new_thread(second, ())
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < TIME_MS:
        gc.collect()
    going.clear()
    for _ in range(1000):
        if outcome:
            break
        time.sleep_ms(10)
    print("second thread is well", outcome)
    print("events", node.pending(IRQ_SCAN_RESULT) > 0)
    multitest.broadcast("collected")
    node.stop()
