# Without memory for the host active(True) raises ENOMEM and leaves nothing
# behind; with memory again it works.

import gc
import bluetooth


def eat(size):
    blocks = []
    while True:
        try:
            blocks.append(bytearray(size))
        except MemoryError:
            return blocks


def attempt(ble, name):
    try:
        ble.active(True)
        print(name, ble.active())
    except OSError as er:
        print(name, "errno", er.errno, ble.active())


def instance0():
    multitest.next()
    ble = bluetooth.BLE()
    ble.config(gap_name="still here")
    for _ in range(3):
        # Some room is left for small things.
        room = bytearray(2048)
        blocks = eat(65536), eat(4096)
        room = None
        attempt(ble, "full")
        blocks = None
        gc.collect()
        attempt(ble, "empty")
        ble.active(False)
    print(ble.config("gap_name"))
