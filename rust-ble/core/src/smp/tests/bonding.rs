//! Bonds: kept, used again, lost, refused.

use super::*;
use crate::config::{MAX_BONDS, MAX_PAIRINGS};
use IoCapability::*;

fn bonded(secure: bool) -> Pair {
    let mut pair = Pair::configured(|c| {
        *c = SecurityConfig {
            bond: true,
            secure,
            ..*c
        }
    });
    pair.central.pair();
    pair.drive();
    pair.assert_done(false, true, secure);
    pair
}

fn restarted(secure: bool) -> Pair {
    let mut pair = bonded(secure);
    pair.disconnect();
    pair.central.restart();
    pair.peripheral.restart();
    pair.air.clear();
    pair
}

#[test]
fn either_side_encrypts_again_with_stored_keys_after_a_restart() {
    for secure in [false, true] {
        for peripheral_asks in [false, true] {
            let mut pair = restarted(secure);
            let bond = pair.central.bond().unwrap();
            let stored = bond.peers().unwrap();
            if peripheral_asks {
                pair.peripheral.pair();
            } else {
                pair.central.pair();
            }
            pair.drive();
            pair.assert_done(false, true, secure);
            assert_eq!(pair.central.key.unwrap(), stored[..16]);
            // Only the Security Request was sent.
            assert_eq!(pair.air.len(), peripheral_asks as usize);
        }
    }
}

#[test]
fn stored_keys_work_with_the_roles_exchanged() {
    for secure in [false, true] {
        let mut pair = restarted(secure);
        let Pair {
            central,
            peripheral,
            ..
        } = &mut pair;
        core::mem::swap(central, peripheral);
        central.link.role = Role::Central;
        peripheral.link.role = Role::Peripheral;
        central.pair();
        pair.drive();
        pair.assert_done(false, true, secure);
    }
}

#[test]
fn a_peer_with_a_private_address_is_recognised() {
    let mut pair = restarted(true);
    let identity = pair.peripheral.link.peer;
    let rpa = bonds::resolvable_address(&[3; 16], &mut pair.central.rng);
    pair.central.link.local = rpa;
    pair.peripheral.link.peer = rpa;
    pair.peripheral.link.identity = pair.peripheral.smp.identities.resolve(&rpa);
    assert_eq!(pair.peripheral.link.identity, identity);
    pair.central.pair();
    pair.drive();
    pair.assert_done(false, true, true);
}

#[test]
fn a_bond_made_behind_a_private_address_is_kept_under_the_identity() {
    let mut pair = Pair::configured(|c| c.bond = true);
    let identity = pair.peripheral.link.peer;
    let rpa = bonds::resolvable_address(&[3; 16], &mut pair.central.rng);
    pair.central.link.local = rpa;
    pair.peripheral.link.peer = rpa;
    pair.peripheral.link.identity = rpa;
    pair.central.pair();
    pair.drive();
    pair.assert_done(false, true, true);
    assert_eq!(pair.peripheral.link.identity, identity);
    let other = bonds::resolvable_address(&[3; 16], &mut pair.central.rng);
    assert_eq!(pair.peripheral.smp.identities.resolve(&other), identity);
}

#[test]
fn blesa_cve_2020_9770_a_peer_that_lost_its_key_is_reported_and_our_bond_stays() {
    for peripheral_asks in [false, true] {
        let mut pair = restarted(true);
        pair.peripheral.secrets.clear();
        if peripheral_asks {
            pair.peripheral.pair();
        } else {
            pair.central.pair();
        }
        pair.drive();
        assert_eq!(pair.central.failed, [Failure::Controller(0x06)]);
        assert_eq!(pair.central.done, []);
        assert!(!pair.central.link.security.encrypted());
        assert!(pair.central.bond().is_some());
    }
}

#[test]
fn one_flipped_bit_of_a_stored_key_fails() {
    let mut pair = restarted(true);
    for value in pair.peripheral.secrets.values_mut() {
        value[10] ^= 1;
    }
    pair.central.pair();
    pair.drive();
    assert_eq!((pair.central.key, pair.peripheral.key), (None, None));
    assert_eq!(pair.peripheral.done, []);
}

#[test]
fn a_legacy_key_is_given_only_for_its_own_ediv_and_rand() {
    let mut pair = restarted(false);
    let side = &mut pair.peripheral;
    let bond = side.bond().unwrap();
    let key = bond.ours().unwrap();
    let rand: [u8; 8] = key[18..].try_into().unwrap();
    let ediv = u16::from_le_bytes([key[16], key[17]]);
    for (rand, ediv) in [(rand, ediv ^ 1), ([0; 8], 0), ([0xff; 8], ediv)] {
        side.ltk_request(rand, ediv);
        assert_eq!(side.answer.take(), Some(None));
    }
    side.ltk_request(rand, ediv);
    assert_eq!(side.answer.take().unwrap().unwrap(), key[..16]);
    assert_eq!(side.failed, [Failure::Controller(0x06); 3]);
}

#[test]
fn a_store_that_refuses_gives_an_unbonded_link() {
    for secure in [false, true] {
        let mut pair = Pair::configured(|c| {
            *c = SecurityConfig {
                bond: true,
                secure,
                ..*c
            }
        });
        pair.peripheral.store = Store::Refuses;
        pair.central.pair();
        pair.drive();
        assert_eq!(pair.peripheral.done.len(), 1);
        assert!(!pair.peripheral.done[0].bonded && pair.peripheral.done[0].encrypted());
        assert!(pair.central.done[0].bonded);
        assert!(pair.peripheral.smp.identities.peers().is_empty());
    }
}

#[test]
fn garbage_in_the_store_is_as_good_as_no_bond() {
    for garbage in [&[][..], &[0; 5], &[0xff; bonds::BOND_LEN], &[1; 200]] {
        let mut pair = bonded(true);
        pair.disconnect();
        for side in [&mut pair.central, &mut pair.peripheral] {
            for value in side.secrets.values_mut() {
                *value = garbage.to_vec();
            }
            side.restart_without_bonds();
        }
        pair.central.pair();
        pair.drive();
        // Pairs anew and replaces what was there.
        pair.assert_done(false, true, true);
        assert!(pair.central.bond().is_some());
    }
}

#[test]
fn a_value_of_another_peer_is_not_taken() {
    let mut pair = restarted(true);
    for value in pair.peripheral.secrets.values_mut() {
        value[2] ^= 1;
    }
    pair.central.pair();
    pair.drive();
    assert_eq!(pair.central.failed, [Failure::Controller(0x06)]);
}

#[test]
fn a_full_table_gives_an_unbonded_link() {
    let mut pair = Pair::configured(|c| c.bond = true);
    for n in 0..MAX_BONDS {
        let mut bond = Bond::new(Address::public([n as u8; 6]));
        bond.set_keys(Some(&[1; 26]), None);
        bond.set_security(&Security {
            key_size: 16,
            ..Security::default()
        });
        assert!(pair.peripheral.smp.identities.load(bond.value()));
    }
    pair.central.pair();
    pair.drive();
    assert!(!pair.peripheral.done[0].bonded);
    assert!(pair.peripheral.secrets.is_empty());
    assert_eq!(pair.peripheral.smp.identities.peers().len(), MAX_BONDS);
}

#[test]
fn no_bond_is_made_unless_both_want_one() {
    for central_wants in [false, true] {
        let mut pair = Pair::new();
        pair.central.config.bond = central_wants;
        pair.peripheral.config.bond = !central_wants;
        pair.central.pair();
        pair.drive();
        pair.assert_done(false, false, true);
        assert!(pair.central.secrets.is_empty() && pair.peripheral.secrets.is_empty());
    }
}

#[test]
fn gap_pair_on_an_encrypted_link_encrypts_again() {
    let mut pair = restarted(true);
    for _ in 0..2 {
        pair.central.done.clear();
        pair.peripheral.done.clear();
        pair.central.pair();
        pair.drive();
        pair.assert_done(false, true, true);
    }
    pair.central.done.clear();
    pair.peripheral.done.clear();
    pair.peripheral.pair();
    pair.drive();
    pair.assert_done(false, true, true);
}

#[test]
fn a_bond_without_mitm_is_upgraded_when_the_script_asks_a_second_time() {
    let mut pair = restarted(true);
    for side in [&mut pair.central, &mut pair.peripheral] {
        side.config.mitm = true;
        side.config.io = DisplayYesNo;
    }
    // First the link is encrypted with what there is: the peer may be unable
    // to give more.
    pair.central.pair();
    pair.drive();
    pair.assert_done(false, true, true);
    pair.central.done.clear();
    pair.peripheral.done.clear();
    pair.central.pair();
    pair.drive();
    pair.assert_done(true, true, true);
    assert!(pair.central.bond().unwrap().security().authenticated);
}

#[test]
fn a_security_request_for_mitm_upgrades_once_the_link_is_encrypted() {
    let mut pair = restarted(true);
    pair.central.config.io = KeyboardDisplay;
    pair.peripheral.config.io = DisplayOnly;
    pair.peripheral.config.mitm = true;
    pair.peripheral.pair();
    pair.drive();
    pair.assert_done(false, true, true);
    for side in [&mut pair.central, &mut pair.peripheral] {
        side.done.clear();
    }
    pair.peripheral.pair();
    pair.drive();
    pair.assert_done(true, true, true);
}

#[test]
fn le_secure_refuses_a_legacy_bond() {
    let mut pair = restarted(false);
    pair.peripheral.config.secure_only = true;
    pair.central.pair();
    pair.drive();
    assert_eq!(pair.central.failed, [Failure::Controller(0x06)]);
    assert!(pair.peripheral.bond().is_some());
}

#[test]
fn csrks_are_accepted_and_ignored() {
    // The peripheral agrees to what a central wants to send.
    let mut side = Side::new(Role::Peripheral, 1);
    side.config = SecurityConfig {
        bond: true,
        secure: false,
        ..side.config
    };
    side.receive(&[code::PAIRING_REQUEST, 3, 0, 1, 16, 0x0f, 0x0f]);
    assert_eq!(side.sent.pop_front().unwrap()[5..], [0x07, 0x03]);
}

#[test]
fn pairings_beyond_the_limit_are_told_to_try_later() {
    let mut side = Side::new(Role::Peripheral, 1);
    let request = [code::PAIRING_REQUEST, 3, 0, 0, 16, 0, 0];
    for index in 0..MAX_PAIRINGS as u8 {
        side.link.index = index;
        side.receive(&request);
        assert_eq!(side.sent.back().unwrap()[0], code::PAIRING_RESPONSE);
    }
    side.link.index = MAX_PAIRINGS as u8;
    side.receive(&request);
    assert_eq!(side.reason(), Some(reason::REPEATED_ATTEMPTS));
    assert_eq!(
        side.smp.pair(&side.link, side.config, NOW),
        Err(crate::Error::NoMemory)
    );
    side.ltk_request([0; 8], 0);
    assert_eq!(side.answer, Some(None));
    side.smp.disconnected(0, NOW);
    side.receive(&request);
    assert_eq!(side.sent.back().unwrap()[0], code::PAIRING_RESPONSE);
}

#[test]
fn a_bond_that_the_script_has_deleted_does_not_stand_in_the_way() {
    for peripheral_asks in [false, true] {
        let mut pair = bonded(true);
        pair.disconnect();
        // Neither is told.
        pair.central.secrets.clear();
        pair.peripheral.secrets.clear();
        if peripheral_asks {
            pair.peripheral.pair();
        } else {
            pair.central.pair();
        }
        pair.drive();
        pair.central.done.remove(0);
        pair.peripheral.done.remove(0);
        pair.assert_done(false, true, true);
    }
}
