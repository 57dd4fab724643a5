//! Gives files to a target: `ble-fuzz-replay smp crash-…`.

fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let Some((_, run)) = ble_fuzz::TARGETS.iter().find(|(target, _)| *target == name) else {
        eprintln!("no target {name}");
        std::process::exit(2);
    };
    for path in args {
        println!("{path}");
        run(&std::fs::read(&path).expect("a readable file"));
    }
}
