//! Questions to the script: read requests and secrets. One at a time; nothing
//! further is taken from the controller's packets until it is answered.

use super::Host;
use crate::addr::Address;
use crate::event::{Record, Token, BLE_IRQ_GET_SECRET, BLE_IRQ_SET_SECRET};
use crate::smp::bonds::{self, Identity, BOND_LEN, KIND_BOND, KIND_CLIENT, KIND_OWN, OWN_KEY};
use crate::smp::OwnIdentity;
use crate::wire::{copy, Reader, Writer};
use heapless::Deque;

/// CCCDs of one bonded client that are kept.
const MAX_CCCDS: usize = 16;

/// Longest value of a secret that we make.
const VALUE_LEN: usize = bonds::CLIENT_HEADER + 4 * MAX_CCCDS;

/// Length of the key of a peer's secret.
const KEY_LEN: u8 = 7;

const _: () = assert!(VALUE_LEN >= BOND_LEN && OWN_KEY.len() != KEY_LEN as usize);

/// What is asked for, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Whether an attribute may be read.
    Read,
    /// Our own identity, at activation.
    LoadOwn,
    StoreOwn,
    /// All bonds by index, at activation.
    LoadIdentity(u8),
    /// The bond of the peer on a link of this slot.
    LoadBond(u8, Address),
    StoreBond(u8, Address),
    /// What a bonded client on this slot configured.
    LoadClient(u8, Address),
    StoreClient(Address),
    DeleteBond(Address),
    DeleteClient(Address),
    /// All bonds, one after another.
    DeleteAll,
}

/// The question that waits for an answer, and those to be asked.
#[derive(Debug)]
pub(super) struct Query {
    token: u16,
    pending: Option<Purpose>,
    waiting: Deque<Purpose, 16>,
    key: [u8; KEY_LEN as usize],
    value: [u8; VALUE_LEN],
    value_len: u8,
}

impl Query {
    pub(super) const fn new() -> Self {
        Query {
            token: 0,
            // Zeros; `clear` clears it.
            pending: Some(Purpose::Read),
            waiting: Deque::new(),
            key: [0; KEY_LEN as usize],
            value: [0; VALUE_LEN],
            value_len: 0,
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Asks, and gives the token of the answer.
    pub(super) fn ask(&mut self, purpose: Purpose) -> Token {
        self.token = self.token.wrapping_add(1);
        self.pending = Some(purpose);
        Token(self.token)
    }

    /// Whether an answer is to the question that waits; then it is over.
    pub(super) fn answered(&mut self, token: Token, purpose: Purpose) -> bool {
        let fits = self.pending == Some(purpose) && token.0 == self.token;
        if fits {
            self.pending = None;
        }
        fits
    }

    pub(super) fn clear(&mut self) {
        self.pending = None;
        self.waiting.clear();
        self.value.fill(0);
    }

    /// Whether there is a question to be asked.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Has a question asked later; each purpose waits once.
    pub(super) fn later(&mut self, purpose: Purpose) -> bool {
        self.waiting.iter().any(|&waiting| waiting == purpose)
            || self.waiting.push_back(purpose).is_ok()
    }

    /// Has a question asked next.
    pub(super) fn soon(&mut self, purpose: Purpose) -> bool {
        self.waiting.push_front(purpose).is_ok()
    }

    fn take(&mut self, token: Token) -> Option<Purpose> {
        let purpose = self.pending.filter(|_| token.0 == self.token)?;
        if purpose == Purpose::Read {
            return None;
        }
        self.pending = None;
        Some(purpose)
    }
}

impl Host {
    /// The script's answer to `GetSecret`. Answers to a query that is over
    /// are ignored.
    pub fn answer_secret(&mut self, token: Token, value: Option<&[u8]>) {
        let Some(purpose) = self.query.take(token) else {
            return;
        };
        match purpose {
            Purpose::LoadOwn => self.own_loaded(value),
            Purpose::LoadIdentity(index) => self.identity_loaded(index, value),
            Purpose::LoadBond(slot, _) => self.smp.bond_loaded(slot, value),
            Purpose::LoadClient(slot, peer) => self.client_loaded(slot as usize, &peer, value),
            _ => {}
        }
    }

    /// The script's answer to `SetSecret`: whether it is stored or deleted.
    pub fn answer_stored(&mut self, token: Token, stored: bool) {
        let Some(purpose) = self.query.take(token) else {
            return;
        };
        match purpose {
            Purpose::StoreBond(slot, _) => self.smp.bond_stored(slot, stored),
            Purpose::StoreOwn => self.own_kept = stored,
            _ => {}
        }
    }

    /// Asks the next question that waits, unless it has become pointless.
    pub(super) fn next_query(&mut self) -> Option<()> {
        let mut purpose = self.query.waiting.pop_front()?;
        if purpose == Purpose::DeleteAll {
            let peer = self.forget_next()?;
            // There is room: one was taken out.
            self.query.soon(Purpose::DeleteAll);
            self.query.soon(Purpose::DeleteClient(peer));
            purpose = Purpose::DeleteBond(peer);
        }
        let (kind, peer, index, store) = match &purpose {
            Purpose::LoadOwn => (KIND_OWN, None, 0, None),
            Purpose::StoreOwn => {
                let value = self.settings.own.emit();
                self.set_query_value(&value);
                (KIND_OWN, None, 0, Some(true))
            }
            Purpose::LoadIdentity(index) => (KIND_BOND, None, *index, None),
            Purpose::LoadBond(_, peer) => (KIND_BOND, Some(peer), 0, None),
            Purpose::StoreBond(slot, peer) => {
                // Nothing, when the link is gone meanwhile.
                let value = *self.smp.bond_to_store(*slot)?;
                self.set_query_value(&value);
                (KIND_BOND, Some(peer), 0, Some(true))
            }
            Purpose::LoadClient(_, peer) => (KIND_CLIENT, Some(peer), 0, None),
            Purpose::StoreClient(peer) => {
                // Without the link there is nothing new to keep.
                if !self.emit_client(peer) {
                    return None;
                }
                (KIND_CLIENT, Some(peer), 0, Some(true))
            }
            Purpose::DeleteBond(peer) => (KIND_BOND, Some(peer), 0, Some(false)),
            Purpose::DeleteClient(peer) => (KIND_CLIENT, Some(peer), 0, Some(false)),
            Purpose::Read | Purpose::DeleteAll => return None,
        };
        if let Some(peer) = peer {
            self.query.key = bonds::key(peer);
        }
        let token = self.query.ask(purpose);
        let event = match store {
            None => BLE_IRQ_GET_SECRET,
            Some(_) => BLE_IRQ_SET_SECRET,
        };
        let record = self.events.push(event, 0, kind.into());
        record.value[1] = index.into();
        record.token = token.0;
        // By index without a key.
        record.key_len = match purpose {
            Purpose::LoadOwn | Purpose::StoreOwn => OWN_KEY.len() as u8,
            Purpose::LoadIdentity(_) => 0,
            _ => KEY_LEN,
        };
        if store == Some(true) {
            record.data_len = self.query.value_len.into();
        }
        Some(())
    }

    /// Key and value of the query that an event is.
    pub(super) fn secret(&self, record: &Record) -> (&[u8], &[u8]) {
        let key: &[u8] = match record.key_len {
            0 => &[],
            KEY_LEN => &self.query.key,
            _ => OWN_KEY,
        };
        let value = self.query.value.get(..record.data_len as usize);
        (key, value.unwrap_or_default())
    }

    /// Asks to keep a bond.
    pub(super) fn store_bond(&mut self, slot: u8, peer: Address) {
        if !self.query.soon(Purpose::StoreBond(slot, peer)) {
            self.smp.bond_stored(slot, false);
        }
    }

    fn set_query_value(&mut self, value: &[u8]) {
        self.query.value_len = copy(&mut self.query.value, value) as u8;
    }

    /// The value that keeps what the client of a bonded peer configured;
    /// `false` if there is no such link any more.
    fn emit_client(&mut self, peer: &Address) -> bool {
        let Some(slot) = self.slot_of(peer) else {
            return false;
        };
        let saved = self.links[slot].server.save(&mut self.db);
        let mut w = Writer::new(&mut self.query.value);
        bonds::client_emit(&mut w, saved.features, &saved.hash);
        let mut handle = 0;
        while let Some((next, bits)) = self.db.next_cccd(slot, handle) {
            if w.room() < 4 {
                break;
            }
            w.u16(next).u16(bits as u16);
            handle = next;
        }
        self.query.value_len = w.len() as u8;
        true
    }

    fn client_loaded(&mut self, slot: usize, peer: &Address, value: Option<&[u8]>) {
        let link = &mut self.links[slot];
        if link.state != crate::conn::State::Up || link.peer != *peer {
            return;
        }
        match value.and_then(bonds::client_parse) {
            Some((features, hash, cccds)) => {
                let saved = crate::gatt::server::Saved { features, hash };
                let same = link.server.restore(&mut self.db, &saved);
                let mut r = Reader(cccds);
                while let (Some(handle), Some(bits)) = (r.u16(), r.u16()) {
                    if same || handle == crate::gatt::db::SERVICE_CHANGED_HANDLE + 1 {
                        self.db.restore_cccd(slot, handle, bits as u8);
                    }
                }
            }
            None => {
                self.query.later(Purpose::StoreClient(*peer));
            }
        }
        self.encryption_update(slot);
    }

    /// Asks again as long as the script has kept nothing, since it may have set
    /// its handler late: before anything is on air, and at each connection. A
    /// script that keeps no bonds may have a handler that knows no secrets; it
    /// is only asked `always`. Whether it is asked.
    pub fn ask_for_secrets(&mut self, always: bool) -> bool {
        let asks = self.is_active() && !self.own_kept && (always || self.settings.security.bond);
        if asks {
            self.load_secrets();
        }
        asks
    }

    /// Our identity first, then who is bonded.
    pub(super) fn load_secrets(&mut self) {
        self.query.later(Purpose::LoadOwn);
        self.query.later(Purpose::LoadIdentity(0));
    }

    fn own_loaded(&mut self, value: Option<&[u8]>) {
        match value.and_then(OwnIdentity::parse) {
            Some(own) => {
                self.own_kept = true;
                if own == self.settings.own && self.own_known {
                    return;
                }
                self.settings.own = own;
            }
            None => {
                self.query.soon(Purpose::StoreOwn);
                if self.own_known {
                    return;
                }
                if self.settings.own.irk == [0; 16] {
                    self.settings.own = OwnIdentity::new(&mut self.settings.rng);
                }
            }
        }
        self.own_known = true;
        self.own_identity_known();
    }

    fn identity_loaded(&mut self, index: u8, value: Option<&[u8]>) {
        let next = index.checked_add(1);
        if let (Some(value), Some(next)) = (value, next) {
            self.smp.identities.load(value);
            self.query.soon(Purpose::LoadIdentity(next));
            return;
        }
        let listed = |peer: &Identity| self.in_resolving_list(&peer.address);
        if self.own_new || !self.smp.identities.peers().iter().all(listed) {
            self.own_new = false;
            self.refresh_soon();
        }
    }
}
