# A read-request handler decides with an ATT error code, for each way to read:
# None and 0 allow, what it wrote to the database is what the client gets.

import sys

sys.path.append("")
from ble_node import *

CHAR = bluetooth.UUID(0xFF01)
SERVICE = (bluetooth.UUID(0xFF00), ((CHAR, F_READ),))


class Server(Node):
    answers = [None, 0, 2, 0x80, 0]

    def read_request(self, conn, handle):
        answer = self.answers[0]
        self.ble.gatts_write(handle, "answer {}".format(answer))
        if len(self.answers) > 1:
            self.answers.pop(0)
        return answer


# Acting in peripheral role.
def instance0():
    node = Server()
    ((handle,),) = node.ble.gatts_register_services((SERVICE,))
    multitest.globals(BDADDR=node.ble.config("mac"), HANDLE=handle)
    multitest.next()
    node.accept()
    node.gone()
    print("asked", node.pending(IRQ_GATTS_READ_REQUEST))
    node.stop()


# Acting in central role.
def instance1():
    node = Node()
    multitest.next()
    conn = node.connect(BDADDR)
    for _ in range(5):
        print(node.read(conn, HANDLE))
    print("nobody's handle", node.read(conn, 999))
    node.disconnect(conn)
    node.stop()
