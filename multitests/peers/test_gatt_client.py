"""Each GATT procedure of Vol 3, Part G, 4, that scripts can start, with
MicroPython as the client and Bumble as the server, MicroPython being central
or peripheral."""

import asyncio

from bumble import att
from bumble.att import Attribute, ATT_Error, AttributeValue, ErrorCode
from bumble.core import UUID
from bumble.gatt import Characteristic, Descriptor, Service

from harness import ROLES, equal, eventually, pattern, test
from micropython import (
    GATTC_CHARACTERISTIC_DONE,
    GATTC_CHARACTERISTIC_RESULT,
    GATTC_DESCRIPTOR_DONE,
    GATTC_DESCRIPTOR_RESULT,
    GATTC_INDICATE,
    GATTC_NOTIFY,
    GATTC_READ_DONE,
    GATTC_READ_RESULT,
    GATTC_SERVICE_DONE,
    GATTC_SERVICE_RESULT,
    GATTC_WRITE_DONE,
    MTU_EXCHANGED,
    PERIPHERAL_DISCONNECT,
    CENTRAL_DISCONNECT,
)

READ = Characteristic.Properties.READ
WRITE = Characteristic.Properties.WRITE
FREE = Characteristic.Properties.WRITE_WITHOUT_RESPONSE
NOTIFY = Characteristic.Properties.NOTIFY
INDICATE = Characteristic.Properties.INDICATE
READABLE = Attribute.READABLE
WRITEABLE = Attribute.WRITEABLE

FIRST = UUID.from_16_bits(0x18F0)
SECOND = UUID("6E400001-B5A3-F393-E0A9-E50E24DCCA9E")
WIDE = UUID("6E400002-B5A3-F393-E0A9-E50E24DCCA9E")
SHORT, LONG, FREELY, PUSH, ASK, REFUSED = (
    UUID.from_16_bits(0x2A00 + n) for n in (0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6)
)


def refuse(*_):
    raise ATT_Error(0x85)


class Server:
    """Bumble's server on a link to MicroPython's client."""

    def __init__(self, pair):
        self.pair = pair
        both = READABLE | WRITEABLE
        self.short = Characteristic(SHORT, READ, READABLE, b"short")
        self.note = Descriptor(UUID.from_16_bits(0x2901), both, b"a note")
        self.long_note = Descriptor(WIDE, both, pattern(300))
        self.long = Characteristic(
            LONG, READ | WRITE, both, pattern(512), [self.note, self.long_note]
        )
        self.written = []
        self.free = Characteristic(
            FREELY,
            FREE,
            WRITEABLE,
            AttributeValue(write=lambda _, value: self.written.append(value)),
        )
        self.push = Characteristic(PUSH, READ | NOTIFY, READABLE, b"push")
        self.ask = Characteristic(ASK, READ | INDICATE, READABLE, b"ask")
        self.refused = Characteristic(
            REFUSED, READ | WRITE, both, AttributeValue(read=refuse, write=refuse)
        )
        self.wide = Characteristic(WIDE, READ | WRITE, both, b"wide")
        first = [self.short, self.long, self.free, self.push, self.ask, self.refused]
        self.first = Service(FIRST, first)
        self.second = Service(SECOND, [self.wide])
        self.mpy = self.gatt = self.conn = self.connection = None

    async def open(self, role, mtu=None):
        self.mpy, bumble = await self.pair.open()
        await self.mpy.ble("active", True)
        self.gatt = bumble.device.gatt_server
        self.gatt.add_services([self.first, self.second])
        self.conn, self.connection = await self.pair.link(role)
        if mtu is not None:
            await self.mpy.config(mtu=mtu)
            await self.mpy.ble("gattc_exchange_mtu", self.conn)
            equal(await self.mpy.event(MTU_EXCHANGED), (self.conn, mtu))
        return self

    async def read(self, handle):
        """The one result of a read, and its status."""
        await self.mpy.ble("gattc_read", self.conn, handle)
        return await self.has_read(handle)

    async def has_read(self, handle):
        results, status = await self.mpy.results(GATTC_READ_RESULT, GATTC_READ_DONE)
        for conn, value_handle, _ in results:
            equal((conn, value_handle), (self.conn, handle))
        return [value for *_, value in results], status

    async def write(self, handle, value, mode=1):
        """The status of a write with response; with mode 2 of any length."""
        await self.mpy.ble("gattc_write", self.conn, handle, value, mode)
        conn, value_handle, status = await self.mpy.event(GATTC_WRITE_DONE)
        equal((conn, value_handle), (self.conn, handle))
        return status


def uuid(one):
    """A UUID as node.py reports it."""
    return bytes(one)


@test(role=ROLES, mtu=(23, 64, 256, 517))
async def exchange_mtu(pair, role, mtu):
    """4.3.1 Exchange MTU."""
    server = await Server(pair).open(role, mtu)
    equal(server.connection.att_mtu, mtu)


@test(role=ROLES)
async def discover_all_services(pair, role):
    """4.4.1 Discover All Primary Services."""
    server = await Server(pair).open(role)
    await server.mpy.ble("gattc_discover_services", server.conn)
    found, status = await server.mpy.results(GATTC_SERVICE_RESULT, GATTC_SERVICE_DONE)
    equal(status, 0)
    wanted = [
        (server.conn, one.handle, one.end_group_handle, uuid(one.uuid))
        for one in server.gatt.attributes
        if isinstance(one, Service)
    ]
    equal(found, wanted)
    equal(len(wanted), 4)


@test(role=ROLES)
async def discover_service_by_uuid(pair, role):
    """4.4.2 Discover Primary Service by Service UUID."""
    server = await Server(pair).open(role)
    for name, service in (("0x18F0", server.first), (f"'{SECOND}'", server.second)):
        await server.mpy.do(
            f"ble.gattc_discover_services({server.conn}, bluetooth.UUID({name}))"
        )
        found, status = await server.mpy.results(
            GATTC_SERVICE_RESULT, GATTC_SERVICE_DONE
        )
        equal(status, 0)
        ends = (service.handle, service.end_group_handle)
        equal(found, [(server.conn, *ends, uuid(service.uuid))])
    await server.mpy.do(
        f"ble.gattc_discover_services({server.conn}, bluetooth.UUID(0x18F5))"
    )
    found, status = await server.mpy.results(GATTC_SERVICE_RESULT, GATTC_SERVICE_DONE)
    equal((found, status), ([], 0))


async def characteristics(server, service, name=None):
    start, end = service.handle, service.end_group_handle
    arguments = f"{server.conn}, {start}, {end}"
    if name is not None:
        arguments += f", bluetooth.UUID({name})"
    await server.mpy.do(f"ble.gattc_discover_characteristics({arguments})")
    return await server.mpy.results(
        GATTC_CHARACTERISTIC_RESULT, GATTC_CHARACTERISTIC_DONE
    )


def ends(service):
    """Where each characteristic of a service ends."""
    declarations = [one.handle - 1 for one in service.characteristics]
    return [next_one - 1 for next_one in declarations[1:]] + [service.end_group_handle]


@test(role=ROLES)
async def discover_all_characteristics(pair, role):
    """4.6.1 Discover All Characteristics of a Service, with their ends."""
    server = await Server(pair).open(role)
    for service in (server.first, server.second):
        found, status = await characteristics(server, service)
        equal(status, 0)
        wanted = [
            (server.conn, end, one.handle, int(one.properties), uuid(one.uuid))
            for one, end in zip(service.characteristics, ends(service))
        ]
        equal(found, wanted)


@test(role=ROLES)
async def discover_characteristics_by_uuid(pair, role):
    """4.6.2 Discover Characteristics by UUID."""
    server = await Server(pair).open(role)
    for service, one, name in (
        (server.first, server.long, "0x2AE2"),
        (server.first, server.refused, "0x2AE6"),
        (server.second, server.wide, f"'{WIDE}'"),
    ):
        found, status = await characteristics(server, service, name)
        equal(status, 0)
        end = ends(service)[service.characteristics.index(one)]
        wanted = (server.conn, end, one.handle, int(one.properties), uuid(one.uuid))
        equal(found, [wanted])
    equal(await characteristics(server, server.first, "0x2AEF"), ([], 0))


@test(role=ROLES)
async def discover_descriptors(pair, role):
    """4.7.1 Discover All Characteristic Descriptors."""
    server = await Server(pair).open(role)
    for one, end in zip(server.first.characteristics, ends(server.first)):
        await server.mpy.ble("gattc_discover_descriptors", server.conn, one.handle, end)
        found, status = await server.mpy.results(
            GATTC_DESCRIPTOR_RESULT, GATTC_DESCRIPTOR_DONE
        )
        equal(status, 0)
        wanted = [
            (server.conn, handle, uuid(server.gatt.get_attribute(handle).type))
            for handle in range(one.handle + 1, end + 1)
        ]
        equal(found, wanted)


@test(role=ROLES)
async def read_value(pair, role):
    """4.8.1 Read Characteristic Value."""
    server = await Server(pair).open(role)
    equal(await server.read(server.short.handle), ([b"short"], 0))
    equal(await server.read(server.refused.handle), ([], 0x85))
    equal(await server.read(0x999), ([], ErrorCode.INVALID_HANDLE))


@test(role=ROLES, mtu=(23, 100, 513, 517))
async def read_long_value(pair, role, mtu):
    """4.8.3 Read Long Characteristic Values."""
    server = await Server(pair).open(role, mtu)
    equal(await server.read(server.long.handle), ([pattern(512)], 0))
    for length in (mtu - 2, mtu - 1, mtu):
        server.long.value = pattern(min(length, 512))
        equal(await server.read(server.long.handle), ([server.long.value], 0))


@test(role=ROLES)
async def write_without_response(pair, role):
    """4.9.1 Write Without Response."""
    server = await Server(pair).open(role)
    texts = [b"%d" % n for n in range(20)]
    for text in texts:
        await server.mpy.ble("gattc_write", server.conn, server.free.handle, text, 0)
    await eventually(lambda: len(server.written) == len(texts))
    equal(server.written, texts)
    equal(server.mpy.take(GATTC_WRITE_DONE), [])


@test(role=ROLES)
async def write_value(pair, role):
    """4.9.3 Write Characteristic Value."""
    server = await Server(pair).open(role)
    equal(await server.write(server.wide.handle, b"written"), 0)
    equal(server.wide.value, b"written")
    equal(await server.write(server.wide.handle, b""), 0)
    equal(server.wide.value, b"")
    equal(await server.write(server.refused.handle, b"no"), 0x85)
    equal(await server.write(0x999, b"no"), ErrorCode.INVALID_HANDLE)


@test(role=ROLES, mtu=(23, 256, 515))
async def write_long_value(pair, role, mtu):
    """4.9.4 Write Long Characteristic Values."""
    server = await Server(pair).open(role, mtu)
    for length in (mtu - 3, min(mtu - 2, 512), 512):
        equal(await server.write(server.wide.handle, pattern(length), 2), 0)
        equal(bytes(server.wide.value), pattern(length))
    # The peer refuses when the parts are executed.
    equal(await server.write(server.refused.handle, pattern(512), 2), 0x85)
    # Mode 1 sends one request, as MicroPython's tests and aioble's expect.
    equal(await server.write(server.wide.handle, pattern(512)), 0)
    equal(bytes(server.wide.value), pattern(min(mtu - 3, 512)))


@test(role=ROLES)
async def notifications(pair, role):
    """4.10.1 Notifications."""
    server = await Server(pair).open(role, 100)
    push = server.push
    cccd = push.handle + 1
    equal(await server.write(cccd, b"\1\0"), 0)
    for n in range(50):
        await server.gatt.notify_subscriber(server.connection, push, b"%d" % n)
    await server.gatt.notify_subscriber(server.connection, push, pattern(97))
    wanted = [b"%d" % n for n in range(50)] + [pattern(97)]
    for text in wanted:
        equal(
            await server.mpy.event(GATTC_NOTIFY), (server.conn, push.handle, text)
        )
    equal(await server.write(cccd, b"\0\0"), 0)
    await server.gatt.notify_subscriber(server.connection, push, b"unwanted")
    equal(await server.read(push.handle), ([b"push"], 0))
    equal(server.mpy.take(GATTC_NOTIFY), [])


@test(role=ROLES)
async def indications(pair, role):
    """4.11.1 Indications, each confirmed."""
    server = await Server(pair).open(role)
    ask = server.ask
    equal(await server.write(ask.handle + 1, b"\2\0"), 0)
    for text in (b"one", b"two", b"three"):
        # Returns when the confirmation has come.
        async with asyncio.timeout(5):
            await server.gatt.indicate_subscriber(server.connection, ask, text)
        equal(await server.mpy.event(GATTC_INDICATE), (server.conn, ask.handle, text))


@test(role=ROLES)
async def read_descriptors(pair, role):
    """4.12.1 and 4.12.2 Read (Long) Characteristic Descriptors."""
    server = await Server(pair).open(role)
    equal(await server.read(server.note.handle), ([b"a note"], 0))
    equal(await server.read(server.long_note.handle), ([pattern(300)], 0))


@test(role=ROLES)
async def write_descriptors(pair, role):
    """4.12.3 and 4.12.4 Write (Long) Characteristic Descriptors."""
    server = await Server(pair).open(role)
    equal(await server.write(server.note.handle, b"short"), 0)
    equal(server.note.value, b"short")
    equal(await server.write(server.long_note.handle, pattern(200), 2), 0)
    equal(bytes(server.long_note.value), pattern(200))


@test(role=ROLES)
async def procedures_are_queued(pair, role):
    """Several procedures asked for at once run one after the other."""
    server = await Server(pair).open(role)
    short, long, wide = (
        one.handle for one in (server.short, server.long, server.wide)
    )
    await server.mpy.do(
        f"ble.gattc_read({server.conn}, {short})\n"
        f"ble.gattc_write({server.conn}, {wide}, b'queued', 1)\n"
        f"ble.gattc_read({server.conn}, {wide})\n"
        f"ble.gattc_read({server.conn}, {long})\n"
        f"ble.gattc_discover_services({server.conn})\n"
    )
    equal(await server.has_read(short), ([b"short"], 0))
    equal((await server.mpy.event(GATTC_WRITE_DONE))[-1], 0)
    values = []
    for handle in (wide, long):
        conn, its_handle, value = await server.mpy.event(GATTC_READ_RESULT)
        equal((conn, its_handle), (server.conn, handle))
        values.append(value)
        equal(await server.mpy.event(GATTC_READ_DONE), (server.conn, handle, 0))
    equal(values, [b"queued", pattern(512)])
    found, status = await server.mpy.results(GATTC_SERVICE_RESULT, GATTC_SERVICE_DONE)
    equal((len(found), status), (4, 0))


@test(role=ROLES)
async def both_are_client_and_server(pair, role):
    """Requests cross on one link without getting mixed up."""
    server = await Server(pair).open(role, 100)
    client = server.connection.gatt_client
    name = UUID.from_16_bits(0x2A00)
    await server.mpy.config(gap_name="crossing")

    async def theirs():
        for _ in range(10):
            equal(await client.read_characteristics_by_uuid(name, None), [b"crossing"])

    async def ours():
        for _ in range(10):
            equal(await server.read(server.long.handle), ([pattern(512)], 0))

    await asyncio.gather(theirs(), ours())


@test(role=ROLES)
async def disconnection_ends_procedures(pair, role):
    """A server that goes away: each procedure ends, then the link."""
    server = await Server(pair).open(role)
    # Requests from now on are not answered.
    server.gatt.on_gatt_pdu = lambda *_: None
    await server.mpy.ble("gattc_read", server.conn, server.short.handle)
    await server.mpy.ble("gattc_discover_services", server.conn)
    await asyncio.sleep(0.05)
    await server.connection.disconnect()
    conn, handle, status = await server.mpy.event(GATTC_READ_DONE)
    equal((conn, handle), (server.conn, server.short.handle))
    assert status != 0
    conn, status = await server.mpy.event(GATTC_SERVICE_DONE)
    equal(conn, server.conn)
    assert status != 0
    gone = PERIPHERAL_DISCONNECT if role == "central" else CENTRAL_DISCONNECT
    equal((await server.mpy.event(gone))[0], server.conn)


@test(role=ROLES)
async def unasked_responses_are_ignored(pair, role):
    """Responses that answer nothing do no harm."""
    server = await Server(pair).open(role)
    for pdu in (b"\x0bvalue", b"\x13", b"\x01\x0a\x01\x00\x01", b"\x11\x06", b"\x03"):
        server.connection.send_l2cap_pdu(att.ATT_CID, pdu)
    await asyncio.sleep(0.1)
    equal(await server.read(server.short.handle), ([b"short"], 0))
