# What a script asks for at once is queued, on a board as well: notifications, writes without
# response, procedures; and a value of 400 bytes is written and read in parts. Self-contained,
# so that it runs on a board without a file system.

from micropython import const
import bluetooth
import time

IRQ_CENTRAL_CONNECT = const(1)
IRQ_CENTRAL_DISCONNECT = const(2)
IRQ_GATTS_WRITE = const(3)
IRQ_PERIPHERAL_CONNECT = const(7)
IRQ_PERIPHERAL_DISCONNECT = const(8)
IRQ_GATTC_READ_RESULT = const(15)
IRQ_GATTC_READ_DONE = const(16)
IRQ_GATTC_WRITE_DONE = const(17)
IRQ_GATTC_NOTIFY = const(18)

TIMEOUT_MS = const(8000)
BURST = const(8)
LONG = bytes(range(200)) * 2

SERVICE = (
    bluetooth.UUID(0xFF00),
    (
        (
            bluetooth.UUID(0xFF01),
            bluetooth.FLAG_READ
            | bluetooth.FLAG_WRITE
            | bluetooth.FLAG_WRITE_NO_RESPONSE
            | bluetooth.FLAG_NOTIFY,
        ),
    ),
)

ble = bluetooth.BLE()
events = []


def irq(event, data):
    # Connection and value handles, and a value if there is one.
    value = bytes(data[2]) if event in (IRQ_GATTC_READ_RESULT, IRQ_GATTC_NOTIFY) else None
    if event == IRQ_GATTS_WRITE:
        value = ble.gatts_read(data[1])
    events.append((event, data[0], value))


def wait(event):
    start = time.ticks_ms()
    while True:
        for i, (e, conn, value) in enumerate(events):
            if e == event:
                events.pop(i)
                return conn, value
        if time.ticks_diff(time.ticks_ms(), start) > TIMEOUT_MS:
            raise OSError("no event %d" % event)
        time.sleep_ms(1)


# Acting in peripheral role.
def instance0():
    ble.irq(irq)
    ble.active(True)
    ((handle,),) = ble.gatts_register_services((SERVICE,))
    ble.gatts_set_buffer(handle, len(LONG))
    multitest.globals(BDADDR=ble.config("mac"), HANDLE=handle)
    multitest.next()
    ble.gap_advertise(20_000, b"\x02\x01\x06\x04\xffMPY")
    conn, _ = wait(IRQ_CENTRAL_CONNECT)
    print("long value", wait(IRQ_GATTS_WRITE)[1] == LONG)
    multitest.broadcast("written")
    print("writes", [wait(IRQ_GATTS_WRITE)[1][0] for _ in range(BURST)])
    for i in range(BURST):
        ble.gatts_notify(conn, handle, bytes([i]) + b"-" * 19)
    wait(IRQ_CENTRAL_DISCONNECT)
    ble.active(False)


# Acting in central role.
def instance1():
    ble.irq(irq)
    ble.active(True)
    multitest.next()
    ble.gap_connect(*BDADDR)
    conn, _ = wait(IRQ_PERIPHERAL_CONNECT)
    # Mode 2 writes all of it.
    ble.gattc_write(conn, HANDLE, LONG, 2)
    ble.gattc_read(conn, HANDLE)
    wait(IRQ_GATTC_WRITE_DONE)
    print("read back", wait(IRQ_GATTC_READ_RESULT)[1] == LONG)
    multitest.wait("written")
    for i in range(BURST):
        ble.gattc_write(conn, HANDLE, bytes([i]) + b"-" * 19)
    print("notified", [wait(IRQ_GATTC_NOTIFY)[1][0] for _ in range(BURST)])
    for _ in range(4):
        ble.gattc_read(conn, HANDLE)
    print("reads", [wait(IRQ_GATTC_READ_RESULT)[1][0] for _ in range(4)])
    ble.gap_disconnect(conn)
    wait(IRQ_PERIPHERAL_DISCONNECT)
    ble.active(False)
