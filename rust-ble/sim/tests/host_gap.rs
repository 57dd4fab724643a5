//! Advertising, scanning and connecting, in all combinations.

mod hosts;

use ble_core::event::Role;
use ble_core::gap::AddressMode;
use ble_core::host::Host;
use ble_core::{Address, Error, Event, Instant, Result};
use ble_sim::fault::{CommandFault, Which};
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Profile};
use hosts::*;

const ADV_IND: u8 = 0;
const SCAN_IND: u8 = 2;
const NONCONN_IND: u8 = 3;
const SCAN_RSP: u8 = 4;

fn scan(world: &mut World, node: usize, duration: u32, active: bool) {
    world
        .call(node, |host, now| {
            host.start_scan(now, duration, 20_000, 20_000, active)
        })
        .unwrap();
}

fn stop_scan(world: &mut World, node: usize) {
    world.call(node, |host, now| host.stop_scan(now)).unwrap();
}

fn advertise(world: &mut World, node: usize, connectable: bool) {
    world
        .call(node, |host, now| {
            host.advertise(now, connectable, 20_000, None, None)
        })
        .unwrap();
}

fn peer_of(world: &World, node: usize) -> Address {
    world.nodes[node].host.address()
}

fn is_done(event: &Event) -> bool {
    matches!(event, Event::ScanDone)
}

fn is_result(event: &Event) -> bool {
    matches!(event, Event::ScanResult { .. })
}

fn is_connected(event: &Event) -> bool {
    matches!(event, Event::Connected { .. })
}

fn is_disconnected(event: &Event) -> bool {
    matches!(event, Event::Disconnected { .. })
}

fn is_failed(event: &Event) -> bool {
    matches!(event, Event::ConnectFailed { .. })
}

/// Types and data of the reports that a scan of some time gives.
fn heard(world: &mut World, node: usize, active: bool) -> Vec<(u8, Vec<u8>)> {
    world.nodes[node].events.clear();
    scan(world, node, 300, active);
    world.run(400);
    assert_eq!(count(world, node, is_done), 1);
    let mut seen: Vec<_> = world.nodes[node]
        .events
        .iter()
        .filter_map(|event| match *event {
            Event::ScanResult { adv_type, data, .. } => Some((adv_type, data.to_vec())),
            _ => None,
        })
        .collect();
    seen.sort();
    seen.dedup();
    seen
}

fn restarted(world: &mut World, connectable: bool, data: Option<&[u8]>, response: Option<&[u8]>) {
    world
        .call(0, |host, now| {
            host.advertise(now, connectable, 20_000, data, response)
        })
        .unwrap();
}

#[test]
fn advertising_connectable_scannable_and_not_is_heard_with_its_data() {
    for profile in PROFILES {
        let mut world = hosts(2, profile);
        restarted(&mut world, true, Some(b"\x02\x01\x06"), Some(b"\x03\x09ab"));
        let ind = (ADV_IND, b"\x02\x01\x06".to_vec());
        assert_eq!(heard(&mut world, 1, false), std::slice::from_ref(&ind));
        assert_eq!(
            heard(&mut world, 1, true),
            [ind, (SCAN_RSP, b"\x03\x09ab".to_vec())]
        );

        // Restarted while active; what is not given stays.
        restarted(&mut world, true, Some(b"\x02\x01\x04"), None);
        let ind = (ADV_IND, b"\x02\x01\x04".to_vec());
        assert_eq!(
            heard(&mut world, 1, true),
            [ind, (SCAN_RSP, b"\x03\x09ab".to_vec())]
        );

        restarted(&mut world, false, Some(&[7; 31]), Some(&[8; 31]));
        assert_eq!(
            heard(&mut world, 1, true),
            [(SCAN_IND, vec![7; 31]), (SCAN_RSP, vec![8; 31])]
        );

        // Empty data is data.
        restarted(&mut world, false, Some(b""), Some(b""));
        for (kind, data) in heard(&mut world, 1, true) {
            assert!(matches!(kind, SCAN_IND | NONCONN_IND | SCAN_RSP));
            assert!(data.is_empty());
        }

        world
            .call(0, |host, now| host.stop_advertising(now))
            .unwrap();
        assert_eq!(heard(&mut world, 1, true), []);
        // Nothing to do.
        world
            .call(0, |host, now| host.stop_advertising(now))
            .unwrap();
        end(&mut world);
    }
}

#[test]
fn parameters_out_of_range_are_refused_and_change_nothing() {
    let mut world = hosts(2, Profile::Full);
    advertise(&mut world, 1, true);
    let mut refuse = |command: fn(&mut Host, Instant) -> Result<()>| {
        assert_eq!(world.call(0, command), Err(Error::Invalid));
    };
    refuse(|host, now| host.advertise(now, true, 19_000, None, None));
    refuse(|host, now| host.advertise(now, true, 10_241_000, None, None));
    refuse(|host, now| host.advertise(now, true, -5i32 as u32, None, None));
    refuse(|host, now| host.advertise(now, true, 0, None, None));
    refuse(|host, now| host.advertise(now, true, 20_000, Some(&[0; 32]), None));
    refuse(|host, now| host.advertise(now, true, 20_000, None, Some(&[0; 32])));
    refuse(|host, now| host.start_scan(now, 0, 2_000, 2_000, false));
    refuse(|host, now| host.start_scan(now, 0, 20_000, 20_625, false));
    refuse(|host, now| host.start_scan(now, 0, 20_000_000, 20_000, false));
    refuse(|host, now| host.start_scan(now, -1i32 as u32, 20_000, 20_000, false));
    refuse(|host, now| host.start_scan(now, 0, -1i32 as u32, -1i32 as u32, false));
    let peer = Address::public([1; 6]);
    let mut refuse = |min: u32, max: u32| {
        let result = world.call(0, |host, now| host.connect(now, peer, 1_000, min, max));
        assert_eq!(result, Err(Error::Invalid), "{min} {max}");
    };
    refuse(7_000, 0);
    refuse(0, 7_000);
    refuse(30_000, 20_000);
    refuse(4_001_250, 4_001_250);
    refuse(u32::MAX, 0);
    let result = world.call(0, |host, now| host.connect(now, peer, u32::MAX, 0, 0));
    assert_eq!(result, Err(Error::Invalid));

    let peer = peer_of(&world, 1);
    for (min, max) in [(7_500, 7_500), (0, 7_500), (4_000_000, 0), (20_000, 20_624)] {
        world
            .call(0, |host, now| host.connect(now, peer, 1_000, min, max))
            .unwrap();
        let Event::Connected { conn, .. } = expect(&mut world, 0, 1_000, is_connected) else {
            unreachable!()
        };
        world
            .call(0, |host, now| host.disconnect(now, conn))
            .unwrap();
        expect(&mut world, 0, 30_000, is_disconnected);
        world.run(5_000);
        advertise(&mut world, 1, true);
    }
    end(&mut world);
}

#[test]
fn all_address_modes_work_on_all_controllers_with_and_without_public_address() {
    for profile in PROFILES {
        for mode in 0..4 {
            for public in [true, false] {
                let mut world = World::new(1, Default::default());
                for i in 0..2 {
                    let mut config = NodeConfig::new(profile);
                    if public {
                        config = config.with_public([0xc0, 0, 0, 0, 0, i + 1]);
                    }
                    world.add(config);
                    world.start(i as usize).unwrap();
                }
                let mode = AddressMode::from_number(mode).unwrap();
                world
                    .call(0, |host, now| host.set_address_mode(now, mode))
                    .unwrap();
                advertise(&mut world, 0, true);
                // Also while it advertises.
                world
                    .call(0, |host, now| host.set_address_mode(now, mode))
                    .unwrap();
                let address = peer_of(&world, 0);
                scan(&mut world, 1, 0, true);
                let heard = world.wait(1, 1_000, |event| match *event {
                    Event::ScanResult { peer, .. } => Some(peer),
                    _ => None,
                });
                stop_scan(&mut world, 1);
                assert_eq!(heard, address);
                let kind = address.bytes[5] >> 6;
                match (mode, public) {
                    (AddressMode::Public, true) => assert_eq!(address.kind as u8, 0),
                    (AddressMode::Public | AddressMode::Static, _) => {
                        assert_eq!((address.kind as u8, kind), (1, 3));
                    }
                    (AddressMode::Resolvable, _) => assert_eq!((address.kind as u8, kind), (1, 1)),
                    (AddressMode::NonResolvable, _) => {
                        assert_eq!((address.kind as u8, kind), (1, 0));
                    }
                }
                // Both ways.
                world
                    .call(1, |host, now| host.connect(now, heard, 5_000, 0, 0))
                    .unwrap();
                expect(&mut world, 1, 5_000, is_connected);
                expect(&mut world, 0, 5_000, is_connected);
                end(&mut world);
            }
        }
    }
}

#[test]
fn advertising_stops_when_a_central_connects_and_can_be_started_again() {
    for profile in PROFILES {
        let mut world = hosts(3, profile);
        world.connect(1, 0);
        assert_eq!(heard(&mut world, 2, true), []);
        for connectable in [false, true] {
            advertise(&mut world, 0, connectable);
            assert_ne!(heard(&mut world, 2, true), []);
        }
        // Restarted while on, and a second central.
        world.connect(2, 0);
        assert_eq!(count(&world, 0, is_disconnected), 0);
        advertise(&mut world, 0, false);
        end(&mut world);
    }
}

#[test]
fn scanning_ends_once_by_time_or_by_command_and_starts_again() {
    for profile in PROFILES {
        let mut world = hosts(2, profile);
        advertise(&mut world, 1, true);
        world.run(10);
        for active in [false, true] {
            // By time.
            let before = world.now();
            scan(&mut world, 0, 500, active);
            expect(&mut world, 0, 600, is_done);
            assert!((500..520).contains(&ms(before, world.now())));
            assert!(count(&world, 0, is_result) > 10);
            clear(&mut world);
            world.run(2_000);
            assert!(world.nodes[0].events.is_empty());
            // By command, though there was a time.
            scan(&mut world, 0, 5_000, active);
            world.run(100);
            stop_scan(&mut world, 0);
            expect(&mut world, 0, 0, is_done);
            clear(&mut world);
            world.run(6_000);
            assert!(world.nodes[0].events.is_empty());
            // Without end.
            scan(&mut world, 0, 0, active);
            world.run(60_000);
            assert_eq!(count(&world, 0, is_done), 0);
            assert!(count(&world, 0, is_result) > 1_000);
            stop_scan(&mut world, 0);
            expect(&mut world, 0, 0, is_done);
            // Stopping what is stopped says nothing.
            stop_scan(&mut world, 0);
            world.run(1_000);
            assert_eq!(count(&world, 0, is_done), 0);
            clear(&mut world);
        }
        end(&mut world);
    }
}

#[test]
fn a_restarted_scan_goes_on_with_the_new_values_and_ends_once() {
    let mut world = hosts(2, Profile::Full);
    restarted_peer(&mut world);
    scan(&mut world, 0, 300, false);
    world.run(200);
    assert!(!world.nodes[0].events.iter().any(is_response));
    scan(&mut world, 0, 300, true);
    world.run(250);
    assert!(world.nodes[0].events.iter().any(is_response));
    assert_eq!(count(&world, 0, is_done), 0);
    world.run(1_000);
    assert_eq!(count(&world, 0, is_done), 1);
    assert!(is_done(world.nodes[0].events.back().unwrap()));
    end(&mut world);
}

fn restarted_peer(world: &mut World) {
    let now = world.now();
    world.nodes[1]
        .host
        .advertise(now, true, 20_000, Some(b""), Some(b"\x02\x0a\x00"))
        .unwrap();
    world.operation(1).unwrap();
}

fn is_response(event: &Event) -> bool {
    matches!(
        event,
        Event::ScanResult {
            adv_type: SCAN_RSP,
            ..
        }
    )
}

#[test]
fn stop_restart_and_end_of_a_scan_at_the_same_moment_give_one_event_a_scan() {
    // The operation that is begun may find the scan in any state of ending.
    for offset in 0..40 {
        for latency in [0, 1_000, 7_000] {
            let options = ble_sim::Options {
                latency,
                ..Default::default()
            };
            let configs = (0..2).map(|_| NodeConfig::new(Profile::Full));
            let mut world = world_with(1, options, configs);
            advertise(&mut world, 1, true);
            scan(&mut world, 0, 100, false);
            world.run(80 + offset);
            stop_scan(&mut world, 0);
            world.run(50);
            assert_eq!(
                count(&world, 0, is_done),
                1,
                "offset {offset}, latency {latency}"
            );
            clear(&mut world);

            scan(&mut world, 0, 100, false);
            world.run(80 + offset);
            let ended = count(&world, 0, is_done);
            scan(&mut world, 0, 100, false);
            world.run(300);
            let done = count(&world, 0, is_done);
            assert!(
                done == 1 || done == 2,
                "{done} at offset {offset}, latency {latency}"
            );
            assert!(done > ended);
            end(&mut world);
        }
    }
}

#[test]
fn every_scan_has_its_end_though_the_script_is_slow() {
    let mut world = hosts(2, Profile::Full);
    advertise(&mut world, 1, true);
    // The script sees no event in all this time.
    for _ in 0..3 {
        let now = world.now();
        world.nodes[0]
            .host
            .start_scan(now, 0, 20_000, 20_000, false)
            .unwrap();
        world.operation(0).unwrap();
        let until = world.air.now() + 300_000;
        while world.air.now() < until {
            let next = world.air.next_time().unwrap();
            world.air.advance_to(next);
            world.operation(0).unwrap();
        }
        let now = world.now();
        world.nodes[0].host.stop_scan(now).unwrap();
        world.operation(0).unwrap();
    }
    world.settle();
    assert_eq!(count(&world, 0, is_done), 3);
    assert!(count(&world, 0, is_result) > 30);
    assert!(world.nodes[0].events.iter().rev().take(3).all(is_done));
    end(&mut world);
}

#[test]
fn scanning_advertising_connecting_and_links_go_together() {
    for profile in PROFILES {
        let mut world = hosts(4, profile);
        advertise(&mut world, 0, true);
        advertise(&mut world, 3, false);
        // Everyone scans, 0 while it advertises.
        for node in 0..4 {
            scan(&mut world, node, 0, true);
        }
        world.run(300);
        assert!(count(&world, 0, is_result) > 0);
        assert!(count(&world, 3, is_result) > 0);
        // Connect while scanning.
        let peer = peer_of(&world, 0);
        world
            .call(1, |host, now| host.connect(now, peer, 5_000, 0, 0))
            .unwrap();
        expect(&mut world, 1, 5_000, is_connected);
        expect(&mut world, 0, 5_000, is_connected);
        // Scanning goes on while connected, at both ends.
        clear(&mut world);
        world.run(300);
        assert!(count(&world, 0, is_result) > 0);
        assert!(count(&world, 1, is_result) > 0);
        // The central is peripheral too.
        advertise(&mut world, 1, true);
        let peer = peer_of(&world, 1);
        world
            .call(2, |host, now| host.connect(now, peer, 5_000, 0, 0))
            .unwrap();
        expect(&mut world, 2, 5_000, is_connected);
        let event = expect(&mut world, 1, 5_000, is_connected);
        assert!(matches!(
            event,
            Event::Connected {
                role: Role::Peripheral,
                ..
            }
        ));
        for node in 0..4 {
            stop_scan(&mut world, node);
        }
        // And again after all of it.
        clear(&mut world);
        scan(&mut world, 0, 200, true);
        expect(&mut world, 0, 300, is_done);
        assert!(count(&world, 0, is_result) > 0);
        end(&mut world);
    }
}

#[test]
fn scanning_works_again_after_connecting_and_disconnecting() {
    let mut world = hosts(3, Profile::Full);
    advertise(&mut world, 2, false);
    for _ in 0..20 {
        scan(&mut world, 0, 0, true);
        let (conn, _) = world.connect(0, 1);
        stop_scan(&mut world, 0);
        world
            .call(0, |host, now| host.disconnect(now, conn))
            .unwrap();
        expect(&mut world, 0, 1_000, is_disconnected);
        clear(&mut world);
        scan(&mut world, 0, 100, true);
        expect(&mut world, 0, 200, is_done);
        assert!(count(&world, 0, is_result) > 0);
        assert_eq!(count(&world, 0, is_done), 0);
    }
    end(&mut world);
}

#[test]
fn a_controller_that_cannot_connect_while_it_scans_has_the_scan_ended() {
    let mut world = hosts(2, Profile::Full);
    advertise(&mut world, 1, true);
    scan(&mut world, 0, 0, true);
    world.run(100);
    let faults = world.air.faults(0);
    let next = faults.commands_seen();
    faults.command(Which::Nth(next), CommandFault::Fail(0x0c));
    let peer = peer_of(&world, 1);
    world
        .call(0, |host, now| host.connect(now, peer, 5_000, 0, 0))
        .unwrap();
    expect(&mut world, 0, 1_000, is_connected);
    assert_eq!(count(&world, 0, is_done), 1);
    end(&mut world);
}

#[test]
fn a_controller_that_cannot_advertise_while_connected_gives_an_error_and_no_more() {
    let mut world = hosts(3, Profile::Full);
    let (_, conn) = world.connect(1, 0);
    let enable = 0x200a;
    world
        .air
        .faults(0)
        .command(Which::Opcode(enable), CommandFault::Fail(0x0c));
    let result = world.call(0, |host, now| host.advertise(now, true, 20_000, None, None));
    assert_eq!(result, Err(Error::Controller(0x0c)));
    world.air.faults(0).clear();
    world
        .call(0, |host, now| host.disconnect(now, conn))
        .unwrap();
    expect(&mut world, 0, 1_000, is_disconnected);
    world.connect(2, 0);
    end(&mut world);
}

#[test]
fn an_attempt_to_connect_ends_by_time_or_cancel_and_can_be_repeated() {
    for profile in PROFILES {
        let mut world = hosts(2, profile);
        let peer = peer_of(&world, 1);
        for duration in [0, 300, 5_000] {
            let before = world.now();
            world
                .call(0, |host, now| host.connect(now, peer, duration, 0, 0))
                .unwrap();
            // One attempt at a time.
            let again = world.call(0, |host, now| host.connect(now, peer, duration, 0, 0));
            assert_eq!(again, Err(Error::Already));
            let event = expect(&mut world, 0, 6_000, is_failed);
            assert_eq!(event, Event::ConnectFailed { peer });
            let took = ms(before, world.now());
            let wanted = if duration == 0 { 2_000 } else { duration };
            assert!((wanted..wanted + 50).contains(&took), "{took} ms");
        }
        world
            .call(0, |host, now| host.connect(now, peer, 10_000, 0, 0))
            .unwrap();
        world.run(100);
        world.call(0, |host, now| host.cancel_connect(now)).unwrap();
        expect(&mut world, 0, 100, is_failed);
        let nothing = world.call(0, |host, now| host.cancel_connect(now));
        assert_eq!(nothing, Err(Error::NotFound));
        world.run(15_000);
        assert!(world.nodes[0].events.is_empty());
        world.connect(0, 1);
        end(&mut world);
    }
}

#[test]
fn a_cancel_that_meets_the_connection_gives_one_outcome() {
    let mut outcomes = [0; 2];
    for offset in 0..60 {
        let options = ble_sim::Options {
            latency: 2_000,
            ..Default::default()
        };
        let configs = (0..2).map(|_| NodeConfig::new(Profile::Full));
        let mut world = world_with(offset, options, configs);
        let peer = peer_of(&world, 1);
        advertise(&mut world, 1, true);
        world
            .call(0, |host, now| host.connect(now, peer, 5_000, 0, 0))
            .unwrap();
        world.run(offset);
        if world.nodes[0].events.is_empty() {
            world.call(0, |host, now| host.cancel_connect(now)).unwrap();
        }
        world.run(5_000);
        let ended = [count(&world, 0, is_connected), count(&world, 0, is_failed)];
        assert_eq!(ended[0] + ended[1], 1, "offset {offset}");
        assert_eq!(count(&world, 0, is_disconnected), 0);
        for i in 0..2 {
            outcomes[i] += ended[i];
        }
        // Whatever it was, it is over.
        assert_eq!(
            world.call(0, |host, now| host.cancel_connect(now)),
            Err(Error::NotFound)
        );
        end(&mut world);
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?}");
}

#[test]
fn an_attempt_whose_end_the_controller_never_tells_ends_all_the_same() {
    let mut world = hosts(2, Profile::Full);
    let peer = peer_of(&world, 1);
    world
        .call(0, |host, now| host.connect(now, peer, 500, 0, 0))
        .unwrap();
    // The link is there already, says the controller, and then nothing.
    world
        .air
        .faults(0)
        .command(Which::Opcode(0x200e), CommandFault::Fail(0x0c));
    expect(&mut world, 0, 4_000, is_failed);
    world.air.faults(0).clear();
    let result = world.call(0, |host, now| host.connect(now, peer, 500, 0, 0));
    // It still tries, this controller; what comes of it nobody waits for.
    assert_eq!(result, Err(Error::Controller(0x0c)));
    advertise(&mut world, 1, true);
    expect(&mut world, 1, 1_000, is_connected);
    expect(&mut world, 1, 1_000, is_disconnected);
    assert_eq!(count(&world, 0, is_connected), 0);
    end(&mut world);
}

#[test]
fn a_refused_or_unanswered_attempt_is_an_error_and_leaves_no_trace() {
    let mut world = hosts(2, Profile::Full);
    advertise(&mut world, 1, true);
    let peer = peer_of(&world, 1);
    for (fault, error) in [
        (CommandFault::Fail(0x12), Error::Controller(0x12)),
        (CommandFault::Silent, Error::TimedOut),
    ] {
        world.air.faults(0).command(Which::Opcode(0x200d), fault);
        let result = world.call(0, |host, now| host.connect(now, peer, 5_000, 0, 0));
        assert_eq!(result, Err(error));
        world.air.faults(0).clear();
    }
    // The silent controller still waits for its command to be answered.
    world.air.take_violations(0);
    world.stop(0).unwrap();
    world.start(0).unwrap();
    world.connect(0, 1);
    end(&mut world);
}

#[test]
fn a_peer_that_is_connected_already_is_not_connected_twice() {
    let mut world = hosts(2, Profile::Full);
    world.connect(0, 1);
    let peer = peer_of(&world, 1);
    let result = world.call(0, |host, now| host.connect(now, peer, 1_000, 0, 0));
    assert!(matches!(result, Err(Error::Controller(0x0b))));
    assert_eq!(count(&world, 0, is_failed), 0);
    end(&mut world);
}

#[test]
fn a_central_that_comes_while_advertising_is_restarted_is_told_and_nothing_is_mixed_up() {
    for offset in 0..60 {
        let options = ble_sim::Options {
            latency: 1_500,
            ..Default::default()
        };
        let configs = (0..3).map(|_| NodeConfig::new(Profile::Full));
        let mut world = world_with(offset, options, configs);
        let peer = peer_of(&world, 0);
        advertise(&mut world, 0, true);
        world
            .call(1, |host, now| host.connect(now, peer, 5_000, 0, 0))
            .unwrap();
        world.run(offset);
        advertise(&mut world, 0, true);
        expect(&mut world, 1, 5_000, is_connected);
        expect(&mut world, 0, 5_000, is_connected);
        // Whether it still advertises or not: both commands work.
        advertise(&mut world, 0, true);
        world
            .call(2, |host, now| host.connect(now, peer, 5_000, 0, 0))
            .unwrap();
        expect(&mut world, 2, 5_000, is_connected);
        world
            .call(0, |host, now| host.stop_advertising(now))
            .unwrap();
        end(&mut world);
    }
}

#[test]
fn nothing_is_taken_while_the_host_is_off() {
    let mut world = World::new(1, Default::default());
    world.add(NodeConfig::new(Profile::Full));
    let refused = |result: Result<()>| assert_eq!(result, Err(Error::Inactive));
    refused(world.call(0, |host, now| host.advertise(now, true, 20_000, None, None)));
    refused(world.call(0, |host, now| host.stop_advertising(now)));
    refused(world.call(0, |host, now| {
        host.start_scan(now, 0, 20_000, 20_000, false)
    }));
    refused(world.call(0, |host, now| host.stop_scan(now)));
    refused(world.call(0, |host, now| {
        host.connect(now, Address::public([1; 6]), 0, 0, 0)
    }));
    refused(world.call(0, |host, now| host.cancel_connect(now)));
    refused(world.call(0, |host, now| host.disconnect(now, 0x40)));
    refused(world.call(0, |host, now| host.gattc_read(now, 0x40, 3)));
    refused(world.call(0, |host, now| host.notify(now, 0x40, 3, None)));
    obeyed(&world);
}
