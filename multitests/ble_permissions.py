# What a client may do before pairing, with Just Works and with a passkey: each
# permission of a characteristic and of a descriptor, for reading, writing,
# long reading and long writing. Refusals: 2 not permitted to read, 3 to write,
# 5 authentication, 8 authorization, 15 encryption.
#
# Every other way to reach a value (Read By Type, Read Multiple, notifications,
# ...) is checked in rust-ble/core/src/gatt/server/tests.

import sys

sys.path.append("")
from ble_node import *

BOTH = F_READ | F_WRITE
FLAGS = (
    ("plain", BOTH),
    ("encrypted", BOTH | F_READ_ENCRYPTED | F_WRITE_ENCRYPTED),
    ("authenticated", BOTH | F_READ_AUTHENTICATED | F_WRITE_AUTHENTICATED),
    ("read encrypted", BOTH | F_READ_ENCRYPTED),
    ("write encrypted", BOTH | F_WRITE_ENCRYPTED),
    ("read authenticated", BOTH | F_READ_AUTHENTICATED),
    ("write authenticated", BOTH | F_WRITE_AUTHENTICATED),
    ("authorized", BOTH | F_READ_AUTHORIZED | F_WRITE_AUTHORIZED),
    ("read only", F_READ),
    ("write only", F_WRITE),
)
PASSKEY = const(999_999)
LONG = "more than one packet by "


def uuid(i):
    return bluetooth.UUID(0xFF00 + i)


# A characteristic with a descriptor for each.
SERVICE = (
    uuid(0),
    tuple(
        (uuid(i + 1), flags, ((uuid(0x80 + i), flags),)) for i, (_, flags) in enumerate(FLAGS)
    ),
)


class Server(Node):
    def read_request(self, conn, handle):
        return 8 if handle in self.unauthorized else 0


# Whether the client could write a characteristic and its descriptor.
def written(node, handles, name):
    i = 2 * [name for name, _ in FLAGS].index(name)
    both = [bytes(node.ble.gatts_read(handle)) for handle in handles[i : i + 2]]
    for handle in handles[i : i + 2]:
        node.ble.gatts_write(handle, "value")
    return both != [b"value", b"value"]


# Acting in peripheral role.
def instance0():
    node = Server(mitm=True, io=IO_DISPLAY_ONLY)
    (handles,) = node.ble.gatts_register_services((SERVICE,))
    for handle in handles:
        node.ble.gatts_set_buffer(handle, 64)
        node.ble.gatts_write(handle, "value")
    node.unauthorized = handles[14:16]
    multitest.globals(BDADDR=node.ble.config("mac"), HANDLES=handles)
    multitest.next()
    for level in ("just works", "passkey"):
        conn = node.accept()
        if level == "passkey":
            node.wait(IRQ_PASSKEY_ACTION)
            node.ble.gap_passkey(conn, ACTION_DISPLAY, PASSKEY)
        print(level, node.encryption())
        node.gone()
        print([name for name, _ in FLAGS if written(node, handles, name)])
    node.stop()


def matrix(node, conn, level):
    print(level, "- read, write, long write of characteristic and descriptor")
    for i, (name, _) in enumerate(FLAGS):
        statuses = []
        for handle in HANDLES[2 * i : 2 * i + 2]:
            statuses.append(node.read(conn, handle)[0])
            statuses.append(node.write(conn, handle, level))
            statuses.append(node.write(conn, handle, LONG + level, 2))
        print(" ", name, statuses)


# Acting in central role.
def instance1():
    node = Node(mitm=True, io=IO_KEYBOARD_ONLY)
    multitest.next()
    node.ble.config(io=IO_NO_INPUT_OUTPUT)
    conn = node.connect(BDADDR)
    matrix(node, conn, "nothing")
    print("encryption", node.pair(conn))
    matrix(node, conn, "just works")
    node.disconnect(conn)

    node.ble.config(io=IO_KEYBOARD_ONLY)
    conn = node.connect(BDADDR)
    node.ble.gap_pair(conn)
    node.wait(IRQ_PASSKEY_ACTION)
    node.ble.gap_passkey(conn, ACTION_INPUT, PASSKEY)
    print("encryption", node.encryption())
    matrix(node, conn, "passkey")
    node.disconnect(conn)
    node.stop()
