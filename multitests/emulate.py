#!/usr/bin/env python3
"""Run multi-instance tests on emulated boards, as run.py does on processes.

The first instance of a test runs on the first of --machine, the second on the second, and
so on from the start. `unix` is a machine too. Ends with a line `N passed, N failed`.
"""

import argparse
import os
import shutil
import subprocess
import sys

import harness
import run
from harness import HERE, REPO, Failure

FIRMWARE = os.path.join(REPO, "micropython-port", "firmware.py")
RP2040 = os.path.join(REPO, "micropython-port", "emulator", "rp2040")
SERIAL = "pyserial==3.5"

QEMU = "qemu-system-arm -nographic -monitor null -semihosting -serial pty"

# These have a file system, and need what our tests import.
RP2040_RUN = RP2040 + "/run.py {elf} --warm-up {script} --file " + os.path.join(HERE, "ble_node.py")

# Name -> board, and the command that starts it, with its REPL on a pseudo terminal.
MACHINES = {
    "qemu": ("MPS2_AN385", QEMU + " -machine mps2-an385 -serial {hci} -kernel {elf}"),
    "qemu-m7": ("MPS2_AN500", QEMU + " -machine mps2-an500 -serial {hci} -kernel {elf}"),
    "stm32": ("QEMU_F405", QEMU + " -machine netduinoplus2 -serial {hci} -kernel {elf}"),
    "rp2040": ("RPI_PICO", "{python} " + RP2040_RUN + " --hci {hci}"),
    "picow": ("RPI_PICO_W", "{python} " + RP2040_RUN + " --cyw43 --hci {hci}"),
}

# What of MicroPython's tests an emulated board cannot keep up with.
LEFT_OUT = {}


def elf(args, board):
    argv = [sys.executable, FIRMWARE, "--dir", args.mpy_dir, "--version", args.version,
            "--cache", args.cache, "--build", args.build, board]
    log = os.path.join(args.build, "firmware-%s.log" % board)
    os.makedirs(args.build, exist_ok=True)
    with open(log, "wb") as f:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=f)
    if done.returncode != 0:
        with open(log) as f:
            last = f.read().strip().splitlines()[-1:]
        raise Failure("%s (all of it: %s)" % (" ".join(last), log))
    return done.stdout.decode().split()[-1]


def prepare_emulator(machine):
    if machine in ("qemu", "qemu-m7", "stm32"):
        if not shutil.which("qemu-system-arm"):
            raise Failure("qemu-system-arm is missing: apt-get install qemu-system-arm")
    elif not os.path.isdir(os.path.join(RP2040, "node_modules", "rp2040js")):
        if not shutil.which("npm"):
            raise Failure("npm is missing: it comes with Node.js")
        done = subprocess.run(["npm", "install", "--silent", "--no-package-lock", "--no-save"],
                              cwd=RP2040, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise Failure("npm cannot install rp2040js")


class Runner(run.Runner):
    """Starts instances on emulators."""

    def __init__(self, args):
        self.commands = []
        for machine in args.machine:
            if machine == "unix":
                self.commands.append(None)
                continue
            if machine not in MACHINES:
                raise Failure("no machine %s: %s" % (machine, ", ".join(MACHINES)))
            prepare_emulator(machine)
            board, command = MACHINES[machine]
            self.commands.append(command.format(elf=elf(args, board), python=sys.executable, hci="{hci}",
                                                script="{script}"))
        self.python = harness.venv(args.cache, SERIAL)
        self.binary = harness.micropython(args.build) if None in self.commands else None
        self.tree = self.find_tree(args)
        self.link, self.cache = args.link, args.cache
        self.captures = os.path.abspath(os.path.join(args.build, "captures"))

    def find_tree(self, args):
        for command in self.commands:
            if command:
                path = next(word for word in command.split() if word.endswith(".elf"))
                return path[:path.index("/ports/")]
        return harness.micropython_tree(args.build)

    @property
    def script(self):
        """What the boards are to be quick at."""
        return os.path.join(self.tree, "tests", "multi_bluetooth", "ble_l2cap.py")

    def instance(self, index, place):
        command = self.commands[index % len(self.commands)]
        if command is None:
            return super().instance(index, place)
        attached = os.path.join(HERE, "attached.py")
        prefix = "port" if self.takes("--test-instance") else "pyb"  # Since 1.27.
        return "%s:execpty:%s %s %s" % (prefix, sys.executable, attached,
                                        command.format(hci=place, script=self.script))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", action="append", default=[], help=", ".join(MACHINES))
    parser.add_argument("--mpy-dir", default="", help="a MicroPython checkout")
    parser.add_argument("--version", default="", help="a release to fetch instead")
    parser.add_argument("--build", default="build")
    parser.add_argument("--cache", default=".cache")
    parser.add_argument("--link", default="air")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--attempts", type=int, default=1,
                        help="of each test: its time limits are real, emulated boards slow")
    parser.add_argument("tests", nargs="*", help="files; default: MicroPython's")
    args = parser.parse_args()
    args.machine = args.machine or ["qemu", "qemu"]
    if args.mpy_dir:
        args.mpy_dir = os.path.abspath(args.mpy_dir)
    runner = Runner(args)
    print("%s, on %s" % (" and ".join(args.machine), os.path.basename(runner.tree)), flush=True)
    return run.run_all(runner, args.tests or run.UPSTREAM, args.runs, args.attempts)


if __name__ == "__main__":
    harness.guarded(main)
