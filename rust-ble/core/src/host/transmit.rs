//! What goes to the controller: commands first, then ACL data of the links in
//! turn, never more than the controller has room for (Vol 4, Part E, 4.1.1).

use super::Host;
use crate::config::MAX_LINKS;
use crate::conn::{State as LinkState, L2CAP_HEADER, LINK_DEAD_MS};
use crate::l2cap::{cid, Fragment, SIGNAL_LEN};
use crate::time::Instant;
use crate::wire::hci::AclHeader;
use crate::wire::{behind, copy, first};

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
    Pdu(u8),
    /// A piece of a frame of a credit-based channel of a link.
    Frame(u8),
}

impl Outgoing {
    pub(super) fn slot(&self) -> Option<usize> {
        match *self {
            Outgoing::Command => None,
            Outgoing::Pdu(slot) | Outgoing::Frame(slot) => Some(slot as usize),
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
        let outgoing = self.outgoing?;
        let mut header = [0; 11];
        let Some(slot) = outgoing.slot() else {
            return Some(Transmit {
                header,
                header_len: 0,
                head: self.commands.to_send()?,
                tail: &[],
            });
        };
        let max = self.controller.acl_len.into();
        let link = self.link(slot);
        let (handle, sent) = (link.handle, link.sent);
        let piece = match outgoing {
            Outgoing::Frame(slot) => self.channels.poll_fragment(slot, max)?,
            _ => Fragment {
                first: sent == 0,
                header: &[],
                head: first(behind(self.tx.get(link.tx.first()?), sent.into()), max),
                tail: &[],
            },
        };
        let acl = AclHeader {
            handle,
            continuing: !piece.first,
        };
        header[..5].copy_from_slice(&acl.emit(piece.len()));
        let more = copy(&mut header[5..], piece.header);
        Some(Transmit {
            header,
            header_len: 5 + more as u8,
            head: piece.head,
            tail: piece.tail,
        })
    }

    /// The packet given by `poll_transmit` has left whole.
    pub fn transmitted(&mut self, now: Instant) {
        self.now = now;
        let Some(outgoing) = self.outgoing.take() else {
            return;
        };
        let acl_len = self.controller.acl_len;
        match outgoing {
            Outgoing::Command => return self.commands.sent(now),
            Outgoing::Pdu(slot) => {
                let link = self.link_mut(slot as usize);
                link.sent = link.sent.saturating_add(acl_len);
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
            Outgoing::Frame(slot) => self.channels.fragment_sent(slot, acl_len.into()),
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
        let index = slot as u8;
        let frame_open = self.channels.frame_open(index);
        if !frame_open {
            self.gather(slot);
        }
        let has_frame = self.channels.next_frame(index);
        let link = self.link_mut(slot);
        // PDUs and frames take turns, but neither is interrupted.
        let pdu_next = !frame_open && (link.sent > 0 || !link.frame_next);
        if has_frame && (link.tx.is_empty() || !pdu_next) {
            link.frame_next = false;
            return Some(Outgoing::Frame(index));
        }
        link.frame_next = pdu_next;
        (!link.tx.is_empty()).then_some(Outgoing::Pdu(index))
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
