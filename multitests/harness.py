"""What the runner, the demo and the prompt share: controllers and processes."""

import atexit
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(HERE)
ROOTCANAL = "rootcanal==1.10.0"
BUMBLE = "bumble==0.0.236"


class Failure(Exception):
    """A reason to give up, in one line."""


def micropython(build):
    """The binary that `make unix` built last."""
    try:
        with open(os.path.join(build, "micropython-path")) as f:
            path = f.read().strip()
    except OSError:
        path = ""
    if not os.access(path, os.X_OK):
        raise Failure("there is no MicroPython yet: make unix")
    return path


def micropython_tree(build):
    """The working copy it was built in."""
    return os.path.realpath(os.path.join(build, "micropython-tree"))


class Process:
    """A child that ends with us, and whose end is bounded."""

    def __init__(self, argv, **kwargs):
        self.popen = subprocess.Popen(argv, **kwargs)
        atexit.register(self.stop)

    def stop(self):
        atexit.unregister(self.stop)
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream:
                stream.close()


def read_until(stream, pattern, seconds, what):
    """The match of a pattern in a stream's text, and that text."""
    text, end = "", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([stream], [], [], 0.1)[0]:
            data = os.read(stream.fileno(), 4096)
            if not data:
                break
            text += data.decode("utf-8", "replace")
            match = re.search(pattern, text)
            if match:
                return match, text
    raise Failure("%s did not start: %s" % (what, text.strip().splitlines()[-1:] or "no output"))


# Controllers. `places` are values for MICROPYBTUART.


class Air:
    """Our virtual air, a UNIX socket for each node."""

    def __init__(self, nodes, snoop=None, args=()):
        binary = os.path.join(REPO, "target", "release", "ble-air")
        self.folder = tempfile.mkdtemp(prefix="ble-air-")
        atexit.register(shutil.rmtree, self.folder, True)
        argv = [binary, "--until-eof"] + list(args)
        for i in range(nodes):
            argv += ["--node", "unix:%s/node-%d" % (self.folder, i)]
        if snoop:
            os.makedirs(snoop, exist_ok=True)
            argv += ["--snoop", snoop]
        try:
            self.process = Process(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError:
            raise Failure("there is no virtual air yet: make air")
        read_until(self.process.popen.stdout, r"(?m)^ready$", 10, "ble-air")
        self.places = ["unix:%s/node-%d" % (self.folder, i) for i in range(nodes)]

    def stop(self):
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


    def end(self):
        """Ends it, and gives what it says of itself: `violations`, how often it
        was `late`, and the `longest` time in ms."""
        self.process.popen.terminate()
        words = self.process.popen.stdout.read().decode().split()
        self.stop()
        return {what: int(n) for what, n in zip(words[1::2], words[2::2])}


class RootCanal:
    """Google's link layer: each TCP connection is a new controller."""

    def __init__(self, nodes, cache):
        python = venv(cache, ROOTCANAL)
        self.folder = tempfile.mkdtemp(prefix="rootcanal-")
        ports = free_ports(4)
        flags = ["-hci_port", "-test_port", "-link_port", "-link_ble_port"]
        argv = [python, "-m", "rootcanal"]
        argv += [word for pair in zip(flags, map(str, ports)) for word in pair]
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = Process(argv, stdout=self.log, stderr=self.log, cwd=self.folder,
                               start_new_session=True)
        self.places = ["tcp:127.0.0.1:%d" % ports[0]] * nodes
        end = time.monotonic() + 15
        while b"Listening on: %d" % ports[0] not in open(self.log.name, "rb").read():
            if time.monotonic() > end or self.process.popen.poll() is not None:
                raise Failure("rootcanal did not start, see %s" % self.log.name)
            time.sleep(0.1)

    def stop(self):
        # The Python package starts the real program as a child.
        try:
            os.killpg(self.process.popen.pid, signal.SIGTERM)
        except OSError:
            pass
        self.process.stop()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Bumble:
    """Bumble's controllers, a TCP port for each."""

    def __init__(self, nodes, cache):
        python = venv(cache, BUMBLE)
        ports = free_ports(nodes)
        argv = [python, os.path.join(HERE, "bumble_air.py")] + [str(port) for port in ports]
        # It complains of each command that it does not know.
        self.process = Process(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
        read_until(self.process.popen.stdout, r"(?m)^ready$", 30, "Bumble")
        self.places = ["tcp:127.0.0.1:%d" % port for port in ports]

    def stop(self):
        self.process.stop()


def controllers(link, nodes, cache, snoop=None):
    if link == "air":
        return Air(nodes, snoop)
    if link == "rootcanal":
        return RootCanal(nodes, cache)
    if link == "bumble":
        return Bumble(nodes, cache)
    raise Failure("LINK is air, rootcanal or bumble, not %s" % link)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def venv(cache, package):
    """A Python with one package from PyPI, in the cache folder."""
    name = re.split("[=<>]", package)[0]
    folder = os.path.abspath(os.path.join(cache, "venv-" + name))
    python = os.path.join(folder, "bin", "python")
    stamp = os.path.join(folder, package + ".installed")
    if not os.path.exists(stamp):
        print("Installing %s in %s" % (package, os.path.relpath(folder)), flush=True)
        for argv in ([sys.executable, "-m", "venv", folder],
                     [python, "-m", "pip", "--quiet", "--disable-pip-version-check",
                      "install", package]):
            done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode != 0:
                last = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
                raise Failure("cannot install %s: %s" % (package, " ".join(last)))
        open(stamp, "w").close()
    return python


def guarded(main):
    """Runs a program: exit status 1 and one line for a reason to give up."""
    # A terminated runner still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        sys.exit(main())
    except Failure as reason:
        print(reason, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
