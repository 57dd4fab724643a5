#!/usr/bin/env python3
"""Print what Bluetooth adds to firmware, board by board, and keep docs/SIZE.md.

Each board is built with the Rust backend and without Bluetooth; the difference in flash and
in static RAM is what it costs, MicroPython's own modbluetooth.c included. Boards whose
sources are not at hand are left out and keep their last line in the table. Heap is measured on
an emulated board, and for others that and what their host differs by.
"""

import argparse
import functools
import os
import re
import subprocess
import sys

import fetch
import firmware
import patching
import rust
import stack
import tree

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "..", "docs", "SIZE.md")

# Board -> goals for flash and static RAM, or None.
BOARDS = {
    "RPI_PICO": None,
    "RPI_PICO_W": (55000, 7000),
    "RPI_PICO2_W": (52000, 7000),
    "NUCLEO_WB55": (38000, 7000),
    "QEMU_F405": (38000, 7000),
    "PYBD_SF2": None,
    "MPS2_AN385": None,
}

# Boards that have another backend otherwise: a variant that has none.
WITHOUT = "no_ble"
WITHOUT_CMAKE = """set(MICROPY_PY_BLUETOOTH OFF)
set(MICROPY_BLUETOOTH_BTSTACK OFF)
set(MICROPY_BLUETOOTH_NIMBLE OFF)
set(MICROPY_PY_BLUETOOTH_CYW43 OFF)
include(${MICROPY_BOARD_DIR}/mpconfigvariant.cmake OPTIONAL)
include_directories(SYSTEM ${MICROPY_DIR}/lib/pico-sdk/src/rp2_common/pico_cyw43_driver/include)
"""
WITHOUT_MK = """MICROPY_PY_BLUETOOTH = 0
MICROPY_BLUETOOTH_NIMBLE = 0
MICROPY_BLUETOOTH_BTSTACK = 0
"""

# Where multitests/ble_heap.py measures heap: any release has what this board needs.
EMULATED, MACHINE = "MPS2_AN385", "qemu"
HEAP = re.compile(r"active\(True\) takes (\d+) bytes of heap")


class Image:
    """Sections and symbols of an ELF file."""

    def __init__(self, path):
        self.path = path
        self.flash = self.ram = 0
        for line in run("arm-none-eabi-size", "-A", "-d", path).splitlines():
            m = re.match(r"(\S+)\s+(\d+)\s+(\d+)$", line)
            if m and not m.group(1).startswith((".debug", ".comment", ".ARM.attributes")):
                self.add(m.group(1), int(m.group(2)))
        self.symbols = {}
        self.initialised = []  # Rust's variables that are not zeros: in flash and in RAM.
        for line in run("arm-none-eabi-nm", "-S", "-C", path).splitlines():
            m = re.match(r"[0-9a-f]+ ([0-9a-f]+) (\w) (.+)$", line)
            if m:
                name, kind = m.group(3), "RAM" if m.group(2) in "bBdD" else "flash"
                if m.group(2) in "dD" and "::" in name:
                    self.initialised.append(name)
                old = self.symbols.get((name, kind), 0)
                self.symbols[name, kind] = old + int(m.group(1), 16)

    def add(self, name, size):
        if name in (".heap", ".stack", ".stack_dummy", "._user_heap_stack") or "heap" in name:
            return
        if "bss" in name:
            self.ram += size
        else:
            self.flash += size
            if "data" in name and "rodata" not in name:
                self.ram += size

    @functools.cached_property
    def structs(self):
        """{name: bytes} of the structs; of several with one name, the largest."""
        info = run("arm-none-eabi-readelf", "--debug-dump=info", self.path)
        sizes = {}
        for name, size in re.findall(r"DW_TAG_structure_type\)\n.*DW_AT_name .*: (\w+)\n"
                                     r".*DW_AT_byte_size *: (\d+)\n", info):
            sizes[name] = max(int(size), sizes.get(name, 0))
        return sizes

    def panics(self):
        """How many calls there are of what panics."""
        code = run("arm-none-eabi-objdump", "-d", "-C", "--no-show-raw-insn", self.path)
        return len(re.findall(r"(?m)\tbl?(?:\.w|x)?\t[0-9a-f]+ <core::(?:panicking::|.*fail)", code))


def run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout


def measure(args, board):
    """(image with Bluetooth, image without)"""
    args.board, args.make, args.name = board, [], ""
    args.variant = firmware.VARIANT
    rust_elf = firmware.compile_board(args)
    folder = os.path.join(os.path.dirname(os.path.dirname(rust_elf)), "boards", board)
    args.variant, args.name = "", "base"
    if board == "MPS2_AN385":
        args.variant, args.make = firmware.VARIANT, ["MICROPY_PY_BLUETOOTH=0"]
    elif board not in ("RPI_PICO", "QEMU_F405"):
        args.variant = WITHOUT
        tree.write(os.path.join(folder, "mpconfigvariant_%s.cmake" % WITHOUT), WITHOUT_CMAKE.encode())
        tree.write(os.path.join(folder, "mpconfigvariant_%s.mk" % WITHOUT), WITHOUT_MK.encode())
    return Image(rust_elf), Image(firmware.compile_board(args))


def emulated_heap(args):
    """(bytes that active(True) takes, those of the host itself) on EMULATED"""
    script = os.path.join(HERE, "..", "multitests")
    argv = [sys.executable, os.path.join(script, "emulate.py"), "--machine", MACHINE, "--machine", MACHINE,
            "--mpy-dir", args.dir, "--version", args.version, "--cache", args.cache,
            "--build", args.build, os.path.join(script, "ble_heap.py")]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    found = HEAP.search(done.stdout)
    if done.returncode != 0 or not found:
        raise fetch.Failure(done.stdout.strip().splitlines()[-1])
    args.board, args.make, args.name, args.variant = EMULATED, [], "", firmware.VARIANT
    return int(found.group(1)), Image(firmware.compile_board(args)).structs["Host"]


def report(board, image, base, emulated):
    """The line of the table; prints the rest."""
    flash, ram = image.flash - base.flash, image.ram - base.ram
    depths = stack.analyse(image.path)
    deepest, _, path = max(depths.entries())
    goal = BOARDS[board]
    print("\n%s: %d bytes of flash, %d of static RAM%s; stack %d"
          % (board, flash, ram, " (goal %d, %d)" % goal if goal else "", deepest))
    print("  deepest: " + " > ".join(depths.functions[at].name for at in path))
    for line in depths.doubts():
        print("  " + line)
    active, host = emulated
    heap, link = active + image.structs["Host"] - host, image.structs["Link"]
    print("  heap: active(True) takes %d, in which each link that there is room for has %d" % (heap, link))
    panics = image.panics()
    print("  %d calls of core::panicking" % panics)
    growth = {key: size - base.symbols.get(key, 0) for key, size in image.symbols.items()}
    for (name, kind), size in sorted(growth.items(), key=lambda item: -item[1])[:20]:
        print("  %6d %-5s %s" % (size, kind, name[:90]))
    goals = ("%d" % goal[0], "%d" % goal[1]) if goal else ("", "")
    return "| %s | %d | %s | %d | %s | %d | %d | %d | %d |" % (
        board, flash, goals[0], ram, goals[1], heap, link, deepest, panics)


def update(lines):
    """Replace the boards' lines in the table."""
    with open(TABLE) as f:
        text = f.read()
    for line in lines:
        board = line.split("|")[1].strip()
        pattern = r"(?m)^\| %s \|.*$" % board
        if re.search(pattern, text):
            text = re.sub(pattern, lambda _: line, text, count=1)
        else:
            text = re.sub(r"(?m)^(\| --- .*\n)", lambda m: m.group(1) + line + "\n", text, count=1)
    with open(TABLE, "w") as f:
        f.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", default="", help="a MicroPython checkout; it stays as it is")
    parser.add_argument("--version", default="", help="a release to fetch instead")
    parser.add_argument("--cache", default=".cache", help="folder for what is fetched")
    parser.add_argument("--build", default="build", help="folder for what is built")
    parser.add_argument("boards", nargs="*")
    args = parser.parse_args()
    boards = args.boards or (list(BOARDS) if args.dir else ["RPI_PICO", "MPS2_AN385"])
    lines = []
    try:
        emulated = emulated_heap(args)
    except fetch.Failure as reason:
        sys.exit("heap cannot be measured: %s" % reason)
    for board in boards:
        try:
            image, base = measure(args, board)
            if image.initialised:
                sys.exit("%s: not zeros at the start: %s" % (board, ", ".join(image.initialised)))
            lines.append(report(board, image, base, emulated))
        except (fetch.Failure, tree.Failure, patching.Mismatch, rust.Failure) as reason:
            print("%s: left out: %s" % (board, reason), file=sys.stderr)
    update(lines)
    print()
    print("\n".join(lines))
    sys.exit(0 if len(lines) == len(boards) else 1)


if __name__ == "__main__":
    main()
