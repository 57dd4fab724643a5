//! Commands of the script's own, and commands that meet something.

mod hosts;

use ble_core::host::{Options as HostOptions, State};
use ble_core::{Error, Event, Result};
use ble_sim::fault::{CommandFault, Which};
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Options, Profile};
use hosts::*;

const READ_LOCAL_VERSION: u16 = 0x1001;
const LE_RAND: u16 = 0x2018;

fn hci_command(world: &mut World, opcode: u16, params: &[u8]) -> (Result<()>, u8, Vec<u8>) {
    let result = world.call(0, |host, now| {
        host.hci_command(now, opcode, params, vec![0; 64].leak())
    });
    let (status, reply) = world.nodes[0].host.take_reply();
    (result, status, reply.map_or(vec![], |reply| reply.to_vec()))
}

#[test]
fn a_command_of_the_script_gives_status_and_return_parameters() {
    for profile in PROFILES {
        let mut world = hosts(1, profile);
        let (result, status, reply) = hci_command(&mut world, READ_LOCAL_VERSION, &[]);
        assert_eq!((result, status), (Ok(()), 0));
        assert_eq!(
            reply[0],
            if profile == Profile::Full {
                13
            } else {
                reply[0]
            }
        );
        let (result, status, _) = hci_command(&mut world, 0xfc99, &[1, 2, 3]);
        assert_eq!((result, status), (Ok(()), 1));
        let (_, status, reply) = hci_command(&mut world, LE_RAND, &[]);
        assert_eq!(status, 0);
        assert_ne!(reply[..8], [0; 8]);
        let (result, ..) = hci_command(&mut world, LE_RAND, &[0; 256]);
        assert_eq!(result, Err(Error::Invalid));
        world.air.take_violations(0);
        end(&mut world);
    }
}

#[test]
fn a_command_of_the_script_waits_for_one_of_ours() {
    for wait in 0..20 {
        let options = Options {
            latency: 3_000,
            ..Default::default()
        };
        let mut world = World::new(1, options);
        world.add(NodeConfig::new(Profile::Full));
        // Right after the start our address is set, without the script.
        world
            .call(0, |host, now| host.start(now, HostOptions::default()))
            .unwrap();
        world.settle();
        world.run(wait);
        let (result, status, reply) = hci_command(&mut world, LE_RAND, &[]);
        assert_eq!((result, status), (Ok(()), 0));
        assert_ne!(reply[..8], [0; 8]);
        assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
        end(&mut world);
    }
}

#[test]
fn a_command_of_the_script_without_answer_times_out() {
    let mut world = hosts(1, Profile::Full);
    world
        .air
        .faults(0)
        .command(Which::Opcode(LE_RAND), CommandFault::Silent);
    let before = world.now();
    let (result, ..) = hci_command(&mut world, LE_RAND, &[]);
    assert_eq!(result, Err(Error::TimedOut));
    assert!(ms(before, world.now()) <= 2_000);
    world.air.faults(0).clear();
    world.stop(0).unwrap();
    world.start(0).unwrap();
    assert_eq!(hci_command(&mut world, LE_RAND, &[]).0, Ok(()));
    assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
}

#[test]
fn a_central_that_comes_while_the_host_is_switched_off_leaves_nothing() {
    for offset in 0..60 {
        let options = Options {
            latency: 2_000,
            ..Default::default()
        };
        let configs = (0..3).map(|_| NodeConfig::new(Profile::Full));
        let mut world = world_with(offset, options, configs);
        world.connect(2, 0);
        world
            .call(0, |host, now| host.advertise(now, true, 20_000, None, None))
            .unwrap();
        let peer = world.nodes[0].host.address();
        world
            .call(1, |host, now| host.connect(now, peer, 60, 0, 0))
            .unwrap();
        world.run(offset);
        let before = world.now();
        world.stop(0).unwrap();
        assert!(ms(before, world.now()) <= 2_000);
        assert_eq!(world.nodes[0].host.state(), State::Off);
        assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
        clear(&mut world);
        world.start(0).unwrap();
        world.run(10_000);
        assert!(world.nodes[0].events.is_empty());
        assert_eq!(world.nodes[1].host.in_use(), [0; 3]);
        world.connect(1, 0);
        end(&mut world);
    }
}

#[test]
fn commands_one_after_another_without_waiting_are_refused_and_not_lost() {
    let mut world = hosts(2, Profile::Full);
    let now = world.now();
    let host = &mut world.nodes[0].host;
    host.start_scan(now, 0, 20_000, 20_000, false).unwrap();
    assert_eq!(
        host.advertise(now, true, 20_000, None, None),
        Err(Error::Busy)
    );
    assert_eq!(host.stop_scan(now), Err(Error::Busy));
    assert_eq!(
        host.hci_command(now, LE_RAND, &[], &mut []),
        Err(Error::Busy)
    );
    assert_eq!(
        host.connect(now, ble_core::Address::public([1; 6]), 0, 0, 0),
        Err(Error::Busy)
    );
    world.operation(0).unwrap();
    world
        .call(1, |host, now| host.advertise(now, true, 20_000, None, None))
        .unwrap();
    expect(&mut world, 0, 500, |e| {
        matches!(e, Event::ScanResult { .. })
    });
    // What was refused has left nothing behind.
    world.call(0, |host, now| host.stop_scan(now)).unwrap();
    world.connect(0, 1);
    end(&mut world);
}

#[test]
fn too_many_updates_at_a_time_are_an_error_and_each_other_is_told() {
    let mut world = hosts(2, Profile::Full);
    let (conn, _) = world.connect(0, 1);
    world.run(1_000);
    // Nothing is sent in between.
    let now = world.now();
    let host = &mut world.nodes[0].host;
    let mut accepted = 0;
    while host
        .update_connection(now, conn, 24 + accepted, 24 + accepted, 0, 400)
        .is_ok()
    {
        accepted += 1;
    }
    assert_eq!(accepted as usize, ble_core::config::MAX_LINKS);
    assert_eq!(
        host.update_connection(now, conn, 24, 24, 0, 400),
        Err(Error::NoMemory)
    );
    world.run(5_000);
    // The first one was done, the others met it under way; each was told.
    let told = count(&world, 0, |e| matches!(e, Event::ConnectionUpdate { .. }));
    assert_eq!(told, accepted as usize);
    end(&mut world);
}

#[test]
fn a_command_of_the_script_gets_its_own_answer_behind_the_same_of_a_link() {
    const LE_CONNECTION_UPDATE: u16 = 0x2013;
    let mut world = hosts(2, Profile::Full);
    let (conn, _) = world.connect(0, 1);
    world.run(500);
    clear(&mut world);
    let now = world.now();
    let host = &mut world.nodes[0].host;
    host.update_connection(now, conn, 60, 60, 0, 400).unwrap();
    // The controller knows no such link.
    let mut params = [0; 14];
    params[..2].copy_from_slice(&[0xee, 0x0e]);
    let (result, status, _) = hci_command(&mut world, LE_CONNECTION_UPDATE, &params);
    assert_eq!((result, status), (Ok(()), 0x02));
    expect(&mut world, 0, 1_000, |event| {
        matches!(event, Event::ConnectionUpdate { status: 0, .. })
    });
    end(&mut world);
}
