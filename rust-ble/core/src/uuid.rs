//! UUIDs (Vol 3, Part B, 2.5.1).

/// The Bluetooth Base UUID without its 32 bit part, little-endian.
const BASE: [u8; 12] = [
    0xfb, 0x34, 0x9b, 0x5f, 0x80, 0x00, 0x00, 0x80, 0x00, 0x10, 0x00, 0x00,
];

/// A UUID in its shortest ATT form: 16 bit, or 128 bit little-endian.
/// UUIDs of 32 bits do not exist in ATT and are held as 128 bit ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uuid {
    /// A 16 bit UUID assigned by the Bluetooth SIG.
    U16(u16),
    /// Any other UUID, least significant byte first.
    U128([u8; 16]),
}

impl Uuid {
    /// From 2, 4 or 16 little-endian bytes. A long form of a 16 bit UUID
    /// becomes the short form, so that equal UUIDs compare equal.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [a, b] => Some(Uuid::U16(u16::from_le_bytes([*a, *b]))),
            [a, b, 0, 0] => Some(Uuid::U16(u16::from_le_bytes([*a, *b]))),
            [a, b, c, d] => {
                let mut long = [0; 16];
                long[..12].copy_from_slice(&BASE);
                long[12..].copy_from_slice(&[*a, *b, *c, *d]);
                Some(Uuid::U128(long))
            }
            _ => {
                let long: [u8; 16] = bytes.try_into().ok()?;
                match long {
                    [.., a, b, 0, 0] if long[..12] == BASE => {
                        Some(Uuid::U16(u16::from_le_bytes([a, b])))
                    }
                    _ => Some(Uuid::U128(long)),
                }
            }
        }
    }

    /// Length in ATT PDUs: 2 or 16.
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> usize {
        match self {
            Uuid::U16(_) => 2,
            Uuid::U128(_) => 16,
        }
    }

    /// The little-endian bytes, of which the first `len()` count.
    pub fn to_bytes(&self) -> [u8; 16] {
        match self {
            Uuid::U16(short) => {
                let mut bytes = [0; 16];
                bytes[..2].copy_from_slice(&short.to_le_bytes());
                bytes
            }
            Uuid::U128(long) => *long,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_forms_of_short_uuids_compare_equal() {
        let mut long = [0; 16];
        long[..12].copy_from_slice(&BASE);
        long[12] = 0x0f;
        long[13] = 0x18;
        assert_eq!(Uuid::from_bytes(&long), Some(Uuid::U16(0x180f)));
        assert_eq!(
            Uuid::from_bytes(&[0x0f, 0x18, 0, 0]),
            Some(Uuid::U16(0x180f))
        );
        assert_eq!(Uuid::from_bytes(&[0x0f, 0x18]), Some(Uuid::U16(0x180f)));
    }

    #[test]
    fn a_32_bit_uuid_is_held_as_128_bits() {
        let uuid = Uuid::from_bytes(&[1, 2, 3, 4]).unwrap();
        assert_eq!(uuid.len(), 16);
        assert_eq!(uuid.to_bytes()[12..], [1, 2, 3, 4]);
    }

    #[test]
    fn other_lengths_are_no_uuid() {
        for len in [0, 1, 3, 5, 15, 17] {
            assert_eq!(Uuid::from_bytes(&[0; 32][..len]), None);
        }
    }
}
