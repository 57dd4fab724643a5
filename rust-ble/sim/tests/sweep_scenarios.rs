//! Every scenario, without faults and on each kind of controller, and with a
//! clock that runs.

use ble_sim::scenario::{self, Scenario};
use ble_sim::sweep::rig::Rig;
use ble_sim::sweep::{replay_with, run_with, RunId};

/// Runs every scenario with as many seeds as `seeds` says.
fn assert_all_end(seeds: fn(&Scenario) -> u64, prepare: fn(&mut Rig, u64)) {
    let mut failed = Vec::new();
    for scenario in scenario::ALL {
        for seed in 0..seeds(scenario) {
            let id = RunId::plain(scenario, seed);
            let outcome = run_with(&id, &Default::default(), None, &|rig| prepare(rig, seed));
            if !outcome.finished || !outcome.problems.is_empty() {
                failed.push((id.to_string(), outcome.problems));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_scenario_comes_to_its_end() {
    assert_all_end(|_| 16, |_, _| {});
}

/// On real machines time does not wait for a host: it may find something too
/// early, and be asked a moment later when to come again.
#[test]
fn every_scenario_comes_to_its_end_with_a_clock_that_runs() {
    let seeds = |scenario: &Scenario| match scenario.name.starts_with("pair") {
        true => 1000,
        false => 64,
    };
    assert_all_end(seeds, Rig::let_clock_run);
}

#[test]
fn random_faults_leave_nothing_behind_with_a_clock_that_runs() {
    let mut failed = Vec::new();
    for seed in 0..100 {
        for scenario in scenario::ALL {
            let id = RunId::parse(&format!("{}:any@central:0:{seed}", scenario.name)).unwrap();
            let outcome = replay_with(&id, None, &|rig| rig.let_clock_run(seed));
            if !outcome.problems.is_empty() {
                failed.push((id.to_string(), outcome.problems));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
