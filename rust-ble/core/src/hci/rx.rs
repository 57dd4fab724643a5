//! Received H4 packets in the order in which they arrived.

use crate::config::RX_BYTES;
use crate::wire::{copy, hci, move_down};

/// Longest ACL data accepted: more than any L2CAP PDU of ours in one piece.
const MAX_ACL: usize = 1024;

const _: () = assert!(RX_BYTES >= 1100 && RX_BYTES <= 0xffff);

/// Bytes in front of each packet in the ring: its length.
const PREFIX: usize = 2;

/// A queue of whole packets in one ring, each of them contiguous.
///
/// Packets are put together in place: a byte is copied once, from the
/// transport into this queue. What does not fit is left to the transport.
#[derive(Debug)]
#[repr(C)]
pub struct RxQueue {
    /// Start of the oldest packet.
    head: usize,
    /// Start of the packet that is being received.
    tail: usize,
    /// Where the packets before the end of the ring stop, if any are left.
    wrap: Option<usize>,
    /// Whole packets.
    packets: usize,
    /// Bytes of the packet that is being received.
    partial: usize,
    bytes: [u8; RX_BYTES],
}

impl RxQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        RxQueue {
            bytes: [0; RX_BYTES],
            head: 0,
            tail: 0,
            wrap: None,
            packets: 0,
            partial: 0,
        }
    }

    /// Takes bytes until a packet is whole or no more fit. Gives the number
    /// of bytes taken, and the length of the packet that became whole.
    pub fn push(&mut self, bytes: &[u8]) -> (usize, Option<usize>) {
        let mut taken = 0;
        while let Some(&next) = bytes.get(taken) {
            if self.partial == 0 && !is_packet_type(next) {
                // Noise or lost synchronisation: look for the next packet.
                taken += 1;
                continue;
            }
            let Some(want) = self.wanted(next) else {
                self.partial = 0;
                continue;
            };
            if !self.make_room(want) {
                break;
            }
            let start = self.tail + PREFIX;
            let n = (want - self.partial).min(bytes.len() - taken);
            let room = self.bytes.get_mut(start + self.partial..start + want);
            copy(
                room.unwrap_or_default(),
                bytes.get(taken..).unwrap_or_default(),
            );
            taken += n;
            self.partial += n;
            if self.partial == want && self.wanted(next) == Some(want) {
                self.finish();
                return (taken, Some(want));
            }
        }
        (taken, None)
    }

    /// The oldest packet, H4 type byte included.
    pub fn front(&self) -> Option<&[u8]> {
        let packets = self.bytes.get(self.head..)?;
        let (len, packets) = packets.split_first_chunk::<PREFIX>()?;
        packets
            .get(..u16::from_le_bytes(*len) as usize)
            .filter(|_| self.packets > 0)
    }

    /// The packet that became whole last, of `len` bytes.
    #[inline(never)]
    pub fn back(&self, len: usize) -> &[u8] {
        self.bytes
            .get(self.tail.wrapping_sub(len)..self.tail)
            .unwrap_or(&[])
    }

    /// Drops the oldest packet.
    pub fn pop(&mut self) {
        if let Some(len) = self.front().map(<[u8]>::len) {
            self.head += PREFIX + len;
            self.packets -= 1;
            if self.wrap == Some(self.head) {
                (self.head, self.wrap) = (0, None);
            }
            self.rewind();
        }
    }

    /// Drops the packet of `len` bytes that became whole last.
    pub fn pop_back(&mut self, len: usize) {
        if self.packets > 0 {
            self.tail -= PREFIX + len;
            self.packets -= 1;
            self.rewind();
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        (self.packets, self.partial) = (0, 0);
        self.rewind();
    }

    /// Drops the beginning of a packet whose rest never came.
    pub fn drop_partial(&mut self) {
        self.partial = 0;
        self.rewind();
    }

    /// Whole packets waiting.
    pub fn len(&self) -> usize {
        self.packets
    }

    /// Contiguous bytes free, about.
    #[inline(never)]
    pub fn room(&self) -> usize {
        match self.wrap {
            Some(_) => self.head - self.tail,
            None => (RX_BYTES - self.tail).max(self.head),
        }
    }

    /// Whether no whole packet waits.
    pub fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// Whether a packet was begun and is not whole.
    pub fn is_partial(&self) -> bool {
        self.partial > 0
    }

    /// Bytes that the packet being received has, as far as is known; at the
    /// front of a packet `next` is its first byte. `None` if no packet has
    /// such a length.
    fn wanted(&self, next: u8) -> Option<usize> {
        let start = self.tail + PREFIX;
        let begun = self
            .bytes
            .get(start..start + self.partial)
            .unwrap_or_default();
        let header = match *begun.first().unwrap_or(&next) {
            hci::EVENT => 3,
            hci::SCO => 4,
            _ => 5,
        };
        let data = match *begun {
            [hci::EVENT, _, len, ..] | [hci::SCO, _, _, len, ..] => len as usize,
            [hci::ACL | hci::ISO, _, _, low, high, ..] => u16::from_le_bytes([low, high]) as usize,
            _ => 0,
        };
        (data <= MAX_ACL).then_some(header + data)
    }

    fn finish(&mut self) {
        let len = (self.partial as u16).to_le_bytes();
        copy(self.bytes.get_mut(self.tail..).unwrap_or_default(), &len);
        self.tail += PREFIX + self.partial;
        self.partial = 0;
        self.packets += 1;
    }

    /// Makes sure that `want` bytes fit at the tail; moves a packet that was
    /// begun at the end of the ring to its start.
    fn make_room(&mut self, want: usize) -> bool {
        let need = PREFIX + want;
        if self.wrap.is_some() {
            return self.tail + need <= self.head;
        }
        if self.tail + need <= RX_BYTES {
            return true;
        }
        if need > self.head {
            return false;
        }
        let begun = self.tail.min(RX_BYTES);
        move_down(
            self.bytes.get_mut(PREFIX..).unwrap_or_default(),
            begun,
            self.partial,
        );
        if self.packets == 0 {
            self.head = 0;
        } else {
            self.wrap = Some(self.tail);
        }
        self.tail = 0;
        true
    }

    /// An empty ring starts over at its beginning.
    fn rewind(&mut self) {
        if self.packets == 0 && self.partial == 0 {
            (self.head, self.tail, self.wrap) = (0, 0, None);
        }
    }
}

impl Default for RxQueue {
    fn default() -> Self {
        Self::new()
    }
}

fn is_packet_type(byte: u8) -> bool {
    matches!(byte, hci::ACL | hci::SCO | hci::EVENT | hci::ISO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn event(fill: u8, len: u8) -> Vec<u8> {
        let mut packet = Vec::from([hci::EVENT, 0xff, len]);
        packet.resize(3 + len as usize, fill);
        packet
    }

    fn acl(fill: u8, len: u16) -> Vec<u8> {
        let mut packet = Vec::from([hci::ACL, 1, 0]);
        packet.extend(len.to_le_bytes());
        packet.resize(5 + len as usize, fill);
        packet
    }

    fn push_all(q: &mut RxQueue, stream: &[u8]) {
        let mut at = 0;
        while at < stream.len() {
            at += q.push(&stream[at..]).0;
        }
    }

    #[test]
    fn a_packet_is_put_together_from_any_pieces() {
        for cut in 1..12 {
            let mut q = RxQueue::new();
            let stream = [event(1, 4), acl(2, 9), event(3, 0)].concat();
            for piece in stream.chunks(cut) {
                push_all(&mut q, piece);
            }
            for expected in [event(1, 4), acl(2, 9), event(3, 0)] {
                assert_eq!(q.front(), Some(&expected[..]));
                q.pop();
            }
            assert!(q.is_empty());
        }
    }

    #[test]
    fn noise_between_packets_is_skipped() {
        let mut q = RxQueue::new();
        let stream = [std::vec![0, 0xff, 0x7e], event(1, 1)].concat();
        assert_eq!(q.push(&stream), (stream.len(), Some(4)));
        assert_eq!(q.front(), Some(&event(1, 1)[..]));
    }

    #[test]
    fn an_impossible_length_is_noise() {
        let mut q = RxQueue::new();
        push_all(
            &mut q,
            &[std::vec![hci::ACL, 1, 0, 0xff, 0xff], event(1, 1)].concat(),
        );
        assert_eq!(q.front(), Some(&event(1, 1)[..]));
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_transport_and_order_is_kept() {
        let mut q = RxQueue::new();
        let mut seed = 1u32;
        let (mut sent, mut seen) = (0u8, 0u8);
        let mut stream: Vec<u8> = Vec::new();
        for _ in 0..if cfg!(miri) { 5_000 } else { 50_000 } {
            seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
            if stream.is_empty() {
                sent = sent.wrapping_add(1);
                let len = seed >> 8;
                stream = match seed >> 30 {
                    0 | 1 => event(sent, len as u8),
                    _ => acl(sent, len as u16 % 900),
                };
            }
            let piece = ((seed >> 16) as usize % 197 + 1).min(stream.len());
            let (taken, _) = q.push(&stream[..piece]);
            stream.drain(..taken);
            if seed >> 29 == 0 || taken == 0 {
                if let Some(front) = q.front() {
                    seen = seen.wrapping_add(1);
                    let header = if front[0] == hci::EVENT { 3 } else { 5 };
                    assert!(front[header..].iter().all(|&b| b == seen));
                    q.pop();
                }
            }
        }
        while q.front().is_some() {
            seen = seen.wrapping_add(1);
            q.pop();
        }
        assert_eq!(seen, sent.wrapping_sub(!stream.is_empty() as u8));
    }

    #[test]
    fn the_last_packet_can_be_taken_out_again() {
        let mut q = RxQueue::new();
        q.push(&event(1, 5));
        let (_, whole) = q.push(&event(2, 6));
        let len = whole.unwrap();
        assert_eq!(q.back(len), &event(2, 6)[..]);
        q.pop_back(len);
        assert_eq!((q.len(), q.front()), (1, Some(&event(1, 5)[..])));
    }
}
