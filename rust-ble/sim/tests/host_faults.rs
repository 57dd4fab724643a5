//! Transports that break, controllers that fail or lie, air that loses packets.

mod hosts;

use ble_core::gatt::db::flag;
use ble_core::host::State;
use ble_core::{Error, Event, Uuid};
use ble_sim::fault::Lie;
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Options, Profile};
use hosts::*;

fn is_disconnected(event: &Event) -> bool {
    matches!(event, Event::Disconnected { .. })
}

/// The handle of a value on each node.
fn serve(world: &mut World) -> u16 {
    let mut handle = 0;
    for node in 0..world.nodes.len() {
        handle = world.services(node, |db| {
            db.add_service(&Uuid::short(0x1815))?;
            let all =
                flag::READ | flag::NOTIFY | flag::INDICATE | flag::WRITE | flag::WRITE_NO_RESPONSE;
            let value = db.add_characteristic(&Uuid::short(0x2a56), all)?;
            db.set_buffer(value, 512, false)?;
            Ok(value)
        });
    }
    handle
}

/// Node 0 with three links, procedures, indications, a scan and an attempt.
fn busy() -> (World, [u16; 3]) {
    let mut world = hosts(4, Profile::Full);
    let value = serve(&mut world);
    let conns = [
        world.connect(0, 1).0,
        world.connect(2, 0).1,
        world.connect(0, 3).0,
    ];
    world.run(300);
    clear(&mut world);
    world
        .call(0, |host, now| host.start_scan(now, 0, 20_000, 20_000, true))
        .unwrap();
    world
        .call(0, |host, now| {
            host.advertise(now, false, 20_000, None, None)
        })
        .unwrap();
    let nobody = ble_core::Address::public([7; 6]);
    world
        .call(0, |host, now| host.connect(now, nobody, 60_000, 0, 0))
        .unwrap();
    let now = world.now();
    let host = &mut world.nodes[0].host;
    for conn in conns {
        host.discover_services(now, conn, None).unwrap();
        host.gattc_read(now, conn, value).unwrap();
        host.gattc_write(now, conn, value, &[1; 400], 2).unwrap();
        host.indicate(now, conn, value, None).unwrap();
        host.indicate(now, conn, value, None).unwrap();
        for _ in 0..5 {
            host.notify(now, conn, value, None).unwrap();
        }
    }
    (world, conns)
}

/// All that `busy` began has ended, and the host is off.
fn all_ended(world: &mut World, conns: [u16; 3]) {
    let events: Vec<Event> = world.nodes[0].events.drain(..).collect();
    for conn in conns {
        let of =
            |wanted: fn(&Event, u16) -> bool| events.iter().filter(|e| wanted(e, conn)).count();
        assert_eq!(
            of(
                |e, conn| matches!(e, Event::GattcServiceDone { conn: c, status } if *c == conn && *status != 0)
            ),
            1
        );
        assert_eq!(
            of(
                |e, conn| matches!(e, Event::GattcReadDone { conn: c, status, .. } if *c == conn && *status != 0)
            ),
            1
        );
        assert_eq!(
            of(
                |e, conn| matches!(e, Event::GattcWriteDone { conn: c, status, .. } if *c == conn && *status != 0)
            ),
            1
        );
        assert_eq!(
            of(
                |e, conn| matches!(e, Event::GattsIndicateDone { conn: c, status, .. } if *c == conn && *status != 0)
            ),
            2
        );
        assert_eq!(
            of(|e, conn| matches!(e, Event::Disconnected { conn: c, .. } if *c == conn)),
            1
        );
        // The link's own end comes last.
        let last = events.iter().rposition(|e| match e {
            Event::GattcServiceDone { conn: c, .. }
            | Event::GattcReadDone { conn: c, .. }
            | Event::GattcWriteDone { conn: c, .. }
            | Event::GattsIndicateDone { conn: c, .. }
            | Event::Disconnected { conn: c, .. } => *c == conn,
            _ => false,
        });
        assert!(is_disconnected(&events[last.unwrap()]));
    }
    let all = |wanted: fn(&Event) -> bool| events.iter().filter(|e| wanted(e)).count();
    assert_eq!(all(|e| matches!(e, Event::ScanDone)), 1);
    assert_eq!(all(|e| matches!(e, Event::ConnectFailed { .. })), 1);
    assert_eq!(world.nodes[0].host.state(), State::Off);
    assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
    assert_eq!(world.nodes[0].host.poll_timeout(), None);
}

#[test]
fn a_transport_that_is_lost_ends_everything_with_its_events() {
    let (mut world, conns) = busy();
    let now = world.now();
    world.nodes[0].host.transport_lost(now);
    assert!(!world.nodes[0].host.is_active());
    let refused = world.call(0, |host, now| host.stop_scan(now));
    assert_eq!(refused, Err(Error::Inactive));
    world.settle();
    all_ended(&mut world, conns);
    // Its controller, powered again, works.
    world.air.power_off(0);
    world.air.power_on(0);
    world.start(0).unwrap();
    world.run(10_000);
    world.connect(0, 1);
    end(&mut world);
}

#[test]
fn a_hardware_error_ends_everything_with_its_events() {
    let (mut world, conns) = busy();
    world.air.hardware_error(0, 0x42);
    world.settle();
    all_ended(&mut world, conns);
    world.start(0).unwrap();
    world.run(10_000);
    world.connect(0, 1);
    end(&mut world);
}

#[test]
fn a_failed_host_without_links_is_off_as_well() {
    let mut world = hosts(1, Profile::Full);
    world.air.hardware_error(0, 1);
    world.settle();
    assert_eq!(world.nodes[0].host.state(), State::Off);
    world.start(0).unwrap();
    end(&mut world);
}

#[test]
fn a_failure_during_an_operation_is_its_result() {
    let mut world = hosts(2, Profile::Full);
    world.connect(0, 1);
    clear(&mut world);
    let now = world.now();
    world.nodes[0]
        .host
        .start_scan(now, 0, 20_000, 20_000, false)
        .unwrap();
    world.nodes[0].host.transport_lost(now);
    assert_eq!(world.operation(0), Err(Error::Controller(3)));
    world.settle();
    assert_eq!(count(&world, 0, is_disconnected), 1);
    // It never began.
    assert_eq!(count(&world, 0, |e| matches!(e, Event::ScanDone)), 0);
    assert_eq!(world.nodes[0].host.state(), State::Off);
    // Failing when off is nothing.
    world.nodes[0].host.transport_lost(now);
    assert_eq!(world.nodes[0].host.state(), State::Off);
}

#[test]
fn starting_and_stopping_a_failed_host_before_its_events_were_taken_works() {
    for stop in [true, false] {
        let (mut world, _) = busy();
        let now = world.now();
        world.nodes[0].host.transport_lost(now);
        world.nodes[0].events.clear();
        if stop {
            world.stop(0).unwrap();
        } else {
            world.start(0).unwrap();
        }
        assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
        world.settle();
        assert!(world.nodes[0].events.is_empty());
        if stop {
            world.start(0).unwrap();
        }
        world.run(20_000);
        world.connect(0, 1);
        end(&mut world);
    }
}

#[test]
fn a_controller_that_falls_silent_gives_timeouts_and_no_hang() {
    let (mut world, _) = busy();
    world.air.faults(0).silent = true;
    for _ in 0..3 {
        let before = world.now();
        let result = world.call(0, |host, now| host.advertise(now, true, 20_000, None, None));
        assert_eq!(result, Err(Error::TimedOut));
        assert!(ms(before, world.now()) <= 2_000);
    }
    world.run(60_000);
    let before = world.now();
    world.stop(0).unwrap();
    assert!(ms(before, world.now()) <= 2_000);
    assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
}

#[test]
fn a_lossy_air_loses_nothing_of_what_was_accepted() {
    for loss in [0.05, 0.2, 0.4] {
        let options = Options {
            loss: 0.0,
            latency: 300,
        };
        let configs = [Profile::Full, Profile::Bt42].map(NodeConfig::new);
        let mut world = world_with(7, options, configs);
        let value = serve(&mut world);
        let (central, peripheral) = world.connect(0, 1);
        world.air.set_loss(loss);
        let mut told = Vec::new();
        let mut next = 0u32;
        for _ in 0..100 {
            let now = world.now();
            while world.nodes[1]
                .host
                .notify(now, peripheral, value, Some(&next.to_le_bytes()))
                .is_ok()
            {
                next += 1;
            }
            world.run(50);
            for event in world.nodes[0].events.drain(..) {
                if let Event::GattcNotify { data, .. } = event {
                    told.push(u32::from_le_bytes(data.try_into().unwrap()));
                }
            }
            if !world.nodes[0].host.is_connected(central) {
                break;
            }
        }
        assert!(next > 100, "{next} at {loss}");
        world.run(10_000);
        for event in world.nodes[0].events.drain(..) {
            if let Event::GattcNotify { data, .. } = event {
                told.push(u32::from_le_bytes(data.try_into().unwrap()));
            }
        }
        let wanted: Vec<u32> = (0..told.len() as u32).collect();
        assert_eq!(told, wanted);
        if world.nodes[0].host.is_connected(central) {
            assert_eq!(told.len() as u32, next);
        }
        end(&mut world);
    }
}

#[test]
fn completed_packets_that_lie_are_survived() {
    for lie in [
        Lie::Add(1),
        Lie::Add(-1),
        Lie::Add(1_000),
        Lie::Never,
        Lie::Handle(0x41),
        Lie::Handle(0xeff),
    ] {
        let mut world = hosts(3, Profile::Full);
        let value = serve(&mut world);
        let (_, first) = world.connect(1, 0);
        let (_, second) = world.connect(2, 0);
        clear(&mut world);
        world.air.faults(0).completed = Some(lie);
        for _ in 0..20 {
            let now = world.now();
            for conn in [first, second] {
                while world.nodes[0]
                    .host
                    .notify(now, conn, value, Some(&[3; 20]))
                    .is_ok()
                {}
            }
            world.run(100);
        }
        assert!(count(&world, 1, |e| matches!(e, Event::GattcNotify { .. })) > 0);
        // The truth again, on a new link.
        world.air.faults(0).completed = None;
        for conn in [first, second] {
            let _ = world.call(0, |host, now| host.disconnect(now, conn));
        }
        world.run(5_000);
        assert_eq!(world.nodes[0].host.in_use(), [0; 3], "{lie:?}");
        world.air.take_violations(0);
        clear(&mut world);
        let (_, conn) = world.connect(1, 0);
        for _ in 0..20 {
            let now = world.now();
            while world.nodes[0]
                .host
                .notify(now, conn, value, Some(&[4; 20]))
                .is_ok()
            {}
            world.run(100);
        }
        assert!(count(&world, 1, |e| matches!(e, Event::GattcNotify { .. })) > 100);
        end(&mut world);
    }
}

#[test]
fn completed_packets_that_are_no_event_at_all_are_survived() {
    let mut world = hosts(2, Profile::Full);
    let value = serve(&mut world);
    let (_, conn) = world.connect(1, 0);
    for event in [
        &[4, 0x13, 0][..],
        &[4, 0x13, 1, 1],
        &[4, 0x13, 1, 255],
        &[4, 0x13, 5, 255, 0x40, 0, 1, 0],
        &[4, 0x13, 5, 1, 0x40, 0xf0, 0xff, 0xff],
        &[4, 0x13, 3, 1, 0x40, 0],
    ] {
        world.air.inject(0, event);
        world.settle();
    }
    let now = world.now();
    world.nodes[0]
        .host
        .notify(now, conn, value, Some(b"x"))
        .unwrap();
    expect(&mut world, 1, 1_000, |e| {
        matches!(e, Event::GattcNotify { .. })
    });
    end(&mut world);
}

/// A host, and 500 nodes that advertise 2,000 times a second in all.
fn flood() -> World {
    let mut world = hosts(1, Profile::Full);
    let advertisers = 500;
    for i in 0..advertisers {
        let mut config = NodeConfig::new(Profile::Minimal);
        config.public_address = Some([i as u8, (i >> 8) as u8, 2, 3, 4, 5]);
        let id = world.air.add_node(config);
        world.air.send(id, &[1, 0x03, 0x0c, 0]);
        world.air.receive(id);
        let interval = 400u16.to_le_bytes(); // 250 ms
        let mut params = vec![
            1,
            0x06,
            0x20,
            15,
            interval[0],
            interval[1],
            interval[0],
            interval[1],
        ];
        params.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0]);
        world.air.send(id, &params);
        world.air.receive(id);
        let mut data = vec![1, 0x08, 0x20, 32, 31];
        data.extend([i as u8; 31]);
        world.air.send(id, &data);
        world.air.receive(id);
        world.air.send(id, &[1, 0x0a, 0x20, 1, 1]);
        world.air.receive(id);
    }
    world
}

#[test]
fn a_flood_of_advertising_reaches_a_script_that_keeps_up_whole() {
    let mut world = flood();
    world
        .call(0, |host, now| {
            host.start_scan(now, 10_000, 20_000, 20_000, false)
        })
        .unwrap();
    let (mut told, mut done) = (0, 0);
    let mut heard = [0; 500];
    for _ in 0..10_100 {
        world.run(1);
        for event in world.nodes[0].events.drain(..) {
            match event {
                Event::ScanResult { peer, .. } => {
                    assert_eq!(done, 0, "a report after the end");
                    told += 1;
                    heard[usize::from(peer.bytes[1]) << 8 | usize::from(peer.bytes[0])] += 1;
                }
                Event::ScanDone => done += 1,
                event => panic!("{event:?}"),
            }
        }
    }
    let stats = world.air.stats(0);
    assert!(stats.reports > 15_000, "{stats:?}");
    assert_eq!((told, stats.reports_dropped), (stats.reports, 0));
    assert_eq!(world.nodes[0].host.dropped_reports(), 0);
    assert_eq!(done, 1);
    assert!(heard.iter().all(|&n| n > 10), "{heard:?}");
    end(&mut world);
}

#[test]
fn a_host_is_switched_off_cleanly_amid_a_flood_of_advertising() {
    for slow in [false, true] {
        let mut world = flood();
        for _ in 0..3 {
            world
                .call(0, |host, now| host.start_scan(now, 0, 20_000, 20_000, true))
                .unwrap();
            if slow {
                // Its script takes no event at all: everything is full.
                let until = world.air.now() + 2_000_000;
                exchange(&mut world, until);
            } else {
                world.run(500);
            }
            world.stop(0).unwrap();
            assert_eq!(world.nodes[0].host.in_use(), [0; 3]);
            obeyed(&world);
            world.nodes[0].events.clear();
            world.start(0).unwrap();
            world.run(100);
            assert_eq!(world.nodes[0].events, []);
        }
    }
}

#[test]
fn a_flood_of_advertising_is_held_back_for_a_slow_script_and_none_is_lost_in_the_host() {
    let mut world = flood();
    world
        .call(0, |host, now| {
            host.start_scan(now, 20_000, 20_000, 20_000, true)
        })
        .unwrap();
    let mut told = 0u64;
    let mut done = 0;
    let mut rest = 0;
    // A script that takes 1 ms for each report: half of what comes.
    while rest < 20 {
        let now = world.now();
        let event = world.nodes[0].host.poll_event(now);
        match event {
            Some(Event::ScanResult { .. }) => {
                assert_eq!(done, 0, "a report after the end");
                told += 1;
            }
            Some(Event::ScanDone) => done += 1,
            Some(event) => panic!("{event:?}"),
            None => {}
        }
        let until = world.air.now() + 1_000;
        exchange(&mut world, until);
        if done > 0 {
            rest += 1;
        }
    }
    assert_eq!(done, 1);
    let stats = world.air.stats(0);
    assert!(stats.reports + stats.reports_dropped > 30_000, "{stats:?}");
    assert!(stats.reports_dropped > 1_000, "it was no flood: {stats:?}");
    // All that the controller passed on was told: the host held it back.
    let held = world.nodes[0].host.dropped_reports() as u64;
    assert_eq!(told + held, stats.reports);
    // Only while the command that ended the scan was under way.
    assert!(held < 500, "{held}");
    world.operation(0).unwrap();
    obeyed(&world);
}

#[test]
fn a_flood_does_not_keep_a_command_from_its_answer() {
    let mut world = hosts(1, Profile::Full);
    world
        .call(0, |host, now| {
            host.start_scan(now, 0, 20_000, 20_000, false)
        })
        .unwrap();
    let mut report = vec![4, 0x3e, 43, 2, 1, 0, 0, 1, 2, 3, 4, 5, 6, 31];
    report.extend([9; 31]);
    report.push(0xc0);
    // The script does not look at any of it.
    for _ in 0..2_000 {
        world.air.inject(0, &report);
    }
    let now = world.now();
    world.nodes[0]
        .host
        .advertise(now, true, 20_000, None, None)
        .unwrap();
    world.operation(0).unwrap();
    let dropped = world.nodes[0].host.dropped_reports();
    assert!(dropped > 1_000);
    world.settle();
    let told = count(&world, 0, |e| matches!(e, Event::ScanResult { .. }));
    assert_eq!(told as u32 + dropped, 2_000);
    end(&mut world);
}
