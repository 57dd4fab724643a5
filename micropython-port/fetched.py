"""For tests: the MicroPython releases that were fetched."""

import argparse
import glob
import os
import sys
import unittest

cache = ".cache"


def releases():
    """Their folders, the oldest first."""
    found = sorted(glob.glob(os.path.join(cache, "micropython-*.*.*")))
    if not found:
        raise AssertionError("nothing was fetched")
    return found


def main():
    """Runs the tests of the program; --cache says where the releases are."""
    global cache
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", default=cache)
    args, rest = parser.parse_known_args()
    cache = args.cache
    unittest.main(argv=[sys.argv[0]] + rest)
