//! Device addresses (Vol 6, Part B, 1.3).

/// Whether an address was assigned by the IEEE or made by the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum AddressKind {
    /// Public device address.
    #[default]
    Public = 0,
    /// Random device address: static, resolvable or non-resolvable.
    Random = 1,
}

/// A device address; `bytes` are little-endian, as on the wire.
///
/// Aligned, so that a copy is two words.
#[derive(Clone, Copy, Debug, Eq, Default)]
#[repr(align(4))]
pub struct Address {
    /// Public or random.
    pub kind: AddressKind,
    /// Least significant byte first.
    pub bytes: [u8; 6],
}

impl PartialEq for Address {
    /// As slices, which is a call of memcmp: addresses are compared in many
    /// places, and arrays inline a comparison of each byte.
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.bytes[..] == other.bytes[..]
    }
}

impl Address {
    /// A public address.
    pub const fn public(bytes: [u8; 6]) -> Self {
        Address {
            kind: AddressKind::Public,
            bytes,
        }
    }

    /// A random address of any sort.
    pub const fn random(bytes: [u8; 6]) -> Self {
        Address {
            kind: AddressKind::Random,
            bytes,
        }
    }

    /// From the address type of an HCI event or of MicroPython: the low bit
    /// tells public from random, 2 and 3 are resolved identities.
    pub const fn from_wire(kind: u8, bytes: [u8; 6]) -> Self {
        if kind & 1 == 0 {
            Address::public(bytes)
        } else {
            Address::random(bytes)
        }
    }

    /// A resolvable private address (Vol 6, Part B, 1.3.2.2).
    pub fn is_resolvable(&self) -> bool {
        self.kind == AddressKind::Random && self.bytes[5] >> 6 == 0b01
    }

    /// Public or static random: an address that identifies a device.
    pub fn is_identity(&self) -> bool {
        self.kind == AddressKind::Public || self.bytes[5] >> 6 == 0b11
    }
}
