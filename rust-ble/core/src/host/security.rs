//! Pairing, encryption and bonds of links.

use super::query::{What, NOBODY};
use super::Host;
use crate::addr::Address;
use crate::conn::{State as LinkState, L2CAP_HEADER};
use crate::error::{Error, Result};
use crate::event::{self, PasskeyAction};
use crate::gatt::permission::Credentials;
use crate::l2cap::cid;
use crate::smp::{self, Action, SecurityConfig};
use crate::time::Instant;
use crate::wire::hci::opcode;
use crate::wire::Writer;
use crate::Security;

/// Milliseconds for the script after each step of a P-256 multiplication.
const REST_MS: u32 = 5;

/// The script's time between two steps of a P-256 multiplication, which begins
/// when the step is over, and not at the time that was said before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Over,
    Due,
    Until(Instant),
}

impl Rest {
    pub fn begin(&mut self, now: Instant) {
        if *self == Rest::Due {
            *self = Rest::Until(now.after(REST_MS));
        }
    }

    pub fn is_over(self, now: Instant) -> bool {
        match self {
            Rest::Over => true,
            Rest::Due => false,
            Rest::Until(at) => at.reached(now),
        }
    }

    /// When `handle_timeout` has to be called.
    pub fn deadline(self) -> Option<Instant> {
        match self {
            Rest::Until(at) => Some(at),
            _ => None,
        }
    }

    /// From here on nothing is waited for: what holds the next step up has its
    /// own end.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_over(now) {
            *self = Rest::Over;
        }
    }
}

impl Host {
    /// What pairings to come ask for.
    pub fn security_config(&self) -> SecurityConfig {
        self.settings.security
    }

    /// Sets what pairings to come ask for; works also while off.
    pub fn set_security_config(&mut self, config: SecurityConfig) {
        self.settings.security = config;
    }

    /// Pairs, or encrypts with the stored key (`BLE.gap_pair`).
    pub fn pair(&mut self, now: Instant, conn: u16) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.smp
            .pair(&self.smp_link(slot), self.settings.security, now)
    }

    /// The script's answer to `PasskeyAction` (`BLE.gap_passkey`).
    pub fn passkey(&mut self, now: Instant, conn: u16, action: u8, value: u32) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.smp.passkey(slot as u8, action, value)
    }

    /// Forgets a bond, with all that belongs to it, or all bonds. `NotFound`
    /// without one; `Busy` while such a peer is connected.
    pub fn unpair(&mut self, now: Instant, peer: Option<Address>) -> Result<()> {
        self.now = now;
        self.is_running()?;
        let connected = |address: &Address| self.slot_of(address).is_some();
        match peer {
            Some(peer) => {
                let peer = self.smp.identities.resolve(&peer);
                if self.smp.identities.find(&peer).is_none() {
                    return Err(Error::NotFound);
                }
                if connected(&peer) {
                    return Err(Error::Busy);
                }
                self.forget(&peer)
            }
            None => {
                if self
                    .smp
                    .identities
                    .peers()
                    .iter()
                    .any(|peer| connected(&peer.address))
                {
                    return Err(Error::Busy);
                }
                if self.query.later(What::DeleteAll, 0, &NOBODY) {
                    Ok(())
                } else {
                    Err(Error::NoMemory)
                }
            }
        }
    }

    fn forget(&mut self, peer: &Address) -> Result<()> {
        if !self.query.later(What::DeleteBond, 0, peer)
            || !self.query.later(What::DeleteClient, 0, peer)
        {
            return Err(Error::NoMemory);
        }
        self.smp.identities.remove(peer);
        self.refresh_soon();
        Ok(())
    }

    /// The next bond to delete of all.
    pub(super) fn forget_next(&mut self) -> Option<Address> {
        let peer = self.smp.identities.peers().last()?.address;
        self.smp.identities.remove(&peer);
        self.refresh_soon();
        Some(peer)
    }

    /// Has our address and the controller's resolving list set anew.
    pub(super) fn refresh_soon(&mut self) {
        self.refresh_at = Some(self.now);
    }

    pub(super) fn smp_link(&self, slot: usize) -> smp::Link {
        let link = self.link(slot);
        smp::Link {
            index: slot as u8,
            role: link.role,
            local: link.local,
            peer: link.peer_on_air,
            identity: link.peer,
            security: link.security,
        }
    }

    pub(super) fn credentials(&self, slot: usize) -> Credentials {
        let link = self.link(slot);
        Credentials {
            security: link.security,
            stored: self
                .smp
                .identities
                .find(&link.peer)
                .map(|peer| peer.security),
            min_key_size: self.settings.security.min_key_size,
        }
    }

    /// Our identity is known, or is another one than before.
    pub(super) fn own_identity_known(&mut self) {
        self.smp.start(self.settings.own, self.identity_address());
        // Its address is made when the bonds are loaded, and not twice.
        self.own_new = true;
    }

    pub(super) fn ltk_requested(&mut self, conn: u16, rand: [u8; 8], ediv: u16) {
        let Some(slot) = self.find_link(conn) else {
            return;
        };
        let link = self.smp_link(slot);
        self.smp
            .handle_ltk_request(&link, self.settings.security, rand, ediv, self.now);
    }

    pub(super) fn encryption_changed(&mut self, conn: u16, status: u8, on: bool) {
        let Some(slot) = self.find_link(conn) else {
            return;
        };
        if status == 0 && !on {
            self.link_mut(slot).security = Security::default();
        }
        let link = self.smp_link(slot);
        self.smp.handle_encryption(&link, status, on, self.now);
    }

    /// Does one thing that the Security Manager wants; `false` when it wants
    /// nothing, or there is no room for its PDU.
    #[inline(never)]
    pub(super) fn poll_smp(&mut self) -> bool {
        let Some(block) = self.tx.alloc(4 + smp::MAX_PDU, 0) else {
            return false;
        };
        let mut out = self.tx.writer(&block, L2CAP_HEADER);
        let action = self.smp.poll(self.now, &mut out, &mut self.settings.rng);
        let len = out.len();
        match &action {
            Some((slot, action)) if self.link(*slot as usize).state == LinkState::Up => {
                // Without a PDU this frees the block.
                self.close_pdu(*slot as usize, cid::SMP, block, len);
                self.perform(*slot, action);
            }
            _ => self.tx.free(block),
        }
        action.is_some()
    }

    #[inline(never)]
    fn perform(&mut self, slot: u8, action: &Action) {
        let link = self.link_mut(slot as usize);
        let conn = link.handle;
        let mut params = [0; 28];
        let mut w = Writer::new(&mut params);
        w.u16(conn);
        match *action {
            Action::Send => {}
            Action::Encrypt => {
                let (ltk, rest) = self.smp.key(slot).split_at(16);
                let (ediv, rand) = rest.split_at(2);
                w.bytes(rand).bytes(ediv).bytes(ltk);
                self.commands.push(opcode::LE_ENABLE_ENCRYPTION, &params);
            }
            Action::LtkReply => {
                w.bytes(&self.smp.key(slot)[..16]);
                self.commands.push(opcode::LE_LTK_REPLY, &params[..18]);
            }
            Action::LtkRefuse => {
                self.commands
                    .push(opcode::LE_LTK_NEGATIVE_REPLY, &params[..2]);
            }
            Action::Passkey(action) => {
                let (action, digits) = match action {
                    PasskeyAction::Input => (event::BLE_PASSKEY_INPUT, 0),
                    PasskeyAction::Display => (event::BLE_PASSKEY_DISPLAY, 0),
                    PasskeyAction::NumericComparison(digits) => {
                        (event::BLE_PASSKEY_NUMERIC_COMPARISON, digits)
                    }
                };
                let record = self.push_event(event::BLE_IRQ_PASSKEY_ACTION, conn, action);
                record.value[2] = digits as u16;
                record.value[3] = (digits >> 16) as u16;
            }
            Action::LoadBond(peer) => {
                if !self.query.soon(What::LoadBond, slot, &peer) {
                    self.smp.bond_loaded(slot, None);
                }
            }
            Action::StoreBond(peer) => self.store_bond(slot, &peer),
            Action::Encrypted(security) => link.security = security,
            Action::Done { security, identity } => {
                link.security = security;
                link.peer = identity;
                if !security.bonded {
                    return self.encryption_update(slot as usize);
                }
                // What the client configured is there when the script hears
                // of the encryption.
                if !self.query.soon(What::LoadClient, slot, &identity) {
                    self.encryption_update(slot as usize);
                }
                if !self.in_resolving_list(&identity) {
                    self.refresh_soon();
                }
            }
            Action::Failed(_) => self.encryption_update(slot as usize),
        }
    }

    pub(super) fn encryption_update(&mut self, slot: usize) {
        // What protection kept back may be sent now.
        self.links.wake(slot);
        let link = self.link(slot);
        let Security {
            key_size,
            authenticated,
            bonded,
            ..
        } = link.security;
        let conn = link.handle;
        let encrypted = (key_size > 0).into();
        let record = self.push_event(event::BLE_IRQ_ENCRYPTION_UPDATE, conn, encrypted);
        record.value[1] = authenticated.into();
        record.value[2] = bonded.into();
        record.value[3] = key_size.into();
    }

    /// Keeps what a bonded client changed.
    pub(super) fn client_changed(&mut self, slot: usize) {
        let link = &mut self.links[slot];
        if link.server.take_unsaved() && link.security.bonded {
            self.query.later(What::StoreClient, 0, &link.peer);
        }
    }
}
