# A controller that falls silent: what waits for it ends with ETIMEDOUT, active(True) too, and
# works when the controller is back.
# Only on our air: the vendor command that makes it silent.

import errno
import struct
import time
import bluetooth

SILENT_MS = 10000


def attempt(name, f):
    try:
        f()
        print(name, "ok")
    except OSError as er:
        print(name, "timeout" if er.errno == errno.ETIMEDOUT else er)


def fall_silent(ble):
    ble.hci_cmd(0x3F, 0x3F0, struct.pack("<H", SILENT_MS), bytearray(8))


def instance0():
    multitest.next()
    ble = bluetooth.BLE()
    attempt("on", lambda: ble.active(True))
    ble.gap_advertise(100000)
    begin = time.ticks_ms()
    attempt("command", lambda: fall_silent(ble))
    attempt("scan", lambda: ble.gap_scan(1000))
    attempt("off", lambda: ble.active(False))
    attempt("on", lambda: ble.active(True))
    print(ble.active())
    left = time.ticks_diff(time.ticks_add(begin, SILENT_MS), time.ticks_ms())
    time.sleep_ms(max(left, 0) + 200)
    attempt("on", lambda: ble.active(True))
    attempt("advertise", lambda: ble.gap_advertise(100000))
    attempt("scan", lambda: ble.gap_scan(100))
    attempt("off", lambda: ble.active(False))
