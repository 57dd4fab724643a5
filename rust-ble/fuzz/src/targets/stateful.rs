//! Commands of the script, of peers and of the controller, typed, to a host
//! with an encrypted link: deeper than bytes alone come.

use crate::driver::{Driver, Prepared, CONN, OURS, PEER, VALUES};
use arbitrary::{Arbitrary, Unstructured};
use ble_core::smp::crypto::c1;
use ble_core::smp::{IoCapability, SecurityConfig};
use ble_core::Uuid;
use ble_sim::sweep::ledger::Procedure;

#[derive(Arbitrary, Debug)]
enum Op {
    Services(Option<u16>),
    Characteristics {
        start: u16,
        end: u16,
    },
    Descriptors {
        start: u16,
        end: u16,
    },
    Read(u16),
    Write {
        handle: u16,
        value: Vec<u8>,
        mode: u8,
    },
    Mtu,
    Notify {
        value: u8,
        data: Vec<u8>,
    },
    Indicate {
        value: u8,
    },
    Update {
        value: u8,
        data: Vec<u8>,
    },
    Pair,
    Parameters {
        interval: u16,
        latency: u16,
    },
    Listen {
        psm: u8,
        mtu: u8,
    },
    Open {
        psm: u8,
        mtu: u8,
    },
    Send {
        cid: u8,
        data: Vec<u8>,
    },
    Receive {
        cid: u8,
    },
    Close {
        cid: u8,
    },
    Peer(Peer),
    Event {
        code: u8,
        params: Vec<u8>,
    },
    LeEvent {
        code: u8,
        params: Vec<u8>,
    },
    Time(u16),
    Obey(bool),
    Answer {
        status: u8,
    },
}

/// What the peer sends.
#[derive(Arbitrary, Debug)]
enum Peer {
    /// A response to our last request.
    Response(Vec<u8>),
    Error(u8),
    ReadByGroup {
        start: u16,
        end: u16,
    },
    ReadByType {
        start: u16,
        end: u16,
        kind: u16,
    },
    FindInformation {
        start: u16,
        end: u16,
    },
    FindByValue {
        start: u16,
        end: u16,
        kind: u16,
        value: Vec<u8>,
    },
    Read(u8),
    ReadBlob {
        handle: u8,
        offset: u16,
    },
    ReadMultiple(Vec<u8>),
    Write {
        handle: u8,
        value: Vec<u8>,
    },
    WriteCommand {
        handle: u8,
        value: Vec<u8>,
    },
    Prepare {
        handle: u8,
        offset: u16,
        value: Vec<u8>,
    },
    Execute(bool),
    ExchangeMtu(u16),
    Confirm,
    Notification {
        handle: u16,
        value: Vec<u8>,
    },
    Indication {
        handle: u16,
        value: Vec<u8>,
    },
    ChannelRequest {
        psm: u8,
        scid: u8,
        mtu: u16,
        mps: u16,
        credits: u16,
    },
    ChannelResponse {
        dcid: u8,
        mtu: u16,
        mps: u16,
        credits: u16,
        result: u8,
    },
    Credits {
        cid: u8,
        credits: u16,
    },
    Disconnect {
        dcid: u8,
        scid: u8,
    },
    Frame {
        cid: u8,
        sdu: u16,
        data: Vec<u8>,
    },
    Signal(Vec<u8>),
    Smp {
        code: u8,
        body: Vec<u8>,
    },
    Raw {
        channel: u16,
        payload: Vec<u8>,
    },
}

/// Typed steps out of the fuzzer's bytes.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(central) = bool::arbitrary(&mut input) else {
        return;
    };
    let mut driver = encrypted(central);
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        match Op::arbitrary(&mut input) {
            Ok(op) => step(&mut driver, op),
            Err(_) => break,
        }
    }
    driver.finish();
}

/// A host whose link is encrypted.
fn encrypted(central: bool) -> Driver {
    thread_local!(static PREPARED: [Prepared; 2] =
        [false, true].map(|central| Prepared::new(|driver| encrypt(driver, central))));
    PREPARED.with(|prepared| prepared[central as usize].copy())
}

/// Encrypts the link by a legacy pairing, in which we play the peer.
fn encrypt(driver: &mut Driver, central: bool) {
    driver.host.set_security_config(SecurityConfig {
        io: IoCapability::NoInputNoOutput,
        secure: false,
        ..SecurityConfig::default()
    });
    driver.start();
    driver.connect(central);
    let (initiator, responder) = if central { (OURS, PEER) } else { (PEER, OURS) };
    const FEATURES: [u8; 6] = [3, 0, 0, 16, 0, 0];
    const RANDOM: [u8; 16] = [0x77; 16];
    let (request, response);
    if central {
        let _ = driver.host.pair(driver.now, CONN);
        driver.turn();
        request = command(&driver.pairing);
        response = command(&[&[2], &FEATURES[..]].concat());
        driver.pdu(6, &response);
    } else {
        request = command(&[&[1], &FEATURES[..]].concat());
        driver.pdu(6, &request);
        response = command(&driver.pairing);
    }
    let confirm = c1(
        &[0; 16], &RANDOM, &request, &response, &initiator, &responder,
    );
    driver.pdu(6, &[&[3], &confirm[..]].concat());
    driver.pdu(6, &[&[4], &RANDOM[..]].concat());
    if !central {
        let mut asked = [0; 12];
        asked[0] = CONN as u8;
        driver.le_event(0x05, &asked);
    }
}

/// A Pairing Request or Response; zeros if it is none.
fn command(pdu: &[u8]) -> [u8; 7] {
    pdu.try_into().unwrap_or_default()
}

fn step(driver: &mut Driver, op: Op) {
    let now = driver.now;
    match op {
        Op::Services(uuid) => driver.begin(Procedure::Services, |h| {
            h.discover_services(now, CONN, uuid.map(Uuid::short))
        }),
        Op::Characteristics { start, end } => driver.begin(Procedure::Characteristics, |h| {
            h.discover_characteristics(now, CONN, start, end, None)
        }),
        Op::Descriptors { start, end } => driver.begin(Procedure::Descriptors, |h| {
            h.discover_descriptors(now, CONN, start, end)
        }),
        Op::Read(handle) => {
            driver.begin(Procedure::Read(handle), |h| h.gattc_read(now, CONN, handle))
        }
        Op::Write {
            handle,
            value,
            mode,
        } => match mode % 3 {
            0 => {
                let _ = driver.host.gattc_write(now, CONN, handle, &value, 0);
            }
            mode => driver.begin(Procedure::Write(handle), |h| {
                h.gattc_write(now, CONN, handle, &value, mode as u32)
            }),
        },
        Op::Mtu => {
            let _ = driver.host.exchange_mtu(now, CONN);
        }
        Op::Notify { value, data } => {
            let _ = driver
                .host
                .notify(now, CONN, VALUES[value as usize % 4], Some(&data));
        }
        Op::Indicate { value } => {
            let value = VALUES[value as usize % 4];
            if driver.host.indicate(now, CONN, value, None).is_ok() {
                driver.ledger.indicated(CONN, value);
            }
        }
        Op::Update { value, data } => {
            driver.write(VALUES[value as usize % 4], &data, true);
        }
        Op::Pair => {
            let _ = driver.host.pair(now, CONN);
        }
        Op::Parameters { interval, latency } => {
            let _ = driver
                .host
                .update_connection(now, CONN, interval, interval, latency, 500);
        }
        Op::Listen { psm, mtu } => {
            let _ = driver
                .host
                .l2cap_listen(0x80 + psm as u16 % 4, 23 + mtu as u16);
        }
        Op::Open { psm, mtu } => {
            let mtu = 23 + mtu as u16;
            let memory = driver.lend(ble_core::l2cap::memory_needed(mtu));
            let psm = 0x80 + psm as u16 % 4;
            if let Ok(cid) = driver.host.l2cap_connect(now, CONN, psm, mtu, memory) {
                driver.ledger.channel(CONN, cid);
            }
        }
        Op::Send { cid, data } => {
            let _ = driver.host.l2cap_send(now, CONN, channel(cid), &data);
        }
        Op::Receive { cid } => {
            let mut buf = [0; 64];
            let _ = driver
                .host
                .l2cap_recvinto(now, CONN, channel(cid), Some(&mut buf));
        }
        Op::Close { cid } => {
            let _ = driver.host.l2cap_disconnect(now, CONN, channel(cid));
        }
        Op::Peer(peer) => send(driver, peer),
        Op::Event { code, params } => driver.event(code, &params),
        Op::LeEvent { code, params } => driver.le_event(code, &params),
        Op::Time(ms) => driver.time(ms as u32),
        Op::Obey(obeys) => driver.obeys = obeys,
        Op::Answer { status } => driver.answer(status, &[]),
    }
    driver.turn();
}

fn channel(cid: u8) -> u16 {
    0x40 + cid as u16 % 8
}

/// A handle among those of the database, or just past them.
fn handle(handle: u8) -> u16 {
    handle as u16 % 32
}

/// Bytes of PDUs, least significant byte first.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn of(opcode: u8) -> Self {
        Bytes(vec![opcode])
    }

    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&bytes[..bytes.len().min(600)]);
        self
    }
}

fn send(driver: &mut Driver, peer: Peer) {
    let signal = |code: u8, body: Bytes| {
        let len = body.0.len() as u16;
        Bytes(vec![code, 1]).u16(len).bytes(&body.0)
    };
    let request = driver.request;
    let (cid, pdu) = match peer {
        Peer::Response(body) => (4, Bytes::of(request.wrapping_add(1)).bytes(&body)),
        Peer::Error(code) => (4, Bytes::of(1).bytes(&[request, 1, 0, code])),
        Peer::ReadByGroup { start, end } => (4, Bytes::of(0x10).u16(start).u16(end).u16(0x2800)),
        Peer::ReadByType { start, end, kind } => (4, Bytes::of(8).u16(start).u16(end).u16(kind)),
        Peer::FindInformation { start, end } => (4, Bytes::of(4).u16(start).u16(end)),
        Peer::FindByValue {
            start,
            end,
            kind,
            value,
        } => (4, Bytes::of(6).u16(start).u16(end).u16(kind).bytes(&value)),
        Peer::Read(at) => (4, Bytes::of(0x0a).u16(handle(at))),
        Peer::ReadBlob { handle: at, offset } => (4, Bytes::of(0x0c).u16(handle(at)).u16(offset)),
        Peer::ReadMultiple(handles) => {
            let pdu = handles
                .iter()
                .fold(Bytes::of(0x0e), |pdu, at| pdu.u16(handle(*at)));
            (4, pdu)
        }
        Peer::Write { handle: at, value } => (4, Bytes::of(0x12).u16(handle(at)).bytes(&value)),
        Peer::WriteCommand { handle: at, value } => {
            (4, Bytes::of(0x52).u16(handle(at)).bytes(&value))
        }
        Peer::Prepare {
            handle: at,
            offset,
            value,
        } => (4, Bytes::of(0x16).u16(handle(at)).u16(offset).bytes(&value)),
        Peer::Execute(write) => (4, Bytes::of(0x18).bytes(&[write as u8])),
        Peer::ExchangeMtu(mtu) => (4, Bytes::of(2).u16(mtu)),
        Peer::Confirm => (4, Bytes::of(0x1e)),
        Peer::Notification { handle, value } => (4, Bytes::of(0x1b).u16(handle).bytes(&value)),
        Peer::Indication { handle, value } => (4, Bytes::of(0x1d).u16(handle).bytes(&value)),
        Peer::ChannelRequest {
            psm,
            scid,
            mtu,
            mps,
            credits,
        } => {
            let body = Bytes::default()
                .u16(0x80 + psm as u16 % 4)
                .u16(channel(scid));
            (5, signal(0x14, body.u16(mtu).u16(mps).u16(credits)))
        }
        Peer::ChannelResponse {
            dcid,
            mtu,
            mps,
            credits,
            result,
        } => {
            let body = Bytes::default().u16(channel(dcid)).u16(mtu).u16(mps);
            (5, signal(0x15, body.u16(credits).u16(result as u16)))
        }
        Peer::Credits { cid, credits } => (
            5,
            signal(0x16, Bytes::default().u16(channel(cid)).u16(credits)),
        ),
        Peer::Disconnect { dcid, scid } => (
            5,
            signal(0x06, Bytes::default().u16(channel(dcid)).u16(channel(scid))),
        ),
        Peer::Frame { cid, sdu, data } => {
            let first = if sdu & 1 != 0 {
                Bytes::default().u16(sdu >> 1)
            } else {
                Bytes::default()
            };
            (channel(cid), first.bytes(&data))
        }
        Peer::Signal(bytes) => (5, Bytes::default().bytes(&bytes)),
        Peer::Smp { code, body } => (6, Bytes::of(code).bytes(&body)),
        Peer::Raw { channel, payload } => (channel, Bytes::default().bytes(&payload)),
    };
    driver.pdu(cid, &pdu.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_encrypted_before_the_first_step() {
        for central in [true, false] {
            let mut driver = encrypted(central);
            assert!(driver.encrypted, "central: {central}");
            driver.pdu(4, &[0x0a, VALUES[1] as u8, 0]);
            assert_eq!(driver.request, 0x0b, "what needs encryption is read");
            driver.finish();
        }
    }
}
