#!/usr/bin/env python3
"""Both cores of an emulated RP2040 use Bluetooth at the same time (cores_node.py).

What one core does between two instructions of the other depends on the seed. The emulator
stops a board whose stack has overflown. Ends with a line `N passed, N failed`.
"""

import argparse
import os
import select
import socket
import subprocess
import tempfile
import time

import emulate
import harness
from harness import HERE, Failure, Process

LIMIT_S = 300  # For a machine that does much else.
CHUNK = 1024


class Board:
    """An emulated board at its raw REPL, with our test modules in its file system."""

    def __init__(self, elf, place, seed):
        self.repl, theirs = socket.socketpair()
        self.log = tempfile.TemporaryFile()
        self.process = Process(
            ["node", os.path.join(emulate.RP2040, "run.js"), elf, "--hci", place,
             "--repl", str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, env=dict(os.environ, SEED=str(seed)))
        theirs.close()
        self.repl.sendall(b"\r\x01")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")
        for name in ("ble_node.py", "cores_node.py"):
            with open(os.path.join(HERE, name), "rb") as f:
                self.run("f = open(%r, 'wb')" % name)
                for chunk in iter(lambda: f.read(CHUNK), b""):
                    self.run("f.write(%r)" % chunk)
                self.run("f.close()")

    def until(self, wanted):
        end, output = time.monotonic() + LIMIT_S, b""
        while wanted not in output:
            left = max(end - time.monotonic(), 0)
            data = select.select([self.repl], [], [], left)[0] and self.repl.recv(4096)
            if not data:
                self.log.seek(0)
                raise Failure((self.log.read() or output or b"nothing came").decode("utf-8", "replace"))
            output += data
        return output

    def begin(self, code):
        self.repl.sendall(code.encode() + b"\x04")

    def end(self):
        output, error = self.until(b"\x04>")[2:].split(b"\x04")[:2]
        if error:
            raise Failure(error.decode("utf-8", "replace"))
        return output.decode().strip()

    def run(self, code):
        self.begin(code)
        return self.end()

    def soft_reset(self):
        self.repl.sendall(b"\x04")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")

    def stop(self):
        self.process.stop()
        self.repl.close()
        self.log.close()


def expect(got, *wanted):
    if got.splitlines() != [repr(value) for value in wanted]:
        raise Failure("%s, not %r" % (got, wanted))


def scenario(call, wanted):
    def run(board, _):
        expect(board.run("from cores_node import *\nprint(%s)" % call), wanted)
    return run


def soft_reset(board, seed):
    for what in ("everything", "switching", "advertising", "advertising"):
        expect(board.run("from cores_node import *\nprint(inside(%r))\ntime.sleep_ms(%d)" % (what, seed % 50)),
               True)
        board.soft_reset()
        expect(board.run("from cores_node import *\nprint(ble.active())\nstarted()\nprint(hears())"),
               False, True)


def pairing(board, _, other):
    address = other.run("from cores_node import *\nstarted()\nprint(ble.config('mac'))")
    other.begin("print(accepts())")
    expect(board.run("from cores_node import *\nprint(pairs(%s))" % address), (1, (1, 0, 0, 16), set()))
    expect(other.end(), ((1, 0, 0, 16), set()))


SCENARIOS = {
    "calls": scenario("calls()", (1, set(), True)),
    "switches": scenario("switches()", (1, 1, set(), True)),
    "interrupt": scenario("interrupt()", (1, True, 1)),
    "stack": scenario("stack()", (1, ["runs", "too deep"], True)),
    "soft_reset": soft_reset,
    "pairing": pairing,
}


def run(name, elf, seed):
    boards = 2 if name == "pairing" else 1
    air = harness.Air(boards, args=["--sensor"])
    started = []
    try:
        for place in air.places:
            started.append(Board(elf, place, seed))
        SCENARIOS[name](started[0], seed, *started[1:])
        return None
    except Failure as reason:
        return str(reason)
    finally:
        for board in started:
            board.stop()
        air.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mpy-dir", default="", help="a MicroPython checkout")
    parser.add_argument("--version", default="", help="a release to fetch instead")
    parser.add_argument("--build", default="build")
    parser.add_argument("--cache", default=".cache")
    parser.add_argument("--elf", default="", help="an image instead")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("scenarios", nargs="*", help=", ".join(SCENARIOS))
    args = parser.parse_args()
    emulate.prepare_emulator("rp2040")
    elf = args.elf or emulate.elf(args, "RPI_PICO")
    passed, failed = 0, 0
    for name in args.scenarios or SCENARIOS:
        for seed in range(args.seed, args.seed + args.seeds):
            reason = run(name, elf, seed)
            print("%-12s seed %-4d %s" % (name, seed, "pass" if reason is None else "FAIL\n" + reason), flush=True)
            passed, failed = passed + (reason is None), failed + (reason is not None)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    harness.guarded(main)
