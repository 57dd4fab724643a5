//! One record per link, and the table of them.

use crate::addr::Address;
use crate::config::{MAX_INDICATIONS, MAX_LINKS, MAX_MTU, TX_QUEUE};
use crate::event::Role;
use crate::gatt::client::Client;
use crate::gatt::db::Database;
use crate::gatt::server;
use crate::pool::{Block, Pool};
use crate::time::Instant;
use crate::wire::att::DEFAULT_MTU;
use crate::wire::first;
use crate::Security;
use core::cell::Cell;
use core::ops::{Index, IndexMut};
use heapless::Vec;

/// Length of the L2CAP basic header: length and channel (Vol 3, Part A, 3.1).
pub const L2CAP_HEADER: usize = 4;

/// Longest L2CAP PDU received, header included.
pub const MAX_PDU: usize = L2CAP_HEADER + MAX_MTU;

/// Longer than the longest supervision timeout (Vol 4, Part E, 7.8.18), in ms.
pub const LINK_DEAD_MS: u32 = 40_000;

/// How far a link has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No link in this slot.
    Free,
    /// Connected.
    Up,
    /// Disconnected; what was running on it is being reported.
    Closing,
}

/// An L2CAP PDU that arrives in several ACL packets.
#[derive(Debug)]
#[repr(C)]
pub struct Reassembly {
    have: u16,
    /// Bytes of a PDU that is too long for us, still to be skipped.
    skip: u16,
    bytes: [u8; MAX_PDU],
}

impl Reassembly {
    const fn new() -> Self {
        Reassembly {
            bytes: [0; MAX_PDU],
            have: 0,
            skip: 0,
        }
    }

    /// Adds the data of an ACL packet; `true` when a PDU is whole.
    ///
    /// A continuation without a start, more data than announced, or a PDU
    /// longer than ours may be, is dropped (Vol 3, Part A, 7.2.1).
    pub fn push(&mut self, data: &[u8], continuing: bool) -> bool {
        if !continuing {
            (self.have, self.skip) = (0, 0);
        } else if self.skip > 0 {
            self.skip = self.skip.saturating_sub(data.len() as u16);
            return false;
        } else if self.have == 0 {
            return false;
        }
        let have = self.have as usize;
        let Some(room) = self.bytes.get_mut(have..have + data.len()) else {
            self.have = 0;
            return false;
        };
        room.copy_from_slice(data);
        self.have += data.len() as u16;
        let have = have + data.len();
        // The length itself may be split; nothing is decided before it is known.
        let Some(want) = pdu_len(&self.bytes[..have]) else {
            return false;
        };
        if want > MAX_PDU || have > want {
            self.skip = want.saturating_sub(have) as u16;
            self.have = 0;
            return false;
        }
        have == want
    }

    /// The PDU that is whole, L2CAP header included.
    pub fn pdu(&self) -> &[u8] {
        first(&self.bytes, self.have.into())
    }

    /// The PDU was dealt with.
    pub fn clear(&mut self) {
        self.have = 0;
    }
}

/// Length of the L2CAP PDU that begins with `bytes`, header included.
pub fn pdu_len(bytes: &[u8]) -> Option<usize> {
    let (len, _) = bytes.split_first_chunk::<2>()?;
    Some(u16::from_le_bytes(*len) as usize + L2CAP_HEADER)
}

/// An indication that waits to be sent or confirmed.
#[derive(Debug)]
pub struct Indication {
    /// Value handle.
    pub handle: u16,
    /// The PDU with its L2CAP header, until it is sent.
    pub pdu: Option<Block>,
}

/// Everything about one link. The order of fields is that of `Host`.
#[derive(Debug)]
#[repr(C)]
pub struct Link {
    /// Where the link stands.
    pub state: State,
    /// Our role.
    pub role: Role,
    /// The link takes data: its end was not yet seen.
    pub sends: bool,
    /// The PDU that arrives is dropped.
    pub skips: bool,
    /// The controller was told to end it.
    pub ending: bool,
    /// Both sides have the Connection Parameters Request procedure.
    pub parameter_request: bool,
    /// A frame of a channel goes before the next PDU.
    pub frame_next: bool,
    /// PDUs to send up to our ATT response, it included; zero without one.
    pub response_at: u8,
    /// The same for our confirmation of an indication.
    pub confirmation_at: u8,
    /// Encryption in force.
    pub security: Security,
    /// HCI connection handle.
    pub handle: u16,
    /// Bytes of the first PDU that the controller has.
    pub sent: u16,
    /// ACL packets at the controller.
    pub in_flight: u16,
    /// ATT_MTU in force.
    pub mtu: u16,
    /// Interval in 1.25 ms, latency in events, timeout in 10 ms.
    pub parameters: [u16; 3],
    /// The peer's identity if known, else its address on air.
    pub peer: Address,
    /// The peer's address in the connection request, as pairing uses it.
    pub peer_on_air: Address,
    /// Our address in the connection request.
    pub local: Address,
    /// When the controller must have sent one of them, or ended the link.
    pub overdue: Option<Instant>,
    /// When the peer must have confirmed.
    pub indication_deadline: Option<Instant>,
    /// GATT client.
    pub client: Client,
    /// GATT server.
    pub server: server::Link,
    /// Indications; the first is at the peer when its PDU is gone.
    pub indications: Vec<Indication, MAX_INDICATIONS>,
    /// PDUs to send, L2CAP header included; the first may be partly sent.
    pub tx: Vec<Block, TX_QUEUE>,
    /// The PDU being received.
    pub rx: Reassembly,
}

/// Takes the first of a queue, in which the others move up.
pub(crate) fn pop_first<T, const N: usize>(queue: &mut Vec<T, N>) -> Option<T> {
    (!queue.is_empty()).then(|| queue.remove(0))
}

impl Link {
    /// Makes the slot one for a link to a server with this database. A link
    /// that ended has freed what it held.
    pub fn reset(&mut self, db: &Database) {
        *self = const { Link::blank() };
        self.mtu = DEFAULT_MTU;
        self.sends = true;
        self.server.begin(db);
    }

    /// A slot without a link, all of it zeros.
    const fn blank() -> Self {
        Link {
            state: State::Free,
            handle: 0,
            role: Role::Central,
            peer: Address::public([0; 6]),
            peer_on_air: Address::public([0; 6]),
            local: Address::public([0; 6]),
            parameters: [0; 3],
            mtu: 0,
            security: Security {
                key_size: 0,
                authenticated: false,
                bonded: false,
                secure_connections: false,
            },
            rx: Reassembly::new(),
            skips: false,
            tx: Vec::new(),
            sent: 0,
            in_flight: 0,
            overdue: None,
            response_at: 0,
            confirmation_at: 0,
            sends: false,
            ending: false,
            parameter_request: false,
            indications: Vec::new(),
            indication_deadline: None,
            client: Client::new(),
            server: server::Link::at(0),
            frame_next: false,
        }
    }

    /// Frees what waits to be sent.
    pub fn drop_tx(&mut self, pool: &mut Pool) {
        while let Some(block) = self.tx.pop() {
            pool.free(block);
        }
        (self.sent, self.response_at, self.confirmation_at) = (0, 0, 0);
    }

    /// Takes the first indication.
    #[inline(never)]
    pub fn pop_indication(&mut self) -> Option<Indication> {
        pop_first(&mut self.indications)
    }

    /// Takes the first PDU, which was sent.
    pub fn pop_tx(&mut self) -> Option<Block> {
        self.sent = 0;
        self.response_at = self.response_at.saturating_sub(1);
        self.confirmation_at = self.confirmation_at.saturating_sub(1);
        pop_first(&mut self.tx)
    }
}

/// A bit for each slot.
type Slots = Cell<u32>;

const ALL: u32 = u32::MAX >> (32 - MAX_LINKS);

const _: () = assert!(MAX_LINKS >= 1 && MAX_LINKS <= 32);

/// All links. A link's slot is the index that other modules know it by.
///
/// Links that have been looked up may have something to send or to tell since
/// then; all others need not be asked, however many there are.
#[derive(Debug)]
#[repr(C)]
pub struct Links {
    /// Slots that may have something to send.
    to_send: Slots,
    /// Slots that may have something to tell.
    to_tell: Slots,
    /// By slot.
    pub all: [Link; MAX_LINKS],
}

impl Default for Links {
    fn default() -> Self {
        Self::new()
    }
}

/// The link in a slot. Slots are ours and always in range; that there is no
/// panic path for another one is smaller.
impl Index<usize> for Links {
    type Output = Link;

    #[inline(never)]
    fn index(&self, slot: usize) -> &Link {
        &self.all[slot.min(MAX_LINKS - 1)]
    }
}

impl IndexMut<usize> for Links {
    #[inline(never)]
    fn index_mut(&mut self, slot: usize) -> &mut Link {
        &mut self.all[slot.min(MAX_LINKS - 1)]
    }
}

impl Links {
    /// No links.
    pub const fn new() -> Self {
        Links {
            to_send: Cell::new(0),
            to_tell: Cell::new(0),
            all: [const { Link::blank() }; MAX_LINKS],
        }
    }

    /// The slot of a link that is up.
    ///
    /// A link sits in the slot `handle % MAX_LINKS` or the next free one, so
    /// that the first look finds it on nearly every controller.
    pub fn find(&self, handle: u16) -> Option<usize> {
        let slot = self.slots_for(handle).find(|&slot| {
            let link = &self.all[slot];
            link.state == State::Up && link.handle == handle
        })?;
        self.wake(slot);
        Some(slot)
    }

    /// Has a link asked for what it may have to send and to tell.
    #[inline(never)]
    pub fn wake(&self, slot: usize) {
        self.to_send.set(self.to_send.get() | 1 << slot);
        self.to_tell.set(self.to_tell.get() | 1 << slot);
    }

    /// Has a link asked for what it may have to send.
    pub fn wake_to_send(&self, slot: usize) {
        self.to_send.set(self.to_send.get() | 1 << slot);
    }

    /// Has all links asked.
    pub fn wake_all(&self) {
        self.to_send.set(ALL);
        self.to_tell.set(ALL);
    }

    /// Whether a link may have something to send.
    pub fn may_send(&self, slot: usize) -> bool {
        self.to_send.get() >> slot & 1 != 0
    }

    /// A link has nothing to send.
    pub fn sent_all(&self, slot: usize) {
        self.to_send.set(self.to_send.get() & !(1 << slot));
    }

    /// A link that may have something to tell.
    pub fn next_to_tell(&self) -> Option<usize> {
        let slots = self.to_tell.get();
        (slots != 0).then_some(slots.trailing_zeros() as usize)
    }

    /// A link has nothing to tell.
    pub fn told_all(&self, slot: usize) {
        self.to_tell.set(self.to_tell.get() & !(1 << slot));
    }

    /// A free slot for a new link.
    pub fn vacancy(&self, handle: u16) -> Option<usize> {
        self.slots_for(handle)
            .find(|&slot| self.all[slot].state == State::Free)
    }

    /// Links that are up.
    pub fn up(&self) -> usize {
        self.all
            .iter()
            .filter(|link| link.state == State::Up)
            .count()
    }

    fn slots_for(&self, handle: u16) -> impl Iterator<Item = usize> {
        (0..MAX_LINKS).map(move |i| (handle as usize + i) % MAX_LINKS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pdu_is_put_together_from_any_fragments() {
        let pdu: std::vec::Vec<u8> = [10, 0, 4, 0].into_iter().chain(0..10).collect();
        for cut in 1..14 {
            let mut rx = Reassembly::new();
            for (i, piece) in pdu.chunks(cut).enumerate() {
                let last = (i + 1) * cut >= pdu.len();
                assert_eq!(rx.push(piece, i > 0), last);
            }
            assert_eq!(rx.pdu(), pdu);
        }
    }

    #[test]
    fn a_continuation_without_start_is_dropped() {
        let mut rx = Reassembly::new();
        assert!(!rx.push(&[1, 0, 4, 0, 9], true));
        assert!(rx.push(&[1, 0, 4, 0, 9], false));
    }

    #[test]
    fn more_data_than_announced_is_dropped() {
        let mut rx = Reassembly::new();
        assert!(!rx.push(&[1, 0, 4, 0, 9, 9], false));
        assert!(!rx.push(&[1, 0, 4, 0], false));
        assert!(!rx.push(&[9, 9], true));
        assert!(rx.push(&[1, 0, 4, 0, 9], false));
    }

    #[test]
    fn a_pdu_too_long_for_us_is_skipped_to_its_end() {
        let mut rx = Reassembly::new();
        let long = (MAX_MTU as u16 + 1).to_le_bytes();
        assert!(!rx.push(&[long[0], long[1], 4, 0], false));
        for _ in 0..3 {
            assert!(!rx.push(&[0; 200], true));
        }
        assert!(rx.push(&[1, 0, 4, 0, 9], false));
    }

    #[test]
    fn links_are_found_whatever_their_handles() {
        let mut links = Links::new();
        let n = MAX_LINKS as u16;
        for i in 0..n {
            // All of them want the same slot.
            let handle = 5 + i * n;
            let slot = links.vacancy(handle).unwrap();
            links.all[slot].state = State::Up;
            links.all[slot].handle = handle;
        }
        assert_eq!(links.vacancy(1), None);
        for i in 0..n {
            let slot = links.find(5 + i * n).unwrap();
            assert_eq!(links.all[slot].handle, 5 + i * n);
        }
        assert_eq!(links.find(6), None);
        assert_eq!(links.up(), MAX_LINKS);
    }
}
