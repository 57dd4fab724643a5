# A bond outlives the process. Both sides keep their secrets in a JSON file, pair,
# and end with the state of their first life; then each starts another MicroPython
# process, which knows nothing but that file, and encrypts with the stored keys:
# asked for by the central, then by the peripheral.
#
# Only on our air: RootCanal makes another controller of each activation.

import sys

sys.path.append("")
from ble_node import *

import binascii
import json
import os


class FileSecrets(Secrets):
    def __init__(self, path):
        super().__init__()
        self.path = path
        try:
            with open(path) as f:
                for kind, key, value in json.load(f):
                    self.values[kind, binascii.a2b_base64(key)] = binascii.a2b_base64(value)
        except OSError:
            print("no file yet")

    def set(self, kind, key, value):
        done = super().set(kind, key, value)
        with open(self.path, "w") as f:
            json.dump(
                [
                    (kind, text(key), text(value))
                    for (kind, key), value in self.values.items()
                ],
                f,
            )
        return done


def text(data):
    return binascii.b2a_base64(data).strip().decode()


def path(name):
    return "/tmp/ble_bond_restart-{}-{}.json".format(name, binascii.hexlify(KEY).decode())


def node(name):
    return Node(FileSecrets(path(name)), bond=True)


def second_life(name):
    print("another process")
    multitest.flush()
    code = "KEY={!r};BDADDR={!r};exec(open('ble_bond_restart.py').read());{}_again()"
    code = code.format(KEY, BDADDR, name)
    # In digits: the keys may contain what a shell takes for its own.
    digits = binascii.hexlify(code.encode()).decode()
    start = "import binascii;exec(binascii.unhexlify('{}'))".format(digits)
    os.system('{} -c "{}"'.format(sys.executable, start))
    os.remove(path(name))


def peripheral_again():
    life = node("peripheral")
    for asks in ("central", "peripheral"):
        conn = life.accept()
        if asks == "peripheral":
            life.ble.gap_pair(conn)
        print(asks, "asks", life.encryption())
        life.gone()
    life.stop()


def central_again():
    life = node("central")
    for asks in ("central", "peripheral"):
        conn = life.connect(BDADDR)
        if asks == "central":
            life.ble.gap_pair(conn)
        print(asks, "asks", life.encryption())
        life.pause(100)
        life.disconnect(conn)
    life.stop()


# Acting in peripheral role.
def instance0():
    global KEY, BDADDR
    KEY = os.urandom(4)
    life = node("peripheral")
    BDADDR = life.ble.config("mac")
    multitest.globals(KEY=KEY, BDADDR=BDADDR)
    multitest.next()
    life.accept()
    print("paired", life.encryption())
    life.gone()
    life.stop()
    second_life("peripheral")


# Acting in central role.
def instance1():
    life = node("central")
    multitest.next()
    conn = life.connect(BDADDR)
    print("paired", life.pair(conn))
    life.pause(100)
    life.disconnect(conn)
    life.stop()
    second_life("central")
