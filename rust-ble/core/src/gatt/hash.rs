//! AES-CMAC with the key zero over a message in pieces, for the Database Hash
//! (Vol 3, Part G, 7.3.1; RFC 4493).

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::Aes128;

pub(super) struct Cmac {
    cipher: Aes128,
    /// The last ciphertext, with the bytes of the block that fills up.
    block: [u8; 16],
    /// Bytes in the block, 16 only when more may come.
    filled: usize,
}

impl Cmac {
    pub fn new() -> Self {
        Cmac {
            cipher: Aes128::new(&[0; 16].into()),
            block: [0; 16],
            filled: 0,
        }
    }

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

    pub fn finish(mut self) -> [u8; 16] {
        let mut subkey = [0; 16];
        self.cipher.encrypt_block((&mut subkey).into());
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
        self.cipher.encrypt_block((&mut self.block).into());
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
