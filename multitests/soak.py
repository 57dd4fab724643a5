#!/usr/bin/env python3
"""Two MicroPython processes connect, transfer, pair, end links and switch off at random.

The link loses packets. Both processes check that nothing is left behind; a
peripheral that ends on request, as at a reset, is started again. Ends with the
counts of each side.
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

    def __init__(self, role, binary, place, seed):
        self.role, self.binary, self.place = role, binary, place
        self.seed, self.counts, self.process = seed, {}, None

    def start(self, seconds):
        self.seed += 1
        code = "import soak_node; soak_node.main(%r, %d, %d)" % (self.role, seconds, self.seed)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loss", type=float, default=0.02)
    parser.add_argument("--speed", type=float, default=1.0, help="of the air's clock")
    args = parser.parse_args()
    binary = harness.micropython(args.build)
    air = harness.Air(2, None, ["--public", "--loss", str(args.loss), "--seed", str(args.seed),
                                "--speed", str(args.speed)])
    sides = [Side(role, binary, place, args.seed * 1000000)
             for role, place in zip(("peripheral", "central"), air.places)]
    try:
        run(sides, args.seconds)
    finally:
        for side in sides:
            side.process.stop()
        air.stop()
    for side in sides:
        print("%-10s" % side.role, ", ".join("%d %s" % (n, what)
                                             for what, n in sorted(side.counts.items())))
        print("%-10s" % "", side.output[-2] if len(side.output) > 1 else "")
    print("soak: seed %d, %d s, %d %% loss, %d connections, %d activations, nothing left behind"
          % (args.seed, args.seconds, round(100 * args.loss), sides[1].counts["connections"],
             sum(side.counts["activations"] for side in sides)))
    return 0


if __name__ == "__main__":
    harness.guarded(main)
