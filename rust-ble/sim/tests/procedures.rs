//! Link Layer procedures: what both hosts are told.
mod common;
use ble_sim::{NodeConfig, Options, Profile};
use common::*;

fn update(handle: u16, interval: u16, latency: u16, timeout: u16) -> Vec<u8> {
    let mut params = handle.to_le_bytes().to_vec();
    for value in [interval, interval, latency, timeout, 0, 0] {
        params.extend_from_slice(&value.to_le_bytes());
    }
    params
}

/// Status, interval, latency, timeout of LE Connection Update Complete.
fn updated(b: &mut Bench, n: usize) -> (u8, [u16; 3]) {
    let e = b.le_event(n, 3);
    (
        e[0],
        [3, 5, 7].map(|i| u16::from_le_bytes([e[i], e[i + 1]])),
    )
}

#[test]
fn the_central_updates_the_connection_at_an_instant() {
    let mut b = Bench::new(2);
    let (c, _) = b.connect(0, 1, 24);
    b.ok(0, 0x2013, &update(c, 80, 2, 300));
    assert_eq!(updated(&mut b, 0), (0, [80, 2, 300]));
    assert_eq!(updated(&mut b, 1), (0, [80, 2, 300]));
    b.run(10_000_000);
    assert_eq!(b.air.link_count(0), 1);
}

#[test]
fn a_peripheral_asks_and_the_centrals_host_decides() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    b.ok(1, 0x2013, &update(p, 40, 0, 200));
    let asked = b.le_event(0, 6);
    assert_eq!(
        asked,
        [&c.to_le_bytes()[..], &[40, 0, 40, 0, 0, 0, 200, 0]].concat()
    );
    b.ok(0, 0x2020, &update(c, 40, 0, 200));
    assert_eq!(updated(&mut b, 1), (0, [40, 0, 200]));
    assert_eq!(updated(&mut b, 0), (0, [40, 0, 200]));
    b.ok(1, 0x2013, &update(p, 50, 0, 200));
    b.le_event(0, 6);
    b.ok(0, 0x2021, &with_handle(c, &[0x3b]));
    assert_eq!(updated(&mut b, 1), (0x3b, [40, 0, 200]));
    assert_eq!(b.status(0, 0x2020, &update(c, 40, 0, 200)), 0x0c);
}

#[test]
fn a_central_without_parameter_requests_makes_the_peripheral_use_l2cap() {
    let configs = vec![NodeConfig::new(Profile::Minimal), NodeConfig::default()];
    let mut b = Bench::with(1, Options::default(), configs);
    let (_, p) = b.connect(0, 1, 24);
    b.ok(1, 0x2013, &update(p, 40, 0, 200));
    assert_eq!(updated(&mut b, 1).0, 0x1a);
    // And with the event masked by the central's host.
    let mut b = Bench::new(2);
    b.ok(0, 0x2001, &[0x1f, 0, 0, 0, 0, 0, 0, 0]);
    let (_, p) = b.connect(0, 1, 24);
    b.ok(1, 0x2013, &update(p, 40, 0, 200));
    assert_eq!(updated(&mut b, 1).0, 0x1a);
}

#[test]
fn a_minimal_peripheral_cannot_ask() {
    let configs = vec![NodeConfig::default(), NodeConfig::new(Profile::Minimal)];
    let mut b = Bench::with(1, Options::default(), configs);
    let (_, p) = b.connect(0, 1, 24);
    assert_eq!(b.status(1, 0x2013, &update(p, 40, 0, 200)), 0x0c);
    assert_eq!(b.status(1, 0x2016, &with_handle(p, &[])), 0x0c);
}

#[test]
fn features_and_versions_are_exchanged() {
    let configs = vec![NodeConfig::default(), NodeConfig::new(Profile::Wb55)];
    let mut b = Bench::with(1, Options::default(), configs);
    let (c, p) = b.connect(0, 1, 24);
    b.ok(0, 0x2016, &with_handle(c, &[]));
    b.ok(1, 0x041d, &with_handle(p, &[]));
    let features = b.le_event(0, 4);
    assert_eq!(features[0], 0);
    assert_eq!(
        features[3..],
        NodeConfig::new(Profile::Wb55).features.to_le_bytes()
    );
    let version = b.event(1, 0x0c);
    assert_eq!((version[0], version[3]), (0, NodeConfig::default().version));
    b.ok(0, 0x041d, &with_handle(c, &[]));
    assert_eq!(b.event(0, 0x0c)[3], NodeConfig::new(Profile::Wb55).version);
    b.ok(1, 0x2016, &with_handle(p, &[]));
    assert_eq!(b.le_event(1, 4)[0], 0);
}

#[test]
fn a_peer_without_data_length_keeps_27_bytes() {
    let configs = vec![NodeConfig::default(), NodeConfig::new(Profile::Bt42)];
    let mut b = Bench::with(1, Options::default(), configs);
    let (c, _) = b.connect(0, 1, 24);
    b.ok(0, 0x2022, &with_handle(c, &[251, 0, 0x48, 8]));
    b.run(1_000_000);
    assert!(!b.has_le_event(0, 7) && !b.has_le_event(1, 7));
    assert_eq!(
        b.status(0, 0x2022, &with_handle(c, &[26, 0, 0x48, 8])),
        0x12
    );
}

#[test]
fn a_suggested_data_length_is_used_on_new_links() {
    let mut b = Bench::new(2);
    for n in [0, 1] {
        b.ok(n, 0x2024, &[251, 0, 0x48, 8]);
    }
    assert_eq!(b.ok(0, 0x2023, &[]), [251, 0, 0x48, 8]);
    b.connect(0, 1, 24);
    for n in [0, 1] {
        let lengths = b.le_event(n, 7);
        assert_eq!(lengths[2..], [251, 0, 0x48, 8, 251, 0, 0x48, 8]);
    }
}

#[test]
fn both_sides_change_to_2m() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    assert_eq!(b.ok(0, 0x2030, &with_handle(c, &[]))[2..], [1, 1]);
    b.ok(0, 0x2032, &with_handle(c, &[0, 2, 2, 0, 0]));
    for (n, handle) in [(0, c), (1, p)] {
        assert_eq!(
            b.le_event(n, 0x0c),
            [&[0][..], &handle.to_le_bytes(), &[2, 2]].concat()
        );
        assert_eq!(b.ok(n, 0x2030, &with_handle(handle, &[]))[2..], [2, 2]);
    }
    // No change, asked by the peripheral: only it is told.
    b.ok(1, 0x2032, &with_handle(p, &[0, 2, 2, 0, 0]));
    assert_eq!(b.le_event(1, 0x0c)[0], 0);
    b.run(1_000_000);
    assert!(!b.has_le_event(0, 0x0c));
    assert_eq!(b.status(0, 0x2032, &with_handle(c, &[0, 4, 4, 0, 0])), 0x11);
    assert_eq!(b.status(0, 0x2032, &with_handle(c, &[0, 0, 2, 0, 0])), 0x12);
}

#[test]
fn a_peer_without_2m_stays_on_1m() {
    let configs = vec![NodeConfig::default(), NodeConfig::new(Profile::Bt42)];
    let mut b = Bench::with(1, Options::default(), configs);
    let (c, _) = b.connect(0, 1, 24);
    b.ok(0, 0x2032, &with_handle(c, &[0, 2, 2, 0, 0]));
    assert_eq!(b.le_event(0, 0x0c)[0], 0x1a);
}

#[test]
fn procedures_with_an_instant_do_not_cross() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    b.run(100_000);
    b.ok(0, 0x2032, &with_handle(c, &[0, 2, 2, 0, 0]));
    b.ok(1, 0x2032, &with_handle(p, &[0, 2, 2, 0, 0]));
    assert_eq!(b.le_event(0, 0x0c)[0], 0);
    let first = b.le_event(1, 0x0c);
    let second = b.le_event(1, 0x0c);
    assert_eq!([first[0], second[0]], [0x23, 0]);
    // Between two connection events: the central sends first in the next.
    b.run(15_000);
    b.ok(0, 0x2013, &update(c, 80, 0, 300));
    b.ok(1, 0x2013, &update(p, 60, 0, 300));
    assert_eq!(updated(&mut b, 0).0, 0);
    assert_eq!(updated(&mut b, 1), (0, [80, 0, 300]));
    // The peripheral has waited for the instant.
    assert_eq!(b.le_event(0, 6)[2], 60);
}

#[test]
fn both_ends_may_disconnect_at_once() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    b.run(100_000);
    b.ok(0, 0x0406, &with_handle(c, &[0x13]));
    assert_eq!(b.status(0, 0x0406, &with_handle(c, &[0x13])), 0x0c);
    b.ok(1, 0x0406, &with_handle(p, &[0x15]));
    assert!(matches!(b.event(0, 0x05)[3], 0x15 | 0x16));
    assert!(matches!(b.event(1, 0x05)[3], 0x13 | 0x16));
    b.run(5_000_000);
    assert!(!b.has_event(0, 0x05) && !b.has_event(1, 0x05));
    assert_eq!(b.air.next_time(), None, "nothing is left to do");
    b.no_violations();
}

#[test]
fn disconnecting_from_a_peer_that_has_vanished_ends_by_supervision() {
    let mut b = Bench::new(2);
    let (c, _) = b.connect(0, 1, 24);
    b.run(100_000);
    b.air.power_off(1);
    b.ok(0, 0x0406, &with_handle(c, &[0x13]));
    assert_eq!(b.event(0, 0x05)[3], 0x16);
}

#[test]
fn a_lost_connect_ind_fails_to_be_established() {
    let mut failures = 0;
    for seed in 0..40 {
        let options = Options {
            loss: 0.5,
            latency: 0,
        };
        let mut b = Bench::with(seed, options, vec![NodeConfig::default(); 2]);
        b.advertise(1, 0, 0x20, b"", b"");
        b.ok(0, 0x200d, &create(address(1), 24, 0, 100));
        b.wait(0, "connection", is_connection);
        if b.air.link_count(1) == 0 {
            let created = b.air.now();
            assert_eq!(b.event(0, 0x05)[3], 0x3e);
            assert_eq!(b.air.now() - created, 6 * 30_000);
            failures += 1;
        }
    }
    assert!(failures > 5, "{failures}");
}

#[test]
fn a_host_that_never_gives_the_key_is_timed_out_after_40_s() {
    let mut b = Bench::new(2);
    let (c, _) = b.connect(0, 1, 24);
    b.ok(0, 0x2019, &encrypt(c, 1));
    assert_eq!(b.status(0, 0x2019, &encrypt(c, 1)), 0x0c);
    b.run(41_000_000);
    assert_eq!(b.event(0, 0x05)[3], 0x22);
}

#[test]
fn a_masked_key_request_is_refused_by_the_controller() {
    let mut b = Bench::new(2);
    b.ok(1, 0x2001, &[0x0f, 2, 0, 0, 0, 0, 0, 0]);
    let (c, _) = b.connect(0, 1, 24);
    b.ok(0, 0x2019, &encrypt(c, 1));
    assert_eq!(b.event(0, 0x08)[0], 0x06);
}

#[test]
fn a_missing_key_on_a_refresh_ends_the_link() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect(0, 1, 24);
    b.ok(0, 0x2019, &encrypt(c, 1));
    b.le_event(1, 5);
    b.ok(1, 0x201a, &with_handle(p, &[1; 16]));
    b.event(0, 0x08);
    b.ok(0, 0x2019, &encrypt(c, 1));
    b.le_event(1, 5);
    b.ok(1, 0x201b, &with_handle(p, &[]));
    assert_eq!(b.event(0, 0x05)[3], 0x06);
    assert_eq!(b.event(1, 0x05)[3], 0x16);
}

#[test]
fn encryption_under_traffic_and_loss_loses_nothing() {
    for seed in 0..20 {
        let configs = vec![NodeConfig::default(); 2];
        let mut b = Bench::with(seed, Options::default(), configs);
        let (c, p) = b.connect_with(0, 1, 12, 0, 800);
        b.air.set_loss(0.2);
        for i in 0..4 {
            b.send_acl(0, c, 0, &[i; 60]);
            b.send_acl(1, p, 0, &[i; 60]);
        }
        b.ok(0, 0x2019, &encrypt(c, 1));
        for i in 4..8 {
            b.send_acl(0, c, 0, &[i; 60]);
            b.send_acl(1, p, 0, &[i; 60]);
        }
        b.le_event(1, 5);
        b.ok(1, 0x201a, &with_handle(p, &[1; 16]));
        b.event(0, 0x08);
        b.event(1, 0x08);
        b.run(2_000_000);
        for n in [0, 1] {
            let data: Vec<u8> = b.inbox[n]
                .iter()
                .filter(|p| p[0] == 2)
                .flat_map(|p| p[5..].to_vec())
                .collect();
            let expected: Vec<u8> = (0..8).flat_map(|i| [i; 60]).collect();
            assert_eq!(data, expected, "seed {seed}");
        }
        b.no_violations();
    }
}

#[test]
fn a_peripheral_with_latency_sleeps_and_still_hears_everything() {
    let mut b = Bench::new(2);
    let (c, p) = b.connect_with(0, 1, 24, 9, 300);
    b.run(1_000_000);
    let start = b.air.now();
    b.send_acl(0, c, 0, b"down");
    assert_eq!(b.acl(1).1, b"down");
    assert!(b.air.now() - start <= 330_000);
    let start = b.air.now();
    b.send_acl(1, p, 0, b"up");
    assert_eq!(b.acl(0).1, b"up");
    assert!(
        b.air.now() - start <= 31_000,
        "the peripheral need not wait"
    );
    b.run(20_000_000);
    assert_eq!(b.air.link_count(0), 1);
}

#[test]
fn one_central_holds_many_links_with_handles_of_their_own() {
    let mut b = Bench::new(9);
    let handles: Vec<_> = (1..9).map(|n| b.connect(0, n, 24)).collect();
    for (i, (c, _)) in handles.iter().enumerate() {
        b.send_acl(0, *c, 0, &[i as u8]);
    }
    for n in 1..9 {
        assert_eq!(b.acl(n).1, [n as u8 - 1]);
    }
    let mut distinct: Vec<_> = handles.iter().map(|h| h.0).collect();
    distinct.dedup();
    assert_eq!(distinct.len(), 8);
}

#[test]
fn connections_beyond_the_limit_are_refused() {
    let limited = NodeConfig {
        max_links: 1,
        ..NodeConfig::default()
    };
    let mut b = Bench::with(
        1,
        Options::default(),
        vec![limited.clone(), limited, NodeConfig::default()],
    );
    b.connect(0, 1, 24);
    assert_eq!(b.status(0, 0x200d, &create(address(2), 24, 0, 100)), 0x09);
    assert_eq!(b.status(1, 0x200a, &[1]), 0x09);
}
