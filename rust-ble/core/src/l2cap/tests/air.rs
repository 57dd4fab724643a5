//! Two `Channels` that carry each other's PDUs, and what a peer does by hand.

use crate::event::{Event, Events, Role};
use crate::l2cap::{cid, memory_needed, parse_header, Channels, Link, Outcome, HEADER_LEN};
use crate::time::Instant;
use crate::wire::Writer;
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

pub const NOW: Instant = Instant(1000);
pub const CENTRAL: Link = Link {
    slot: 0,
    conn: 0x40,
    role: Role::Central,
};
pub const PERIPHERAL: Link = Link {
    slot: 3,
    conn: 0x43,
    role: Role::Peripheral,
};
pub const PSM: u16 = 22;

/// Memory for a channel, full of old bytes.
pub fn lend(mtu: u16) -> &'static mut [u8] {
    Box::leak(vec![0xa5; memory_needed(mtu)].into_boxed_slice())
}

/// An end whose link we are the other end of, byte by byte.
pub struct Peer {
    pub end: Channels,
    pub link: Link,
}

impl Peer {
    pub fn new(link: Link) -> Self {
        Peer {
            end: Channels::new(),
            link,
        }
    }

    /// Sends a signalling PDU; the answer.
    pub fn signal(&mut self, pdu: &[u8]) -> Vec<u8> {
        self.outcome(pdu).1
    }

    pub fn outcome(&mut self, pdu: &[u8]) -> (Outcome, Vec<u8>) {
        let mut buf = [0xa5; 64];
        let mut out = Writer::new(&mut buf);
        let outcome = self.end.handle_signal(NOW, self.link, pdu, &mut out);
        let n = out.finish().unwrap();
        assert!(n <= 23);
        (outcome, buf[..n].to_vec())
    }

    /// The next signalling PDU that the end sends; empty if none.
    pub fn poll(&mut self) -> Vec<u8> {
        let mut buf = [0xa5; 64];
        let mut out = Writer::new(&mut buf);
        let sent = self.end.poll_signal(self.link.slot, &mut out);
        let n = out.finish().unwrap();
        assert_eq!(sent, n > 0);
        assert!(n <= 23);
        buf[..n].to_vec()
    }

    pub fn frame(&mut self, cid: u16, pdu: &[u8]) {
        self.end.handle_frame(NOW, self.link.slot, cid, pdu);
    }

    pub fn events(&mut self) -> Vec<Event<'static>> {
        core::iter::from_fn(|| self.next_event()).collect()
    }

    pub fn next_event(&mut self) -> Option<Event<'static>> {
        let mut events = Events::new();
        let told = self.end.next_event(&mut events);
        let record = events.pop();
        assert_eq!((record.is_some(), events.pop()), (told, None));
        record?.event(&[], &[])
    }

    /// Next frame of the end in fragments of `max`: CID and payload.
    pub fn next_frame(&mut self, max: usize) -> Option<(u16, Vec<u8>)> {
        let mut pdu = Vec::new();
        loop {
            if self.fragment(max, &mut pdu)? {
                return Some(split(&pdu));
            }
        }
    }

    /// Moves one fragment to `pdu`; whether it is the last of its frame.
    pub fn fragment(&mut self, max: usize, pdu: &mut Vec<u8>) -> Option<bool> {
        let fragment = self.end.poll_fragment(self.link.slot, max)?;
        assert!(fragment.len() <= max && !fragment.is_empty());
        assert_eq!(fragment.first, pdu.is_empty());
        for part in [fragment.header, fragment.head, fragment.tail] {
            pdu.extend(part);
        }
        self.end.fragment_sent(self.link.slot, max);
        Some(!self.end.frame_open(self.link.slot))
    }

    /// Sends off a fragment, if there is one.
    pub fn fragment_any(&mut self) {
        if self.end.poll_fragment(self.link.slot, 27).is_some() {
            self.end.fragment_sent(self.link.slot, 27);
        }
    }

    /// Listens, is asked for a channel with our CID 0x50 and these terms, and
    /// accepts; its CID.
    pub fn opened(mtu: u16, peer_mtu: u16, peer_mps: u16, credits: u16) -> (Self, u16) {
        let mut peer = Peer::new(PERIPHERAL);
        peer.end.listen(PSM, mtu).unwrap();
        let cid = peer.open(0x50, peer_mtu, peer_mps, credits);
        (peer, cid)
    }

    pub fn open(&mut self, scid: u16, mtu: u16, mps: u16, credits: u16) -> u16 {
        assert_eq!(
            self.signal(&command(0x14, 9, &[PSM, scid, mtu, mps, credits])),
            []
        );
        let Some(Event::L2capAccept {
            token,
            our_mtu,
            cid,
            ..
        }) = self.next_event()
        else {
            panic!("no query");
        };
        self.end.answer_accept(token, Some(lend(our_mtu))).unwrap();
        let answer = self.poll();
        assert_eq!(answer[..2], [0x15, 9]);
        let Some(Event::L2capConnected { .. }) = self.next_event() else {
            panic!("not connected");
        };
        cid
    }

    /// Nothing is lent, waits, or is outstanding.
    pub fn assert_idle(&mut self) {
        assert_eq!(self.events(), []);
        assert_eq!(self.poll(), []);
        assert_eq!(self.end.deadline(), None);
        assert_eq!(self.end.poll_fragment(self.link.slot, 251), None);
        for cid in cid::FIRST_DYNAMIC..=cid::LAST_DYNAMIC {
            assert!(!self.end.holds(cid), "{cid}");
        }
    }
}

/// A signalling command of words.
pub fn command(code: u8, id: u8, words: &[u16]) -> Vec<u8> {
    let mut pdu = vec![code, id, 2 * words.len() as u8, 0];
    pdu.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    pdu
}

/// A first K-frame.
pub fn sdu_start(len: u16, data: &[u8]) -> Vec<u8> {
    [&len.to_le_bytes(), data].concat()
}

/// CID and payload of a whole PDU.
pub fn split(pdu: &[u8]) -> (u16, Vec<u8>) {
    let (header, payload) = pdu.split_first_chunk::<HEADER_LEN>().unwrap();
    let (len, cid) = parse_header(*header);
    assert_eq!(payload.len(), len as usize);
    (cid, payload.to_vec())
}

/// Carries signalling both ways until both are silent.
pub fn settle(a: &mut Peer, b: &mut Peer) {
    for _ in 0..100 {
        let (from_a, from_b) = (a.poll(), b.poll());
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        deliver(&from_a, b, a);
        deliver(&from_b, a, b);
    }
    panic!("never silent");
}

/// Brings a signalling PDU to `to` and its answer to `from`.
pub fn deliver(pdu: &[u8], to: &mut Peer, from: &mut Peer) {
    if pdu.is_empty() {
        return;
    }
    let answer = to.signal(pdu);
    if !answer.is_empty() {
        assert_eq!(from.signal(&answer), []);
    }
}
