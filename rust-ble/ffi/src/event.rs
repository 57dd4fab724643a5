//! Events as a flat record, its payload copied to a buffer of the glue.

use ble_core::wire::copy;
use ble_core::{Address, Event, PasskeyAction as Action, Role, Uuid};

/// Room that the payload of any event needs: a notification, or the key and
/// value of a secret.
pub const BLE_EVENT_BYTES: usize = 520;
const _: () = assert!(BLE_EVENT_BYTES >= ble_core::config::MAX_MTU);

/// One event. `kind` is MicroPython's `_IRQ_…` number; the meaning of the
/// values is that of the event's tuple, in its order.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct ble_event_t {
    /// `_IRQ_…`.
    pub kind: u8,
    /// 0 public, 1 random.
    pub addr_type: u8,
    /// Most significant byte first.
    pub addr: [u8; 6],
    /// Connection handle.
    pub conn: u16,
    /// Names a query, for its answer.
    pub token: u16,
    /// What follows the connection handle and address in the event's tuple.
    pub value: [u16; 4],
    /// Of `_IRQ_PASSKEY_ACTION`.
    pub passkey: u32,
    /// 0, 2 or 16.
    pub uuid_len: u8,
    /// Least significant byte first.
    pub uuid: [u8; 16],
    /// Whether there is a key; the payload starts with it.
    pub has_key: bool,
    /// Whether there is data; it follows the key.
    pub has_data: bool,
    /// Length of the key.
    pub key_len: u16,
    /// Length of the data.
    pub data_len: u16,
}

// `_IRQ_…` and `_PASSKEY_ACTION_…` of modbluetooth.h, which abi_check.c compares.
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

/// The handle of a link that never was.
const NO_CONN: u16 = 0xffff;

impl ble_event_t {
    #[inline(never)]
    fn set_address(&mut self, peer: Address) {
        self.addr_type = peer.kind as u8;
        self.addr = peer.bytes;
        self.addr.reverse();
    }

    #[inline(never)]
    fn set_uuid(&mut self, uuid: Uuid) {
        self.uuid_len = uuid.len() as u8;
        self.uuid = uuid.to_bytes();
    }

    /// Copies the payload; what does not fit is cut.
    #[inline(never)]
    fn set_payload(&mut self, out: &mut [u8], key: Option<&[u8]>, data: Option<&[u8]>) {
        (self.has_key, self.has_data) = (key.is_some(), data.is_some());
        let key_len = copy(out, key.unwrap_or_default());
        let rest = out.get_mut(key_len..).unwrap_or_default();
        let data_len = copy(rest, data.unwrap_or_default());
        (self.key_len, self.data_len) = (key_len as u16, data_len as u16);
    }
}

/// Fills in the record of an event, empty so far, its payload in `out`.
#[inline(never)]
pub(crate) fn flatten_to(record: &mut ble_event_t, event: &Event<'_>, out: &mut [u8]) {
    use Event::*;
    // SAFETY: an enum with `repr(u8)` begins with its discriminant.
    let mut kind = unsafe { *(event as *const Event).cast::<u8>() };
    let (mut peer, mut uuid, mut key, mut data) = (None, None, None, None);
    let (conn, value) = match *event {
        Connected {
            conn,
            role,
            peer: address,
        }
        | Disconnected {
            conn,
            role,
            peer: address,
        } => {
            peer = Some(address);
            if role == Role::Central {
                kind += BLE_IRQ_PERIPHERAL_CONNECT - BLE_IRQ_CENTRAL_CONNECT;
            }
            (conn, [0; 4])
        }
        ConnectFailed { peer: address } => {
            peer = Some(address);
            (NO_CONN, [0; 4])
        }
        ScanResult {
            peer: address,
            adv_type,
            rssi,
            data: report,
        } => {
            peer = Some(address);
            data = Some(report);
            (0, [adv_type.into(), rssi as u8 as u16, 0, 0])
        }
        ScanDone => (0, [0; 4]),

        MtuExchanged { conn, mtu: a }
        | GattsWrite { conn, handle: a }
        | GattcServiceDone { conn, status: a }
        | GattcCharacteristicDone { conn, status: a }
        | GattcDescriptorDone { conn, status: a }
        | L2capRecv { conn, cid: a } => (conn, [a, 0, 0, 0]),
        GattcReadDone {
            conn,
            handle: a,
            status: b,
        }
        | GattcWriteDone {
            conn,
            handle: a,
            status: b,
        } => (conn, [a, b, 0, 0]),
        GattsIndicateDone {
            conn,
            handle: a,
            status: b,
        }
        | L2capSendReady {
            conn,
            cid: a,
            status: b,
        } => (conn, [a, b.into(), 0, 0]),
        GattcReadResult {
            conn,
            handle,
            data: read,
        }
        | GattcNotify {
            conn,
            handle,
            data: read,
        }
        | GattcIndicate {
            conn,
            handle,
            data: read,
        } => {
            data = Some(read);
            (conn, [handle, 0, 0, 0])
        }
        GattsReadRequest {
            conn,
            handle,
            token,
        } => {
            record.token = token.0;
            (conn, [handle, 0, 0, 0])
        }

        GattcService {
            conn,
            start,
            end,
            uuid: found,
        } => {
            uuid = Some(found);
            (conn, [start, end, 0, 0])
        }
        GattcCharacteristic {
            conn,
            end,
            value_handle,
            properties,
            uuid: found,
        } => {
            uuid = Some(found);
            (conn, [end, value_handle, properties.into(), 0])
        }
        GattcDescriptor {
            conn,
            handle,
            uuid: found,
        } => {
            uuid = Some(found);
            (conn, [handle, 0, 0, 0])
        }

        ConnectionUpdate {
            conn,
            interval,
            latency,
            timeout,
            status,
        } => (conn, [interval, latency, timeout, status.into()]),
        EncryptionUpdate {
            conn,
            encrypted,
            authenticated,
            bonded,
            key_size,
        } => (
            conn,
            [
                encrypted.into(),
                authenticated.into(),
                bonded.into(),
                key_size.into(),
            ],
        ),
        PasskeyAction { conn, action } => {
            let action = match action {
                Action::Input => BLE_PASSKEY_INPUT,
                Action::Display => BLE_PASSKEY_DISPLAY,
                Action::NumericComparison(digits) => {
                    record.passkey = digits;
                    BLE_PASSKEY_NUMERIC_COMPARISON
                }
            };
            (conn, [action, 0, 0, 0])
        }
        GetSecret {
            token,
            kind,
            index,
            key: wanted,
        } => {
            record.token = token.0;
            key = wanted;
            (0, [kind.into(), index.into(), 0, 0])
        }
        SetSecret {
            token,
            kind,
            key: changed,
            value,
        } => {
            record.token = token.0;
            (key, data) = (Some(changed), value);
            (0, [kind.into(), 0, 0, 0])
        }

        L2capAccept {
            conn,
            cid,
            psm,
            our_mtu,
            peer_mtu,
            token,
        } => {
            record.token = token.0;
            (conn, [cid, psm, our_mtu, peer_mtu])
        }
        L2capConnected {
            conn,
            cid,
            psm,
            our_mtu,
            peer_mtu,
        } => (conn, [cid, psm, our_mtu, peer_mtu]),
        L2capDisconnected {
            conn,
            cid,
            psm,
            status,
        } => (conn, [cid, psm, status, 0]),
    };
    if let Some(peer) = peer {
        record.set_address(peer);
    }
    if let Some(uuid) = uuid {
        record.set_uuid(uuid);
    }
    record.set_payload(out, key, data);
    (record.kind, record.conn, record.value) = (kind, conn, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ble_core::Token;

    fn flatten(event: Event<'_>, out: &mut [u8]) -> ble_event_t {
        let mut record = ble_event_t::default();
        flatten_to(&mut record, &event, out);
        record
    }

    #[test]
    fn a_link_is_named_by_the_role_of_the_peer_and_its_printed_address() {
        let mut out = [0xa5; BLE_EVENT_BYTES];
        let peer = Address::random([1, 2, 3, 4, 5, 0xc6]);
        let event = flatten(
            Event::Connected {
                conn: 64,
                role: Role::Peripheral,
                peer,
            },
            &mut out,
        );
        assert_eq!((event.kind, event.conn, event.addr_type), (1, 64, 1));
        assert_eq!(event.addr, [0xc6, 5, 4, 3, 2, 1]);
        let event = flatten(
            Event::Disconnected {
                conn: 64,
                role: Role::Central,
                peer,
            },
            &mut out,
        );
        assert_eq!(event.kind, 8);
    }

    #[test]
    fn a_secret_carries_its_key_and_its_value() {
        let mut out = [0xa5; BLE_EVENT_BYTES];
        let event = Event::SetSecret {
            token: Token(9),
            kind: 3,
            key: &[1, 2],
            value: Some(&[3]),
        };
        let event = flatten(event, &mut out);
        assert_eq!((event.kind, event.token, event.value[0]), (30, 9, 3));
        assert_eq!(
            (event.has_key, event.key_len, event.has_data, event.data_len),
            (true, 2, true, 1)
        );
        assert_eq!(out[..4], [1, 2, 3, 0xa5]);
    }

    #[test]
    fn deleting_a_secret_is_told_from_an_empty_value() {
        let mut out = [0; BLE_EVENT_BYTES];
        let event = Event::SetSecret {
            token: Token(0),
            kind: 3,
            key: &[1],
            value: None,
        };
        assert!(!flatten(event, &mut out).has_data);
        let event = Event::SetSecret {
            token: Token(0),
            kind: 3,
            key: &[1],
            value: Some(&[]),
        };
        assert!(flatten(event, &mut out).has_data);
    }

    #[test]
    fn a_payload_that_does_not_fit_is_cut() {
        let mut out = [0; 4];
        let event = Event::GattcNotify {
            conn: 1,
            handle: 2,
            data: &[7; 9],
        };
        assert_eq!(flatten(event, &mut out).data_len, 4);
        assert_eq!(out, [7; 4]);
    }

    #[test]
    fn a_weak_signal_stays_negative_in_eight_bits() {
        let peer = Address::public([0; 6]);
        let event = Event::ScanResult {
            peer,
            adv_type: 4,
            rssi: -71,
            data: &[],
        };
        let event = flatten(event, &mut []);
        assert_eq!((event.value[0], event.value[1] as u8 as i8), (4, -71));
    }
}
