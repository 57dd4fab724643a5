#!/usr/bin/env python3
"""Put the Rust backend into a MicroPython tree, take it out, or make a working copy with it.

    tree.py install DIR         patch set and added files into a checkout
    tree.py uninstall DIR       and out of it again
    tree.py prepare DIR COPY    a copy of DIR with both; DIR stays as it is
"""

import argparse
import filecmp
import json
import os
import re
import shutil
import sys

import patching

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(HERE)
BACKEND = "extmod/rust_ble"
MANIFEST = BACKEND + "/installed.json"
PATCHES = BACKEND + "/patches"
BESIDE = ("rust_ble.mk", "rust_ble.cmake", "rust.py", "variant.mk", "variant.cmake",
          "variant_uart.cmake", "sizes.mk", "sizes.cmake")
TESTED = ("1.25.0", "1.26.1", "1.28.0")
SKIPPED = re.compile(r"^(\.git|build|build-.*|target|__pycache__|.*\.pyc)$")


class Failure(Exception):
    """A reason to give up, in one line."""


# What is added.


def added_files(root):
    """{path in the tree: path here or bytes} of every file beside the patches."""
    files = {BACKEND + "/Cargo.toml": workspace()}
    for name in ("Cargo.lock", "LICENSE"):
        if os.path.exists(os.path.join(REPO, name)):
            files["%s/%s" % (BACKEND, name)] = os.path.join(REPO, name)
    for folder in ("rust-ble/core", "rust-ble/ffi", "c-glue"):
        files.update(walk(os.path.join(REPO, folder), BACKEND + "/" + folder))
    for name in BESIDE:
        files["%s/%s" % (BACKEND, name)] = os.path.join(HERE, name)
    files.update(walk(os.path.join(HERE, "ports"), "ports"))
    for name in patching.patch_names(os.path.join(HERE, "patches")):
        files["%s/%s" % (PATCHES, name)] = os.path.join(HERE, "patches", name)
    return {path: source for path, source in files.items()
            if (isinstance(source, bytes) or os.path.exists(source)) and has_board(root, path)}


def has_board(root, path):
    """Whether a board's variant has its board in this release."""
    m = re.match(r"(ports/\w+/boards/\w+/)mpconfigvariant_\w+\.(mk|cmake)$", path)
    if not m:
        return True
    name = m.group(1) + "mpconfigboard." + m.group(2)
    return any(os.path.exists(os.path.join(top, name)) for top in (root, HERE))


def workspace():
    """Cargo.toml for the two crates that firmware needs."""
    with open(os.path.join(REPO, "Cargo.toml")) as f:
        text = f.read()
    text = re.sub(r"(?m)^members = .*$", 'members = ["rust-ble/core", "rust-ble/ffi"]', text)
    text = re.sub(r"(?m)^exclude = .*\n", "", text)
    text = re.sub(r"(?ms)(^# [^\n]*\n)?^\[profile\.release\.package\.ble-.*?(?=^\[|^# |\Z)", "", text)
    return text.encode()


def walk(root, prefix):
    files = {}
    for folder, names, leaves in os.walk(root):
        names[:] = sorted(name for name in names if not SKIPPED.match(name))
        for leaf in leaves:
            if not SKIPPED.match(leaf):
                path = os.path.join(folder, leaf)
                files[prefix + "/" + os.path.relpath(path, root).replace(os.sep, "/")] = path
    return files


def content(source):
    if isinstance(source, bytes):
        return source
    with open(source, "rb") as f:
        return f.read()


# What is changed.


def plan(root):
    """{path: text} of the patched files, from a tree with or without an older install."""
    changed = {}
    installed = manifest(root)
    if installed and installed["patched"]:
        patching.apply_all(root, os.path.join(root, PATCHES), changed, reverse=True)
    try:
        return patching.apply_all(root, os.path.join(HERE, "patches"), dict(changed))
    except patching.Mismatch:
        if installed or not carries_patches(root):
            raise
        return {}


def carries_patches(root):
    """Whether the user has committed the patch set to the tree."""
    try:
        patching.apply_all(root, os.path.join(HERE, "patches"), {}, reverse=True)
        return True
    except patching.Mismatch:
        return False


def manifest(root):
    try:
        with open(os.path.join(root, MANIFEST)) as f:
            return json.load(f)
    except OSError:
        return None


def check(root, quiet=False):
    """The tree's version, with a warning if it is one that nobody has tried."""
    try:
        with open(os.path.join(root, "py", "mpconfig.h")) as f:
            text = f.read()
        parts = [re.search(r"#define MICROPY_VERSION_%s (\d+)" % part, text).group(1)
                 for part in ("MAJOR", "MINOR", "MICRO")]
    except (OSError, AttributeError):
        raise Failure("%s is not a MicroPython source tree" % root)
    version = ".".join(parts)
    if version not in TESTED and not quiet:
        print("warning: MicroPython %s is untested, trying it (tested: %s)"
              % (version, ", ".join(TESTED)), file=sys.stderr)
    return version


# The commands.


def install(root):
    check(root)
    changed = plan(root)
    files = added_files(root)
    remove_files(root, set((manifest(root) or {"files": []})["files"]) - set(files))
    for path, text in changed.items():
        write(os.path.join(root, path), text.encode())
    for path, source in files.items():
        write(os.path.join(root, path), content(source))
    record = {"files": sorted(files), "patched": bool(changed)}
    write(os.path.join(root, MANIFEST), json.dumps(record, indent=1).encode() + b"\n")


def uninstall(root):
    check(root)
    installed = manifest(root)
    if not installed:
        return
    changed = {}
    if installed["patched"]:
        patching.apply_all(root, os.path.join(root, PATCHES), changed, reverse=True)
    for path, text in changed.items():
        write(os.path.join(root, path), text.encode())
    remove_files(root, installed["files"])
    shutil.rmtree(os.path.join(root, BACKEND), ignore_errors=True)


def remove_files(root, paths):
    for path in paths:
        full = os.path.join(root, path)
        if os.path.lexists(full):
            os.remove(full)
        folder = os.path.dirname(full)
        while folder != root and os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
            folder = os.path.dirname(folder)


def prepare(root, copy, ports):
    check(root)
    changed = plan(root)
    files = added_files(root)
    before = manifest(copy) or {"files": []}
    old_files = set((manifest(root) or {"files": []})["files"]) | {MANIFEST}
    for path, source in walk_tree(root, ports):
        if path not in changed and path not in files and path not in old_files:
            copy_file(source, os.path.join(copy, path))
    remove_files(copy, set(before["files"]) - set(files))
    for path, text in changed.items():
        write(os.path.join(copy, path), text.encode(), mode_of=os.path.join(root, path))
    for path, source in files.items():
        write(os.path.join(copy, path), content(source))
    record = {"files": sorted(files), "patched": bool(changed)}
    write(os.path.join(copy, MANIFEST), json.dumps(record, indent=1).encode() + b"\n")


def walk_tree(root, ports):
    """Every file that a build of these ports can need."""
    for folder, names, leaves in os.walk(root):
        at = os.path.relpath(folder, root).replace(os.sep, "/")
        names[:] = [name for name in names if not SKIPPED.match(name)]
        if at == ".":
            names[:] = [name for name in names if name not in ("docs", "logo")]
        elif at == "ports":
            names[:] = [name for name in names if name in ports]
        elif at == "lib":
            # Submodules: the unix port builds without, and firmware.py links them.
            names[:] = [name for name in names
                        if not os.path.exists(os.path.join(folder, name, ".git"))]
        for leaf in leaves:
            if not SKIPPED.match(leaf):
                yield os.path.normpath(os.path.join(at, leaf)), os.path.join(folder, leaf)


def copy_file(source, target):
    if os.path.islink(source) and not os.path.exists(source):
        return
    if os.path.exists(target):
        a, b = os.stat(source), os.stat(target)
        if (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns):
            return
        if filecmp.cmp(source, target, shallow=False):
            shutil.copystat(source, target)
            return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, target)
    os.chmod(target, os.stat(target).st_mode | 0o200)


def write(target, data, mode_of=None):
    """Write a file unless it has that content: nothing is rebuilt in vain."""
    if os.path.exists(target) and content(target) == data:
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as f:
        f.write(data)
    if mode_of:
        shutil.copymode(mode_of, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install").add_argument("dir")
    commands.add_parser("uninstall").add_argument("dir")
    preparing = commands.add_parser("prepare")
    preparing.add_argument("dir")
    preparing.add_argument("copy")
    preparing.add_argument("--port", action="append", default=["unix"], help="a port to copy as well")
    args = parser.parse_args()
    try:
        root = os.path.abspath(args.dir)
        if args.command == "install":
            install(root)
        elif args.command == "uninstall":
            uninstall(root)
        else:
            prepare(root, os.path.abspath(args.copy), args.port)
    except (Failure, patching.Mismatch) as reason:
        sys.exit("%s: %s" % (args.command, reason))
    except OSError as error:
        sys.exit("%s: %s: %s" % (args.command, error.filename, error.strerror))


if __name__ == "__main__":
    main()
