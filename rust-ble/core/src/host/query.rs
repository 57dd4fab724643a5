//! Questions to the script: read requests and secrets. One at a time; nothing
//! further is taken from the controller's packets until it is answered.

use super::Host;
use crate::addr::Address;
use crate::event::{Record, Token, BLE_IRQ_GET_SECRET, BLE_IRQ_SET_SECRET};
use crate::smp::bonds::{self, Identity, BOND_LEN, KIND_BOND, KIND_CLIENT, KIND_OWN, OWN_KEY};
use crate::smp::OwnIdentity;
use crate::wire::{Reader, Writer};
use heapless::Vec;

/// CCCDs of one bonded client that are kept.
const MAX_CCCDS: usize = 16;

/// Longest value of a secret that we make.
const VALUE_LEN: usize = bonds::CLIENT_HEADER + 4 * MAX_CCCDS;

/// Questions that wait. With this size a Cortex-M0+ makes the offsets of the
/// fields of `Host` behind it in one instruction.
const MAX_WAITING: usize = 19;

/// Length of the key of a peer's secret.
const KEY_LEN: u8 = 7;

const _: () = assert!(VALUE_LEN >= BOND_LEN && OWN_KEY.len() != KEY_LEN as usize);

/// What is asked for, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Whether an attribute may be read.
    Read,
    /// Our own identity, at activation.
    LoadOwn,
    StoreOwn,
    /// All bonds by index, at activation: the slot is that index.
    LoadIdentity,
    /// The bond of the peer on a link.
    LoadBond,
    StoreBond,
    /// What a bonded client on a link configured.
    LoadClient,
    StoreClient,
    DeleteBond,
    DeleteClient,
    /// All bonds, one after another.
    DeleteAll,
}

/// A question, with the slot and the peer that it is about, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Purpose {
    what: What,
    slot: u8,
    peer: Address,
}

/// The peer of a question that is about none.
pub(super) const NOBODY: Address = Address::public([0; 6]);

/// Whether an attribute may be read.
const READ: Purpose = Purpose {
    what: What::Read,
    slot: 0,
    peer: NOBODY,
};

/// The question that waits for an answer, and those to be asked.
#[derive(Debug)]
pub(super) struct Query {
    token: u16,
    pending: Option<Purpose>,
    /// The next one last.
    waiting: Vec<Purpose, MAX_WAITING>,
    key: [u8; KEY_LEN as usize],
    value: [u8; VALUE_LEN],
}

impl Query {
    pub(super) const fn new() -> Self {
        Query {
            token: 0,
            // Zeros; `clear` clears it.
            pending: Some(READ),
            waiting: Vec::new(),
            key: [0; KEY_LEN as usize],
            value: [0; VALUE_LEN],
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Asks, and gives the token of the answer.
    #[inline(never)]
    fn ask(&mut self, purpose: Purpose) -> Token {
        self.token = self.token.wrapping_add(1);
        self.pending = Some(purpose);
        Token(self.token)
    }

    /// Asks whether an attribute may be read.
    pub(super) fn ask_read(&mut self) -> Token {
        self.ask(READ)
    }

    /// Whether an answer is to the question that waits, which is whether an
    /// attribute may be read; then it is over.
    pub(super) fn read_answered(&mut self, token: Token) -> bool {
        self.take(token, true).is_some()
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
    #[inline(never)]
    pub(super) fn later(&mut self, what: What, slot: u8, peer: &Address) -> bool {
        let peer = *peer;
        let purpose = Purpose { what, slot, peer };
        self.waiting.contains(&purpose) || self.waiting.insert(0, purpose).is_ok()
    }

    /// Has a question asked next.
    #[inline(never)]
    pub(super) fn soon(&mut self, what: What, slot: u8, peer: &Address) -> bool {
        let peer = *peer;
        let purpose = Purpose { what, slot, peer };
        self.waiting.push(purpose).is_ok()
    }

    #[inline(never)]
    fn set_key(&mut self, peer: &Address) {
        self.key = bonds::key(peer);
    }

    /// Takes the question that an answer is to, if it is about a `read`, or about
    /// a secret.
    #[inline(never)]
    fn take(&mut self, token: Token, read: bool) -> Option<Purpose> {
        let fits =
            |pending: &mut Purpose| (pending.what == What::Read) == read && token.0 == self.token;
        self.pending.take_if(fits)
    }
}

impl Host {
    /// The script's answer to `GetSecret`. Answers to a query that is over
    /// are ignored.
    pub fn answer_secret(&mut self, token: Token, value: Option<&[u8]>) {
        let Some(purpose) = self.query.take(token, false) else {
            return;
        };
        let Purpose { what, slot, peer } = purpose;
        match what {
            What::LoadOwn => self.own_loaded(value),
            What::LoadIdentity => self.identity_loaded(slot, value),
            What::LoadBond => self.smp.bond_loaded(slot, value),
            What::LoadClient => self.client_loaded(slot as usize, &peer, value),
            _ => {}
        }
    }

    /// The script's answer to `SetSecret`: whether it is stored or deleted.
    pub fn answer_stored(&mut self, token: Token, stored: bool) {
        let Some(purpose) = self.query.take(token, false) else {
            return;
        };
        match purpose.what {
            What::StoreBond => self.smp.bond_stored(purpose.slot, stored),
            What::StoreOwn => self.own_kept = stored,
            _ => {}
        }
    }

    /// Asks the next question that waits, unless it has become pointless.
    pub(super) fn next_query(&mut self) -> Option<()> {
        let mut purpose = self.query.waiting.pop()?;
        if purpose.what == What::DeleteAll {
            purpose.peer = self.forget_next()?;
            // There is room: one was taken out.
            self.query.soon(What::DeleteAll, 0, &NOBODY);
            self.query.soon(What::DeleteClient, 0, &purpose.peer);
            purpose.what = What::DeleteBond;
        }
        let Purpose { what, slot, peer } = purpose;
        let kind = match what {
            What::LoadOwn | What::StoreOwn => KIND_OWN,
            What::LoadClient | What::StoreClient | What::DeleteClient => KIND_CLIENT,
            _ => KIND_BOND,
        };
        let event = match what {
            What::LoadOwn | What::LoadIdentity | What::LoadBond | What::LoadClient => {
                BLE_IRQ_GET_SECRET
            }
            _ => BLE_IRQ_SET_SECRET,
        };
        let key_len = match what {
            What::LoadOwn | What::StoreOwn => OWN_KEY.len() as u8,
            // By index without a key.
            What::LoadIdentity => 0,
            _ => KEY_LEN,
        };
        self.query.set_key(&peer);
        // Nothing, when the link is gone meanwhile.
        let value_len = self.emit_value(&purpose)?;
        let token = self.query.ask(purpose);
        let record = self.push_event(event, 0, kind.into());
        if what == What::LoadIdentity {
            record.value[1] = slot.into();
        }
        record.token = token.0;
        record.key_len = key_len;
        record.data_len = value_len as u16;
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
    pub(super) fn store_bond(&mut self, slot: u8, peer: &Address) {
        if !self.query.soon(What::StoreBond, slot, peer) {
            self.smp.bond_stored(slot, false);
        }
    }

    /// Makes the value to store, if there is one, and gives its length; `None` if
    /// the link that it is about is gone, for without it there is nothing to keep.
    fn emit_value(&mut self, purpose: &Purpose) -> Option<usize> {
        let client = match purpose.what {
            What::StoreClient => self.slot_of(&purpose.peer)?,
            _ => 0,
        };
        let mut w = Writer::new(&mut self.query.value);
        match purpose.what {
            What::StoreOwn => self.settings.own.emit(&mut w),
            What::StoreBond => {
                w.bytes(self.smp.bond_to_store(purpose.slot)?);
            }
            What::StoreClient => {
                let (features, hash) = self.links[client].server.save(&mut self.db);
                bonds::client_emit(&mut w, features, hash);
                let mut handle = 0;
                while let Some((next, bits)) = self.db.next_cccd(client, handle) {
                    if w.room() < 4 {
                        break;
                    }
                    w.u16(next).u16(bits as u16);
                    handle = next;
                }
            }
            _ => {}
        }
        Some(w.len())
    }

    fn client_loaded(&mut self, slot: usize, peer: &Address, value: Option<&[u8]>) {
        let link = &mut self.links[slot];
        if link.state != crate::conn::State::Up || link.peer != *peer {
            return;
        }
        match value.and_then(bonds::client_parse) {
            Some((features, hash, cccds)) => {
                let same = link.server.restore(&mut self.db, features, hash);
                let mut r = Reader(cccds);
                while let (Some(handle), Some(bits)) = (r.u16(), r.u16()) {
                    if same || handle == crate::gatt::db::SERVICE_CHANGED_HANDLE + 1 {
                        self.db.restore_cccd(slot, handle, bits as u8);
                    }
                }
            }
            None => {
                self.query.later(What::StoreClient, 0, peer);
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
        self.query.later(What::LoadOwn, 0, &NOBODY);
        self.query.later(What::LoadIdentity, 0, &NOBODY);
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
                self.query.soon(What::StoreOwn, 0, &NOBODY);
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
            self.query.soon(What::LoadIdentity, next, &NOBODY);
            return;
        }
        let listed = |peer: &Identity| self.in_resolving_list(&peer.address);
        if self.own_new || !self.smp.identities.peers().iter().all(listed) {
            self.own_new = false;
            self.refresh_soon();
        }
    }
}
