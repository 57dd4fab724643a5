//! Packets from the host: commands with their answers, and ACL data.

use super::commands::{self, Answer};
use super::link::AclOut;
use super::{array, u16_at, State, Style};
use crate::air::{Air, NodeId};
use crate::config::feature;
use crate::crypto;
use crate::error::*;
use crate::fault::CommandFault;

/// Return parameters after the status, or an error code.
pub(crate) type Returned = Result<Vec<u8>, u8>;

const RESET: u16 = 0x0c03;

/// Commands whose return parameters repeat the connection handle, also when they fail.
const RETURN_HANDLE: [u16; 10] = [
    0x0c2d, 0x1405, 0x2015, 0x201a, 0x201b, 0x2020, 0x2021, 0x2022, 0x2030, 0x0c7b,
];

impl Air {
    /// One H4 packet from the host.
    pub(crate) fn packet_from_host(&mut self, n: NodeId, packet: &[u8]) {
        if !self.nodes[n].on {
            return;
        }
        match packet {
            [1, lo, hi, len, params @ ..] if params.len() == usize::from(*len) => {
                self.command(n, u16::from_le_bytes([*lo, *hi]), params)
            }
            [2, h0, h1, l0, l1, data @ ..]
                if data.len() == usize::from(u16::from_le_bytes([*l0, *l1])) =>
            {
                self.acl(n, u16::from_le_bytes([*h0, *h1]), data)
            }
            _ => {
                self.violation(n, format!("malformed packet {packet:02x?}"));
                self.event(n, 0x10, &[0x01]);
            }
        }
    }

    fn command(&mut self, n: NodeId, opcode: u16, params: &[u8]) {
        let fault = self.nodes[n].faults.next_command(opcode);
        let known = commands::lookup(&self.nodes[n].config, opcode);
        let answer = known.map_or(Answer::Status, |c| c.answer);
        if answer != Answer::Nothing {
            // The controller takes one command at a time; only Reset is always heard.
            let pending = self.nodes[n].state.command_pending;
            if pending.is_some() && opcode != RESET {
                let pending = pending.unwrap_or_default();
                self.violation(
                    n,
                    format!("command {opcode:04x} sent while {pending:04x} runs"),
                );
                return;
            }
            self.nodes[n].state.command_pending = Some(opcode);
        }
        self.nodes[n].deferred = Some(Vec::new());
        let result = match fault {
            Some(CommandFault::Silent) => {
                self.nodes[n].deferred = None;
                return;
            }
            Some(CommandFault::Fail(status)) => Err(status),
            Some(CommandFault::Unknown) => Err(UNKNOWN_COMMAND),
            None => match known {
                None => Err(UNKNOWN_COMMAND),
                Some(c) if params.len() != c.len && !(c.variable && params.len() > c.len) => {
                    self.violation(
                        n,
                        format!("command {opcode:04x} of length {}", params.len()),
                    );
                    Err(INVALID_PARAMETERS)
                }
                Some(_) => self.run(n, opcode, params),
            },
        };
        let deferred = self.nodes[n].deferred.take().unwrap_or_default();
        let unknown = known.is_none() || fault == Some(CommandFault::Unknown);
        let answer = if unknown { Answer::Status } else { answer };
        let [lo, hi] = opcode.to_le_bytes();
        match answer {
            Answer::Nothing => {}
            Answer::Status => {
                let status = result.err().unwrap_or(0);
                self.put(n, vec![4, 0x0f, 4, status, 1, lo, hi]);
            }
            Answer::Complete => {
                let mut packet = vec![4, 0x0e, 0, 1, lo, hi];
                match result {
                    Ok(returned) => {
                        packet.push(0);
                        packet.extend_from_slice(&returned);
                    }
                    Err(status) => {
                        packet.push(status);
                        if RETURN_HANDLE.contains(&opcode) && params.len() >= 2 {
                            packet.extend_from_slice(&params[..2]);
                        }
                    }
                }
                packet[2] = packet.len() as u8 - 3;
                self.put(n, packet);
            }
        }
        for packet in deferred {
            self.put(n, packet);
        }
    }

    /// A command whose length is right.
    fn run(&mut self, n: NodeId, opcode: u16, p: &[u8]) -> Returned {
        match opcode {
            0x0406 => self.disconnect(n, p),
            0x041d => self.read_remote_version(n, p),
            0x0c01 => {
                self.nodes[n].state.event_mask = u64::from_le_bytes(array(p, 0));
                Ok(vec![])
            }
            RESET => {
                self.reset(n);
                Ok(vec![])
            }
            0x0c2d => self.handle(n, p).map(|_| vec![p[0], p[1], 0]),
            0x0c31 => self.set_host_flow(n, p[0]),
            0x0c33 => self.host_buffer_size(n, p),
            0x0c35 => self.host_completed(n, p),
            0x0c63 | 0x2014 => Ok(vec![]),
            0x1001 => {
                let config = &self.nodes[n].config;
                let [m0, m1] = config.manufacturer.to_le_bytes();
                Ok(vec![config.version, 0, 0, config.version, m0, m1, 0, 0])
            }
            0x1002 => Ok(commands::supported(&self.nodes[n].config).to_vec()),
            // BR/EDR Not Supported, LE Supported (Controller).
            0x1003 => Ok(vec![0, 0, 0, 0, 0x60, 0, 0, 0]),
            0x1005 => {
                let config = &self.nodes[n].config;
                let [l0, l1] = config.acl_len.to_le_bytes();
                Ok(vec![l0, l1, 0, config.acl_count, 0, 0, 0])
            }
            0x1009 => Ok(self.nodes[n]
                .config
                .public_address
                .unwrap_or_default()
                .to_vec()),
            0x1405 => {
                let (link, side) = self.handle(n, p)?;
                let peer = self.links[link]
                    .as_ref()
                    .map_or(n, |l| l.sides[1 - side].node);
                Ok(vec![p[0], p[1], self.rssi(n, peer) as u8])
            }
            0x2001 => {
                self.nodes[n].state.le_event_mask = u64::from_le_bytes(array(p, 0));
                Ok(vec![])
            }
            0x2002 | 0x2060 => {
                let config = &self.nodes[n].config;
                let [l0, l1] = config.acl_len.to_le_bytes();
                let mut returned = vec![l0, l1, config.acl_count];
                if config.shared_buffers {
                    returned = vec![0; 3];
                }
                if opcode == 0x2060 {
                    returned.extend_from_slice(&[0; 3]);
                }
                Ok(returned)
            }
            0x2003 => Ok(self.nodes[n].config.features.to_le_bytes().to_vec()),
            0x2005 => self.set_random_address(n, p),
            0x2006 => self.set_advertising_parameters(n, p),
            0x2007 => self.style(n, Style::Legacy).map(|_| vec![0]),
            0x2008 => self.set_advertising_data(n, p, false),
            0x2009 => self.set_advertising_data(n, p, true),
            0x200a => self.set_advertising_enable(n, p),
            0x200b => self.set_scan_parameters(n, p),
            0x200c => self.set_scan_enable(n, p),
            0x200d => self.create_connection(n, p),
            0x200e => self.create_connection_cancel(n),
            0x200f => Ok(vec![self.nodes[n].config.accept_list_size as u8]),
            0x2010..=0x2012 => self.change_accept_list(n, opcode, p),
            0x2013 => self.connection_update(n, p),
            0x2015 => self
                .handle(n, p)
                .map(|_| vec![p[0], p[1], 0xff, 0xff, 0xff, 0xff, 0x1f]),
            0x2016 => self.read_remote_features(n, p),
            0x2017 => Ok(crypto::e_le(&array(p, 0), &array(p, 16)).to_vec()),
            0x2018 => Ok(self.rng.next_u64().to_le_bytes().to_vec()),
            0x2019 => self.enable_encryption(n, p),
            0x201a => self.ltk_reply(n, p),
            0x201b => self.ltk_negative_reply(n, p),
            0x201c => Ok(vec![0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0, 0]),
            0x2020 => self.parameter_request_reply(n, p),
            0x2021 => self.parameter_request_negative_reply(n, p),
            0x2022 => self.set_data_length(n, p),
            0x2023 => {
                let state = &self.nodes[n].state;
                let [o0, o1] = state.suggested_octets.to_le_bytes();
                let [t0, t1] = state.suggested_time.to_le_bytes();
                Ok(vec![o0, o1, t0, t1])
            }
            0x2024 => self.suggest_data_length(n, p),
            0x2025 => self.read_public_key(n),
            0x2026 | 0x205e => self.generate_dhkey(n, p),
            0x2027..=0x202e | 0x204e => self.resolving_command(n, opcode, p),
            0x202f => Ok(vec![251, 0, 0x48, 0x08, 251, 0, 0x48, 0x08]),
            0x2030 => self.read_phy(n, p),
            0x2031 => self.set_default_phy(n, p),
            0x2032 => self.set_phy(n, p),
            0x2035..=0x203d => self.extended_advertising_command(n, opcode, p),
            0x2041 => self.set_extended_scan_parameters(n, p),
            0x2042 => self.set_extended_scan_enable(n, p),
            0x2043 => self.extended_create_connection(n, p),
            0x204b => Ok(vec![-20i8 as u8, 8]),
            _ => Err(UNKNOWN_COMMAND),
        }
    }

    /// Reset: the controller stops at once; peers run into their supervision timeout.
    fn reset(&mut self, n: NodeId) {
        self.abandon_links(n);
        let control = &mut self.nodes[n];
        control.state = State::new(&control.config);
        control.state.command_pending = Some(RESET);
    }

    /// The host uses commands of one style; the other is refused until Reset.
    pub(crate) fn style(&mut self, n: NodeId, style: Style) -> Result<(), u8> {
        let current = &mut self.nodes[n].state.style;
        if *current == Style::Undecided {
            *current = style;
        }
        if *current == style {
            Ok(())
        } else {
            Err(COMMAND_DISALLOWED)
        }
    }

    /// The connection named by the first two bytes.
    pub(crate) fn handle(&mut self, n: NodeId, p: &[u8]) -> Result<(usize, usize), u8> {
        let handle = u16_at(p, 0);
        if handle > 0x0eff {
            return Err(INVALID_PARAMETERS);
        }
        self.find(n, handle).ok_or(UNKNOWN_CONNECTION)
    }

    pub(crate) fn find(&self, n: NodeId, handle: u16) -> Option<(usize, usize)> {
        let entry = self.nodes[n]
            .state
            .handles
            .iter()
            .find(|h| h.handle == handle)?;
        Some((entry.link, entry.side))
    }

    fn set_host_flow(&mut self, n: NodeId, mode: u8) -> Returned {
        if mode > 3 {
            return Err(INVALID_PARAMETERS);
        }
        let state = &mut self.nodes[n].state;
        if !state.handles.is_empty() {
            return Err(COMMAND_DISALLOWED);
        }
        state.host_flow = mode & 1 != 0;
        Ok(vec![])
    }

    fn host_buffer_size(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (len, count) = (u16_at(p, 0), u16_at(p, 3));
        if len == 0 || count == 0 {
            return Err(INVALID_PARAMETERS);
        }
        let state = &mut self.nodes[n].state;
        (state.host_acl_len, state.host_acl_count) = (len, count);
        Ok(vec![])
    }

    fn host_completed(&mut self, n: NodeId, p: &[u8]) -> Returned {
        if p.len() != 1 + 4 * usize::from(p[0]) {
            self.violation(n, "Host Number Of Completed Packets of a wrong length");
            return Err(INVALID_PARAMETERS);
        }
        for entry in p[1..].chunks(4) {
            let (handle, count) = (u16_at(entry, 0), u16_at(entry, 2));
            let state = &mut self.nodes[n].state;
            // A count for a link that has just ended is no fault of the host.
            if let Some(entry) = state.handles.iter_mut().find(|h| h.handle == handle) {
                let held = entry.host_held;
                entry.host_held = held.saturating_sub(count);
                if count > held {
                    self.violation(n, format!("host completed {count} packets but had {held}"));
                }
            }
        }
        self.drain_backlog(n);
        Ok(vec![])
    }

    fn acl(&mut self, n: NodeId, head: u16, data: &[u8]) {
        let (handle, boundary) = (head & 0xfff, head >> 12 & 3);
        if head >> 14 != 0 {
            self.violation(n, "broadcast flag in an ACL packet");
        }
        if boundary > 1 {
            self.violation(n, format!("packet boundary flag {boundary} from the host"));
        }
        // A link that has just ended: the host may not know yet.
        let Some((link, side)) = self.find(n, handle) else {
            return;
        };
        let control = &mut self.nodes[n];
        let full = control.state.acl_held >= usize::from(control.config.acl_count);
        if full || data.len() > usize::from(control.config.acl_len) {
            let len = data.len();
            let held = control.state.acl_held;
            self.violation(
                n,
                format!("ACL packet of {len} bytes while {held} are held"),
            );
            self.event(n, 0x1a, &[1]);
            return;
        }
        control.state.acl_held += 1;
        if data.is_empty() {
            self.violation(n, "empty ACL packet");
            self.completed(n, handle, 1);
            return;
        }
        let start = boundary != 1;
        if let Some(link) = self.links[link].as_mut() {
            link.sides[side].push_data(AclOut::new(data, start));
        }
    }

    fn set_random_address(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let state = &mut self.nodes[n].state;
        let legacy_busy = state.sets.iter().any(|s| s.enabled && s.handle.is_none());
        if legacy_busy || state.scan.enabled || state.initiating.is_some() {
            return Err(COMMAND_DISALLOWED);
        }
        state.random_address = Some(array(p, 0));
        Ok(vec![])
    }

    fn change_accept_list(&mut self, n: NodeId, opcode: u16, p: &[u8]) -> Returned {
        let config_size = self.nodes[n].config.accept_list_size;
        let state = &mut self.nodes[n].state;
        let in_use = state.sets.iter().any(|s| s.enabled && s.filter != 0)
            || state.scan.enabled && state.scan.filter & 1 != 0
            || state.initiating.as_ref().is_some_and(|i| i.use_list);
        if in_use {
            return Err(COMMAND_DISALLOWED);
        }
        if opcode == 0x2010 {
            state.accept_list.clear();
            return Ok(vec![]);
        }
        let entry = match p[0] {
            // Devices that advertise anonymously have no address.
            0xff => (0xff, [0; 6]),
            0 | 1 => (p[0], array(p, 1)),
            _ => return Err(INVALID_PARAMETERS),
        };
        let found = state.accept_list.iter().position(|e| *e == entry);
        match (opcode, found) {
            (0x2011, None) if state.accept_list.len() >= config_size => {
                return Err(MEMORY_CAPACITY_EXCEEDED)
            }
            (0x2011, None) => state.accept_list.push(entry),
            (0x2012, Some(at)) => {
                state.accept_list.remove(at);
            }
            _ => {}
        }
        Ok(vec![])
    }

    fn suggest_data_length(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (octets, time) = (u16_at(p, 0), u16_at(p, 2));
        if !(27..=251).contains(&octets) || !(328..=17040).contains(&time) {
            return Err(INVALID_PARAMETERS);
        }
        let state = &mut self.nodes[n].state;
        (state.suggested_octets, state.suggested_time) = (octets, time);
        Ok(vec![])
    }

    /// Signal strength between two nodes in dBm: constant but for a little noise.
    pub(crate) fn rssi(&mut self, a: NodeId, b: NodeId) -> i8 {
        let distance = (a.min(b) * 7 + a.max(b) * 13) % 32;
        -45 - distance as i8 - self.rng.below(4) as i8
    }

    /// Whether a feature is there on this node.
    pub(crate) fn has(&self, n: NodeId, feature: u64) -> bool {
        self.nodes[n].config.has(feature)
    }

    /// The controller's default for data length and whether it asks for it by itself.
    pub(crate) fn wants_data_length(&self, n: NodeId) -> bool {
        self.has(n, feature::DATA_LENGTH) && self.nodes[n].state.suggested_octets > 27
    }
}
