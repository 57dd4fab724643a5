//! Advertising, scanning and connecting, as the script asks for them.

use super::operation::{Operation, Step};
use super::startup::Support;
use super::{Host, State};
use crate::addr::Address;
use crate::config::MAX_BONDS;
use crate::error::{Error, Result};
use crate::event::{BLE_IRQ_PERIPHERAL_DISCONNECT, NO_CONN};
use crate::gap::{
    units, AddressMode, AdvData, Advertising, Initiating, Scan, INTERVAL_US, SLOT_US,
};
use crate::hci::command::TIMEOUT_MS;
use crate::smp::bonds::{non_resolvable_address, resolvable_address, Identity};
use crate::time::Instant;
use crate::wire::hci::{opcode, status};
use crate::wire::{first, Writer};

/// Whether a scan's end is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScanDone {
    /// After so many packets: the reports that were received before it ended.
    packets: u16,
    /// So many scans have ended.
    scans: u8,
}

impl ScanDone {
    pub(super) const NO: ScanDone = ScanDone {
        packets: 0,
        scans: 0,
    };
}

/// One command of a sequence, with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    AdvertisingOff,
    AdvertisingOn,
    AdvertisingParameters,
    AdvertisingData,
    ScanResponse,
    ScanOff,
    ScanOn,
    ScanParameters,
    Connect,
    /// After a Command Disallowed while scanning.
    ConnectAgain,
    Cancel,
    RandomAddress,
    ListOff,
    ListOn,
    ListClear,
    /// Several commands: `resolving_step`.
    ListPeers,
}

// `Engine::list_step` counts two commands of each peer.
const _: () = assert!(MAX_BONDS < 128);

/// Their opcodes, in the order of `Act`.
const OPCODES: [u16; 16] = [
    opcode::LE_SET_ADVERTISING_ENABLE,
    opcode::LE_SET_ADVERTISING_ENABLE,
    opcode::LE_SET_ADVERTISING_PARAMETERS,
    opcode::LE_SET_ADVERTISING_DATA,
    opcode::LE_SET_SCAN_RESPONSE_DATA,
    opcode::LE_SET_SCAN_ENABLE,
    opcode::LE_SET_SCAN_ENABLE,
    opcode::LE_SET_SCAN_PARAMETERS,
    opcode::LE_CREATE_CONNECTION,
    opcode::LE_CREATE_CONNECTION,
    opcode::LE_CREATE_CONNECTION_CANCEL,
    opcode::LE_SET_RANDOM_ADDRESS,
    opcode::LE_SET_ADDRESS_RESOLUTION_ENABLE,
    opcode::LE_SET_ADDRESS_RESOLUTION_ENABLE,
    opcode::LE_CLEAR_RESOLVING_LIST,
    opcode::LE_ADD_TO_RESOLVING_LIST,
];

/// When a step of a sequence is not left out.
#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    Advertising,
    Scanning,
    /// Without it the sequence is over.
    Connecting,
    Resolving,
}

/// Off first, also when it is off as far as we know.
const ADVERTISE: [(When, Act); 5] = [
    (When::Always, Act::AdvertisingOff),
    (When::Always, Act::AdvertisingParameters),
    (When::Always, Act::AdvertisingData),
    (When::Always, Act::ScanResponse),
    (When::Always, Act::AdvertisingOn),
];

const SCAN: [(When, Act); 3] = [
    (When::Scanning, Act::ScanOff),
    (When::Always, Act::ScanParameters),
    (When::Always, Act::ScanOn),
];

const STOP_SCAN: [(When, Act); 1] = [(When::Always, Act::ScanOff)];

const CONNECT: [(When, Act); 3] = [
    (When::Connecting, Act::Connect),
    (When::Connecting, Act::ScanOff),
    (When::Connecting, Act::ConnectAgain),
];

const CANCEL: [(When, Act); 1] = [(When::Connecting, Act::Cancel)];

/// Address and resolving list may only change while nothing uses them
/// (Vol 4, Part E, 7.8.4 and 7.8.38).
const REFRESH: [(When, Act); 11] = [
    (When::Advertising, Act::AdvertisingOff),
    (When::Scanning, Act::ScanOff),
    (When::Always, Act::RandomAddress),
    (When::Resolving, Act::ListOff),
    (When::Resolving, Act::ListClear),
    (When::Resolving, Act::ListPeers),
    (When::Resolving, Act::ListOn),
    (When::Advertising, Act::AdvertisingParameters),
    (When::Advertising, Act::AdvertisingOn),
    (When::Scanning, Act::ScanParameters),
    (When::Scanning, Act::ScanOn),
];

/// Give up connecting after this time if the script names none, in ms.
const DEFAULT_CONNECT_MS: u32 = 2_000;

/// What cannot be done because an operation is running is tried again.
const SOON_MS: u32 = 10;

impl Host {
    /// Starts advertising or restarts it with other values: an operation.
    ///
    /// `interval_us` is 20 ms to 10.24 s. `None` keeps earlier data.
    pub fn advertise(
        &mut self,
        now: Instant,
        connectable: bool,
        interval_us: u32,
        data: Option<&[u8]>,
        response: Option<&[u8]>,
    ) -> Result<()> {
        self.now = now;
        self.is_running()?;
        let Some(interval) = units(interval_us, SLOT_US, 0x20, 0x4000) else {
            return Err(Error::Invalid);
        };
        AdvData::check(data)?;
        AdvData::check(response)?;
        self.may_begin()?;
        self.ask_for_secrets(false);
        let adv = &mut self.advertising;
        (adv.interval, adv.connectable) = (interval, connectable);
        adv.data.set(data);
        adv.response.set(response);
        self.begin(Operation::Advertise)
    }

    /// Stops advertising: an operation. Nothing to do if it is off.
    pub fn stop_advertising(&mut self, now: Instant) -> Result<()> {
        self.now = now;
        self.is_running()?;
        self.begin(Operation::StopAdvertising)
    }

    /// Scans for `duration_ms`, or until stopped if zero: an operation.
    ///
    /// Interval and window are 2.5 ms to 10.24 s, the window not longer than
    /// the interval. A scan that runs goes on with the new values.
    pub fn start_scan(
        &mut self,
        now: Instant,
        duration_ms: u32,
        interval_us: u32,
        window_us: u32,
        active: bool,
    ) -> Result<()> {
        self.now = now;
        self.is_running()?;
        let Some(interval) = units(interval_us, SLOT_US, 4, 0x4000) else {
            return Err(Error::Invalid);
        };
        let Some(window) = units(window_us, SLOT_US, 4, interval) else {
            return Err(Error::Invalid);
        };
        if duration_ms >= 1 << 31 {
            return Err(Error::Invalid);
        }
        self.may_begin()?;
        self.ask_for_secrets(false);
        let until = (duration_ms > 0).then(|| now.after(duration_ms));
        self.scan = Scan {
            on: self.scan.on,
            until,
            active,
            interval,
            window,
        };
        self.begin(Operation::Scan)
    }

    /// Stops scanning: an operation; `ScanDone` follows the reports that were
    /// received. Nothing to do if it is off.
    pub fn stop_scan(&mut self, now: Instant) -> Result<()> {
        self.now = now;
        self.is_running()?;
        self.begin(Operation::StopScan)
    }

    /// Starts to connect: an operation, after which the attempt runs until
    /// `Connected` or `ConnectFailed`.
    ///
    /// Intervals are in us, zero for the default of 30 to 50 ms.
    pub fn connect(
        &mut self,
        now: Instant,
        peer: Address,
        duration_ms: u32,
        min_interval_us: u32,
        max_interval_us: u32,
    ) -> Result<()> {
        self.now = now;
        self.is_running()?;
        // Zero for none that a controller takes.
        let intervals = |us: u32, default: u16| match us {
            0 => default,
            us => units(us, INTERVAL_US, 6, 3200).unwrap_or(0),
        };
        let min = intervals(min_interval_us, intervals(max_interval_us, 24).min(24));
        let max = intervals(max_interval_us, min.max(40));
        if min == 0 || min > max || duration_ms >= 1 << 31 {
            return Err(Error::Invalid);
        }
        if self.initiating.is_some() {
            return Err(Error::Already);
        }
        if self.links.vacancy(0).is_none() {
            return Err(Error::NoMemory);
        }
        self.may_begin()?;
        self.ask_for_secrets(false);
        let until = now.after(if duration_ms == 0 {
            DEFAULT_CONNECT_MS
        } else {
            duration_ms
        });
        self.initiating = Some(Initiating {
            peer,
            until,
            cancelled: false,
            intervals: (min, max),
        });
        self.begin(Operation::Connect)
    }

    /// Gives up connecting: an operation; `ConnectFailed` follows.
    /// `NotFound` when there is nothing to give up.
    pub fn cancel_connect(&mut self, now: Instant) -> Result<()> {
        self.now = now;
        self.is_running()?;
        if self.initiating.is_none() {
            return Err(Error::NotFound);
        }
        self.begin(Operation::Cancel)
    }

    /// How our address is made from now on. While the host is active the new
    /// address is set at once: an operation.
    pub fn set_address_mode(&mut self, now: Instant, mode: AddressMode) -> Result<()> {
        self.now = now;
        let old = core::mem::replace(&mut self.settings.mode, mode);
        if self.is_active() {
            if let Err(error) = self.begin(Operation::Refresh) {
                self.settings.mode = old;
                return Err(error);
            }
            self.refresh_at = self.next_refresh();
        }
        Ok(())
    }

    /// How our address is made.
    pub fn address_mode(&self) -> AddressMode {
        self.settings.mode
    }

    /// When a private address is to be replaced.
    #[inline(never)]
    fn next_refresh(&self) -> Option<Instant> {
        let private = matches!(
            self.settings.mode,
            AddressMode::Resolvable | AddressMode::NonResolvable
        );
        private.then(|| self.now.after(self.settings.options.rpa_timeout_ms))
    }

    /// Own_Address_Type of commands: 0 public, 1 random; with a resolving
    /// list 3 lets the controller make the address for peers in it, and use
    /// the random one for all others.
    pub(super) fn own_address_type(&self) -> u8 {
        match self.settings.mode {
            AddressMode::Public if self.controller.public_address != [0; 6] => 0,
            AddressMode::Resolvable if self.uses_resolving_list() => 3,
            _ => 1,
        }
    }

    #[inline(never)]
    pub(super) fn uses_resolving_list(&self) -> bool {
        self.controller.support.contains(Support::PRIVACY) && self.controller.resolving_list > 0
    }

    /// A random address as the mode asks for.
    pub(super) fn new_random_address(&mut self) -> [u8; 6] {
        match self.settings.mode {
            AddressMode::Resolvable => {
                resolvable_address(&self.settings.own.irk, &mut self.settings.rng).bytes
            }
            AddressMode::NonResolvable => non_resolvable_address(&mut self.settings.rng).bytes,
            AddressMode::Public | AddressMode::Static => {
                if self.settings.own.address == [0; 6] {
                    self.settings.own = crate::smp::OwnIdentity::new(&mut self.settings.rng);
                }
                self.settings.own.address
            }
        }
    }

    /// The address that identifies us, given to bonded peers.
    pub(super) fn identity_address(&self) -> Address {
        match self.settings.mode {
            AddressMode::Static => Address::random(self.settings.own.address),
            _ if self.controller.public_address == [0; 6] => {
                Address::random(self.settings.own.address)
            }
            _ => Address::public(self.controller.public_address),
        }
    }

    /// Scanning ends because its time is over.
    pub(super) fn stop_scan_by_itself(&mut self) {
        if !self.begin_in_background(Operation::StopScan) {
            // Another operation is running: soon.
            self.scan.until = Some(self.now.after(SOON_MS));
        }
    }

    /// Connecting ends because its time is over; or the controller did not
    /// tell how it ended after it was cancelled.
    pub(super) fn connect_timed_out(&mut self) {
        let cancelled = self
            .initiating
            .is_some_and(|initiating| initiating.cancelled);
        if cancelled && self.rx.is_empty() {
            return self.connect_failed();
        }
        if cancelled || !self.begin_in_background(Operation::Cancel) {
            if let Some(initiating) = &mut self.initiating {
                initiating.until = self.now.after(SOON_MS);
            }
        }
    }

    /// Sets our address and the controller's resolving list anew, or soon if
    /// something is in the way.
    pub(super) fn refresh(&mut self) {
        if !self.is_refresh_needed() {
            self.refresh_at = None;
            return;
        }
        let begun = self.initiating.is_none() && self.begin_in_background(Operation::Refresh);
        self.refresh_at = if begun {
            self.next_refresh()
        } else {
            Some(self.now.after(100))
        };
    }

    /// Whether the controller's address or resolving list would be another
    /// than it is. To set them advertising pauses, which is not for nothing.
    fn is_refresh_needed(&self) -> bool {
        let has_irk = |peer: &Identity| peer.irk.is_some();
        self.next_refresh().is_some()
            || self.controller.random_address != self.settings.own.address
            || self.uses_resolving_list()
                && (self.controller.list_used || self.smp.identities.peers().iter().any(has_irk))
    }

    /// Whether the controller knows a bonded peer, or need not.
    pub(super) fn in_resolving_list(&self, peer: &Address) -> bool {
        !self.uses_resolving_list()
            || self
                .smp
                .identities
                .find(peer)
                .is_none_or(|peer| peer.irk.is_none() || peer.listed)
    }

    /// The next command that puts the bonded peers into the resolving list: two
    /// of each peer (Vol 4, Part E, 7.8.38 and 7.8.77). Its opcode; zero to leave
    /// it out; `None` when all are in.
    fn resolving_step(&mut self, w: &mut Writer) -> Option<u16> {
        let step = self.operation.list_step;
        let index = step as usize / 2;
        if index >= self.controller.resolving_list as usize {
            return None;
        }
        let peer = self.smp.identities.peers_mut().get_mut(index)?;
        self.operation.list_step += 1;
        let Some(irk) = &peer.irk else {
            return Some(0);
        };
        w.u8(peer.address.kind as u8).bytes(&peer.address.bytes);
        if step % 2 == 0 {
            peer.listed = true;
            self.controller.list_used = true;
            let own = match self.settings.mode {
                AddressMode::Resolvable => &self.settings.own.irk,
                _ => &[0; 16],
            };
            w.bytes(irk).bytes(own);
            return Some(opcode::LE_ADD_TO_RESOLVING_LIST);
        }
        if !self.controller.support.contains(Support::PRIVACY_MODE) {
            return Some(0);
        }
        // Device privacy: the peer may also come with its identity address.
        w.u8(1);
        Some(opcode::LE_SET_PRIVACY_MODE)
    }

    #[inline(never)]
    pub(super) fn gap_step(&mut self) -> Step {
        let steps: &[(When, Act)] = match self.operation.running {
            Operation::Advertise => &ADVERTISE,
            Operation::StopAdvertising => &ADVERTISE[..1],
            Operation::Scan => &SCAN,
            Operation::StopScan => &STOP_SCAN,
            Operation::Connect => &CONNECT,
            Operation::Cancel => &CANCEL,
            _ => &REFRESH,
        };
        let Some(&(when, act)) = steps.get(self.operation.step as usize) else {
            return Step::Done;
        };
        let wanted = match when {
            When::Always => true,
            When::Advertising => self.advertising.on,
            When::Scanning => self.scan.on,
            When::Connecting => match self.initiating {
                Some(_) => true,
                None => return Step::Done,
            },
            When::Resolving => self.uses_resolving_list(),
        };
        if !wanted {
            return Step::Skip;
        }
        let own = self.own_address_type();
        let mut opcode = OPCODES[act as usize];
        let mut params = [0; 39];
        let mut w = Writer::new(&mut params);
        match act {
            Act::AdvertisingOff | Act::ListOff => {
                w.u8(0);
            }
            Act::AdvertisingOn | Act::ListOn => {
                w.u8(1);
            }
            Act::ScanOff => {
                w.u16(0);
            }
            Act::ScanOn => {
                w.u16(1);
            }
            Act::AdvertisingParameters => {
                self.advertising.emit(own, &mut w);
            }
            Act::AdvertisingData => {
                w.bytes(&self.advertising.data.0);
            }
            Act::ScanResponse => {
                w.bytes(&self.advertising.response.0);
            }
            Act::ScanParameters => {
                self.scan.emit(own, &mut w);
            }
            Act::Connect | Act::ConnectAgain => {
                if act == Act::ConnectAgain {
                    self.scan_ended();
                }
                if let Some(initiating) = &self.initiating {
                    let (peer, kind) = self.connectable_address(&initiating.peer);
                    initiating.emit(&peer, kind, own, &mut w);
                }
            }
            Act::Cancel => {
                if let Some(initiating) = &mut self.initiating {
                    initiating.cancelled = true;
                    initiating.until = self.now.after(TIMEOUT_MS);
                }
            }
            Act::RandomAddress => {
                let address = self.new_random_address();
                if self.controller.random_address == address {
                    return Step::Skip;
                }
                self.controller.random_address = address;
                w.bytes(&address);
            }
            Act::ListClear => {
                self.controller.list_used = false;
                self.operation.list_step = 0;
            }
            Act::ListPeers => {
                let Some(next) = self.resolving_step(&mut w) else {
                    return Step::Skip;
                };
                // This step once more.
                self.operation.step -= 1;
                if next == 0 {
                    return Step::Skip;
                }
                opcode = next;
            }
        }
        let len = w.len();
        self.send(opcode, first(&params, len))
    }

    /// The address to send a connection request to, and its type: a bonded
    /// peer is found behind its private addresses by the controller, or by
    /// the one in which it was heard last. A controller that resolves compares
    /// identities, so it is also asked for that when the script has a private
    /// address of the peer.
    fn connectable_address(&self, asked: &Address) -> ([u8; 6], u8) {
        let peer = self.smp.identities.resolve(asked);
        let (mut bytes, mut kind) = (peer.bytes, peer.kind as u8);
        if let Some(known) = self.smp.identities.find(&peer) {
            if known.irk.is_some() && self.uses_resolving_list() && known.listed {
                if !self.controller.support.contains(Support::PRIVACY_MODE) {
                    kind |= 2;
                }
            } else if peer != *asked {
                (bytes, kind) = (asked.bytes, asked.kind as u8);
            } else if let Some(heard) = known.heard {
                (bytes, kind) = (heard, 1);
            }
        }
        (bytes, kind)
    }

    pub(super) fn gap_answered(&mut self, result: u8) {
        let (operation, step) = (self.operation.running, self.operation.step);
        let tolerated = match (operation, step) {
            // What is off cannot be switched off; some controllers say so.
            (Operation::Advertise | Operation::StopAdvertising, 0) => true,
            (Operation::Scan | Operation::StopScan, 0) => true,
            (Operation::Refresh, _) => true,
            // The link came first: its event is on the way.
            (Operation::Cancel, 0) => result == status::COMMAND_DISALLOWED,
            (Operation::Connect, 0) => result == status::COMMAND_DISALLOWED && self.scan.on,
            _ => false,
        };
        if result != status::SUCCESS && !tolerated {
            return self.finish_operation(Err(Error::Controller(result)));
        }
        match (operation, step) {
            (Operation::Connect, 0 | 2) if result == status::SUCCESS => {
                return self.finish_operation(Ok(()))
            }
            (Operation::Advertise, 0) => self.advertising.on = false,
            (Operation::Advertise, 4) => self.advertising.on = true,
            (Operation::Scan, 2) => self.scan.on = true,
            _ => {}
        }
        self.advance();
    }

    /// A sequence of GAP commands is over.
    pub(super) fn gap_finished(&mut self, operation: Operation, result: Result<()>) {
        match operation {
            Operation::StopAdvertising => self.advertising.on = false,
            Operation::StopScan => self.scan_ended(),
            Operation::Scan if result.is_err() => self.scan_ended(),
            Operation::Connect if result.is_err() => self.initiating = None,
            Operation::Cancel if result.is_err() => self.connect_failed(),
            _ => {}
        }
    }

    /// Scanning is over: it is told when the reports received so far are.
    #[inline(never)]
    pub(super) fn scan_ended(&mut self) {
        if self.scan.on {
            self.scan.on = false;
            self.scan_done = ScanDone {
                packets: self.rx.len() as u16,
                scans: self.scan_done.scans.saturating_add(1),
            };
        }
    }

    /// Whether `ScanDone` is to be told now.
    pub(super) fn take_scan_done(&mut self) -> bool {
        let due = self.scan_done.packets == 0 && self.scan_done.scans > 0;
        self.scan_done.scans -= due as u8;
        due
    }

    /// A packet left the receive queue.
    pub(super) fn pop_packet(&mut self) {
        self.rx.pop();
        self.scan_done.packets = self.scan_done.packets.saturating_sub(1);
    }

    /// An attempt to connect ended without a link.
    pub(super) fn connect_failed(&mut self) {
        if let Some(initiating) = self.initiating.take() {
            self.push_event(BLE_IRQ_PERIPHERAL_DISCONNECT, NO_CONN, 0)
                .set_peer(&initiating.peer);
        }
    }

    /// The controller or transport is gone.
    pub(super) fn fail(&mut self) {
        if matches!(self.state, State::Off | State::Failed) {
            return;
        }
        let was_active = self.state == State::Active;
        if was_active {
            self.state = State::Failed;
        }
        self.commands.clear();
        if self.operation.is_running() {
            self.finish_operation(Err(Error::Controller(status::HARDWARE_FAILURE)));
        }
        if !was_active {
            return;
        }
        for slot in 0..self.links.all.len() {
            self.link_lost(slot);
        }
        self.connect_failed();
        self.scan_ended();
        self.advertising.on = false;
        self.refresh_at = None;
    }

    /// The controller reports a hardware error. What it says before it has
    /// been reset may stem from another life.
    pub(super) fn hardware_error(&mut self) {
        if self.state != State::Starting || self.operation.step > 0 {
            self.fail();
        }
    }

    pub(super) fn reset_gap(&mut self) {
        self.advertising = Advertising::new();
        self.scan = Scan::new();
        self.scan_done = ScanDone::NO;
        self.initiating = None;
        self.refresh_at = None;
    }
}
