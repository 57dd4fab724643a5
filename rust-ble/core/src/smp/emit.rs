//! What a procedure sends, and what follows from having sent it.

use super::bonds::LongTermKey;
use super::crypto::KeyPair;
use super::pairing::{ask, cut, todo, Pairing, State, TIMEOUT_MS};
use super::pdu::{self, auth_req, code};
use super::{Action, Failure, Rng};
use crate::wire::Writer;
use crate::{Address, Instant, PasskeyAction, Security};

/// What we tell bonded peers about ourselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    pub irk: [u8; 16],
    pub address: Address,
}

impl Pairing {
    /// The next thing to do. `out` has room for the longest PDU.
    pub fn poll(
        &mut self,
        now: Instant,
        out: &mut Writer,
        rng: &mut Rng,
        keys: Option<&KeyPair>,
        own: &Own,
    ) -> Option<Action> {
        let mut ready = self.todo;
        if keys.is_none() {
            ready &= !(1 << code::PAIRING_PUBLIC_KEY);
        }
        if ready == 0 {
            return None;
        }
        let bit = ready & ready.wrapping_neg();
        self.todo &= !bit;
        Some(match bit {
            todo::ENCRYPTED => Action::Encrypted(Security {
                bonded: false,
                ..self.security
            }),
            todo::PASSKEY => Action::Passkey(match self.ask {
                ask::DISPLAY => PasskeyAction::Display,
                ask::INPUT => PasskeyAction::Input,
                _ => PasskeyAction::NumericComparison(self.passkey),
            }),
            todo::LOAD => Action::LoadBond(self.bond.identity),
            todo::STORE => Action::StoreBond(self.bond),
            todo::ENCRYPT | todo::LTK_REPLY => {
                if self.state == State::Encrypt {
                    self.state = State::Encrypting;
                }
                let LongTermKey { ltk, ediv, rand } = self.key;
                if bit == todo::ENCRYPT {
                    Action::Encrypt { rand, ediv, ltk }
                } else {
                    Action::LtkReply(ltk)
                }
            }
            todo::LTK_REFUSE => Action::LtkRefuse,
            todo::DONE => Action::Done {
                security: self.security,
                identity: self.bond.identity,
            },
            todo::FAILED => Action::Failed(self.failure),
            _ => {
                self.send(bit.trailing_zeros() as u8, out, rng, keys, own);
                self.deadline = now.after(TIMEOUT_MS);
                Action::Send
            }
        })
    }

    fn send(
        &mut self,
        code: u8,
        out: &mut Writer,
        rng: &mut Rng,
        keys: Option<&KeyPair>,
        own: &Own,
    ) {
        match code {
            code::PAIRING_REQUEST => pdu::emit(out, code, &self.request.bytes()),
            code::PAIRING_RESPONSE => pdu::emit(out, code, &self.response.bytes()),
            code::PAIRING_FAILED => {
                let reason = match self.failure {
                    Failure::Local(reason) => reason,
                    _ => pdu::reason::UNSPECIFIED_REASON,
                };
                pdu::emit(out, code, &[reason]);
            }
            code::SECURITY_REQUEST => pdu::emit(out, code, &[auth_req(&self.config)]),
            code::PAIRING_PUBLIC_KEY => {
                let public = keys.map_or(&[0; 64], |keys| &keys.public);
                pdu::emit(out, code, public);
                if !self.is_central() && !self.model.is_passkey() {
                    self.todo |= 1 << code::PAIRING_CONFIRM;
                }
            }
            code::PAIRING_CONFIRM => {
                self.nonce = rng.array();
                pdu::emit(out, code, &self.confirm(keys, true));
                if self.is_central() {
                    self.state = State::Confirm;
                }
            }
            code::PAIRING_RANDOM => {
                let secure = self.security.secure_connections;
                if self.is_central() && secure && !self.model.is_passkey() {
                    self.nonce = rng.array();
                }
                pdu::emit(out, code, &self.nonce);
            }
            code::PAIRING_DHKEY_CHECK => {
                let (mac_key, _) = self.derive();
                pdu::emit(out, code, &self.check(&mac_key, true));
                if self.is_central() {
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
                let mut ltk = rng.array();
                cut(&mut ltk, self.security.key_size);
                let [a, b] = rng.array();
                let ediv = u16::from_le_bytes([a, b]);
                self.bond.ours = Some(LongTermKey {
                    ltk,
                    ediv,
                    rand: rng.array(),
                });
                pdu::emit(out, code, &ltk);
            }
            code::CENTRAL_IDENTIFICATION => {
                let LongTermKey { ediv, rand, .. } = self.bond.ours.unwrap_or_default();
                out.u8(code).u16(ediv).bytes(&rand);
            }
            code::IDENTITY_INFORMATION => pdu::emit(out, code, &own.irk),
            _ => {
                out.u8(code)
                    .u8(own.address.kind as u8)
                    .bytes(&own.address.bytes);
            }
        }
    }
}
