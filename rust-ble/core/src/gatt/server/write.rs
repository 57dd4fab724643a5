//! Write requests (Vol 3, Part F, 3.4.5) and prepared writes (3.4.6).

use super::queue::{self, Entry};
use super::{fail, Request, Step, MALFORMED};
use crate::config::MAX_VALUE_LEN;
use crate::gatt::db::{allowed_bits, flag, Database};
use crate::gatt::layout::{Attribute, Kind};
use crate::gatt::permission;
use crate::gatt::Outcome;
use crate::wire::att::error;

/// The Client Supported Features that exist: Robust Caching, EATT, Multiple
/// Handle Value Notifications. Others are reserved and ignored.
const CLIENT_FEATURES: u8 = 7;

/// Cancels what was prepared (3.4.6.3).
const CANCEL: u8 = 0;
/// Writes what was prepared.
const COMMIT: u8 = 1;

impl Request<'_, '_, '_> {
    /// 3.4.5.1 and 3.4.5.3.
    pub(super) fn write(&mut self) -> Step<()> {
        let handle = self.first;
        let entry = Entry {
            handle,
            offset: 0,
            value: self.r.rest(),
            next: 0,
        };
        self.writable(handle)?;
        let place = self.place();
        self.check(&entry, place)?;
        self.link.unsaved |= apply(
            self.ctx.db,
            self.ctx.slot,
            &mut self.link.features,
            self.attribute,
            &entry,
            place,
        );
        if self.attribute.is_script() {
            self.outcome = Outcome::Written { handle };
        }
        Ok(())
    }

    /// 3.4.6.1: the offset and the length are checked when all parts are here.
    pub(super) fn prepare_write(&mut self, parameters: &[u8]) -> Step<()> {
        let (handle, offset) = (self.first, self.second);
        let entry = Entry {
            handle,
            offset: offset.into(),
            value: self.r.rest(),
            next: 0,
        };
        self.writable(handle)?;
        if !self.link.queue.push(self.ctx.pool, &entry) {
            return fail(error::PREPARE_QUEUE_FULL, handle);
        }
        self.out.bytes(parameters);
        Ok(())
    }

    /// 3.4.6.3: all parts or none.
    pub(super) fn execute_write(&mut self) -> Step<()> {
        let flags = self.r.u8().ok_or(MALFORMED)?;
        self.end()?;
        match flags {
            CANCEL => self.link.queue.clear(self.ctx.pool),
            COMMIT => {
                let committed = self.commit();
                if committed.is_err_and(|stop| !stop.is_query()) {
                    self.link.queue.clear(self.ctx.pool);
                }
                committed?;
            }
            _ => return Err(MALFORMED),
        }
        Ok(())
    }

    /// Checks all prepared writes, then does them.
    ///
    /// Looks back at earlier parts for each part: the queue bounds them.
    fn commit(&mut self) -> Step<()> {
        if self.link.queue.is_lost() {
            return fail(error::UNLIKELY_ERROR, 0);
        }
        for checked in [false, true] {
            self.asked = 0;
            let mut at = 0;
            while let Some(handle) = self.link.queue.handle_at(self.ctx.pool, at) {
                self.writable(handle)?;
                let bytes = self.link.queue.bytes(self.ctx.pool);
                let Some(entry) = queue::entry(bytes, at) else {
                    break;
                };
                let mut place = self.place();
                // The same when earlier parts are in the value by now: one at
                // offset zero sets the length whatever it was, others only
                // raise it.
                place.len = queue::len_before(bytes, at, handle, place.len);
                at = entry.next;
                if !checked {
                    self.check(&entry, place)?;
                    continue;
                }
                if self.attribute.append() {
                    // They are.
                    place.base = place.base.saturating_sub(place.len);
                }
                self.link.unsaved |= apply(
                    self.ctx.db,
                    self.ctx.slot,
                    &mut self.link.features,
                    self.attribute,
                    &entry,
                    place,
                );
            }
        }
        self.link.queue.executed();
        self.outcome = Outcome::Events;
        Ok(())
    }

    /// Where a single write goes, or the first of several.
    fn place(&self) -> Place {
        if !self.attribute.is_script() {
            return Place { base: 0, len: 0 };
        }
        let now = self.ctx.db.value_len(self.attribute);
        let (base, len) = if self.attribute.append() {
            (now, 0)
        } else {
            (0, now)
        };
        Place { base, len }
    }

    /// Whether a value may be written.
    #[inline(never)]
    fn check(&self, entry: &Entry, place: Place) -> Step<()> {
        let (db, features) = (&self.ctx.db, self.link.features);
        match check(db, features, self.attribute, entry, place) {
            Ok(()) => Ok(()),
            Err(code) => fail(code, entry.handle),
        }
    }

    /// Finds the attribute, if this client may write it now.
    fn writable(&mut self, handle: u16) -> Step<()> {
        let Some(attribute) = self.ctx.db.attribute(handle) else {
            return fail(error::INVALID_HANDLE, handle);
        };
        if let Err(code) = permission::check_write(attribute, &self.ctx.credentials) {
            return fail(code, handle);
        }
        if attribute.kind() == Kind::Cccd && attribute.flags() & flag::WRITE_AUTHORIZED != 0 {
            let value = self.ctx.db.value_before(handle);
            match self.ask(value) {
                Err(stop) if !stop.is_query() => return fail(stop.code(), handle),
                other => other?,
            }
        }
        self.attribute = attribute;
        Ok(())
    }
}

/// Where a write goes in a script's value.
#[derive(Clone, Copy)]
struct Place {
    /// The write's offsets count from here: not zero in append mode.
    base: usize,
    /// Bytes there are from the base on.
    len: usize,
}

/// Whether a value may be written; an ATT error code if not.
fn check(
    db: &Database,
    features: u8,
    attribute: Attribute,
    entry: &Entry,
    place: Place,
) -> Result<(), u8> {
    let end = entry.offset + entry.value.len();
    if attribute.is_script() {
        let capacity = db.capacity(attribute);
        if entry.offset > place.len {
            return Err(error::INVALID_OFFSET);
        }
        if end > capacity.min(MAX_VALUE_LEN) {
            return Err(error::INVALID_ATTRIBUTE_VALUE_LENGTH);
        }
        // The script has not yet read what was appended before.
        if place.base + end > capacity {
            return Err(error::INSUFFICIENT_RESOURCES);
        }
        return Ok(());
    }
    if entry.offset != 0 {
        return Err(error::INVALID_OFFSET);
    }
    match (attribute.kind(), entry.value) {
        (Kind::Cccd, [bits @ 0..=3, 0]) => {
            if bits & !allowed_bits(attribute) != 0 {
                return Err(error::CCCD_IMPROPERLY_CONFIGURED);
            }
        }
        (Kind::Cccd, [_, _]) => return Err(error::VALUE_NOT_ALLOWED),
        // A client may not take back a feature (Vol 3, Part G, 7.2).
        (Kind::Own, [first, ..]) if features & !first != 0 => {
            return Err(error::VALUE_NOT_ALLOWED);
        }
        (Kind::Own, [_, ..]) => {}
        _ => return Err(error::INVALID_ATTRIBUTE_VALUE_LENGTH),
    }
    Ok(())
}

/// Does a write that was checked. Whether something changed that is kept for
/// a bond.
fn apply(
    db: &mut Database,
    slot: usize,
    features: &mut u8,
    attribute: Attribute,
    entry: &Entry,
    place: Place,
) -> bool {
    match (attribute.kind(), entry.value) {
        (Kind::Value | Kind::Descriptor, value) => {
            let len = place.base + queue::len_after(place.len, entry.offset, value.len());
            db.patch(attribute, place.base + entry.offset, value, len);
            false
        }
        (Kind::Cccd, [bits, ..]) => db.set_cccd(slot, entry.handle, *bits),
        (Kind::Own, [first, ..]) => {
            let old = core::mem::replace(features, first & CLIENT_FEATURES);
            old != *features
        }
        _ => false,
    }
}
