# gatts_set_buffer: the capacity of a value, and append mode, in which remote
# writes collect until the script reads. A write too long is refused with 13
# (Invalid Attribute Value Length) and changes nothing.

import sys

sys.path.append("")
from ble_node import *

PLAIN = (bluetooth.UUID(0xFF01), F_READ | F_WRITE | F_WRITE_NO_RESPONSE)
LARGE = (bluetooth.UUID(0xFF02), F_READ | F_WRITE)
APPEND = (bluetooth.UUID(0xFF03), F_READ | F_WRITE | F_WRITE_NO_RESPONSE)
SERVICE = (bluetooth.UUID(0xFF00), (PLAIN, LARGE, APPEND))


# Acting in peripheral role.
def instance0():
    node = Node()
    ((plain, large, append),) = node.ble.gatts_register_services((SERVICE,))
    node.ble.gatts_write(large, "gone")
    node.ble.gatts_set_buffer(large, 100)
    print("emptied", node.ble.gatts_read(large))
    node.ble.gatts_set_buffer(append, 30, True)
    multitest.globals(BDADDR=node.ble.config("mac"), HANDLES=(plain, large, append))
    multitest.next()
    node.accept()
    for names in (("plain",), ("large",), ("append",) * 3):
        for name in names:
            node.wait(IRQ_GATTS_WRITE)
        handle = {"plain": plain, "large": large, "append": append}[name]
        print(name, node.ble.gatts_read(handle))
    print("read empties", node.ble.gatts_read(append), node.ble.gatts_read(plain))
    node.ble.gatts_write(append, "local")
    node.wait(IRQ_GATTS_WRITE)
    print("after a local write", node.ble.gatts_read(append))
    node.gone()
    print("more writes", node.pending(IRQ_GATTS_WRITE))
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    plain, large, append = HANDLES
    conn = node.connect(BDADDR)
    node.ble.config(mtu=200)
    node.ble.gattc_exchange_mtu(conn)
    print("mtu", node.wait(IRQ_MTU_EXCHANGED)[1] >= 200)
    print("21 bytes", node.write(conn, plain, "21 bytes are too many"))
    print("20 bytes", node.write(conn, plain, "20 bytes are allowed"))
    print("101 bytes", node.write(conn, large, bytes(101)))
    print("100 bytes", node.write(conn, large, b"ab" * 50))
    node.ble.gattc_write(conn, append, "no response,")
    print("append", node.write(conn, append, " one,"), node.write(conn, append, " two"))
    print("too much", node.write(conn, append, "0123456789"))
    node.pause(200)
    print("append", node.write(conn, append, " and remote"))
    node.pause(100)
    node.disconnect(conn)
    node.stop()
