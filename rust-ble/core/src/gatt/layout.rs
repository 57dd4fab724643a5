//! How an attribute lies in the arena of the database.

use crate::config::MAX_LINKS;
use core::num::NonZeroU32;

/// Bytes of a record: flags, UUID (two bytes each), then the blob's place
/// (24 bit) and the kind in one word; all little-endian.
pub(super) const RECORD: usize = 8;

/// Where in a record the short UUID is.
pub(super) const UUID_AT: usize = 2;

/// Bytes before a script's value in its blob: capacity and length. A long
/// UUID stands between the two.
pub(super) const HEADER: usize = 4;

/// The blob of a CCCD: two bits for each link.
pub(super) const CCCD_BYTES: usize = MAX_LINKS.div_ceil(4);

/// What an attribute is, which says where its value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: a kind is never zero.
    None = 0,
    /// Primary Service declaration; the blob holds a long UUID only.
    Service,
    /// A characteristic value of the script.
    Value,
    /// A descriptor of the script.
    Descriptor,
    /// Characteristic declaration; all about it is in the next record.
    Declaration,
    /// Client Characteristic Configuration; the blob holds bits per link.
    Cccd,
    /// Characteristic Extended Properties; the value is in the flags.
    Extended,
    /// A characteristic value of our GAP or GATT service.
    Own,
}

/// A record, in two words as it lies in the arena: a value of this size stays
/// in registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    /// Flags and short UUID.
    low: u32,
    /// The blob's place and the kind, which is never zero.
    high: NonZeroU32,
}

const KIND_SHIFT: u32 = 24;
const APPEND: u32 = 0x1000_0000;
const LONG: u32 = 0x2000_0000;

impl Attribute {
    pub const MAX_AT: usize = 0x00ff_ffff;

    /// Of no handle.
    pub const NONE: Attribute = Attribute {
        low: 0,
        high: NonZeroU32::MAX,
    };

    /// `flags` are of `db::flag`, without a short `uuid` there is a long one, the
    /// blob starts `at` bytes from the arena's end.
    pub fn new(kind: Kind, flags: u16, uuid: Option<u16>, at: u32) -> Self {
        let high = at | (kind as u32) << KIND_SHIFT | if uuid.is_none() { LONG } else { 0 };
        Attribute {
            low: u32::from(flags) | u32::from(uuid.unwrap_or(0)) << 16,
            high: NonZeroU32::new(high).unwrap_or(NonZeroU32::MAX),
        }
    }

    pub fn from_bytes(record: &[u8; RECORD]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h] = *record;
        Some(Attribute {
            low: u32::from_le_bytes([a, b, c, d]),
            high: NonZeroU32::new(u32::from_le_bytes([e, f, g, h]))?,
        })
    }

    pub fn to_bytes(self) -> [u8; RECORD] {
        let [a, b, c, d] = self.low.to_le_bytes();
        let [e, f, g, h] = self.high.get().to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    pub fn kind(self) -> Kind {
        match self.high.get() >> KIND_SHIFT & 7 {
            0 => Kind::None,
            1 => Kind::Service,
            2 => Kind::Value,
            3 => Kind::Descriptor,
            4 => Kind::Declaration,
            5 => Kind::Cccd,
            6 => Kind::Extended,
            _ => Kind::Own,
        }
    }

    /// Whether the script gives the value.
    pub fn is_script(self) -> bool {
        matches!(self.kind(), Kind::Value | Kind::Descriptor)
    }

    /// Whether writes of clients are collected.
    pub fn append(self) -> bool {
        self.high.get() & APPEND != 0
    }

    /// Whether the UUID is a long one, in the blob.
    pub fn long(self) -> bool {
        self.high.get() & LONG != 0
    }

    /// `db::flag`.
    pub fn flags(self) -> u16 {
        self.low as u16
    }

    /// The UUID if it is short.
    pub fn uuid(self) -> u16 {
        (self.low >> 16) as u16
    }

    /// The blob starts this far from the arena's end.
    pub fn at(self) -> u32 {
        self.high.get() & Self::MAX_AT as u32
    }

    /// With further flags.
    pub fn with_flags(self, flags: u16) -> Self {
        Attribute {
            low: self.low | u32::from(flags),
            ..self
        }
    }

    /// With `append` set or not.
    pub fn with_append(self, append: bool) -> Self {
        let high = self.high.get() & !APPEND | if append { APPEND } else { 0 };
        self.with_high(high)
    }

    /// With the blob `by` bytes further from the end, modulo 2^24.
    pub fn moved(self, by: u32) -> Self {
        let at = self.at().wrapping_add(by) & Self::MAX_AT as u32;
        self.with_high(self.high.get() & !(Self::MAX_AT as u32) | at)
    }

    /// `high` has a kind, and so is not zero.
    fn with_high(self, high: u32) -> Self {
        Attribute {
            high: NonZeroU32::new(high).unwrap_or(self.high),
            ..self
        }
    }
}

/// Adds `by` (modulo 2^24) to the place of a record's blob if that is `first`
/// or further from the end of the arena.
pub(super) fn move_blob(record: &mut [u8], first: u32, by: u32) {
    if let [_, _, _, _, a, b, c, _] = record {
        let at = u32::from_le_bytes([*a, *b, *c, 0]);
        if at >= first {
            [*a, *b, *c, _] = at.wrapping_add(by).to_le_bytes();
        }
    }
}
