#!/usr/bin/env python3
"""Run an RP2040 image in the emulator with its REPL on a pseudo terminal.

  run.py FIRMWARE.elf [--hci tcp:HOST:PORT|unix:PATH]

The first line of output names the terminal in the words that pyboard.py's and
run-multitests.py's `execpty:` looks for. Ends when it is told to, or with the image.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import tty

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    master, slave = os.openpty()
    tty.setraw(slave)
    ours, theirs = socket.socketpair()
    node = subprocess.Popen(
        ["node", os.path.join(HERE, "run.js"), *sys.argv[1:], "--repl", str(theirs.fileno())],
        pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=sys.stderr,
    )
    theirs.close()

    def stop(*_):
        node.terminate()
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print("char device redirected to %s" % os.ttyname(slave), flush=True)
    try:
        pump(master, ours)
    finally:
        node.terminate()
        node.wait()


def pump(master, ours):
    while True:
        for ready in select.select([master, ours], [], [])[0]:
            if ready is ours:
                data = ours.recv(4096)
                if not data:
                    return
                os.write(master, data)
            else:
                ours.sendall(os.read(master, 4096))


if __name__ == "__main__":
    main()
