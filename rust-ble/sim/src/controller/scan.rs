//! Scanning: commands, when a scanner listens, and advertising reports.

use std::collections::HashSet;

use super::adv::AdvSet;
use super::hci::Returned;
use super::privacy::Peer;
use super::{u16_at, AirAddress, Style};
use crate::air::{Air, NodeId, Timer};
use crate::error::*;

/// When and where a receiver listens: a window in each interval, the advertising
/// channel changing with the interval (Vol 6, Part B, 4.4.3).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// Microseconds, all.
    pub start: u64,
    pub interval: u64,
    pub window: u64,
}

impl Window {
    /// Whether a packet that spans this time on a channel (0 to 2) is heard whole.
    pub fn listens(&self, (from, to): (u64, u64), channel: u8) -> bool {
        if from < self.start || self.interval == 0 {
            return false;
        }
        let round = (from - self.start) / self.interval;
        let at = (from - self.start) % self.interval;
        round % 3 == u64::from(channel) && at + (to - from) <= self.window
    }
}

#[derive(Default)]
pub(crate) struct Scanning {
    pub enabled: bool,
    pub serial: u64,
    pub window: Window,
    pub active: bool,
    pub own_type: u8,
    pub filter: u8,
    params_set: bool,
    filter_duplicates: u8,
    seen: HashSet<(bool, u8, [u8; 6], u8)>,
    /// Extended scanning: microseconds of a period, after which it starts again.
    period: u64,
}

/// What a scanner has received.
pub(crate) struct Report<'a> {
    pub peer: Peer,
    pub set: &'a AdvSet,
    pub scan_response: bool,
    pub rssi: i8,
}

/// Time unit of scan intervals and windows.
const UNIT: u64 = 625;

impl Air {
    pub(crate) fn set_scan_parameters(&mut self, n: NodeId, p: &[u8]) -> Returned {
        self.style(n, Style::Legacy)?;
        let (interval, window) = (u16_at(p, 1), u16_at(p, 3));
        let (kind, own_type, filter) = (p[0], p[5], p[6]);
        let scan = &mut self.nodes[n].state.scan;
        if scan.enabled {
            return Err(COMMAND_DISALLOWED);
        }
        let range = 4..=0x4000;
        let times_ok = range.contains(&interval) && range.contains(&window) && window <= interval;
        if !times_ok || kind > 1 || own_type > 3 || filter > 3 {
            return Err(INVALID_PARAMETERS);
        }
        scan.params_set = true;
        scan.active = kind == 1;
        scan.window.interval = u64::from(interval) * UNIT;
        scan.window.window = u64::from(window) * UNIT;
        scan.own_type = own_type;
        scan.filter = filter;
        Ok(vec![])
    }

    pub(crate) fn set_scan_enable(&mut self, n: NodeId, p: &[u8]) -> Returned {
        self.style(n, Style::Legacy)?;
        if p[0] > 1 || p[1] > 1 {
            return Err(INVALID_PARAMETERS);
        }
        if p[0] == 0 {
            // Disabling what is disabled has no effect.
            self.nodes[n].state.scan.enabled = false;
            return Ok(vec![]);
        }
        let scan = &mut self.nodes[n].state.scan;
        if !scan.params_set {
            // The defaults of LE Set Scan Parameters.
            scan.window = Window {
                start: 0,
                interval: 16 * UNIT,
                window: 16 * UNIT,
            };
        }
        self.start_scan(n, p[1])
    }

    /// Enables scanning, or only changes the filter when it is enabled already.
    pub(crate) fn start_scan(&mut self, n: NodeId, filter_duplicates: u8) -> Returned {
        let own_type = self.nodes[n].state.scan.own_type;
        if self
            .own_address(n, own_type, (0xff, [0; 6]), None)
            .is_none()
        {
            return Err(INVALID_PARAMETERS);
        }
        let serial = self.new_serial();
        let now = self.now;
        let scan = &mut self.nodes[n].state.scan;
        if !scan.enabled {
            scan.window.start = now;
        }
        scan.enabled = true;
        scan.serial = serial;
        scan.filter_duplicates = filter_duplicates;
        scan.seen.clear();
        Ok(vec![])
    }

    pub(crate) fn set_extended_scan_parameters(&mut self, n: NodeId, p: &[u8]) -> Returned {
        self.style(n, Style::Extended)?;
        if self.nodes[n].state.scan.enabled {
            return Err(COMMAND_DISALLOWED);
        }
        let (own_type, filter, phys) = (p[0], p[1], p[2]);
        if own_type > 3 || filter > 3 || phys & 5 == 0 {
            return Err(INVALID_PARAMETERS);
        }
        if p.len() != 3 + 5 * phys.count_ones() as usize {
            return Err(INVALID_PARAMETERS);
        }
        if phys != 1 {
            return Err(UNSUPPORTED_FEATURE);
        }
        let (kind, interval, window) = (p[3], u16_at(p, 4), u16_at(p, 6));
        if kind > 1 || interval < 4 || window < 4 || window > interval {
            return Err(INVALID_PARAMETERS);
        }
        let scan = &mut self.nodes[n].state.scan;
        scan.params_set = true;
        scan.active = kind == 1;
        scan.window.interval = u64::from(interval) * UNIT;
        scan.window.window = u64::from(window) * UNIT;
        scan.own_type = own_type;
        scan.filter = filter;
        Ok(vec![])
    }

    pub(crate) fn set_extended_scan_enable(&mut self, n: NodeId, p: &[u8]) -> Returned {
        self.style(n, Style::Extended)?;
        let (enable, filter) = (p[0], p[1]);
        let duration = u64::from(u16_at(p, 2)) * 10_000;
        let period = u64::from(u16_at(p, 4)) * 1_280_000;
        if enable > 1 || filter > 2 || enable == 1 && filter == 2 && period == 0 {
            return Err(INVALID_PARAMETERS);
        }
        if enable == 0 {
            self.nodes[n].state.scan.enabled = false;
            return Ok(vec![]);
        }
        if period != 0 && duration >= period {
            return Err(INVALID_PARAMETERS);
        }
        let scan = &mut self.nodes[n].state.scan;
        if !scan.params_set {
            scan.window = Window {
                start: 0,
                interval: 16 * UNIT,
                window: 16 * UNIT,
            };
        }
        self.start_scan(n, filter)?;
        let serial = self.nodes[n].state.scan.serial;
        self.nodes[n].state.scan.period = if duration == 0 { 0 } else { period };
        if duration != 0 {
            self.at(self.now + duration, Timer::ScanEnd(n, serial));
        }
        Ok(vec![])
    }

    /// A duration of extended scanning is over. Scanning with a period goes on: the
    /// pause between duration and period is not simulated.
    pub(crate) fn scan_ends(&mut self, n: NodeId, serial: u64) {
        let now = self.now;
        let scan = &mut self.nodes[n].state.scan;
        if !scan.enabled || scan.serial != serial {
            return;
        }
        if scan.period != 0 {
            if scan.filter_duplicates == 2 {
                scan.seen.clear();
            }
            let due = now + scan.period;
            self.at(due, Timer::ScanEnd(n, serial));
            return;
        }
        scan.enabled = false;
        self.le_event(n, 0x11, &[]);
    }

    /// The address that a scanner puts into its scan requests.
    pub(crate) fn scanner_address(&mut self, n: NodeId, peer: &Peer) -> Option<AirAddress> {
        let own_type = self.nodes[n].state.scan.own_type;
        self.own_address(n, own_type, peer.identity(), None)
    }

    /// Tells the host of a received advertising or scan response PDU.
    pub(crate) fn report(&mut self, n: NodeId, report: Report) {
        let Report {
            peer,
            set,
            scan_response,
            rssi,
        } = report;
        let scan = &mut self.nodes[n].state.scan;
        if scan.filter_duplicates != 0
            && !scan
                .seen
                .insert((scan_response, peer.kind, peer.address, set.sid))
        {
            return;
        }
        if self.nodes[n].state.style == Style::Extended {
            self.extended_report(
                n,
                Report {
                    peer,
                    set,
                    scan_response,
                    rssi,
                },
            );
            return;
        }
        let kind = match set.kind {
            _ if scan_response => 4,
            k if k.directed => 1,
            k if k.connectable => 0,
            k if k.scannable => 2,
            _ => 3,
        };
        let data = match set.kind.directed {
            true => &[][..],
            false if scan_response => &set.scan_response,
            false => &set.data,
        };
        let mut event = vec![1, kind, peer.kind];
        event.extend_from_slice(&peer.address);
        event.push(data.len() as u8);
        event.extend_from_slice(data);
        event.push(rssi as u8);
        self.report_event(n, 0x02, &event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanner_hears_only_its_window_and_channel() {
        let window = Window {
            start: 1000,
            interval: 10_000,
            window: 5_000,
        };
        assert!(!window.listens((0, 500), 0));
        assert!(window.listens((1000, 1376), 0));
        assert!(!window.listens((1000, 1376), 1));
        assert!(window.listens((11_000, 11_376), 1));
        assert!(window.listens((21_000, 21_376), 2));
        assert!(window.listens((31_000, 31_376), 0));
        assert!(!window.listens((5_800, 6_176), 0));
        assert!(!window.listens((7_000, 7_376), 0));
    }
}
