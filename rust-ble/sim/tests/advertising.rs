//! Advertising and scanning.
mod common;
use ble_sim::{NodeConfig, Options, Profile};
use common::*;

/// Kind, address type, address, data of the legacy reports received.
fn reports(b: &mut Bench, n: usize) -> Vec<(u8, u8, Vec<u8>, Vec<u8>)> {
    b.collect(n);
    let inbox = std::mem::take(&mut b.inbox[n]);
    let is_report = |p: &Vec<u8>| p[..2] == [4, 0x3e] && p[3] == 2;
    inbox
        .into_iter()
        .filter(is_report)
        .map(|p| {
            assert_eq!(p[4], 1, "reports in an event");
            assert_eq!(p.len(), 15 + usize::from(p[13]));
            (p[5], p[6], p[7..13].to_vec(), p[14..p.len() - 1].to_vec())
        })
        .collect()
}

#[test]
fn advertising_comes_at_its_interval_plus_up_to_ten_milliseconds() {
    let mut b = Bench::new(2);
    b.scan(0, false, 16, 16, false);
    b.advertise(1, 3, 160, b"\x02\x01\x06", b"");
    b.run(10_500_000);
    // 10.5 s / (100 ms + 5 ms on average); a scanner that changes its channel every
    // 10 ms misses some PDUs but hears most events on one channel or another.
    let got = reports(&mut b, 0);
    assert!((60..=135).contains(&got.len()), "{}", got.len());
    assert_eq!(
        got[0],
        (3, 1, address(1).to_vec(), b"\x02\x01\x06".to_vec())
    );
}

#[test]
fn a_scan_window_of_a_tenth_hears_about_a_tenth() {
    let count = |interval, window| {
        let mut b = Bench::new(2);
        b.scan(0, false, interval, window, false);
        b.advertise(1, 3, 0x20, b"", b"");
        b.run(60_000_000);
        reports(&mut b, 0).len()
    };
    let (all, tenth) = (count(1600, 1600), count(1600, 160));
    assert!(tenth * 7 < all && all < tenth * 13, "{all} {tenth}");
}

#[test]
fn an_active_scanner_gets_scan_responses() {
    let mut b = Bench::new(4);
    b.advertise(1, 0, 0x20, b"\x02\x01\x06", b"\x03\x09ab");
    b.advertise(2, 2, 0x20, b"", b"");
    b.advertise(3, 3, 0x20, b"", b"");
    b.scan(0, true, 16, 16, true);
    b.run(2_000_000);
    let mut kinds: Vec<_> = reports(&mut b, 0)
        .iter()
        .map(|r| (r.2[0], r.0, r.3.clone()))
        .collect();
    kinds.sort();
    let expected = [
        (2, 0, b"\x02\x01\x06".to_vec()),
        (2, 4, b"\x03\x09ab".to_vec()),
        (3, 2, vec![]),
        (3, 4, vec![]),
        (4, 3, vec![]),
    ];
    // Duplicates are filtered, so this is all.
    assert_eq!(kinds, expected);
}

#[test]
fn a_passive_scanner_asks_nothing_and_gets_duplicates() {
    let mut b = Bench::new(2);
    b.advertise(1, 0, 0x20, b"", b"");
    b.scan(0, false, 16, 16, false);
    b.run(2_000_000);
    let got = reports(&mut b, 0);
    assert!(got.len() > 20);
    assert!(got.iter().all(|r| r.0 == 0));
    b.ok(0, 0x200c, &[0, 0]);
    reports(&mut b, 0);
    b.run(2_000_000);
    assert!(reports(&mut b, 0).is_empty());
}

#[test]
fn data_changes_while_advertising_and_disabling_stops_it() {
    let mut b = Bench::new(2);
    b.scan(0, false, 16, 16, false);
    b.advertise(1, 0, 0x20, b"one", b"");
    b.run(500_000);
    assert!(reports(&mut b, 0).iter().all(|r| r.3 == b"one"));
    b.ok(1, 0x2008, &padded(b"two"));
    b.run(500_000);
    assert_eq!(
        reports(&mut b, 0).last().map(|r| r.3.clone()),
        Some(b"two".to_vec())
    );
    b.ok(1, 0x200a, &[0]);
    b.run(500_000);
    assert!(reports(&mut b, 0).is_empty());
}

#[test]
fn directed_advertising_is_heard_by_its_target_only() {
    let mut b = Bench::new(3);
    let mut params = adv_params(4, 0x20, 0x20, 1, 7, 0);
    params[6] = 1;
    params[7..13].copy_from_slice(&address(0));
    b.ok(1, 0x2006, &params);
    b.ok(1, 0x200a, &[1]);
    b.scan(0, true, 16, 16, false);
    b.scan(2, true, 16, 16, false);
    b.run(1_000_000);
    assert!(reports(&mut b, 0).iter().any(|r| r.0 == 1));
    assert!(reports(&mut b, 2).is_empty());
    b.ok(2, 0x200d, &create(address(1), 24, 0, 100));
    assert!(b.wait_for(2, 1_000_000, &is_connection).is_none());
    b.ok(0, 0x200d, &create(address(1), 24, 0, 100));
    b.wait(0, "connection", is_connection);
}

#[test]
fn high_duty_directed_advertising_gives_up_after_1280_ms() {
    let mut b = Bench::new(2);
    let mut params = adv_params(1, 0, 0, 1, 7, 0);
    params[6] = 1;
    params[7..13].copy_from_slice(&address(0));
    b.ok(1, 0x2006, &params);
    b.ok(1, 0x200a, &[1]);
    let start = b.air.now();
    let event = b.le_event(1, 0x0a);
    assert_eq!((event[0], event[3]), (0x3c, 1));
    assert!((1_279_000..1_282_000).contains(&(b.air.now() - start)));
}

#[test]
fn the_accept_list_filters_scan_requests_connections_and_reports() {
    let mut b = Bench::new(3);
    let mut entry = vec![1];
    entry.extend_from_slice(&address(0));
    b.ok(1, 0x2011, &entry);
    b.ok(1, 0x2006, &adv_params(0, 0x20, 0x20, 1, 7, 3));
    b.ok(1, 0x200a, &[1]);
    assert_eq!(b.status(1, 0x2010, &[]), 0x0c);
    b.scan(0, true, 16, 16, false);
    b.scan(2, true, 16, 16, false);
    b.run(1_000_000);
    assert!(reports(&mut b, 0).iter().any(|r| r.0 == 4));
    assert!(reports(&mut b, 2).iter().all(|r| r.0 == 0));
    // A stranger believes to be connected and finds out after six intervals.
    b.ok(2, 0x200d, &create(address(1), 24, 0, 100));
    b.wait(2, "connection", is_connection);
    assert_eq!(b.event(2, 0x05)[3], 0x3e);
    // A scanner with the policy hears only its list.
    b.ok(0, 0x200c, &[0, 0]);
    reports(&mut b, 0);
    b.ok(0, 0x200b, &[0, 16, 0, 16, 0, 1, 1]);
    b.ok(0, 0x200c, &[1, 0]);
    b.run(500_000);
    assert!(reports(&mut b, 0).is_empty());
}

#[test]
fn advertising_stops_on_connection_and_can_start_again() {
    let mut b = Bench::new(3);
    b.connect(0, 1, 24);
    b.scan(2, false, 16, 16, false);
    b.run(500_000);
    assert!(reports(&mut b, 2).is_empty());
    b.ok(1, 0x200a, &[1]);
    b.run(500_000);
    assert!(!reports(&mut b, 2).is_empty());
}

#[test]
fn five_hundred_advertisers_give_two_thousand_reports_a_second() {
    let mut configs = vec![NodeConfig::new(Profile::Full)];
    configs[0].report_buffers = 100;
    configs.resize(501, NodeConfig::new(Profile::Minimal));
    let mut b = Bench::with(1, Options::default(), configs);
    for n in 1..=500 {
        b.advertise(n, 0, 392, b"0123456789", b"");
    }
    b.scan(0, false, 1600, 1600, false);
    b.run(1_000_000);
    b.inbox[0].clear();
    b.run(2_000_000);
    let count = reports(&mut b, 0).len();
    assert!((3_800..4_200).contains(&count), "{count}");
    assert_eq!(b.air.stats(0).reports_dropped, 0);
    // A host that does not read: reports are dropped and counted, nothing grows.
    let end = b.air.now() + 1_000_000;
    b.air.advance_to(end);
    assert_eq!(reports(&mut b, 0).len(), 100);
    assert!(b.air.stats(0).reports_dropped > 1_500);
}

fn extended_params(handle: u8, properties: u8) -> Vec<u8> {
    let mut p = vec![handle, properties, 0, 0x20, 0, 0, 0x20, 0, 0, 7, 1, 0];
    p.extend_from_slice(&[0; 6]);
    p.extend_from_slice(&[0, 0x7f, 1, 0, 1, 3, 0]);
    p
}

fn set_random(handle: u8, n: usize) -> Vec<u8> {
    [&[handle][..], &address(n)].concat()
}

fn extended_scan(b: &mut Bench, n: usize) {
    b.ok(n, 0x2041, &[1, 0, 1, 1, 16, 0, 16, 0]);
    b.ok(n, 0x2042, &[1, 1, 0, 0, 0, 0]);
}

#[test]
fn extended_advertising_reaches_extended_scanners() {
    let mut b = Bench::new(3);
    let data: Vec<u8> = (0..=255).cycle().take(500).map(|v| v as u8).collect();
    b.ok(1, 0x2036, &extended_params(0, 0));
    b.ok(1, 0x2035, &set_random(0, 1));
    let (first, last) = data.split_at(251);
    b.ok(1, 0x2037, &[&[0, 1, 1, 251][..], first].concat());
    assert_eq!(
        b.status(1, 0x2039, &[1, 1, 0, 0, 0, 0]),
        0x0c,
        "data is not complete"
    );
    b.ok(1, 0x2037, &[&[0, 2, 1, 249][..], last].concat());
    b.ok(1, 0x2039, &[1, 1, 0, 0, 0, 0]);
    extended_scan(&mut b, 0);
    b.scan(2, true, 16, 16, false);
    b.run(1_000_000);
    let mut got = Vec::new();
    for p in std::mem::take(&mut b.inbox[0])
        .iter()
        .filter(|p| p[3] == 0x0d)
    {
        assert_eq!(p[5] & 0x1f, 0);
        assert_eq!((p[14], p[15], p[16]), (1, 1, 3), "{p:02x?}");
        got.extend_from_slice(&p[29..]);
        if p[5] & 0x60 == 0 {
            break;
        }
    }
    assert_eq!(got[..], data);
    assert!(
        reports(&mut b, 2).is_empty(),
        "a legacy scanner hears no extended PDU"
    );
}

#[test]
fn extended_sets_with_legacy_pdus_are_scanned_and_connected() {
    let mut b = Bench::new(3);
    b.ok(1, 0x2036, &extended_params(5, 0x13));
    assert_eq!(
        b.status(1, 0x2039, &[1, 1, 5, 0, 0, 0]),
        0x12,
        "the set has no address"
    );
    assert_eq!(b.status(1, 0x2039, &[1, 1, 6, 0, 0, 0]), 0x42);
    b.ok(1, 0x2035, &set_random(5, 1));
    b.ok(1, 0x2037, &[5, 3, 1, 3, 2, 1, 6]);
    b.ok(1, 0x2039, &[1, 1, 5, 0, 0, 0]);
    extended_scan(&mut b, 0);
    b.run(500_000);
    let kinds: Vec<u8> = b.inbox[0]
        .iter()
        .filter(|p| p[3] == 0x0d)
        .map(|p| p[5])
        .collect();
    assert_eq!(kinds, [0x13, 0x1b]);
    b.ok(2, 0x200d, &create(address(1), 24, 0, 100));
    b.wait(1, "connection", is_connection);
    let ended = b.le_event(1, 0x12);
    assert_eq!(ended[..2], [0, 5]);
}

#[test]
fn extended_advertising_ends_after_its_duration_or_count() {
    let mut b = Bench::new(1);
    for handle in [0, 1] {
        b.ok(0, 0x2036, &extended_params(handle, 0x13));
        b.ok(0, 0x2035, &set_random(handle, 1));
    }
    let start = b.air.now();
    b.ok(0, 0x2039, &[1, 2, 0, 50, 0, 0, 1, 0, 0, 4]);
    let counted = b.le_event(0, 0x12);
    assert_eq!((counted[0], counted[1], counted[4]), (0x43, 1, 4));
    let timed = b.le_event(0, 0x12);
    assert_eq!((timed[0], timed[1]), (0x3c, 0));
    assert_eq!(b.air.now() - start, 500_000);
    assert_eq!(b.status(0, 0x203c, &[9]), 0x42);
    b.ok(0, 0x203d, &[]);
}

#[test]
fn an_extended_scan_ends_after_its_duration() {
    let mut b = Bench::new(1);
    b.ok(0, 0x2041, &[1, 0, 1, 1, 16, 0, 16, 0]);
    b.ok(0, 0x2042, &[1, 1, 100, 0, 0, 0]);
    let start = b.air.now();
    b.le_event(0, 0x11);
    assert_eq!(b.air.now() - start, 1_000_000);
}
