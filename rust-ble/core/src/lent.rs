//! Memory that the glue lends.

use crate::wire::copy;
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

    /// `len` bytes from `start`, if there are as many.
    #[inline(never)]
    pub fn part(&self, start: usize, len: usize) -> Option<&[u8]> {
        self.0.as_deref()?.get(start..)?.get(..len)
    }

    /// As `part`, to write to.
    #[inline(never)]
    pub fn part_mut(&mut self, start: usize, len: usize) -> Option<&mut [u8]> {
        self.0.as_deref_mut()?.get_mut(start..)?.get_mut(..len)
    }

    /// Writes bytes at `start`, if all of them fit.
    #[inline(never)]
    pub fn put(&mut self, start: usize, bytes: &[u8]) -> bool {
        self.part_mut(start, bytes.len())
            .is_some_and(|room| copy(room, bytes) == bytes.len())
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
