//! The air: all nodes, all links and the order in time of what they do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::config::NodeConfig;
use crate::controller::link::Link;
use crate::controller::Controller;
use crate::fault::{Direction, Fault, Faults};
use crate::rng::Rng;
use crate::snoop::Snoop;

/// A node of an air: its index in order of [`Air::add_node`].
pub type NodeId = usize;

/// Properties of the air.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Probability that a radio packet is not received, 0.0 to 1.0.
    pub loss: f64,
    /// Microseconds that an HCI packet takes between host and controller, each way.
    pub latency: u64,
}

/// What a host did against the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, in microseconds.
    pub time: u64,
    /// What, in words.
    pub what: String,
}

/// Counters of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Advertising reports passed to the host.
    pub reports: u64,
    /// Advertising reports dropped because the host did not take them.
    pub reports_dropped: u64,
    /// LL data PDUs sent, retransmissions not counted.
    pub data_pdus: u64,
    /// LL PDUs sent again.
    pub retransmissions: u64,
    /// Connection events taken part in.
    pub connection_events: u64,
}

/// What comes due. Serial numbers tell what has been replaced in the meantime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A host's packet has crossed the transport.
    FromHost(NodeId),
    /// A packet for the host is ready.
    ToHost,
    /// An advertising PDU ends: node, set's serial, channel 0 to 2.
    Advertise(NodeId, u64, u8),
    /// A time limit of an advertising set: node, set's serial.
    AdvertiseEnd(NodeId, u64),
    /// A time limit of a scan: node, scan's serial.
    ScanEnd(NodeId, u64),
    /// The next step of a connection event: link, its serial.
    Link(usize, u64),
    /// A supervision timeout may have come: link, its serial, side.
    Supervise(usize, u64, usize),
    /// An LL procedure may have timed out: link, its serial, side, procedure's serial.
    Procedure(usize, u64, usize, u64),
    /// A planned fault takes a node's links: node, reason.
    LoseLinks(NodeId, u8),
}

/// Nodes and what is between them.
pub struct Air {
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) options: Options,
    pub(crate) nodes: Vec<Controller>,
    pub(crate) links: Vec<Option<Link>>,
    timers: BinaryHeap<Reverse<(u64, u64, Timer)>>,
    serial: u64,
}

impl Air {
    /// An air without nodes. All chance comes from `seed`.
    pub fn new(seed: u64, options: Options) -> Self {
        Air {
            now: 0,
            rng: Rng::new(seed),
            options,
            nodes: Vec::new(),
            links: Vec::new(),
            timers: BinaryHeap::new(),
            serial: 0,
        }
    }

    /// Adds a controller, switched on.
    pub fn add_node(&mut self, config: NodeConfig) -> NodeId {
        self.nodes.push(Controller::new(config));
        self.nodes.len() - 1
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The air's time in microseconds.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Changes the loss rate from now on.
    pub fn set_loss(&mut self, loss: f64) {
        self.options.loss = loss;
    }

    /// Passes one H4 packet (indicator byte first) from the host to its controller.
    pub fn send(&mut self, node: NodeId, packet: &[u8]) {
        let now = self.now;
        let control = &mut self.nodes[node];
        if !control.on || control.faults.silent {
            return;
        }
        if let Some(snoop) = &mut control.snoop {
            let _ = snoop.record(now, false, packet);
        }
        let mut packet = packet.to_vec();
        let mut delay = self.options.latency;
        let mut twice = false;
        match control.faults.next_packet(Direction::FromHost) {
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
            Some(Fault::Delay(time)) | Some(Fault::Stall(time)) => delay += time,
            Some(Fault::Silence) => {
                control.faults.silent = true;
                return;
            }
            Some(Fault::Disconnect(reason)) => {
                self.at(now + delay, Timer::LoseLinks(node, reason));
            }
        }
        for _ in 0..=usize::from(twice) {
            let control = &mut self.nodes[node];
            if delay == 0 && control.incoming.is_empty() {
                self.packet_from_host(node, &packet);
            } else {
                let due = control
                    .incoming
                    .back()
                    .map_or(0, |(t, _)| *t)
                    .max(now + delay);
                control.incoming.push_back((due, packet.clone()));
                self.at(due, Timer::FromHost(node));
            }
        }
    }

    /// Takes the next H4 packet that the controller has for its host.
    pub fn receive(&mut self, node: NodeId) -> Option<Vec<u8>> {
        let now = self.now;
        let control = &mut self.nodes[node];
        let due = control.outgoing.iter().position(|out| out.due <= now)?;
        // Only a delayed packet is overtaken, and by none that waits behind a stall.
        let out = control.outgoing.remove(due)?;
        if let Some(snoop) = &mut control.snoop {
            let _ = snoop.record(now, true, &out.packet);
        }
        self.taken_by_host(node, &out.packet);
        Some(out.packet)
    }

    /// When something happens next, a packet that becomes ready included.
    pub fn next_time(&self) -> Option<u64> {
        self.timers.peek().map(|Reverse((time, _, _))| *time)
    }

    /// Lets everything happen up to and including `time`.
    pub fn advance_to(&mut self, time: u64) {
        while let Some(Reverse((due, _, _))) = self.timers.peek() {
            if *due > time {
                break;
            }
            self.step();
        }
        self.now = self.now.max(time);
    }

    /// Lets the next thing happen. Returns false when nothing is planned.
    pub fn step(&mut self) -> bool {
        let Some(Reverse((due, _, timer))) = self.timers.pop() else {
            return false;
        };
        self.now = self.now.max(due);
        match timer {
            Timer::ToHost => {}
            Timer::FromHost(node) => {
                if let Some((_, packet)) = self.nodes[node].incoming.pop_front() {
                    self.packet_from_host(node, &packet);
                }
            }
            Timer::Advertise(node, serial, channel) => self.advertised(node, serial, channel),
            Timer::AdvertiseEnd(node, serial) => self.advertising_ends(node, serial),
            Timer::ScanEnd(node, serial) => self.scan_ends(node, serial),
            Timer::Link(link, serial) => self.link_step(link, serial),
            Timer::Supervise(link, serial, side) => self.supervise(link, serial, side),
            Timer::Procedure(link, serial, side, procedure) => {
                self.procedure_timeout(link, serial, side, procedure)
            }
            Timer::LoseLinks(node, reason) => self.lose_links(node, reason),
        }
        true
    }

    /// Switches a node off: it is off the air at once, and its peers find out by
    /// their supervision timeout. Its packets, both ways, are lost.
    pub fn power_off(&mut self, node: NodeId) {
        self.abandon_links(node);
        let control = &mut self.nodes[node];
        control.on = false;
        control.restart();
    }

    /// Switches a node on, freshly reset.
    pub fn power_on(&mut self, node: NodeId) {
        let control = &mut self.nodes[node];
        if !control.on {
            control.on = true;
            control.faults.restart();
        }
    }

    /// The node's faults, to plan more.
    pub fn faults(&mut self, node: NodeId) -> &mut Faults {
        &mut self.nodes[node].faults
    }

    /// Captures the node's HCI from now on.
    pub fn set_snoop(&mut self, node: NodeId, snoop: Snoop) {
        self.nodes[node].snoop = Some(snoop);
    }

    /// Writes out all captures.
    pub fn flush_snoops(&mut self) {
        for control in &mut self.nodes {
            if let Some(snoop) = &mut control.snoop {
                let _ = snoop.flush();
            }
        }
    }

    /// What the node's host did against the specification.
    pub fn violations(&self, node: NodeId) -> &[Violation] {
        &self.nodes[node].violations
    }

    /// Takes the violations of a node out.
    pub fn take_violations(&mut self, node: NodeId) -> Vec<Violation> {
        std::mem::take(&mut self.nodes[node].violations)
    }

    /// Counters of a node.
    pub fn stats(&self, node: NodeId) -> Stats {
        self.nodes[node].stats
    }

    /// Links that the node's host knows of.
    pub fn link_count(&self, node: NodeId) -> usize {
        self.nodes[node].state.handles.len()
    }

    /// Whether the link with this handle is encrypted, as the node's controller sees it.
    pub fn is_encrypted(&self, node: NodeId, handle: u16) -> bool {
        let Some((link, side)) = self.find(node, handle) else {
            return false;
        };
        self.links[link]
            .as_ref()
            .is_some_and(|l| l.sides[side].is_encrypted())
    }

    /// The node's random device address, least significant byte first.
    pub fn random_address(&self, node: NodeId) -> Option<[u8; 6]> {
        self.nodes[node].state.random_address
    }

    /// The node's controller reports a hardware error.
    pub fn hardware_error(&mut self, node: NodeId, code: u8) {
        self.event(node, 0x10, &[code]);
    }

    /// Sends the host a packet of the test's making.
    pub fn inject(&mut self, node: NodeId, packet: &[u8]) {
        self.emit(node, packet.to_vec());
    }

    /// Loses all links of a node; both ends report `reason` at once.
    pub fn lose_links(&mut self, node: NodeId, reason: u8) {
        for index in 0..self.links.len() {
            self.with_link(index, |air, link| {
                if link.sides.iter().any(|side| side.node == node && side.up) {
                    air.end_side(link, 0, reason);
                    air.end_side(link, 1, reason);
                }
            });
        }
    }

    pub(crate) fn at(&mut self, time: u64, timer: Timer) {
        self.serial += 1;
        self.timers.push(Reverse((time, self.serial, timer)));
    }

    /// A number never given before.
    pub(crate) fn new_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Whether the radio loses the packet sent now.
    pub(crate) fn is_lost(&mut self) -> bool {
        self.rng.chance(self.options.loss)
    }
}
