# The timeout of a socket is over in time, though packets arrive all the while.

import sys

sys.path.append("")
from ble_node import *

try:
    import socket
except ImportError:
    print("SKIP")
    raise SystemExit


# Acting in peripheral role.
def instance0():
    node = Node()
    multitest.next()
    node.ble.gap_advertise(20_000, b"\x02\x01\x06", connectable=False)
    multitest.wait("waited")
    node.stop()


def bound(kind):
    s = socket.socket(socket.AF_INET, kind)
    for port in range(47_000, 48_000):
        try:
            s.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            return s, socket.getaddrinfo("127.0.0.1", port)[0][-1]
        except OSError:
            pass


def wait(node, text, f, *args):
    print(text, *node.takes(300, f, *args))


# Fills what the network holds, and waits for room.
def fill(write):
    while True:
        write(bytes(100_000))


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    node.ble.gap_scan(0, 20_000, 20_000)
    node.wait(IRQ_SCAN_RESULT)

    datagrams, _ = bound(socket.SOCK_DGRAM)
    datagrams.settimeout(0.3)
    wait(node, "recv", datagrams.recv, 10)
    wait(node, "recvfrom", datagrams.recvfrom, 10)

    listening, address = bound(socket.SOCK_STREAM)
    listening.listen(1)
    listening.settimeout(0.3)
    wait(node, "accept", listening.accept)
    client = socket.socket()
    client.connect(address)
    server = listening.accept()[0]
    server.settimeout(0.3)
    wait(node, "read", server.read, 1)
    wait(node, "write", fill, server.write)
    wait(node, "send", fill, server.send)

    # What comes in time is taken.
    server.settimeout(5)
    client.write("hello")
    print(server.recv(5))
    multitest.broadcast("waited")
    node.stop()
