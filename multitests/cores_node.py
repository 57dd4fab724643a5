# Runs on a board whose second core runs a thread (cores.py): both cores use Bluetooth at the
# same time. What a scenario returns is to be what cores.py expects of it.

from ble_node import *

import _thread
import machine

ENOENT = const(2)
ENOMEM = const(12)
EBUSY = const(16)
ENODEV = const(19)
ENOTCONN = const(107)
EALREADY = const(114)

# What calls may raise: busy; handles that are not connected; a scan that runs; no room for
# one more write without response.
USUAL = {EBUSY, ENOTCONN, EALREADY, ENOMEM}

CPUID = const(0xD0000000)
NVIC_ENABLED = const(0xE000E100)
UART1_IRQ = const(21)

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ | F_WRITE | F_NOTIFY),))

# Made once, for a new name in a dictionary moves all that the other core may look up.
ble = bluetooth.BLE()
node = None
handle = 0
conn = 0


def core():
    return machine.mem32[CPUID]


# Calls until the other core is not inside.
def insist(f, *args):
    while True:
        try:
            return f(*args)
        except OSError as er:
            if er.errno != EBUSY:
                raise er


# One report of a scan is enough.
class Listener(Node):
    def irq(self, event, data):
        if event != IRQ_SCAN_RESULT or not self.pending(event):
            return super().irq(event, data)


def started():
    global node, handle
    node = Listener()
    ((handle,),) = insist(ble.gatts_register_services, (SERVICE,))


# What a call raised.
def attempt(errors, f, *args):
    try:
        f(*args)
    except OSError as er:
        errors.add(er.errno)


# Runs f on the second core, and g here until f has ended. Returns on which core f ran, and
# what it raised.
def beside(f, g):
    ended = []

    def second():
        try:
            f()
            ended.append(core())
        except BaseException as er:
            ended.append(er)

    _thread.start_new_thread(second, ())
    while not ended:
        g()
    time.sleep_ms(5)  # Until MicroPython has noticed.
    return ended[0]


def everything(errors):
    attempt(errors, ble.gap_advertise, 20_000, b"\x02\x01\x06")
    attempt(errors, ble.gatts_write, handle, b"a value", True)
    attempt(errors, ble.gap_scan, 100, 30_000, 30_000, True)
    attempt(errors, ble.gatts_read, handle)
    attempt(errors, ble.gatts_notify, 0, handle, b"told")
    attempt(errors, ble.config, "mac")
    attempt(errors, ble.gap_disconnect, 5)
    attempt(errors, ble.gattc_read, conn, 3)
    attempt(errors, ble.gattc_write, conn, 3, b"written", 0)
    attempt(errors, ble.hci_cmd, 4, 9, b"", bytearray(8))
    attempt(errors, ble.gap_scan, None)
    attempt(errors, ble.gap_advertise, None)


def switching(errors):
    attempt(errors, ble.active, False)
    attempt(errors, ble.active, True)


def advertising(errors):
    attempt(errors, ble.gap_advertise, 20_000, b"\x02\x01\x06")
    attempt(errors, ble.gap_advertise, None)


def often(n, f, errors):
    for _ in range(n):
        f(errors)


# A scan that hears the sensor says that all is well.
def hears():
    attempt(set(), ble.gap_scan, None)
    node.pause(20)
    node.events.clear()
    ble.gap_scan(0, 20_000, 20_000, True)
    node.wait(IRQ_SCAN_RESULT)
    ble.gap_scan(None)
    node.wait(IRQ_SCAN_DONE)
    node.events.clear()
    return True


# Scenarios.


def calls():
    started()
    errors = set()
    where = beside(lambda: often(20, everything, errors), lambda: everything(errors))
    return where, errors - USUAL, hears()


def switches():
    started()
    errors = set()
    where = beside(lambda: often(10, switching, errors), lambda: everything(errors))
    again = beside(lambda: often(10, everything, errors), lambda: switching(errors))
    ble.active(True)
    return where, again, errors - USUAL - {ENODEV, ENOENT}, hears()


# The first to switch Bluetooth on is a thread, whose core is reset for the next one.
def interrupt():
    where = beside(started, lambda: time.sleep_ms(1))
    beside(core, core)
    return where, hears(), machine.mem32[NVIC_ENABLED] >> UART1_IRQ & 1


# Down to where Python finds the stack too short, a command runs or does likewise.
def stack():
    started()
    outcomes = set()

    def deeper():
        try:
            insist(ble.gap_scan, 0, 30_000, 30_000, True)
            insist(ble.gap_scan, None)
            outcomes.add("runs")
        except RuntimeError:
            outcomes.add("too deep")
        deeper()

    def second():
        try:
            deeper()
        except RuntimeError:
            pass

    where = beside(second, lambda: time.sleep_ms(1))
    return where, sorted(outcomes), hears()


# For a soft reset to come while the second core is inside.
def inside(name):
    started()
    f = {"everything": everything, "switching": switching, "advertising": advertising}[name]
    _thread.start_new_thread(often, (1_000_000, f, set()))
    time.sleep_ms(30)
    return True


# Two boards.


# Accepts a link and a pairing while the second core calls everything.
def accepts(going=[]):
    started()
    errors = set()
    going.append(True)

    def second():
        while going:
            everything(errors)

    node.advertise()
    while not node.pending(IRQ_CENTRAL_CONNECT):
        node.pause(5)
    ended = []
    _thread.start_new_thread(lambda: ended.append(second()), ())
    encryption = node.encryption()
    going.clear()
    while not ended:
        node.pause(5)
    node.gone()
    return encryption, errors - USUAL


# Connects, and pairs from the second core while the first calls everything.
def pairs(address):
    global conn
    started()
    conn = node.connect(address)
    errors = set()

    where = beside(lambda: insist(ble.gap_pair, conn), lambda: everything(errors))
    for _ in range(100):
        if node.pending(IRQ_ENCRYPTION_UPDATE):
            break
        everything(errors)
        node.pause(10)
    encryption = node.encryption()
    node.pause(50)
    node.disconnect(conn)
    return where, encryption, errors - USUAL
