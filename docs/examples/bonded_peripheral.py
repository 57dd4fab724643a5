# A peripheral that remembers its peers: a value that only encrypted links may read,
# and secrets in a file, so that a bond outlives a reset. Plain bluetooth.BLE().
#
# The secrets are the keys to all links with the bonded peers: keep the file where
# nobody else reads it.

import binascii
import bluetooth
import json
import os
import time
from micropython import const

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_ENCRYPTION_UPDATE = const(28)
_IRQ_GET_SECRET = const(29)
_IRQ_SET_SECRET = const(30)

_FLAG_READ = const(0x0002)
_FLAG_READ_ENCRYPTED = const(0x0200)

_DEVICE_INFORMATION = bluetooth.UUID(0x180A)
_SERIAL_NUMBER = (bluetooth.UUID(0x2A25), _FLAG_READ | _FLAG_READ_ENCRYPTED)
_ADV_DATA = b"\x02\x01\x06\x0b\x09mpy-bonded"


class Secrets:
    # Secrets by type and key, in a JSON file with base64 in it.

    def __init__(self, path):
        self.path = path
        self.values = {}
        try:
            with open(path) as f:
                for kind, key, value in json.load(f):
                    self.values[kind, binascii.a2b_base64(key)] = binascii.a2b_base64(value)
        except (OSError, ValueError):
            print("no secrets yet")

    def get(self, kind, index, key):
        if key is not None:
            return self.values.get((kind, bytes(key)))
        # Without a key: the one with this index of all of the type.
        of_kind = sorted(k for k in self.values if k[0] == kind)
        return self.values[of_kind[index]] if index < len(of_kind) else None

    def set(self, kind, key, value):
        # The views end with the handler: keep copies. No value means delete.
        known = self.values.pop((kind, bytes(key)), None)
        if value is None and known is None:
            return False
        if value is not None:
            self.values[kind, bytes(key)] = bytes(value)
        self.save()
        return True

    def save(self):
        # A new file first, so that a power cut leaves the old or the new one.
        def text(data):
            return binascii.b2a_base64(data).decode().strip()

        with open(self.path + ".new", "w") as f:
            json.dump([(k[0], text(k[1]), text(v)) for k, v in self.values.items()], f)
        os.rename(self.path + ".new", self.path)


class BondedPeripheral:
    def __init__(self, ble, path):
        self.ble = ble
        self.secrets = Secrets(path)
        # The handler first: activation asks it for the secrets.
        ble.irq(self.irq)
        ble.config(bond=True, mitm=False, le_secure=True)
        ble.active(True)
        ((handle,),) = ble.gatts_register_services(((_DEVICE_INFORMATION, (_SERIAL_NUMBER,)),))
        ble.gatts_write(handle, b"0042")
        self.advertise()

    def advertise(self):
        self.ble.gap_advertise(250_000, adv_data=_ADV_DATA)
        print("advertising")

    def irq(self, event, data):
        if event == _IRQ_CENTRAL_CONNECT:
            print("connected:", bytes(data[2]).hex(":"))
        elif event == _IRQ_CENTRAL_DISCONNECT:
            print("disconnected")
            self.advertise()
        elif event == _IRQ_ENCRYPTION_UPDATE:
            conn, encrypted, authenticated, bonded, key_size = data
            print("encrypted" if encrypted else "not encrypted", "and bonded" if bonded else "")
        elif event == _IRQ_GET_SECRET:
            return self.secrets.get(*data)
        elif event == _IRQ_SET_SECRET:
            return self.secrets.set(*data)

    def forget_all(self):
        # For a button that is held: whoever bonded has to pair again.
        self.ble.gap_unpair()


def main(path="ble-secrets.json", seconds=None):
    peripheral = BondedPeripheral(bluetooth.BLE(), path)
    while seconds is None or seconds > 0:
        time.sleep_ms(1000)
        if seconds is not None:
            seconds -= 1
    peripheral.ble.active(False)


if __name__ == "__main__":
    main()
