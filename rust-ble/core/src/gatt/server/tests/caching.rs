//! Robust caching and Service Changed (Vol 3, Part G, 2.5.2).

use super::*;

const FEATURES: u16 = 13;
const READ_HASH: [u8; 7] = [opcode::READ_BY_TYPE_REQ, 1, 0, 0xff, 0xff, 0x2a, 0x2b];

fn bench() -> (Bench, u16) {
    let mut bench = Bench::with_service();
    let handle = bench.characteristic(LONG, READ | WRITE | NOTIFY);
    bench.set(handle, b"v");
    (bench, handle)
}

fn robust() -> (Bench, u16) {
    let (mut bench, handle) = bench();
    assert_eq!(bench.write(FEATURES, &[1]), [opcode::WRITE_RSP]);
    (bench, handle)
}

fn change(bench: &mut Bench) {
    bench.db.begin(true);
    bench.db.add_service(&LONG).unwrap();
    bench.db.end();
}

#[test]
fn a_client_cannot_take_back_a_feature() {
    let (mut bench, _) = bench();
    assert_eq!(bench.read(FEATURES), [opcode::READ_RSP, 0]);
    assert_eq!(bench.write(FEATURES, &[5]), [opcode::WRITE_RSP]);
    assert!(bench.link.take_unsaved());
    assert_eq!(bench.outcome, Outcome::Done);
    assert_eq!(bench.read(FEATURES), [opcode::READ_RSP, 5]);
    for value in [0, 1, 2, 4] {
        let request = pdu(opcode::WRITE_REQ, &[FEATURES], &[value]);
        assert_eq!(bench.error(&request), (FEATURES, VALUE_NOT_ALLOWED));
    }
    // Reserved bits and bytes are ignored.
    assert_eq!(bench.write(FEATURES, &[0xff, 1, 2]), [opcode::WRITE_RSP]);
    assert_eq!(bench.read(FEATURES), [opcode::READ_RSP, 7]);
    let empty = pdu(opcode::WRITE_REQ, &[FEATURES], &[]);
    assert_eq!(
        bench.error(&empty),
        (FEATURES, INVALID_ATTRIBUTE_VALUE_LENGTH)
    );
}

#[test]
fn after_a_change_the_next_operation_on_a_handle_is_out_of_sync_once() {
    let by_type = pdu(opcode::READ_BY_TYPE_REQ, &[2, 0xffff, 0x2a00], &[]);
    let (_, handle) = robust();
    for (request, at) in [
        (pdu(opcode::READ_REQ, &[handle], &[]), handle),
        (pdu(opcode::READ_BLOB_REQ, &[handle, 0], &[]), handle),
        (pdu(opcode::READ_MULTIPLE_REQ, &[handle, 3], &[]), handle),
        (
            pdu(opcode::READ_MULTIPLE_VARIABLE_REQ, &[handle, 3], &[]),
            handle,
        ),
        (pdu(opcode::WRITE_REQ, &[handle], b"x"), handle),
        (pdu(opcode::PREPARE_WRITE_REQ, &[handle, 0], b"x"), handle),
        (by_type, 2),
    ] {
        let (mut bench, _) = robust();
        change(&mut bench);
        assert_eq!(bench.error(&request), (at, DATABASE_OUT_OF_SYNC));
        assert_eq!(bench.asked, []);
        assert_ne!(bench.send(&request)[0], opcode::ERROR_RSP);
        assert!(bench.link.take_unsaved());
        change(&mut bench);
        assert_eq!(bench.error(&request), (at, DATABASE_OUT_OF_SYNC));
        bench.link.close(&mut bench.pool);
    }
}

#[test]
fn discovery_is_served_and_leaves_the_client_unaware() {
    let (mut bench, handle) = robust();
    change(&mut bench);
    for request in [
        pdu(opcode::FIND_INFORMATION_REQ, &[1, 0xffff], &[]),
        pdu(
            opcode::FIND_BY_TYPE_VALUE_REQ,
            &[1, 0xffff, 0x2800],
            &[0, 0x18],
        ),
        pdu(opcode::READ_BY_GROUP_TYPE_REQ, &[1, 0xffff, 0x2800], &[]),
        pdu(opcode::READ_BY_TYPE_REQ, &[2, 0xffff, 0x2803], &[]),
        pdu(opcode::READ_BY_TYPE_REQ, &[1, 0xffff, 0x2a00], &[]),
        pdu(opcode::EXCHANGE_MTU_REQ, &[23], &[]),
    ] {
        assert_ne!(bench.send(&request)[0], opcode::ERROR_RSP);
    }
    let read = pdu(opcode::READ_REQ, &[handle], &[]);
    assert_eq!(bench.error(&read), (handle, DATABASE_OUT_OF_SYNC));
}

#[test]
fn reading_the_hash_and_one_more_request_makes_aware() {
    let (mut bench, handle) = robust();
    change(&mut bench);
    let hash = *bench.db.hash();
    let expected = [&[opcode::READ_BY_TYPE_RSP, 18, 15, 0][..], &hash].concat();
    assert_eq!(bench.send(&READ_HASH), expected);
    assert!(!bench.link.may_notify(&bench.db, handle, &bench.credentials));
    assert_eq!(bench.read(handle), [opcode::READ_RSP, b'v']);
    assert!(bench.link.may_notify(&bench.db, handle, &bench.credentials));
}

#[test]
fn commands_of_an_unaware_client_are_ignored() {
    let (mut bench, handle) = robust();
    change(&mut bench);
    assert_eq!(bench.send(&pdu(opcode::WRITE_CMD, &[handle], b"x")), []);
    assert_eq!(bench.value(handle), b"v");
    let read = pdu(opcode::READ_REQ, &[handle], &[]);
    assert_eq!(bench.error(&read), (handle, DATABASE_OUT_OF_SYNC));
    // A command is no request, it makes nobody aware.
    bench.send(&pdu(opcode::WRITE_CMD, &[handle], b"x"));
    assert_eq!(bench.value(handle), b"v");
    bench.read(handle);
    bench.send(&pdu(opcode::WRITE_CMD, &[handle], b"x"));
    assert_eq!(bench.value(handle), b"x");
}

#[test]
fn a_client_without_robust_caching_is_served_as_before() {
    let (mut bench, handle) = bench();
    change(&mut bench);
    assert_eq!(bench.read(handle), [opcode::READ_RSP, b'v']);
    bench.send(&pdu(opcode::WRITE_CMD, &[handle], b"x"));
    assert_eq!(bench.value(handle), b"x");
    assert!(bench.link.may_notify(&bench.db, handle, &bench.credentials));
}

#[test]
fn service_changed_is_due_once_to_who_subscribed_and_makes_aware() {
    let (mut bench, handle) = robust();
    let slot = bench.slot;
    assert_eq!(bench.link.service_changed_due(&bench.db, slot), None);
    change(&mut bench);
    assert_eq!(bench.link.service_changed_due(&bench.db, slot), None);
    bench
        .db
        .set_cccd(slot, SERVICE_CHANGED_HANDLE + 1, cccd::INDICATE);
    let due = bench.link.service_changed_due(&bench.db, slot).unwrap();
    assert_eq!(due, [16, 0, 0xff, 0xff]);
    let may = |bench: &Bench, handle| bench.link.may_notify(&bench.db, handle, &bench.credentials);
    assert!(may(&bench, SERVICE_CHANGED_HANDLE));
    assert!(!may(&bench, handle));
    bench.link.service_changed_sent(&bench.db);
    assert_eq!(bench.link.service_changed_due(&bench.db, slot), None);
    // Changed again before the confirmation: tell again.
    change(&mut bench);
    bench.link.service_changed_confirmed(&bench.db);
    assert!(bench.link.service_changed_due(&bench.db, slot).is_some());
    bench.link.service_changed_sent(&bench.db);
    bench.link.service_changed_confirmed(&bench.db);
    assert_eq!(bench.link.service_changed_due(&bench.db, slot), None);
    assert!(bench.link.take_unsaved());
    assert!(may(&bench, handle));
    assert_eq!(bench.read(handle), [opcode::READ_RSP, b'v']);
}

#[test]
fn a_bonded_client_learns_of_a_change_while_it_was_away() {
    let (mut bench, handle) = robust();
    let (features, &hash) = bench.link.save(&mut bench.db);
    assert_eq!((features, &hash), (1, bench.db.hash()));

    bench.link = Link::new(&bench.db);
    assert!(bench.link.restore(&mut bench.db, features, &hash));
    assert_eq!(bench.read(handle), [opcode::READ_RSP, b'v']);

    change(&mut bench);
    bench.link = Link::new(&bench.db);
    assert!(!bench.link.restore(&mut bench.db, features, &hash));
    bench
        .db
        .restore_cccd(bench.slot, SERVICE_CHANGED_HANDLE + 1, cccd::INDICATE);
    assert!(bench
        .link
        .service_changed_due(&bench.db, bench.slot)
        .is_some());
    // It leaves again without having learned.
    let (features, &unaware) = bench.link.save(&mut bench.db);
    assert_eq!((features, unaware), (1, [0; 16]));
    bench.link = Link::new(&bench.db);
    assert!(!bench.link.restore(&mut bench.db, features, &unaware));
    let read = pdu(opcode::READ_REQ, &[handle], &[]);
    assert_eq!(bench.error(&read), (handle, DATABASE_OUT_OF_SYNC));
    assert_eq!(bench.read(handle), [opcode::READ_RSP, b'v']);
    let hash = *bench.db.hash();
    assert_eq!(bench.link.save(&mut bench.db), (1, &hash));
}

#[test]
fn prepared_writes_do_not_outlive_the_services_they_were_meant_for() {
    for robust_caching in [false, true] {
        let (mut bench, handle) = if robust_caching { robust() } else { bench() };
        bench.prepare(handle, 0, b"stale");
        change(&mut bench);
        assert_eq!(bench.error(&EXECUTE), (0, UNLIKELY_ERROR));
        assert_eq!((bench.value(handle), bench.pool.blocks()), (&b"v"[..], 0));
        assert_eq!(bench.send(&EXECUTE), [opcode::EXECUTE_WRITE_RSP]);
    }
}

#[test]
fn an_unknown_client_is_aware_when_it_connects() {
    let (mut bench, handle) = bench();
    change(&mut bench);
    bench.link = Link::new(&bench.db);
    bench.write(FEATURES, &[1]);
    assert_eq!(bench.read(handle), [opcode::READ_RSP, b'v']);
}
