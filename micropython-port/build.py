#!/usr/bin/env python3
"""Build MicroPython's unix port with the Rust backend, out of the user's tree.

Takes a checkout (--dir) or fetches a release, makes a patched working copy
below the build folder, and builds there. Prints the path of the binary.
"""

import argparse
import os
import subprocess
import sys
import zlib

import fetch
import patching
import tree

VARIANT = "rust_ble"

# As MicroPython's own CI does it; the Rust half is built with AddressSanitizer too.
SANITIZERS = ("-fsanitize=address,undefined -fno-sanitize=nonnull-attribute"
              " --param asan-use-after-return=0")


def say(text):
    print(text, file=sys.stderr, flush=True)


def source(args):
    """(unmodified source tree, working copy)"""
    if args.dir:
        root = os.path.abspath(args.dir)
        name = "user-%08x" % zlib.crc32(root.encode())
    else:
        root = fetch.fetch(args.cache, args.version)
        name = os.path.basename(root)
    return root, os.path.join(os.path.abspath(args.build), name)


def make(build_folder, folder, *args):
    jobs = "-j%d" % (os.cpu_count() or 1)
    done = subprocess.run(["make", "--no-print-directory", "-C", folder, jobs] + list(args),
                          stdout=sys.stderr, env=environment(build_folder))
    if done.returncode != 0:
        raise tree.Failure("make failed in %s, see above" % os.path.relpath(folder))


def environment(build_folder):
    """Ours, without what is not meant for MicroPython's make."""
    env = {name: value for name, value in os.environ.items()
           if name not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "BUILD", "BOARD", "BOARD_VARIANT")}
    # MicroPython asks git for its version; ours is not it.
    env["GIT_CEILING_DIRECTORIES"] = os.path.realpath(build_folder)
    return env


def build(args):
    root, copy = source(args)
    say("MicroPython %s in %s" % (tree.check(root, quiet=True), os.path.relpath(copy)))
    tree.prepare(root, copy, ["unix"])
    # Both from one make would build mpy-cross twice at the same time.
    make(args.build, os.path.join(copy, "mpy-cross"))
    out, options, where = "build-" + VARIANT, [], os.path.abspath(args.build)
    if args.sanitize:
        out, where = out + "-sanitize", os.path.join(where, "sanitize")
        options = ["CFLAGS_EXTRA=" + SANITIZERS, "LDFLAGS_EXTRA=" + SANITIZERS,
                   "RUST_BLE_SANITIZE=address", "STRIP="]
        os.makedirs(where, exist_ok=True)
    make(args.build, os.path.join(copy, "ports", "unix"), "VARIANT=" + VARIANT, "BUILD=" + out, *options)
    link(copy, os.path.join(where, "micropython-tree"))
    return os.path.join(copy, "ports", "unix", out, "micropython")


def link(target, name):
    """Where scripts find the working copy that was built last."""
    temporary = name + ".new"
    if os.path.lexists(temporary):
        os.remove(temporary)
    os.symlink(target, temporary)
    os.replace(temporary, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", default="", help="a MicroPython checkout; it stays as it is")
    parser.add_argument("--version", default="", help="a release to fetch instead")
    parser.add_argument("--cache", default=".cache", help="folder for what is fetched")
    parser.add_argument("--build", default="build", help="folder for what is built")
    parser.add_argument("--sanitize", action="store_true",
                        help="with AddressSanitizer and UndefinedBehaviorSanitizer")
    args = parser.parse_args()
    try:
        print(build(args))
    except (fetch.Failure, tree.Failure, patching.Mismatch) as reason:
        sys.exit("build: %s" % reason)
    except OSError as error:
        sys.exit("build: %s: %s" % (error.filename, error.strerror))


if __name__ == "__main__":
    main()
