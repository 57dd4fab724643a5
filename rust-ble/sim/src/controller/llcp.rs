//! Link Layer control procedures (Vol 6, Part B, 5).

use super::hci::Returned;
use super::link::{Change, Link, Pending};
use super::u16_at;
use crate::air::{Air, NodeId, Timer};
use crate::config::feature;
use crate::error::*;

/// Microseconds an LL procedure may take.
const PROCEDURE_TIMEOUT: u64 = 40_000_000;

/// Connection parameters as HCI has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub min: u16,
    pub max: u16,
    pub latency: u16,
    /// Units of 10 ms.
    pub timeout: u16,
}

impl Parameters {
    /// Min, max, latency, timeout.
    pub fn parse(p: &[u8]) -> Self {
        Parameters {
            min: u16_at(p, 0),
            max: u16_at(p, 2),
            latency: u16_at(p, 4),
            timeout: u16_at(p, 6),
        }
    }

    /// Ranges, and a timeout that leaves room for the latency.
    pub fn valid(&self) -> bool {
        let range = 6..=0x0c80;
        let room =
            u32::from(self.timeout) * 4 > (1 + u32::from(self.latency)) * u32::from(self.max);
        range.contains(&self.min)
            && range.contains(&self.max)
            && self.min <= self.max
            && self.latency <= 0x1f3
            && (0x0a..=0x0c80).contains(&self.timeout)
            && room
    }

    /// The interval a central picks, in units of 1.25 ms.
    pub fn interval(&self) -> u16 {
        self.min
    }

    /// Interval, latency, timeout, clock accuracy: the end of Connection Complete.
    pub fn event(&self) -> [u8; 7] {
        let [i0, i1] = self.interval().to_le_bytes();
        let [l0, l1] = self.latency.to_le_bytes();
        let [t0, t1] = self.timeout.to_le_bytes();
        [i0, i1, l0, l1, t0, t1, 1]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phy {
    Le1M = 1,
    Le2M = 2,
}

impl Phy {
    /// Microseconds of a data PDU (Vol 6, Part B, 2.1 and 2.2).
    pub fn airtime(self, len: usize, encrypted: bool) -> u64 {
        let mic = if encrypted && len > 0 { 4 } else { 0 };
        match self {
            Phy::Le1M => (10 + len as u64 + mic) * 8,
            Phy::Le2M => (11 + len as u64 + mic) * 4,
        }
    }

    /// Payload bytes that fit in a time, a MIC reserved.
    pub fn octets_in(self, time: u16) -> usize {
        match self {
            Phy::Le1M => (usize::from(time) / 8).saturating_sub(14),
            Phy::Le2M => (usize::from(time) / 4).saturating_sub(15),
        }
    }

    fn of(mask: u8) -> Self {
        if mask & 2 != 0 {
            Phy::Le2M
        } else {
            Phy::Le1M
        }
    }
}

/// A procedure that a side wants to start.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    Features,
    Version,
    Length,
    Phy,
    Update(Parameters),
    Request(Parameters),
    Encrypt {
        rand: [u8; 8],
        ediv: u16,
        ltk: [u8; 16],
    },
}

/// The procedure that a side has started.
pub(crate) struct Local {
    pub want: Want,
    serial: u64,
}

/// LL control PDUs.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    Terminate(u8),
    FeatureReq(u64),
    PeripheralFeatureReq(u64),
    FeatureRsp(u64),
    Version(u8, u16),
    /// Max RX octets, time, max TX octets, time.
    LengthReq([u16; 4]),
    LengthRsp([u16; 4]),
    PhyReq(u8, u8),
    PhyRsp(u8, u8),
    /// The change itself is the link's pending one.
    PhyInd,
    UpdateInd,
    ParamReq(Parameters),
    EncReq {
        rand: [u8; 8],
        ediv: u16,
        skd: [u8; 8],
    },
    EncRsp {
        skd: [u8; 8],
    },
    StartEncReq,
    StartEncRsp,
    PauseEncReq,
    PauseEncRsp,
    Reject(Procedure, u8),
    Unknown(Procedure),
}

/// What a rejection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Procedure {
    Features,
    Length,
    Phy,
    ParamReq,
    Encryption,
}

impl Control {
    /// Payload length, opcode included.
    pub fn len(&self) -> usize {
        match self {
            Control::Terminate(_) | Control::Unknown(_) => 2,
            Control::FeatureReq(_) | Control::PeripheralFeatureReq(_) | Control::FeatureRsp(_) => 9,
            Control::Version(..) => 6,
            Control::LengthReq(_) | Control::LengthRsp(_) => 9,
            Control::PhyReq(..) | Control::PhyRsp(..) | Control::Reject(..) => 3,
            Control::PhyInd => 5,
            Control::UpdateInd => 12,
            Control::ParamReq(_) => 24,
            Control::EncReq { .. } => 23,
            Control::EncRsp { .. } => 13,
            Control::StartEncReq | Control::StartEncRsp => 1,
            Control::PauseEncReq | Control::PauseEncRsp => 1,
        }
    }

    /// Whether it may be sent while an encryption procedure runs.
    pub fn during_encryption(&self) -> bool {
        matches!(
            self,
            Control::Terminate(_)
                | Control::EncReq { .. }
                | Control::EncRsp { .. }
                | Control::StartEncReq
                | Control::StartEncRsp
                | Control::PauseEncReq
                | Control::PauseEncRsp
                | Control::Reject(Procedure::Encryption, _)
        )
    }
}

impl Air {
    /// Starts the next procedure that a side wants, if it may.
    pub(crate) fn start_procedures(&mut self, link: &mut Link, side: usize) {
        let pending = link.pending.is_some();
        let s = &mut link.sides[side];
        if s.local.is_some() || s.hold || s.terminating || !s.up {
            return;
        }
        let Some(want) = s.wants.front() else { return };
        let by_instant = matches!(want, Want::Phy | Want::Update(_) | Want::Request(_));
        if by_instant && (pending || s.asked.is_some()) {
            return;
        }
        let Some(want) = s.wants.pop_front() else {
            return;
        };
        let n = s.node;
        let features = self.nodes[n].config.features;
        let refused =
            |bit: u64, s: &super::link::Side| s.peer_features.is_some_and(|f| f & bit == 0);
        let control = match &want {
            Want::Features if s.peer_features.is_some() => {
                self.features_event(link, side, 0);
                return;
            }
            Want::Features if side == 0 => Control::FeatureReq(features),
            Want::Features => Control::PeripheralFeatureReq(features),
            Want::Version if s.peer_version.is_some() => {
                self.version_event(link, side);
                return;
            }
            Want::Version => {
                s.version_sent = true;
                Control::Version(
                    self.nodes[n].config.version,
                    self.nodes[n].config.manufacturer,
                )
            }
            Want::Length if refused(feature::DATA_LENGTH, s) => return,
            Want::Length => Control::LengthReq(self.lengths(link, side)),
            Want::Phy if refused(feature::PHY_2M, s) => {
                self.phy_event(link, side, UNSUPPORTED_REMOTE_FEATURE);
                return;
            }
            Want::Phy => {
                let (tx, rx) = self.phy_preferences(link, side);
                Control::PhyReq(tx, rx)
            }
            Want::Update(params) => {
                self.announce(link, Change::Parameters(*params));
                Control::UpdateInd
            }
            Want::Request(_) if refused(feature::CONNECTION_PARAMETERS_REQUEST, s) => {
                self.update_event(link, side, UNSUPPORTED_REMOTE_FEATURE);
                return;
            }
            Want::Request(params) => Control::ParamReq(*params),
            Want::Encrypt { .. } => self.begin_encryption(link, side, &want),
        };
        let serial = self.new_serial();
        let s = &mut link.sides[side];
        s.control.push_back(control);
        // An update from the central runs by its instant alone.
        if !matches!(want, Want::Update(_)) {
            s.local = Some(Local { want, serial });
            let due = self.now + PROCEDURE_TIMEOUT;
            self.at(due, Timer::Procedure(link.index, link.serial, side, serial));
        }
    }

    /// A procedure has run for 40 s.
    pub(crate) fn procedure_timeout(
        &mut self,
        index: usize,
        serial: u64,
        side: usize,
        procedure: u64,
    ) {
        if self.links[index]
            .as_ref()
            .is_none_or(|l| l.serial != serial)
        {
            return;
        }
        self.with_link(index, |air, link| {
            if link.sides[side]
                .local
                .as_ref()
                .is_some_and(|l| l.serial == procedure)
            {
                air.end_side(link, side, LL_RESPONSE_TIMEOUT);
            }
        });
    }

    /// LL_TERMINATE_IND goes ahead of everything that waits.
    pub(crate) fn terminate(&mut self, link: &mut Link, side: usize, reason: u8) {
        let s = &mut link.sides[side];
        s.terminating = true;
        s.control.push_front(Control::Terminate(reason));
    }

    /// A side has received a control PDU.
    pub(crate) fn control_received(&mut self, link: &mut Link, side: usize, control: Control) {
        let n = link.sides[side].node;
        let features = self.nodes[n].config.features;
        let s = &mut link.sides[side];
        match control {
            Control::Terminate(reason) => {
                self.end_side(link, side, reason);
                // It stays to acknowledge, again if need be.
                link.sides[side].radio = true;
                link.sides[side].farewell = 6;
            }
            Control::PeripheralFeatureReq(_)
                if features & feature::PERIPHERAL_FEATURES_EXCHANGE == 0 =>
            {
                s.control.push_back(Control::Unknown(Procedure::Features));
            }
            Control::FeatureReq(peer) | Control::PeripheralFeatureReq(peer) => {
                s.peer_features = Some(peer & features);
                s.control.push_back(Control::FeatureRsp(features));
            }
            Control::FeatureRsp(peer) => {
                s.peer_features = Some(peer);
                if matches!(
                    s.local,
                    Some(Local {
                        want: Want::Features,
                        ..
                    })
                ) {
                    s.local = None;
                    self.features_event(link, side, 0);
                }
            }
            Control::Version(version, company) => {
                s.peer_version = Some((version, company));
                if !s.version_sent {
                    s.version_sent = true;
                    let config = &self.nodes[n].config;
                    s.control
                        .push_back(Control::Version(config.version, config.manufacturer));
                }
                if matches!(
                    s.local,
                    Some(Local {
                        want: Want::Version,
                        ..
                    })
                ) {
                    s.local = None;
                    self.version_event(link, side);
                }
            }
            Control::LengthReq(_) if features & feature::DATA_LENGTH == 0 => {
                s.control.push_back(Control::Unknown(Procedure::Length));
            }
            Control::LengthReq(peer) => {
                let own = self.lengths(link, side);
                link.sides[side].control.push_back(Control::LengthRsp(own));
                self.lengths_received(link, side, peer);
            }
            Control::LengthRsp(peer) => {
                s.local = None;
                self.lengths_received(link, side, peer);
            }
            Control::PhyReq(..) if features & feature::PHY_2M == 0 => {
                s.control.push_back(Control::Unknown(Procedure::Phy));
            }
            Control::PhyReq(tx, rx) if side == 0 => {
                if let Some(reason) = collision(link, |w| matches!(w, Want::Phy)) {
                    link.sides[0]
                        .control
                        .push_back(Control::Reject(Procedure::Phy, reason));
                } else {
                    self.settle_phys(link, tx, rx, 1);
                }
            }
            Control::PhyReq(..) => {
                let (tx, rx) = self.phy_preferences(link, side);
                link.sides[side].control.push_back(Control::PhyRsp(tx, rx));
            }
            Control::PhyRsp(tx, rx) => self.settle_phys(link, tx, rx, 0),
            Control::PhyInd | Control::UpdateInd => {
                let passed = match &mut link.pending {
                    Some(pending) => {
                        pending.known = true;
                        pending.instant.wrapping_sub(link.counter) >= 0x8000
                    }
                    // No change of PHY, or the change was made without this side.
                    None => false,
                };
                if passed {
                    self.end_side(link, side, 0x28);
                }
            }
            Control::ParamReq(params) => self.parameters_asked(link, side, params),
            Control::Reject(procedure, reason) => self.rejected(link, side, procedure, reason),
            Control::Unknown(procedure) => {
                self.rejected(link, side, procedure, UNSUPPORTED_REMOTE_FEATURE)
            }
            Control::EncReq { .. }
            | Control::EncRsp { .. }
            | Control::StartEncReq
            | Control::StartEncRsp
            | Control::PauseEncReq
            | Control::PauseEncRsp => self.encryption_control(link, side, control),
        }
    }

    /// The peer does not take part in the procedure that this side started.
    fn rejected(&mut self, link: &mut Link, side: usize, procedure: Procedure, reason: u8) {
        let s = &mut link.sides[side];
        let Some(local) = &s.local else { return };
        let same = matches!(
            (&local.want, procedure),
            (Want::Features, Procedure::Features)
                | (Want::Length, Procedure::Length)
                | (Want::Phy, Procedure::Phy)
                | (Want::Request(_), Procedure::ParamReq)
                | (Want::Encrypt { .. }, Procedure::Encryption)
        );
        if !same {
            return;
        }
        s.local = None;
        match procedure {
            Procedure::Features => self.features_event(link, side, reason),
            Procedure::Length => {}
            Procedure::Phy => self.phy_event(link, side, reason),
            Procedure::ParamReq => self.update_event(link, side, reason),
            Procedure::Encryption => self.encryption_rejected(link, side, reason),
        }
    }

    // Data length.

    pub(crate) fn set_data_length(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        let (octets, time) = (u16_at(p, 2), u16_at(p, 4));
        if !(27..=251).contains(&octets) || !(328..=17040).contains(&time) {
            return Err(INVALID_PARAMETERS);
        }
        self.with_link(index, |_, link| {
            let s = &mut link.sides[side];
            (s.max_tx_octets, s.max_tx_time) = (octets, time);
            if !s.wants.iter().any(|w| matches!(w, Want::Length)) {
                s.wants.push_back(Want::Length);
            }
            Ok(p[..2].to_vec())
        })
    }

    /// What a side tells in LL_LENGTH_REQ and LL_LENGTH_RSP.
    fn lengths(&self, link: &Link, side: usize) -> [u16; 4] {
        let s = &link.sides[side];
        let (octets, time) = self.rx_limits(s.node);
        [octets, time, s.max_tx_octets, s.max_tx_time]
    }

    fn lengths_received(&mut self, link: &mut Link, side: usize, peer: [u16; 4]) {
        let before = self.effective_lengths(link, side);
        let s = &mut link.sides[side];
        [
            s.peer_rx_octets,
            s.peer_rx_time,
            s.peer_tx_octets,
            s.peer_tx_time,
        ] = peer;
        let after = self.effective_lengths(link, side);
        if before != after {
            let s = &link.sides[side];
            let n = s.node;
            let mut event = s.handle.to_le_bytes().to_vec();
            after
                .iter()
                .for_each(|v| event.extend_from_slice(&v.to_le_bytes()));
            self.le_event(n, 0x07, &event);
        }
    }

    /// TX octets, TX time, RX octets, RX time in effect.
    fn effective_lengths(&self, link: &Link, side: usize) -> [u16; 4] {
        let s = &link.sides[side];
        let (rx_octets, rx_time) = self.rx_limits(s.node);
        [
            s.max_tx_octets.min(s.peer_rx_octets).max(27),
            s.max_tx_time.min(s.peer_rx_time).max(328),
            rx_octets.min(s.peer_tx_octets).max(27),
            rx_time.min(s.peer_tx_time).max(328),
        ]
    }

    // PHY.

    pub(crate) fn read_phy(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        self.with_link(index, |_, link| {
            Ok(vec![
                p[0],
                p[1],
                link.phy[side] as u8,
                link.phy[1 - side] as u8,
            ])
        })
    }

    pub(crate) fn set_default_phy(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (tx, rx) = phy_masks(p[0], p[1], p[2])?;
        let state = &mut self.nodes[n].state;
        (state.default_tx_phys, state.default_rx_phys) = (tx, rx);
        Ok(vec![])
    }

    pub(crate) fn set_phy(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        let phys = phy_masks(p[2], p[3], p[4])?;
        if u16_at(p, 5) > 2 {
            return Err(INVALID_PARAMETERS);
        }
        self.with_link(index, |_, link| {
            let s = &mut link.sides[side];
            if s.wants.iter().any(|w| matches!(w, Want::Phy)) {
                return Err(COMMAND_DISALLOWED);
            }
            s.phys = Some(phys);
            s.wants.push_back(Want::Phy);
            Ok(vec![])
        })
    }

    /// TX and RX PHYs that a side's host would have; zero in the state means any.
    fn phy_preferences(&self, link: &Link, side: usize) -> (u8, u8) {
        let s = &link.sides[side];
        let state = &self.nodes[s.node].state;
        let (tx, rx) = s
            .phys
            .unwrap_or((state.default_tx_phys, state.default_rx_phys));
        let any = |mask| if mask == 0 { 3 } else { mask };
        (any(tx), any(rx))
    }

    /// The central has both sides' preferences and decides.
    fn settle_phys(&mut self, link: &mut Link, peer_tx: u8, peer_rx: u8, asker: usize) {
        let (tx, rx) = self.phy_preferences(link, 0);
        let decide = |mask: u8, now: Phy| if mask & 3 == 0 { now } else { Phy::of(mask) };
        let to_peripheral = decide(tx & peer_rx, link.phy[0]);
        let to_central = decide(rx & peer_tx, link.phy[1]);
        link.sides[0].control.push_back(Control::PhyInd);
        if [to_peripheral, to_central] == link.phy {
            link.sides[asker].local = None;
            self.phy_event(link, asker, 0);
            return;
        }
        self.announce(
            link,
            Change::Phys {
                to_peripheral,
                to_central,
            },
        );
    }

    pub(crate) fn phy_event(&mut self, link: &mut Link, side: usize, status: u8) {
        let s = &link.sides[side];
        let [h0, h1] = s.handle.to_le_bytes();
        let (tx, rx) = (link.phy[side] as u8, link.phy[1 - side] as u8);
        if s.up {
            self.le_event(s.node, 0x0c, &[status, h0, h1, tx, rx]);
        }
    }

    // Connection parameters.

    /// A change that both sides make at an instant some events from now.
    fn announce(&mut self, link: &mut Link, change: Change) {
        let ahead = 6 + 4 * (link.params.latency + 1);
        let instant = link.counter.wrapping_add(ahead);
        link.pending = Some(Pending {
            instant,
            change,
            known: false,
        });
    }

    /// Makes the pending change when its instant has come.
    pub(crate) fn apply_pending(&mut self, link: &mut Link) {
        if link
            .pending
            .as_ref()
            .is_none_or(|p| p.instant != link.counter)
        {
            return;
        }
        let Some(pending) = link.pending.take() else {
            return;
        };
        if !pending.known {
            // The peripheral stays behind, and the sides do not hear each other any more.
            link.sides[1].radio = false;
            return;
        }
        match pending.change {
            Change::Parameters(params) => {
                link.params = params;
                self.supervise_anew(link);
                for side in 0..2 {
                    if matches!(
                        link.sides[side].local,
                        Some(Local {
                            want: Want::Request(_),
                            ..
                        })
                    ) {
                        link.sides[side].local = None;
                    }
                    self.update_event(link, side, 0);
                }
            }
            Change::Phys {
                to_peripheral,
                to_central,
            } => {
                link.phy = [to_peripheral, to_central];
                for side in 0..2 {
                    if matches!(
                        link.sides[side].local,
                        Some(Local {
                            want: Want::Phy,
                            ..
                        })
                    ) {
                        link.sides[side].local = None;
                    }
                    self.phy_event(link, side, 0);
                }
            }
        }
    }

    pub(crate) fn update_event(&mut self, link: &mut Link, side: usize, status: u8) {
        let s = &link.sides[side];
        if !s.up {
            return;
        }
        let mut event = vec![status];
        event.extend_from_slice(&s.handle.to_le_bytes());
        event.extend_from_slice(&link.params.event()[..6]);
        self.le_event(s.node, 0x03, &event);
    }

    /// The peer asks for connection parameters.
    fn parameters_asked(&mut self, link: &mut Link, side: usize, params: Parameters) {
        let n = link.sides[side].node;
        let answer = if !self.has(n, feature::CONNECTION_PARAMETERS_REQUEST) {
            Control::Unknown(Procedure::ParamReq)
        } else if let Some(reason) =
            collision(link, |w| matches!(w, Want::Update(_) | Want::Request(_)))
        {
            Control::Reject(Procedure::ParamReq, reason)
        } else if !params.valid() {
            Control::Reject(Procedure::ParamReq, INVALID_PARAMETERS)
        } else if !self.le_unmasked(n, 0x06) {
            Control::Reject(Procedure::ParamReq, UNSUPPORTED_REMOTE_FEATURE)
        } else {
            link.sides[side].asked = Some(params);
            let mut event = link.sides[side].handle.to_le_bytes().to_vec();
            for value in [params.min, params.max, params.latency, params.timeout] {
                event.extend_from_slice(&value.to_le_bytes());
            }
            self.le_event(n, 0x06, &event);
            return;
        };
        link.sides[side].control.push_back(answer);
    }

    pub(crate) fn parameter_request_reply(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        let params = Parameters::parse(&p[2..]);
        if !params.valid() || u16_at(p, 10) > u16_at(p, 12) {
            return Err(INVALID_PARAMETERS);
        }
        self.with_link(index, |air, link| {
            if link.sides[side].asked.take().is_none() {
                return Err(COMMAND_DISALLOWED);
            }
            air.announce(link, Change::Parameters(params));
            link.sides[side].control.push_back(Control::UpdateInd);
            Ok(p[..2].to_vec())
        })
    }

    pub(crate) fn parameter_request_negative_reply(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        self.with_link(index, |_, link| {
            if link.sides[side].asked.take().is_none() {
                return Err(COMMAND_DISALLOWED);
            }
            link.sides[side]
                .control
                .push_back(Control::Reject(Procedure::ParamReq, p[2]));
            Ok(p[..2].to_vec())
        })
    }

    // Features and versions.

    pub(crate) fn features_event(&mut self, link: &mut Link, side: usize, status: u8) {
        let s = &link.sides[side];
        let mut event = vec![status];
        event.extend_from_slice(&s.handle.to_le_bytes());
        event.extend_from_slice(&s.peer_features.unwrap_or(0).to_le_bytes());
        self.le_event(s.node, 0x04, &event);
    }

    pub(crate) fn version_event(&mut self, link: &mut Link, side: usize) {
        let s = &link.sides[side];
        let (version, company) = s.peer_version.unwrap_or_default();
        let mut event = vec![0];
        event.extend_from_slice(&s.handle.to_le_bytes());
        event.push(version);
        event.extend_from_slice(&company.to_le_bytes());
        event.extend_from_slice(&[0, 0]);
        self.event(s.node, 0x0c, &event);
    }
}

/// Why the central must refuse a procedure with an instant that the peripheral wants.
fn collision(link: &Link, same: impl Fn(&Want) -> bool) -> Option<u8> {
    let central = &link.sides[0];
    match &central.local {
        Some(local) if same(&local.want) => return Some(LL_PROCEDURE_COLLISION),
        Some(Local {
            want: Want::Phy | Want::Request(_),
            ..
        }) => return Some(DIFFERENT_TRANSACTION_COLLISION),
        _ => {}
    }
    let busy = link.pending.is_some() || central.asked.is_some();
    busy.then_some(DIFFERENT_TRANSACTION_COLLISION)
}

/// PHY masks of LE Set PHY; an absent preference is zero.
fn phy_masks(all: u8, tx: u8, rx: u8) -> Result<(u8, u8), u8> {
    let (no_tx, no_rx) = (all & 1 != 0, all & 2 != 0);
    if all > 3 || !no_tx && tx == 0 || !no_rx && rx == 0 {
        return Err(INVALID_PARAMETERS);
    }
    if !no_tx && tx & !3 != 0 || !no_rx && rx & !3 != 0 {
        return Err(UNSUPPORTED_FEATURE);
    }
    Ok((if no_tx { 0 } else { tx }, if no_rx { 0 } else { rx }))
}
