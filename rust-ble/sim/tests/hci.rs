//! Commands, their errors, event masks and flow control.
mod common;
use ble_sim::{Air, NodeConfig, Options, Profile};
use common::*;

const UNKNOWN: u8 = 0x01;
const DISALLOWED: u8 = 0x0c;
const INVALID: u8 = 0x12;

#[test]
fn reset_is_answered_and_an_unknown_command_is_named_so() {
    let mut b = Bench::new(1);
    assert_eq!(b.status(0, 0xfc01, &[]), UNKNOWN);
    assert_eq!(b.status(0, 0x0401, &[0; 5]), UNKNOWN);
}

#[test]
fn a_command_of_a_wrong_length_is_invalid() {
    let mut b = Bench::new(1);
    assert_eq!(b.status(0, 0x2006, &[0; 14]), INVALID);
    assert_eq!(b.status(0, 0x2006, &[0; 16]), INVALID);
    assert_eq!(b.air.violations(0).len(), 2);
}

#[test]
fn parameters_out_of_range_are_invalid() {
    let mut b = Bench::new(1);
    let cases: Vec<(u16, Vec<u8>)> = vec![
        (0x2006, adv_params(0, 0x1f, 0x40, 1, 7, 0).to_vec()),
        (0x2006, adv_params(0, 0x40, 0x20, 1, 7, 0).to_vec()),
        (0x2006, adv_params(5, 0x40, 0x40, 1, 7, 0).to_vec()),
        (0x2006, adv_params(0, 0x40, 0x40, 4, 7, 0).to_vec()),
        (0x2006, adv_params(0, 0x40, 0x40, 1, 0, 0).to_vec()),
        (0x2006, adv_params(0, 0x40, 0x40, 1, 7, 4).to_vec()),
        (0x2008, {
            let mut data = padded(b"");
            data[0] = 32;
            data.to_vec()
        }),
        (0x200a, vec![2]),
        (0x200b, vec![0, 3, 0, 3, 0, 1, 0]),
        (0x200b, vec![0, 0x10, 0, 0x11, 0, 1, 0]),
        (0x200b, vec![2, 0x10, 0, 0x10, 0, 1, 0]),
        (0x200d, create(address(9), 5, 0, 100)),
        (0x200d, create(address(9), 0xc81, 0, 3000)),
        (0x200d, create(address(9), 24, 500, 3200)),
        // A timeout of less than twice the effective interval.
        (0x200d, create(address(9), 400, 4, 400)),
        (0x2024, vec![26, 0, 0x48, 1]),
        (0x202e, vec![0, 0]),
        (0x0406, with_handle(0x0f00, &[0x13])),
    ];
    for (opcode, params) in cases {
        assert_eq!(
            b.status(0, opcode, &params),
            INVALID,
            "{opcode:04x} {params:02x?}"
        );
    }
}

#[test]
fn unknown_handles_and_wrong_states_have_their_errors() {
    let mut b = Bench::new(3);
    assert_eq!(b.status(0, 0x0406, &with_handle(0x40, &[0x13])), 0x02);
    assert_eq!(b.status(0, 0x2016, &with_handle(0x40, &[])), 0x02);
    assert_eq!(b.status(0, 0x200e, &[]), DISALLOWED);
    let (c, p) = b.connect(0, 1, 24);
    assert_eq!(b.status(0, 0x0406, &with_handle(c, &[0x16])), INVALID);
    assert_eq!(b.status(1, 0x2019, &encrypt(p, 1)), DISALLOWED);
    assert_eq!(b.status(1, 0x201a, &with_handle(p, &[1; 16])), DISALLOWED);
    // The same peer again, another one, and a second attempt meanwhile.
    assert_eq!(b.status(0, 0x200d, &create(address(1), 24, 0, 100)), 0x0b);
    b.ok(0, 0x200d, &create(address(2), 24, 0, 100));
    assert_eq!(
        b.status(0, 0x200d, &create(address(2), 24, 0, 100)),
        DISALLOWED
    );
    b.ok(0, 0x200e, &[]);
    assert_eq!(b.le_event(0, 0x0a)[0], 0x02);
    b.advertise(2, 0, 0x100, b"", b"");
    assert_eq!(
        b.status(2, 0x2006, &adv_params(0, 0x40, 0x40, 1, 7, 0)),
        DISALLOWED
    );
    assert_eq!(b.status(2, 0x2005, &address(7)), DISALLOWED);
    b.scan(0, false, 16, 16, false);
    assert_eq!(b.status(0, 0x200b, &[0, 16, 0, 16, 0, 1, 0]), DISALLOWED);
    // Extended commands after legacy ones.
    assert_eq!(b.status(0, 0x2042, &[0; 6]), DISALLOWED);
}

#[test]
fn a_node_without_an_address_of_the_type_cannot_use_it() {
    let mut b = Bench::new(1);
    b.ok(0, 0x2006, &adv_params(0, 0x40, 0x40, 0, 7, 0));
    assert_eq!(b.status(0, 0x200a, &[1]), INVALID);
    b.ok(0, RESET, &[]);
    b.ok(0, 0x2006, &adv_params(0, 0x40, 0x40, 1, 7, 0));
    assert_eq!(b.status(0, 0x200a, &[1]), INVALID);
    assert_eq!(b.ok(0, 0x1009, &[]), [0; 6]);
}

#[test]
fn events_are_not_sent_until_unmasked() {
    let mut b = Bench::new(2);
    // After Reset the LE meta event is masked (Vol 4, Part E, 7.3.1).
    b.ok(0, RESET, &[]);
    b.ok(0, 0x2005, &address(0));
    b.advertise(1, 0, 0x20, b"", b"");
    b.scan(0, false, 16, 16, false);
    b.run(1_000_000);
    assert_eq!(b.count_le_events(0, 2), 0);
    b.ok(0, 0x0c01, &[0, 0, 0, 0, 0, 0, 0, 0x20]);
    b.run(1_000_000);
    assert!(b.count_le_events(0, 2) > 0);
    // Enhanced Connection Complete is masked by default: the legacy event comes.
    b.ok(0, 0x200c, &[0, 0]);
    b.ok(0, 0x200d, &create(address(1), 24, 0, 100));
    assert_eq!(b.le_event(0, 1)[3], 0);
}

#[test]
fn a_second_command_before_the_answer_is_not_taken() {
    let mut b = Bench::new(1);
    b.send_command(0, 0x1001, &[]);
    b.send_command(0, 0x1009, &[]);
    b.run(10_000);
    assert_eq!(b.inbox[0].len(), 1);
    assert_eq!(b.air.violations(0).len(), 1);
    b.ok(0, 0x1009, &[0; 0]);
}

#[test]
fn profiles_differ_in_commands_features_and_events() {
    let profiles = [
        Profile::Full,
        Profile::Bt42,
        Profile::Wb55,
        Profile::Minimal,
    ];
    let configs = profiles.map(NodeConfig::new).to_vec();
    let mut b = Bench::with(1, Options::default(), configs);
    let host_buffer_size = [0xfb, 0, 0, 8, 0, 0, 0];
    let statuses =
        |b: &mut Bench, opcode, params: &[u8]| [0, 1, 2, 3].map(|n| b.status(n, opcode, params));
    assert_eq!(statuses(&mut b, 0x0c33, &host_buffer_size), [0, 0, 1, 1]);
    assert_eq!(statuses(&mut b, 0x202f, &[]), [0, 1, 0, 1]);
    assert_eq!(statuses(&mut b, 0x203a, &[]), [0, 1, 1, 1]);
    assert_eq!(b.ok(3, 0x2002, &[]), [27, 0, 1]);
    b.connect(2, 3, 24);
    for n in 0..4 {
        let commands = b.ok(n, 0x1002, &[]);
        assert_eq!(commands[10] & 0x60 != 0, n < 2);
    }
}

#[test]
fn an_overrun_of_the_acl_buffers_is_reported_and_lost() {
    let config = NodeConfig::default().with_acl(27, 2);
    let mut b = Bench::with(1, Options::default(), vec![config.clone(), config]);
    let (c, _) = b.connect(0, 1, 24);
    for i in 0..3 {
        b.send_acl(0, c, 0, &[i]);
    }
    b.send_acl(0, c, 0, &[9; 28]);
    assert_eq!(b.event(0, 0x1a), [1]);
    assert_eq!(b.event(0, 0x1a), [1]);
    b.run(1_000_000);
    assert_eq!(b.inbox[1].iter().filter(|p| p[0] == 2).count(), 2);
    assert_eq!(b.air.violations(0).len(), 2);
}

#[test]
fn buffers_of_an_ended_link_are_free_again() {
    let config = NodeConfig::default().with_acl(27, 2);
    let mut b = Bench::with(1, Options::default(), vec![config.clone(), config]);
    let (c, _) = b.connect(0, 1, 24);
    b.run(100_000);
    b.air.power_off(1);
    b.send_acl(0, c, 0, &[1]);
    b.send_acl(0, c, 0, &[2]);
    assert_eq!(b.event(0, 0x05)[3], 0x08);
    // Sent before the host could know: no fault.
    b.send_acl(0, c, 0, &[3]);
    assert!(!b.has_event(0, 0x13));
    b.air.power_on(1);
    b.set_up(1);
    let (c, _) = b.connect(0, 1, 24);
    b.send_acl(0, c, 0, &[1]);
    b.send_acl(0, c, 0, &[2]);
    assert_eq!(b.acl(1).1, [1]);
    assert_eq!(b.acl(1).1, [2]);
    b.no_violations();
}

#[test]
fn data_waits_for_the_hosts_buffers() {
    let mut b = Bench::new(2);
    b.ok(1, 0x0c33, &[10, 0, 0, 2, 0, 0, 0]);
    b.ok(1, 0x0c31, &[1]);
    let (c, p) = b.connect(0, 1, 24);
    b.send_acl(0, c, 0, &[7; 25]);
    b.run(500_000);
    let pieces: Vec<_> = b.inbox[1].iter().filter(|p| p[0] == 2).cloned().collect();
    assert_eq!(
        pieces.iter().map(|p| p.len() - 5).collect::<Vec<_>>(),
        [10, 10]
    );
    let mut completed = vec![1];
    completed.extend_from_slice(&p.to_le_bytes());
    completed.extend_from_slice(&[1, 0]);
    b.send_command(1, 0x0c35, &completed);
    b.run(1000);
    let pieces: Vec<_> = b.inbox[1].iter().filter(|p| p[0] == 2).cloned().collect();
    assert_eq!(
        pieces.iter().map(|p| p.len() - 5).collect::<Vec<_>>(),
        [10, 10, 5]
    );
    assert_eq!(
        pieces.iter().map(|p| p[2] >> 4).collect::<Vec<_>>(),
        [2, 1, 1]
    );
    b.no_violations();
}

#[test]
fn a_host_that_does_not_read_stops_the_sender() {
    let config = NodeConfig {
        rx_buffers: 3,
        ..NodeConfig::default()
    };
    let mut b = Bench::with(1, Options::default(), vec![NodeConfig::default(), config]);
    let (c, _) = b.connect(0, 1, 24);
    for i in 0..8 {
        b.send_acl(0, c, 0, &[i]);
    }
    for _ in 0..40 {
        let next = b.air.now() + 30_000;
        b.air.advance_to(next);
    }
    b.collect(0);
    let completed = |b: &Bench| b.inbox[0].iter().filter(|p| p[1] == 0x13).count();
    assert_eq!(completed(&b), 3);
    b.run(1_000_000);
    assert_eq!(completed(&b), 8);
    let got: Vec<u8> = b.inbox[1]
        .iter()
        .filter(|p| p[0] == 2)
        .map(|p| p[5])
        .collect();
    assert_eq!(got, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn le_encrypt_is_aes_128() {
    // FIPS-197, C.1, in the byte order of HCI.
    let mut params: Vec<u8> = (0..16).rev().collect();
    params.extend((0..16u8).rev().map(|i| i * 0x11));
    let mut expected = [
        0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5,
        0x5a,
    ];
    expected.reverse();
    let mut b = Bench::new(1);
    assert_eq!(b.ok(0, 0x2017, &params), expected);
    assert_ne!(b.ok(0, 0x2018, &[]), b.ok(0, 0x2018, &[]));
}

#[test]
fn two_controllers_agree_on_a_diffie_hellman_key() {
    let mut b = Bench::new(2);
    let keys = [0, 1].map(|n| {
        b.ok(n, 0x2025, &[]);
        let event = b.le_event(n, 8);
        assert_eq!(event[0], 0);
        event[1..].to_vec()
    });
    let shared = [0, 1].map(|n| {
        b.ok(n, 0x2026, &keys[1 - n]);
        b.le_event(n, 9)
    });
    assert_eq!(shared[0], shared[1]);
    assert_eq!(shared[0].len(), 33);
    let mut off_curve = keys[0].clone();
    off_curve[3] ^= 1;
    b.ok(0, 0x2026, &off_curve);
    assert_ne!(b.le_event(0, 9)[0], 0);
}

#[test]
fn the_same_seed_gives_the_same_air() {
    let record = |seed| {
        let options = Options {
            loss: 0.1,
            latency: 50,
        };
        let mut b = Bench::with(seed, options, vec![NodeConfig::default(); 2]);
        b.advertise(1, 0, 0x40, b"\x02\x01\x06", b"");
        b.scan(0, true, 100, 50, false);
        b.run(3_000_000);
        (b.air.now(), b.inbox)
    };
    assert_eq!(record(5), record(5));
    assert_ne!(record(5), record(6));
}

#[test]
fn a_malformed_packet_is_a_hardware_error() {
    let mut b = Bench::new(1);
    b.air.send(0, &[1, 3, 0x0c, 4, 1]);
    b.air.send(0, &[]);
    assert_eq!(b.event(0, 0x10), [1]);
    assert_eq!(b.event(0, 0x10), [1]);
    b.ok(0, RESET, &[]);
}

#[test]
fn an_air_without_work_plans_nothing() {
    let mut air = Air::new(1, Options::default());
    air.add_node(NodeConfig::default());
    assert_eq!(air.next_time(), None);
}

#[test]
fn data_is_cut_for_the_host_wherever_a_test_wants() {
    for len in 1..8 {
        let config = NodeConfig {
            delivery_len: len,
            ..NodeConfig::default()
        };
        let mut b = Bench::with(1, Options::default(), vec![NodeConfig::default(), config]);
        let (c, _) = b.connect(0, 1, 24);
        b.send_acl(0, c, 0, b"0123456789");
        b.run(100_000);
        let pieces: Vec<_> = b.inbox[1].iter().filter(|p| p[0] == 2).cloned().collect();
        assert_eq!(pieces.len(), 10usize.div_ceil(len.into()));
        assert!(pieces
            .iter()
            .enumerate()
            .all(|(i, p)| p[2] >> 4 == if i == 0 { 2 } else { 1 }));
        let data: Vec<u8> = pieces.iter().flat_map(|p| p[5..].to_vec()).collect();
        assert_eq!(data, b"0123456789");
    }
}
