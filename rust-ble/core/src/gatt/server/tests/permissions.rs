//! The matrix of SECURITY.md: each permission x each operation.

use super::*;

const NO_MITM: Security = Security {
    authenticated: false,
    ..STRONG
};
const SHORT_KEY: Security = Security {
    key_size: 15,
    ..STRONG
};
const PLAIN: Security = Security {
    key_size: 0,
    authenticated: false,
    bonded: false,
    secure_connections: false,
};

/// What a link with a permission's protection gets: 0 is success.
fn expected(flags: u16, security: Security, stored: Option<Security>) -> u8 {
    let mitm = flags & (READ_AUTHENTICATED | WRITE_AUTHENTICATED) != 0;
    if flags & (READ_ENCRYPTED | WRITE_ENCRYPTED) == 0 && !mitm {
        return 0;
    }
    match (security.key_size, stored) {
        (0, Some(key)) if key.authenticated || !mitm => INSUFFICIENT_ENCRYPTION,
        (0, _) => INSUFFICIENT_AUTHENTICATION,
        _ if mitm && !security.authenticated => INSUFFICIENT_AUTHENTICATION,
        (15, _) => ENCRYPTION_KEY_SIZE_TOO_SHORT,
        _ => 0,
    }
}

const LINKS: [(Security, Option<Security>); 7] = [
    (PLAIN, None),
    (PLAIN, Some(NO_MITM)),
    (PLAIN, Some(STRONG)),
    (NO_MITM, None),
    (NO_MITM, Some(NO_MITM)),
    (SHORT_KEY, Some(SHORT_KEY)),
    (STRONG, Some(STRONG)),
];

/// Runs each test on a characteristic and on a descriptor with the flags.
fn on_each(flags: u16, mut test: impl FnMut(&mut Bench, u16)) {
    for descriptor in [false, true] {
        let mut bench = Bench::with_service();
        let handle = if descriptor {
            bench.characteristic(Uuid::short(0x2a19), 0);
            bench.descriptor(LONG, flags)
        } else {
            bench.characteristic(LONG, flags)
        };
        bench.set(handle, b"secret");
        test(&mut bench, handle);
    }
}

fn code_of(bench: &mut Bench, request: &[u8], handle: u16) -> u8 {
    match bench.send(request)[..] {
        [opcode::ERROR_RSP, _, a, b, code] => {
            assert_eq!(u16::from_le_bytes([a, b]), handle);
            code
        }
        ref answer => {
            assert_ne!(answer, []);
            0
        }
    }
}

#[test]
fn cve_2024_1638_each_read_permission_holds_for_each_way_to_read() {
    for protection in [
        0,
        READ_ENCRYPTED,
        READ_AUTHENTICATED,
        READ_ENCRYPTED | READ_AUTHENTICATED,
    ] {
        on_each(READ | protection, |bench, handle| {
            for (security, stored) in LINKS {
                bench.credentials.security = security;
                bench.credentials.stored = stored;
                let code = expected(protection, security, stored);
                for request in [
                    pdu(opcode::READ_REQ, &[handle], &[]),
                    pdu(opcode::READ_BLOB_REQ, &[handle, 0], &[]),
                    pdu(opcode::READ_BLOB_REQ, &[handle, 3], &[]),
                    pdu(opcode::READ_MULTIPLE_REQ, &[handle, 3], &[]),
                    pdu(opcode::READ_MULTIPLE_REQ, &[3, handle], &[]),
                    pdu(opcode::READ_MULTIPLE_VARIABLE_REQ, &[handle, 3], &[]),
                    pdu(opcode::READ_MULTIPLE_VARIABLE_REQ, &[3, 3, 3, handle], &[]),
                    pdu(opcode::READ_BY_TYPE_REQ, &[1, 0xffff], &[0x77; 16]),
                    pdu(opcode::READ_BY_TYPE_REQ, &[handle, handle], &[0x77; 16]),
                ] {
                    assert_eq!(code_of(bench, &request, handle), code, "{request:02x?}");
                    assert_eq!(bench.asked.len(), (code == 0) as usize);
                }
            }
        });
    }
}

#[test]
fn cve_2026_2411_each_write_permission_holds_for_each_way_to_write() {
    let both = WRITE_ENCRYPTED | WRITE_AUTHENTICATED;
    for protection in [0, WRITE_ENCRYPTED, WRITE_AUTHENTICATED, both] {
        for way in [WRITE, WRITE_NO_RESPONSE] {
            on_each(way | protection, |bench, handle| {
                for (security, stored) in LINKS {
                    bench.credentials.security = security;
                    bench.credentials.stored = stored;
                    let code = expected(protection, security, stored);
                    let after = if code == 0 { &b"new"[..] } else { b"secret" };

                    bench.set(handle, b"secret");
                    let request = pdu(opcode::WRITE_REQ, &[handle], b"new");
                    assert_eq!(code_of(bench, &request, handle), code);
                    assert_eq!(bench.value(handle), after);

                    bench.set(handle, b"secret");
                    assert_eq!(bench.send(&pdu(opcode::WRITE_CMD, &[handle], b"new")), []);
                    assert_eq!(bench.value(handle), after);
                    let written = bench.outcome == Outcome::Written { handle };
                    assert_eq!(written, code == 0);

                    bench.set(handle, b"secret");
                    let request = pdu(opcode::PREPARE_WRITE_REQ, &[handle, 0], b"new");
                    assert_eq!(code_of(bench, &request, handle), code);
                    bench.send(&EXECUTE);
                    assert_eq!(bench.value(handle), after);
                    bench.written();
                }
            });
        }
    }
}

#[test]
fn cve_2026_2411_permissions_are_checked_again_when_prepared_writes_are_executed() {
    on_each(WRITE | WRITE_AUTHENTICATED, |bench, handle| {
        bench.credentials.security = STRONG;
        bench.prepare(handle, 0, b"new");
        bench.credentials.security = PLAIN;
        assert_eq!(bench.error(&EXECUTE), (handle, INSUFFICIENT_AUTHENTICATION));
        assert_eq!(
            (bench.value(handle), bench.pool.blocks()),
            (&b"secret"[..], 0)
        );
    });
}

#[test]
fn read_permission_is_not_write_permission() {
    on_each(READ | WRITE | READ_AUTHENTICATED, |bench, handle| {
        assert_eq!(bench.write(handle, b"new"), [opcode::WRITE_RSP]);
        let read = pdu(opcode::READ_REQ, &[handle], &[]);
        assert_eq!(bench.error(&read), (handle, INSUFFICIENT_AUTHENTICATION));
    });
    on_each(READ | WRITE | WRITE_AUTHENTICATED, |bench, handle| {
        assert_eq!(bench.read(handle), b"\x0bsecret");
        let write = pdu(opcode::WRITE_REQ, &[handle], b"new");
        assert_eq!(bench.error(&write), (handle, INSUFFICIENT_AUTHENTICATION));
    });
}

#[test]
fn security_flags_without_the_operation_permit_nothing() {
    on_each(READ_ENCRYPTED | WRITE_ENCRYPTED, |bench, handle| {
        bench.credentials.security = STRONG;
        let read = pdu(opcode::READ_REQ, &[handle], &[]);
        assert_eq!(bench.error(&read), (handle, READ_NOT_PERMITTED));
        let write = pdu(opcode::WRITE_REQ, &[handle], b"new");
        assert_eq!(bench.error(&write), (handle, WRITE_NOT_PERMITTED));
    });
}

#[test]
fn the_script_authorizes_reads() {
    on_each(READ | READ_AUTHORIZED, |bench, handle| {
        assert_eq!(bench.read(handle), b"\x0bsecret");
        assert_eq!(bench.asked, [handle]);
        bench.refuse = Some((handle, INSUFFICIENT_AUTHORIZATION));
        let read = pdu(opcode::READ_REQ, &[handle], &[]);
        assert_eq!(bench.error(&read), (handle, INSUFFICIENT_AUTHORIZATION));
    });
    on_each(READ, |bench, handle| {
        bench.read(handle);
        assert_eq!(bench.asked, [handle]);
    });
    // Encryption comes first: the script is not bothered.
    on_each(READ | READ_AUTHORIZED | READ_ENCRYPTED, |bench, handle| {
        let read = pdu(opcode::READ_REQ, &[handle], &[]);
        assert_eq!(bench.error(&read), (handle, INSUFFICIENT_AUTHENTICATION));
        assert_eq!(bench.asked, []);
    });
}

#[test]
fn nobody_can_authorize_writes() {
    on_each(WRITE | WRITE_AUTHORIZED, |bench, handle| {
        bench.credentials.security = STRONG;
        for op in [opcode::WRITE_REQ, opcode::PREPARE_WRITE_REQ] {
            let request = pdu(op, &[handle, 0], b"");
            assert_eq!(bench.error(&request), (handle, INSUFFICIENT_AUTHORIZATION));
        }
        assert_eq!(bench.send(&pdu(opcode::WRITE_CMD, &[handle], b"new")), []);
        assert_eq!(
            (bench.outcome, bench.value(handle)),
            (Outcome::Done, &b"secret"[..])
        );
    });
}

#[test]
fn cve_2026_2411_updates_need_what_reading_needs() {
    for protection in [0, READ_ENCRYPTED, READ_AUTHENTICATED] {
        let mut bench = Bench::with_service();
        let handle = bench.characteristic(LONG, READ | NOTIFY | INDICATE | protection);
        for (security, stored) in LINKS {
            bench.credentials.security = security;
            bench.credentials.stored = stored;
            bench.db.clear_cccds(bench.slot);
            let code = expected(protection, security, stored);
            for bits in [cccd::NOTIFY, cccd::INDICATE] {
                let request = pdu(opcode::WRITE_REQ, &[handle + 1], &[bits, 0]);
                assert_eq!(code_of(&mut bench, &request, handle + 1), code);
                let set = if code == 0 { bits } else { 0 };
                assert_eq!(bench.db.cccd(bench.slot, handle), set);
            }
            let may = bench.link.may_notify(&bench.db, handle, &bench.credentials);
            assert_eq!(may, code == 0);
            // A CCCD tells no secret.
            assert_eq!(bench.read(handle + 1)[0], opcode::READ_RSP);
        }
    }
}

#[test]
fn write_permissions_do_not_hinder_updates() {
    let mut bench = Bench::with_service();
    let handle = bench.characteristic(LONG, READ | WRITE | NOTIFY | WRITE_AUTHENTICATED);
    assert_eq!(bench.write(handle + 1, &[1, 0]), [opcode::WRITE_RSP]);
    assert!(bench.link.may_notify(&bench.db, handle, &bench.credentials));
    assert!(!bench.link.may_notify(&bench.db, 0, &bench.credentials));
}

#[test]
fn a_cccd_of_the_scripts_own_adds_its_protection() {
    let mut bench = Bench::with_service();
    let handle = bench.characteristic(LONG, READ | NOTIFY);
    assert_eq!(bench.descriptor(CCCD, WRITE | WRITE_ENCRYPTED), handle + 1);
    let request = pdu(opcode::WRITE_REQ, &[handle + 1], &[1, 0]);
    assert_eq!(
        bench.error(&request),
        (handle + 1, INSUFFICIENT_AUTHENTICATION)
    );
    bench.credentials.security = STRONG;
    assert_eq!(bench.send(&request), [opcode::WRITE_RSP]);
}

#[test]
fn the_script_authorizes_subscriptions_to_what_it_authorizes_to_read() {
    let mut bench = Bench::with_service();
    let handle = bench.characteristic(LONG, READ | NOTIFY | READ_AUTHORIZED);
    bench.refuse = Some((handle, INSUFFICIENT_AUTHORIZATION));
    let request = pdu(opcode::WRITE_REQ, &[handle + 1], &[1, 0]);
    assert_eq!(
        bench.error(&request),
        (handle + 1, INSUFFICIENT_AUTHORIZATION)
    );
    assert_eq!(bench.asked, [handle]);
    assert_eq!(bench.db.cccd(bench.slot, handle), 0);
    bench.refuse = None;
    assert_eq!(bench.send(&request), [opcode::WRITE_RSP]);
    assert_eq!(bench.db.cccd(bench.slot, handle), 1);
}

#[test]
fn what_may_not_be_read_does_not_match_a_search() {
    for protection in [READ_ENCRYPTED, READ_AUTHENTICATED] {
        let mut bench = Bench::with_service();
        let handle = bench.characteristic(Uuid::short(0x2a19), READ | protection);
        bench.set(handle, b"secret");
        let find = pdu(
            opcode::FIND_BY_TYPE_VALUE_REQ,
            &[1, 0xffff, 0x2a19],
            b"secret",
        );
        assert_eq!(bench.error(&find), (1, ATTRIBUTE_NOT_FOUND));
        bench.credentials.security = STRONG;
        assert_eq!(bench.send(&find).len(), 5);
    }
}

#[test]
fn a_protected_value_ends_a_list_that_began() {
    let mut bench = Bench::with_service();
    let a = bench.characteristic(LONG, READ);
    let b = bench.characteristic(LONG, READ | READ_ENCRYPTED);
    let by_type = |start| pdu(opcode::READ_BY_TYPE_REQ, &[start, 0xffff], &[0x77; 16]);
    assert_eq!(bench.send(&by_type(1)), [0x09, 2, a as u8, 0]);
    assert_eq!(
        bench.error(&by_type(a + 1)),
        (b, INSUFFICIENT_AUTHENTICATION)
    );
}

#[test]
fn the_minimum_key_size_is_the_hosts_choice() {
    on_each(READ | READ_ENCRYPTED, |bench, handle| {
        for (min_key_size, key_size, code) in [
            (16, 16, 0),
            (16, 15, ENCRYPTION_KEY_SIZE_TOO_SHORT),
            (7, 7, 0),
            (7, 16, 0),
        ] {
            bench.credentials.min_key_size = min_key_size;
            bench.credentials.security = Security { key_size, ..STRONG };
            let read = pdu(opcode::READ_REQ, &[handle], &[]);
            assert_eq!(code_of(bench, &read, handle), code);
        }
    });
}

#[test]
fn cve_2024_1638_discovery_needs_no_security() {
    let mut bench = Bench::with_service();
    let handle = bench.characteristic(LONG, READ | READ_AUTHENTICATED);
    for request in [
        pdu(opcode::FIND_INFORMATION_REQ, &[handle, handle], &[]),
        pdu(opcode::READ_BY_TYPE_REQ, &[handle - 1, handle, 0x2803], &[]),
        pdu(opcode::READ_REQ, &[handle - 1], &[]),
    ] {
        assert_ne!(bench.send(&request)[0], opcode::ERROR_RSP);
        assert_eq!(bench.asked, []);
    }
}
