//! Makes first inputs for the targets out of what passes between hosts and
//! controllers in the scenarios of the simulation.

use ble_sim::scenario;
use ble_sim::sweep::{replay, RunId};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let corpus = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "corpus".into()));
    let captures = std::env::temp_dir().join(format!("ble-fuzz-seed.{}", std::process::id()));
    fs::create_dir_all(&captures).expect("room for captures");
    for scenario in scenario::ALL {
        for seed in 0..2 {
            replay(&RunId::plain(scenario, seed), Some(&captures));
            for side in ["central", "peripheral"] {
                let packets = read(&captures.join(format!("{side}.btsnoop")));
                let name = format!("{}-{side}-{seed}", scenario.name);
                write(&corpus, &name, side == "central", &packets);
            }
        }
    }
    fs::remove_dir_all(&captures).expect("nobody else uses them");
}

/// Packets to the host of a capture, from the end of its activation on.
fn read(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).expect("a capture");
    let mut rest = &bytes[16..];
    let mut packets = Vec::new();
    while rest.len() >= 24 {
        let len = u32::from_be_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        let to_host = rest[11] & 1 != 0;
        if to_host {
            packets.push(rest[24..24 + len].to_vec());
        }
        rest = &rest[24 + len..];
    }
    packets.into_iter().skip(20).take(60).collect()
}

fn write(corpus: &Path, name: &str, central: bool, packets: &[Vec<u8>]) {
    let role = central as u8;
    let put = |target: &str, bytes: &[u8]| {
        let dir = corpus.join(target);
        fs::create_dir_all(&dir).expect("room for the corpus");
        if bytes.len() > 2 {
            fs::write(dir.join(name), &bytes[..bytes.len().min(1500)])
                .expect("room for the corpus");
        }
    };
    let with_length = |op: u8, bytes: &[u8]| {
        let bytes = &bytes[..bytes.len().min(255)];
        [&[op, bytes.len() as u8], bytes].concat()
    };
    put("h4", &[&[role | 0x40], &packets.concat()[..]].concat());

    let [mut hci, mut acl, mut server, mut client] = [vec![0], vec![role], vec![role], vec![role]];
    let [mut smp, mut adv, mut secrets] = [vec![role | 0x30, 3], vec![], vec![role]];
    let mut abi = vec![1];
    let mut seen = BTreeSet::new();
    for packet in packets {
        match packet[..] {
            [4, 0x3e, _, 2, ref report @ ..] if seen.insert(report.to_vec()) => {
                adv.extend(with_length(3, report));
            }
            [4, 0x3e, _, 2, ..] => {}
            [4, 0x3e, _, code, ref params @ ..] => {
                hci.extend([4, code]);
                hci.extend(&with_length(0, params)[1..]);
            }
            [4, code, _, ref params @ ..] if code != 0x0e && code != 0x0f => {
                hci.extend([0, code]);
                hci.extend(&with_length(0, params)[1..]);
            }
            [2, _, flags, _, _, ref data @ ..] => {
                acl.extend(with_length(flags & 0xf0, data));
                let Some((&[_, _, channel, 0], pdu)) = data.split_first_chunk::<4>() else {
                    continue;
                };
                match (channel, pdu.first()) {
                    (4, Some(opcode)) if opcode & 1 == 0 => server.extend(with_length(6, pdu)),
                    (4, _) => {
                        for op in [0, 3] {
                            client.extend([op, 18, 0]);
                        }
                        client.extend(with_length(14, pdu));
                    }
                    (6, Some(&code)) => {
                        smp.push(code << 4 | 9);
                        smp.extend_from_slice(&pdu[1..]);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        abi.extend([0, 0, 4]);
        abi.extend(&with_length(0, packet)[1..]);
        abi.extend([0, 0, 16, 0, 0, 13]);
    }
    secrets.extend(with_length(0, &[1; 23])[1..].iter());
    secrets.extend(with_length(0, &[1; 78])[1..].iter());
    for (target, bytes) in [
        ("hci", hci),
        ("acl", acl),
        ("att_server", server),
        ("att_client", client),
        ("smp", smp),
        ("adv", adv),
        ("abi", abi),
    ] {
        put(target, &bytes);
    }
    put("secrets", &secrets);
    put("stateful", &[&[role], &packets.concat()[..]].concat());
}
