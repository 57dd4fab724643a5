//! What a procedure sends, and what follows from having sent it.

use super::bonds::{field, Key};
use super::crypto::KeyPair;
use super::pairing::{ask, todo, Pairing, State, TIMEOUT_MS};
use super::pdu::{auth_req, code};
use super::{Action, Failure, Rng};
use crate::wire::Writer;
use crate::{Address, Instant, PasskeyAction, Security};

/// What we tell bonded peers about ourselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    pub irk: [u8; 16],
    pub address: Address,
}

/// The bits of `todo`, by number.
const ENCRYPTED: u32 = todo::ENCRYPTED.ilog2();
const PASSKEY: u32 = todo::PASSKEY.ilog2();
const LOAD: u32 = todo::LOAD.ilog2();
const STORE: u32 = todo::STORE.ilog2();
const ENCRYPT: u32 = todo::ENCRYPT.ilog2();
const LTK_REPLY: u32 = todo::LTK_REPLY.ilog2();
const LTK_REFUSE: u32 = todo::LTK_REFUSE.ilog2();
const DONE: u32 = todo::DONE.ilog2();
const FAILED: u32 = todo::FAILED.ilog2();

impl Pairing {
    /// The next thing to do. `out` has room for the longest PDU.
    #[inline(never)]
    pub fn poll(
        &mut self,
        now: Instant,
        out: &mut Writer,
        rng: &mut Rng,
        keys: Option<&KeyPair>,
        own: &Own,
    ) -> Option<(u8, Action)> {
        let mut ready = self.todo;
        if keys.is_none() {
            ready &= !(1 << code::PAIRING_PUBLIC_KEY);
        }
        if ready == 0 {
            return None;
        }
        let mut next = 0;
        while ready >> next & 1 == 0 {
            next += 1;
        }
        self.todo &= !(1 << next);
        let action = match next {
            ENCRYPTED => Action::Encrypted(Security {
                bonded: false,
                ..self.security
            }),
            PASSKEY => Action::Passkey(match self.ask {
                ask::DISPLAY => PasskeyAction::Display,
                ask::INPUT => PasskeyAction::Input,
                _ => PasskeyAction::NumericComparison(self.passkey),
            }),
            LOAD => Action::LoadBond(self.bond.identity()),
            STORE => Action::StoreBond(self.bond.identity()),
            ENCRYPT | LTK_REPLY => {
                if self.state == State::Encrypt {
                    self.state = State::Encrypting;
                }
                if next == ENCRYPT {
                    Action::Encrypt
                } else {
                    Action::LtkReply
                }
            }
            LTK_REFUSE => Action::LtkRefuse,
            DONE => Action::Done {
                security: self.security,
                identity: self.link.identity,
            },
            FAILED => Action::Failed(self.failure?),
            code => {
                self.send(code as u8, out, rng, keys, own);
                self.deadline = now.after(TIMEOUT_MS);
                Action::Send
            }
        };
        Some((self.link.index, action))
    }

    #[inline(never)]
    fn send(
        &mut self,
        code: u8,
        out: &mut Writer,
        rng: &mut Rng,
        keys: Option<&KeyPair>,
        own: &Own,
    ) {
        out.u8(code);
        match code {
            code::PAIRING_REQUEST => put(out, &self.request[1..]),
            code::PAIRING_RESPONSE => put(out, &self.response[1..]),
            code::PAIRING_FAILED => {
                let Some(Failure::Local(reason)) = self.failure else {
                    return;
                };
                put(out, &[reason]);
            }
            code::SECURITY_REQUEST => put(out, &[auth_req(&self.config)]),
            code::PAIRING_PUBLIC_KEY => {
                let Some(keys) = keys else { return };
                put(out, &keys.public);
                if !self.central && !self.model.is_passkey() {
                    self.todo |= 1 << code::PAIRING_CONFIRM;
                }
            }
            code::PAIRING_CONFIRM => {
                rng.fill(&mut self.nonce);
                put(out, &self.confirm(keys, true));
                if self.central {
                    self.state = State::Confirm;
                }
            }
            code::PAIRING_RANDOM => {
                let secure = self.security.secure_connections;
                if self.central && secure && !self.model.is_passkey() {
                    rng.fill(&mut self.nonce);
                }
                put(out, &self.nonce);
            }
            code::PAIRING_DHKEY_CHECK => {
                put(out, &self.check(true));
                if self.central {
                    self.state = State::CheckReply;
                }
            }
            _ => {
                self.send_key(code, out, rng, own);
                self.keys_stage();
            }
        }
    }

    fn send_key(&mut self, code: u8, out: &mut Writer, rng: &mut Rng, own: &Own) {
        match code {
            code::ENCRYPTION_INFORMATION => {
                let mut key: Key = rng.array();
                if let Some(rest) = key.get_mut(self.security.key_size as usize..16) {
                    rest.fill(0);
                }
                self.bond.set_keys(Some(&key), None);
                put(out, &key[..16]);
            }
            // EDIV and Rand of the key above.
            code::CENTRAL_IDENTIFICATION => {
                put(out, &self.bond.value()[field::OURS + 16..field::PEERS]);
            }
            code::IDENTITY_INFORMATION => put(out, &own.irk),
            _ => {
                out.u8(own.address.kind as u8);
                put(out, &own.address.bytes);
            }
        }
    }
}

#[inline(never)]
fn put(out: &mut Writer, bytes: &[u8]) {
    out.bytes(bytes);
}
