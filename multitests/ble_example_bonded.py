# docs/examples/bonded_peripheral.py and a central: pairs, reads; after a restart
# of the peripheral, with the file, the bond is still there.
#
# Only on our air: RootCanal makes another controller of each activation.

import sys

sys.path.append("")
sys.path.append("../docs/examples")
from ble_node import *

import os

VALUE = bluetooth.UUID(0x2A25)


# Acting in peripheral role.
def instance0():
    import bonded_peripheral
    from bonded_peripheral import BondedPeripheral

    # The address differs from run to run.
    bonded_peripheral.print = lambda *args: args[0].startswith("connected") or print(*args)
    path = "/tmp/ble_example_bonded-{}.json".format(os.urandom(4).hex())
    ble = bluetooth.BLE()
    peripheral = BondedPeripheral(ble, path)
    multitest.globals(BDADDR=ble.config("mac"))
    multitest.next()
    # Both sides wait for the same: a second life.
    multitest.wait("again")
    ble.active(False)
    peripheral = BondedPeripheral(ble, path)
    multitest.wait("enough")
    print("secrets", len(peripheral.secrets.values))
    peripheral.forget_all()
    time.sleep_ms(100)
    print("secrets", len(peripheral.secrets.values))
    ble.active(False)
    os.remove(path)


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    for word in ("again", "enough"):
        conn = node.connect(BDADDR)
        handle = node.characteristics(conn)[VALUE]
        print("before", node.read(conn, handle))
        print("encrypted", node.pair(conn))
        print("after", node.read(conn, handle))
        node.disconnect(conn)
        node.pause(300)
        multitest.broadcast(word)
    node.stop()
