# Light sleep while advertising and while a link is up: it returns, and everything goes on. What
# a controller on a UART says meanwhile is lost to an RP2040, whose UART has no clock then; so
# nothing is said.

import sys

sys.path.append("")
from ble_node import *

import machine

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ | F_WRITE),))
SLEEP_MS = const(300)


# Acting in peripheral role.
def instance0():
    node = Node()
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    node.ble.gatts_write(handle, "awake")
    multitest.globals(BDADDR=node.ble.config("mac"))
    node.advertise()
    machine.lightsleep(SLEEP_MS)
    multitest.next()
    node.wait(IRQ_CENTRAL_CONNECT)
    node.pause(500)  # What is negotiated at first.
    for i in range(3):
        machine.lightsleep(SLEEP_MS)
    multitest.broadcast("awake")
    print("written", node.wait(IRQ_GATTS_WRITE)[1] == handle)
    node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    conn = node.connect(BDADDR)
    multitest.wait("awake")
    char = node.characteristics(conn)[CHAR]
    print(node.read(conn, char), node.write(conn, char, "x"))
    node.disconnect(conn)
    node.stop()
