//! Extended advertising commands and reports (Vol 4, Part E, 7.8.52 and following).

use super::adv::{AdvSet, Kind};
use super::hci::Returned;
use super::scan::Report;
use super::{array, u16_at, Style};
use crate::air::{Air, NodeId, Timer};
use crate::error::*;

impl Air {
    pub(crate) fn extended_advertising_command(
        &mut self,
        n: NodeId,
        opcode: u16,
        p: &[u8],
    ) -> Returned {
        self.style(n, Style::Extended)?;
        match opcode {
            0x2036 => self.set_extended_parameters(n, p),
            0x2037 => self.set_extended_data(n, p, false),
            0x2038 => self.set_extended_data(n, p, true),
            0x2039 => self.extended_enable(n, p),
            0x203a => Ok((self.nodes[n].config.max_adv_data as u16)
                .to_le_bytes()
                .to_vec()),
            0x203b => Ok(vec![self.nodes[n].config.max_adv_sets as u8]),
            0x203d => {
                let sets = &mut self.nodes[n].state.sets;
                if sets.iter().any(|s| s.enabled) {
                    return Err(COMMAND_DISALLOWED);
                }
                sets.clear();
                Ok(vec![])
            }
            _ => {
                let sets = &mut self.nodes[n].state.sets;
                let at = sets.iter().position(|s| s.handle == Some(p[0]));
                let at = at.ok_or(UNKNOWN_ADVERTISING_IDENTIFIER)?;
                if sets[at].enabled && (opcode == 0x203c || sets[at].kind.connectable) {
                    return Err(COMMAND_DISALLOWED);
                }
                if opcode == 0x203c {
                    sets.remove(at);
                } else {
                    sets[at].random = Some(array(p, 1));
                }
                Ok(vec![])
            }
        }
    }

    fn set_extended_parameters(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let handle = p[0];
        let properties = u16_at(p, 1);
        let interval = |at: usize| u32::from_le_bytes([p[at], p[at + 1], p[at + 2], 0]);
        let (min, max) = (interval(3), interval(6));
        let (channels, own_type, peer_type, filter) = (p[9], p[10], p[11], p[18]);
        let (primary, secondary, sid) = (p[20], p[22], p[23]);
        let kind = Kind {
            connectable: properties & 1 != 0,
            scannable: properties & 2 != 0,
            directed: properties & 4 != 0,
            high_duty: properties & 8 != 0,
            legacy: properties & 16 != 0,
        };
        let combination_ok = match kind.legacy {
            // Only the combinations that legacy PDUs exist for.
            true => matches!(properties & 0xf, 0 | 2 | 3 | 5 | 0xd),
            false => !kind.high_duty && (!kind.connectable || !kind.scannable),
        };
        let interval_ok = min >= 0x20 && min <= max || kind.high_duty;
        let ranges_ok = handle <= 0xef && own_type <= 3 && peer_type <= 1 && filter <= 3;
        let phys_ok = matches!(primary, 1 | 3) && (1..=3).contains(&secondary);
        if !combination_ok || !interval_ok || !ranges_ok || !phys_ok || sid > 15 {
            return Err(INVALID_PARAMETERS);
        }
        if channels & 7 == 0 || channels > 7 {
            return Err(INVALID_PARAMETERS);
        }
        if primary == 3 || secondary == 3 {
            return Err(UNSUPPORTED_FEATURE);
        }
        let max_sets = self.nodes[n].config.max_adv_sets;
        let sets = &mut self.nodes[n].state.sets;
        let at = match sets.iter().position(|s| s.handle == Some(handle)) {
            Some(at) => at,
            None if sets.len() >= max_sets => return Err(MEMORY_CAPACITY_EXCEEDED),
            None => {
                sets.push(AdvSet::new(Some(handle)));
                sets.len() - 1
            }
        };
        let set = &mut sets[at];
        if set.enabled {
            return Err(COMMAND_DISALLOWED);
        }
        if kind.legacy && (set.data.len() > 31 || set.scan_response.len() > 31) {
            return Err(INVALID_PARAMETERS);
        }
        set.kind = kind;
        set.interval = u64::from(min) * 625;
        set.channels = channels;
        set.own_type = own_type;
        set.peer = (peer_type, array(p, 12));
        set.filter = if kind.directed { 0 } else { filter };
        set.sid = sid;
        Ok(vec![0])
    }

    fn set_extended_data(&mut self, n: NodeId, p: &[u8], scan: bool) -> Returned {
        let (handle, operation, len) = (p[0], p[1], usize::from(p[3]));
        let max = self.nodes[n].config.max_adv_data;
        let sets = &mut self.nodes[n].state.sets;
        let set = sets.iter_mut().find(|s| s.handle == Some(handle));
        let set = set.ok_or(UNKNOWN_ADVERTISING_IDENTIFIER)?;
        if operation > 4 || p.len() != 4 + len || len > 251 {
            return Err(INVALID_PARAMETERS);
        }
        let whole = operation == 3;
        if set.kind.legacy && (!whole || len > 31) {
            return Err(INVALID_PARAMETERS);
        }
        if set.kind.directed && set.kind.legacy || scan && !set.kind.scannable {
            return Err(INVALID_PARAMETERS);
        }
        if set.enabled && !whole && operation != 4 {
            return Err(COMMAND_DISALLOWED);
        }
        let which = usize::from(scan);
        let begun = set.unfinished[which];
        let data = if scan {
            &mut set.scan_response
        } else {
            &mut set.data
        };
        match operation {
            // Unchanged data: only a new DID.
            4 if data.is_empty() || len != 0 => return Err(INVALID_PARAMETERS),
            4 => return Ok(vec![]),
            0 | 2 if !begun || len == 0 => return Err(INVALID_PARAMETERS),
            0 | 2 => {}
            _ => data.clear(),
        }
        if data.len() + len > max {
            set.unfinished[which] = false;
            return Err(MEMORY_CAPACITY_EXCEEDED);
        }
        data.extend_from_slice(&p[4..]);
        set.unfinished[which] = operation < 2;
        Ok(vec![])
    }

    fn extended_enable(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (enable, count) = (p[0], usize::from(p[1]));
        if enable > 1 || p.len() != 2 + 4 * count || enable == 1 && count == 0 {
            return Err(INVALID_PARAMETERS);
        }
        if count == 0 {
            for set in &mut self.nodes[n].state.sets {
                set.enabled = false;
            }
            return Ok(vec![]);
        }
        let entries: Vec<&[u8]> = p[2..].chunks(4).collect();
        if (1..count).any(|i| entries[..i].iter().any(|e| e[0] == entries[i][0])) {
            return Err(INVALID_PARAMETERS);
        }
        for entry in &entries {
            let sets = &self.nodes[n].state.sets;
            let set = sets.iter().find(|s| s.handle == Some(entry[0]));
            let set = set.ok_or(UNKNOWN_ADVERTISING_IDENTIFIER)?.clone();
            if enable == 0 {
                continue;
            }
            if set.unfinished != [false; 2] {
                return Err(COMMAND_DISALLOWED);
            }
            if set.kind.scannable && !set.kind.legacy && set.scan_response.is_empty() {
                return Err(COMMAND_DISALLOWED);
            }
            let duration = u16_at(entry, 1);
            if set.kind.high_duty && (duration == 0 || duration > 128) {
                return Err(INVALID_PARAMETERS);
            }
            // A random address has to be the set's own.
            let random = set.random.is_some();
            if set.own_type & 1 == 1 && !random
                || self
                    .own_address(n, set.own_type, set.peer, set.random)
                    .is_none()
            {
                return Err(INVALID_PARAMETERS);
            }
            let full = self.nodes[n].state.handles.len() >= self.nodes[n].config.max_links;
            if set.kind.connectable && full {
                return Err(CONNECTION_LIMIT_EXCEEDED);
            }
        }
        for entry in entries {
            if enable == 0 {
                let sets = &mut self.nodes[n].state.sets;
                sets.iter_mut()
                    .filter(|s| s.handle == Some(entry[0]))
                    .for_each(|s| s.enabled = false);
                continue;
            }
            let (duration, events) = (u64::from(u16_at(entry, 1)) * 10_000, entry[3]);
            let serial = self.start_advertising(n, Some(entry[0]));
            let sets = &mut self.nodes[n].state.sets;
            if let Some(set) = sets.iter_mut().find(|s| s.handle == Some(entry[0])) {
                set.events_left = (events != 0).then_some(events);
            }
            if duration != 0 {
                self.at(self.now + duration, Timer::AdvertiseEnd(n, serial));
            }
        }
        Ok(vec![])
    }

    /// LE Extended Advertising Report, in pieces when the data is long.
    pub(crate) fn extended_report(&mut self, n: NodeId, report: Report) {
        let Report {
            peer,
            set,
            scan_response,
            rssi,
        } = report;
        let kind = set.kind;
        let properties = u16::from(kind.connectable)
            | u16::from(kind.scannable) << 1
            | u16::from(kind.directed) << 2
            | u16::from(scan_response) << 3
            | u16::from(kind.legacy) << 4;
        let data = match kind.directed && kind.legacy {
            true => &[][..],
            false if scan_response => &set.scan_response,
            false => &set.data,
        };
        let (secondary, sid) = if kind.legacy { (0, 0xff) } else { (1, set.sid) };
        let mut left = data;
        loop {
            let (piece, rest) = left.split_at(left.len().min(229));
            let more = if rest.is_empty() { 0 } else { 1 << 5 };
            let mut event = vec![1];
            event.extend_from_slice(&(properties | more).to_le_bytes());
            event.push(peer.kind);
            event.extend_from_slice(&peer.address);
            event.extend_from_slice(&[1, secondary, sid, 0x7f, rssi as u8, 0, 0]);
            event.extend_from_slice(&if kind.directed { [set.peer.0; 1] } else { [0] });
            event.extend_from_slice(&if kind.directed { set.peer.1 } else { [0; 6] });
            event.push(piece.len() as u8);
            event.extend_from_slice(piece);
            self.report_event(n, 0x0d, &event);
            left = rest;
            if left.is_empty() {
                return;
            }
        }
    }
}
