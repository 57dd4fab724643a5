//! Hosts with a defect are found out: each thing that the harness checks is
//! checked by one of them.

use ble_core::host::{Defect, Starved};
use ble_sim::scenario;
use ble_sim::sweep::{run_with, RunId};

fn problems_of(defect: Option<Defect>, name: &str) -> Vec<String> {
    let scenario = scenario::ALL.iter().find(|scenario| scenario.name == name);
    let id = RunId::plain(scenario.expect("a scenario"), 0);
    let outcome = run_with(&id, &Default::default(), None, &|rig| {
        for node in &mut rig.nodes {
            if let Some(defect) = defect {
                node.host.break_it(defect);
            }
        }
    });
    outcome.problems
}

#[test]
fn each_defect_is_caught_by_the_check_that_is_for_it() {
    for (defect, name, caught_by) in [
        (
            Defect::LeaksPdu,
            "connect",
            "PDUs, values and links left: [2, 0, 0]",
        ),
        (
            Defect::LeaksValue,
            "connect",
            "PDUs, values and links left: [0, 2, 0]",
        ),
        (
            Defect::LeaksLink,
            "connect",
            "PDUs, values and links left: [0, 0, 1",
        ),
        (Defect::LosesEnd, "read", "never ended: Read"),
        (Defect::EndsTwice, "read", "an end of nothing that runs"),
        (Defect::LosesScanDone, "scan", "never ended: scan"),
        (Defect::ScanDoneTwice, "scan", "an end of no scan"),
        (
            Defect::LosesConnectFailed,
            "give-up",
            "never ended: connection attempt",
        ),
        (Defect::LosesDisconnect, "connect", "did not end"),
        (Defect::ConnectsTwice, "connect", "connected twice"),
        (Defect::NeverStops, "connect", "an operation did not end"),
        (Defect::StartsOnce, "connect", "not usable again"),
        (Defect::Panics, "write", "panic: broken"),
        (Defect::Spins, "connect", "do not come to rest"),
        (Defect::DisconnectsTwice, "connect", "disconnected twice"),
        (
            Defect::LosesIndicateDone,
            "indicate",
            "never ended: indication",
        ),
        (
            Defect::IndicateDoneTwice,
            "indicate",
            "an end of no indication",
        ),
        (Defect::LosesUpdate, "update", "never ended: update"),
        (Defect::LosesEncryption, "pair", "never ended: pairing"),
        (Defect::LosesChannel, "l2cap", "never ended: channel"),
        (
            Defect::ChannelTwice,
            "l2cap",
            "a channel that nobody asked for",
        ),
        (
            Defect::LosesChannelEnd,
            "l2cap",
            "channels were not ended before the link",
        ),
        (Defect::ChannelEndsTwice, "l2cap", "an end of no channel"),
        (
            Defect::FailsTwice,
            "give-up",
            "failed to connect without being asked to",
        ),
        (Defect::WrongLink, "mtu", "told of a link that is not there"),
        (Defect::IgnoresCredits, "flood", "us: "),
    ] {
        let problems = problems_of(Some(defect), name);
        let caught = problems.iter().any(|problem| problem.contains(caught_by));
        assert!(caught, "{defect:?} in {name}: {problems:#?}");
    }
}

#[test]
fn a_host_without_defect_is_not_accused() {
    for name in [
        "connect", "read", "scan", "give-up", "write", "indicate", "update", "pair", "l2cap",
        "mtu", "flood",
    ] {
        assert_eq!(problems_of(None, name), [""; 0]);
    }
}

#[test]
fn no_pool_that_is_empty_for_a_while_makes_a_host_unusable() {
    let (mut failed, mut noticed) = (Vec::new(), 0);
    for scenario in scenario::ALL {
        for pool in [Starved::Pdus, Starved::Values] {
            for n in 0..2 {
                for after in (n as u32..300).step_by(6) {
                    let id = RunId::plain(scenario, after as u64);
                    let outcome = run_with(&id, &Default::default(), None, &|rig| {
                        rig.nodes[n].host.starve(pool, after);
                    });
                    noticed += !outcome.finished as u32;
                    if !outcome.problems.is_empty() {
                        failed.push((scenario.name, pool, n, after, outcome.problems));
                    }
                }
            }
        }
    }
    let some = &failed[..failed.len().min(5)];
    assert!(failed.is_empty(), "{} failed: {some:#?}", failed.len());
    assert!(noticed > 0, "nobody noticed");
}
