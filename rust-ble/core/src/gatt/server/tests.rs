mod caching;
mod fuzz;
mod permissions;
mod reading;
mod writing;

use super::*;
use crate::config::{MAX_LINKS, MAX_MTU};
use crate::gatt::db::flag::*;
use crate::uuid::Uuid;
use crate::wire::att::error::*;
use crate::Security;
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

const LONG: Uuid = Uuid::long([0x77; 16]);
const CCCD: Uuid = Uuid::short(0x2902);

/// Key size 16, authenticated.
const STRONG: Security = Security {
    key_size: 16,
    authenticated: true,
    bonded: true,
    secure_connections: true,
};

/// A server, one client of it, and a script that answers at once.
struct Bench {
    db: Database,
    pool: Box<Pool>,
    link: Link,
    slot: usize,
    mtu: u16,
    credentials: Credentials,
    /// The script refuses reads of this handle, with this code.
    refuse: Option<(u16, u8)>,
    /// Handles that the script was asked about for the last PDU.
    asked: Vec<u16>,
    /// Of those, which for authorization.
    outcome: Outcome,
}

impl Bench {
    fn new() -> Self {
        let mut db = Database::new();
        db.lend(Box::leak(vec![0xa5; 300_000].into_boxed_slice()));
        db.reset().unwrap();
        db.set_name(b"bench").unwrap();
        let link = Link::new(&db);
        Bench {
            db,
            pool: Box::new(Pool::new()),
            link,
            slot: MAX_LINKS - 1,
            mtu: 23,
            credentials: Credentials {
                security: Security::default(),
                stored: None,
                min_key_size: 16,
            },
            refuse: None,
            asked: Vec::new(),
            outcome: Outcome::Done,
        }
    }

    /// A bench with one service of the script and no characteristic yet.
    fn with_service() -> Self {
        let mut bench = Self::new();
        bench.db.begin(false);
        bench.db.add_service(&Uuid::short(0x180f)).unwrap();
        bench.end();
        bench
    }

    /// Ends registering without making the client change-unaware.
    fn end(&mut self) {
        self.db.end();
        self.link.close(&mut self.pool);
        self.link = Link::new(&self.db);
    }

    fn characteristic(&mut self, uuid: Uuid, flags: u16) -> u16 {
        let handle = self.db.add_characteristic(&uuid, flags).unwrap();
        self.end();
        handle
    }

    fn descriptor(&mut self, uuid: Uuid, flags: u16) -> u16 {
        let handle = self.db.add_descriptor(&uuid, flags).unwrap();
        self.end();
        handle
    }

    fn value(&self, handle: u16) -> &[u8] {
        self.db.read(handle).unwrap()
    }

    fn set(&mut self, handle: u16, value: &[u8]) {
        self.db.write(handle, value).unwrap();
    }

    /// Handles a PDU to its end and gives the answer.
    fn send(&mut self, pdu: &[u8]) -> Vec<u8> {
        let mut refused = 0;
        self.asked.clear();
        loop {
            let mut buf = [0xa5; MAX_MTU];
            let mut out = Writer::new(&mut buf[..self.mtu.into()]);
            let mut ctx = Context {
                db: &mut self.db,
                pool: &mut self.pool,
                slot: self.slot,
                mtu: self.mtu,
                preferred_mtu: 200,
                credentials: self.credentials,
                approved: self.asked.len() as u16 - (refused != 0) as u16,
                refused,
            };
            self.outcome = handle(&mut self.link, &mut ctx, pdu, &mut out);
            if let Outcome::Query { handle } = self.outcome {
                assert!(out.is_empty());
                assert_eq!(refused, 0);
                self.asked.push(handle);
                refused = self
                    .refuse
                    .filter(|refuse| refuse.0 == handle)
                    .map_or(0, |refuse| refuse.1);
                continue;
            }
            let len = out.finish().expect("the answer fits");
            return buf[..len].to_vec();
        }
    }

    /// The handle and code of the error that a request ends with.
    fn error(&mut self, pdu: &[u8]) -> (u16, u8) {
        match self.send(pdu)[..] {
            [opcode::ERROR_RSP, op, a, b, code] => {
                assert_eq!(op, pdu[0]);
                assert_eq!(self.outcome, Outcome::Done);
                (u16::from_le_bytes([a, b]), code)
            }
            ref other => panic!("{pdu:02x?} gives {other:02x?}"),
        }
    }

    fn read(&mut self, handle: u16) -> Vec<u8> {
        self.send(&pdu(opcode::READ_REQ, &[handle], &[]))
    }

    fn write(&mut self, handle: u16, value: &[u8]) -> Vec<u8> {
        self.send(&pdu(opcode::WRITE_REQ, &[handle], value))
    }

    fn prepare(&mut self, handle: u16, offset: u16, value: &[u8]) -> Vec<u8> {
        self.send(&pdu(opcode::PREPARE_WRITE_REQ, &[handle, offset], value))
    }

    /// All values reported after an Execute Write Request.
    fn written(&mut self) -> Vec<u16> {
        let mut all = Vec::new();
        while let Some(handle) = self.link.next_written(&self.db, &mut self.pool) {
            all.push(handle);
        }
        assert_eq!(self.pool.blocks(), 0);
        all
    }
}

fn pdu(op: u8, words: &[u16], rest: &[u8]) -> Vec<u8> {
    let mut pdu = vec![op];
    for word in words {
        pdu.extend(word.to_le_bytes());
    }
    pdu.extend(rest);
    pdu
}

const EXECUTE: [u8; 2] = [opcode::EXECUTE_WRITE_REQ, 1];
const CANCEL: [u8; 2] = [opcode::EXECUTE_WRITE_REQ, 0];

#[test]
fn the_mtu_is_the_smaller_offer_and_at_least_23() {
    for (client, mtu) in [
        (0, 23),
        (22, 23),
        (23, 23),
        (100, 100),
        (200, 200),
        (517, 200),
    ] {
        let mut bench = Bench::new();
        let answer = bench.send(&pdu(opcode::EXCHANGE_MTU_REQ, &[client], &[]));
        assert_eq!(answer, [opcode::EXCHANGE_MTU_RSP, 200, 0]);
        assert_eq!(bench.outcome, Outcome::MtuExchanged { mtu });
    }
}

#[test]
fn a_second_mtu_exchange_changes_nothing() {
    let mut bench = Bench::new();
    bench.send(&pdu(opcode::EXCHANGE_MTU_REQ, &[100], &[]));
    let answer = bench.send(&pdu(opcode::EXCHANGE_MTU_REQ, &[50], &[]));
    assert_eq!(answer, [opcode::EXCHANGE_MTU_RSP, 200, 0]);
    assert_eq!(bench.outcome, Outcome::Done);
}

#[test]
fn every_request_of_another_length_is_an_invalid_pdu() {
    let mut bench = Bench::with_service();
    let handle = bench.characteristic(LONG, READ | WRITE);
    bench.set(handle, b"abc");
    let requests = [
        (pdu(opcode::EXCHANGE_MTU_REQ, &[23], &[]), false),
        (pdu(opcode::FIND_INFORMATION_REQ, &[1, 0xffff], &[]), false),
        (
            pdu(opcode::FIND_BY_TYPE_VALUE_REQ, &[1, 0xffff, 0x2800], &[]),
            true,
        ),
        (
            pdu(opcode::READ_BY_TYPE_REQ, &[1, 0xffff, 0x2803], &[]),
            false,
        ),
        (
            pdu(opcode::READ_BY_TYPE_REQ, &[1, 0xffff], &[0x77; 16]),
            false,
        ),
        (pdu(opcode::READ_REQ, &[handle], &[]), false),
        (pdu(opcode::READ_BLOB_REQ, &[handle, 0], &[]), false),
        (pdu(opcode::READ_MULTIPLE_REQ, &[handle, 1], &[]), false),
        (
            pdu(opcode::READ_MULTIPLE_VARIABLE_REQ, &[handle, 1], &[]),
            false,
        ),
        (
            pdu(opcode::READ_BY_GROUP_TYPE_REQ, &[1, 0xffff, 0x2800], &[]),
            false,
        ),
        (pdu(opcode::WRITE_REQ, &[handle], &[]), true),
        (pdu(opcode::PREPARE_WRITE_REQ, &[handle, 0], &[]), true),
        (EXECUTE.to_vec(), false),
    ];
    for (request, open) in requests {
        for len in 1..request.len() {
            // A 128 bit type cut to 2 bytes is a type.
            if (request[0], len) == (opcode::READ_BY_TYPE_REQ, 7) {
                continue;
            }
            assert_eq!(
                bench.error(&request[..len]),
                (0, INVALID_PDU),
                "{request:02x?} {len}"
            );
        }
        if !open {
            let mut longer = request;
            longer.push(0);
            assert_eq!(bench.error(&longer), (0, INVALID_PDU), "{longer:02x?}");
        }
    }
}

#[test]
fn a_request_longer_than_the_mtu_is_an_invalid_pdu() {
    let mut bench = Bench::with_service();
    let handle = bench.characteristic(LONG, READ | WRITE);
    assert_eq!(bench.write(handle, &[1; 20]), [opcode::WRITE_RSP]);
    assert_eq!(
        bench.error(&pdu(opcode::WRITE_REQ, &[handle], &[2; 21])),
        (0, INVALID_PDU)
    );
    assert_eq!(bench.send(&pdu(opcode::WRITE_CMD, &[handle], &[2; 21])), []);
    assert_eq!(bench.value(handle), [1; 20]);
}

#[test]
fn unknown_requests_are_refused_and_unknown_commands_ignored() {
    let mut bench = Bench::new();
    for op in [0x00, 0x14, 0x15, 0x1a, 0x1c, 0x1f, 0x22, 0x3f, 0x80, 0xbf] {
        assert_eq!(
            bench.error(&[op, 1, 2]),
            (0, REQUEST_NOT_SUPPORTED),
            "{op:#x}"
        );
    }
    for op in [0x40, 0x41, 0x53, 0x7f, 0xc0, 0xff] {
        assert_eq!(bench.send(&[op, 1, 2]), [], "{op:#x}");
    }
}

#[test]
fn a_signed_write_is_ignored() {
    let mut bench = Bench::with_service();
    let handle = bench.characteristic(LONG, AUTHENTICATED_SIGNED_WRITE | WRITE);
    assert_eq!(
        bench.send(&pdu(opcode::SIGNED_WRITE_CMD, &[handle], &[1; 13])),
        []
    );
    assert_eq!(
        (bench.outcome, bench.value(handle)),
        (Outcome::Done, &b""[..])
    );
}

#[test]
fn a_confirmation_is_told_to_the_host() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(&[opcode::HANDLE_VALUE_CFM]), []);
    assert_eq!(bench.outcome, Outcome::Confirmed);
    assert_eq!(bench.send(&[opcode::HANDLE_VALUE_CFM, 0]), []);
    assert_eq!(bench.outcome, Outcome::Done);
}

#[test]
fn responses_and_nothing_at_all_are_ignored() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(&[]), []);
    for op in (0..=255).filter(|&op| is_for_client(op)) {
        assert_eq!(bench.send(&[op, 0, 0, 0, 0]), []);
        assert_eq!(bench.outcome, Outcome::Done);
    }
    assert_eq!((0..=255).filter(|&op| is_for_client(op)).count(), 16);
}
