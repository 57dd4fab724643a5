# Values of 512 bytes at the smallest and the largest MTU: long reads, long writes
# (mode 2), and that 513 bytes are too many. One GATTS_WRITE for each write. A
# client reads and writes at the same time as it discovers.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0xFF01)
OTHER = bluetooth.UUID("11111111-2222-3333-4444-555555555555")
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ | F_WRITE), (OTHER, F_READ | F_WRITE)))


def pattern(seed):
    return bytes((seed + i * 5 + (i >> 8)) & 0xFF for i in range(512))


# Acting in peripheral role.
def instance0():
    node = Node(mtu=517)
    ((handle, other),) = node.ble.gatts_register_services((SERVICE,))
    node.ble.gatts_set_buffer(handle, 512)
    node.ble.gatts_set_buffer(other, 512)
    node.ble.gatts_write(handle, pattern(0))
    multitest.globals(BDADDR=node.ble.config("mac"), HANDLE=handle, OTHER_HANDLE=other)
    multitest.next()
    node.accept()
    for seed in (1, 2):
        node.wait(IRQ_GATTS_WRITE)
        print("written", node.ble.gatts_read(handle) == pattern(seed))
        node.ble.gatts_write(handle, pattern(seed))
    node.wait(IRQ_GATTS_WRITE)
    print("written", node.ble.gatts_read(other) == pattern(9))
    node.gone()
    print("more writes", node.pending(IRQ_GATTS_WRITE))
    node.stop()


# Acting in central role.
def instance1():
    node = Node(mtu=517)
    multitest.next()
    conn = node.connect(BDADDR)
    for seed in (0, 1):
        status, data = node.read(conn, HANDLE)
        print("read", status, len(data), data == pattern(seed))
        print("write", node.write(conn, HANDLE, pattern(seed + 1), 2))
        if seed == 0:
            node.ble.gattc_exchange_mtu(conn)
            print("mtu", node.wait(IRQ_MTU_EXCHANGED)[1])
    try:
        print("513 bytes", node.write(conn, HANDLE, bytes(513), 2))
    except OSError as er:
        print("513 bytes OSError", er.errno)

    # Queued in order.
    node.ble.gattc_discover_services(conn)
    node.ble.gattc_write(conn, OTHER_HANDLE, pattern(9), 2)
    node.ble.gattc_read(conn, OTHER_HANDLE)
    node.ble.gattc_read(conn, HANDLE)
    print("read", node.wait(IRQ_GATTC_READ_DONE)[2], node.wait(IRQ_GATTC_READ_DONE)[2])
    first, second = node.take(IRQ_GATTC_READ_RESULT)
    print("queued", first[2] == pattern(9), second[2] == pattern(2))
    print("services", len(node.take(IRQ_GATTC_SERVICE_RESULT)))
    node.disconnect(conn)
    node.stop()
