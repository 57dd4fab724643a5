"""Advertising, scanning and links between MicroPython and Bumble."""

import asyncio

from bumble.device import AdvertisingType
from bumble.hci import Address

from bumble_peer import ADDRESS
from harness import ROLES, equal, eventually, test
from micropython import (
    CENTRAL_DISCONNECT,
    CONNECTION_UPDATE,
    PERIPHERAL_CONNECT,
    PERIPHERAL_DISCONNECT,
    SCAN_DONE,
    SCAN_RESULT,
)

SERVER = bytes(reversed(bytes(Address(ADDRESS))))


@test(active=(True, False))
async def scan(pair, active):
    """Reports and, when active, scan responses; the end once."""
    mpy, bumble = await pair.open()
    await mpy.ble("active", True)
    bumble.device.scan_response_data = b"\x05\x09Resp"
    await bumble.advertise()
    await mpy.ble("gap_scan", 500, 20000, 20000, active)
    equal(await mpy.event(SCAN_DONE), ())
    reports = {report[:3] + report[4:] for report in mpy.take(SCAN_RESULT)}
    data = b"\x02\x01\x06\x07\x09Bumble"
    assert (1, SERVER, 0, data) in reports, reports
    response = (1, SERVER, 4, b"\x05\x09Resp")
    equal(response in reports, active)
    await mpy.ble("gap_scan", 0, 20000, 20000)
    await mpy.event(SCAN_RESULT)
    await mpy.ble("gap_scan", None)
    equal(await mpy.event(SCAN_DONE), ())
    await asyncio.sleep(0.1)
    equal(mpy.take(SCAN_DONE), [])


@test(connectable=(True, False))
async def advertise(pair, connectable):
    """Bumble sees what MicroPython advertises, its scan response too, and
    nothing after the end."""
    mpy, bumble = await pair.open()
    await mpy.ble("active", True)
    seen = []
    bumble.device.on("advertisement", seen.append)
    await bumble.device.start_scanning(active=True, filter_duplicates=False)
    await mpy.do(
        "ble.gap_advertise(20_000, b'\\x02\\x01\\x06', resp_data=b'\\x04\\x09mpy', "
        f"connectable={connectable})"
    )
    address = str(await pair.address())

    # Bumble gives the data of an advertisement and its scan response as one.
    def found():
        return any(
            str(one.address) == address
            and bytes(one.data) == b"\x02\x01\x06\x04\x09mpy"
            and one.is_connectable == connectable
            and one.is_scannable
            for one in seen
        )

    await eventually(found)
    # Restarted with other data, then ended.
    await mpy.do("ble.gap_advertise(20_000, b'\\x02\\x01\\x05', connectable=False)")
    await eventually(
        lambda: any(bytes(one.data).startswith(b"\x02\x01\x05") for one in seen)
    )
    await mpy.do("ble.gap_advertise(None)")
    await asyncio.sleep(0.1)
    seen.clear()
    await asyncio.sleep(0.3)
    equal(seen, [])


@test(role=ROLES, mode=(1, 2, 3))
async def address_modes(pair, role, mode):
    """Static, resolvable and non-resolvable addresses, as the peer sees them."""
    mpy, _ = await pair.open()
    await mpy.ble("active", True)
    await mpy.config(addr_mode=mode)
    _, connection = await pair.link(role)
    address = await pair.address()
    kind = bytes(address)[5] >> 6
    equal(kind, {1: 0b11, 2: 0b01, 3: 0b00}[mode])
    if role == "peripheral" or mode != 3:
        equal(str(connection.peer_address), str(address))
    equal(await connection.gatt_client.request_mtu(100), 100)


@test(role=ROLES, ender=("micropython", "bumble"))
async def disconnect_and_connect_again(pair, role, ender):
    """Each side ends the link; both can link again, ten times."""
    mpy, bumble = await pair.open()
    await mpy.ble("active", True)
    gone = PERIPHERAL_DISCONNECT if role == "central" else CENTRAL_DISCONNECT
    for _ in range(10):
        conn, connection = await pair.link(role)
        if ender == "micropython":
            equal(await mpy.ble("gap_disconnect", conn), True)
        else:
            await connection.disconnect()
        equal(await mpy.event(gone), (conn, 1, SERVER))
        await eventually(lambda: not bumble.device.connections)


@test(role=ROLES)
async def connection_update(pair, role):
    """Bumble asks for other parameters: as central by the controller, as
    peripheral by L2CAP signalling."""
    mpy, _ = await pair.open()
    await mpy.ble("active", True)
    conn, connection = await pair.link(role)
    async with asyncio.timeout(10):
        await connection.update_parameters(
            30, 30, 0, 4000, use_l2cap=(role == "central")
        )
    update = await mpy.event(CONNECTION_UPDATE, lambda _, interval, *__: interval == 24)
    equal(update, (conn, 24, 0, 400, 0))


@test()
async def directed_advertising(pair):
    """Bumble advertises to MicroPython alone."""
    mpy, bumble = await pair.open()
    await mpy.ble("active", True)
    await bumble.device.start_advertising(
        advertising_type=AdvertisingType.DIRECTED_CONNECTABLE_LOW_DUTY,
        target=await pair.address(),
        advertising_interval_min=20,
        advertising_interval_max=20,
    )
    await mpy.ble("gap_connect", 1, SERVER, 5000)
    equal((await mpy.event(PERIPHERAL_CONNECT))[1:], (1, SERVER))


@test()
async def connection_that_never_comes(pair):
    """gap_connect gives up after its time, and when cancelled."""
    mpy, bumble = await pair.open()
    await mpy.ble("active", True)
    await mpy.ble("gap_connect", 1, SERVER, 300)
    equal((await mpy.event(PERIPHERAL_DISCONNECT))[0], 0xFFFF)
    await mpy.ble("gap_connect", 1, SERVER, 5000)
    await mpy.ble("gap_connect", None)
    equal((await mpy.event(PERIPHERAL_DISCONNECT))[0], 0xFFFF)
    await pair.link("central")
    equal(len(bumble.device.connections), 1)


@test()
async def both_roles_at_once(pair):
    """MicroPython advertises and is connected to while it scans."""
    mpy, bumble = await pair.open()
    await mpy.ble("active", True)
    await mpy.ble("gap_scan", 0, 30000, 15000)
    conn, connection = await pair.link("peripheral")
    await bumble.advertise(AdvertisingType.UNDIRECTED)
    report = await mpy.event(SCAN_RESULT, lambda kind, addr, *_: addr == SERVER)
    equal(report[2], 3)
    equal(await connection.gatt_client.request_mtu(100), 100)
    await mpy.ble("gap_scan", None)
    await mpy.event(SCAN_DONE)
