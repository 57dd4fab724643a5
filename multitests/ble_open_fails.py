# active(True) with a little more memory each time: until it is enough it raises, and leaves
# nothing behind, whatever there was no memory for, be it in the port. And a script that sets
# up the controller's UART itself, on boards that have one.

import gc
import sys
import bluetooth

ENOMEM = 12
UART_ID = 1  # Of RPI_PICO.


def fill(slots, size):
    n = 0
    try:
        while n < len(slots):
            slots[n] = bytearray(size)
            n += 1
    except MemoryError:
        pass
    return n


def attempts(ble, blocks, n):
    failed = 0
    while n > 0:
        n -= 1
        blocks[n] = None
        try:
            ble.active(True)
            return failed
        except MemoryError:
            failed += 1
        except OSError as er:
            if er.errno != ENOMEM:
                print("errno", er.errno)
                return failed
            failed += 1
    return failed


def instance0():
    multitest.next()
    ble = bluetooth.BLE()
    # What is not enough for the last thing that is needed, in another place than the rest.
    room = bytearray(1400)
    blocks = [None] * 2000
    large, small = [None] * 200, [None] * 200
    gc.collect()
    n = fill(blocks, 176)
    fill(large, 65536)
    fill(small, 4096)
    room = None
    failed = attempts(ble, blocks, n)
    blocks = large = small = None
    gc.collect()
    print("failed", failed > 0, "then", ble.active(True))
    if sys.platform == "rp2":
        import machine

        machine.UART(UART_ID, 115200)
    ble.gap_advertise(100000)
    print("advertises")
    ble.active(False)
