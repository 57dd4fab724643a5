# No packet costs memory of MicroPython's heap, in either direction: reports,
# notifications, writes with and without response, reads served, SDUs of a
# channel. A handler that keeps what it gets shows that the test would see it.

import gc
import sys

sys.path.append("")
from ble_node import *

UUID = bluetooth.UUID(0x1815)
CHAR = bluetooth.UUID(0x2A56)
COUNT = const(200)
REQUESTS = const(30)
REPORTS = const(100)
MTU = const(256)

# Events of each kind since the last measurement; a handler that allocates nothing.
seen = bytearray(32)
kept = []
keeping = False


def quiet(event, data):
    seen[event] = (seen[event] + 1) & 0xFF
    if keeping and event == IRQ_GATTC_NOTIFY:
        kept.append(bytes(data[2]))


# Does something, and says whether it took a block of the heap for each packet.
def measured(text, packets, work, *args):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    work(*args)
    taken = gc.mem_alloc() - before
    gc.enable()
    print(text, "costs memory:", taken > packets * 8)


def until(event, count):
    start = time.ticks_ms()
    while seen[event] < count:
        if time.ticks_diff(time.ticks_ms(), start) > TIMEOUT_MS:
            raise OSError("too few events")
        time.sleep_ms(1)
    seen[event] = 0


def notify(node, conn, handle, value):
    for _ in range(COUNT):
        node.ble.gatts_notify(conn, handle, value)
        time.sleep_ms(4)


def write(node, conn, handle, value):
    for _ in range(COUNT):
        node.ble.gattc_write(conn, handle, value, 0)
        time.sleep_ms(4)


def request(node, conn, handle, value):
    for _ in range(REQUESTS):
        node.ble.gattc_write(conn, handle, value, 1)
        until(IRQ_GATTC_WRITE_DONE, 1)
        node.ble.gattc_read(conn, handle)
        until(IRQ_GATTC_READ_DONE, 1)


def send(node, conn, cid, sdu):
    for _ in range(COUNT):
        if not node.ble.l2cap_send(conn, cid, sdu):
            until(IRQ_L2CAP_SEND_READY, 1)


def receive(node, conn, cid, buf):
    got = 0
    start = time.ticks_ms()
    while got < COUNT * MTU and time.ticks_diff(time.ticks_ms(), start) < 4 * TIMEOUT_MS:
        got += node.ble.l2cap_recvinto(conn, cid, buf)
        time.sleep_ms(1)
    print("received", got)


# Acting in peripheral role.
def instance0():
    global keeping
    node = Node()
    flags = F_READ | F_WRITE | F_WRITE_NO_RESPONSE | F_NOTIFY
    ((handle,),) = node.ble.gatts_register_services(((UUID, ((CHAR, flags),)),))
    node.ble.gatts_write(handle, b"\x05" * 20)
    multitest.globals(BDADDR=node.ble.config("mac"), HANDLE=handle)
    multitest.next()
    conn = node.accept()
    node.ble.l2cap_listen(22, MTU)
    multitest.broadcast("listening")
    cid = node.wait(IRQ_L2CAP_CONNECT)[1]
    node.ble.irq(quiet)
    value = bytearray(20)
    for _ in range(2):
        multitest.wait("notify")
        measured("notifications sent", COUNT, notify, node, conn, handle, value)
    multitest.broadcast("write")
    measured("writes received", COUNT, until, IRQ_GATTS_WRITE, COUNT)
    multitest.broadcast("request")
    measured("requests served", 2 * REQUESTS, until, IRQ_GATTS_WRITE, REQUESTS)
    multitest.broadcast("send")
    measured("SDUs received", COUNT, receive, node, conn, cid, bytearray(MTU))
    multitest.wait("receive")
    measured("SDUs sent", COUNT, send, node, conn, cid, bytearray(MTU))
    node.ble.irq(node.irq)
    multitest.broadcast("scan")
    node.gone()
    node.ble.gap_advertise(20_000, b"\x02\x01\x06\x04\xffMPY", connectable=False)
    multitest.broadcast("advertising")
    multitest.wait("done")
    node.stop()


# Acting in central role.
def instance1():
    global keeping
    node = Node()
    multitest.next()
    conn = node.connect(BDADDR)
    multitest.wait("listening")
    node.ble.l2cap_connect(conn, 22, MTU)
    cid = node.wait(IRQ_L2CAP_CONNECT)[1]
    node.ble.irq(quiet)
    for keeping in (False, True):
        multitest.broadcast("notify")
        text = "notifications kept" if keeping else "notifications received"
        measured(text, COUNT, until, IRQ_GATTC_NOTIFY, COUNT)
    keeping = False
    value = bytearray(20)
    multitest.wait("write")
    measured("writes sent", COUNT, write, node, conn, HANDLE, value)
    multitest.wait("request")
    measured("requests sent", 2 * REQUESTS, request, node, conn, HANDLE, value)
    multitest.wait("send")
    measured("SDUs sent", COUNT, send, node, conn, cid, bytearray(MTU))
    multitest.broadcast("receive")
    measured("SDUs received", COUNT, receive, node, conn, cid, bytearray(MTU))
    multitest.wait("scan")
    node.ble.irq(node.irq)
    node.disconnect(conn)
    multitest.wait("advertising")
    node.ble.irq(quiet)
    seen[IRQ_SCAN_RESULT] = 0
    node.ble.gap_scan(0, 30_000, 30_000)
    measured("reports received", REPORTS, until, IRQ_SCAN_RESULT, REPORTS)
    node.ble.gap_scan(None)
    multitest.broadcast("done")
    node.stop()
