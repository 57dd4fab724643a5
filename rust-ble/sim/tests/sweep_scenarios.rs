//! Every scenario, without faults and on each kind of controller.

use ble_sim::scenario;
use ble_sim::sweep::{run, run_with, RunId};

#[test]
fn every_scenario_comes_to_its_end() {
    let mut failed = Vec::new();
    for scenario in scenario::ALL {
        for seed in 0..16 {
            let id = RunId::plain(scenario, seed);
            let outcome = run(&id, &Default::default(), None);
            if !outcome.finished || !outcome.problems.is_empty() {
                failed.push((id.to_string(), outcome.problems));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// On real machines time does not wait for a host: it may find something too
/// early, and be asked a moment later when to come again.
#[test]
fn every_scenario_comes_to_its_end_with_a_clock_that_runs() {
    let mut failed = Vec::new();
    for scenario in scenario::ALL {
        let seeds = if scenario.name.starts_with("pair") {
            1000
        } else {
            64
        };
        for seed in 0..seeds {
            let id = RunId::plain(scenario, seed);
            let outcome = run_with(&id, &Default::default(), None, &|rig| {
                rig.let_clock_run(seed)
            });
            if !outcome.finished || !outcome.problems.is_empty() {
                failed.push((id.to_string(), outcome.problems));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn random_faults_leave_nothing_behind_with_a_clock_that_runs() {
    let mut failed = Vec::new();
    for seed in 0..100 {
        for scenario in scenario::ALL {
            let plain = RunId::plain(scenario, seed);
            let opcodes = run(&plain, &Default::default(), None)
                .census
                .map(|census| census.opcodes);
            let id = RunId::parse(&format!("{}:any@central:0:{seed}", scenario.name)).unwrap();
            let outcome = run_with(&id, &opcodes, None, &|rig| rig.let_clock_run(seed));
            if !outcome.problems.is_empty() {
                failed.push((id.to_string(), outcome.problems));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
