//! Every scenario under every kind of fault, at a part of all places; `make
//! soak` visits more of them. Each failure prints the name by which `make
//! replay ID=` repeats it.

use ble_sim::scenario;
use ble_sim::sweep::fault::Kind;
use ble_sim::sweep::{random, replay, sweep, Limit, RunId, Tally};

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

/// A host was accused in these: of an attempt to connect that it was told to
/// make at the very moment of a soft reset, of procedures whose link died
/// without a word of the controller, which takes twice `LINK_DEAD_MS`, and of
/// a link that came up after all was counted. It was to blame for an update
/// that a central accepted and never made, for two private addresses within
/// 100 ms of its start, and for the end of an attempt to connect whose call had
/// failed, since the controller broke down before its turn came.
#[test]
fn runs_that_once_failed_do_not_fail() {
    for id in [
        "random:any@central:0:1795256422014316",
        "random:any@central:0:1795256422039384",
        "random:any@central:0:1795256422052138",
        "random:any@central:0:1795256422053134",
        "random:any@central:0:1795256422064567",
        "l2cap:any@central:0:1795256422049864",
        "random:any@central:0:1795273073012327",
        "random:any@central:0:1795273073503132",
        "random:any@central:0:1795273073637630",
        "random:any@central:0:1795273073722023",
        "random:any@central:0:1795273073808729",
        "random:any@central:0:1795273073906190",
        "random:any@central:0:1795273074036460",
        "random:any@central:0:1795290451148473",
    ] {
        let outcome = replay(&RunId::parse(id).expect("the name of a run"), None);
        assert!(outcome.problems.is_empty(), "{id}: {:#?}", outcome.problems);
    }
}
