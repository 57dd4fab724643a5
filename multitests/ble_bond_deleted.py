# Scripts that delete bonds from their store and tell nobody, as aioble's do: the peer
# pairs anew at once. A bond that is still there is not replaced.

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
    node.accept()
    print("only the central forgot", node.encryption(), node.secrets.count(SECRET_BOND))
    node.gone()
    node.secrets.forget_peers()
    node.accept()
    print("both forgot", node.encryption(), node.secrets.count(SECRET_BOND))
    node.gone()
    node.accept()
    print("encrypted", node.encryption())
    node.gone()
    node.stop()


# Acting in central role.
def instance1():
    node = Node(bond=True)
    multitest.next()
    for what in ("paired", "only the central forgot", "both forgot", "encrypted"):
        conn = node.connect(BDADDR)
        print(what, node.pair(conn), node.secrets.count(SECRET_BOND))
        node.pause(100)
        node.disconnect(conn)
        node.pause(100)
        if what != "both forgot":
            node.secrets.forget_peers()
    node.stop()
