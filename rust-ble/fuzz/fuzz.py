#!/usr/bin/env python3
"""Builds the fuzz targets with libFuzzer, runs them one after another, and
reports executions and coverage. Needs a nightly Rust and a C++ compiler."""

import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TARGETS = "h4 hci acl att_server att_client smp adv secrets abi stateful".split()

# What cargo-fuzz gives to the compiler, for the crates that are to be covered
# only: libFuzzer looks at every counter after every input.
COVERED = ["ble-core", "ble-ffi"]
COVERAGE = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
]
# Finds values that are compared with, at a third of the speed.
COMPARES = ["-Cllvm-args=-sanitizer-coverage-trace-compares"]
# Only the C ABI has unsafe code; the others are three times as fast without.
ADDRESS = "-Zsanitizer=address"


def host_triple():
    out = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return re.search(r"host: (\S+)", out).group(1)


def build(args, target):
    """The path of the fuzzer, built if need be."""
    sanitized = target == "abi"
    coverage = COVERAGE + (COMPARES if args.compares else [])
    name = "fuzz" + ("-address" if sanitized else "") + ("-compares" if args.compares else "")
    directory = pathlib.Path(args.build).resolve() / name
    triple = host_triple()
    env = dict(os.environ, RUSTFLAGS="--cfg fuzzing " + (ADDRESS if sanitized else ""))
    command = ["cargo", "+nightly", "build", "--quiet", "--package", "ble-fuzz", "--profile", "fuzz"]
    command += ["--features", "libfuzzer", "--target", triple, "--target-dir", str(directory)]
    command += ["-Zprofile-rustflags"]
    for crate in COVERED:
        command += ["--config", "profile.fuzz.package.%s.rustflags=%s" % (crate, json.dumps(coverage))]
    # All of those with the same flags at once.
    for name in [target] if sanitized else [name for name in TARGETS if name != "abi"]:
        command += ["--bin", name]
    subprocess.run(command, check=True, env=env, cwd=HERE)
    return directory / triple / "fuzz" / target


def unpack(args, target):
    """The directory of all inputs known here, those of the repository among
    them: files of inputs, each after its length in two bytes. Those that once
    failed are in a file of their own, which `minimise` leaves alone."""
    found = pathlib.Path(args.build).resolve() / "corpus" / target
    found.mkdir(parents=True, exist_ok=True)
    packs = [HERE / "corpus" / (target + kind) for kind in (".pack", ".failed")]
    data = b"".join(pack.read_bytes() for pack in packs if pack.exists())
    while data:
        end = 2 + int.from_bytes(data[:2], "little")
        (found / hashlib.sha1(data[2:end]).hexdigest()).write_bytes(data[2:end])
        data = data[end:]
    return found


def pack(target, inputs):
    data = b"".join(len(i).to_bytes(2, "little") + i for i in inputs)
    (HERE / "corpus" / (target + ".pack")).write_bytes(data)


def run(args, target):
    fuzzer = build(args, target)
    found = unpack(args, target)
    crashes = pathlib.Path(args.build).resolve() / "crashes" / target
    crashes.mkdir(parents=True, exist_ok=True)
    limit = ["-runs=%d" % args.runs] if args.runs else ["-max_total_time=%d" % args.seconds]
    command = [str(fuzzer), str(found), *limit]
    command += ["-artifact_prefix=%s/" % crashes, "-print_final_stats=1", "-max_len=%d" % args.max_len]
    command += ["-timeout=10", "-rss_limit_mb=2048", "-use_value_profile=%d" % args.value_profile]
    env = dict(os.environ)
    # Rust has no use after return, and where memory came from is seldom asked.
    env.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=0:malloc_context_size=0")
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=env)
    numbers = [int(n) for n in re.findall(r"stat::number_of_executed_units: (\d+)", done.stderr)]
    covered = re.findall(r"cov: (\d+) ft: (\d+)", done.stderr)
    edges, features = covered[-1] if covered else ("?", "?")
    verdict = "ok" if done.returncode == 0 else "FAILED"
    print(f"{target:11} {sum(numbers):>11} executions {edges:>6} edges {features:>7} features  {verdict}", flush=True)
    if done.returncode != 0:
        print(done.stderr[-4000:])
    return done.returncode == 0


def minimise(args, target):
    fuzzer = build(args, target)
    found = unpack(args, target)
    with tempfile.TemporaryDirectory() as temporary:
        command = [str(fuzzer), "-merge=1", "-max_len=%d" % args.longest, temporary, str(found)]
        subprocess.run(command, check=True, capture_output=True)
        # Small inputs first; a corpus in the repository has its limit.
        inputs = sorted((path.read_bytes() for path in pathlib.Path(temporary).iterdir()), key=len)
        kept, size = [], 0
        for data in inputs:
            size += len(data) + 2
            if size <= args.most:
                kept.append(data)
        pack(target, kept)
    print(f"{target:11} {len(kept)} of {len(inputs)} inputs", flush=True)
    return True


def keep(args, target):
    """Keeps the inputs in build/crashes as ones that once failed."""
    crashes = pathlib.Path(args.build).resolve() / "crashes" / target
    path = HERE / "corpus" / (target + ".failed")
    data = path.read_bytes() if path.exists() else b""
    for crash in sorted(crashes.iterdir()) if crashes.exists() else []:
        one = crash.read_bytes()
        one = len(one).to_bytes(2, "little") + one
        if one not in data:
            data += one
    if data:
        path.write_bytes(data)
    return True


def seed(args, target):
    """Adds inputs made from captures of the simulation."""
    found = unpack(args, target)
    command = ["cargo", "run", "--quiet", "--package", "ble-fuzz", "--bin", "ble-fuzz-seed", str(found.parent)]
    subprocess.run(command, check=True, cwd=HERE)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, help="executions instead of seconds")
    parser.add_argument("--max-len", type=int, default=2048, help="bytes of an input")
    parser.add_argument("--compares", action="store_true", help="trace comparisons")
    parser.add_argument("--value-profile", type=int, default=0)
    parser.add_argument("--longest", type=int, default=512, help="bytes of an input to keep")
    parser.add_argument("--most", type=int, default=70_000, help="bytes of a target's corpus")
    parser.add_argument("action", choices=["run", "minimise", "keep", "seed"])
    parser.add_argument("targets", nargs="*", default=[])
    args = parser.parse_args()
    action = {"run": run, "minimise": minimise, "keep": keep, "seed": seed}[args.action]
    results = [action(args, target) for target in args.targets or TARGETS]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
