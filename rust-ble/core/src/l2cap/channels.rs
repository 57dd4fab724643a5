//! All credit-based channels of all links, and the signalling that goes with
//! them (Vol 3, Part A, 4 and 10.1).

use super::{ConnParams, Link};
use crate::config::{MAX_CHANNELS, MAX_LINKS};
use crate::event::{Event, Token};
use crate::time::Instant;
use crate::wire::Writer;
use crate::{Error, Result};

/// What a signalling PDU asks of the host, beside the answer written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing more.
    Nothing,
    /// The writer has less room than `SIGNAL_LEN`; nothing was done, repeat.
    NoRoom,
    /// We are central, the peripheral asked for these valid parameters and was
    /// told that they are accepted: send LE Connection Update (4.20).
    Update(ConnParams),
    /// Our request by `request_update` was accepted or rejected (4.21).
    Updated(bool),
}

/// A piece of a K-frame, as large as one HCI ACL packet may be.
///
/// Goes out as `header`, `head`, `tail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The basic header in the first fragment of a frame, empty in others.
    pub header: &'a [u8],
    /// Payload.
    pub head: &'a [u8],
    /// Payload that continues at the start of the ring.
    pub tail: &'a [u8],
    /// Whether the frame is complete with this fragment.
    pub last: bool,
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

    /// Whether it starts a frame: packet boundary flag 0b00, otherwise 0b01.
    pub fn first(&self) -> bool {
        !self.header.is_empty()
    }
}

/// The channels, listeners and outstanding requests of all links.
///
/// A channel is known by the slot of its link and our CID. After each call
/// that takes something in (`handle_*`, `poll_signal`, `fragment_sent`,
/// `answer_accept`, `disconnected`), take events by `next_event` until there
/// is none.
pub struct Channels {}

impl Channels {
    /// No listeners and no channels.
    pub const fn new() -> Self {
        Channels {}
    }

    /// Accepts connections to `psm` (0x0001 to 0x00ff) from now on, with SDUs
    /// of up to `mtu` bytes (23 or more).
    ///
    /// `Invalid` out of range, `Already`, `NoMemory` beyond `MAX_LISTENERS`.
    pub fn listen(&mut self, psm: u16, mtu: u16) -> Result<()> {
        let _ = (psm, mtu);
        Err(Error::NotSupported)
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
        let _ = (now, link, psm, mtu, memory);
        Err(Error::NotSupported)
    }

    /// Answers `L2capAccept`, with `memory_needed(our_mtu)` bytes to accept.
    /// Too few refuse as `None` does.
    ///
    /// `NotFound` for a token that waits for no answer; `memory` is not kept.
    pub fn answer_accept(&mut self, token: Token, memory: Option<&'static mut [u8]>) -> Result<()> {
        let _ = (token, memory);
        Err(Error::NotSupported)
    }

    /// Whether memory lent for our CID is still in use. It may be until
    /// `L2capDisconnected`, and then as long as received data waits to be
    /// read. Ask after that event, `recvinto`, `disconnected`, and before
    /// the memory of a CID is replaced.
    pub fn holds(&self, cid: u16) -> bool {
        let _ = cid;
        false
    }

    /// Sends what was accepted and the peer has given credits for, then
    /// disconnects; ends with `L2capDisconnected`. `NotFound` if not open.
    pub fn disconnect(&mut self, now: Instant, slot: u8, cid: u16) -> Result<()> {
        let _ = (now, slot, cid);
        Err(Error::NotSupported)
    }

    /// Takes one SDU. True when stalled: the next is for after `L2capSendReady`.
    ///
    /// `NotFound` if not open, `Invalid` if longer than the peer's MTU or
    /// twice our own, `Busy` when stalled and it does not fit.
    pub fn send(&mut self, slot: u8, cid: u16, sdu: &[u8]) -> Result<bool> {
        let _ = (slot, cid, sdu);
        Err(Error::NotSupported)
    }

    /// Moves received bytes to `buf` and returns how many; without `buf` how
    /// many complete SDUs hold. Joins SDUs as a stream. `NotFound`.
    pub fn recvinto(&mut self, slot: u8, cid: u16, buf: Option<&mut [u8]>) -> Result<usize> {
        let _ = (slot, cid, buf);
        Err(Error::NotSupported)
    }

    /// We are peripheral and ask the central for `params`; ends with
    /// `Outcome::Updated` or by `handle_timeout`. `Invalid` values or role,
    /// `Busy` while another request is out.
    pub fn request_update(&mut self, now: Instant, link: Link, params: ConnParams) -> Result<()> {
        let _ = (now, link, params);
        Err(Error::NotSupported)
    }

    /// Takes the payload of a PDU on `cid::SIGNALLING`; writes the payload of
    /// at most one answer. `out` has room for `SIGNAL_LEN`.
    pub fn handle_signal(
        &mut self,
        now: Instant,
        link: Link,
        pdu: &[u8],
        out: &mut Writer,
    ) -> Outcome {
        let _ = (now, link, pdu, out);
        Outcome::Nothing
    }

    /// Takes the payload of a PDU on a dynamic CID; unknown ones are ignored.
    pub fn handle_frame(&mut self, now: Instant, slot: u8, cid: u16, pdu: &[u8]) {
        let _ = (now, slot, cid, pdu);
    }

    /// Writes the payload of the next signalling PDU that we have to send on a
    /// link. False when there is none, or `out` has less room than
    /// `SIGNAL_LEN`. To be asked before `poll_fragment`, while none is open.
    pub fn poll_signal(&mut self, slot: u8, out: &mut Writer) -> bool {
        let _ = (slot, out);
        false
    }

    /// Next piece of at most `max` bytes (27 or more) of the open frame of a
    /// link, or of a new frame of the channel whose turn it is. Repeatable
    /// until `fragment_sent`.
    pub fn poll_fragment(&mut self, slot: u8, max: usize) -> Option<Fragment<'_>> {
        let _ = (slot, max);
        None
    }

    /// The fragment of this length went out whole; its bytes are released.
    pub fn fragment_sent(&mut self, slot: u8, len: usize) {
        let _ = (slot, len);
    }

    /// Whether a frame is begun and not finished: no other PDU may leave on
    /// this link until then.
    pub fn frame_open(&self, slot: u8) -> bool {
        let _ = slot;
        false
    }

    /// Next `L2cap…` event of any link.
    pub fn next_event(&mut self) -> Option<Event<'static>> {
        None
    }

    /// The link is gone. Every channel of it gives its `L2capDisconnected`.
    pub fn disconnected(&mut self, slot: u8) {
        let _ = slot;
    }

    /// When `handle_timeout` is due.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Ends what the peer did not answer. Returns the slot of a link whose
    /// `request_update` is over; to be repeated until `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<u8> {
        let _ = now;
        None
    }
}

impl Default for Channels {
    fn default() -> Self {
        Self::new()
    }
}

const _: () = assert!(MAX_CHANNELS <= 32 && MAX_LINKS <= 255);
