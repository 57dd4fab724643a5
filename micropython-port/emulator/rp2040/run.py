#!/usr/bin/env python3
"""Run an RP2040 image in the emulator with its REPL on a pseudo terminal.

  run.py FIRMWARE.elf [--hci tcp:HOST:PORT|unix:PATH] [--warm-up SCRIPT] [--file FILE]

With --warm-up the board first compiles that script a few times and switches Bluetooth on and
off, so that what it will run is translated already, and soft-resets. With --file it has that
file in its file system.

The first line of output names the terminal in the words that pyboard.py's and
run-multitests.py's `execpty:` looks for. Ends when it is told to, or with the image.
"""

import argparse
import os
import select
import signal
import socket
import subprocess
import sys
import time
import tty

HERE = os.path.dirname(os.path.abspath(__file__))


# How often, which is what it takes until a script is compiled in a third of the first time.
WARM_UPS = 3
WARM_UP_S = 30
CHUNK = 1024

BLUETOOTH = b"""
import bluetooth
ble = bluetooth.BLE()
ble.active(True)
ble.gap_advertise(100_000, b"")
ble.gap_scan(50, 30_000, 30_000)
ble.active(False)
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--warm-up")
    parser.add_argument("--file")
    options, arguments = parser.parse_known_args()
    master, slave = os.openpty()
    tty.setraw(slave)
    ours, theirs = socket.socketpair()
    node = subprocess.Popen(
        ["node", os.path.join(HERE, "run.js"), *arguments, "--repl", str(theirs.fileno())],
        pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    theirs.close()

    def stop(*_):
        node.terminate()
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    codes = copying(options.file) if options.file else []
    if options.warm_up:
        codes += warming_up(options.warm_up)
    if codes:
        prepare(ours, codes)
    print("char device redirected to %s" % os.ttyname(slave), flush=True)
    try:
        pump(master, ours, node.stdout)
    finally:
        node.terminate()
        node.wait()


def copying(path):
    with open(path, "rb") as f:
        data = f.read()
    name = os.path.basename(path)
    chunks = [data[i:i + CHUNK] for i in range(0, len(data), CHUNK)]
    return [b"f=open('%s','wb')" % name.encode(), *(b"f.write(%r)" % chunk for chunk in chunks), b"f.close()"]


def warming_up(script):
    with open(script, "rb") as f:
        function = b"def f():\n" + b"".join(b" " + line for line in f)
    return [function] * WARM_UPS + [BLUETOOTH]


# Runs codes one by one.
def prepare(repl, codes):
    end = time.monotonic() + WARM_UP_S
    repl.sendall(b"\r\x01")
    wait_for(repl, b"raw REPL; CTRL-B to exit\r\n>", end)
    for code in codes:
        repl.sendall(code + b"\x04")
        wait_for(repl, b"\x04>", end)
    repl.sendall(b"\x02\x04")
    wait_for(repl, b">>> ", end)
    wait_for(repl, b">>> ", end)


# What comes out belongs to nobody. Gives up at the end, and leaves the board as it is.
def wait_for(repl, wanted, end):
    output = b""
    while wanted not in output:
        left = end - time.monotonic()
        if left <= 0 or not select.select([repl], [], [], left)[0]:
            return
        data = repl.recv(4096)
        if not data:
            return
        output = (output + data)[-1000:]


def pump(master, ours, messages):
    while True:
        for ready in select.select([master, ours, messages], [], [])[0]:
            if ready is messages:
                # Not before the name of the terminal, which comes first.
                data = os.read(messages.fileno(), 4096)
                os.write(sys.stderr.fileno(), data)
                if not data:
                    return
            elif ready is ours:
                data = ours.recv(4096)
                if not data:
                    return
                os.write(master, data)
            else:
                ours.sendall(os.read(master, 4096))


if __name__ == "__main__":
    main()
