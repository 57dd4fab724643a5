//! Bonds and identities: what is kept in the script's secrets, and the small
//! table in memory that recognises peers with changing addresses.
//!
//! | kind | key | value |
//! | --- | --- | --- |
//! | `KIND_OWN` | `b"own"` | `OwnIdentity` |
//! | `KIND_BOND` | `key(identity)` | `Bond` |
//! | `KIND_CLIENT` | `key(identity)` | `client_*`: CCCDs, features, hash |
//!
//! Each value starts with a version; a value of another version, length or
//! with impossible contents is as good as none.
//!
//! At activation the host asks for `KIND_OWN`, then for `KIND_BOND` by index
//! 0, 1, .. until the script has no more, giving each value to
//! `Identities::load`.

use crate::config::MAX_BONDS;
use crate::Address;

/// Secret type of our own identity.
pub const KIND_OWN: u8 = 32;
/// Secret type of a bond.
pub const KIND_BOND: u8 = 33;
/// Secret type of what a bonded client left in our server.
pub const KIND_CLIENT: u8 = 34;
/// Key of the one value of `KIND_OWN`.
pub const OWN_KEY: &[u8] = b"own";
/// Length of an emitted `Bond`.
pub const BOND_LEN: usize = 78;
/// Length of an emitted `OwnIdentity`.
pub const OWN_LEN: usize = 23;

/// The key of a peer's secrets: kind, then the address as MicroPython prints
/// it, most significant byte first.
pub fn key(_identity: Address) -> [u8; 7] {
    todo!()
}

/// A key for legacy re-encryption, as distributed by one side (2.4.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LongTermKey {
    /// Long term key, little-endian.
    pub ltk: [u8; 16],
    /// Encrypted diversifier; zero for LE Secure Connections.
    pub ediv: u16,
    /// Random number; zero for LE Secure Connections.
    pub rand: [u8; 8],
}

/// What is known about a bonded peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bond {
    /// The peer's public or static random address.
    pub identity: Address,
    /// Length of the encryption key, 7 to 16.
    pub key_size: u8,
    /// From a pairing with protection against MITM.
    pub authenticated: bool,
    /// From LE Secure Connections: one key, used in both roles.
    pub secure_connections: bool,
    /// For links on which we are peripheral.
    pub ours: Option<LongTermKey>,
    /// For links on which we are central.
    pub peers: Option<LongTermKey>,
    /// The peer's identity resolving key.
    pub irk: Option<[u8; 16]>,
}

impl Bond {
    /// Checks and reads a stored value.
    pub fn parse(_value: &[u8]) -> Option<Bond> {
        todo!()
    }

    /// The value to store.
    pub fn emit(&self) -> [u8; BOND_LEN] {
        todo!()
    }
}

/// Our own identity, made once and kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnIdentity {
    /// Identity resolving key.
    pub irk: [u8; 16],
    /// Static random address, little-endian, for controllers without a public
    /// one and for addr_mode 1.
    pub address: [u8; 6],
}

impl OwnIdentity {
    /// A new identity from random bytes.
    pub fn new(_rng: &mut super::Rng) -> Self {
        todo!()
    }

    /// Checks and reads a stored value.
    pub fn parse(_value: &[u8]) -> Option<Self> {
        todo!()
    }

    /// The value to store.
    pub fn emit(&self) -> [u8; OWN_LEN] {
        todo!()
    }
}

/// The bonded peers, as far as needed to recognise them.
#[derive(Debug, Default)]
pub struct Identities {
    peers: heapless::Vec<Identity, MAX_BONDS>,
}

/// One bonded peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Public or static random address.
    pub address: Address,
    /// Its identity resolving key, if it gave us one.
    pub irk: Option<[u8; 16]>,
}

impl Identities {
    /// Enters a stored value; false when it is garbage or the table is full.
    pub fn load(&mut self, _value: &[u8]) -> bool {
        todo!()
    }

    /// The bonded peers, e.g. to fill the controller's resolving list or to
    /// remove all.
    pub fn peers(&self) -> &[Identity] {
        &self.peers
    }

    /// Forgets a peer; false when unknown. The host deletes its secrets of
    /// `KIND_BOND` and `KIND_CLIENT`.
    pub fn remove(&mut self, _identity: Address) -> bool {
        todo!()
    }

    /// Whether there is a bond with this identity.
    pub fn contains(&self, _identity: Address) -> bool {
        todo!()
    }

    /// The identity behind a resolvable private address (Vol 6, Part B,
    /// 1.3.2.3), or the address itself when it belongs to no bonded peer.
    pub fn resolve(&self, _address: Address) -> Address {
        todo!()
    }
}

/// A fresh resolvable private address (Vol 6, Part B, 1.3.2.2).
pub fn resolvable_address(_irk: &[u8; 16], _rng: &mut super::Rng) -> Address {
    todo!()
}

/// A fresh non-resolvable private address (Vol 6, Part B, 1.3.2.2).
pub fn non_resolvable_address(_rng: &mut super::Rng) -> Address {
    todo!()
}

/// Length of the fixed part of a `KIND_CLIENT` value.
pub const CLIENT_HEADER: usize = 18;

/// Starts a `KIND_CLIENT` value: the client's supported features (Vol 3,
/// Part G, 7.2) and the hash of the database that it knows (7.3). Append
/// `handle.u16() value.u16()` for each CCCD that is not zero.
pub fn client_emit(_out: &mut crate::wire::Writer, _features: u8, _hash: &[u8; 16]) {
    todo!()
}

/// Checks and reads a `KIND_CLIENT` value: features, hash, and the bytes of
/// the CCCDs, four each: `Reader::u16` twice.
pub fn client_parse(_value: &[u8]) -> Option<(u8, [u8; 16], &[u8])> {
    todo!()
}
