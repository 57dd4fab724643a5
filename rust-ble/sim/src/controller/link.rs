//! A link: connection events, acknowledgement, data PDUs (Vol 6, Part B, 4.5).

use std::collections::VecDeque;

use super::adv::T_IFS;
use super::llcp::{Control, Local, Parameters, Phy, Procedure, Want};
use super::privacy::Peer;
use crate::air::{Air, NodeId, Timer};
use crate::config::feature;
use crate::error::*;

/// An ACL packet from the host, sent as one or more data PDUs.
pub(crate) struct AclOut {
    bytes: Vec<u8>,
    sent: usize,
    start: bool,
}

impl AclOut {
    pub fn new(data: &[u8], start: bool) -> Self {
        AclOut {
            bytes: data.to_vec(),
            sent: 0,
            start,
        }
    }
}

pub(crate) enum Pdu {
    Empty,
    /// `bytes` has five bytes of room for an HCI header in front.
    Data {
        start: bool,
        bytes: Vec<u8>,
        last: bool,
    },
    Control(Control),
}

/// A PDU that is sent until acknowledged.
pub(crate) struct Flight {
    pdu: Pdu,
    /// Payload length without MIC.
    len: usize,
    /// Session key it is encrypted with.
    key: Option<[u8; 16]>,
    sends: u32,
}

/// One end of a link.
pub(crate) struct Side {
    pub node: NodeId,
    pub handle: u16,
    pub peer: Peer,
    /// The host knows the connection.
    pub up: bool,
    /// The controller takes part in connection events.
    pub radio: bool,
    /// LL_TERMINATE_IND was received: so many more acknowledgements are sent.
    pub farewell: u8,
    pub terminating: bool,
    sn: bool,
    nesn: bool,
    flight: Option<Flight>,
    pub control: VecDeque<Control>,
    data: VecDeque<AclOut>,
    /// ACL packets of the host not yet completed.
    pub held: usize,
    pub last_heard: u64,
    pub established: bool,
    supervise_at: u64,
    /// Own limits and what the peer has told of its own.
    pub max_tx_octets: u16,
    pub max_tx_time: u16,
    pub peer_rx_octets: u16,
    pub peer_rx_time: u16,
    pub peer_tx_octets: u16,
    pub peer_tx_time: u16,
    pub peer_features: Option<u64>,
    pub peer_version: Option<(u8, u16)>,
    pub version_sent: bool,
    pub wants: VecDeque<Want>,
    pub local: Option<Local>,
    /// PHYs the host prefers for this link, if it has said.
    pub phys: Option<(u8, u8)>,
    /// The peer's connection parameter request waits for the host.
    pub asked: Option<Parameters>,
    /// Session keys in use for sending and receiving.
    pub tx_key: Option<[u8; 16]>,
    pub rx_key: Option<[u8; 16]>,
    /// An encryption procedure runs: no data, no other procedure.
    pub hold: bool,
    /// Data goes on once the rejection of encryption is acknowledged.
    pub releasing: bool,
    pub security: super::security::Encrypting,
}

/// What ends when the link's timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Anchor,
    CentralSent,
    PeripheralSent,
}

/// A change at an instant.
pub(crate) enum Change {
    Parameters(Parameters),
    Phys { to_peripheral: Phy, to_central: Phy },
}

pub(crate) struct Pending {
    pub instant: u16,
    pub change: Change,
    /// The peripheral has received the PDU that announced it.
    pub known: bool,
}

pub(crate) struct Link {
    pub index: usize,
    pub serial: u64,
    /// Central, peripheral.
    pub sides: [Side; 2],
    pub params: Parameters,
    pub counter: u16,
    /// Start of the connection event that runs or comes next.
    pub anchor: u64,
    pub pending: Option<Pending>,
    /// PHY that each side sends with.
    pub phy: [Phy; 2],
    step: Step,
    listening: bool,
    skipped: u16,
    /// More Data of the last PDU of each side.
    more: [bool; 2],
    /// The receiver has no room: the event ends.
    refused: bool,
}

/// How a PDU arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reception {
    Good,
    /// Heard, but the CRC is wrong.
    Broken,
    Missed,
}

impl Side {
    pub fn new(node: NodeId, handle: u16, peer: Peer, octets: u16, time: u16) -> Self {
        Side {
            node,
            handle,
            peer,
            up: true,
            radio: true,
            farewell: 0,
            terminating: false,
            sn: false,
            nesn: false,
            flight: None,
            control: VecDeque::new(),
            data: VecDeque::new(),
            held: 0,
            last_heard: 0,
            established: false,
            supervise_at: 0,
            max_tx_octets: octets,
            max_tx_time: time,
            peer_rx_octets: 27,
            peer_rx_time: 328,
            peer_tx_octets: 27,
            peer_tx_time: 328,
            peer_features: None,
            peer_version: None,
            version_sent: false,
            wants: VecDeque::new(),
            local: None,
            phys: None,
            asked: None,
            tx_key: None,
            rx_key: None,
            hold: false,
            releasing: false,
            security: Default::default(),
        }
    }

    pub fn is_encrypted(&self) -> bool {
        self.tx_key.is_some() && self.rx_key.is_some()
    }

    pub fn push_data(&mut self, acl: AclOut) {
        self.held += 1;
        self.data.push_back(acl);
    }

    /// Begins supervision: six intervals until the first packet.
    pub fn supervision_start(&mut self, now: u64, interval: u64) -> u64 {
        self.last_heard = now;
        self.supervise_at = now + 6 * interval;
        self.supervise_at
    }

    /// Largest data PDU that may be sent.
    pub fn tx_octets(&self, phy: Phy) -> usize {
        let octets = self.max_tx_octets.min(self.peer_rx_octets);
        let time = self.max_tx_time.min(self.peer_rx_time);
        usize::from(octets).min(phy.octets_in(time)).max(27)
    }

    /// Index of the control PDU that may be sent next.
    fn next_control(&self) -> Option<usize> {
        self.control
            .iter()
            .position(|c| !self.hold || c.during_encryption())
    }

    fn can_send_data(&self) -> bool {
        !self.hold && !self.terminating && !self.data.is_empty()
    }

    fn has_more(&self) -> bool {
        self.next_control().is_some() || self.can_send_data()
    }

    /// Payload length of the PDU that follows the one in flight.
    fn next_len(&self, phy: Phy) -> usize {
        if let Some(at) = self.next_control() {
            return self.control[at].len();
        }
        match self.data.front() {
            Some(acl) if self.can_send_data() => {
                (acl.bytes.len() - acl.sent).min(self.tx_octets(phy))
            }
            _ => 0,
        }
    }

    /// Fills the place of the PDU in flight.
    fn pick(&mut self, phy: Phy) {
        let max = self.tx_octets(phy);
        let pdu = if let Some(at) = self.next_control() {
            Pdu::Control(self.control.remove(at).expect("found above"))
        } else if self.can_send_data() {
            let acl = &mut self.data[0];
            let end = acl.bytes.len().min(acl.sent + max);
            let mut bytes = Vec::with_capacity(5 + end - acl.sent);
            bytes.extend_from_slice(&[0; 5]);
            bytes.extend_from_slice(&acl.bytes[acl.sent..end]);
            let start = acl.start && acl.sent == 0;
            acl.sent = end;
            let last = end == acl.bytes.len();
            if last {
                self.data.pop_front();
            }
            Pdu::Data { start, bytes, last }
        } else {
            Pdu::Empty
        };
        let len = match &pdu {
            Pdu::Empty => 0,
            Pdu::Data { bytes, .. } => bytes.len() - 5,
            Pdu::Control(control) => control.len(),
        };
        self.flight = Some(Flight {
            pdu,
            len,
            key: self.tx_key,
            sends: 0,
        });
    }
}

impl Link {
    pub fn new(
        index: usize,
        serial: u64,
        sides: [Side; 2],
        params: Parameters,
        anchor: u64,
    ) -> Self {
        Link {
            index,
            serial,
            sides,
            params,
            counter: 0,
            anchor,
            pending: None,
            phy: [Phy::Le1M; 2],
            step: Step::Anchor,
            listening: true,
            skipped: 0,
            more: [false; 2],
            refused: false,
        }
    }

    pub fn interval_us(&self) -> u64 {
        u64::from(self.params.interval()) * 1250
    }

    pub fn timeout_us(&self) -> u64 {
        u64::from(self.params.timeout) * 10_000
    }

    /// Air time of what a side sends next.
    fn next_airtime(&self, side: usize) -> u64 {
        let s = &self.sides[side];
        let phy = self.phy[side];
        // What the other side has, it acknowledges before the next one is sent.
        let arrived = self.sides[1 - side].nesn != s.sn;
        match &s.flight {
            Some(flight) if !arrived => phy.airtime(flight.len, flight.key.is_some()),
            _ => phy.airtime(s.next_len(phy), s.tx_key.is_some()),
        }
    }

    /// Whether the peripheral listens to the event at the anchor.
    fn peripheral_listens(&mut self) -> bool {
        let p = &self.sides[1];
        let idle = !p.has_more()
            && p.local.is_none()
            && p.wants.is_empty()
            && !p.hold
            && p.flight.as_ref().is_none_or(|f| f.len == 0)
            && p.established
            && self.pending.is_none();
        if idle && self.skipped < self.params.latency {
            self.skipped += 1;
            return false;
        }
        self.skipped = 0;
        true
    }
}

impl Air {
    /// The next step of a link's connection event.
    pub(crate) fn link_step(&mut self, index: usize, serial: u64) {
        if self.links[index]
            .as_ref()
            .is_none_or(|l| l.serial != serial)
        {
            return;
        }
        self.with_link(index, |air, link| match link.step {
            Step::Anchor => air.begin_event(link),
            Step::CentralSent => air.central_sent(link),
            Step::PeripheralSent => air.peripheral_sent(link),
        });
    }

    fn begin_event(&mut self, link: &mut Link) {
        self.apply_pending(link);
        // With one end off the air nothing is heard: supervision does the rest.
        if !link.sides[0].radio || !link.sides[1].radio {
            return;
        }
        link.more = [false; 2];
        link.refused = false;
        link.listening = link.peripheral_listens();
        for side in 0..2 {
            let n = link.sides[side].node;
            self.nodes[n].stats.connection_events += 1;
        }
        self.transmit(link, 0, 0, Step::CentralSent);
    }

    /// Starts sending a side's PDU after `gap` microseconds.
    fn transmit(&mut self, link: &mut Link, side: usize, gap: u64, then: Step) {
        self.start_procedures(link, side);
        let phy = link.phy[side];
        let s = &mut link.sides[side];
        if s.flight.is_none() {
            s.pick(phy);
        }
        link.more[side] = s.has_more();
        let time = phy.airtime(0, false);
        let time = s.flight.as_mut().map_or(time, |flight| {
            flight.sends += 1;
            let stats = &mut self.nodes[s.node].stats;
            if flight.sends > 1 && flight.len > 0 {
                stats.retransmissions += 1;
            } else if matches!(flight.pdu, Pdu::Data { .. }) {
                stats.data_pdus += 1;
            }
            phy.airtime(flight.len, flight.key.is_some())
        });
        link.step = then;
        self.at(self.now + gap + time, Timer::Link(link.index, link.serial));
    }

    fn reception(&mut self) -> Reception {
        if !self.is_lost() {
            Reception::Good
        } else if self.rng.below(2) == 0 {
            Reception::Broken
        } else {
            Reception::Missed
        }
    }

    fn central_sent(&mut self, link: &mut Link) {
        self.said_farewell(link, 0);
        let reception = if link.listening {
            self.reception()
        } else {
            Reception::Missed
        };
        if reception == Reception::Missed || !link.sides[1].radio {
            self.end_event(link);
            return;
        }
        if reception == Reception::Good {
            self.received(link, 1);
        }
        if link.sides[1].radio {
            self.transmit(link, 1, T_IFS, Step::PeripheralSent);
        } else {
            self.end_event(link);
        }
    }

    fn peripheral_sent(&mut self, link: &mut Link) {
        self.said_farewell(link, 1);
        let good = link.sides[0].radio && self.reception() == Reception::Good;
        if good {
            self.received(link, 0);
        }
        let goes_on = good && !link.refused && (link.more[0] || link.more[1]);
        if goes_on && link.sides[0].radio && link.sides[1].radio {
            let exchange = T_IFS + link.next_airtime(0) + T_IFS + link.next_airtime(1) + T_IFS;
            if self.now + exchange <= link.anchor + link.interval_us() {
                self.transmit(link, 0, T_IFS, Step::CentralSent);
                return;
            }
        }
        self.end_event(link);
    }

    fn end_event(&mut self, link: &mut Link) {
        link.counter = link.counter.wrapping_add(1);
        link.anchor += link.interval_us();
        link.step = Step::Anchor;
        self.at(link.anchor, Timer::Link(link.index, link.serial));
    }

    /// A side that has been told of the end has sent one more acknowledgement.
    fn said_farewell(&mut self, link: &mut Link, side: usize) {
        let s = &mut link.sides[side];
        if s.farewell > 0 {
            s.farewell -= 1;
            s.radio = s.farewell > 0;
        }
    }

    /// Side `to` has received the PDU that the other side has in flight.
    fn received(&mut self, link: &mut Link, to: usize) {
        let now = self.now;
        let from = 1 - to;
        let (sn, nesn) = (link.sides[from].sn, link.sides[from].nesn);
        let receiver = &mut link.sides[to];
        receiver.last_heard = now;
        receiver.established = true;
        if nesn != receiver.sn {
            receiver.sn = !receiver.sn;
            if let Some(flight) = receiver.flight.take() {
                self.acknowledged(link, to, flight);
            }
        }
        if sn != link.sides[to].nesn {
            return;
        }
        let Some(flight) = &mut link.sides[from].flight else {
            return;
        };
        let (len, key) = (flight.len, flight.key);
        if let Pdu::Data { .. } = flight.pdu {
            if link.sides[to].up && !self.can_store(link.sides[to].node) {
                link.refused = true;
                return;
            }
        }
        // The sender keeps an empty husk to send again until it is acknowledged.
        let pdu = match &mut flight.pdu {
            Pdu::Empty => Pdu::Empty,
            Pdu::Data { start, bytes, last } => Pdu::Data {
                start: *start,
                bytes: std::mem::take(bytes),
                last: *last,
            },
            Pdu::Control(control) => Pdu::Control(control.clone()),
        };
        link.sides[to].nesn = !link.sides[to].nesn;
        if !link.sides[to].up {
            return;
        }
        if len > 0 && key != link.sides[to].rx_key {
            self.end_side(link, to, MIC_FAILURE);
            return;
        }
        match pdu {
            Pdu::Empty => {}
            Pdu::Data { start, bytes, .. } => {
                let (n, handle) = (link.sides[to].node, link.sides[to].handle);
                self.deliver(n, handle, start, bytes);
            }
            Pdu::Control(control) => self.control_received(link, to, control),
        }
    }

    fn acknowledged(&mut self, link: &mut Link, side: usize, flight: Flight) {
        let s = &mut link.sides[side];
        match flight.pdu {
            Pdu::Data { last: true, .. } if s.up => {
                s.held -= 1;
                let (n, handle) = (s.node, s.handle);
                self.completed(n, handle, 1);
            }
            Pdu::Control(Control::Terminate(_)) => self.end_side(link, side, LOCAL_HOST_TERMINATED),
            Pdu::Control(Control::Reject(Procedure::Encryption, _)) if s.releasing => {
                s.releasing = false;
                s.hold = false;
            }
            _ => {}
        }
    }

    /// A supervision timeout may have come.
    pub(crate) fn supervise(&mut self, index: usize, serial: u64, side: usize) {
        if self.links[index]
            .as_ref()
            .is_none_or(|l| l.serial != serial)
        {
            return;
        }
        self.with_link(index, |air, link| {
            let (timeout, interval) = (link.timeout_us(), link.interval_us());
            let s = &mut link.sides[side];
            if !s.up || s.supervise_at != air.now {
                return;
            }
            let limit = if s.established { timeout } else { 6 * interval };
            let due = s.last_heard + limit;
            if due > air.now {
                s.supervise_at = due;
                air.at(due, Timer::Supervise(index, serial, side));
                return;
            }
            let reason = match (s.established, s.terminating) {
                (false, _) => FAILED_TO_BE_ESTABLISHED,
                (true, true) => LOCAL_HOST_TERMINATED,
                (true, false) => CONNECTION_TIMEOUT,
            };
            air.end_side(link, side, reason);
        });
    }

    /// Supervision with the link's new parameters.
    pub(crate) fn supervise_anew(&mut self, link: &mut Link) {
        let timeout = link.timeout_us();
        for side in 0..2 {
            let s = &mut link.sides[side];
            s.supervise_at = s.last_heard.max(self.now) + timeout;
            self.at(
                s.supervise_at,
                Timer::Supervise(link.index, link.serial, side),
            );
        }
    }

    /// The receiving limits a node tells its peers.
    pub(crate) fn rx_limits(&self, n: NodeId) -> (u16, u16) {
        match self.has(n, feature::DATA_LENGTH) {
            true => (251, 2120),
            false => (27, 328),
        }
    }
}
