#!/usr/bin/env python3
"""Tests of the mailbox of an STM32WB on this machine, with a model of its second core: the
patched rfcore.c and mpbthciport.c of each release that was fetched, and c-glue/board/uart.c."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import fetched
import patching
import tree

HERE = os.path.join(tree.HERE, "mailbox")
PORT_FILES = ("ports/stm32/rfcore.c", "ports/stm32/mpbthciport.c")
GLUE = "extmod/rust_ble/c-glue"
FLAGS = ["-std=gnu99", "-Wall", "-Werror", "-Wno-unused-variable", "-Wno-format", "-g",
         "-fsanitize=address,undefined", "-fno-sanitize=nonnull-attribute"]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def compile_for(source, folder):
    """The test program, with what the release has."""
    changed = patching.apply_all(source, os.path.join(tree.HERE, "patches"), {})
    for path in PORT_FILES:
        if path not in changed:
            with open(os.path.join(source, path)) as f:
                changed[path] = f.read()
        write(os.path.join(folder, os.path.basename(path)), changed[path])
    shutil.copytree(os.path.join(tree.REPO, "c-glue"), os.path.join(folder, GLUE))
    shutil.copy(os.path.join(HERE, "mailbox.c"), folder)
    units = [os.path.join(folder, name) for name in ("mailbox.c", "mpbthciport.c", GLUE + "/board/uart.c")]
    for unit in units + [os.path.join(folder, "rfcore.c")]:
        stand_in(unit, folder)
    out = os.path.join(folder, "mailbox")
    subprocess.run(["gcc"] + FLAGS + ["-I", folder, "-I", HERE, "-o", out] + units, check=True)
    return out


def stand_in(unit, folder):
    """port.h under the name of each header that is not here."""
    with open(unit) as f:
        names = re.findall(r'(?m)^#include "([^"]+)"', f.read())
    for name in names:
        if not any(os.path.exists(os.path.join(at, name)) for at in (os.path.dirname(unit), folder)):
            write(os.path.join(folder, name), '#include "%s"\n' % os.path.join(HERE, "port.h"))


class Mailbox(unittest.TestCase):
    def test_mailbox(self):
        sources = fetched.releases()
        for source in sources:
            with tempfile.TemporaryDirectory() as folder:
                program = compile_for(source, folder)
                names = subprocess.run([program], stdout=subprocess.PIPE, check=True,
                                       universal_newlines=True).stdout.split()
                for name in names:
                    with self.subTest(name, release=os.path.basename(source)):
                        done = subprocess.run([program, name], stdout=subprocess.PIPE,
                                              stderr=subprocess.STDOUT, universal_newlines=True)
                        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    fetched.main()
