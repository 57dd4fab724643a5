#!/usr/bin/env python3
"""Measure what the host costs, and write docs/BENCHMARKS.md.

  report.py --build DIR [--out FILE] [--live RUNS]

--live 0 leaves out the part that needs MicroPython. What a missing tool keeps from being
measured is said, and written into the file; everything else is measured all the same.
"""

import argparse
import collections
import os
import re
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
PORT = os.path.join(REPO, "micropython-port")
TARGET_DIR = os.path.join(REPO, "target", "bench")

sys.path.insert(0, PORT)
import rust  # noqa: E402

# Sizes under which growth is measured: as many links as the core can have.
MANY = {"RUST_BLE_MAX_LINKS": "32", "RUST_BLE_POOL_BYTES": "32000"}

ARM, RISCV = "qemu-system-arm", "qemu-system-riscv32"
Cpu = collections.namedtuple("Cpu", "name target qemu machine code ram mhz chip")
CPUS = [
    Cpu("Cortex-M0+", "thumbv6m-none-eabi", ARM, "mps2-an385", "0", "0x20000000", 125, "RP2040"),
    Cpu("Cortex-M3", "thumbv7m-none-eabi", ARM, "mps2-an385", "0", "0x20000000", None, None),
    Cpu("Cortex-M4", "thumbv7em-none-eabi", ARM, "mps2-an386", "0", "0x20000000", 64,
        "STM32WB55"),
    Cpu("Cortex-M33", "thumbv8m.main-none-eabi", ARM, "mps2-an505", "0x10000000", "0x38000000",
        150, "RP2350"),
    Cpu("RISC-V", "riscv32imac-unknown-none-elf", RISCV, "virt", "0x80000000", "0x80200000",
        150, "RP2350"),
]
# Beside its own, a clock that the same code runs at elsewhere.
MORE_CLOCKS = {"Cortex-M4": [(168, "STM32F405")]}

PERF_TESTS = ["perf_gatt_notify", "perf_gatt_char_write", "perf_l2cap"]

# The few operations whose names the report itself needs.
PAIRING, KEY_PAIR, DHKEY = ("pairing, LE Secure Connections, Just Works", "P-256 key pair",
                            "P-256 DHKey")
PART, END = ("P-256 in steps: one of them", "P-256 in steps: the last, which gives the result")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--out", default=os.path.join(REPO, "docs", "BENCHMARKS.md"))
    parser.add_argument("--live", type=int, default=3, metavar="RUNS")
    parser.add_argument("--make", default="make", metavar="COMMAND")
    args = parser.parse_args()
    if not shutil.which("cargo"):
        sys.exit("bench: cargo is missing")
    try:
        text = report(args)
    except rust.Failure as reason:
        sys.exit("bench: %s" % reason)
    with open(args.out, "w") as f:
        f.write(text)
    say("Wrote %s" % os.path.relpath(args.out))
    sys.exit(1 if failures else 0)


# What should have been measured and was not.
failures = []


class Missing(Exception):
    """A tool is not there."""


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Missing("%s is missing" % tool)


def attempt(what, measure):
    """What `measure` gives and None, or None and why there is nothing."""
    say(what)
    try:
        return measure(), None
    except (Missing, rust.Failure) as reason:
        say("Not measured: %s: %s" % (what, reason))
        if not isinstance(reason, Missing):
            failures.append(what)
        return None, "Not measured: %s." % reason


def report(args):
    with open(os.path.join(HERE, "BENCHMARKS.in.md")) as f:
        text = f.read()
    plain = built("plain", {})
    parts = {}
    rates, why = attempt("Rates in virtual time", lambda: tables([plain, "rates"]))
    parts["RATES"], parts["SDUS"] = rates or (why, why)
    counts, why = attempt("Instructions on this processor", instructions)
    parts["INSTRUCTIONS"], parts["ATTRIBUTES"] = counts or (why, why)
    cpus, reasons = [], collections.OrderedDict()
    for cpu in CPUS:
        counts, why = attempt("Instructions on %s" % cpu.name, lambda: run_cpu(cpu))
        if counts:
            cpus.append((cpu, counts))
        else:
            reasons.setdefault(why, []).append(cpu.name)
    notes = "".join("\n\n%s: %s" % (", ".join(names), why) for why, names in reasons.items())
    parts["CPUS"] = (cpu_table(cpus) if cpus else "") + notes
    parts["P256"] = (p256_table(cpus) if cpus else "") + notes
    parts["MEMORY"] = memory_table(cpus, plain) + notes
    found, why = attempt("MicroPython's perf tests on the live air", lambda: live(args))
    parts["LIVE"] = found or why
    return re.sub(r"(?m)^@([A-Z0-9]+)@$", lambda m: parts[m.group(1)].strip(), text)


def built(name, env):
    """The path of ble-bench with sizes of its own."""
    folder = os.path.join(TARGET_DIR, name)
    run(["cargo", "build", "--quiet", "--release", "-p", "ble-bench", "--bin", "ble-bench",
         "--target-dir", folder], env)
    return os.path.join(folder, "release", "ble-bench")


def instructions():
    """The tables over links and over attributes."""
    need("valgrind")
    return tables([built("many", MANY), "instructions"])


def tables(argv):
    return run(argv).split("\n\n")


def say(text):
    print("== " + text, flush=True)


def run(argv, env=None, cwd=REPO):
    done = subprocess.run(argv, cwd=cwd, env=dict(os.environ, **(env or {})),
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          universal_newlines=True)
    if done.returncode != 0:
        words = [os.path.basename(argv[0])] + argv[1:3]
        raise rust.Failure("%s failed" % " ".join(words))
    return done.stdout


# Without an operating system.


def firmware_sizes():
    """The sizes of firmware, as environment variables."""
    with open(os.path.join(PORT, "sizes.mk")) as f:
        return {"RUST_BLE_" + k: v for k, v in re.findall(r"(?m)^\t([A-Z_]+)=([0-9]+) ", f.read())}


def run_cpu(cpu):
    """({operation: instructions}, {what: bytes}) of a processor."""
    need(cpu.qemu)
    rust.setup([cpu.target])
    image = cpu_image(cpu, rust.toolchain(cpu.target))
    out = run([cpu.qemu, "-machine", cpu.machine, "-bios", "none", "-icount", "shift=0",
               "-chardev", "stdio,id=out", "-semihosting-config", "enable=on,chardev=out",
               "-display", "none", "-monitor", "none", "-serial", "none", "-kernel", image])
    ops, memory = collections.OrderedDict(), collections.OrderedDict()
    for kind, number, name in re.findall(r"(?m)^(\w+) (\d+) (.*)$", out):
        if kind == "failed":
            raise rust.Failure("on %s: %s" % (cpu.name, name))
        (ops if kind == "op" else memory)[name] = int(number)
    if not {PAIRING, KEY_PAIR, DHKEY, PART, END} <= set(ops):
        raise rust.Failure("on %s: it did not come to its end" % cpu.name)
    return ops, memory


def cpu_image(cpu, how):
    """Builds as firmware is built, and with its sizes."""
    env = dict(firmware_sizes(), CARGO_TARGET_DIR=TARGET_DIR, **how.env)
    target, more = rust.firmware(how, cpu.target, env)
    link = ["-Clink-arg=-T" + os.path.join(HERE, "metal.ld"),
            "-Clink-arg=--defsym=CODE=" + cpu.code, "-Clink-arg=--defsym=RAM=" + cpu.ram]
    run(how.cargo + ["rustc", "--quiet", "--release", "-p", "ble-bench", "--bin", "ble-bench-metal",
                     "--target", target] + more + how.flags + ["--"] + rust.small_last(how) + link,
        env)
    return os.path.join(TARGET_DIR, cpu.target, "release", "ble-bench-metal")


def cpu_table(cpus):
    rows = ["| operation | " + " | ".join(cpu.name for cpu, _ in cpus) + " |",
            "| --- |" + " --- |" * len(cpus)]
    for name in cpus[0][1][0]:
        cells = []
        for _, (ops, _) in cpus:
            count = ops[name] - (ops[DHKEY] if name == PAIRING else 0)
            cells.append("{:,}".format(count))
        rows.append("| %s | %s |" % (name, " | ".join(cells)))
    return "\n".join(rows)


def p256_table(cpus):
    rows = ["| processor | key pair | DHKey | longest step | at | DHKey | longest step |",
            "| --- | --- | --- | --- | --- | --- | --- |"]
    for cpu, (ops, _) in cpus:
        clocks = [(cpu.mhz, cpu.chip)] if cpu.mhz else []
        step = max(ops[PART], ops[END])
        millions = ["{:.1f} million".format(count / 1e6)
                    for count in (ops[KEY_PAIR], ops[DHKEY], step)]
        for mhz, chip in clocks + MORE_CLOCKS.get(cpu.name, []) or [(None, None)]:
            at = "%d MHz (%s)" % (mhz, chip) if mhz else "-"
            ms = ["%d ms" % round(count / mhz / 1000) if mhz else "-"
                  for count in (ops[DHKEY], step)]
            rows.append("| %s | %s | %s | %s |"
                        % (cpu.name, " | ".join(millions), at, " | ".join(ms)))
    return "\n".join(rows)


def memory_table(cpus, plain):
    unix = re.findall(r"(?m)^(\d+) (.*)$", run([plain, "memory"]))
    unix = collections.OrderedDict((name, int(number)) for number, name in unix)
    columns = [(cpu.name, memory) for cpu, (_, memory) in cpus if cpu.name != "Cortex-M3"]
    columns.append(("unix, 64 bit", unix))
    rows = ["| what | " + " | ".join(name for name, _ in columns) + " |",
            "| --- |" + " --- |" * len(columns)]
    for what in unix:
        cells = ["{:,}".format(memory[what]) for _, memory in columns]
        rows.append("| %s | %s |" % (what, " | ".join(cells)))
    return "\n".join(rows)


# Live.


def live(args):
    if not args.live:
        raise Missing("--live 0")
    run(shlex.split(args.make) + ["--no-print-directory", "--silent", "unix", "air"])
    load = "%.1f" % os.getloadavg()[0]
    out = run([sys.executable, "multitests/run.py", "--build", os.path.abspath(args.build),
               "--link", "air", "--runs", str(args.live)] + PERF_TESTS)
    found = collections.OrderedDict((name, []) for name in PERF_TESTS)
    for name, metrics in re.findall(r"(?m)^(perf_\w+)\.py +pass(.*)$", out):
        found[name].append(", ".join(metric.strip() for metric in metrics.split(" - ")[1:]))
    rows = ["| test | run | it printed |", "| --- | --- | --- |"]
    for name, runs in found.items():
        for number, printed in enumerate(runs, 1):
            rows.append("| %s | %d | %s |" % (name, number, printed or "-"))
    rows += ["", "On %d processors, with a load of %s when the first run began."
             % (os.cpu_count() or 1, load)]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
