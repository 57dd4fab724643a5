//! Pairing, bonds and privacy between hosts on virtual controllers.

use ble_core::gap::AddressMode;
use ble_core::gatt::db::flag;
use ble_core::host::Options as HostOptions;
use ble_core::smp::{IoCapability, SecurityConfig};
use ble_core::{Error, Event, PasskeyAction, Uuid};
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Options, Profile};

const BOND: SecurityConfig = SecurityConfig {
    io: IoCapability::NoInputNoOutput,
    mitm: false,
    mitm_required: false,
    bond: true,
    secure: true,
    secure_only: false,
    min_key_size: 16,
};

fn world(profile: Profile) -> World {
    let mut world = World::new(3, Options::default());
    for i in 0..2 {
        world.add(NodeConfig::new(profile).with_public([0xc0, 0, 0, 0, 0, i + 1]));
        world.nodes[i as usize].host.set_security_config(BOND);
        world.start(i as usize).unwrap();
    }
    world
}

fn encryption(event: &Event) -> Option<(bool, bool, bool, u8)> {
    match *event {
        Event::EncryptionUpdate {
            encrypted,
            authenticated,
            bonded,
            key_size,
            ..
        } => Some((encrypted, authenticated, bonded, key_size)),
        _ => None,
    }
}

fn notified(event: &Event) -> Option<()> {
    matches!(event, Event::GattcNotify { .. }).then_some(())
}

fn disconnected(event: &Event) -> Option<()> {
    matches!(event, Event::Disconnected { .. }).then_some(())
}

fn pair(world: &mut World, node: usize, conn: u16) {
    let now = world.now();
    world.nodes[node].host.pair(now, conn).unwrap();
}

fn end(world: &mut World, conn: u16) {
    world
        .call(0, |host, now| host.disconnect(now, conn))
        .unwrap();
    world.wait(0, 5_000, disconnected);
    world.wait(1, 5_000, disconnected);
}

#[test]
fn a_bond_is_made_kept_and_used_again_by_either_side() {
    for profile in [
        Profile::Full,
        Profile::Bt42,
        Profile::Wb55,
        Profile::Minimal,
    ] {
        let mut world = world(profile);
        let (ours, _) = world.connect(0, 1);
        pair(&mut world, 0, ours);
        for node in [0, 1] {
            assert_eq!(world.wait(node, 5_000, encryption), (true, false, true, 16));
        }
        end(&mut world, ours);
        assert!(world.nodes.iter().all(|node| node.secrets.len() >= 2));

        // After a restart of both, with what the scripts kept.
        for node in [0, 1] {
            world.stop(node).unwrap();
            world.start(node).unwrap();
        }
        let (ours, theirs) = world.connect(0, 1);
        pair(&mut world, 0, ours);
        for node in [0, 1] {
            assert_eq!(world.wait(node, 5_000, encryption), (true, false, true, 16));
        }
        end(&mut world, ours);

        let (ours, theirs_again) = world.connect(0, 1);
        let _ = theirs;
        pair(&mut world, 1, theirs_again);
        for node in [0, 1] {
            assert_eq!(world.wait(node, 5_000, encryption), (true, false, true, 16));
        }
        end(&mut world, ours);
        for node in &world.nodes {
            assert_eq!(node.host.in_use(), [0; 3]);
        }
    }
}

#[test]
fn one_flipped_bit_in_a_key_ends_the_link() {
    let mut world = world(Profile::Full);
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    for node in [0, 1] {
        world.wait(node, 5_000, encryption);
    }
    end(&mut world, ours);
    let bond = world.nodes[0]
        .secrets
        .iter_mut()
        .find(|((kind, _), _)| *kind == 33)
        .unwrap();
    let at = bond.1.len() / 2;
    bond.1[at] ^= 1;
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    world.wait(0, 5_000, disconnected);
    world.wait(1, 5_000, disconnected);
}

#[test]
fn a_peer_that_lost_its_key_is_told_so_and_our_bond_stays() {
    let mut world = world(Profile::Full);
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    for node in [0, 1] {
        world.wait(node, 5_000, encryption);
    }
    end(&mut world, ours);
    world.nodes[1].secrets.clear();
    world.stop(1).unwrap();
    world.start(1).unwrap();
    let kept = world.nodes[0].secrets.clone();
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    assert_eq!(world.wait(0, 5_000, encryption), (false, false, false, 0));
    assert_eq!(world.nodes[0].secrets, kept);
}

#[test]
fn blesa_cve_2020_9770_a_bonded_server_serves_nothing_protected_before_encryption() {
    let mut world = world(Profile::Full);
    let register = |world: &mut World| {
        world.services(1, |db| {
            db.add_service(&Uuid::short(0x181a))?;
            let flags = flag::READ | flag::READ_ENCRYPTED | flag::WRITE | flag::WRITE_ENCRYPTED;
            db.add_characteristic(&Uuid::short(0x2a6e), flags | flag::NOTIFY)
        })
    };
    let handle = register(&mut world);
    // Bonded, then a link after another; the second time after a restart.
    for (round, restarted) in [false, false, true].into_iter().enumerate() {
        if restarted {
            world.stop(1).unwrap();
            world.start(1).unwrap();
            assert_eq!(register(&mut world), handle);
        }
        let (ours, theirs) = world.connect(0, 1);
        for encrypted in [false, true] {
            if encrypted {
                pair(&mut world, 0, ours);
                for node in [0, 1] {
                    assert_eq!(world.wait(node, 5_000, encryption), (true, false, true, 16));
                }
            }
            let now = world.now();
            let host = &mut world.nodes[0].host;
            host.gattc_read(now, ours, handle).unwrap();
            let read = world.wait(0, 5_000, |e| match *e {
                Event::GattcReadDone { status, .. } => Some(status),
                _ => None,
            });
            let host = &mut world.nodes[0].host;
            host.gattc_write(now, ours, handle, b"x", 1).unwrap();
            let written = world.wait(0, 5_000, |e| match *e {
                Event::GattcWriteDone { status, .. } => Some(status),
                _ => None,
            });
            let now = world.now();
            let told = world.nodes[1].host.notify(now, theirs, handle, None);
            if encrypted {
                assert_eq!((read, written, told), (0, 0, Ok(())));
                world.wait(0, 5_000, notified);
                let events = &world.nodes[0].events;
                assert!(!events.iter().any(|e| notified(e).is_some()), "{events:?}");
                continue;
            }
            // Insufficient Authentication, without a key; or Encryption.
            let refused = |status| matches!(status, 0x05 | 0x0f);
            assert!(refused(read) && refused(written), "{read} {written}");
            // Not sent, as is seen above when this link is encrypted; but a peer
            // that does not pair stops no script.
            assert_eq!(told, Ok(()), "round {round}");
            let server = &mut world.nodes[1].host;
            assert_eq!(server.gatts_write(now, handle, b"v", true), Ok(()));
            let asked = server.indicate(now, theirs, handle, None);
            assert_eq!(asked, Err(Error::Security), "round {round}");
        }
        end(&mut world, ours);
    }
}

#[test]
fn a_bonded_clients_configuration_comes_back_with_encryption() {
    let mut world = world(Profile::Full);
    let handle = world.services(1, |db| {
        db.add_service(&Uuid::short(0x181a))?;
        db.add_characteristic(&Uuid::short(0x2a6e), flag::READ | flag::NOTIFY)
    });
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    for node in [0, 1] {
        world.wait(node, 5_000, encryption);
    }
    let now = world.now();
    world.nodes[0]
        .host
        .gattc_write(now, ours, handle + 1, &[1, 0], 1)
        .unwrap();
    world.wait(0, 5_000, |e| {
        matches!(e, Event::GattcWriteDone { status: 0, .. }).then_some(())
    });
    end(&mut world, ours);

    let (ours, _) = world.connect(0, 1);
    let now = world.now();
    world.nodes[1]
        .host
        .gatts_write(now, handle, b"early", true)
        .unwrap();
    pair(&mut world, 0, ours);
    for node in [0, 1] {
        world.wait(node, 5_000, encryption);
    }
    let now = world.now();
    world.nodes[1]
        .host
        .gatts_write(now, handle, b"late", true)
        .unwrap();
    let data = world.wait(0, 5_000, |e| match *e {
        Event::GattcNotify { data, .. } => Some(data),
        _ => None,
    });
    assert_eq!(data, b"late");
}

#[test]
fn unpairing_forgets_one_bond_or_all() {
    let mut world = world(Profile::Full);
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    for node in [0, 1] {
        world.wait(node, 5_000, encryption);
    }
    let peer = world.nodes[1].host.address();
    let now = world.now();
    assert_eq!(
        world.nodes[0].host.unpair(now, Some(peer)),
        Err(Error::Busy)
    );
    end(&mut world, ours);
    let now = world.now();
    world.nodes[0].host.unpair(now, Some(peer)).unwrap();
    world.run(10);
    assert_eq!(
        world.nodes[0]
            .secrets
            .keys()
            .filter(|(kind, _)| *kind != 32)
            .count(),
        0
    );
    let now = world.now();
    assert_eq!(
        world.nodes[0].host.unpair(now, Some(peer)),
        Err(Error::NotFound)
    );
    world.nodes[1].host.unpair(now, None).unwrap();
    world.run(10);
    assert_eq!(
        world.nodes[1]
            .secrets
            .keys()
            .filter(|(kind, _)| *kind != 32)
            .count(),
        0
    );
}

#[test]
fn a_bonded_peer_is_recognised_behind_its_private_addresses() {
    for (profile, resolving_list) in [
        (Profile::Full, true),
        (Profile::Full, false),
        (Profile::Bt42, true),
    ] {
        let options = HostOptions {
            resolving_list,
            rpa_timeout_ms: 60_000,
            ..HostOptions::default()
        };
        let mut world = World::new(5, Options::default());
        for i in 0..2u8 {
            world.add(NodeConfig::new(profile).with_public([0xc0, 0, 0, 0, 0, i + 1]));
            world.nodes[i as usize].host.set_security_config(BOND);
            world.start_with(i as usize, options).unwrap();
        }
        let identity = world.nodes[1].host.address();
        world
            .call(1, |host, now| {
                host.set_address_mode(now, AddressMode::Resolvable)
            })
            .unwrap();
        let first = world.nodes[1].host.address();
        assert!(first.is_resolvable());
        let (ours, _) = world.connect(0, 1);
        pair(&mut world, 0, ours);
        for node in [0, 1] {
            assert_eq!(world.wait(node, 5_000, encryption), (true, false, true, 16));
        }
        end(&mut world, ours);

        // The address changes by itself, and is still known for whose it is.
        world.run(61_000);
        let later = world.nodes[1].host.address();
        assert!(later.is_resolvable() && later != first);
        world
            .call(1, |host, now| {
                host.advertise(now, true, 50_000, Some(b"\x02\x01\x06"), None)
            })
            .unwrap();
        world
            .call(0, |host, now| {
                host.start_scan(now, 0, 50_000, 50_000, false)
            })
            .unwrap();
        let seen = world.wait(0, 5_000, |e| match *e {
            Event::ScanResult { peer, .. } => Some(peer),
            _ => None,
        });
        assert_eq!(seen, identity);
        world.call(0, |host, now| host.stop_scan(now)).unwrap();

        // By either address it is the same peer.
        for target in [identity, later] {
            world
                .call(1, |host, now| {
                    host.advertise(now, true, 50_000, Some(b"\x02\x01\x06"), None)
                })
                .unwrap();
            assert_eq!(world.nodes[1].host.address(), later);
            world
                .call(0, |host, now| host.connect(now, target, 5_000, 0, 0))
                .unwrap();
            let (ours, peer) = world.wait(0, 5_000, |e| match *e {
                Event::Connected { conn, peer, .. } => Some((conn, peer)),
                _ => None,
            });
            assert_eq!(peer, identity);
            pair(&mut world, 0, ours);
            for node in [0, 1] {
                assert_eq!(world.wait(node, 5_000, encryption), (true, false, true, 16));
            }
            end(&mut world, ours);
        }
    }
}

#[test]
fn bonds_that_the_script_forgot_are_forgotten_by_the_next_activation() {
    let mut world = world(Profile::Full);
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    for node in [0, 1] {
        world.wait(node, 5_000, encryption);
    }
    end(&mut world, ours);
    for node in [0, 1] {
        world.stop(node).unwrap();
        world.nodes[node].secrets.retain(|(kind, _), _| *kind == 32);
        world.start(node).unwrap();
    }
    let peer = world.nodes[1].host.address();
    let now = world.now();
    assert_eq!(
        world.nodes[0].host.unpair(now, Some(peer)),
        Err(Error::NotFound)
    );
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    for node in [0, 1] {
        assert_eq!(world.wait(node, 5_000, encryption), (true, false, true, 16));
    }
}

#[test]
fn a_script_that_keeps_no_secrets_gets_an_unbonded_link() {
    let mut world = world(Profile::Full);
    world.nodes[1].refuse_secrets = true;
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    let (encrypted, _, bonded, _) = world.wait(1, 5_000, encryption);
    assert!(encrypted && !bonded);
    assert!(world.wait(0, 5_000, encryption).0);
}

/// Answers what the users of a pairing are asked; how it ended, and whether
/// anybody was asked.
fn users_agree(world: &mut World, conns: [u16; 2]) -> ([(bool, bool, bool, u8); 2], bool) {
    let mut asked = false;
    let mut ended = [None; 2];
    while ended.contains(&None) {
        for node in [0, 1] {
            if ended[node].is_some() {
                continue;
            }
            let question = world.wait(node, 5_000, |e| match *e {
                Event::PasskeyAction { action, .. } => Some(Err(action)),
                ref e => encryption(e).map(Ok),
            });
            let (number, value) = match question {
                Ok(how) => {
                    ended[node] = Some(how);
                    continue;
                }
                Err(PasskeyAction::Input) => (2, 123_456),
                Err(PasskeyAction::Display) => (3, 123_456),
                Err(PasskeyAction::NumericComparison(_)) => (4, 1),
            };
            asked = true;
            let now = world.now();
            let host = &mut world.nodes[node].host;
            host.passkey(now, conns[node], number, value).unwrap();
        }
    }
    (ended.map(Option::unwrap), asked)
}

#[test]
fn every_model_works_with_legacy_peers_too_in_either_role_whoever_asks() {
    use IoCapability::*;
    let models = [
        (NoInputNoOutput, NoInputNoOutput),
        (KeyboardOnly, DisplayOnly),
        (DisplayOnly, KeyboardOnly),
        (KeyboardOnly, KeyboardOnly),
        (DisplayYesNo, DisplayYesNo),
        (KeyboardDisplay, KeyboardDisplay),
        (DisplayOnly, DisplayYesNo),
    ];
    for (ours, theirs) in models {
        for secure in [[true, true], [true, false], [false, true], [false, false]] {
            for asks in [0, 1] {
                let mut world = world(Profile::Full);
                for (node, io) in [ours, theirs].into_iter().enumerate() {
                    let secure = secure[node];
                    let config = SecurityConfig {
                        io,
                        mitm: true,
                        secure,
                        ..BOND
                    };
                    world.nodes[node].host.set_security_config(config);
                }
                let (first, second) = world.connect(0, 1);
                let conns = [first, second];
                pair(&mut world, asks, conns[asks]);
                let (ended, asked) = users_agree(&mut world, conns);
                let both_secure = secure == [true, true];
                let authenticated = match (ours, theirs) {
                    (NoInputNoOutput, _) | (DisplayOnly, DisplayYesNo) => false,
                    // Legacy pairing knows no comparison.
                    (DisplayYesNo, DisplayYesNo) => both_secure,
                    _ => true,
                };
                let case = (ours, theirs, secure, asks);
                assert_eq!(ended, [(true, authenticated, true, 16); 2], "{case:?}");
                assert_eq!(asked, authenticated, "{case:?}");

                // What was bonded encrypts again, asked for by the other side.
                end(&mut world, conns[0]);
                let (first, second) = world.connect(0, 1);
                pair(&mut world, 1 - asks, [first, second][1 - asks]);
                for node in [0, 1] {
                    let again = world.wait(node, 5_000, encryption);
                    assert_eq!(again, (true, authenticated, true, 16), "{case:?}");
                }
            }
        }
    }
}

#[test]
fn secure_connections_only_refuses_legacy_peers_and_legacy_bonds() {
    for strict in [0, 1] {
        let mut world = world(Profile::Full);
        let legacy = SecurityConfig {
            secure: false,
            ..BOND
        };
        let only = SecurityConfig {
            secure_only: true,
            ..BOND
        };
        world.nodes[1 - strict].host.set_security_config(legacy);
        let (ours, _) = world.connect(0, 1);
        pair(&mut world, 0, ours);
        for node in [0, 1] {
            assert_eq!(world.wait(node, 5_000, encryption), (true, false, true, 16));
        }
        end(&mut world, ours);

        world.nodes[strict].host.set_security_config(only);
        let (ours, theirs) = world.connect(0, 1);
        pair(&mut world, strict, [ours, theirs][strict]);
        // As peripheral it waits for a pairing instead, in vain.
        let (encrypted, ..) = world.wait(strict, 31_000, encryption);
        assert!(!encrypted, "a legacy bond");
    }
    for strict in [0, 1] {
        let mut world = world(Profile::Full);
        let legacy = SecurityConfig {
            secure: false,
            ..BOND
        };
        let only = SecurityConfig {
            secure_only: true,
            ..BOND
        };
        world.nodes[strict].host.set_security_config(only);
        world.nodes[1 - strict].host.set_security_config(legacy);
        let (ours, _) = world.connect(0, 1);
        pair(&mut world, 0, ours);
        for node in [0, 1] {
            assert_eq!(
                world.wait(node, 5_000, encryption),
                (false, false, false, 0)
            );
        }
        assert!(world
            .nodes
            .iter()
            .all(|node| node.secrets.keys().all(|(kind, _)| *kind != 33)));
    }
}

/// Two multiplications of P-256, in sixteen steps each.
#[test]
fn the_script_has_time_between_the_steps_of_a_key() {
    let mut world = world(Profile::Full);
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    let mut rests = std::collections::BTreeSet::new();
    while !world.nodes[0]
        .events
        .iter()
        .any(|e| encryption(e).is_some())
    {
        world.run(1);
        let now = world.now();
        let next = world.nodes[0].host.poll_timeout();
        rests.extend(next.filter(|at| at.reached(now.after(6))).map(|at| at.0));
        assert!(now.0 < 60_000);
    }
    assert!(rests.len() >= 2 * 16, "{} rests", rests.len());
}

/// A millisecond may pass between the call that finds it too early for the next
/// step and the question when to come again.
#[test]
fn a_step_is_not_forgotten_when_its_time_comes_between_two_calls() {
    let mut world = world(Profile::Full);
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    let mut steps = 0;
    while !world.nodes[0]
        .events
        .iter()
        .any(|e| encryption(e).is_some())
    {
        world.run(1);
        let soon = world.now().after(1);
        assert!(soon.0 < 60_000);
        let host = &mut world.nodes[0].host;
        if host.poll_timeout() == Some(soon) {
            steps += 1;
            assert!(host.poll_transmit(soon).is_none());
            assert_eq!(host.poll_timeout(), Some(soon));
        }
    }
    assert!(steps >= 2 * 16, "{steps} steps");
}

/// While the script's recursion leaves no stack for it, the cryptography waits,
/// and asks again every 5 ms; then it goes on.
#[test]
fn steps_that_are_put_off_are_done_later() {
    let mut world = world(Profile::Full);
    let (ours, _) = world.connect(0, 1);
    pair(&mut world, 0, ours);
    let done = |world: &World| {
        world.nodes[0]
            .events
            .iter()
            .any(|e| encryption(e).is_some())
    };
    for _ in 0..2000 {
        world.nodes[0].host.put_off_step();
        world.run(1);
        assert!(!done(&world));
        let now = world.now();
        let again = world.nodes[0].host.poll_timeout();
        assert!(again.is_some_and(|at| at.reached(now.after(5))));
    }
    for _ in 0..10_000 {
        if done(&world) {
            return;
        }
        world.run(1);
    }
    panic!("the steps are forgotten");
}
