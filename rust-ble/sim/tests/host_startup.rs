//! Activation: what the controller can do is asked, and only that is sent.

mod hosts;

use ble_core::host::{Options as HostOptions, State};
use ble_core::{Error, Event, Result};
use ble_sim::fault::{CommandFault, Direction, Fault, Which};
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Options, Profile};
use hosts::*;

const RESET: u16 = 0x0c03;

fn off(config: NodeConfig) -> World {
    let mut world = World::new(1, Options::default());
    world.add(config);
    world
}

/// Starts node 0 and gives the result and the milliseconds it took.
fn start(world: &mut World) -> (Result<()>, u32) {
    let before = world.now();
    let result = world.call(0, |host, now| host.start(now, HostOptions::default()));
    (result, ms(before, world.now()))
}

/// Commands that the start-up on such a controller takes.
fn steps(profile: Profile) -> u64 {
    let mut world = off(NodeConfig::new(profile));
    start(&mut world).0.unwrap();
    world.air.faults(0).commands_seen()
}

/// Whether node 0 works: it is heard by another host, connected to and left.
fn works(world: &mut World) {
    let other = world.add(NodeConfig::new(Profile::Full));
    world.start(other).unwrap();
    world.connect(other, 0);
    end(world);
}

#[test]
fn every_kind_of_controller_is_started_without_a_command_that_it_lacks() {
    for profile in PROFILES {
        for (data_length, phy_2m) in [(true, true), (false, false), (true, false)] {
            let options = HostOptions {
                data_length,
                phy_2m,
                ..HostOptions::ALL
            };
            let mut world = off(NodeConfig::new(profile));
            world.start_with(0, options).unwrap();
            assert!(world.nodes[0].host.is_active());
            works(&mut world);
        }
    }
}

#[test]
fn a_controller_that_shares_its_buffers_with_br_edr_is_asked_for_them() {
    let config = NodeConfig {
        shared_buffers: true,
        ..NodeConfig::new(Profile::Full)
    };
    let mut world = off(config);
    start(&mut world).0.unwrap();
    works(&mut world);
}

#[test]
fn no_buffers_at_all_are_an_error() {
    let mut world = off(NodeConfig {
        acl_count: 0,
        ..NodeConfig::new(Profile::Full)
    });
    assert!(matches!(start(&mut world).0, Err(Error::Controller(_))));
    assert_eq!(world.nodes[0].host.state(), State::Off);
}

#[test]
fn a_command_that_fails_ends_the_start_and_the_next_one_works() {
    for profile in PROFILES {
        for step in 0..steps(profile) {
            let mut world = off(NodeConfig::new(profile));
            world
                .air
                .faults(0)
                .command(Which::Nth(step), CommandFault::Fail(0x1f));
            let (result, took) = start(&mut world);
            assert_eq!(
                result,
                Err(Error::Controller(0x1f)),
                "{profile:?}, step {step}"
            );
            assert!(took < 2_000);
            assert_eq!(world.nodes[0].host.state(), State::Off);
            assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
            world.air.faults(0).clear();
            start(&mut world).0.unwrap();
            works(&mut world);
        }
    }
}

#[test]
fn a_command_without_answer_ends_the_start_within_two_seconds_and_the_next_one_works() {
    for profile in PROFILES {
        for step in 0..steps(profile) {
            let mut world = off(NodeConfig::new(profile));
            world
                .air
                .faults(0)
                .command(Which::Nth(step), CommandFault::Silent);
            let (result, took) = start(&mut world);
            assert_eq!(result, Err(Error::TimedOut), "{profile:?}, step {step}");
            assert!(took <= 2_000, "{took} ms");
            world.air.faults(0).clear();
            start(&mut world).0.unwrap();
            works(&mut world);
        }
    }
}

#[test]
fn a_silent_transport_ends_the_start_and_the_next_one_works() {
    for step in 0..steps(Profile::Full) {
        let mut world = off(NodeConfig::new(Profile::Full));
        world
            .air
            .faults(0)
            .packet(Direction::ToHost, step, Fault::Silence);
        let (result, took) = start(&mut world);
        assert_eq!(result, Err(Error::TimedOut));
        assert!(took <= 2_000, "{took} ms");
        world.air.faults(0).clear();
        start(&mut world).0.unwrap();
        works(&mut world);
    }
}

#[test]
fn answers_cut_short_are_an_error_and_not_believed() {
    for step in 0..steps(Profile::Full) {
        // The packet has the length that its header says, but nothing in it.
        let mut world = off(NodeConfig::new(Profile::Full));
        let opcode_and_status = vec![4, 0x0e, 0];
        world
            .air
            .faults(0)
            .packet(Direction::ToHost, step, Fault::Replace(opcode_and_status));
        let (result, took) = start(&mut world);
        assert!(result.is_err(), "step {step}");
        assert!(took <= 2_000, "{took} ms");
        world.air.faults(0).clear();
        start(&mut world).0.unwrap();
    }
}

#[test]
fn unknown_optional_commands_are_done_without() {
    for profile in PROFILES {
        let mut unknown = 0;
        for step in 0..steps(profile) {
            let mut world = off(NodeConfig::new(profile).with_public([0xc0, 0, 0, 0, 0, 9]));
            world
                .air
                .faults(0)
                .command(Which::Nth(step), CommandFault::Unknown);
            match start(&mut world).0 {
                Ok(()) => {
                    works(&mut world);
                    unknown += 1;
                }
                Err(error) => assert_eq!(error, Error::Controller(1)),
            }
        }
        // All but Reset, the event masks and the size of the buffers.
        assert_eq!(unknown, steps(profile) - 4);
    }
}

#[test]
fn packets_from_before_the_reset_are_dropped() {
    let mut world = off(NodeConfig::new(Profile::Full));
    let now = world.now();
    world.nodes[0]
        .host
        .start(now, HostOptions::default())
        .unwrap();
    let connected = [
        4, 0x3e, 19, 1, 0, 0x40, 0, 1, 0, 1, 2, 3, 4, 5, 6, 0x18, 0, 0, 0, 0x2a, 0, 0,
    ];
    world.air.inject(0, &connected);
    world.air.inject(0, &[4, 0x10, 1, 0]);
    world.air.inject(0, &[2, 0x40, 0x20, 5, 0, 1, 0, 4, 0, 0]);
    world.operation(0).unwrap();
    world.settle();
    assert!(world.nodes[0].events.is_empty());
    works(&mut world);
}

#[test]
fn a_hardware_error_during_the_start_ends_it() {
    let mut world = off(NodeConfig::new(Profile::Full));
    world
        .air
        .faults(0)
        .packet(Direction::ToHost, 3, Fault::Replace(vec![4, 0x10, 1, 7]));
    assert_eq!(start(&mut world).0, Err(Error::Controller(3)));
    start(&mut world).0.unwrap();
    works(&mut world);
}

#[test]
fn a_late_answer_to_an_earlier_start_does_no_harm() {
    let mut world = off(NodeConfig::new(Profile::Full));
    world
        .air
        .faults(0)
        .packet(Direction::ToHost, 0, Fault::Delay(1_950_000));
    assert_eq!(start(&mut world).0, Err(Error::TimedOut));
    start(&mut world).0.unwrap();
    world.run(500);
    works(&mut world);
}

#[test]
fn starting_twice_is_refused_and_stopping_twice_is_not() {
    let mut world = off(NodeConfig::new(Profile::Full));
    start(&mut world).0.unwrap();
    assert_eq!(start(&mut world).0, Err(Error::Already));
    works(&mut world);
    world.stop(0).unwrap();
}

#[test]
fn five_hundred_activations_leak_nothing() {
    let mut world = hosts(2, Profile::Full);
    for round in 0..500 {
        let (central, peripheral) = if round % 2 == 0 { (0, 1) } else { (1, 0) };
        if round % 5 == 0 {
            world.connect(central, peripheral);
        }
        if round % 7 == 0 {
            world
                .call(0, |host, now| host.start_scan(now, 0, 10_000, 10_000, true))
                .unwrap();
        }
        if round % 3 == 0 {
            // As a soft reset does, whatever goes on.
            world.run(round % 40);
        }
        for node in 0..2 {
            let before = world.now();
            world.stop(node).unwrap();
            assert!(ms(before, world.now()) <= 2_000);
            assert_eq!(world.nodes[node].host.in_use(), [0; 3]);
            assert_eq!(world.nodes[node].host.poll_timeout(), None);
        }
        clear(&mut world);
        for node in 0..2 {
            world.start(node).unwrap();
        }
    }
    world.connect(0, 1);
    end(&mut world);
}

#[test]
fn stopping_ends_links_on_air_before_the_reset() {
    for profile in PROFILES {
        let mut world = hosts(3, profile);
        world.connect(0, 1);
        world.connect(2, 0);
        clear(&mut world);
        let before = world.now();
        world.stop(0).unwrap();
        assert!(ms(before, world.now()) < 900);
        assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
        // The peers are told at once, not by their supervision timeout.
        for peer in [1, 2] {
            expect(&mut world, peer, 300, |e| {
                matches!(e, Event::Disconnected { .. })
            });
        }
        obeyed(&world);
    }
}

#[test]
fn stopping_ends_within_two_seconds_though_the_controller_is_dead() {
    let mut world = hosts(2, Profile::Full);
    world.connect(0, 1);
    world.air.faults(0).silent = true;
    let before = world.now();
    world.stop(0).unwrap();
    let took = ms(before, world.now());
    assert!(took <= 2_000, "{took} ms");
    assert_eq!(world.nodes[0].host.state(), State::Off);
    assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
    world.air.faults(0).silent = false;
    world.start(0).unwrap();
    world.run(30_000);
    world.connect(0, 1);
    end(&mut world);
}

#[test]
fn a_peer_that_does_not_answer_does_not_hold_up_stopping() {
    let mut world = hosts(2, Profile::Full);
    world.connect(0, 1);
    let id = world.nodes[1].id;
    world.air.power_off(id);
    let resets = |world: &mut World| world.air.faults(0).commands_seen();
    let before = (world.now(), resets(&mut world));
    world.stop(0).unwrap();
    assert!(ms(before.0, world.now()) <= 2_000);
    // Disconnect, then Reset.
    assert_eq!(resets(&mut world) - before.1, 2);
    assert_eq!(world.air.link_count(0), 0);
}

#[test]
fn a_stop_while_starting_wins() {
    for steps in 0..20 {
        let mut world = off(NodeConfig::new(Profile::Full));
        let now = world.now();
        world
            .air
            .faults(0)
            .packet(Direction::ToHost, steps, Fault::Delay(100_000));
        world.nodes[0]
            .host
            .start(now, HostOptions::default())
            .unwrap();
        world.run(10);
        world.stop(0).unwrap();
        assert_eq!(world.nodes[0].host.state(), State::Off);
        world.air.faults(0).clear();
        world.run(200);
        start(&mut world).0.unwrap();
        works(&mut world);
    }
}

#[test]
fn a_controller_without_credit_for_commands_times_out_and_recovers() {
    let mut world = hosts(1, Profile::Full);
    // Command Complete for nothing, no further command allowed.
    world.air.inject(0, &[4, 0x0e, 3, 0, 0, 0]);
    world.settle();
    let before = world.now();
    let result = world.call(0, |host, now| {
        host.advertise(now, true, 100_000, None, None)
    });
    // After a while the host tries all the same.
    assert!(result.is_ok() || result == Err(Error::TimedOut));
    assert!(ms(before, world.now()) <= 2_000);
    world.run(2_000);
    world
        .call(0, |host, now| {
            host.advertise(now, true, 100_000, None, None)
        })
        .unwrap();
    works(&mut world);
}

#[test]
fn the_reset_is_the_first_command() {
    let mut world = off(NodeConfig::new(Profile::Full));
    let now = world.now();
    let host = &mut world.nodes[0].host;
    host.start(now, HostOptions::default()).unwrap();
    let transmit = host.poll_transmit(now).unwrap();
    assert_eq!(
        [transmit.header(), transmit.head].concat(),
        [1, RESET as u8, (RESET >> 8) as u8, 0]
    );
}
