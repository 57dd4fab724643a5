#!/usr/bin/env python3
"""Two MicroPython processes on the virtual air: a temperature sensor and a central."""

import argparse
import os
import selectors
import subprocess
import time

import harness
from harness import REPO, Failure, Process

LIMIT_S = 60
EXAMPLES = os.path.join(REPO, "docs", "examples")


def start(binary, place, code):
    env = {"MICROPYBTUART": place, "MICROPYPATH": ".frozen:" + EXAMPLES}
    return Process([binary, "-c", code], env=env, stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def show(sides, central):
    """Prints what each side prints, until the central ends."""
    selector = selectors.DefaultSelector()
    for name, process in sides.items():
        selector.register(process.popen.stdout, selectors.EVENT_READ, name)
    begin = time.monotonic()
    while central.popen.poll() is None or selector.select(0.3):
        if time.monotonic() > begin + LIMIT_S:
            raise Failure("demo: the central did not end within %d s" % LIMIT_S)
        for key, _ in selector.select(0.2):
            line = key.fileobj.readline()
            if not line:
                selector.unregister(key.fileobj)
                continue
            text = line.decode("utf-8", "replace").rstrip()
            print("%6.2f  %-7s | %s" % (time.monotonic() - begin, key.data, text), flush=True)
        if central.popen.poll() is not None and central.popen.stdout not in [
                key.fileobj for key in selector.get_map().values()]:
            break


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    args = parser.parse_args()
    binary = harness.micropython(args.build)
    captures = os.path.abspath(os.path.join(args.build, "captures", "demo"))
    air = harness.Air(2, captures)
    print("A virtual air with two controllers, a MicroPython on each.", flush=True)
    sensor = start(binary, air.places[0], "import temperature_sensor; temperature_sensor.main()")
    central = start(binary, air.places[1], "import temperature_central; temperature_central.main()")
    show({"sensor": sensor, "central": central}, central)
    status = central.popen.wait(5)
    sensor_status = sensor.popen.poll()
    sensor.stop()
    air.stop()
    for node in ("node-0", "node-1"):
        print("HCI capture for Wireshark: %s" % os.path.join(captures, node + ".btsnoop"))
    if sensor_status is not None:
        raise Failure("demo: the sensor ended early, with status %d" % sensor_status)
    if status != 0:
        raise Failure("demo: the central failed with status %d" % status)
    return 0


if __name__ == "__main__":
    harness.guarded(main)
