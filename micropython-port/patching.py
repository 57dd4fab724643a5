"""Unified diffs applied to files in memory, all or nothing, without outside tools."""

import os
import re

HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
FUZZ = 2


class Mismatch(Exception):
    """A hunk's lines are not in the file."""


class Hunk:
    def __init__(self, old_start, new_start):
        self.start = {False: old_start, True: new_start}
        self.lines = []

    def sides(self, reverse):
        """(lines to find, lines to put) as lists."""
        old = [line[1:] for line in self.lines if line[0] in " -"]
        new = [line[1:] for line in self.lines if line[0] in " +"]
        return (new, old) if reverse else (old, new)

    def context(self):
        """Lines of leading and trailing context."""
        marks = "".join(line[0] for line in self.lines)
        return len(marks) - len(marks.lstrip(" ")), len(marks) - len(marks.rstrip(" "))


def parse(text):
    """[(path, [Hunk])] of a git patch that changes existing files."""
    files = []
    left = (0, 0)
    for line in text.splitlines(keepends=True):
        header = HUNK.match(line)
        if line.startswith("+++ b/"):
            files.append((line[6:].split("\t")[0].rstrip("\n"), []))
        elif header:
            old, old_n, new, new_n = header.groups()
            files[-1][1].append(Hunk(int(old), int(new)))
            left = (int(old_n or 1), int(new_n or 1))
        elif left != (0, 0) and line[0] in " +-":
            files[-1][1][-1].lines.append(line)
            left = (left[0] - (line[0] != "+"), left[1] - (line[0] != "-"))
    return files


def apply(text, patch, reverse=False):
    """The text of one file after one patch's hunks."""
    lines = text.splitlines(keepends=True)
    offset = 0
    for hunk in patch:
        find, put = hunk.sides(reverse)
        head, tail = hunk.context()
        for fuzz in range(FUZZ + 1):
            a, b = min(fuzz, head), min(fuzz, tail)
            wanted = find[a:len(find) - b]
            at = locate(lines, wanted, hunk.start[reverse] - 1 + offset + a)
            if at is not None:
                lines[at:at + len(wanted)] = put[a:len(put) - b]
                offset = at - a - (hunk.start[reverse] - 1) + len(put) - len(find)
                break
        else:
            raise Mismatch()
    return "".join(lines)


def locate(lines, wanted, near):
    """Where `wanted` is in `lines`, as near as possible to where it should be."""
    places = range(len(lines) - len(wanted) + 1)
    for at in sorted(places, key=lambda place: abs(place - near)):
        if lines[at:at + len(wanted)] == wanted:
            return at
    return None


def patch_names(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(".patch"))


def apply_all(root, folder, changed, reverse=False):
    """Apply every patch of a folder; `changed` maps paths to the text so far."""
    names = patch_names(folder)
    for name in reversed(names) if reverse else names:
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            files = parse(f.read())
        for path, hunks in reversed(files) if reverse else files:
            try:
                if path not in changed:
                    with open(os.path.join(root, path), encoding="utf-8", newline="") as f:
                        changed[path] = f.read()
                changed[path] = apply(changed[path], hunks, reverse)
            except (Mismatch, OSError):
                raise Mismatch("%s does not %s %s" % (name, "come out of" if reverse else "apply to", path))
    return changed
