//! Faults on demand.
mod common;
use ble_sim::fault::{CommandFault, Direction, Fault, Lie, Which};
use ble_sim::Options;
use common::*;

#[test]
fn a_command_fails_is_unknown_or_is_never_answered() {
    let mut b = Bench::new(1);
    b.air
        .faults(0)
        .command(Which::Opcode(0x1009), CommandFault::Fail(0x1f));
    b.air
        .faults(0)
        .command(Which::Opcode(0x2018), CommandFault::Unknown);
    b.air
        .faults(0)
        .command(Which::Opcode(0x1001), CommandFault::Silent);
    assert_eq!(b.status(0, 0x1009, &[]), 0x1f);
    assert_eq!(b.status(0, 0x2018, &[]), 0x01);
    b.send_command(0, 0x1001, &[]);
    b.run(1_000_000);
    assert!(b.inbox[0].is_empty());
    b.ok(0, RESET, &[]);
    let seen = b.air.faults(0).commands_seen();
    b.air
        .faults(0)
        .command(Which::Nth(seen), CommandFault::Fail(0x0d));
    assert_eq!(b.status(0, 0x1002, &[]), 0x0d);
    b.ok(0, 0x1002, &[]);
}

#[test]
fn packets_are_dropped_cut_altered_replaced_and_doubled() {
    let mut b = Bench::new(1);
    let first = b.air.faults(0).count(Direction::ToHost);
    let plan = [
        Fault::Drop,
        Fault::Truncate(3),
        Fault::Alter(6, 0xff),
        Fault::Replace(vec![4, 0x10, 1, 9]),
        Fault::Duplicate,
    ];
    for (i, fault) in plan.into_iter().enumerate() {
        b.air
            .faults(0)
            .packet(Direction::ToHost, first + i as u64, fault);
    }
    let mut got = Vec::new();
    for _ in 0..6 {
        b.send_command(0, RESET, &[]);
        b.run(1000);
        got.push(std::mem::take(&mut b.inbox[0]));
    }
    let answer = vec![4, 0x0e, 4, 1, 3, 0x0c, 0];
    assert_eq!(got[0], Vec::<Vec<u8>>::new());
    assert_eq!(got[1], [vec![4, 0x0e, 4]]);
    assert_eq!(got[2], [vec![4, 0x0e, 4, 1, 3, 0x0c, 0xff]]);
    assert_eq!(got[3], [vec![4, 0x10, 1, 9]]);
    assert_eq!(got[4], [answer.clone(), answer.clone()]);
    assert_eq!(got[5], [answer]);
}

#[test]
fn a_delayed_packet_is_overtaken_and_a_stalled_one_is_not() {
    for (fault, first) in [(Fault::Delay(5000), 0x10), (Fault::Stall(5000), 0x11)] {
        let mut b = Bench::new(1);
        let next = b.air.faults(0).count(Direction::ToHost);
        b.air.faults(0).packet(Direction::ToHost, next, fault);
        b.air.inject(0, &[4, 0x11, 0]);
        b.air.inject(0, &[4, 0x10, 0]);
        b.run(10_000);
        assert_eq!(b.inbox[0][0][1], first);
        assert_eq!(b.inbox[0].len(), 2);
    }
}

#[test]
fn a_link_is_lost_at_a_packet_of_either_direction() {
    for direction in [Direction::FromHost, Direction::ToHost] {
        let mut b = Bench::new(2);
        let (c, p) = b.connect(0, 1, 24);
        let next = b.air.faults(0).count(direction);
        b.air
            .faults(0)
            .packet(direction, next, Fault::Disconnect(0x08));
        b.send_acl(0, c, 0, b"x");
        b.send_acl(1, p, 0, b"y");
        assert_eq!(b.event(0, 0x05)[3], 0x08);
        assert_eq!(b.event(1, 0x05)[3], 0x08);
    }
}

#[test]
fn a_silent_controller_stays_silent_until_power_is_cycled() {
    let mut b = Bench::new(2);
    b.connect(0, 1, 24);
    b.air.faults(0).silent = true;
    b.send_command(0, RESET, &[]);
    b.run(1_000_000);
    b.inbox[0].clear();
    assert_eq!(b.air.link_count(1), 1, "the radio goes on");
    b.air.power_off(0);
    b.air.power_on(0);
    b.set_up(0);
}

#[test]
fn completed_packets_lie() {
    let mut b = Bench::new(2);
    let (c, _) = b.connect(0, 1, 24);
    b.air.faults(0).completed = Some(Lie::Add(5));
    b.send_acl(0, c, 0, b"x");
    assert_eq!(b.event(0, 0x13)[3..], [6, 0]);
    b.air.faults(0).completed = Some(Lie::Handle(0x123));
    b.send_acl(0, c, 0, b"x");
    assert_eq!(b.event(0, 0x13)[1..3], [0x23, 1]);
    b.air.faults(0).completed = Some(Lie::Never);
    b.send_acl(0, c, 0, b"x");
    b.run(1_000_000);
    assert!(!b.has_event(0, 0x13));
}

#[test]
fn latency_delays_packets_and_keeps_their_order() {
    let options = Options {
        loss: 0.0,
        latency: 700,
    };
    let mut b = Bench::with(1, options, vec![Default::default(); 2]);
    let start = b.air.now();
    b.ok(0, 0x1009, &[]);
    assert_eq!(b.air.now() - start, 1400);
    let (c, _) = b.connect(0, 1, 24);
    for i in 0..8 {
        b.send_acl(0, c, 0, &[i]);
    }
    for i in 0..8 {
        assert_eq!(b.acl(1).1, [i]);
    }
}

#[test]
fn a_hardware_error_is_reported() {
    let mut b = Bench::new(1);
    b.air.hardware_error(0, 0x42);
    assert_eq!(b.event(0, 0x10), [0x42]);
}
