#!/usr/bin/env python3
"""Worst-case stack of the host's entry points in a linked ARM image.

  stack.py ELF [--objdump arm-none-eabi-objdump] [--entries REGEX]

Reads the disassembly: what each function takes from the stack, and whom it
calls. The figure of an entry point is the largest sum along any path of calls,
up to a panic, which leaves the path. All that a function takes counts at each
of its calls, so it is an upper bound. Recursion, and calls through pointers,
make it none: both are listed, and recursion ends the program with status 1.
"""

import argparse
import re
import subprocess
import sys

ENTRIES = r"ble_\w+"
PANIC = "mp_rust_ble_panic"
FUNCTION = re.compile(r"^([0-9a-f]+) <(.*)>:$")
LINE = re.compile(r"^\s*([0-9a-f]+):\t(?:[0-9a-f]+ )+\s*\t(\S+)\s*(.*)$")
CALL = re.compile(r"^(?:[a-z0-9]+, )?([0-9a-f]+) <")
IMMEDIATE = re.compile(r"^(?:sp, )?(?:sp, )?#(\d+)")


class Function:
    def __init__(self, name):
        self.name, self.frame, self.calls = name, 0, set()
        self.pointers = set()  # What is called through registers; None for unknown.


def registers(text):
    """How many registers a list names: {r4, r5-r7, lr}."""
    count = 0
    for item in re.search(r"\{(.*)\}", text).group(1).split(","):
        first, _, last = item.strip().partition("-")
        count += int(last[1:]) - int(first[1:]) + 1 if last else 1
    return count


def read(elf, objdump):
    """{address: Function} of an image."""
    out = subprocess.run([objdump, "-d", "-C", elf], stdout=subprocess.PIPE, check=True,
                         universal_newlines=True).stdout
    words = {int(at, 16): int(value, 16)
             for at, value in re.findall(r"(?m)^\s*([0-9a-f]+):\t.*\.word\t0x([0-9a-f]+)", out)}
    functions, values = {}, {}
    current = None
    for line in out.splitlines():
        start = FUNCTION.match(line)
        if start:
            address = int(start.group(1), 16)
            name = re.sub(r"::h[0-9a-f]{16}$", "", start.group(2))
            current = functions.setdefault(address, Function(name))
            values = {}
            continue
        match = LINE.match(line)
        if match and current:
            instruction(current, match.group(2), match.group(3), values, words)
    panics = {address for address, function in functions.items() if function.name == PANIC}
    for address, function in functions.items():
        function.calls |= {target & ~1 for target in function.pointers if target is not None}
        function.indirect = not all(target is not None and target & ~1 in functions
                                    for target in function.pointers)
        function.calls.discard(address)  # Loops that begin with the function.
        function.calls &= functions.keys() - panics
    return functions


def instruction(function, name, operands, values, words):
    name = name.split(".")[0] or "data"
    if name in ("push", "stmdb") and (name == "push" or operands.startswith("sp!")):
        function.frame += 4 * registers(operands)
    elif name == "vpush":
        size = 8 if "d" in operands else 4
        function.frame += size * registers(operands)
    elif name == "str" and re.search(r"\[sp, #-(\d+)\]!", operands):
        function.frame += int(re.search(r"\[sp, #-(\d+)\]!", operands).group(1))
    elif name in ("sub", "subw") and operands.startswith("sp"):
        immediate = IMMEDIATE.match(operands)
        register = operands.split(",")[-1].strip()
        function.frame += int(immediate.group(1)) if immediate else values.get(register, 0)
    elif name == "add" and operands.startswith("sp, r"):
        # A frame too large for an immediate: a negative constant is added.
        value = values.get(operands.split()[-1], 0)
        function.frame += (1 << 32) - value if value >> 31 else 0
    elif name == "ldr" and "[pc" in operands:
        at = re.search(r"[@;] \(([0-9a-f]+)", operands)
        values[operands.split(",")[0]] = words.get(int(at.group(1), 16), 0) if at else 0
    elif name in ("movw", "mov", "movs") and "#" in operands:
        values[operands.split(",")[0]] = int(re.search(r"#(\d+)", operands).group(1))
    elif name == "blx":
        # Often an address that is called several times, loaded once.
        function.pointers.add(values.get(operands.strip()))
    elif name[0] in "bc" and not name.startswith(("bic", "bx", "bf", "cm", "cl")):
        call = CALL.match(operands)
        # A branch into another function's start is a tail call.
        if call:
            function.calls.add(int(call.group(1), 16))


class Analysis:
    def __init__(self, functions):
        self.functions, self.worst = functions, {}
        self.recursive, self.active = [], []

    def depth(self, address):
        """(bytes, addresses of the path) of the deepest path from here."""
        if address in self.active:
            self.recursive.append(self.active[self.active.index(address):])
            return 0, ()
        if address not in self.worst:
            self.active.append(address)
            below = [self.depth(callee) for callee in sorted(self.functions[address].calls)]
            self.active.pop()
            deepest = max(below, default=(0, ()), key=lambda found: found[0])
            self.worst[address] = (self.functions[address].frame + deepest[0],
                                   (address,) + deepest[1])
        return self.worst[address]


    def entries(self, pattern=ENTRIES):
        """[(bytes, name, addresses of the path)] of entry points, deepest first."""
        found = [(*self.depth(address), function.name)
                 for address, function in self.functions.items()
                 if re.fullmatch(pattern, function.name)]
        return sorted(((size, name, path) for size, path, name in found),
                      key=lambda entry: (-entry[0], entry[1]))

    def doubts(self):
        """What makes the figures no upper bound, a line each."""
        lines = ["calls through a pointer: " + self.functions[at].name
                 for at in self.worst if self.functions[at].indirect]
        return lines + ["recursion: " + " -> ".join(self.functions[at].name for at in loop)
                        for loop in self.recursive]


def analyse(elf, objdump="arm-none-eabi-objdump"):
    return Analysis(read(elf, objdump))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("elf")
    parser.add_argument("--objdump", default="arm-none-eabi-objdump")
    parser.add_argument("--entries", default=ENTRIES, help="names of entry points")
    args = parser.parse_args()
    analysis = analyse(args.elf, args.objdump)
    found = analysis.entries(args.entries)
    for size, name, _ in found:
        print("%6d  %s" % (size, name))
    for _, name, path in found[:3]:
        print("deepest path of %s:" % name)
        for at in path:
            print("%6d  %s" % (analysis.functions[at].frame, analysis.functions[at].name))
    print("\n".join(analysis.doubts()))
    return 1 if analysis.recursive else 0


if __name__ == "__main__":
    sys.exit(main())
