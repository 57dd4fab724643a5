use super::*;

#[test]
fn read_gives_as_much_as_fits() {
    for mtu in [23, 517] {
        let mut bench = Bench::with_service();
        bench.mtu = mtu;
        let handle = bench.characteristic(LONG, READ);
        for len in [
            0,
            1,
            usize::from(mtu) - 2,
            usize::from(mtu) - 1,
            usize::from(mtu),
            512,
        ] {
            let value: Vec<u8> = (0..len).map(|i| i as u8).collect();
            bench.set(handle, &value);
            let answer = bench.read(handle);
            assert_eq!(answer[0], opcode::READ_RSP);
            assert_eq!(answer[1..], value[..len.min(usize::from(mtu) - 1)]);
            assert_eq!(bench.asked, [handle]);
        }
    }
}

#[test]
fn our_own_values_are_read_without_the_script() {
    let mut bench = Bench::new();
    let mut hash = bench.db.hash().to_vec();
    hash.insert(0, opcode::READ_RSP);
    for (handle, expected) in [
        (1, &[0x0b, 0x00, 0x18][..]),
        (2, &[0x0b, 0x02, 3, 0, 0x00, 0x2a]),
        (3, b"\x0bbench"),
        (5, &[0x0b, 0, 0]),
        (7, &[0x0b, 1]),
        (11, &[0x0b, 0, 0]),
        (13, &[0x0b, 0]),
        (15, &hash),
    ] {
        assert_eq!(bench.read(handle), expected);
        assert_eq!(bench.asked, []);
    }
    assert_eq!(bench.error(&[0x0a, 10, 0]), (10, READ_NOT_PERMITTED));
}

#[test]
fn a_handle_that_is_none_is_invalid() {
    let mut bench = Bench::new();
    for handle in [0, bench.db.last_handle() + 1, 0xffff] {
        assert_eq!(
            bench.error(&pdu(opcode::READ_REQ, &[handle], &[])),
            (handle, INVALID_HANDLE)
        );
        let blob = pdu(opcode::READ_BLOB_REQ, &[handle, 0], &[]);
        assert_eq!(bench.error(&blob), (handle, INVALID_HANDLE));
        for op in [
            opcode::READ_MULTIPLE_REQ,
            opcode::READ_MULTIPLE_VARIABLE_REQ,
        ] {
            assert_eq!(
                bench.error(&pdu(op, &[3, handle], &[])),
                (handle, INVALID_HANDLE)
            );
        }
    }
}

#[test]
fn read_blob_goes_up_to_the_end_and_not_past_it() {
    let mut bench = Bench::with_service();
    let handle = bench.characteristic(LONG, READ);
    let value: Vec<u8> = (0..=255).chain(0..=255).collect();
    bench.set(handle, &value);
    let mut got: Vec<u8> = Vec::new();
    loop {
        let answer = bench.send(&pdu(
            opcode::READ_BLOB_REQ,
            &[handle, got.len() as u16],
            &[],
        ));
        assert_eq!(answer[0], opcode::READ_BLOB_RSP);
        got.extend(&answer[1..]);
        if answer.len() < 23 {
            break;
        }
    }
    assert_eq!(got, value);
    let at_end = pdu(opcode::READ_BLOB_REQ, &[handle, 512], &[]);
    assert_eq!(bench.send(&at_end), [opcode::READ_BLOB_RSP]);
    let past = pdu(opcode::READ_BLOB_REQ, &[handle, 513], &[]);
    assert_eq!(bench.error(&past), (handle, INVALID_OFFSET));
    let far = pdu(opcode::READ_BLOB_REQ, &[handle, 0xffff], &[]);
    assert_eq!(bench.error(&far), (handle, INVALID_OFFSET));
    assert_eq!(
        bench.send(&pdu(opcode::READ_BLOB_REQ, &[3, 2], &[])),
        b"\x0dnch"
    );
}

#[test]
fn read_multiple_joins_values_and_cuts_the_end() {
    let mut bench = Bench::with_service();
    let a = bench.characteristic(LONG, READ);
    let b = bench.characteristic(LONG, READ);
    bench.set(a, &[1; 12]);
    bench.set(b, &[2; 12]);
    let answer = bench.send(&pdu(opcode::READ_MULTIPLE_REQ, &[a, b], &[]));
    assert_eq!(
        answer,
        [&[opcode::READ_MULTIPLE_RSP][..], &[1; 12], &[2; 10]].concat()
    );
    assert_eq!(bench.asked, [a, b]);
    let answer = bench.send(&pdu(opcode::READ_MULTIPLE_VARIABLE_REQ, &[a, b], &[]));
    let expected = [
        &[opcode::READ_MULTIPLE_VARIABLE_RSP, 12, 0][..],
        &[1; 12],
        &[12, 0],
        &[2; 6],
    ];
    assert_eq!(answer, expected.concat());
    let answer = bench.send(&pdu(opcode::READ_MULTIPLE_VARIABLE_REQ, &[3, a, 7], &[]));
    assert_eq!(answer, [&b"\x21\x05\0bench\x0c\0"[..], &[1; 12]].concat());
}

#[test]
fn read_multiple_variable_never_cuts_a_length() {
    let mut bench = Bench::with_service();
    let a = bench.characteristic(LONG, READ);
    for (len, expected) in [(18, 23), (19, 22), (20, 23)] {
        bench.set(a, &vec![1; len]);
        let answer = bench.send(&pdu(opcode::READ_MULTIPLE_VARIABLE_REQ, &[a, 3, 3], &[]));
        assert_eq!(answer.len(), expected);
    }
}

#[test]
fn read_by_type_lists_values_of_one_length() {
    let mut bench = Bench::with_service();
    let handles: Vec<u16> = (0..5).map(|_| bench.characteristic(LONG, READ)).collect();
    for (handle, value) in handles
        .iter()
        .zip([&b"aa"[..], b"bb", b"ccc", b"dd", b"ee"])
    {
        bench.set(*handle, value);
    }
    let request = |start| pdu(opcode::READ_BY_TYPE_REQ, &[start, 0xffff], &[0x77; 16]);
    let [a, b, c, ..] = handles[..] else { panic!() };
    let expected = pdu(opcode::READ_BY_TYPE_RSP, &[], &[4]);
    let expected = [&expected[..], &[a as u8, 0], b"aa", &[b as u8, 0], b"bb"].concat();
    assert_eq!(bench.send(&request(1)), expected);
    let answer = bench.send(&request(b + 1));
    assert_eq!(answer, [&[0x09, 5, c as u8, 0][..], b"ccc"].concat());
    assert_eq!(
        bench.error(&request(handles[4] + 1)),
        (handles[4] + 1, ATTRIBUTE_NOT_FOUND)
    );
}

#[test]
fn read_by_type_stops_where_the_mtu_does() {
    for mtu in [23u16, 24, 27, 28, 517] {
        let mut bench = Bench::with_service();
        bench.mtu = mtu;
        for _ in 0..200 {
            bench.characteristic(Uuid::short(0x2a19), READ);
        }
        let answer = bench.send(&pdu(opcode::READ_BY_TYPE_REQ, &[16, 0xffff, 0x2803], &[]));
        assert_eq!(answer[1], 7);
        assert_eq!(answer.len(), 2 + (usize::from(mtu) - 2) / 7 * 7);
        let answer = bench.send(&pdu(opcode::READ_BY_TYPE_REQ, &[16, 0xffff, 0x2a19], &[]));
        assert_eq!(answer.len(), 2 + ((usize::from(mtu) - 2) / 2 * 2).min(400));
        // No value was asked for that would not fit.
        assert_eq!(bench.asked.len(), (answer.len() - 2) / 2);
    }
}

#[test]
fn read_by_type_cuts_a_long_value_to_the_mtu_or_253() {
    for (mtu, listed) in [(23, 19), (255, 251), (257, 253), (300, 253), (517, 253)] {
        let mut bench = Bench::with_service();
        bench.mtu = mtu;
        let a = bench.characteristic(LONG, READ);
        let b = bench.characteristic(LONG, READ);
        bench.set(a, &[1; 512]);
        bench.set(b, &[2; 512]);
        let answer = bench.send(&pdu(opcode::READ_BY_TYPE_REQ, &[1, 0xffff], &[0x77; 16]));
        assert_eq!(usize::from(answer[1]), 2 + listed);
        let count = if mtu == 517 { 2 } else { 1 };
        assert_eq!(answer.len(), 2 + count * (2 + listed));
    }
}

#[test]
fn ranges_that_are_none_are_invalid_handles() {
    let mut bench = Bench::new();
    for (start, end) in [(0, 0), (0, 5), (5, 4), (0xffff, 1)] {
        for request in [
            pdu(opcode::FIND_INFORMATION_REQ, &[start, end], &[]),
            pdu(
                opcode::FIND_BY_TYPE_VALUE_REQ,
                &[start, end, 0x2800],
                &[0, 0x18],
            ),
            pdu(opcode::READ_BY_TYPE_REQ, &[start, end, 0x2803], &[]),
            pdu(opcode::READ_BY_GROUP_TYPE_REQ, &[start, end, 0x2800], &[]),
            pdu(opcode::READ_BY_GROUP_TYPE_REQ, &[start, end, 0x2803], &[]),
        ] {
            assert_eq!(bench.error(&request), (start, INVALID_HANDLE));
        }
    }
}

#[test]
fn nothing_in_the_range_is_not_found_even_at_the_last_handle() {
    let mut bench = Bench::new();
    for start in [bench.db.last_handle() + 1, 0xffff] {
        for request in [
            pdu(opcode::FIND_INFORMATION_REQ, &[start, 0xffff], &[]),
            pdu(
                opcode::FIND_BY_TYPE_VALUE_REQ,
                &[start, 0xffff, 0x2800],
                &[0, 0x18],
            ),
            pdu(opcode::READ_BY_TYPE_REQ, &[start, 0xffff, 0x2803], &[]),
            pdu(
                opcode::READ_BY_GROUP_TYPE_REQ,
                &[start, 0xffff, 0x2800],
                &[],
            ),
        ] {
            assert_eq!(bench.error(&request), (start, ATTRIBUTE_NOT_FOUND));
        }
    }
}

#[test]
fn read_by_group_type_lists_services_of_one_uuid_size() {
    let mut bench = Bench::with_service();
    let value = bench.characteristic(LONG, READ | NOTIFY);
    let last = bench.db.add_service(&LONG).unwrap();
    bench.end();
    let request = |start| {
        pdu(
            opcode::READ_BY_GROUP_TYPE_REQ,
            &[start, 0xffff, 0x2800],
            &[],
        )
    };
    let answer = bench.send(&request(1));
    let end = value as u8 + 1;
    let expected = [
        0x11, 6, 1, 0, 7, 0, 0x00, 0x18, 8, 0, 15, 0, 0x01, 0x18, 16, 0, end, 0, 0x0f, 0x18,
    ];
    assert_eq!(answer, expected);
    let answer = bench.send(&request(17));
    let expected = [&[0x11, 20, last as u8, 0, last as u8, 0][..], &[0x77; 16]].concat();
    assert_eq!(answer, expected);
    assert_eq!(
        bench.error(&request(last + 1)),
        (last + 1, ATTRIBUTE_NOT_FOUND)
    );
    bench.mtu = 25;
    assert_eq!(bench.send(&request(1)).len(), 20);
    bench.mtu = 23;
    assert_eq!(bench.send(&request(1)).len(), 20);
}

#[test]
fn only_services_are_groups_to_read() {
    let mut bench = Bench::with_service();
    let request = |group| pdu(opcode::READ_BY_GROUP_TYPE_REQ, &[1, 0xffff, group], &[]);
    for group in [0x2803, 0x2802, 0x2a00, 0x180f] {
        assert_eq!(bench.error(&request(group)), (1, UNSUPPORTED_GROUP_TYPE));
    }
    assert_eq!(bench.error(&request(0x2801)), (1, ATTRIBUTE_NOT_FOUND));
    let long = pdu(opcode::READ_BY_GROUP_TYPE_REQ, &[1, 0xffff], &[0x77; 16]);
    assert_eq!(bench.error(&long), (1, UNSUPPORTED_GROUP_TYPE));
    let base = [
        0xfb, 0x34, 0x9b, 0x5f, 0x80, 0, 0, 0x80, 0, 0x10, 0, 0, 0, 0x28, 0, 0,
    ];
    let long_form = pdu(opcode::READ_BY_GROUP_TYPE_REQ, &[1, 0xffff], &base);
    assert_eq!(bench.send(&long_form), bench.send(&request(0x2800)));
}

#[test]
fn find_information_lists_types_of_one_size() {
    let mut bench = Bench::with_service();
    let value = bench.characteristic(LONG, READ | NOTIFY);
    let request = |start, end| pdu(opcode::FIND_INFORMATION_REQ, &[start, end], &[]);
    let answer = bench.send(&request(value - 1, 0xffff));
    assert_eq!(answer, [0x05, 1, value as u8 - 1, 0, 0x03, 0x28]);
    let answer = bench.send(&request(value, 0xffff));
    assert_eq!(
        answer,
        [&[0x05, 2, value as u8, 0][..], &[0x77; 16]].concat()
    );
    let answer = bench.send(&request(value + 1, value + 1));
    assert_eq!(answer, [0x05, 1, value as u8 + 1, 0, 0x02, 0x29]);
    assert_eq!(bench.send(&request(1, 0xffff)).len(), 22);
    bench.mtu = 517;
    assert_eq!(
        bench.send(&request(1, 0xffff)).len(),
        2 + 4 * usize::from(value - 1)
    );
    assert_eq!(bench.send(&request(1, 3)).len(), 2 + 4 * 3);
}

#[test]
fn find_by_type_value_gives_the_ends_of_groups() {
    let mut bench = Bench::with_service();
    let value = bench.characteristic(Uuid::short(0x2a19), READ | NOTIFY);
    let again = bench.db.add_service(&Uuid::short(0x180f)).unwrap();
    bench.end();
    let find =
        |group: u16, value: &[u8]| pdu(opcode::FIND_BY_TYPE_VALUE_REQ, &[1, 0xffff, group], value);
    let end = value as u8 + 1;
    let answer = bench.send(&find(0x2800, &[0x0f, 0x18]));
    assert_eq!(
        answer,
        [0x07, 16, 0, end, 0, again as u8, 0, again as u8, 0]
    );
    assert_eq!(
        bench.error(&find(0x2800, &[0x0f, 0x19])),
        (1, ATTRIBUTE_NOT_FOUND)
    );
    assert_eq!(
        bench.error(&find(0x2800, &[0x0f])),
        (1, ATTRIBUTE_NOT_FOUND)
    );
    let declaration = [0x12, value as u8, 0, 0x19, 0x2a];
    assert_eq!(
        bench.send(&find(0x2803, &declaration)),
        [0x07, 17, 0, end, 0]
    );
    assert_eq!(bench.send(&find(0x2a00, b"bench")), [0x07, 3, 0, 3, 0]);
    bench.set(value, &[99]);
    assert_eq!(bench.send(&find(0x2a19, &[99])), [0x07, 18, 0, 18, 0]);
    assert_eq!(bench.asked, [18]);
    // What the script does not let be read cannot be guessed.
    bench.refuse = Some((value, READ_NOT_PERMITTED));
    assert_eq!(bench.error(&find(0x2a19, &[99])), (1, ATTRIBUTE_NOT_FOUND));
}

#[test]
fn find_by_type_value_stops_where_the_mtu_does() {
    let mut bench = Bench::new();
    for _ in 0..200 {
        bench.db.add_service(&Uuid::short(0x180f)).unwrap();
    }
    bench.end();
    for (mtu, len) in [(23, 21), (24, 21), (25, 25), (517, 517)] {
        bench.mtu = mtu;
        let find = pdu(
            opcode::FIND_BY_TYPE_VALUE_REQ,
            &[1, 0xffff, 0x2800],
            &[0x0f, 0x18],
        );
        assert_eq!(bench.send(&find).len(), len);
    }
}

#[test]
fn the_script_refuses_a_read_with_its_own_code() {
    let mut bench = Bench::with_service();
    let a = bench.characteristic(LONG, READ);
    let b = bench.characteristic(LONG, READ);
    let d = bench.descriptor(Uuid::short(0x2901), READ);
    for handle in [a, b, d] {
        bench.refuse = Some((handle, 0x80));
        assert_eq!(
            bench.error(&pdu(opcode::READ_REQ, &[handle], &[])),
            (handle, 0x80)
        );
        let blob = pdu(opcode::READ_BLOB_REQ, &[handle, 0], &[]);
        assert_eq!(bench.error(&blob), (handle, 0x80));
        for op in [
            opcode::READ_MULTIPLE_REQ,
            opcode::READ_MULTIPLE_VARIABLE_REQ,
        ] {
            assert_eq!(bench.error(&pdu(op, &[a, b, d], &[])), (handle, 0x80));
        }
    }
    let by_type = pdu(opcode::READ_BY_TYPE_REQ, &[1, 0xffff], &[0x77; 16]);
    bench.refuse = Some((a, 0x80));
    assert_eq!(bench.error(&by_type), (a, 0x80));
    // A refusal further on ends the list.
    bench.refuse = Some((b, 0x80));
    assert_eq!(bench.send(&by_type), [0x09, 2, a as u8, 0]);
}

#[test]
fn a_script_may_change_the_services_while_it_is_asked() {
    let mut bench = Bench::with_service();
    let a = bench.characteristic(LONG, READ);
    let mut buf = [0; 23];
    let mut run = |bench: &mut Bench, approved| {
        let mut out = Writer::new(&mut buf);
        let mut ctx = Context {
            db: &mut bench.db,
            pool: &mut bench.pool,
            slot: 0,
            mtu: 23,
            preferred_mtu: 23,
            credentials: bench.credentials,
            approved,
            refused: 0,
        };
        let outcome = handle(&mut bench.link, &mut ctx, &[0x0a, a as u8, 0], &mut out);
        (outcome, out.written().to_vec())
    };
    let query = (Outcome::Query { handle: a }, vec![]);
    assert_eq!(run(&mut bench, 0), query);
    bench.db.begin(false);
    bench.db.end();
    assert_eq!(
        run(&mut bench, 1),
        (Outcome::Done, vec![0x01, 0x0a, a as u8, 0, INVALID_HANDLE])
    );
}
