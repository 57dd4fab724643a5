//! What goes to the controller: commands first, then ACL data of the links in
//! turn, never more than the controller has room for (Vol 4, Part E, 4.1.1).

use super::Host;
use crate::config::MAX_LINKS;
use crate::conn::{State as LinkState, L2CAP_HEADER, LINK_DEAD_MS};
use crate::l2cap::{cid, SIGNAL_LEN};
use crate::time::Instant;
use crate::wire::copy;
use crate::wire::hci::AclHeader;

/// One H4 packet: these three parts one after another.
#[derive(Clone, Copy, Debug)]
pub struct Transmit<'a> {
    header: [u8; 11],
    header_len: u8,
    /// Follows the header.
    pub head: &'a [u8],
    /// Follows `head`.
    pub tail: &'a [u8],
}

impl Transmit<'_> {
    /// The first part.
    pub fn header(&self) -> &[u8] {
        self.header
            .get(..self.header_len as usize)
            .unwrap_or_default()
    }

    /// Length of all parts.
    pub fn len(&self) -> usize {
        self.header_len as usize + self.head.len() + self.tail.len()
    }

    /// Whether there is nothing, which does not happen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the next packet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    Command,
    /// Bytes of the first PDU of a link.
    Pdu {
        slot: u8,
        len: u16,
    },
    /// A piece of a frame of a credit-based channel.
    Fragment {
        slot: u8,
        len: u16,
    },
}

impl Outgoing {
    pub(super) fn slot(&self) -> Option<usize> {
        match *self {
            Outgoing::Command => None,
            Outgoing::Pdu { slot, .. } | Outgoing::Fragment { slot, .. } => Some(slot as usize),
        }
    }
}

impl Host {
    /// The next packet for the controller; the same until `transmitted`.
    #[inline(never)]
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'_>> {
        self.now = now;
        self.rest.begin(now);
        // The commands may have been dropped meanwhile.
        let dropped = self.outgoing == Some(Outgoing::Command) && self.commands.to_send().is_none();
        if self.outgoing.is_none() || dropped {
            self.outgoing = self.choose();
        }
        let mut header = [0; 11];
        match self.outgoing? {
            Outgoing::Command => {
                let head = self.commands.to_send()?;
                Some(Transmit {
                    header,
                    header_len: 0,
                    head,
                    tail: &[],
                })
            }
            Outgoing::Pdu { slot, len } => {
                let link = self.link(slot as usize);
                let sent = link.sent as usize;
                let acl = AclHeader {
                    handle: link.handle,
                    continuing: sent > 0,
                };
                header[..5].copy_from_slice(&acl.emit(len as usize));
                let head = self
                    .tx
                    .get(link.tx.first()?)
                    .get(sent..sent + len as usize)?;
                Some(Transmit {
                    header,
                    header_len: 5,
                    head,
                    tail: &[],
                })
            }
            Outgoing::Fragment { slot, .. } => {
                let handle = self.link(slot as usize).handle;
                let fragment = self
                    .channels
                    .poll_fragment(slot, self.controller.acl_len as usize)?;
                let acl = AclHeader {
                    handle,
                    continuing: !fragment.first(),
                };
                let n = fragment.header.len();
                header[..5].copy_from_slice(&acl.emit(fragment.len()));
                copy(header.get_mut(5..)?, fragment.header);
                let header_len = 5 + n as u8;
                Some(Transmit {
                    header,
                    header_len,
                    head: fragment.head,
                    tail: fragment.tail,
                })
            }
        }
    }

    /// The packet given by `poll_transmit` has left whole.
    pub fn transmitted(&mut self, now: Instant) {
        self.now = now;
        let Some(outgoing) = self.outgoing.take() else {
            return;
        };
        match outgoing {
            Outgoing::Command => return self.commands.sent(now),
            Outgoing::Pdu { slot, len } => {
                let link = self.link_mut(slot as usize);
                link.sent += len;
                if link
                    .tx
                    .first()
                    .is_some_and(|block| block.len() <= link.sent as usize)
                {
                    if let Some(block) = link.pop_tx() {
                        self.tx.free(block);
                    }
                }
            }
            Outgoing::Fragment { slot, len } => self.channels.fragment_sent(slot, len as usize),
        }
        if let Some(slot) = outgoing.slot() {
            self.controller.acl_free = self.controller.acl_free.saturating_sub(1);
            #[cfg(feature = "broken")]
            if self.is_broken(super::Defect::IgnoresCredits) {
                self.controller.acl_free += 1;
                self.link_mut(slot).in_flight = 0;
            }
            let link = self.link_mut(slot);
            link.in_flight += 1;
            link.overdue = link.overdue.or(Some(now.after(LINK_DEAD_MS)));
            self.next_slot = slot + 1;
        }
    }

    #[inline(never)]
    fn choose(&mut self) -> Option<Outgoing> {
        if self.commands.to_send().is_some() {
            return Some(Outgoing::Command);
        }
        if self.controller.acl_free == 0 {
            return None;
        }
        // A link that does not get its data across must not hold all buffers
        // of the controller: one is left for each other link.
        let others = self.links.up().saturating_sub(1) as u16;
        let share = self.controller.acl_total.saturating_sub(others).max(1);
        for i in 0..MAX_LINKS {
            let slot = (self.next_slot + i) % MAX_LINKS;
            if !self.links.may_send(slot) {
                continue;
            }
            let link = self.link(slot);
            if link.state != LinkState::Up || !link.sends {
                self.links.sent_all(slot);
            } else if link.in_flight < share {
                self.links.sent_all(slot);
                if let Some(outgoing) = self.choose_of(slot) {
                    self.links.wake_to_send(slot);
                    return Some(outgoing);
                }
            }
        }
        None
    }

    /// The next packet of a link.
    #[inline(never)]
    fn choose_of(&mut self, slot: usize) -> Option<Outgoing> {
        let acl_len = self.controller.acl_len;
        if !self.channels.frame_open(slot as u8) {
            self.gather(slot);
            let link = self.link_mut(slot);
            if let Some(block) = link.tx.first() {
                // PDUs and frames take turns, but a PDU is not interrupted.
                if link.sent > 0 || !link.frame_next {
                    let len = (block.len() as u16 - link.sent).min(acl_len);
                    link.frame_next = true;
                    return Some(Outgoing::Pdu {
                        slot: slot as u8,
                        len,
                    });
                }
            }
        }
        match self.channels.poll_fragment(slot as u8, acl_len as usize) {
            Some(fragment) => {
                let len = fragment.len() as u16;
                self.link_mut(slot).frame_next = false;
                Some(Outgoing::Fragment {
                    slot: slot as u8,
                    len,
                })
            }
            None => {
                let link = self.link_mut(slot);
                link.frame_next = false;
                let len = (link.tx.first()?.len() as u16 - link.sent).min(acl_len);
                Some(Outgoing::Pdu {
                    slot: slot as u8,
                    len,
                })
            }
        }
    }

    /// Queues what client, signalling and indications of a link have to say.
    #[inline(never)]
    fn gather(&mut self, slot: usize) {
        let link = &self.links[slot];
        if link.client.may_request() {
            if let Some(block) = self.open_pdu(slot, self.links[slot].mtu as usize) {
                let link = &mut self.links[slot];
                let mut out = self.tx.writer(&block, L2CAP_HEADER);
                link.client
                    .poll_request(self.now, link.mtu, &mut self.pool, &mut out);
                let len = out.len();
                self.close_pdu(slot, cid::ATT, block, len);
                // Without a request there is an event.
                self.links.wake(slot);
            } else {
                // What found no room in the pool is asked again.
                self.links.wake_to_send(slot);
            }
        }
        if self.channels.has_signal(slot as u8) {
            if let Some(block) = self.open_pdu(slot, SIGNAL_LEN) {
                let mut out = self.tx.writer(&block, L2CAP_HEADER);
                self.channels.poll_signal(slot as u8, &mut out);
                let len = out.len();
                self.close_pdu(slot, cid::SIGNALLING, block, len);
            } else {
                self.links.wake_to_send(slot);
            }
        }
        self.service_changed(slot);
        let deadline = self.transaction_deadline();
        let link = &mut self.links[slot];
        if link.indication_deadline.is_none() && !link.tx.is_full() && !link.client.timed_out() {
            if let Some(pdu) = link
                .indications
                .first_mut()
                .and_then(|first| first.pdu.take())
            {
                link.indication_deadline = Some(deadline);
                let _ = link.tx.push(pdu);
            }
        }
    }
}
