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

use super::pdu::code;
use super::{crypto, Rng};
use crate::config::MAX_BONDS;
use crate::wire::{copy, Writer};
use crate::{Address, Security};

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

/// Version of all values.
const VERSION: u8 = 1;

const AUTHENTICATED: u8 = 0x01;
const SECURE_CONNECTIONS: u8 = 0x02;
const OURS: u8 = 0x04;
const PEERS: u8 = 0x08;
const IRK: u8 = 0x10;

/// The key of a peer's secrets: kind, then the address as MicroPython prints
/// it, most significant byte first.
pub fn key(identity: &Address) -> [u8; 7] {
    let [a, b, c, d, e, f] = identity.bytes;
    [identity.kind as u8, f, e, d, c, b, a]
}

/// A long term key (16 bytes), EDIV (2) and Rand (8), little-endian, as
/// distributed (2.4.3); the last two are zero for LE Secure Connections.
pub type Key = [u8; 26];

/// What is known about a bonded peer, as it is stored: version, identity, key
/// size, flags, the key for links on which we are peripheral, that for links
/// on which we are central, the peer's IRK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bond([u8; BOND_LEN]);

/// Where in a bond something is, and the flag that tells of it.
pub(super) mod field {
    pub const IDENTITY: usize = 1;
    pub const KEY_SIZE: usize = 8;
    pub const FLAGS: usize = 9;
    pub const OURS: usize = 10;
    pub const PEERS: usize = 36;
    pub const IRK: usize = 62;
}

impl Bond {
    /// All of it zeros, for a static.
    pub const fn blank() -> Bond {
        Bond([0; BOND_LEN])
    }

    /// A bond without keys.
    pub fn new(identity: Address) -> Bond {
        let mut bond = Bond([0; BOND_LEN]);
        bond.0[0] = VERSION;
        bond.0[field::IDENTITY] = identity.kind as u8;
        bond.set(field::IDENTITY + 1, &identity.bytes, 0);
        bond
    }

    /// Checks a stored value, and reads it into `bond`.
    pub fn parse<'a>(value: &[u8], bond: &'a mut Bond) -> Option<&'a Bond> {
        if value.len() != BOND_LEN {
            return None;
        }
        copy(&mut bond.0, value);
        let sound = bond.0[0] == VERSION
            && bond.0[field::IDENTITY] <= 1
            && bond.identity().is_identity()
            && matches!(bond.0[field::KEY_SIZE], 7..=16)
            && bond.0[field::FLAGS] < 2 * IRK
            && bond.has(OURS | PEERS);
        sound.then_some(bond)
    }

    /// The value to store.
    pub fn value(&self) -> &[u8; BOND_LEN] {
        &self.0
    }

    /// The peer's public or static random address.
    #[inline(never)]
    pub fn identity(&self) -> Address {
        let mut address = Address::from_wire(self.0[field::IDENTITY], [0; 6]);
        address
            .bytes
            .copy_from_slice(&self.0[field::IDENTITY + 1..field::KEY_SIZE]);
        address
    }

    /// Whether it is about the same peer.
    pub(super) fn is_of(&self, other: &Bond) -> bool {
        self.0[field::IDENTITY..field::KEY_SIZE] == other.0[field::IDENTITY..field::KEY_SIZE]
    }

    /// The protection of a link that is encrypted with this bond.
    pub fn security(&self) -> Security {
        Security {
            key_size: self.0[field::KEY_SIZE],
            authenticated: self.has(AUTHENTICATED),
            bonded: true,
            secure_connections: self.has(SECURE_CONNECTIONS),
        }
    }

    /// For links on which we are peripheral.
    pub fn ours(&self) -> Option<&Key> {
        self.get(field::OURS, OURS)
    }

    /// For links on which we are central.
    pub fn peers(&self) -> Option<&Key> {
        self.get(field::PEERS, PEERS)
    }

    /// The peer's identity resolving key.
    pub fn irk(&self) -> Option<&[u8; 16]> {
        self.get(field::IRK, IRK)
    }

    /// Whether there is any key to encrypt with.
    pub(super) fn has_keys(&self) -> bool {
        self.has(OURS | PEERS)
    }

    /// Sets a key for one or both roles.
    pub(super) fn set_keys(&mut self, ours: Option<&Key>, peers: Option<&Key>) {
        if let Some(key) = ours {
            self.set(field::OURS, key, OURS);
        }
        if let Some(key) = peers {
            self.set(field::PEERS, key, PEERS);
        }
    }

    /// Takes over the body of a key PDU of the peer.
    pub(super) fn learn(&mut self, code: u8, body: &[u8]) {
        let (at, flag) = match code {
            code::ENCRYPTION_INFORMATION => (field::PEERS, 0),
            code::CENTRAL_IDENTIFICATION => (field::PEERS + 16, PEERS),
            // An IRK of zeros stands for none.
            code::IDENTITY_INFORMATION if body.iter().any(|&byte| byte != 0) => (field::IRK, IRK),
            code::IDENTITY_ADDRESS_INFORMATION => (field::IDENTITY, 0),
            // CSRK: signed writes are not supported.
            _ => return,
        };
        self.set(at, body, flag);
    }

    /// Whether `learn` put a public or static random address there.
    pub(super) fn has_identity(&self) -> bool {
        self.0[field::IDENTITY] <= 1 && self.identity().is_identity()
    }

    pub(super) fn set_security(&mut self, security: &Security) {
        self.0[field::KEY_SIZE] = security.key_size;
        if security.authenticated {
            self.0[field::FLAGS] |= AUTHENTICATED;
        }
        if security.secure_connections {
            self.0[field::FLAGS] |= SECURE_CONNECTIONS;
        }
    }

    fn has(&self, flags: u8) -> bool {
        self.0[field::FLAGS] & flags != 0
    }

    fn get<const N: usize>(&self, at: usize, flag: u8) -> Option<&[u8; N]> {
        if !self.has(flag) {
            return None;
        }
        self.0.get(at..)?.first_chunk()
    }

    fn set(&mut self, at: usize, bytes: &[u8], flag: u8) {
        if let Some(room) = self.0.get_mut(at..at + bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.0[field::FLAGS] |= flag;
    }
}

/// Whether a pairing that gives `new` may replace a bond that gives `old`
/// (CVE-2021-3436, CVE-2025-62235).
///
/// Nothing may become weaker: neither the key size, nor LE Secure Connections,
/// nor authentication. And the peer must be who it says: either it `proved`
/// so by encrypting the link with the old key, or the user did in an
/// authenticated pairing. A peer that lost its key of a Just Works bond can
/// pair again after `gap_unpair`.
pub fn may_replace(old: &Security, new: &Security, proved: bool) -> bool {
    old.key_size == 0
        || new.key_size >= old.key_size
            && new.secure_connections >= old.secure_connections
            && new.authenticated >= old.authenticated
            && (proved || new.authenticated)
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
    /// None made yet.
    pub const NONE: OwnIdentity = OwnIdentity {
        irk: [0; 16],
        address: [0; 6],
    };

    /// A new identity from random bytes.
    pub fn new(rng: &mut Rng) -> Self {
        OwnIdentity {
            irk: rng.array(),
            address: random_address(rng, 0b11).bytes,
        }
    }

    /// Checks and reads a stored value.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (&[version], rest) = value.split_first_chunk()?;
        let (&irk, address) = rest.split_first_chunk()?;
        let own = OwnIdentity {
            irk,
            address: address.try_into().ok()?,
        };
        (version == VERSION && own.irk != [0; 16] && Address::random(own.address).is_identity())
            .then_some(own)
    }

    /// The value to store.
    pub fn emit(&self, out: &mut Writer) {
        out.u8(VERSION).bytes(&self.irk).bytes(&self.address);
    }
}

/// The bonded peers, as far as needed to recognise them.
#[derive(Debug, Default)]
pub struct Identities {
    pub(super) peers: heapless::Vec<Identity, MAX_BONDS>,
}

/// One bonded peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Public or static random address.
    pub address: Address,
    /// Its identity resolving key, if it gave us one.
    pub irk: Option<[u8; 16]>,
    /// What the bond gives: no key when the script had none any more.
    pub security: Security,
    /// The private address in which it was heard last.
    pub heard: Option<[u8; 6]>,
    /// It is in the controller's resolving list.
    pub listed: bool,
}

impl Identities {
    /// An empty table.
    pub const fn new() -> Self {
        Identities {
            peers: heapless::Vec::new(),
        }
    }

    /// Enters a stored value; false when it is garbage or the table is full.
    pub fn load(&mut self, value: &[u8]) -> bool {
        Bond::parse(value, &mut Bond::blank()).is_some_and(|bond| self.insert(bond))
    }

    /// Enters or replaces a bond; false when the table is full.
    pub fn insert(&mut self, bond: &Bond) -> bool {
        let address = bond.identity();
        let at = self.position(&address);
        if at == self.peers.len() && self.peers.push(Identity::default()).is_err() {
            return false;
        }
        if let Some(peer) = self.peers.get_mut(at) {
            peer.address = address;
            peer.irk = bond.irk().copied();
            peer.security = bond.security();
            (peer.heard, peer.listed) = (None, false);
        }
        true
    }

    /// Whether `insert` would succeed, and no other peer has the same IRK: one
    /// that was given out to a third party would let that one pose as another.
    pub fn accepts(&self, bond: &Bond) -> bool {
        let (identity, irk) = (bond.identity(), bond.irk());
        let mut room = !self.peers.is_full();
        for peer in &self.peers {
            if peer.address == identity {
                room = true;
            } else if irk.is_some() && peer.irk.as_ref() == irk {
                return false;
            }
        }
        room
    }

    /// The bonded peers, e.g. to fill the controller's resolving list or to
    /// remove all.
    pub fn peers(&self) -> &[Identity] {
        &self.peers
    }

    /// The bonded peers, to note what is known of them.
    pub fn peers_mut(&mut self) -> &mut [Identity] {
        &mut self.peers
    }

    /// Like `resolve`, and notes in which address the peer was heard.
    pub fn hear(&mut self, address: &Address) -> Address {
        let identity = self.resolve(address);
        if identity != *address {
            if let Some(peer) = self.find_mut(&identity) {
                peer.heard = Some(address.bytes);
            }
        }
        identity
    }

    /// Forgets a peer; false when unknown. The host deletes its secrets of
    /// `KIND_BOND` and `KIND_CLIENT`.
    pub fn remove(&mut self, identity: &Address) -> bool {
        let at = self.position(identity);
        let known = at < self.peers.len();
        if known {
            self.peers.swap_remove(at);
        }
        known
    }

    /// The bonded peer with this identity.
    pub fn find(&self, identity: &Address) -> Option<&Identity> {
        self.peers.get(self.position(identity))
    }

    /// Notes what the script's store has for a bonded peer now.
    pub(super) fn note(&mut self, identity: &Address, bond: Option<&Bond>) {
        if let Some(peer) = self.find_mut(identity) {
            peer.security = bond.map(Bond::security).unwrap_or_default();
        }
    }

    fn find_mut(&mut self, identity: &Address) -> Option<&mut Identity> {
        let at = self.position(identity);
        self.peers.get_mut(at)
    }

    /// Where a bonded peer is; past all if it is none.
    #[inline(never)]
    fn position(&self, identity: &Address) -> usize {
        let mut at = 0;
        for peer in &self.peers {
            if peer.address == *identity {
                break;
            }
            at += 1;
        }
        at
    }

    /// The identity behind a resolvable private address (Vol 6, Part B,
    /// 1.3.2.3), or the address itself when it belongs to no bonded peer.
    pub fn resolve(&self, address: &Address) -> Address {
        if !address.is_resolvable() {
            return *address;
        }
        let [h0, h1, h2, p0, p1, p2] = address.bytes;
        let ours = |peer: &&Identity| {
            let irk = peer.irk.as_ref();
            irk.is_some_and(|irk| crypto::ah(irk, [p0, p1, p2]) == [h0, h1, h2])
        };
        self.peers
            .iter()
            .find(ours)
            .map_or(*address, |peer| peer.address)
    }
}

/// A fresh resolvable private address (Vol 6, Part B, 1.3.2.2).
pub fn resolvable_address(irk: &[u8; 16], rng: &mut Rng) -> Address {
    let [.., p0, p1, p2] = random_address(rng, 0b01).bytes;
    let [h0, h1, h2] = crypto::ah(irk, [p0, p1, p2]);
    Address::random([h0, h1, h2, p0, p1, p2])
}

/// A fresh non-resolvable private address (Vol 6, Part B, 1.3.2.2).
pub fn non_resolvable_address(rng: &mut Rng) -> Address {
    random_address(rng, 0b00)
}

/// A random address with `top` as its two highest bits. That all others are
/// neither all zeros nor all ones is left to chance, 2 in 2^22 at worst.
fn random_address(rng: &mut Rng, top: u8) -> Address {
    let mut bytes: [u8; 6] = rng.array();
    bytes[5] = bytes[5] & 0x3f | top << 6;
    Address::random(bytes)
}

/// Length of the fixed part of a `KIND_CLIENT` value.
pub const CLIENT_HEADER: usize = 18;

/// Starts a `KIND_CLIENT` value: the client's supported features (Vol 3,
/// Part G, 7.2) and the hash of the database that it knows (7.3). Append
/// `handle.u16() value.u16()` for each CCCD that is not zero.
pub fn client_emit(out: &mut Writer, features: u8, hash: &[u8; 16]) {
    out.u8(VERSION).u8(features).bytes(hash);
}

/// Checks and reads a `KIND_CLIENT` value: features, hash, and the bytes of
/// the CCCDs, four each: `Reader::u16` twice.
pub fn client_parse(value: &[u8]) -> Option<(u8, &[u8; 16], &[u8])> {
    let (&[version, features], rest) = value.split_first_chunk()?;
    let (hash, cccds) = rest.split_first_chunk()?;
    (version == VERSION && cccds.len() % 4 == 0).then_some((features, hash, cccds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smp::crypto::tests::le;

    const OURS_KEY: Key = [1; 26];
    const PEERS_KEY: Key = [2; 26];

    fn bond() -> Bond {
        bond_of(Address::random(le("c65544332211")), 9)
    }

    fn bond_of(identity: Address, irk: u8) -> Bond {
        let mut bond = Bond::new(identity);
        bond.set_keys(Some(&OURS_KEY), Some(&PEERS_KEY));
        bond.learn(code::IDENTITY_INFORMATION, &[irk; 16]);
        bond.set_security(&Security {
            key_size: 16,
            authenticated: true,
            ..Security::default()
        });
        bond
    }

    #[test]
    fn a_bond_comes_back_from_its_value() {
        let bond = bond();
        let value = bond.value();
        assert_eq!(
            value[..10],
            [1, 1, 0x11, 0x22, 0x33, 0x44, 0x55, 0xc6, 16, 0x1d]
        );
        assert_eq!(value[10..36], OURS_KEY);
        assert_eq!(value[36..62], PEERS_KEY);
        assert_eq!(value[62..], [9; 16]);
        let mut room = Bond::blank();
        let read = Bond::parse(value, &mut room).unwrap();
        assert_eq!(*read, bond);
        assert_eq!(
            (read.ours(), read.peers(), read.irk()),
            (Some(&OURS_KEY), Some(&PEERS_KEY), Some(&[9; 16]))
        );
        assert_eq!(read.identity(), Address::random(le("c65544332211")));
        let security = Security {
            key_size: 16,
            authenticated: true,
            bonded: true,
            secure_connections: false,
        };
        assert_eq!(read.security(), security);
    }

    #[test]
    fn a_peer_fills_in_its_part() {
        let mut bond = Bond::new(Address::public([0; 6]));
        bond.learn(code::ENCRYPTION_INFORMATION, &[1; 16]);
        assert_eq!(bond.peers(), None);
        bond.learn(code::CENTRAL_IDENTIFICATION, &[2; 10]);
        let key: Key = [[1; 16].as_slice(), &[2; 10]].concat().try_into().unwrap();
        assert_eq!((bond.ours(), bond.peers()), (None, Some(&key)));
        bond.learn(code::IDENTITY_INFORMATION, &[0; 16]);
        assert_eq!(bond.irk(), None);
        bond.learn(code::IDENTITY_INFORMATION, &[3; 16]);
        assert_eq!(bond.irk(), Some(&[3; 16]));
        bond.learn(
            code::IDENTITY_ADDRESS_INFORMATION,
            &[1, 1, 2, 3, 4, 5, 0xc6],
        );
        assert_eq!(bond.identity(), Address::random([1, 2, 3, 4, 5, 0xc6]));
        assert!(bond.has_identity());
        for not in [[2, 1, 2, 3, 4, 5, 0xc6], [1, 1, 2, 3, 4, 5, 0x46]] {
            bond.learn(code::IDENTITY_ADDRESS_INFORMATION, &not);
            assert!(!bond.has_identity());
        }
    }

    #[test]
    fn garbage_is_no_bond() {
        let value = *bond().value();
        let parse = |value: &[u8]| Bond::parse(value, &mut Bond::blank()).copied();
        for len in 0..value.len() {
            assert_eq!(parse(&value[..len]), None);
        }
        assert_eq!(parse(&[value.as_slice(), &[0]].concat()), None);
        for (at, byte) in [
            (0, 0),
            (0, 2),
            (1, 2),
            (7, 0x46),
            (8, 6),
            (8, 17),
            (9, 0x20),
            (9, 0x11),
        ] {
            let mut bad = value;
            bad[at] = byte;
            assert_eq!(parse(&bad), None, "{at}");
        }
        assert_eq!(parse(&[0xff; BOND_LEN]), None);
        assert!(!Identities::new().load(&[0; BOND_LEN]));
    }

    #[test]
    fn the_key_of_a_secret_is_the_address_as_printed() {
        assert_eq!(
            key(&bond().identity()),
            [1, 0xc6, 0x55, 0x44, 0x33, 0x22, 0x11]
        );
    }

    #[test]
    fn our_identity_comes_back_from_its_value() {
        let own = OwnIdentity::new(&mut Rng::new(&[7; 32]));
        assert!(Address::random(own.address).is_identity());
        let mut value = [0; OWN_LEN];
        own.emit(&mut Writer::new(&mut value));
        assert_eq!(OwnIdentity::parse(&value), Some(own));
        for len in 0..value.len() {
            assert_eq!(OwnIdentity::parse(&value[..len]), None);
        }
        let mut not_static = value;
        not_static[22] &= 0x3f;
        assert_eq!(OwnIdentity::parse(&not_static), None);
    }

    #[test]
    fn peers_are_recognised_by_their_private_addresses() {
        let mut rng = Rng::new(&[3; 32]);
        let mut identities = Identities::new();
        assert!(identities.load(bond().value()));
        let rpa = resolvable_address(&[9; 16], &mut rng);
        assert!(rpa.is_resolvable());
        assert_eq!(identities.resolve(&rpa), bond().identity());
        let stranger = resolvable_address(&[8; 16], &mut rng);
        assert_eq!(identities.resolve(&stranger), stranger);
        let other = non_resolvable_address(&mut rng);
        assert_eq!(other.bytes[5] >> 6, 0);
        assert_eq!(identities.resolve(&other), other);
        assert!(identities.remove(&bond().identity()));
        assert!(!identities.remove(&bond().identity()));
        assert_eq!(identities.resolve(&rpa), rpa);
    }

    #[test]
    fn a_full_table_takes_no_further_bond() {
        let mut identities = Identities::new();
        let nth = |n: usize| bond_of(Address::public([n as u8; 6]), n as u8 + 1);
        for n in 0..MAX_BONDS {
            assert!(identities.insert(&nth(n)));
        }
        assert!(!identities.accepts(&nth(MAX_BONDS)));
        assert!(!identities.insert(&nth(MAX_BONDS)));
        assert!(identities.accepts(&nth(0)));
        assert!(identities.insert(&nth(0)));
        assert_eq!(identities.peers().len(), MAX_BONDS);
        assert!(!identities.accepts(&bond_of(nth(0).identity(), 2)));
    }

    #[test]
    fn a_bond_is_never_replaced_by_a_weaker_one() {
        let strong = Security {
            key_size: 16,
            authenticated: true,
            bonded: true,
            secure_connections: true,
        };
        let plain = Security {
            authenticated: false,
            ..strong
        };
        assert!(may_replace(&strong, &strong, false));
        assert!(may_replace(&plain, &strong, false));
        assert!(may_replace(&plain, &plain, true));
        assert!(!may_replace(&plain, &plain, false));
        for weaker in [
            plain,
            Security {
                key_size: 15,
                ..strong
            },
            Security {
                secure_connections: false,
                ..strong
            },
        ] {
            assert!(!may_replace(&strong, &weaker, true));
        }
    }

    #[test]
    fn what_a_client_left_comes_back_from_its_value() {
        let mut buf = [0xa5; 32];
        let mut out = Writer::new(&mut buf);
        client_emit(&mut out, 1, &[2; 16]);
        out.u16(0x0010).u16(0x0001);
        let len = out.finish().unwrap();
        assert_eq!(len, CLIENT_HEADER + 4);
        assert_eq!(
            client_parse(&buf[..len]),
            Some((1, &[2; 16], [0x10, 0, 1, 0].as_slice()))
        );
        for len in (0..len).filter(|&len| len != CLIENT_HEADER) {
            assert_eq!(client_parse(&buf[..len]), None);
        }
    }
}
