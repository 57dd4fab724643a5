//! What a link can carry: as much as air time allows, and no more.
mod common;
use ble_sim::NodeConfig;
use common::*;

/// Payload bytes a second from central to peripheral, 27 or 251 bytes a PDU.
fn throughput(interval: u16, octets: u16, two_m: bool, encrypted: bool) -> u64 {
    throughput_answered(interval, octets, two_m, encrypted, usize::MAX)
}

/// The same when the peripheral sends 12 bytes for each `many` PDUs.
fn throughput_answered(
    interval: u16,
    octets: u16,
    two_m: bool,
    encrypted: bool,
    many: usize,
) -> u64 {
    let mut b = Bench::with(
        1,
        Default::default(),
        vec![NodeConfig::default().with_acl(251, 8); 2],
    );
    let (c, p) = b.connect_with(0, 1, interval, 0, 400);
    if octets > 27 {
        b.ok(0, 0x2022, &with_handle(c, &[octets as u8, 0, 0x48, 8]));
        b.le_event(0, 7);
    }
    if two_m {
        b.ok(0, 0x2032, &with_handle(c, &[0, 2, 2, 0, 0]));
        b.le_event(0, 0x0c);
    }
    if encrypted {
        b.ok(0, 0x2019, &encrypt(c, 1));
        b.le_event(1, 5);
        b.ok(1, 0x201a, &with_handle(p, &[1; 16]));
        b.event(0, 0x08);
    }
    b.run(200_000);
    let data = vec![0; usize::from(octets)];
    let end = b.air.now() + 10_000_000;
    let (mut free, mut bytes, mut unanswered) = (8, 0, 0);
    b.inbox.iter_mut().for_each(Vec::clear);
    while b.air.now() < end {
        while free > 0 {
            b.send_acl(0, c, 0, &data);
            free -= 1;
        }
        b.air.step();
        b.collect_all();
        free += b.inbox[0].drain(..).filter(|p| p[1] == 0x13).count();
        for packet in std::mem::take(&mut b.inbox[1]) {
            if packet[0] == 2 {
                bytes += packet.len() as u64 - 5;
                unanswered += 1;
            }
        }
        if unanswered >= many {
            b.send_acl(1, p, 0, &[0; 12]);
            unanswered = 0;
        }
    }
    b.no_violations();
    bytes / 10
}

/// The limit that the specification sets: whole exchanges within an interval.
fn limit(interval: u16, octets: u64, two_m: bool, encrypted: bool) -> u64 {
    let mic = if encrypted { 4 } else { 0 };
    let (pdu, empty) = match two_m {
        false => ((octets + 10 + mic) * 8, 80),
        true => ((octets + 11 + mic) * 4, 44),
    };
    let interval = u64::from(interval) * 1250;
    let exchanges = interval / (pdu + 150 + empty + 150);
    exchanges * octets * 1_000_000 / interval
}

#[test]
fn throughput_reaches_the_limit_of_the_link_and_never_exceeds_it() {
    for interval in [6, 24, 40] {
        for octets in [27, 251] {
            for two_m in [false, true] {
                for encrypted in [false, true] {
                    let got = throughput(interval, octets, two_m, encrypted);
                    let limit = limit(interval, octets.into(), two_m, encrypted);
                    let name = format!("{interval} {octets} 2M {two_m} encrypted {encrypted}");
                    assert!(got <= limit + limit / 500, "{name}: {got} of {limit}");
                    assert!(got >= limit * 97 / 100, "{name}: {got} of {limit}");
                }
            }
        }
    }
}

#[test]
fn a_small_answer_costs_no_exchange_that_it_leaves_time_for() {
    // Three exchanges and 12 bytes more fill 7.5 ms to the last microsecond.
    let got = throughput_answered(6, 251, false, false, 8);
    assert!(got >= limit(6, 251, false, false) * 99 / 100, "{got}");
}

#[test]
fn one_buffer_of_27_bytes_gives_one_pdu_an_event() {
    let mut b = Bench::with(
        1,
        Default::default(),
        vec![NodeConfig::default().with_acl(27, 1); 2],
    );
    let (c, _) = b.connect(0, 1, 24);
    b.run(100_000);
    b.inbox.iter_mut().for_each(Vec::clear);
    let end = b.air.now() + 3_000_000;
    let mut sent = 0;
    let mut free = true;
    while b.air.now() < end {
        if std::mem::take(&mut free) {
            b.send_acl(0, c, 0, &[0; 27]);
            sent += 1;
        }
        b.air.step();
        b.collect_all();
        free |= b.inbox[0].drain(..).any(|p| p[1] == 0x13);
    }
    assert!((98..=102).contains(&sent), "{sent}");
}

#[test]
fn connection_events_keep_their_interval() {
    let mut b = Bench::new(2);
    b.connect(0, 1, 40);
    b.run(1_000_000);
    let before = b.air.stats(0).connection_events;
    b.run(10_000_000);
    assert_eq!(b.air.stats(0).connection_events - before, 200);
}
