//! UUIDs (Vol 3, Part B, 2.5.1).

use crate::wire::copy;

/// The Bluetooth Base UUID, little-endian: that of a short one but for two bytes.
const BASE: [u8; 16] = [
    0xfb, 0x34, 0x9b, 0x5f, 0x80, 0x00, 0x00, 0x80, 0x00, 0x10, 0x00, 0x00, 0, 0, 0, 0,
];

/// Where a shorter UUID stands in the Base UUID.
const SHORT: usize = 12;

/// A UUID of any length, in its 128 bit form: least significant byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// A 16 bit UUID assigned by the Bluetooth SIG.
    pub const fn short(short: u16) -> Self {
        let mut bytes = BASE;
        [bytes[SHORT], bytes[SHORT + 1]] = short.to_le_bytes();
        Uuid(bytes)
    }

    /// From 16 little-endian bytes.
    pub const fn long(bytes: [u8; 16]) -> Self {
        Uuid(bytes)
    }

    /// From 2, 4 or 16 little-endian bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let at = match bytes.len() {
            2 | 4 => SHORT,
            16 => 0,
            _ => return None,
        };
        let mut uuid = Uuid(BASE);
        copy(uuid.0.get_mut(at..)?, bytes);
        Some(uuid)
    }

    /// The 16 bit form, if there is one.
    pub fn as_short(&self) -> Option<u16> {
        match self.as_bytes() {
            &[a, b] => Some(u16::from_le_bytes([a, b])),
            _ => None,
        }
    }

    /// The shortest form in ATT PDUs: 2 or 16 little-endian bytes. UUIDs of 32
    /// bits do not exist there.
    #[inline(never)]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            [base @ .., _, _, 0, 0] if *base == BASE[..SHORT] => &self.0[SHORT..SHORT + 2],
            long => long,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_forms_of_short_uuids_compare_equal() {
        let mut long = [0; 16];
        long[..12].copy_from_slice(&BASE[..12]);
        long[12] = 0x0f;
        long[13] = 0x18;
        assert_eq!(Uuid::from_bytes(&long), Some(Uuid::short(0x180f)));
        assert_eq!(
            Uuid::from_bytes(&[0x0f, 0x18, 0, 0]),
            Some(Uuid::short(0x180f))
        );
        assert_eq!(Uuid::from_bytes(&[0x0f, 0x18]), Some(Uuid::short(0x180f)));
    }

    #[test]
    fn a_32_bit_uuid_is_held_as_128_bits() {
        let uuid = Uuid::from_bytes(&[1, 2, 3, 4]).unwrap();
        assert_eq!(uuid.as_bytes().len(), 16);
        assert_eq!(uuid.as_bytes()[12..], [1, 2, 3, 4]);
    }

    #[test]
    fn other_lengths_are_no_uuid() {
        for len in [0, 1, 3, 5, 15, 17] {
            assert_eq!(Uuid::from_bytes(&[0; 32][..len]), None);
        }
    }
}
