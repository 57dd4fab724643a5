//! What a procedure sends, and what follows from having sent it.

use super::bonds::Key;
use super::crypto::KeyPair;
use super::pairing::{ask, todo, Pairing, State, TIMEOUT_MS};
use super::pdu::{auth_req, code};
use super::{Action, Failure, Rng};
use crate::wire::{Reader, Writer};
use crate::{Address, Instant, PasskeyAction, Security};

/// What we tell bonded peers about ourselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    pub irk: [u8; 16],
    pub address: Address,
}

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
        let bit = ready & ready.wrapping_neg();
        self.todo &= !bit;
        let action = match bit {
            todo::ENCRYPTED => Action::Encrypted(Security {
                bonded: false,
                ..self.security
            }),
            todo::PASSKEY => Action::Passkey(match self.ask {
                ask::DISPLAY => PasskeyAction::Display,
                ask::INPUT => PasskeyAction::Input,
                _ => PasskeyAction::NumericComparison(self.passkey),
            }),
            todo::LOAD => Action::LoadBond(self.bond.identity()),
            todo::STORE => Action::StoreBond(self.bond.identity()),
            todo::ENCRYPT | todo::LTK_REPLY => {
                if self.state == State::Encrypt {
                    self.state = State::Encrypting;
                }
                let mut key = Reader(&self.key);
                let ltk = key.array().unwrap_or_default();
                if bit == todo::LTK_REPLY {
                    Action::LtkReply(ltk)
                } else {
                    let ediv = key.u16().unwrap_or_default();
                    Action::Encrypt {
                        ltk,
                        ediv,
                        rand: key.array().unwrap_or_default(),
                    }
                }
            }
            todo::LTK_REFUSE => Action::LtkRefuse,
            todo::DONE => Action::Done {
                security: self.security,
                identity: self.link.identity,
            },
            todo::FAILED => Action::Failed(self.failure?),
            _ => {
                let mut code = 1;
                while bit >> code != 1 {
                    code += 1;
                }
                self.send(code, out, rng, keys, own);
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
                self.nonce = rng.array();
                put(out, &self.confirm(keys, true));
                if self.central {
                    self.state = State::Confirm;
                }
            }
            code::PAIRING_RANDOM => {
                let secure = self.security.secure_connections;
                if self.central && secure && !self.model.is_passkey() {
                    self.nonce = rng.array();
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
                for byte in key
                    .iter_mut()
                    .take(16)
                    .skip(self.security.key_size as usize)
                {
                    *byte = 0;
                }
                self.bond.set_keys(Some(&key), None);
                put(out, &key[..16]);
            }
            code::CENTRAL_IDENTIFICATION => put(out, &self.bond.ours().unwrap_or([0; 26])[16..]),
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
