# Pairings that the users end: another passkey typed than shown, a comparison
# that says no, and nobody who answers. Each gives one ENCRYPTION_UPDATE without
# encryption; the link lives, and nothing is stored. Our host lets a peer wait
# for a while after failures, so the roles of who fails change.

import sys

sys.path.append("")
from ble_node import *


def attempt(node, conn, reply):
    event, data = node.wait(IRQ_PASSKEY_ACTION, IRQ_ENCRYPTION_UPDATE)
    if event == IRQ_PASSKEY_ACTION:
        # Not what was asked for.
        try:
            node.ble.gap_passkey(conn, ACTION_INPUT + ACTION_DISPLAY - data[1] % 4, 1)
        except OSError as er:
            print("another action:", er.errno)
        try:
            node.ble.gap_passkey(conn, data[1], reply)
        except OSError:
            pass  # The other user said no already.
        data = node.wait(IRQ_ENCRYPTION_UPDATE)
    print("encryption", data[1:])
    print("stored", node.secrets.count(SECRET_BOND))


# Acting in peripheral role.
def instance0():
    node = Node(mitm=True, bond=True, io=IO_DISPLAY_ONLY)
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    conn = node.accept()
    print("shows 111111")
    attempt(node, conn, 111111)
    node.gone()

    node.ble.config(io=IO_DISPLAY_YESNO)
    conn = node.accept()
    print("says no")
    attempt(node, conn, False)
    node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node(mitm=True, bond=True, io=IO_KEYBOARD_ONLY)
    multitest.next()
    conn = node.connect(BDADDR)
    node.ble.gap_pair(conn)
    print("types 222222")
    attempt(node, conn, 222222)
    node.disconnect(conn)

    node.ble.config(io=IO_DISPLAY_YESNO)
    conn = node.connect(BDADDR)
    # After a failure the peer may have us wait.
    while True:
        try:
            node.ble.gap_pair(conn)
            break
        except OSError:
            node.pause(100)
    print("says yes")
    attempt(node, conn, True)
    node.disconnect(conn)
    node.stop()
