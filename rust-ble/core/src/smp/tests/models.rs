//! Every association model, in both roles, legacy and LE Secure Connections.

use super::*;
use IoCapability::*;

const ALL_IO: [IoCapability; 5] = [
    DisplayOnly,
    DisplayYesNo,
    KeyboardOnly,
    NoInputNoOutput,
    KeyboardDisplay,
];

/// Runs every combination of I/O capabilities.
fn every_model(secure: bool, bond: bool, peripheral_begins: bool) {
    for central_io in ALL_IO {
        for peripheral_io in ALL_IO {
            let mut pair = Pair::configured(|config| {
                *config = SecurityConfig {
                    mitm: true,
                    bond,
                    secure,
                    ..*config
                };
            });
            pair.central.config.io = central_io;
            pair.peripheral.config.io = peripheral_io;
            if peripheral_begins {
                pair.peripheral.pair();
            } else {
                pair.central.pair();
            }
            pair.drive();
            let model = method::Model::choose(central_io, peripheral_io, secure);
            pair.assert_done(model != method::Model::JustWorks, bond, secure);
            let expected = match model {
                method::Model::JustWorks => None,
                method::Model::NumericComparison => Some(*pair.central.asked.first().unwrap()),
                method::Model::InitiatorDisplays => Some(PasskeyAction::Display),
                _ => Some(PasskeyAction::Input),
            };
            assert_eq!(pair.central.asked.first().copied(), expected);
            let expected = match model {
                method::Model::InitiatorDisplays => Some(PasskeyAction::Input),
                method::Model::ResponderDisplays => Some(PasskeyAction::Display),
                _ => expected,
            };
            assert_eq!(pair.peripheral.asked.first().copied(), expected);
            assert_eq!(pair.central.asked.len(), expected.is_some() as usize);
            same_keys(&pair, bond, secure);
        }
    }
}

/// What both ends stored fits together.
fn same_keys(pair: &Pair, bond: bool, secure: bool) {
    let (central, peripheral) = (pair.central.bond(), pair.peripheral.bond());
    let (true, Some(c), Some(p)) = (bond, central, peripheral) else {
        assert!(!bond && central.is_none() && peripheral.is_none());
        return;
    };
    assert_eq!((c.ours(), c.peers()), (p.peers(), p.ours()));
    assert_eq!((c.irk(), p.irk()), (Some(&[5; 16]), Some(&[3; 16])));
    assert_eq!(
        (c.identity(), p.identity()),
        (pair.central.link.peer, pair.peripheral.link.peer)
    );
    let (ours, peers) = (c.ours().unwrap(), c.peers().unwrap());
    if secure {
        assert_eq!(ours, peers);
        assert_eq!(ours[..16], pair.central.key.unwrap());
        assert_eq!(ours[16..], [0; 10]);
    } else {
        assert_ne!(ours[..16], peers[..16]);
        assert_ne!(ours[18..], [0; 8]);
    }
}

#[test]
fn every_model_of_secure_connections_gives_both_sides_the_same_key() {
    every_model(true, false, false);
    every_model(true, true, false);
}

#[test]
fn every_model_of_legacy_pairing_gives_both_sides_the_same_key() {
    every_model(false, false, false);
    every_model(false, true, false);
}

#[test]
fn a_peripheral_can_ask_for_every_model() {
    every_model(true, true, true);
    every_model(false, true, true);
}

#[test]
fn just_works_still_succeeds_where_mitm_is_only_a_wish() {
    let mut pair = Pair::configured(|c| {
        *c = SecurityConfig {
            mitm: true,
            secure_only: true,
            bond: true,
            ..*c
        };
    });
    pair.central.pair();
    pair.drive();
    pair.assert_done(false, true, true);
}

#[test]
fn both_sides_may_begin_at_once() {
    let mut pair = Pair::new();
    pair.central.pair();
    pair.peripheral.pair();
    pair.drive();
    pair.assert_done(false, false, true);
}

#[test]
fn a_second_gap_pair_joins_the_first() {
    let mut pair = Pair::new();
    pair.central.pair();
    pair.step();
    pair.central.pair();
    pair.peripheral.pair();
    pair.drive();
    pair.assert_done(false, false, true);
}

#[test]
fn le_secure_refuses_legacy_pairing() {
    for legacy_central in [false, true] {
        let mut pair = Pair::new();
        pair.central.config.secure = !legacy_central;
        pair.peripheral.config.secure = legacy_central;
        pair.central.config.secure_only = !legacy_central;
        pair.peripheral.config.secure_only = legacy_central;
        pair.central.pair();
        pair.drive();
        let refused = reason::AUTHENTICATION_REQUIREMENTS;
        if legacy_central {
            pair.assert_failed(Failure::Peer(refused), Failure::Local(refused));
        } else {
            pair.assert_failed(Failure::Local(refused), Failure::Peer(refused));
        }
    }
}

#[test]
fn the_same_digits_are_shown_on_both_sides() {
    let mut pair = Pair::configured(|c| {
        *c = SecurityConfig {
            io: DisplayYesNo,
            mitm: true,
            ..*c
        }
    });
    pair.central.pair();
    pair.drive();
    let [PasskeyAction::NumericComparison(digits)] = *pair.central.asked else {
        panic!()
    };
    assert!((1..1_000_000).contains(&digits));
    assert_eq!(pair.central.asked, pair.peripheral.asked);
}

#[test]
fn a_user_who_says_no_fails_numeric_comparison() {
    for central in [false, true] {
        let mut pair = Pair::configured(|c| {
            *c = SecurityConfig {
                io: DisplayYesNo,
                mitm: true,
                ..*c
            }
        });
        if central {
            &mut pair.central
        } else {
            &mut pair.peripheral
        }
        .user = Some(0);
        pair.central.pair();
        pair.drive();
        let failed = reason::NUMERIC_COMPARISON_FAILED;
        if central {
            pair.assert_failed(Failure::Local(failed), Failure::Peer(failed));
        } else {
            pair.assert_failed(Failure::Peer(failed), Failure::Local(failed));
        }
    }
}

#[test]
fn a_slow_user_keeps_the_other_side_waiting() {
    for secure in [false, true] {
        for (slow_central, io) in [
            (false, KeyboardDisplay),
            (true, KeyboardDisplay),
            (false, KeyboardOnly),
            (true, KeyboardOnly),
        ] {
            let mut pair = Pair::configured(|c| {
                *c = SecurityConfig {
                    mitm: true,
                    secure,
                    ..*c
                }
            });
            pair.central.config.io = io;
            pair.peripheral.config.io = DisplayYesNo;
            let slow = if slow_central {
                &mut pair.central
            } else {
                &mut pair.peripheral
            };
            slow.user = None;
            pair.central.pair();
            pair.drive();
            assert!(pair.central.done.is_empty() && pair.central.failed.is_empty());
            let slow = if slow_central {
                &mut pair.central
            } else {
                &mut pair.peripheral
            };
            let [action] = *slow.asked else { panic!() };
            slow.answer_user(action, 123_456);
            slow.run();
            pair.drive();
            pair.assert_done(true, false, secure);
        }
    }
}

#[test]
fn a_wrong_passkey_fails_the_confirm_value() {
    for secure in [false, true] {
        let mut pair = Pair::configured(|c| {
            *c = SecurityConfig {
                io: KeyboardOnly,
                mitm: true,
                secure,
                ..*c
            }
        });
        pair.central.user = Some(123_457);
        pair.central.pair();
        pair.drive();
        let failed = reason::CONFIRM_VALUE_FAILED;
        pair.assert_failed(Failure::Peer(failed), Failure::Local(failed));
    }
}

#[test]
fn a_passkey_has_six_digits() {
    let mut pair = Pair::configured(|c| {
        *c = SecurityConfig {
            io: KeyboardOnly,
            mitm: true,
            ..*c
        }
    });
    pair.central.user = None;
    pair.central.pair();
    pair.drive();
    assert_eq!(
        pair.central.smp.passkey(3, 2, 1_000_000),
        Err(crate::Error::Invalid)
    );
    assert_eq!(
        pair.central.smp.passkey(4, 2, 0),
        Err(crate::Error::Invalid)
    );
    assert_eq!(pair.central.smp.passkey(3, 2, 999_999), Ok(()));
}

#[test]
fn mitm_can_be_required() {
    let mut pair = Pair::configured(|c| *c = SecurityConfig { mitm: true, ..*c });
    pair.peripheral.config = SecurityConfig {
        io: DisplayYesNo,
        mitm_required: true,
        ..pair.peripheral.config
    };
    pair.central.pair();
    pair.drive();
    let failed = reason::AUTHENTICATION_REQUIREMENTS;
    pair.assert_failed(Failure::Peer(failed), Failure::Local(failed));
}

#[test]
fn a_pairing_without_progress_times_out_and_smp_stays_silent() {
    let mut pair = Pair::new();
    pair.central.pair();
    let side = &mut pair.central;
    let deadline = side.smp.deadline().unwrap();
    side.now = Instant(deadline.0.wrapping_sub(1));
    side.smp.handle_timeout(side.now);
    side.run();
    assert_eq!(side.failed, []);
    side.now = deadline;
    side.smp.handle_timeout(deadline);
    side.run();
    assert_eq!(side.failed, [Failure::Timeout]);
    assert_eq!(
        side.smp.pair(&side.link, side.config, deadline),
        Err(crate::Error::TimedOut)
    );
    side.sent.clear();
    side.receive(&[code::SECURITY_REQUEST, 0]);
    assert!(side.sent.is_empty());
    side.disconnected();
    side.pair();
    pair.drive();
    assert_eq!(pair.central.done.len(), 1);
}

#[test]
fn a_security_request_may_go_unanswered() {
    let mut side = Side::new(Role::Peripheral, 1);
    side.pair();
    assert_eq!(side.sent, [[code::SECURITY_REQUEST, 8]]);
    side.now = side.smp.deadline().unwrap();
    side.smp.handle_timeout(side.now);
    side.run();
    assert_eq!(side.failed, [Failure::Timeout]);
    side.pair();
}

#[test]
fn nothing_is_sent_without_room() {
    let mut side = Side::new(Role::Peripheral, 1);
    side.smp.pair(&side.link, side.config, side.now).unwrap();
    let mut small = [0; MAX_PDU - 1];
    assert_eq!(
        side.smp
            .poll(NOW, &mut Writer::new(&mut small), &mut side.rng),
        None
    );
    side.run();
    assert_eq!(side.sent.len(), 1);
}
