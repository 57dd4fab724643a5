"""L2CAP LE credit-based channels between MicroPython and Bumble."""

import asyncio

from bumble.l2cap import L2capError, LeCreditBasedChannelSpec

from harness import ROLES, equal, eventually, pattern, test
from micropython import (
    L2CAP_ACCEPT,
    L2CAP_CONNECT,
    L2CAP_DISCONNECT,
    L2CAP_RECV,
)

PSM = 22
# Who opens the channel.
INITIATORS = ("micropython", "bumble")
# Every SDU length up to 2048 bytes, half of them for each initiator: 1 MB each.
LENGTHS = {"micropython": "range(1, 2048, 2)", "bumble": "range(2, 2049, 2)"}


class Channel:
    """A channel between MicroPython and Bumble."""

    def __init__(self, pair, role, initiator):
        self.pair = pair
        self.role = role
        self.initiator = initiator
        self.mpy = self.bumble = self.conn = self.connection = None
        self.cid = None
        self.far = None
        self.got = []

    async def open(self, our_mtu=2048, their_mtu=2048, mps=247, credits=32, **options):
        self.mpy, self.bumble = await self.pair.open(**options)
        await self.mpy.ble("active", True)
        self.conn, self.connection = await self.pair.link(self.role)
        spec = LeCreditBasedChannelSpec(PSM, their_mtu, mps, credits)
        await self.add(spec, our_mtu)
        return self

    async def add(self, spec, our_mtu):
        """Opens a channel; the latest is the one that this works on."""
        if self.initiator == "bumble":
            await self.mpy.ble("l2cap_listen", spec.psm, our_mtu)
            async with asyncio.timeout(10):
                self.far = await self.connection.create_l2cap_channel(spec)
            accepted = await self.mpy.event(L2CAP_ACCEPT)
            equal(accepted[2:], (spec.psm, our_mtu, spec.mtu))
        else:
            opened = asyncio.get_running_loop().create_future()
            self.bumble.device.create_l2cap_server(spec, opened.set_result)
            await self.mpy.ble("l2cap_connect", self.conn, spec.psm, our_mtu)
            async with asyncio.timeout(10):
                self.far = await opened
        conn, self.cid, psm, ours, theirs = await self.mpy.event(L2CAP_CONNECT)
        equal((conn, psm, ours, theirs), (self.conn, spec.psm, our_mtu, spec.mtu))
        self.far.sink = self.got.append

    async def send(self, sizes):
        """Starts to send SDUs of these sizes from MicroPython."""
        await self.mpy.do(f"sender = Sender({self.conn}, {self.cid}, {sizes})")

    async def receive(self, total, room=2048):
        """Starts to receive in MicroPython."""
        await self.mpy.do(
            f"receiver = Receiver({self.conn}, {self.cid}, {total}, {room})"
        )


@test(role=ROLES, initiator=INITIATORS, timeout=60)
async def megabyte_from_micropython(pair, role, initiator):
    """SDUs of 1 to 2048 bytes, 1 MB in all, from MicroPython to Bumble."""
    channel = await Channel(pair, role, initiator).open(speed=4)
    sizes = list(eval(LENGTHS[initiator]))
    await channel.send(LENGTHS[initiator])
    await eventually(lambda: len(channel.got) == len(sizes), 55)
    equal([len(sdu) for sdu in channel.got], sizes)
    stream = b"".join(channel.got)
    assert stream == pattern(len(stream)), "the contents differ"
    equal(await channel.mpy.event("sent"), (len(stream),))


@test(role=ROLES, initiator=INITIATORS, timeout=60)
async def megabyte_to_micropython(pair, role, initiator):
    """SDUs of 1 to 2048 bytes, 1 MB in all, from Bumble to MicroPython."""
    channel = await Channel(pair, role, initiator).open(speed=4)
    sizes = eval(LENGTHS[initiator])
    total = sum(sizes)
    await channel.receive(total)
    await send_sdus(channel.far, sizes)
    received = await channel.mpy.event("received", timeout=55)
    equal(received, (total, None))


@test(role=ROLES, initiator=INITIATORS, timeout=90)
async def megabyte_both_ways(pair, role, initiator):
    """1 MB in SDUs of 2048 bytes each way at the same time."""
    channel = await Channel(pair, role, initiator).open(speed=4)
    total = 512 * 2048
    await channel.receive(total, room=1000)
    await channel.send("(2048 for _ in range(512))")
    await send_sdus(channel.far, [2048] * 512)
    await eventually(lambda: len(channel.got) == 512, 80)
    stream = b"".join(channel.got)
    assert stream == pattern(total), "the contents differ"
    received = await channel.mpy.event("received", timeout=80)
    equal(received, (total, None))


async def send_sdus(far, sizes):
    """Sends each size as an SDU of its own: Bumble joins what waits."""
    at = 0
    stream = pattern(sum(sizes))
    for size in sizes:
        far.write(stream[at : at + size])
        await far.drain()
        at += size


@test(role=ROLES, mps=(23, 64, 247, 1000), timeout=60)
async def segment_sizes(pair, role, mps):
    """Peers with any MPS, and any number of credits."""
    channel = await Channel(pair, role, "bumble").open(
        our_mtu=600, their_mtu=600, mps=mps, credits=3
    )
    await channel.receive(6000)
    await channel.send("[600, 1, 599, 300, 22, 23] * 4")
    await send_sdus(channel.far, [600] * 10)
    equal(await channel.mpy.event("received"), (6000, None))
    total = 1545 * 4
    await eventually(lambda: sum(map(len, channel.got)) == total)
    stream = b"".join(channel.got)
    assert stream == pattern(total), "the contents differ"


@test(role=ROLES, initiator=INITIATORS)
async def unread_data_stalls_the_sender(pair, role, initiator):
    """Credits come back as the script reads, not before."""
    channel = await Channel(pair, role, initiator).open(our_mtu=500)
    task = asyncio.ensure_future(send_sdus(channel.far, [500] * 100))
    await channel.mpy.event(L2CAP_RECV)
    await asyncio.sleep(0.5)
    assert not task.done(), "50 kB were taken though nobody read"
    length = await channel.mpy.do(
        f"ble.l2cap_recvinto({channel.conn}, {channel.cid}, None)"
    )
    assert length > 0, length
    await channel.receive(50000)
    equal(await channel.mpy.event("received"), (50000, None))
    await task


@test(role=ROLES, closer=INITIATORS)
async def disconnection(pair, role, closer):
    """Each side closes the channel; the link stays, and takes another."""
    channel = await Channel(pair, role, "bumble").open()
    closed = asyncio.Event()
    channel.far.on("close", closed.set)
    if closer == "bumble":
        async with asyncio.timeout(5):
            await channel.far.disconnect()
    else:
        await channel.mpy.ble("l2cap_disconnect", channel.conn, channel.cid)
    conn, cid, psm, status = await channel.mpy.event(L2CAP_DISCONNECT)
    equal((conn, cid, psm, status), (channel.conn, channel.cid, PSM, 0))
    async with asyncio.timeout(5):
        await closed.wait()
    channel.far = await channel.connection.create_l2cap_channel(
        LeCreditBasedChannelSpec(PSM, 512, 100, 10)
    )
    channel.cid = (await channel.mpy.event(L2CAP_CONNECT))[1]
    await channel.receive(1000)
    await send_sdus(channel.far, [500, 500])
    equal(await channel.mpy.event("received"), (1000, None))


@test(role=ROLES)
async def several_channels(pair, role):
    """Four channels on a link, opened by both, do not mix."""
    channels = [await Channel(pair, role, "bumble").open()]
    for psm, initiator in ((23, "micropython"), (130, "bumble"), (140, "micropython")):
        first = channels[0]
        more = Channel(pair, role, initiator)
        more.mpy, more.bumble = first.mpy, first.bumble
        more.conn, more.connection = first.conn, first.connection
        await more.add(LeCreditBasedChannelSpec(psm, 300, 100, 10), 300)
        channels.append(more)
    assert len({channel.cid for channel in channels}) == 4
    for n, channel in enumerate(channels):
        text = b"channel %d" % n
        await channel.mpy.ble("l2cap_send", channel.conn, channel.cid, text)
        channel.far.write(b"to " + text)
    for n, channel in enumerate(channels):
        await eventually(lambda: channel.got == [b"channel %d" % n])
        await channel.mpy.event(L2CAP_RECV, lambda _, cid: cid == channel.cid)
        await channel.mpy.do("buf = bytearray(100)")
        got = await channel.mpy.do(
            f"bytes(buf[:ble.l2cap_recvinto({channel.conn}, {channel.cid}, buf)])"
        )
        equal(got, b"to channel %d" % n)


@test(role=ROLES)
async def refusals(pair, role):
    """No such PSM, and a script that refuses, in both directions."""
    mpy, bumble = await pair.open()
    await mpy.ble("active", True)
    conn, connection = await pair.link(role)
    spec = LeCreditBasedChannelSpec(99, 512, 100, 10)
    await refused(2, connection.create_l2cap_channel(spec))
    await mpy.do(f"answers[{L2CAP_ACCEPT}] = lambda *_: -22")
    await mpy.ble("l2cap_listen", PSM, 512)
    spec = LeCreditBasedChannelSpec(PSM, 512, 100, 10)
    await refused(None, connection.create_l2cap_channel(spec))
    await mpy.ble("l2cap_connect", conn, 98, 512)
    its_conn, _, psm, status = await mpy.event(L2CAP_DISCONNECT)
    # NimBLE's number for a PSM that is not supported.
    equal((its_conn, psm, status), (conn, 98, 8))
    # The link is as good as before.
    await mpy.do(f"del answers[{L2CAP_ACCEPT}]")
    async with asyncio.timeout(5):
        await connection.create_l2cap_channel(spec)
    await mpy.event(L2CAP_CONNECT)


async def refused(result, opening):
    """Expects a channel to be refused, with a result if one is given."""
    try:
        async with asyncio.timeout(5):
            await opening
    except L2capError as error:
        if result is not None:
            equal(error.error_code, result)
    else:
        raise AssertionError("the channel was opened")
