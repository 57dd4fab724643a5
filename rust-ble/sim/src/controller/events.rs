//! The way to the host: event masks, reports, ACL data, faults.

use super::{Outgoing, State};
use crate::air::{Air, NodeId, Timer, Violation};
use crate::fault::{Direction, Fault, Lie};

pub(crate) const LE_META: u8 = 0x3e;

impl Air {
    /// Sends an H4 packet to the host, after the answer to a command that runs.
    pub(crate) fn emit(&mut self, n: NodeId, packet: Vec<u8>) {
        match &mut self.nodes[n].deferred {
            Some(deferred) => deferred.push(packet),
            None => self.put(n, packet),
        }
    }

    /// Sends an H4 packet to the host, faults applied.
    pub(crate) fn put(&mut self, n: NodeId, mut packet: Vec<u8>) {
        let now = self.now;
        let control = &mut self.nodes[n];
        if !control.on || control.faults.silent {
            return;
        }
        let mut due = (now + self.options.latency).max(control.stalled_until);
        let mut twice = false;
        match control.faults.next_packet(Direction::ToHost) {
            None => {}
            Some(Fault::Drop) => return,
            Some(Fault::Truncate(len)) => packet.truncate(len),
            Some(Fault::Alter(at, mask)) => {
                if let Some(byte) = packet.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Some(Fault::Replace(other)) => packet = other,
            Some(Fault::Duplicate) => twice = true,
            Some(Fault::Delay(time)) => due += time,
            Some(Fault::Stall(time)) => {
                due += time;
                control.stalled_until = due;
            }
            Some(Fault::Silence) => {
                control.faults.silent = true;
                return;
            }
            Some(Fault::Disconnect(reason)) => self.at(now, Timer::LoseLinks(n, reason)),
        }
        for _ in 0..=usize::from(twice) {
            let control = &mut self.nodes[n];
            match packet.first() {
                Some(2) => control.acl_waiting += 1,
                _ if is_report(&packet) => control.reports_waiting += 1,
                _ => {}
            }
            let packet = packet.clone();
            control.outgoing.push_back(Outgoing { due, packet });
            if due > now {
                self.at(due, Timer::ToHost);
            }
        }
    }

    /// What changes when the host has taken a packet.
    pub(crate) fn taken_by_host(&mut self, n: NodeId, packet: &[u8]) {
        let control = &mut self.nodes[n];
        match packet {
            [2, ..] => control.acl_waiting -= 1,
            _ if is_report(packet) => control.reports_waiting -= 1,
            [4, 0x0e, _, credits, lo, hi, ..] | [4, 0x0f, _, _, credits, lo, hi] => {
                let opcode = u16::from_le_bytes([*lo, *hi]);
                if *credits > 0 && control.state.command_pending == Some(opcode) {
                    control.state.command_pending = None;
                }
            }
            _ => {}
        }
    }

    /// An event, unless the host masked it out.
    pub(crate) fn event(&mut self, n: NodeId, code: u8, params: &[u8]) {
        // Bit n-1 stands for event n; Number Of Completed Packets cannot be masked.
        if code != 0x13 && self.nodes[n].state.event_mask >> (code - 1) & 1 == 0 {
            return;
        }
        let mut packet = Vec::with_capacity(3 + params.len());
        packet.extend_from_slice(&[4, code, params.len() as u8]);
        packet.extend_from_slice(params);
        self.emit(n, packet);
    }

    /// An LE meta event, unless the host masked it out.
    pub(crate) fn le_event(&mut self, n: NodeId, subevent: u8, params: &[u8]) {
        if !self.le_unmasked(n, subevent) {
            return;
        }
        let mut packet = Vec::with_capacity(4 + params.len());
        packet.extend_from_slice(&[4, LE_META, params.len() as u8 + 1, subevent]);
        packet.extend_from_slice(params);
        self.emit(n, packet);
    }

    /// Whether the host gets an LE meta event.
    pub(crate) fn le_unmasked(&self, n: NodeId, subevent: u8) -> bool {
        let state = &self.nodes[n].state;
        state.event_mask >> (LE_META - 1) & 1 == 1 && state.le_event_mask >> (subevent - 1) & 1 == 1
    }

    /// An advertising report: dropped when too many wait for the host.
    pub(crate) fn report_event(&mut self, n: NodeId, subevent: u8, params: &[u8]) {
        if !self.le_unmasked(n, subevent) {
            return;
        }
        let control = &mut self.nodes[n];
        if control.reports_waiting >= control.config.report_buffers {
            control.stats.reports_dropped += 1;
            return;
        }
        control.stats.reports += 1;
        self.le_event(n, subevent, params);
    }

    /// `count` ACL packets of a connection have left the controller.
    pub(crate) fn completed(&mut self, n: NodeId, handle: u16, count: u16) {
        let control = &mut self.nodes[n];
        control.state.acl_held -= usize::from(count).min(control.state.acl_held);
        let (mut handle, mut count) = (handle, count);
        match control.faults.completed {
            None => {}
            Some(Lie::Never) => return,
            Some(Lie::Add(more)) => count = (count as i32 + i32::from(more)).max(0) as u16,
            Some(Lie::Handle(other)) => handle = other,
        }
        let [h0, h1] = handle.to_le_bytes();
        let [c0, c1] = count.to_le_bytes();
        self.event(n, 0x13, &[1, h0, h1, c0, c1]);
    }

    /// Whether a data PDU for the host can be stored.
    pub(crate) fn can_store(&self, n: NodeId) -> bool {
        let control = &self.nodes[n];
        control.acl_waiting + control.state.acl_backlog.len() < control.config.rx_buffers
    }

    /// Received data for the host. `packet` has five bytes of room for the header.
    pub(crate) fn deliver(&mut self, n: NodeId, handle: u16, start: bool, mut packet: Vec<u8>) {
        let control = &self.nodes[n];
        let max = control.state.host_acl_len.min(control.config.delivery_len);
        let max = usize::from(max.max(1));
        let len = packet.len() - 5;
        if len <= max {
            acl_header(&mut packet, handle, start);
            self.deliver_fragment(n, packet);
            return;
        }
        for (i, piece) in packet[5..].chunks(max).enumerate() {
            let mut part = vec![0; 5];
            part.extend_from_slice(piece);
            acl_header(&mut part, handle, start && i == 0);
            self.deliver_fragment(n, part);
        }
    }

    fn deliver_fragment(&mut self, n: NodeId, packet: Vec<u8>) {
        let state = &mut self.nodes[n].state;
        if state.host_flow {
            if !state.has_host_buffer() {
                state.acl_backlog.push_back(packet);
                return;
            }
            state.host_takes(&packet);
        }
        self.emit(n, packet);
    }

    /// Passes on data that waited for the host's buffers.
    pub(crate) fn drain_backlog(&mut self, n: NodeId) {
        loop {
            let state = &mut self.nodes[n].state;
            if state.host_flow && !state.has_host_buffer() {
                return;
            }
            let Some(packet) = state.acl_backlog.pop_front() else {
                return;
            };
            if state.host_flow {
                state.host_takes(&packet);
            }
            self.emit(n, packet);
        }
    }

    /// Notes what the host did wrong.
    pub(crate) fn violation(&mut self, n: NodeId, what: impl Into<String>) {
        let (time, what) = (self.now, what.into());
        self.nodes[n].violations.push(Violation { time, what });
    }
}

impl State {
    fn has_host_buffer(&self) -> bool {
        let held: u32 = self.handles.iter().map(|h| u32::from(h.host_held)).sum();
        held < u32::from(self.host_acl_count)
    }

    fn host_takes(&mut self, packet: &[u8]) {
        let handle = super::u16_at(packet, 1) & 0xfff;
        if let Some(entry) = self.handles.iter_mut().find(|h| h.handle == handle) {
            entry.host_held += 1;
        }
    }
}

fn acl_header(packet: &mut [u8], handle: u16, start: bool) {
    let boundary = if start { 2 } else { 1 };
    let len = (packet.len() - 5) as u16;
    packet[0] = 2;
    packet[1..3].copy_from_slice(&(handle | boundary << 12).to_le_bytes());
    packet[3..5].copy_from_slice(&len.to_le_bytes());
}

fn is_report(packet: &[u8]) -> bool {
    matches!(packet, [4, LE_META, _, 0x02 | 0x0d, ..])
}
