//! The H4 byte stream from a host (Vol 4, Part A).

/// What a stream gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A whole packet with its indicator.
    Packet(Vec<u8>),
    /// A byte that cannot begin a packet. The controller reports a hardware error and
    /// from then on only looks for HCI Reset (Vol 4, Part A, 4).
    SyncLost,
}

const RESET: [u8; 4] = [1, 0x03, 0x0c, 0];

/// Cuts bytes into packets.
#[derive(Default)]
pub struct Stream {
    bytes: Vec<u8>,
    lost: bool,
}

impl Stream {
    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next packet or loss of synchronisation.
    pub fn next(&mut self) -> Option<Item> {
        if self.lost {
            match self.bytes.windows(4).position(|w| w == RESET) {
                Some(at) => {
                    self.bytes.drain(..at);
                    self.lost = false;
                }
                None => {
                    let keep = self.bytes.len().min(3);
                    self.bytes.drain(..self.bytes.len() - keep);
                    return None;
                }
            }
        }
        let len = match self.bytes.first()? {
            1 => 4 + usize::from(*self.bytes.get(3)?),
            2 => {
                5 + usize::from(u16::from_le_bytes([
                    *self.bytes.get(3)?,
                    *self.bytes.get(4)?,
                ]))
            }
            _ => {
                self.lost = true;
                return Some(Item::SyncLost);
            }
        };
        (self.bytes.len() >= len).then(|| Item::Packet(self.bytes.drain(..len).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_cut_wherever_the_bytes_break() {
        let bytes = [1, 3, 0x0c, 0, 2, 0x40, 0, 2, 0, 7, 8, 1, 1, 0x20, 1, 9];
        let mut stream = Stream::default();
        let mut packets = Vec::new();
        for byte in bytes {
            stream.push(&[byte]);
            packets.extend(std::iter::from_fn(|| stream.next()));
        }
        let expected = [&bytes[..4], &bytes[4..11], &bytes[11..]];
        assert_eq!(packets, expected.map(|p| Item::Packet(p.to_vec())));
    }

    #[test]
    fn after_garbage_only_reset_synchronises_again() {
        let mut stream = Stream::default();
        stream.push(&[0x55, 1, 1, 0x10, 0, 1, 3]);
        assert_eq!(stream.next(), Some(Item::SyncLost));
        assert_eq!(stream.next(), None);
        stream.push(&[0x0c, 0, 1, 1, 0x10, 0]);
        assert_eq!(stream.next(), Some(Item::Packet(RESET.to_vec())));
        assert_eq!(stream.next(), Some(Item::Packet(vec![1, 1, 0x10, 0])));
        assert_eq!(stream.next(), None);
    }
}
