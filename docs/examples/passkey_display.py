# A peripheral with a display and no keys: it shows six digits, the user types them
# on the central, and only then the value can be read. Plain bluetooth.BLE().

import bluetooth
import os
import time
from micropython import const

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_ENCRYPTION_UPDATE = const(28)
_IRQ_PASSKEY_ACTION = const(31)

_IO_CAPABILITY_DISPLAY_ONLY = const(0)
_PASSKEY_ACTION_DISPLAY = const(3)

_FLAG_READ = const(0x0002)
_FLAG_READ_AUTHENTICATED = const(0x0400)

_SERVICE = bluetooth.UUID("2b1e0001-6d1f-4c0f-9b55-0d2f3c7a9e10")
_DOOR_CODE = (
    bluetooth.UUID("2b1e0002-6d1f-4c0f-9b55-0d2f3c7a9e10"),
    _FLAG_READ | _FLAG_READ_AUTHENTICATED,
)
_ADV_DATA = b"\x02\x01\x06\x0c\x09mpy-passkey"


class PasskeyDisplay:
    def __init__(self, ble, show=print):
        self.ble = ble
        self.show = show
        ble.irq(self.irq)
        # le_secure with mitm: nothing less than a passkey will do.
        ble.config(io=_IO_CAPABILITY_DISPLAY_ONLY, mitm=True, le_secure=True)
        ble.active(True)
        ((handle,),) = ble.gatts_register_services(((_SERVICE, (_DOOR_CODE,)),))
        ble.gatts_write(handle, b"open sesame")
        self.advertise()

    def advertise(self):
        self.ble.gap_advertise(250_000, adv_data=_ADV_DATA)
        print("advertising")

    def irq(self, event, data):
        if event == _IRQ_CENTRAL_CONNECT:
            # Pair at once; a central would also do so when a read is refused.
            self.ble.gap_pair(data[0])
        elif event == _IRQ_CENTRAL_DISCONNECT:
            self.advertise()
        elif event == _IRQ_PASSKEY_ACTION:
            conn, action, _ = data
            if action == _PASSKEY_ACTION_DISPLAY:
                # Another number for each pairing: pairing reveals the old one.
                passkey = int.from_bytes(os.urandom(4), "little") % 1_000_000
                self.show("type {:06d} on the other device".format(passkey))
                self.ble.gap_passkey(conn, action, passkey)
        elif event == _IRQ_ENCRYPTION_UPDATE:
            conn, encrypted, authenticated, bonded, key_size = data
            print("paired" if encrypted and authenticated else "not paired")


def main(seconds=None):
    display = PasskeyDisplay(bluetooth.BLE())
    while seconds is None or seconds > 0:
        time.sleep_ms(1000)
        if seconds is not None:
            seconds -= 1
    display.ble.active(False)


if __name__ == "__main__":
    main()
