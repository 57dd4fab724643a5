//! What the tests of whole hosts share.
#![allow(dead_code)]

use ble_core::host::State;
use ble_core::{Event, Instant};
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Options, Profile};

pub const PROFILES: [Profile; 4] = [
    Profile::Full,
    Profile::Bt42,
    Profile::Wb55,
    Profile::Minimal,
];

/// Hosts that are on, one for each configuration.
pub fn world_of(configs: impl IntoIterator<Item = NodeConfig>) -> World {
    world_with(1, Options::default(), configs)
}

/// The same on an air of a kind.
pub fn world_with(
    seed: u64,
    options: Options,
    configs: impl IntoIterator<Item = NodeConfig>,
) -> World {
    let mut world = World::new(seed, options);
    for (i, config) in configs.into_iter().enumerate() {
        world.add(config.with_public([0xc0, 0, 0, 0, 0, i as u8 + 1]));
        world.start(i).unwrap();
    }
    world
}

/// So many hosts on controllers of one kind.
pub fn hosts(n: usize, profile: Profile) -> World {
    world_of((0..n).map(|_| NodeConfig::new(profile)))
}

/// Takes a node's next event of a kind, at most so many milliseconds later.
pub fn expect(
    world: &mut World,
    node: usize,
    ms: u64,
    wanted: fn(&Event) -> bool,
) -> Event<'static> {
    let mut found = None;
    world.wait(node, ms, |event| {
        wanted(event).then(|| {
            found = Some(*event);
        })
    });
    found.unwrap()
}

/// Events of a kind that a node has and nobody took.
pub fn count(world: &World, node: usize, wanted: fn(&Event) -> bool) -> usize {
    world.nodes[node]
        .events
        .iter()
        .filter(|event| wanted(event))
        .count()
}

/// Forgets all events of now.
pub fn clear(world: &mut World) {
    world.settle();
    for node in &mut world.nodes {
        node.events.clear();
    }
}

/// Ends all links, and checks that nothing is left of them and that no host
/// broke a rule of its controller.
pub fn end(world: &mut World) {
    world.run(100);
    for node in 0..world.nodes.len() {
        for conn in 0x40..0x60 {
            if world.nodes[node].host.is_connected(conn) {
                world
                    .call(node, |host, now| host.disconnect(now, conn))
                    .unwrap();
            }
        }
    }
    world.run(6_000);
    for (i, node) in world.nodes.iter().enumerate() {
        assert_eq!(node.host.in_use(), [0; 3], "of node {i}");
    }
    obeyed(world);
    for node in 0..world.nodes.len() {
        world.stop(node).unwrap();
        assert_eq!(world.nodes[node].host.state(), State::Off);
        assert_eq!(world.air.link_count(world.nodes[node].id), 0);
    }
    obeyed(world);
}

/// No host broke a rule of its controller.
pub fn obeyed(world: &World) {
    for (i, node) in world.nodes.iter().enumerate() {
        assert_eq!(world.air.violations(node.id), [], "of node {i}");
    }
}

/// Milliseconds from one moment to another.
pub fn ms(from: Instant, to: Instant) -> u32 {
    to.0.wrapping_sub(from.0)
}

/// Takes what the controller has and sends what the host has, but tells the
/// script nothing.
pub fn exchange(world: &mut World, until: u64) {
    while world.air.now() < until {
        let next = world.air.next_time().unwrap_or(until).min(until);
        world.air.advance_to(next);
        world.operation(0).unwrap();
    }
}
