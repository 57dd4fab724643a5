//! One procedure on one link: what each input does to it. What it then sends
//! is in `emit`.

use super::bonds::{may_replace, Bond, Identities, Key};
use super::crypto::{self, Block, KeyPair, Multiplication};
use super::method::Model;
use super::pdu::{auth, code, feature, keys, our_features, reason, wants_bond, Features};
use super::{Failure, IoCapability, Link, SecurityConfig};
use crate::wire::{behind, copy};
use crate::{Instant, Role, Security};
use core::num::NonZeroU8;

/// What waits to be emitted: bit n for the PDU with code n, and these.
/// Emitted from the lowest bit up.
pub mod todo {
    pub const ENCRYPTED: u32 = 1 << 0;
    pub const PDUS: u32 = 0x7ffe;
    pub const PASSKEY: u32 = 1 << 16;
    pub const LOAD: u32 = 1 << 17;
    pub const STORE: u32 = 1 << 18;
    pub const ENCRYPT: u32 = 1 << 19;
    pub const LTK_REPLY: u32 = 1 << 20;
    pub const LTK_REFUSE: u32 = 1 << 21;
    pub const DONE: u32 = 1 << 22;
    pub const FAILED: u32 = 1 << 23;
}

/// Numbers of the actions in MicroPython's `gap_passkey`.
pub mod ask {
    pub const NOTHING: u8 = 0;
    pub const INPUT: u8 = 2;
    pub const DISPLAY: u8 = 3;
    pub const NUMERIC_COMPARISON: u8 = 4;
}

/// What a procedure waits for, besides its own `todo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Central: the stored bond, to encrypt with or else to pair.
    LoadToEncrypt,
    /// Peripheral: the stored bond, to answer the LTK request in `key`.
    LoadToAnswer,
    /// Peripheral: the bond that a Pairing Request would replace, if the script
    /// still has it.
    LoadToJudge,
    /// The bond that may be stored already under the peer's identity.
    LoadToKeep,
    /// The script, to store the bond.
    Store,
    /// Peripheral: Pairing Request or an LTK request.
    Request,
    /// Central: Pairing Response.
    Response,
    /// Pairing Public Key.
    PublicKey,
    /// Central: our user, before Pairing Confirm.
    User,
    /// Pairing Confirm.
    Confirm,
    /// Pairing Random.
    Random,
    /// DHKey and user; peripheral: Pairing DHKey Check too.
    Check,
    /// Central: Pairing DHKey Check in return.
    CheckReply,
    /// Peripheral: the LTK request for the key just made.
    Encrypt,
    /// Encryption with the key just made.
    Encrypting,
    /// Encryption with a stored key.
    Reencrypting,
    /// The peer's keys, those in `expect`.
    Keys,
    /// Nothing: it ends when `todo` is done.
    Over,
}

/// What `Pairing::secret` is, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// No public key yet.
    Nothing,
    /// Y of the peer's public key: wants a multiplication.
    Y,
    /// The multiplication, which has begun.
    Working(Multiplication),
    /// The DHKey.
    DhKey,
}

/// What an LTK request that is refused comes to, on the other side.
const PIN_OR_KEY_MISSING: u8 = 0x06;

/// Milliseconds without progress until a procedure fails (3.4).
pub const TIMEOUT_MS: u32 = 30_000;

/// A procedure. Small and often used fields come first: Cortex-M0+ reaches
/// them in one instruction.
#[derive(Debug)]
#[repr(C)]
pub struct Pairing {
    pub todo: u32,
    /// Key PDUs that the peer still has to send, bit n for code n.
    pub expect: u32,
    pub passkey: u32,
    pub deadline: Instant,
    pub state: State,
    pub central: bool,
    pub model: Model,
    /// The answer that the user owes, of `ask`.
    pub ask: u8,
    /// Of passkey entry, 0 to 19.
    pub round: u8,
    /// `peer_value` arrived while our user or the DHKey was not ready.
    pub got: bool,
    /// Our keys are sent or in `todo`.
    pub keys_queued: bool,
    /// Peripheral: the script asked for security; central: pair anew unless
    /// the bond is authenticated.
    pub wanted: bool,
    /// What this pairing gives; `bonded` when both sides want to.
    pub security: Security,
    /// Why it ended, unless well.
    pub failure: Option<Failure>,
    pub config: SecurityConfig,
    pub request: Features,
    pub response: Features,
    pub link: Link,
    pub nonce: Block,
    pub peer_nonce: Block,
    /// Confirm value or DHKey check.
    pub peer_value: Block,
    /// To encrypt with.
    pub key: Key,
    pub peer_x: [u8; 32],
    /// See `Shared`.
    pub secret: [u8; 32],
    pub shared: Shared,
    /// What is learned about the peer.
    pub bond: Bond,
}

/// Or a reason of Pairing Failed: a type that takes one register.
type Accepted = Result<(), NonZeroU8>;

fn refuse(reason: u8) -> Accepted {
    NonZeroU8::new(reason).map_or(Ok(()), Err)
}

impl Pairing {
    pub fn new(link: Link, config: SecurityConfig, state: State, now: Instant) -> Self {
        Pairing {
            link,
            config,
            deadline: now.after(TIMEOUT_MS),
            state,
            central: link.role == Role::Central,
            failure: None,
            bond: Bond::new(link.identity),
            ..Pairing::blank()
        }
    }

    /// All of it zeros, for a static.
    pub const fn blank() -> Self {
        const NOBODY: crate::Address = crate::Address::public([0; 6]);
        const NOTHING: Security = Security {
            key_size: 0,
            authenticated: false,
            bonded: false,
            secure_connections: false,
        };
        Pairing {
            link: Link {
                index: 0,
                role: Role::Central,
                local: NOBODY,
                peer: NOBODY,
                identity: NOBODY,
                security: NOTHING,
            },
            config: SecurityConfig {
                io: IoCapability::DisplayOnly,
                mitm: false,
                mitm_required: false,
                bond: false,
                secure: false,
                secure_only: false,
                min_key_size: 0,
            },
            deadline: Instant(0),
            state: State::LoadToEncrypt,
            todo: 0,
            failure: Some(Failure::Local(0)),
            central: false,
            wanted: false,
            ask: ask::NOTHING,
            got: false,
            keys_queued: false,
            round: 0,
            shared: Shared::Nothing,
            model: Model::JustWorks,
            request: [0; 7],
            response: [0; 7],
            security: NOTHING,
            passkey: 0,
            nonce: [0; 16],
            peer_nonce: [0; 16],
            peer_value: [0; 16],
            peer_x: [0; 32],
            secret: [0; 32],
            key: [0; 26],
            expect: 0,
            bond: Bond::blank(),
        }
    }

    /// Ends with Pairing Failed.
    pub fn fail(&mut self, reason: u8) {
        self.end(Failure::Local(reason));
        self.todo |= 1 << code::PAIRING_FAILED;
    }

    /// Ends without a word to the peer. An LTK request is still answered.
    #[inline(never)]
    pub fn end(&mut self, failure: Failure) {
        self.failure = Some(failure);
        self.todo = self.todo & (todo::LTK_REFUSE | todo::ENCRYPTED) | todo::FAILED;
        self.ask = ask::NOTHING;
        self.state = State::Over;
    }

    /// Whether SMP PDUs are going back and forth.
    pub fn is_pairing(&self) -> bool {
        use State::*;
        !matches!(
            self.state,
            LoadToEncrypt | LoadToAnswer | LoadToJudge | LoadToKeep | Store | Reencrypting | Over
        )
    }

    /// Whether the key just made is the link's, or is to be. The central may
    /// encrypt with it once more before all of its keys arrived.
    pub fn has_key(&self) -> bool {
        use State::*;
        matches!(self.state, Encrypt | Keys | LoadToKeep | Store)
    }

    /// Whether the peer may be guessing at confirm and check values.
    pub fn is_authenticating(&self) -> bool {
        matches!(
            self.state,
            State::Confirm | State::Random | State::Check | State::CheckReply
        )
    }

    /// A PDU of the right length, while `is_pairing`.
    pub fn handle(
        &mut self,
        code: u8,
        body: &[u8],
        own: Option<&KeyPair>,
        identities: &Identities,
    ) {
        if let Err(reason) = self.accept(code, body, own, identities) {
            self.fail(reason.get());
        }
    }

    #[inline(never)]
    fn accept(
        &mut self,
        code: u8,
        body: &[u8],
        own: Option<&KeyPair>,
        identities: &Identities,
    ) -> Accepted {
        match (self.state, code) {
            (_, code::PAIRING_KEYPRESS_NOTIFICATION) => Ok(()),
            (_, code::PAIRING_FAILED) => {
                self.end(Failure::Peer(body.first().copied().unwrap_or(0)));
                Ok(())
            }
            // It crossed our own request (2.4.6).
            (_, code::SECURITY_REQUEST) if self.central => Ok(()),
            // We have not yet sent what the peer should wait for.
            _ if self.todo & todo::PDUS & !(1 << code::SECURITY_REQUEST) != 0 => {
                refuse(reason::UNSPECIFIED_REASON)
            }
            _ if !self.awaits(code) => refuse(reason::UNSPECIFIED_REASON),
            (State::Request, _) => {
                features(&mut self.request, code::PAIRING_REQUEST, body);
                if identities.find(&self.link.identity).is_none() {
                    return self.pairing_request(identities);
                }
                self.todo = todo::LOAD;
                self.state = State::LoadToJudge;
                Ok(())
            }
            (State::Response, _) => self.pairing_response(body, identities),
            (State::PublicKey, _) => self.public_key(body, own),
            (State::Random, _) => {
                copy(&mut self.peer_nonce, body);
                self.random_arrived(own)
            }
            (State::Keys, _) => {
                self.expect &= !(1 << code);
                self.bond.learn(code, body);
                if code == code::IDENTITY_ADDRESS_INFORMATION && !self.bond.has_identity() {
                    return refuse(reason::INVALID_PARAMETERS);
                }
                self.keys_stage();
                Ok(())
            }
            _ => {
                copy(&mut self.peer_value, body);
                match self.state {
                    State::Confirm => self.confirm_arrived(),
                    State::Check => {
                        self.got = true;
                        return self.check_stage();
                    }
                    _ => {
                        self.verify_check()?;
                        self.todo |= todo::ENCRYPT;
                        self.state = State::Encrypt;
                    }
                }
                Ok(())
            }
        }
    }

    /// Whether a PDU is the next in order; all else is refused
    /// (CVE-2019-17520).
    fn awaits(&self, code: u8) -> bool {
        let awaited = match self.state {
            State::Request => code::PAIRING_REQUEST,
            State::Response => code::PAIRING_RESPONSE,
            State::PublicKey => code::PAIRING_PUBLIC_KEY,
            State::Confirm if !self.got => code::PAIRING_CONFIRM,
            State::Random => code::PAIRING_RANDOM,
            State::Check if !self.central && !self.got => code::PAIRING_DHKEY_CHECK,
            State::CheckReply => code::PAIRING_DHKEY_CHECK,
            // The lowest of those expected; none, which no code is, otherwise.
            State::Keys => self.expect.trailing_zeros() as u8,
            _ => 0,
        };
        code == awaited
    }

    /// Central: begins with Pairing Request.
    pub fn start(&mut self) {
        self.request = our_features(code::PAIRING_REQUEST, &self.config);
        if self.config.bond {
            self.request[feature::INITIATOR_KEYS] = keys::ENCRYPTION | keys::IDENTITY;
            self.request[feature::RESPONDER_KEYS] =
                keys::ENCRYPTION | keys::IDENTITY | keys::SIGNING;
        }
        self.todo = 1 << code::PAIRING_REQUEST;
        self.state = State::Response;
    }

    /// Peripheral: the Pairing Request of a bonded peer, now that it is known
    /// what the script has of it.
    pub fn judge(&mut self, identities: &Identities) {
        if let Err(reason) = self.pairing_request(identities) {
            self.fail(reason.get());
        }
    }

    fn pairing_request(&mut self, identities: &Identities) -> Accepted {
        self.response = our_features(code::PAIRING_RESPONSE, &self.config);
        if wants_bond(&self.request) && self.config.bond {
            let both = self.request[feature::AUTH] & self.response[feature::AUTH];
            let ours = match both & auth::SECURE_CONNECTIONS {
                0 => keys::IDENTITY | keys::ENCRYPTION,
                _ => keys::IDENTITY,
            };
            self.response[feature::INITIATOR_KEYS] =
                self.request[feature::INITIATOR_KEYS] & (ours | keys::SIGNING);
            self.response[feature::RESPONDER_KEYS] = self.request[feature::RESPONDER_KEYS] & ours;
        }
        self.negotiate(self.request, identities)?;
        self.todo = 1 << code::PAIRING_RESPONSE;
        if self.security.secure_connections {
            self.state = State::PublicKey;
        } else {
            self.state = State::Confirm;
            self.ask_passkey();
        }
        Ok(())
    }

    fn pairing_response(&mut self, body: &[u8], identities: &Identities) -> Accepted {
        features(&mut self.response, code::PAIRING_RESPONSE, body);
        self.negotiate(self.response, identities)?;
        if self.security.secure_connections {
            self.todo = 1 << code::PAIRING_PUBLIC_KEY;
            self.state = State::PublicKey;
        } else {
            self.user_before_confirm();
        }
        Ok(())
    }

    /// Judges the features of the peer (3.5.1) and what comes out of both.
    #[inline(never)]
    fn negotiate(&mut self, peer: Features, identities: &Identities) -> Accepted {
        let [_, _, oob, _, max_key_size, ..] = peer;
        let [_, initiator, _, initiator_auth, ..] = self.request;
        let [_, responder, _, responder_auth, ..] = self.response;
        let secure = initiator_auth & responder_auth & auth::SECURE_CONNECTIONS != 0;
        let (Some(initiator), Some(responder)) = (
            IoCapability::from_wire(initiator),
            IoCapability::from_wire(responder),
        ) else {
            return refuse(reason::INVALID_PARAMETERS);
        };
        if oob > 1 || !matches!(max_key_size, 7..=16) {
            return refuse(reason::INVALID_PARAMETERS);
        }
        if oob == 1 && secure {
            return refuse(reason::OOB_NOT_AVAILABLE);
        }
        if max_key_size < self.config.min_key_size {
            // CVE-2019-9506, in its LE form.
            return refuse(reason::ENCRYPTION_KEY_SIZE);
        }
        if (initiator_auth | responder_auth) & auth::MITM != 0 {
            self.model = Model::choose(initiator, responder, secure);
        }
        self.security = Security {
            key_size: max_key_size,
            authenticated: self.model != Model::JustWorks,
            bonded: wants_bond(&self.request) && wants_bond(&self.response),
            secure_connections: secure,
        };
        let allowed = (secure || !self.config.secure_only)
            && (self.security.authenticated || !self.config.mitm_required)
            && (!self.security.bonded || self.may_become(identities));
        if allowed {
            Ok(())
        } else {
            refuse(reason::AUTHENTICATION_REQUIREMENTS)
        }
    }

    /// Whether a bond known at the start may be replaced by what is to come.
    fn may_become(&self, identities: &Identities) -> bool {
        match identities.find(&self.link.identity) {
            Some(old) => may_replace(&old.security, &self.security, self.link.security.bonded),
            None => true,
        }
    }

    fn public_key(&mut self, body: &[u8], own: Option<&KeyPair>) -> Accepted {
        copy(&mut self.peer_x, body);
        copy(&mut self.secret, behind(body, 32));
        // CVE-2020-26558, CVE-2021-37577: our own key comes back, perhaps
        // with the other Y. CVE-2018-5383: everybody knows the debug key.
        if own.is_some_and(|own| own.x() == &self.peer_x) || crypto::is_debug_key(&self.peer_x) {
            return refuse(reason::INVALID_PARAMETERS);
        }
        self.shared = Shared::Y;
        if !self.central {
            self.todo |= 1 << code::PAIRING_PUBLIC_KEY;
            self.state = State::Random;
            if self.model.is_passkey() {
                self.state = State::Confirm;
                self.ask_passkey();
            }
        } else if self.model.is_passkey() {
            self.user_before_confirm();
        } else {
            self.state = State::Confirm;
        }
        Ok(())
    }

    /// Central: Pairing Confirm, as soon as the passkey is known.
    fn user_before_confirm(&mut self) {
        self.state = State::User;
        self.ask_passkey();
        if self.ask == ask::NOTHING {
            self.todo |= 1 << code::PAIRING_CONFIRM;
        }
    }

    fn ask_passkey(&mut self) {
        let displays = match self.model {
            Model::JustWorks | Model::NumericComparison => return,
            Model::BothInput => false,
            Model::InitiatorDisplays => self.central,
            Model::ResponderDisplays => !self.central,
        };
        self.ask = if displays { ask::DISPLAY } else { ask::INPUT };
        self.todo |= todo::PASSKEY;
    }

    /// The user's answer.
    pub fn answer(&mut self, value: u32) {
        let asked = core::mem::replace(&mut self.ask, ask::NOTHING);
        if asked == ask::NUMERIC_COMPARISON {
            let checked = if value == 0 {
                refuse(reason::NUMERIC_COMPARISON_FAILED)
            } else {
                self.check_stage()
            };
            if let Err(reason) = checked {
                self.fail(reason.get());
            }
            return;
        }
        self.passkey = value;
        if self.central {
            self.todo |= 1 << code::PAIRING_CONFIRM;
        } else if self.got {
            self.confirm_arrived();
        }
    }

    fn confirm_arrived(&mut self) {
        if self.central {
            self.todo |= 1 << code::PAIRING_RANDOM;
        } else if self.ask != ask::NOTHING {
            self.got = true;
            return;
        } else {
            self.todo |= 1 << code::PAIRING_CONFIRM;
        }
        self.got = false;
        self.state = State::Random;
    }

    #[inline(never)]
    fn random_arrived(&mut self, own: Option<&KeyPair>) -> Accepted {
        let secure = self.security.secure_connections;
        let passkey = self.model.is_passkey();
        let committed = self.central || passkey || !secure;
        // Our own values sent back match our own confirm value.
        if committed
            && (self.peer_nonce == self.nonce || self.confirm(own, false) != self.peer_value)
        {
            return refuse(reason::CONFIRM_VALUE_FAILED);
        }
        if !self.central {
            self.todo |= 1 << code::PAIRING_RANDOM;
        }
        if !secure {
            let (initiator, responder) = self.nonces();
            self.set_key(&crypto::s1(&self.tk(), responder, initiator));
            self.state = State::Encrypt;
            if self.central {
                self.todo |= todo::ENCRYPT;
            }
            return Ok(());
        }
        if passkey && self.round < 19 {
            self.round += 1;
            self.state = State::Confirm;
            if self.central {
                self.state = State::User;
                self.todo |= 1 << code::PAIRING_CONFIRM;
            }
            return Ok(());
        }
        self.state = State::Check;
        if self.model == Model::NumericComparison {
            self.ask = ask::NUMERIC_COMPARISON;
            self.todo |= todo::PASSKEY;
            let (initiator, responder) = self.nonces();
            let (u, v) = self.ordered(x_of(own), &self.peer_x);
            self.passkey = crypto::g2(u, v, initiator, responder);
        }
        self.check_stage()
    }

    /// The multiplication is done.
    pub fn dhkey_ready(&mut self, dhkey: &[u8; 32]) {
        self.secret = *dhkey;
        self.shared = Shared::DhKey;
        if let Err(reason) = self.check_stage() {
            self.fail(reason.get());
        }
    }

    /// The peer's public key is no point of the curve (CVE-2018-5383).
    pub fn key_is_invalid(&mut self) {
        self.shared = Shared::Nothing;
        self.fail(reason::INVALID_PARAMETERS);
    }

    /// Authentication stage 2 (2.3.5.6.5), once everything is at hand.
    fn check_stage(&mut self) -> Accepted {
        let ready = matches!(self.shared, Shared::DhKey) && self.ask == ask::NOTHING;
        if self.state != State::Check || !ready {
            return Ok(());
        }
        if !self.central {
            if !self.got {
                return Ok(());
            }
            self.verify_check()?;
            self.state = State::Encrypt;
        }
        self.todo |= 1 << code::PAIRING_DHKEY_CHECK;
        Ok(())
    }

    fn verify_check(&mut self) -> Accepted {
        if self.check(false) != self.peer_value {
            return refuse(reason::DHKEY_CHECK_FAILED);
        }
        self.set_key(&self.derive(1));
        Ok(())
    }

    /// MacKey (0) or LTK (1), once there is a DHKey.
    #[inline(never)]
    fn derive(&self, half: u8) -> Block {
        let (initiator, responder) = self.nonces();
        let (a1, a2) = self.ordered(&self.link.local, &self.link.peer);
        crypto::f5(&self.secret, initiator, responder, a1, a2, half)
    }

    /// Our DHKey check, or the one that the peer should send.
    pub fn check(&self, ours: bool) -> Block {
        let (mac_key, r) = (self.derive(0), self.tk());
        let local = (&self.nonce, &self.link.local);
        let peer = (&self.peer_nonce, &self.link.peer);
        let ((n1, a1), (n2, a2)) = if ours { (local, peer) } else { (peer, local) };
        let features = if ours == self.central {
            &self.request
        } else {
            &self.response
        };
        let [_, io, oob, auth, ..] = *features;
        crypto::f6(&mac_key, n1, n2, &r, &[io, oob, auth], a1, a2)
    }

    /// Our confirm value, or the one that the peer should have sent.
    pub fn confirm(&self, own: Option<&KeyPair>, ours: bool) -> Block {
        let nonce = if ours { &self.nonce } else { &self.peer_nonce };
        if !self.security.secure_connections {
            let (ia, ra) = self.ordered(&self.link.local, &self.link.peer);
            return crypto::c1(&self.tk(), nonce, &self.request, &self.response, ia, ra);
        }
        let own = x_of(own);
        let z = match self.model.is_passkey() {
            true => 0x80 | (self.passkey >> self.round & 1) as u8,
            false => 0,
        };
        let (u, v) = if ours {
            (own, &self.peer_x)
        } else {
            (&self.peer_x, own)
        };
        crypto::f4(u, v, nonce, z)
    }

    /// TK of legacy pairing, r of LE Secure Connections.
    fn tk(&self) -> Block {
        let passkey = if self.model.is_passkey() {
            self.passkey
        } else {
            0
        };
        u128::from(passkey).to_le_bytes()
    }

    /// Local and peer value as initiator's and responder's.
    fn ordered<T>(&self, local: T, peer: T) -> (T, T) {
        if self.central {
            (local, peer)
        } else {
            (peer, local)
        }
    }

    fn nonces(&self) -> (&Block, &Block) {
        self.ordered(&self.nonce, &self.peer_nonce)
    }

    /// Takes a key, shortened to the negotiated size (2.3.4).
    fn set_key(&mut self, key: &Block) {
        self.key = [0; 26];
        let len = self.security.key_size.into();
        copy(&mut self.key, key.get(..len).unwrap_or(key));
    }

    /// The link is encrypted with the key just made: keys follow (2.4.3), the
    /// responder's first.
    pub fn encrypted(&mut self) {
        self.todo |= todo::ENCRYPTED;
        self.state = State::Keys;
        self.expect = self.key_pdus(!self.central);
        if !self.central {
            self.keys_queued = true;
            self.todo |= self.key_pdus(false);
        }
        self.keys_stage();
    }

    /// Sends our keys when it is our turn, ends when nothing is left.
    pub fn keys_stage(&mut self) {
        if self.state != State::Keys || self.expect != 0 {
            return;
        }
        if !self.keys_queued {
            self.keys_queued = true;
            self.todo |= self.key_pdus(true);
        }
        if self.todo & todo::PDUS == 0 {
            self.finish();
        }
    }

    /// The PDUs that distribute the initiator's or the responder's keys.
    fn key_pdus(&self, initiator: bool) -> u32 {
        let at = if initiator {
            feature::INITIATOR_KEYS
        } else {
            feature::RESPONDER_KEYS
        };
        let keys = self.request[at] & self.response[at];
        let mut pdus = 0;
        if keys & keys::ENCRYPTION != 0 && !self.security.secure_connections {
            pdus |= 1 << code::ENCRYPTION_INFORMATION | 1 << code::CENTRAL_IDENTIFICATION;
        }
        if keys & keys::IDENTITY != 0 {
            pdus |= 1 << code::IDENTITY_INFORMATION | 1 << code::IDENTITY_ADDRESS_INFORMATION;
        }
        if keys & keys::SIGNING != 0 {
            pdus |= 1 << code::SIGNING_INFORMATION;
        }
        pdus
    }

    /// All keys are exchanged: keep them, or be done.
    fn finish(&mut self) {
        self.bond.set_security(&self.security);
        if self.security.secure_connections {
            self.bond.set_keys(Some(&self.key), Some(&self.key));
        }
        if self.security.bonded && self.bond.has_keys() && self.bond.has_identity() {
            self.todo |= todo::LOAD;
            self.state = State::LoadToKeep;
        } else {
            self.done(false);
        }
    }

    /// The value stored under the identity that the peer gave.
    pub fn keep(&mut self, old: Option<&Bond>, identities: &Identities) {
        let proved = self.link.security.bonded && self.link.identity == self.bond.identity();
        let new = self.bond.security();
        let replaces = old.is_none_or(|old| may_replace(&old.security(), &new, proved));
        if replaces && identities.accepts(&self.bond) {
            self.todo |= todo::STORE;
            self.state = State::Store;
        } else {
            self.todo |= 1 << code::PAIRING_FAILED;
            self.failure = Some(Failure::Local(reason::KEY_REJECTED));
            self.done(false);
        }
    }

    /// The link stays encrypted; whether the bond was kept.
    pub fn done(&mut self, bonded: bool) {
        self.security.bonded = bonded;
        if bonded {
            self.link.identity = self.bond.identity();
        }
        self.todo |= todo::DONE;
        self.state = State::Over;
    }

    /// Central: the stored bond; encrypts with it if it is good enough.
    pub fn encrypt_or_pair(&mut self, bond: Option<&Bond>) {
        let bond = self
            .usable(bond)
            .filter(|b| b.security().authenticated || !self.wanted);
        match bond.and_then(Bond::peers) {
            Some(key) => self.reencrypt(bond, key, todo::ENCRYPT),
            None => self.start(),
        }
    }

    /// Peripheral: the stored bond; answers the LTK request in `key` with it.
    pub fn answer_ltk(&mut self, bond: Option<&Bond>) {
        match self.usable(bond).and_then(Bond::ours) {
            Some(key) if key[16..] == self.key[16..] => self.reencrypt(bond, key, todo::LTK_REPLY),
            _ => {
                self.todo |= todo::LTK_REFUSE;
                // The central may still pair, if we asked for security.
                self.state = State::Request;
                if !self.wanted {
                    self.todo |= todo::FAILED;
                    self.state = State::Over;
                    self.failure = Some(Failure::Controller(PIN_OR_KEY_MISSING));
                }
            }
        }
    }

    fn usable<'a>(&self, bond: Option<&'a Bond>) -> Option<&'a Bond> {
        bond.filter(|bond| {
            let security = bond.security();
            security.key_size >= self.config.min_key_size
                && (security.secure_connections || !self.config.secure_only)
        })
    }

    fn reencrypt(&mut self, bond: Option<&Bond>, key: &Key, todo: u32) {
        if let Some(bond) = bond {
            self.bond = *bond;
            self.security = bond.security();
        }
        self.key = *key;
        self.todo |= todo;
        self.state = State::Reencrypting;
    }
}

/// X of our public key.
fn x_of(own: Option<&KeyPair>) -> &[u8; 32] {
    own.map_or(&[0; 32], KeyPair::x)
}

/// Takes the features in the body of a Pairing Request or Response.
fn features(features: &mut Features, code: u8, body: &[u8]) {
    let [first, rest @ ..] = features;
    *first = code;
    copy(rest, body);
}

/// Whether an authenticated bond is worth asking for.
pub fn wants_mitm(config: &SecurityConfig, asked: bool) -> bool {
    asked && config.io != IoCapability::NoInputNoOutput
}
