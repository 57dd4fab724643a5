"""What our host keeps through SET_SECRET: the layout of
rust-ble/core/src/smp/bonds.rs."""

import struct
from dataclasses import dataclass

KIND_OWN = 32
KIND_BOND = 33
KIND_CLIENT = 34

AUTHENTICATED, SECURE_CONNECTIONS, OURS, PEERS, IRK = 1, 2, 4, 8, 16


@dataclass
class Bond:
    """A stored bond. Keys are (LTK, EDIV, Rand), as they are sent."""

    identity: bytes  # as MicroPython prints it
    identity_type: int
    key_size: int
    authenticated: bool
    secure_connections: bool
    ours: tuple | None
    peers: tuple | None
    irk: bytes | None


def parse_bond(value):
    (
        version,
        kind,
        address,
        key_size,
        flags,
        our_ltk,
        our_ediv,
        our_rand,
        their_ltk,
        their_ediv,
        their_rand,
        irk,
    ) = struct.unpack("<BB6sBB16sH8s16sH8s16s", value)
    assert version == 1, version
    return Bond(
        identity=address[::-1],
        identity_type=kind,
        key_size=key_size,
        authenticated=bool(flags & AUTHENTICATED),
        secure_connections=bool(flags & SECURE_CONNECTIONS),
        ours=(our_ltk, our_ediv, our_rand) if flags & OURS else None,
        peers=(their_ltk, their_ediv, their_rand) if flags & PEERS else None,
        irk=irk if flags & IRK else None,
    )


def own_irk(value):
    version, irk, _ = struct.unpack("<B16s6s", value)
    assert version == 1, version
    return irk
