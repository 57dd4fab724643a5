#!/usr/bin/env python3
"""Run multi-instance tests with MicroPython's own run-multitests.py, unmodified.

One test at a time, each instance a MicroPython process on a controller of its
own. Ends with a line `N passed, N failed`.
"""

import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

import harness
from harness import HERE, Failure

UPSTREAM = [
    "ble_characteristic", "ble_descriptor", "ble_gap_advertise", "ble_gap_connect",
    "ble_gap_device_name", "ble_gap_pair", "ble_gap_pair_bond", "ble_gatt_data_transfer",
    "ble_gattc_discover_services", "ble_irq_calls", "ble_l2cap", "ble_mtu",
    "ble_mtu_peripheral", "ble_subscribe", "perf_gatt_char_write", "perf_gatt_notify",
    "perf_l2cap",
]
LIMIT_S = 120


def test_files(names, tree):
    upstream = os.path.join(tree, "tests", "multi_bluetooth")
    if not names:
        ours = sorted(glob.glob(os.path.join(HERE, "ble_*.py.exp")))
        return [os.path.join(upstream, name + ".py") for name in UPSTREAM] + [
            path[:-len(".exp")] for path in ours]
    files = []
    for name in names:
        places = [name, os.path.join(upstream, name), os.path.join(upstream, name + ".py"),
                  os.path.join(tree, "tests", name)]
        found = [place for place in places if os.path.isfile(place)]
        if not found:
            raise Failure("no such test: %s" % name)
        files.append(os.path.abspath(found[0]))
    return files


def instances(path):
    with open(path) as f:
        numbers = re.findall(r"(?m)^def instance([0-9]+)\(\):", f.read())
    if not numbers:
        raise Failure("%s has no instance0()" % path)
    return 1 + max(map(int, numbers))


def only_on_air(path):
    """Whether a test needs more than other controllers give; it says why."""
    with open(path) as f:
        return "\n# Only on our air:" in f.read()


class Runner:
    python = sys.executable

    def __init__(self, args):
        self.tree = harness.micropython_tree(args.build)
        self.binary = harness.micropython(args.build)
        self.link, self.cache = args.link, args.cache
        self.captures = os.path.abspath(os.path.join(args.build, "captures"))

    def instance(self, index, place):
        """How run-multitests.py starts an instance that uses the controller at place."""
        return "exec:%s,MICROPYBTUART=%s" % (self.binary, place)

    def takes(self, option):
        """Whether the run-multitests.py of this release has an option."""
        with open(os.path.join(self.tree, "tests", "run-multitests.py")) as f:
            return '"%s"' % option in f.read()

    def run(self, path):
        """(outcome, output) of one test."""
        count = instances(path)
        if self.link != "air" and only_on_air(path):
            return "skip", ""
        snoop = os.path.join(self.captures, os.path.basename(path)[:-3])
        controllers = harness.controllers(self.link, count, self.cache, snoop)
        with tempfile.TemporaryDirectory(prefix="multitests-") as results:
            argv = [self.python, "run-multitests.py"]
            if self.takes("--result-dir"):  # Since 1.26.
                argv += ["-r", results]
            instance = "-t" if self.takes("--test-instance") else "-i"  # Since 1.27.
            for i, place in enumerate(controllers.places):
                argv += [instance, self.instance(i, place)]
            argv.append(path)
            try:
                done = subprocess.run(argv, cwd=os.path.join(self.tree, "tests"), timeout=LIMIT_S,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL)
                output, status = done.stdout, done.returncode
            except subprocess.TimeoutExpired as late:
                output, status = (late.stdout or b"") + b"\nno end within %d s\n" % LIMIT_S, 1
            finally:
                controllers.stop()
        output = output.decode("utf-8", "replace")
        if re.search(r"(?m)(: |^)skip$", output):
            return "skip", output
        return ("pass" if status == 0 and re.search(r"(?m)(: |^)pass$", output) else "FAIL"), output


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--cache", default=".cache")
    parser.add_argument("--link", default="air", help="air, rootcanal or bumble")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("tests", nargs="*", help="files; default: MicroPython's and ours")
    args = parser.parse_args()
    return run_all(Runner(args), args.tests, args.runs)


def run_all(runner, tests, runs, attempts=1):
    """Runs the tests, each until it passes or all attempts are used; says which needed more
    than one."""
    files = test_files(tests, runner.tree)
    passed = failed = skipped = again = 0
    for number in range(runs):
        if runs > 1:
            print("run %d of %d" % (number + 1, runs), flush=True)
        for path in files:
            print("%-36s" % os.path.basename(path), end=" ", flush=True)
            for attempt in range(attempts):
                outcome, output = runner.run(path)
                if outcome != "FAIL":
                    break
                if attempt + 1 < attempts:
                    print("FAIL\n%s\n%-36s" % (output, "once more"), end=" ", flush=True)
                    again += 1
            metrics = re.findall(r"(?m)^\S+\.py: (.*)$", output) if outcome == "pass" else []
            print(outcome, *["- " + line for line in metrics], flush=True)
            passed += outcome == "pass"
            failed += outcome == "FAIL"
            skipped += outcome == "skip"
            if outcome == "FAIL":
                print(output, flush=True)
    print("%d passed, %d failed%s%s" % (
        passed, failed, ", %d skipped" % skipped if skipped else "",
        ", %d of the attempts repeated" % again if again else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    harness.guarded(main)
