# A hundred activations: nothing leaks, services and links of one life do not show
# in the next, and it works at the end. Some end in the middle of advertising,
# scanning, connecting, and with a link.
#
# Only on our air: RootCanal makes another controller of each activation.

import sys

sys.path.append("")
from ble_node import *

import gc

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ),))
NOBODY = (0, b"\x11\x22\x33\x44\x55\x66")


# Acting in peripheral role.
def instance0():
    node = Node()
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    node.accept()
    node.stop()
    free = []
    for i in range(100):
        node.start()
        ((handle,),) = node.ble.gatts_register_services((SERVICE,))
        node.ble.gatts_write(handle, str(i))
        if i % 4 == 1:
            # The central waits for its turn.
            node.ble.gap_advertise(20_000, b"\x02\x01\x06", connectable=False)
        elif i % 4 == 2:
            node.ble.gap_scan(0, 30_000, 30_000)
        elif i % 4 == 3:
            node.ble.gap_connect(*NOBODY)
        node.stop()
        node.events = []
        gc.collect()
        free.append(gc.mem_free())
    print("leaked", free[19] - free[-1] > 2000)
    node.start()
    print("still there", node.ble.gatts_read(handle))
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    node.ble.gatts_write(handle, "alive")
    node.accept()
    node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    node.connect(BDADDR)
    print("dropped", node.gone()[0] == IRQ_PERIPHERAL_DISCONNECT)
    node.ble.gap_connect(*BDADDR, 30_000)
    conn = node.wait(IRQ_PERIPHERAL_CONNECT, timeout=30_000)[0]
    print(node.read(conn, node.characteristics(conn)[CHAR]))
    node.disconnect(conn)
    node.stop()
