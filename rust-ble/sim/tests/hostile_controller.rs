//! Rows "hostile controller" of docs/SECURITY.md: events that a controller
//! should never send. The host goes on, and other links with it.

use ble_core::config::MAX_LINKS;
use ble_core::gatt::db::flag;
use ble_core::host::Host;
use ble_core::{Address, Event, Uuid};
use ble_sim::harness::World;
use ble_sim::snoop::Snoop;
use ble_sim::{NodeConfig, Options, Profile};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// Two hosts with a link, and a value to read over it.
struct Victim {
    world: World,
    conn: u16,
    handle: u16,
    /// What passes between the host and its controller.
    capture: Capture,
}

#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn victim() -> Victim {
    let mut world = World::new(11, Options::default());
    for i in 0..2 {
        world.add(NodeConfig::new(Profile::Full).with_public([0xc0, 0, 0, 0, 0, i + 1]));
        world.start(i as usize).unwrap();
    }
    let handle = world.services(1, |db| {
        db.add_service(&Uuid::short(0x181a))?;
        db.add_characteristic(&Uuid::short(0x2a6e), flag::READ)
    });
    let (conn, _) = world.connect(0, 1);
    world.run(300);
    let capture = Capture::default();
    let snoop = Snoop::new(Box::new(capture.clone()), 0).unwrap();
    world.air.set_snoop(world.nodes[0].id, snoop);
    Victim {
        world,
        conn,
        handle,
        capture,
    }
}

impl Victim {
    /// Sends bytes to the host as if its controller had.
    fn inject(&mut self, packet: &[u8]) {
        let id = self.world.nodes[0].id;
        self.world.air.inject(id, packet);
        self.world.settle();
    }

    fn scan(&mut self) {
        let scan = |host: &mut Host, now| host.start_scan(now, 0, 30_000, 30_000, false);
        self.world.call(0, scan).unwrap();
    }

    /// Connection handles in the commands with this opcode that were sent.
    fn sent(&mut self, opcode: u16) -> Vec<u16> {
        self.world.air.flush_snoops();
        let capture = self.capture.0.lock().unwrap();
        let mut records = &capture[16..];
        let mut handles = Vec::new();
        while !records.is_empty() {
            let len = u32::from_be_bytes(records[4..8].try_into().unwrap()) as usize;
            let (record, rest) = records[24..].split_at(len);
            if let [1, low, high, _, handle @ ..] = record {
                if u16::from_le_bytes([*low, *high]) == opcode {
                    handles.push(u16::from_le_bytes([handle[0], handle[1]]));
                }
            }
            records = rest;
        }
        handles
    }

    /// The link and the host still work.
    fn lives(&mut self) {
        let now = self.world.now();
        self.world.nodes[0]
            .host
            .gattc_read(now, self.conn, self.handle)
            .unwrap();
        self.world.wait(0, 2_000, |e| {
            matches!(e, Event::GattcReadDone { status: 0, .. }).then_some(())
        });
    }
}

/// All events and LE subevents, with parameters of every length up to 40.
fn every_event(fill: u8, mut visit: impl FnMut(&[u8])) {
    // Hardware Error and the end of our link are no lies but news.
    let news = [0x05, 0x10, 0x30, 0x08];
    for code in (0..=255u8).filter(|code| !news.contains(code)) {
        for len in 0..40u8 {
            let mut packet = vec![0x04, code, len];
            packet.resize(3 + len as usize, fill);
            visit(&packet);
        }
    }
    for sub in 0..=255u8 {
        for len in 1..40u8 {
            let mut packet = vec![0x04, 0x3e, len, sub];
            packet.resize(3 + len as usize, fill);
            visit(&packet);
        }
    }
}

#[test]
fn cve_2024_47249_indices_and_lengths_from_the_controller_are_not_trusted() {
    for fill in [0x00, 0x01, 0x55, 0xff] {
        let mut victim = victim();
        victim.scan();
        every_event(fill, |packet| victim.inject(packet));
        victim.world.nodes[0].events.clear();
        if fill != 0x00 && fill != 0x01 {
            // Handles made of these values belong to no link of ours.
            victim.lives();
        }
        let now = victim.world.now();
        let _ = victim.world.nodes[0].host.stop(now);
        let _ = victim.world.operation(0);
        assert_eq!(victim.world.nodes[0].host.in_use(), [0; 3]);
        victim.world.start(0).unwrap();
    }
}

#[test]
fn cve_2024_47249_reports_stay_within_their_packet_whatever_they_say() {
    let mut victim = victim();
    let honest = |byte| {
        let mut packet = vec![0x04, 0x3e, 15, 0x02, 1, 0, 0, 1, 2, 3, 4, 5, 6, 3];
        packet.extend([byte; 3]);
        packet.push(0xd0);
        packet
    };
    victim.scan();
    let mut seen = 0;
    for number in [0, 1, 2, 3, 25, 26, 255] {
        for announced in 0..=255u8 {
            for there in [0, 1, 30, 31, 32, 200] {
                // Bytes that lie behind the packet must not be seen.
                victim.inject(&honest(0xee));
                victim.world.nodes[0].events.clear();
                let mut packet = vec![0x04, 0x3e, 0, 0x02, number, 0, 0, 9, 9, 9, 9, 9, 9];
                packet.push(announced);
                packet.extend((0..there).map(|i| i as u8 & 0x7f));
                packet[2] = (packet.len() - 3) as u8;
                victim.inject(&packet);
                for event in victim.world.nodes[0].events.drain(..) {
                    if let Event::ScanResult { data, .. } = event {
                        seen += 1;
                        assert!(data.len() <= there, "{number} {announced} {there}");
                        assert!(data.iter().all(|&byte| byte < 0x80));
                        let first = data.first().copied().unwrap_or(0);
                        let run = (first..).zip(data).all(|(i, &byte)| i & 0x7f == byte);
                        assert!(run, "{data:?}");
                    }
                }
            }
        }
        victim.inject(&honest(7));
        let told = victim.world.wait(0, 0, |e| match *e {
            Event::ScanResult { data, .. } => Some(data),
            _ => None,
        });
        assert_eq!(told, [7; 3]);
    }
    assert!(seen > 100, "{seen}");
    victim.lives();
}

#[test]
fn cve_2024_51569_completed_packets_that_are_not_there_are_not_read() {
    let mut victim = victim();
    let [low, high] = victim.conn.to_le_bytes();
    for packet in [
        &[0x04, 0x13, 0x01, 0xff][..],
        &[0x04, 0x13, 0x03, 0x02, low, high],
        &[0x04, 0x13, 0x05, 0xff, low, high, 0xff, 0xff],
        &[0x04, 0x13, 0x05, 0x01, 0xff, 0x0e, 0xff, 0xff],
        &[0x04, 0x13, 0x00],
    ] {
        victim.inject(packet);
        victim.lives();
    }
    assert!(victim
        .world
        .air
        .violations(victim.world.nodes[0].id)
        .is_empty());
}

#[test]
fn cve_2025_53477_connections_that_nobody_asked_for_end() {
    let mut victim = victim();
    let mut handle = 0x0100u16;
    // More than there is room for, as central and as peripheral.
    for role in [0, 1].into_iter().cycle().take(100) {
        handle += 1;
        let [low, high] = handle.to_le_bytes();
        let packet = [
            0x04, 0x3e, 19, 0x01, 0, low, high, role, 0, 9, 9, 9, 9, 9, 9, 24, 0, 0, 0, 100, 0, 0,
        ];
        victim.inject(&packet);
        let [pdus, _, links] = victim.world.nodes[0].host.in_use();
        assert!((pdus, links) <= (0, MAX_LINKS), "{pdus} {links}");
    }
    // None as central; as peripheral what there was room for, since the answer
    // to the end of advertising may be on its way.
    let mut told = [0, 0];
    for event in &victim.world.nodes[0].events {
        if let Event::Connected { role, .. } = event {
            told[*role as usize] += 1;
        }
    }
    assert_eq!(told, [0, MAX_LINKS - 1]);
    // The others are ended: the real controller says it knows none of them.
    let unwanted = 100 - (MAX_LINKS - 1);
    let disconnects = victim.sent(0x0406);
    assert_eq!(disconnects.len(), unwanted);
    assert!(!disconnects.contains(&victim.conn));
    victim.lives();
    // The same handle again, and one that is ours already.
    let [low, high] = victim.conn.to_le_bytes();
    victim.inject(&[
        0x04, 0x3e, 19, 0x01, 0, low, high, 0, 0, 9, 9, 9, 9, 9, 9, 24, 0, 0, 0, 100, 0, 0,
    ]);
    let told = victim.world.nodes[0]
        .events
        .iter()
        .any(|e| matches!(*e, Event::Disconnected { conn, .. } if conn == victim.conn));
    assert!(told, "the first link of this handle has ended");
}

#[test]
fn cve_2023_1902_a_late_answer_to_a_cancelled_attempt_refers_to_nothing() {
    let mut victim = victim();
    let peer = Address::public([1, 2, 3, 4, 5, 6]);
    for _ in 0..3 {
        victim
            .world
            .call(0, |host, now| host.connect(now, peer, 5_000, 0, 0))
            .unwrap();
        victim
            .world
            .call(0, |host, now| host.cancel_connect(now))
            .unwrap();
        let failed = |e: &Event| matches!(e, Event::ConnectFailed { .. }).then_some(());
        victim.world.wait(0, 2_000, failed);
        // Once more, and its command's answers, although all is over.
        victim.inject(&[
            0x04, 0x3e, 19, 0x01, 0x02, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0,
        ]);
        victim.inject(&[0x04, 0x0e, 0x04, 0x01, 0x0e, 0x20, 0x00]);
        victim.inject(&[0x04, 0x0f, 0x04, 0x00, 0x01, 0x0d, 0x20]);
        let events = &victim.world.nodes[0].events;
        assert!(!events
            .iter()
            .any(|e| matches!(e, Event::ConnectFailed { .. })));
        victim.lives();
    }
}

#[test]
fn cve_2023_2234_an_answer_to_another_command_than_the_one_sent_is_ignored() {
    let mut victim = victim();
    // While a command is out, answers to all others, complete and status.
    let now = victim.world.now();
    victim.world.nodes[0]
        .host
        .advertise(now, true, 50_000, Some(b"x"), None)
        .unwrap();
    for opcode in (0x2001..0x2080u16)
        .chain(0x0c01..0x0c20)
        .filter(|op| !matches!(op, 0x2006 | 0x2008 | 0x2009 | 0x200a))
    {
        let [low, high] = opcode.to_le_bytes();
        let mut complete = vec![0x04, 0x0e, 68, 1, low, high, 0];
        complete.resize(71, 0xff);
        for packet in [&complete[..], &[0x04, 0x0f, 4, 0, 1, low, high]] {
            let id = victim.world.nodes[0].id;
            victim.world.air.inject(id, packet);
        }
    }
    victim.world.operation(0).unwrap();
    victim.lives();
}
