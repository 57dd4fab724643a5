//! Peers that break rules lose their channel, and nothing else.

use super::air::*;
use crate::event::Event;
use crate::l2cap::{cid, Outcome, MPS};
use crate::Error;
use std::vec;
use std::vec::Vec;

/// The end asks for disconnection of the channel with the peer's CID 0x50,
/// takes nothing more for it, and is idle after the answer; a second channel
/// lives on.
fn assert_lost(b: &mut Peer, cid: u16) {
    let request = b.poll();
    assert_eq!(
        (request[0], &request[4..]),
        (0x06, &command(0, 0, &[0x50, cid])[4..])
    );
    assert_eq!(b.poll(), []);
    b.frame(cid, &sdu_start(1, &[1]));
    assert_eq!(b.signal(&command(0x16, 1, &[0x50, 65535])), []);
    assert_eq!(b.end.send(3, cid, &[1]), Err(Error::Invalid));
    assert_eq!((b.events(), b.poll()), (vec![], vec![]));
    let other = b.open(0x60, 100, 100, 1);
    b.signal(&command(0x07, request[1], &[0x50, cid]));
    assert_eq!(
        b.events(),
        [Event::L2capDisconnected {
            conn: 0x43,
            cid,
            psm: PSM,
            status: 0
        }]
    );
    b.frame(other, &sdu_start(1, &[1]));
    assert_eq!(b.end.recvinto(3, other, Some(&mut [0; 9])), Ok(1));
    b.end.disconnected(3);
    b.events();
    b.assert_idle();
}

#[test]
fn credits_beyond_65535_lose_the_channel() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 65535);
    b.end.send(3, cid, &[1; 50]).unwrap();
    b.signal(&command(0x16, 1, &[0x50, 1]));
    assert_lost(&mut b, cid);
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    b.signal(&command(0x16, 1, &[0x50, 65534]));
    assert_eq!(b.poll(), []);
    b.signal(&command(0x16, 1, &[0x50, 65535]));
    assert_lost(&mut b, cid);
}

#[test]
fn no_credits_in_an_indication_lose_the_channel() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    b.signal(&command(0x16, 1, &[0x50, 0]));
    assert_lost(&mut b, cid);
}

#[test]
fn credits_for_an_unknown_channel_are_ignored() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    for unknown in [0, cid, 0x51, 0xffff] {
        assert_eq!(b.signal(&command(0x16, 1, &[unknown, 65535])), []);
    }
    assert_eq!(b.poll(), []);
}

#[test]
fn an_sdu_longer_than_our_mtu_loses_the_channel() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    b.frame(cid, &sdu_start(101, &[1]));
    assert_lost(&mut b, cid);
}

#[test]
fn an_sdu_longer_than_announced_loses_the_channel() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    b.frame(cid, &sdu_start(2, &[1, 2, 3]));
    assert_lost(&mut b, cid);
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    b.frame(cid, &sdu_start(5, &[1, 2, 3]));
    b.frame(cid, &[4, 5, 6]);
    assert_lost(&mut b, cid);
}

#[test]
fn a_frame_longer_than_our_mps_loses_the_channel() {
    let (mut b, cid) = Peer::opened(2048, 100, 100, 1);
    b.frame(cid, &sdu_start(MPS, &vec![1; MPS as usize - 2]));
    assert_eq!(b.poll(), []);
    b.frame(cid, &[1; 2]);
    assert_eq!(b.events(), [Event::L2capRecv { conn: 0x43, cid }]);
    b.frame(cid, &sdu_start(MPS, &vec![1; MPS as usize - 1]));
    b.end.recvinto(3, cid, Some(&mut [0; 2048])).unwrap();
    assert_lost(&mut b, cid);
}

#[test]
fn a_frame_without_a_credit_loses_the_channel() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    for _ in 0..16 {
        b.frame(cid, &sdu_start(1, &[1]));
    }
    b.frame(cid, &sdu_start(1, &[1]));
    assert_eq!(b.events().len(), 1);
    b.end.recvinto(3, cid, Some(&mut [0; 9])).unwrap();
    assert_lost(&mut b, cid);
}

/// A first K-frame without a whole SDU length.
#[test]
fn cve_2021_3454_a_frame_without_an_sdu_length_loses_the_channel() {
    for pdu in [&[][..], &[1]] {
        let (mut b, cid) = Peer::opened(100, 100, 100, 1);
        b.frame(cid, pdu);
        assert_lost(&mut b, cid);
    }
}

#[test]
fn empty_sdus_and_frames_cost_credits_and_give_no_event() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    for _ in 0..5 {
        b.frame(cid, &sdu_start(0, &[]));
    }
    b.frame(cid, &sdu_start(3, &[]));
    b.frame(cid, &[]);
    assert_eq!(b.events(), []);
    assert_eq!(b.poll(), []);
    b.frame(cid, &[1, 2, 3]);
    assert_eq!(b.events(), [Event::L2capRecv { conn: 0x43, cid }]);
    assert_eq!(b.end.recvinto(3, cid, Some(&mut [0; 9])), Ok(3));
    assert_eq!(b.poll(), command(0x16, 1, &[cid, 8]));
}

#[test]
fn frames_for_unknown_channels_and_other_links_are_ignored() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    for unknown in [0, 3, 0x3f, cid + 1, 0x7f, 0xffff] {
        b.frame(unknown, &sdu_start(1, &[1]));
    }
    b.end.handle_frame(NOW, 2, cid, &sdu_start(1, &[1]));
    b.end.handle_frame(NOW, 255, cid, &sdu_start(1, &[1]));
    assert_eq!((b.events(), b.poll()), (vec![], vec![]));
    assert_eq!(b.end.recvinto(2, cid, None), Err(Error::Invalid));
    assert_eq!(b.end.recvinto(3, cid, None), Ok(0));
}

#[test]
fn another_link_cannot_end_a_channel() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    b.link.slot = 2;
    assert_eq!(
        b.signal(&command(0x06, 1, &[cid, 0x50])),
        command(0x01, 1, &[2, cid, 0x50])
    );
    b.signal(&command(0x16, 1, &[0x50, 0]));
    b.link.slot = 3;
    assert_eq!((b.events(), b.poll()), (vec![], vec![]));
    // Nor can a wrong pair of CIDs, which gets no answer.
    assert_eq!(b.signal(&command(0x06, 1, &[cid, 0x51])), []);
    assert_eq!(b.events(), []);
}

/// A disconnection in every state of a channel,
/// twice, with frames and credits behind it.
#[test]
fn cve_2021_3455_a_disconnection_in_every_state_ends_the_channel_at_most_once() {
    for state in 0..7 {
        let mut b = Peer::new(PERIPHERAL);
        b.end.listen(PSM, 100).unwrap();
        let mut pdu = Vec::new();
        let cid = match state {
            0 | 1 => b.end.connect(NOW, b.link, PSM, 100, lend(100)).unwrap(),
            2 | 3 => {
                b.signal(&command(0x14, 9, &[PSM, 0x50, 100, 100, 9]));
                cid::FIRST_DYNAMIC
            }
            _ => b.open(0x50, 100, 100, 9),
        };
        match state {
            1 => assert_eq!(b.poll()[0], 0x14),
            3 => {
                let Some(Event::L2capAccept { token, .. }) = b.next_event() else {
                    panic!()
                };
                b.end.answer_accept(token, Some(lend(100))).unwrap();
            }
            4 => b.frame(cid, &sdu_start(50, &[1])),
            5 => {
                b.end.send(3, cid, &[1; 100]).unwrap();
                b.fragment(27, &mut pdu);
            }
            6 => {
                b.end.disconnect(NOW, 3, cid).unwrap();
                assert_eq!(b.poll()[0], 0x06);
            }
            _ => {}
        }
        for round in 0..2 {
            let answer = b.signal(&command(0x06, 8, &[cid, 0x50]));
            let expected = match (state >= 4, round) {
                (true, 0) => command(0x07, 8, &[cid, 0x50]),
                _ => command(0x01, 8, &[2, cid, 0x50]),
            };
            assert_eq!(answer, expected, "state {state}");
            b.frame(cid, &sdu_start(50, &[1]));
            b.signal(&command(0x16, 1, &[0x50, 1]));
        }
        while b.end.frame_open(3) {
            b.fragment(27, &mut pdu);
        }
        b.end.disconnected(3);
        let ends = |event: &Event| matches!(event, Event::L2capDisconnected { .. });
        let ended = b.events().into_iter().filter(ends).count();
        assert_eq!(ended, (state != 2) as usize, "state {state}");
        b.assert_idle();
    }
}

/// More source CIDs than the five that are allowed.
#[test]
fn cve_2021_3434_more_than_five_channels_at_once_are_refused() {
    let mut b = Peer::new(PERIPHERAL);
    b.end.listen(PSM, 100).unwrap();
    for n in 6..30 {
        let words: Vec<u16> = [PSM, 64, 64, 1].into_iter().chain(0x50..0x50 + n).collect();
        assert_eq!(
            b.signal(&command(0x17, 1, &words)),
            command(0x01, 1, &[1, 23])
        );
    }
    b.assert_idle();
}

/// An answer that shows what was in memory before.
#[test]
fn cve_2021_3435_refused_channels_are_answered_by_zeros() {
    let mut b = Peer::new(PERIPHERAL);
    b.end.listen(PSM, 100).unwrap();
    let request = command(0x17, 1, &[PSM, 64, 64, 1, 0x3f, 0x80, 0, 0xffff, 1]);
    assert_eq!(
        b.signal(&request),
        command(0x18, 1, &[0, 0, 0, 9, 0, 0, 0, 0, 0])
    );
    b.assert_idle();
}

/// More CIDs than allowed in a reconfiguration.
#[test]
fn cve_2023_5055_a_reconfiguration_of_too_many_channels_is_refused() {
    let (mut b, _) = Peer::opened(100, 100, 100, 1);
    for n in 6..30 {
        let words: Vec<u16> = [100, 100].into_iter().chain(0x50..0x50 + n).collect();
        let answer = b.signal(&command(0x19, 1, &words));
        let fits = n <= 7;
        assert_eq!(
            answer,
            if fits {
                command(0x1a, 1, &[4])
            } else {
                command(0x01, 1, &[1, 23])
            }
        );
    }
    // A channel of the older mode cannot be reconfigured.
    assert_eq!(
        b.signal(&command(0x19, 1, &[100, 100, 0x50])),
        command(0x1a, 1, &[3])
    );
}

/// Lengths that contradict each other.
#[test]
fn cve_2019_17517_every_truncation_and_every_wrong_length_is_rejected_without_effect() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 1);
    let requests = [
        command(0x06, 1, &[cid, 0x50]),
        command(0x12, 1, &[6, 6, 0, 100]),
        command(0x14, 1, &[PSM, 0x51, 100, 100, 1]),
        command(0x16, 1, &[0x50, 0]),
        command(0x17, 1, &[PSM, 100, 100, 1, 0x52]),
        command(0x19, 1, &[100, 100, 0x50]),
    ];
    let rejected = command(0x01, 1, &[0]);
    for request in &requests {
        for n in 0..request.len() {
            let answer = b.signal(&request[..n]);
            assert_eq!(answer, if n < 2 { vec![] } else { rejected.clone() });
        }
        for len in 0..=255 {
            let mut pdu = request.clone();
            if len != pdu[2] {
                pdu[2] = len;
                assert_eq!(b.signal(&pdu), rejected);
            }
            pdu[3] = 1;
            assert_eq!(b.signal(&pdu), rejected);
        }
        // A second command behind the first, as far as it fits.
        assert_eq!(
            b.signal(&[&request[..], &[0x16, 1, 4, 0]].concat()),
            rejected
        );
    }
    for response in [0x01, 0x07, 0x13, 0x15, 0x18, 0x1a] {
        for n in 0..30 {
            let pdu = [&[response, 1, n, 0][..], &vec![0; n as usize]].concat();
            for n in 0..=pdu.len() {
                assert_eq!(b.outcome(&pdu[..n]), (Outcome::Nothing, vec![]));
            }
        }
    }
    assert_eq!((b.events(), b.poll()), (vec![], vec![]));
}

#[test]
fn commands_of_br_edr_and_unknown_ones_are_rejected() {
    let mut b = Peer::new(PERIPHERAL);
    for code in [0, 2, 4, 8, 0x0a, 0x0c, 0x0e, 0x10, 0x1b, 0x1c, 0x80, 0xff] {
        assert_eq!(
            b.signal(&command(code, 3, &[])),
            command(0x01, 3, &[0]),
            "{code}"
        );
    }
    for code in 0..=255 {
        assert_eq!(b.signal(&command(code, 0, &[1, 2])), []);
    }
    assert_eq!(
        b.signal(&command(0x14, 1, &[0; 10])),
        command(0x01, 1, &[1, 23])
    );
}

#[test]
fn an_answer_that_offers_impossible_terms_fails_the_connection() {
    let (mut b, _) = Peer::opened(100, 100, 100, 1);
    for [dcid, mtu, mps] in [
        [0x3f, 100, 100],
        [0x80, 100, 100],
        [0x50, 100, 100],
        [0x51, 22, 100],
        [0x51, 100, 22],
    ] {
        let cid = b.end.connect(NOW, b.link, PSM, 100, lend(100)).unwrap();
        let id = b.poll()[1];
        b.signal(&command(0x15, id, &[dcid, mtu, mps, 1, 0]));
        assert_eq!(
            b.events(),
            [Event::L2capDisconnected {
                conn: 0x43,
                cid,
                psm: PSM,
                status: 3
            }]
        );
        assert!(!b.end.holds(cid));
    }
}

#[test]
fn a_frame_that_was_polled_but_not_sent_follows_a_reconfiguration() {
    let mut b = Peer::new(PERIPHERAL);
    b.end.listen(PSM, 100).unwrap();
    b.signal(&command(0x17, 5, &[PSM, 100, 90, 1, 0x50]));
    let Some(Event::L2capAccept { token, cid, .. }) = b.next_event() else {
        panic!()
    };
    b.end.answer_accept(token, Some(lend(100))).unwrap();
    b.poll();
    b.end.send(3, cid, &[1; 100]).unwrap();
    assert_eq!(b.end.poll_fragment(3, 251).unwrap().len(), 94);
    b.signal(&command(0x19, 1, &[100, 64, 0x50]));
    assert_eq!(b.next_frame(251).unwrap().1.len(), 64);
}

#[test]
fn random_bytes_never_panic_or_loop() {
    let mut seed = 1u32;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed
    };
    for _ in 0..if cfg!(miri) { 20 } else { 2_000 } {
        let mut b = Peer::new(if random() % 2 == 0 {
            CENTRAL
        } else {
            PERIPHERAL
        });
        b.end.listen(PSM, 70).unwrap();
        b.end.connect(NOW, b.link, PSM, 23, lend(23)).unwrap();
        for _ in 0..100 {
            let words: Vec<u16> = (0..random() % 10)
                .map(|_| match random() % 8 {
                    0 => random() as u16,
                    1 => PSM,
                    2 | 3 => 0x40 + (random() % 8) as u16,
                    4 => 64 + (random() % 64) as u16,
                    _ => (random() % 4) as u16,
                })
                .collect();
            let mut pdu = command((random() % 28) as u8, (random() % 4) as u8, &words);
            if random() % 8 == 0 {
                let at = random() as usize % pdu.len();
                pdu[at] = random() as u8;
            }
            if random() % 3 > 0 {
                b.signal(&pdu);
            } else {
                b.frame(0x40 + (random() % 9) as u16, &pdu[2..]);
            }
            let slot = b.link.slot;
            let cid = 0x40 + (random() % 8) as u16;
            match random() % 8 {
                0 => drop(b.end.send(slot, cid, &[7; 30])),
                1 => drop(b.end.recvinto(slot, cid, Some(&mut [0; 40]))),
                2 => drop(b.end.disconnect(NOW, slot, cid)),
                _ => {}
            }
            while let Some(event) = b.next_event() {
                if let Event::L2capAccept { token, our_mtu, .. } = event {
                    let memory = (random() % 4 > 0).then(|| lend(our_mtu));
                    b.end.answer_accept(token, memory).unwrap();
                }
            }
            if !b.end.frame_open(slot) {
                b.poll();
            }
            b.fragment_any();
        }
        b.end.disconnected(b.link.slot);
        b.events();
        b.assert_idle();
    }
}
