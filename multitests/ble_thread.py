# Two threads use Bluetooth at once: each call works or says that it is busy, also when one
# of them switches Bluetooth off and on, and everything still works afterwards.

import sys

sys.path.append("")
from ble_node import *

import _thread
import gc

EIO = const(5)
EBUSY = const(16)
ENODEV = const(19)
EALREADY = const(114)

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ | F_NOTIFY),))
ROUNDS = 60 if sys.platform == "linux" else 10  # Boards are emulated slowly.


def attempt(errors, f, *args):
    try:
        f(*args)
    except OSError as er:
        errors.append(er.errno)


def everything(seed, errors, ble, handle):
    for i in range(ROUNDS):
        attempt(errors, ble.gap_advertise, 20_000 + 1000 * seed, b"\x02\x01\x06")
        attempt(errors, ble.gatts_write, handle, bytes([seed, i]))
        attempt(errors, ble.gap_scan, 5, 30_000, 30_000)
        attempt(errors, ble.gatts_read, handle)
        attempt(errors, ble.config, "mac")
        attempt(errors, ble.gap_scan, None)
        attempt(errors, ble.gap_advertise, None)
        gc.collect()


def switch(seed, errors, ble):
    for i in range(ROUNDS):
        attempt(errors, ble.active, i % 2 == 0)
        attempt(errors, ble.gap_scan, 5, 30_000, 30_000)


# Runs f in a second thread and here.
def both(f, *args):
    here, there, done = [], [], []

    def second():
        try:
            f(1, there, *args)
        finally:
            done.append(True)

    _thread.start_new_thread(second, ())
    f(2, here, *args)
    deadline = time.ticks_add(time.ticks_ms(), 30_000)
    while not done and time.ticks_diff(deadline, time.ticks_ms()) > 0:
        time.sleep_ms(10)
    print("second thread done", bool(done))
    return set(here + there)


# Acting in peripheral role.
def instance0():
    node = Node()
    ble = node.ble
    ((handle,),) = ble.gatts_register_services((SERVICE,))
    print("other errors", both(everything, ble, handle) - {EBUSY, EALREADY})
    print("other errors", both(switch, ble) - {EBUSY, ENODEV, EIO})
    ble.active(True)
    ((handle,),) = ble.gatts_register_services((SERVICE,))
    multitest.globals(BDADDR=ble.config("mac"))
    ble.gatts_write(handle, "alive")
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
