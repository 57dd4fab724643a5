//! AES-CMAC (RFC 4493) over a message in pieces.

use aes::cipher::generic_array::GenericArray;
use aes::Aes128;
use cmac::{Cmac, Mac};

/// A message authentication code being computed. Key, message and value are
/// in byte order, most significant first.
pub struct AesCmac(Cmac<Aes128>);

impl AesCmac {
    /// Of an empty message so far.
    pub fn new(key: &[u8; 16]) -> Self {
        AesCmac(<Cmac<Aes128> as Mac>::new(GenericArray::from_slice(key)))
    }

    /// Appends to the message.
    #[inline(never)]
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The value.
    #[inline(never)]
    pub fn finish(self) -> [u8; 16] {
        self.0.finalize().into_bytes().into()
    }
}
