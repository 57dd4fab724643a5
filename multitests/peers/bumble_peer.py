"""Bumble's host as one side of a test."""

import asyncio
import logging
import socket

from bumble import hci
from bumble.core import AdvertisingData
from bumble.device import (
    AdvertisingType,
    ConnectionParametersPreferences,
    Device,
    DeviceConfiguration,
)
from bumble.host import Host
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import StreamPacketSink, StreamPacketSource, Transport

ADDRESS = "F1:F2:F3:F4:F5:F6"
IRK = bytes(range(0x40, 0x50))
TIMEOUT = 10

# Connection parameters of the tests: a short interval keeps them short.
FAST = {
    hci.Phy.LE_1M: ConnectionParametersPreferences(
        connection_interval_min=7.5,
        connection_interval_max=7.5,
        supervision_timeout=2000,
    )
}


class Source(StreamPacketSource):
    """H4 from a socket, acknowledged at once: RootCanal's packets would wait
    for a delayed acknowledgement otherwise."""

    def connection_made(self, transport):
        self.socket = transport.get_extra_info("socket")

    def data_received(self, data):
        if self.socket.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        super().data_received(data)

    def connection_lost(self, error):
        self.on_transport_lost()


async def open_transport(place):
    """Connects to a place as ble-air prints and MICROPYBTUART takes it."""
    loop = asyncio.get_running_loop()
    kind, _, rest = place.partition(":")
    if kind == "unix":
        transport, source = await loop.create_unix_connection(Source, rest)
    else:
        host, port = rest.rsplit(":", 1)
        transport, source = await loop.create_connection(Source, host, int(port))
    return Transport(source, StreamPacketSink(transport))


class Bumble:
    """A Bumble device on a controller."""

    def __init__(self, place, address=ADDRESS, irk=IRK, private=False, **options):
        self.place = place
        config = DeviceConfiguration(
            name="Bumble",
            address=hci.Address(address),
            irk=irk,
            le_privacy_enabled=private,
            le_rpa_timeout=0,
            **options,
        )
        self.device = Device(config=config)
        self.transport = None
        self.connection = None

    async def start(self):
        self.transport = await open_transport(self.place)
        self.device.host = Host(*self.transport)
        async with asyncio.timeout(TIMEOUT):
            await self.device.power_on()

    async def advertise(self, kind=AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE):
        data = AdvertisingData(
            [
                (AdvertisingData.FLAGS, b"\x06"),
                (AdvertisingData.COMPLETE_LOCAL_NAME, b"Bumble"),
            ]
        )
        await self.device.start_advertising(
            advertising_type=kind,
            advertising_data=bytes(data),
            advertising_interval_min=20,
            advertising_interval_max=20,
        )

    async def connected(self):
        """The connection that comes while we advertise."""
        if not self.device.connections:
            done = asyncio.get_running_loop().create_future()
            self.device.once("connection", done.set_result)
            async with asyncio.timeout(TIMEOUT):
                await done
        self.connection = next(reversed(self.device.connections.values()))
        return self.connection

    async def connect(self, address):
        async with asyncio.timeout(TIMEOUT):
            self.connection = await self.device.connect(
                address, connection_parameters_preferences=FAST
            )
        return self.connection

    async def take_new_address(self):
        """Changes to another resolvable private address."""
        device = self.device
        await device.stop_advertising()
        device.random_address = hci.Address.generate_private_address(device.irk)
        await device.send_sync_command(
            hci.HCI_LE_Set_Random_Address_Command(random_address=device.random_address)
        )

    async def close(self):
        if self.transport is not None:
            await self.transport.close()


class Delegate(PairingDelegate):
    """The user of Bumble's side in a pairing, asked through a queue.

    `asked` gives ("show", number), ("enter", None) or ("compare", number);
    `answers` takes the number entered, or whether the numbers are equal.
    """

    def __init__(self, io, **options):
        super().__init__(io_capability=PairingDelegate.IoCapability(io), **options)
        self.asked = asyncio.Queue()
        self.answers = asyncio.Queue()

    async def compare_numbers(self, number, digits):
        self.asked.put_nowait(("compare", number))
        return await self.answers.get()

    async def get_number(self):
        self.asked.put_nowait(("enter", None))
        return await self.answers.get()

    async def display_number(self, number, digits):
        self.asked.put_nowait(("show", number))


def use_pairing(device, delegate, sc=True, mitm=False, bonding=True):
    """Sets how a Bumble device pairs."""
    device.pairing_config_factory = lambda connection: PairingConfig(
        sc=sc,
        mitm=mitm,
        bonding=bonding,
        delegate=delegate,
        identity_address_type=PairingConfig.AddressType.RANDOM,
    )


class Warnings(logging.Handler):
    """Puts Bumble's warnings into the report of the test that is running:
    many tests provoke some, so they are shown only when it fails."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.log = print
        logger = logging.getLogger("bumble")
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record):
        self.log(f"  bumble: {self.format(record)}")
