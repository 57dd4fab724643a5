"""What every test gets: the register of tests, and a pair of peers."""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable

from bumble import hci
from bumble.att import ATT_Error
from bumble.device import Peer

from bumble_peer import Bumble
from controllers import Air, RootCanal
from micropython import (
    CENTRAL_CONNECT,
    CENTRAL_DISCONNECT,
    PERIPHERAL_CONNECT,
    PERIPHERAL_DISCONNECT,
    MicroPython,
)

# The role of MicroPython; Bumble has the other.
ROLES = ("central", "peripheral")

# Kinds of controllers.
LINKS = ("air", "rootcanal")

# Every registered test.
TESTS = []


@dataclasses.dataclass
class Test:
    """A test with its arguments."""

    name: str
    function: Callable
    arguments: dict
    # Seconds it may take.
    timeout: float
    # Only run when asked for.
    slow: bool
    # The controllers that it can run on.
    links: tuple


def test(
    timeout=20, slow=False, links=LINKS, omit=lambda **_: False, **arguments
):
    """Registers a test, once for each combination of its arguments, those that
    `omit` is true for left out."""

    def register(function):
        module = function.__module__.removeprefix("test_")
        for values in itertools.product(*arguments.values()):
            name = ".".join([module, function.__name__, *map(str, values)])
            named = dict(zip(arguments, values))
            if omit(**named):
                continue
            TESTS.append(Test(name, function, named, timeout, slow, links))
        return function

    return register


async def eventually(holds, timeout=10):
    """Waits until something holds."""
    try:
        async with asyncio.timeout(timeout):
            while not holds():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError("waited in vain") from None


def equal(got, wanted):
    """Fails with both values unless they are equal."""
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def pattern(length, at=0):
    """The test data of node.py, from a place in the stream on."""
    return bytes((i % 251 * 7 + 3) % 256 for i in range(at, at + length))


async def att_error(code, awaitable):
    """Expects an ATT request to fail with an error code."""
    try:
        got = await awaitable
    except ATT_Error as error:
        equal(error.error_code, code)
    else:
        raise AssertionError(f"got {got!r}, wanted ATT error {code:#04x}")


class Pair:
    """A MicroPython and a Bumble on controllers of their own."""

    def __init__(self, options, log, captures):
        self.options = options
        self.log = log
        self.captures = captures  # a folder for them
        self.controllers = None
        self.mpy = None
        self.bumble = None
        self.conn = None
        self.connect_event = None
        self.parts = []  # what was started

    async def open(self, speed=1, **bumble_options):
        """Starts everything, and activates MicroPython's BLE. With `speed`,
        our air is faster than the clock by this factor."""
        if self.options.link == "rootcanal":
            self.controllers = RootCanal(self.captures)
        else:
            options = ["--speed", str(speed), "--snoop", self.captures]
            self.controllers = Air(self.options.air, options=options)
        await self.begin(self.controllers)
        self.mpy = MicroPython(self.options.binary, self.controllers.places[0], self.log)
        await self.begin(self.mpy)
        self.bumble = Bumble(self.controllers.places[1], **bumble_options)
        await self.begin(self.bumble)
        return self.mpy, self.bumble

    async def begin(self, part):
        self.parts.append(part)
        await part.start()

    async def reopen_micropython(self):
        """Ends MicroPython and starts it again, with the same secrets."""
        secrets = await self.mpy.do("list(secrets.items())")
        await self.mpy.close()
        self.parts.remove(self.mpy)
        self.mpy = MicroPython(self.options.binary, self.controllers.places[0], self.log)
        await self.begin(self.mpy)
        await self.mpy.do(f"secrets.update({secrets!r})")
        return self.mpy

    async def link(self, role, mtu=None, target=None):
        """Connects with MicroPython in a role, as central to Bumble's address
        of the moment or a given one. Gives its connection handle and Bumble's
        connection."""
        if role == "central":
            await self.bumble.advertise()
            address = target or self.bumble.device.random_address
            await self.mpy.ble(
                "gap_connect",
                int(address.is_random),
                bytes(reversed(bytes(address))),
                5000,
                7500,
                7500,
            )
            connection = await self.bumble.connected()
            self.connect_event = await self.mpy.event(PERIPHERAL_CONNECT)
        else:
            await self.mpy.do("ble.gap_advertise(20_000, b'\\x02\\x01\\x06\\x04\\x09mpy')")
            connection = await self.bumble.connect(await self.address())
            self.connect_event = await self.mpy.event(CENTRAL_CONNECT)
        self.conn = self.connect_event[0]
        if mtu is not None:
            await Peer(connection).request_mtu(mtu)
        return self.conn, connection

    async def address(self):
        """MicroPython's address, as Bumble has it."""
        kind, address = await self.mpy.do("tuple(map(plain, ble.config('mac')))")
        kinds = (hci.Address.PUBLIC_DEVICE_ADDRESS, hci.Address.RANDOM_DEVICE_ADDRESS)
        return hci.Address(bytes(reversed(address)), kinds[min(kind, 1)])

    async def unlink(self, role):
        """Disconnects, from MicroPython's side, and waits for both."""
        gone = CENTRAL_DISCONNECT if role == "peripheral" else PERIPHERAL_DISCONNECT
        await self.mpy.ble("gap_disconnect", self.conn)
        await self.mpy.event(gone)
        await eventually(lambda: not self.bumble.device.connections)

    async def close(self):
        # MicroPython first: its peers and controller are there to answer.
        for part in (self.mpy, self.bumble, self.controllers):
            if part in self.parts:
                await part.close()
