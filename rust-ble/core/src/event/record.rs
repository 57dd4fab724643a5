//! Events as flat records, which C takes as they are, and the queue of them.
//!
//! cbindgen reads this file: `Record` is `ble_event_t`.

use crate::addr::Address;
use crate::config::MAX_EVENTS;
use crate::uuid::Uuid;
use crate::wire::copy;

/// One event. `kind` is MicroPython's `_IRQ_…` number; the meaning of the
/// values is that of the event's tuple, in its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// `_IRQ_…`.
    pub kind: u8,
    /// 0 public, 1 random.
    pub addr_type: u8,
    /// Connection handle.
    pub conn: u16,
    /// What follows the connection handle and address in the event's tuple; of
    /// `_IRQ_PASSKEY_ACTION` the digits' lower and upper half last.
    pub value: [u16; 4],
    /// Names a query, for its answer.
    pub token: u16,
    /// Where the host has the data.
    pub(crate) data_at: u16,
    /// Length of the data, which follows the key. Without, a secret is deleted.
    pub data_len: u16,
    /// Length of the key, with which the payload starts; zero without one.
    pub key_len: u8,
    /// The data lies in the pool of kept values, else in the packet.
    pub(crate) kept: bool,
    /// 0, 2 or 16.
    pub uuid_len: u8,
    /// A UUID, least significant byte first, or an address, most significant
    /// byte first.
    pub bytes: [u8; 16],
}

impl Record {
    /// Of all zeros.
    pub(crate) const BLANK: Record = Record {
        kind: 0,
        addr_type: 0,
        conn: 0,
        value: [0; 4],
        token: 0,
        data_at: 0,
        data_len: 0,
        key_len: 0,
        kept: false,
        uuid_len: 0,
        bytes: [0; 16],
    };

    #[inline(never)]
    pub(crate) fn set_peer(&mut self, peer: &Address) {
        self.addr_type = peer.kind as u8;
        for (to, from) in self.bytes.iter_mut().zip(peer.bytes.iter().rev()) {
            *to = *from;
        }
    }

    #[inline(never)]
    pub(crate) fn set_uuid(&mut self, uuid: &Uuid) {
        self.uuid_len = copy(&mut self.bytes, uuid.as_bytes()) as u8;
    }
}

/// Events that wait to be told.
#[derive(Debug)]
pub struct Events {
    first: u8,
    len: u8,
    records: [Record; MAX_EVENTS],
}

impl Events {
    /// None.
    pub const fn new() -> Self {
        Events {
            first: 0,
            len: 0,
            records: [Record::BLANK; MAX_EVENTS],
        }
    }

    /// Queues an event with its first value; the rest of it is for the caller
    /// to fill in. There is room: packets are only taken when the queue is
    /// empty, and none leaves more than a few behind; answers to commands, which
    /// do not wait for the script, leave two a link at most.
    #[inline(never)]
    pub fn push(&mut self, kind: u8, conn: u16, value: u16) -> &mut Record {
        debug_assert!((self.len as usize) < MAX_EVENTS, "an event is lost");
        let last = (self.len as usize).min(MAX_EVENTS - 1);
        self.len = last as u8 + 1;
        let record = &mut self.records[(self.first as usize + last) % MAX_EVENTS];
        *record = Record::BLANK;
        (record.kind, record.conn, record.value[0]) = (kind, conn, value);
        record
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Record> {
        self.len = self.len.checked_sub(1)?;
        let at = self.first as usize % MAX_EVENTS;
        self.first = ((at + 1) % MAX_EVENTS) as u8;
        Some(self.records[at])
    }

    /// Puts one back to the front.
    #[cfg(feature = "broken")]
    pub(crate) fn push_front(&mut self, record: Record) {
        if (self.len as usize) < MAX_EVENTS {
            let at = (self.first as usize + MAX_EVENTS - 1) % MAX_EVENTS;
            (self.first, self.len) = (at as u8, self.len + 1);
            self.records[at] = record;
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.len = 0;
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

// `_IRQ_…` and `_PASSKEY_ACTION_…` of modbluetooth.h, named as in the C header,
// whose constants they are; abi_check.c compares them.
#[allow(missing_docs)]
pub const BLE_IRQ_CENTRAL_CONNECT: u8 = 1;
#[allow(missing_docs)]
pub const BLE_IRQ_CENTRAL_DISCONNECT: u8 = 2;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTS_WRITE: u8 = 3;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTS_READ_REQUEST: u8 = 4;
#[allow(missing_docs)]
pub const BLE_IRQ_SCAN_RESULT: u8 = 5;
#[allow(missing_docs)]
pub const BLE_IRQ_SCAN_DONE: u8 = 6;
#[allow(missing_docs)]
pub const BLE_IRQ_PERIPHERAL_CONNECT: u8 = 7;
#[allow(missing_docs)]
pub const BLE_IRQ_PERIPHERAL_DISCONNECT: u8 = 8;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_SERVICE_RESULT: u8 = 9;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_SERVICE_DONE: u8 = 10;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_CHARACTERISTIC_RESULT: u8 = 11;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_CHARACTERISTIC_DONE: u8 = 12;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_DESCRIPTOR_RESULT: u8 = 13;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_DESCRIPTOR_DONE: u8 = 14;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_READ_RESULT: u8 = 15;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_READ_DONE: u8 = 16;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_WRITE_DONE: u8 = 17;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_NOTIFY: u8 = 18;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTC_INDICATE: u8 = 19;
#[allow(missing_docs)]
pub const BLE_IRQ_GATTS_INDICATE_DONE: u8 = 20;
#[allow(missing_docs)]
pub const BLE_IRQ_MTU_EXCHANGED: u8 = 21;
#[allow(missing_docs)]
pub const BLE_IRQ_L2CAP_ACCEPT: u8 = 22;
#[allow(missing_docs)]
pub const BLE_IRQ_L2CAP_CONNECT: u8 = 23;
#[allow(missing_docs)]
pub const BLE_IRQ_L2CAP_DISCONNECT: u8 = 24;
#[allow(missing_docs)]
pub const BLE_IRQ_L2CAP_RECV: u8 = 25;
#[allow(missing_docs)]
pub const BLE_IRQ_L2CAP_SEND_READY: u8 = 26;
#[allow(missing_docs)]
pub const BLE_IRQ_CONNECTION_UPDATE: u8 = 27;
#[allow(missing_docs)]
pub const BLE_IRQ_ENCRYPTION_UPDATE: u8 = 28;
#[allow(missing_docs)]
pub const BLE_IRQ_GET_SECRET: u8 = 29;
#[allow(missing_docs)]
pub const BLE_IRQ_SET_SECRET: u8 = 30;
#[allow(missing_docs)]
pub const BLE_IRQ_PASSKEY_ACTION: u8 = 31;
#[allow(missing_docs)]
pub const BLE_PASSKEY_INPUT: u16 = 2;
#[allow(missing_docs)]
pub const BLE_PASSKEY_DISPLAY: u16 = 3;
#[allow(missing_docs)]
pub const BLE_PASSKEY_NUMERIC_COMPARISON: u16 = 4;
