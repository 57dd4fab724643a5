"""A MicroPython process with node.py, as one side of a test."""

import ast
import asyncio
import os

from controllers import end

NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node.py")
TIMEOUT = 10

# Events of MicroPython's bluetooth module.
CENTRAL_CONNECT = 1
CENTRAL_DISCONNECT = 2
GATTS_WRITE = 3
GATTS_READ_REQUEST = 4
SCAN_RESULT = 5
SCAN_DONE = 6
PERIPHERAL_CONNECT = 7
PERIPHERAL_DISCONNECT = 8
GATTC_SERVICE_RESULT = 9
GATTC_SERVICE_DONE = 10
GATTC_CHARACTERISTIC_RESULT = 11
GATTC_CHARACTERISTIC_DONE = 12
GATTC_DESCRIPTOR_RESULT = 13
GATTC_DESCRIPTOR_DONE = 14
GATTC_READ_RESULT = 15
GATTC_READ_DONE = 16
GATTC_WRITE_DONE = 17
GATTC_NOTIFY = 18
GATTC_INDICATE = 19
GATTS_INDICATE_DONE = 20
MTU_EXCHANGED = 21
L2CAP_ACCEPT = 22
L2CAP_CONNECT = 23
L2CAP_DISCONNECT = 24
L2CAP_RECV = 25
L2CAP_SEND_READY = 26
CONNECTION_UPDATE = 27
ENCRYPTION_UPDATE = 28
GET_SECRET = 29
SET_SECRET = 30
PASSKEY_ACTION = 31


class ScriptError(Exception):
    """An exception in MicroPython: its name, then its arguments."""


class MicroPython:
    """Runs lines in a MicroPython process and collects its events."""

    def __init__(self, binary, place, log):
        self.binary = binary
        self.place = place
        self.log = log
        self.process = None
        self.reader = None
        self.answers = asyncio.Queue()
        self.events = []
        self.arrived = asyncio.Condition()

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            self.binary,
            "-X",
            "heapsize=8M",
            NODE,
            env={**os.environ, "MICROPYBTUART": self.place},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,
        )
        self.reader = asyncio.create_task(self._read())
        await self._answer()

    async def _read(self):
        while line := await self.process.stdout.readline():
            kind, _, text = line.decode(errors="replace").rstrip("\n").partition(" ")
            self.log(f"  mpy {kind} {text}")
            if kind in ("=", "*"):
                self.answers.put_nowait((kind, text))
            elif kind == "!":
                async with self.arrived:
                    self.events.append(ast.literal_eval(text))
                    self.arrived.notify_all()
        self.answers.put_nowait(("*", "('EOFError', ('MicroPython ended',))"))

    async def _answer(self):
        async with asyncio.timeout(TIMEOUT):
            kind, text = await self.answers.get()
        if kind == "*":
            name, arguments = ast.literal_eval(text)
            raise ScriptError(name, *arguments)
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text

    async def do(self, line):
        """The value of an expression, or None for a statement."""
        if "\n" in line:
            line = f"exec({line!r})"
        self.log(f"  mpy > {line}")
        self.process.stdin.write(line.encode() + b"\n")
        return await self._answer()

    async def ble(self, method, *arguments):
        """Calls a method of bluetooth.BLE()."""
        return await self.do(f"ble.{method}({', '.join(map(repr, arguments))})")

    async def config(self, **options):
        words = ", ".join(f"{name}={value!r}" for name, value in options.items())
        return await self.do(f"ble.config({words})")

    async def event(self, kind, matches=lambda *data: True, timeout=TIMEOUT):
        """Takes the first event of a kind, waiting for it."""
        try:
            async with asyncio.timeout(timeout), self.arrived:
                while True:
                    for at, (its_kind, data) in enumerate(self.events):
                        if its_kind == kind and matches(*data):
                            del self.events[at]
                            return data
                    await self.arrived.wait()
        except TimeoutError:
            raise AssertionError(
                f"no event {kind} in {timeout} s, but {self.events}"
            ) from None

    async def results(self, result, done, timeout=TIMEOUT):
        """Takes the results of a GATT procedure up to the one event that says
        that it is done; gives them and its status."""
        status = (await self.event(done, timeout=timeout))[-1]
        return self.take(result), status

    def take(self, kind):
        """Takes the events of a kind that have come."""
        taken = [data for its_kind, data in self.events if its_kind == kind]
        self.events = [event for event in self.events if event[0] != kind]
        return taken

    async def close(self):
        if self.process is None:
            return
        if self.process.returncode is None:
            self.process.stdin.close()
            try:
                async with asyncio.timeout(5):
                    await self.process.wait()
            except TimeoutError:
                await end(self.process)
        self.reader.cancel()
