//! Connections: creating, data, ending.
mod common;
use common::*;

#[test]
fn two_nodes_connect_exchange_data_and_disconnect() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    b.send_acl(0, c, 0, b"hello");
    assert_eq!(b.acl(1), (p | 0x2000, b"hello".to_vec()));
    let completed = b.event(0, 0x13);
    assert_eq!(completed, [1, c as u8, (c >> 8) as u8, 1, 0]);
    b.send_acl(1, p, 0, b"back");
    assert_eq!(b.acl(0), (c | 0x2000, b"back".to_vec()));
    assert_eq!(b.status(0, 0x0406, &with_handle(c, &[0x13])), 0);
    assert_eq!(b.event(0, 0x05)[3], 0x16);
    assert_eq!(b.event(1, 0x05)[3], 0x13);
    b.no_violations();
}

#[test]
fn long_packets_travel_as_27_byte_pdus_until_the_data_length_is_changed() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    let data: Vec<u8> = (0..100).collect();
    b.send_acl(0, c, 0, &data);
    let mut got = Vec::new();
    for i in 0..4 {
        let (head, piece) = b.acl(1);
        assert_eq!(head, p | if i == 0 { 0x2000 } else { 0x1000 });
        assert!(piece.len() <= 27);
        got.extend_from_slice(&piece);
    }
    assert_eq!(got, data);
    b.ok(0, 0x2022, &with_handle(c, &[251, 0, 0x48, 8]));
    for n in [0, 1] {
        let change = b.le_event(n, 7);
        // What the central sends is what the peripheral receives.
        assert_eq!(change[2 + 4 * n], 251);
    }
    b.send_acl(0, c, 0, &data);
    assert_eq!(b.acl(1), (p | 0x2000, data));
}

#[test]
fn encryption_starts_with_the_same_key_on_both_ends() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    assert_eq!(b.status(0, 0x2019, &encrypt(c, 7)), 0);
    let request = b.le_event(1, 5);
    assert_eq!(request[2..], [1, 2, 3, 4, 5, 6, 7, 8, 0x34, 0x12]);
    b.ok(1, 0x201a, &with_handle(p, &[7; 16]));
    assert_eq!(b.event(0, 0x08), [0, c as u8, 0, 1]);
    assert_eq!(b.event(1, 0x08), [0, p as u8, 0, 1]);
    assert!(b.air.is_encrypted(0, c) && b.air.is_encrypted(1, p));
    b.send_acl(0, c, 0, b"secret");
    assert_eq!(b.acl(1).1, b"secret");
    b.send_acl(1, p, 0, b"secret too");
    assert_eq!(b.acl(0).1, b"secret too");
    // Again, with another key: the pause procedure and Key Refresh.
    b.ok(0, 0x2019, &encrypt(c, 8));
    b.le_event(1, 5);
    b.ok(1, 0x201a, &with_handle(p, &[8; 16]));
    assert_eq!(b.event(0, 0x30)[0], 0);
    assert_eq!(b.event(1, 0x30)[0], 0);
    b.send_acl(0, c, 0, b"secret");
    assert_eq!(b.acl(1).1, b"secret");
}

#[test]
fn one_flipped_bit_in_the_long_term_key_ends_the_link() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    b.ok(0, 0x2019, &encrypt(c, 7));
    b.le_event(1, 5);
    let mut key = [7; 16];
    key[9] ^= 0x10;
    b.ok(1, 0x201a, &with_handle(p, &key));
    // The peripheral sees the wrong MIC; the central hears nothing any more.
    assert_eq!(b.event(1, 0x05)[3], 0x3d);
    assert_eq!(b.event(0, 0x05)[3], 0x08);
    assert!(!b.has_event(0, 0x08) && !b.has_event(1, 0x08));
}

#[test]
fn a_peripheral_without_the_key_leaves_the_link_unencrypted() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    b.ok(0, 0x2019, &encrypt(c, 7));
    b.le_event(1, 5);
    b.ok(1, 0x201b, &with_handle(p, &[]));
    assert_eq!(b.event(0, 0x08), [6, c as u8, 0, 0]);
    b.send_acl(0, c, 0, b"plain");
    assert_eq!(b.acl(1).1, b"plain");
    b.send_acl(1, p, 0, b"plain");
    assert_eq!(b.acl(0).1, b"plain");
}

#[test]
fn a_node_that_is_switched_off_is_missed_by_supervision() {
    let mut b = Bench::new(2);
    b.connect(0, 1, 24);
    b.run(100_000);
    let start = b.air.now();
    b.air.power_off(0);
    assert_eq!(b.event(1, 0x05)[3], 0x08);
    let waited = b.air.now() - start;
    assert!((900_000..=1_100_000).contains(&waited), "{waited}");
}

#[test]
fn nothing_is_lost_or_reordered_on_a_lossy_air() {
    let mut b = Bench::new(2);
    let (c, _) = b.connect_with(0, 1, 6, 0, 500);
    b.air.set_loss(0.2);
    let mut got = Vec::new();
    let mut free = 8;
    let mut sent = 0u16;
    while got.len() < 500 {
        while free > 0 && sent < 500 {
            b.send_acl(0, c, 0, &sent.to_le_bytes());
            (free, sent) = (free - 1, sent + 1);
        }
        b.run(1000);
        for p in std::mem::take(&mut b.inbox[0]) {
            assert_ne!(p[1], 0x05, "link lost");
            if p[1] == 0x13 {
                free += usize::from(p[6]);
            }
        }
        for p in std::mem::take(&mut b.inbox[1]) {
            if p[0] == 2 {
                got.push(u16::from_le_bytes([p[5], p[6]]));
            }
        }
    }
    assert!(got.iter().enumerate().all(|(i, v)| i == usize::from(*v)));
    assert!(b.air.stats(0).retransmissions > 50);
    b.no_violations();
}
