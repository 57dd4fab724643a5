//! AES-128 as the Link Layer uses it.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::Aes128;

/// `e` of Vol 3, Part H, 2.2.1; most significant byte first.
pub fn e(key: &[u8; 16], plain: &[u8; 16]) -> [u8; 16] {
    let mut block = (*plain).into();
    Aes128::new(key.into()).encrypt_block(&mut block);
    block.into()
}

/// `e` on the byte order of HCI and the air, least significant byte first.
pub fn e_le(key: &[u8; 16], plain: &[u8; 16]) -> [u8; 16] {
    let (mut key, mut plain) = (*key, *plain);
    key.reverse();
    plain.reverse();
    let mut out = e(&key, &plain);
    out.reverse();
    out
}

/// `ah` of Vol 3, Part H, 2.2.2: the hash half of a resolvable private address.
/// All least significant byte first.
pub fn ah(irk: &[u8; 16], prand: [u8; 3]) -> [u8; 3] {
    let mut plain = [0; 16];
    plain[..3].copy_from_slice(&prand);
    let out = e_le(irk, &plain);
    [out[0], out[1], out[2]]
}

/// Whether the address, least significant byte first, was made with `irk`.
pub fn resolves(irk: &[u8; 16], address: &[u8; 6]) -> bool {
    address[5] >> 6 == 1
        && ah(irk, [address[3], address[4], address[5]]) == [address[0], address[1], address[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_sample_of_ah_holds() {
        // Vol 3, Part H, D.7.
        let mut irk = [
            0xec, 0x02, 0x34, 0xa3, 0x57, 0xc8, 0xad, 0x05, 0x34, 0x10, 0x10, 0xa6, 0x0a, 0x39,
            0x7d, 0x9b,
        ];
        irk.reverse();
        assert_eq!(ah(&irk, [0x94, 0x81, 0x70]), [0xaa, 0xfb, 0x0d]);
        assert!(resolves(&irk, &[0xaa, 0xfb, 0x0d, 0x94, 0x81, 0x70]));
        assert!(!resolves(&irk, &[0xab, 0xfb, 0x0d, 0x94, 0x81, 0x70]));
    }
}
