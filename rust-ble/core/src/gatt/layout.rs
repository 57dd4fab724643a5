//! How an attribute lies in the arena of the database.

use crate::config::MAX_LINKS;

/// Bytes of a record: flags, UUID (two bytes each), then the blob's place
/// (24 bit) and the kind in one word; all little-endian.
pub(super) const RECORD: usize = 8;

/// Bytes before a script's value in its blob: capacity and length. A long
/// UUID stands between the two.
pub(super) const HEADER: usize = 4;

/// The blob of a CCCD: two bits for each link.
pub(super) const CCCD_BYTES: usize = MAX_LINKS.div_ceil(4);

/// What an attribute is, which says where its value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Primary Service declaration; the blob holds a long UUID only.
    Service,
    /// Characteristic declaration; all about it is in the next record.
    Declaration,
    /// A characteristic value of the script.
    Value,
    /// A descriptor of the script.
    Descriptor,
    /// Client Characteristic Configuration; the blob holds bits per link.
    Cccd,
    /// Characteristic Extended Properties; the value is in the flags.
    Extended,
    /// A characteristic value of our GAP or GATT service.
    Own,
}

const KINDS: [Kind; 7] = [
    Kind::Service,
    Kind::Declaration,
    Kind::Value,
    Kind::Descriptor,
    Kind::Cccd,
    Kind::Extended,
    Kind::Own,
];

/// A record, unpacked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    pub kind: Kind,
    /// Writes of clients are collected.
    pub append: bool,
    /// The UUID is a long one, in the blob.
    pub long: bool,
    /// `db::flag`.
    pub flags: u16,
    /// The UUID if it is short.
    pub uuid: u16,
    /// The blob starts this far from the arena's end.
    pub at: u32,
}

const APPEND: u8 = 0x10;
const LONG: u8 = 0x20;

impl Attribute {
    pub const MAX_AT: usize = 0x00ff_ffff;

    /// Of no handle.
    pub const NONE: Attribute = Attribute {
        kind: Kind::Own,
        append: false,
        long: false,
        flags: 0,
        uuid: 0,
        at: 0,
    };

    pub fn from_bytes(record: &[u8; RECORD]) -> Self {
        let [a, b, c, d, at @ .., kind] = *record;
        Attribute {
            kind: *KINDS.get(usize::from(kind & 0x0f)).unwrap_or(&Kind::Own),
            append: kind & APPEND != 0,
            long: kind & LONG != 0,
            flags: u16::from_le_bytes([a, b]),
            uuid: u16::from_le_bytes([c, d]),
            at: u32::from_le_bytes([at[0], at[1], at[2], 0]),
        }
    }

    pub fn to_bytes(self) -> [u8; RECORD] {
        let kind = self.kind as u8
            | if self.append { APPEND } else { 0 }
            | if self.long { LONG } else { 0 };
        let [a, b] = self.flags.to_le_bytes();
        let [c, d] = self.uuid.to_le_bytes();
        let [e, f, g, _] = self.at.to_le_bytes();
        [a, b, c, d, e, f, g, kind]
    }

    /// Whether the script gives the value.
    pub fn is_script(&self) -> bool {
        matches!(self.kind, Kind::Value | Kind::Descriptor)
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
