#!/usr/bin/env python3
"""Install, build, uninstall and compare, on each release at hand.

On a throw-away copy of each tree: unix with the backend after `install`; then `uninstall`
leaves the copy as it was. In a checkout with submodules, also boards with the backends that
MicroPython has itself are built after `install`. Ends with `N passed, N failed`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import build
import fetch
import firmware
import patching
import tree

RELEASES = ["1.25.0", "1.26.1"]

# Builds of what MicroPython has itself: the folders that they need, where, and how.
OTHERS = [
    (["lib/mynewt-nimble/nimble"], "unix",
     ["VARIANT=standard", "MICROPY_PY_BLUETOOTH=1", "MICROPY_BLUETOOTH_NIMBLE=1",
      "MICROPY_PY_SSL=0", "MICROPY_PY_FFI=0", "MICROPY_PY_BTREE=0"]),
    # Neither unix nor the STM32WB boards can be built with BTstack on H4.
    (["lib/btstack/src", "lib/stm32lib/CMSIS"], "stm32",
     ["BOARD=PYBD_SF6", "MICROPY_BLUETOOTH_NIMBLE=0", "MICROPY_BLUETOOTH_BTSTACK=1"]),
    (["lib/stm32lib/CMSIS"], "stm32", ["BOARD=NUCLEO_WB55"]),
]


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, ok):
        print("  %-44s %s" % (what, "ok" if ok else "FAILED"), flush=True)
        self.passed += bool(ok)
        self.failed += not ok


def check_tree(root, checks, log):
    print("MicroPython %s" % tree.check(root, quiet=True), flush=True)
    with tempfile.TemporaryDirectory(prefix="check-install-") as folder:
        copy = os.path.join(folder, "micropython")
        duplicate(root, copy)
        before = snapshot(copy)
        quietly("install", tree.install, copy, checks)
        make(copy, "mpy-cross", [], log)
        checks.check("build unix with the Rust backend",
                     make(copy, "ports/unix", ["VARIANT=rust_ble"], log))
        for needed, port, options in OTHERS:
            if all(os.path.isdir(os.path.join(copy, folder)) for folder in needed):
                name = next((o for o in options if o.endswith(("NIMBLE=1", "BTSTACK=1"))), options[0])
                checks.check("build %s, %s" % (port, name),
                             make(copy, "ports/" + port, options + ["BUILD=build-other"], log))
                shutil.rmtree(os.path.join(copy, "ports", port, "build-other"), ignore_errors=True)
        quietly("uninstall", tree.uninstall, copy, checks)
        clean(copy)
        checks.check("the tree is as it was", snapshot(copy) == before)


def duplicate(root, copy):
    """Without version control, and libraries as links."""
    shutil.copytree(root, copy, symlinks=True,
                    ignore=lambda at, names: [n for n in names if n == ".git" or
                                              n.startswith("build") and "ports" in at or
                                              os.path.exists(os.path.join(at, n, ".git"))])
    for name in os.listdir(os.path.join(root, "lib")):
        if os.path.exists(os.path.join(root, "lib", name, ".git")):
            firmware.link(os.path.join(root, "lib", name), os.path.join(copy, "lib", name))


def clean(copy):
    for port in os.listdir(os.path.join(copy, "ports")):
        for name in os.listdir(os.path.join(copy, "ports", port)):
            if name.startswith("build-"):
                shutil.rmtree(os.path.join(copy, "ports", port, name))
    shutil.rmtree(os.path.join(copy, "mpy-cross", "build"), ignore_errors=True)


def snapshot(root):
    """{path: content} of everything but what a build leaves behind."""
    files = {}
    for folder, names, leaves in os.walk(root):
        names[:] = [n for n in names if not n.startswith("build-") and n != "__pycache__" and
                    not (n == "build" and folder.endswith("mpy-cross"))]
        for leaf in leaves:
            path = os.path.join(folder, leaf)
            with open(path, "rb") as f:
                files[os.path.relpath(path, root)] = f.read()
    return files


def quietly(what, step, copy, checks):
    try:
        step(copy)
        checks.check(what, True)
    except (tree.Failure, patching.Mismatch) as reason:
        checks.check("%s: %s" % (what, reason), False)


def make(copy, folder, options, log):
    env = dict(build.environment(copy), PYTHONDONTWRITEBYTECODE="1")
    jobs = "-j%d" % (os.cpu_count() or 1)
    done = subprocess.run(["make", jobs, "-C", os.path.join(copy, folder)] + options,
                          stdout=log, stderr=log, env=env)
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", default="", help="a MicroPython checkout to check as well")
    parser.add_argument("--version", default="", help="only this release")
    parser.add_argument("--cache", default=".cache", help="folder for what is fetched")
    parser.add_argument("--build", default="build", help="folder for the log")
    args = parser.parse_args()
    os.makedirs(args.build, exist_ok=True)
    checks = Checks()
    with open(os.path.join(args.build, "check-install.log"), "wb") as log:
        try:
            trees = [fetch.fetch(args.cache, v) for v in ([args.version] if args.version else RELEASES)]
            for root in trees + ([os.path.abspath(args.dir)] if args.dir else []):
                check_tree(root, checks, log)
        except (fetch.Failure, tree.Failure) as reason:
            sys.exit("check-install: %s" % reason)
    print("%d passed, %d failed" % (checks.passed, checks.failed))
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
