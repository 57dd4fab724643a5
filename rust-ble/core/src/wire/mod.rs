//! Bytes to values and back; imports nothing from the rest of the host.
//!
//! Parsers never panic: a `Reader` gives `None` past its end. Emitters write
//! through a `Writer`, which remembers an overflow instead of panicking.

pub mod att;
pub mod hci;

/// Copies what fits of `from` to the start of `to`, and gives its length: never
/// panics, unlike `copy_from_slice`.
#[inline(never)]
pub fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let n = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) {
        to.copy_from_slice(from);
    }
    n
}

/// What is behind the first `n` bytes: nothing when there are fewer.
#[inline(never)]
pub fn behind(bytes: &[u8], n: usize) -> &[u8] {
    bytes.get(n..).unwrap_or_default()
}

/// The first `n` bytes, or all when there are fewer.
#[inline(never)]
pub fn first(bytes: &[u8], n: usize) -> &[u8] {
    bytes.get(..n).unwrap_or(bytes)
}

/// Moves `len` bytes from `from` to `to`, if both ranges exist. Never panics,
/// unlike `copy_within`.
#[inline(never)]
pub fn move_bytes(bytes: &mut [u8], from: usize, len: usize, to: usize) {
    let all = bytes.len();
    if len <= all && from <= all - len && to <= all - len {
        bytes.copy_within(from..from + len, to);
    }
}

/// Moves `len` bytes from `from` to the start.
pub fn move_down(bytes: &mut [u8], from: usize, len: usize) {
    move_bytes(bytes, from, len, 0);
}

/// Takes little-endian values from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.array()?))
    }

    /// `None` unless `n` more bytes are there: for those that give zero past
    /// the end, where a check of each value would be code for nothing.
    pub fn holds(&self, n: usize) -> Option<()> {
        (self.0.len() >= n).then_some(())
    }

    /// One byte; zero past the end.
    #[inline(never)]
    pub fn u8_or_0(&mut self) -> u8 {
        self.u8().unwrap_or(0)
    }

    /// Two bytes, little-endian; zero past the end.
    #[inline(never)]
    pub fn u16_or_0(&mut self) -> u16 {
        self.u16().unwrap_or(0)
    }

    /// A device address, little-endian; zeros past the end.
    #[inline(never)]
    pub fn address_or_0(&mut self) -> [u8; 6] {
        let mut address = [0; 6];
        copy(&mut address, self.bytes(6).unwrap_or_default());
        address
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Puts little-endian values into a slice, front to back.
///
/// What does not fit is left out and makes `finish` give `None`.
#[derive(Debug)]
pub struct Writer<'a> {
    buf: &'a mut [u8],
    len: usize,
    overflow: bool,
}

impl<'a> Writer<'a> {
    /// Writes from the start of `buf`.
    pub fn new(buf: &'a mut [u8]) -> Self {
        Writer {
            buf,
            len: 0,
            overflow: false,
        }
    }

    /// Appends bytes, all or none.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        match self.buf.get_mut(self.len..self.len + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.overflow = true,
        }
        self
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// Appends two bytes, little-endian.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.buf.len() - self.len
    }

    /// Forgets what was written past `len`, and any overflow.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.overflow = false;
    }

    /// What was written so far, to patch a field.
    pub fn written(&mut self) -> &mut [u8] {
        self.buf.get_mut(..self.len).unwrap_or_default()
    }

    /// The length, or `None` if something did not fit.
    pub fn finish(&self) -> Option<usize> {
        (!self.overflow).then_some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gives_none_past_its_end() {
        let mut r = Reader(&[1, 2, 3]);
        assert_eq!(r.u16(), Some(0x0201));
        assert_eq!(r.u16(), None);
        assert_eq!(r.u8(), Some(3));
        assert!(r.is_empty());
    }

    #[test]
    fn a_writer_remembers_an_overflow() {
        let mut buf = [0xa5; 3];
        let mut w = Writer::new(&mut buf);
        w.u16(0x0201).u16(0x0403);
        assert_eq!(w.finish(), None);
        w.truncate(2);
        assert_eq!(w.u8(9).finish(), Some(3));
        assert_eq!(buf, [1, 2, 9]);
    }
}
