# Runs in MicroPython. Obeys lines from the driver, one Python statement or
# expression each, and reports events. What it prints starts with:
#   =  the value of the line    *  the exception it raised
#   !  an event                 #  anything else

import sys
import bluetooth
from micropython import const

_IRQ_GET_SECRET = const(29)
_IRQ_SET_SECRET = const(30)
_IRQ_L2CAP_RECV = const(25)
_IRQ_L2CAP_SEND_READY = const(26)

# What a handler of an event returns; a test may set more.
answers = {}
# Events that are not reported.
quiet = {_IRQ_GET_SECRET}
# (type, key): value
secrets = {}


def say(kind, text):
    sys.stdout.write(kind + " " + text + "\n")


def plain(value):
    if isinstance(value, (memoryview, bluetooth.UUID)):
        return bytes(value)
    return value


def on_event(event, data):
    data = tuple(plain(value) for value in data)
    if event not in quiet:
        say("!", repr((event, data)))
    try:
        answer = answers.get(event)
        return answer(*data) if answer else None
    except Exception as error:
        say("#", "event {}: {!r}".format(event, error))


def get_secret(kind, index, key):
    if key is not None:
        return secrets.get((kind, key))
    values = [value for (its_kind, _), value in secrets.items() if its_kind == kind]
    return values[index] if index < len(values) else None


def set_secret(kind, key, value):
    if value is None:
        return secrets.pop((kind, key), None) is not None
    secrets[kind, key] = value
    return True


answers[_IRQ_GET_SECRET] = get_secret
answers[_IRQ_SET_SECRET] = set_secret


# The byte at each place of a stream of test data; the period is prime, so that
# a lost or repeated piece of any even length shows.
PERIOD = const(251)
_pattern = bytes((i * 7 + 3) % 256 for i in range(PERIOD)) * 10


def pattern(at, length):
    start = at % PERIOD
    return _pattern[start : start + length]


class Sender:
    def __init__(self, conn, cid, sizes):
        self.conn, self.cid, self.sizes = conn, cid, iter(sizes)
        self.at = 0
        self.stalls = 0
        answers[_IRQ_L2CAP_SEND_READY] = self.on_ready
        self.run()

    def on_ready(self, conn, cid, status):
        if (conn, cid) == (self.conn, self.cid):
            self.run()

    def run(self):
        for size in self.sizes:
            data = pattern(self.at, size)
            self.at += size
            if not ble.l2cap_send(self.conn, self.cid, data):
                self.stalls += 1
                return
        say("!", repr(("sent", (self.at,))))


class Receiver:
    # `whole` SDUs, or as many bytes as fit into a smaller buffer at a time.
    def __init__(self, conn, cid, total, room=2048):
        self.conn, self.cid, self.total = conn, cid, total
        self.at = 0
        self.bad = None
        self.buf = bytearray(room)
        quiet.add(_IRQ_L2CAP_RECV)
        answers[_IRQ_L2CAP_RECV] = self.on_recv
        self.on_recv(conn, cid)

    def on_recv(self, conn, cid):
        if (conn, cid) != (self.conn, self.cid):
            return
        while ble.l2cap_recvinto(conn, cid, None):
            n = ble.l2cap_recvinto(conn, cid, self.buf)
            if self.bad is None and bytes(memoryview(self.buf)[:n]) != pattern(self.at, n):
                self.bad = self.at
            self.at += n
        if self.at >= self.total:
            say("!", repr(("received", (self.at, self.bad))))


def obey(line):
    try:
        try:
            value = eval(line)
        except SyntaxError:
            value = exec(line)
        say("=", repr(plain(value)))
    except Exception as error:
        say("*", repr((type(error).__name__, error.args)))


ble = bluetooth.BLE()
ble.irq(on_event)
say("=", "'ready'")
while True:
    line = sys.stdin.readline()
    if not line:
        break
    obey(line.rstrip("\n"))
ble.active(False)
