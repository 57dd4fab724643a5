# Every association model of LE Secure Connections, with the digits shown by
# either side, and the pairing asked for by either role.
#
# Two hosts of ours always agree on LE Secure Connections. The same models with
# LE legacy pairing need a peer that offers nothing else: Bumble in the tests of
# peers, and rust-ble/sim/tests/host_pairing.rs.

import sys

sys.path.append("")
from ble_node import *

# I/O of the central, of the peripheral.
MODELS = (
    ("just works", IO_NO_INPUT_OUTPUT, IO_NO_INPUT_OUTPUT),
    ("central types", IO_KEYBOARD_ONLY, IO_DISPLAY_ONLY),
    ("peripheral types", IO_DISPLAY_ONLY, IO_KEYBOARD_ONLY),
    ("both type", IO_KEYBOARD_ONLY, IO_KEYBOARD_ONLY),
    ("both compare", IO_DISPLAY_YESNO, IO_KEYBOARD_DISPLAY),
    ("nobody can answer", IO_DISPLAY_ONLY, IO_DISPLAY_YESNO),
)
PASSKEY = const(61452)

actions = {ACTION_INPUT: "type", ACTION_DISPLAY: "show", ACTION_COMPARE: "compare"}


def answer(node, conn):
    while True:
        event, data = node.wait(IRQ_PASSKEY_ACTION, IRQ_ENCRYPTION_UPDATE)
        if event == IRQ_ENCRYPTION_UPDATE:
            print(" encrypted", data[1:])
            return
        _, action, number = data
        print(" asked to", actions[action])
        if action == ACTION_COMPARE:
            print(" six digits", 0 <= number <= 999_999)
            node.ble.gap_passkey(conn, action, True)
        else:
            node.ble.gap_passkey(conn, action, PASSKEY)


def rounds(io):
    for asks in ("central", "peripheral"):
        for model in MODELS:
            bluetooth.BLE().config(io=model[io])
            print(model[0] + ",", asks, "asks")
            yield asks


# Acting in peripheral role.
def instance0():
    node = Node(mitm=True, bond=False)
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for asks in rounds(2):
        conn = node.accept()
        if asks == "peripheral":
            node.ble.gap_pair(conn)
        answer(node, conn)
        node.gone()
    print("events left", len(node.events))
    node.stop()


# Acting in central role.
def instance1():
    node = Node(mitm=True, bond=False)
    multitest.next()
    for asks in rounds(1):
        conn = node.connect(BDADDR)
        if asks == "central":
            node.ble.gap_pair(conn)
        answer(node, conn)
        node.pause(100)
        node.disconnect(conn)
    print("events left", len(node.events))
    node.stop()
