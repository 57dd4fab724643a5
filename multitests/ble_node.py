# What our multi-instance tests share: a node that remembers its events, so that
# a test can wait for them one by one, and a store of secrets in memory.
# MicroPython's tests begin with a copy of such code each; ours import it, from
# the folder of the test, with `sys.path.append("")` as aioble's tests do.

from micropython import const
import bluetooth
import time

TIMEOUT_MS = const(8000)

IRQ_CENTRAL_CONNECT = const(1)
IRQ_CENTRAL_DISCONNECT = const(2)
IRQ_GATTS_WRITE = const(3)
IRQ_GATTS_READ_REQUEST = const(4)
IRQ_SCAN_RESULT = const(5)
IRQ_SCAN_DONE = const(6)
IRQ_PERIPHERAL_CONNECT = const(7)
IRQ_PERIPHERAL_DISCONNECT = const(8)
IRQ_GATTC_SERVICE_RESULT = const(9)
IRQ_GATTC_SERVICE_DONE = const(10)
IRQ_GATTC_CHARACTERISTIC_RESULT = const(11)
IRQ_GATTC_CHARACTERISTIC_DONE = const(12)
IRQ_GATTC_DESCRIPTOR_RESULT = const(13)
IRQ_GATTC_DESCRIPTOR_DONE = const(14)
IRQ_GATTC_READ_RESULT = const(15)
IRQ_GATTC_READ_DONE = const(16)
IRQ_GATTC_WRITE_DONE = const(17)
IRQ_GATTC_NOTIFY = const(18)
IRQ_GATTC_INDICATE = const(19)
IRQ_GATTS_INDICATE_DONE = const(20)
IRQ_MTU_EXCHANGED = const(21)
IRQ_L2CAP_ACCEPT = const(22)
IRQ_L2CAP_CONNECT = const(23)
IRQ_L2CAP_DISCONNECT = const(24)
IRQ_L2CAP_RECV = const(25)
IRQ_L2CAP_SEND_READY = const(26)
IRQ_CONNECTION_UPDATE = const(27)
IRQ_ENCRYPTION_UPDATE = const(28)
IRQ_GET_SECRET = const(29)
IRQ_SET_SECRET = const(30)
IRQ_PASSKEY_ACTION = const(31)

IO_DISPLAY_ONLY = const(0)
IO_DISPLAY_YESNO = const(1)
IO_KEYBOARD_ONLY = const(2)
IO_NO_INPUT_OUTPUT = const(3)
IO_KEYBOARD_DISPLAY = const(4)

ACTION_INPUT = const(2)
ACTION_DISPLAY = const(3)
ACTION_COMPARE = const(4)

F_READ = const(0x0002)
F_WRITE_NO_RESPONSE = const(0x0004)
F_WRITE = const(0x0008)
F_NOTIFY = const(0x0010)
F_INDICATE = const(0x0020)
F_READ_ENCRYPTED = const(0x0200)
F_READ_AUTHENTICATED = const(0x0400)
F_READ_AUTHORIZED = const(0x0800)
F_WRITE_ENCRYPTED = const(0x1000)
F_WRITE_AUTHENTICATED = const(0x2000)
F_WRITE_AUTHORIZED = const(0x4000)

# What our host stores: its own identity, bonds, what a bonded client configured.
SECRET_OWN = const(32)
SECRET_BOND = const(33)
SECRET_CLIENT = const(34)


class Secrets:
    def __init__(self, values=None):
        self.values = values or {}

    def get(self, kind, index, key):
        if key is not None:
            return self.values.get((kind, bytes(key)))
        for (a_kind, _), value in self.values.items():
            if a_kind == kind:
                if index == 0:
                    return value
                index -= 1
        return None

    def set(self, kind, key, value):
        if value is None:
            return self.values.pop((kind, bytes(key)), None) is not None
        self.values[kind, bytes(key)] = bytes(value)
        return True

    # Delete all but our own identity, and tell nobody.
    def forget_peers(self):
        self.values = {k: v for k, v in self.values.items() if k[0] == SECRET_OWN}

    # How many there are of a kind.
    def count(self, kind):
        return sum(a_kind == kind for a_kind, _ in self.values)


# Arguments of an event that outlive its handler.
def keep(value):
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, bluetooth.UUID):
        return bluetooth.UUID(value)
    return value


class Node:
    def __init__(self, secrets=None, **config):
        self.ble = bluetooth.BLE()
        self.secrets = secrets or Secrets()
        self.events = []
        if config:
            self.ble.config(**config)
        self.start()

    def start(self):
        self.ble.irq(self.irq)
        self.ble.active(True)

    def stop(self):
        self.ble.active(False)

    def irq(self, event, data):
        if event == IRQ_GET_SECRET:
            return self.secrets.get(*data)
        if event == IRQ_SET_SECRET:
            return self.secrets.set(*data)
        self.events.append((event, tuple(keep(value) for value in data)))
        if event == IRQ_GATTS_READ_REQUEST:
            return self.read_request(*data)
        if event == IRQ_L2CAP_ACCEPT:
            return self.l2cap_accept(*data)

    # What tests replace.

    def read_request(self, conn, handle):
        return 0

    def l2cap_accept(self, conn, cid, psm, our_mtu, peer_mtu):
        return 0

    # Waiting.

    # The arguments of the oldest of these events, once there is one. Later ones
    # stay for the next wait.
    def wait(self, *wanted, timeout=TIMEOUT_MS):
        start = time.ticks_ms()
        while True:
            for i in range(len(self.events)):
                if self.events[i][0] in wanted:
                    event, data = self.events.pop(i)
                    return data if len(wanted) == 1 else (event, data)
            if time.ticks_diff(time.ticks_ms(), start) > timeout:
                raise OSError("no event {} but {}".format(wanted, self.events))
            time.sleep_ms(2)

    # How many of an event have come and were not waited for.
    def pending(self, wanted):
        return sum(event == wanted for event, _ in self.events)

    # Lets time pass, with events.
    def pause(self, ms):
        start = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), start) < ms:
            time.sleep_ms(2)

    # While reports of a scan arrive, calls f, which is to take so long; they are told after
    # it. Returns what came of it, and whether it took that long, or how long else.
    def takes(self, ms, f, *args):
        self.take(IRQ_SCAN_RESULT)
        start = time.ticks_ms()
        try:
            result = f(*args)
        except OSError as er:
            result = er
        taken = time.ticks_diff(time.ticks_ms(), start)
        self.wait(IRQ_SCAN_RESULT)
        return result, taken >= ms - 1 or taken  # One is lost to rounding.

    # Links.

    def advertise(self):
        self.ble.gap_advertise(20_000, b"\x02\x01\x06\x04\xffMPY")

    # As peripheral: the next link.
    def accept(self):
        self.advertise()
        return self.wait(IRQ_CENTRAL_CONNECT)[0]

    # As central.
    def connect(self, address):
        self.ble.gap_connect(*address)
        return self.wait(IRQ_PERIPHERAL_CONNECT)[0]

    def disconnect(self, conn):
        self.ble.gap_disconnect(conn)
        self.gone()

    def gone(self):
        return self.wait(IRQ_CENTRAL_DISCONNECT, IRQ_PERIPHERAL_DISCONNECT)

    # Security.

    # (encrypted, authenticated, bonded, key size)
    def encryption(self):
        return self.wait(IRQ_ENCRYPTION_UPDATE)[1:]

    def pair(self, conn):
        self.ble.gap_pair(conn)
        return self.encryption()

    # GATT client: status, and what was found or read.

    def read(self, conn, handle):
        self.ble.gattc_read(conn, handle)
        status = self.wait(IRQ_GATTC_READ_DONE)[2]
        return status, b"".join(data[2] for data in self.take(IRQ_GATTC_READ_RESULT))

    def write(self, conn, handle, data, mode=1):
        self.ble.gattc_write(conn, handle, data, mode)
        return self.wait(IRQ_GATTC_WRITE_DONE)[2]

    def characteristics(self, conn):
        self.ble.gattc_discover_characteristics(conn, 1, 0xFFFF)
        self.wait(IRQ_GATTC_CHARACTERISTIC_DONE)
        return {data[4]: data[2] for data in self.take(IRQ_GATTC_CHARACTERISTIC_RESULT)}

    def take(self, wanted):
        taken = [data for event, data in self.events if event == wanted]
        self.events = [(event, data) for event, data in self.events if event != wanted]
        return taken
