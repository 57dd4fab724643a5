"""Pairing, bonding and reconnection with Bumble: both sides' keys are
compared."""

import asyncio

from bumble import hci
from bumble.att import ErrorCode
from bumble.core import ProtocolError
from bumble.device import Peer

from bumble_peer import ADDRESS, IRK, Delegate, use_pairing
from harness import ROLES, att_error, equal, eventually, test
from micropython import (
    CENTRAL_DISCONNECT,
    ENCRYPTION_UPDATE,
    PASSKEY_ACTION,
    PERIPHERAL_DISCONNECT,
)
from secrets_of import KIND_BOND, KIND_CLIENT, KIND_OWN, own_irk, parse_bond

DISPLAY, DISPLAY_YES_NO, KEYBOARD, NO_IO, KEYBOARD_DISPLAY = range(5)
INPUT_ACTION, DISPLAY_ACTION, COMPARE_ACTION = 2, 3, 4

# Association model: our I/O capability, Bumble's.
MODELS = {
    "just_works": (NO_IO, NO_IO),
    "we_display": (DISPLAY, KEYBOARD),
    "peer_displays": (KEYBOARD, DISPLAY),
    "both_enter": (KEYBOARD, KEYBOARD),
    "compare": (DISPLAY_YES_NO, DISPLAY_YES_NO),
}
KINDS = ("secure", "legacy")
IOS = range(5)


def legacy_compares(kind=None, model=None, **_):
    """Numeric comparison exists with Secure Connections only."""
    return kind == "legacy" and model == "compare"


def model_of(role, kind, our_io, their_io):
    """The association model for two I/O capabilities (Vol 3, Part H, table
    2.8), said from our side."""
    if NO_IO in (our_io, their_io):
        return "just_works"
    shows = (DISPLAY, DISPLAY_YES_NO, KEYBOARD_DISPLAY)
    enters = (KEYBOARD, KEYBOARD_DISPLAY)
    yes_no = (DISPLAY_YES_NO, KEYBOARD_DISPLAY)
    if kind == "secure" and our_io in yes_no and their_io in yes_no:
        return "compare"
    if our_io == their_io == KEYBOARD:
        return "both_enter"
    if our_io == their_io == KEYBOARD_DISPLAY:
        return "we_display" if role == "central" else "peer_displays"
    if our_io in shows and their_io in enters and our_io != KEYBOARD_DISPLAY:
        return "we_display"
    if their_io in shows and our_io in enters and their_io != KEYBOARD_DISPLAY:
        return "peer_displays"
    if our_io == KEYBOARD_DISPLAY:
        return "we_display" if their_io == KEYBOARD else "peer_displays"
    if their_io == KEYBOARD_DISPLAY:
        return "peer_displays" if our_io == KEYBOARD else "we_display"
    return "just_works"


class Pairing:
    """A link on which MicroPython and Bumble pair."""

    def __init__(self, pair, role, kind, our_io, their_io, mitm=True, bond=True):
        self.pair = pair
        self.role = role
        self.kind = kind
        self.our_io = our_io
        self.mitm = mitm
        self.bond = bond
        self.delegate = Delegate(their_io)
        self.mpy = self.bumble = self.conn = self.connection = None

    async def open(self, **options):
        self.mpy, self.bumble = await self.pair.open(**options)
        await self.configure()
        await self.mpy.ble("active", True)
        use_pairing(
            self.bumble.device,
            self.delegate,
            sc=self.kind == "secure",
            mitm=self.mitm,
            bonding=self.bond,
        )
        return self

    async def configure(self):
        await self.mpy.config(bond=self.bond, mitm=self.mitm, io=self.our_io)

    async def link(self, target=None):
        self.conn, self.connection = await self.pair.link(self.role, target=target)
        return self

    async def start(self, starter="central"):
        """Starts pairing, or the use of stored keys, from one side. Gives what
        ends when Bumble is done, if Bumble starts."""
        ours = (starter == "central") == (self.role == "central")
        if starter == "peripheral" and self.role == "peripheral":
            # Bumble leaves it to the application to do what is asked for.
            self.connection.on("security_request", self.on_security_request)
        if ours:
            await self.mpy.ble("gap_pair", self.conn)
        elif self.role == "peripheral":
            return asyncio.ensure_future(self.connection.pair())
        else:
            self.connection.request_pairing()
        return None

    def on_security_request(self, _):
        asyncio.ensure_future(self.answer_security_request())

    async def answer_security_request(self):
        if await self.bumble.device.keystore.get(str(self.connection.peer_address)):
            await self.connection.encrypt()
        else:
            await self.connection.pair()

    async def users(self, model, right=True):
        """What the users of both sides do in a model; with `right` false one
        does it wrong."""
        if model == "just_works":
            return
        conn, action, number = await self.mpy.event(PASSKEY_ACTION)
        equal(conn, self.conn)
        wrong = 0 if right else 1
        if model == "compare":
            equal(action, COMPARE_ACTION)
            equal(await self.asked(), ("compare", number))
            await self.mpy.ble("gap_passkey", conn, action, 1 - wrong)
            self.delegate.answers.put_nowait(True)
        elif model == "we_display":
            equal(action, DISPLAY_ACTION)
            await self.mpy.ble("gap_passkey", conn, action, 123456)
            equal(await self.asked(), ("enter", None))
            self.delegate.answers.put_nowait(123456 + wrong)
        elif model == "peer_displays":
            equal(action, INPUT_ACTION)
            what, number = await self.asked()
            equal(what, "show")
            number = (number + wrong) % 1000000
            await self.mpy.ble("gap_passkey", conn, action, number)
        else:
            equal(action, INPUT_ACTION)
            await self.mpy.ble("gap_passkey", conn, action, 7)
            equal(await self.asked(), ("enter", None))
            self.delegate.answers.put_nowait(7 + wrong)

    async def asked(self):
        async with asyncio.timeout(10):
            return await self.delegate.asked.get()

    async def ends(self, authenticated, bonded=None):
        """Waits for the one ENCRYPTION_UPDATE of success."""
        bonded = self.bond if bonded is None else bonded
        update = await self.mpy.event(ENCRYPTION_UPDATE)
        equal(update, (self.conn, True, authenticated, bonded, 16))
        await eventually(lambda: self.connection.is_encrypted)

    async def run(self, model, starter="central"):
        """Pairs from start to end."""
        stored = asyncio.Event()
        self.connection.once("pairing", lambda *_: stored.set())
        task = await self.start(starter)
        await self.users(model)
        await self.ends(model != "just_works")
        if task is not None:
            async with asyncio.timeout(10):
                await task
        async with asyncio.timeout(10):
            await stored.wait()
        equal(self.mpy.take(ENCRYPTION_UPDATE), [])

    async def secrets(self, kind):
        every = await self.mpy.do("list(secrets.items())")
        return [value for (its_kind, _), value in every if its_kind == kind]

    async def has_equal_keys(self, authenticated):
        """Compares the bonds of both sides."""
        (value,) = await self.secrets(KIND_BOND)
        bond = parse_bond(value)
        store = self.bumble.device.keystore
        ((name, keys),) = await store.get_all()
        own = (await self.secrets(KIND_OWN))[0]
        equal(bond.identity, bytes(reversed(bytes(hci.Address(ADDRESS)))))
        equal(bond.identity_type, 1)
        equal(bond.irk, IRK)
        equal(keys.irk.value, own_irk(own))
        equal(bond.key_size, 16)
        equal(bond.authenticated, authenticated)
        equal(bond.secure_connections, self.kind == "secure")
        if self.kind == "secure":
            equal(keys.ltk.authenticated, authenticated)
            for ours in (bond.ours, bond.peers):
                if ours is not None:
                    equal(ours, (keys.ltk.value, 0, bytes(8)))
            assert bond.ours or bond.peers
        else:
            self.put_keys_right(keys)
            equal(bond.ours, self.plain(keys.ltk_central))
            equal(bond.peers, self.plain(keys.ltk_peripheral))
            await store.update(name, keys)
        return bond, keys

    def put_keys_right(self, keys):
        """Bumble as the responder files the two keys of legacy pairing under
        each other's name, and would not find its own again."""
        if self.role == "central":
            keys.ltk_central, keys.ltk_peripheral = (
                keys.ltk_peripheral,
                keys.ltk_central,
            )

    def plain(self, key):
        return key and (key.value, key.ediv, key.rand)

    async def reconnect(self, role=None):
        """Disconnects, and connects again in a role."""
        await self.pair.unlink(self.role)
        self.role = role or self.role
        return await self.link()

    async def has_bond(self):
        """The one bond that MicroPython keeps."""
        (value,) = await self.secrets(KIND_BOND)
        return parse_bond(value)

    async def fails(self, task=None):
        """Expects no encryption, and no bond on either side."""
        update = await self.mpy.event(ENCRYPTION_UPDATE)
        equal(update[:2], (self.conn, False))
        if task is not None:
            try:
                async with asyncio.timeout(10):
                    await task
            except ProtocolError:
                pass
            else:
                raise AssertionError("Bumble paired")
        equal(await self.secrets(KIND_BOND), [])
        equal(await self.bumble.device.keystore.get_all(), [])
        assert not self.connection.is_encrypted


async def paired(pair, role, kind, model, **options):
    """A link whose two sides have just bonded."""
    both = await Pairing(pair, role, kind, *MODELS[model]).open(**options)
    await both.link()
    await both.run(model)
    return both


@test(role=ROLES, kind=KINDS, model=MODELS, omit=legacy_compares)
async def association_model(pair, role, kind, model):
    """Each model x role x kind; the central starts."""
    both = await paired(pair, role, kind, model)
    await both.has_equal_keys(model != "just_works")


@test(role=ROLES, kind=KINDS, model=MODELS, omit=legacy_compares)
async def security_request(pair, role, kind, model):
    """The same, when the peripheral asks for it."""
    both = await Pairing(pair, role, kind, *MODELS[model]).open()
    await both.link()
    await both.run(model, starter="peripheral")
    await both.has_equal_keys(model != "just_works")


@test(slow=True, role=ROLES, kind=KINDS, ours=IOS, theirs=IOS)
async def io_capabilities(pair, role, kind, ours, theirs):
    """Each pair of I/O capabilities leads to the model of table 2.8."""
    model = model_of(role, kind, ours, theirs)
    both = await Pairing(pair, role, kind, ours, theirs).open()
    await both.link()
    await both.run(model)
    await both.has_equal_keys(model != "just_works")


@test(role=ROLES, kind=KINDS)
async def without_mitm(pair, role, kind):
    """Nobody asks for MITM protection: Just Works, with any capabilities."""
    both = await Pairing(pair, role, kind, KEYBOARD, DISPLAY, mitm=False).open()
    await both.link()
    await both.run("just_works")
    await both.has_equal_keys(False)


@test(role=ROLES, kind=KINDS)
async def without_bonding(pair, role, kind):
    """The link is encrypted, and nobody keeps a key."""
    both = await Pairing(pair, role, kind, NO_IO, NO_IO, bond=False).open()
    await both.link()
    await both.run("just_works")
    equal(await both.secrets(KIND_BOND), [])


@test(
    role=ROLES,
    kind=KINDS,
    model=[model for model in MODELS if model != "just_works"],
    omit=legacy_compares,
)
async def wrong_user(pair, role, kind, model):
    """A wrong passkey, or a No: pairing fails for both, and works later."""
    both = await Pairing(pair, role, kind, *MODELS[model]).open()
    await both.link()
    task = await both.start()
    await both.users(model, right=False)
    await both.fails(task)
    both.delegate.answers = asyncio.Queue()
    both.delegate.asked = asyncio.Queue()
    await both.reconnect()
    await both.run(model)
    await both.has_equal_keys(True)


@test(role=ROLES)
async def secure_connections_only(pair, role):
    """le_secure refuses legacy pairing, and takes the other."""
    both = await Pairing(pair, role, "legacy", NO_IO, NO_IO).open()
    await both.mpy.config(le_secure=True)
    await both.link()
    await both.fails(await both.start())
    await both.reconnect()
    both.kind = "secure"
    use_pairing(both.bumble.device, both.delegate, sc=True, mitm=True)
    await both.run("just_works")
    await both.has_equal_keys(False)


@test(role=ROLES, kind=KINDS, size=(7, 15))
async def short_keys_are_refused(pair, role, kind, size):
    """CVE-2019-9506: keys under 16 bytes are refused by default."""
    both = await Pairing(pair, role, kind, NO_IO, NO_IO).open()
    both.delegate.maximum_encryption_key_size = size
    await both.link()
    await both.fails(await both.start())


@test(role=ROLES, kind=KINDS, starter=ROLES)
async def reconnection(pair, role, kind, starter):
    """Stored keys encrypt again, started by the central or asked for by the
    peripheral, and nobody pairs."""
    both = await paired(pair, role, kind, "we_display")
    bond, _ = await both.has_equal_keys(True)
    for _ in range(2):
        await both.reconnect()
        if role == "peripheral" and starter == "central":
            async with asyncio.timeout(10):
                await both.connection.encrypt()
        else:
            await both.start(starter)
        await both.ends(True, bonded=True)
    equal((await both.has_bond()), bond)


@test(role=ROLES, kind=KINDS)
async def reconnection_in_the_other_role(pair, role, kind):
    """Stored keys work when central and peripheral are exchanged."""
    both = await paired(pair, role, kind, "just_works")
    await both.has_equal_keys(False)
    other = "peripheral" if role == "central" else "central"
    await both.reconnect(other)
    if other == "peripheral":
        async with asyncio.timeout(10):
            await both.connection.encrypt()
    else:
        await both.start()
    await both.ends(False, bonded=True)


# A new connection to RootCanal is a new controller with another address.
@test(links=("air",), role=ROLES, kind=KINDS)
async def reconnection_after_restart(pair, role, kind):
    """A new MicroPython process with the secrets of the old one."""
    both = await paired(pair, role, kind, "just_works")
    bond, _ = await both.has_equal_keys(False)
    await both.pair.unlink(role)
    both.mpy = await pair.reopen_micropython()
    await both.configure()
    await both.mpy.ble("active", True)
    await both.link()
    if role == "peripheral":
        async with asyncio.timeout(10):
            await both.connection.encrypt()
    else:
        await both.start()
    await both.ends(False, bonded=True)
    equal(await both.has_bond(), bond)


@test(role=ROLES)
async def peer_lost_its_key(pair, role):
    """Bumble forgot: no encryption, and our bond stays."""
    both = await paired(pair, role, "secure", "just_works")
    bond, _ = await both.has_equal_keys(False)
    await both.bumble.device.keystore.delete_all()
    await both.reconnect()
    if role == "central":
        await both.start()
        update = await both.mpy.event(ENCRYPTION_UPDATE)
        equal(update[:2], (both.conn, False))
    else:
        # Bumble pairs anew: a Just Works bond is not replaced by a stranger.
        await both.start()
        update = await both.mpy.event(ENCRYPTION_UPDATE)
        equal(update[3], False)
    equal(await both.has_bond(), bond)


@test(role=ROLES)
async def we_lost_our_key(pair, role):
    """gap_unpair on our side: Bumble's key is refused, and pairing anew works."""
    both = await paired(pair, role, "secure", "just_works")
    await both.has_equal_keys(False)
    await both.pair.unlink(role)
    address = bytes(reversed(bytes(hci.Address(ADDRESS))))
    await both.mpy.ble("gap_unpair", 1, address)
    equal(await both.secrets(KIND_BOND), [])
    await both.link()
    if role == "peripheral":
        try:
            async with asyncio.timeout(10):
                await both.connection.encrypt()
        except (hci.HCI_Error, asyncio.CancelledError):
            pass
        else:
            raise AssertionError("encrypted with a key that was removed")
        if not both.bumble.device.connections:
            await both.mpy.event(CENTRAL_DISCONNECT)
            await both.link()
        both.mpy.take(ENCRYPTION_UPDATE)
    await both.run("just_works")
    await both.has_equal_keys(False)


# RootCanal encrypts without comparing keys.
@test(links=("air",), role=ROLES)
async def wrong_key(pair, role):
    """One bit of the peer's key is wrong: the link ends, the bond stays."""
    both = await paired(pair, role, "secure", "just_works")
    bond, keys = await both.has_equal_keys(False)
    keys.ltk.value = bytes([keys.ltk.value[0] ^ 1]) + keys.ltk.value[1:]
    await both.reconnect()
    if role == "peripheral":
        task = asyncio.ensure_future(both.connection.encrypt())
    else:
        task = await both.start()
    gone = PERIPHERAL_DISCONNECT if role == "central" else CENTRAL_DISCONNECT
    await both.mpy.event(gone)
    updates = both.mpy.take(ENCRYPTION_UPDATE)
    assert all(not update[1] for update in updates), updates
    if task is not None:
        task.cancel()
    equal(await both.has_bond(), bond)


def central_chooses(role=None, target=None, **_):
    """Only a central says to which address it wants to connect."""
    return role == "peripheral" and target == "private"


@test(role=ROLES, kind=KINDS, target=("identity", "private"), omit=central_chooses)
async def private_peer(pair, role, kind, target):
    """Bumble with resolvable private addresses is recognised by its identity,
    and the keys are found again. The script connects to the identity, or to
    the private address of the moment."""
    both = await paired(pair, role, kind, "just_works", private=True)
    await both.has_equal_keys(False)
    for _ in range(2):
        await both.pair.unlink(role)
        await both.bumble.take_new_address()
        address = both.bumble.device.random_address
        assert address.is_resolvable, address
        await both.link(target=hci.Address(ADDRESS) if target == "identity" else None)
        equal(pair.connect_event[1:], (1, bytes(reversed(bytes(hci.Address(ADDRESS))))))
        if role == "peripheral":
            async with asyncio.timeout(10):
                await both.connection.encrypt()
        else:
            await both.start()
        await both.ends(False, bonded=True)


@test(role=ROLES, kind=KINDS)
async def private_micropython(pair, role, kind):
    """addr_mode 2: our address is resolvable, changes, and Bumble knows us by
    our identity."""
    both = Pairing(pair, role, kind, *MODELS["just_works"])
    await both.open()
    await both.mpy.config(addr_mode=2)
    await both.link()
    first = await pair.address()
    assert first.is_resolvable, first
    seen = both.connection.peer_resolvable_address or both.connection.peer_address
    equal(str(seen), str(first))
    await both.run("just_works")
    await both.has_equal_keys(False)
    ((identity, _),) = await both.bumble.device.keystore.get_all()
    await both.bumble.device.refresh_resolving_list()
    # A new activation has a new address.
    await both.pair.unlink(role)
    await both.mpy.ble("active", False)
    await both.mpy.ble("active", True)
    await both.mpy.config(addr_mode=2)
    await both.link()
    second = await pair.address()
    assert second.is_resolvable and str(second) != str(first), (first, second)
    equal(str(both.connection.peer_address), identity)
    if role == "peripheral":
        async with asyncio.timeout(10):
            await both.connection.encrypt()
    else:
        await both.start()
    await both.ends(False, bonded=True)


SERVICE = """
from bluetooth import UUID
READ_ENCRYPTED, READ_AUTHENTICATED, WRITE_ENCRYPTED = 0x200, 0x400, 0x1000
READ, WRITE, NOTIFY = 2, 8, 16
((open_, encrypted, authenticated, notified),) = ble.gatts_register_services(((
    UUID(0x18F0),
    (
        (UUID(0x2AE0), READ | WRITE),
        (UUID(0x2AE1), READ | READ_ENCRYPTED | WRITE | WRITE_ENCRYPTED),
        (UUID(0x2AE2), READ | READ_AUTHENTICATED),
        (UUID(0x2AE3), READ | NOTIFY),
    ),
),))
"""


@test(role=ROLES, kind=KINDS)
async def permissions(pair, role, kind):
    """Values that want encryption or authentication, before and after."""
    both = Pairing(pair, role, kind, *MODELS["just_works"])
    await both.open()
    await both.mpy.do(SERVICE)
    await both.link()
    gatt = both.connection.gatt_client
    encrypted = await both.mpy.do("encrypted")
    authenticated = await both.mpy.do("authenticated")
    equal(await gatt.read_value(await both.mpy.do("open_")), b"")
    missing = (ErrorCode.INSUFFICIENT_AUTHENTICATION, ErrorCode.INSUFFICIENT_ENCRYPTION)
    await att_error(missing[0], gatt.read_value(encrypted))
    await att_error(missing[0], gatt.write_value(encrypted, b"x", with_response=True))
    await att_error(missing[0], gatt.read_value(authenticated))
    await both.run("just_works")
    await gatt.write_value(encrypted, b"x", with_response=True)
    equal(await gatt.read_value(encrypted), b"x")
    await att_error(missing[0], gatt.read_value(authenticated))
    # On a new link a bond is not enough: the link must be encrypted.
    await both.has_equal_keys(False)
    await both.reconnect()
    gatt = both.connection.gatt_client
    await att_error(missing[1], gatt.read_value(encrypted))


@test(role=ROLES)
async def cccd_of_a_bond_is_restored(pair, role):
    """A bonded client's subscription is there again when it is back."""
    both = Pairing(pair, role, "secure", *MODELS["just_works"])
    await both.open()
    await both.mpy.do(SERVICE)
    await both.link()
    await both.run("just_works")
    await both.has_equal_keys(False)
    notified = await both.mpy.do("notified")
    gatt = both.connection.gatt_client
    await gatt.write_value(notified + 1, b"\1\0", with_response=True)
    await eventually_secret(both, KIND_CLIENT)
    await both.reconnect()
    if role == "peripheral":
        await both.connection.encrypt()
    else:
        await both.start()
    await both.ends(False, bonded=True)
    got = []
    gatt = both.connection.gatt_client
    gatt.notification_subscribers[notified] = {got.append}
    await both.mpy.do("ble.gatts_write(notified, b'again', True)")
    await eventually(lambda: got == [b"again"])
    equal(await Peer(both.connection).read_value(notified + 1), b"\1\0")


async def eventually_secret(both, kind):
    async with asyncio.timeout(5):
        while not await both.secrets(kind):
            await asyncio.sleep(0.02)
