//! Connections as the host sees them: creating, updating, ending.

use super::adv::{airtime_1m, AdvSet, T_IFS};
use super::hci::Returned;
use super::link::{Link, Side};
use super::llcp::{Parameters, Want};
use super::privacy::Peer;
use super::scan::Window;
use super::{array, u16_at, AirAddress, Handle, Style};
use crate::air::{Air, NodeId, Timer};
use crate::config::feature;
use crate::error::*;

/// LE Create Connection under way.
#[derive(Clone)]
pub(crate) struct Initiating {
    pub window: Window,
    pub use_list: bool,
    pub peer: (u8, [u8; 6]),
    pub own_type: u8,
    pub params: Parameters,
}

impl Air {
    pub(crate) fn create_connection(&mut self, n: NodeId, p: &[u8]) -> Returned {
        self.style(n, Style::Legacy)?;
        let (use_list, peer_type, own_type) = (p[4], p[5], p[12]);
        self.initiate(
            n,
            u16_at(p, 0),
            u16_at(p, 2),
            use_list,
            (peer_type, array(p, 6)),
            own_type,
            &p[13..],
        )
    }

    pub(crate) fn extended_create_connection(&mut self, n: NodeId, p: &[u8]) -> Returned {
        self.style(n, Style::Extended)?;
        let (use_list, own_type, peer_type, phys) = (p[0], p[1], p[2], p[9]);
        if phys & 5 == 0 || phys > 7 || p.len() != 10 + 16 * phys.count_ones() as usize {
            return Err(INVALID_PARAMETERS);
        }
        if phys & 4 != 0 || phys & 1 == 0 {
            return Err(UNSUPPORTED_FEATURE);
        }
        let at = &p[10..];
        self.initiate(
            n,
            u16_at(at, 0),
            u16_at(at, 2),
            use_list,
            (peer_type, array(p, 3)),
            own_type,
            &at[4..],
        )
    }

    #[allow(clippy::too_many_arguments)]
    fn initiate(
        &mut self,
        n: NodeId,
        interval: u16,
        window: u16,
        use_list: u8,
        peer: (u8, [u8; 6]),
        own_type: u8,
        p: &[u8],
    ) -> Returned {
        let params = Parameters::parse(p);
        if self.nodes[n].state.initiating.is_some() {
            return Err(COMMAND_DISALLOWED);
        }
        let range = 4..=0x4000;
        let scan_ok = range.contains(&interval) && range.contains(&window) && window <= interval;
        let event_length_ok = u16_at(p, 8) <= u16_at(p, 10);
        if !scan_ok || !params.valid() || !event_length_ok {
            return Err(INVALID_PARAMETERS);
        }
        if use_list > 1 || own_type > 3 || use_list == 0 && peer.0 > 3 {
            return Err(INVALID_PARAMETERS);
        }
        let peer = (peer.0 & 1, peer.1);
        if self.own_address(n, own_type, peer, None).is_none() {
            return Err(INVALID_PARAMETERS);
        }
        if self.nodes[n].state.handles.len() >= self.nodes[n].config.max_links {
            return Err(CONNECTION_LIMIT_EXCEEDED);
        }
        if use_list == 0 && self.is_connected_to(n, peer) {
            return Err(CONNECTION_EXISTS);
        }
        let unit = 625;
        let window = Window {
            start: self.now,
            interval: u64::from(interval) * unit,
            window: u64::from(window) * unit,
        };
        let use_list = use_list == 1;
        let initiating = Initiating {
            window,
            use_list,
            peer,
            own_type,
            params,
        };
        self.nodes[n].state.initiating = Some(initiating);
        Ok(vec![])
    }

    fn is_connected_to(&self, n: NodeId, identity: (u8, [u8; 6])) -> bool {
        let handles = &self.nodes[n].state.handles;
        handles.iter().any(|h| {
            let link = self.links[h.link].as_ref();
            link.is_some_and(|link| link.sides[h.side].peer.identity() == identity)
        })
    }

    pub(crate) fn create_connection_cancel(&mut self, n: NodeId) -> Returned {
        if self.nodes[n].state.initiating.take().is_none() {
            return Err(COMMAND_DISALLOWED);
        }
        self.connection_failed(n, UNKNOWN_CONNECTION, 0);
        Ok(vec![])
    }

    /// A connectable advertising PDU has reached an initiator: returns whether the
    /// advertiser is connected now.
    pub(crate) fn try_connect(
        &mut self,
        r: NodeId,
        n: NodeId,
        set: &AdvSet,
        from: AirAddress,
    ) -> bool {
        let Some(init) = self.nodes[r].state.initiating.clone() else {
            return false;
        };
        let Some(peripheral) = self.identify(r, from) else {
            return false;
        };
        let meant = match init.use_list {
            true => self.accepts(r, &peripheral),
            false => {
                init.peer == peripheral.identity()
                    || init.peer == (u8::from(from.random), from.bytes)
            }
        };
        if !meant || self.is_connected_to(r, peripheral.identity()) {
            return false;
        }
        if set.kind.directed && !self.is_own(r, set.peer.0, set.peer.1) {
            return false;
        }
        let Some(own) = self.own_address(r, init.own_type, peripheral.identity(), None) else {
            return false;
        };
        let Some(central) = self.identify(n, own) else {
            return false;
        };
        let refused = set.filter & 2 != 0 && !self.accepts(n, &central)
            || set.kind.directed && central.identity() != set.peer && (1, own.bytes) != set.peer
            || self.is_connected_to(n, central.identity())
            || self.nodes[n].state.handles.len() >= self.nodes[n].config.max_links;
        // The initiator sends CONNECT_IND and takes the connection as created.
        let lost = self.is_lost();
        let heard = !refused && !lost;
        self.nodes[r].state.initiating = None;
        let ours = private(own, init.own_type, None);
        let theirs = private(from, set.own_type, set.random);
        self.make_link(
            (r, ours, peripheral),
            (n, theirs, central),
            init.params,
            heard,
        );
        if heard {
            let sets = &mut self.nodes[n].state.sets;
            if let Some(set) = sets.iter_mut().find(|s| s.serial == set.serial) {
                set.enabled = false;
            }
            let handle = self.nodes[n].state.handles.last().map_or(0, |h| h.handle);
            if let Some(set) = set.handle {
                let [h0, h1] = handle.to_le_bytes();
                self.le_event(n, 0x12, &[0, set, h0, h1, 0]);
            }
        }
        heard
    }

    /// Makes a link; when the peripheral has not heard CONNECT_IND its side is dead.
    fn make_link(
        &mut self,
        (c, c_rpa, peripheral): (NodeId, [u8; 6], Peer),
        (p, p_rpa, central): (NodeId, [u8; 6], Peer),
        params: Parameters,
        heard: bool,
    ) {
        let created = self.now + T_IFS + airtime_1m(34);
        let index = self
            .links
            .iter()
            .position(Option::is_none)
            .unwrap_or_else(|| {
                self.links.push(None);
                self.links.len() - 1
            });
        let serial = self.new_serial();
        let sides = [self.new_side(c, peripheral), self.new_side(p, central)];
        // The transmit window delay of 1.25 ms.
        let link = Link::new(index, serial, sides, params, created + 1250);
        self.links[index] = Some(link);
        self.with_link(index, |air, link| {
            if heard {
                air.at(link.anchor, Timer::Link(index, serial));
            } else {
                link.sides[1].up = false;
                link.sides[1].radio = false;
            }
            for side in [1, 0] {
                let rpa = if side == 0 { c_rpa } else { p_rpa };
                if link.sides[side].up {
                    air.open_side(link, side, rpa);
                }
            }
        });
    }

    fn new_side(&mut self, n: NodeId, peer: Peer) -> Side {
        let state = &self.nodes[n].state;
        let handle = (0x40..)
            .find(|h| !state.handles.iter().any(|e| e.handle == *h))
            .unwrap_or(0);
        Side::new(
            n,
            handle,
            peer,
            state.suggested_octets,
            state.suggested_time,
        )
    }

    /// Tells a side's host of the connection.
    fn open_side(&mut self, link: &mut Link, side: usize, local_rpa: [u8; 6]) {
        let s = &link.sides[side];
        let (n, handle, peer) = (s.node, s.handle, s.peer);
        let entry = Handle {
            handle,
            link: link.index,
            side,
            host_held: 0,
        };
        self.nodes[n].state.handles.push(entry);
        let mut head = vec![0];
        head.extend_from_slice(&handle.to_le_bytes());
        head.push(side as u8);
        self.connection_event(n, &head, peer, local_rpa, link.params.event());
        let now = self.now;
        let due = link.sides[side].supervision_start(now, link.interval_us());
        self.at(due, Timer::Supervise(link.index, link.serial, side));
        if self.wants_data_length(n) {
            link.sides[side].wants.push_back(Want::Length);
        }
    }

    /// LE Connection Complete that tells of a failure.
    pub(crate) fn connection_failed(&mut self, n: NodeId, status: u8, role: u8) {
        let nobody = Peer {
            kind: 0,
            address: [0; 6],
            rpa: [0; 6],
        };
        self.connection_event(n, &[status, 0, 0, role], nobody, [0; 6], [0; 7]);
    }

    fn connection_event(
        &mut self,
        n: NodeId,
        head: &[u8],
        peer: Peer,
        local_rpa: [u8; 6],
        params: [u8; 7],
    ) {
        let mut event = head.to_vec();
        if self.nodes[n].config.enhanced_connection_complete && self.le_unmasked(n, 0x0a) {
            event.push(peer.kind);
            event.extend_from_slice(&peer.address);
            event.extend_from_slice(&local_rpa);
            event.extend_from_slice(&peer.rpa);
            event.extend_from_slice(&params);
            self.le_event(n, 0x0a, &event);
        } else {
            event.push(peer.kind & 1);
            event.extend_from_slice(&peer.address);
            event.extend_from_slice(&params);
            self.le_event(n, 0x01, &event);
        }
    }

    pub(crate) fn disconnect(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (link, side) = self.handle(n, p)?;
        let reason = p[2];
        if !matches!(reason, 0x05 | 0x13 | 0x14 | 0x15 | 0x1a | 0x29 | 0x3b) {
            return Err(INVALID_PARAMETERS);
        }
        self.with_link(link, |air, link| {
            if link.sides[side].terminating {
                return Err(COMMAND_DISALLOWED);
            }
            air.terminate(link, side, reason);
            Ok(vec![])
        })
    }

    pub(crate) fn connection_update(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        let params = Parameters::parse(&p[2..]);
        if !params.valid() || u16_at(p, 10) > u16_at(p, 12) {
            return Err(INVALID_PARAMETERS);
        }
        // A peripheral can only ask, by a procedure that not every controller has.
        if side == 1 && !self.has(n, feature::CONNECTION_PARAMETERS_REQUEST) {
            return Err(COMMAND_DISALLOWED);
        }
        self.with_link(index, |_, link| {
            let wants = &mut link.sides[side].wants;
            if wants
                .iter()
                .any(|w| matches!(w, Want::Update(_) | Want::Request(_)))
            {
                return Err(COMMAND_DISALLOWED);
            }
            wants.push_back(if side == 0 {
                Want::Update(params)
            } else {
                Want::Request(params)
            });
            Ok(vec![])
        })
    }

    pub(crate) fn read_remote_version(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        self.with_link(index, |air, link| {
            match link.sides[side].peer_version {
                Some(_) => air.version_event(link, side),
                None => link.sides[side].wants.push_back(Want::Version),
            }
            Ok(vec![])
        })
    }

    pub(crate) fn read_remote_features(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        if side == 1 && !self.has(n, feature::PERIPHERAL_FEATURES_EXCHANGE) {
            return Err(COMMAND_DISALLOWED);
        }
        self.with_link(index, |air, link| {
            match link.sides[side].peer_features {
                Some(_) => air.features_event(link, side, 0),
                None => link.sides[side].wants.push_back(Want::Features),
            }
            Ok(vec![])
        })
    }

    /// All links of the node end for it without a word: power off or reset.
    /// Only an end that the peer announced is acknowledged even now, which a
    /// real controller does before it tells its host (Vol 6, Part B, 5.1.6).
    pub(crate) fn abandon_links(&mut self, n: NodeId) {
        for index in 0..self.links.len() {
            if self.links[index].is_none() {
                continue;
            }
            self.with_link(index, |_, link| {
                for side in link.sides.iter_mut().filter(|s| s.node == n) {
                    side.up = false;
                    side.radio = side.farewell > 0;
                }
            });
        }
        self.nodes[n].state.handles.clear();
    }

    /// Works on a link, and frees its place once neither host knows of it.
    pub(crate) fn with_link<R: Absent>(
        &mut self,
        index: usize,
        f: impl FnOnce(&mut Air, &mut Link) -> R,
    ) -> R {
        let Some(mut link) = self.links[index].take() else {
            return R::absent();
        };
        let result = f(self, &mut link);
        if link.sides.iter().any(|side| side.up) {
            self.links[index] = Some(link);
        }
        result
    }

    /// A side's connection is over: its host is told.
    pub(crate) fn end_side(&mut self, link: &mut Link, side: usize, reason: u8) {
        let s = &mut link.sides[side];
        if !s.up {
            return;
        }
        s.up = false;
        s.radio = false;
        let (n, handle, held) = (s.node, s.handle, s.held);
        let state = &mut self.nodes[n].state;
        state.handles.retain(|h| h.handle != handle);
        state.acl_held -= held.min(state.acl_held);
        state
            .acl_backlog
            .retain(|packet| u16_at(packet, 1) & 0xfff != handle);
        let [h0, h1] = handle.to_le_bytes();
        self.event(n, 0x05, &[0, h0, h1, reason]);
        self.drain_backlog(n);
    }
}

/// What `with_link` gives when the link is gone.
pub(crate) trait Absent {
    fn absent() -> Self;
}

impl Absent for () {
    fn absent() {}
}

impl Absent for Returned {
    fn absent() -> Self {
        Err(UNKNOWN_CONNECTION)
    }
}

/// The address when the controller made it as a private one, or zeros.
fn private(own: AirAddress, own_type: u8, set: Option<[u8; 6]>) -> [u8; 6] {
    let made = own_type >= 2 && own.random && own.bytes[5] >> 6 == 1 && set != Some(own.bytes);
    if made {
        own.bytes
    } else {
        [0; 6]
    }
}
