#!/usr/bin/env python3
"""Tests of the flags that firmware is built with."""

import unittest
from unittest import mock

import rust


class Flags(unittest.TestCase):
    how = rust.Toolchain(["cargo"])

    def test_a_compiler_that_has_all_gets_all(self):
        flags = ["-Cllvm-args=-inline-threshold=15", "-Copt-level=z"]
        with mock.patch.object(rust, "SMALL_LAST", flags):
            self.assertEqual(rust.small_last(self.how), flags)

    def test_what_the_compiler_does_not_have_is_left_out(self):
        known = "-Cllvm-args=-inline-threshold=15"
        with mock.patch.object(rust, "SMALL_LAST", ["-Cllvm-args=-no-such-option", known]):
            self.assertEqual(rust.small_last(self.how), [known])


if __name__ == "__main__":
    unittest.main()
