# A central: finds the temperature sensor, connects, discovers, reads,
# subscribes, prints five notifications and leaves. Plain bluetooth.BLE().

import bluetooth
import struct
import time
from micropython import const

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)
_IRQ_PERIPHERAL_CONNECT = const(7)
_IRQ_PERIPHERAL_DISCONNECT = const(8)
_IRQ_GATTC_SERVICE_RESULT = const(9)
_IRQ_GATTC_SERVICE_DONE = const(10)
_IRQ_GATTC_CHARACTERISTIC_RESULT = const(11)
_IRQ_GATTC_CHARACTERISTIC_DONE = const(12)
_IRQ_GATTC_DESCRIPTOR_RESULT = const(13)
_IRQ_GATTC_DESCRIPTOR_DONE = const(14)
_IRQ_GATTC_READ_RESULT = const(15)
_IRQ_GATTC_READ_DONE = const(16)
_IRQ_GATTC_WRITE_DONE = const(17)
_IRQ_GATTC_NOTIFY = const(18)

_ENV_SENSING = bluetooth.UUID(0x181A)
_TEMPERATURE = bluetooth.UUID(0x2A6E)
_CCCD = bluetooth.UUID(0x2902)
_NAME = b"mpy-temp"
_TIMEOUT_MS = const(10_000)


def celsius(data):
    return "{:.2f} C".format(struct.unpack("<h", data)[0] / 100)


class Central:
    def __init__(self, ble, wanted):
        self.ble = ble
        self.wanted = wanted
        self.seen = {}
        self.found = None
        self.service = None
        self.value = None
        self.cccd = None
        self.readings = 0
        ble.irq(self.irq)
        ble.active(True)

    def irq(self, event, data):
        if event == _IRQ_SCAN_RESULT:
            addr_type, addr, adv_type, rssi, payload = data
            if _NAME in bytes(payload):
                self.found = (addr_type, bytes(addr))
        elif event == _IRQ_PERIPHERAL_CONNECT:
            self.conn = data[0]
        elif event == _IRQ_GATTC_SERVICE_RESULT:
            self.service = data[1], data[2]
        elif event == _IRQ_GATTC_CHARACTERISTIC_RESULT:
            self.value, self.end = data[2], data[1]
        elif event == _IRQ_GATTC_DESCRIPTOR_RESULT and data[2] == _CCCD:
            self.cccd = data[1]
        elif event == _IRQ_GATTC_READ_RESULT:
            print("read", celsius(bytes(data[2])))
        elif event == _IRQ_GATTC_NOTIFY:
            self.readings += 1
            print("notified", celsius(bytes(data[2])))
        self.seen[event] = True

    def wait(self, event, what):
        start = time.ticks_ms()
        while event not in self.seen:
            if time.ticks_diff(time.ticks_ms(), start) > _TIMEOUT_MS:
                raise OSError("timed out: " + what)
            time.sleep_ms(20)
        del self.seen[event]

    def run(self):
        ble = self.ble
        print("scanning")
        ble.gap_scan(0, 30_000, 30_000)
        while not self.found:
            self.wait(_IRQ_SCAN_RESULT, "no sensor in sight")
        ble.gap_scan(None)
        print("found", self.found[1].hex(":"), "- connecting")
        ble.gap_connect(*self.found)
        self.wait(_IRQ_PERIPHERAL_CONNECT, "connecting")
        ble.gattc_discover_services(self.conn, _ENV_SENSING)
        self.wait(_IRQ_GATTC_SERVICE_DONE, "discovering services")
        ble.gattc_discover_characteristics(self.conn, *self.service, _TEMPERATURE)
        self.wait(_IRQ_GATTC_CHARACTERISTIC_DONE, "discovering characteristics")
        ble.gattc_discover_descriptors(self.conn, self.value, self.end)
        self.wait(_IRQ_GATTC_DESCRIPTOR_DONE, "discovering descriptors")
        print("temperature has handle", self.value, "and its subscription", self.cccd)
        ble.gattc_read(self.conn, self.value)
        self.wait(_IRQ_GATTC_READ_DONE, "reading")
        ble.gattc_write(self.conn, self.cccd, struct.pack("<H", 1), 1)
        self.wait(_IRQ_GATTC_WRITE_DONE, "subscribing")
        print("subscribed")
        while self.readings < self.wanted:
            self.wait(_IRQ_GATTC_NOTIFY, "waiting for a notification")
        ble.gap_disconnect(self.conn)
        self.wait(_IRQ_PERIPHERAL_DISCONNECT, "disconnecting")
        print("done")


def main(wanted=5):
    ble = bluetooth.BLE()
    try:
        Central(ble, wanted).run()
    finally:
        ble.active(False)


if __name__ == "__main__":
    main()
