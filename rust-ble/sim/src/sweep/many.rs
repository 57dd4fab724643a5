//! Many runs: sweeps over all places of all faults, and random ones.

use super::fault::{Fault, Kind};
use super::{replay, run, Outcome, RunId};
use crate::rng::Rng;
use crate::scenario::{Scenario, ALL};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How a sweep went.
#[derive(Debug, Default)]
pub struct Tally {
    /// Runs made.
    pub runs: u64,
    /// Names of those that failed, with what did not hold.
    pub failed: Vec<(String, Vec<String>)>,
}

impl Tally {
    /// Adds another one.
    pub fn add(&mut self, other: Tally) {
        self.runs += other.runs;
        self.failed.extend(other.failed);
    }

    fn enter(&mut self, id: &RunId, outcome: &Outcome) {
        self.runs += 1;
        if !outcome.problems.is_empty() {
            self.failed.push((id.to_string(), outcome.problems.clone()));
        }
    }
}

/// Sweeps scenarios: each kind of fault, at each place or at every `stride`th,
/// with each seed, on all processors.
pub fn sweep(
    scenarios: &[&'static Scenario],
    kinds: &[Kind],
    seeds: std::ops::Range<u64>,
    stride: u64,
) -> Tally {
    let mut jobs = Vec::new();
    for seed in seeds {
        for scenario in scenarios {
            // Chunks of kinds, so that no job is long and none only counts.
            jobs.extend(kinds.chunks(8).map(|kinds| (*scenario, kinds, seed)));
        }
    }
    let next = AtomicUsize::new(0);
    in_parallel(|tally| {
        let Some(&(scenario, kinds, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else {
            return false;
        };
        tally.add(sweep_one(scenario, kinds, seed, stride));
        true
    })
}

/// How many random runs.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// So many.
    Runs(u64),
    /// As many as can be made in this time.
    Time(Duration),
}

/// Random scenarios under random faults by seeds from `first` on, on all
/// processors.
pub fn random(first: u64, limit: Limit) -> Tally {
    let begin = Instant::now();
    let next = AtomicU64::new(0);
    in_parallel(|tally| {
        let nth = next.fetch_add(1, Ordering::Relaxed);
        let over = match limit {
            Limit::Runs(runs) => nth >= runs,
            Limit::Time(time) => begin.elapsed() >= time,
        };
        if !over {
            let id = random_run(first.wrapping_add(nth));
            tally.enter(&id, &replay(&id, None));
        }
        !over
    })
}

/// Sweeps one scenario: each kind of fault, at each place or at every
/// `stride`th.
fn sweep_one(scenario: &'static Scenario, kinds: &[Kind], seed: u64, stride: u64) -> Tally {
    let mut tally = Tally::default();
    let plain = RunId::plain(scenario, seed);
    let mut outcome = run(&plain, &Default::default(), None);
    if !outcome.finished {
        outcome
            .problems
            .push("did not come to its end without a fault".into());
    }
    tally.enter(&plain, &outcome);
    let census = outcome.census;
    let opcodes = [census[0].opcodes.clone(), census[1].opcodes.clone()];
    for &kind in kinds.iter().filter(|kind| **kind != Kind::None) {
        for node in [0, 1] {
            let cases = census[node].cases(kind.counts());
            // Each kind begins elsewhere, so that a coarse sweep sees all places.
            let first =
                cases.start + (kind as u64 + seed) % stride.min(cases.end - cases.start).max(1);
            for nth in (first..cases.end).step_by(stride as usize) {
                let id = RunId {
                    scenario,
                    fault: Fault { kind, node, nth },
                    seed,
                };
                tally.enter(&id, &run(&id, &opcodes, None));
            }
        }
    }
    tally
}

/// A random scenario under random faults, both by `seed`.
fn random_run(seed: u64) -> RunId {
    let mut rng = Rng::new(seed);
    let last = &ALL[ALL.len() - 1];
    let any = &ALL[rng.below(ALL.len() as u64) as usize];
    let scenario = if rng.chance(0.7) { last } else { any };
    RunId {
        scenario,
        fault: Fault {
            kind: Kind::Any,
            node: 0,
            nth: 0,
        },
        seed,
    }
}

/// Repeats `work` on all processors until it says that there is none.
fn in_parallel(work: impl Fn(&mut Tally) -> bool + Sync) -> Tally {
    let total = Mutex::new(Tally::default());
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut tally = Tally::default();
                while work(&mut tally) {}
                if let Ok(mut total) = total.lock() {
                    total.add(tally);
                }
            });
        }
    });
    total.into_inner().unwrap_or_default()
}
