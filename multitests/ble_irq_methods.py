# Everything from the handler: each event starts the next step, with methods that
# wait for the controller among them, and the script's main part only waits.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ | F_WRITE | F_NOTIFY),))


class Scripted(Node):
    done = False

    def irq(self, event, data):
        step = self.steps.get(event)
        if step:
            return step(self, *data)


class Server(Scripted):
    def connected(self, conn, addr_type, addr):
        print("connected")
        # While it is in use: both wait for the controller.
        self.ble.gap_advertise(20_000, b"\x02\x01\x06", connectable=False)
        self.ble.gap_advertise(None)

    def read_request(self, conn, handle):
        print("read")
        self.ble.gatts_write(handle, "from the handler")
        self.ble.gatts_notify(conn, handle, "notified")
        self.ble.config(gap_name="renamed")

    def written(self, conn, handle):
        print("written", self.ble.gatts_read(handle))
        self.ble.gap_scan(0, 30_000, 30_000)
        self.ble.gap_scan(None)

    def disconnected(self, *_):
        print("disconnected")
        # Off, from the handler.
        self.ble.active(False)
        self.done = True

    steps = {
        IRQ_CENTRAL_CONNECT: connected,
        IRQ_GATTS_READ_REQUEST: read_request,
        IRQ_GATTS_WRITE: written,
        IRQ_CENTRAL_DISCONNECT: disconnected,
    }


class Client(Scripted):
    def found(self, addr_type, addr, adv_type, rssi, data):
        if (addr_type, addr) == BDADDR and adv_type == 0 and not self.done:
            self.done = True
            self.ble.gap_scan(None)
            self.ble.gap_connect(addr_type, addr)

    def connected(self, conn, addr_type, addr):
        print("connected")
        self.ble.gattc_discover_characteristics(conn, 1, 0xFFFF)

    def characteristic(self, conn, end_handle, value_handle, properties, uuid):
        if uuid == CHAR:
            self.handle = value_handle

    def discovered(self, conn, status):
        print("discovered", status)
        self.ble.gattc_read(conn, self.handle)

    def read(self, conn, handle, data):
        print("read", bytes(data))

    def notified(self, conn, handle, data):
        print("notified", bytes(data))

    def read_done(self, conn, handle, status):
        print("read done", status)
        self.ble.gattc_write(conn, handle, "from the client", 1)

    def write_done(self, conn, handle, status):
        print("write done", status)
        self.ble.gap_disconnect(conn)

    def disconnected(self, *_):
        print("disconnected")
        self.done = "gone"

    steps = {
        IRQ_SCAN_RESULT: found,
        IRQ_PERIPHERAL_CONNECT: connected,
        IRQ_GATTC_CHARACTERISTIC_RESULT: characteristic,
        IRQ_GATTC_CHARACTERISTIC_DONE: discovered,
        IRQ_GATTC_READ_RESULT: read,
        IRQ_GATTC_NOTIFY: notified,
        IRQ_GATTC_READ_DONE: read_done,
        IRQ_GATTC_WRITE_DONE: write_done,
        IRQ_PERIPHERAL_DISCONNECT: disconnected,
    }


def wait_until(node, done):
    for _ in range(TIMEOUT_MS // 5):
        if node.done == done:
            return
        node.pause(5)
    print("not done but", node.done)


# Acting in peripheral role.
def instance0():
    node = Server()
    node.ble.gatts_register_services((SERVICE,))
    multitest.globals(BDADDR=node.ble.config("mac"))
    node.advertise()
    multitest.next()
    wait_until(node, True)
    print("active", node.ble.active())


# Acting in central role.
def instance1():
    node = Client()
    multitest.next()
    node.ble.gap_scan(0, 30_000, 30_000)
    wait_until(node, "gone")
    node.stop()
