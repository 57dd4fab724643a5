//! A Bluetooth LE host as a state machine: bytes, time and commands go in;
//! packets, events and the next deadline come out.
//!
//! See docs/DESIGN.md for the reasons, `host` for the way in.
//!
//! `#[inline(never)]` marks functions of which one copy, apart from its caller,
//! was measured to be smaller: on Cortex-M0+ a function should not be too large
//! for short branches and few registers.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(test)]
extern crate std;

pub mod addr;
mod cipher;
pub mod config;
pub mod conn;
pub mod error;
pub mod event;
pub mod gap;
pub mod gatt;
pub mod hci;
pub mod host;
pub mod l2cap;
mod lent;
pub mod pool;
pub mod smp;
pub mod time;
pub mod uuid;
pub mod wire;

pub use addr::{Address, AddressKind};
pub use error::{Error, Result};
pub use event::{Event, PasskeyAction, Role, Token};
pub use time::Instant;
pub use uuid::Uuid;

/// How far a link is protected (Vol 3, Part C, 10.2).
///
/// Aligned, so that a copy is one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(4))]
pub struct Security {
    /// Length of the encryption key in bytes, 7 to 16; zero without encryption.
    pub key_size: u8,
    /// The key comes from a pairing with protection against MITM.
    pub authenticated: bool,
    /// The key is stored by both sides.
    pub bonded: bool,
    /// The key comes from LE Secure Connections.
    pub secure_connections: bool,
}

impl Security {
    /// Whether the link is encrypted.
    pub fn encrypted(&self) -> bool {
        self.key_size > 0
    }
}
