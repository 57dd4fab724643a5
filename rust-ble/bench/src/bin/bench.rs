//! `ble-bench`: prints what docs/BENCHMARKS.md holds. Everything is counted or
//! happens in virtual time, so that it is the same on every machine.

use ble_bench::ops::{Bench, Op, OPS, SDU as CHANNEL_SDU};
use ble_core::host::Host;
use ble_core::l2cap::HEADER_LEN;
use ble_core::{config, Event};
use ble_sim::harness::World;
use ble_sim::{NodeConfig, Options, Profile};
use std::process::Command;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["rates"] => rates(),
        ["instructions"] => instructions(),
        ["memory"] => memory(),
        ["operations", links, attributes] => {
            let number = |text: &str| text.parse().expect("a number");
            run(number(links), number(attributes));
        }
        _ => {
            eprintln!("ble-bench: rates | instructions | memory");
            std::process::exit(2);
        }
    }
}

// Rates.

/// Data PDUs per second that a link can carry at most, where lengths come as in
/// `pdus` again and again: as many pairs of one and an empty one as fit into each
/// connection interval (Vol 6, Part B, 4.1.1 and 4.5.6). Nothing is allowed for
/// PDUs that return credits.
fn limit(interval_us: u32, pdus: &[usize], two_mbit: bool) -> f64 {
    let (byte, preamble) = if two_mbit { (4, 2) } else { (8, 1) };
    // Preamble, access address, header and CRC around the data.
    let airtime = |len| (preamble + 4 + 2 + 3 + len) * byte;
    let (mut sent, mut spent, mut events) = (0, 0, 0);
    while events < 10_000 {
        let pair = airtime(pdus[sent % pdus.len()]) + 150 + airtime(0) + 150;
        spent += pair;
        if spent <= interval_us as usize {
            sent += 1;
        } else {
            (spent, events) = (0, events + 1);
        }
    }
    sent as f64 * 1e6 / (f64::from(interval_us) * f64::from(events))
}

/// Lengths of the data PDUs that one SDU takes.
fn pdus(sdu: usize, pdu: usize) -> Vec<usize> {
    let mut pdus = Vec::new();
    let mut left = sdu + 2;
    while left > 0 {
        let payload = left.min(MPS);
        left -= payload;
        let frame = HEADER_LEN + payload;
        pdus.extend((0..frame).step_by(pdu).map(|at| pdu.min(frame - at)));
    }
    pdus
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Notify,
    WriteCommand,
    ChannelUp,
    ChannelDown,
}

const WAYS: [(Way, &str); 4] = [
    (Way::Notify, "notify"),
    (Way::WriteCommand, "write without response"),
    (Way::ChannelUp, "L2CAP, central to peripheral"),
    (Way::ChannelDown, "L2CAP, peripheral to central"),
];

/// Fills four frames, and so eight data PDUs of 251 bytes, to the last byte.
const SDU: usize = 4 * MPS - 2;
const MPS: usize = ble_core::l2cap::MPS as usize;

/// Virtual time over which a rate is taken.
const SECONDS: u64 = 10;

const INTERVALS_US: [u32; 3] = [7_500, 30_000, 50_000];

fn rates() {
    println!("| what | PHY | PDU | interval | payload | of the limit |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (way, name) in WAYS {
        for two_mbit in [false, true] {
            for pdu in [27u16, 251] {
                for interval_us in INTERVALS_US {
                    let len = match way {
                        Way::ChannelUp | Way::ChannelDown => SDU,
                        _ if pdu == 27 => 20,
                        _ => 244,
                    };
                    let rate = rate(way, two_mbit, pdu, interval_us, len);
                    // What the headers leave of a full PDU: L2CAP and ATT in each; of
                    // a frame the L2CAP header, and the SDU's length once.
                    let payload = match way {
                        Way::Notify | Way::WriteCommand => len as f64,
                        _ => {
                            let headers = 2 + HEADER_LEN * (SDU + 2).div_ceil(MPS);
                            f64::from(pdu) * SDU as f64 / (SDU + headers) as f64
                        }
                    };
                    let limit = limit(interval_us, &[pdu.into()], two_mbit) * payload;
                    println!(
                        "| {name} | {} | {pdu} | {} | {} |",
                        phy(two_mbit),
                        ms(interval_us),
                        share(rate, limit)
                    );
                }
            }
        }
    }
    println!();
    println!(
        "| SDU | PHY | interval | central to peripheral | of the limit | peripheral to central | of the limit |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for sdu in [64, 244, 512, 1024, 2048] {
        for two_mbit in [false, true] {
            for interval_us in INTERVALS_US {
                let pdus = pdus(sdu, 251);
                let limit = limit(interval_us, &pdus, two_mbit) * sdu as f64 / pdus.len() as f64;
                let [up, down] = [Way::ChannelUp, Way::ChannelDown]
                    .map(|way| share(rate(way, two_mbit, 251, interval_us, sdu), limit));
                println!(
                    "| {sdu} | {} | {} | {up} | {down} |",
                    phy(two_mbit),
                    ms(interval_us)
                );
            }
        }
    }
}

fn phy(two_mbit: bool) -> &'static str {
    if two_mbit {
        "2M"
    } else {
        "1M"
    }
}

fn ms(interval_us: u32) -> String {
    format!("{} ms", f64::from(interval_us) / 1000.0)
}

fn share(rate: f64, limit: f64) -> String {
    format!("{:.1} kB/s | {:.1} %", rate / 1000.0, rate / limit * 100.0)
}

/// Payload in bytes per second, in values or SDUs of `len` bytes.
fn rate(way: Way, two_mbit: bool, pdu: u16, interval_us: u32, len: usize) -> f64 {
    let mut world = World::new(1, Options::default());
    for i in 0..2u8 {
        let mut config = NodeConfig::new(Profile::Full)
            .with_public([0xc0, 0, 0, 0, 0, i + 1])
            .with_acl(pdu, 12);
        config.public_address = Some([i + 1, 0, 0, 0, 0, 0xc0]);
        world.add(config);
        world.nodes[i as usize]
            .host
            .set_preferred_mtu(if pdu == 27 { 23 } else { 247 })
            .unwrap();
        let options = ble_core::host::Options {
            data_length: pdu > 27,
            phy_2m: two_mbit,
            ..Default::default()
        };
        world.start_with(i as usize, options).unwrap();
    }
    use ble_core::gatt::db::flag;
    let handle = world.services(1, |db| {
        db.add_service(&ble_core::Uuid::short(0x181a))?;
        db.add_characteristic(
            &ble_core::Uuid::short(0x2a6e),
            flag::NOTIFY | flag::WRITE_NO_RESPONSE,
        )
    });
    world.nodes[1]
        .host
        .database()
        .set_buffer(handle, 512, false)
        .ok();
    let advertise = |host: &mut Host, now| host.advertise(now, true, 20_000, Some(b""), None);
    world.call(1, advertise).unwrap();
    let peer = world.nodes[1].host.address();
    world
        .call(0, |host, now| {
            host.connect(now, peer, 5_000, interval_us, interval_us)
        })
        .unwrap();
    let connected = |event: &Event| match *event {
        Event::Connected { conn, .. } => Some(conn),
        _ => None,
    };
    let conns = [
        world.wait(0, 5_000, connected),
        world.wait(1, 5_000, connected),
    ];
    if pdu > 27 {
        let now = world.now();
        world.nodes[0].host.exchange_mtu(now, conns[0]).unwrap();
    }
    world.run(2_000);
    let channel = matches!(way, Way::ChannelUp | Way::ChannelDown)
        .then(|| open(&mut world, conns, len as u16));
    let (from, to) = match way {
        Way::Notify | Way::ChannelDown => (1, 0),
        Way::WriteCommand | Way::ChannelUp => (0, 1),
    };
    let (mut received, mut begun) = (0usize, 0usize);
    // Half a second to fill all buffers, then those that count.
    let warm = world.air.now() + 500_000;
    let end = warm + SECONDS * 1_000_000;
    let value = vec![7; len];
    let mut buffer = vec![0; 4 * SDU];
    while world.air.now() < end {
        let now = world.now();
        let host = &mut world.nodes[from].host;
        match (way, channel) {
            (Way::Notify, _) => {
                while host.notify(now, conns[from], handle, Some(&value)).is_ok() {}
            }
            (Way::WriteCommand, _) => {
                while host
                    .gattc_write(now, conns[from], handle, &value, 0)
                    .is_ok()
                {}
            }
            (_, Some(cids)) => {
                while host
                    .l2cap_send(now, conns[from], cids[from], &value)
                    .is_ok()
                {}
            }
            (_, None) => {}
        }
        world.run(1);
        for event in std::mem::take(&mut world.nodes[to].events) {
            received += match event {
                Event::GattcNotify { .. } | Event::GattsWrite { .. } => len,
                _ => 0,
            };
        }
        if let Some(cids) = channel {
            let now = world.now();
            let host = &mut world.nodes[to].host;
            received += host
                .l2cap_recvinto(now, conns[to], cids[to], Some(&mut buffer))
                .unwrap_or(0);
        }
        world.nodes[from].events.clear();
        if world.air.now() <= warm {
            begun = received;
        }
    }
    (received - begun) as f64 / SECONDS as f64
}

/// A channel between both hosts for SDUs of so many bytes; gives both CIDs.
fn open(world: &mut World, conns: [u16; 2], sdu: u16) -> [u16; 2] {
    let memory = || vec![0; ble_core::l2cap::memory_needed(sdu)].leak();
    world.nodes[1].host.l2cap_listen(0x80, sdu).unwrap();
    let now = world.now();
    let ours = world.nodes[0]
        .host
        .l2cap_connect(now, conns[0], 0x80, sdu, memory())
        .unwrap();
    let token = world.wait(1, 5_000, |event| match *event {
        Event::L2capAccept { token, .. } => Some(token),
        _ => None,
    });
    world.nodes[1]
        .host
        .answer_accept(token, Some(memory()))
        .unwrap();
    let theirs = world.wait(1, 5_000, |event| match *event {
        Event::L2capConnected { cid, .. } => Some(cid),
        _ => None,
    });
    world.wait(0, 5_000, |e| {
        matches!(e, Event::L2capConnected { .. }).then_some(())
    });
    [ours, theirs]
}

// Instructions.

/// Runs every operation twice, under callgrind, which writes down what it
/// counted before each `mark`.
fn run(links: usize, attributes: usize) {
    let memory = vec![0; 64 * 1024].leak();
    let channel = vec![0; ble_core::l2cap::memory_needed(CHANNEL_SDU)].leak();
    let mut host = Box::new(Host::blank());
    let mut bench = Bench::new(&mut host, memory, channel, attributes, links);
    for (op, name) in OPS {
        for _ in 0..2 {
            mark(op);
            assert!(bench.run(op), "{name} did not come to its end");
        }
    }
    mark(OPS[0].0);
}

#[inline(never)]
fn mark(op: Op) {
    std::hint::black_box(op);
}

/// Instructions of each operation, counted by callgrind within `measured`: of
/// the second time, to leave out what only the first costs.
fn count(links: usize, attributes: usize) -> Vec<u64> {
    let name = format!("ble-bench-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a folder for what callgrind writes");
    let status = Command::new("valgrind")
        .args(["-q", "--tool=callgrind", "--collect-atstart=no"])
        .arg("--toggle-collect=ble_bench::meter::measured*")
        .arg("--dump-before=ble_bench::mark*")
        .arg(format!("--callgrind-out-file={}/count", folder.display()))
        .arg(std::env::current_exe().expect("a path"))
        .args(["operations", &links.to_string(), &attributes.to_string()])
        .status()
        .expect("valgrind is there");
    assert!(status.success(), "callgrind failed");
    // The first part is what comes before the first operation.
    let part = |number: usize| {
        let text = std::fs::read_to_string(folder.join(format!("count.{number}"))).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("totals: "))?;
        line.trim().parse().ok()
    };
    let mut counts: Vec<u64> = (0..OPS.len())
        .map(|op| part(2 * op + 3).expect("callgrind writes a part before each mark"))
        .collect();
    std::fs::remove_dir_all(&folder).ok();
    // A pairing goes without its P-256: that has a line of its own.
    counts[index(Op::Pairing)] -= counts[index(Op::DhKey)];
    counts
}

fn index(op: Op) -> usize {
    let at = OPS.iter().position(|&(other, _)| other == op);
    at.expect("it is one of them")
}

fn instructions() {
    let links = [1, 8, 32].map(|n: usize| n.min(config::MAX_LINKS - 1));
    let columns = links.map(|links| count(links, 20));
    let titles = links.map(|n| format!("{n} link{}", if n == 1 { "" } else { "s" }));
    table(&titles, &columns, &OPS.map(|(op, _)| op));
    println!();
    let attributes = [10, 100, 500];
    let columns = attributes.map(|attributes| count(1, attributes));
    let titles = attributes.map(|attributes| format!("{attributes} attributes"));
    let ops = [
        Op::ReadServed,
        Op::WriteServed,
        Op::NotifySent,
        Op::ServiceFound,
    ];
    table(&titles, &columns, &ops);
}

fn table(titles: &[String; 3], columns: &[Vec<u64>; 3], ops: &[Op]) {
    println!("| operation | {} |", titles.join(" | "));
    println!("| --- | --- | --- | --- |");
    for &op in ops {
        let at = index(op);
        let counts = [0, 1, 2].map(|column| columns[column][at].to_string());
        println!("| {} | {} |", OPS[at].1, counts.join(" | "));
    }
}

// Memory.

fn memory() {
    for (what, bytes) in ble_bench::memory::rows() {
        println!("{bytes} {what}");
    }
}
