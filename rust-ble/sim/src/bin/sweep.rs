//! Replays one run of a sweep with captures, sweeps everything, or makes
//! random runs for a time.

use ble_sim::scenario;
use ble_sim::sweep::fault::Kind;
use ble_sim::sweep::{random, replay, sweep, Limit, RunId, Tally};
use clap::{Arg, ArgMatches, Command};
use std::path::PathBuf;
use std::time::Duration;

fn main() {
    let number = |name: &'static str, default: &'static str| {
        Arg::new(name)
            .long(name)
            .default_value(default)
            .value_parser(clap::value_parser!(u64))
    };
    let matches = Command::new("ble-sweep")
        .about("Runs scenarios between two hosts under faults")
        .subcommand_required(true)
        .subcommand(
            Command::new("replay")
                .about("Makes one run by its name and captures its HCI")
                .arg(Arg::new("id").required(true))
                .arg(Arg::new("capture").long("capture").default_value(".")),
        )
        .subcommand(
            Command::new("run")
                .about("Sweeps scenarios, faults and places")
                .arg(Arg::new("scenario").long("scenario"))
                .arg(Arg::new("fault").long("fault"))
                .arg(number("stride", "1"))
                .arg(number("first", "0"))
                .arg(number("seeds", "1")),
        )
        .subcommand(
            Command::new("soak")
                .about("Makes random runs for some seconds")
                .arg(number("seconds", "60"))
                .arg(number("first", "1000000")),
        )
        .get_matches();
    // What panics is told with the name of its run; replaying that tells where.
    if !matches!(matches.subcommand(), Some(("replay", _))) {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let tally = match matches.subcommand() {
        Some(("replay", args)) => replay_one(args),
        Some(("run", args)) => sweep_all(args),
        Some(("soak", args)) => soak(args),
        _ => unreachable!("clap asks for one of them"),
    };
    for (id, problems) in &tally.failed {
        println!("FAILED {id}");
        for problem in problems {
            println!("    {problem}");
        }
    }
    println!("{} runs, {} failed", tally.runs, tally.failed.len());
    if !tally.failed.is_empty() {
        std::process::exit(1);
    }
}

fn replay_one(args: &ArgMatches) -> Tally {
    let text = args.get_one::<String>("id").expect("required");
    let Some(id) = RunId::parse(text) else {
        eprintln!("{text} is no scenario:fault@node:N:seed");
        std::process::exit(2);
    };
    let capture = PathBuf::from(args.get_one::<String>("capture").expect("has a default"));
    if let Err(error) = std::fs::create_dir_all(&capture) {
        eprintln!("{}: {error}", capture.display());
        std::process::exit(2);
    }
    let outcome = replay(&id, Some(&capture));
    println!(
        "central.btsnoop, peripheral.btsnoop, events.txt in {}",
        capture.display()
    );
    println!(
        "the scenario {} its end",
        if outcome.finished {
            "came to"
        } else {
            "did not reach"
        }
    );
    let mut tally = Tally {
        runs: 1,
        failed: Vec::new(),
    };
    if !outcome.problems.is_empty() {
        tally.failed.push((id.to_string(), outcome.problems));
    }
    tally
}

fn sweep_all(args: &ArgMatches) -> Tally {
    let number = |name: &str| *args.get_one::<u64>(name).expect("has a default");
    let is_wanted = |filter: &str, name: &str| {
        args.get_one::<String>(filter)
            .is_none_or(|wanted| wanted.split(',').any(|w| w == name))
    };
    let kinds: Vec<Kind> = Kind::ALL
        .iter()
        .copied()
        .filter(|kind| is_wanted("fault", kind.name()))
        .collect();
    let scenarios: Vec<_> = scenario::ALL
        .iter()
        .filter(|scenario| is_wanted("scenario", scenario.name))
        .collect();
    let seeds = number("first")..number("first") + number("seeds");
    sweep(&scenarios, &kinds, seeds, number("stride"))
}

fn soak(args: &ArgMatches) -> Tally {
    let number = |name: &str| *args.get_one::<u64>(name).expect("has a default");
    random(
        number("first"),
        Limit::Time(Duration::from_secs(number("seconds"))),
    )
}
