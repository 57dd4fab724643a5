# docs/examples/numeric_comparison.py and a peripheral with a display: somebody
# compares what both show.

import sys

sys.path.append("")
sys.path.append("../docs/examples")
from ble_node import *

VALUE = bluetooth.UUID(0x2A25)
SERVICE = (bluetooth.UUID(0x180A), ((VALUE, F_READ | F_READ_AUTHENTICATED),))


# Acting in peripheral role.
def instance0():
    node = Node(io=IO_DISPLAY_YESNO, mitm=True)
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    node.ble.gatts_write(handle, "compared")
    multitest.next()
    node.ble.gap_advertise(20_000, b"\x02\x01\x06", resp_data=b"\x0c\x09mpy-compare")
    conn = node.wait(IRQ_CENTRAL_CONNECT)[0]
    _, action, number = node.wait(IRQ_PASSKEY_ACTION)
    multitest.broadcast(str(number))
    node.ble.gap_passkey(conn, action, True)
    print("encrypted", node.encryption())
    node.gone()
    node.stop()


def equal(number):
    # "BROADCAST 12345"
    other = int(sys.stdin.readline().split()[1])
    print("equal", number == other)
    return number == other


# Acting in central role.
def instance1():
    import numeric_comparison

    # The address differs from run to run.
    numeric_comparison.print = lambda *args: args[0].startswith("connected") or print(*args)
    multitest.next()
    numeric_comparison.main(equal=equal)
