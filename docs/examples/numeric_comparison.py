# A central with a display and two keys: finds a peripheral by name, pairs by numeric
# comparison (both sides show six digits, both users say whether they are equal) and
# reads a value that needs it. Plain bluetooth.BLE().

import bluetooth
import time
from micropython import const

_IRQ_SCAN_RESULT = const(5)
_IRQ_PERIPHERAL_CONNECT = const(7)
_IRQ_PERIPHERAL_DISCONNECT = const(8)
_IRQ_GATTC_CHARACTERISTIC_RESULT = const(11)
_IRQ_GATTC_CHARACTERISTIC_DONE = const(12)
_IRQ_GATTC_READ_RESULT = const(15)
_IRQ_GATTC_READ_DONE = const(16)
_IRQ_ENCRYPTION_UPDATE = const(28)
_IRQ_PASSKEY_ACTION = const(31)

_IO_CAPABILITY_DISPLAY_YESNO = const(1)
_PASSKEY_ACTION_NUMERIC_COMPARISON = const(4)
_TIMEOUT_MS = const(30_000)


# Asks the user, e.g. with two buttons. This is not done in the handler, where
# nothing else would happen meanwhile.
def ask(number):
    return input("Does the other device show {:06d}? [y/n] ".format(number)) == "y"


class Central:
    def __init__(self, ble, name, uuid, equal=ask):
        self.ble = ble
        self.name = name.encode()
        self.uuid = uuid
        self.equal = equal
        self.peer = self.conn = self.handle = self.value = None
        self.number = None
        self.security = None
        self.seen = set()
        ble.irq(self.irq)
        ble.config(io=_IO_CAPABILITY_DISPLAY_YESNO, mitm=True, le_secure=True)
        ble.active(True)

    def irq(self, event, data):
        if event == _IRQ_SCAN_RESULT:
            if self.name not in bytes(data[4]):
                return
            self.peer = data[0], bytes(data[1])
        elif event == _IRQ_PERIPHERAL_CONNECT:
            self.conn = data[0]
        elif event == _IRQ_PASSKEY_ACTION:
            conn, action, number = data
            if action == _PASSKEY_ACTION_NUMERIC_COMPARISON:
                self.number = number
        elif event == _IRQ_ENCRYPTION_UPDATE:
            self.security = data[1:]
        elif event == _IRQ_GATTC_CHARACTERISTIC_RESULT:
            if data[4] == self.uuid:
                self.handle = data[2]
        elif event == _IRQ_GATTC_READ_RESULT:
            self.value = bytes(data[2])
        self.seen.add(event)

    def wait(self, *events):
        start = time.ticks_ms()
        while True:
            for event in events:
                if event in self.seen:
                    self.seen.remove(event)
                    return event
            if _IRQ_PERIPHERAL_DISCONNECT in self.seen:
                raise OSError("disconnected")
            if time.ticks_diff(time.ticks_ms(), start) > _TIMEOUT_MS:
                raise OSError("timed out")
            time.sleep_ms(10)

    def connect(self):
        print("scanning")
        self.ble.gap_scan(0, 30_000, 30_000, True)
        self.wait(_IRQ_SCAN_RESULT)
        self.ble.gap_scan(None)
        self.ble.gap_connect(*self.peer)
        self.wait(_IRQ_PERIPHERAL_CONNECT)
        print("connected to", self.peer[1].hex(":"))

    def pair(self):
        self.ble.gap_pair(self.conn)
        while self.wait(_IRQ_PASSKEY_ACTION, _IRQ_ENCRYPTION_UPDATE) == _IRQ_PASSKEY_ACTION:
            answer = self.equal(self.number)
            self.ble.gap_passkey(self.conn, _PASSKEY_ACTION_NUMERIC_COMPARISON, answer)
        encrypted, authenticated, _, _ = self.security
        if not (encrypted and authenticated):
            raise OSError("not paired")
        print("paired")

    def read(self):
        self.ble.gattc_discover_characteristics(self.conn, 1, 0xFFFF)
        self.wait(_IRQ_GATTC_CHARACTERISTIC_DONE)
        self.ble.gattc_read(self.conn, self.handle)
        self.wait(_IRQ_GATTC_READ_DONE)
        print("read", self.value)

    def disconnect(self):
        self.ble.gap_disconnect(self.conn)
        self.wait(_IRQ_PERIPHERAL_DISCONNECT)
        print("disconnected")


def main(name="mpy-compare", uuid=bluetooth.UUID(0x2A25), equal=ask):
    ble = bluetooth.BLE()
    try:
        central = Central(ble, name, uuid, equal)
        central.connect()
        central.pair()
        central.read()
        central.disconnect()
    finally:
        ble.active(False)


if __name__ == "__main__":
    main()
