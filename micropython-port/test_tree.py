#!/usr/bin/env python3
"""Tests of install and uninstall, on throw-away copies of what was fetched."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import fetched
import patching
import tree


def snapshot(root):
    """{path: content} of a tree."""
    files = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                files[os.path.relpath(path, root)] = f.read()
    return files


def touched_by_patches():
    paths = {}
    for name in patching.patch_names(os.path.join(tree.HERE, "patches")):
        with open(os.path.join(tree.HERE, "patches", name)) as f:
            paths.update(dict.fromkeys(path for path, _ in patching.parse(f.read())))
    return list(paths) + ["py/mpconfig.h", "ports/unix/Makefile"]


class Install(unittest.TestCase):
    def each_release(self):
        sources = fetched.releases()
        for source in sources:
            with self.subTest(os.path.basename(source)), tempfile.TemporaryDirectory() as root:
                for path in touched_by_patches():
                    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                    shutil.copy(os.path.join(source, path), os.path.join(root, path))
                yield root

    def test_uninstall_leaves_a_tree_as_it_was(self):
        for root in self.each_release():
            before = snapshot(root)
            tree.install(root)
            self.assertIn("extmod/rust_ble/rust_ble.mk", snapshot(root))
            self.assertIn("ports/unix/variants/rust_ble/mpconfigvariant.mk", snapshot(root))
            tree.uninstall(root)
            self.assertEqual(snapshot(root), before)

    def test_installing_twice_is_installing_once(self):
        for root in self.each_release():
            before = snapshot(root)
            tree.install(root)
            once = snapshot(root)
            tree.install(root)
            self.assertEqual(snapshot(root), once)
            tree.uninstall(root)
            tree.uninstall(root)
            self.assertEqual(snapshot(root), before)

    def test_changes_of_the_user_stay(self):
        for root in self.each_release():
            path = os.path.join(root, "extmod/modbluetooth.c")
            with open(path, "a") as f:
                f.write("// mine\n")
            before = snapshot(root)
            tree.install(root)
            tree.uninstall(root)
            self.assertEqual(snapshot(root), before)

    def test_a_tree_that_does_not_fit_is_refused_and_left_alone(self):
        for root in self.each_release():
            with open(os.path.join(root, "extmod/modbluetooth.c"), "w") as f:
                f.write("// nothing of the sort\n")
            before = snapshot(root)
            with self.assertRaises(patching.Mismatch):
                tree.install(root)
            self.assertEqual(snapshot(root), before)

    def test_patches_that_the_user_committed_are_not_applied_again(self):
        for root in self.each_release():
            changed = patching.apply_all(root, os.path.join(tree.HERE, "patches"), {})
            for path, text in changed.items():
                tree.write(os.path.join(root, path), text.encode())
            before = snapshot(root)
            tree.install(root)
            tree.uninstall(root)
            self.assertEqual(snapshot(root), before)

    def test_git_takes_the_patches_as_commits(self):
        if not shutil.which("git"):
            self.skipTest("no git")
        for root in self.each_release():
            def git(*args):
                subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t"] + list(args),
                               cwd=root, check=True, stdout=subprocess.DEVNULL)
            git("init", "-q")
            git("add", "-A")
            git("commit", "-qm", "base")
            folder = os.path.join(tree.HERE, "patches")
            git("am", "-q", *(os.path.join(folder, n) for n in patching.patch_names(folder)))


class Firmware(unittest.TestCase):
    def reason(self, root, board):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, os.path.join(tree.HERE, "firmware.py"), "--dir", root,
                                   "--build", folder, "--cache", fetched.cache, board],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  universal_newlines=True)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr.splitlines()

    def test_what_is_missing_is_said_in_one_line(self):
        source = fetched.releases()[-1]
        for root, board, part in ((source, "NUCLEO_WB55", "lib/stm32lib"),
                                  (source, "RPI_PICO_W", "lib/cyw43-driver"),
                                  (source, "NO_SUCH", "no port has a board NO_SUCH"),
                                  ("/nonexistent", "RPI_PICO", "not a MicroPython source tree")):
            with self.subTest(board):
                lines = self.reason(root, board)
                self.assertEqual(len(lines), 1, lines)
                self.assertIn(part, lines[0])


class Workspace(unittest.TestCase):
    def test_firmware_is_built_with_the_profiles_of_the_crates_it_has(self):
        text = tree.workspace().decode()
        self.assertIn("[profile.release.package.aes]", text)
        self.assertNotIn("ble-sim", text)


class PatchSet(unittest.TestCase):
    def test_it_stays_small(self):
        lines = 0
        for name in patching.patch_names(os.path.join(tree.HERE, "patches")):
            with open(os.path.join(tree.HERE, "patches", name)) as f:
                lines += sum(line[0] in "+-" and line[:3] not in ("+++", "---") for line in f)
        self.assertLess(lines, 150)


if __name__ == "__main__":
    fetched.main()
