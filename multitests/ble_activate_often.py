# Hundreds of activations leave nothing behind: neither memory nor descriptors
# nor anything in the host. Some end with advertising or a scan going on, some
# are ended by a handler, some handlers raise.
#
# Only on our air: RootCanal makes another controller of each activation.

import sys

sys.path.append("")

import gc
import time
import bluetooth
import ble_node
from ble_node import IRQ_SCAN_DONE

try:
    import _rust_ble
    import os
except ImportError:
    _rust_ble = None

CYCLES = 500


def in_use():
    return _rust_ble.in_use() if _rust_ble else (0, 0, 0)


def descriptors():
    return len(os.listdir("/proc/self/fd")) if _rust_ble else 0


class Cycler:
    def __init__(self):
        self.ble = bluetooth.BLE()
        self.done = self.raised = self.stopped = 0

    def irq(self, event, data):
        if event == IRQ_SCAN_DONE:
            self.done += 1
            if self.done % 3 == 0:
                self.stopped += 1
                self.ble.active(False)
                self.ble.active(False)
            elif self.done % 60 == 1:
                self.raised += 1
                raise ValueError

    def wait_done(self):
        done = self.done
        for _ in range(500):
            time.sleep_ms(1)
            if self.done != done:
                return
        print("no end of the scan")

    def cycle(self, number):
        self.ble.irq(self.irq)  # Handlers that raised are gone.
        self.ble.active(True)
        self.ble.active(True)
        services = ((bluetooth.UUID(0x181A), ((bluetooth.UUID(0x2A6E), ble_node.F_READ),)),)
        ((handle,),) = self.ble.gatts_register_services(services)
        self.ble.gatts_write(handle, b"x" * 20)
        if number % 2:
            self.ble.gap_advertise(100_000, b"\x02\x01\x06")
        if number % 4 == 2:
            self.ble.gap_scan(0, 100_000, 50_000)
        if number % 4 == 3:
            self.ble.gap_scan(0, 100_000, 50_000)
            self.ble.gap_scan(None)
            self.wait_done()
        self.ble.active(False)
        if any(in_use()):
            print("left in use", in_use())


def instance0():
    multitest.next()
    cycler = Cycler()
    for number in range(CYCLES + 20):
        if number == 20:
            gc.collect()
            before = gc.mem_alloc(), descriptors()
        cycler.cycle(number)
    gc.collect()
    after = gc.mem_alloc(), descriptors()
    print("heap grew" if after[0] > before[0] + 1024 else "heap is as before")
    print("descriptors are as before" if after[1] == before[1] else "descriptors leak")
    print("some were ended by a handler:", cycler.stopped > 20)
    print("handlers raised:", cycler.raised)
    print("active", cycler.ble.active())
