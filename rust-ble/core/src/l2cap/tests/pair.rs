use super::air::*;
use crate::event::Event;
use crate::l2cap::{cid, memory_needed, status, Channels, Link, Outcome, MPS, RTX_MS};
use crate::time::Instant;
use crate::{Error, Token};
use std::vec;
use std::vec::Vec;

#[test]
fn a_connection_is_asked_for_accepted_and_used() {
    let (mut a, mut b) = (Peer::new(CENTRAL), Peer::new(PERIPHERAL));
    b.end.listen(PSM, 450).unwrap();
    let a_cid = a.end.connect(NOW, a.link, PSM, 500, lend(500)).unwrap();
    let request = a.poll();
    assert_eq!(request, command(0x14, 1, &[PSM, a_cid, 500, MPS, 8]));
    assert_eq!(b.signal(&request), []);
    let query = b.events();
    let [Event::L2capAccept {
        token,
        conn: 0x43,
        cid: b_cid,
        psm: PSM,
        our_mtu: 450,
        peer_mtu: 500,
    }] = query[..]
    else {
        panic!("{query:?}");
    };
    assert_eq!(b.poll(), []);
    b.end.answer_accept(token, Some(lend(450))).unwrap();
    assert_eq!(b.events(), []);
    let answer = b.poll();
    assert_eq!(answer, command(0x15, 1, &[b_cid, 450, MPS, 8, 0]));
    a.signal(&answer);
    let connected = |conn, cid, our_mtu, peer_mtu| {
        [Event::L2capConnected {
            conn,
            cid,
            psm: PSM,
            our_mtu,
            peer_mtu,
        }]
    };
    assert_eq!(b.events(), connected(0x43, b_cid, 450, 500));
    assert_eq!(a.events(), connected(0x40, a_cid, 500, 450));

    let sdu: Vec<u8> = (0..=255).collect();
    assert_eq!(a.end.send(0, a_cid, &sdu), Ok(false));
    let (cid, frame) = a.next_frame(100).unwrap();
    assert_eq!((cid, frame.len()), (b_cid, 258));
    assert_eq!(frame[..2], [0, 1]);
    b.frame(cid, &frame);
    assert_eq!(
        b.events(),
        [Event::L2capRecv {
            conn: 0x43,
            cid: b_cid
        }]
    );
    assert_eq!(b.end.recvinto(3, b_cid, None), Ok(256));
    let mut buf = [0; 200];
    assert_eq!(b.end.recvinto(3, b_cid, Some(&mut buf)), Ok(200));
    assert_eq!(buf[..], sdu[..200]);
    assert_eq!(b.end.recvinto(3, b_cid, None), Ok(56));
    assert_eq!(b.end.recvinto(3, b_cid, Some(&mut buf)), Ok(56));
    assert_eq!(buf[..56], sdu[200..]);
    assert_eq!(b.end.recvinto(3, b_cid, Some(&mut buf)), Ok(0));

    a.end.disconnect(NOW, 0, a_cid).unwrap();
    settle(&mut a, &mut b);
    let gone = |conn, cid| {
        [Event::L2capDisconnected {
            conn,
            cid,
            psm: PSM,
            status: 0,
        }]
    };
    assert_eq!(a.events(), gone(0x40, a_cid));
    assert_eq!(b.events(), gone(0x43, b_cid));
    a.assert_idle();
    b.assert_idle();
}

#[test]
fn the_script_may_refuse() {
    for memory in [None, Some(&mut *lend(449))] {
        let (mut a, mut b) = (Peer::new(CENTRAL), Peer::new(PERIPHERAL));
        b.end.listen(PSM, 450).unwrap();
        let cid = a.end.connect(NOW, a.link, PSM, 500, lend(500)).unwrap();
        settle(&mut a, &mut b);
        let Some(Event::L2capAccept { token, .. }) = b.next_event() else {
            panic!()
        };
        assert_eq!(
            b.end.answer_accept(Token(token.0 + 1), None),
            Err(Error::NotFound)
        );
        b.end.answer_accept(token, memory).unwrap();
        assert_eq!(b.end.answer_accept(token, None), Err(Error::NotFound));
        settle(&mut a, &mut b);
        assert_eq!(
            a.events(),
            [Event::L2capDisconnected {
                conn: 0x40,
                cid,
                psm: PSM,
                status: 6
            }]
        );
        a.assert_idle();
        b.assert_idle();
    }
}

#[test]
fn each_result_of_a_refusal_has_its_status() {
    let known = [
        (2, 8),
        (4, 6),
        (5, 23),
        (6, 24),
        (7, 26),
        (8, 25),
        (9, 16),
        (10, 2),
        (11, 3),
        (12, 17),
    ];
    for (result, status) in known.into_iter().chain([(0x100, 17)]) {
        let mut a = Peer::new(CENTRAL);
        let cid = a.end.connect(NOW, a.link, PSM, 100, lend(100)).unwrap();
        let id = a.poll()[1];
        a.signal(&command(0x15, id + 1, &[0, 0, 0, 0, result]));
        assert_eq!(a.events(), []);
        a.signal(&command(0x15, id, &[0, 0, 0, 0, result]));
        assert_eq!(
            a.events(),
            [Event::L2capDisconnected {
                conn: 0x40,
                cid,
                psm: PSM,
                status
            }]
        );
        a.assert_idle();
    }
}

#[test]
fn a_peer_without_channels_rejects_and_is_reported() {
    let mut a = Peer::new(CENTRAL);
    let cid = a.end.connect(NOW, a.link, PSM, 100, lend(100)).unwrap();
    let id = a.poll()[1];
    a.signal(&command(0x01, id, &[0]));
    let status = status::NOT_SUPPORTED;
    assert_eq!(
        a.events(),
        [Event::L2capDisconnected {
            conn: 0x40,
            cid,
            psm: PSM,
            status
        }]
    );
    a.assert_idle();
}

#[test]
fn requests_without_an_answer_end_in_time() {
    let mut a = Peer::new(CENTRAL);
    let cid = a.end.connect(NOW, a.link, PSM, 100, lend(100)).unwrap();
    a.poll();
    let deadline = a.end.deadline().unwrap();
    assert_eq!(deadline, NOW.after(RTX_MS));
    assert_eq!(a.end.handle_timeout(Instant(deadline.0 - 1)), None);
    assert_eq!(a.events(), []);
    assert_eq!(a.end.handle_timeout(deadline), None);
    let status = status::TIMEOUT;
    assert_eq!(
        a.events(),
        [Event::L2capDisconnected {
            conn: 0x40,
            cid,
            psm: PSM,
            status
        }]
    );
    a.assert_idle();

    let (mut b, cid) = Peer::opened(100, 100, 100, 0);
    b.end.disconnect(NOW, 3, cid).unwrap();
    assert_eq!(b.poll(), command(0x06, 1, &[0x50, cid]));
    b.end.handle_timeout(deadline);
    assert_eq!(
        b.events(),
        [Event::L2capDisconnected {
            conn: 0x43,
            cid,
            psm: PSM,
            status: 0
        }]
    );
    b.assert_idle();
}

#[test]
fn refused_commands_keep_no_memory() {
    let mut a = Peer::new(CENTRAL);
    for (psm, mtu, len) in [
        (0, 100, 9999),
        (256, 100, 9999),
        (PSM, 22, 9999),
        (PSM, 100, 10),
    ] {
        let memory = lend(100).get_mut(..len.min(memory_needed(100))).unwrap();
        assert_eq!(
            a.end.connect(NOW, a.link, psm, mtu, memory),
            Err(Error::Invalid)
        );
        a.assert_idle();
    }
    assert_eq!(a.end.listen(0, 100), Err(Error::Invalid));
    assert_eq!(a.end.listen(0x100, 100), Err(Error::Invalid));
    assert_eq!(a.end.listen(1, 22), Err(Error::Invalid));
    a.end.listen(0xff, 23).unwrap();
    assert_eq!(a.end.listen(0xff, 24), Err(Error::Already));
    for psm in 1..crate::config::MAX_LISTENERS as u16 {
        a.end.listen(psm, 65535).unwrap();
    }
    assert_eq!(a.end.listen(99, 100), Err(Error::NoMemory));
    for _ in 0..crate::config::MAX_CHANNELS {
        a.end.connect(NOW, a.link, PSM, 23, lend(23)).unwrap();
    }
    assert_eq!(
        a.end.connect(NOW, a.link, PSM, 23, lend(23)),
        Err(Error::NoMemory)
    );
    for unknown in [0, 0x3f, 0x40, 0x7f, 0xffff] {
        assert_eq!(a.end.send(0, unknown, &[1]), Err(Error::Invalid));
        assert_eq!(a.end.recvinto(0, unknown, None), Err(Error::Invalid));
        assert_eq!(a.end.disconnect(NOW, 0, unknown), Err(Error::Invalid));
        assert!(unknown == 0x40 || !a.end.holds(unknown));
    }
}

#[test]
fn a_stall_ends_when_the_next_sdu_fits() {
    let (mut b, cid) = Peer::opened(512, 512, 247, 0);
    assert_eq!(b.end.send(3, cid, &[1; 513]), Err(Error::Invalid));
    assert_eq!(b.end.send(3, cid, &[1; 512]), Ok(false));
    assert_eq!(b.end.send(3, cid, &[2; 512]), Ok(true));
    assert_eq!(b.end.send(3, cid, &[3; 1]), Err(Error::Busy));
    assert_eq!(b.next_frame(27), None);
    b.signal(&command(0x16, 1, &[0x50, 2]));
    for _ in 0..2 {
        assert_eq!(b.next_frame(27).unwrap().1.len(), 247);
        assert_eq!(b.events(), []);
    }
    assert_eq!(b.next_frame(27), None);
    b.signal(&command(0x16, 1, &[0x50, 1]));
    assert_eq!(b.next_frame(27).unwrap().1, [1; 20]);
    assert_eq!(
        b.events(),
        [Event::L2capSendReady {
            conn: 0x43,
            cid,
            status: 0
        }]
    );
    assert_eq!(b.end.send(3, cid, &[3; 512]), Ok(true));
}

#[test]
fn an_sdu_may_have_twice_our_mtu_but_not_more_than_the_peers() {
    let (mut b, cid) = Peer::opened(100, 250, 65533, 9);
    assert_eq!(b.end.send(3, cid, &[1; 201]), Err(Error::Invalid));
    assert_eq!(b.end.send(3, cid, &[1; 200]), Ok(true));
    assert_eq!(b.next_frame(251).unwrap().1.len(), 202);
    assert_eq!(
        b.events(),
        [Event::L2capSendReady {
            conn: 0x43,
            cid,
            status: 0
        }]
    );
    assert_eq!(b.end.send(3, cid, &[]), Ok(false));
    assert_eq!(b.next_frame(251).unwrap().1, [0, 0]);
}

#[test]
fn frames_fill_whole_link_layer_pdus() {
    for (mps, frame) in [
        (23, 23),
        (246, 246),
        (247, 247),
        (300, 247),
        (498, 498),
        (512, 498),
    ] {
        let (mut b, cid) = Peer::opened(2048, 2048, mps, 99);
        b.end.send(3, cid, &[1; 2048]).unwrap();
        assert_eq!(b.next_frame(251).unwrap().1.len(), frame);
    }
    let (mut b, cid) = Peer::opened(2048, 2048, 65533, 1);
    b.end.send(3, cid, &[1; 2048]).unwrap();
    assert_eq!(b.next_frame(251).unwrap().1.len(), 2050);
}

#[test]
fn credits_return_as_the_script_reads() {
    let (mut b, cid) = Peer::opened(2048, 100, 100, 0);
    for frame in 0..8 {
        let mut pdu = vec![frame; MPS as usize];
        if frame % 4 == 0 {
            pdu[..2].copy_from_slice(&(4 * MPS - 2).to_le_bytes());
        }
        b.frame(cid, &pdu);
        assert_eq!(b.poll(), []);
    }
    assert_eq!(b.events(), [Event::L2capRecv { conn: 0x43, cid }]);
    assert_eq!(b.end.recvinto(3, cid, None), Ok(2 * 1990));
    let mut buf = [0; 10];
    for _ in 0..39 {
        assert_eq!(b.poll(), []);
        b.end.recvinto(3, cid, Some(&mut buf)).unwrap();
    }
    // The first credit as soon as a frame fits; then, as the script reads late,
    // a quarter of the window.
    assert_eq!(b.poll(), command(0x16, 1, &[cid, 1]));
    b.end.recvinto(3, cid, Some(&mut [0; 498])).unwrap();
    assert_eq!(b.poll(), []);
    b.end.recvinto(3, cid, Some(&mut [0; 498])).unwrap();
    assert_eq!(b.poll(), command(0x16, 2, &[cid, 2]));
}

/// Read at once, half of the window, of 8 long or 16 short frames, returns at a
/// time: an indication costs the place of a data PDU where air time is scarce.
#[test]
fn a_script_that_reads_at_once_returns_half_of_the_window() {
    for (mtu, half) in [(2048, 4), (512, 4), (MPS, 4), (244, 8), (23, 8)] {
        let (mut b, cid) = Peer::opened(mtu, 100, 100, 0);
        let mut sdu = vec![7; mtu.min(MPS - 2) as usize + 2];
        sdu[..2].copy_from_slice(&(mtu.min(MPS - 2)).to_le_bytes());
        for _ in 0..10 {
            for frame in 1..=half {
                assert_eq!(b.poll(), []);
                b.frame(cid, &sdu);
                let read = b.end.recvinto(3, cid, Some(&mut [0; 512]));
                assert_eq!(read, Ok(sdu.len() - 2), "{frame}");
            }
            assert_eq!(b.poll()[4..], command(0x16, 0, &[cid, half])[4..]);
            b.events();
        }
    }
}

/// One that reads an SDU late gets the peer going by its first read.
#[test]
fn no_credit_is_held_back_from_a_peer_that_has_none() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 0);
    for _ in 0..16 {
        b.frame(cid, &sdu_start(100, &[1; 100]));
    }
    assert_eq!(b.poll(), []);
    b.end.recvinto(3, cid, Some(&mut [0; 100])).unwrap();
    assert_eq!(b.poll()[4..], command(0x16, 0, &[cid, 1])[4..]);
}

#[test]
fn a_channel_that_disconnects_first_sends_what_credits_allow() {
    let (mut b, cid) = Peer::opened(100, 100, 50, 3);
    b.end.send(3, cid, &[1; 48]).unwrap();
    b.end.send(3, cid, &[2; 100]).unwrap();
    b.end.disconnect(NOW, 3, cid).unwrap();
    b.end.disconnect(NOW, 3, cid).unwrap();
    assert_eq!(b.end.send(3, cid, &[1]), Err(Error::Invalid));
    for _ in 0..3 {
        assert_eq!(b.poll(), []);
        assert_eq!(b.next_frame(251).unwrap().0, 0x50);
    }
    assert_eq!(b.poll(), command(0x06, 1, &[0x50, cid]));
    b.signal(&command(0x16, 1, &[0x50, 3]));
    assert_eq!(b.next_frame(251), None);
    assert_eq!(b.poll(), []);
    b.signal(&command(0x07, 2, &[0x50, cid]));
    b.signal(&command(0x07, 1, &[0x51, cid]));
    assert_eq!(b.events(), []);
    b.signal(&command(0x07, 1, &[0x50, cid]));
    assert_eq!(
        b.events(),
        [Event::L2capDisconnected {
            conn: 0x43,
            cid,
            psm: PSM,
            status: 0
        }]
    );
    b.assert_idle();
}

#[test]
fn what_was_received_can_be_read_after_the_end() {
    let (mut b, cid) = Peer::opened(100, 100, 50, 3);
    b.frame(cid, &sdu_start(3, &[7, 8, 9]));
    b.signal(&command(0x06, 1, &[cid, 0x50]));
    let gone = Event::L2capDisconnected {
        conn: 0x43,
        cid,
        psm: PSM,
        status: 0,
    };
    assert_eq!(b.events(), [Event::L2capRecv { conn: 0x43, cid }, gone]);
    assert!(b.end.holds(cid));
    let mut buf = [0; 2];
    assert_eq!(b.end.recvinto(3, cid, Some(&mut buf)), Ok(2));
    assert_eq!(b.end.recvinto(3, cid, Some(&mut buf)), Ok(1));
    assert_eq!(b.end.recvinto(3, cid, Some(&mut buf)), Err(Error::Invalid));
    b.assert_idle();

    let again = b.open(0x50, 100, 100, 1);
    b.frame(again, &sdu_start(1, &[7]));
    b.signal(&command(0x06, 1, &[again, 0x50]));
    assert_eq!(b.events().len(), 2);
    b.end.disconnected(3);
    b.assert_idle();
}

#[test]
fn a_lost_link_ends_each_channel_once() {
    let mut a = Peer::new(CENTRAL);
    a.end.listen(PSM, 100).unwrap();
    a.open(0x50, 100, 100, 1);
    let closing = a.open(0x51, 100, 100, 1);
    a.end.disconnect(NOW, 0, closing).unwrap();
    a.end.connect(NOW, a.link, PSM, 100, lend(100)).unwrap();
    let other = Link {
        slot: 1,
        conn: 0x41,
        ..CENTRAL
    };
    let kept = a.end.connect(NOW, other, PSM, 100, lend(100)).unwrap();
    a.signal(&command(0x17, 9, &[PSM, 100, 100, 1, 0x60, 0x61]));
    let Some(Event::L2capAccept { token, .. }) = a.next_event() else {
        panic!()
    };
    a.end.answer_accept(token, Some(lend(100))).unwrap();
    let Some(Event::L2capAccept { token, .. }) = a.next_event() else {
        panic!()
    };
    a.end.send(0, 0x40, &[1; 60]).unwrap();
    let mut pdu = Vec::new();
    a.fragment(27, &mut pdu);
    assert!(a.end.frame_open(0));
    a.end.disconnected(0);
    let ended: Vec<_> = a
        .events()
        .into_iter()
        .map(|event| match event {
            Event::L2capDisconnected {
                conn: 0x40,
                cid,
                psm: PSM,
                status,
            } => (cid, status),
            event => panic!("{event:?}"),
        })
        .collect();
    assert_eq!(ended, [(0x40, 0), (0x41, 0), (0x42, 7), (0x44, 7)]);
    assert_eq!(
        a.end.answer_accept(token, Some(lend(100))),
        Err(Error::NotFound)
    );
    assert!(a.end.holds(kept));
    a.end.disconnected(1);
    assert_eq!(a.events().len(), 1);
    a.assert_idle();
}

#[test]
fn a_begun_frame_is_finished_before_its_channel_ends() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 3);
    b.end.send(3, cid, &[1; 50]).unwrap();
    b.end.send(3, cid, &[2; 50]).unwrap();
    let mut pdu = Vec::new();
    assert_eq!(b.fragment(27, &mut pdu), Some(false));
    assert_eq!(
        b.signal(&command(0x06, 1, &[cid, 0x50])),
        command(0x07, 1, &[cid, 0x50])
    );
    assert_eq!(b.events(), []);
    assert!(b.end.holds(cid));
    assert_eq!(b.fragment(27, &mut pdu), Some(false));
    assert_eq!(b.fragment(27, &mut pdu), Some(true));
    assert_eq!(split(&pdu), (0x50, sdu_start(50, &[1; 50])));
    assert_eq!(
        b.events(),
        [Event::L2capDisconnected {
            conn: 0x43,
            cid,
            psm: PSM,
            status: 0
        }]
    );
    b.assert_idle();
}

#[test]
fn channels_of_a_link_take_turns() {
    let mut b = Peer::new(PERIPHERAL);
    b.end.listen(PSM, 100).unwrap();
    for scid in 0x50..0x53 {
        let cid = b.open(scid, 100, 23, 99);
        b.end.send(3, cid, &[1; 60]).unwrap();
    }
    let order: Vec<_> = core::iter::from_fn(|| b.next_frame(27))
        .map(|frame| frame.0)
        .collect();
    assert_eq!(
        order,
        [0x50, 0x51, 0x52, 0x50, 0x51, 0x52, 0x50, 0x51, 0x52]
    );
}

#[test]
fn frames_and_requests_stay_on_their_link() {
    let mut b = Peer::new(PERIPHERAL);
    b.end.listen(PSM, 100).unwrap();
    // The same CID of two peers on two links.
    let here = b.open(0x50, 100, 100, 9);
    b.link = Link {
        slot: 1,
        conn: 0x41,
        ..PERIPHERAL
    };
    let there = b.open(0x50, 100, 100, 9);
    b.end.send(3, here, &[1; 60]).unwrap();
    let (mut pdu, mut other) = (vec![], vec![]);
    assert_eq!(b.fragment(27, &mut other), None);
    b.end.send(1, there, &[2; 60]).unwrap();
    for last in [false, false, true] {
        b.link.slot = 3;
        assert_eq!(b.fragment(27, &mut pdu), Some(last));
        b.link.slot = 1;
        assert_eq!(b.fragment(27, &mut other), Some(last));
    }
    assert_eq!(split(&pdu), (0x50, sdu_start(60, &[1; 60])));
    assert_eq!(split(&other), (0x50, sdu_start(60, &[2; 60])));
    b.end.disconnect(NOW, 3, here).unwrap();
    assert_eq!(b.poll(), []);
    b.signal(&command(0x06, 1, &[there, 0x50]));
    let gone = |conn, cid| Event::L2capDisconnected {
        conn,
        cid,
        psm: PSM,
        status: 0,
    };
    assert_eq!(b.events(), [gone(0x41, there)]);
    b.link.slot = 3;
    assert_eq!(b.poll(), command(0x06, 1, &[0x50, here]));
}

/// Of the air time of 1M PHY, with an empty PDU in answer to each (Vol 6,
/// Part B, 4.1): the least that each payload costs, over what ours costs.
#[test]
fn frames_leave_95_percent_of_the_link_to_long_sdus() {
    let time = |payload: usize| (payload + 14) * 8 + 150 + 80 + 150;
    for pdu in [27, 251] {
        let (mut b, cid) = Peer::opened(2048, 2048, MPS, 99);
        b.end.send(3, cid, &[1; 2048]).unwrap();
        let mut spent = 0;
        while let Some((_, frame)) = b.next_frame(251) {
            let len = frame.len() + 4;
            spent += len / pdu * time(pdu);
            if len % pdu > 0 {
                spent += time(len % pdu);
            }
        }
        let share = 2048 * time(pdu) * 100 / (pdu * spent);
        assert!(share >= 95, "{share} % with {pdu}");
    }
}

#[test]
fn up_to_five_channels_open_at_once() {
    let mut b = Peer::new(PERIPHERAL);
    b.end.listen(PSM, 100).unwrap();
    let request = command(0x17, 5, &[PSM, 64, 64, 1, 0x50, 0x51, 0x50, 0x3f, 0x54]);
    assert_eq!(b.signal(&request), []);
    let mut cids = vec![];
    for accept in [true, false, true] {
        let Some(Event::L2capAccept { token, cid, .. }) = b.next_event() else {
            panic!()
        };
        assert_eq!((b.next_event(), b.poll()), (None, vec![]));
        b.end
            .answer_accept(token, accept.then(|| lend(100)))
            .unwrap();
        cids.push(cid);
    }
    let answer = [100, MPS, 16, 4, cids[0], 0, 0, 0, cids[2]];
    assert_eq!(b.poll(), command(0x18, 5, &answer));
    assert_eq!(b.events().len(), 2);

    // All refused at once.
    let refused = |b: &mut Peer, words: &[u16], result, n: usize| {
        let answer = [&[0, 0, 0, result][..], &[0; 5][..n]].concat();
        assert_eq!(
            b.signal(&command(0x17, 6, words)),
            command(0x18, 6, &answer)
        );
    };
    refused(&mut b, &[PSM, 64, 64, 1], 0x0c, 0);
    refused(&mut b, &[PSM + 1, 64, 64, 1, 0x60], 0x02, 1);
    refused(&mut b, &[PSM, 63, 64, 1, 0x60, 0x61], 0x0b, 2);
    refused(&mut b, &[PSM, 64, 63, 1, 0x60], 0x0b, 1);
    refused(&mut b, &[PSM, 64, 64, 1, 0x50], 0x0a, 1);
    refused(&mut b, &[PSM, 64, 64, 1, 0x80], 0x09, 1);

    // The peer takes more, but not less.
    let reconfigure = |b: &mut Peer, words: &[u16], result| {
        assert_eq!(
            b.signal(&command(0x19, 7, words)),
            command(0x1a, 7, &[result])
        );
    };
    reconfigure(&mut b, &[80, 80, 0x50, 0x54], 0);
    reconfigure(&mut b, &[79, 80, 0x50], 1);
    reconfigure(&mut b, &[80, 79, 0x50, 0x54], 2);
    reconfigure(&mut b, &[80, 79, 0x50], 0);
    reconfigure(&mut b, &[80, 80, 0x51], 3);
    reconfigure(&mut b, &[80, 63, 0x50], 4);
    reconfigure(&mut b, &[80, 80], 4);
    b.end.send(3, cids[0], &[1; 80]).unwrap();
    assert_eq!(b.next_frame(251).unwrap().1.len(), 79);
}

#[test]
fn requests_that_are_not_allowed_get_their_result() {
    let mut b = Peer::new(PERIPHERAL);
    b.end.listen(PSM, 100).unwrap();
    let refused = |b: &mut Peer, words: &[u16], result| {
        let answer = command(0x15, 6, &[0, 0, 0, 0, result]);
        assert_eq!(b.signal(&command(0x14, 6, words)), answer);
    };
    // Such a request waits for a listener a while; a second one does not.
    assert_eq!(b.signal(&command(0x14, 5, &[PSM + 1, 0x50, 23, 23, 1])), []);
    assert_eq!(b.poll(), []);
    refused(&mut b, &[PSM + 0x100, 0x51, 23, 23, 1], 0x02);
    let deadline = b.end.deadline().unwrap();
    b.end.handle_timeout(deadline);
    assert_eq!(b.poll(), command(0x15, 5, &[0, 0, 0, 0, 0x02]));
    assert_eq!(b.end.deadline(), None);
    refused(&mut b, &[PSM, 0x50, 22, 23, 1], 0x0b);
    refused(&mut b, &[PSM, 0x50, 23, 22, 1], 0x0b);
    refused(&mut b, &[PSM, 0x50, 23, 65534, 1], 0x0b);
    refused(&mut b, &[PSM, 0x3f, 23, 23, 1], 0x09);
    refused(&mut b, &[PSM, 0x80, 23, 23, 1], 0x09);
    for scid in 0x50..0x50 + crate::config::MAX_CHANNELS as u16 {
        b.open(scid, 23, 23, 0);
    }
    refused(&mut b, &[PSM, 0x50, 23, 23, 1], 0x0a);
    refused(&mut b, &[PSM, 0x60, 23, 23, 1], 0x04);
    b.end.disconnected(3);
    b.events();
    assert_eq!(b.signal(&command(0x14, 6, &[PSM, 0x50, 23, 23, 1])), []);
    // Another while the script thinks.
    refused(&mut b, &[PSM, 0x51, 23, 23, 1], 0x04);
}

#[test]
fn a_request_may_come_before_the_script_listens() {
    let mut b = Peer::new(PERIPHERAL);
    assert_eq!(b.signal(&command(0x14, 6, &[PSM, 0x50, 64, 64, 1])), []);
    assert!(!b.end.has_signal(b.link.slot));
    b.end.listen(PSM, 100).unwrap();
    assert!(b.end.has_signal(b.link.slot));
    assert_eq!(b.poll(), []);
    let asked = b.next_event();
    assert!(
        matches!(asked, Some(Event::L2capAccept { psm: PSM, .. })),
        "{asked:?}"
    );
    // A link that ends takes its request along.
    let mut b = Peer::new(PERIPHERAL);
    assert_eq!(b.signal(&command(0x14, 6, &[PSM, 0x50, 64, 64, 1])), []);
    b.end.disconnected(b.link.slot);
    b.end.listen(PSM, 100).unwrap();
    assert!(!b.end.has_signal(b.link.slot));
    assert_eq!(b.end.deadline(), None);
}

#[test]
fn a_peripheral_may_ask_for_parameters() {
    let params = [6, 12, 0, 100];
    let request = command(0x12, 1, &[6, 12, 0, 100]);
    let (mut a, mut b) = (Peer::new(CENTRAL), Peer::new(PERIPHERAL));
    assert_eq!(
        a.end.request_update(NOW, a.link, params),
        Err(Error::Invalid)
    );
    b.end.request_update(NOW, b.link, params).unwrap();
    assert_eq!(b.end.request_update(NOW, b.link, params), Err(Error::Busy));
    assert_eq!(b.poll(), request);
    assert_eq!(b.poll(), []);
    let (outcome, answer) = a.outcome(&request);
    assert_eq!(
        (outcome, &answer),
        (Outcome::Update(params), &command(0x13, 1, &[0]))
    );
    assert_eq!(b.outcome(&command(0x13, 2, &[0])).0, Outcome::Nothing);
    assert_eq!(b.outcome(&answer).0, Outcome::Updated(true));
    assert_eq!(b.outcome(&answer).0, Outcome::Nothing);
    // The central said yes, and has yet to do it.
    assert_eq!(b.end.request_update(NOW, b.link, params), Err(Error::Busy));
    let mut idle = Peer::new(PERIPHERAL);
    idle.end.request_update(NOW, idle.link, params).unwrap();
    assert_eq!(idle.poll(), request);
    assert_eq!(idle.outcome(&answer).0, Outcome::Updated(true));
    let deadline = idle.end.deadline().unwrap();
    assert_eq!(idle.end.handle_timeout(deadline), Some(3));
    idle.assert_idle();
    b.end.update_ended(b.link.slot);
    b.assert_idle();
    // Only a central is asked.
    assert_eq!(
        b.outcome(&request),
        (Outcome::Nothing, command(0x01, 1, &[0]))
    );
    for answer in [command(0x13, 2, &[1]), command(0x01, 2, &[0])] {
        let mut b = Peer::new(PERIPHERAL);
        for _ in 0..2 {
            b.end.request_update(NOW, b.link, params).unwrap();
            let id = b.poll()[1];
            let outcome = b.outcome(&answer).0;
            let ours = if id == 2 {
                Outcome::Updated(false)
            } else {
                Outcome::Nothing
            };
            assert_eq!(outcome, ours);
            if id == 1 {
                let deadline = b.end.deadline().unwrap();
                assert_eq!(b.end.handle_timeout(deadline), Some(3));
                assert_eq!(b.end.handle_timeout(deadline), None);
            }
        }
        b.assert_idle();
    }
}

#[test]
fn parameters_out_of_range_are_rejected() {
    let bad = [
        [5, 12, 0, 100],
        [13, 12, 0, 100],
        [6, 3201, 0, 3200],
        [6, 12, 500, 3200],
        [6, 12, 0, 9],
        [6, 12, 0, 3201],
        [6, 3200, 0, 800],
        [0xffff, 0xffff, 0xffff, 0xffff],
    ];
    let mut a = Peer::new(CENTRAL);
    for words in bad {
        let answer = command(0x13, 1, &[1]);
        assert_eq!(
            a.outcome(&command(0x12, 1, &words)),
            (Outcome::Nothing, answer)
        );
    }
    for words in [
        [6, 3200, 0, 801],
        [6, 6, 499, 3200],
        [6, 6, 0, 10],
        [3200, 3200, 0, 3200],
    ] {
        assert!(
            matches!(a.outcome(&command(0x12, 1, &words)).0, Outcome::Update(_)),
            "{words:?}"
        );
    }
}

#[test]
fn an_identifier_in_use_is_not_used_again() {
    let (mut b, cid) = Peer::opened(100, 100, 100, 0);
    b.end.connect(NOW, b.link, PSM, 100, lend(100)).unwrap();
    assert_eq!(b.poll()[..2], [0x14, 1]);
    let mut ids = vec![];
    for _ in 0..300 {
        for _ in 0..8 {
            b.frame(cid, &sdu_start(1, &[1]));
            b.end.recvinto(3, cid, Some(&mut [0])).unwrap();
        }
        ids.push(b.poll()[1]);
    }
    assert!(!ids.contains(&0) && !ids.contains(&1));
    assert_eq!(ids[..3], [2, 3, 4]);
    assert_eq!(ids[252..256], [254, 255, 2, 3]);
}

#[test]
fn without_room_nothing_is_said_and_nothing_changes() {
    let mut b = Peer::new(PERIPHERAL);
    let cid = b.end.connect(NOW, b.link, PSM, 100, lend(100)).unwrap();
    let mut buf = [0; 22];
    let mut out = crate::wire::Writer::new(&mut buf);
    assert!(!b.end.poll_signal(3, &mut out));
    let pdu = command(0x14, 1, &[PSM, 0x50, 23, 23, 0]);
    assert_eq!(
        b.end.handle_signal(NOW, b.link, &pdu, &mut out),
        Outcome::NoRoom
    );
    assert_eq!(out.finish(), Some(0));
    assert_eq!(b.poll()[4..], command(0, 0, &[PSM, cid, 100, MPS, 16])[4..]);
}

#[test]
fn an_empty_set_of_channels_is_small() {
    assert!(
        core::mem::size_of::<Channels>() < 1500,
        "{}",
        core::mem::size_of::<Channels>()
    );
    assert_eq!(cid::FIRST_DYNAMIC, 0x40);
}
