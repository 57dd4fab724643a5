# From the end of the stack a method works or raises RuntimeError, as every call does there,
# and Bluetooth goes on.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ | F_NOTIFY),))


# Levels of the recursion that are left to MicroPython: in the last of them its own
# functions, as raising an exception, reach below the stack of an RP2040.
SPARED = const(4)


# Calls f wherever there is stack enough to call a function, and tells the exceptions. From
# deep to shallow, since what was too much comes back.
def deepest(f, errors):
    try:
        deepest(f, errors)
    except RuntimeError as er:
        errors.append(er)
        if len(errors) > SPARED:
            try:
                f()
            except Exception as er:
                errors.append(er)
        raise


def off(ble):
    ble.active(False)
    if ble.active():
        raise ValueError("still active")


def attempt(what, f):
    errors = []
    try:
        deepest(f, errors)
    except RuntimeError:
        pass
    print(what, [er for er in errors if not isinstance(er, RuntimeError)])


# Acting in peripheral role.
def instance0():
    node = Node()
    ble = node.ble
    ((handle,),) = ble.gatts_register_services((SERVICE,))
    multitest.globals(BDADDR=ble.config("mac"))
    for what, f in (
        ("advertise", lambda: ble.gap_advertise(20_000, b"\x02\x01\x06")),
        ("stop", lambda: ble.gap_advertise(None)),
        ("scan", lambda: ble.gap_scan(5, 30_000, 30_000)),
        ("mac", lambda: ble.config("mac")),
        ("write", lambda: ble.gatts_write(handle, b"alive")),
        ("off", lambda: off(ble)),
    ):
        attempt(what, f)
    print("active", ble.active())
    ble.active(False)
    attempt("on", lambda: ble.active(True))
    ble.active(True)
    ((handle,),) = ble.gatts_register_services((SERVICE,))
    ble.gatts_write(handle, b"alive")
    multitest.next()
    node.accept()
    node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    conn = node.connect(BDADDR)
    print(node.read(conn, node.characteristics(conn)[CHAR]))
    node.disconnect(conn)
    node.stop()
