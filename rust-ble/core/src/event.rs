//! What the host has to tell the script, one at a time.

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

/// One event for the script. Slices point into the host's buffers and are
/// valid until the next call that changes the host.
///
/// `conn` is always the HCI connection handle. A `status` is zero, an ATT
/// error code, or an HCI error code as said.
///
/// The discriminants are MicroPython's `_IRQ_...`, of a link those for our role
/// as peripheral. Events with the same values have them in the same order, and
/// with it in the same place, so that they are taken apart together.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum Event<'a> {
    Connected {
        conn: u16,
        peer: Address,
        role: Role,
    } = 1,
    Disconnected {
        conn: u16,
        peer: Address,
        role: Role,
    } = 2,
    /// Interval in 1.25 ms, timeout in 10 ms; `status` is an HCI error code.
    ConnectionUpdate {
        conn: u16,
        interval: u16,
        latency: u16,
        timeout: u16,
        status: u8,
    } = 27,
    MtuExchanged {
        conn: u16,
        mtu: u16,
    } = 21,

    ScanResult {
        peer: Address,
        adv_type: u8,
        rssi: i8,
        data: &'a [u8],
    } = 5,
    ScanDone = 6,
    /// A connection attempt ended without a link; MicroPython reports it as
    /// a disconnect of handle 0xffff.
    ConnectFailed {
        peer: Address,
    } = 8,

    GattsWrite {
        conn: u16,
        handle: u16,
    } = 3,
    /// Query: `Host::answer_read` with an ATT error code or zero.
    GattsReadRequest {
        conn: u16,
        handle: u16,
        token: Token,
    } = 4,
    GattsIndicateDone {
        conn: u16,
        handle: u16,
        status: u8,
    } = 20,

    GattcService {
        conn: u16,
        start: u16,
        end: u16,
        uuid: Uuid,
    } = 9,
    GattcServiceDone {
        conn: u16,
        status: u16,
    } = 10,
    GattcCharacteristic {
        conn: u16,
        end: u16,
        value_handle: u16,
        properties: u8,
        uuid: Uuid,
    } = 11,
    GattcCharacteristicDone {
        conn: u16,
        status: u16,
    } = 12,
    GattcDescriptor {
        conn: u16,
        handle: u16,
        uuid: Uuid,
    } = 13,
    GattcDescriptorDone {
        conn: u16,
        status: u16,
    } = 14,
    GattcReadResult {
        conn: u16,
        handle: u16,
        data: &'a [u8],
    } = 15,
    GattcReadDone {
        conn: u16,
        handle: u16,
        status: u16,
    } = 16,
    GattcWriteDone {
        conn: u16,
        handle: u16,
        status: u16,
    } = 17,
    GattcNotify {
        conn: u16,
        handle: u16,
        data: &'a [u8],
    } = 18,
    GattcIndicate {
        conn: u16,
        handle: u16,
        data: &'a [u8],
    } = 19,

    EncryptionUpdate {
        conn: u16,
        encrypted: bool,
        authenticated: bool,
        bonded: bool,
        key_size: u8,
    } = 28,
    PasskeyAction {
        conn: u16,
        action: PasskeyAction,
    } = 31,
    /// Query: `Host::answer_secret` with the value. `key` of `None` asks for
    /// the `index`th entry of the type.
    GetSecret {
        token: Token,
        kind: u8,
        index: u8,
        key: Option<&'a [u8]>,
    } = 29,
    /// Query: `Host::answer_stored`. `value` of `None` deletes.
    SetSecret {
        token: Token,
        kind: u8,
        key: &'a [u8],
        value: Option<&'a [u8]>,
    } = 30,

    /// Query: `Host::answer_accept`, with memory for the channel or a refusal.
    L2capAccept {
        conn: u16,
        cid: u16,
        psm: u16,
        our_mtu: u16,
        peer_mtu: u16,
        token: Token,
    } = 22,
    L2capConnected {
        conn: u16,
        cid: u16,
        psm: u16,
        our_mtu: u16,
        peer_mtu: u16,
    } = 23,
    L2capDisconnected {
        conn: u16,
        cid: u16,
        psm: u16,
        status: u16,
    } = 24,
    L2capRecv {
        conn: u16,
        cid: u16,
    } = 25,
    L2capSendReady {
        conn: u16,
        cid: u16,
        status: u8,
    } = 26,
}

impl<'a> Event<'a> {
    /// The same event with each of its slices replaced.
    pub fn map<'b>(self, replace: &mut dyn FnMut(&'a [u8]) -> &'b [u8]) -> Event<'b> {
        use Event::*;
        match self {
            ScanResult {
                peer,
                adv_type,
                rssi,
                data,
            } => ScanResult {
                peer,
                adv_type,
                rssi,
                data: replace(data),
            },
            GattcReadResult { conn, handle, data } => GattcReadResult {
                conn,
                handle,
                data: replace(data),
            },
            GattcNotify { conn, handle, data } => GattcNotify {
                conn,
                handle,
                data: replace(data),
            },
            GattcIndicate { conn, handle, data } => GattcIndicate {
                conn,
                handle,
                data: replace(data),
            },
            GetSecret {
                token,
                kind,
                index,
                key,
            } => GetSecret {
                token,
                kind,
                index,
                key: key.map(replace),
            },
            SetSecret {
                token,
                kind,
                key,
                value,
            } => SetSecret {
                token,
                kind,
                key: replace(key),
                value: value.map(replace),
            },
            Connected { conn, role, peer } => Connected { conn, role, peer },
            Disconnected { conn, role, peer } => Disconnected { conn, role, peer },
            ConnectionUpdate {
                conn,
                interval,
                latency,
                timeout,
                status,
            } => ConnectionUpdate {
                conn,
                interval,
                latency,
                timeout,
                status,
            },
            MtuExchanged { conn, mtu } => MtuExchanged { conn, mtu },
            ScanDone => ScanDone,
            ConnectFailed { peer } => ConnectFailed { peer },
            GattsWrite { conn, handle } => GattsWrite { conn, handle },
            GattsReadRequest {
                token,
                conn,
                handle,
            } => GattsReadRequest {
                token,
                conn,
                handle,
            },
            GattsIndicateDone {
                conn,
                handle,
                status,
            } => GattsIndicateDone {
                conn,
                handle,
                status,
            },
            GattcService {
                conn,
                start,
                end,
                uuid,
            } => GattcService {
                conn,
                start,
                end,
                uuid,
            },
            GattcServiceDone { conn, status } => GattcServiceDone { conn, status },
            GattcCharacteristic {
                conn,
                end,
                value_handle,
                properties,
                uuid,
            } => GattcCharacteristic {
                conn,
                end,
                value_handle,
                properties,
                uuid,
            },
            GattcCharacteristicDone { conn, status } => GattcCharacteristicDone { conn, status },
            GattcDescriptor { conn, handle, uuid } => GattcDescriptor { conn, handle, uuid },
            GattcDescriptorDone { conn, status } => GattcDescriptorDone { conn, status },
            GattcReadDone {
                conn,
                handle,
                status,
            } => GattcReadDone {
                conn,
                handle,
                status,
            },
            GattcWriteDone {
                conn,
                handle,
                status,
            } => GattcWriteDone {
                conn,
                handle,
                status,
            },
            EncryptionUpdate {
                conn,
                encrypted,
                authenticated,
                bonded,
                key_size,
            } => EncryptionUpdate {
                conn,
                encrypted,
                authenticated,
                bonded,
                key_size,
            },
            PasskeyAction { conn, action } => PasskeyAction { conn, action },
            L2capAccept {
                token,
                conn,
                cid,
                psm,
                our_mtu,
                peer_mtu,
            } => L2capAccept {
                token,
                conn,
                cid,
                psm,
                our_mtu,
                peer_mtu,
            },
            L2capConnected {
                conn,
                cid,
                psm,
                our_mtu,
                peer_mtu,
            } => L2capConnected {
                conn,
                cid,
                psm,
                our_mtu,
                peer_mtu,
            },
            L2capDisconnected {
                conn,
                cid,
                psm,
                status,
            } => L2capDisconnected {
                conn,
                cid,
                psm,
                status,
            },
            L2capRecv { conn, cid } => L2capRecv { conn, cid },
            L2capSendReady { conn, cid, status } => L2capSendReady { conn, cid, status },
        }
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
