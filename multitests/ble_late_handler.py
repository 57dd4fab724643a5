# A script that sets its handler after activation, as many do: the identity that it
# keeps is ours before an address is told, a private address that was told stays
# until it is old, and gap_unpair finds the bonds that are stored. With the handler
# set before, the address is the final one as soon as active(True) returns.

import sys

sys.path.append("")
from ble_node import *

ADDRESS = b"\xc6\x12\x34\x56\x78\x9a"
IDENTITY = b"\x01" + bytes(range(16)) + bytes(reversed(ADDRESS))


class LateNode(Node):
    late = True
    keeps = True

    def start(self):
        if self.late:
            self.ble.irq(None)
            self.ble.active(True)
            self.ble.irq(self.irq)
        else:
            super().start()

    def irq(self, event, data):
        if event == IRQ_SET_SECRET and not self.keeps:
            return False
        return super().irq(event, data)


class EarlyNode(LateNode):
    late = False


# A store that refuses keeps us asking.
class RefusingNode(LateNode):
    keeps = False


# Acting in peripheral role.
def instance0():
    multitest.next()
    peer = None
    for node_type in (LateNode, EarlyNode, RefusingNode):
        for mode in (1, 2, 3):
            secrets = Secrets({(SECRET_OWN, b"own"): IDENTITY})
            bluetooth.BLE().config(addr_mode=mode)
            node = node_type(secrets, bond=True)
            mac = node.ble.config("mac")
            print(mode, mac[1] == ADDRESS if mode == 1 else mac[1][0] >> 6)
            node.pause(50)
            node.advertise()
            node.pause(50)
            print("the same", node.ble.config("mac") == mac)
            multitest.broadcast(repr(mac))
            _, *peer = node.wait(IRQ_CENTRAL_CONNECT)
            print("bonded", node.encryption()[2])
            node.gone()
            node.stop()

    for forget in ((), peer, (0, b"nobody")):
        node = LateNode(secrets, bond=False)
        node.stop()
        bond = b"\x01" + bytes((peer[0],)) + bytes(reversed(peer[1]))
        bond += b"\x10\x0c" + bytes(range(68))
        secrets.set(SECRET_BOND, bytes((peer[0],)) + peer[1], bond)
        node.start()
        try:
            node.ble.gap_unpair(*forget)
        except OSError as er:
            print("OSError", er.errno)
        node.pause(50)
        print("bonds", secrets.count(SECRET_BOND))
        node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    for _ in range(9):
        # Whatever is broadcast: BROADCAST (address type, address).
        conn = node.connect(eval(sys.stdin.readline()[10:]))
        print("paired", node.pair(conn))
        node.pause(100)
        node.disconnect(conn)
        node.ble.gap_unpair()
        node.pause(50)
    node.stop()
