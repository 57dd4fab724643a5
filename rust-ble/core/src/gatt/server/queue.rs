//! Prepared writes of one client (Vol 3, Part F, 3.4.6), in one block of the
//! pool: handle, offset and length, two bytes each, then the bytes. A part
//! that goes on where the last one ended becomes part of it.

use crate::config::{POOL_BYTES, PREPARE_QUEUE_BYTES};
use crate::gatt::db::Database;
use crate::pool::{Block, Pool};
use crate::wire::{first, Reader};

const HEADER: usize = 6;

/// One prepared write, or a plain one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub handle: u16,
    pub offset: usize,
    pub value: &'a [u8],
    /// Where the one behind it starts; zero of a plain one.
    pub next: usize,
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
            // Idle queues of all clients leave a quarter of the pool for the rest.
            self.block = pool.alloc(PREPARE_QUEUE_BYTES, POOL_BYTES / 4);
        }
        let Some(block) = &self.block else {
            return false;
        };
        let (used, last) = (usize::from(self.used), usize::from(self.last));
        let joined = self::entry(self.bytes(pool), last).filter(|before| {
            before.handle == entry.handle && before.offset + before.value.len() == entry.offset
        });
        let len = joined.map_or(0, |before| before.value.len()) + entry.value.len();
        let joins = joined.is_some();
        let mut w = pool.writer(block, used);
        if !joins {
            w.u16(entry.handle).u16(entry.offset as u16).u16(len as u16);
        }
        let Some(added) = w.bytes(entry.value).finish() else {
            return false;
        };
        if joins {
            pool.writer(block, last + HEADER - 2).u16(len as u16);
        } else {
            self.last = self.used;
        }
        self.used += added as u16;
        true
    }

    pub fn bytes<'a>(&self, pool: &'a Pool) -> &'a [u8] {
        let bytes = pool.get_any(&self.block);
        first(bytes, self.used.into())
    }

    pub fn handle_at(&self, pool: &Pool, at: usize) -> Option<u16> {
        Some(entry(self.bytes(pool), at)?.handle)
    }

    /// The writes are done; now they are reported.
    pub fn executed(&mut self) {
        self.reported = Some(0);
    }

    /// The next value of the script that was written, each once.
    pub fn next_written(&mut self, db: &Database, pool: &mut Pool) -> Option<u16> {
        let mut at = usize::from(self.reported?);
        let bytes = self.bytes(pool);
        while let Some(found) = entry(bytes, at) {
            let handle = found.handle;
            let mut first = 0;
            while let Some(other) = entry(bytes, first).filter(|other| other.handle != handle) {
                first = other.next;
            }
            let attribute = db.attribute(handle);
            if first == at && attribute.is_some_and(|attribute| attribute.is_script()) {
                self.reported = Some(found.next as u16);
                return Some(handle);
            }
            at = found.next;
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

/// The entry at a place.
pub(super) fn entry(bytes: &[u8], at: usize) -> Option<Entry<'_>> {
    let mut r = Reader(bytes.get(at..)?);
    let (handle, offset, len) = (r.u16()?, r.u16()?, r.u16()?);
    let value = r.bytes(len.into())?;
    Some(Entry {
        handle,
        offset: offset.into(),
        value,
        next: at + HEADER + value.len(),
    })
}

/// The length of a value before the entry at `end`, if it was `len` before all.
pub(super) fn len_before(bytes: &[u8], end: usize, handle: u16, len: usize) -> usize {
    let (mut at, mut len) = (0, len);
    while let Some(earlier) = entry(bytes, at).filter(|_| at < end) {
        if earlier.handle == handle {
            len = len_after(len, earlier.offset, earlier.value.len());
        }
        at = earlier.next;
    }
    len
}

/// The length of a value after a write: one from the start replaces it, as a
/// Write Request does; one further on keeps what lies behind it.
pub(super) fn len_after(len: usize, offset: usize, written: usize) -> usize {
    match offset {
        0 => written,
        _ => len.max(offset + written),
    }
}
