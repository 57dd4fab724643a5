//! Find requests (Vol 3, Part F, 3.4.3).

use super::{fail, Request, Step};
use crate::gatt::db::{put_uuid, MAX_MADE_UP};
use crate::gatt::permission;
use crate::uuid::Uuid;
use crate::wire::att::{error, opcode};

/// Format of a Find Information Response: 16 bit UUIDs.
const SHORT: u8 = 1;
/// Format of a Find Information Response: 128 bit UUIDs.
const LONG: u8 = 2;

impl Request<'_, '_, '_> {
    /// 3.4.3.1: handles and types, as far as they have one format.
    pub(super) fn find_information(&mut self) -> Step<()> {
        self.check_range()?;
        let (start, end) = (self.first, self.second);
        let mut format = 0;
        let mut handle = start;
        while let (true, Some(attribute)) = (handle <= end, self.ctx.db.attribute(handle)) {
            let uuid = self.ctx.db.attribute_type(attribute);
            let this = if uuid.len() == 2 { SHORT } else { LONG };
            if format == 0 {
                format = this;
                self.out.u8(opcode::FIND_INFORMATION_RSP).u8(format);
            }
            if this != format || self.out.len() + 2 + uuid.len() > self.limit {
                break;
            }
            self.out.u16(handle);
            put_uuid(&uuid, self.out);
            // No attribute has the handle 0xffff.
            handle += 1;
        }
        if format == 0 {
            return fail(error::ATTRIBUTE_NOT_FOUND, start);
        }
        Ok(())
    }

    /// 3.4.3.3: groups with this type and value. A value that the client may
    /// not read does not match, or it could be guessed.
    pub(super) fn find_by_type_value(&mut self) -> Step<()> {
        let wanted = Uuid::U16(self.u16()?);
        let value = self.r.rest();
        self.check_range()?;
        let (start, end) = (self.first, self.second);
        self.out.u8(opcode::FIND_BY_TYPE_VALUE_RSP);
        let mut next = self.ctx.db.find(start, end, &wanted);
        while next != 0 && self.out.len() + 4 <= self.limit {
            let handle = next;
            next = self.ctx.db.find(handle.wrapping_add(1), end, &wanted);
            let Some(attribute) = self.ctx.db.attribute(handle) else {
                break;
            };
            if permission::check_read(attribute, &self.ctx.credentials).is_err() {
                continue;
            }
            match self.consent(handle, attribute) {
                Ok(()) => {}
                Err(stop) if stop.is_query() => return Err(stop),
                Err(_) => break,
            }
            let mut made_up = [0; MAX_MADE_UP];
            let client = (self.ctx.slot, self.link.features);
            if self.ctx.db.value(handle, attribute, client, &mut made_up) == value {
                let group_end = self.ctx.db.group_end(handle, attribute.kind());
                self.out.u16(handle).u16(group_end);
            }
        }
        if self.out.len() == 1 {
            return fail(error::ATTRIBUTE_NOT_FOUND, start);
        }
        Ok(())
    }
}
