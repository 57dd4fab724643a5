#!/usr/bin/env python3
"""A MicroPython prompt that is a node on a live air, with a sensor beside it."""

import argparse
import os
import subprocess
import sys

import demo
import harness


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    args = parser.parse_args()
    binary = harness.micropython(args.build)
    captures = os.path.abspath(os.path.join(args.build, "captures", "repl"))
    air = harness.Air(2, captures)
    # Nobody reads what the sensor prints.
    code = "import temperature_sensor as t; t.print = lambda *args: None; t.main()"
    sensor = demo.start(binary, air.places[1], code)
    print("A temperature sensor is in range. Try:")
    print("  import temperature_central; temperature_central.main()")
    print("Ctrl-D leaves. HCI capture: %s" % os.path.relpath(os.path.join(captures, "node-0.btsnoop")))
    sys.stdout.flush()
    env = dict(os.environ, MICROPYBTUART=air.places[0], MICROPYPATH=".frozen:" + demo.EXAMPLES)
    status = subprocess.call([binary], env=env)
    sensor.stop()
    air.stop()
    return status


if __name__ == "__main__":
    harness.guarded(main)
