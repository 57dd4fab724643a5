//! Every scenario under every kind of fault, at a part of all places; `make
//! soak` visits more of them. Each failure prints the name by which `make
//! replay ID=` repeats it.

use ble_sim::scenario;
use ble_sim::sweep::fault::Kind;
use ble_sim::sweep::{random, sweep, Limit, Tally};

fn assert_none_failed(tally: Tally) {
    let Tally { runs, failed } = tally;
    assert!(runs > 0);
    assert!(
        failed.is_empty(),
        "{} of {runs} runs failed: {failed:#?}",
        failed.len()
    );
}

#[test]
fn no_fault_at_any_place_makes_a_host_unusable() {
    let scenarios: Vec<_> = scenario::ALL.iter().collect();
    assert_none_failed(sweep(&scenarios, Kind::ALL, 0..1, 17));
    assert_none_failed(sweep(&scenarios, Kind::ALL, 1..4, 127));
}

#[test]
fn random_schedules_under_random_faults_leave_nothing_behind() {
    assert_none_failed(random(0, Limit::Runs(3_000)));
}
