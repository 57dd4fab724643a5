//! All procedures together: which input belongs to which, what they share.

use super::attempts::Attempts;
use super::bonds::{Bond, Identities, Key, OwnIdentity, BOND_LEN};
use super::crypto::{KeyPair, Multiplication};
use super::emit::Own;
use super::pairing::{ask, todo, wants_mitm, Pairing, Shared, State};
use super::pdu::{self, auth, code, reason, MAX_PDU};
use super::{Action, Failure, Link, Rng, SecurityConfig};
use crate::config::{MAX_LINKS, MAX_PAIRINGS};
use crate::time::earliest;
use crate::wire::Writer;
use crate::{Address, Error, Instant, Result, Role};

const _: () = assert!(MAX_LINKS <= 32);

/// A key pair is used for this many pairings, a failed one counting thrice
/// (2.3.6).
const KEY_USES: u8 = 8;

/// The Security Manager of all links.
#[derive(Debug)]
#[repr(C)]
pub struct Smp {
    /// Links, bit n for index n, on which pairing timed out: no more SMP (3.4).
    dead: u32,
    /// A link without a procedure that has to be told no, or `NO_LINK`.
    refused: u8,
    /// The reason of Pairing Failed, or zero for an LTK request.
    refusal: u8,
    key_uses: u8,
    keys: Option<KeyPair>,
    own: Own,
    attempts: Attempts,
    pairings: [Option<Pairing>; MAX_PAIRINGS],
    /// The next key pair, while there is none.
    making: Option<Multiplication>,
    /// Who the bonded peers are. The host fills it with `Identities::load` at
    /// activation; `bond_stored` keeps it up to date.
    pub identities: Identities,
}

/// No index of a link.
const NO_LINK: u8 = 0xff;

impl Smp {
    /// A manager without keys and bonds.
    pub fn new() -> Self {
        let mut smp = Self::blank();
        smp.prepare();
        smp
    }

    /// All of it zeros, for a static; `prepare` comes before all else.
    pub(crate) const fn blank() -> Self {
        Smp {
            identities: Identities::new(),
            own: Own {
                irk: [0; 16],
                address: Address::public([0; 6]),
            },
            keys: None,
            making: None,
            key_uses: 0,
            pairings: [const { Some(Pairing::blank()) }; MAX_PAIRINGS],
            refused: 0,
            refusal: 0,
            dead: 0,
            attempts: Attempts::new(),
        }
    }

    /// Makes a blank one fit for use.
    pub(crate) fn prepare(&mut self) {
        for pairing in &mut self.pairings {
            *pairing = None;
        }
        self.refused = NO_LINK;
    }

    /// At activation: the identity that is given to bonded peers, with the
    /// public or static random address in use.
    pub fn start(&mut self, own: OwnIdentity, address: Address) {
        self.own = Own {
            irk: own.irk,
            address,
        };
    }

    /// At the end of an activation, when all links are gone: forgets who is
    /// bonded, and the key pair.
    pub fn switch_off(&mut self) {
        self.identities.peers.clear();
        self.keys = None;
        self.making = None;
        self.key_uses = 0;
    }

    /// `gap_pair`: as central re-encrypts with the stored key or pairs, as
    /// peripheral asks the central to. Joins a procedure that runs already.
    ///
    /// Errors: `NoMemory` when `MAX_PAIRINGS` procedures run, `TimedOut` when
    /// a pairing timed out on this link, `Busy` while the peer has to wait
    /// after failures.
    pub fn pair(&mut self, link: &Link, config: SecurityConfig, now: Instant) -> Result<()> {
        if self.is_dead(link.index) {
            return Err(Error::TimedOut);
        }
        if find(&mut self.pairings, link.index).is_some() {
            return Ok(());
        }
        if self.attempts.blocked(&link.peer, now) {
            return Err(Error::Busy);
        }
        let state = match link.role {
            Role::Central => State::LoadToEncrypt,
            Role::Peripheral => State::Request,
        };
        let pairing = self
            .begin(link, config, state, now)
            .ok_or(Error::NoMemory)?;
        match link.role {
            Role::Central => {
                // First encrypt with what there is; a bond weaker than the
                // script wants is replaced by a second call.
                pairing.wanted = link.security.encrypted() && wants_mitm(&config, config.mitm);
                load_to_encrypt(pairing);
            }
            Role::Peripheral => {
                pairing.wanted = true;
                pairing.todo = 1 << code::SECURITY_REQUEST;
            }
        }
        Ok(())
    }

    /// A PDU that arrived on L2CAP channel 6.
    pub fn handle_pdu(&mut self, link: &Link, config: SecurityConfig, pdu: &[u8], now: Instant) {
        if self.is_dead(link.index) {
            return;
        }
        let Some(parsed) = pdu::parse(pdu) else {
            return;
        };
        let keys = self.keys.as_ref();
        let running = find(&mut self.pairings, link.index);
        let refusal = match (running, parsed) {
            (Some(pairing), _) if !pairing.is_pairing() => return,
            (Some(pairing), Ok((code, body))) => {
                pairing.deadline = now.after(super::pairing::TIMEOUT_MS);
                return pairing.handle(code, body, keys, &self.identities);
            }
            (Some(pairing), Err(reason)) => return pairing.fail(reason),
            (None, Ok((code::PAIRING_FAILED | code::PAIRING_KEYPRESS_NOTIFICATION, _))) => return,
            (None, Err(_)) if pdu.first() == Some(&code::PAIRING_FAILED) => return,
            (None, Err(reason)) => reason,
            (None, Ok((code, body))) => match self.unexpected(link, config, code, body, now) {
                Some(reason) => reason,
                None => return,
            },
        };
        (self.refused, self.refusal) = (link.index, refusal);
    }

    /// A PDU on a link without a procedure: begins one, or is refused.
    fn unexpected(
        &mut self,
        link: &Link,
        config: SecurityConfig,
        code: u8,
        body: &[u8],
        now: Instant,
    ) -> Option<u8> {
        let state = match (link.role, code) {
            (Role::Peripheral, code::PAIRING_REQUEST) => State::Request,
            (Role::Central, code::SECURITY_REQUEST) => State::LoadToEncrypt,
            (_, code::PAIRING_REQUEST | code::SECURITY_REQUEST) => {
                return Some(reason::COMMAND_NOT_SUPPORTED)
            }
            _ => return Some(reason::UNSPECIFIED_REASON),
        };
        if self.attempts.blocked(&link.peer, now) {
            return Some(reason::REPEATED_ATTEMPTS);
        }
        if self.begin(link, config, state, now).is_none() {
            // Later there may be room.
            return Some(reason::REPEATED_ATTEMPTS);
        }
        let pairing = find(&mut self.pairings, link.index)?;
        if state == State::Request {
            pairing.handle(code, body, self.keys.as_ref(), &self.identities);
        } else {
            let mitm = body.first().is_some_and(|flags| flags & auth::MITM != 0);
            // As in `pair`: a second request replaces a bond.
            pairing.wanted = link.security.encrypted() && wants_mitm(&config, config.mitm || mitm);
            load_to_encrypt(pairing);
        }
        None
    }

    /// `HCI_LE_Long_Term_Key_Request`: as peripheral.
    #[inline(never)]
    pub fn handle_ltk_request(
        &mut self,
        link: &Link,
        config: SecurityConfig,
        rand: [u8; 8],
        ediv: u16,
        now: Instant,
    ) {
        let running = find(&mut self.pairings, link.index);
        let pairing = match running {
            Some(p) if p.has_key() && !p.central && rand == [0; 8] && ediv == 0 => {
                p.todo |= todo::LTK_REPLY;
                return;
            }
            Some(p) if p.state == State::Request => Some(p),
            // CVE-2019-19194: there is no key yet, or another one.
            Some(p) => {
                p.todo |= todo::LTK_REFUSE;
                if p.is_pairing() {
                    p.fail(reason::UNSPECIFIED_REASON);
                }
                return;
            }
            None if link.role == Role::Peripheral => self.begin(link, config, State::Request, now),
            None => None,
        };
        match pairing {
            Some(pairing) if link.identity.is_identity() => {
                Writer::new(&mut pairing.key[16..]).u16(ediv).bytes(&rand);
                pairing.todo |= todo::LOAD;
                pairing.state = State::LoadToAnswer;
            }
            Some(pairing) => pairing.answer_ltk(None),
            None => (self.refused, self.refusal) = (link.index, 0),
        }
    }

    /// `HCI_Encryption_Change` or `HCI_Encryption_Key_Refresh_Complete`, and
    /// a bad status of `HCI_LE_Enable_Encryption` itself. `on` is false when
    /// encryption was turned off.
    pub fn handle_encryption(&mut self, link: &Link, status: u8, on: bool, now: Instant) {
        let Some(pairing) = find(&mut self.pairings, link.index) else {
            return;
        };
        match pairing.state {
            _ if pairing.state == State::Over => {}
            _ if status != 0 || !on => pairing.end(Failure::Controller(status)),
            State::Encrypting => {
                pairing.deadline = now.after(super::pairing::TIMEOUT_MS);
                pairing.encrypted();
            }
            State::Reencrypting => pairing.done(true),
            // Nobody asked for it.
            _ => {}
        }
    }

    /// `gap_passkey` with MicroPython's number of the action: 2 input and
    /// 3 display with six digits, 4 numeric comparison with zero for no.
    ///
    /// Errors: `Invalid` when this action was not asked for, or out of range.
    pub fn passkey(&mut self, index: u8, action: u8, value: u32) -> Result<()> {
        let pairing = find(&mut self.pairings, index).ok_or(Error::Invalid)?;
        let asked =
            action != ask::NOTHING && action == pairing.ask && pairing.todo & todo::PASSKEY == 0;
        if !asked || action != ask::NUMERIC_COMPARISON && value > 999_999 {
            return Err(Error::Invalid);
        }
        pairing.answer(value);
        Ok(())
    }

    /// The answer to `Action::LoadBond`: the value, or `None`. Garbage is as
    /// good as none.
    pub fn bond_loaded(&mut self, index: u8, value: Option<&[u8]>) {
        let running = find(&mut self.pairings, index);
        let Some(pairing) = running else { return };
        let mut room = Bond::blank();
        let bond = value.and_then(|value| Bond::parse(value, &mut room));
        let bond = bond.filter(|bond| bond.is_of(&pairing.bond));
        self.identities.note(&pairing.bond.identity(), bond);
        match pairing.state {
            State::LoadToJudge => pairing.judge(&self.identities),
            State::LoadToEncrypt => pairing.encrypt_or_pair(bond),
            State::LoadToAnswer => pairing.answer_ltk(bond),
            State::LoadToKeep => pairing.keep(bond, &self.identities),
            _ => {}
        }
    }

    /// The key of `Action::Encrypt` and `Action::LtkReply`: LTK, EDIV, Rand.
    pub fn key(&mut self, index: u8) -> &Key {
        find(&mut self.pairings, index).map_or(&[0; 26], |p| &p.key)
    }

    /// The value of `Action::StoreBond`, until it is answered.
    pub fn bond_to_store(&mut self, index: u8) -> Option<&[u8; BOND_LEN]> {
        let storing = find(&mut self.pairings, index).filter(|p| p.state == State::Store)?;
        Some(storing.bond.value())
    }

    /// The answer to `Action::StoreBond`: whether the script kept it.
    pub fn bond_stored(&mut self, index: u8, stored: bool) {
        let running = find(&mut self.pairings, index);
        let Some(pairing) = running.filter(|p| p.state == State::Store) else {
            return;
        };
        let stored = stored && self.identities.insert(&pairing.bond);
        pairing.done(stored);
    }

    /// The link is gone, and with it its procedure: there is no further
    /// action for it.
    pub fn disconnected(&mut self, index: u8, now: Instant) {
        self.dead &= !(1 << index);
        if self.refused == index {
            self.refused = NO_LINK;
        }
        for slot in &mut self.pairings {
            // Where it lies: to take it out would copy all of it.
            let Some(pairing) = slot.as_ref().filter(|p| p.link.index == index) else {
                continue;
            };
            if pairing.is_authenticating() {
                self.attempts.failed(&pairing.link.peer, now);
            }
            *slot = None;
        }
    }

    /// When `handle_timeout` has to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = self
            .pairings
            .iter()
            .flatten()
            .filter(|p| p.state != State::Over);
        waiting.fold(None, |first, p| earliest(first, Some(p.deadline)))
    }

    /// Fails procedures without progress for 30 s (3.4).
    pub fn handle_timeout(&mut self, now: Instant) {
        for p in self.pairings.iter_mut().flatten() {
            if p.state != State::Over && p.deadline.reached(now) {
                // A Security Request may go unanswered.
                if p.is_pairing() && p.state != State::Request {
                    self.dead |= 1 << p.link.index;
                }
                p.end(Failure::Timeout);
            }
        }
    }

    /// Whether `step` has work: a P-256 multiplication.
    pub fn needs_step(&self) -> bool {
        self.pairings
            .iter()
            .flatten()
            .any(|p| wants_dhkey(p) || wants_key_pair(p, &self.keys))
    }

    /// Does a part of a P-256 multiplication, for our key pair or a DHKey: a
    /// sixteenth of it, or the result from all of these. Takes long; call when
    /// nothing else waits.
    pub fn step(&mut self, rng: &mut Rng) {
        let Some(keys) = &self.keys else {
            match &mut self.making {
                // None once in 2^32 times; the next step tries again.
                None => self.making = KeyPair::start(&rng.array()),
                Some(work) => {
                    if !work.step() {
                        self.keys = KeyPair::finish(work);
                        self.making = None;
                        self.key_uses = 0;
                    }
                }
            }
            return;
        };
        let Some(pairing) = self.pairings.iter_mut().flatten().find(|p| wants_dhkey(p)) else {
            return;
        };
        match &mut pairing.shared {
            Shared::Y => match keys.start_dhkey(&pairing.peer_x, &pairing.secret) {
                Some(work) => pairing.shared = Shared::Working(work),
                None => pairing.key_is_invalid(),
            },
            Shared::Working(work) => {
                let more = work.step();
                if !more {
                    let dhkey = work.x();
                    pairing.dhkey_ready(&dhkey);
                }
            }
            _ => {}
        }
    }

    /// The next thing to do, with the index of its link. `out` is empty and
    /// has room for `MAX_PDU` bytes; it is written only with `Action::Send`.
    /// Without room nothing is given.
    pub fn poll(&mut self, now: Instant, out: &mut Writer, rng: &mut Rng) -> Option<(u8, Action)> {
        if out.room() < MAX_PDU {
            return None;
        }
        if self.refused != NO_LINK {
            let index = core::mem::replace(&mut self.refused, NO_LINK);
            if self.refusal == 0 {
                return Some((index, Action::LtkRefuse));
            }
            out.u8(code::PAIRING_FAILED).u8(self.refusal);
            return Some((index, Action::Send));
        }
        for at in 0..MAX_PAIRINGS {
            let Some(pairing) = &mut self.pairings[at] else {
                continue;
            };
            let action = pairing.poll(now, out, rng, self.keys.as_ref(), &self.own);
            if pairing.state == State::Over && pairing.todo == 0 {
                self.end(at, now);
            }
            if action.is_some() {
                return action;
            }
        }
        None
    }

    /// Remembers how a procedure ended, and makes room.
    fn end(&mut self, at: usize, now: Instant) {
        let Some(pairing) = &self.pairings[at] else {
            return;
        };
        let mut uses = 1;
        match pairing.failure {
            None if pairing.security.authenticated => self.attempts.succeeded(&pairing.link.peer),
            Some(Failure::Local(reason) | Failure::Peer(reason)) => {
                uses = 3;
                if matches!(
                    reason,
                    reason::PASSKEY_ENTRY_FAILED
                        | reason::CONFIRM_VALUE_FAILED
                        | reason::DHKEY_CHECK_FAILED
                        | reason::NUMERIC_COMPARISON_FAILED
                ) {
                    self.attempts.failed(&pairing.link.peer, now);
                }
            }
            _ => {}
        }
        if !matches!(pairing.shared, Shared::Nothing) {
            self.key_uses += uses;
        }
        self.pairings[at] = None;
        if self.key_uses > KEY_USES && self.pairings.iter().all(Option::is_none) {
            self.keys = None;
            self.key_uses = 0;
        }
    }

    fn is_dead(&self, index: u8) -> bool {
        self.dead >> index & 1 != 0
    }

    fn begin(
        &mut self,
        link: &Link,
        config: SecurityConfig,
        state: State,
        now: Instant,
    ) -> Option<&mut Pairing> {
        let slot = self.pairings.iter_mut().find(|slot| slot.is_none())?;
        Some(slot.insert(Pairing::new(*link, config, state, now)))
    }
}

/// What runs on a link.
#[inline(never)]
fn find(pairings: &mut [Option<Pairing>; MAX_PAIRINGS], index: u8) -> Option<&mut Pairing> {
    pairings
        .iter_mut()
        .flatten()
        .find(|p| p.link.index == index)
}

impl Default for Smp {
    fn default() -> Self {
        Self::new()
    }
}

/// Asks for the bond, where there can be one.
fn load_to_encrypt(pairing: &mut Pairing) {
    if pairing.link.identity.is_identity() {
        pairing.todo = todo::LOAD;
    } else {
        pairing.start();
    }
}

fn wants_dhkey(pairing: &Pairing) -> bool {
    pairing.state != State::Over && matches!(pairing.shared, Shared::Y | Shared::Working(_))
}

fn wants_key_pair(pairing: &Pairing, keys: &Option<KeyPair>) -> bool {
    keys.is_none() && pairing.todo & 1 << code::PAIRING_PUBLIC_KEY != 0
}
