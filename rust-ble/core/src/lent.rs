//! Memory that the glue lends.

use core::ops::{Deref, DerefMut};

/// A lent slice, empty until there is one. In contrast to an empty slice,
/// `NONE` is all zeros, as a static should be.
#[derive(Debug)]
pub(crate) struct Lent(Option<&'static mut [u8]>);

impl Lent {
    pub const NONE: Lent = Lent(None);

    pub const fn new(memory: &'static mut [u8]) -> Self {
        Lent(Some(memory))
    }

    /// The slice itself.
    pub fn give_back(self) -> &'static mut [u8] {
        self.0.unwrap_or_default()
    }
}

impl Deref for Lent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}
