#!/usr/bin/env python3
"""Pairs of MicroPython processes connect, transfer, pair, end links and switch off at random.

The links lose packets. All processes check that nothing is left behind; a
peripheral that ends on request, as at a reset, is started again. Ends with the
counts of each side, and how long the machine did something else: what happens
on one that stands still for seconds is not the host's fault.
"""

import argparse
import ast
import os
import selectors
import subprocess
import time

import harness
from harness import HERE, Failure, Process

LINGER_S = 90


class Side:
    """One node, and what its lives counted together."""

    def __init__(self, number, binary, place, seed):
        self.role = ("peripheral", "central")[number % 2]
        self.pair, self.binary, self.place = number // 2, binary, place
        self.seed, self.counts, self.process = seed + number // 2 * 100_000, {}, None
        self.stall = 0

    def start(self, seconds):
        self.seed += 1
        code = "import soak_node; soak_node.main(%r, %d, %d, %d)" % (
            self.role, seconds, self.seed, self.pair)
        env = {"MICROPYBTUART": self.place, "MICROPYPATH": ".frozen:" + HERE}
        self.output = []
        self.process = Process([self.binary, "-X", "heapsize=2M", "-c", code], env=env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)

    def read(self):
        """Takes a line; at the end of the process, whether it ended well."""
        line = self.process.popen.stdout.readline().decode("utf-8", "replace")
        if not line:
            return False
        self.output.append(line.rstrip())
        if line.startswith("stall "):
            self.stall = max(self.stall, int(line.split()[1]))
        if line.startswith("counts "):
            for what, n in ast.literal_eval(line[len("counts "):]).items():
                self.counts[what] = self.counts.get(what, 0) + n
        return True

    def end(self):
        status = self.process.popen.wait(10)
        self.process.stop()
        if status != 0:
            raise Failure("soak: the %s failed (its seed was %d):\n%s"
                          % (self.role, self.seed, "\n".join(self.output[-15:])))


def run(sides, seconds):
    end = time.monotonic() + seconds
    selector = selectors.DefaultSelector()

    def start(side):
        side.start(max(1, int(end - time.monotonic()) + (2 if side.role == "peripheral" else 0)))
        selector.register(side.process.popen.stdout, selectors.EVENT_READ, side)

    for side in sides:
        start(side)
    while selector.get_map():
        if time.monotonic() > end + LINGER_S:
            raise Failure("soak: no end within %d s" % LINGER_S)
        for key, _ in selector.select(1):
            side = key.data
            if not side.read():
                selector.unregister(key.fileobj)
                side.end()
                if time.monotonic() < end - 2:
                    side.counts["restarts"] = side.counts.get("restarts", 0) + 1
                    start(side)


def total(sides, what, role=None):
    return sum(side.counts.get(what, 0) for side in sides if role in (None, side.role))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=1, help="of processes, on one air")
    parser.add_argument("--loss", type=float, default=0.02)
    parser.add_argument("--speed", type=float, default=1.0, help="of the air's clock")
    parser.add_argument("--snoop", help="directory for a capture of each node")
    args = parser.parse_args()
    binary = harness.micropython(args.build)
    air = harness.Air(2 * args.pairs, args.snoop, [
        "--public", "--loss", str(args.loss), "--seed", str(args.seed), "--speed", str(args.speed)])
    sides = [Side(number, binary, place, args.seed * 1000000)
             for number, place in enumerate(air.places)]
    failure = None
    try:
        run(sides, args.seconds)
    except Failure as reason:
        failure = reason
    finally:
        for side in sides:
            side.process.stop()
        air_said = air.end()
    for side in sides:
        print("%-10s" % side.role, ", ".join("%d %s" % (n, what)
                                             for what, n in sorted(side.counts.items())))
    print("machine    did something else for up to %d ms (air) and %d ms (nodes), %d times over 20 ms"
          % (air_said["longest"], max(side.stall for side in sides), air_said["late"]))
    if failure is None and air_said["violations"]:
        failure = Failure("soak: hosts broke %d rules of their controllers" % air_said["violations"])
    if failure is not None:
        raise failure
    print("soak: seed %d, %d s, %d %% loss, %d connections, %d activations, %d resets, "
          "%d pairings, %d bytes, nothing left behind"
          % (args.seed, args.seconds, round(100 * args.loss),
             total(sides, "connections", "central"), total(sides, "activations"),
             total(sides, "restarts"), total(sides, "pairings"), total(sides, "bytes")))
    return 0


if __name__ == "__main__":
    harness.guarded(main)
