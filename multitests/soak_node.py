# One node of `make soak`: soak.py says in which role. What it does is chosen at
# random; what must hold is the same all the time:
# - each procedure ends with its event, though the link may end meanwhile,
# - data arrive whole and in order,
# - with no link there are no PDUs, values or links left in the host,
# - MicroPython's heap and the descriptors do not grow.
# It counts what it did, prints that, and ends with status 1 and the reason
# when something did not hold.

import sys

sys.path.append("")

from micropython import const
import _rust_ble
import bluetooth
import gc
import os
import random
import time
import ble_node
from ble_node import *

PSM = const(0x80)
MTU = const(512)
COMMANDS = bluetooth.UUID(0xFE01)
ECHO = bluetooth.UUID(0xFE02)

# What the peripheral does when told.
DISCONNECT = b"disconnect"
DEACTIVATE = b"deactivate"
EXIT = b"exit"


class Gone(Exception):
    pass


class Node(ble_node.Node):
    def __init__(self, secrets, pair):
        self.counts = {}
        self.stall = 0
        # The peripheral of this pair of nodes.
        self.peripheral = (0, b"\x00\x1b\xdc\x00\x00" + bytes([2 * pair]))
        self.connected = set()
        self.open = set()
        super().__init__(secrets, bond=True, mtu=200)

    def count(self, what, n=1):
        self.counts[what] = self.counts.get(what, 0) + n

    def start(self):
        self.connected.clear()
        self.events.clear()
        super().start()
        self.count("activations")

    def stop(self):
        super().stop()
        self.no_leak()

    def irq(self, event, data):
        if event in (IRQ_CENTRAL_CONNECT, IRQ_PERIPHERAL_CONNECT):
            self.connected.add(data[0])
            self.count("connections")
        elif event in (IRQ_CENTRAL_DISCONNECT, IRQ_PERIPHERAL_DISCONNECT):
            self.connected.discard(data[0])
        return super().irq(event, data)

    # Sleeps, and notes for how long the machine did something else.
    def nap(self):
        start = time.ticks_ms()
        time.sleep_ms(1)
        self.stall = max(self.stall, time.ticks_diff(time.ticks_ms(), start))

    # Like wait(), but the end of the link counts as an answer when the event
    # does not belong to a procedure.
    def wait_linked(self, conn, *wanted, timeout=20_000):
        start = time.ticks_ms()
        while True:
            for i in range(len(self.events)):
                if self.events[i][0] in wanted:
                    return self.events.pop(i)[1]
            if conn not in self.connected:
                raise Gone
            if time.ticks_diff(time.ticks_ms(), start) > timeout:
                raise OSError("no event {} but {}".format(wanted, self.events))
            self.nap()

    # Nothing is left behind; what is on its way to the controller may take a moment.
    def no_leak(self):
        for _ in range(200):
            in_use = _rust_ble.in_use()
            if not any(in_use) or self.connected:
                return
            time.sleep_ms(5)
        raise OSError("left in use: {}".format(in_use))


def fds():
    return len(os.listdir("/proc/self/fd"))


class Growth:
    def __init__(self):
        self.first = None

    # Compares with the first call, when everything has been used once.
    def check(self):
        gc.collect()
        now = (gc.mem_alloc(), fds())
        if self.first is None:
            self.first = now
        if now[1] > self.first[1] or now[0] > self.first[0] + 16_384:
            raise OSError("grown from {} to {}".format(self.first, now))
        return now


# The peripheral: serves, echoes, and does what the central asks for.


class Peripheral(Node):
    def start(self):
        super().start()
        self.channels = {}
        services = ((bluetooth.UUID(0xFE00), ((COMMANDS, F_WRITE), (ECHO, F_READ | F_WRITE | F_NOTIFY))),)
        ((self.commands, self.echo),) = self.ble.gatts_register_services(services)
        self.ble.gatts_set_buffer(self.echo, 512)
        self.ble.l2cap_listen(PSM, MTU)

    def turn(self):
        if not self.connected:
            self.no_leak()
            self.ble.gap_advertise(20_000, b"\x02\x01\x06")
        while self.events:
            event, data = self.events.pop(0)
            try:
                self.deal(event, data)
            except OSError as er:
                # The link may end at any moment.
                if data[0] in self.connected and er.errno != 12:
                    raise

    def deal(self, event, data):
        conn = data[0] if data else None
        if event == IRQ_CENTRAL_DISCONNECT:
            self.ble.gap_advertise(20_000, b"\x02\x01\x06")
        elif event == IRQ_GATTS_WRITE and data[1] == self.echo:
            self.ble.gatts_notify(conn, self.echo, self.ble.gatts_read(self.echo)[:20])
        elif event == IRQ_GATTS_WRITE:
            self.obey(conn, self.ble.gatts_read(self.commands))
        elif event == IRQ_L2CAP_RECV:
            self.receive(conn, data[1])
        elif event == IRQ_L2CAP_DISCONNECT:
            self.channels.pop((conn, data[1]), None)

    # Gives back what came, as far as there is room.
    def receive(self, conn, cid):
        buf = bytearray(MTU)
        while True:
            n = self.ble.l2cap_recvinto(conn, cid, buf)
            if n == 0:
                break
            self.ble.l2cap_send(conn, cid, memoryview(buf)[:n])

    def obey(self, conn, command):
        if command == DISCONNECT:
            self.ble.gap_disconnect(conn)
        elif command == DEACTIVATE:
            self.stop()
            self.start()
        elif command == EXIT:
            raise SystemExit

    def rest(self):
        self.nap()


# The central: chooses.


class Central(Node):
    def turn(self):
        conn = self.reach()
        if conn is None:
            return
        try:
            self.ble.gattc_discover_characteristics(conn, 1, 0xFFFF)
            self.wait(IRQ_GATTC_CHARACTERISTIC_DONE, timeout=40_000)
            found = {d[4]: d[2] for d in self.take(IRQ_GATTC_CHARACTERISTIC_RESULT)}
            if len(found) < 2 and conn in self.connected:
                raise OSError("discovered {}".format(found))
            for _ in range(random.randrange(3)):
                random.choice(self.DEEDS)(self, conn, found)
            self.part(conn, found)
        except Gone:
            self.count("links lost")
        except OSError as er:
            if er.errno != 107 or conn in self.connected:  # ENOTCONN
                raise
            self.count("links lost")
        except KeyError:
            self.count("links lost")
        self.events.clear()

    def reach(self):
        self.no_leak()
        self.ble.gap_connect(*self.peripheral, 4000, 7_500, 7_500)
        if random.randrange(200) == 0:
            try:
                self.ble.gap_connect(None)
            except OSError:
                pass  # It has succeeded already.
        event, data = self.wait(IRQ_PERIPHERAL_CONNECT, IRQ_PERIPHERAL_DISCONNECT, timeout=20_000)
        if event == IRQ_PERIPHERAL_DISCONNECT:
            self.count("not connected")
            return None
        return data[0]

    def part(self, conn, found):
        way = random.randrange(200)
        if way < 20:
            command = DEACTIVATE if way < 8 else EXIT if way < 9 else DISCONNECT
            self.ble.gattc_write(conn, found[COMMANDS], command, 1)
            self.wait(IRQ_GATTC_WRITE_DONE, timeout=40_000)
            self.count("asked to " + str(command, "ascii"))
        elif way < 40:
            # With something on its way, or without.
            if way < 30:
                self.ble.gattc_read(conn, found[ECHO])
                self.ble.gattc_write(conn, found[ECHO], bytes(300), 1)
            self.stop()
            self.start()
            return
        else:
            if way < 60:
                self.ble.gattc_read(conn, found[ECHO])
            self.ble.gap_disconnect(conn)
        self.wait(IRQ_PERIPHERAL_DISCONNECT, timeout=20_000)

    # What is done on a link.

    def echo(self, conn, found):
        data = bytes(random.getrandbits(8) for _ in range(random.randrange(1, 20)))
        self.ble.gattc_write(conn, found[ECHO], data, 1)
        status = self.wait(IRQ_GATTC_WRITE_DONE, timeout=40_000)[2]
        if status == 0:
            back = self.wait_linked(conn, IRQ_GATTC_NOTIFY)[2]
            if back != data:
                raise OSError("echo of {} is {}".format(data, back))
            self.count("echoes")
            self.count("bytes", 2 * len(data))

    def long_value(self, conn, found):
        data = bytes(random.getrandbits(8) for _ in range(random.randrange(200, 500)))
        self.ble.gattc_write(conn, found[ECHO], data, 2)
        if self.wait(IRQ_GATTC_WRITE_DONE, timeout=40_000)[2] == 0:
            self.wait_linked(conn, IRQ_GATTC_NOTIFY)
            self.ble.gattc_read(conn, found[ECHO])
            status = self.wait(IRQ_GATTC_READ_DONE, timeout=40_000)[2]
            back = b"".join(data[2] for data in self.take(IRQ_GATTC_READ_RESULT))
            if status == 0 and back != data:
                raise OSError("wrote {}, read {}".format(data, back))
            self.count("long values")
            self.count("bytes", 2 * len(data))

    def mtu(self, conn, found):
        try:
            self.ble.gattc_exchange_mtu(conn)
        except OSError as er:
            if er.errno == 107:
                raise
            return  # Done before on this link.
        self.wait_linked(conn, IRQ_MTU_EXCHANGED)
        self.count("MTU exchanges")

    def transfer(self, conn, found):
        self.ble.l2cap_connect(conn, PSM, MTU)
        event, cid = None, None
        data = self.wait_linked(conn, IRQ_L2CAP_CONNECT, IRQ_L2CAP_DISCONNECT)
        cid = data[1]
        if len(data) == 3:
            raise OSError("no channel: {}".format(data))
        for _ in range(random.randrange(1, 4)):
            sdu = bytes(random.getrandbits(8) for _ in range(random.randrange(1, MTU)))
            if not self.ble.l2cap_send(conn, cid, sdu):
                self.wait_linked(conn, IRQ_L2CAP_SEND_READY)
            back = b""
            buf = bytearray(MTU)
            while len(back) < len(sdu):
                n = self.ble.l2cap_recvinto(conn, cid, buf)
                back += buf[:n]
                if n == 0:
                    self.wait_linked(conn, IRQ_L2CAP_RECV, IRQ_L2CAP_DISCONNECT)
            if back != sdu:
                raise OSError("SDU differs")
            self.count("bytes", 2 * len(sdu))
        self.take(IRQ_L2CAP_RECV)
        if random.randrange(2):
            self.ble.l2cap_disconnect(conn, cid)
            self.wait_linked(conn, IRQ_L2CAP_DISCONNECT)

    # The peer may have lost its bond, being a new process.
    def pairing(self, conn, found):
        self.ble.gap_pair(conn)
        encrypted = self.wait_linked(conn, IRQ_ENCRYPTION_UPDATE, timeout=40_000)[1]
        self.count("pairings" if encrypted else "refused pairings")
        if not encrypted and conn in self.connected:
            self.ble.gap_disconnect(conn)
            self.wait(IRQ_PERIPHERAL_DISCONNECT)
            self.events.append((IRQ_PERIPHERAL_DISCONNECT, (conn,)))
            self.ble.gap_unpair()
            raise Gone

    DEEDS = (echo, echo, echo, long_value, mtu, transfer, pairing)

    def rest(self):
        pass


def main(role, seconds, seed, pair):
    random.seed(seed)
    node = (Peripheral if role == "peripheral" else Central)(Secrets(), pair)
    growth = Growth()
    end = time.time() + seconds
    turns = 0
    try:
        while time.time() < end:
            node.turn()
            node.rest()
            turns += 1
            if turns % 500 == 499 and turns > 900:
                growth.check()
        node.stop()
    except SystemExit:
        pass  # As a reset: links are left to the controller's and our own end.
    except Exception:
        print("stall", node.stall)
        print("counts", node.counts)
        raise
    print("stall", node.stall)
    print("heap and descriptors", growth.check() if growth.first else "-")
    print("counts", node.counts)
