"""Controllers for the tests: our virtual air, or Google's RootCanal.

Each is started for one test, gives places for HCI hosts to connect to, and is
ended by `close`.
"""

import asyncio
import os
import shutil
import socket
import tempfile

START_TIMEOUT = 10


class ControllerError(Exception):
    """The controllers did not start."""


class Air:
    """ble-air with UNIX sockets as nodes."""

    def __init__(self, binary, nodes=2, options=()):
        self.binary = binary
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="peers-")
        paths = [os.path.join(self.folder, f"node{i}") for i in range(nodes)]
        self.places = [f"unix:{path}" for path in paths]
        self.process = None

    async def start(self):
        nodes = [word for place in self.places for word in ("--node", place)]
        self.process = await asyncio.create_subprocess_exec(
            self.binary,
            *nodes,
            *self.options,
            "--until-eof",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(START_TIMEOUT):
            while line := await self.process.stdout.readline():
                if line == b"ready\n":
                    return
        raise ControllerError("ble-air ended at once")

    async def close(self):
        await end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class RootCanal:
    """RootCanal: each connection to its one port is a new controller.
    Their HCI is kept in the folder `captures`."""

    def __init__(self, captures, nodes=2):
        self.captures = captures
        self.ports = free_ports(4)
        self.places = [f"tcp:127.0.0.1:{self.ports[0]}"] * nodes
        self.process = None

    async def start(self):
        import rootcanal.binaries

        binary = rootcanal.binaries.get_package_binary_resource_path("rootcanal")
        if not os.access(binary, os.X_OK):
            os.chmod(binary, 0o755)
        names = ("hci_port", "test_port", "link_port", "link_ble_port")
        self.process = await asyncio.create_subprocess_exec(
            binary,
            *(f"--{name}={port}" for name, port in zip(names, self.ports)),
            "--enable_hci_sniffer",
            cwd=self.captures,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(START_TIMEOUT):
            while not listens(self.ports[0]):
                if self.process.returncode is not None:
                    raise ControllerError("RootCanal ended at once")
                await asyncio.sleep(0.02)

    async def close(self):
        await end(self.process)


def free_ports(count):
    """TCP ports that nobody has now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [its.getsockname()[1] for its in sockets]
    for its in sockets:
        its.close()
    return ports


def listens(port):
    """Whether a server listens on a port: looked up, not tried, because a
    connection would be one more controller."""
    wanted = f":{port:04X}"
    with open("/proc/net/tcp") as table:
        lines = [line.split() for line in table.readlines()[1:]]
    return any(line[1].endswith(wanted) and line[3] == "0A" for line in lines)


async def end(process):
    """Ends a process that we started, by force if need be."""
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(2):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
