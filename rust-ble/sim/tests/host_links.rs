//! Links: how they end, how they change, and many at once.
#![allow(clippy::needless_range_loop)] // Nodes have numbers.

mod hosts;

use ble_core::config::MAX_LINKS;
use ble_core::event::Role;
use ble_core::gatt::db::flag;
use ble_core::{Error, Event, Uuid};
use ble_sim::fault::{CommandFault, Which};
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Profile};
use hosts::*;

const PARAMETERS_REQUEST: u64 = 1 << 1;

fn is_connected(event: &Event) -> bool {
    matches!(event, Event::Connected { .. })
}

fn is_disconnected(event: &Event) -> bool {
    matches!(event, Event::Disconnected { .. })
}

fn is_updated(event: &Event) -> bool {
    matches!(event, Event::ConnectionUpdate { .. })
}

fn update(world: &mut World, node: usize, conn: u16, interval: u16) -> Result<(), ble_core::Error> {
    world.call(node, |host, now| {
        host.update_connection(now, conn, interval, interval, 1, 400)
    })
}

#[test]
fn a_link_ends_by_either_side_and_both_are_told_address_and_role() {
    for profile in PROFILES {
        for who in 0..2 {
            let mut world = hosts(2, profile);
            let conns: [u16; 2] = world.connect(0, 1).into();
            let addresses = [world.nodes[0].host.address(), world.nodes[1].host.address()];
            world
                .call(who, |host, now| host.disconnect(now, conns[who]))
                .unwrap();
            // Once more while it ends is nothing new.
            world
                .call(who, |host, now| host.disconnect(now, conns[who]))
                .unwrap();
            for node in 0..2 {
                let event = expect(&mut world, node, 1_000, is_disconnected);
                let role = [Role::Central, Role::Peripheral][node];
                let (conn, peer) = (conns[node], addresses[1 - node]);
                assert_eq!(event, Event::Disconnected { conn, role, peer });
                let result = world.call(node, |host, now| host.disconnect(now, conn));
                assert_eq!(result, Err(Error::NotConnected));
            }
            assert_eq!(count(&world, 0, is_disconnected), 0);
            end(&mut world);
        }
    }
}

#[test]
fn a_link_that_is_lost_is_told_after_its_supervision_timeout() {
    for silent in 0..2 {
        let mut world = hosts(2, Profile::Full);
        world.connect(0, 1);
        world.run(1_000);
        let id = world.nodes[silent].id;
        world.air.power_off(id);
        let before = world.now();
        expect(&mut world, 1 - silent, 10_000, is_disconnected);
        let took = ms(before, world.now());
        assert!((2_400..2_700).contains(&took), "{took} ms");
        assert_eq!(world.nodes[1 - silent].host.in_use(), [0; 3]);
    }
}

#[test]
fn every_reason_ends_a_link() {
    for reason in [
        0x05, 0x08, 0x13, 0x14, 0x15, 0x16, 0x1a, 0x22, 0x28, 0x29, 0x3b, 0x3d, 0x3e,
    ] {
        let mut world = hosts(2, Profile::Full);
        world.connect(0, 1);
        world.air.lose_links(0, reason);
        for node in 0..2 {
            expect(&mut world, node, 0, is_disconnected);
        }
        end(&mut world);
    }
}

#[test]
fn a_disconnect_that_the_controller_refuses_ends_the_link_for_the_script() {
    for fault in [CommandFault::Fail(0x02), CommandFault::Silent] {
        let mut world = hosts(2, Profile::Full);
        let (conn, _) = world.connect(0, 1);
        world.air.faults(0).command(Which::Opcode(0x0406), fault);
        world
            .call(0, |host, now| host.disconnect(now, conn))
            .unwrap();
        expect(&mut world, 0, 3_000, is_disconnected);
        assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
        world.air.faults(0).clear();
        world.stop(0).unwrap();
        world.start(0).unwrap();
        world.run(5_000);
        world.connect(0, 1);
        let id = world.nodes[0].id;
        world.air.take_violations(id);
        end(&mut world);
    }
}

#[test]
fn both_sides_change_the_parameters_through_controllers_that_can() {
    for (profile, other) in [
        (Profile::Full, Profile::Full),
        (Profile::Bt42, Profile::Wb55),
        (Profile::Wb55, Profile::Full),
    ] {
        let mut world = world_of([profile, other].map(NodeConfig::new));
        let conns: [u16; 2] = world.connect(0, 1).into();
        world.run(1_000);
        assert_eq!(
            count(&world, 0, is_updated) + count(&world, 1, is_updated),
            0
        );
        for (who, wanted) in [(0, 40), (1, 80), (0, 6), (1, 24)] {
            update(&mut world, who, conns[who], wanted).unwrap();
            for node in 0..2 {
                let event = expect(&mut world, node, 5_000, is_updated);
                let conn = conns[node];
                let (interval, latency, timeout, status) = (wanted, 1, 400, 0);
                let expected = Event::ConnectionUpdate {
                    conn,
                    interval,
                    latency,
                    timeout,
                    status,
                };
                assert_eq!(event, expected);
            }
            world.run(1_000);
        }
        end(&mut world);
    }
}

#[test]
fn a_peripheral_asks_by_l2cap_when_either_controller_cannot() {
    let able = NodeConfig::new(Profile::Full);
    let unable = NodeConfig {
        features: able.features & !PARAMETERS_REQUEST,
        ..able.clone()
    };
    for configs in [
        [able.clone(), unable.clone()],
        [unable.clone(), able.clone()],
        [unable.clone(), unable.clone()],
        [NodeConfig::new(Profile::Minimal), able.clone()],
        [able.clone(), NodeConfig::new(Profile::Minimal)],
        [
            NodeConfig::new(Profile::Minimal),
            NodeConfig::new(Profile::Minimal),
        ],
    ] {
        let mut world = world_of(configs);
        let (central, conn) = world.connect(0, 1);
        // At once, before the features are known, and after.
        for wanted in [60, 80] {
            update(&mut world, 1, conn, wanted).unwrap();
            for (node, conn) in [(0, central), (1, conn)] {
                let event = expect(&mut world, node, 5_000, is_updated);
                let (interval, latency, timeout, status) = (wanted, 1, 400, 0);
                let expected = Event::ConnectionUpdate {
                    conn,
                    interval,
                    latency,
                    timeout,
                    status,
                };
                assert_eq!(event, expected);
            }
            world.run(1_000);
        }
        end(&mut world);
    }
}

#[test]
fn a_request_that_is_not_answered_fails_after_thirty_seconds() {
    let able = NodeConfig::new(Profile::Minimal);
    let mut world = world_of([able.clone(), able]);
    let (central, conn) = world.connect(0, 1);
    // The central says yes by L2CAP, but its controller does nothing.
    world
        .air
        .faults(0)
        .command(Which::Opcode(0x2013), CommandFault::Fail(0x0c));
    update(&mut world, 1, conn, 60).unwrap();
    world.run(25_000);
    assert_eq!(count(&world, 1, is_updated), 0);
    world.run(15_000);
    assert_eq!(count(&world, 1, is_updated), 1);
    let event = expect(&mut world, 1, 0, is_updated);
    assert!(matches!(
        event,
        Event::ConnectionUpdate { status: 0x3b, .. }
    ));
    // Its own script hears that it did not work.
    let event = expect(&mut world, 0, 0, is_updated);
    assert!(matches!(event, Event::ConnectionUpdate { conn, status: 0x0c, .. } if conn == central));
    world.air.faults(0).clear();

    // A central that does not read: no answer at all.
    update(&mut world, 1, conn, 80).unwrap();
    let before = world.now();
    loop {
        // Node 0 is not driven, its controller goes on.
        let next = world.air.next_time().unwrap();
        world.air.advance_to(next);
        let now = world.now();
        let host = &mut world.nodes[1].host;
        while let Some(packet) = world.air.receive(1) {
            host.receive(now, &packet);
        }
        if host.poll_timeout().is_some_and(|at| at.reached(now)) {
            host.handle_timeout(now);
        }
        let event = host.poll_event(now);
        if let Some(Event::ConnectionUpdate {
            conn: c, status, ..
        }) = event
        {
            assert_eq!((c, status), (conn, 0x3b));
            break;
        }
        while let Some(packet) = host.poll_transmit(now) {
            let packet = [packet.header(), packet.head, packet.tail].concat();
            host.transmitted(now);
            world.air.send(1, &packet);
        }
        assert!(ms(before, now) < 31_000);
    }
    assert!(ms(before, world.now()) >= 30_000);
    end(&mut world);
}

#[test]
fn parameters_out_of_range_are_refused() {
    let mut world = hosts(2, Profile::Full);
    let conns: [u16; 2] = world.connect(0, 1).into();
    for node in 0..2 {
        for (min, max, latency, timeout) in [
            (5, 10, 0, 100),
            (20, 10, 0, 100),
            (10, 3201, 0, 3200),
            (10, 10, 500, 3200),
            (10, 10, 0, 9),
            (10, 10, 0, 3201),
            (800, 800, 0, 200),
        ] {
            let conn = conns[node];
            let result = world.call(node, |host, now| {
                host.update_connection(now, conn, min, max, latency, timeout)
            });
            assert_eq!(result, Err(Error::Invalid));
        }
    }
    end(&mut world);
}

/// Connects node 0 to as many others as it may have links, as central or peripheral as `central` says.
fn many(world: &mut World, central: impl Fn(usize) -> bool) -> Vec<u16> {
    let mut conns = Vec::new();
    for other in 1..=MAX_LINKS {
        let conn = if central(other) {
            world.connect(0, other).0
        } else {
            world.connect(other, 0).1
        };
        conns.push(conn);
    }
    conns
}

#[test]
fn all_links_in_any_mix_of_roles_have_each_their_own_state() {
    for mix in [0xff, 0x00, 0x0f, 0x55, 0xa3, 0x80] {
        let mut world = hosts(MAX_LINKS + 1, Profile::Full);
        let values: Vec<u16> = (0..=MAX_LINKS)
            .map(|node| {
                world.services(node, |db| {
                    db.add_service(&Uuid::short(0x1815))?;
                    db.add_characteristic(
                        &Uuid::short(0x2a56),
                        flag::READ | flag::NOTIFY | flag::WRITE,
                    )
                })
            })
            .collect();
        let value = values[0];
        let conns = many(&mut world, |other| mix >> (other - 1) & 1 != 0);
        world.run(500);
        // One more is refused, whichever way it comes.
        assert_eq!(
            world.call(0, |host, now| host.connect(
                now,
                ble_core::Address::public([9; 6]),
                0,
                0,
                0
            )),
            Err(Error::NoMemory)
        );
        clear(&mut world);

        // Each link its own MTU, CCCD, values and parameters.
        for (i, &conn) in conns.iter().enumerate() {
            let now = world.now();
            world.nodes[0]
                .host
                .set_preferred_mtu(100 + i as u16)
                .unwrap();
            world.nodes[0].host.exchange_mtu(now, conn).unwrap();
            world.nodes[0]
                .host
                .gattc_write(now, conn, value, &[i as u8; 30], 1)
                .unwrap();
            world.nodes[0].host.gattc_read(now, conn, value).unwrap();
            if i % 2 == 0 {
                world.nodes[0]
                    .host
                    .gattc_write(now, conn, value + 1, &[1, 0], 1)
                    .unwrap();
            }
        }
        for node in 1..=MAX_LINKS {
            let now = world.now();
            world.nodes[node]
                .host
                .gatts_write(now, value, b"", false)
                .unwrap();
            world.nodes[node]
                .host
                .database()
                .set_buffer(value, 30, false)
                .unwrap();
        }
        for (i, &conn) in conns.iter().enumerate() {
            world.wait(0, 5_000, |event| {
                let wanted = Event::MtuExchanged {
                    conn,
                    mtu: 100 + i as u16,
                };
                (*event == wanted).then_some(())
            });
            let data = world.wait(0, 5_000, |event| match *event {
                Event::GattcReadResult { conn: c, data, .. } if c == conn => Some(data),
                _ => None,
            });
            assert_eq!(data, [i as u8; 30]);
        }
        world.run(500);
        clear(&mut world);
        for node in 1..=MAX_LINKS {
            let now = world.now();
            world.nodes[node]
                .host
                .gatts_write(now, value, &[node as u8], true)
                .unwrap();
        }
        world.run(500);
        for (i, &conn) in conns.iter().enumerate() {
            let told = world.nodes[0].events.iter().filter(|event| {
                matches!(event, Event::GattcNotify { conn: c, data, .. }
                    if *c == conn && *data == [i as u8 + 1])
            });
            assert_eq!(told.count(), usize::from(i % 2 == 0), "link {i}");
        }
        // One ends, all others go on, and its place is free.
        let gone = conns[3];
        world
            .call(0, |host, now| host.disconnect(now, gone))
            .unwrap();
        expect(&mut world, 0, 1_000, is_disconnected);
        world.run(1_000);
        assert_eq!(world.nodes[0].host.in_use()[2], MAX_LINKS - 1);
        world.connect(0, 4);
        assert_eq!(count(&world, 0, is_disconnected), 0);
        end(&mut world);
    }
}

#[test]
fn a_central_too_many_is_sent_away() {
    let mut world = hosts(MAX_LINKS + 2, Profile::Full);
    many(&mut world, |_| false);
    world
        .call(0, |host, now| host.advertise(now, true, 20_000, None, None))
        .unwrap();
    let peer = world.nodes[0].host.address();
    clear(&mut world);
    world
        .call(MAX_LINKS + 1, |host, now| {
            host.connect(now, peer, 5_000, 0, 0)
        })
        .unwrap();
    expect(&mut world, MAX_LINKS + 1, 5_000, is_connected);
    expect(&mut world, MAX_LINKS + 1, 5_000, is_disconnected);
    assert!(world.nodes[0].events.is_empty());
    assert_eq!(world.nodes[0].host.in_use()[2], MAX_LINKS);
    end(&mut world);
}

#[test]
fn a_central_that_takes_the_last_place_ends_an_attempt_with_its_event() {
    let mut world = hosts(MAX_LINKS + 2, Profile::Full);
    for other in 1..MAX_LINKS {
        world.connect(other, 0);
    }
    let (last, wanted) = (MAX_LINKS, MAX_LINKS + 1);
    let peer = world.nodes[wanted].host.address();
    world
        .call(0, |host, now| host.connect(now, peer, 20_000, 0, 0))
        .unwrap();
    world.connect(last, 0);
    clear(&mut world);
    world
        .call(wanted, |host, now| {
            host.advertise(now, true, 20_000, None, None)
        })
        .unwrap();
    let event = expect(&mut world, 0, 5_000, |e| {
        matches!(e, Event::ConnectFailed { .. })
    });
    assert_eq!(event, Event::ConnectFailed { peer });
    expect(&mut world, wanted, 5_000, is_disconnected);
    end(&mut world);
}

#[test]
fn hundreds_of_links_one_after_another_leak_nothing() {
    let mut world = hosts(2, Profile::Full);
    for round in 0..300 {
        let conns: [u16; 2] = world.connect(round % 2, 1 - round % 2).into();
        let who = round / 2 % 2;
        let conn = conns[usize::from(who != round % 2)];
        if round % 3 == 0 {
            world.run(round as u64 % 50);
        }
        world
            .call(who, |host, now| host.disconnect(now, conn))
            .unwrap();
        for node in 0..2 {
            expect(&mut world, node, 5_000, is_disconnected);
            assert_eq!(world.nodes[node].host.in_use(), [0; 3]);
        }
    }
    end(&mut world);
}
