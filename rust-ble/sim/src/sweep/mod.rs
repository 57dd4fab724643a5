//! Runs of scenarios under faults, and what must hold after each: all memory
//! returned, everything started ended exactly once, each operation ended in
//! bounded time, nothing panicked, and the host is usable again.

pub mod fault;
pub mod id;
pub mod ledger;
mod many;
pub mod rig;

pub use id::RunId;
pub use many::{random, sweep, Limit, Tally};

use crate::rng::Rng;
use crate::scenario;
use crate::snoop::Snoop;
use fault::{Fault, Kind};
use rig::{Census, Over, Rig, Step, VALUE};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;

/// What became of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What did not hold.
    pub problems: Vec<String>,
    /// The scenario came to its end.
    pub finished: bool,
    /// What was counted, by node.
    pub census: [Census; 2],
}

/// Makes a run. `opcodes` are those of the same run without fault.
///
/// With a directory it writes `central.btsnoop`, `peripheral.btsnoop` and
/// `events.txt`.
pub fn run(id: &RunId, opcodes: &[Vec<u16>; 2], capture: Option<&Path>) -> Outcome {
    run_with(id, opcodes, capture, &|_| {})
}

/// A run with hosts that `prepare` changes before they are switched on.
pub fn run_with(
    id: &RunId,
    opcodes: &[Vec<u16>; 2],
    capture: Option<&Path>,
    prepare: &dyn Fn(&mut Rig),
) -> Outcome {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut rig = Rig::new(id.seed, faults_of(id));
        prepare(&mut rig);
        play(id, rig, opcodes, capture)
    }));
    result.unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().map(String::as_str);
        let what = what
            .or(panic.downcast_ref::<&str>().copied())
            .unwrap_or("?");
        Outcome {
            problems: vec![format!("panic: {what}")],
            ..Outcome::default()
        }
    })
}

/// A run by its name alone.
pub fn replay(id: &RunId, capture: Option<&Path>) -> Outcome {
    replay_with(id, capture, &|_| {})
}

/// The same, with hosts that `prepare` changes before they are switched on.
pub fn replay_with(id: &RunId, capture: Option<&Path>, prepare: &dyn Fn(&mut Rig)) -> Outcome {
    let plain = RunId::plain(id.scenario, id.seed);
    let opcodes = run(&plain, &Default::default(), None)
        .census
        .map(|census| census.opcodes);
    run_with(id, &opcodes, capture, prepare)
}

/// The faults that a name stands for.
fn faults_of(id: &RunId) -> Vec<Fault> {
    if id.fault.kind != Kind::Any {
        return vec![id.fault];
    }
    let mut rng = Rng::new(id.seed);
    let kinds: Vec<Kind> = Kind::ALL
        .iter()
        .copied()
        .filter(|k| !matches!(k, Kind::None | Kind::Any))
        .collect();
    (0..rng.below(5))
        .map(|_| {
            let kind = kinds[rng.below(kinds.len() as u64) as usize];
            let nth = match kind.counts() {
                fault::Counts::UpTo(most) => 1 + rng.below(most),
                fault::Counts::Opcodes | fault::Counts::Secrets => rng.below(12),
                _ => rng.below(150),
            };
            Fault {
                kind,
                node: rng.below(2) as usize,
                nth,
            }
        })
        .collect()
}

fn play(id: &RunId, mut rig: Rig, opcodes: &[Vec<u16>; 2], capture: Option<&Path>) -> Outcome {
    let misleads = faults_of(id).iter().any(|fault| fault.kind.misleads());
    if let Some(path) = capture {
        for (n, name) in ["central.btsnoop", "peripheral.btsnoop"].iter().enumerate() {
            let file = std::fs::File::create(path.join(name)).expect("a file for the capture");
            let file = std::io::BufWriter::new(file);
            let snoop = Snoop::new(Box::new(file), 0).expect("room for the capture");
            rig.air.set_snoop(rig.nodes[n].id, snoop);
        }
        rig.told = Some(String::new());
    }
    for node in &mut rig.nodes {
        node.ledger.lenient = misleads;
    }
    let unsupported = id.fault.kind == Kind::Unsupported;
    if unsupported {
        rig.arm(opcodes);
    }
    let mut ready = Ok(());
    if id.scenario.active {
        ready = rig.start(0).and_then(|_| rig.start(1));
    }
    if !unsupported {
        rig.arm(opcodes);
    }
    let result = ready.and_then(|_| (id.scenario.play)(&mut rig));
    let census = [rig.nodes[0].census.clone(), rig.nodes[1].census.clone()];
    conclude(&mut rig);
    for n in 0..2 {
        for violation in rig.air.take_violations(n) {
            if !misleads {
                rig.problem(n, format!("at {} us: {}", violation.time, violation.what));
            }
        }
    }
    if let Err(over) = try_again(&mut rig) {
        rig.problem(0, format!("not usable again: {over:?}"));
    }
    rig.air.flush_snoops();
    if let (Some(path), Some(told)) = (capture, &rig.told) {
        std::fs::write(path.join("events.txt"), told).expect("room for the events");
    }
    let mut problems = Vec::new();
    for (n, node) in rig.nodes.iter().enumerate() {
        let name = ["central", "peripheral"][n];
        problems.extend(
            node.ledger
                .problems
                .iter()
                .map(|what| format!("{name}: {what}")),
        );
    }
    Outcome {
        problems,
        finished: result.is_ok(),
        census,
    }
}

/// Longer than any procedure may take, in milliseconds: one whose packets the
/// controller keeps, and whose link then ends without being told.
const ANYTHING_MS: u64 = 3 * ble_core::conn::LINK_DEAD_MS as u64;

/// Lets everything come to its end, and looks whether it did.
fn conclude(rig: &mut Rig) {
    for n in 0..2 {
        let _ = rig.call(n, |host, now| host.stop_advertising(now));
        let _ = rig.call(n, |host, now| host.stop_scan(now));
    }
    let mut waited = 0;
    while waited < ANYTHING_MS && rig.nodes.iter().any(|node| !node.ledger.owed().is_empty()) {
        // What strikes now ends nothing that is being waited for.
        let _ = rig.run(500);
        waited += 500;
    }
    for n in 0..2 {
        if !rig.nodes[n].host.is_active() {
            continue;
        }
        for owed in rig.nodes[n].ledger.owed() {
            rig.problem(n, format!("never ended: {owed}"));
        }
    }
    let mut waited = 0;
    // A controller that does not end a link is given up.
    while waited < 45_000 && rig.nodes.iter().any(|node| !node.ledger.links().is_empty()) {
        for n in 0..2 {
            for conn in rig.nodes[n].ledger.links() {
                let _ = rig.call(n, |host, now| host.disconnect(now, conn));
            }
        }
        let _ = rig.run(500);
        waited += 500;
    }
    for n in 0..2 {
        for conn in rig.nodes[n].ledger.links() {
            rig.problem(n, format!("link {conn} did not end"));
        }
        rig.check_memory(n);
    }
    // Only now: time passes, in which a link may come up that nobody owes.
    for n in 0..2 {
        rig.stop(n);
    }
}

/// After all faults are gone: activates, connects, reads, disconnects.
fn try_again(rig: &mut Rig) -> Step<()> {
    rig.repair();
    for n in 0..2 {
        rig.nodes[n].ledger.lenient = false;
        rig.start(n)?;
    }
    let (conn, _) = scenario::link(rig)?;
    let value = rig.nodes[1].handles.value;
    let (status, data) = scenario::read_value(rig, 0, conn, value)?;
    if status != 0 || data != VALUE {
        return Err(Over::Late);
    }
    scenario::unlink(rig, 0, conn)?;
    for n in 0..2 {
        rig.check_memory(n);
        rig.stop(n);
    }
    Ok(())
}
