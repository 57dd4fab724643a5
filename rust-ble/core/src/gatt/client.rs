//! GATT client of one link (Vol 3, Part G, 4; ATT side Vol 3, Part F, 3.4).
//!
//! A `Client` holds the procedures that the script asked for and runs them one
//! after another, because a bearer carries one request at a time (Vol 3,
//! Part F, 3.3.2). It does no I/O:
//!
//! - `start_…` queues a procedure,
//! - `poll_request` writes the next request PDU when none is outstanding,
//! - `handle` takes a PDU from the peer's server,
//! - `next_event` tells what came of it, one event a call, until `false`.
//!
//! Values that must wait, values put together from several answers and UUIDs
//! to look for lie in the pool; everything else is passed on as a slice of the
//! PDU. Each procedure ends with exactly one event of its `…Done` kind, an MTU
//! exchange with `Outcome::MtuExchanged`.

mod answer;
mod request;
#[cfg(test)]
mod tests;

use crate::config::{MAX_MTU, MAX_PROCEDURES, MAX_VALUE_LEN};
use crate::conn::pop_first;
use crate::error::{Error, Result};
use crate::event::{self, Events};
use crate::pool::{Block, Pool};
use crate::time::Instant;
use crate::uuid::Uuid;
use crate::wire::att::error::INSUFFICIENT_RESOURCES;
use crate::wire::copy;
use heapless::Vec;

/// Status of a `…Done` event beside the ATT error codes of the peer, from the
/// range that Vol 3, Part F, 3.4.1.1 reserves. The values are those that
/// scripts know from the BTstack backend.
pub mod status {
    /// The link ended first.
    pub const DISCONNECTED: u16 = 0x1f;
    /// The peer's answer is malformed, or breaks the order of handles.
    pub const INVALID_RESPONSE: u16 = 0x7d;
    /// A Prepare Write Response differs from what was sent.
    pub const DATA_MISMATCH: u16 = 0x7e;
    /// No answer within 30 seconds: the bearer can carry no more requests
    /// (Vol 3, Part F, 3.3.3).
    pub const TIMEOUT: u16 = 0x7f;
}

/// What a procedure wants; decides requests, answers and the last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Mtu,
    Services,
    ServicesByUuid,
    Characteristics,
    Descriptors,
    Read,
    Write,
    LongWrite,
}

/// A procedure in the queue, its progress included.
#[derive(Debug)]
struct Procedure {
    kind: Kind,
    /// Discovery: first handle still to ask for, zero when there is none.
    /// Read and write: the handle. MTU exchange: our MTU.
    handle: u16,
    /// Discovery: last handle. Read and write: bytes of the value done.
    extent: u16,
    /// UUID to look for, value to write, or value read so far.
    data: Option<Block>,
}

/// A characteristic whose end handle shows with the next one.
#[derive(Clone, Copy, Debug)]
struct Characteristic {
    value_handle: u16,
    properties: u8,
    uuid: Uuid,
}

/// Where the first procedure of the queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Its next request may go out.
    Ready,
    /// A long read waits for room in the pool, then starts again.
    Starved,
    /// A request with this opcode is outstanding.
    Sent(u8),
    /// `next_event` is taking the answer apart.
    Answer,
    /// Only its last event is missing.
    Finish,
}

/// The client of one link.
#[derive(Debug)]
#[repr(C)]
pub struct Client {
    phase: Phase,
    /// Size of the entries of a discovery response.
    entry: u8,
    mtu_requested: bool,
    /// How the first procedure ends; of a long write that is to be cancelled
    /// before it has ended.
    status: u16,
    /// How every procedure ends once the bearer is dead; zero before.
    failed: u16,
    /// ATT_MTU when the request was sent; the answer may be built with it.
    sent_mtu: u16,
    /// Where `next_event` goes on in the PDU.
    cursor: u16,
    /// When the outstanding request, or the wait for room, fails.
    deadline: Instant,
    queue: Vec<Procedure, MAX_PROCEDURES>,
    pending: Option<Characteristic>,
}

impl Client {
    /// A client with nothing to do: all of it zeros, for a static.
    pub const fn new() -> Self {
        Client {
            queue: Vec::new(),
            phase: Phase::Ready,
            status: 0,
            failed: 0,
            deadline: Instant(0),
            sent_mtu: 0,
            cursor: 0,
            entry: 0,
            mtu_requested: false,
            pending: None,
        }
    }

    /// Exchange MTU with `mtu` bytes offered (Vol 3, Part G, 4.3.1).
    ///
    /// `Error::Already` from the second time on: a client asks once per link.
    pub fn start_exchange_mtu(&mut self, mtu: u16) -> Result<()> {
        if self.mtu_requested {
            return Err(Error::Already);
        }
        self.push(Kind::Mtu, mtu, 0, None)?;
        self.mtu_requested = true;
        Ok(())
    }

    /// Discover all primary services, or those with `uuid` (Vol 3, Part G, 4.4).
    pub fn start_discover_services(&mut self, uuid: Option<Uuid>, pool: &mut Pool) -> Result<()> {
        let kind = if uuid.is_some() {
            Kind::ServicesByUuid
        } else {
            Kind::Services
        };
        self.push_uuid(kind, 1, 0xffff, &uuid, pool)
    }

    /// Discover the characteristics declared from `start` to `end`, or those
    /// with `uuid` (Vol 3, Part G, 4.6).
    ///
    /// The end handle of a characteristic is the one before the next
    /// declaration, whatever its UUID, and `end` for the last.
    /// `Error::Invalid` unless 0 < `start` <= `end`.
    pub fn start_discover_characteristics(
        &mut self,
        start: u16,
        end: u16,
        uuid: Option<Uuid>,
        pool: &mut Pool,
    ) -> Result<()> {
        if start == 0 || start > end {
            return Err(Error::Invalid);
        }
        self.push_uuid(Kind::Characteristics, start, end, &uuid, pool)
    }

    /// Discover the descriptors after the value handle `value_handle` up to
    /// the end handle `end` of a characteristic (Vol 3, Part G, 4.7).
    ///
    /// When these are equal it has none, and the procedure ends without a
    /// request. `Error::Invalid` if `value_handle` > `end`.
    pub fn start_discover_descriptors(&mut self, value_handle: u16, end: u16) -> Result<()> {
        if value_handle > end {
            return Err(Error::Invalid);
        }
        let first = if value_handle == end {
            0
        } else {
            value_handle + 1
        };
        self.push(Kind::Descriptors, first, end, None)
    }

    /// Read a value or descriptor of any length (Vol 3, Part G, 4.8.1 and
    /// 4.8.3): one `GattcReadResult` with up to 512 bytes.
    pub fn start_read(&mut self, handle: u16) -> Result<()> {
        self.push(Kind::Read, handle, 0, None)
    }

    /// Write a value or descriptor and wait for the response (Vol 3, Part G,
    /// 4.9.3 and 4.9.4).
    ///
    /// What does not fit into one request goes out by Prepare and Execute
    /// Write when `long`, and is cut off otherwise. `Error::Invalid` for more
    /// than 512 bytes when `long`.
    pub fn start_write(
        &mut self,
        handle: u16,
        data: &[u8],
        long: bool,
        pool: &mut Pool,
    ) -> Result<()> {
        let (kind, most) = if long {
            (Kind::LongWrite, MAX_VALUE_LEN)
        } else {
            (Kind::Write, MAX_MTU - 3)
        };
        let data = match data.get(..most) {
            None => data,
            Some(head) if !long || data.len() == most => head,
            Some(_) => return Err(Error::Invalid),
        };
        self.push_data(kind, handle, 0, data, pool)
    }

    /// Moment for `handle_timeout`, if any.
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = matches!(self.phase, Phase::Sent(_) | Phase::Starved);
        (waiting && self.failed == 0).then_some(self.deadline)
    }

    /// Ends what waits too long. Afterwards ask `has_event`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self
            .deadline()
            .is_some_and(|deadline| deadline.reached(now))
        {
            return;
        }
        match self.phase {
            Phase::Starved => self.finish(INSUFFICIENT_RESOURCES as u16),
            _ => self.time_out(),
        }
    }

    /// The bearer is dead: an indication of ours was not confirmed in time, or
    /// a request not answered.
    pub fn time_out(&mut self) {
        self.failed = status::TIMEOUT;
    }

    /// Whether `poll_request` has something to do.
    pub fn may_request(&self) -> bool {
        let waiting = matches!(self.phase, Phase::Ready | Phase::Starved);
        waiting && self.failed == 0 && !self.queue.is_empty()
    }

    /// Whether a procedure would begin at once.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.failed == 0
    }

    /// Whether `next_event` has something to say, with an empty PDU as well:
    /// after `poll_request` and `handle_timeout`.
    pub fn has_event(&self) -> bool {
        match self.phase {
            Phase::Answer | Phase::Finish => true,
            _ => self.failed != 0 && !self.queue.is_empty(),
        }
    }

    /// Whether the bearer is dead after a timeout: it refuses every procedure,
    /// and only a new connection helps (Vol 3, Part F, 3.3.3).
    pub fn timed_out(&self) -> bool {
        self.failed == status::TIMEOUT
    }

    /// Ends the procedures, oldest first, with `status`, for a link that is
    /// gone: the `…Done` event of each, then `false`.
    pub fn next_aborted(
        &mut self,
        conn: u16,
        status: u16,
        pool: &mut Pool,
        events: &mut Events,
    ) -> bool {
        self.phase = Phase::Ready;
        self.failed = status;
        while !self.queue.is_empty() {
            if self.end_first(conn, status, pool, events) {
                return true;
            }
        }
        false
    }

    /// Forgets everything without events, for a stack that is switched off.
    pub fn clear(&mut self, pool: &mut Pool) {
        while !self.queue.is_empty() {
            self.pop(pool);
        }
        *self = Client::new();
    }

    fn push_uuid(
        &mut self,
        kind: Kind,
        start: u16,
        end: u16,
        uuid: &Option<Uuid>,
        pool: &mut Pool,
    ) -> Result<()> {
        match uuid {
            Some(uuid) => self.push_data(kind, start, end, uuid.as_bytes(), pool),
            None => self.push(kind, start, end, None),
        }
    }

    fn push_data(
        &mut self,
        kind: Kind,
        handle: u16,
        extent: u16,
        data: &[u8],
        pool: &mut Pool,
    ) -> Result<()> {
        if data.is_empty() || self.queue.is_full() || self.failed != 0 {
            return self.push(kind, handle, extent, None);
        }
        let Some(block) = pool.alloc(data.len(), 0) else {
            return Err(Error::NoMemory);
        };
        copy(pool.get_mut(&block), data);
        self.push(kind, handle, extent, Some(block))
    }

    /// `data` is only given when the push cannot fail.
    fn push(&mut self, kind: Kind, handle: u16, extent: u16, data: Option<Block>) -> Result<()> {
        if self.failed != 0 {
            return Err(Error::TimedOut);
        }
        let procedure = Procedure {
            kind,
            handle,
            extent,
            data,
        };
        self.queue.push(procedure).map_err(|_| Error::NoMemory)
    }

    /// Tells the last event of the first procedure, if it has one, and ends it.
    fn end_first(&mut self, conn: u16, status: u16, pool: &mut Pool, events: &mut Events) -> bool {
        let first = self.queue.first();
        let told = first.is_some_and(|first| first.done(conn, status, events));
        self.pop(pool);
        told
    }

    /// Takes the first procedure off the queue and frees what it holds.
    fn pop(&mut self, pool: &mut Pool) {
        let first = pop_first(&mut self.queue);
        if let Some(block) = first.and_then(|first| first.data) {
            pool.free(block);
        }
        self.phase = Phase::Ready;
        self.status = 0;
        self.pending = None;
    }

    fn finish(&mut self, status: u16) {
        self.status = status;
        self.phase = Phase::Finish;
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Procedure {
    /// Tells the last event of this procedure, if it has one.
    fn done(&self, conn: u16, status: u16, events: &mut Events) -> bool {
        let kind = match self.kind {
            Kind::Mtu => return false,
            Kind::Services | Kind::ServicesByUuid => event::BLE_IRQ_GATTC_SERVICE_DONE,
            Kind::Characteristics => event::BLE_IRQ_GATTC_CHARACTERISTIC_DONE,
            Kind::Descriptors => event::BLE_IRQ_GATTC_DESCRIPTOR_DONE,
            Kind::Read => event::BLE_IRQ_GATTC_READ_DONE,
            Kind::Write | Kind::LongWrite => event::BLE_IRQ_GATTC_WRITE_DONE,
        };
        let record = events.push(kind, conn, status);
        if matches!(self.kind, Kind::Read | Kind::Write | Kind::LongWrite) {
            record.value = [self.handle, status, 0, 0];
        }
        true
    }
}
