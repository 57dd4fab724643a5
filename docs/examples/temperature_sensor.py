# A peripheral: an Environmental Sensing service with a temperature that changes
# once a second and is notified to whoever subscribed. Plain bluetooth.BLE().

import bluetooth
import struct
import time
from micropython import const

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_GATTS_READ_REQUEST = const(4)

_ENV_SENSING = bluetooth.UUID(0x181A)
_TEMPERATURE = (
    bluetooth.UUID(0x2A6E),
    bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY,
)
_NAME = "mpy-temp"


def fields(*pairs):
    # An advertising payload: length, type, value for each field.
    return b"".join(struct.pack("BB", len(value) + 1, kind) + value for kind, value in pairs)


class Sensor:
    def __init__(self, ble):
        self.ble = ble
        self.connections = set()
        self.centidegrees = 2150
        ble.active(True)
        ble.config(gap_name=_NAME)
        ble.irq(self.irq)
        services = ((_ENV_SENSING, (_TEMPERATURE,)),)
        ((self.handle,),) = ble.gatts_register_services(services)
        self.store()
        self.advertise()

    def store(self, notify=False):
        self.ble.gatts_write(self.handle, struct.pack("<h", self.centidegrees), notify)

    def advertise(self):
        payload = fields((0x01, b"\x06"), (0x03, struct.pack("<H", 0x181A)), (0x09, _NAME.encode()))
        self.ble.gap_advertise(250_000, adv_data=payload)
        print("advertising as", _NAME)

    def irq(self, event, data):
        if event == _IRQ_CENTRAL_CONNECT:
            self.connections.add(data[0])
            print("a central connected:", bytes(data[2]).hex(":"))
        elif event == _IRQ_CENTRAL_DISCONNECT:
            self.connections.discard(data[0])
            print("the central left")
            self.advertise()
        elif event == _IRQ_GATTS_READ_REQUEST:
            print("the temperature is being read")

    def measure(self):
        # A sensor would be read here.
        self.centidegrees += 12 if time.ticks_ms() // 4000 % 2 else -9
        self.store(notify=True)
        if self.connections:
            print("now {:.2f} C".format(self.centidegrees / 100))


def main(seconds=None):
    sensor = Sensor(bluetooth.BLE())
    while seconds is None or seconds > 0:
        time.sleep_ms(1000)
        sensor.measure()
        if seconds is not None:
            seconds -= 1


if __name__ == "__main__":
    main()
