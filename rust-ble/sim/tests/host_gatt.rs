//! Hosts talk to each other through virtual controllers.

use ble_core::gatt::db::flag;
use ble_core::{Event, Uuid};
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Options, Profile};

const SERVICE: Uuid = Uuid::short(0x181a);
const TEMPERATURE: Uuid = Uuid::short(0x2a6e);

fn pair_of(profile: Profile) -> World {
    let mut world = World::new(1, Options::default());
    for i in 0..2 {
        world.add(NodeConfig::new(profile).with_public([0xc0, 0, 0, 0, 0, i + 1]));
        world.start(i as usize).unwrap();
    }
    world
}

#[test]
fn a_central_discovers_reads_and_gets_notifications() {
    for profile in [
        Profile::Full,
        Profile::Bt42,
        Profile::Wb55,
        Profile::Minimal,
    ] {
        let mut world = pair_of(profile);
        let handle = world.services(1, |db| {
            db.add_service(&SERVICE)?;
            db.add_characteristic(&TEMPERATURE, flag::READ | flag::NOTIFY | flag::WRITE)
        });
        let now = world.now();
        world.nodes[1]
            .host
            .gatts_write(now, handle, b"21.5", false)
            .unwrap();
        let (central, peripheral) = world.connect(0, 1);

        let now = world.now();
        world.nodes[0]
            .host
            .discover_services(now, central, Some(SERVICE))
            .unwrap();
        let (start, end) = world.wait(0, 2_000, |e| match *e {
            Event::GattcService { start, end, .. } => Some((start, end)),
            _ => None,
        });
        world.wait(0, 2_000, |e| {
            matches!(e, Event::GattcServiceDone { status: 0, .. }).then_some(())
        });

        let host = &mut world.nodes[0].host;
        host.discover_characteristics(now, central, start, end, None)
            .unwrap();
        let value = world.wait(0, 2_000, |e| match *e {
            Event::GattcCharacteristic {
                value_handle, uuid, ..
            } if uuid == TEMPERATURE => Some(value_handle),
            _ => None,
        });
        assert_eq!(value, handle);
        let done =
            |e: &Event| matches!(e, Event::GattcCharacteristicDone { status: 0, .. }).then_some(());
        world.wait(0, 2_000, done);

        let now = world.now();
        world.nodes[0].host.gattc_read(now, central, value).unwrap();
        let data = world.wait(0, 2_000, |e| match *e {
            Event::GattcReadResult { data, .. } => Some(data),
            _ => None,
        });
        assert_eq!(data, b"21.5");

        let now = world.now();
        world.nodes[0]
            .host
            .gattc_write(now, central, value + 1, &[1, 0], 1)
            .unwrap();
        world.wait(0, 2_000, |e| {
            matches!(e, Event::GattcWriteDone { status: 0, .. }).then_some(())
        });
        let now = world.now();
        world.nodes[1]
            .host
            .gatts_write(now, handle, b"22.0", true)
            .unwrap();
        let data = world.wait(0, 2_000, |e| match *e {
            Event::GattcNotify { data, .. } => Some(data),
            _ => None,
        });
        assert_eq!(data, b"22.0");

        world
            .call(1, |host, now| host.disconnect(now, peripheral))
            .unwrap();
        world.wait(0, 2_000, |e| {
            matches!(e, Event::Disconnected { .. }).then_some(())
        });
        world.wait(1, 2_000, |e| {
            matches!(e, Event::Disconnected { .. }).then_some(())
        });
        for node in &world.nodes {
            assert_eq!(node.host.in_use(), [0; 3]);
        }
        world.stop(0).unwrap();
        world.stop(1).unwrap();
    }
}

#[test]
fn requests_are_answered_while_notifications_never_stop() {
    let mut world = pair_of(Profile::Full);
    let handle = world.services(1, |db| {
        db.add_service(&SERVICE)?;
        db.add_characteristic(&TEMPERATURE, flag::READ | flag::NOTIFY)
    });
    let (central, peripheral) = world.connect(0, 1);
    for round in 0..20u8 {
        let now = world.now();
        world.nodes[0]
            .host
            .gattc_read(now, central, handle)
            .unwrap();
        for _ in 0..1_000 {
            let now = world.now();
            while world.nodes[1]
                .host
                .notify(now, peripheral, handle, Some(&[round; 20]))
                .is_ok()
            {}
            world.run(8);
            let events = &mut world.nodes[0].events;
            let done = events
                .iter()
                .any(|e| matches!(e, Event::GattcReadDone { status: 0, .. }));
            events.clear();
            if done {
                break;
            }
        }
        let now = world.now();
        assert!(now.0 < 15_000, "round {round}: no answer");
    }
}
