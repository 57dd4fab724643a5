//! All credit-based channels of all links (Vol 3, Part A, 10.1).

use super::channel::{pending, Channel, State, NO_SLOT};
use super::signalling::{Held, Incoming, Signalling, Update};
use super::{cid, header, status, Link, HEADER_LEN, MIN_MTU, RTX_MS};
use crate::config::{MAX_CHANNELS, MAX_LINKS, MAX_LISTENERS};
use crate::event::{self, Events, Role, Token};
use crate::gap::{valid_parameters, ConnParams};
use crate::time::{earliest, Instant};
use crate::{Error, Result};

/// A piece of a K-frame, as large as one HCI ACL packet may be.
///
/// Goes out as `header`, `head`, `tail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Whether it starts a frame: packet boundary flag 0b00, otherwise 0b01.
    pub first: bool,
    /// The basic header in the first fragment of a frame, empty in others.
    pub header: &'a [u8],
    /// Payload.
    pub head: &'a [u8],
    /// Payload that continues at the start of the ring.
    pub tail: &'a [u8],
}

impl Fragment<'_> {
    /// Bytes in all three parts.
    pub fn len(&self) -> usize {
        self.header.len() + self.head.len() + self.tail.len()
    }

    /// Whether there is nothing in it, which does not happen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The channels, listeners and outstanding requests of all links.
///
/// A channel is known by the slot of its link and our CID. After each call
/// that takes something in (`handle_*`, `poll_signal`, `fragment_sent`,
/// `answer_accept`, `disconnected`), take events by `next_event` until there
/// is none.
#[derive(Debug)]
#[repr(C)]
pub struct Channels {
    pub(super) links: [PerLink; MAX_LINKS],
    /// The one connection request of a peer that is being decided.
    pub(super) incoming: Option<Incoming>,
    /// Counts accept queries.
    token: u16,
    /// The one connection request that waits for a listener.
    pub(super) held: Option<Held>,
    listeners: heapless::Vec<Listener, MAX_LISTENERS>,
    pub(super) channels: [Channel; MAX_CHANNELS],
}

#[derive(Debug)]
struct Listener {
    psm: u16,
    mtu: u16,
}

#[derive(Debug)]
pub(super) struct PerLink {
    /// The frame whose turn it is.
    frame: Frame,
    /// Channel to ask first for the next frame.
    turn: u8,
    pub(super) signalling: Signalling,
}

#[derive(Debug)]
struct Frame {
    channel: u8,
    header: [u8; HEADER_LEN],
    /// The header went out, and some of the payload has to.
    started: bool,
    /// Bytes of the payload that did not go out yet; zero without a frame.
    left: u16,
}

impl PerLink {
    /// All of it zeros, for a static.
    const NEW: Self = PerLink {
        frame: Frame {
            channel: 0,
            header: [0; HEADER_LEN],
            started: false,
            left: 0,
        },
        turn: 0,
        signalling: Signalling::new(),
    };
}

impl Channels {
    /// No listeners and no channels.
    pub fn new() -> Self {
        let mut channels = Self::blank();
        channels.clear();
        channels
    }

    /// All of it zeros, for a static; `clear` comes before all else.
    pub(crate) const fn blank() -> Self {
        Channels {
            channels: [const { Channel::blank() }; MAX_CHANNELS],
            listeners: heapless::Vec::new(),
            links: [PerLink::NEW; MAX_LINKS],
            incoming: Some(Incoming::blank()),
            held: Some(Held::blank()),
            token: 0,
        }
    }

    /// Back to no listeners and no channels.
    pub fn clear(&mut self) {
        for channel in &mut self.channels {
            channel.free();
        }
        self.listeners.clear();
        for link in &mut self.links {
            *link = PerLink::NEW;
        }
        (self.incoming, self.held, self.token) = (None, None, 0);
    }

    /// Accepts connections to `psm` (0x0001 to 0x00ff) from now on, with SDUs
    /// of up to `mtu` bytes (23 or more).
    ///
    /// `Invalid` out of range, `Already`, `NoMemory` beyond `MAX_LISTENERS`.
    pub fn listen(&mut self, psm: u16, mtu: u16) -> Result<()> {
        check(psm, mtu)?;
        if self.listener(psm) != 0 {
            return Err(Error::Already);
        }
        self.listeners
            .push(Listener { psm, mtu })
            .map_err(|_| Error::NoMemory)
    }

    /// Starts a connection to the peer's `psm` and returns our CID; ends with
    /// `L2capConnected`, or `L2capDisconnected` with a status.
    ///
    /// `memory` has at least `memory_needed(mtu)` bytes and stays lent as long
    /// as `holds` says so. `Invalid` out of range or too little memory,
    /// `NoMemory` beyond `MAX_CHANNELS`; then it is not kept.
    pub fn connect(
        &mut self,
        now: Instant,
        link: Link,
        psm: u16,
        mtu: u16,
        memory: &'static mut [u8],
    ) -> Result<u16> {
        check(psm, mtu)?;
        let index = self.alloc();
        let channel = self.channels.get_mut(index).ok_or(Error::NoMemory)?;
        channel.free();
        (channel.slot, channel.conn) = (link.slot, link.conn);
        (channel.psm, channel.our_mtu) = (psm, mtu);
        channel.lend(memory)?;
        channel.ask(now, State::Connecting);
        Ok(our_cid(index))
    }

    /// Answers `L2capAccept`, with `memory_needed(our_mtu)` bytes to accept.
    /// Too few refuse as `None` does; `holds` tells.
    ///
    /// `NotFound` for a token that waits for no answer; `memory` is not kept.
    pub fn answer_accept(&mut self, token: Token, memory: Option<&'static mut [u8]>) -> Result<()> {
        let incoming = self.incoming.as_mut().ok_or(Error::NotFound)?;
        if incoming.asked != Some(token) {
            return Err(Error::NotFound);
        }
        incoming.asked = None;
        if let Some(channel) = self.channels.get_mut(incoming.next_channel()) {
            let accepted = memory.is_some_and(|memory| channel.lend(memory).is_ok());
            incoming.decide(accepted);
            if !accepted {
                channel.free();
            }
        }
        Ok(())
    }

    /// Whether memory lent for our CID is still in use. It may be until
    /// `L2capDisconnected`, and then as long as received data waits to be
    /// read. Ask after that event, `recvinto`, `disconnected`, and before
    /// the memory of a CID is replaced.
    pub fn holds(&self, cid: u16) -> bool {
        self.channels
            .get(our_index(cid))
            .is_some_and(Channel::has_memory)
    }

    /// Sends what was accepted and the peer has given credits for, then
    /// disconnects; ends with `L2capDisconnected`. `Invalid` if not
    /// open.
    pub fn disconnect(&mut self, now: Instant, slot: u8, cid: u16) -> Result<()> {
        let (_, channel) = self.linked(slot, cid).ok_or(Error::Invalid)?;
        if channel.state == State::Open {
            channel.ask(now, State::Closing);
        }
        Ok(())
    }

    /// Takes one SDU. True when stalled: the next is for after `L2capSendReady`.
    ///
    /// `Invalid` if not open, or longer than the peer's MTU or
    /// twice our own, `Busy` when stalled and it does not fit.
    pub fn send(&mut self, slot: u8, cid: u16, sdu: &[u8]) -> Result<bool> {
        match self.linked(slot, cid) {
            Some((_, channel)) if channel.state == State::Open => channel.send(sdu),
            _ => Err(Error::Invalid),
        }
    }

    /// Moves received bytes to `buf` and returns how many; without `buf` how
    /// many complete SDUs hold. Joins SDUs as a stream. `Invalid`
    /// if there is no such channel.
    ///
    /// Works after `L2capDisconnected` while the link lasts, until all is read
    /// or the CID is used again.
    pub fn recvinto(&mut self, slot: u8, cid: u16, buf: Option<&mut [u8]>) -> Result<usize> {
        let channel = self
            .channels
            .get_mut(our_index(cid))
            .ok_or(Error::Invalid)?;
        match channel.state {
            State::Free | State::Connecting | State::Incoming => return Err(Error::Invalid),
            State::Open | State::Closing | State::Ended | State::Unread => {}
        }
        if channel.slot != slot {
            return Err(Error::Invalid);
        }
        let Some(buf) = buf else {
            return Ok(channel.readable());
        };
        let n = channel.read(buf);
        if channel.state == State::Unread && channel.readable() == 0 {
            channel.free();
        }
        Ok(n)
    }

    /// We are peripheral and ask the central for `params`; ends with
    /// `Outcome::Updated(false)`, by `update_ended` after `Updated(true)`, or
    /// by `handle_timeout`. `Invalid` values or role, `Busy` until then.
    pub fn request_update(&mut self, now: Instant, link: Link, params: ConnParams) -> Result<()> {
        let signalling = self.signalling(link.slot).ok_or(Error::NotConnected)?;
        if link.role == Role::Central || !valid_parameters(&params) {
            return Err(Error::Invalid);
        }
        if signalling.update != Update::Idle {
            return Err(Error::Busy);
        }
        signalling.update = Update::Wanted;
        (signalling.params, signalling.deadline) = (params, now.after(RTX_MS));
        Ok(())
    }

    /// The link's parameters were updated, or were not: ends a request that
    /// the central accepted.
    pub fn update_ended(&mut self, slot: u8) {
        if let Some(signalling) = self.signalling(slot) {
            if signalling.update == Update::Accepted {
                signalling.update = Update::Idle;
            }
        }
    }

    /// Takes the payload of a PDU on a dynamic CID; unknown ones are ignored.
    pub fn handle_frame(&mut self, now: Instant, slot: u8, cid: u16, pdu: &[u8]) {
        let Some((index, channel)) = self.linked(slot, cid) else {
            return;
        };
        if channel.state == State::Open && channel.receive(pdu).is_err() {
            self.fail(now, index);
        }
    }

    /// Next piece of at most `max` bytes (27 or more) of the open frame of a
    /// link, or of a new frame of the channel whose turn it is. Repeatable
    /// until `fragment_sent`.
    pub fn poll_fragment(&mut self, slot: u8, max: usize) -> Option<Fragment<'_>> {
        if !self.next_frame(slot) {
            return None;
        }
        let frame = &self.links.get(slot as usize)?.frame;
        let header: &[u8] = if frame.started { &[] } else { &frame.header };
        let n = max.checked_sub(header.len())?.min(frame.left.into());
        let (head, tail) = self.channels.get(frame.channel as usize)?.tx_peek(n);
        Some(Fragment {
            first: !frame.started,
            header,
            head,
            tail,
        })
    }

    /// The fragment of at most `max` bytes went out whole; its bytes are released.
    pub fn fragment_sent(&mut self, slot: u8, max: usize) {
        let Some(link) = self.links.get_mut(slot as usize) else {
            return;
        };
        let frame = &mut link.frame;
        if frame.left == 0 {
            return;
        }
        let Some(channel) = self.channels.get_mut(frame.channel as usize) else {
            return;
        };
        let mut n = max;
        if !frame.started {
            frame.started = true;
            n = n.saturating_sub(HEADER_LEN);
            channel.frame_started(frame.left);
        }
        n = n.min(frame.left.into());
        frame.left -= n as u16;
        if frame.left == 0 {
            link.turn = frame.channel + 1;
            frame.started = false;
        }
        channel.tx_skip(n);
    }

    /// Whether a frame is begun and not finished: no other PDU may leave on
    /// this link until then.
    pub fn frame_open(&self, slot: u8) -> bool {
        let link = self.links.get(slot as usize);
        link.is_some_and(|link| link.frame.started)
    }

    /// Tells the next `L2cap…` event of any link; `false` when there is none.
    pub fn next_event(&mut self, events: &mut Events) -> bool {
        for index in 0..MAX_CHANNELS {
            let channel = &self.channels[index];
            if (channel.events != 0 || channel.state == State::Ended)
                && self.channel_event(index, events).is_some()
            {
                return true;
            }
        }
        self.accept_query(events).is_some()
    }

    /// The link is gone. Every channel of it gives its `L2capDisconnected`.
    pub fn disconnected(&mut self, slot: u8) {
        if let Some(link) = self.links.get_mut(slot as usize) {
            *link = PerLink::NEW;
        }
        if self
            .incoming
            .as_ref()
            .is_some_and(|incoming| incoming.slot == slot)
        {
            self.incoming = None;
        }
        self.held.take_if(|held| held.link.slot == slot);
        for channel in &mut self.channels {
            if channel.slot != slot {
                continue;
            }
            match channel.state {
                State::Incoming if !channel.has_memory() => channel.free(),
                State::Free | State::Unread => channel.free(),
                State::Incoming | State::Connecting => channel.end(status::NOT_CONNECTED),
                State::Open | State::Closing | State::Ended => channel.end(channel.status),
            }
            channel.slot = NO_SLOT;
        }
    }

    /// When `handle_timeout` is due.
    pub fn deadline(&self) -> Option<Instant> {
        let mut first = None;
        for channel in &self.channels {
            first = earliest(first, channel.deadline());
        }
        for link in &self.links {
            first = earliest(first, link.signalling.deadline());
        }
        let held = self.held.as_ref().filter(|held| !held.expired);
        earliest(first, held.map(|held| held.until))
    }

    /// Ends what the peer did not answer. Returns the slot of a link whose
    /// `request_update` is over; to be repeated until `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<u8> {
        if let Some(held) = &mut self.held {
            held.expired |= held.until.reached(now);
        }
        for index in 0..MAX_CHANNELS {
            let channel = self.channels.get(index)?;
            if channel
                .deadline()
                .is_some_and(|deadline| deadline.reached(now))
            {
                let connecting = channel.state == State::Connecting;
                self.end(
                    index,
                    if connecting {
                        status::TIMEOUT
                    } else {
                        channel.status
                    },
                );
            }
        }
        for (slot, link) in self.links.iter_mut().enumerate() {
            if link
                .signalling
                .deadline()
                .is_some_and(|deadline| deadline.reached(now))
            {
                link.signalling.update = Update::Idle;
                return Some(slot as u8);
            }
        }
        None
    }

    /// The MTU that we offer on a PSM; zero without a listener.
    pub(super) fn listener(&self, psm: u16) -> u16 {
        let mut listeners = self.listeners.iter();
        let listener = listeners.find(|listener| listener.psm == psm);
        listener.map_or(0, |listener| listener.mtu)
    }

    pub(super) fn signalling(&mut self, slot: u8) -> Option<&mut Signalling> {
        Some(&mut self.links.get_mut(slot as usize)?.signalling)
    }

    /// A channel to use, with one that only waits to be read as a last resort;
    /// past all if there is none.
    pub(super) fn alloc(&self) -> usize {
        let mut found = usize::MAX;
        for (index, channel) in self.channels.iter().enumerate() {
            match channel.state {
                State::Free => return index,
                State::Unread => found = found.min(index),
                _ => {}
            }
        }
        found
    }

    /// The channel with our CID on a link, if the peer knows of it.
    pub(super) fn linked(&mut self, slot: u8, cid: u16) -> Option<(usize, &mut Channel)> {
        let index = our_index(cid);
        let channel = self.channels.get_mut(index)?;
        (channel.slot == slot && channel.is_linked()).then_some((index, channel))
    }

    /// A channel that the peer broke the rules on: ends by a request of ours.
    pub(super) fn fail(&mut self, now: Instant, index: usize) {
        self.drop_unsent(index);
        if let Some(channel) = self.channels.get_mut(index) {
            if channel.state == State::Open || channel.id == 0 {
                channel.ask(now, State::Closing);
            }
        }
    }

    /// A channel that is over for both sides.
    pub(super) fn end(&mut self, index: usize, status: u16) {
        self.drop_unsent(index);
        if let Some(channel) = self.channels.get_mut(index) {
            channel.end(status);
        }
    }

    /// Forgets what a channel has to send, except the rest of an open frame:
    /// a PDU that was begun is finished.
    fn drop_unsent(&mut self, index: usize) {
        let keep = self.open_frame(index);
        if let Some(channel) = self.channels.get_mut(index) {
            channel.tx_drop(keep.into());
        }
    }

    /// Bytes that are left of the open frame of a channel; zero without one.
    fn open_frame(&self, index: usize) -> u16 {
        let slot = self
            .channels
            .get(index)
            .map_or(NO_SLOT, |channel| channel.slot);
        match self.links.get(slot as usize) {
            Some(PerLink { frame, .. }) if frame.started && frame.channel as usize == index => {
                frame.left
            }
            _ => 0,
        }
    }

    /// Whether a link has a frame to send: the open one, or that of the channel
    /// whose turn it is.
    #[inline(never)]
    pub fn next_frame(&mut self, slot: u8) -> bool {
        let Some(link) = self.links.get_mut(slot as usize) else {
            return false;
        };
        if link.frame.started {
            return true;
        }
        for turn in 0..MAX_CHANNELS {
            let index = (link.turn as usize + turn) % MAX_CHANNELS;
            let Some(channel) = self.channels.get(index) else {
                return false;
            };
            if channel.slot == slot && channel.can_send() {
                let left = channel.next_frame();
                let header = header(left, channel.peer_cid);
                link.frame = Frame {
                    channel: index as u8,
                    header,
                    started: false,
                    left,
                };
                return true;
            }
        }
        false
    }

    /// Tells the next event of one channel.
    #[inline(never)]
    fn channel_event(&mut self, index: usize, events: &mut Events) -> Option<()> {
        let sending = self.open_frame(index) > 0;
        let channel = self.channels.get_mut(index)?;
        let (conn, cid) = (channel.conn, our_cid(index));
        if channel.take(pending::CONNECTED) {
            let record = events.push(event::BLE_IRQ_L2CAP_CONNECT, conn, cid);
            channel.terms(record);
            return Some(());
        }
        if channel.take(pending::RECV) {
            events.push(event::BLE_IRQ_L2CAP_RECV, conn, cid);
            return Some(());
        }
        if channel.take(pending::SEND_READY) && channel.state == State::Open {
            events.push(event::BLE_IRQ_L2CAP_SEND_READY, conn, cid);
            return Some(());
        }
        if channel.state != State::Ended || sending {
            return None;
        }
        let record = events.push(event::BLE_IRQ_L2CAP_DISCONNECT, conn, cid);
        record.value = [cid, channel.psm, channel.status, 0];
        if channel.readable() > 0 && channel.slot != NO_SLOT {
            channel.state = State::Unread;
        } else {
            channel.free();
        }
        Some(())
    }

    /// Asks the script about the next channel of a peer's request.
    fn accept_query(&mut self, events: &mut Events) -> Option<()> {
        let incoming = self.incoming.as_mut()?;
        if incoming.asked.is_some() {
            return None;
        }
        let index = incoming.next_channel();
        let channel = self.channels.get(index)?;
        self.token = self.token.wrapping_add(1);
        incoming.asked = Some(Token(self.token));
        let record = events.push(event::BLE_IRQ_L2CAP_ACCEPT, channel.conn, our_cid(index));
        record.token = self.token;
        channel.terms(record);
        Some(())
    }
}

impl Default for Channels {
    fn default() -> Self {
        Self::new()
    }
}

const _: () = assert!(MAX_CHANNELS <= 32 && MAX_LINKS < NO_SLOT as usize);

/// Our CID of a channel.
pub(super) const fn our_cid(index: usize) -> u16 {
    cid::FIRST_DYNAMIC + index as u16
}

/// The channel of our CID; past all channels for any other.
pub(super) const fn our_index(cid: u16) -> usize {
    cid.wrapping_sub(cid::FIRST_DYNAMIC) as usize
}

fn check(psm: u16, mtu: u16) -> Result<()> {
    if (0x01..=0xff).contains(&psm) && mtu >= MIN_MTU {
        Ok(())
    } else {
        Err(Error::Invalid)
    }
}
