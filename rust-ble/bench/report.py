#!/usr/bin/env python3
"""Measure what the host costs, and write docs/BENCHMARKS.md.

  report.py --build DIR [--out FILE] [--live RUNS]

--live 0 leaves out the part that needs MicroPython.
"""

import argparse
import collections
import os
import re
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

Arm = collections.namedtuple("Arm", "name target machine code ram mhz chip")
ARMS = [
    Arm("Cortex-M0+", "thumbv6m-none-eabi", "mps2-an385", "0", "0x20000000", 125, "RP2040"),
    Arm("Cortex-M3", "thumbv7m-none-eabi", "mps2-an385", "0", "0x20000000", None, None),
    Arm("Cortex-M4", "thumbv7em-none-eabi", "mps2-an386", "0", "0x20000000", 64, "STM32WB55"),
    Arm("Cortex-M33", "thumbv8m.main-none-eabi", "mps2-an505", "0x10000000", "0x38000000", 150,
        "RP2350"),
]
# Beside its own, a clock that the same code runs at elsewhere.
MORE_CLOCKS = {"Cortex-M4": [(168, "STM32F405")]}

PERF_TESTS = ["perf_gatt_notify", "perf_gatt_char_write", "perf_l2cap"]

# The few operations whose names the report itself needs.
PAIRING, KEY_PAIR, DHKEY = ("pairing, LE Secure Connections, Just Works", "P-256 key pair",
                            "P-256 DHKey")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--out", default=os.path.join(REPO, "docs", "BENCHMARKS.md"))
    parser.add_argument("--live", type=int, default=3, metavar="RUNS")
    args = parser.parse_args()
    for tool in ("valgrind", "qemu-system-arm", "cargo"):
        if not shutil.which(tool):
            sys.exit("%s is missing" % tool)
    try:
        text = report(args)
    except rust.Failure as reason:
        sys.exit("bench: %s" % reason)
    with open(args.out, "w") as f:
        f.write(text)
    say("Wrote %s" % os.path.relpath(args.out))


def report(args):
    with open(os.path.join(HERE, "BENCHMARKS.in.md")) as f:
        text = f.read()
    say("Building the host for %s links" % MANY["RUST_BLE_MAX_LINKS"])
    run(["cargo", "build", "--quiet", "--release", "-p", "ble-bench", "--bin", "ble-bench",
         "--target-dir", TARGET_DIR], MANY)
    binary = os.path.join(TARGET_DIR, "release", "ble-bench")
    say("Rates in virtual time")
    parts = {"RATES": run([binary, "rates"])}
    say("Instructions on this processor")
    parts["INSTRUCTIONS"], parts["ATTRIBUTES"] = run([binary, "instructions"]).split("\n\n")
    arms = [(arm, run_arm(arm)) for arm in ARMS]
    parts["ARM"] = arm_table(arms)
    parts["P256"] = p256_table(arms)
    parts["MEMORY"] = memory_table(arms)
    parts["LIVE"] = live(args) if args.live else "Not run."
    return re.sub(r"(?m)^@([A-Z0-9]+)@$", lambda m: parts[m.group(1)].strip(), text)


def say(text):
    print("== " + text, flush=True)


def run(argv, env=None, cwd=REPO):
    done = subprocess.run(argv, cwd=cwd, env=dict(os.environ, **(env or {})),
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          universal_newlines=True)
    if done.returncode != 0:
        raise rust.Failure("%s failed" % " ".join(argv[:4]))
    return done.stdout


# On ARM.


def firmware_sizes():
    """The sizes of firmware, as environment variables."""
    with open(os.path.join(PORT, "sizes.mk")) as f:
        return {"RUST_BLE_" + k: v for k, v in re.findall(r"(?m)^\t([A-Z_]+)=([0-9]+) ", f.read())}


def run_arm(arm):
    """({operation: instructions}, {what: bytes}) of a processor."""
    say("Instructions on %s" % arm.name)
    rust.setup([arm.target])
    how = rust.toolchain(arm.target)
    env = dict(firmware_sizes(), **how.env)
    link = ["-Clink-arg=-T" + os.path.join(HERE, "arm.ld"),
            "-Clink-arg=--defsym=CODE=" + arm.code, "-Clink-arg=--defsym=RAM=" + arm.ram]
    run(how.cargo + ["rustc", "--quiet", "--release", "-p", "ble-bench", "--bin", "ble-bench-arm",
                     "--target", arm.target, "--target-dir", TARGET_DIR] + how.flags
        + ["--"] + link, env)
    image = os.path.join(TARGET_DIR, arm.target, "release", "ble-bench-arm")
    out = run(["qemu-system-arm", "-machine", arm.machine, "-icount", "shift=0",
               "-chardev", "stdio,id=out", "-semihosting-config", "enable=on,chardev=out",
               "-display", "none", "-monitor", "none", "-serial", "none", "-kernel", image])
    ops, memory = collections.OrderedDict(), collections.OrderedDict()
    for kind, number, name in re.findall(r"(?m)^(\w+) (\d+) (.*)$", out):
        if kind == "failed":
            raise rust.Failure("on %s: %s" % (arm.name, name))
        (ops if kind == "op" else memory)[name] = int(number)
    if not {PAIRING, KEY_PAIR, DHKEY} <= set(ops):
        raise rust.Failure("on %s: it did not come to its end" % arm.name)
    return ops, memory


def arm_table(arms):
    rows = ["| operation | " + " | ".join(arm.name for arm, _ in arms) + " |",
            "| --- |" + " --- |" * len(arms)]
    for name in arms[0][1][0]:
        cells = []
        for _, (ops, _) in arms:
            count = ops[name] - (ops[DHKEY] if name == PAIRING else 0)
            cells.append("{:,}".format(count))
        rows.append("| %s | %s |" % (name, " | ".join(cells)))
    return "\n".join(rows)


def p256_table(arms):
    rows = ["| processor | key pair | DHKey | at | one of them, at one instruction a cycle |",
            "| --- | --- | --- | --- | --- |"]
    for arm, (ops, _) in arms:
        clocks = [(arm.mhz, arm.chip)] if arm.mhz else []
        millions = ["{:.1f} million".format(ops[name] / 1e6) for name in (KEY_PAIR, DHKEY)]
        for mhz, chip in clocks + MORE_CLOCKS.get(arm.name, []) or [(None, None)]:
            at = "%d MHz (%s)" % (mhz, chip) if mhz else "-"
            ms = "%d ms" % round(ops[DHKEY] / mhz / 1000) if mhz else "-"
            rows.append("| %s | %s | %s | %s |" % (arm.name, " | ".join(millions), at, ms))
    return "\n".join(rows)


def memory_table(arms):
    unix = run(["cargo", "run", "--quiet", "-p", "ble-bench", "--bin", "ble-bench", "memory"])
    unix = {name: int(number) for number, name in re.findall(r"(?m)^(\d+) (.*)$", unix)}
    columns = [(arm.name, memory) for arm, (_, memory) in arms if arm.name != "Cortex-M3"]
    columns.append(("unix, 64 bit", unix))
    rows = ["| what | " + " | ".join(name for name, _ in columns) + " |",
            "| --- |" + " --- |" * len(columns)]
    for what in columns[0][1]:
        cells = ["{:,}".format(memory[what]) for _, memory in columns]
        rows.append("| %s | %s |" % (what, " | ".join(cells)))
    return "\n".join(rows)


# Live.


def live(args):
    say("MicroPython's perf tests on the live air")
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
