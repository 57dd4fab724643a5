//! The procedures: pairing as initiator and responder, and re-encryption.

use super::{Action, Link, OwnIdentity, Result, Rng, SecurityConfig};
use super::{Identities, Instant};
use crate::wire::Writer;

/// The Security Manager of all links.
#[derive(Debug, Default)]
pub struct Smp {
    /// Who the bonded peers are. `load` at activation; later kept up to date
    /// by `bond_stored`.
    pub identities: Identities,
}

impl Smp {
    /// A manager without keys and bonds.
    pub const fn new() -> Self {
        todo!()
    }

    /// At activation: the identity that is given to bonded peers, with the
    /// public or static random address in use. Starts the making of a key
    /// pair: `needs_step` becomes true.
    pub fn start(&mut self, _own: OwnIdentity, _address: super::Address) {
        todo!()
    }

    /// `gap_pair`: as central re-encrypts with the stored key or pairs, as
    /// peripheral asks the central to. Joins a procedure that runs already.
    ///
    /// Errors: `NoMemory` when `MAX_PAIRINGS` procedures run, `TimedOut` when
    /// a pairing timed out on this link, `Busy` while the peer is backed off.
    pub fn pair(&mut self, _link: &Link, _config: SecurityConfig, _now: Instant) -> Result<()> {
        todo!()
    }

    /// A PDU that arrived on L2CAP channel 6.
    pub fn handle_pdu(
        &mut self,
        _link: &Link,
        _config: SecurityConfig,
        _pdu: &[u8],
        _now: Instant,
    ) {
        todo!()
    }

    /// `HCI_LE_Long_Term_Key_Request`: as peripheral.
    pub fn handle_ltk_request(
        &mut self,
        _link: &Link,
        _config: SecurityConfig,
        _rand: [u8; 8],
        _ediv: u16,
        _now: Instant,
    ) {
        todo!()
    }

    /// `HCI_Encryption_Change` or `HCI_Encryption_Key_Refresh_Complete`, and
    /// a bad status of `HCI_LE_Enable_Encryption` itself. `on` is false when
    /// encryption was turned off.
    pub fn handle_encryption(&mut self, _link: &Link, _status: u8, _on: bool, _now: Instant) {
        todo!()
    }

    /// `gap_passkey` with MicroPython's number of the action: 2 input and
    /// 3 display with six digits, 4 numeric comparison with zero for no.
    ///
    /// Errors: `Invalid` when this action was not asked for, or out of range.
    pub fn passkey(&mut self, _index: u8, _action: u8, _value: u32) -> Result<()> {
        todo!()
    }

    /// The answer to `Action::LoadBond`: the value, or `None`.
    pub fn bond_loaded(&mut self, _index: u8, _value: Option<&[u8]>) {
        todo!()
    }

    /// The answer to `Action::StoreBond`: whether the script kept it.
    pub fn bond_stored(&mut self, _index: u8, _stored: bool) {
        todo!()
    }

    /// The link is gone, and with it its procedure: there is no further
    /// action for it.
    pub fn disconnected(&mut self, _index: u8) {
        todo!()
    }

    /// When `handle_timeout` has to be called.
    pub fn deadline(&self) -> Option<Instant> {
        todo!()
    }

    /// Fails procedures without progress for 30 s (3.4).
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }

    /// Whether `step` has work: one P-256 multiplication.
    pub fn needs_step(&self) -> bool {
        todo!()
    }

    /// Does one P-256 multiplication: our key pair, or a DHKey. Takes long;
    /// call when nothing else waits.
    pub fn step(&mut self, _rng: &mut Rng) {
        todo!()
    }

    /// The next thing to do, with the index of its link. `out` has room for
    /// `MAX_PDU` bytes and is written only with `Action::Send`; do not call
    /// without room.
    pub fn poll(&mut self, _out: &mut Writer, _rng: &mut Rng) -> Option<(u8, Action)> {
        todo!()
    }
}
