//! The only router: bytes, time and commands in; packets, events and the next
//! deadline out.
//!
//! One turn of whoever drives the host:
//! 1. `receive` what the transport has,
//! 2. `handle_timeout` if `poll_timeout` has come,
//! 3. `poll_event` until it gives `None`, telling the script and answering
//!    queries,
//! 4. `poll_transmit` and `transmitted` until there is nothing to send.
//!
//! Calls of the script may come between any two of these. Those that must
//! know what the controller says are an operation: repeat 1, 2 and 4 until
//! `poll_operation` gives its result.

mod att;
#[cfg(feature = "broken")]
mod broken;
mod gap;
mod gatt;
mod link;
mod operation;
mod packet;
mod query;
mod security;
mod settings;
mod startup;
mod transmit;

#[cfg(feature = "broken")]
pub use broken::{Defect, Starved};
pub use operation::Operation;
pub use settings::Settings;
pub use startup::Options;
pub use transmit::Transmit;

use crate::addr::Address;
use crate::config::RX_BYTES;
use crate::conn::{Link, Links, State as LinkState};
use crate::error::{Error, Result};
use crate::event::{Events, Record};
use crate::gap::{Advertising, Initiating, Scan};
use crate::gatt::db::Database;
use crate::hci::command::CommandQueue;
use crate::hci::rx::RxQueue;
use crate::l2cap::Channels;
use crate::pool::Pool;
use crate::smp::Smp;
use crate::time::{earliest, Instant};

/// Bytes of the receive queue that advertising reports leave to the rest.
const RX_RESERVE: usize = RX_BYTES / 4;

/// Whether the host runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `start` was not called, or failed, or `stop` is done.
    Off,
    /// The controller is being set up.
    Starting,
    /// Everything works.
    Active,
    /// Links are being ended, then the controller is reset.
    Stopping,
    /// The controller is gone; the end of each link is being reported.
    Failed,
}

/// What the controller said of itself at activation.
#[derive(Debug)]
#[repr(C)]
struct Controller {
    support: startup::Support,
    /// Data bytes of one ACL packet, and how many the controller holds.
    acl_len: u16,
    acl_total: u16,
    acl_free: u16,
    /// All zero without one.
    public_address: [u8; 6],
    /// The random address it was given last.
    random_address: [u8; 6],
    resolving_list: u8,
    /// The resolving list holds a peer.
    list_used: bool,
}

/// A packet whose treatment is spread over several events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Current {
    /// An L2CAP PDU of a link.
    Pdu(att::Pdu),
    /// Advertising reports at the front of the receive queue: `left` of them
    /// from byte `at` on.
    Reports { at: u16, left: u8 },
}

/// The host: one for each controller.
///
/// Small and often used fields come first: an instruction of a Cortex-M0+
/// reaches bytes up to 31 and words up to 124 from a pointer; that of a
/// Cortex-M4 4095 bytes, behind which the large fields lie.
#[repr(C)]
pub struct Host {
    state: State,
    /// The packet at the front waits for room for its answer.
    blocked: bool,
    /// Our identity was loaded or made in this activation, and the script keeps it.
    own_known: bool,
    own_kept: bool,
    /// Our address does not follow from it yet.
    own_new: bool,
    scan_done: gap::ScanDone,
    current: Option<Current>,
    outgoing: Option<transmit::Outgoing>,
    now: Instant,
    controller: Controller,
    operation: operation::Engine,
    scan: Scan,
    initiating: Option<Initiating>,
    /// When our address and the resolving list are set anew.
    refresh_at: Option<Instant>,
    reassembling_since: Instant,
    /// Until then no peer is told to be late.
    lenient_until: Instant,
    next_slot: usize,
    rest: security::Rest,
    settings: Settings,
    db: Database,
    commands: CommandQueue,
    advertising: Advertising,
    query: query::Query,
    channels: Channels,
    smp: Smp,
    events: Events,
    links: Links,
    /// PDUs to send.
    tx: Pool,
    /// Values that procedures keep.
    pool: Pool,
    rx: RxQueue,
    #[cfg(feature = "broken")]
    broken: broken::Broken,
}

impl Host {
    /// A host that is off. `seed` is 32 bytes of the port's best entropy; the
    /// controller's random numbers are mixed in at activation.
    pub fn new(seed: &[u8; 32]) -> Self {
        let mut host = Self::blank();
        host.prepare();
        host.seed(seed);
        host
    }

    /// Makes a blank host one that is off. `seed` must come before `start`.
    pub fn prepare(&mut self) {
        self.operation.prepare();
        self.smp.prepare();
        self.switch_off();
        self.settings = Settings::DEFAULT;
        let controller = &mut self.controller;
        (
            controller.acl_len,
            controller.acl_total,
            controller.acl_free,
        ) = (27, 1, 1);
    }

    /// All of it zeros, for a static, which then takes no flash: `prepare`
    /// comes before all else.
    pub const fn blank() -> Self {
        let db = Database::new();
        Host {
            now: Instant(0),
            state: State::Off,
            settings: Settings::blank(),
            controller: Controller {
                support: startup::Support::empty(),
                acl_len: 0,
                acl_total: 0,
                acl_free: 0,
                public_address: [0; 6],
                random_address: [0; 6],
                resolving_list: 0,
                list_used: false,
            },
            rx: RxQueue::new(),
            commands: CommandQueue::new(),
            operation: operation::Engine::blank(),
            events: Events::new(),
            current: Some(Current::Pdu(att::Pdu::BLANK)),
            blocked: false,
            query: query::Query::new(),
            reassembling_since: Instant(0),
            lenient_until: Instant(0),
            advertising: Advertising {
                interval: 0,
                ..Advertising::new()
            },
            scan: Scan::new(),
            scan_done: gap::ScanDone::NO,
            initiating: Some(Initiating::BLANK),
            refresh_at: None,
            links: Links::new(),
            tx: Pool::new(),
            pool: Pool::new(),
            next_slot: 0,
            outgoing: Some(transmit::Outgoing::Command),
            db,
            channels: Channels::blank(),
            smp: Smp::blank(),
            rest: security::Rest::Over,
            own_known: false,
            own_kept: false,
            own_new: false,
            #[cfg(feature = "broken")]
            broken: broken::Broken::NOT,
        }
    }

    /// The moment of the last call that named one.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Sets what `now` gives.
    pub fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// What outlives the host; see `Settings`.
    pub fn settings(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Mixes 32 bytes of the port's best entropy in.
    pub fn seed(&mut self, seed: &[u8; 32]) {
        self.settings.rng.reseed(seed);
    }

    /// Where the host stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether commands of the script are taken.
    pub fn is_active(&self) -> bool {
        self.state == State::Active
    }

    /// Takes bytes of the H4 stream and returns how many; the rest is to be
    /// offered again after the next `poll_event`, the transport held back.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.now = now;
        let mut taken = 0;
        if self.rx.is_partial() && self.reassembling_since.after(PARTIAL_MS).reached(now) {
            self.rx.drop_partial();
        }
        while taken < bytes.len() {
            if self.rx.room() < RX_RESERVE && !self.is_awaiting() {
                break;
            }
            let (n, whole) = self.rx.push(&bytes[taken..]);
            taken += n;
            match whole {
                Some(len) => self.packet_arrived(len),
                None if n == 0 => break,
                None => {}
            }
        }
        self.reassembling_since = now;
        taken
    }

    /// Whether something may come behind the packets that wait for the script,
    /// which cannot wait: an answer, or credits for what is blocked.
    fn is_awaiting(&self) -> bool {
        self.operation.is_running() || self.blocked
    }

    /// The transport is gone: links end with their events, and the host is
    /// off when all are told.
    pub fn transport_lost(&mut self, now: Instant) {
        self.now = now;
        self.fail();
    }

    /// The moment at which `handle_timeout` has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let mut next = earliest(self.commands.deadline(), self.operation.deadline());
        if self.scan.on {
            next = earliest(next, self.scan.until);
        }
        if let Some(initiating) = &self.initiating {
            next = earliest(next, Some(initiating.until));
        }
        next = earliest(next, self.refresh_at);
        next = earliest(next, self.rest.deadline());
        for link in self.up() {
            next = earliest(next, link.overdue);
        }
        let peers = self.peers_deadline();
        let peers = if self.is_lenient() && peers.is_some_and(|at| at.reached(self.now)) {
            Some(self.lenient_until)
        } else {
            peers
        };
        earliest(next, peers)
    }

    fn up(&self) -> impl Iterator<Item = &Link> {
        let links = self.links.all.iter();
        links.filter(|link| link.state == LinkState::Up)
    }

    /// When a peer has taken too long to answer.
    fn peers_deadline(&self) -> Option<Instant> {
        let mut next = earliest(self.channels.deadline(), self.smp.deadline());
        for link in self.up() {
            next = earliest(next, link.client.deadline());
            next = earliest(next, link.indication_deadline);
        }
        next
    }

    fn is_lenient(&self) -> bool {
        let left = self.lenient_until.0.wrapping_sub(self.now.0);
        (1..=LENIENT_MS).contains(&left)
    }

    /// Whether peers have taken too long to answer. What came while nobody called
    /// the host may hold their answers, and is looked at first: for a while, since
    /// a flood never ends.
    fn judges_peers(&mut self) -> bool {
        let is_due = self.peers_deadline().is_some_and(|at| at.reached(self.now));
        if !is_due || self.rx.is_empty() {
            return true;
        }
        let over = self.now.0.wrapping_sub(self.lenient_until.0);
        if !self.is_lenient() && over >= LENIENT_MS {
            self.lenient_until = self.now.after(LENIENT_MS);
        }
        !self.is_lenient()
    }

    /// Ends what has waited too long.
    #[inline(never)]
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.links.wake_all();
        self.rest.handle_timeout(now);
        let due = |deadline: Option<Instant>| deadline.is_some_and(|at| at.reached(now));
        if due(self.commands.deadline()) {
            self.command_timed_out();
        }
        if due(self.operation.deadline()) {
            self.operation_timed_out();
        }
        if self.scan.on && due(self.scan.until) {
            self.scan.until = None;
            self.stop_scan_by_itself();
        }
        if self.initiating.is_some_and(|i| i.until.reached(now)) {
            self.connect_timed_out();
        }
        if due(self.refresh_at) {
            self.refresh();
        }
        let judges_peers = self.judges_peers();
        if judges_peers {
            while let Some(slot) = self.channels.handle_timeout(now) {
                self.update_refused(slot as usize);
            }
            self.smp.handle_timeout(now);
        }
        for slot in 0..self.links.all.len() {
            let link = self.link_mut(slot);
            if link.state != LinkState::Up {
                continue;
            }
            if judges_peers {
                link.client.handle_timeout(now);
                if due(link.indication_deadline) {
                    link.indication_deadline = None;
                    link.client.time_out();
                }
            }
            // Nothing more may be sent by ATT (Vol 3, Part F, 3.3.3): of what
            // use is the link?
            if due(link.overdue) || link.client.timed_out() && !link.ending {
                self.link_overdue(slot);
            }
        }
    }

    /// ATT_MTU that we offer and answer with, 23 to 517.
    pub fn preferred_mtu(&self) -> u16 {
        self.settings.mtu
    }

    /// Sets the ATT_MTU for exchanges to come.
    pub fn set_preferred_mtu(&mut self, mtu: u16) -> Result<()> {
        self.settings.set_preferred_mtu(mtu)
    }

    /// Advertising reports dropped because the script was busy with a command
    /// while the receive queue was full.
    pub fn dropped_reports(&self) -> u32 {
        self.settings.dropped_reports
    }

    /// PDUs, kept values, running procedures, links and channels: all zero
    /// when nothing is going on, or something leaks.
    pub fn in_use(&self) -> [usize; 3] {
        let links = self
            .links
            .all
            .iter()
            .filter(|link| link.state != LinkState::Free)
            .count();
        #[cfg(feature = "broken")]
        let [pdus, values] = self.broken.taken();
        #[cfg(not(feature = "broken"))]
        let [pdus, values] = [0; 2];
        [self.tx.blocks() - pdus, self.pool.blocks() - values, links]
    }

    /// The address that peers see, or our identity while it is hidden.
    pub fn address(&self) -> Address {
        match self.own_address_type() {
            0 => Address::public(self.controller.public_address),
            _ => Address::random(self.controller.random_address),
        }
    }

    /// Whether there is a link with this handle.
    pub fn is_connected(&self, conn: u16) -> bool {
        self.slot(conn).is_ok()
    }

    fn is_running(&self) -> Result<()> {
        if self.is_active() {
            Ok(())
        } else {
            Err(Error::Inactive)
        }
    }

    #[inline(always)]
    fn slot(&self, conn: u16) -> Result<usize> {
        self.short_slot(conn).map(usize::from)
    }

    /// As `slot`; a result that fits into one register.
    #[inline(never)]
    fn short_slot(&self, conn: u16) -> Result<u8> {
        self.is_running()?;
        match self.find_link(conn) {
            Some(slot) => Ok(slot as u8),
            None => Err(Error::NotConnected),
        }
    }

    /// The link in a slot.
    #[inline(never)]
    fn link(&self, slot: usize) -> &Link {
        &self.links[slot]
    }

    /// The slot of the link with a handle, if one is up.
    #[inline(never)]
    fn find_link(&self, handle: u16) -> Option<usize> {
        self.links.find(handle)
    }

    #[inline(never)]
    fn link_mut(&mut self, slot: usize) -> &mut Link {
        &mut self.links[slot]
    }

    /// Queues an event with its first value; see `Events::push`.
    #[inline(never)]
    fn push_event(&mut self, kind: u8, conn: u16, value: u16) -> &mut Record {
        self.events.push(kind, conn, value)
    }
}

/// How long what has arrived is taken before a peer is told to be late.
const LENIENT_MS: u32 = 5_000;

/// A packet that stopped in the middle for so long lost its rest.
const PARTIAL_MS: u32 = 3_000;
