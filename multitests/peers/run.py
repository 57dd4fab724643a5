#!/usr/bin/env python3
"""Runs MicroPython on our host against Bumble's host, over our virtual air or
RootCanal's controllers. The last line says how many tests passed and failed."""

import argparse
import asyncio
import fnmatch
import os
import shutil
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bumble_peer
import harness

# Each registers its tests.
import test_gap  # noqa: F401
import test_gatt_client  # noqa: F401
import test_gatt_server  # noqa: F401
import test_l2cap  # noqa: F401
import test_pairing  # noqa: F401


def main():
    options = arguments()
    chosen = [test for test in harness.TESTS if selected(test, options)]
    if options.list:
        for name, *_ in chosen:
            print(name)
        return 0
    warnings = bumble_peer.Warnings()
    failed = 0
    for test in chosen:
        failed += not asyncio.run(run_one(test, options, warnings))
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", help="MicroPython with the Rust host")
    parser.add_argument("--air", help="the program ble-air")
    parser.add_argument("--link", choices=harness.LINKS, default="air")
    parser.add_argument(
        "--snoop",
        metavar="DIR",
        default="build/captures/peers",
        help="where captures of tests that fail are kept (%(default)s)",
    )
    parser.add_argument("--all", action="store_true", help="the slow tests as well")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("-v", "--verbose", action="store_true", help="show all lines")
    parser.add_argument("names", nargs="*", help="names or patterns of tests")
    return parser.parse_args()


def selected(test, options):
    name, slow = test.name, test.slow
    if options.link not in test.links:
        return False
    if options.names:
        return any(
            name == pattern or fnmatch.fnmatchcase(name, pattern)
            for pattern in options.names
        )
    return options.all or not slow


async def run_one(test, options, warnings):
    lines = []
    captures = os.path.join(options.snoop, test.name)
    shutil.rmtree(captures, ignore_errors=True)
    os.makedirs(captures)

    def log(line):
        lines.append(line)
        if options.verbose:
            print(line, flush=True)

    # What Bumble's callbacks raise belongs to the test.
    warnings.log = log
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: log(f"  bumble: {context}"))
    started = time.monotonic()
    pair = harness.Pair(options, log, captures)
    reason = None
    try:
        async with asyncio.timeout(test.timeout):
            await test.function(pair, **test.arguments)
    except TimeoutError:
        reason = f"not done in {test.timeout} s"
        log(traceback.format_exc())
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        log(traceback.format_exc())
    finally:
        await pair.close()
    spent = time.monotonic() - started
    if reason is None:
        shutil.rmtree(captures, ignore_errors=True)
        print(f"pass  {test.name}  {spent:.2f} s", flush=True)
        return True
    if not options.verbose:
        print("\n".join(lines[-40:]))
    print(f"FAIL  {test.name}: {reason}; captures in {captures}", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
