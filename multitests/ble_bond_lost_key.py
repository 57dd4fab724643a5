# A peer that lost its keys, as peripheral and as central. Both sides see an
# ENCRYPTION_UPDATE without encryption; the one that has keys keeps its bond and
# does not pair anew by itself: an impostor would look the same. After gap_unpair
# both pair again.
#
# Only on our air: RootCanal makes another controller of each activation.

import sys

sys.path.append("")
from ble_node import *


# Acting in peripheral role.
def instance0():
    node = Node(bond=True)
    multitest.globals(BDADDR=node.ble.config("mac"))
    multitest.next()
    node.accept()
    print("paired", node.encryption())
    node.gone()

    # The peripheral loses its keys.
    node.stop()
    node.secrets.forget_peers()
    node.start()
    node.accept()
    node.gone()
    print("lost", node.encryption(), node.secrets.count(SECRET_BOND))
    node.accept()
    print("paired again", node.encryption(), node.secrets.count(SECRET_BOND))
    node.gone()

    # The central loses its keys and pairs: our bond is not replaced.
    node.advertise()
    conn, addr_type, addr = node.wait(IRQ_CENTRAL_CONNECT)
    before = dict(node.secrets.values)
    print("impostor", node.encryption(), node.secrets.values == before)
    node.gone()
    node.ble.gap_unpair(addr_type, addr)
    node.accept()
    print("after unpairing", node.encryption(), node.secrets.count(SECRET_BOND))
    node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    conn = node.connect(BDADDR)
    print("paired", node.pair(conn))
    node.pause(100)
    node.disconnect(conn)

    conn = node.connect(BDADDR)
    print("peer lost its key", node.pair(conn))
    print("bonds", node.secrets.count(SECRET_BOND))
    node.disconnect(conn)
    node.ble.gap_unpair(*BDADDR)
    conn = node.connect(BDADDR)
    print("paired again", node.pair(conn), node.secrets.count(SECRET_BOND))
    node.pause(100)
    node.disconnect(conn)

    node.stop()
    node.secrets.forget_peers()
    node.start()
    conn = node.connect(BDADDR)
    print("as an impostor would", node.pair(conn), node.secrets.count(SECRET_BOND))
    node.pause(100)
    node.disconnect(conn)
    node.pause(100)
    conn = node.connect(BDADDR)
    print("after unpairing", node.pair(conn), node.secrets.count(SECRET_BOND))
    node.pause(100)
    node.disconnect(conn)
    node.stop()
