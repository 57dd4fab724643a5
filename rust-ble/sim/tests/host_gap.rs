//! Advertising and scanning, host to host.

use ble_core::Event;
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Options, Profile};

#[test]
fn a_scan_with_a_duration_ends_with_its_done_after_the_reports() {
    let mut world = World::new(1, Options::default());
    for i in 0..2 {
        world.add(NodeConfig::new(Profile::Full).with_public([0xc0, 0, 0, 0, 0, i + 1]));
        world.start(i as usize).unwrap();
    }
    let now = world.now();
    world.nodes[1]
        .host
        .advertise(now, true, 20_000, Some(b"\x02\x01\x06"), None)
        .unwrap();
    world.nodes[0]
        .host
        .start_scan(now, 1_000, 30_000, 30_000, false)
        .unwrap();
    world.run(1_500);
    let events = &world.nodes[0].events;
    assert_eq!(events.back(), Some(&Event::ScanDone));
    assert!(
        events
            .iter()
            .filter(|e| matches!(e, Event::ScanResult { .. }))
            .count()
            > 30
    );
}
