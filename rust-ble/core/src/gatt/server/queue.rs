//! Prepared writes of one client (Vol 3, Part F, 3.4.6), in one block of the
//! pool: handle, offset and length, two bytes each, then the bytes. A part
//! that goes on where the last one ended becomes part of it.

use crate::config::{POOL_BYTES, PREPARE_QUEUE_BYTES};
use crate::gatt::db::Database;
use crate::pool::{Block, Pool};
use crate::wire::{Reader, Writer};

const HEADER: usize = 6;

/// One prepared write, or a plain one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub handle: u16,
    pub offset: usize,
    pub value: &'a [u8],
}

#[derive(Debug)]
pub(super) struct Queue {
    block: Option<Block>,
    /// Bytes used of the block.
    used: u16,
    /// Where the last entry starts.
    last: u16,
    /// After execution: where the entries that are not reported start.
    reported: Option<u16>,
    /// Parts were dropped: what comes to execution is not all.
    lost: bool,
}

impl Queue {
    pub const fn new() -> Self {
        Queue {
            block: None,
            used: 0,
            last: 0,
            reported: None,
            lost: false,
        }
    }

    /// Keeps a write for later; false if there is no room.
    pub fn push(&mut self, pool: &mut Pool, entry: &Entry) -> bool {
        if self.block.is_none() {
            // Idle queues of all clients leave half of the pool for the rest.
            self.block = pool.alloc(PREPARE_QUEUE_BYTES, POOL_BYTES / 2);
        }
        let Some(block) = &self.block else {
            return false;
        };
        let bytes = pool.get_mut(block);
        let (used, last) = (usize::from(self.used), usize::from(self.last));
        let (filled, free) = bytes.split_at_mut(used.min(bytes.len()));
        let joined = match self::entry(filled, last) {
            Some((before, _)) => {
                let len = before.value.len();
                (before.handle == entry.handle && before.offset + len == entry.offset)
                    .then_some(len + entry.value.len())
            }
            None => None,
        };
        let mut w = Writer::new(free);
        match joined {
            None => w
                .u16(entry.handle)
                .u16(entry.offset as u16)
                .u16(entry.value.len() as u16),
            Some(_) => &mut w,
        };
        let Some(added) = w.bytes(entry.value).finish() else {
            return false;
        };
        match (joined, filled.get_mut(last + 4..last + HEADER)) {
            (Some(len), Some(field)) => field.copy_from_slice(&(len as u16).to_le_bytes()),
            _ => self.last = self.used,
        }
        self.used += added as u16;
        true
    }

    pub fn bytes<'a>(&self, pool: &'a Pool) -> &'a [u8] {
        let bytes = pool.get_any(&self.block);
        bytes.get(..self.used.into()).unwrap_or(bytes)
    }

    pub fn handle_at(&self, pool: &Pool, at: usize) -> Option<u16> {
        Some(entry(self.bytes(pool), at)?.0.handle)
    }

    /// The writes are done; now they are reported.
    pub fn executed(&mut self) {
        self.reported = Some(0);
    }

    /// The next value of the script that was written, each once.
    pub fn next_written(&mut self, db: &Database, pool: &mut Pool) -> Option<u16> {
        let mut at = usize::from(self.reported?);
        let bytes = self.bytes(pool);
        while let Some((found, next)) = entry(bytes, at) {
            let first = !entries(bytes, at).any(|earlier| earlier.handle == found.handle);
            let attribute = db.attribute(found.handle);
            if first && attribute.is_some_and(|attribute| attribute.is_script()) {
                self.reported = Some(next as u16);
                return Some(found.handle);
            }
            at = next;
        }
        self.clear(pool);
        None
    }

    /// Drops what is prepared, which lets the execution fail.
    pub fn lose(&mut self, pool: &mut Pool) {
        let lost = self.lost || self.block.is_some() && self.reported.is_none();
        self.clear(pool);
        self.lost = lost;
    }

    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Ends the reporting if that is under way.
    pub fn finish(&mut self, pool: &mut Pool) {
        if self.reported.is_some() {
            self.clear(pool);
        }
    }

    pub fn clear(&mut self, pool: &mut Pool) {
        if let Some(block) = self.block.take() {
            pool.free(block);
        }
        (self.used, self.last, self.reported, self.lost) = (0, 0, None, false);
    }
}

/// The entry at a place, and the place of the next.
pub(super) fn entry(bytes: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let mut r = Reader(bytes.get(at..)?);
    let (handle, offset, len) = (r.u16()?, r.u16()?, r.u16()?);
    let value = r.bytes(len.into())?;
    Some((
        Entry {
            handle,
            offset: offset.into(),
            value,
        },
        at + HEADER + value.len(),
    ))
}

/// The entries that end before a place.
fn entries(bytes: &[u8], end: usize) -> impl Iterator<Item = Entry<'_>> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let (found, next) = entry(bytes, at)?;
        at = next;
        (next <= end).then_some(found)
    })
}

/// The length of a value before the entry at `at`, if it was `len` before all.
pub(super) fn len_before(bytes: &[u8], at: usize, handle: u16, len: usize) -> usize {
    entries(bytes, at)
        .filter(|earlier| earlier.handle == handle)
        .fold(len, |len, earlier| {
            len_after(len, earlier.offset, earlier.value.len())
        })
}

/// The length of a value after a write: one from the start replaces it, as a
/// Write Request does; one further on keeps what lies behind it.
pub(super) fn len_after(len: usize, offset: usize, written: usize) -> usize {
    match offset {
        0 => written,
        _ => len.max(offset + written),
    }
}
