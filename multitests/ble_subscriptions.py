# Notifications and indications: gatts_write(.., True) goes to whoever subscribed,
# gatts_notify and gatts_indicate to anybody; with a value the database stays as
# it is, without one the read-request handler is asked first. An indication ends
# with GATTS_INDICATE_DONE. Values are cut to the MTU.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ | F_NOTIFY | F_INDICATE),))


class Server(Node):
    def read_request(self, conn, handle):
        self.ble.gatts_write(handle, "asked")
        return 0


# Acting in peripheral role.
def instance0():
    node = Server()
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    node.ble.gatts_set_buffer(handle, 100)
    multitest.globals(BDADDR=node.ble.config("mac"), HANDLE=handle)
    multitest.next()
    conn = node.accept()
    for cccd in range(4):
        # The client sets the CCCD, then exchanges the MTU or reads as a sign.
        node.wait(IRQ_GATTS_READ_REQUEST)
        node.ble.gatts_write(handle, "written {}".format(cccd), True)
    node.wait(IRQ_GATTS_READ_REQUEST)
    node.ble.gatts_write(handle, "database")
    node.ble.gatts_notify(conn, handle, "given")
    print("database", node.ble.gatts_read(handle))
    node.ble.gatts_notify(conn, handle)
    print("database", node.ble.gatts_read(handle))
    node.ble.gatts_notify(conn, handle, "cut at twenty bytes, as MTU 23 has it")
    node.ble.gatts_indicate(conn, handle, "indicated")
    print("done", node.wait(IRQ_GATTS_INDICATE_DONE)[1:] == (handle, 0))
    node.gone()
    print("writes seen", node.pending(IRQ_GATTS_WRITE))
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    conn = node.connect(BDADDR)
    for cccd in (0, 1, 2, 0, 0):
        print("cccd", cccd, node.write(conn, HANDLE + 1, bytes((cccd, 0))))
        node.read(conn, HANDLE)
        node.pause(300)
        for kind, event in (("notify", IRQ_GATTC_NOTIFY), ("indicate", IRQ_GATTC_INDICATE)):
            for data in node.take(event):
                print(kind, data[2], data[1] == HANDLE)
    node.disconnect(conn)
    node.stop()
