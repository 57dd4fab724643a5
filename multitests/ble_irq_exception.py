# An exception in the handler: MicroPython prints it and takes the handler away.
# The link lives, the peer is answered, and another handler goes on.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ | F_WRITE),))

# Made of a string, so that the traceback stays the same.
raised = []
exec("def raise_at_write(e, d): e == 3 and (raised.append(1) or 1 // 0)")
exec("def raise_at_read(e, d): e == 4 and (raised.append(1) or 1 // 0)")


# Acting in peripheral role.
def instance0():
    node = Node()
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    multitest.globals(BDADDR=node.ble.config("mac"), HANDLE=handle)
    multitest.next()
    node.accept()
    for handler in (raise_at_write, raise_at_read):
        node.ble.irq(handler)
        multitest.broadcast("ready")
        while not raised:
            node.pause(5)
        raised.clear()
        node.pause(20)
    node.ble.irq(node.irq)
    multitest.broadcast("ready")
    node.wait(IRQ_GATTS_WRITE)
    print("written", node.ble.gatts_read(handle))
    node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    conn = node.connect(BDADDR)
    multitest.wait("ready")
    print("write", node.write(conn, HANDLE, "one"))
    multitest.wait("ready")
    print("read", node.read(conn, HANDLE))
    multitest.wait("ready")
    print("write", node.write(conn, HANDLE, "two"))
    node.pause(100)
    node.disconnect(conn)
    node.stop()
