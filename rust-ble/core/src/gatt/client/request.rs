//! Writes requests (Vol 3, Part F, 3.4).

use super::{Client, Kind, Phase, Procedure};
use crate::config::MAX_VALUE_LEN;
use crate::gatt::db::{CHARACTERISTIC, PRIMARY_SERVICE};
use crate::pool::Pool;
use crate::time::Instant;
use crate::wire::att::{self, opcode};
use crate::wire::Writer;

impl Client {
    /// A Write Request of a value that the caller has is sent (Vol 3, Part G,
    /// 4.9.3): it is not kept, and its response is waited for. Only while
    /// `is_idle`.
    pub fn write_sent(&mut self, now: Instant, mtu: u16, handle: u16) {
        if self.push(Kind::Write, handle, 0, None).is_ok() {
            self.sent(now, mtu, opcode::WRITE_REQ);
        }
    }

    fn sent(&mut self, now: Instant, mtu: u16, opcode: u8) {
        self.phase = Phase::Sent(opcode);
        self.sent_mtu = mtu;
        self.deadline = now.after(att::TRANSACTION_TIMEOUT_MS);
    }

    /// Writes the next request PDU to the empty `out`, unless one is
    /// outstanding or there is nothing to ask. `out` has room for `mtu` bytes,
    /// the ATT_MTU of the link; with less this may say `false` for ever.
    ///
    /// When it gives `false`, ask `has_event`.
    #[inline(never)]
    pub fn poll_request(
        &mut self,
        now: Instant,
        mtu: u16,
        pool: &mut Pool,
        out: &mut Writer,
    ) -> bool {
        let Some(first) = self.queue.first_mut() else {
            return false;
        };
        match self.phase {
            _ if self.failed != 0 => return false,
            Phase::Ready => {}
            Phase::Starved => match pool.alloc(MAX_VALUE_LEN, 0) {
                Some(block) => {
                    first.data = Some(block);
                    self.phase = Phase::Ready;
                }
                None => return false,
            },
            Phase::Sent(_) | Phase::Answer | Phase::Finish => return false,
        }
        let mtu = mtu.max(att::DEFAULT_MTU);
        let Some(opcode) = first.emit(mtu, self.status != 0, pool, out) else {
            self.finish(self.status);
            return false;
        };
        if out.finish().is_none() {
            out.truncate(0);
            return false;
        }
        self.sent(now, mtu, opcode);
        true
    }
}

impl Procedure {
    /// Writes the next request and gives its opcode; `None` when there is
    /// nothing left to ask for.
    #[inline(never)]
    fn emit(&self, mtu: u16, cancel: bool, pool: &Pool, out: &mut Writer) -> Option<u8> {
        let data = pool.get_any(&self.data);
        let (handle, done) = (self.handle, self.extent as usize);
        let opcode = match self.kind {
            Kind::Mtu => opcode::EXCHANGE_MTU_REQ,
            Kind::Services => opcode::READ_BY_GROUP_TYPE_REQ,
            Kind::ServicesByUuid => opcode::FIND_BY_TYPE_VALUE_REQ,
            Kind::Characteristics => opcode::READ_BY_TYPE_REQ,
            Kind::Descriptors => opcode::FIND_INFORMATION_REQ,
            Kind::Read if done == 0 => opcode::READ_REQ,
            Kind::Read => opcode::READ_BLOB_REQ,
            Kind::LongWrite if cancel || (done > 0 && done >= data.len()) => {
                opcode::EXECUTE_WRITE_REQ
            }
            Kind::LongWrite if done > 0 || data.len() + 3 > mtu as usize => {
                opcode::PREPARE_WRITE_REQ
            }
            Kind::Write | Kind::LongWrite => opcode::WRITE_REQ,
        };
        if handle == 0 && is_discovery(opcode) {
            return None;
        }
        out.u8(opcode);
        if opcode == opcode::EXECUTE_WRITE_REQ {
            out.u8(!cancel as u8);
            return Some(opcode);
        }
        out.u16(handle);
        match opcode {
            opcode::EXCHANGE_MTU_REQ | opcode::READ_REQ | opcode::WRITE_REQ => {}
            _ => {
                out.u16(self.extent);
            }
        }
        let value = match opcode {
            opcode::READ_BY_GROUP_TYPE_REQ => &PRIMARY_SERVICE,
            opcode::READ_BY_TYPE_REQ => &CHARACTERISTIC,
            opcode::FIND_BY_TYPE_VALUE_REQ => {
                out.bytes(&PRIMARY_SERVICE);
                data
            }
            opcode::PREPARE_WRITE_REQ => part(data, done, mtu),
            opcode::WRITE_REQ => start(data, mtu as usize - 3),
            _ => &[],
        };
        out.bytes(value);
        Some(opcode)
    }
}

/// What one Prepare Write Request carries of `data` from `done` on.
pub(super) fn part(data: &[u8], done: usize, mtu: u16) -> &[u8] {
    start(data.get(done..).unwrap_or(&[]), mtu as usize - 5)
}

/// The first `most` bytes, or all.
fn start(data: &[u8], most: usize) -> &[u8] {
    data.get(..most).unwrap_or(data)
}

/// Whether the request asks for a range of handles.
pub(super) fn is_discovery(opcode: u8) -> bool {
    matches!(
        opcode,
        opcode::READ_BY_GROUP_TYPE_REQ
            | opcode::FIND_BY_TYPE_VALUE_REQ
            | opcode::READ_BY_TYPE_REQ
            | opcode::FIND_INFORMATION_REQ
    )
}
