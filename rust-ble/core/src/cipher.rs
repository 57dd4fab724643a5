//! AES-CMAC (RFC 4493) over a message in pieces.

use aes::cipher::generic_array::GenericArray;
use aes::cipher::KeyInit;
use aes::Aes128;
use cmac::digest::core_api::{Buffer, FixedOutputCore, UpdateCore};
use cmac::CmacCore;
use core::slice;

/// A message authentication code being computed. Key, message and value are
/// in byte order, most significant first.
///
/// The crate's `Cmac` would also take many blocks at a time, which costs flash.
pub struct AesCmac {
    core: CmacCore<Aes128>,
    /// The bytes that `core` has not seen; the last of a message need more.
    block: aes::Block,
    len: usize,
}

impl AesCmac {
    /// Of an empty message so far.
    pub fn new(key: &[u8; 16]) -> Self {
        AesCmac {
            core: CmacCore::new(GenericArray::from_slice(key)),
            block: GenericArray::default(),
            len: 0,
        }
    }

    /// Appends to the message.
    pub fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.push(byte);
        }
    }

    /// Appends one byte to the message.
    #[inline(never)]
    pub fn push(&mut self, byte: u8) {
        if self.len == self.block.len() {
            self.core.update_blocks(slice::from_ref(&self.block));
            self.len = 0;
        }
        if let Some(place) = self.block.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    /// The value: ends the message.
    #[inline(never)]
    pub fn finish(&mut self) -> [u8; 16] {
        let mut rest = Buffer::<CmacCore<Aes128>>::default();
        rest.set(self.block, self.len.min(self.block.len()));
        let mut value = GenericArray::default();
        self.core.finalize_fixed_core(&mut rest, &mut value);
        value.into()
    }
}
