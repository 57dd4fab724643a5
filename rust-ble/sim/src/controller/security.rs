//! Encryption (Vol 6, Part B, 5.1.3) and the P-256 commands.

use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{AffinePoint, EncodedPoint, NonZeroScalar, PublicKey};

use super::hci::Returned;
use super::link::Link;
use super::llcp::{Control, Procedure, Want};
use super::{array, u16_at};
use crate::air::{Air, NodeId};
use crate::crypto;
use crate::error::*;

/// What a side knows of an encryption procedure that runs.
#[derive(Default)]
pub(crate) struct Encrypting {
    /// The link was encrypted before: Key Refresh instead of Change.
    refresh: bool,
    ltk: [u8; 16],
    rand: [u8; 8],
    ediv: u16,
    skd: [u8; 16],
    key: Option<[u8; 16]>,
    /// The host has been asked for the long term key.
    awaiting_ltk: bool,
}

impl Air {
    pub(crate) fn enable_encryption(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        if side == 1 {
            return Err(COMMAND_DISALLOWED);
        }
        let want = Want::Encrypt {
            rand: array(p, 2),
            ediv: u16_at(p, 10),
            ltk: array(p, 12),
        };
        self.with_link(index, |_, link| {
            let s = &mut link.sides[side];
            if s.hold || s.wants.iter().any(|w| matches!(w, Want::Encrypt { .. })) {
                return Err(COMMAND_DISALLOWED);
            }
            s.wants.push_back(want);
            Ok(vec![])
        })
    }

    /// The central begins: with a pause when the link is encrypted already.
    pub(crate) fn begin_encryption(
        &mut self,
        link: &mut Link,
        side: usize,
        want: &Want,
    ) -> Control {
        let s = &mut link.sides[side];
        let Want::Encrypt { rand, ediv, ltk } = want else {
            unreachable!("only called for encryption");
        };
        s.hold = true;
        s.security = Encrypting {
            refresh: s.tx_key.is_some(),
            ltk: *ltk,
            rand: *rand,
            ediv: *ediv,
            ..Encrypting::default()
        };
        if s.security.refresh {
            return Control::PauseEncReq;
        }
        self.encryption_request(link, side)
    }

    fn encryption_request(&mut self, link: &mut Link, side: usize) -> Control {
        let mut skd = [0; 8];
        self.rng.fill(&mut skd);
        let security = &mut link.sides[side].security;
        security.skd[..8].copy_from_slice(&skd);
        Control::EncReq {
            rand: security.rand,
            ediv: security.ediv,
            skd,
        }
    }

    /// A side has received a PDU of the encryption procedure.
    pub(crate) fn encryption_control(&mut self, link: &mut Link, side: usize, control: Control) {
        let is_central = side == 0;
        let s = &mut link.sides[side];
        match control {
            Control::PauseEncReq if !is_central => {
                s.hold = true;
                s.security.refresh = true;
                s.rx_key = None;
                s.control.push_back(Control::PauseEncRsp);
            }
            Control::PauseEncRsp if is_central => {
                s.tx_key = None;
                s.rx_key = None;
                s.control.push_back(Control::PauseEncRsp);
                let request = self.encryption_request(link, side);
                link.sides[side].control.push_back(request);
            }
            Control::PauseEncRsp => s.tx_key = None,
            Control::EncReq { rand, ediv, skd } if !is_central => {
                let mut own = [0; 8];
                self.rng.fill(&mut own);
                s.hold = true;
                s.security.skd[..8].copy_from_slice(&skd);
                s.security.skd[8..].copy_from_slice(&own);
                s.security.awaiting_ltk = true;
                s.control.push_back(Control::EncRsp { skd: own });
                let n = s.node;
                let mut event = s.handle.to_le_bytes().to_vec();
                event.extend_from_slice(&rand);
                event.extend_from_slice(&ediv.to_le_bytes());
                if self.le_unmasked(n, 0x05) {
                    self.le_event(n, 0x05, &event);
                } else {
                    self.refuse_encryption(link, side);
                }
            }
            Control::EncRsp { skd } if is_central => {
                s.security.skd[8..].copy_from_slice(&skd);
                s.security.key = Some(crypto::e_le(&s.security.ltk, &s.security.skd));
            }
            Control::StartEncReq if is_central => {
                s.tx_key = s.security.key;
                s.rx_key = s.security.key;
                s.control.push_back(Control::StartEncRsp);
            }
            Control::StartEncRsp if is_central => {
                s.hold = false;
                s.local = None;
                self.encryption_event(link, side, 0);
            }
            Control::StartEncRsp => {
                s.tx_key = s.security.key;
                s.hold = false;
                s.control.push_front(Control::StartEncRsp);
                self.encryption_event(link, side, 0);
            }
            _ => {}
        }
    }

    pub(crate) fn ltk_reply(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        self.with_link(index, |_, link| {
            let s = &mut link.sides[side];
            if !std::mem::take(&mut s.security.awaiting_ltk) {
                return Err(COMMAND_DISALLOWED);
            }
            let key = crypto::e_le(&array(p, 2), &s.security.skd);
            s.security.key = Some(key);
            // What comes back is encrypted.
            s.rx_key = Some(key);
            s.control.push_back(Control::StartEncReq);
            Ok(p[..2].to_vec())
        })
    }

    pub(crate) fn ltk_negative_reply(&mut self, n: NodeId, p: &[u8]) -> Returned {
        let (index, side) = self.handle(n, p)?;
        self.with_link(index, |air, link| {
            if !link.sides[side].security.awaiting_ltk {
                return Err(COMMAND_DISALLOWED);
            }
            air.refuse_encryption(link, side);
            Ok(p[..2].to_vec())
        })
    }

    /// The peripheral has no key: a first encryption is rejected and the link goes on,
    /// a paused one ends the link.
    fn refuse_encryption(&mut self, link: &mut Link, side: usize) {
        let s = &mut link.sides[side];
        s.security.awaiting_ltk = false;
        if s.security.refresh {
            self.terminate(link, side, PIN_OR_KEY_MISSING);
            return;
        }
        s.control
            .push_back(Control::Reject(Procedure::Encryption, PIN_OR_KEY_MISSING));
        s.security.skd = [0; 16];
        s.releasing = true;
    }

    /// The central's request for encryption was rejected.
    pub(crate) fn encryption_rejected(&mut self, link: &mut Link, side: usize, reason: u8) {
        link.sides[side].hold = false;
        self.encryption_event(link, side, reason);
    }

    fn encryption_event(&mut self, link: &mut Link, side: usize, status: u8) {
        let s = &link.sides[side];
        let (n, [h0, h1]) = (s.node, s.handle.to_le_bytes());
        if s.security.refresh && status == 0 {
            self.event(n, 0x30, &[status, h0, h1]);
        } else {
            self.event(n, 0x08, &[status, h0, h1, u8::from(status == 0)]);
        }
    }

    pub(crate) fn read_public_key(&mut self, n: NodeId) -> Returned {
        let secret = loop {
            let mut bytes = [0; 32];
            self.rng.fill(&mut bytes);
            if let Some(secret) =
                Option::<NonZeroScalar>::from(NonZeroScalar::from_repr(bytes.into()))
            {
                break secret;
            }
        };
        let public = PublicKey::from_secret_scalar(&secret).to_encoded_point(false);
        let mut event = vec![0];
        event.extend(public.x().into_iter().flatten().rev());
        event.extend(public.y().into_iter().flatten().rev());
        self.nodes[n].state.p256_secret = Some(secret);
        self.le_event(n, 0x08, &event);
        Ok(vec![])
    }

    pub(crate) fn generate_dhkey(&mut self, n: NodeId, p: &[u8]) -> Returned {
        if p.get(64).is_some_and(|kind| *kind > 1) {
            return Err(INVALID_PARAMETERS);
        }
        let Some(secret) = self.nodes[n].state.p256_secret else {
            return Err(COMMAND_DISALLOWED);
        };
        let (mut x, mut y): ([u8; 32], [u8; 32]) = (array(p, 0), array(p, 32));
        x.reverse();
        y.reverse();
        let point = EncodedPoint::from_affine_coordinates(&x.into(), &y.into(), false);
        let peer = PublicKey::try_from(&point);
        let mut event = vec![0];
        match peer {
            Ok(peer) => {
                let shared: AffinePoint = (peer.to_projective() * *secret).to_affine();
                let shared = shared.to_encoded_point(false);
                event.extend(shared.x().into_iter().flatten().rev());
            }
            // A point that is not on the curve (Vol 4, Part E, 7.7.65.9).
            Err(_) => {
                event[0] = INVALID_PARAMETERS;
                event.extend_from_slice(&[0xff; 32]);
            }
        }
        self.le_event(n, 0x09, &event);
        Ok(vec![])
    }
}
