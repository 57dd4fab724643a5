# A bug in the host: Bluetooth goes inactive, the script gets an error, the
# interpreter lives, and Bluetooth can be switched on again.

import sys

sys.path.append("")

try:
    import _rust_ble
except ImportError:
    print("SKIP")
    raise SystemExit

import time
import bluetooth
import ble_node

CONFIG = {"mtu": 123, "gap_name": "before"}
SERVICE = (bluetooth.UUID(0x181A), ((bluetooth.UUID(0x2A6E), ble_node.F_READ),))


def works_again(node):
    print("active", node.ble.active())
    try:
        node.advertise()
    except OSError as er:
        print("inactive:", er.errno)
    node.start()
    print("active", node.ble.active(), _rust_ble.in_use())
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    node.ble.gatts_write(handle, b"value")
    print(node.ble.gatts_read(handle), node.ble.config("mtu"), node.ble.config("gap_name"))
    node.advertise()


def in_handler(event, data):
    _rust_ble.panic()


def instance0():
    multitest.next()
    node = ble_node.Node(**CONFIG)

    print("in a call of the script")
    try:
        _rust_ble.panic()
    except OSError as er:
        print("script:", er.errno)
    works_again(node)

    print("in the pump")
    try:
        _rust_ble.panic_soon()
        node.pause(5000)
        print("no error")
    except OSError as er:
        print("script:", er.errno)
    works_again(node)

    print("in a handler")
    node.ble.irq(in_handler)
    node.ble.gap_scan(20, 10_000, 10_000)
    node.pause(200)
    works_again(node)

    print("often")
    for _ in range(3):
        try:
            _rust_ble.panic()
        except OSError:
            pass
        node.start()
    works_again(node)
    node.stop()
    print("active", node.ble.active(), _rust_ble.in_use())
