//! Answers that break the rules: every procedure ends or waits for its
//! timeout; nothing panics, loops or leaks.

use super::*;

/// Each kind of procedure, its first request sent.
fn asked() -> Vec<Link> {
    (0..8)
        .map(|kind| {
            let mut link = Link::new(23);
            let (client, pool) = (&mut link.client, &mut link.pool);
            match kind {
                0 => client.start_discover_services(None, pool),
                1 => client.start_discover_services(Some(LONG), pool),
                2 => client.start_discover_characteristics(1, 50, None, pool),
                3 => client.start_discover_descriptors(1, 50),
                4 => client.start_read(8),
                5 => client.start_write(8, b"x", true, pool),
                6 => client.start_write(8, &bytes(100), true, pool),
                _ => client.start_exchange_mtu(100),
            }
            .unwrap();
            assert!(!link.request().is_empty());
            link
        })
        .collect()
}

/// The answer's events when `pdu` answers a discovery of the given request.
fn events_of(kind: usize, pdu: &[u8]) -> Vec<String> {
    let mut link = asked().swap_remove(kind);
    let events = link.answer(pdu);
    link.aborted(0);
    assert_eq!(link.pool.blocks(), 0);
    events
}

#[test]
fn cve_2024_24746_handles_that_do_not_rise_end_a_discovery() {
    let bad = status::INVALID_RESPONSE;
    let found = service(4, 5, Uuid::short(0x1800));
    // Overlap, repetition, end before start, handle zero.
    for second in [
        [5, 0, 9, 0],
        [4, 0, 5, 0],
        [9, 0, 8, 0],
        [0, 0, 9, 0],
        [9, 0, 0, 0],
    ] {
        let mut pdu = vec![0x11, 6, 4, 0, 5, 0, 0, 0x18];
        pdu.extend(second);
        pdu.extend([1, 0x18]);
        assert_eq!(events_of(0, &pdu), text(&[found, service_done(bad)]));

        let mut pdu = vec![0x07, 4, 0, 5, 0];
        pdu.extend(second);
        assert_eq!(
            events_of(1, &pdu),
            text(&[service(4, 5, LONG), service_done(bad)])
        );
    }
    for second in [[9, 0], [8, 0], [0, 0], [1, 0], [51, 0], [0xff, 0xff]] {
        let pdu = [0x05, 1, 9, 0, 2, 0x29, second[0], second[1], 1, 0x29];
        let expected = [descriptor(9, Uuid::short(0x2902)), descriptor_done(bad)];
        assert_eq!(events_of(3, &pdu), text(&expected));
    }
}

#[test]
fn characteristics_outside_the_range_are_not_reported() {
    for (declaration, value) in [(0, 1), (5, 5), (5, 4), (5, 51), (51, 52), (0xffff, 0)] {
        let [d, v] = [declaration, value].map(u16::to_le_bytes);
        let pdu = [0x09, 7, d[0], d[1], 2, v[0], v[1], 0, 0x2a];
        assert_eq!(
            events_of(2, &pdu),
            text(&[characteristic_done(status::INVALID_RESPONSE)])
        );
    }
}

#[test]
fn a_characteristic_whose_end_is_a_lie_is_not_reported() {
    let pdu = [0x09, 7, 2, 0, 2, 3, 0, 0, 0x2a, 3, 0, 2, 3, 0, 0, 0x2a];
    assert_eq!(
        events_of(2, &pdu),
        text(&[characteristic_done(status::INVALID_RESPONSE)])
    );
}

#[test]
fn the_same_answer_again_is_no_progress() {
    let pdu = [0x11, 6, 1, 0, 5, 0, 0, 0x18];
    let mut link = asked().swap_remove(0);
    assert_eq!(link.answer(&pdu).len(), 1);
    assert_eq!(link.request()[1], 6);
    assert_eq!(
        link.answer(&pdu),
        text(&[service_done(status::INVALID_RESPONSE)])
    );
}

#[test]
fn entries_of_a_wrong_length_end_a_discovery() {
    for len in (0..=255).filter(|len| ![6, 20].contains(len)) {
        let mut pdu = vec![0x11, len, 1, 0, 5, 0];
        pdu.resize(2 + 2 * len as usize, 0x18);
        assert_eq!(
            events_of(0, &pdu),
            text(&[service_done(status::INVALID_RESPONSE)])
        );
    }
    for len in (0..=255).filter(|len| ![7, 21].contains(len)) {
        let mut pdu = vec![0x09, len, 1, 0, 5, 0];
        pdu.resize(2 + 2 * len as usize, 0x18);
        assert_eq!(
            events_of(2, &pdu),
            text(&[characteristic_done(status::INVALID_RESPONSE)])
        );
    }
    for format in (0..=255).filter(|format| ![1, 2].contains(format)) {
        let pdu = [0x05, format, 9, 0, 2, 0x29];
        assert_eq!(
            events_of(3, &pdu),
            text(&[descriptor_done(status::INVALID_RESPONSE)])
        );
    }
}

#[test]
fn a_truncated_discovery_response_is_an_error() {
    let mut long = vec![0x11, 20, 2, 0, 9, 0];
    long.extend([0xa7; 16]);
    let mut long_characteristic = vec![0x09, 21, 2, 0, 9, 3, 0];
    long_characteristic.extend([0xa7; 16]);
    let whole: [(usize, &[u8], usize); 6] = [
        (0, &[0x11, 6, 1, 0, 5, 0, 0, 0x18, 6, 0, 9, 0, 1, 0x18], 6),
        (0, &long, 20),
        (1, &[0x07, 1, 0, 5, 0, 6, 0, 9, 0], 4),
        (
            2,
            &[0x09, 7, 2, 0, 2, 3, 0, 0, 0x2a, 4, 0, 2, 5, 0, 1, 0x2a],
            7,
        ),
        (2, &long_characteristic, 21),
        (3, &[0x05, 1, 9, 0, 2, 0x29, 10, 0, 1, 0x29], 4),
    ];
    for (kind, pdu, size) in whole {
        let head = if pdu[0] == FIND_BY_TYPE_VALUE_RSP {
            1
        } else {
            2
        };
        for len in 1..pdu.len() {
            let events = events_of(kind, &pdu[..len]);
            if len > head && (len - head) % size == 0 {
                assert!(!events.iter().any(|event| event.contains("125")));
            } else {
                assert_eq!(events.len(), 1, "{kind} cut to {len}");
                assert!(
                    events[0].contains("Done { conn: 5, status: 125 }"),
                    "{}",
                    events[0]
                );
            }
        }
        assert!(events_of(kind, &[]).is_empty());
    }
}

#[test]
fn answers_to_other_requests_are_ignored() {
    for mut link in asked() {
        let Phase::Sent(sent) = link.client.phase else {
            panic!()
        };
        for opcode in (0..=255).filter(|&opcode| opcode != sent + 1) {
            let pdu = [opcode, sent ^ 2, 0, 0, 5];
            let outcome =
                link.client
                    .handle(23, &pdu, &mut link.pool, &mut Writer::new(&mut [0; 4]));
            let unasked = matches!(opcode, 0x1b | 0x1d | 0x23);
            assert_eq!(outcome == Outcome::Events, unasked, "{opcode:#x}");
            link.events(&pdu);
        }
        for len in [0, 1, 2, 3, 4, 6] {
            assert!(link.answer(&[0x01, sent, 0, 0, 5, 0][..len]).is_empty());
        }
        assert_eq!(link.client.phase, Phase::Sent(sent));
        link.client.clear(&mut link.pool);
    }
}

#[test]
fn nothing_unasked_is_taken_for_an_answer() {
    let mut link = Link::new(23);
    for opcode in 0..=255 {
        let pdu = [opcode; 23];
        let outcome = link
            .client
            .handle(23, &pdu, &mut link.pool, &mut Writer::new(&mut [0; 4]));
        assert_eq!(
            outcome == Outcome::Events,
            matches!(opcode, 0x1b | 0x1d | 0x23)
        );
        link.events(&pdu);
    }
}

#[test]
fn an_error_without_a_code_is_no_success() {
    let mut link = asked().swap_remove(5);
    let expected = [write_done(8, status::INVALID_RESPONSE)];
    assert_eq!(link.answer(&[0x01, 0x12, 8, 0, 0]), text(&expected));
}

#[test]
fn not_found_is_an_error_where_one_handle_was_meant() {
    let mut link = asked().swap_remove(4);
    assert_eq!(
        link.answer(&[0x01, 0x0a, 8, 0, 0x0a]),
        text(&[read_done(8, 0x0a)])
    );
}

#[test]
fn random_answers_never_panic_loop_or_leak() {
    let mut seed = 0x2545_f491_u32;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed
    };
    for round in 0..if cfg!(miri) { 100 } else { 20_000 } {
        let kind = random() as usize % 8;
        let mut link = asked().swap_remove(kind);
        link.mtu = 23 + (random() % 3 * 100) as u16;
        let filler = (random() % 4 == 0).then(|| link.pool.alloc(link.pool.free_bytes(), 0));
        link.client.start_read(8).unwrap();
        for _ in 0..8 {
            let Phase::Sent(sent) = link.client.phase else {
                break;
            };
            let mut pdu: Vec<u8> = (0..random() % 40).map(|_| random() as u8).collect();
            // Mostly the right opcode, and low handles, so that it gets far.
            if let (Some(opcode), true) = (pdu.first_mut(), random() % 8 > 0) {
                *opcode = if random() % 8 == 0 { 1 } else { sent + 1 };
            }
            if random() % 2 == 0 && pdu.len() > 2 {
                pdu[1] = [1, 2, 6, 7, 20, 21, sent, 0x23][random() as usize % 8];
                pdu[2..]
                    .iter_mut()
                    .for_each(|byte| *byte &= random() as u8 & random() as u8);
            }
            link.answer(&pdu);
            if random() % 16 == 0 {
                link.client.handle_timeout(NOW.after(30_000));
                link.events(&[]);
            }
            link.request();
            link.events(&[]);
        }
        link.aborted(status::DISCONNECTED);
        if let Some(Some(filler)) = filler {
            link.pool.free(filler);
        }
        assert_eq!(link.pool.blocks(), 0, "round {round}");
    }
}
