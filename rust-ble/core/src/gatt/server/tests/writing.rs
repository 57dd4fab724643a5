use super::*;

fn bench() -> (Bench, u16, u16) {
    let mut bench = Bench::with_service();
    let a = bench.characteristic(LONG, READ | WRITE);
    let b = bench.characteristic(
        Uuid::short(0x2a19),
        READ | WRITE | WRITE_NO_RESPONSE | NOTIFY,
    );
    (bench, a, b)
}

#[test]
fn a_write_replaces_the_value_and_is_told_once() {
    let (mut bench, a, _) = bench();
    for value in [&b"twenty bytes exactly"[..], b"short", b""] {
        assert_eq!(bench.write(a, value), [opcode::WRITE_RSP]);
        assert_eq!(bench.outcome, Outcome::Written { handle: a });
        assert_eq!(bench.value(a), value);
    }
}

#[test]
fn a_write_longer_than_the_buffer_is_refused_and_not_cut() {
    let (mut bench, a, _) = bench();
    bench.mtu = 517;
    bench.set(a, b"old");
    let error = (a, INVALID_ATTRIBUTE_VALUE_LENGTH);
    assert_eq!(bench.error(&pdu(opcode::WRITE_REQ, &[a], &[1; 21])), error);
    assert_eq!(bench.send(&pdu(opcode::WRITE_CMD, &[a], &[1; 21])), []);
    assert_eq!(
        (bench.outcome, bench.value(a)),
        (Outcome::Done, &b"old"[..])
    );
    bench.db.set_buffer(a, 512, false).unwrap();
    assert_eq!(bench.write(a, &[1; 512]), [opcode::WRITE_RSP]);
    bench.db.set_buffer(a, 600, false).unwrap();
    assert_eq!(bench.error(&pdu(opcode::WRITE_REQ, &[a], &[1; 513])), error);
}

#[test]
fn a_local_write_makes_room_for_remote_ones() {
    let (mut bench, a, _) = bench();
    bench.mtu = 517;
    bench.set(a, &[0; 100]);
    bench.set(a, b"");
    assert_eq!(bench.write(a, &[1; 100]), [opcode::WRITE_RSP]);
    assert_eq!(bench.value(a), [1; 100]);
}

#[test]
fn a_write_command_is_never_answered() {
    let (mut bench, a, b) = bench();
    for (handle, outcome) in [
        (a, Outcome::Written { handle: a }),
        (b, Outcome::Written { handle: b }),
        (0, Outcome::Done),
    ] {
        assert_eq!(bench.send(&pdu(opcode::WRITE_CMD, &[handle], b"x")), []);
        assert_eq!(bench.outcome, outcome);
    }
    assert_eq!(bench.send(&[opcode::WRITE_CMD]), []);
    assert_eq!(bench.send(&[opcode::WRITE_CMD, 1]), []);
}

#[test]
fn what_cannot_be_written_says_so() {
    let (mut bench, a, _) = bench();
    let read_only = bench.characteristic(LONG, READ | AUTHENTICATED_SIGNED_WRITE);
    for handle in [1, 2, 3, 8, 10, 15, a - 1, read_only] {
        for request in [
            pdu(opcode::WRITE_REQ, &[handle], b"x"),
            pdu(opcode::PREPARE_WRITE_REQ, &[handle, 0], b"x"),
        ] {
            assert_eq!(bench.error(&request), (handle, WRITE_NOT_PERMITTED));
        }
        assert_eq!(bench.send(&pdu(opcode::WRITE_CMD, &[handle], b"x")), []);
        assert_eq!(bench.outcome, Outcome::Done);
    }
    for handle in [0, 0xffff] {
        assert_eq!(
            bench.error(&pdu(opcode::WRITE_REQ, &[handle], b"x")),
            (handle, INVALID_HANDLE)
        );
        let prepare = pdu(opcode::PREPARE_WRITE_REQ, &[handle, 0], b"x");
        assert_eq!(bench.error(&prepare), (handle, INVALID_HANDLE));
    }
    assert_eq!(bench.pool.blocks(), 0);
}

#[test]
fn appended_writes_are_collected_until_read() {
    let (mut bench, a, _) = bench();
    bench.db.set_buffer(a, 30, true).unwrap();
    bench.write(a, b"0123456789");
    bench.send(&pdu(opcode::WRITE_CMD, &[a], b"0123456789"));
    bench.prepare(a, 0, b"abcde");
    bench.prepare(a, 5, b"fghij");
    assert_eq!(bench.send(&EXECUTE), [opcode::EXECUTE_WRITE_RSP]);
    assert_eq!(bench.written(), [a]);
    assert_eq!(bench.value(a), b"01234567890123456789abcdefghij");
    // A client that reads takes nothing away.
    assert_eq!(bench.read(a).len(), 23);
    assert_eq!(
        bench.error(&pdu(opcode::WRITE_REQ, &[a], b"x")),
        (a, INSUFFICIENT_RESOURCES)
    );
    assert_eq!(bench.db.read_out(a).unwrap().len(), 30);
    assert_eq!(bench.write(a, b"x"), [opcode::WRITE_RSP]);
    assert_eq!(bench.value(a), b"x");
    bench.mtu = 517;
    let long = pdu(opcode::WRITE_REQ, &[a], &[1; 31]);
    assert_eq!(bench.error(&long), (a, INVALID_ATTRIBUTE_VALUE_LENGTH));
}

#[test]
fn appended_parts_out_of_order_have_offsets_from_where_the_write_begins() {
    let (mut bench, a, _) = bench();
    bench.db.set_buffer(a, 30, true).unwrap();
    bench.write(a, b"==");
    bench.prepare(a, 0, b"abcd");
    bench.prepare(a, 2, b"XYZ");
    bench.prepare(a, 1, b"-");
    bench.send(&EXECUTE);
    assert_eq!(bench.value(a), b"==a-XYZ");
    assert_eq!(bench.written(), [a]);
}

#[test]
fn a_long_write_replaces_a_longer_value() {
    let (mut bench, a, _) = bench();
    bench.set(a, &[9; 100]);
    for part in 0..3u8 {
        let request = pdu(
            opcode::PREPARE_WRITE_REQ,
            &[a, u16::from(part) * 18],
            &[part; 18],
        );
        let mut echo = request.clone();
        echo[0] = opcode::PREPARE_WRITE_RSP;
        assert_eq!(bench.send(&request), echo);
        assert_eq!(bench.outcome, Outcome::Done);
    }
    assert_eq!(bench.value(a), [9; 100]);
    assert_eq!(bench.send(&EXECUTE), [opcode::EXECUTE_WRITE_RSP]);
    assert_eq!(bench.outcome, Outcome::Events);
    assert_eq!(bench.value(a), [[0; 18], [1; 18], [2; 18]].concat());
    assert_eq!(bench.written(), [a]);
}

#[test]
fn a_part_at_an_offset_keeps_the_rest() {
    let (mut bench, a, _) = bench();
    bench.set(a, b"0123456789");
    bench.prepare(a, 3, b"abc");
    bench.send(&EXECUTE);
    assert_eq!(bench.value(a), b"012abc6789");
    bench.written();
    bench.prepare(a, 8, b"xyz");
    bench.send(&EXECUTE);
    assert_eq!(bench.value(a), b"012abc67xyz");
    bench.written();
    bench.prepare(a, 11, b"!");
    bench.send(&EXECUTE);
    assert_eq!(bench.value(a), b"012abc67xyz!");
    bench.written();
}

#[test]
fn the_longest_value_can_be_written_in_parts_of_any_size() {
    for part in [1, 2, 5, 18] {
        let (mut bench, a, _) = bench();
        bench.db.set_buffer(a, 512, false).unwrap();
        let value: Vec<u8> = (0..=255).chain(0..=255).collect();
        for (i, bytes) in value.chunks(part).enumerate() {
            assert_eq!(
                bench.prepare(a, (i * part) as u16, bytes)[0],
                opcode::PREPARE_WRITE_RSP
            );
        }
        assert_eq!(bench.send(&EXECUTE), [opcode::EXECUTE_WRITE_RSP]);
        assert_eq!(bench.value(a), value);
        assert_eq!(bench.written(), [a]);
    }
}

#[test]
fn several_values_are_written_together_and_told_once_each() {
    let (mut bench, a, b) = bench();
    bench.prepare(a, 0, b"aa");
    bench.prepare(b, 0, b"bb");
    bench.prepare(a, 2, b"AA");
    bench.prepare(b + 1, 0, &[1, 0]);
    bench.prepare(b, 1, b"B");
    assert_eq!(bench.send(&EXECUTE), [opcode::EXECUTE_WRITE_RSP]);
    assert_eq!((bench.value(a), bench.value(b)), (&b"aaAA"[..], &b"bB"[..]));
    assert_eq!(bench.db.cccd(bench.slot, b), cccd::NOTIFY);
    assert_eq!(bench.written(), [a, b]);
}

#[test]
fn one_wrong_part_and_nothing_is_written() {
    let (mut bench, a, b) = bench();
    bench.set(a, b"a");
    bench.set(b, b"b");
    let cases: [(u16, u16, &[u8], u8); 6] = [
        (b, 2, b"x", INVALID_OFFSET),
        (b, 0xffff, b"x", INVALID_OFFSET),
        (b + 1, 1, b"x", INVALID_OFFSET),
        (b + 1, 0, &[8, 0], VALUE_NOT_ALLOWED),
        (b + 1, 0, &[1], INVALID_ATTRIBUTE_VALUE_LENGTH),
        (b + 1, 0, &[2, 0], CCCD_IMPROPERLY_CONFIGURED),
    ];
    for (handle, offset, value, code) in cases {
        bench.prepare(a, 0, b"new");
        bench.prepare(handle, offset, value);
        bench.prepare(b, 0, b"new");
        assert_eq!(bench.error(&EXECUTE), (handle, code));
        assert_eq!((bench.value(a), bench.value(b)), (&b"a"[..], &b"b"[..]));
        assert_eq!((bench.db.cccd(bench.slot, b), bench.pool.blocks()), (0, 0));
    }
    bench.prepare(a, 0, &[1; 18]);
    bench.prepare(a, 18, &[1; 3]);
    assert_eq!(bench.error(&EXECUTE), (a, INVALID_ATTRIBUTE_VALUE_LENGTH));
    assert_eq!(bench.value(a), b"a");
}

#[test]
fn a_cancelled_or_empty_execution_writes_nothing() {
    let (mut bench, a, _) = bench();
    bench.prepare(a, 0, b"x");
    assert_eq!(bench.pool.blocks(), 1);
    assert_eq!(bench.send(&CANCEL), [opcode::EXECUTE_WRITE_RSP]);
    assert_eq!((bench.outcome, bench.pool.blocks()), (Outcome::Done, 0));
    assert_eq!(bench.send(&EXECUTE), [opcode::EXECUTE_WRITE_RSP]);
    assert_eq!(bench.written(), []);
    assert_eq!(bench.value(a), b"");
    bench.prepare(a, 0, b"x");
    assert_eq!(
        bench.error(&[opcode::EXECUTE_WRITE_REQ, 2]),
        (0, INVALID_PDU)
    );
    assert_eq!(bench.send(&EXECUTE), [opcode::EXECUTE_WRITE_RSP]);
    assert_eq!(bench.value(a), b"x");
}

#[test]
fn cve_2024_24746_a_flood_of_prepared_writes_is_bounded() {
    for len in [0, 1, 18] {
        let (mut bench, a, _) = bench();
        let full = (a, PREPARE_QUEUE_FULL);
        let request = pdu(opcode::PREPARE_WRITE_REQ, &[a, 7], &vec![1; len]);
        let answer = pdu(opcode::PREPARE_WRITE_RSP, &[a, 7], &vec![1; len]);
        let mut accepted = 0;
        for _ in 0..10_000 {
            if bench.send(&request) != answer {
                assert_eq!(bench.error(&request), full);
                break;
            }
            accepted += 1;
        }
        // Empty parts at one place need no room.
        assert!(len == 0 || (40..200).contains(&accepted), "{accepted}");
        assert_eq!(bench.pool.blocks(), 1);
        assert_eq!(bench.error(&EXECUTE), (a, INVALID_OFFSET));
        assert_eq!(bench.pool.blocks(), 0);
    }
}

#[test]
fn cve_2024_24746_queues_of_all_links_leave_a_quarter_of_the_pool() {
    let (mut bench, a, _) = bench();
    let mut links: Vec<Link> = (0..64).map(|_| Link::new(&bench.db)).collect();
    let mut full = 0;
    for link in &mut links {
        core::mem::swap(link, &mut bench.link);
        full += (bench.prepare(a, 0, b"x")[0] == opcode::ERROR_RSP) as usize;
        core::mem::swap(link, &mut bench.link);
    }
    assert!(full > 0);
    assert!(bench.pool.free_bytes() >= crate::config::POOL_BYTES / 4);
    for link in &mut links {
        link.close(&mut bench.pool);
    }
    assert_eq!(bench.pool.blocks(), 0);
}

#[test]
fn unread_reports_of_an_execution_do_not_leak() {
    let (mut bench, a, _) = bench();
    bench.prepare(a, 0, b"x");
    bench.send(&EXECUTE);
    bench.prepare(a, 0, b"y");
    bench.send(&CANCEL);
    assert_eq!(bench.pool.blocks(), 0);
    assert_eq!(bench.value(a), b"x");
}

#[test]
fn a_cccd_belongs_to_the_link_and_is_no_write_of_the_script() {
    let (mut bench, _, b) = bench();
    assert_eq!(bench.write(b + 1, &[1, 0]), [opcode::WRITE_RSP]);
    assert_eq!(bench.outcome, Outcome::Done);
    assert!(bench.link.take_unsaved());
    assert_eq!(bench.db.cccd(bench.slot, b), cccd::NOTIFY);
    assert_eq!(bench.read(b + 1), [opcode::READ_RSP, 1, 0]);
    assert_eq!(bench.asked, []);
    bench.write(b + 1, &[1, 0]);
    assert!(!bench.link.take_unsaved());
    bench.send(&pdu(opcode::WRITE_CMD, &[b + 1], &[0, 0]));
    assert!(bench.link.take_unsaved());
    assert_eq!(bench.db.cccd(bench.slot, b), 0);
    bench.slot = 0;
    assert_eq!(bench.read(b + 1), [opcode::READ_RSP, 0, 0]);
}

#[test]
fn a_cccd_takes_only_what_the_characteristic_offers() {
    let (mut bench, _, b) = bench();
    let both = bench.characteristic(LONG, NOTIFY | INDICATE);
    let cases: [(u16, &[u8], u8); 9] = [
        (b + 1, &[], INVALID_ATTRIBUTE_VALUE_LENGTH),
        (b + 1, &[1], INVALID_ATTRIBUTE_VALUE_LENGTH),
        (b + 1, &[1, 0, 0], INVALID_ATTRIBUTE_VALUE_LENGTH),
        (b + 1, &[4, 0], VALUE_NOT_ALLOWED),
        (b + 1, &[1, 1], VALUE_NOT_ALLOWED),
        (b + 1, &[2, 0], CCCD_IMPROPERLY_CONFIGURED),
        (b + 1, &[3, 0], CCCD_IMPROPERLY_CONFIGURED),
        (11, &[1, 0], CCCD_IMPROPERLY_CONFIGURED),
        (both + 1, &[7, 0], VALUE_NOT_ALLOWED),
    ];
    for (handle, value, code) in cases {
        assert_eq!(
            bench.error(&pdu(opcode::WRITE_REQ, &[handle], value)),
            (handle, code)
        );
    }
    for bits in 0..4 {
        assert_eq!(bench.write(both + 1, &[bits, 0]), [opcode::WRITE_RSP]);
        assert_eq!(bench.db.cccd(bench.slot, both), bits);
    }
    assert_eq!(bench.write(11, &[2, 0]), [opcode::WRITE_RSP]);
}
