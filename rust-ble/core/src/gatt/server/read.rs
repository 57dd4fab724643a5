//! Read requests (Vol 3, Part F, 3.4.4).

use super::{fail, invalid_pdu, Request, Step, Stop, Sync};
use crate::gatt::db::{flag, MAX_MADE_UP};
use crate::gatt::layout::{Attribute, Kind};
use crate::gatt::permission;
use crate::uuid::Uuid;
use crate::wire::att::{error, opcode, uuid};

/// Longest value in a Read By Type or Read By Group Type Response, whose
/// length field has one byte (3.4.4.2).
const MAX_LISTED: usize = 253;

impl Request<'_, '_, '_> {
    /// 3.4.4.3
    pub(super) fn read(&mut self) -> Step<()> {
        let handle = self.u16()?;
        self.end()?;
        self.check_sync(handle)?;
        let attribute = self.readable(handle)?;
        self.out.u8(opcode::READ_RSP);
        self.put_value(handle, &attribute, usize::MAX);
        Ok(())
    }

    /// 3.4.4.5. Short values are served too: a client that cannot know the
    /// length asks for the rest of a value that just filled the last answer.
    pub(super) fn read_blob(&mut self) -> Step<()> {
        let handle = self.u16()?;
        let offset = usize::from(self.u16()?);
        self.end()?;
        self.check_sync(handle)?;
        let attribute = self.readable(handle)?;
        self.out.u8(opcode::READ_BLOB_RSP);
        if !self.put_value_from(handle, &attribute, offset, usize::MAX) {
            return fail(error::INVALID_OFFSET, handle);
        }
        Ok(())
    }

    /// 3.4.4.7, and with the length before each value 3.4.4.11.
    pub(super) fn read_multiple(&mut self, variable: bool) -> Step<()> {
        let len = self.r.0.len();
        if len < 4 || len % 2 != 0 {
            return Err(invalid_pdu());
        }
        let answer = if variable {
            opcode::READ_MULTIPLE_VARIABLE_RSP
        } else {
            opcode::READ_MULTIPLE_RSP
        };
        self.out.u8(answer);
        while let Some(handle) = self.r.u16() {
            self.check_sync(handle)?;
            let attribute = self.readable(handle)?;
            if variable {
                // A length is never cut, a value may be.
                if self.out.len() + 2 > self.limit {
                    self.limit = self.out.len();
                } else {
                    let len = self.len_of(handle, &attribute);
                    self.out.u16(len as u16);
                }
            }
            self.put_value(handle, &attribute, usize::MAX);
        }
        Ok(())
    }

    /// 3.4.4.1
    pub(super) fn read_by_type(&mut self) -> Step<()> {
        let (start, end, wanted) = self.typed_range()?;
        let whole = (start, end) == (1, 0xffff);
        if !whole && !matches!(wanted, Uuid::U16(uuid::INCLUDE | uuid::CHARACTERISTIC)) {
            self.check_sync(start)?;
        }
        self.out.u8(opcode::READ_BY_TYPE_RSP).u8(0);
        let mut item = None;
        for handle in start..=end.min(self.ctx.db.last_handle()) {
            let Some(attribute) = self.ctx.db.attribute(handle) else {
                break;
            };
            if self.ctx.db.attribute_type(&attribute) != wanted {
                continue;
            }
            if item.is_some_and(|item| self.out.len() + 2 + item > self.limit) {
                break;
            }
            match self.readable(handle) {
                Ok(_) => {}
                Err(Stop::Error { .. }) if item.is_some() => break,
                Err(stop) => return Err(stop),
            }
            let most = self.limit.saturating_sub(4).min(MAX_LISTED);
            let len = self.len_of(handle, &attribute).min(most);
            if item.is_some_and(|item| item != len) {
                break;
            }
            item = Some(len);
            self.out.u16(handle);
            self.put_value(handle, &attribute, len);
        }
        self.finish_list(item, start)
    }

    /// 3.4.4.9. Of the grouping types only the services may be asked for
    /// (Vol 3, Part G, 2.5.3).
    pub(super) fn read_by_group_type(&mut self) -> Step<()> {
        let (start, end, wanted) = self.typed_range()?;
        if !matches!(
            wanted,
            Uuid::U16(uuid::PRIMARY_SERVICE | uuid::SECONDARY_SERVICE)
        ) {
            return fail(error::UNSUPPORTED_GROUP_TYPE, start);
        }
        self.out.u8(opcode::READ_BY_GROUP_TYPE_RSP).u8(0);
        let mut item = None;
        for handle in start..=end.min(self.ctx.db.last_handle()) {
            let Some(attribute) = self.ctx.db.attribute(handle) else {
                break;
            };
            if self.ctx.db.attribute_type(&attribute) != wanted {
                continue;
            }
            let len = self.len_of(handle, &attribute);
            if item.is_some_and(|item| item != len + 2) || self.out.len() + 4 + len > self.limit {
                break;
            }
            item = Some(len + 2);
            let group_end = self.ctx.db.group_end(handle, attribute.kind);
            self.out.u16(handle).u16(group_end);
            self.put_value(handle, &attribute, len);
        }
        self.finish_list(item, start)
    }

    /// The attribute, if this client may read it now.
    fn readable(&mut self, handle: u16) -> Step<Attribute> {
        let Some(attribute) = self.ctx.db.attribute(handle) else {
            return fail(error::INVALID_HANDLE, handle);
        };
        if let Err(code) = permission::check_read(&attribute, &self.ctx.credentials) {
            return fail(code, handle);
        }
        self.consent(handle, &attribute)?;
        if attribute.kind == Kind::Own && attribute.uuid == uuid::DATABASE_HASH {
            self.ctx.db.hash();
            if self.link.sync == Sync::Unaware {
                self.link.sync = Sync::Told;
            }
        }
        Ok(attribute)
    }

    /// The script has its say in reads of all its values.
    pub(super) fn consent(&mut self, handle: u16, attribute: &Attribute) -> Step<()> {
        if attribute.is_script() {
            self.ask(handle, attribute.flags & flag::READ_AUTHORIZED != 0)?;
        }
        Ok(())
    }

    /// Start handle, end handle and type of a request that lists attributes.
    fn typed_range(&mut self) -> Step<(u16, u16, Uuid)> {
        let (start, end) = (self.u16()?, self.u16()?);
        let wanted = match self.r.0.len() {
            2 | 16 => Uuid::from_bytes(self.r.rest()).ok_or(invalid_pdu())?,
            _ => return Err(invalid_pdu()),
        };
        check_range(start, end)?;
        Ok((start, end, wanted))
    }

    fn len_of(&self, handle: u16, attribute: &Attribute) -> usize {
        let features = self.link.features;
        self.ctx
            .db
            .value(
                handle,
                attribute,
                self.ctx.slot,
                features,
                &mut [0; MAX_MADE_UP],
            )
            .len()
    }

    /// Appends at most `most` bytes of a value, and no more than fit.
    fn put_value(&mut self, handle: u16, attribute: &Attribute, most: usize) {
        self.put_value_from(handle, attribute, 0, most);
    }

    /// The same from an offset; false if that lies past the end.
    fn put_value_from(
        &mut self,
        handle: u16,
        attribute: &Attribute,
        offset: usize,
        most: usize,
    ) -> bool {
        let mut made_up = [0; MAX_MADE_UP];
        let features = self.link.features;
        let value = self
            .ctx
            .db
            .value(handle, attribute, self.ctx.slot, features, &mut made_up);
        let Some(rest) = value.get(offset..) else {
            return false;
        };
        let room = self.limit.saturating_sub(self.out.len()).min(most);
        self.out.bytes(rest.get(..room).unwrap_or(rest));
        true
    }

    /// Sets the length field of a list, or says that there is nothing.
    fn finish_list(&mut self, value_len: Option<usize>, start: u16) -> Step<()> {
        match (value_len, self.out.written().get_mut(1)) {
            (Some(len), Some(field)) => {
                *field = len as u8 + 2;
                Ok(())
            }
            _ => fail(error::ATTRIBUTE_NOT_FOUND, start),
        }
    }
}

/// Vol 3, Part F, 3.4.3.1 and others.
pub(super) fn check_range(start: u16, end: u16) -> Step<()> {
    if start == 0 || start > end {
        return fail(error::INVALID_HANDLE, start);
    }
    Ok(())
}
