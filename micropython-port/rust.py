#!/usr/bin/env python3
"""Build the Rust host for the processor that a C compiler command builds for.

  rust.py build --cc "arm-none-eabi-gcc -mcpu=cortex-m0plus" --out DIR [--copy FILE]
      one cargo call; prints the path of the static library. Sizes come from the
      environment, see core/src/config.rs.
  rust.py target --cc "..."
      prints the name of the Rust target.
  rust.py setup [TARGET...]
      makes targets usable: by rustup, else from Rust's library source as
      packaged by Debian, kept in the cache folder.

The target follows from what the C compiler itself says about the processor and
the float ABI, so the two halves of a firmware always agree. A new processor is
one line in TARGETS.
"""

import argparse
import filecmp
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# Macros that the C compiler predefines -> Rust target. The first line of which all
# macros are defined counts. Second column: who is built so.
TARGETS = [
    ("__ARM_ARCH_6M__", "RP2040, nRF51", "thumbv6m-none-eabi"),
    ("__ARM_ARCH_7M__", "STM32F1/F2, MPS2-AN385", "thumbv7m-none-eabi"),
    ("__ARM_ARCH_7EM__ __ARM_PCS_VFP", "STM32F4/F7/H7/L4/WB, nRF52", "thumbv7em-none-eabihf"),
    ("__ARM_ARCH_7EM__", "Cortex-M4/M7 with soft float ABI", "thumbv7em-none-eabi"),
    ("__ARM_ARCH_8M_BASE__", "Cortex-M23", "thumbv8m.base-none-eabi"),
    ("__ARM_ARCH_8M_MAIN__ __ARM_PCS_VFP", "STM32H5/U5, nRF9160", "thumbv8m.main-none-eabihf"),
    ("__ARM_ARCH_8M_MAIN__", "RP2350, MPS2-AN505", "thumbv8m.main-none-eabi"),
    ("__ARM_ARCH_8_1M_MAIN__ __ARM_PCS_VFP", "Cortex-M55/M85", "thumbv8m.main-none-eabihf"),
    ("__riscv __riscv_xlen=32 __riscv_atomic", "RP2350 RISC-V, qemu VIRT_RV32",
     "riscv32imac-unknown-none-elf"),
    ("__riscv __riscv_xlen=32", "ESP32-C3", "riscv32imc-unknown-none-elf"),
    ("__x86_64__ __linux__", "unix", "x86_64-unknown-linux-gnu"),
    ("__i386__ __linux__", "unix", "i686-unknown-linux-gnu"),
    ("__aarch64__ __linux__", "unix", "aarch64-unknown-linux-gnu"),
    ("__ARM_ARCH_7A__ __linux__ __ARM_PCS_VFP", "unix", "armv7-unknown-linux-gnueabihf"),
    ("__x86_64__ __APPLE__", "unix", "x86_64-apple-darwin"),
    ("__aarch64__ __APPLE__", "unix", "aarch64-apple-darwin"),
]


class Failure(Exception):
    """A reason to give up, in one line."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sub = parser.add_subparsers(dest="command", required=True)
    for name in ("build", "target"):
        p = sub.add_parser(name)
        p.add_argument("--cc", required=True, help="C compiler with its processor flags")
        if name == "build":
            p.add_argument("--workspace", default=workspace())
            p.add_argument("--out", required=True, help="folder for cargo's output")
            p.add_argument("--package", default="ble-ffi")
            p.add_argument("--sanitize", metavar="KIND", help="a sanitizer for Rust's half as well")
            p.add_argument("--copy", help="where to put the library, if it changed")
            p.add_argument("cargo", nargs="*", help="further arguments for cargo")
    p = sub.add_parser("setup")
    p.add_argument("targets", nargs="*")
    args = parser.parse_args()
    try:
        if args.command == "setup":
            setup(args.targets or ["thumbv6m-none-eabi", "thumbv7m-none-eabi"])
        elif args.command == "target":
            print(target_of(args.cc))
        else:
            library = build(args)
            if not args.copy:
                print(library)
    except Failure as reason:
        sys.exit("rust_ble: %s" % reason)


def target_of(cc):
    """The Rust target for a C compiler command."""
    command = shlex.split(cc) + ["-dM", "-E", "-x", "c", os.devnull]
    try:
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             universal_newlines=True)
    except OSError as er:
        raise Failure("the C compiler does not run: %s" % er)
    if out.returncode != 0:
        raise Failure("the C compiler does not run: %s" % out.stderr.strip().splitlines()[-1])
    macros = dict(re.findall(r"(?m)^#define (\w+) (.*)$", out.stdout))
    for wanted, _, target in TARGETS:
        names = [w.partition("=") for w in wanted.split()]
        if all(n in macros and (not eq or macros[n] == v) for n, eq, v in names):
            return target
    raise Failure("no Rust target is known for this processor: add it to %s" % __file__)


def workspace():
    """Cargo's workspace: beside this file once installed, above it in the repository."""
    return HERE if os.path.exists(os.path.join(HERE, "Cargo.toml")) else os.path.dirname(HERE)


# How this machine can build for a target.


class Toolchain:
    """A cargo command and what it needs to build `core` itself, if it does."""

    def __init__(self, cargo, flags=(), env=()):
        self.cargo, self.flags, self.env = list(cargo), list(flags), dict(env)

    @property
    def builds_core(self):
        return bool(self.flags)


def toolchain(target):
    """The way to build for target here, or a Failure that says what to do."""
    if not shutil.which("cargo"):
        raise Failure("Rust is not installed (no cargo): see https://rustup.rs")
    if is_firmware(target):
        # The smaller way, where Rust's library source is at hand.
        how = core_builder()
        if how:
            return how
    if has_std([], target):
        return Toolchain(["cargo"])
    for name in toolchains():
        if has_std([name], target):
            return Toolchain(["cargo", name])
    how = core_builder()
    if how:
        return how
    raise Failure("Rust has no %s here: run 'rustup target add %s', or 'make rust-target "
                  "TARGET=%s' in the rust_ble repository" % (target, target, target))


def is_firmware(target):
    return "-none-" in target


def core_builder():
    """The first toolchain that can build `core`, or None."""
    for name in [None] + toolchains():
        source = library_source([name] if name else [])
        if source:
            env = {"RUSTC_BOOTSTRAP": "1", "__CARGO_TESTS_ONLY_SRC_ROOT": source}
            cargo = ["cargo", name] if name else ["cargo"]
            flags = ["-Zbuild-std=core", "-Zbuild-std-features=optimize_for_size"]
            return Toolchain(cargo, flags, env)
    return None


def rustc(name, *args):
    out = subprocess.run(["rustc"] + name + list(args), stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, universal_newlines=True)
    return out.stdout.strip() if out.returncode == 0 else ""


def has_std(name, target):
    lib = rustc(name, "--print", "target-libdir", "--target", target)
    return bool(lib and glob.glob(os.path.join(lib, "libcore-*.rlib")))


def toolchains():
    """Names of rustup's toolchains as cargo takes them, nightly first."""
    if not shutil.which("rustup"):
        return []
    out = subprocess.run(["rustup", "toolchain", "list", "-q"], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, universal_newlines=True).stdout
    names = ["+" + line.split()[0] for line in out.splitlines() if line.strip()]
    return sorted(names, key=lambda name: "nightly" not in name)


def version(name):
    """For example "1.97" of a toolchain."""
    m = re.match(r"rustc (\d+\.\d+)", rustc(name, "--version"))
    return m.group(1) if m else ""


def cache():
    return os.path.abspath(os.environ.get("RUST_BLE_CACHE") or os.path.join(workspace(), ".cache"))


def library_source(name):
    """Rust's library source of the same version as the toolchain: its own, or a cached one."""
    own = os.path.join(rustc(name, "--print", "sysroot"), "lib/rustlib/src/rust/library")
    if os.path.exists(os.path.join(own, "core", "Cargo.toml")):
        return own
    path = os.path.join(cache(), "rust-src-" + version(name), "library")
    return path if os.path.exists(os.path.join(path, "core", "Cargo.toml")) else None


# Making a target usable.


def setup(targets):
    if any(map(is_firmware, targets)) and not core_builder() and shutil.which("rustup"):
        note("Adding Rust's library source, for smaller firmware")
        rustup("component", "add", "rust-src")
    for target in targets:
        try:
            toolchain(target)
            continue
        except Failure:
            pass
        if shutil.which("rustup"):
            note("Adding the Rust target %s" % target)
            rustup("target", "add", target)
        if not has_std([], target):
            fetch_library_source()
        toolchain(target)


def rustup(*args):
    # A registry that does not answer must not hold up everything else.
    try:
        subprocess.run(["rustup"] + list(args), timeout=300,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        pass


def fetch_library_source():
    """Rust's library source for one of the toolchains here, into the cache folder."""
    import debian

    wanted = {version([name] if name else []): name for name in [None] + toolchains()}
    for suite_version, unpack in debian.rust_sources(cache()):
        minor = ".".join(suite_version.split(".")[:2])
        if minor in wanted:
            note("Taking Rust's library source %s from Debian's rust-src" % suite_version)
            unpack(os.path.join(cache(), "rust-src-" + minor))
            return
    raise Failure("neither rustup nor a rust-src package of Rust %s can be had here"
                  % " or ".join(sorted(wanted)))


def note(text):
    print(text, file=sys.stderr, flush=True)


# Building.

# Flags for firmware, measured: the small variant of AES, and fewer addresses that
# are computed early and then kept on the stack.
SMALL = ["--cfg", "aes_compact", "-Cllvm-args=-disable-machine-licm"]
# Only where all crates are put together. Inline what is small or called once more often
# than opt-level z does; earlier, that would hide what crates have in common. Then blocks
# in the order that takes the least code, where a jump that is near is worth something
# too, and few copies of values for the sake of speed; no constant is kept in a register for
# later, no loop gets further counters, and only long and dense matches become tables.
SMALL_LAST = ["-Cllvm-args=" + arg for arg in (
    "-inline-threshold=15", "-enable-ext-tsp-block-placement", "-apply-ext-tsp-for-size",
    "-ext-tsp-forward-weight-cond=0.2", "-ext-tsp-backward-weight-cond=0.2",
    "-split-spill-mode=size", "-enable-load-pre=false", "-simplifycfg-max-small-block-size=4",
    "-max-phi-entries-increase-after-removing-empty-block=0", "-disable-constant-hoisting",
    "-disable-lsr", "-min-jump-table-entries=8", "-optsize-jump-table-density=80",
    "-min-bit-test-cmps=4")]


def small_last(how):
    """SMALL_LAST but for what this compiler's LLVM does not have: its options come and go."""
    def taken(flags):
        command = ["rustc"] + how.cargo[1:] + flags + ["--print", "cfg"]
        return subprocess.run(command, env=dict(os.environ, **how.env), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    return SMALL_LAST if taken(SMALL_LAST) else [flag for flag in SMALL_LAST if taken([flag])]


def without_frame_pointer(how, target, folder):
    """A copy of a target's specification that leaves r7 to the code, which takes
    2 to 4 kB less. Works only where `core` is built too."""
    env = dict(os.environ, **how.env)
    command = ["rustc"] + how.cargo[1:] + ["-Zunstable-options", "--print", "target-spec-json",
                                            "--target", target]
    out = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         universal_newlines=True)
    if out.returncode != 0:
        return target, []
    spec = json.loads(out.stdout)
    spec["frame-pointer"] = "may-omit"
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, target + ".json")
    text = json.dumps(spec, indent=2, sort_keys=True)
    if not os.path.exists(path) or open(path).read() != text:
        with open(path, "w") as f:
            f.write(text)
    known = subprocess.run(how.cargo + ["-Z", "help"], env=env, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, universal_newlines=True).stdout
    return path, ["-Zjson-target-spec"] if "json-target-spec" in known else []


def firmware(how, target, env):
    """The target as cargo takes it, and further arguments for it, to build as firmware is
    built; sets what is needed in `env`, which has CARGO_TARGET_DIR."""
    env["RUSTFLAGS"] = " ".join(SMALL)
    if not how.builds_core:
        return target, []
    return without_frame_pointer(how, target, os.path.join(env["CARGO_TARGET_DIR"], "targets"))


def build(args):
    target = target_of(args.cc)
    how = toolchain(target)
    done = cargo_rustc(args, target, how)
    if not done and how.builds_core and has_std([], target):
        # It may take crates that cannot be had here.
        note("Building with the core library that came with Rust")
        done = cargo_rustc(args, target, Toolchain(["cargo"]))
    if not done:
        raise Failure("cargo failed for %s" % target)
    library = "lib%s.a" % args.package.replace("-", "_")
    library = os.path.join(os.path.abspath(args.out), target, "release", library)
    if target.startswith("thumb"):
        library = without_builtins(library, args.cc)
    if args.copy and not (os.path.exists(args.copy) and filecmp.cmp(library, args.copy, False)):
        shutil.copyfile(library, args.copy)
    return args.copy or library


def without_builtins(library, cc):
    """A copy of a library without Rust's versions of what the C compiler and firmware have
    too: the linker would take them for all of the firmware, and they are larger. What
    remains is in c-glue/runtime.c."""
    small = library[:-2] + "_small.a"
    shutil.copyfile(library, small)
    ar = subprocess.run(shlex.split(cc) + ["-print-prog-name=ar"], stdout=subprocess.PIPE,
                        check=True, universal_newlines=True).stdout.strip()
    members = subprocess.run([ar, "t", small], stdout=subprocess.PIPE, check=True,
                             universal_newlines=True).stdout.split()
    builtins = [name for name in members if name.startswith("compiler_builtins")]
    if builtins:
        subprocess.run([ar, "dD", small] + builtins, check=True)
    return small


def cargo_rustc(args, target, how):
    """Whether the library was built."""
    env = dict(os.environ, **how.env)
    env["CARGO_TARGET_DIR"] = os.path.abspath(args.out)
    # Flags that the surrounding make exports are for C, and not for cargo's jobserver.
    for name in ("MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS", "RUSTFLAGS", "CFLAGS", "CC"):
        env.pop(name, None)
    spec, extra, last = target, [], []
    if is_firmware(target):
        spec, extra = firmware(how, target, env)
        last = ["--"] + small_last(how)
    if args.sanitize:
        env.update(RUSTC_BOOTSTRAP="1", RUSTFLAGS="-Zsanitizer=" + args.sanitize)
    command = how.cargo + ["rustc", "--quiet", "--release", "--target", spec, "-p", args.package,
                           "--no-default-features", "--crate-type", "staticlib"]
    command += extra + how.flags + args.cargo + last
    return subprocess.run(command, cwd=args.workspace, env=env, stdout=sys.stderr).returncode == 0


if __name__ == "__main__":
    main()
