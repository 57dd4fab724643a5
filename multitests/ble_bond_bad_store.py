# Stores of secrets that fail: one that refuses gives an encrypted link without a
# bond; one that raises loses its handler, as always in MicroPython, but no link; one
# that gives garbage is as good as empty. Nothing hangs.
#
# Only on our air: RootCanal makes another controller of each activation.

import sys

sys.path.append("")
from ble_node import *


class Refusing(Secrets):
    def set(self, kind, key, value):
        return False


class Raising(Secrets):
    pass


class Garbage(Secrets):
    given = 0

    def get(self, kind, index, key):
        value = super().get(kind, index, key)
        if kind == SECRET_OWN or value is None:
            return value
        self.given += 1
        return GARBAGE[self.given % len(GARBAGE)]


# Made of a string, so that its traceback has the same line whatever is changed
# above it.
raised = []
exec("def raise_at_store(e, d): e == 30 and d[0] == 33 and (raised.append(1) or 1 // 0)")

GARBAGE = (b"", b"\xff" * 78, b"\x01", bytes(200), bytes(78))
STORES = (Refusing, Raising, Garbage, Secrets)


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for store in STORES:
        node.stop()
        node.secrets = store()
        node.start()
        if store is Raising:
            # MicroPython takes its handler away; the stack goes on.
            node.ble.irq(raise_at_store)
            node.advertise()
            while not raised:
                node.pause(20)
            node.pause(20)
            node.ble.irq(node.irq)
            print("stored", node.secrets.count(SECRET_BOND))
        else:
            node.accept()
            print("encrypted", node.encryption())
        node.gone()
        if store is Garbage:
            node.accept()
            node.gone()
            print("garbage", node.encryption())
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    for store in ("refuses", "raises", "stores", "garbage", "stores"):
        conn = node.connect(BDADDR)
        print(store, node.pair(conn))
        node.pause(600)
        node.disconnect(conn)
        if store != "stores":
            # Their bond is gone or was never: forget ours.
            try:
                node.ble.gap_unpair(*BDADDR)
            except OSError as er:
                print("OSError", er.errno)
    node.stop()
