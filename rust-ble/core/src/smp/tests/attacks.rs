//! Published attacks, by name.

use super::crypto::tests::{point, KEYS};
use super::*;
use IoCapability::*;

const SECURE: u8 = pdu::auth::SECURE_CONNECTIONS;
const MITM: u8 = pdu::auth::MITM;
const BONDING: u8 = pdu::auth::BONDING;

fn features(code: u8, io: IoCapability, auth: u8, keys: u8) -> Vec<u8> {
    std::vec![code, io as u8, 0, auth, 16, keys, keys]
}

fn request(io: IoCapability, auth: u8) -> Vec<u8> {
    features(code::PAIRING_REQUEST, io, auth, 0)
}

fn response(io: IoCapability, auth: u8) -> Vec<u8> {
    features(code::PAIRING_RESPONSE, io, auth, 0)
}

fn public_key(point: &[u8]) -> Vec<u8> {
    [&[code::PAIRING_PUBLIC_KEY], point].concat()
}

/// Our central, up to its public key.
fn central_with_key(io: IoCapability) -> (Side, Vec<u8>) {
    let mut side = Side::new(Role::Central, 1);
    side.config = SecurityConfig {
        io,
        mitm: true,
        ..side.config
    };
    side.pair();
    side.receive(&response(io, SECURE | MITM));
    let key = side.sent.back().unwrap().clone();
    assert_eq!(key[0], code::PAIRING_PUBLIC_KEY);
    side.sent.clear();
    (side, key[1..].to_vec())
}

/// Our peripheral with a key pair that the attacker knows from before.
fn peripheral_with_key(io: IoCapability) -> (Side, Vec<u8>) {
    let mut side = Side::new(Role::Peripheral, 1);
    side.config = SecurityConfig {
        io,
        mitm: true,
        ..side.config
    };
    side.user = None;
    side.receive(&request(io, SECURE | MITM));
    side.receive(&public_key(&point(KEYS[0][3])));
    let key = side
        .sent
        .iter()
        .find(|pdu| pdu[0] == code::PAIRING_PUBLIC_KEY)
        .unwrap()[1..]
        .to_vec();
    side.receive(&[code::PAIRING_FAILED, reason::UNSPECIFIED_REASON]);
    side.failed.clear();
    side.sent.clear();
    side.receive(&request(io, SECURE | MITM));
    (side, key)
}

/// Minus the point: the same X.
fn mirrored(key: &[u8]) -> Vec<u8> {
    let p: [u8; 32] = super::crypto::tests::le(
        "ffffffff 00000001 00000000 00000000 00000000 ffffffff ffffffff ffffffff",
    );
    let mut out = key.to_vec();
    let mut borrow = 0;
    for i in 0..32 {
        let digit = i16::from(p[i]) - i16::from(key[32 + i]) - borrow;
        borrow = i16::from(digit < 0);
        out[32 + i] = digit as u8;
    }
    out
}

#[test]
fn cve_2020_26558_a_reflected_public_key_fails() {
    for io in [KeyboardDisplay, NoInputNoOutput, KeyboardOnly] {
        for (mut side, key) in [central_with_key(io), peripheral_with_key(io)] {
            side.receive(&public_key(&key));
            assert_eq!(side.reason(), Some(reason::INVALID_PARAMETERS));
            assert_eq!(side.failed, [Failure::Local(reason::INVALID_PARAMETERS)]);
        }
    }
}

#[test]
fn cve_2021_37577_a_reflected_x_with_the_other_y_fails() {
    for (mut side, key) in [
        central_with_key(KeyboardDisplay),
        peripheral_with_key(KeyboardDisplay),
    ] {
        side.receive(&public_key(&mirrored(&key)));
        assert_eq!(side.failed, [Failure::Local(reason::INVALID_PARAMETERS)]);
    }
}

#[test]
fn cve_2020_26558_reflected_confirm_values_fail() {
    for io in [NoInputNoOutput, KeyboardOnly] {
        let mut side = Side::new(Role::Central, 1);
        side.config = SecurityConfig {
            io,
            mitm: true,
            secure: false,
            ..side.config
        };
        side.pair();
        side.receive(&response(io, MITM));
        for _ in 0..2 {
            // Pairing Confirm, then Pairing Random.
            let echo = side.sent.pop_back().unwrap();
            side.receive(&echo);
        }
        assert_eq!(side.failed, [Failure::Local(reason::CONFIRM_VALUE_FAILED)]);
        assert_eq!(side.encrypt, None);
    }
}

#[test]
fn cve_2018_5383_invalid_public_keys_fail() {
    let good = point(KEYS[0][3]);
    let mut y_zero = good;
    y_zero[32..].fill(0);
    let mut off_curve = good;
    off_curve[40] ^= 1;
    let debug = point(KEYS[0][2]);
    for bad in [y_zero, off_curve, [0; 64], [0xff; 64], debug] {
        for io in [NoInputNoOutput, KeyboardDisplay] {
            for (mut side, _) in [central_with_key(io), peripheral_with_key(io)] {
                side.receive(&public_key(&bad));
                assert_eq!(side.failed, [Failure::Local(reason::INVALID_PARAMETERS)]);
                assert_eq!(side.reason(), Some(reason::INVALID_PARAMETERS));
                assert_eq!((side.encrypt, side.answer), (None, None));
            }
        }
    }
}

#[test]
fn cve_2019_9506_short_keys_are_refused() {
    for size in 0..=20u8 {
        let refused = match size {
            7..=15 => reason::ENCRYPTION_KEY_SIZE,
            16 => continue,
            _ => reason::INVALID_PARAMETERS,
        };
        let mut side = Side::new(Role::Peripheral, 1);
        let mut pdu = request(NoInputNoOutput, SECURE);
        pdu[4] = size;
        side.receive(&pdu);
        assert_eq!(side.reason(), Some(refused));
        let mut side = Side::new(Role::Central, 1);
        side.pair();
        pdu[0] = code::PAIRING_RESPONSE;
        side.receive(&pdu);
        assert_eq!(side.reason(), Some(refused));
        assert_eq!(side.failed, [Failure::Local(refused)]);
    }
}

#[test]
fn keys_are_cut_to_a_size_that_was_allowed() {
    for size in 7..16 {
        let mut side = Side::new(Role::Peripheral, 1);
        side.config = SecurityConfig {
            min_key_size: 7,
            secure: false,
            bond: true,
            ..side.config
        };
        let mut pdu = features(code::PAIRING_REQUEST, NoInputNoOutput, BONDING, 1);
        pdu[4] = size;
        side.receive(&pdu);
        let response: [u8; 7] = side.sent.pop_back().unwrap().try_into().unwrap();
        let (ours, nonce) = (side.link, [7; 16]);
        let request: [u8; 7] = pdu.try_into().unwrap();
        let confirm = crypto::c1(
            &[0; 16],
            &nonce,
            &request,
            &response,
            &ours.peer,
            &ours.local,
        );
        side.receive(&[&[code::PAIRING_CONFIRM], confirm.as_slice()].concat());
        side.receive(&[&[code::PAIRING_RANDOM], nonce.as_slice()].concat());
        side.ltk_request([0; 8], 0);
        let stk = side.answer.take().unwrap().unwrap();
        assert!(stk[size as usize..].iter().all(|&b| b == 0) && stk[..7] != [0; 7]);
        side.sent.clear();
        side.encrypted(0);
        assert_eq!(side.link.security.key_size, size);
        let ltk = side.sent.pop_front().unwrap();
        assert_eq!(ltk[0], code::ENCRYPTION_INFORMATION);
        assert!(ltk[1 + size as usize..].iter().all(|&b| b == 0));
    }
}

/// A central that is bonded, the peripheral, and what the peripheral stored.
fn victim(authenticated: bool) -> (Pair, BTreeMap<[u8; 7], Vec<u8>>) {
    let mut pair = Pair::configured(|c| {
        *c = SecurityConfig {
            bond: true,
            mitm: authenticated,
            io: DisplayYesNo,
            ..*c
        };
    });
    pair.central.pair();
    pair.drive();
    pair.assert_done(authenticated, true, true);
    pair.disconnect();
    pair.peripheral.restart();
    pair.central.restart_without_bonds();
    pair.central.secrets.clear();
    let secrets = pair.peripheral.secrets.clone();
    (pair, secrets)
}

#[test]
fn cve_2025_62235_a_spoofed_peer_does_not_replace_a_bond() {
    for authenticated in [false, true] {
        let (mut pair, secrets) = victim(authenticated);
        // The attacker has the address of the bonded central, but no key.
        pair.central.config.io = NoInputNoOutput;
        pair.central.pair();
        pair.drive();
        let refused = reason::AUTHENTICATION_REQUIREMENTS;
        pair.assert_failed(Failure::Peer(refused), Failure::Local(refused));
        assert_eq!(pair.peripheral.secrets, secrets);
        // Nor does it get anything by asking for a link without bond.
        pair.central.failed.clear();
        pair.peripheral.failed.clear();
        pair.central.config.bond = false;
        pair.central.pair();
        pair.drive();
        pair.assert_done(false, false, true);
        assert_eq!(pair.peripheral.secrets, secrets);
    }
}

#[test]
fn cve_2021_3436_a_bond_is_not_replaced_through_its_identity_address() {
    for authenticated in [false, true] {
        let (mut pair, secrets) = victim(authenticated);
        // Another address on the air, the victim's in the key distribution.
        let attacker = Address::random([9, 9, 9, 9, 9, 0xc9]);
        let victim = pair.central.link.local;
        pair.central.smp.start(
            OwnIdentity {
                irk: [0x66; 16],
                address: victim.bytes,
            },
            victim,
        );
        pair.central.link.local = attacker;
        pair.peripheral.link.peer = attacker;
        pair.peripheral.link.identity = attacker;
        pair.central.config.io = NoInputNoOutput;
        pair.central.pair();
        pair.drive();
        assert_eq!(pair.peripheral.secrets, secrets);
        assert!(!pair.peripheral.done[0].bonded);
        assert_eq!(pair.peripheral.link.identity, attacker);
        assert_eq!(
            pair.air.last().unwrap()[..],
            [code::PAIRING_FAILED, reason::KEY_REJECTED]
        );
        let rpa = bonds::resolvable_address(&[0x66; 16], &mut pair.central.rng);
        assert_eq!(pair.peripheral.smp.identities.resolve(&rpa), rpa);
    }
}

#[test]
fn cve_2021_3436_a_stranger_cannot_give_out_the_irk_of_a_bonded_peer() {
    let (mut pair, secrets) = victim(false);
    let attacker = Address::random([9, 9, 9, 9, 9, 0xc9]);
    pair.central.smp.start(
        OwnIdentity {
            irk: [3; 16],
            address: attacker.bytes,
        },
        attacker,
    );
    pair.central.link.local = attacker;
    pair.peripheral.link.peer = attacker;
    pair.peripheral.link.identity = attacker;
    pair.central.pair();
    pair.drive();
    assert_eq!(pair.peripheral.secrets, secrets);
    assert!(!pair.peripheral.done[0].bonded);
}

#[test]
fn an_authenticated_pairing_replaces_a_bond() {
    let (mut pair, secrets) = victim(true);
    pair.central.pair();
    pair.drive();
    pair.assert_done(true, true, true);
    assert_ne!(pair.peripheral.secrets, secrets);
}

#[test]
fn cve_2020_10134_secure_connections_with_mitm_can_be_all_that_is_accepted() {
    let config = SecurityConfig {
        io: DisplayYesNo,
        mitm: true,
        mitm_required: true,
        secure_only: true,
        ..SecurityConfig::default()
    };
    for (io, auth) in [
        (NoInputNoOutput, SECURE | MITM),
        (DisplayOnly, SECURE),
        (KeyboardDisplay, MITM),
    ] {
        let mut side = Side::new(Role::Peripheral, 1);
        side.config = config;
        side.receive(&request(io, auth));
        assert_eq!(side.reason(), Some(reason::AUTHENTICATION_REQUIREMENTS));
        let mut side = Side::new(Role::Central, 1);
        side.config = config;
        side.pair();
        side.receive(&response(io, auth));
        assert_eq!(side.reason(), Some(reason::AUTHENTICATION_REQUIREMENTS));
    }
}

#[test]
fn cve_2020_15802_no_key_for_br_edr_is_ever_derived() {
    for secure in [0, SECURE] {
        let mut side = Side::new(Role::Peripheral, 1);
        side.config.bond = true;
        // LinkKey, and CT2 in AuthReq.
        side.receive(&features(
            code::PAIRING_REQUEST,
            NoInputNoOutput,
            secure | BONDING | 0x20,
            0x0f,
        ));
        let answer = side.sent.pop_back().unwrap();
        assert_eq!((answer[3] & 0x20, answer[5] & 8, answer[6] & 8), (0, 0, 0));
    }
    let mut side = Side::new(Role::Central, 1);
    side.config.bond = true;
    side.pair();
    let asked = side.sent.pop_back().unwrap();
    assert_eq!((asked[3] & 0x20, asked[5] & 8, asked[6] & 8), (0, 0, 0));
}

#[test]
fn cve_2019_19194_encryption_before_there_is_a_key_is_refused() {
    for secure in [0, SECURE] {
        let mut side = Side::new(Role::Peripheral, 1);
        side.receive(&request(NoInputNoOutput, secure));
        side.ltk_request([0; 8], 0);
        assert_eq!(side.answer, Some(None));
        assert_eq!(side.failed, [Failure::Local(reason::UNSPECIFIED_REASON)]);
        // Nor does an event that nothing led to make the link secure.
        side.receive(&request(NoInputNoOutput, secure));
        side.encrypted(0);
        assert!(!side.link.security.encrypted() && side.done.is_empty());
    }
}

#[test]
fn repeated_attempts_have_to_wait() {
    let mut side = Side::new(Role::Peripheral, 1);
    side.config = SecurityConfig {
        io: DisplayOnly,
        mitm: true,
        secure: false,
        ..side.config
    };
    for attempt in 0..4 {
        side.receive(&request(KeyboardOnly, MITM));
        assert_eq!(
            side.sent.back().unwrap()[0],
            code::PAIRING_RESPONSE,
            "{attempt}"
        );
        side.receive(&[code::PAIRING_CONFIRM; 17]);
        if attempt % 2 == 0 {
            side.receive(&[code::PAIRING_RANDOM; 17]);
            assert_eq!(side.reason(), Some(reason::CONFIRM_VALUE_FAILED));
        } else {
            // Hanging up at the right moment is no way around.
            side.disconnected();
        }
    }
    side.receive(&request(KeyboardOnly, MITM));
    assert_eq!(side.reason(), Some(reason::REPEATED_ATTEMPTS));
    assert_eq!(
        side.smp.pair(&side.link, side.config, side.now),
        Err(crate::Error::Busy)
    );
    let other = Link {
        index: 7,
        peer: Address::public([4; 6]),
        ..side.link
    };
    assert_eq!(side.smp.pair(&other, side.config, side.now), Ok(()));
    side.smp.disconnected(7, side.now);
    side.now = side.now.after(1000);
    side.receive(&request(KeyboardOnly, MITM));
    assert_eq!(side.sent.back().unwrap()[0], code::PAIRING_RESPONSE);
}

#[test]
fn key_pairs_wear_out() {
    let mut side = Side::new(Role::Peripheral, 1);
    let mut keys = std::collections::BTreeSet::new();
    for _ in 0..12 {
        side.receive(&request(NoInputNoOutput, SECURE));
        side.receive(&public_key(&point(KEYS[0][3])));
        keys.extend(
            side.sent
                .drain(..)
                .filter(|pdu| pdu[0] == code::PAIRING_PUBLIC_KEY),
        );
        side.receive(&[code::PAIRING_FAILED, reason::UNSPECIFIED_REASON]);
    }
    assert_eq!(keys.len(), 4);
}

#[test]
fn public_keys_without_a_pairing_cost_nothing() {
    let mut side = Side::new(Role::Peripheral, 1);
    side.receive(&public_key(&point(KEYS[0][3])));
    assert_eq!(side.reason(), Some(reason::UNSPECIFIED_REASON));
    assert!(!side.smp.needs_step());
}

const BODIES: [usize; 14] = [6, 6, 16, 16, 1, 16, 10, 16, 7, 16, 1, 64, 16, 1];

/// Every kind of pairing, as far as `steps` moves of the air.
fn interrupted(steps: usize) -> impl Iterator<Item = Pair> {
    let ios = [NoInputNoOutput, KeyboardDisplay, KeyboardOnly];
    let kinds = ios.into_iter().flat_map(|io| [(io, false), (io, true)]);
    kinds.flat_map(move |(io, secure)| {
        [false, true].map(|waiting| {
            let mut pair = Pair::configured(|c| {
                *c = SecurityConfig {
                    io,
                    secure,
                    mitm: true,
                    bond: true,
                    ..*c
                };
            });
            if waiting {
                pair.central.user = None;
                pair.peripheral.user = None;
            }
            pair.central.pair();
            for _ in 0..steps {
                pair.step();
            }
            pair
        })
    })
}

#[test]
fn cve_2019_17520_every_pdu_in_every_state_is_in_order_or_fails() {
    let mut random = Rng::new(&[0x17; 32]);
    for steps in [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 80, 84, 88, 90, 92,
    ] {
        for code in 0..=16u8 {
            for to_central in [false, true] {
                for mut pair in interrupted(steps) {
                    let length = *BODIES.get(code.wrapping_sub(1) as usize).unwrap_or(&3);
                    let body: [u8; 64] = random.array();
                    let pdu = [&[code], &body[..length]].concat();
                    let side = if to_central {
                        &mut pair.central
                    } else {
                        &mut pair.peripheral
                    };
                    let key = side.key;
                    let queued = side.sent.len();
                    side.receive(&pdu);
                    assert!(side.sent.len() <= queued + 4);
                    assert!(side.failed.len() <= 1 && side.done.len() <= 1);
                    assert_eq!(side.key, key);
                    // Whatever the peer makes of it, both ends come to an end.
                    pair.central.user = Some(1);
                    pair.peripheral.user = Some(1);
                    pair.drive();
                }
            }
        }
    }
}

#[test]
fn truncated_and_lengthened_pdus_fail_the_pairing() {
    for steps in 0..12 {
        for mut pair in interrupted(steps) {
            let Some(pdu) = pair.peripheral.sent.pop_front() else {
                continue;
            };
            let running = pair.central.smp.deadline().is_some();
            let longer = [pdu.as_slice(), &[0]].concat();
            for bad in (0..pdu.len())
                .map(|len| &pdu[..len])
                .chain([longer.as_slice()])
            {
                pair.central.receive(bad);
            }
            if running {
                assert_eq!(
                    pair.central.failed,
                    [Failure::Local(reason::INVALID_PARAMETERS)]
                );
            }
        }
    }
}

#[test]
fn seeded_random_inputs_never_panic_and_always_come_to_rest() {
    for seed in 0..60 {
        let mut random = Rng::new(&[seed; 32]);
        let role = if seed % 2 == 0 {
            Role::Central
        } else {
            Role::Peripheral
        };
        let mut side = Side::new(role, seed);
        side.config = SecurityConfig {
            io: IoCapability::from_wire(seed % 5).unwrap(),
            mitm: true,
            bond: true,
            min_key_size: 7,
            ..side.config
        };
        for _ in 0..400 {
            let [what, code, length, user] = random.array();
            let body: [u8; 70] = random.array();
            side.user = (user < 128).then_some(u32::from(user));
            side.now = side.now.after(u32::from(length) * 4);
            match what % 16 {
                0 => drop(side.smp.pair(&side.link, side.config, side.now)),
                1 => side.ltk_request([0; 8], 0),
                2 => side.ltk_request([1; 8], 7),
                3 => side.encrypted(if code % 4 == 0 { code } else { 0 }),
                4 => drop(side.smp.passkey(side.link.index, code % 6, 5)),
                5 => side.smp.handle_timeout(side.now),
                6 if code < 64 => side.disconnected(),
                7 => side.receive(&body[..length as usize % 70]),
                8 => side.receive(&request(side.config.io, code & 0x0d)),
                9 => side.receive(&response(side.config.io, code & 0x0d)),
                10 => side.receive(&public_key(&point(KEYS[0][3]))),
                _ => {
                    let code = code % 15;
                    let length = *BODIES.get(code.wrapping_sub(1) as usize).unwrap_or(&3);
                    side.receive(&[&[code], &body[..length]].concat());
                }
            }
            side.run();
            side.sent.clear();
            side.encrypt = None;
            side.answer = None;
        }
    }
}

#[test]
fn other_links_live_on() {
    let mut pair = Pair::configured(|c| c.bond = true);
    pair.central.pair();
    for _ in 0..100 {
        // Between any two steps a stranger sends nonsense on another link.
        let victim = pair.peripheral.link;
        let stranger = Link {
            index: 7,
            peer: Address::public([4; 6]),
            ..victim
        };
        let mut buf = [0; MAX_PDU];
        for pdu in [
            &request(NoInputNoOutput, SECURE)[..],
            &[0x55; 65],
            &[code::PAIRING_CONFIRM; 17],
            &[0x0c; 65],
        ] {
            pair.peripheral
                .smp
                .handle_pdu(&stranger, pair.peripheral.config, pdu, NOW);
            while pair
                .peripheral
                .smp
                .poll(NOW, &mut Writer::new(&mut buf), &mut pair.peripheral.rng)
                .is_some()
            {}
        }
        pair.peripheral.smp.disconnected(7, NOW);
        if !pair.step() {
            break;
        }
    }
    pair.assert_done(false, true, true);
}

#[test]
fn cve_2019_17520_a_peer_cannot_run_ahead_of_what_we_have_not_sent() {
    for secure in [0, SECURE] {
        let mut side = Side::new(Role::Central, 1);
        side.pair();
        side.smp.handle_pdu(
            &side.link,
            side.config,
            &response(NoInputNoOutput, secure),
            NOW,
        );
        // No room to send: our public key or confirm value still waits.
        let early = if secure == 0 {
            std::vec![code::PAIRING_CONFIRM; 17]
        } else {
            public_key(&point(KEYS[0][3]))
        };
        side.smp.handle_pdu(&side.link, side.config, &early, NOW);
        side.run();
        assert_eq!(side.failed, [Failure::Local(reason::UNSPECIFIED_REASON)]);
        let mut side = Side::new(Role::Peripheral, 1);
        side.smp.handle_pdu(
            &side.link,
            side.config,
            &request(NoInputNoOutput, secure),
            NOW,
        );
        side.smp.handle_pdu(&side.link, side.config, &early, NOW);
        side.run();
        assert_eq!(side.failed, [Failure::Local(reason::UNSPECIFIED_REASON)]);
    }
}

#[test]
fn passkey_entry_reveals_one_bit_in_each_of_twenty_rounds() {
    let (mut side, _) = peripheral_with_key(KeyboardDisplay);
    let passkey = 0b1010_0110_1001_1100_0111;
    side.user = Some(passkey);
    let mine = crypto::tests::key_pair(KEYS[0][1]);
    side.config.io = KeyboardOnly;
    side.disconnected();
    side.receive(&request(DisplayOnly, SECURE | MITM));
    side.receive(&public_key(&mine.public));
    let key = side.sent.pop_back().unwrap();
    let theirs: [u8; 32] = key[1..33].try_into().unwrap();
    for round in 0..20 {
        let z = 0x80 | (passkey >> round & 1) as u8;
        let nonce = [round as u8; 16];
        let confirm = crypto::f4(mine.x(), &theirs, &nonce, z);
        side.receive(&[&[code::PAIRING_CONFIRM], confirm.as_slice()].concat());
        let answer = side.sent.pop_back().unwrap();
        assert_eq!(answer[0], code::PAIRING_CONFIRM, "{round}");
        side.receive(&[&[code::PAIRING_RANDOM], nonce.as_slice()].concat());
        let random = side.sent.pop_back().unwrap();
        let random = random[1..].try_into().unwrap();
        assert_eq!(answer[1..], crypto::f4(&theirs, mine.x(), random, z));
    }
    // All rounds are over: one more is out of order.
    side.receive(&[code::PAIRING_CONFIRM; 17]);
    assert_eq!(side.reason(), Some(reason::UNSPECIFIED_REASON));
}

#[test]
fn a_refused_key_does_not_forgive_failed_attempts() {
    let mut side = Side::new(Role::Peripheral, 1);
    side.config = SecurityConfig {
        io: DisplayOnly,
        mitm: true,
        secure: false,
        ..side.config
    };
    for _ in 0..4 {
        side.receive(&request(KeyboardOnly, MITM));
        side.receive(&[code::PAIRING_CONFIRM; 17]);
        side.receive(&[code::PAIRING_RANDOM; 17]);
        side.ltk_request([0; 8], 0);
        assert_eq!(side.answer.take(), Some(None));
    }
    side.receive(&request(KeyboardOnly, MITM));
    assert_eq!(side.reason(), Some(reason::REPEATED_ATTEMPTS));
}
