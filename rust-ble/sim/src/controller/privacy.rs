//! Addresses: the resolving list, our own private addresses, peers' identities
//! (Vol 6, Part B, 4.7 and 6).

use super::hci::Returned;
use super::{array, u16_at, AirAddress};
use crate::air::{Air, NodeId};
use crate::crypto;
use crate::error::*;

/// An entry of the resolving list.
pub(crate) struct Resolving {
    pub kind: u8,
    pub address: [u8; 6],
    peer_irk: [u8; 16],
    local_irk: [u8; 16],
    device_privacy: bool,
    local_rpa: Option<([u8; 6], u64)>,
    peer_rpa: Option<[u8; 6]>,
}

/// Who is behind an address on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// 0 public, 1 random, 2 public identity, 3 random identity.
    pub kind: u8,
    pub address: [u8; 6],
    /// The resolvable address that was resolved, or zeros.
    pub rpa: [u8; 6],
}

impl Peer {
    /// The identity as lists have it.
    pub fn identity(&self) -> (u8, [u8; 6]) {
        (self.kind & 1, self.address)
    }
}

impl Air {
    pub(crate) fn resolving_command(&mut self, n: NodeId, opcode: u16, p: &[u8]) -> Returned {
        let busy = self.nodes[n].state.radio_in_use();
        let size = self.nodes[n].config.resolving_list_size;
        let state = &mut self.nodes[n].state;
        match opcode {
            0x202a => return Ok(vec![size as u8]),
            0x202d => {
                if p[0] > 1 {
                    return Err(INVALID_PARAMETERS);
                }
                if busy {
                    return Err(COMMAND_DISALLOWED);
                }
                state.resolution = p[0] == 1;
                return Ok(vec![]);
            }
            0x202e => {
                let timeout = u16_at(p, 0);
                if !(1..=0x0e10).contains(&timeout) {
                    return Err(INVALID_PARAMETERS);
                }
                state.rpa_timeout = timeout;
                return Ok(vec![]);
            }
            0x2027..=0x2029 if state.resolution && busy => return Err(COMMAND_DISALLOWED),
            0x2029 => {
                state.resolving.clear();
                return Ok(vec![]);
            }
            _ => {}
        }
        if p[0] > 1 {
            return Err(INVALID_PARAMETERS);
        }
        let (kind, address) = (p[0], array(p, 1));
        let found = state
            .resolving
            .iter()
            .position(|e| (e.kind, e.address) == (kind, address));
        match (opcode, found) {
            (0x2027, Some(_)) => Err(INVALID_PARAMETERS),
            (0x2027, None) if state.resolving.len() >= size => Err(MEMORY_CAPACITY_EXCEEDED),
            (0x2027, None) => {
                state.resolving.push(Resolving {
                    kind,
                    address,
                    peer_irk: array(p, 7),
                    local_irk: array(p, 23),
                    device_privacy: false,
                    local_rpa: None,
                    peer_rpa: None,
                });
                Ok(vec![])
            }
            (_, None) => Err(UNKNOWN_CONNECTION),
            (0x2028, Some(at)) => {
                state.resolving.remove(at);
                Ok(vec![])
            }
            (0x202b, Some(at)) => Ok(state.resolving[at].peer_rpa.unwrap_or_default().to_vec()),
            (0x202c, Some(at)) => Ok(state.resolving[at]
                .local_rpa
                .map_or([0; 6], |(rpa, _)| rpa)
                .to_vec()),
            (_, Some(_)) if busy => Err(COMMAND_DISALLOWED),
            (_, Some(at)) => {
                if p[7] > 1 {
                    return Err(INVALID_PARAMETERS);
                }
                state.resolving[at].device_privacy = p[7] == 1;
                Ok(vec![])
            }
        }
    }

    /// The address a node uses on the air, or `None` when it has none of that type.
    pub(crate) fn own_address(
        &mut self,
        n: NodeId,
        own_type: u8,
        peer: (u8, [u8; 6]),
        random: Option<[u8; 6]>,
    ) -> Option<AirAddress> {
        let now = self.now;
        let state = &mut self.nodes[n].state;
        if own_type >= 2 && state.resolution {
            let timeout = u64::from(state.rpa_timeout) * 1_000_000;
            let entry = state
                .resolving
                .iter_mut()
                .find(|e| (e.kind, e.address) == peer);
            if let Some(entry) = entry.filter(|e| e.local_irk != [0; 16]) {
                let bytes = match entry.local_rpa {
                    Some((rpa, made)) if now - made < timeout => rpa,
                    _ => {
                        let mut prand = [0; 3];
                        self.rng.fill(&mut prand);
                        prand[2] = prand[2] & 0x3f | 0x40;
                        let hash = crypto::ah(&entry.local_irk, prand);
                        let rpa = [hash[0], hash[1], hash[2], prand[0], prand[1], prand[2]];
                        entry.local_rpa = Some((rpa, now));
                        rpa
                    }
                };
                return Some(AirAddress {
                    random: true,
                    bytes,
                });
            }
        }
        let random_address = random.or(self.nodes[n].state.random_address);
        match own_type & 1 {
            0 => {
                let bytes = self.nodes[n].config.public_address?;
                Some(AirAddress {
                    random: false,
                    bytes,
                })
            }
            _ => random_address.map(|bytes| AirAddress {
                random: true,
                bytes,
            }),
        }
    }

    /// Who an address on the air belongs to, or `None` when network privacy mode
    /// wants a peer with a known IRK to show a private address.
    pub(crate) fn identify(&mut self, n: NodeId, air: AirAddress) -> Option<Peer> {
        let state = &mut self.nodes[n].state;
        let plain = Peer {
            kind: u8::from(air.random),
            address: air.bytes,
            rpa: [0; 6],
        };
        if !state.resolution {
            return Some(plain);
        }
        for entry in state.resolving.iter_mut().filter(|e| e.peer_irk != [0; 16]) {
            if air.random && crypto::resolves(&entry.peer_irk, &air.bytes) {
                entry.peer_rpa = Some(air.bytes);
                let (kind, address) = (2 + entry.kind, entry.address);
                return Some(Peer {
                    kind,
                    address,
                    rpa: air.bytes,
                });
            }
            if (entry.kind, entry.address) == plain.identity() && !entry.device_privacy {
                return None;
            }
        }
        Some(plain)
    }

    /// Whether an address that a directed PDU names is the node's own.
    pub(crate) fn is_own(&self, n: NodeId, kind: u8, address: [u8; 6]) -> bool {
        let control = &self.nodes[n];
        match kind & 1 {
            0 => control.config.public_address == Some(address),
            _ => control.state.random_address == Some(address),
        }
    }

    /// Whether the filter accept list has the peer.
    pub(crate) fn accepts(&self, n: NodeId, peer: &Peer) -> bool {
        self.nodes[n].state.accept_list.contains(&peer.identity())
    }
}

impl super::State {
    /// Advertising, scanning or initiating.
    fn radio_in_use(&self) -> bool {
        self.sets.iter().any(|s| s.enabled) || self.scan.enabled || self.initiating.is_some()
    }
}
