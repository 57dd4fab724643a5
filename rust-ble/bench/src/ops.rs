//! A host with a controller that says yes to everything, and the operations
//! that are counted: all that the host does until it is quiet again, from the
//! first byte to the controller's last answer.

use crate::meter::measured;
use ble_core::gatt::db::flag;
use ble_core::host::{Host, Options};
use ble_core::l2cap::MPS;
use ble_core::smp::crypto::{f5, f6, KeyPair};
use ble_core::{Address, Event, Instant, Uuid};
use Op::*;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Report,
    ReadServed,
    WriteServed,
    ServiceFound,
    NotifySent,
    NotifyReceived,
    WriteCommandSent,
    WriteSent,
    ChannelSent,
    ChannelReceived,
    Connection,
    Pairing,
    KeyPairMade,
    DhKey,
    DhKeyPart,
    DhKeyEnd,
}

/// All operations, with their names, in the order of the report.
pub const OPS: [(Op, &str); 16] = [
    (Report, "advertising report to event"),
    (ReadServed, "ATT read served, the script asked"),
    (WriteServed, "ATT write of 20 bytes served"),
    (ServiceFound, "Find By Type Value served: the last service"),
    (NotifySent, "notification of 20 bytes sent"),
    (NotifyReceived, "notification of 20 bytes received"),
    (WriteCommandSent, "write of 20 bytes without response sent"),
    (WriteSent, "write of 20 bytes with response sent, answered"),
    (ChannelSent, "L2CAP kilobyte sent"),
    (ChannelReceived, "L2CAP kilobyte received and read"),
    (Connection, "connection set up and ended"),
    (Pairing, "pairing, LE Secure Connections, Just Works"),
    (KeyPairMade, "P-256 key pair"),
    (DhKey, "P-256 DHKey"),
    (DhKeyPart, "P-256 in steps: one of them"),
    (DhKeyEnd, "P-256 in steps: the last, which gives the result"),
];

/// SDUs of the channel, in bytes.
pub const SDU: u16 = 1024;

const FIRST_HANDLE: u16 = 0x40;
const START: Instant = Instant(1);
/// The host rests no longer than this while it has work.
const REST_MS: u32 = 20;
/// Data bytes of one of the controller's ACL packets.
const ACL_LEN: usize = 251;
const LAST_SERVICE: [u8; 2] = [0x99, 0x18];

/// A host on a scripted controller.
pub struct Bench<'a> {
    host: &'a mut Host,
    now: Instant,
    channel_memory: Option<&'static mut [u8]>,
    value: u16,
    /// Handle of the last of the links.
    conn: u16,
    /// CID of the channel on it, once there is one.
    channel: Option<u16>,
    /// Events since the operation began.
    told: usize,
    /// The link of the last event about it became encrypted.
    encrypted: bool,
    last: Sent,
}

/// The last ACL packet that the host sent, in which all PDUs but those of a
/// channel fit whole.
struct Sent {
    bytes: [u8; ACL_LEN],
    len: usize,
}

impl Sent {
    /// The payload of its L2CAP PDU.
    fn payload(&self) -> &[u8] {
        self.bytes.get(4..self.len).unwrap_or(&[])
    }
}

impl<'a> Bench<'a> {
    /// Starts a blank host, registers `attributes` attributes in `memory` and
    /// makes `links` links as peripheral, and scans. `channel_memory` has
    /// `l2cap::memory_needed(SDU)` bytes.
    pub fn new(
        host: &'a mut Host,
        memory: &'static mut [u8],
        channel_memory: &'static mut [u8],
        attributes: usize,
        links: usize,
    ) -> Self {
        host.prepare();
        host.seed(&[1; 32]);
        host.database().lend(memory);
        host.start(START, Options::default()).ok();
        let mut bench = Bench {
            host,
            now: START,
            channel_memory: Some(channel_memory),
            value: 0,
            conn: FIRST_HANDLE + links as u16 - 1,
            channel: None,
            told: 0,
            encrypted: false,
            last: Sent {
                bytes: [0; ACL_LEN],
                len: 0,
            },
        };
        bench.turn();
        let db = bench.host.database();
        db.begin(false);
        db.add_service(&Uuid::short(0x181a)).ok();
        while (db.last_handle() as usize) < attributes.saturating_sub(4) {
            db.add_characteristic(&Uuid::short(0x2a6e), flag::READ).ok();
        }
        db.add_service(&Uuid::short(u16::from_le_bytes(LAST_SERVICE)))
            .ok();
        let flags = flag::READ | flag::WRITE | flag::WRITE_NO_RESPONSE | flag::NOTIFY;
        bench.value = db
            .add_characteristic(&Uuid::short(0x2a6f), flags)
            .unwrap_or(0);
        db.end();
        for i in 0..links {
            bench.connect(FIRST_HANDLE + i as u16);
        }
        bench.host.start_scan(START, 0, 30_000, 30_000, false).ok();
        bench.turn();
        bench
    }

    /// Does an operation once, on the last link; `false` if it did not come
    /// to its end.
    pub fn run(&mut self, op: Op) -> bool {
        let [vl, vh] = self.value.to_le_bytes();
        (self.told, self.encrypted, self.last.len) = (0, false, 0);
        match op {
            Report => {
                let mut report = [0x11; 14 + 32];
                report[..14].copy_from_slice(&[4, 0x3e, 43, 2, 1, 0, 1, 9, 8, 7, 6, 5, 0xc4, 31]);
                self.exchange(&report);
                self.told == 1
            }
            ReadServed => self.answered(&[0x0a, vl, vh], 0x0b),
            WriteServed => self.answered(&with_value([0x12, vl, vh]), 0x13),
            ServiceFound => {
                let [low, high] = LAST_SERVICE;
                self.answered(&[0x06, 1, 0, 0xff, 0xff, 0, 0x28, low, high], 0x07)
            }
            NotifySent => {
                let (conn, value) = (self.conn, self.value);
                measured(&mut || {
                    self.host.notify(self.now, conn, value, Some(&[7; 20])).ok();
                });
                self.turn();
                self.last.payload().first() == Some(&0x1b)
            }
            NotifyReceived => {
                self.pdu(4, &with_value([0x1b, vl, vh]));
                self.told == 1
            }
            WriteCommandSent => {
                let conn = self.conn;
                measured(&mut || {
                    self.host.gattc_write(self.now, conn, 3, &[7; 20], 0).ok();
                });
                self.turn();
                self.last.payload().first() == Some(&0x52)
            }
            WriteSent => {
                let conn = self.conn;
                measured(&mut || {
                    self.host.gattc_write(self.now, conn, 3, &[7; 20], 1).ok();
                });
                self.turn();
                self.pdu(4, &[0x13]);
                self.told == 1
            }
            ChannelSent => self.channel().is_some_and(|cid| self.channel_send(cid)),
            ChannelReceived => self.channel().is_some_and(|cid| self.channel_receive(cid)),
            Connection => {
                let conn = self.conn + 1;
                self.connect(conn);
                self.disconnect(conn);
                self.told == 2
            }
            Pairing => self.pair(),
            KeyPairMade => {
                measured(&mut || {
                    core::hint::black_box(KeyPair::new([3; 32]));
                });
                true
            }
            DhKey => {
                let pairs = [[3; 32], [4; 32]].map(KeyPair::new);
                let [Some(ours), Some(theirs)] = &pairs else {
                    return false;
                };
                let mut dhkey = None;
                measured(&mut || dhkey = ours.dhkey(theirs.x(), &y(theirs)));
                dhkey.is_some()
            }
            DhKeyPart => {
                let Some(mut work) = KeyPair::start(&[3; 32]) else {
                    return false;
                };
                let mut more = false;
                measured(&mut || more = work.step());
                more
            }
            DhKeyEnd => {
                let Some(mut work) = KeyPair::start(&[3; 32]) else {
                    return false;
                };
                while work.step() {}
                let mut x = [0; 32];
                measured(&mut || x = work.x());
                x != [0; 32]
            }
        }
    }

    /// Whether a request of the peer is answered by this opcode.
    fn answered(&mut self, request: &[u8], opcode: u8) -> bool {
        self.pdu(4, request);
        self.last.payload().first() == Some(&opcode)
    }

    fn connect(&mut self, conn: u16) {
        let [low, high] = conn.to_le_bytes();
        let packet = [
            4, 0x3e, 19, 1, 0, low, high, 1, 0, low, 2, 3, 4, 5, 6, 24, 0, 0, 0, 100, 0, 0,
        ];
        self.exchange(&packet);
    }

    fn disconnect(&mut self, conn: u16) {
        let [low, high] = conn.to_le_bytes();
        self.exchange(&[4, 5, 4, 0, low, high, 0x13]);
    }

    /// The channel; opened the first time.
    fn channel(&mut self) -> Option<u16> {
        if self.channel.is_none() {
            let memory = self.channel_memory.take()?;
            let cid = self
                .host
                .l2cap_connect(self.now, self.conn, 0x80, SDU, memory)
                .ok()?;
            self.turn();
            // Accepted with the peer's CID 0x40, MTU 1024 and our MPS.
            let id = *self.last.payload().get(1)?;
            let [low, high] = MPS.to_le_bytes();
            self.pdu(5, &[0x15, id, 10, 0, 0x40, 0, 0, 4, low, high, 9, 0, 0, 0]);
            self.channel = Some(cid);
        }
        self.channel
    }

    fn channel_send(&mut self, cid: u16) -> bool {
        let conn = self.conn;
        let mut sent = Ok(true);
        measured(&mut || {
            sent = self
                .host
                .l2cap_send(self.now, conn, cid, &[9; SDU as usize])
        });
        self.turn();
        // Credits for the three frames.
        self.pdu(5, &[0x16, 9, 4, 0, 0x40, 0, 3, 0]);
        sent.is_ok()
    }

    fn channel_receive(&mut self, cid: u16) -> bool {
        let mut sdu = [9; SDU as usize + 2];
        sdu[..2].copy_from_slice(&SDU.to_le_bytes());
        for frame in sdu.chunks(MPS as usize) {
            self.pdu(cid, frame);
        }
        let mut buffer = [0; SDU as usize];
        let (conn, mut n) = (self.conn, 0);
        measured(&mut || {
            n = self
                .host
                .l2cap_recvinto(self.now, conn, cid, Some(&mut buffer))
                .unwrap_or(0);
        });
        self.turn();
        n == SDU as usize
    }

    /// On a link of its own: a peer with neither display nor keys as central.
    fn pair(&mut self) -> bool {
        let conn = self.conn;
        self.disconnect(conn);
        self.channel = None;
        self.connect(conn);
        self.pair_as_peer(conn).is_some() && self.encrypted
    }

    fn pair_as_peer(&mut self, conn: u16) -> Option<()> {
        const REQUEST: [u8; 7] = [1, 3, 0, 8, 16, 0, 0];
        let [low, high] = conn.to_le_bytes();
        let (peer, ours) = (Address::public([low, 2, 3, 4, 5, 6]), self.host.address());
        let keys = KeyPair::new([4; 32])?;
        self.pdu(6, &REQUEST);
        let mut io = [0; 3];
        io.copy_from_slice(self.last.payload().get(1..4)?);
        // Public Key and Confirm come one after the other: the key is caught
        // in between.
        let mut pdu = [0; 65];
        pdu[0] = 0x0c;
        pdu[1..].copy_from_slice(&keys.public);
        let mut their_key = [0; 64];
        self.send_pdu(6, &pdu, &mut |sent| {
            if let [0x0c, key @ ..] = sent {
                their_key.copy_from_slice(key);
            }
        });
        let (x, y) = their_key.split_at(32);
        let dhkey = keys.dhkey(x.try_into().ok()?, y.try_into().ok()?)?;
        let na = [5; 16];
        self.pdu(6, &with_code(4, &na));
        let nb: [u8; 16] = self.last.payload().get(1..17)?.try_into().ok()?;
        let mac_key = f5(&dhkey, &na, &nb, &peer, &ours, 0);
        let our_io = [REQUEST[1], REQUEST[2], REQUEST[3]];
        let check = f6(&mac_key, &na, &nb, &[0; 16], &our_io, &peer, &ours);
        self.pdu(6, &with_code(0x0d, &check));
        // The peer would check this.
        core::hint::black_box(f6(&mac_key, &nb, &na, &[0; 16], &io, &ours, &peer));
        // The controller asks for the LTK, then says that it encrypts.
        self.exchange(&[4, 0x3e, 13, 5, low, high, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        self.exchange(&[4, 8, 4, 0, low, high, 1]);
        Some(())
    }

    /// A PDU from the peer on the last link, and all that follows.
    fn pdu(&mut self, cid: u16, payload: &[u8]) {
        self.send_pdu(cid, payload, &mut |_| {});
    }

    fn send_pdu(&mut self, cid: u16, payload: &[u8], see: &mut dyn FnMut(&[u8])) {
        let mut whole = [0; 4 + MPS as usize];
        let ([ll, lh], [cl, ch]) = ((payload.len() as u16).to_le_bytes(), cid.to_le_bytes());
        whole[..4].copy_from_slice(&[ll, lh, cl, ch]);
        whole[4..4 + payload.len()].copy_from_slice(payload);
        let mut flags = 0x2000;
        for piece in whole[..4 + payload.len()].chunks(ACL_LEN) {
            let mut packet = [0; 5 + ACL_LEN];
            let ([hl, hh], [nl, nh]) = (
                (self.conn | flags).to_le_bytes(),
                (piece.len() as u16).to_le_bytes(),
            );
            packet[..5].copy_from_slice(&[2, hl, hh, nl, nh]);
            packet[5..5 + piece.len()].copy_from_slice(piece);
            self.receive(&packet[..5 + piece.len()]);
            flags = 0x1000;
        }
        self.turn_seeing(see);
    }

    /// A packet from the controller, and all that follows.
    fn exchange(&mut self, packet: &[u8]) {
        self.receive(packet);
        self.turn();
    }

    fn receive(&mut self, packet: &[u8]) {
        measured(&mut || {
            self.host.receive(self.now, packet);
        });
    }

    fn turn(&mut self) {
        self.turn_seeing(&mut |_| {});
    }

    /// Lets the host tell and send until it is quiet; `see` gets the payload
    /// of each L2CAP PDU.
    fn turn_seeing(&mut self, see: &mut dyn FnMut(&[u8])) {
        for _ in 0..1000 {
            measured(&mut || self.events());
            let mut any = false;
            let now = self.now;
            measured(&mut || any = self.host.poll_transmit(now).is_some());
            if !any {
                self.host.poll_operation();
                match self.host.poll_timeout() {
                    Some(at) if at.reached(now.after(REST_MS)) => {
                        self.now = if at.reached(now) { now } else { at };
                        let now = self.now;
                        measured(&mut || self.host.handle_timeout(now));
                        continue;
                    }
                    _ => return,
                }
            }
            let Some(packet) = self.host.poll_transmit(now) else {
                return;
            };
            let mut head = [0; 5];
            for (to, from) in head
                .iter_mut()
                .zip(packet.header().iter().chain(packet.head))
            {
                *to = *from;
            }
            if head[0] == 2 {
                let n = packet.head.len().min(ACL_LEN);
                self.last.bytes[..n].copy_from_slice(&packet.head[..n]);
                self.last.len = n;
                see(self.last.payload());
            }
            measured(&mut || self.host.transmitted(now));
            match head {
                [1, low, high, ..] => self.answer([low, high]),
                [_, low, high, ..] => self.receive(&[4, 0x13, 5, 1, low, high & 0x0f, 1, 0]),
            }
        }
    }

    /// Takes all events as a script does that agrees with everything.
    fn events(&mut self) {
        while let Some(event) = self.host.poll_event(self.now) {
            self.told += 1;
            match event {
                Event::GattsReadRequest { token, .. } => self.host.answer_read(token, 0),
                Event::GetSecret { token, .. } => self.host.answer_secret(token, None),
                Event::SetSecret { token, .. } => self.host.answer_stored(token, true),
                Event::EncryptionUpdate { encrypted, .. } => self.encrypted = encrypted,
                event => {
                    core::hint::black_box(&event);
                }
            }
        }
    }

    /// Command Complete, with what the command returns.
    fn answer(&mut self, [low, high]: [u8; 2]) {
        let mut packet = [0; 7 + 64];
        packet[..7].copy_from_slice(&[4, 0x0e, 4, 1, low, high, 0]);
        let returned: &[u8] = match u16::from_le_bytes([low, high]) {
            0x1009 => &[1, 2, 3, 4, 5, 6],
            0x2002 => &[ACL_LEN as u8, 0, 64],
            0x2003 => &[1, 0, 0, 0, 0, 0, 0, 0],
            0x2018 => &[1, 2, 3, 4, 5, 6, 7, 8],
            0x1002 => &[0xff; 33],
            0x202a => &[8],
            _ => &[],
        };
        packet[2] += returned.len() as u8;
        packet[7..7 + returned.len()].copy_from_slice(returned);
        self.receive(&packet[..7 + returned.len()]);
    }
}

fn with_value([a, b, c]: [u8; 3]) -> [u8; 23] {
    let mut pdu = [0x55; 23];
    pdu[..3].copy_from_slice(&[a, b, c]);
    pdu
}

fn with_code(code: u8, body: &[u8; 16]) -> [u8; 17] {
    let mut pdu = [code; 17];
    pdu[1..].copy_from_slice(body);
    pdu
}

fn y(keys: &KeyPair) -> [u8; 32] {
    core::array::from_fn(|i| keys.public[32 + i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ble_core::config::MAX_LINKS;

    #[test]
    fn every_operation_comes_to_its_end_again_and_again() {
        for (op, name) in OPS {
            for links in [1, MAX_LINKS - 1] {
                let memory = || vec![0; 64 * 1024].leak();
                let mut host = Box::new(Host::blank());
                let mut bench = Bench::new(&mut host, memory(), memory(), 100, links);
                for time in 0..3 {
                    assert!(bench.run(op), "{name}, {links} links, time {time}");
                }
            }
        }
    }
}
