#!/usr/bin/env python3
"""Build firmware with the Rust backend for a board, out of the user's tree.

Takes a checkout (--dir) or fetches a release, makes a patched working copy below the
build folder, and builds there. What the release leaves out and Debian packages (pico-sdk,
tinyusb, lwip, mbedtls) comes from there. Prints the path of the ELF file.
"""

import argparse
import glob
import os
import shutil
import subprocess
import sys

import build
import debian
import fetch
import patching
import rust
import tree

PORTS = ["qemu", "rp2", "stm32"]
VARIANT = "rust_ble"

# What a port needs of lib/, as Debian has it.
LIBRARIES = {"rp2": ["pico-sdk", "tinyusb", "lwip", "mbedtls"]}

# Programs: what they are for, and the package that has them.
PROGRAMS = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib",
    "cmake": "cmake",
}


def compile_board(args):
    root, copy = build.source(args)
    copy += "-firmware"
    version = tree.check(root, quiet=True)
    port = port_of(root, args.board)
    check_submodules(root, port, args.board)
    check_programs(port)
    build.say("MicroPython %s for %s in %s" % (version, args.board, os.path.relpath(copy)))
    tree.prepare(root, copy, PORTS)
    link_libraries(root, copy, port, args.cache)
    if not os.path.exists(os.path.join(copy, "mpy-cross/build/mpy-cross")):
        build.make(args.build, os.path.join(copy, "mpy-cross"))
    folder = os.path.join(copy, "ports", port)
    options, environment = settings(copy, port, args)
    name = "build-" + args.board + ("-" + args.variant if args.variant else "")
    if args.name:
        name += "-" + args.name
    options += ["BOARD=" + args.board, "BUILD=" + name]
    if args.variant:
        options.append("BOARD_VARIANT=" + args.variant)
    run_make(folder, options + args.make, environment)
    out = os.path.join(folder, name)
    if port == "rp2":
        make_uf2(copy, out)
    return os.path.join(out, "firmware.elf")


def port_of(root, board):
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ports")
    for port in PORTS:
        for top in (os.path.join(root, "ports"), here):
            if glob.glob(os.path.join(top, port, "boards", board, "mpconfigboard.*")):
                return port
    raise tree.Failure("no port has a board %s" % board)


def check_submodules(root, port, board):
    """What is in no registry must be there."""
    needed = []
    if port == "stm32":
        needed.append("stm32lib")
    elif port == "rp2":
        with open(os.path.join(root, "ports/rp2/boards", board, "mpconfigboard.cmake")) as f:
            needed += ["cyw43-driver"] * ("CYW43" in f.read())
    for name in needed:
        place = os.path.join(root, "lib", name)
        if not os.path.isdir(place) or not os.listdir(place):
            raise tree.Failure("%s needs lib/%s, which is in no registry: say where a checkout with "
                               "submodules is, MPY_DIR=path" % (board, name))


def check_programs(port):
    for program, packages in PROGRAMS.items():
        if (program != "cmake" or port == "rp2") and not shutil.which(program):
            raise tree.Failure("%s is missing: apt-get install %s" % (program, packages))


def link_libraries(root, copy, port, cache):
    """Put what lib/ needs into the working copy without copying it."""
    for name in os.listdir(os.path.join(root, "lib")):
        source = os.path.join(root, "lib", name)
        if os.path.exists(os.path.join(source, ".git")) or is_submodule_export(source):
            link(source, os.path.join(copy, "lib", name))
    for name in LIBRARIES.get(port, []):
        place = os.path.join(copy, "lib", name)
        if not os.path.isdir(place) or not os.listdir(place):
            source = debian.fetch_source(os.path.abspath(cache), name)
            if name == "pico-sdk":
                complete_sdk(source)
            link(source, place)
    readme = os.path.join(copy, "lib", "micropython-lib", "README.md")
    if not os.path.exists(readme):
        tree.write(readme, b"")


def is_submodule_export(source):
    """A library that somebody unpacked in place of a submodule."""
    return os.path.basename(source) in ("stm32lib", "pico-sdk") and bool(os.listdir(source))


def link(source, place):
    if os.path.islink(place) and os.readlink(place) == source:
        return
    if os.path.islink(place):
        os.remove(place)
    elif os.path.isdir(place):
        shutil.rmtree(place)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    os.symlink(source, place)


def complete_sdk(sdk):
    """pico-sdk 2.2 moved a header to where MicroPython 1.26 does not look for it."""
    name = "pico/platform/common.h"
    source = os.path.join(sdk, "src/rp2_common/pico_platform_common/include", name)
    place = os.path.join(sdk, "src/common/pico_base_headers/include", name)
    if os.path.exists(source) and not os.path.exists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copy(source, place)
    tree.write(os.path.join(sdk, "README.md"), b"")


def settings(copy, port, args):
    options = []
    environment = build.environment(args.build)
    if port == "rp2":
        flags = []
        if not shutil.which("picotool"):
            flags.append("-DPICO_NO_PICOTOOL=1")
        # Debian's SDK prefers a C library that Debian's compiler does not come with.
        flags.append("-DPICO_CLIB=newlib")
        environment["CMAKE_ARGS"] = " ".join(flags)
        if not os.path.isdir(os.path.join(copy, "lib/micropython-lib/micropython")):
            manifest = os.path.join(copy, "ports/rp2/boards/manifest_minimal.py")
            tree.write(manifest, b'freeze("$(PORT_DIR)/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n')
            options.append("FROZEN_MANIFEST=" + manifest)
    return options, environment


def run_make(folder, options, environment):
    jobs = "-j%d" % (os.cpu_count() or 1)
    done = subprocess.run(["make", "--no-print-directory", "-C", folder, jobs] + options,
                          stdout=sys.stderr, env=environment)
    if done.returncode != 0:
        raise tree.Failure("make failed in %s, see above" % os.path.relpath(folder))


def make_uf2(copy, out):
    """The file to drop on the board, where picotool has not made it."""
    uf2 = os.path.join(out, "firmware.uf2")
    binary = os.path.join(out, "firmware.bin")
    if not shutil.which("picotool") and os.path.exists(binary):
        with open(os.path.join(out, "CMakeCache.txt")) as f:
            rp2350 = "rp2350" in f.read()
        family = "0xe48bff59" if rp2350 else "0xe48bff56"
        subprocess.run([sys.executable, os.path.join(copy, "tools/uf2conv.py"), "-b", "0x10000000",
                        "-f", family, "-c", "-o", uf2, binary], stdout=sys.stderr, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", default="", help="a MicroPython checkout; it stays as it is")
    parser.add_argument("--version", default="", help="a release to fetch instead")
    parser.add_argument("--cache", default=".cache", help="folder for what is fetched")
    parser.add_argument("--build", default="build", help="folder for what is built")
    parser.add_argument("--variant", default=VARIANT, help="board variant; empty for the board itself")
    parser.add_argument("--name", default="", help="keeps this build apart from others of the board")
    parser.add_argument("board")
    parser.add_argument("make", nargs="*", help="further arguments for make, as NAME=VALUE")
    args = parser.parse_args()
    try:
        print(compile_board(args))
    except (fetch.Failure, tree.Failure, patching.Mismatch, rust.Failure) as reason:
        sys.exit("firmware: %s" % reason)
    except OSError as error:
        sys.exit("firmware: %s: %s" % (error.filename, error.strerror))


if __name__ == "__main__":
    main()
