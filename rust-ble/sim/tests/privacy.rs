//! The resolving list and private addresses.
mod common;
use ble_sim::{NodeConfig, Options};
use common::*;

/// LE Add Device To Resolving List with keys of one repeated byte.
fn entry(n: usize, peer_irk: u8, local_irk: u8) -> Vec<u8> {
    [&[1][..], &address(n), &[peer_irk; 16], &[local_irk; 16]].concat()
}

fn identity(n: usize) -> Vec<u8> {
    [&[1][..], &address(n)].concat()
}

/// Node 0 and 1 know each other's keys, and resolve.
fn bonded() -> Bench {
    let mut b = Bench::new(3);
    b.ok(0, 0x2027, &entry(1, 0x11, 0x10));
    b.ok(1, 0x2027, &entry(0, 0x10, 0x11));
    for n in [0, 1] {
        b.ok(n, 0x202d, &[1]);
    }
    b
}

fn advertise_privately(b: &mut Bench, own: u8) {
    let mut params = adv_params(0, 0x20, 0x20, own, 7, 0);
    params[6] = 1;
    params[7..13].copy_from_slice(&address(0));
    b.ok(1, 0x2006, &params);
    b.ok(1, 0x200a, &[1]);
}

fn heard(b: &mut Bench, n: usize) -> Vec<(u8, Vec<u8>)> {
    b.collect(n);
    let inbox = std::mem::take(&mut b.inbox[n]);
    inbox
        .iter()
        .filter(|p| p[3] == 2)
        .map(|p| (p[6], p[7..13].to_vec()))
        .collect()
}

#[test]
fn the_resolving_list_has_its_errors() {
    let config = NodeConfig {
        resolving_list_size: 2,
        ..NodeConfig::default()
    };
    let mut b = Bench::with(1, Options::default(), vec![config]);
    assert_eq!(b.ok(0, 0x202a, &[]), [2]);
    b.ok(0, 0x2027, &entry(1, 1, 1));
    assert_eq!(b.status(0, 0x2027, &entry(1, 2, 2)), 0x12);
    b.ok(0, 0x2027, &entry(2, 2, 2));
    assert_eq!(b.status(0, 0x2027, &entry(3, 2, 2)), 0x07);
    assert_eq!(b.status(0, 0x2028, &identity(7)), 0x02);
    assert_eq!(b.status(0, 0x202b, &identity(7)), 0x02);
    b.ok(0, 0x202d, &[1]);
    b.scan(0, false, 16, 16, false);
    assert_eq!(b.status(0, 0x2028, &identity(1)), 0x0c);
    assert_eq!(b.status(0, 0x202d, &[0]), 0x0c);
    b.ok(0, 0x200c, &[0, 0]);
    b.ok(0, 0x2028, &identity(1));
    b.ok(0, 0x2029, &[]);
    assert_eq!(b.status(0, 0x202d, &[2]), 0x12);
}

#[test]
fn a_bonded_scanner_sees_the_identity_and_a_stranger_a_private_address() {
    let mut b = bonded();
    advertise_privately(&mut b, 3);
    b.scan(0, false, 16, 16, true);
    b.scan(2, false, 16, 16, true);
    b.run(1_000_000);
    assert_eq!(heard(&mut b, 0), [(3, address(1).to_vec())]);
    let stranger = heard(&mut b, 2);
    assert_eq!(
        (stranger.len(), stranger[0].0, stranger[0].1[5] >> 6),
        (1, 1, 1)
    );
    let rpa = b.ok(1, 0x202c, &identity(0));
    assert_eq!(stranger[0].1, rpa);
    assert_eq!(b.ok(0, 0x202b, &identity(1)), rpa);
}

#[test]
fn private_addresses_change_after_the_timeout() {
    let mut b = bonded();
    b.ok(1, 0x202e, &[2, 0]);
    advertise_privately(&mut b, 3);
    b.scan(2, false, 16, 16, true);
    b.run(7_000_000);
    let mut addresses = heard(&mut b, 2);
    addresses.dedup();
    assert!((3..=4).contains(&addresses.len()), "{}", addresses.len());
}

#[test]
fn bonded_nodes_connect_by_identity() {
    let mut b = bonded();
    advertise_privately(&mut b, 3);
    let mut params = create(address(1), 24, 0, 100);
    params[12] = 3;
    b.ok(0, 0x200d, &params);
    let central = b.wait(0, "connection", is_connection);
    let peripheral = b.wait(1, "connection", is_connection);
    assert_eq!((central[8], &central[9..15]), (3, &address(1)[..]));
    assert_eq!((peripheral[8], &peripheral[9..15]), (3, &address(0)[..]));
    // Each end's own private address is the other's peer private address.
    assert_eq!(central[15..21], peripheral[21..27]);
    assert_eq!(central[21..27], peripheral[15..21]);
    assert_eq!(central[20] >> 6, 1);
}

#[test]
fn network_privacy_ignores_the_identity_address_and_device_privacy_does_not() {
    let mut b = bonded();
    advertise_privately(&mut b, 1);
    b.scan(0, false, 16, 16, true);
    b.run(500_000);
    assert!(heard(&mut b, 0).is_empty());
    b.ok(0, 0x200c, &[0, 0]);
    b.ok(0, 0x204e, &[&identity(1)[..], &[1]].concat());
    b.scan(0, false, 16, 16, true);
    b.run(500_000);
    assert_eq!(heard(&mut b, 0), [(1, address(1).to_vec())]);
}
