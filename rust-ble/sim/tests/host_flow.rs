//! Flow control: nothing beyond what the controller granted, nothing lost of
//! what was accepted, and every link its share.

mod hosts;

use ble_core::config::{MAX_LINKS, RX_BYTES};
use ble_core::gatt::db::flag;
use ble_core::host::Options as HostOptions;
use ble_core::{Error, Event, Uuid};
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Options, Profile};
use hosts::*;

const BUFFERS: [(u16, u8); 8] = [
    (27, 1),
    (27, 2),
    (27, 8),
    (64, 3),
    (128, 1),
    (251, 1),
    (251, 2),
    (251, 8),
];

fn serve(world: &mut World) -> u16 {
    let mut handle = 0;
    for node in 0..world.nodes.len() {
        handle = world.services(node, |db| {
            db.add_service(&Uuid::short(0x1815))?;
            let all = flag::READ | flag::NOTIFY | flag::WRITE | flag::WRITE_NO_RESPONSE;
            let value = db.add_characteristic(&Uuid::short(0x2a56), all)?;
            db.set_buffer(value, 512, false)?;
            Ok(value)
        });
    }
    handle
}

fn buffers(len: u16, count: u8) -> NodeConfig {
    NodeConfig::new(Profile::Full).with_acl(len, count)
}

fn with_number(n: u32, len: usize) -> Vec<u8> {
    let mut data = vec![n as u8; len];
    data[..4].copy_from_slice(&n.to_le_bytes());
    data
}

/// Numbers in the notifications of a link that arrived at a node; each must be
/// whole.
fn notified(world: &mut World, node: usize) -> Vec<(u16, u32)> {
    let mut seen = Vec::new();
    for event in world.nodes[node].events.drain(..) {
        if let Event::GattcNotify { conn, data, .. } = event {
            let n = u32::from_le_bytes(data[..4].try_into().unwrap());
            assert_eq!(data, with_number(n, data.len()));
            seen.push((conn, n));
        }
    }
    seen
}

#[test]
fn notifications_that_were_accepted_arrive_in_order_and_a_full_queue_says_so() {
    for (len, buffer_count) in BUFFERS {
        for mtu in [23, 100, 517] {
            let configs = [NodeConfig::new(Profile::Full), buffers(len, buffer_count)];
            let mut world = world_of(configs);
            let value = serve(&mut world);
            let (central, conn) = world.connect(0, 1);
            for node in 0..2 {
                world.nodes[node].host.set_preferred_mtu(mtu).unwrap();
            }
            let now = world.now();
            world.nodes[0].host.exchange_mtu(now, central).unwrap();
            expect(&mut world, 1, 2_000, |e| {
                matches!(e, Event::MtuExchanged { .. })
            });
            let (mut accepted, mut refused) = (0u32, 0);
            let mut seen = Vec::new();
            for round in 0..60 {
                let now = world.now();
                loop {
                    let size = 4 + (accepted as usize * 37) % (mtu as usize - 6);
                    let data = with_number(accepted, size);
                    match world.nodes[1].host.notify(now, conn, value, Some(&data)) {
                        Ok(()) => accepted += 1,
                        Err(error) => {
                            assert_eq!(error, Error::NoMemory);
                            refused += 1;
                            break;
                        }
                    }
                }
                world.run(round % 37);
                seen.extend(notified(&mut world, 0));
            }
            world.run(20_000);
            seen.extend(notified(&mut world, 0));
            assert!(refused > 0 && accepted > 5, "{accepted}");
            let wanted: Vec<_> = (0..accepted).map(|n| (central, n)).collect();
            assert_eq!(seen, wanted, "{len} x {buffer_count}, MTU {mtu}");
            end(&mut world);
        }
    }
}

#[test]
fn write_commands_that_were_accepted_arrive_in_order_and_a_full_queue_says_so() {
    for (len, buffer_count) in BUFFERS {
        let configs = [buffers(len, buffer_count), NodeConfig::new(Profile::Full)];
        let mut world = world_of(configs);
        let value = serve(&mut world);
        world.nodes[1]
            .host
            .database()
            .set_buffer(value, 4_000, true)
            .unwrap_or_else(|_| {
                let memory = vec![0; 16_384].leak();
                world.nodes[1].host.database().lend(memory);
                world.nodes[1]
                    .host
                    .database()
                    .set_buffer(value, 4_000, true)
                    .unwrap();
            });
        let (conn, _) = world.connect(0, 1);
        let (mut accepted, mut refused) = (0u32, 0);
        let mut stored = Vec::new();
        for _ in 0..40 {
            let now = world.now();
            loop {
                let data = with_number(accepted, 20);
                match world.nodes[0].host.gattc_write(now, conn, value, &data, 0) {
                    Ok(()) => accepted += 1,
                    Err(error) => {
                        assert_eq!(error, Error::NoMemory);
                        refused += 1;
                        break;
                    }
                }
            }
            world.run(100);
            stored.extend_from_slice(world.nodes[1].host.database().read_out(value).unwrap());
        }
        world.run(5_000);
        stored.extend_from_slice(world.nodes[1].host.database().read_out(value).unwrap());
        let wanted: Vec<u8> = (0..accepted).flat_map(|n| with_number(n, 20)).collect();
        assert!(refused > 0);
        assert_eq!(stored.len(), wanted.len(), "{len} x {buffer_count}");
        assert_eq!(stored, wanted);
        let writes = count(&world, 1, |e| matches!(e, Event::GattsWrite { .. }));
        assert_eq!(writes as u32, accepted);
        end(&mut world);
    }
}

#[test]
fn requests_are_answered_and_indications_confirmed_while_notifications_never_stop() {
    for (len, buffer_count) in BUFFERS {
        let configs = [buffers(len, buffer_count), buffers(len, buffer_count)];
        let mut world = world_of(configs);
        let value = serve(&mut world);
        let conns: [u16; 2] = world.connect(0, 1).into();
        let mut reads = [0; 2];
        let until = world.air.now() + 20_000_000;
        while world.air.now() < until {
            let now = world.now();
            for (node, &conn) in world.nodes.iter_mut().zip(&conns) {
                while node.host.notify(now, conn, value, Some(&[9; 20])).is_ok() {}
                let _ = node.host.gattc_read(now, conn, value);
            }
            world.run(20);
            for (node, reads) in world.nodes.iter_mut().zip(&mut reads) {
                for event in node.events.drain(..) {
                    if let Event::GattcReadDone { status, .. } = event {
                        assert_eq!(status, 0);
                        *reads += 1;
                    }
                }
            }
        }
        assert!(
            reads[0] >= 5 && reads[1] >= 5,
            "{reads:?} at {len} x {buffer_count}"
        );
        world.run(10_000);
        end(&mut world);
    }
}

#[test]
fn links_share_the_controller_fairly() {
    for (len, buffer_count) in BUFFERS {
        for links in [2, 3, MAX_LINKS] {
            let mut configs = vec![buffers(len, buffer_count)];
            configs.extend((0..links).map(|_| NodeConfig::new(Profile::Full)));
            let mut world = world_of(configs);
            let value = serve(&mut world);
            let conns: Vec<u16> = (1..=links).map(|other| world.connect(other, 0).1).collect();
            let mut got = vec![0; links];
            let mut sent = vec![0u32; links];
            clear(&mut world);
            for _ in 0..200 {
                let now = world.now();
                for (i, &conn) in conns.iter().enumerate() {
                    // The first link's script is greedy; it is asked first.
                    loop {
                        let data = with_number(sent[i], 20);
                        match world.nodes[0].host.notify(now, conn, value, Some(&data)) {
                            Ok(()) => sent[i] += 1,
                            Err(error) => break assert_eq!(error, Error::NoMemory),
                        }
                    }
                }
                world.run(50);
                for (i, got) in got.iter_mut().enumerate() {
                    for (_, n) in notified(&mut world, i + 1) {
                        assert_eq!(n, *got);
                        *got += 1;
                    }
                }
            }
            let (least, most) = (got.iter().min().unwrap(), got.iter().max().unwrap());
            assert!(*least > 20, "{got:?}");
            assert!(least * 2 >= *most, "{got:?} at {len} x {buffer_count}");
            end(&mut world);
        }
    }
}

#[test]
fn a_peer_that_is_gone_does_not_hold_up_the_others() {
    for (len, buffer_count) in [(27, 2), (251, 3), (251, 8)] {
        let mut configs = vec![buffers(len, buffer_count)];
        configs.extend((0..2).map(|_| NodeConfig::new(Profile::Full)));
        let mut world = world_of(configs);
        let value = serve(&mut world);
        let (_, dead) = world.connect(1, 0);
        let (_, live) = world.connect(2, 0);
        world.run(1_000);
        clear(&mut world);
        let id = world.nodes[1].id;
        world.air.power_off(id);
        let (mut sent, mut got) = (0, 0);
        // The first one's link lasts until its supervision timeout.
        for _ in 0..20 {
            let now = world.now();
            while world.nodes[0]
                .host
                .notify(now, dead, value, Some(&[1; 20]))
                .is_ok()
            {}
            while world.nodes[0]
                .host
                .notify(now, live, value, Some(&with_number(sent, 20)))
                .is_ok()
            {
                sent += 1;
            }
            world.run(100);
            got += notified(&mut world, 2).len();
        }
        assert!(world.nodes[0].host.is_connected(dead));
        assert!(got > 20, "{got}");
        expect(&mut world, 0, 3_000, |e| {
            matches!(e, Event::Disconnected { .. })
        });
        world.run(2_000);
        got += notified(&mut world, 2).len();
        assert_eq!(got, sent as usize);
        world.air.power_on(id);
        world.nodes[1].host.switch_off();
        world.start(1).unwrap();
        end(&mut world);
    }
}

#[test]
fn all_peers_gone_at_once_with_requests_unanswered_is_no_deadlock() {
    let mut configs = vec![NodeConfig::new(Profile::Full)];
    configs.extend((0..MAX_LINKS).map(|_| NodeConfig::new(Profile::Full)));
    let mut world = world_of(configs);
    let value = serve(&mut world);
    let mut conns = Vec::new();
    for other in 1..=MAX_LINKS {
        let (central, conn) = world.connect(other, 0);
        for node in [0, other] {
            world.nodes[node].host.set_preferred_mtu(517).unwrap();
        }
        let now = world.now();
        world.nodes[other].host.exchange_mtu(now, central).unwrap();
        conns.push((other, central, conn));
    }
    world.run(1_000);
    clear(&mut world);
    // Everything is full, every peer has asked, and then all are lost: the
    // packets that tell so come behind those that cannot be answered.
    for round in 0..20 {
        let now = world.now();
        for &(other, central, conn) in &conns {
            while world.nodes[0]
                .host
                .notify(now, conn, value, Some(&[7; 500]))
                .is_ok()
            {}
            let _ = world.nodes[other].host.gattc_read(now, central, value);
            while world.nodes[other]
                .host
                .gattc_write(now, central, value, &[8; 500], 0)
                .is_ok()
            {}
        }
        world.run(3 + round);
    }
    world.air.lose_links(0, 0x08);
    world.run(100);
    for node in 0..=MAX_LINKS {
        let links = if node == 0 { MAX_LINKS } else { 1 };
        assert_eq!(
            count(&world, node, |e| matches!(e, Event::Disconnected { .. })),
            links
        );
    }
    end(&mut world);
}

#[test]
fn transports_of_any_delay_give_the_same() {
    for latency in [0, 500, 5_000, 40_000] {
        let options = Options {
            latency,
            ..Default::default()
        };
        let mut world = world_with(3, options, [buffers(27, 2), buffers(64, 4)]);
        let value = serve(&mut world);
        let (central, conn) = world.connect(0, 1);
        let mut accepted = 0;
        let mut seen = Vec::new();
        for _ in 0..50 {
            let now = world.now();
            while world.nodes[1]
                .host
                .notify(now, conn, value, Some(&with_number(accepted, 20)))
                .is_ok()
            {
                accepted += 1;
            }
            world.run(100);
            seen.extend(notified(&mut world, 0));
        }
        world.run(10_000);
        seen.extend(notified(&mut world, 0));
        let wanted: Vec<_> = (0..accepted).map(|n| (central, n)).collect();
        assert_eq!(seen, wanted);
        end(&mut world);
    }
}

/// ACL packets of at most `piece` bytes with a PDU of ATT.
fn acl(conn: u16, att: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut pdu = (att.len() as u16).to_le_bytes().to_vec();
    pdu.extend([4, 0]);
    pdu.extend(att);
    let packet = |(i, piece): (usize, &[u8])| {
        let flags = if i == 0 { 0x20 } else { 0x10 };
        let mut packet = vec![2, conn as u8, flags, piece.len() as u8, 0];
        packet.extend(piece);
        packet
    };
    pdu.chunks(piece).enumerate().map(packet).collect()
}

#[test]
fn a_command_is_answered_behind_a_flood_of_notifications() {
    for piece in [27, 251] {
        let mut world = hosts(2, Profile::Full);
        let value = serve(&mut world);
        let (conn, _) = world.connect(0, 1);
        world.run(500);
        clear(&mut world);
        let now = world.now();
        let id = world.nodes[0].id;
        for n in 0..400 {
            let mut notification = vec![0x1b, value as u8, (value >> 8) as u8];
            notification.extend(with_number(n, 100));
            for packet in acl(conn, &notification, piece) {
                world.air.inject(id, &packet);
            }
        }
        // What is reliable is kept, wherever it lies.
        let value_of = with_number(0xffff, 100);
        let indication = [&[0x1d, value as u8, (value >> 8) as u8], &value_of[..]].concat();
        for packet in acl(conn, &indication, piece) {
            world.air.inject(id, &packet);
        }
        let host = &mut world.nodes[0].host;
        host.start_scan(now, 100, 30_000, 30_000, false).unwrap();
        assert_eq!(world.operation(0), Ok(()));
        world.settle();
        assert_eq!(
            count(&world, 0, |e| matches!(e, Event::GattcIndicate { .. })),
            1
        );
        let seen: Vec<u32> = notified(&mut world, 0).iter().map(|(_, n)| *n).collect();
        let first: Vec<u32> = (0..seen.len() as u32).collect();
        assert!(
            seen.len() > RX_BYTES / 400 && seen.len() < 400,
            "{}",
            seen.len()
        );
        assert_eq!(seen, first, "the oldest are kept");
        world.run(200);
        end(&mut world);
    }
}

/// Addresses of data of a node's events, and the data.
fn places(world: &mut World, node: usize) -> Vec<(usize, Vec<u8>)> {
    let now = world.now();
    let host = &mut world.nodes[node].host;
    let mut places = Vec::new();
    while let Some(event) = host.poll_event(now) {
        match event {
            Event::ScanResult { data, .. } | Event::GattcNotify { data, .. } => {
                places.push((data.as_ptr() as usize, data.to_vec()));
            }
            _ => {}
        }
    }
    places
}

/// Received data is copied into the queue and not moved any more: an event
/// points to where its packet lies, one packet behind the other, each after two
/// bytes of length.
#[test]
fn events_point_into_the_queue_of_received_packets() {
    let mut world = hosts(2, Profile::Full);
    world
        .call(0, |host, now| {
            host.start_scan(now, 0, 20_000, 20_000, false)
        })
        .unwrap();
    for i in 1..=5 {
        let mut report = vec![4, 0x3e, 15, 2, 1, 0, 0, 1, 2, 3, 4, 5, 6, 3];
        report.extend([i, i, i, 0xc0]);
        world.air.inject(0, &report);
    }
    world.operation(0).unwrap();
    let reports = places(&mut world, 0);
    let wanted: Vec<_> = (0..5)
        .map(|i| (reports[0].0 + i * (18 + 2), vec![i as u8 + 1; 3]))
        .collect();
    assert_eq!(reports, wanted);
    world.call(0, |host, now| host.stop_scan(now)).unwrap();

    let value = serve(&mut world);
    let (_, conn) = world.connect(0, 1);
    world.run(1_000);
    clear(&mut world);
    let now = world.now();
    for i in 0..5 {
        let host = &mut world.nodes[1].host;
        host.notify(now, conn, value, Some(&[i; 20])).unwrap();
    }
    let until = world.air.now() + 500_000;
    exchange(&mut world, until);
    let notifications = places(&mut world, 0);
    assert_eq!(notifications.len(), 5);
    for (i, pair) in notifications.windows(2).enumerate() {
        assert_eq!(pair[1].1, [i as u8 + 1; 20]);
        // Headers of H4, ACL and L2CAP, and of the notification.
        assert_eq!(pair[1].0 - pair[0].0, 1 + 4 + 4 + 3 + 20 + 2);
    }
    end(&mut world);
}

/// The options show in what a second of notifications carries.
#[test]
fn data_length_and_2m_phy_are_used_unless_they_are_to_be_left_alone() {
    let carried = |data_length, phy_2m| {
        let mut world = World::new(1, Options::default());
        for i in 0..2 {
            let config = buffers(251, 8).with_public([0xc0, 0, 0, 0, 0, i + 1]);
            let node = world.add(config);
            let options = HostOptions {
                data_length,
                phy_2m,
                ..HostOptions::default()
            };
            world.start_with(node, options).unwrap();
        }
        let value = serve(&mut world);
        let (central, conn) = world.connect(0, 1);
        for node in 0..2 {
            world.nodes[node].host.set_preferred_mtu(247).unwrap();
        }
        let now = world.now();
        world.nodes[0].host.exchange_mtu(now, central).unwrap();
        world.run(2_000);
        clear(&mut world);
        let mut bytes = 0;
        for _ in 0..1_000 {
            let now = world.now();
            let host = &mut world.nodes[1].host;
            while host.notify(now, conn, value, Some(&[1; 244])).is_ok() {}
            world.run(1);
            bytes += 244 * count(&world, 0, |e| matches!(e, Event::GattcNotify { .. }));
            world.nodes[0].events.clear();
        }
        end(&mut world);
        bytes
    };
    let [neither, long, fast, both] =
        [(false, false), (true, false), (false, true), (true, true)].map(|(a, b)| carried(a, b));
    assert!(
        neither * 2 < long && long * 3 < both * 2,
        "{neither} {long} {both}"
    );
    assert!(neither < fast && fast * 2 < both, "{neither} {fast} {both}");
}
