//! A queue of bytes in lent memory.

use crate::lent::Lent;

/// Where the queue lies in its memory.
#[derive(Debug)]
pub(super) struct Ring {
    mem: Lent,
    head: usize,
    len: usize,
}

impl Ring {
    /// A queue without memory.
    pub const NONE: Ring = Ring {
        mem: Lent::NONE,
        head: 0,
        len: 0,
    };

    pub const fn new(mem: &'static mut [u8]) -> Self {
        Ring {
            mem: Lent::new(mem),
            head: 0,
            len: 0,
        }
    }

    /// Bytes in the queue.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes that fit into the empty queue.
    pub fn capacity(&self) -> usize {
        self.mem.len()
    }

    /// Bytes that fit.
    #[inline(never)]
    pub fn room(&self) -> usize {
        self.mem.len() - self.len
    }

    /// Appends all of `bytes`, or nothing when they do not fit.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.room() {
            return false;
        }
        let (start, n) = self.split(self.len, bytes.len());
        let Some((first, second)) = bytes.split_at_checked(n) else {
            return false;
        };
        self.mem.put(start, first);
        self.mem.put(0, second);
        self.len += bytes.len();
        true
    }

    /// The first `n` bytes, fewer if there are not as many, in two parts.
    pub fn peek(&self, n: usize) -> (&[u8], &[u8]) {
        let n = n.min(self.len);
        let (start, first) = self.split(0, n);
        let head = self.mem.part(start, first);
        let tail = self.mem.part(0, n - first);
        (head.unwrap_or_default(), tail.unwrap_or_default())
    }

    /// Removes the first `n` bytes, which are there.
    pub fn skip(&mut self, n: usize) {
        let n = n.min(self.len);
        self.head = self.split(n, 0).0;
        self.len -= n;
    }

    /// Forgets all but the first `n` bytes.
    pub fn truncate(&mut self, n: usize) {
        self.len = self.len.min(n);
    }

    /// Where `n` bytes at `offset` from the front start, and how many of them
    /// lie before the end of the memory.
    fn split(&self, offset: usize, n: usize) -> (usize, usize) {
        let mut start = self.head + offset;
        if start >= self.mem.len() {
            start -= self.mem.len();
        }
        (start, n.min(self.mem.len() - start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn a_ring_behaves_like_a_queue_at_every_offset() {
        for capacity in [1, 2, 7] {
            let mut ring = Ring::new(std::vec![0xa5; capacity].leak());
            let mut model = VecDeque::new();
            let mut next = 0u8;
            for step in 0..1000 {
                let n = step * 7 % 5;
                let bytes: std::vec::Vec<u8> = (0..n).map(|i| next.wrapping_add(i as u8)).collect();
                let fits = model.len() + n <= capacity;
                assert_eq!(ring.push(&bytes), fits);
                if fits {
                    model.extend(&bytes);
                    next = next.wrapping_add(n as u8);
                }
                let n = (step * 3 % 4).min(model.len());
                let (a, b) = ring.peek(n);
                let got: std::vec::Vec<u8> = a.iter().chain(b).copied().collect();
                assert_eq!(got, model.drain(..n).collect::<std::vec::Vec<_>>());
                ring.skip(n);
                assert_eq!(ring.len(), model.len());
            }
        }
    }

    #[test]
    fn a_ring_without_memory_takes_and_gives_nothing() {
        let mut ring = Ring::new(&mut []);
        assert!(!ring.push(&[1]));
        assert!(ring.push(&[]));
        assert_eq!(ring.peek(5), (&[][..], &[][..]));
        ring.skip(5);
        assert_eq!(ring.len(), 0);
    }
}
