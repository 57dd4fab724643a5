//! Security Manager (Vol 3, Part H): pairing, key distribution, re-encryption
//! with stored keys, and the bonds themselves.
//!
//! Nothing here is emitted by a call that takes input. Inputs change state;
//! `Smp::poll` then gives one thing to do after another, a PDU to send among
//! them, and only when the host has room for it. Nothing is lost when there
//! is none.
//!
//! One turn of the host:
//! 1. an input: `pair`, `handle_pdu`, `handle_ltk_request`,
//!    `handle_encryption`, `passkey`, `bond_loaded`, `bond_stored`,
//!    `handle_timeout`, `disconnected`;
//! 2. `poll` until it gives `None`;
//! 3. when nothing else waits and `needs_step`: `step`, then `poll` again.

mod attempts;
pub mod bonds;
pub mod crypto;
mod curve;
mod emit;
mod manager;
mod method;
mod pairing;
pub mod pdu;
pub mod rng;

use crate::{Address, PasskeyAction, Role, Security};
pub use bonds::{Bond, Identities, OwnIdentity};
pub use manager::Smp;
pub use method::IoCapability;
pub use pdu::MAX_PDU;
pub use rng::Rng;

/// What the script asked for with `config`, taken by value by each procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(4))]
pub struct SecurityConfig {
    /// What the script's user can see and type.
    pub io: IoCapability,
    /// Ask for protection against MITM. It stays a wish where the I/O
    /// capabilities of either side allow Just Works only.
    pub mitm: bool,
    /// Fail with Authentication Requirements when the association model would
    /// be Just Works. For `le_secure and mitm and io != NO_INPUT_OUTPUT`.
    pub mitm_required: bool,
    /// Keep keys and offer to; a bond needs both sides to want it.
    pub bond: bool,
    /// Offer LE Secure Connections; normally true.
    pub secure: bool,
    /// Refuse LE legacy pairing and legacy bonds: `le_secure`.
    pub secure_only: bool,
    /// Smallest encryption key accepted, 7 to 16 bytes; normally 16.
    pub min_key_size: u8,
}

impl SecurityConfig {
    /// Just Works, kept by nobody, with keys of full length.
    pub const NONE: SecurityConfig = SecurityConfig {
        io: IoCapability::NoInputNoOutput,
        mitm: false,
        mitm_required: false,
        bond: false,
        secure: true,
        secure_only: false,
        min_key_size: 16,
    };
}

impl Default for SecurityConfig {
    fn default() -> Self {
        SecurityConfig::NONE
    }
}

/// The host's view of a link, passed along with each input.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Index of the link, 0 to `MAX_LINKS - 1`.
    pub index: u8,
    /// Our role on it.
    pub role: Role,
    /// Our address as used when the link was made (may be an RPA).
    pub local: Address,
    /// The peer's address as used when the link was made (may be an RPA).
    pub peer: Address,
    /// The peer's identity: `Identities::resolve(peer)`, or `peer` itself when
    /// it is no resolvable address.
    pub identity: Address,
    /// Present protection, as last told by `Action::Encrypted` or `Done`.
    pub security: Security,
}

/// One thing that the host has to do, for the link with the given index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Send what was written to `out` on L2CAP channel 6.
    Send,
    /// `HCI_LE_Enable_Encryption` with `Smp::key` (Vol 4, Part E, 7.8.24).
    Encrypt,
    /// `HCI_LE_Long_Term_Key_Request_Reply` with the LTK of `Smp::key` (7.8.25).
    LtkReply,
    /// `HCI_LE_Long_Term_Key_Request_Negative_Reply` (7.8.26).
    LtkRefuse,
    /// Tell the script; it answers with `gap_passkey` -> `Smp::passkey`.
    Passkey(PasskeyAction),
    /// Query the store: `Event::GetSecret` of kind `bonds::KIND_BOND` with
    /// `bonds::key(identity)`; answer with `Smp::bond_loaded`.
    LoadBond(Address),
    /// Query the store: `Event::SetSecret` of kind `bonds::KIND_BOND` with
    /// `bonds::key(identity)` and `Smp::bond_to_store`; answer with
    /// `Smp::bond_stored`.
    StoreBond(Address),
    /// The link is encrypted; keep this with the link, tell nobody yet.
    Encrypted(Security),
    /// The procedure is over. Keep `security` with the link, the peer's
    /// `identity` too, and send the one `EncryptionUpdate`.
    Done {
        /// Protection of the link from now on.
        security: Security,
        /// Who the peer is; differs from `Link::identity` after a bond was
        /// made with a peer that came with a resolvable address.
        identity: Address,
    },
    /// The procedure failed. Send the one `EncryptionUpdate` with the link's
    /// present protection (none, unless it was encrypted before).
    Failed(Failure),
}

/// Why a procedure failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// We sent this reason of Pairing Failed (3.5.5).
    Local(u8),
    /// The peer sent this reason of Pairing Failed.
    Peer(u8),
    /// The controller's status, e.g. 0x06 PIN or Key Missing: the peer lost
    /// its key, our bond stays.
    Controller(u8),
    /// 30 s without progress; no further SMP on this link (3.4).
    Timeout,
}

#[cfg(test)]
mod tests;
