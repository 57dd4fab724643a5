#!/usr/bin/env python3
"""Tests of the flags and sizes that firmware is built with."""

import os
import shutil
import subprocess
import tempfile
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


class Sizes(unittest.TestCase):
    """A board's sizes come to cargo, whichever tool builds the port."""
    here = os.path.dirname(os.path.abspath(__file__))

    def given(self, *command, text):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
            script.write(text.format(here=self.here))
            script.flush()
            out = subprocess.run([*command, script.name], check=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, universal_newlines=True).stdout
        return sorted(out.replace(";", " ").split())

    @unittest.skipUnless(shutil.which("cmake"), "cmake is missing")
    def test_make_and_cmake_give_the_same(self):
        for cyw43 in ("1", "0"):
            made = self.given(
                "make", "-sf", text="MICROPY_BLUETOOTH_RUST_MAX_BONDS = 3\n"
                "MICROPY_PY_NETWORK_CYW43 = %s\n"
                "include {here}/variant.mk\nall:\n\t@echo $(RUST_BLE_ENV)\n" % cyw43)
            self.assertGreater(len(made), 10)
            self.assertIn("RUST_BLE_MAX_BONDS=3", made)
            self.assertIn("RUST_BLE_DATA_LENGTH=%d" % (cyw43 == "0"), made)
            self.assertEqual(made, self.given(
                "cmake", "-P", text="set(MICROPY_BLUETOOTH_RUST_MAX_BONDS 3)\n"
                "set(MICROPY_PY_NETWORK_CYW43 %s)\n"
                "include({here}/variant.cmake)\nmessage(\"${{RUST_BLE_ENV}}\")\n" % cyw43))

    @unittest.skipUnless(shutil.which("cmake"), "cmake is missing")
    def test_those_of_the_board_s_header_are_taken(self):
        with tempfile.TemporaryDirectory() as board:
            with open(os.path.join(board, "mpconfigboard.h"), "w") as f:
                f.write("#define MICROPY_BLUETOOTH_RUST_MAX_LINKS (2)\n"
                        "#define MICROPY_BLUETOOTH_RUST_MAX_BONDS 3 // Few.\n")
            made = self.given(
                "make", "-sf", text="MICROPY_BLUETOOTH_RUST_MAX_BONDS = 1\nBOARD_DIR = %s\n"
                "include {here}/sizes.mk\nall:\n\t@echo $(RUST_BLE_ENV)\n" % board)
            self.assertIn("RUST_BLE_MAX_LINKS=2", made)
            self.assertIn("RUST_BLE_MAX_BONDS=1", made)
            self.assertEqual(made, self.given(
                "cmake", "-P", text="set(MICROPY_BLUETOOTH_RUST_MAX_BONDS 1)\n"
                "set(MICROPY_BOARD_DIR %s)\n"
                "include({here}/sizes.cmake)\nmessage(\"${{RUST_BLE_ENV}}\")\n" % board))


if __name__ == "__main__":
    unittest.main()
