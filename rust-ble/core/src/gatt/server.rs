//! ATT and GATT server: what a client's PDU does to the database, and the
//! answer (Vol 3, Part F, 3.4 and Part G, 4).
//!
//! Nothing here keeps a PDU. A request that needs the script's consent ends
//! with `Outcome::Query`, having changed nothing, and is handled again from
//! its start when the script has answered.
//!
//! Work per PDU is bounded by the table: discovery requests, which name a
//! range and a type, scan it once (500 records of eight bytes; an index would
//! cost RAM for something done once per connection). Everything that names a
//! handle goes straight to the record.

mod discover;
mod queue;
mod read;
mod write;

use core::num::NonZeroU32;

use self::queue::Queue;
use super::db::{cccd, Database, FIRST_SCRIPT_HANDLE, SERVICE_CHANGED_HANDLE};
use super::layout::Attribute;
use super::permission::{self, Credentials};
use super::Outcome;
use crate::pool::Pool;
use crate::wire::att::{error, opcode, DEFAULT_MTU};
use crate::wire::{Reader, Writer};

/// Everything that a PDU is handled with, besides its link's own state.
#[derive(Debug)]
pub struct Context<'a> {
    /// The attributes.
    pub db: &'a mut Database,
    /// Where prepared writes wait.
    pub pool: &'a mut Pool,
    /// Index of the link, less than `MAX_LINKS`.
    pub slot: usize,
    /// ATT_MTU of the link now.
    pub mtu: u16,
    /// ATT_MTU that we offer.
    pub preferred_mtu: u16,
    /// What the link has to fulfil permissions.
    pub credentials: Credentials,
    /// Reads in this PDU that the script has allowed so far.
    pub approved: u16,
    /// The ATT error code with which the script refused the one after those; or
    /// zero.
    pub refused: u8,
}

/// What the server knows of one client while it is connected.
#[derive(Debug)]
pub struct Link {
    queue: Queue,
    /// State of the services that `sync` speaks of.
    generation: u16,
    /// State of the services that a Service Changed indication under way tells.
    indicated: Option<u16>,
    sync: Sync,
    /// Client Supported Features (Vol 3, Part G, 7.2).
    features: u8,
    mtu_exchanged: bool,
    unsaved: bool,
}

/// Whether the client knows the services as they are (Vol 3, Part G, 2.5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    Aware,
    Unaware,
    /// Change-unaware, but was told so or has read the hash: its next request
    /// makes it change-aware.
    Told,
}

/// Client Supported Features: Robust Caching.
const ROBUST_CACHING: u8 = 1;

/// Whether a PDU is an answer or update for a GATT client. All others, also
/// unknown ones, are for the server.
pub fn is_for_client(op: u8) -> bool {
    // One bit for each opcode below 32 saves comparing with each.
    const LOW: u32 = 1 << opcode::ERROR_RSP
        | 1 << opcode::EXCHANGE_MTU_RSP
        | 1 << opcode::FIND_INFORMATION_RSP
        | 1 << opcode::FIND_BY_TYPE_VALUE_RSP
        | 1 << opcode::READ_BY_TYPE_RSP
        | 1 << opcode::READ_RSP
        | 1 << opcode::READ_BLOB_RSP
        | 1 << opcode::READ_MULTIPLE_RSP
        | 1 << opcode::READ_BY_GROUP_TYPE_RSP
        | 1 << opcode::WRITE_RSP
        | 1 << opcode::PREPARE_WRITE_RSP
        | 1 << opcode::EXECUTE_WRITE_RSP
        | 1 << opcode::HANDLE_VALUE_NTF
        | 1 << opcode::HANDLE_VALUE_IND;
    match op {
        0..=31 => LOW >> op & 1 != 0,
        opcode::READ_MULTIPLE_VARIABLE_RSP | opcode::MULTIPLE_HANDLE_VALUE_NTF => true,
        _ => false,
    }
}

/// Handles one PDU from the client and writes the answer, if there is one, to
/// `out`, which is empty and has room for `mtu` bytes.
#[inline(never)]
pub fn handle(link: &mut Link, ctx: &mut Context, pdu: &[u8], out: &mut Writer) -> Outcome {
    let Some((&op, parameters)) = pdu.split_first() else {
        return Outcome::Done;
    };
    if is_for_client(op) {
        return Outcome::Done;
    }
    if op == opcode::HANDLE_VALUE_CFM {
        return if parameters.is_empty() {
            Outcome::Confirmed
        } else {
            Outcome::Done
        };
    }
    let command = op & opcode::COMMAND_FLAG != 0;
    link.follow(ctx);
    if command && link.is_out_of_sync() {
        return Outcome::Done;
    }
    if link.sync == Sync::Told && !command {
        link.become_aware();
    }

    let limit = usize::from(ctx.mtu).min(out.room());
    let too_long = pdu.len() > usize::from(ctx.mtu);
    let mut request = Request {
        link,
        ctx,
        out,
        r: Reader(parameters),
        first: 0,
        second: 0,
        attribute: Attribute::NONE,
        limit,
        asked: 0,
        outcome: Outcome::Done,
    };
    let result = if too_long {
        Err(MALFORMED)
    } else {
        request.run(op, parameters)
    };
    match result {
        Ok(()) => request.outcome,
        Err(stop) => {
            out.truncate(0);
            let handle = stop.handle();
            if stop.is_query() {
                return Outcome::Query { handle };
            }
            if !command {
                out.u8(opcode::ERROR_RSP).u8(op).u16(handle).u8(stop.code());
            }
            Outcome::Done
        }
    }
}

impl Link {
    /// A client that has just connected, and is taken for change-aware.
    pub fn new(db: &Database) -> Self {
        Self::at(db.generation())
    }

    /// Makes a blank link one of such a client.
    pub fn begin(&mut self, db: &Database) {
        self.generation = db.generation();
    }

    /// The same for the services of this generation.
    pub const fn at(generation: u16) -> Self {
        Link {
            queue: Queue::new(),
            generation,
            indicated: None,
            sync: Sync::Aware,
            features: 0,
            mtu_exchanged: false,
            unsaved: false,
        }
    }

    /// Gives back what the link holds of the pool: at its end.
    pub fn close(&mut self, pool: &mut Pool) {
        self.queue.clear(pool);
    }

    /// After `Outcome::Events`: the next value of the script that was
    /// written, each once, until `None`.
    pub fn next_written(&mut self, db: &Database, pool: &mut Pool) -> Option<u16> {
        self.queue.next_written(db, pool)
    }

    /// Restores what `save` gave of a bonded client, once the link is encrypted.
    /// False if the services changed since: then of its CCCDs only that of
    /// Service Changed (`SERVICE_CHANGED_HANDLE + 1`) may be restored, others may
    /// by now belong to something else.
    pub fn restore(&mut self, db: &mut Database, features: u8, hash: &[u8; 16]) -> bool {
        self.features |= features;
        let same = hash == db.hash();
        if !same {
            self.sync = Sync::Unaware;
        }
        same
    }

    /// What is to be kept of a bonded client besides its CCCDs: its Client
    /// Supported Features, and the Database Hash of the services that it knows,
    /// zeros if it is change-unaware.
    pub fn save<'a>(&self, db: &'a mut Database) -> (u8, &'a [u8; 16]) {
        let hash = if self.is_aware(db) {
            db.hash()
        } else {
            &[0; 16]
        };
        (self.features, hash)
    }

    /// Whether a CCCD or what `save` gives changed since this was last asked.
    pub fn take_unsaved(&mut self) -> bool {
        core::mem::take(&mut self.unsaved)
    }

    /// The value of Service Changed (start and end handle) if the client has
    /// to be told: send it as an indication of `SERVICE_CHANGED_HANDLE`.
    pub fn service_changed_due(&self, db: &Database, slot: usize) -> Option<[u8; 4]> {
        if self.is_aware(db)
            || self.indicated == Some(db.generation())
            || db.cccd(slot, SERVICE_CHANGED_HANDLE) & cccd::INDICATE == 0
        {
            return None;
        }
        let [a, b] = FIRST_SCRIPT_HANDLE.to_le_bytes();
        Some([a, b, 0xff, 0xff])
    }

    /// The indication of Service Changed was sent.
    pub fn service_changed_sent(&mut self, db: &Database) {
        self.indicated = Some(db.generation());
    }

    /// The indication of Service Changed was confirmed.
    pub fn service_changed_confirmed(&mut self, db: &Database) {
        if self.indicated.take() == Some(db.generation()) {
            self.generation = db.generation();
            self.become_aware();
        }
    }

    /// Whether the client may be sent a notification or indication of a value
    /// now: what it could not read it is not sent either, and one that caches
    /// the services must know them (Vol 3, Part G, 2.5.2.1).
    pub fn may_notify(&self, db: &Database, handle: u16, credentials: &Credentials) -> bool {
        let Some(attribute) = db.attribute(handle) else {
            return false;
        };
        handle == SERVICE_CHANGED_HANDLE
            || permission::check_updates(attribute, credentials).is_ok()
                && (self.is_aware(db) || self.features & ROBUST_CACHING == 0)
    }

    fn is_aware(&self, db: &Database) -> bool {
        self.sync == Sync::Aware && self.generation == db.generation()
    }

    /// Notices a change of the services; handles of prepared writes may now
    /// mean something else.
    fn follow(&mut self, ctx: &mut Context) {
        if self.generation != ctx.db.generation() {
            self.generation = ctx.db.generation();
            self.sync = Sync::Unaware;
            self.queue.lose(ctx.pool);
        }
        self.queue.finish(ctx.pool);
    }

    fn is_out_of_sync(&self) -> bool {
        self.sync != Sync::Aware && self.features & ROBUST_CACHING != 0
    }

    fn become_aware(&mut self) {
        self.sync = Sync::Aware;
        self.unsaved = true;
    }
}

/// A request being handled.
struct Request<'a, 'b, 'w> {
    link: &'a mut Link,
    ctx: &'a mut Context<'b>,
    out: &'a mut Writer<'w>,
    /// The parameters that are not yet taken.
    r: Reader<'a>,
    /// A handle, for most requests.
    first: u16,
    /// The last handle of a range, or an offset.
    second: u16,
    /// What `readable` or `writable` found.
    attribute: Attribute,
    /// Longest answer.
    limit: usize,
    /// Reads that needed the script's consent so far.
    asked: u16,
    /// What has come of it.
    outcome: Outcome,
}

/// Why a request is not fulfilled, in one word: it is passed through all of
/// the server. Bits 0 to 15 are the handle, 16 to 23 the error code.
#[derive(Clone, Copy, Debug)]
struct Stop(NonZeroU32);

impl Stop {
    const QUERY: u32 = 1 << 24;
    /// Keeps an error code of zero from being no stop.
    const ERROR: u32 = 1 << 25;

    const fn new(what: u32, handle: u16) -> Self {
        match NonZeroU32::new(what | handle as u32) {
            Some(word) => Stop(word),
            None => Stop(NonZeroU32::MAX),
        }
    }

    #[inline(never)]
    const fn error(code: u8, handle: u16) -> Self {
        Self::new(Self::ERROR | (code as u32) << 16, handle)
    }

    fn query(handle: u16) -> Self {
        Self::new(Self::QUERY, handle)
    }

    fn is_query(self) -> bool {
        self.0.get() & Self::QUERY != 0
    }

    fn handle(self) -> u16 {
        self.0.get() as u16
    }

    fn code(self) -> u8 {
        (self.0.get() >> 16) as u8
    }
}

type Step<T> = Result<T, Stop>;

fn fail<T>(code: u8, handle: u16) -> Step<T> {
    Err(Stop::error(code, handle))
}

const MALFORMED: Stop = Stop::error(error::INVALID_PDU, 0);

/// The request begins with `Request::first`, ...
const ONE: u8 = 1;
/// ... then `second`, ...
const TWO: u8 = 2;
/// ... and these are all parameters; ...
const ALL: u8 = 4;
/// ... the first is a handle that a client has to know.
const SYNC: u8 = 8;

/// How the parameters of a request begin, of the bits above.
fn begins_with(op: u8) -> u8 {
    // By half the number, in which a command is its request.
    const TABLE: [u8; 12] = {
        let mut table = [0; 12];
        table[opcode::EXCHANGE_MTU_REQ as usize / 2] = ONE | ALL;
        table[opcode::FIND_INFORMATION_REQ as usize / 2] = ONE | TWO | ALL;
        table[opcode::FIND_BY_TYPE_VALUE_REQ as usize / 2] = ONE | TWO;
        table[opcode::READ_BY_TYPE_REQ as usize / 2] = ONE | TWO;
        table[opcode::READ_REQ as usize / 2] = ONE | ALL | SYNC;
        table[opcode::READ_BLOB_REQ as usize / 2] = ONE | TWO | ALL | SYNC;
        table[opcode::READ_BY_GROUP_TYPE_REQ as usize / 2] = ONE | TWO;
        table[opcode::WRITE_REQ as usize / 2] = ONE | SYNC;
        table[opcode::PREPARE_WRITE_REQ as usize / 2] = ONE | TWO | SYNC;
        table
    };
    let number = op & !opcode::COMMAND_FLAG;
    TABLE.get(number as usize / 2).copied().unwrap_or(0)
}

impl Request<'_, '_, '_> {
    /// Of each request the number of the response is the next one.
    fn run(&mut self, op: u8, parameters: &[u8]) -> Step<()> {
        let begins = begins_with(op);
        if begins & ONE != 0 {
            self.first = self.u16()?;
        }
        if begins & TWO != 0 {
            self.second = self.u16()?;
        }
        if begins & ALL != 0 {
            self.end()?;
        }
        if begins & SYNC != 0 {
            self.check_sync(self.first)?;
        }
        if op & opcode::COMMAND_FLAG == 0 {
            self.out.u8(op + 1);
        }
        match op {
            opcode::EXCHANGE_MTU_REQ => self.exchange_mtu(),
            opcode::FIND_INFORMATION_REQ => self.find_information()?,
            opcode::READ_REQ | opcode::READ_BLOB_REQ => self.read()?,
            opcode::READ_MULTIPLE_REQ | opcode::READ_MULTIPLE_VARIABLE_REQ => {
                self.read_multiple(op)?;
            }
            opcode::FIND_BY_TYPE_VALUE_REQ
            | opcode::READ_BY_TYPE_REQ
            | opcode::READ_BY_GROUP_TYPE_REQ => self.list(op)?,
            opcode::WRITE_REQ | opcode::WRITE_CMD => self.write()?,
            opcode::PREPARE_WRITE_REQ => self.prepare_write(parameters)?,
            opcode::EXECUTE_WRITE_REQ => self.execute_write()?,
            // We have no CSRK to check a Signed Write Command with. It and
            // unknown commands are ignored by the caller.
            _ => return fail(error::REQUEST_NOT_SUPPORTED, 0),
        }
        Ok(())
    }

    /// Vol 3, Part F, 3.4.2. A client that asks again gets the same answer,
    /// and the MTU stays.
    fn exchange_mtu(&mut self) {
        self.out.u16(self.ctx.preferred_mtu);
        if !core::mem::replace(&mut self.link.mtu_exchanged, true) {
            let mtu = self.first.min(self.ctx.preferred_mtu).max(DEFAULT_MTU);
            self.outcome = Outcome::MtuExchanged { mtu };
        }
    }

    fn u16(&mut self) -> Step<u16> {
        self.r.u16().ok_or(MALFORMED)
    }

    /// Vol 3, Part F, 3.4.3.1 and others: `first` to `second` is a range.
    fn check_range(&self) -> Step<()> {
        if self.first == 0 || self.first > self.second {
            return fail(error::INVALID_HANDLE, self.first);
        }
        Ok(())
    }

    /// There are no more parameters.
    fn end(&self) -> Step<()> {
        if self.r.is_empty() {
            Ok(())
        } else {
            Err(MALFORMED)
        }
    }

    /// An operation on a handle tells a client with robust caching that its
    /// handles are out of date.
    fn check_sync(&mut self, handle: u16) -> Step<()> {
        if self.link.is_out_of_sync() {
            self.link.sync = Sync::Told;
            return fail(error::DATABASE_OUT_OF_SYNC, handle);
        }
        Ok(())
    }

    /// Goes on if the script has allowed the reading of `handle`.
    fn ask(&mut self, handle: u16) -> Step<()> {
        let number = self.asked;
        self.asked += 1;
        if number < self.ctx.approved {
            return Ok(());
        }
        match self.ctx.refused {
            code @ 1.. if number == self.ctx.approved => fail(code, handle),
            _ => Err(Stop::query(handle)),
        }
    }
}

#[cfg(test)]
mod tests;
