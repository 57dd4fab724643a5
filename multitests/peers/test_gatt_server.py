"""Each GATT procedure of Vol 3, Part G, 4, with MicroPython as the server and
Bumble as the client, MicroPython being central or peripheral."""

import asyncio
import struct

from bumble import att
from bumble.att import ErrorCode
from bumble.core import UUID
from bumble.device import Peer

from harness import ROLES, att_error, equal, eventually, pattern, test
from micropython import (
    GATTS_INDICATE_DONE,
    GATTS_READ_REQUEST,
    GATTS_WRITE,
    MTU_EXCHANGED,
)

WIDE = "6E400001-B5A3-F393-E0A9-E50E24DCCA9E"
WIDE_VALUE = "6E400002-B5A3-F393-E0A9-E50E24DCCA9E"
NOTE = UUID("6E400003-B5A3-F393-E0A9-E50E24DCCA9E")
SHORT, LONG, FREE, PUSH, BOTH, SECRET = (
    UUID.from_16_bits(0x2A00 + n) for n in (0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6)
)
SIGNED = UUID.from_16_bits(0x2AE7)

SERVICES = f"""
from bluetooth import UUID
READ, FREE, WRITE, NOTIFY, INDICATE, SIGNED = 2, 4, 8, 16, 32, 64
first = (UUID(0x18F0), (
    (UUID(0x2AE1), READ),
    (UUID(0x2AE2), READ | WRITE, ((UUID("{NOTE}"), READ | WRITE), (UUID(0x2901), READ))),
    (UUID(0x2AE3), READ | FREE),
    (UUID(0x2AE4), READ | NOTIFY),
    (UUID(0x2AE5), READ | NOTIFY | INDICATE),
    (UUID(0x2AE6), WRITE),
    (UUID(0x2AE7), READ | SIGNED),
))
second = (UUID("{WIDE}"), (
    (UUID("{WIDE_VALUE}"), READ | WRITE),
    (UUID(0x2AE1), READ),
))
third = (UUID(0x18F0), ((UUID(0x2AE1), READ),))
(
    (short, long, note, label, free, push, both, secret, signed),
    (wide, short2),
    (short3,),
) = ble.gatts_register_services((first, second, third))
for handle in (long, note, wide):
    ble.gatts_set_buffer(handle, 512)
ble.gatts_write(short, b"short")
ble.gatts_write(long, pattern(0, 512))
ble.gatts_write(note, pattern(0, 300))
ble.gatts_write(label, b"label")
ble.gatts_write(short2, b"two")
ble.gatts_write(short3, b"three")
ble.gatts_write(both, b"both")
"""


class Client:
    """Bumble's client on a link to MicroPython's server."""

    def __init__(self, mpy, conn, connection):
        self.mpy = mpy
        self.conn = conn
        self.connection = connection
        self.peer = Peer(connection)
        self.gatt = connection.gatt_client

    async def handle(self, name):
        return await self.mpy.do(name)

    async def request(self, pdu):
        """The response to a request; an Error Response as exception."""
        response = await self.gatt.send_request(pdu)
        if response.op_code == att.Opcode.ATT_ERROR_RESPONSE:
            raise att.ATT_Error(error_code=response.error_code, message=pdu.name)
        return response

    async def characteristic(self, uuid):
        """A characteristic of the first service, discovered."""
        service = (await self.peer.discover_service(UUID.from_16_bits(0x18F0)))[0]
        found = await service.discover_characteristics([uuid])
        return next(one for one in found if one.uuid == uuid)


async def client(pair, role, mtu=None):
    mpy, _ = await pair.open()
    await mpy.ble("active", True)
    await mpy.do(SERVICES)
    conn, connection = await pair.link(role, mtu)
    return Client(mpy, conn, connection)


@test(role=ROLES, mtu=(23, 100, 247, 517))
async def exchange_mtu(pair, role, mtu):
    """4.3.1 Exchange MTU."""
    mpy, _ = await pair.open()
    await mpy.ble("active", True)
    await mpy.config(mtu=200)
    conn, connection = await pair.link(role)
    equal(await Peer(connection).request_mtu(mtu), min(mtu, 200))
    equal(await mpy.event(MTU_EXCHANGED), (conn, min(mtu, 200)))


@test(role=ROLES)
async def discover_all_primary_services(pair, role):
    """4.4.1 Discover All Primary Services."""
    peer = (await client(pair, role)).peer
    services = await peer.discover_services()
    wanted = [UUID.from_16_bits(0x1800), UUID.from_16_bits(0x1801)]
    wanted += [UUID.from_16_bits(0x18F0), UUID(WIDE), UUID.from_16_bits(0x18F0)]
    equal([service.uuid for service in services], wanted)
    for one, next_one in zip(services, services[1:]):
        assert one.handle <= one.end_group_handle < next_one.handle


@test(role=ROLES)
async def discover_primary_service_by_uuid(pair, role):
    """4.4.2 Discover Primary Service by Service UUID."""
    peer = (await client(pair, role)).peer
    equal(len(await peer.discover_service(UUID.from_16_bits(0x18F0))), 2)
    equal(len(await peer.discover_service(UUID(WIDE))), 1)
    equal(len(await peer.discover_service(UUID.from_16_bits(0x18F1))), 0)


@test(role=ROLES)
async def find_included_services(pair, role):
    """4.5.1 Find Included Services: scripts cannot make any."""
    peer = (await client(pair, role)).peer
    for service in await peer.discover_services():
        equal(await peer.discover_included_services(service), [])


@test(role=ROLES)
async def discover_all_characteristics(pair, role):
    """4.6.1 Discover All Characteristics of a Service."""
    gatt = await client(pair, role)
    (service, _) = await gatt.peer.discover_service(UUID.from_16_bits(0x18F0))
    found = await service.discover_characteristics()
    uuids = [SHORT, LONG, FREE, PUSH, BOTH, SECRET, SIGNED]
    equal([one.uuid for one in found], uuids)
    equal([int(one.properties) for one in found], [2, 10, 6, 18, 50, 8, 66])
    equal(found[0].handle, await gatt.handle("short"))
    (service,) = await gatt.peer.discover_service(UUID(WIDE))
    found = await service.discover_characteristics()
    equal([one.uuid for one in found], [UUID(WIDE_VALUE), SHORT])
    equal(found[0].handle, await gatt.handle("wide"))


@test(role=ROLES)
async def discover_characteristics_by_uuid(pair, role):
    """4.6.2 Discover Characteristics by UUID."""
    gatt = await client(pair, role)
    await gatt.peer.discover_services()
    found = await gatt.peer.discover_characteristics([SHORT])
    handles = [await gatt.handle(name) for name in ("short", "short2", "short3")]
    equal([one.handle for one in found if one.uuid == SHORT], handles)


@test(role=ROLES)
async def discover_all_descriptors(pair, role):
    """4.7.1 Discover All Characteristic Descriptors."""
    gatt = await client(pair, role)
    long = await gatt.characteristic(LONG)
    found = await gatt.peer.discover_descriptors(long)
    equal([one.type for one in found], [NOTE, UUID.from_16_bits(0x2901)])
    equal(found[0].handle, await gatt.handle("note"))
    found = await gatt.peer.discover_descriptors(await gatt.characteristic(PUSH))
    equal([one.type for one in found], [UUID.from_16_bits(0x2902)])


@test(role=ROLES)
async def discover_attributes(pair, role):
    """Find Information over the whole database, with both UUID sizes."""
    gatt = await client(pair, role)
    found = await gatt.peer.discover_attributes()
    equal([one.handle for one in found], list(range(1, len(found) + 1)))
    assert NOTE in [one.type for one in found]


@test(role=ROLES)
async def read_value(pair, role):
    """4.8.1 Read Characteristic Value."""
    gatt = await client(pair, role)
    short = await gatt.handle("short")
    equal(await gatt.gatt.read_value(short, no_long_read=True), b"short")
    long = await gatt.handle("long")
    equal(await gatt.gatt.read_value(long, no_long_read=True), pattern(22))


@test(role=ROLES)
async def read_request_callback(pair, role):
    """4.8.1 with a script that answers each read: a new value, or an error."""
    gatt = await client(pair, role)
    await gatt.mpy.do(
        "def on_read(conn, handle):\n"
        "    ble.gatts_write(handle, b'fresh')\n"
        "    return 0x80 if handle == short2 else 0\n"
        f"answers[{GATTS_READ_REQUEST}] = on_read"
    )
    short, short2 = await gatt.handle("short"), await gatt.handle("short2")
    equal(await gatt.gatt.read_value(short), b"fresh")
    equal(await gatt.mpy.event(GATTS_READ_REQUEST), (gatt.conn, short))
    await att_error(0x80, gatt.gatt.read_value(short2))


@test(role=ROLES)
async def read_using_uuid(pair, role):
    """4.8.2 Read Using Characteristic UUID."""
    gatt = await client(pair, role)
    found = await gatt.gatt.read_characteristics_by_uuid(SHORT, None)
    equal(found, [b"short", b"two", b"three"])
    (service,) = await gatt.peer.discover_service(UUID(WIDE))
    equal(await gatt.gatt.read_characteristics_by_uuid(SHORT, service), [b"two"])
    equal(await gatt.gatt.read_characteristics_by_uuid(UUID(WIDE_VALUE), None), [b""])


@test(role=ROLES, mtu=(None, 100, 517))
async def read_long_value(pair, role, mtu):
    """4.8.3 Read Long Characteristic Values."""
    gatt = await client(pair, role, mtu)
    equal(await gatt.gatt.read_value(await gatt.handle("long")), pattern(512))


@test(role=ROLES)
async def read_multiple_values(pair, role):
    """4.8.4 Read Multiple Characteristic Values."""
    gatt = await client(pair, role, 100)
    handles = [await gatt.handle(name) for name in ("short", "short2", "short3")]
    response = await gatt.request(att.ATT_Read_Multiple_Request(set_of_handles=handles))
    equal(response.set_of_values, b"shorttwothree")
    handles.append(await gatt.handle("secret"))
    await att_error(
        ErrorCode.READ_NOT_PERMITTED,
        gatt.request(att.ATT_Read_Multiple_Request(set_of_handles=handles)),
    )


@test(role=ROLES)
async def read_multiple_variable_length(pair, role):
    """4.8.5 Read Multiple Variable Length Characteristic Values."""
    gatt = await client(pair, role, 40)
    handles = [await gatt.handle(name) for name in ("short", "short2", "long")]
    response = await gatt.request(
        att.ATT_Read_Multiple_Variable_Request(set_of_handles=handles)
    )
    # The last value is cut by ATT_MTU, its length is not.
    wanted = b"\x05\x00short\x03\x00two\x00\x02" + pattern(25)
    equal(bytes(response)[1:], wanted)


@test(role=ROLES)
async def write_without_response(pair, role):
    """4.9.1 Write Without Response."""
    gatt = await client(pair, role)
    free = await gatt.handle("free")
    for text in (b"one", b"two", b"three"):
        await gatt.gatt.write_value(free, text)
    for _ in range(3):
        equal(await gatt.mpy.event(GATTS_WRITE), (gatt.conn, free))
    equal(await gatt.mpy.do("ble.gatts_read(free)"), b"three")
    # Nothing is said about a command that may not be done.
    short = await gatt.handle("short")
    await gatt.gatt.write_value(short, b"no")
    equal(await gatt.gatt.read_value(short), b"short")


@test(role=ROLES)
async def signed_write_is_ignored(pair, role):
    """4.9.2 Signed Write Without Response: no CSRK, so it does nothing."""
    gatt = await client(pair, role)
    signed = await gatt.handle("signed")
    pdu = struct.pack("<BH", 0xD2, signed) + b"text" + bytes(12)
    gatt.connection.send_l2cap_pdu(att.ATT_CID, pdu)
    equal(await gatt.gatt.read_value(signed), b"")
    equal(gatt.mpy.take(GATTS_WRITE), [])


@test(role=ROLES)
async def write_value(pair, role):
    """4.9.3 Write Characteristic Value."""
    gatt = await client(pair, role)
    for name in ("long", "secret", "wide"):
        handle = await gatt.handle(name)
        await gatt.gatt.write_value(handle, name.encode(), with_response=True)
        equal(await gatt.mpy.event(GATTS_WRITE), (gatt.conn, handle))
        equal(await gatt.mpy.do(f"ble.gatts_read({name})"), name.encode())
    short = await gatt.handle("short")
    await att_error(
        ErrorCode.WRITE_NOT_PERMITTED,
        gatt.gatt.write_value(short, b"no", with_response=True),
    )
    await att_error(
        ErrorCode.INVALID_HANDLE, gatt.gatt.write_value(999, b"no", with_response=True)
    )


@test(role=ROLES, mtu=(None, 247))
async def write_long_value(pair, role, mtu):
    """4.9.4 Write Long Characteristic Values."""
    gatt = await client(pair, role, mtu)
    wide = await gatt.handle("wide")
    await gatt.gatt.write_long_value(wide, pattern(512))
    equal(await gatt.mpy.event(GATTS_WRITE), (gatt.conn, wide))
    equal(await gatt.mpy.do("ble.gatts_read(wide)"), pattern(512))
    equal(gatt.mpy.take(GATTS_WRITE), [])
    # A value of its default capacity takes no more, and stays as it was.
    secret = await gatt.handle("secret")
    await gatt.gatt.write_value(secret, b"before", with_response=True)
    await gatt.mpy.event(GATTS_WRITE)
    await att_error(
        ErrorCode.INVALID_ATTRIBUTE_LENGTH,
        gatt.gatt.write_long_value(secret, pattern(40)),
    )
    equal(await gatt.mpy.do("ble.gatts_read(secret)"), b"before")


@test(role=ROLES)
async def reliable_writes(pair, role):
    """4.9.5 Characteristic Value Reliable Writes."""
    gatt = await client(pair, role)
    long, wide = await gatt.handle("long"), await gatt.handle("wide")

    async def prepare(handle, offset, part):
        response = await gatt.request(
            att.ATT_Prepare_Write_Request(
                attribute_handle=handle,
                value_offset=offset,
                part_attribute_value=part,
            )
        )
        equal(response.attribute_handle, handle)
        equal(response.value_offset, offset)
        equal(response.part_attribute_value, part)

    # Cancelled: nothing is written.
    await prepare(long, 0, b"cancelled")
    await gatt.request(att.ATT_Execute_Write_Request(flags=0))
    equal(await gatt.mpy.do("ble.gatts_read(long)"), pattern(512))
    # Executed: in order, several values at once.
    await prepare(long, 0, b"LONG")
    await prepare(wide, 0, b"wi")
    await prepare(wide, 2, b"de")
    await prepare(long, 4, b"TAIL")
    equal(gatt.mpy.take(GATTS_WRITE), [])
    await gatt.request(att.ATT_Execute_Write_Request(flags=1))
    equal(await gatt.mpy.do("ble.gatts_read(wide)"), b"wide")
    equal(await gatt.mpy.do("ble.gatts_read(long)"), b"LONGTAIL")
    # An offset behind the value's end fails when executed, and writes nothing.
    await prepare(wide, 0, b"lost")
    await prepare(wide, 100, b"gap")
    await att_error(
        ErrorCode.INVALID_OFFSET, gatt.request(att.ATT_Execute_Write_Request(flags=1))
    )
    equal(await gatt.mpy.do("ble.gatts_read(wide)"), b"wide")


@test(role=ROLES)
async def prepare_queue_is_bounded(pair, role):
    """Prepare Queue Full, and the server works on."""
    gatt = await client(pair, role, 100)
    wide = await gatt.handle("wide")
    request = att.ATT_Prepare_Write_Request(
        attribute_handle=wide, value_offset=0, part_attribute_value=bytes(90)
    )
    for _ in range(200):
        response = await gatt.gatt.send_request(request)
        if response.op_code == att.Opcode.ATT_ERROR_RESPONSE:
            equal(response.error_code, ErrorCode.PREPARE_QUEUE_FULL)
            break
    else:
        raise AssertionError("200 prepared writes were taken")
    await gatt.request(att.ATT_Execute_Write_Request(flags=0))
    await gatt.gatt.write_long_value(wide, pattern(200))
    equal(await gatt.mpy.do("ble.gatts_read(wide)"), pattern(200))


@test(role=ROLES)
async def notifications(pair, role):
    """4.10.1 Notifications."""
    gatt = await client(pair, role, 100)
    push = await gatt.characteristic(PUSH)
    got = []
    # Without subscription gatts_write sends nothing; gatts_notify does.
    await gatt.mpy.do("ble.gatts_write(push, b'quiet', True)")
    await push.subscribe(got.append)
    await gatt.mpy.do("ble.gatts_write(push, b'sent', True)")
    await gatt.mpy.do(f"ble.gatts_notify({gatt.conn}, push, b'given')")
    await gatt.mpy.do(f"ble.gatts_notify({gatt.conn}, push)")
    # Cut to ATT_MTU - 3.
    await gatt.mpy.do(f"ble.gatts_notify({gatt.conn}, push, pattern(0, 200))")
    await eventually(lambda: len(got) == 4)
    equal(got, [b"sent", b"given", b"sent", pattern(97)])
    await push.unsubscribe()
    await gatt.mpy.do("ble.gatts_write(push, b'quiet', True)")
    equal(await gatt.peer.read_value(push), b"quiet")
    equal(len(got), 4)


@test(role=ROLES)
async def many_notifications(pair, role):
    """4.10.1: none of 300 is lost or out of order."""
    gatt = await client(pair, role, 100)
    push = await gatt.characteristic(PUSH)
    got = []
    await push.subscribe(got.append)
    await gatt.mpy.do(
        "import time, struct\n"
        "def flood():\n"
        "    for i in range(300):\n"
        "        while True:\n"
        "            try:\n"
        f"                ble.gatts_notify({gatt.conn}, push, struct.pack('<H', i))\n"
        "                break\n"
        "            except OSError as error:\n"
        "                assert error.errno == 12, error\n"
        "                time.sleep_ms(1)\n"
        "flood()"
    )
    await eventually(lambda: len(got) >= 300)
    equal(got, [struct.pack("<H", i) for i in range(300)])


@test(role=ROLES)
async def indications(pair, role):
    """4.11.1 Indications."""
    gatt = await client(pair, role)
    both = await gatt.characteristic(BOTH)
    got = []
    await both.subscribe(got.append, prefer_notify=False)
    await gatt.mpy.do("ble.gatts_write(both, b'one', True)")
    done = await gatt.mpy.event(GATTS_INDICATE_DONE)
    equal(done, (gatt.conn, both.handle, 0))
    for text in ("two", "three"):
        await gatt.mpy.do(f"ble.gatts_indicate({gatt.conn}, both, b'{text}')")
    for _ in range(2):
        done = await gatt.mpy.event(GATTS_INDICATE_DONE)
        equal(done, (gatt.conn, both.handle, 0))
    equal(got, [b"one", b"two", b"three"])


@test(role=ROLES)
async def read_descriptors(pair, role):
    """4.12.1 and 4.12.2 Read (Long) Characteristic Descriptors."""
    gatt = await client(pair, role)
    equal(await gatt.gatt.read_value(await gatt.handle("label")), b"label")
    equal(await gatt.gatt.read_value(await gatt.handle("note")), pattern(300))
    cccd = await gatt.handle("push") + 1
    equal(await gatt.gatt.read_value(cccd), b"\0\0")


@test(role=ROLES)
async def write_descriptors(pair, role):
    """4.12.3 and 4.12.4 Write (Long) Characteristic Descriptors."""
    gatt = await client(pair, role)
    note = await gatt.handle("note")
    await gatt.gatt.write_value(note, b"short", with_response=True)
    equal(await gatt.mpy.event(GATTS_WRITE), (gatt.conn, note))
    equal(await gatt.mpy.do("ble.gatts_read(note)"), b"short")
    await gatt.gatt.write_long_value(note, pattern(400))
    equal(await gatt.mpy.event(GATTS_WRITE), (gatt.conn, note))
    equal(await gatt.mpy.do("ble.gatts_read(note)"), pattern(400))
    cccd = await gatt.handle("push") + 1
    await gatt.gatt.write_value(cccd, b"\1\0", with_response=True)
    equal(await gatt.gatt.read_value(cccd), b"\1\0")
    equal(gatt.mpy.take(GATTS_WRITE), [])
    await att_error(
        ErrorCode.INVALID_ATTRIBUTE_LENGTH,
        gatt.gatt.write_value(cccd, b"\1\0\0", with_response=True),
    )


@test(role=ROLES)
async def append_mode(pair, role):
    """Writes that gather in a buffer until the script reads."""
    gatt = await client(pair, role)
    await gatt.mpy.do("ble.gatts_set_buffer(free, 100, True)")
    free = await gatt.handle("free")
    for text in (b"one", b"two", b"three"):
        await gatt.gatt.write_value(free, text)
    for _ in range(3):
        await gatt.mpy.event(GATTS_WRITE)
    equal(await gatt.mpy.do("ble.gatts_read(free)"), b"onetwothree")
    equal(await gatt.mpy.do("ble.gatts_read(free)"), b"")


@test(role=ROLES)
async def error_responses(pair, role):
    """Vol 3, Part F, 3.4: what a server must refuse, and how."""
    gatt = await client(pair, role)
    long, secret = await gatt.handle("long"), await gatt.handle("secret")
    cases = (
        (ErrorCode.INVALID_HANDLE, att.ATT_Read_Request(attribute_handle=0)),
        (ErrorCode.INVALID_HANDLE, att.ATT_Read_Request(attribute_handle=0xFFFF)),
        (ErrorCode.READ_NOT_PERMITTED, att.ATT_Read_Request(attribute_handle=secret)),
        (
            ErrorCode.INVALID_OFFSET,
            att.ATT_Read_Blob_Request(attribute_handle=long, value_offset=513),
        ),
        (
            ErrorCode.INVALID_HANDLE,
            att.ATT_Find_Information_Request(starting_handle=0, ending_handle=9),
        ),
        (
            ErrorCode.INVALID_HANDLE,
            att.ATT_Find_Information_Request(starting_handle=9, ending_handle=8),
        ),
        (
            ErrorCode.ATTRIBUTE_NOT_FOUND,
            att.ATT_Find_Information_Request(starting_handle=900, ending_handle=999),
        ),
        (
            ErrorCode.UNSUPPORTED_GROUP_TYPE,
            att.ATT_Read_By_Group_Type_Request(
                starting_handle=1,
                ending_handle=0xFFFF,
                attribute_group_type=UUID.from_16_bits(0x2803),
            ),
        ),
        (
            ErrorCode.ATTRIBUTE_NOT_FOUND,
            att.ATT_Read_By_Type_Request(
                starting_handle=1,
                ending_handle=0xFFFF,
                attribute_type=UUID.from_16_bits(0x2AFF),
            ),
        ),
    )
    for code, request in cases:
        try:
            await att_error(code, gatt.request(request))
        except AssertionError as error:
            raise AssertionError(f"{request}: {error}") from None
    # An unknown request is refused; an unknown command and a truncated
    # request do no harm.
    gatt.connection.send_l2cap_pdu(att.ATT_CID, b"\x7f\x01")
    await asyncio.sleep(0.05)
    equal(await gatt.gatt.read_value(await gatt.handle("short")), b"short")


@test(role=ROLES)
async def gap_and_gatt_services(pair, role):
    """Device name, appearance and the characteristics of caching."""
    mpy, _ = await pair.open()
    await mpy.ble("active", True)
    await mpy.config(gap_name="named by a script")
    conn, connection = await pair.link(role)
    gatt = connection.gatt_client

    async def read(number):
        return await gatt.read_characteristics_by_uuid(UUID.from_16_bits(number), None)

    equal(await read(0x2A00), [b"named by a script"])
    equal(len((await read(0x2A01))[0]), 2)
    equal(len((await read(0x2B2A))[0]), 16)
    equal(len((await read(0x2B29))[0]), 1)
