# The name of the host, and what it refuses: methods while it is off, values out
# of range, handles that nobody knows.

import sys

sys.path.append("")
from ble_node import *


def attempt(text, f, *args, **kwargs):
    try:
        print(text, f(*args, **kwargs))
    except (OSError, ValueError, TypeError) as er:
        print(text, type(er).__name__, er.errno if isinstance(er, OSError) else er)


def instance0():
    multitest.next()
    ble = bluetooth.BLE()
    print(bluetooth.BLE.stack, bluetooth.BLE() is ble)
    print("active", ble.active())
    for text, f, args in (
        ("advertise", ble.gap_advertise, (100_000,)),
        ("scan", ble.gap_scan, (1000,)),
        ("connect", ble.gap_connect, (0, b"123456")),
        ("disconnect", ble.gap_disconnect, (0,)),
        ("write", ble.gatts_write, (1, "x")),
        ("notify", ble.gatts_notify, (0, 1)),
        ("services", ble.gatts_register_services, ((),)),
        ("unpair", ble.gap_unpair, ()),
        ("mac", ble.config, ("mac",)),
    ):
        attempt("off: " + text, f, *args)

    print("active", ble.active(True), ble.active(True), ble.active())
    for interval in (0, 1, 19_999, 10_240_001, -20_000):
        attempt("advertise every {} us".format(interval), ble.gap_advertise, interval)
    attempt("advertise", ble.gap_advertise, 20_000, adv_data=bytes(31), resp_data=bytes(31))
    attempt("advertise again", ble.gap_advertise, 10_240_000, connectable=False)
    attempt("advertise too much", ble.gap_advertise, 20_000, adv_data=bytes(32))
    attempt("respond too much", ble.gap_advertise, 20_000, resp_data=bytes(32))
    attempt("advertise nothing", ble.gap_advertise, 20_000, adv_data=b"", resp_data=b"")
    attempt("stop advertising", ble.gap_advertise, None)
    attempt("stop again", ble.gap_advertise, None)
    for interval, window in ((0, 0), (2_499, 2_499), (30_000, 40_000), (10_240_001, 30_000)):
        attempt("scan {} us of {} us".format(window, interval), ble.gap_scan, 0, interval, window)
    attempt("stop scanning", ble.gap_scan, None)
    attempt("connect to 5 bytes", ble.gap_connect, 0, b"12345")
    for low, high in ((1, 2), (50_000, 30_000), (4_000_001, 4_000_002)):
        attempt(
            "connect with {} to {} us".format(low, high),
            ble.gap_connect,
            0,
            b"123456",
            100,
            low,
            high,
        )
    attempt("stop connecting", ble.gap_connect, None)
    attempt("disconnect nobody", ble.gap_disconnect, 7)
    attempt("pair nobody", ble.gap_pair, 7)
    attempt("passkey for nobody", ble.gap_passkey, 7, ACTION_INPUT, 1)
    attempt("notify nobody", ble.gatts_notify, 7, 1, "x")
    attempt("indicate nobody", ble.gatts_indicate, 7, 1, "x")
    attempt("read of nobody", ble.gattc_read, 7, 1)
    attempt("MTU with nobody", ble.gattc_exchange_mtu, 7)
    attempt("read what is not there", ble.gatts_read, 999)
    attempt("write what is not there", ble.gatts_write, 999, "x")
    attempt("buffer that is not there", ble.gatts_set_buffer, 999, 10)
    attempt("no service", ble.gatts_register_services, ())
    for key, value in (("mtu", 22), ("mtu", 1000), ("addr_mode", 4), ("io", 5), ("nonsense", 1)):
        attempt("config {}={}".format(key, value), ble.config, **{key: value})
    attempt("config(nonsense)", ble.config, "nonsense")
    for size in (15, 16, 2000, 65_536):
        attempt("config rxbuf={}".format(size), ble.config, rxbuf=size)
    print("rxbuf", ble.config("rxbuf") >= 1100)
    print("active", ble.active(False), ble.active(False), ble.active())
