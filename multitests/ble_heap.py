# What Bluetooth takes of MicroPython's heap: when it is switched on, for a link, for a
# channel; docs/SIZE.md has the figures of boards. All of it comes back. Self-contained,
# so that it runs on a board without a file system.
#
# Only on our air: RootCanal makes another controller of each activation.

from micropython import const
import bluetooth
import gc
import time

IRQ_CENTRAL_CONNECT = const(1)
IRQ_CENTRAL_DISCONNECT = const(2)
IRQ_PERIPHERAL_CONNECT = const(7)
IRQ_PERIPHERAL_DISCONNECT = const(8)
IRQ_L2CAP_CONNECT = const(23)
IRQ_L2CAP_DISCONNECT = const(24)

TIMEOUT_MS = const(8000)
PSM = const(22)
MTU = const(128)

# The last event of each kind: connection, channel.
seen = [None] * 32


def irq(event, data):
    seen[event] = tuple(data[:2]) if event in (IRQ_L2CAP_CONNECT, IRQ_L2CAP_DISCONNECT) else (data[0],)


def wait(event):
    start = time.ticks_ms()
    while seen[event] is None:
        if time.ticks_diff(time.ticks_ms(), start) > TIMEOUT_MS:
            raise OSError("no event %d" % event)
        time.sleep_ms(1)
    return seen[event]


def overwrite_stack(n):
    return overwrite_stack(n - 1) + 1 if n else 0


def used():
    gc.collect()
    return gc.mem_alloc()


# Acting in peripheral role.
def instance0():
    ble = bluetooth.BLE()
    ble.irq(irq)
    ble.active(True)
    multitest.globals(BDADDR=ble.config("mac"))
    ble.active(False)
    multitest.next()
    off = used()
    ble.active(True)
    on = used()
    ble.gap_advertise(20_000, b"\x02\x01\x06\x04\xffMPY")
    (conn,) = wait(IRQ_CENTRAL_CONNECT)
    linked = used()
    ble.l2cap_listen(PSM, MTU)
    multitest.broadcast("listening")
    _, cid = wait(IRQ_L2CAP_CONNECT)
    channel = used()
    ble.l2cap_disconnect(conn, cid)
    wait(IRQ_L2CAP_DISCONNECT)
    multitest.broadcast("closed")
    wait(IRQ_CENTRAL_DISCONNECT)
    ble.active(False)
    # What a call left on the stack, the collector takes for a pointer.
    overwrite_stack(20)
    left = used()
    multitest.output_metric(
        "active(True) takes {} bytes of heap, a link {}, a channel of {} bytes {}".format(
            on - off, linked - on, MTU, channel - linked
        )
    )
    # A few objects of the script.
    print("comes back", left - off < 500)


# Acting in central role.
def instance1():
    ble = bluetooth.BLE()
    ble.irq(irq)
    ble.active(True)
    multitest.next()
    ble.gap_connect(*BDADDR)
    (conn,) = wait(IRQ_PERIPHERAL_CONNECT)
    multitest.wait("listening")
    ble.l2cap_connect(conn, PSM, MTU)
    wait(IRQ_L2CAP_CONNECT)
    multitest.wait("closed")
    ble.gap_disconnect(conn)
    wait(IRQ_PERIPHERAL_DISCONNECT)
    ble.active(False)
