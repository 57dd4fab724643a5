//! Read requests (Vol 3, Part F, 3.4.4).

use super::{fail, Request, Step, Sync, MALFORMED};
use crate::gatt::db::MAX_MADE_UP;
use crate::gatt::layout::Kind;
use crate::gatt::permission;
use crate::uuid::Uuid;
use crate::wire::att::{error, opcode, uuid};

/// Longest value in a Read By Type or Read By Group Type Response, whose
/// length field has one byte (3.4.4.2), with what stands before it.
const MAX_LISTED: usize = 255;

impl Request<'_, '_, '_> {
    /// 3.4.4.3 and 3.4.4.5. Of short values the rest is served too: a client
    /// that cannot know the length asks for it when a value just filled the
    /// last answer.
    pub(super) fn read(&mut self) -> Step<()> {
        let (handle, offset) = (self.first, self.second);
        self.readable(handle)?;
        match self.put_value(handle, offset.into(), usize::MAX) {
            Some(_) => Ok(()),
            None => fail(error::INVALID_OFFSET, handle),
        }
    }

    /// 3.4.4.7, and with the length before each value 3.4.4.11.
    pub(super) fn read_multiple(&mut self, op: u8) -> Step<()> {
        let variable = op == opcode::READ_MULTIPLE_VARIABLE_REQ;
        let len = self.r.0.len();
        if len < 4 || len % 2 != 0 {
            return Err(MALFORMED);
        }
        while let Some(handle) = self.r.u16() {
            self.check_sync(handle)?;
            self.readable(handle)?;
            let at = self.out.len();
            if variable {
                // A length is never cut, a value may be.
                if at + 2 > self.limit {
                    self.limit = at;
                } else {
                    self.out.u16(0);
                }
            }
            let len = self.put_value(handle, 0, usize::MAX).unwrap_or(0);
            if let (true, Some(field)) = (variable, self.out.written().get_mut(at..at + 2)) {
                field.copy_from_slice(&(len as u16).to_le_bytes());
            }
        }
        Ok(())
    }

    /// 3.4.4.1, 3.4.4.9 and 3.4.3.3: lists handle, end of the group if it is not
    /// by type alone, and value, unless that was given, of the attributes with a
    /// type, as long as the values have one length.
    ///
    /// What the client may not read is an error at first and ends the list later.
    /// It does not match a value that was given, or it could be guessed.
    #[inline(never)]
    pub(super) fn list(&mut self, op: u8) -> Step<()> {
        let given = op == opcode::FIND_BY_TYPE_VALUE_REQ;
        let wanted = match self.r.0.len() {
            _ if given => self.r.bytes(2),
            2 | 16 => Some(self.r.rest()),
            _ => None,
        };
        let Some(wanted) = &wanted.and_then(Uuid::from_bytes) else {
            return Err(MALFORMED);
        };
        let given = given.then_some(self.r.rest());
        self.check_range()?;
        let (start, end) = (self.first, self.second);
        let short = wanted.as_short().unwrap_or(0);
        let wanted = wanted.as_bytes();
        match op {
            // Of the grouping types only the services may be asked for (Vol 3,
            // Part G, 2.5.3).
            opcode::READ_BY_GROUP_TYPE_REQ
                if !matches!(short, uuid::PRIMARY_SERVICE | uuid::SECONDARY_SERVICE) =>
            {
                return fail(error::UNSUPPORTED_GROUP_TYPE, start);
            }
            opcode::READ_BY_TYPE_REQ
                if !matches!(short, uuid::INCLUDE | uuid::CHARACTERISTIC)
                    && (start, end) != (1, 0xffff) =>
            {
                self.check_sync(start)?;
            }
            _ => {}
        }
        let before = if op == opcode::READ_BY_TYPE_REQ { 2 } else { 4 };
        let mut item = 0;
        if given.is_some() {
            item = before;
        } else {
            self.out.u8(0);
        }
        let first = self.out.len();
        let most = self.limit.saturating_sub(2).min(MAX_LISTED) - before;
        let mut next = self.ctx.db.find(start, end, wanted);
        while next != 0 {
            let (handle, at) = (next, self.out.len());
            if at + item > self.limit {
                break;
            }
            next = self.ctx.db.find(handle.wrapping_add(1), end, wanted);
            match self.readable(handle) {
                Ok(()) => {}
                Err(stop) if item == 0 || stop.is_query() => return Err(stop),
                // Unless it was the script that refused.
                Err(_) if given.is_some() && self.asked <= self.ctx.approved => continue,
                Err(_) => break,
            }
            if let Some(given) = given {
                let mut made_up = [0; MAX_MADE_UP];
                let (db, client) = (&self.ctx.db, (self.ctx.slot, self.link.features));
                if db.value(handle, self.attribute, client, &mut made_up) != given {
                    continue;
                }
            }
            self.out.u16(handle);
            if before > 2 {
                let kind = self.attribute.kind();
                self.out.u16(self.ctx.db.group_end(handle, kind));
            }
            if given.is_none() {
                // Only the first value may be cut, to what a list of one holds.
                let len = self.put_value(handle, 0, most).unwrap_or(0);
                let len = before + len.min(most);
                if item == 0 {
                    item = len;
                }
                if item != len {
                    self.out.truncate(at);
                    break;
                }
            }
        }
        if self.out.len() == first {
            return fail(error::ATTRIBUTE_NOT_FOUND, start);
        }
        if let (None, Some(field)) = (given, self.out.written().get_mut(1)) {
            *field = item as u8;
        }
        Ok(())
    }

    /// Finds the attribute, if this client may read it now.
    fn readable(&mut self, handle: u16) -> Step<()> {
        let Some(attribute) = self.ctx.db.attribute(handle) else {
            return fail(error::INVALID_HANDLE, handle);
        };
        if let Err(code) = permission::check_read(attribute, &self.ctx.credentials) {
            return fail(code, handle);
        }
        // The script has its say in reads of all its values.
        if attribute.is_script() {
            self.ask(handle)?;
        }
        self.attribute = attribute;
        Ok(())
    }

    /// Appends a value from an offset, at most `most` bytes and no more than
    /// fit. Gives the length there is from the offset; `None` past the end.
    fn put_value(&mut self, handle: u16, offset: usize, most: usize) -> Option<usize> {
        if self.attribute.kind() == Kind::Own && self.attribute.uuid() == uuid::DATABASE_HASH {
            self.ctx.db.hash();
            if self.link.sync == Sync::Unaware {
                self.link.sync = Sync::Told;
            }
        }
        let mut made_up = [0; MAX_MADE_UP];
        let client = (self.ctx.slot, self.link.features);
        let db = &self.ctx.db;
        let value = db.value(handle, self.attribute, client, &mut made_up);
        let rest = value.get(offset..)?;
        let room = self.limit.saturating_sub(self.out.len()).min(most);
        self.out.bytes(rest.get(..room).unwrap_or(rest));
        Some(rest.len())
    }
}
