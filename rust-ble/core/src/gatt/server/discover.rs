//! Find Information (Vol 3, Part F, 3.4.3.1).

use super::{fail, Request, Step};
use crate::wire::att::error;

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
            let uuid = self.ctx.db.attribute_type(handle, attribute);
            let this = if uuid.len() == 2 { SHORT } else { LONG };
            if format == 0 {
                format = this;
                self.out.u8(format);
            }
            if this != format || self.out.len() + 2 + uuid.len() > self.limit {
                break;
            }
            self.out.u16(handle).bytes(uuid);
            // No attribute has the handle 0xffff.
            handle += 1;
        }
        if format == 0 {
            return fail(error::ATTRIBUTE_NOT_FOUND, start);
        }
        Ok(())
    }
}
