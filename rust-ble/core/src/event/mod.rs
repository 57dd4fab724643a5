//! What the host has to tell the script, one at a time.

mod record;

pub use record::*;

use crate::addr::Address;
use crate::uuid::Uuid;

/// Which end of a link we are (Vol 1, Part A, 3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We started the link.
    Central,
    /// We advertised and were connected to.
    Peripheral,
}

/// Names a query that waits for an answer; an answer to any other is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u16);

/// The handle of a link that never was.
pub(crate) const NO_CONN: u16 = 0xffff;

/// One event for the script. Slices point into the host's buffers and are
/// valid until the next call that changes the host.
///
/// `conn` is always the HCI connection handle. A `status` is zero, an ATT
/// error code, or an HCI error code as said.
///
/// A view of a `Record` for programs in Rust. Firmware has no use for it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Event<'a> {
    Connected {
        conn: u16,
        peer: Address,
        role: Role,
    },
    Disconnected {
        conn: u16,
        peer: Address,
        role: Role,
    },
    /// Interval in 1.25 ms, timeout in 10 ms; `status` is an HCI error code.
    ConnectionUpdate {
        conn: u16,
        interval: u16,
        latency: u16,
        timeout: u16,
        status: u8,
    },
    MtuExchanged {
        conn: u16,
        mtu: u16,
    },

    ScanResult {
        peer: Address,
        adv_type: u8,
        rssi: i8,
        data: &'a [u8],
    },
    ScanDone,
    /// A connection attempt ended without a link; MicroPython reports it as
    /// a disconnect of handle 0xffff.
    ConnectFailed {
        peer: Address,
    },

    GattsWrite {
        conn: u16,
        handle: u16,
    },
    /// Query: `Host::answer_read` with an ATT error code or zero.
    GattsReadRequest {
        conn: u16,
        handle: u16,
        token: Token,
    },
    GattsIndicateDone {
        conn: u16,
        handle: u16,
        status: u8,
    },

    GattcService {
        conn: u16,
        start: u16,
        end: u16,
        uuid: Uuid,
    },
    GattcServiceDone {
        conn: u16,
        status: u16,
    },
    GattcCharacteristic {
        conn: u16,
        end: u16,
        value_handle: u16,
        properties: u8,
        uuid: Uuid,
    },
    GattcCharacteristicDone {
        conn: u16,
        status: u16,
    },
    GattcDescriptor {
        conn: u16,
        handle: u16,
        uuid: Uuid,
    },
    GattcDescriptorDone {
        conn: u16,
        status: u16,
    },
    GattcReadResult {
        conn: u16,
        handle: u16,
        data: &'a [u8],
    },
    GattcReadDone {
        conn: u16,
        handle: u16,
        status: u16,
    },
    GattcWriteDone {
        conn: u16,
        handle: u16,
        status: u16,
    },
    GattcNotify {
        conn: u16,
        handle: u16,
        data: &'a [u8],
    },
    GattcIndicate {
        conn: u16,
        handle: u16,
        data: &'a [u8],
    },

    EncryptionUpdate {
        conn: u16,
        encrypted: bool,
        authenticated: bool,
        bonded: bool,
        key_size: u8,
    },
    PasskeyAction {
        conn: u16,
        action: PasskeyAction,
    },
    /// Query: `Host::answer_secret` with the value. `key` of `None` asks for
    /// the `index`th entry of the type.
    GetSecret {
        token: Token,
        kind: u8,
        index: u8,
        key: Option<&'a [u8]>,
    },
    /// Query: `Host::answer_stored`. `value` of `None` deletes.
    SetSecret {
        token: Token,
        kind: u8,
        key: &'a [u8],
        value: Option<&'a [u8]>,
    },

    /// Query: `Host::answer_accept`, with memory for the channel or a refusal.
    L2capAccept {
        conn: u16,
        cid: u16,
        psm: u16,
        our_mtu: u16,
        peer_mtu: u16,
        token: Token,
    },
    L2capConnected {
        conn: u16,
        cid: u16,
        psm: u16,
        our_mtu: u16,
        peer_mtu: u16,
    },
    L2capDisconnected {
        conn: u16,
        cid: u16,
        psm: u16,
        status: u16,
    },
    L2capRecv {
        conn: u16,
        cid: u16,
    },
    L2capSendReady {
        conn: u16,
        cid: u16,
        status: u8,
    },
}

impl Record {
    /// The event with this key and this data; `None` of a record that is none.
    pub fn event<'a>(&self, key: &'a [u8], data: &'a [u8]) -> Option<Event<'a>> {
        use Event::*;
        let (conn, token, [a, b, c, d]) = (self.conn, Token(self.token), self.value);
        let mut bytes = [0; 6];
        bytes.copy_from_slice(&self.bytes[..6]);
        bytes.reverse();
        let peer = Address::from_wire(self.addr_type, bytes);
        let uuid = self.bytes.get(..self.uuid_len.into());
        let uuid = uuid.and_then(Uuid::from_bytes);
        let uuid = uuid.unwrap_or(Uuid::short(0));
        let role = match self.kind {
            BLE_IRQ_PERIPHERAL_CONNECT | BLE_IRQ_PERIPHERAL_DISCONNECT => Role::Central,
            _ => Role::Peripheral,
        };
        Some(match self.kind {
            BLE_IRQ_CENTRAL_CONNECT | BLE_IRQ_PERIPHERAL_CONNECT => Connected { conn, peer, role },
            BLE_IRQ_PERIPHERAL_DISCONNECT if conn == NO_CONN => ConnectFailed { peer },
            BLE_IRQ_CENTRAL_DISCONNECT | BLE_IRQ_PERIPHERAL_DISCONNECT => {
                Disconnected { conn, peer, role }
            }
            BLE_IRQ_GATTS_WRITE => GattsWrite { conn, handle: a },
            BLE_IRQ_GATTS_READ_REQUEST => GattsReadRequest {
                conn,
                handle: a,
                token,
            },
            BLE_IRQ_SCAN_RESULT => ScanResult {
                peer,
                adv_type: a as u8,
                rssi: b as i8,
                data,
            },
            BLE_IRQ_SCAN_DONE => ScanDone,
            BLE_IRQ_GATTC_SERVICE_RESULT => GattcService {
                conn,
                start: a,
                end: b,
                uuid,
            },
            BLE_IRQ_GATTC_SERVICE_DONE => GattcServiceDone { conn, status: a },
            BLE_IRQ_GATTC_CHARACTERISTIC_RESULT => GattcCharacteristic {
                conn,
                end: a,
                value_handle: b,
                properties: c as u8,
                uuid,
            },
            BLE_IRQ_GATTC_CHARACTERISTIC_DONE => GattcCharacteristicDone { conn, status: a },
            BLE_IRQ_GATTC_DESCRIPTOR_RESULT => GattcDescriptor {
                conn,
                handle: a,
                uuid,
            },
            BLE_IRQ_GATTC_DESCRIPTOR_DONE => GattcDescriptorDone { conn, status: a },
            BLE_IRQ_GATTC_READ_RESULT => GattcReadResult {
                conn,
                handle: a,
                data,
            },
            BLE_IRQ_GATTC_READ_DONE => GattcReadDone {
                conn,
                handle: a,
                status: b,
            },
            BLE_IRQ_GATTC_WRITE_DONE => GattcWriteDone {
                conn,
                handle: a,
                status: b,
            },
            BLE_IRQ_GATTC_NOTIFY => GattcNotify {
                conn,
                handle: a,
                data,
            },
            BLE_IRQ_GATTC_INDICATE => GattcIndicate {
                conn,
                handle: a,
                data,
            },
            BLE_IRQ_GATTS_INDICATE_DONE => GattsIndicateDone {
                conn,
                handle: a,
                status: b as u8,
            },
            BLE_IRQ_MTU_EXCHANGED => MtuExchanged { conn, mtu: a },
            BLE_IRQ_L2CAP_ACCEPT => L2capAccept {
                conn,
                cid: a,
                psm: b,
                our_mtu: c,
                peer_mtu: d,
                token,
            },
            BLE_IRQ_L2CAP_CONNECT => L2capConnected {
                conn,
                cid: a,
                psm: b,
                our_mtu: c,
                peer_mtu: d,
            },
            BLE_IRQ_L2CAP_DISCONNECT => L2capDisconnected {
                conn,
                cid: a,
                psm: b,
                status: c,
            },
            BLE_IRQ_L2CAP_RECV => L2capRecv { conn, cid: a },
            BLE_IRQ_L2CAP_SEND_READY => L2capSendReady {
                conn,
                cid: a,
                status: b as u8,
            },
            BLE_IRQ_CONNECTION_UPDATE => ConnectionUpdate {
                conn,
                interval: a,
                latency: b,
                timeout: c,
                status: d as u8,
            },
            BLE_IRQ_ENCRYPTION_UPDATE => EncryptionUpdate {
                conn,
                encrypted: a != 0,
                authenticated: b != 0,
                bonded: c != 0,
                key_size: d as u8,
            },
            BLE_IRQ_GET_SECRET => GetSecret {
                token,
                kind: a as u8,
                index: b as u8,
                key: (self.key_len > 0).then_some(key),
            },
            BLE_IRQ_SET_SECRET => SetSecret {
                token,
                kind: a as u8,
                key,
                value: (self.data_len > 0).then_some(data),
            },
            BLE_IRQ_PASSKEY_ACTION => Event::PasskeyAction {
                conn,
                action: match a {
                    BLE_PASSKEY_INPUT => self::PasskeyAction::Input,
                    BLE_PASSKEY_DISPLAY => self::PasskeyAction::Display,
                    _ => self::PasskeyAction::NumericComparison(u32::from(d) << 16 | u32::from(c)),
                },
            },
            _ => return None,
        })
    }
}

/// What the user is asked to do in a pairing (Vol 3, Part H, 2.3.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyAction {
    /// Type in the six digits that the peer shows.
    Input,
    /// Choose and show six digits; the script answers with them.
    Display,
    /// Say whether both sides show these six digits (0 to 999,999).
    NumericComparison(u32),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MAX_EVENTS;

    #[test]
    fn an_address_is_as_printed_and_a_uuid_as_on_the_wire() {
        let mut events = Events::new();
        let record = events.push(BLE_IRQ_PERIPHERAL_CONNECT, 64, 0);
        record.set_peer(&Address::random([1, 2, 3, 4, 5, 0xc6]));
        assert_eq!(record.bytes[..6], [0xc6, 5, 4, 3, 2, 1]);
        assert_eq!((record.kind, record.conn, record.addr_type), (7, 64, 1));
        let record = events.push(BLE_IRQ_GATTC_DESCRIPTOR_RESULT, 64, 5);
        record.set_uuid(&Uuid::short(0x2902));
        assert_eq!((record.uuid_len, &record.bytes[..2]), (2, &[2, 0x29][..]));
    }

    #[test]
    fn events_leave_in_order_and_begin_empty() {
        let mut events = Events::new();
        for turn in 0..3 {
            for value in 0..MAX_EVENTS as u16 {
                events.push(BLE_IRQ_GATTS_WRITE, turn, value).token = 9;
            }
            for value in 0..MAX_EVENTS as u16 {
                let record = events.pop().unwrap();
                assert_eq!((record.conn, record.value), (turn, [value, 0, 0, 0]));
            }
            assert_eq!(events.pop(), None);
            events.push(BLE_IRQ_SCAN_DONE, 0, 0);
            assert_eq!(events.pop().map(|record| record.token), Some(0));
        }
    }
}
