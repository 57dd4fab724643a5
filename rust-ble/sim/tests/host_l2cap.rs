//! Credit-based channels of whole hosts on an air: several of them at once,
//! loss, stalls, ends while data is on its way.

mod hosts;

use ble_core::gatt::db::flag;
use ble_core::l2cap::{memory_needed, status};
use ble_core::{Error, Event, Uuid};
use ble_sim::harness::World;
use ble_sim::rng::Rng;
use ble_sim::{NodeConfig, Options, Profile};
use hosts::*;
use std::collections::VecDeque;

fn memory(mtu: u16) -> &'static mut [u8] {
    vec![0xa5; memory_needed(mtu)].leak()
}

/// One end of a channel, and what its script sent and got.
struct End {
    node: usize,
    conn: u16,
    cid: u16,
    longest: usize,
    sent: Vec<u8>,
    got: Vec<u8>,
    stalled: bool,
}

impl End {
    fn new(node: usize, conn: u16, cid: u16, longest: u16) -> Self {
        End {
            node,
            conn,
            cid,
            longest: longest.into(),
            sent: vec![],
            got: vec![],
            stalled: false,
        }
    }

    /// Sends SDUs of random lengths until it stalls.
    fn send(&mut self, world: &mut World, rng: &mut Rng) {
        let now = world.now();
        let node = &mut world.nodes[self.node];
        self.stalled &= !became_ready(&mut node.events, self.conn, self.cid);
        while !self.stalled {
            let len = 1 + rng.below(self.longest as u64) as usize;
            let sdu: Vec<u8> = (0..len).map(|_| rng.below(256) as u8).collect();
            self.stalled = node
                .host
                .l2cap_send(now, self.conn, self.cid, &sdu)
                .unwrap();
            self.sent.extend(sdu);
        }
    }

    fn read(&mut self, world: &mut World) {
        let now = world.now();
        let mut buf = [0; 700];
        let host = &mut world.nodes[self.node].host;
        while let Ok(n @ 1..) = host.l2cap_recvinto(now, self.conn, self.cid, Some(&mut buf)) {
            self.got.extend(&buf[..n]);
        }
    }
}

/// Takes `L2capSendReady` of a channel.
fn became_ready(events: &mut VecDeque<Event<'static>>, conn: u16, cid: u16) -> bool {
    let before = events.len();
    events.retain(|event| {
        !matches!(*event, Event::L2capSendReady { conn: c, cid: i, .. } if (c, i) == (conn, cid))
    });
    events.len() < before
}

/// A channel from one node to another that listens; both ends.
fn open(
    world: &mut World,
    [from, to]: [usize; 2],
    conns: [u16; 2],
    psm: u16,
    mtus: [u16; 2],
) -> [End; 2] {
    let now = world.now();
    let host = &mut world.nodes[from].host;
    let ours = host
        .l2cap_connect(now, conns[0], psm, mtus[0], memory(mtus[0]))
        .unwrap();
    let token = world.wait(to, 5_000, |event| match *event {
        Event::L2capAccept {
            token,
            psm: asked,
            our_mtu,
            peer_mtu,
            ..
        } => {
            assert_eq!((asked, our_mtu, peer_mtu), (psm, mtus[1], mtus[0]));
            Some(token)
        }
        _ => None,
    });
    world.nodes[to]
        .host
        .answer_accept(token, Some(memory(mtus[1])))
        .unwrap();
    let opened = |event: &Event| match *event {
        Event::L2capConnected { cid, .. } => Some(cid),
        _ => None,
    };
    let theirs = world.wait(to, 5_000, opened);
    assert_eq!(world.wait(from, 5_000, opened), ours);
    [
        End::new(from, conns[0], ours, mtus[1].min(2 * mtus[0])),
        End::new(to, conns[1], theirs, mtus[0].min(2 * mtus[1])),
    ]
}

/// Several channels per link, several listeners, loss of up to 20 %,
/// nothing lost or reordered above; with controllers of little memory as well.
#[test]
fn channels_of_several_links_and_listeners_carry_all_in_order_on_a_lossy_air() {
    for (seed, loss, len, buffers) in [(1, 0.0, 251, 8), (2, 0.05, 27, 4), (3, 0.2, 251, 3)] {
        let configs = (0..3).map(|_| NodeConfig::new(Profile::Full).with_acl(len, buffers));
        let mut world = world_with(seed, Options::default(), configs);
        let mut rng = Rng::new(seed);
        let mut ends = Vec::new();
        for node in 0..3 {
            for psm in [0x80, 0x81] {
                let mtu = if psm == 0x80 { 2048 } else { 100 };
                world.nodes[node].host.l2cap_listen(psm, mtu).unwrap();
            }
        }
        for other in 1..3 {
            let (central, peripheral) = world.connect(0, other);
            let (nodes, conns) = ([0, other], [central, peripheral]);
            ends.extend(open(&mut world, nodes, conns, 0x80, [2048, 2048]));
            ends.extend(open(&mut world, nodes, conns, 0x81, [23, 100]));
            let (nodes, conns) = ([other, 0], [peripheral, central]);
            ends.extend(open(&mut world, nodes, conns, 0x81, [500, 100]));
        }
        world.air.set_loss(loss);
        for round in 0..400 {
            for end in &mut ends {
                end.send(&mut world, &mut rng);
                // Some scripts are slow.
                if round % 8 == 0 || end.cid % 2 == 0 {
                    end.read(&mut world);
                }
            }
            world.run(rng.below(20));
        }
        world.air.set_loss(0.0);
        for _ in 0..400 {
            world.run(50);
            ends.iter_mut().for_each(|end| end.read(&mut world));
        }
        let mut bytes = 0;
        for pair in ends.chunks(2) {
            assert!(
                pair[0].got == pair[1].sent && pair[1].got == pair[0].sent,
                "loss {loss}, channel {:#x} of {}",
                pair[0].cid,
                pair[0].conn
            );
            assert!(pair.iter().all(|end| end.got.len() > 500));
            bytes += pair[0].got.len() + pair[1].got.len();
        }
        assert!(bytes > 40_000, "{bytes}");
        end(&mut world);
    }
}

/// What Python sees of each refusal (Vol 3, Part A, 4.23).
#[test]
fn a_connection_that_is_refused_ends_with_its_status_and_leaves_nothing() {
    let mut world = hosts(2, Profile::Full);
    let (central, _) = world.connect(0, 1);
    world.nodes[1].host.l2cap_listen(0x80, 100).unwrap();
    let refused = |world: &mut World| {
        world.wait(0, 5_000, |event| match *event {
            Event::L2capDisconnected { status, .. } => Some(status),
            _ => None,
        })
    };
    // The script says no, which is "no resources available"; nobody listens.
    for (psm, expected) in [(0x80, 6), (0x81, status::NOT_SUPPORTED), (0x80, 6)] {
        let now = world.now();
        let host = &mut world.nodes[0].host;
        let cid = host
            .l2cap_connect(now, central, psm, 100, memory(100))
            .unwrap();
        if psm == 0x80 {
            let token = world.wait(1, 5_000, |event| match *event {
                Event::L2capAccept { token, .. } => Some(token),
                _ => None,
            });
            world.nodes[1].host.answer_accept(token, None).unwrap();
        }
        assert_eq!(refused(&mut world), expected, "{psm:#x}");
        assert!(!world.nodes[0].host.l2cap_holds(cid));
    }
    end(&mut world);
}

/// A channel is ended by either side, or its link is lost, while both send:
/// each side is told once, and a new channel works.
#[test]
fn an_end_while_data_is_on_its_way_is_told_once_to_each() {
    for who in [Some(0), Some(1), None] {
        let mut world = hosts(2, Profile::Full);
        world.nodes[1].host.l2cap_listen(0x80, 512).unwrap();
        let mut rng = Rng::new(1);
        for wait in [0, 3, 17, 60, 111] {
            let (central, peripheral) = world.connect(0, 1);
            let mut ends = open(&mut world, [0, 1], [central, peripheral], 0x80, [2048, 512]);
            clear(&mut world);
            for _ in 0..5 {
                ends.iter_mut()
                    .for_each(|end| end.send(&mut world, &mut rng));
                world.run(20);
                ends.iter_mut().for_each(|end| end.read(&mut world));
            }
            world.run(wait);
            match who {
                Some(at) => {
                    let now = world.now();
                    let End { conn, cid, .. } = ends[at];
                    let host = &mut world.nodes[ends[at].node].host;
                    host.l2cap_disconnect(now, conn, cid).unwrap();
                    let again = host.l2cap_send(now, conn, cid, &[1]);
                    assert_eq!(again, Err(Error::Invalid));
                }
                None => world.air.lose_links(0, 0x08),
            }
            // What was under way is still read, in order.
            for _ in 0..100 {
                world.run(30);
                ends.iter_mut().for_each(|end| end.read(&mut world));
            }
            for at in 0..2 {
                let (got, sent) = (&ends[at].got, &ends[1 - at].sent);
                assert!(sent.starts_with(got), "{who:?} after {wait}");
                let told = count(&world, at, |e| matches!(e, Event::L2capDisconnected { .. }));
                assert_eq!(told, 1, "{who:?} after {wait}");
            }
            if who.is_some() {
                world
                    .call(0, |host, now| host.disconnect(now, central))
                    .unwrap();
            }
            world.run(2_000);
            clear(&mut world);
        }
        end(&mut world);
    }
}

/// A channel that never stops neither keeps notifications of another link from
/// leaving, nor a channel of the same link.
#[test]
fn a_channel_that_floods_starves_neither_link_nor_channel_beside_it() {
    let configs = (0..3).map(|_| NodeConfig::new(Profile::Full).with_acl(251, 6));
    let mut world = world_of(configs);
    let value = world.services(0, |db| {
        db.add_service(&Uuid::short(0x1815))?;
        db.add_characteristic(&Uuid::short(0x2a56), flag::NOTIFY)
    });
    let (first, there) = world.connect(0, 1);
    let (second, _) = world.connect(0, 2);
    for psm in [0x80, 0x81] {
        world.nodes[1].host.l2cap_listen(psm, 2048).unwrap();
    }
    let mut flood = open(&mut world, [0, 1], [first, there], 0x80, [2048; 2]);
    let mut beside = open(&mut world, [0, 1], [first, there], 0x81, [2048; 2]);
    clear(&mut world);
    let mut rng = Rng::new(5);
    let (mut notified, mut told) = (0, 0);
    for _ in 0..400 {
        flood[0].send(&mut world, &mut rng);
        if beside[0].sent.len() < beside[1].got.len() + 100 {
            let now = world.now();
            let (conn, cid) = (beside[0].conn, beside[0].cid);
            let host = &mut world.nodes[0].host;
            host.l2cap_send(now, conn, cid, &[9; 100]).unwrap();
            beside[0].sent.extend([9; 100]);
        }
        let now = world.now();
        let host = &mut world.nodes[0].host;
        while host.notify(now, second, value, Some(&[3; 20])).is_ok() {
            notified += 1;
        }
        world.run(10);
        flood[1].read(&mut world);
        beside[1].read(&mut world);
        told += count(&world, 2, |e| matches!(e, Event::GattcNotify { .. }));
        world.nodes[2].events.clear();
        world.nodes[1].events.clear();
    }
    // Four seconds of intervals that both links share.
    assert!(notified > 400 && told > 400, "{told} of {notified}");
    assert!(beside[1].got.len() > 5_000, "{}", beside[1].got.len());
    assert!(flood[1].got.len() > 40_000, "{}", flood[1].got.len());
    end(&mut world);
}

/// An SDU is copied into the memory lent for its channel, and leaves from there:
/// what goes to the transport are pieces of it, with headers of their own.
#[test]
fn frames_leave_from_where_the_sdu_was_put() {
    let mut world = hosts(2, Profile::Full);
    let (central, peripheral) = world.connect(0, 1);
    world.nodes[1].host.l2cap_listen(0x80, 2048).unwrap();
    let lent = memory(2048);
    let range = lent.as_ptr_range();
    let now = world.now();
    let host = &mut world.nodes[0].host;
    let cid = host.l2cap_connect(now, central, 0x80, 2048, lent).unwrap();
    let token = world.wait(1, 5_000, |event| match *event {
        Event::L2capAccept { token, .. } => Some(token),
        _ => None,
    });
    let host = &mut world.nodes[1].host;
    host.answer_accept(token, Some(memory(2048))).unwrap();
    expect(&mut world, 0, 5_000, |e| {
        matches!(e, Event::L2capConnected { .. })
    });
    let sdu: Vec<u8> = (0..1_000u16).map(|i| i as u8).collect();
    let (now, id) = (world.now(), world.nodes[0].id);
    let host = &mut world.nodes[0].host;
    host.l2cap_send(now, central, cid, &sdu).unwrap();
    let mut sent: Vec<u8> = Vec::new();
    while let Some(packet) = host.poll_transmit(now) {
        for part in [packet.head, packet.tail] {
            let inside = range.contains(&part.as_ptr()) && part.as_ptr_range().end <= range.end;
            assert!(part.is_empty() || inside);
            sent.extend(part);
        }
        let bytes = [packet.header(), packet.head, packet.tail].concat();
        host.transmitted(now);
        world.air.send(id, &bytes);
    }
    assert_eq!(sent[2..], sdu);
    world.run(500);
    let (now, theirs) = (world.now(), 0x40);
    let mut buf = [0; 2_000];
    let host = &mut world.nodes[1].host;
    let read = host.l2cap_recvinto(now, peripheral, theirs, Some(&mut buf));
    assert_eq!((read, &buf[..1_000]), (Ok(1_000), &sdu[..]));
    end(&mut world);
}
