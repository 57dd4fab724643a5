#!/usr/bin/env python3
"""Print what Bluetooth adds to firmware, board by board, and keep docs/SIZE.md.

Each board is built with the Rust backend and without Bluetooth; the difference in flash and
in static RAM is what it costs, MicroPython's own modbluetooth.c included. Boards whose
sources are not at hand are left out and keep their last line in the table.
"""

import argparse
import os
import re
import subprocess
import sys

import fetch
import firmware
import patching
import rust
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

FLASH = (".text", ".rodata", ".data", ".isr_vector", ".binary_info", ".ARM", ".boot2", ".flash")


class Image:
    """Sections and symbols of an ELF file."""

    def __init__(self, path):
        self.path = path
        self.flash = self.ram = 0
        for line in run("arm-none-eabi-size", "-A", "-d", path).splitlines():
            m = re.match(r"(\S+)\s+(\d+)\s+(\d+)$", line)
            if m and int(m.group(3)) and not m.group(1).startswith((".debug", ".comment")):
                self.add(m.group(1), int(m.group(2)))
        self.symbols = {}
        for line in run("arm-none-eabi-nm", "-S", "-C", path).splitlines():
            m = re.match(r"[0-9a-f]+ ([0-9a-f]+) (\w) (.+)$", line)
            if m:
                name, kind = m.group(3), "RAM" if m.group(2) in "bBdD" else "flash"
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

    def stack(self):
        return worst_stack(run("arm-none-eabi-objdump", "-d", "--no-show-raw-insn", self.path))


def run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout


def worst_stack(listing):
    """(bytes, path) of the deepest chain of calls that starts at the host's C interface.

    Frames are read off the machine code; calls through pointers are not followed.
    """
    frames, calls, name = {}, {}, None
    for line in listing.splitlines():
        m = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if m:
            name = m.group(1)
            frames[name], calls[name] = 0, set()
            continue
        m = name and re.match(r"\s+[0-9a-f]+:\s+(\S+)\s*(.*)$", line)
        if not m:
            continue
        operation, operands = m.group(1), m.group(2)
        if operation in ("push", "stmdb") and ("{" in operands):
            frames[name] += 4 * registers(operands)
        elif operation.startswith("sub") and re.match(r"sp, (sp, )?#(\d+)", operands):
            frames[name] += int(re.search(r"#(\d+)", operands).group(1))
        elif operation.startswith("b"):
            m = re.search(r"<([^>+]+)>", operands)
            if m and m.group(1) != name:
                calls[name].add(m.group(1))
    deepest = {}

    def depth(function, trail):
        if function not in deepest:
            best = (0, [])
            for callee in calls.get(function, ()):
                if callee not in trail:
                    best = max(best, depth(callee, trail | {callee}))
            deepest[function] = (frames.get(function, 0) + best[0], [function] + best[1])
        return deepest[function]

    sys.setrecursionlimit(10000)
    entries = [f for f in frames if f.startswith("ble_")]
    return max((depth(f, {f}) for f in entries), default=(0, []))


def registers(operands):
    count = 0
    for part in re.search(r"\{(.*)\}", operands).group(1).split(","):
        first, dash, last = part.strip().partition("-")
        count += int(last[1:]) - int(first[1:]) + 1 if dash and last[1:].isdigit() else 1
    return count


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


def report(board, image, base):
    """The line of the table; prints the rest."""
    flash, ram = image.flash - base.flash, image.ram - base.ram
    stack, path = image.stack()
    goal = BOARDS[board]
    print("\n%s: %d bytes of flash, %d of static RAM%s; stack %d"
          % (board, flash, ram, " (goal %d, %d)" % goal if goal else "", stack))
    print("  deepest: " + " > ".join(demangled(path)[-8:]))
    growth = {key: size - base.symbols.get(key, 0) for key, size in image.symbols.items()}
    for (name, kind), size in sorted(growth.items(), key=lambda item: -item[1])[:20]:
        print("  %6d %-5s %s" % (size, kind, name[:90]))
    goals = ("%d" % goal[0], "%d" % goal[1]) if goal else ("", "")
    return "| %s | %d | %s | %d | %s | %d |" % (board, flash, goals[0], ram, goals[1], stack)


def demangled(names):
    done = subprocess.run(["arm-none-eabi-c++filt"], input="\n".join(names),
                          stdout=subprocess.PIPE, universal_newlines=True)
    return done.stdout.splitlines()


def update(lines):
    """Replace the boards' lines in the table."""
    with open(TABLE) as f:
        text = f.read()
    for line in lines:
        board = line.split("|")[1].strip()
        pattern = r"(?m)^\| %s \|.*$" % board
        if re.search(pattern, text):
            text = re.sub(pattern, lambda _: line, text)
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
    for board in boards:
        try:
            lines.append(report(board, *measure(args, board)))
        except (fetch.Failure, tree.Failure, patching.Mismatch, rust.Failure) as reason:
            print("%s: left out: %s" % (board, reason), file=sys.stderr)
    update(lines)
    print()
    print("\n".join(lines))
    sys.exit(0 if len(lines) == len(boards) else 1)


if __name__ == "__main__":
    main()
