//! Commands on their way to the controller (Vol 4, Part E, 4.4).

use crate::time::Instant;
use crate::wire::hci::COMMAND;
use crate::wire::{first, move_down, Writer};

/// A controller that is silent for so long after a command is dead.
pub const TIMEOUT_MS: u32 = 1_800;

/// Bytes of commands that wait: the longest one and a few short ones.
const QUEUE_BYTES: usize = 448;

/// A queue of encoded commands, of which one at a time is at the controller.
///
/// One outstanding command is what every controller grants, and makes each
/// completion belong to one known command.
#[derive(Debug)]
#[repr(C)]
pub struct CommandQueue {
    /// Bytes in use; commands follow each other as H4 packets.
    len: usize,
    /// The first command is at the controller.
    sent: bool,
    /// When the answer to it, or the credit for the next one, is overdue.
    deadline: Option<Instant>,
    /// The controller takes no other command.
    held: bool,
    bytes: [u8; QUEUE_BYTES],
}

impl CommandQueue {
    /// An empty queue for a controller that takes a command.
    pub const fn new() -> Self {
        CommandQueue {
            bytes: [0; QUEUE_BYTES],
            len: 0,
            sent: false,
            deadline: None,
            held: false,
        }
    }

    /// Appends a command; `false` if there is no room for it.
    pub fn push(&mut self, opcode: u16, params: &[u8]) -> bool {
        let Some(room) = self.bytes.get_mut(self.len..self.len + 4 + params.len()) else {
            return false;
        };
        let mut w = Writer::new(room);
        w.u8(COMMAND)
            .u16(opcode)
            .u8(params.len() as u8)
            .bytes(params);
        self.len += w.len();
        true
    }

    /// Bytes of parameters that another command may have.
    pub fn room(&self) -> usize {
        (QUEUE_BYTES - self.len).saturating_sub(4)
    }

    /// The command to send now.
    pub fn to_send(&self) -> Option<&[u8]> {
        if self.sent || self.held {
            return None;
        }
        self.first()
    }

    /// The command given by `to_send` left at `now`.
    pub fn sent(&mut self, now: Instant) {
        if self.len > 0 {
            self.sent = true;
            self.deadline = Some(now.after(TIMEOUT_MS));
        }
    }

    /// Notes how many commands the controller takes at `now`.
    pub fn set_credits(&mut self, now: Instant, credits: u8) {
        self.held = credits == 0;
        if !self.sent {
            self.deadline = (self.held).then(|| now.after(TIMEOUT_MS));
        }
    }

    /// The controller answered a command: takes it out if it is the one that
    /// was sent, `false` otherwise.
    pub fn answered(&mut self, opcode: u16) -> bool {
        if self.sent_opcode() != Some(opcode) {
            return false;
        }
        self.drop_first();
        true
    }

    /// The opcode of the command that waits for its answer.
    pub fn sent_opcode(&self) -> Option<u16> {
        let command = self.first().filter(|_| self.sent)?;
        Some(u16::from_le_bytes([command[1], command[2]]))
    }

    /// How many commands with this opcode there are, sent or waiting.
    pub fn count(&self, opcode: u16) -> u8 {
        let queued = first(&self.bytes, self.len);
        let (mut at, mut count) = (0, 0);
        while let Some(&[_, low, high, params]) = queued.get(at..at + 4) {
            count += (opcode == u16::from_le_bytes([low, high])) as u8;
            at += 4 + params as usize;
        }
        count
    }

    /// The connection handle that the sent command begins with, if it has
    /// parameters.
    pub fn target(&self) -> Option<u16> {
        let (handle, _) = self
            .first()
            .filter(|_| self.sent)?
            .get(4..)?
            .split_first_chunk::<2>()?;
        Some(u16::from_le_bytes(*handle))
    }

    /// When the controller counts as dead: it does not answer, or takes no
    /// command at all.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets the commands that are not at the controller.
    pub fn clear_waiting(&mut self) {
        self.len = self.first().filter(|_| self.sent).map_or(0, <[u8]>::len);
    }

    /// Forgets all commands, also the one that was sent.
    pub fn clear(&mut self) {
        *self = Self {
            bytes: self.bytes,
            ..Self::new()
        };
    }

    #[inline(never)]
    fn first(&self) -> Option<&[u8]> {
        let params = *self.bytes.get(..self.len)?.get(3)? as usize;
        self.bytes.get(..4 + params)
    }

    fn drop_first(&mut self) {
        if let Some(n) = self.first().map(<[u8]>::len) {
            self.len -= n;
            move_down(&mut self.bytes, n, self.len);
        }
        self.sent = false;
        self.deadline = None;
    }
}

impl Default for CommandQueue {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_at_a_time_in_order() {
        let mut q = CommandQueue::new();
        assert!(q.push(0x0c03, &[]) && q.push(0x2006, &[1, 2]));
        assert_eq!(q.to_send(), Some(&[1, 3, 0x0c, 0][..]));
        q.sent(Instant(5));
        assert_eq!(q.to_send(), None);
        assert!(!q.answered(0x2006));
        assert!(q.answered(0x0c03));
        assert_eq!(q.to_send(), Some(&[1, 6, 0x20, 2, 1, 2][..]));
    }

    #[test]
    fn an_answer_to_a_command_that_was_not_sent_is_refused() {
        let mut q = CommandQueue::new();
        q.push(0x0c03, &[]);
        assert!(!q.answered(0x0c03));
        assert!(!q.is_empty());
    }

    #[test]
    fn nothing_is_sent_without_credit() {
        let mut q = CommandQueue::new();
        q.push(0x0c03, &[]);
        q.set_credits(Instant(0), 0);
        assert_eq!(q.to_send(), None);
        assert_eq!(q.deadline(), Some(Instant(TIMEOUT_MS)));
        q.set_credits(Instant(9), 1);
        assert!(q.to_send().is_some());
        assert_eq!(q.deadline(), None);
    }

    #[test]
    fn a_credit_for_the_next_command_does_not_date_the_sent_one_anew() {
        let mut q = CommandQueue::new();
        q.push(0x0c03, &[]);
        q.sent(Instant(5));
        q.set_credits(Instant(100), 0);
        assert_eq!(q.deadline(), Some(Instant(5 + TIMEOUT_MS)));
        assert!(q.answered(0x0c03));
        q.sent(Instant(200));
        assert_eq!(q.deadline(), None, "nothing was there to send");
    }

    #[test]
    fn a_full_queue_refuses_and_stays_as_it_was() {
        let mut q = CommandQueue::new();
        assert!(q.push(1, &[7; 255]));
        assert!(!q.push(2, &[8; 255]));
        assert_eq!(q.to_send().map(<[u8]>::len), Some(259));
        assert!(q.push(3, &[]));
    }
}
