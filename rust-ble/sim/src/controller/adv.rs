//! Advertising: legacy commands, and what both kinds of advertisers do on the air.

use super::hci::Returned;
use super::scan::Report;
use super::{array, u16_at, AirAddress, Style};
use crate::air::{Air, NodeId, Timer};
use crate::error::*;

/// Microseconds on LE 1M of a PDU with so many bytes of payload (Vol 6, Part B, 2.1).
pub(crate) const fn airtime_1m(len: usize) -> u64 {
    (10 + len as u64) * 8
}

/// Inter frame space.
pub(crate) const T_IFS: u64 = 150;

/// What kind of PDUs a set sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kind {
    pub connectable: bool,
    pub scannable: bool,
    pub directed: bool,
    pub high_duty: bool,
    pub legacy: bool,
}

/// One advertising set; the legacy commands have the one without a handle.
#[derive(Clone)]
pub(crate) struct AdvSet {
    pub handle: Option<u8>,
    /// Changes whenever advertising starts, so that old timers find nothing.
    pub serial: u64,
    pub enabled: bool,
    pub kind: Kind,
    /// Microseconds.
    pub interval: u64,
    pub channels: u8,
    pub own_type: u8,
    pub peer: (u8, [u8; 6]),
    /// Bit 0: scan requests, bit 1: connections from the accept list only.
    pub filter: u8,
    pub sid: u8,
    pub data: Vec<u8>,
    pub scan_response: Vec<u8>,
    pub random: Option<[u8; 6]>,
    /// Still building data from fragments: advertising data, scan response.
    pub unfinished: [bool; 2],
    /// When the advertising event that runs began.
    pub event_start: u64,
    pub events_left: Option<u8>,
    pub events_sent: u8,
}

impl AdvSet {
    pub fn new(handle: Option<u8>) -> Self {
        AdvSet {
            handle,
            serial: 0,
            enabled: false,
            kind: Kind {
                connectable: true,
                scannable: true,
                legacy: true,
                ..Kind::default()
            },
            interval: 1_280_000,
            channels: 7,
            own_type: 0,
            peer: (0, [0; 6]),
            filter: 0,
            sid: 0,
            data: Vec::new(),
            scan_response: Vec::new(),
            random: None,
            unfinished: [false; 2],
            event_start: 0,
            events_left: None,
            events_sent: 0,
        }
    }

    fn pdu_time(&self) -> u64 {
        match self.kind {
            Kind {
                legacy: true,
                directed: true,
                ..
            } => airtime_1m(12),
            Kind { legacy: true, .. } => airtime_1m(6 + self.data.len()),
            // ADV_EXT_IND with a pointer to the auxiliary packet.
            _ => airtime_1m(7),
        }
    }

    fn next_channel(&self, after: Option<u8>) -> Option<u8> {
        let first = after.map_or(0, |c| c + 1);
        (first..3).find(|c| self.channels >> c & 1 == 1)
    }
}

impl Air {
    /// The set of the legacy commands, made when first named.
    fn legacy_set(&mut self, n: NodeId) -> &mut AdvSet {
        let sets = &mut self.nodes[n].state.sets;
        let at = sets
            .iter()
            .position(|s| s.handle.is_none())
            .unwrap_or_else(|| {
                sets.push(AdvSet::new(None));
                sets.len() - 1
            });
        &mut sets[at]
    }

    pub(crate) fn set_advertising_parameters(&mut self, n: NodeId, p: &[u8]) -> Returned {
        self.style(n, Style::Legacy)?;
        let (min, max) = (u16_at(p, 0), u16_at(p, 2));
        let (kind, own_type, peer_type, channels, filter) = (p[4], p[5], p[6], p[13], p[14]);
        if self.legacy_set(n).enabled {
            return Err(COMMAND_DISALLOWED);
        }
        // The interval is not used by high duty cycle directed advertising.
        let range = 0x20..=0x4000;
        let interval_ok = range.contains(&min) && range.contains(&max) && min <= max;
        let ranges_ok = kind <= 4 && own_type <= 3 && peer_type <= 1 && filter <= 3;
        if !ranges_ok || channels & 7 == 0 || channels > 7 || kind != 1 && !interval_ok {
            return Err(INVALID_PARAMETERS);
        }
        let set = self.legacy_set(n);
        set.interval = u64::from(min) * 625;
        set.kind = Kind {
            connectable: matches!(kind, 0 | 1 | 4),
            scannable: matches!(kind, 0 | 2),
            directed: matches!(kind, 1 | 4),
            high_duty: kind == 1,
            legacy: true,
        };
        set.own_type = own_type;
        set.peer = (peer_type, array(p, 7));
        set.channels = channels;
        set.filter = if set.kind.directed { 0 } else { filter };
        Ok(vec![])
    }

    pub(crate) fn set_advertising_data(&mut self, n: NodeId, p: &[u8], scan: bool) -> Returned {
        self.style(n, Style::Legacy)?;
        let len = usize::from(p[0]);
        if len > 31 {
            return Err(INVALID_PARAMETERS);
        }
        let set = self.legacy_set(n);
        let data = if scan {
            &mut set.scan_response
        } else {
            &mut set.data
        };
        *data = p[1..1 + len].to_vec();
        Ok(vec![])
    }

    pub(crate) fn set_advertising_enable(&mut self, n: NodeId, p: &[u8]) -> Returned {
        self.style(n, Style::Legacy)?;
        if p[0] > 1 {
            return Err(INVALID_PARAMETERS);
        }
        if p[0] == 0 {
            self.legacy_set(n).enabled = false;
            return Ok(vec![]);
        }
        let set = self.legacy_set(n).clone();
        if self.own_address(n, set.own_type, set.peer, None).is_none() {
            return Err(INVALID_PARAMETERS);
        }
        let full = self.nodes[n].state.handles.len() >= self.nodes[n].config.max_links;
        if set.kind.connectable && full {
            return Err(CONNECTION_LIMIT_EXCEEDED);
        }
        if !set.enabled {
            self.start_advertising(n, None);
        }
        Ok(vec![])
    }

    /// Begins with the first advertising event of a set.
    pub(crate) fn start_advertising(&mut self, n: NodeId, handle: Option<u8>) -> u64 {
        let serial = self.new_serial();
        let start = self.now + self.rng.below(1000);
        let sets = &mut self.nodes[n].state.sets;
        let Some(set) = sets.iter_mut().find(|s| s.handle == handle) else {
            return 0;
        };
        set.enabled = true;
        set.serial = serial;
        set.event_start = start;
        set.events_sent = 0;
        let first = set.next_channel(None).unwrap_or(0);
        let (end, high_duty) = (start + set.pdu_time(), set.kind.high_duty);
        self.at(end, Timer::Advertise(n, serial, first));
        if high_duty {
            self.at(start + 1_280_000, Timer::AdvertiseEnd(n, serial));
        }
        serial
    }

    /// An advertising PDU has just ended on a channel.
    pub(crate) fn advertised(&mut self, n: NodeId, serial: u64, channel: u8) {
        let Some(set) = self.set_of(n, serial).cloned() else {
            return;
        };
        if !self.nodes[n].on {
            return;
        }
        let Some(from) = self.own_address(n, set.own_type, set.peer, set.random) else {
            return;
        };
        let span = (self.now - set.pdu_time(), self.now);
        for r in 0..self.nodes.len() {
            if r == n || !self.nodes[r].on {
                continue;
            }
            let state = &self.nodes[r].state;
            let hears = set.kind.legacy || state.style == Style::Extended;
            let wants = |listens: bool| listens && hears;
            let initiates = state.initiating.as_ref();
            let initiates = initiates.is_some_and(|i| i.window.listens(span, channel));
            let scans = state.scan.enabled && state.scan.window.listens(span, channel);
            if wants(initiates)
                && set.kind.connectable
                && !self.is_lost()
                && self.try_connect(r, n, &set, from)
            {
                return;
            }
            if wants(scans) && !self.is_lost() {
                self.scanned(r, n, &set, from);
            }
        }
        self.schedule_next_pdu(n, serial, channel);
    }

    /// A scanner has received an advertising PDU.
    fn scanned(&mut self, r: NodeId, n: NodeId, set: &AdvSet, from: AirAddress) {
        let Some(peer) = self.identify(r, from) else {
            return;
        };
        let scan = &self.nodes[r].state.scan;
        if scan.filter & 1 == 1 && !self.accepts(r, &peer) {
            return;
        }
        if set.kind.directed && !self.is_own(r, set.peer.0, set.peer.1) {
            return;
        }
        let active = self.nodes[r].state.scan.active;
        let rssi = self.rssi(r, n);
        let report = Report {
            peer,
            set,
            scan_response: false,
            rssi,
        };
        if set.kind.legacy || !set.kind.scannable {
            self.report(r, report);
        }
        if !active || !set.kind.scannable {
            return;
        }
        // SCAN_REQ and SCAN_RSP can be lost as well.
        let Some(scanner) = self.scanner_address(r, &peer) else {
            return;
        };
        let Some(who) = self.identify(n, scanner) else {
            return;
        };
        let allowed = set.filter & 1 == 0 || self.accepts(n, &who);
        if allowed && !self.is_lost() && !self.is_lost() {
            self.report(
                r,
                Report {
                    peer,
                    set,
                    scan_response: true,
                    rssi,
                },
            );
        }
    }

    fn schedule_next_pdu(&mut self, n: NodeId, serial: u64, channel: u8) {
        let (now, delay) = (self.now, self.rng.below(10_000));
        let Some(set) = self.set_of(n, serial) else {
            return;
        };
        let time = set.pdu_time();
        let (due, channel) = match set.next_channel(Some(channel)) {
            // Room for a request and its response.
            Some(next) => (now + 500 + time, next),
            None => {
                set.events_sent = set.events_sent.saturating_add(1);
                if set.events_left == Some(set.events_sent) {
                    self.at(now, Timer::AdvertiseEnd(n, serial));
                    return;
                }
                set.event_start += match set.kind.high_duty {
                    true => 3_750,
                    false => set.interval + delay,
                };
                let first = set.next_channel(None).unwrap_or(0);
                (set.event_start.max(now) + time, first)
            }
        };
        self.at(due, Timer::Advertise(n, serial, channel));
    }

    /// The enabled set that a timer means.
    fn set_of(&mut self, n: NodeId, serial: u64) -> Option<&mut AdvSet> {
        let sets = &mut self.nodes[n].state.sets;
        sets.iter_mut().find(|s| s.serial == serial && s.enabled)
    }

    /// Advertising has come to its time or count limit.
    pub(crate) fn advertising_ends(&mut self, n: NodeId, serial: u64) {
        let Some(set) = self.set_of(n, serial) else {
            return;
        };
        set.enabled = false;
        let (handle, high_duty) = (set.handle, set.kind.high_duty);
        let (limited, sent) = (set.events_left.is_some(), set.events_sent);
        if high_duty {
            self.connection_failed(n, ADVERTISING_TIMEOUT, 1);
        }
        if let Some(handle) = handle {
            let by_count = limited && self.nodes[n].on && sent > 0;
            let status = if by_count {
                LIMIT_REACHED
            } else {
                ADVERTISING_TIMEOUT
            };
            self.le_event(n, 0x12, &[status, handle, 0, 0, sent]);
        }
    }
}
