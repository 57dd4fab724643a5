//! One credit-based channel: SDUs in and out of its rings (Vol 3, Part A, 3.4
//! and 10.1).

use super::ring::Ring;
use super::{frame_capacity, rx_capacity, tx_capacity, HEADER_LEN, MIN_MTU, MPS, RTX_MS};
use crate::event::Record;
use crate::time::Instant;
use crate::wire::copy;
use crate::{Error, Result};

/// Link of a channel whose link is gone.
pub(super) const NO_SLOT: u8 = u8::MAX;

/// Longest link layer PDU: frames that fill whole ones waste no air time.
const LL_PDU: usize = 251;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Free,
    /// We asked, by the request `Channel::id` until `deadline`.
    Connecting,
    /// The peer asked; the script decides, or has accepted if there is memory.
    Incoming,
    Open,
    /// We ask to end it, by the request `id` until `deadline`. Before that is
    /// sent what credits allow goes out.
    Closing,
    /// Over; the script is not told yet.
    Ended,
    /// Over and told, but received data waits to be read.
    Unread,
}

impl State {
    /// Of a set of states.
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Bits of `Channel::events`.
pub(super) mod pending {
    pub const CONNECTED: u8 = 1;
    pub const RECV: u8 = 2;
    pub const SEND_READY: u8 = 4;
}

/// The peer broke a rule: the channel is lost.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation;

/// In the order of sizes: what is small is reached at a small offset only.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Channel {
    pub state: State,
    pub slot: u8,
    pub events: u8,
    /// Identifier of our request that waits for an answer; zero if it still
    /// has to go out.
    pub id: u8,
    /// Opened by an enhanced request, so it may be reconfigured.
    pub enhanced: bool,
    stalled: bool,
    pub conn: u16,
    pub psm: u16,
    /// For `L2capDisconnected`.
    pub status: u16,
    pub peer_cid: u16,
    pub our_mtu: u16,
    pub peer_mtu: u16,
    pub peer_mps: u16,
    pub tx_credits: u16,
    rx_credits: u16,
    /// Bytes that the SDU being received still misses; zero between SDUs.
    rx_missing: u16,
    /// Received bytes of complete SDUs.
    rx_ready: usize,
    /// Bytes of the SDU being sent that are in no frame yet; zero between.
    tx_unframed: usize,
    deadline: Instant,
    rx: Ring,
    /// SDUs, each after its length as the first K-frame carries it.
    tx: Ring,
}

impl Channel {
    pub const fn new() -> Self {
        Channel {
            slot: NO_SLOT,
            ..Channel::blank()
        }
    }

    /// All of it zeros, for a static.
    pub const fn blank() -> Self {
        Channel {
            state: State::Free,
            slot: 0,
            events: 0,
            id: 0,
            enhanced: false,
            conn: 0,
            psm: 0,
            status: 0,
            peer_cid: 0,
            our_mtu: 0,
            peer_mtu: 0,
            peer_mps: 0,
            tx_credits: 0,
            rx_credits: 0,
            rx_missing: 0,
            rx_ready: 0,
            tx_unframed: 0,
            stalled: false,
            deadline: Instant(0),
            rx: Ring::NONE,
            tx: Ring::NONE,
        }
    }

    /// Back to a free channel without memory.
    #[inline(never)]
    pub fn free(&mut self) {
        *self = Channel::new();
    }

    /// Whether the peer's CID belongs to it.
    pub fn is_linked(&self) -> bool {
        matches!(self.state, State::Open | State::Closing)
    }

    pub fn has_memory(&self) -> bool {
        self.rx.capacity() > 0
    }

    /// Takes lent memory of at least `memory_needed(our_mtu)`.
    pub fn lend(&mut self, memory: &'static mut [u8]) -> Result<()> {
        let (rx, rest) = memory
            .split_at_mut_checked(rx_capacity(self.our_mtu))
            .ok_or(Error::Invalid)?;
        let tx = rest
            .get_mut(..tx_capacity(self.our_mtu))
            .ok_or(Error::Invalid)?;
        (self.rx, self.tx) = (Ring::new(rx), Ring::new(tx));
        self.rx_credits = self.window();
        Ok(())
    }

    /// Frames that fit into the empty receive ring.
    pub fn window(&self) -> u16 {
        self.frames(self.rx.capacity())
    }

    /// Frames whose data fits into so many bytes.
    #[inline(never)]
    fn frames(&self, bytes: usize) -> u16 {
        (bytes / frame_capacity(self.our_mtu).max(1) as usize) as u16
    }

    /// A request of ours has to go out and to be answered.
    pub fn ask(&mut self, now: Instant, state: State) {
        (self.state, self.id, self.deadline) = (state, 0, now.after(RTX_MS));
    }

    /// Whether a request of ours has this identifier.
    pub fn waits_for(&self, id: u8) -> bool {
        self.id == id && matches!(self.state, State::Connecting | State::Closing)
    }

    /// When waiting for the peer ends.
    pub fn deadline(&self) -> Option<Instant> {
        matches!(self.state, State::Connecting | State::Closing).then_some(self.deadline)
    }

    /// Over; the script will be told.
    pub fn end(&mut self, status: u16) {
        (self.state, self.status) = (State::Ended, status);
    }

    /// The channel's terms in an event's tuple, behind its CID.
    pub fn terms(&self, record: &mut Record) {
        let cid = record.value[0];
        record.value = [cid, self.psm, self.our_mtu, self.peer_mtu];
    }

    /// Takes one bit of `events`.
    pub fn take(&mut self, bit: u8) -> bool {
        let set = self.events & bit != 0;
        self.events &= !bit;
        set
    }

    /// What the peer offers when the channel opens.
    pub fn open(&mut self, mtu: u16, mps: u16, credits: u16) {
        (self.peer_mtu, self.peer_mps, self.tx_credits) = (mtu, mps, credits);
    }

    /// Queues one SDU; true when no further of any allowed length fits.
    pub fn send(&mut self, sdu: &[u8]) -> Result<bool> {
        if sdu.len() > self.longest_sdu() {
            return Err(Error::Invalid);
        }
        if sdu.len() + 2 > self.tx.room() {
            self.stalled = true;
            return Err(Error::Busy);
        }
        self.tx.push(&(sdu.len() as u16).to_le_bytes());
        self.tx.push(sdu);
        self.stalled = self.is_full();
        Ok(self.stalled)
    }

    /// Whether a frame can leave now.
    pub fn can_send(&self) -> bool {
        self.tx_credits > 0
            && self.tx.len() > 0
            && (self.state == State::Open || self.state == State::Closing && self.id == 0)
    }

    /// Length of the payload of the next frame; `can_send` holds.
    pub fn next_frame(&self) -> u16 {
        let left = self.sdu_left();
        let mps = self.peer_mps as usize;
        if left <= mps {
            left as u16
        } else if mps + HEADER_LEN < LL_PDU {
            mps as u16
        } else {
            (mps - (mps + HEADER_LEN) % LL_PDU) as u16
        }
    }

    /// The first fragment of a frame of this length leaves.
    pub fn frame_started(&mut self, len: u16) {
        self.tx_unframed = self.sdu_left().saturating_sub(len.into());
        self.tx_credits = self.tx_credits.saturating_sub(1);
    }

    /// The next bytes to send, in two parts.
    pub fn tx_peek(&self, n: usize) -> (&[u8], &[u8]) {
        self.tx.peek(n)
    }

    /// Bytes were handed over, which may end a stall.
    pub fn tx_skip(&mut self, n: usize) {
        self.tx.skip(n);
        if self.stalled && !self.is_full() {
            self.stalled = false;
            self.events |= pending::SEND_READY;
        }
    }

    /// Drops what waits to be sent behind the `keep` bytes of an open frame.
    pub fn tx_drop(&mut self, keep: usize) {
        self.tx.truncate(keep);
        self.tx_unframed = 0;
    }

    /// Takes the payload of one K-frame.
    pub fn receive(&mut self, pdu: &[u8]) -> core::result::Result<(), Violation> {
        if self.rx_credits == 0 || pdu.len() > MPS as usize {
            return Err(Violation);
        }
        let (mut missing, mut data) = (self.rx_missing, pdu);
        if missing == 0 {
            let (len, rest) = pdu.split_first_chunk().ok_or(Violation)?;
            (missing, data) = (u16::from_le_bytes(*len), rest);
        }
        if missing > self.our_mtu || data.len() > missing.into() {
            return Err(Violation);
        }
        if !self.rx.push(data) {
            return Err(Violation);
        }
        self.rx_credits -= 1;
        self.rx_missing = missing - data.len() as u16;
        if self.rx_missing == 0 && self.rx.len() > self.rx_ready {
            self.rx_ready = self.rx.len();
            self.events |= pending::RECV;
        }
        Ok(())
    }

    /// Bytes of complete SDUs that wait to be read.
    pub fn readable(&self) -> usize {
        self.rx_ready
    }

    /// Moves bytes of complete SDUs to `buf`.
    pub fn read(&mut self, buf: &mut [u8]) -> usize {
        let (head, tail) = self.rx.peek(buf.len().min(self.rx_ready));
        let mut n = copy(buf, head);
        n += copy(buf.get_mut(n..).unwrap_or_default(), tail);
        self.rx.skip(n);
        self.rx_ready -= n;
        n
    }

    /// Whether a request, a disconnection or credits are to be sent.
    pub fn has_signal(&self) -> bool {
        match self.state {
            State::Connecting => self.id == 0,
            State::Closing => self.id == 0 && !self.can_send(),
            State::Open => self.credits_due() > 0,
            _ => false,
        }
    }

    /// Credits worth an indication now, or zero. An indication costs air time,
    /// so a script that reads at once returns half of the window at a time; one
    /// that reads late a quarter, as soon as the peer has no more than half; and
    /// any when the peer has none.
    pub fn credits_due(&self) -> u16 {
        let window = self.window();
        let due = self.frames(self.rx.room()).saturating_sub(self.rx_credits);
        if self.rx_credits == 0 || due >= window / 4 && self.rx_credits <= window / 2 {
            due
        } else {
            0
        }
    }

    /// The peer was told of credits.
    pub fn credits_given(&mut self, credits: u16) {
        self.rx_credits += credits;
    }

    /// The peer gives credits (4.24).
    pub fn credits_taken(&mut self, credits: u16) -> core::result::Result<(), Violation> {
        let sum = self.tx_credits.checked_add(credits).ok_or(Violation)?;
        if credits == 0 {
            return Err(Violation);
        }
        self.tx_credits = sum;
        Ok(())
    }

    /// Bytes of the current SDU that are in no frame yet, its length included.
    fn sdu_left(&self) -> usize {
        if self.tx_unframed > 0 {
            return self.tx_unframed;
        }
        match self.tx_peek(2) {
            (&[low, high], _) | (&[low], &[high]) => u16::from_le_bytes([low, high]) as usize + 2,
            _ => 0,
        }
    }

    /// Docs of `l2cap_send`: the peer's MTU, and no more than twice our own.
    fn longest_sdu(&self) -> usize {
        (self.peer_mtu as usize).min(2 * self.our_mtu as usize)
    }

    fn is_full(&self) -> bool {
        self.tx.room() < self.longest_sdu() + 2
    }
}

/// Whether a peer's MTU and MPS are allowed, where `min` depends on the mode.
pub(super) fn acceptable(mtu: u16, mps: u16, min: u16) -> bool {
    mtu >= min && (min..=65533).contains(&mps)
}

const _: () = assert!(MPS >= MIN_MTU && MPS as usize <= crate::config::MAX_MTU);
