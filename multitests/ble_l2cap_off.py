# A handler of L2CAP_ACCEPT that switches Bluetooth off, and one that switches it on
# again: the channel is gone with the link, nothing else is.
#
# Only on our air: RootCanal makes another controller of each activation.

import sys

sys.path.append("")
from ble_node import *


class Server(Node):
    again = False

    def l2cap_accept(self, conn, cid, psm, our_mtu, peer_mtu):
        self.stop()
        if self.again:
            self.start()
        return 0


# Acting in peripheral role.
def instance0():
    node = Server()
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    for node.again in (False, True):
        node.ble.l2cap_listen(22, 100)
        node.accept()
        node.wait(IRQ_L2CAP_ACCEPT)
        print("active", node.ble.active())
        node.start()
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    for _ in range(2):
        conn = node.connect(BDADDR)
        node.ble.l2cap_connect(conn, 22, 100)
        print("channel", node.wait(IRQ_L2CAP_DISCONNECT)[2:])
        node.gone()
    node.stop()
