#!/usr/bin/env python3
"""Fetch MicroPython's source from this machine's Debian mirror into a cache folder.

Prints the path of the unpacked, unmodified tree. Everything apt needs (sources,
lists, archives) lives in the cache folder; the machine's own apt is only read.
"""

import argparse
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
SUITES = ["sid", "forky", "trixie"]
TARBALL = re.compile(r"micropython_(\d+\.\d+\.\d+)(?:[+~][^_]*)?\.orig\.tar\.\w+$")


class Failure(Exception):
    """A reason to give up, in one line."""


def known_checksums():
    sums = {}
    with open(os.path.join(HERE, "SHA256SUMS")) as f:
        for line in f:
            digest, name = line.split()
            sums[name] = digest
    return sums


def note(text):
    print(text, file=sys.stderr, flush=True)


# The machine's mirrors.


def mirrors():
    """(URI, keyring or None, suite) of every binary source that apt is configured with."""
    found = []
    for entry in indextargets() + sources_files():
        if entry[0].startswith(("http", "file:", "mirror", "copy:", "ftp")) and entry not in found:
            found.append(entry)
    # Security archives carry no MicroPython; last, in case they are all there is.
    return sorted(found, key=lambda entry: "security" in entry[0] + entry[2])


def indextargets():
    if not shutil.which("apt-get"):
        raise Failure("there is no apt-get here to fetch it with")
    out = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(SIGNED_BY)|$(RELEASE)",
         "Created-By: Packages"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
    ).stdout
    rows = (line.split("|") for line in out.splitlines() if line.count("|") == 2)
    return [(uri, key.strip() or None, suite) for uri, key, suite in rows]


def sources_files():
    entries = []
    etc = os.environ.get("APT_ETC", "/etc/apt")
    for path in [etc + "/sources.list"] + sorted(glob.glob(etc + "/sources.list.d/*.list")):
        for line in read_lines(path):
            m = re.match(r"deb(?:-src)?\s+(\[[^\]]*\]\s*)?(\S+)\s+(\S+)", line)
            if m:
                key = re.search(r"signed-by=([^\s\]]+)", m.group(1) or "")
                entries.append((m.group(2), key and key.group(1), m.group(3)))
    for path in sorted(glob.glob(etc + "/sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", "\n".join(read_lines(path))):
            fields = dict(re.findall(r"(?m)^([\w-]+):[ \t]*(.*)$", stanza))
            key = fields.get("Signed-By") or None
            if fields.get("Enabled", "yes").strip().lower() in ("no", "false", "0"):
                continue
            for uri in fields.get("URIs", "").split():
                for suite in fields.get("Suites", "").split():
                    entries.append((uri, key, suite))
    return entries


def read_lines(path):
    try:
        with open(path) as f:
            return [line.rstrip("\n") for line in f if not line.startswith("#")]
    except OSError:
        return []


# apt with a state of its own.


def download(cache, wanted):
    """Download the .orig tarball of the wanted version, or of the best there is."""
    uris = []
    for uri, key, suite in mirrors():
        if (uri, key) not in [u[:2] for u in uris]:
            uris.append((uri, key, suite))
    if not uris:
        raise Failure("apt has no sources configured to derive a mirror from")
    for uri, key, own_suite in uris:
        apt = Apt(cache, uri, key, SUITES + [own_suite])
        versions = apt.versions()
        if wanted:
            versions = [v for v in versions if upstream(v) == wanted]
        if versions:
            return apt.download(best(versions))
    raise Failure("no mirror that apt is configured with could be reached or has it")


def upstream(version):
    return re.split(r"[+~-]", version.split(":")[-1])[0]


def best(versions):
    tested = [upstream_of(name) for name in known_checksums()]

    def rank(version):
        number = upstream(version)
        return number in tested, [int(part) for part in re.findall(r"\d+", number)]

    return max(versions, key=rank)


def upstream_of(tarball):
    return TARBALL.search(tarball).group(1)


class Apt:
    """apt-get on one mirror, with lists and archives in the cache folder."""

    def __init__(self, cache, uri, key, suites):
        self.dir = os.path.join(cache, "apt")
        for sub in ("lists/partial", "archives/partial", "download"):
            os.makedirs(os.path.join(self.dir, sub), exist_ok=True)
        option = "[signed-by=%s] " % key if key and key.startswith("/") else ""
        self.lines = ["deb-src %s%s %s main\n" % (option, uri, s) for s in dict.fromkeys(suites)]

    def run(self, tool, *args):
        sources = os.path.join(self.dir, "sources.list")
        with open(sources, "w") as f:
            f.writelines(self.lines)
        options = {
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State": self.dir,
            "Dir::State::Lists": os.path.join(self.dir, "lists"),
            "Dir::Cache": self.dir,
            "Dir::Cache::Archives": os.path.join(self.dir, "archives"),
            "Acquire::Check-Valid-Until": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "0",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
            "APT::Sandbox::User": "root",
        }
        flags = [arg for item in options.items() for arg in ("-o", "%s=%s" % item)]
        return subprocess.run(
            [tool] + flags + list(args), cwd=os.path.join(self.dir, "download"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
        )

    def versions(self):
        # One suite at a time, so that a mirror that lacks one still serves the others.
        versions, usable = [], []
        for line in list(self.lines):
            self.lines = [line]
            if self.run("apt-get", "update").returncode == 0:
                shown = self.run("apt-cache", "showsrc", "micropython").stdout
                versions += re.findall(r"(?m)^Version: (\S+)", shown)
                usable.append(line)
        self.lines = usable
        return versions

    def download(self, version):
        note("Fetching MicroPython %s from this machine's Debian mirror" % upstream(version))
        self.run("apt-get", "update")
        done = self.run("apt-get", "source", "--download-only", "micropython=" + version)
        names = [n for n in os.listdir(os.path.join(self.dir, "download")) if TARBALL.match(n)]
        names = [n for n in names if upstream_of(n) == upstream(version)]
        if done.returncode != 0 or not names:
            reason = (done.stderr.strip().splitlines() or ["apt-get source failed"])[-1]
            raise Failure(reason)
        return os.path.join(self.dir, "download", names[0])


# From tarball to tree.


def verify(tarball):
    """Check a tarball against the committed list; what apt fetched was signed as well."""
    digest = hashlib.sha256()
    with open(tarball, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    name = os.path.basename(tarball)
    expected = known_checksums().get(name)
    if expected is None:
        note("warning: %s is not in SHA256SUMS; trusting the archive's signature" % name)
    elif expected != digest.hexdigest():
        raise Failure("%s has a wrong checksum" % name)
    return expected is not None


def unpack(tarball, tree):
    partial = tree + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial)
    try:
        with tarfile.open(tarball) as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extractall(partial, filter="data")
            else:
                tar.extractall(partial)
    except tarfile.ReadError:  # A Python without lzma.
        subprocess.run(["tar", "-xf", tarball, "-C", partial], check=True)
    top = os.listdir(partial)
    inner = os.path.join(partial, top[0]) if len(top) == 1 else partial
    os.rename(inner, tree)
    shutil.rmtree(partial, ignore_errors=True)


def cached(cache, wanted):
    trees = glob.glob(os.path.join(cache, "micropython-[0-9]*.[0-9]*.[0-9]*"))
    trees = [t for t in trees if re.fullmatch(r"micropython-\d+\.\d+\.\d+", os.path.basename(t))]
    versions = {os.path.basename(t).split("-")[1]: t for t in trees}
    if wanted:
        return versions.get(wanted)
    return versions[best(list(versions))] if versions else None


def local_tarball(wanted):
    """A tarball beside the repository, where a machine without mirrors may keep one."""
    found = glob.glob(os.path.join(HERE, "..", "..", "shared", "sources", "micropython_*.orig.tar.*"))
    found = {upstream_of(t): t for t in found if TARBALL.search(t) and
             os.path.basename(t) in known_checksums()}
    if wanted:
        return found.get(wanted)
    return found[best(list(found))] if found else None


def fetch(cache, wanted):
    cache = os.path.abspath(cache)
    tree = cached(cache, wanted)
    if tree:
        return tree
    os.makedirs(cache, exist_ok=True)
    try:
        tarball = download(cache, wanted)
    except Failure as reason:
        tarball = local_tarball(wanted)
        if not tarball:
            raise Failure("cannot get MicroPython%s: %s; MPY_DIR=path uses a checkout of yours"
                          % (" " + wanted if wanted else "", reason))
    verify(tarball)
    tree = os.path.join(cache, "micropython-" + upstream_of(os.path.basename(tarball)))
    unpack(tarball, tree)
    return tree


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", default=".cache", help="folder to keep it in")
    parser.add_argument("--version", default="", help="for example 1.25.0; default: the best there is")
    args = parser.parse_args()
    try:
        print(fetch(args.cache, args.version))
    except Failure as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()
