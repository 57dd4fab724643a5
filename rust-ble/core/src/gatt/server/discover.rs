//! Find requests (Vol 3, Part F, 3.4.3).

use super::read::check_range;
use super::{fail, Request, Step, Stop};
use crate::gatt::db::MAX_MADE_UP;
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
        let (start, end) = (self.u16()?, self.u16()?);
        self.end()?;
        check_range(start, end)?;
        let mut format = 0;
        for handle in start..=end.min(self.ctx.db.last_handle()) {
            let Some(attribute) = self.ctx.db.attribute(handle) else {
                break;
            };
            let uuid = self.ctx.db.attribute_type(&attribute);
            let this = if uuid.len() == 2 { SHORT } else { LONG };
            if format == 0 {
                format = this;
                self.out.u8(opcode::FIND_INFORMATION_RSP).u8(format);
            }
            if this != format || self.out.len() + 2 + uuid.len() > self.limit {
                break;
            }
            self.out.u16(handle).bytes(&uuid.to_bytes()[..uuid.len()]);
        }
        if format == 0 {
            return fail(error::ATTRIBUTE_NOT_FOUND, start);
        }
        Ok(())
    }

    /// 3.4.3.3: groups with this type and value. A value that the client may
    /// not read does not match, or it could be guessed.
    pub(super) fn find_by_type_value(&mut self) -> Step<()> {
        let (start, end, wanted) = (self.u16()?, self.u16()?, Uuid::U16(self.u16()?));
        let value = self.r.rest();
        check_range(start, end)?;
        self.out.u8(opcode::FIND_BY_TYPE_VALUE_RSP);
        for handle in start..=end.min(self.ctx.db.last_handle()) {
            let Some(attribute) = self.ctx.db.attribute(handle) else {
                break;
            };
            if self.ctx.db.attribute_type(&attribute) != wanted
                || permission::check_read(&attribute, &self.ctx.credentials).is_err()
            {
                continue;
            }
            if self.out.len() + 4 > self.limit {
                break;
            }
            match self.consent(handle, &attribute) {
                Ok(()) => {}
                Err(Stop::Error { .. }) => break,
                Err(stop) => return Err(stop),
            }
            let mut made_up = [0; MAX_MADE_UP];
            let (slot, features) = (self.ctx.slot, self.link.features);
            if self
                .ctx
                .db
                .value(handle, &attribute, slot, features, &mut made_up)
                == value
            {
                let group_end = self.ctx.db.group_end(handle, attribute.kind);
                self.out.u16(handle).u16(group_end);
            }
        }
        if self.out.len() == 1 {
            return fail(error::ATTRIBUTE_NOT_FOUND, start);
        }
        Ok(())
    }
}
