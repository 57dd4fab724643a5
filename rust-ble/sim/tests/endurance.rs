//! Ten thousand connections and a thousand activations, in virtual time, on
//! each kind of controller a quarter: nothing is left of any of them.

use ble_sim::scenario::{link, read_value, unlink};
use ble_sim::sweep::rig::{Rig, VALUE};

/// For each kind of controller: activations of each of two hosts, and
/// connections in each.
const ACTIVATIONS: usize = 125;
const CONNECTIONS: usize = 20;

fn endure(profile: u64) -> [usize; 2] {
    let mut rig = Rig::new(profile, Vec::new());
    let (mut activations, mut connections) = (0, 0);
    for round in 0..ACTIVATIONS {
        for n in 0..2 {
            rig.start(n).expect("the host starts");
            activations += 1;
        }
        for i in 0..CONNECTIONS {
            let conns: [u16; 2] = link(&mut rig).expect("a link").into();
            connections += 1;
            let reads = i % 2;
            let value = rig.nodes[1 - reads].handles.value;
            let read = read_value(&mut rig, reads, conns[reads], value);
            assert_eq!(read, Ok((0, VALUE.to_vec())));
            // In every other round the last link ends with its host.
            if i + 1 < CONNECTIONS || round % 2 == 0 {
                let ends = i / 2 % 2;
                unlink(&mut rig, ends, conns[ends]).expect("its end");
                for n in 0..2 {
                    rig.check_memory(n);
                    assert!(rig.nodes[n].ledger.links().is_empty());
                }
            }
        }
        for n in 0..2 {
            rig.stop(n);
            assert!(rig.nodes[n].ledger.problems.is_empty());
            assert_eq!(rig.nodes[n].ledger.owed(), [""; 0]);
        }
    }
    for n in 0..2 {
        assert_eq!(rig.nodes[n].ledger.problems, [""; 0]);
        assert_eq!(rig.air.take_violations(n).len(), 0);
    }
    [connections, activations]
}

#[test]
fn ten_thousand_connections_and_a_thousand_activations_leave_nothing_behind() {
    let done: Vec<_> = (0..4).map(endure).collect();
    assert_eq!(done.iter().map(|done| done[0]).sum::<usize>(), 10_000);
    assert_eq!(done.iter().map(|done| done[1]).sum::<usize>(), 1_000);
}
