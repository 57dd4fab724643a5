//! A host with a controller that says yes to everything, and the operations
//! that are counted. Only what happens inside `measured` counts.

use ble_core::gatt::db::flag;
use ble_core::host::{Host, Options};
use ble_core::{Event, Instant, Uuid};

/// Names of the operations, in the order of the report.
pub const NAMES: [&str; 10] = [
    "advertising report to event",
    "ATT read served",
    "ATT write served",
    "notification sent",
    "notification received",
    "write without response sent",
    "L2CAP kilobyte sent",
    "L2CAP kilobyte received",
    "connection set up and ended",
    "P-256 key pair",
];

const FIRST_HANDLE: u16 = 0x40;
const NOW: Instant = Instant(1);

/// A host on a scripted controller.
pub struct Bench<'a> {
    /// The host under measurement.
    pub host: &'a mut Host,
    value: u16,
}

/// Calls what is to be counted; the counter looks for this function.
#[inline(never)]
pub fn measured(work: &mut dyn FnMut()) {
    work();
}

impl<'a> Bench<'a> {
    /// Starts the host, registers `attributes` attributes and makes `links`
    /// links as peripheral.
    pub fn new(
        host: &'a mut Host,
        memory: &'static mut [u8],
        attributes: usize,
        links: usize,
    ) -> Self {
        host.database().lend(memory);
        host.start(NOW, Options::default()).ok();
        let mut bench = Bench { host, value: 0 };
        bench.settle();
        let db = bench.host.database();
        db.begin(false);
        db.add_service(&Uuid::U16(0x181a)).ok();
        while (db.last_handle() as usize) < attributes.saturating_sub(3) {
            db.add_characteristic(&Uuid::U16(0x2a6e), flag::READ).ok();
        }
        let flags = flag::READ | flag::WRITE | flag::WRITE_NO_RESPONSE | flag::NOTIFY;
        bench.value = db.add_characteristic(&Uuid::U16(0x2a6f), flags).unwrap_or(0);
        db.end();
        for i in 0..links {
            bench.connect(FIRST_HANDLE + i as u16);
        }
        bench
    }

    /// Runs the operation with this index into `NAMES` once, on the last of
    /// `links` links.
    pub fn run(&mut self, op: usize, links: usize, memory: &mut Option<&'static mut [u8]>) {
        let conn = FIRST_HANDLE + links as u16 - 1;
        let [vl, vh] = self.value.to_le_bytes();
        match op {
            0 => {
                let mut report = [0x11; 4 + 42];
                report[..14].copy_from_slice(&[4, 0x3e, 43, 2, 1, 0, 1, 9, 8, 7, 6, 5, 0xc4, 31]);
                self.take(&report);
            }
            1 => self.att(conn, &[0x0a, vl, vh]),
            2 => {
                let mut pdu = [0x55; 23];
                pdu[..3].copy_from_slice(&[0x12, vl, vh]);
                self.att(conn, &pdu);
            }
            3 => {
                let (value, host) = (self.value, &mut *self.host);
                measured(&mut || {
                    host.notify(NOW, conn, value, Some(&[7; 20])).ok();
                    host.poll_transmit(NOW);
                    host.transmitted(NOW);
                });
                self.completed(conn);
            }
            4 => {
                let mut pdu = [0x55; 23];
                pdu[..3].copy_from_slice(&[0x1b, vl, vh]);
                self.att(conn, &pdu);
            }
            5 => {
                let host = &mut *self.host;
                measured(&mut || {
                    host.gattc_write(NOW, conn, 3, &[7; 20], 0).ok();
                    host.poll_transmit(NOW);
                    host.transmitted(NOW);
                });
                self.completed(conn);
            }
            6 | 7 => self.channel(op == 6, conn, memory),
            8 => {
                let conn = FIRST_HANDLE + links as u16;
                measured(&mut || self.connect(conn));
                let [low, high] = conn.to_le_bytes();
                measured(&mut || self.take_uncounted(&[4, 5, 4, 0, low, high, 0x13]));
            }
            _ => {
                let mut rng = ble_core::smp::Rng::new(&[3; 32]);
                measured(&mut || {
                    core::hint::black_box(ble_core::smp::crypto::KeyPair::new(rng.array()));
                });
            }
        }
    }

    /// Gives an event to the host and takes what comes of it, counted.
    fn take(&mut self, packet: &[u8]) {
        measured(&mut || self.take_uncounted(packet));
        self.settle();
    }

    fn take_uncounted(&mut self, packet: &[u8]) {
        self.host.receive(NOW, packet);
        self.events();
    }

    fn events(&mut self) {
        while let Some(event) = self.host.poll_event(NOW) {
            match event {
                Event::GattsReadRequest { token, .. } => self.host.answer_read(token, 0),
                Event::GetSecret { token, .. } => self.host.answer_secret(token, None),
                Event::SetSecret { token, .. } => self.host.answer_stored(token, true),
                event => {
                    core::hint::black_box(&event);
                }
            }
        }
    }

    /// An ATT PDU from the peer, and the answer on its way.
    fn att(&mut self, conn: u16, pdu: &[u8]) {
        let mut packet = [0; 64];
        let len = l2cap_packet(&mut packet, conn, 4, pdu);
        measured(&mut || {
            self.host.receive(NOW, &packet[..len]);
            self.events();
            if self.host.poll_transmit(NOW).is_some() {
                self.host.transmitted(NOW);
            }
        });
        self.completed(conn);
        self.settle();
    }

    fn connect(&mut self, conn: u16) {
        let [low, high] = conn.to_le_bytes();
        let packet =
            [4, 0x3e, 19, 1, 0, low, high, 1, 0, low, 2, 3, 4, 5, 6, 24, 0, 0, 0, 100, 0, 0];
        self.take_uncounted(&packet);
        self.settle();
    }

    /// A channel, and 1024 bytes over it.
    fn channel(&mut self, sending: bool, conn: u16, memory: &mut Option<&'static mut [u8]>) {
        let Some(memory) = memory.take() else { return };
        let Ok(cid) = self.host.l2cap_connect(NOW, conn, 0x80, 1024, memory) else { return };
        self.settle();
        // Accepted with CID 0x40, MTU 1024, MPS 498 and 100 credits.
        let answer = [0x15, 1, 10, 0, 0x40, 0, 0, 4, 0xf2, 1, 100, 0, 0, 0];
        let mut packet = [0; 600];
        let len = l2cap_packet(&mut packet, conn, 5, &answer);
        self.take_uncounted(&packet[..len]);
        self.settle();
        if sending {
            let host = &mut *self.host;
            measured(&mut || {
                host.l2cap_send(NOW, conn, cid, &[9; 1024]).ok();
                while host.poll_transmit(NOW).is_some() {
                    host.transmitted(NOW);
                }
            });
        } else {
            // One SDU of 1024 bytes in three frames of up to 498.
            let mut left = 1026;
            while left > 0 {
                let mut frame = [9; 498];
                if left == 1026 {
                    frame[..2].copy_from_slice(&1024u16.to_le_bytes());
                }
                let n = left.min(498);
                left -= n;
                let len = l2cap_packet(&mut packet, conn, cid, &frame[..n]);
                measured(&mut || self.take_uncounted(&packet[..len]));
            }
            let mut read = [0; 1024];
            let host = &mut *self.host;
            measured(&mut || {
                host.l2cap_recvinto(NOW, conn, cid, Some(&mut read)).ok();
            });
        }
    }

    /// The controller sent all packets of a link.
    fn completed(&mut self, conn: u16) {
        let [low, high] = conn.to_le_bytes();
        self.host.receive(NOW, &[4, 0x13, 5, 1, low, high, 0xff, 0]);
    }

    /// Answers commands and lets events be told until all is quiet.
    fn settle(&mut self) {
        for _ in 0..1000 {
            self.events();
            if self.host.poll_timeout().is_some_and(|at| at.reached(NOW)) {
                self.host.handle_timeout(NOW);
            }
            let Some(packet) = self.host.poll_transmit(NOW) else {
                self.host.poll_operation();
                return;
            };
            let mut head = [0; 5];
            let whole = packet.header().iter().chain(packet.head);
            for (to, from) in head.iter_mut().zip(whole) {
                *to = *from;
            }
            self.host.transmitted(NOW);
            match head {
                [1, low, high, ..] => self.answer([low, high]),
                [_, low, high, ..] => {
                    self.completed(u16::from_le_bytes([low, high & 0x0f]));
                }
            }
        }
    }

    fn answer(&mut self, [low, high]: [u8; 2]) {
        let mut packet = [0; 7 + 64];
        packet[..7].copy_from_slice(&[4, 0x0e, 4, 1, low, high, 0]);
        let returned: &[u8] = match u16::from_le_bytes([low, high]) {
            0x1009 => &[1, 2, 3, 4, 5, 6],
            0x2002 => &[251, 0, 64],
            0x2003 => &[1, 0, 0, 0, 0, 0, 0, 0],
            0x2018 => &[1, 2, 3, 4, 5, 6, 7, 8],
            0x1002 => &[0xff; 33],
            0x202a => &[8],
            _ => &[],
        };
        packet[2] += returned.len() as u8;
        packet[7..7 + returned.len()].copy_from_slice(returned);
        self.host.receive(NOW, &packet[..7 + returned.len()]);
    }
}

/// An L2CAP PDU in one ACL packet; gives its length.
fn l2cap_packet(packet: &mut [u8], conn: u16, cid: u16, payload: &[u8]) -> usize {
    let n = payload.len() as u16;
    let ([hl, hh], [al, ah]) = ((conn | 0x2000).to_le_bytes(), (n + 4).to_le_bytes());
    let ([ll, lh], [cl, ch]) = (n.to_le_bytes(), cid.to_le_bytes());
    packet[..9].copy_from_slice(&[2, hl, hh, al, ah, ll, lh, cl, ch]);
    packet[9..9 + payload.len()].copy_from_slice(payload);
    9 + payload.len()
}
