//! Takes responses, notifications and indications (Vol 3, Part F, 3.4).

use super::request::{is_discovery, part};
use super::{status, Characteristic, Client, Kind, Phase};
use crate::config::MAX_VALUE_LEN;
use crate::event::{self, Events};
use crate::gatt::Outcome;
use crate::pool::Pool;
use crate::uuid::Uuid;
use crate::wire::att::{self, error, opcode};
use crate::wire::{copy, Reader, Writer};

impl Client {
    /// Takes a PDU of the peer's server. `mtu` is the ATT_MTU of the link.
    ///
    /// Writes the confirmation of an indication to `out`; it goes out whatever
    /// becomes of the event. An answer is known by the opcode of its request
    /// alone: an Error Response may name any handle.
    pub fn handle(&mut self, mtu: u16, pdu: &[u8], pool: &mut Pool, out: &mut Writer) -> Outcome {
        self.cursor = 1;
        let sent = match self.phase {
            Phase::Sent(opcode) if self.failed == 0 => opcode,
            _ => 0,
        };
        match *pdu {
            [opcode::HANDLE_VALUE_IND, _, _, ..] => {
                out.u8(opcode::HANDLE_VALUE_CFM);
                Outcome::Events
            }
            [opcode::HANDLE_VALUE_NTF, _, _, ..]
            | [opcode::MULTIPLE_HANDLE_VALUE_NTF, _, _, _, _, ..] => Outcome::Events,
            [opcode::ERROR_RSP, request, _, _, code] if sent != 0 && request == sent => {
                self.refused(sent, code, mtu, pool)
            }
            [opcode, ref rest @ ..] if sent != 0 && opcode == sent + 1 => {
                self.answered(sent, rest, mtu, pool)
            }
            _ => Outcome::Done,
        }
    }

    /// Tells the next event from `pdu`, the one given to `handle` last, or from
    /// an empty slice after `poll_request` and `handle_timeout`; `false` when
    /// there is none. Its data stays where it is, in `pdu` or the pool.
    #[inline(never)]
    pub fn next_event(
        &mut self,
        conn: u16,
        pdu: &[u8],
        pool: &mut Pool,
        events: &mut Events,
    ) -> bool {
        if self.next_notification(conn, pdu, events).is_some() {
            return true;
        }
        loop {
            if self.failed != 0 {
                return self.next_aborted(conn, self.failed, pool, events);
            }
            let Some(first) = self.queue.first() else {
                return false;
            };
            let told = match (self.phase, first.kind) {
                (Phase::Ready | Phase::Starved | Phase::Sent(_), _) => return false,
                (Phase::Answer, Kind::Read) => {
                    self.phase = Phase::Finish;
                    let record = events.push(event::BLE_IRQ_GATTC_READ_RESULT, conn, first.handle);
                    match &first.data {
                        Some(block) if first.extent > 0 => {
                            record.kept = true;
                            record.data_at = block.start();
                            record.data_len = first.extent;
                        }
                        _ => {
                            record.data_at = 1;
                            record.data_len = pdu.len().clamp(1, MAX_VALUE_LEN + 1) as u16 - 1;
                        }
                    }
                    true
                }
                (Phase::Answer, _) => self.next_result(conn, pdu, pool, events).is_some(),
                (Phase::Finish, _) => {
                    let end = first.extent;
                    tell(&mut self.pending, conn, end, events)
                        || self.end_first(conn, self.status, pool, events)
                }
            };
            if told {
                return true;
            }
        }
    }

    /// Tells the next value of a notification or indication (Vol 3, Part F,
    /// 3.4.7).
    fn next_notification(&mut self, conn: u16, pdu: &[u8], events: &mut Events) -> Option<()> {
        let kind = *pdu.first()?;
        if !matches!(
            kind,
            opcode::HANDLE_VALUE_NTF | opcode::HANDLE_VALUE_IND | opcode::MULTIPLE_HANDLE_VALUE_NTF
        ) {
            return None;
        }
        let mut rest = Reader(pdu.get(self.cursor as usize..)?);
        let handle = rest.u16()?;
        let value = match kind {
            opcode::MULTIPLE_HANDLE_VALUE_NTF => {
                let len = rest.u16()?;
                rest.bytes(len as usize)?
            }
            _ => rest.rest(),
        };
        self.cursor = (pdu.len() - rest.0.len()) as u16;
        let kind = match kind {
            opcode::HANDLE_VALUE_IND => event::BLE_IRQ_GATTC_INDICATE,
            _ => event::BLE_IRQ_GATTC_NOTIFY,
        };
        let record = events.push(kind, conn, handle);
        record.data_len = value.len() as u16;
        record.data_at = self.cursor - record.data_len;
        Some(())
    }

    /// An Error Response to the request `sent`.
    fn refused(&mut self, sent: u8, code: u8, mtu: u16, pool: &mut Pool) -> Outcome {
        let done = self.queue.first().map_or(0, |first| first.extent);
        let status = match (sent, code) {
            (opcode::EXCHANGE_MTU_REQ, _) => {
                self.pop(pool);
                return Outcome::MtuExchanged { mtu };
            }
            // The value ended where the last part did. A peer that knows no
            // Read Blob has no longer values either.
            (
                opcode::READ_BLOB_REQ,
                error::INVALID_OFFSET | error::ATTRIBUTE_NOT_LONG | error::REQUEST_NOT_SUPPORTED,
            ) => {
                self.phase = Phase::Answer;
                return Outcome::Events;
            }
            (_, error::ATTRIBUTE_NOT_FOUND) if is_discovery(sent) => 0,
            (_, 0) => status::INVALID_RESPONSE,
            (_, code) => code as u16,
        };
        match sent {
            // The parts that were taken must not wait for a later Execute.
            opcode::PREPARE_WRITE_REQ if done > 0 => self.cancel(status),
            opcode::EXECUTE_WRITE_REQ if self.status != 0 => self.finish(self.status),
            _ => self.finish(status),
        }
        Outcome::Events
    }

    /// A response to the request `sent`; `rest` is what follows the opcode.
    #[inline(never)]
    fn answered(&mut self, sent: u8, rest: &[u8], mtu: u16, pool: &mut Pool) -> Outcome {
        let Some(first) = self.queue.first_mut() else {
            return Outcome::Done;
        };
        // An exchange that the peer began may fall between request and answer.
        let full = mtu.min(self.sent_mtu).max(att::DEFAULT_MTU) as usize - 1;
        match sent {
            opcode::EXCHANGE_MTU_REQ => {
                let ours = first.handle;
                self.pop(pool);
                let mtu = match Reader(rest).u16() {
                    Some(theirs) => ours.min(theirs).max(att::DEFAULT_MTU),
                    None => mtu,
                };
                return Outcome::MtuExchanged { mtu };
            }
            opcode::READ_REQ if rest.len() < full || rest.len() >= MAX_VALUE_LEN => {
                self.phase = Phase::Answer;
            }
            opcode::READ_REQ | opcode::READ_BLOB_REQ => {
                if first.data.is_none() {
                    first.data = pool.alloc(MAX_VALUE_LEN, 0);
                }
                let Some(block) = &first.data else {
                    self.phase = Phase::Starved;
                    return Outcome::Events;
                };
                let room = pool
                    .get_mut(block)
                    .get_mut(first.extent as usize..)
                    .unwrap_or(&mut []);
                first.extent += copy(room, rest) as u16;
                let more = rest.len() >= full && (first.extent as usize) < MAX_VALUE_LEN;
                self.phase = if more { Phase::Ready } else { Phase::Answer };
            }
            opcode::PREPARE_WRITE_REQ => {
                let data = pool.get_any(&first.data);
                let part = part(data, first.extent as usize, self.sent_mtu);
                let mut echo = Reader(rest);
                let same = echo.u16() == Some(first.handle)
                    && echo.u16() == Some(first.extent)
                    && echo.0 == part;
                if same {
                    first.extent += part.len() as u16;
                    self.phase = Phase::Ready;
                } else {
                    self.cancel(status::DATA_MISMATCH);
                }
            }
            opcode::WRITE_REQ | opcode::EXECUTE_WRITE_REQ => self.finish(self.status),
            // Discovery is all that is left.
            _ => {
                let (at, size) = entries(sent, rest);
                (self.cursor, self.entry) = (at as u16, size as u8);
                match size {
                    0 => self.finish(status::INVALID_RESPONSE),
                    _ => self.phase = Phase::Answer,
                }
            }
        }
        Outcome::Events
    }

    /// Has the peer forget the prepared parts, then ends with `status`.
    fn cancel(&mut self, status: u16) {
        self.status = status;
        self.phase = Phase::Ready;
    }

    /// Tells the next result of a discovery. `None` at the end of the PDU, with
    /// the phase moved on.
    #[inline(never)]
    fn next_result(
        &mut self,
        conn: u16,
        pdu: &[u8],
        pool: &Pool,
        events: &mut Events,
    ) -> Option<()> {
        let first = self.queue.first_mut()?;
        let wanted = pool.get_any(&first.data);
        let characteristics = first.kind == Kind::Characteristics;
        loop {
            let entry = pdu.get(self.cursor as usize..);
            let entry = entry.and_then(|rest| rest.get(..self.entry.into()));
            let (Some(entry), true) = (entry, first.handle != 0) else {
                self.phase = if first.handle == 0 {
                    Phase::Finish
                } else {
                    Phase::Ready
                };
                return None;
            };
            self.cursor += u16::from(self.entry);
            // Handle, properties, and end of the service or value handle, as
            // far as they are there, then the UUID unless the request gave it.
            let mut entry = Reader(entry);
            let handle = entry.u16_or_0();
            let properties = if characteristics { entry.u8_or_0() } else { 0 };
            let last = match first.kind {
                Kind::Descriptors => handle,
                _ => entry.u16_or_0(),
            };
            let given = if entry.is_empty() { wanted } else { entry.0 };
            // Handles rise and stay in the range asked for, so that every
            // answer brings the procedure nearer to its end.
            let next = if characteristics { handle } else { last };
            let least = u32::from(handle) + u32::from(characteristics);
            let in_order = first.handle <= handle && least <= last.into() && last <= first.extent;
            let uuid = Uuid::from_bytes(given);
            let (Some(uuid), true) = (&uuid, in_order) else {
                self.pending = None;
                self.finish(status::INVALID_RESPONSE);
                return None;
            };
            first.handle = if last == first.extent { 0 } else { next + 1 };
            if characteristics {
                let told = tell(&mut self.pending, conn, handle - 1, events);
                if wanted.is_empty() || wanted == uuid.as_bytes() {
                    self.pending = Some(Characteristic {
                        value_handle: last,
                        properties,
                        uuid: *uuid,
                    });
                }
                if told {
                    return Some(());
                }
                continue;
            }
            let kind = match first.kind {
                Kind::Descriptors => event::BLE_IRQ_GATTC_DESCRIPTOR_RESULT,
                _ => event::BLE_IRQ_GATTC_SERVICE_RESULT,
            };
            let record = events.push(kind, conn, handle);
            if first.kind != Kind::Descriptors {
                record.value[1] = last;
            }
            record.set_uuid(uuid);
            return Some(());
        }
    }
}

/// Tells the characteristic whose end handle is known now, if there is one.
fn tell(pending: &mut Option<Characteristic>, conn: u16, end: u16, events: &mut Events) -> bool {
    let Some(found) = pending else {
        return false;
    };
    let record = events.push(event::BLE_IRQ_GATTC_CHARACTERISTIC_RESULT, conn, end);
    record.value[1] = found.value_handle;
    record.value[2] = found.properties.into();
    record.set_uuid(&found.uuid);
    *pending = None;
    true
}

/// Start and size of the entries of the answer to a discovery request, of which
/// there is at least one and none is cut; a size of zero otherwise. `rest` is
/// what follows the opcode.
fn entries(sent: u8, rest: &[u8]) -> (usize, usize) {
    let format = rest.first().copied().unwrap_or(0);
    let (at, size) = match (sent, format) {
        (opcode::FIND_BY_TYPE_VALUE_REQ, _) => (0, 4),
        (opcode::FIND_INFORMATION_REQ, 1) => (1, 4),
        (opcode::FIND_INFORMATION_REQ, 2) => (1, 18),
        (opcode::READ_BY_TYPE_REQ, 7 | 21) | (opcode::READ_BY_GROUP_TYPE_REQ, 6 | 20) => {
            (1, format as usize)
        }
        _ => return (0, 0),
    };
    let bytes = rest.len().saturating_sub(at);
    let whole = bytes > 0 && bytes % size == 0;
    (1 + at, if whole { size } else { 0 })
}
