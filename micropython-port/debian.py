#!/usr/bin/env python3
"""Fetch sources that Debian packages from this machine's mirror into a cache folder.

  debian.py [--cache DIR] NAME...

prints, for each name in SOURCES below, the folder that it was unpacked into.
"""

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import time
import zlib

import fetch

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.path.join(HERE, "..", "..", "shared", "sources")

# name -> kind, Debian package, folder inside of it.
SOURCES = {
    "pico-sdk": ("deb", "pico-sdk-source", "usr/src/pico-sdk"),
    "tinyusb": ("deb", "tinyusb-source", "usr/src/tinyusb"),
    "lwip": ("dsc", "lwip", ""),
    "mbedtls": ("dsc", "mbedtls", ""),
    "picotool": ("dsc", "picotool", ""),
}


class Apt(fetch.Apt):
    """apt on one mirror's newest suite, for binary and source packages."""

    def __init__(self, cache, uri, key, suite):
        place = "debian-%s-%08x" % (suite, zlib.crc32(uri.encode()))
        super().__init__(os.path.join(cache, place), uri, key, [suite])
        self.lines = [kind + line[len("deb-src"):] for line in self.lines
                      for kind in ("deb", "deb-src")]
        stamp = os.path.join(self.dir, "updated")
        self.updated = os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) < 86400
        if not self.updated and self.run("apt-get", "update").returncode == 0:
            self.updated = True
            with open(stamp, "w"):
                pass

    def folder(self):
        return os.path.join(self.dir, "download")


def apts(cache):
    """apt on each mirror and suite here that answers."""
    seen = []
    for uri, key, own in fetch.mirrors():
        for suite in fetch.SUITES + [own]:
            if (uri, suite) not in seen:
                seen.append((uri, suite))
                apt = Apt(cache, uri, key, suite)
                if apt.updated:
                    yield apt


def fetch_source(cache, name):
    """The folder that holds the named source, fetched if need be."""
    kind, package, inside = SOURCES[name]
    tree = os.path.join(cache, name)
    if os.path.exists(tree):
        return tree
    for apt in apts(cache):
        if kind == "deb":
            archive = download_deb(apt, package)
            if archive:
                unpack_deb(archive, inside, tree)
                return tree
        elif unpack_dsc(apt, package, tree):
            return tree
    raise fetch.Failure("no mirror that apt is configured with has %s" % package)


def download_deb(apt, package):
    fetch.note("Fetching %s from this machine's Debian mirror" % package)
    if apt.run("apt-get", "download", package).returncode != 0:
        return None
    found = glob.glob(os.path.join(apt.folder(), package + "_*.deb"))
    return max(found, key=os.path.getmtime) if found else None


def unpack_deb(archive, inside, tree):
    partial = tree + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial)
    subprocess.run(["dpkg-deb", "-x", archive, partial], check=True)
    found = sorted(glob.glob(os.path.join(partial, inside)))
    if not found:
        raise fetch.Failure("%s has no %s" % (os.path.basename(archive), inside))
    os.rename(found[0], tree)
    shutil.rmtree(partial, ignore_errors=True)


def unpack_dsc(apt, package, tree):
    """Download and unpack a source package without Debian's own changes."""
    fetch.note("Fetching %s from this machine's Debian mirror" % package)
    apt.run("apt-get", "source", "--download-only", "--tar-only", package)
    found = [p for p in glob.glob(os.path.join(apt.folder(), package + "_*.orig.tar.*"))
             if not p.endswith(".asc")]
    if not found:
        return False
    fetch.unpack(max(found, key=os.path.getmtime), tree)
    return True


def rust_sources(cache):
    """(version, function that unpacks the library into a folder) of each rust-src here."""
    for apt in apts(cache):
        shown = apt.run("apt-cache", "policy", "rust-src").stdout
        m = re.search(r"Candidate: (\d+\.\d+\.\d+)", shown)
        if m:
            yield m.group(1), lambda tree, apt=apt: unpack_rust(apt, tree)
    for archive in sorted(glob.glob(os.path.join(SHARED, "rust-library-*.tar.xz"))):
        number = re.search(r"rust-library-(.*)\.tar", archive).group(1)
        yield number, lambda tree, archive=archive: unpack_library(archive, tree)


def unpack_rust(apt, tree):
    archive = download_deb(apt, "rust-src")
    if not archive:
        raise fetch.Failure("apt cannot download rust-src")
    unpack_deb(archive, "usr/src/rustc-*/library", os.path.join(tree, "library"))


def unpack_library(archive, tree):
    os.makedirs(tree, exist_ok=True)
    subprocess.run(["tar", "-xf", archive, "-C", tree], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", default=os.path.join(HERE, "..", ".cache"))
    parser.add_argument("names", nargs="+", choices=sorted(SOURCES))
    args = parser.parse_args()
    cache = os.path.abspath(args.cache)
    os.makedirs(cache, exist_ok=True)
    for name in args.names:
        try:
            print(fetch_source(cache, name))
        except fetch.Failure as reason:
            sys.exit("cannot get %s: %s" % (name, reason))


if __name__ == "__main__":
    main()
