//! Logical Link Control and Adaptation Protocol for LE (Vol 3, Part A):
//! basic framing, the signalling channel, credit-based channels.

mod channel;
mod channels;
mod ring;
mod signal;
mod signalling;
#[cfg(test)]
mod tests;

pub use channels::{Channels, Fragment};
pub use signalling::Outcome;

use crate::config::{L2CAP_WINDOW, MAX_MTU};
use crate::event::Role;

/// Fixed channels of an LE link (2.1).
pub mod cid {
    /// Attribute Protocol.
    pub const ATT: u16 = 0x0004;
    /// LE signalling.
    pub const SIGNALLING: u16 = 0x0005;
    /// Security Manager Protocol.
    pub const SMP: u16 = 0x0006;
    /// First dynamically allocated channel; ours are this plus an index.
    pub const FIRST_DYNAMIC: u16 = 0x0040;
    /// Last dynamically allocated channel.
    pub const LAST_DYNAMIC: u16 = 0x007f;
}

/// Length of the basic header before every PDU (3.1).
pub const HEADER_LEN: usize = 4;

/// Longest signalling PDU that we take and that we send, in bytes (4).
pub const SIGNAL_LEN: usize = 23;

/// Longest information payload of a K-frame that we take, in bytes.
///
/// Header and payload fill whole link layer PDUs of 251 bytes, as many as fit
/// into the reassembly buffer, so that a peer that segments by it wastes no
/// air time.
pub const MPS: u16 = ((MAX_MTU + HEADER_LEN) / 251 * 251 - HEADER_LEN) as u16;

/// Smallest MTU and MPS of a credit-based channel (4.22).
pub const MIN_MTU: u16 = 23;

/// Milliseconds until a request that the peer does not answer fails (6.2.1).
pub const RTX_MS: u32 = 30_000;

/// What `L2capDisconnected` reports; the numbers are NimBLE's, as scripts know
/// them. A channel that was open always ends with zero.
pub mod status {
    /// The peer's parameters are not allowed.
    pub const INVALID: u16 = 3;
    /// The link was lost.
    pub const NOT_CONNECTED: u16 = 7;
    /// The peer has nothing on this PSM, or knows no channels.
    pub const NOT_SUPPORTED: u16 = 8;
    /// The peer did not answer.
    pub const TIMEOUT: u16 = 13;
    /// The peer rejects the request.
    pub const REJECTED: u16 = 16;
}

/// The basic header of a PDU with `len` bytes of payload.
pub const fn header(len: u16, cid: u16) -> [u8; HEADER_LEN] {
    let (len, cid) = (len.to_le_bytes(), cid.to_le_bytes());
    [len[0], len[1], cid[0], cid[1]]
}

/// Payload length and channel from a basic header.
pub const fn parse_header(header: [u8; HEADER_LEN]) -> (u16, u16) {
    let [a, b, c, d] = header;
    (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
}

/// Bytes that a channel with this MTU of ours needs to be lent.
pub const fn memory_needed(mtu: u16) -> usize {
    rx_capacity(mtu) + tx_capacity(mtu)
}

/// Received data: two SDUs, or a window worth its name for small ones, which is
/// of twice as many frames if those are short. Always an SDU and a frame at
/// least, so that credits return before the ring is empty.
const fn rx_capacity(mtu: u16) -> usize {
    let two = 2 * mtu as usize;
    let mut window = 2 * L2CAP_WINDOW * frame_capacity(mtu) as usize;
    if window > L2CAP_WINDOW * MPS as usize {
        window = L2CAP_WINDOW * MPS as usize;
    }
    if two > window {
        two
    } else {
        window
    }
}

/// Data to send: two SDUs of our MTU or one of twice of it, with their lengths.
const fn tx_capacity(mtu: u16) -> usize {
    2 * mtu as usize + 4
}

/// Most SDU bytes that one frame from the peer brings.
const fn frame_capacity(mtu: u16) -> u16 {
    if mtu < MPS {
        mtu
    } else {
        MPS
    }
}

/// A link as the channels see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Index of the link, below `MAX_LINKS`.
    pub slot: u8,
    /// HCI connection handle, for events.
    pub conn: u16,
    /// Our role.
    pub role: Role,
}
