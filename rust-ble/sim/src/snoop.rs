//! Captures in the btsnoop format, as Wireshark opens it.

use std::io::{self, Write};

/// The H4 data link type: packets begin with the H4 indicator byte.
const DATALINK_H4: u32 = 1002;

/// Microseconds from the year 0 to the UNIX epoch, the origin of btsnoop's time.
const EPOCH: u64 = 0x00dc_ddb3_0f2f_8000;

/// A capture of one node's HCI.
pub struct Snoop {
    out: Box<dyn Write + Send>,
    start: u64,
}

impl Snoop {
    /// Begins a capture; `start` is the UNIX time in microseconds at which the
    /// air's clock stood at zero.
    pub fn new(mut out: Box<dyn Write + Send>, start: u64) -> io::Result<Self> {
        out.write_all(b"btsnoop\0")?;
        out.write_all(&1u32.to_be_bytes())?;
        out.write_all(&DATALINK_H4.to_be_bytes())?;
        Ok(Snoop { out, start })
    }

    /// Adds one H4 packet at the air's time `now`.
    pub fn record(&mut self, now: u64, to_host: bool, packet: &[u8]) -> io::Result<()> {
        let is_command_or_event = matches!(packet.first(), Some(1 | 4));
        let flags = u32::from(to_host) | u32::from(is_command_or_event) << 1;
        let mut head = [0; 24];
        let len = (packet.len() as u32).to_be_bytes();
        head[..4].copy_from_slice(&len);
        head[4..8].copy_from_slice(&len);
        head[8..12].copy_from_slice(&flags.to_be_bytes());
        head[16..].copy_from_slice(&(EPOCH + self.start + now).to_be_bytes());
        self.out.write_all(&head)?;
        self.out.write_all(packet)
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_capture_has_the_header_and_one_record_per_packet() {
        let file = Shared::default();
        let mut snoop = Snoop::new(Box::new(file.clone()), 0).unwrap();
        snoop.record(5, false, &[1, 3, 0x0c, 0]).unwrap();
        snoop.record(6, true, &[2, 1, 0, 0, 0]).unwrap();
        let bytes = file.0.lock().unwrap().clone();
        assert_eq!(&bytes[..16], b"btsnoop\0\0\0\0\x01\0\0\x03\xea");
        assert_eq!(&bytes[16..28], [0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 2]);
        assert_eq!(&bytes[32..40], (EPOCH + 5).to_be_bytes());
        assert_eq!(&bytes[40..44], [1, 3, 0x0c, 0]);
        assert_eq!(&bytes[52..56], [0, 0, 0, 1]);
        assert_eq!(bytes.len(), 16 + 24 + 4 + 24 + 5);
    }
}
