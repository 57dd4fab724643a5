//! AES-128 and AES-CMAC (RFC 4493), in byte order: most significant byte
//! first. Shared by the Security Manager and the Database Hash.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::Aes128;

/// Encrypts a block in place.
///
/// Expands the key each time, which takes as long as the block: nobody here
/// encrypts much, and an expanded key is 700 bytes.
#[inline(never)]
pub(crate) fn encrypt(key: &[u8; 16], block: &mut [u8; 16]) {
    Aes128::new(key.into()).encrypt_block(block.into());
}

/// AES-CMAC over a message in pieces.
#[derive(Clone)]
pub struct Cmac {
    key: [u8; 16],
    /// The last ciphertext, with the bytes of the block that fills up.
    block: [u8; 16],
    /// Bytes in the block, 16 only when more may come.
    filled: usize,
}

impl Cmac {
    /// An empty message under the key zero, as for the Database Hash (Vol 3,
    /// Part G, 7.3.1).
    pub fn new() -> Self {
        Cmac::keyed(&[0; 16])
    }

    /// An empty message.
    pub fn keyed(key: &[u8; 16]) -> Self {
        Cmac {
            key: *key,
            block: [0; 16],
            filled: 0,
        }
    }

    /// Appends to the message.
    #[inline(never)]
    pub fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.filled == 16 {
                self.encrypt();
                self.filled = 0;
            }
            if let Some(place) = self.block.get_mut(self.filled) {
                *place ^= byte;
            }
            self.filled += 1;
        }
    }

    /// The value.
    #[inline(never)]
    pub fn finish(mut self) -> [u8; 16] {
        let mut subkey = [0; 16];
        encrypt(&self.key, &mut subkey);
        double(&mut subkey);
        if let Some(place) = self.block.get_mut(self.filled) {
            *place ^= 0x80;
            double(&mut subkey);
        }
        for (place, byte) in self.block.iter_mut().zip(subkey) {
            *place ^= byte;
        }
        self.encrypt();
        self.block
    }

    fn encrypt(&mut self) {
        encrypt(&self.key, &mut self.block);
    }
}

impl Default for Cmac {
    fn default() -> Self {
        Self::new()
    }
}

/// Doubles in GF(2^128), most significant byte first.
fn double(block: &mut [u8; 16]) {
    let mut carry = 0;
    for byte in block.iter_mut().rev() {
        (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
    }
    let [.., last] = block;
    *last ^= carry * 0x87;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_cmac_of_the_crate_for_every_length_and_cut() {
        use cmac::Mac;
        let message: [u8; 70] = core::array::from_fn(|i| (i * 7) as u8);
        for len in 0..message.len() {
            let mut other = <cmac::Cmac<Aes128> as Mac>::new(&Default::default());
            other.update(&message[..len]);
            let expected: [u8; 16] = other.finalize().into_bytes().into();
            for cut in 0..=len {
                let mut mac = Cmac::new();
                mac.update(&message[..cut]);
                mac.update(&message[cut..len]);
                assert_eq!(mac.finish(), expected);
            }
        }
    }
}
