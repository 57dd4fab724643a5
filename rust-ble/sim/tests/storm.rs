//! Hosts that send anything: the controllers live on and stay consistent.
mod common;
use ble_sim::rng::Rng;
use ble_sim::{NodeConfig, Options, Profile};
use common::*;

const OPCODES: &[u16] = &[
    0x0406, 0x041d, 0x0c2d, 0x0c31, 0x0c33, 0x0c35, 0x1405, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009,
    0x200a, 0x200b, 0x200c, 0x200d, 0x200e, 0x2010, 0x2011, 0x2012, 0x2013, 0x2015, 0x2016, 0x2019,
    0x201a, 0x201b, 0x2020, 0x2021, 0x2022, 0x2024, 0x2025, 0x2026, 0x2027, 0x2028, 0x2029, 0x202b,
    0x202c, 0x202d, 0x202e, 0x2030, 0x2031, 0x2032, 0x2035, 0x2036, 0x2037, 0x2038, 0x2039, 0x203c,
    0x203d, 0x2041, 0x2042, 0x2043, 0x204e, 0x205e,
];

const USEFUL: &[u16] = &[
    0x2006, 0x200a, 0x200a, 0x200d, 0x200d, 0x200e, 0x2019, 0x201a, 0x201a, 0x2013, 0x2020, 0x2022,
    0x2032, 0x2016, 0x041d,
];

/// Parameters that are sometimes right.
fn params(rng: &mut Rng, opcode: u16, handle: u16) -> Vec<u8> {
    let mut bytes = vec![0; rng.below(70) as usize];
    rng.fill(&mut bytes);
    let peer = address(rng.below(3) as usize);
    match (rng.below(8), opcode) {
        (0, _) => bytes,
        (_, 0x2006) => adv_params(rng.below(5) as u8, 0x20, 0x40, 1, 7, 0).to_vec(),
        (_, 0x200a) => vec![rng.below(6).min(1) as u8],
        (_, 0x200b) => vec![1, 16, 0, 16, 0, 1, 0],
        (_, 0x200c) => vec![rng.below(2) as u8, rng.below(2) as u8],
        (_, 0x200d) => create(peer, 6 + rng.below(30) as u16, rng.below(5) as u16, 100),
        (_, 0x200e) => vec![],
        (_, 0x0406) => with_handle(handle, &[0x13]),
        (_, 0x2013) | (_, 0x2020) => with_handle(
            handle,
            &[20, 0, 20, 0, rng.below(4) as u8, 0, 200, 0, 0, 0, 0, 0],
        ),
        (_, 0x2019) => encrypt(handle, rng.below(8).min(1) as u8),
        (_, 0x201a) => with_handle(handle, &[rng.below(8).min(1) as u8; 16]),
        (_, 0x2022) => with_handle(handle, &[27 + rng.below(224) as u8, 0, 0x48, 8]),
        (_, 0x2027) => [&[1][..], &peer, &[1; 32]].concat(),
        (_, 0x2032) => with_handle(
            handle,
            &[0, 1 + rng.below(3) as u8, 1 + rng.below(3) as u8, 0, 0],
        ),
        (_, 0x041d | 0x2016 | 0x2030 | 0x201b) => with_handle(handle, &[]),
        _ => {
            bytes.resize(rng.below(40) as usize, 0);
            if bytes.len() > 1 {
                bytes[..2].copy_from_slice(&handle.to_le_bytes());
            }
            bytes
        }
    }
}

#[test]
fn any_packets_in_any_state_are_survived() {
    let mut connections = 0;
    let mut encryptions = 0;
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let options = Options {
            loss: 0.05 * rng.below(5) as f64,
            latency: 100 * rng.below(3),
        };
        let profile = [
            Profile::Full,
            Profile::Full,
            Profile::Bt42,
            Profile::Minimal,
        ][rng.below(4) as usize];
        let configs = vec![
            NodeConfig::new(Profile::Full),
            NodeConfig::new(profile),
            NodeConfig::default(),
        ];
        let mut b = Bench::with(seed, options, configs);
        for _ in 0..1500 {
            let n = rng.below(3) as usize;
            let handle = 0x40 + rng.below(2) as u16;
            match rng.below(20) {
                0 => b.send_acl(
                    n,
                    handle,
                    rng.below(4) as u16,
                    &[7; 30][..rng.below(30) as usize],
                ),
                1 => {
                    let mut bytes = vec![0; rng.below(20) as usize];
                    rng.fill(&mut bytes);
                    b.air.send(n, &bytes);
                }
                2 if rng.below(20) == 0 => {
                    b.air.power_off(n);
                    b.air.power_on(n);
                    b.run(10_000);
                    b.set_up(n);
                }
                3 => b.run(rng.below(200_000)),
                _ => {
                    let from = if rng.below(3) == 0 { OPCODES } else { USEFUL };
                    let opcode = from[rng.below(from.len() as u64) as usize];
                    // Half of the rounds stay with the legacy commands.
                    if seed % 2 == 0 && (0x2035..0x2050).contains(&opcode) {
                        continue;
                    }
                    let p = params(&mut rng, opcode, handle);
                    b.send_command(n, opcode, &p);
                    b.run(rng.below(5_000));
                }
            }
            for inbox in &mut b.inbox {
                connections += inbox
                    .iter()
                    .filter(|p| p[0] == 4 && is_connection(p) && p[4] == 0)
                    .count();
                encryptions += inbox
                    .iter()
                    .filter(|p| p[..2] == [4, 8] && p[3] == 0)
                    .count();
                inbox.clear();
            }
        }
        // All is quiet once all are switched off, and all works when they are on again.
        (0..3).for_each(|n| b.air.power_off(n));
        b.run(60_000_000);
        assert_eq!(b.air.next_time(), None, "seed {seed}");
        b.air.set_loss(0.0);
        for n in 0..3 {
            b.air.power_on(n);
            b.set_up(n);
        }
        let (c, _) = b.connect(0, 2, 24);
        b.send_acl(0, c, 0, b"alive");
        assert_eq!(b.acl(2).1, b"alive", "seed {seed}");
    }
    assert!(
        connections > 1000 && encryptions > 100,
        "{connections} {encryptions}"
    );
}
