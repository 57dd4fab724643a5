//! Every scenario, without faults and on each kind of controller.

use ble_sim::scenario;
use ble_sim::sweep::{run, RunId};

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
