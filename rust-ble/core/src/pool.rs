//! One arena for everything of variable length that outlives a call: PDUs to
//! send, queued write values, long reads, prepared writes.
//!
//! Blocks are contiguous, so that a PDU leaves as one slice. First fit over at
//! most `POOL_BLOCKS` blocks kept in address order.

use crate::config::{POOL_BLOCKS, POOL_BYTES};
use crate::wire::Writer;
use core::num::NonZeroU16;

const _: () = assert!(POOL_BYTES < u16::MAX as usize);

/// Owns a block of the pool until it is given to `Pool::free`.
///
/// Neither `Copy` nor `Clone`: a block is freed exactly once.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Block {
    /// One more than where it starts: `Option<Block>` fits into a register.
    after_start: NonZeroU16,
    len: u16,
}

impl Block {
    /// Where it starts in the pool.
    pub(crate) fn start(&self) -> u16 {
        self.after_start.get() - 1
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the block holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The arena and the table of what is taken.
#[derive(Debug)]
#[repr(C)]
pub struct Pool {
    /// (start, length) of every taken block, sorted by start.
    taken: heapless::Vec<(u16, u16), POOL_BLOCKS>,
    bytes: [u8; POOL_BYTES],
}

impl Pool {
    /// An empty pool.
    pub const fn new() -> Self {
        Pool {
            bytes: [0; POOL_BYTES],
            taken: heapless::Vec::new(),
        }
    }

    /// Takes `len` bytes, unless fewer than `reserve` would stay free.
    ///
    /// `reserve` keeps room for answers that must not be lost while a script
    /// fills the pool with notifications.
    #[inline(never)]
    pub fn alloc(&mut self, len: usize, reserve: usize) -> Option<Block> {
        if self.taken.is_full() || self.free_bytes() < len + reserve {
            return None;
        }
        let mut start = 0;
        let mut at = 0;
        for &(next, next_len) in &self.taken {
            if next as usize - start >= len {
                break;
            }
            start = next as usize + next_len as usize;
            at += 1;
        }
        if start + len > POOL_BYTES {
            return None;
        }
        let (start, len) = (start as u16, len as u16);
        let mut carry = (start, len);
        for taken in self.taken.iter_mut().skip(at) {
            core::mem::swap(taken, &mut carry);
        }
        self.taken.push(carry).ok()?;
        let after_start = NonZeroU16::new(start + 1)?;
        Some(Block { after_start, len })
    }

    /// Gives a block back.
    #[inline(never)]
    pub fn free(&mut self, block: Block) {
        let Some(at) = self.find(&block) else {
            return;
        };
        // What lies behind it moves up by one.
        let mut carry = self.taken.pop();
        for taken in self.taken.iter_mut().skip(at).rev() {
            carry = carry.map(|behind| core::mem::replace(taken, behind));
        }
    }

    /// Cuts a block to its first `len` bytes.
    pub fn shrink(&mut self, block: &mut Block, len: usize) {
        let Some(at) = self.find(block).filter(|_| len <= block.len()) else {
            return;
        };
        if let Some(taken) = self.taken.get_mut(at) {
            block.len = len as u16;
            taken.1 = block.len;
        }
    }

    /// The bytes of a block.
    #[inline(never)]
    pub fn get(&self, block: &Block) -> &[u8] {
        let start = block.start() as usize;
        self.bytes
            .get(start..start + block.len())
            .unwrap_or_default()
    }

    /// The bytes of a block, if there is one.
    pub fn get_any(&self, block: &Option<Block>) -> &[u8] {
        block.as_ref().map_or(&[], |block| self.get(block))
    }

    /// The bytes of a block, to write.
    #[inline(never)]
    pub fn get_mut(&mut self, block: &Block) -> &mut [u8] {
        let start = block.start() as usize;
        self.bytes
            .get_mut(start..start + block.len())
            .unwrap_or_default()
    }

    /// Writes to a block behind its first `skip` bytes.
    #[inline(never)]
    pub fn writer(&mut self, block: &Block, skip: usize) -> Writer<'_> {
        Writer::new(self.get_mut(block).get_mut(skip..).unwrap_or_default())
    }

    /// All of it, whoever owns what.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes not taken, in however many pieces.
    pub fn free_bytes(&self) -> usize {
        POOL_BYTES
            - self
                .taken
                .iter()
                .map(|&(_, len)| len as usize)
                .sum::<usize>()
    }

    /// Blocks taken: zero when nothing leaks.
    pub fn blocks(&self) -> usize {
        self.taken.len()
    }

    fn find(&self, block: &Block) -> Option<usize> {
        self.taken
            .iter()
            .position(|&taken| taken == (block.start(), block.len))
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_reused_and_everything_comes_back() {
        let mut pool = Pool::new();
        let a = pool.alloc(100, 0).unwrap();
        let b = pool.alloc(100, 0).unwrap();
        pool.get_mut(&b).fill(7);
        pool.free(a);
        let c = pool.alloc(60, 0).unwrap();
        let d = pool.alloc(40, 0).unwrap();
        assert_eq!((c.start(), d.start()), (0, 60));
        assert!(pool.get(&b).iter().all(|&x| x == 7));
        for block in [b, c, d] {
            pool.free(block);
        }
        assert_eq!((pool.blocks(), pool.free_bytes()), (0, POOL_BYTES));
    }

    #[test]
    fn the_reserve_is_kept() {
        let mut pool = Pool::new();
        assert!(pool.alloc(POOL_BYTES - 99, 100).is_none());
        let most = pool.alloc(POOL_BYTES - 100, 100).unwrap();
        assert!(pool.alloc(1, 100).is_none());
        let rest = pool.alloc(100, 0).unwrap();
        assert!(pool.alloc(1, 0).is_none());
        pool.free(most);
        pool.free(rest);
    }

    #[test]
    fn a_shrunk_block_frees_its_tail() {
        let mut pool = Pool::new();
        let mut a = pool.alloc(POOL_BYTES, 0).unwrap();
        pool.shrink(&mut a, 10);
        let b = pool.alloc(POOL_BYTES - 10, 0).unwrap();
        pool.free(a);
        pool.free(b);
        assert_eq!(pool.blocks(), 0);
    }

    #[test]
    fn the_number_of_blocks_is_bounded() {
        let mut pool = Pool::new();
        let blocks: [_; POOL_BLOCKS] = core::array::from_fn(|_| pool.alloc(1, 0).unwrap());
        assert!(pool.alloc(1, 0).is_none());
        for block in blocks {
            pool.free(block);
        }
        assert_eq!(pool.blocks(), 0);
    }
}
