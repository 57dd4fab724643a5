//! Hosts with a defect are found out: each thing that the harness checks is
//! checked by one of them.

use ble_core::host::Defect;
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
    ] {
        let problems = problems_of(Some(defect), name);
        let caught = problems.iter().any(|problem| problem.contains(caught_by));
        assert!(caught, "{defect:?} in {name}: {problems:#?}");
    }
}

#[test]
fn a_host_without_defect_is_not_accused() {
    for name in ["connect", "read", "scan", "give-up", "write"] {
        assert_eq!(problems_of(None, name), [""; 0]);
    }
}
