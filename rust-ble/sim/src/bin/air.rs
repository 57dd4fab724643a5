//! ble-air: virtual Bluetooth LE controllers for programs that speak HCI.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use ble_sim::live::{Address, Live};
use ble_sim::sensor::Sensor;
use ble_sim::snoop::Snoop;
use ble_sim::{Air, NodeConfig, Options, Profile};
use clap::{value_parser, Arg, ArgAction, ArgMatches, Command};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

fn main() -> ExitCode {
    let matches = arguments().get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ble-air: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Command {
    let profiles = ["full", "4.2", "wb55", "minimal"];
    Command::new("ble-air")
        .about("Virtual Bluetooth LE controllers on one air, each an H4 byte stream")
        .after_help(
            "Prints one line per node, `node INDEX pty|tcp|unix|sensor PLACE address ADDRESS`, then\n\
             `ready`, and runs until SIGTERM, SIGINT or the end of its parent. Its last line,\n\
             `end violations N late N longest MS`, counts the rules that hosts broke, and says\n\
             how often the machine fell behind the clock, and how far.",
        )
        .arg(
            Arg::new("node")
                .long("node")
                .value_name("WHERE")
                .action(ArgAction::Append)
                .help("Offers a node as pty, pty:LINK, tcp:PORT (0: any) or unix:PATH"),
        )
        .arg(
            Arg::new("nodes")
                .long("nodes")
                .value_name("N")
                .value_parser(value_parser!(usize))
                .help("Adds ptys until there are N nodes"),
        )
        .arg(
            Arg::new("profile")
                .long("profile")
                .value_name("KIND")
                .action(ArgAction::Append)
                .value_parser(profiles)
                .help(
                    "Kind of controller; the n-th goes with the n-th node, the last with the rest",
                ),
        )
        .arg(number("seed", "N", "Repeats the air's chance").value_parser(value_parser!(u64)))
        .arg(
            number(
                "loss",
                "P",
                "Probability that a radio packet is lost, 0 to 1",
            )
            .value_parser(probability),
        )
        .arg(
            number(
                "latency",
                "US",
                "Microseconds an HCI packet takes, each way",
            )
            .value_parser(value_parser!(u64)),
        )
        .arg(
            number("speed", "X", "Air seconds per second of the clock")
                .value_parser(value_parser!(f64)),
        )
        .arg(number("acl", "LENxCOUNT", "ACL buffers of each node, as 27x1").value_parser(acl))
        .arg(
            Arg::new("public")
                .long("public")
                .action(ArgAction::SetTrue)
                .help("Gives the nodes public addresses"),
        )
        .arg(
            Arg::new("snoop")
                .long("snoop")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Captures each node's HCI in DIR/node-INDEX.btsnoop"),
        )
        .arg(
            Arg::new("sensor")
                .long("sensor")
                .action(ArgAction::SetTrue)
                .help("Adds a peripheral `sensor` with Environmental Sensing"),
        )
        .arg(
            Arg::new("until-eof")
                .long("until-eof")
                .action(ArgAction::SetTrue)
                .help("Ends when standard input is closed"),
        )
}

fn number(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err("not between 0 and 1".into())
    }
}

fn acl(text: &str) -> Result<(u16, u8), String> {
    let parsed = text.split_once('x').and_then(|(len, count)| {
        let (len, count) = (len.parse().ok()?, count.parse().ok()?);
        (len >= 27 && count >= 1).then_some((len, count))
    });
    parsed.ok_or_else(|| "not like 27x1".into())
}

fn run(matches: &ArgMatches) -> io::Result<()> {
    let mut addresses = Vec::new();
    for text in matches.get_many::<String>("node").unwrap_or_default() {
        let address = Address::parse(text);
        addresses.push(address.ok_or_else(|| io::Error::other(format!("unknown node `{text}`")))?);
    }
    let count = matches.get_one::<usize>("nodes").copied();
    let count = count.unwrap_or(if addresses.is_empty() { 2 } else { 0 });
    while addresses.len() < count {
        addresses.push(Address::Pty(None));
    }
    // Signals are read from a descriptor; the parent's end comes as one too.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
    let parent = nix::unistd::getppid();
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?;
    if nix::unistd::getppid() != parent {
        return Ok(());
    }
    let mut live = serve(matches, &addresses)?;
    println!("ready");
    io::stdout().flush()?;
    let stdin = io::stdin();
    let mut stops = vec![signals.as_fd()];
    if matches.get_flag("until-eof") {
        stops.push(stdin.as_fd());
    }
    loop {
        if live.run(&stops)? == 0 || at_end(&stdin) {
            break;
        }
    }
    live.air().flush_snoops();
    let mut violations = 0;
    for node in 0..live.air().node_count() {
        for violation in live.air().take_violations(node) {
            eprintln!("node {node} at {} us: {}", violation.time, violation.what);
            violations += 1;
        }
    }
    let late = live.lateness();
    // Whoever started it may be gone.
    let _ = writeln!(
        io::stdout(),
        "end violations {violations} late {} longest {}",
        late.times,
        late.longest / 1000
    );
    Ok(())
}

/// Opens all nodes and tells where they are.
fn serve(matches: &ArgMatches, addresses: &[Address]) -> io::Result<Live> {
    let options = Options {
        loss: matches.get_one::<f64>("loss").copied().unwrap_or(0.0),
        latency: matches.get_one::<u64>("latency").copied().unwrap_or(0),
    };
    let seed = matches.get_one::<u64>("seed").copied().unwrap_or(0);
    let speed = matches.get_one::<f64>("speed").copied().unwrap_or(1.0);
    let profiles: Vec<Profile> = matches
        .get_many::<String>("profile")
        .unwrap_or_default()
        .filter_map(|name| Profile::parse(name))
        .collect();
    let mut air = Air::new(seed, options);
    let start = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut names = Vec::new();
    for node in 0..addresses.len() {
        let profile = profiles.get(node).or(profiles.last()).copied();
        let mut config = NodeConfig::new(profile.unwrap_or(Profile::Full));
        let mut name = "none".to_string();
        if matches.get_flag("public") {
            let printed = [0x00, 0x1b, 0xdc, 0x00, (node >> 8) as u8, node as u8];
            config = config.with_public(printed);
            name = printed.map(|b| format!("{b:02x}")).join(":");
        }
        if let Some((len, count)) = matches.get_one::<(u16, u8)>("acl") {
            config = config.with_acl(*len, *count);
        }
        air.add_node(config);
        names.push(name);
        if let Some(dir) = matches.get_one::<PathBuf>("snoop") {
            std::fs::create_dir_all(dir)?;
            let file = File::create(dir.join(format!("node-{node}.btsnoop")))?;
            let out = Box::new(BufWriter::new(file));
            air.set_snoop(node, Snoop::new(out, start.as_micros() as u64)?);
        }
    }
    let mut live = Live::new(air, speed);
    for (node, address) in addresses.iter().enumerate() {
        let place = live
            .open(address)
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        println!("node {node} {place} address {}", names[node]);
    }
    if matches.get_flag("sensor") {
        let node = live.air().add_node(NodeConfig::default());
        let sensor = Sensor::start(live.air(), node, seed)
            .map_err(|error| io::Error::other(format!("sensor: {error:?}")))?;
        println!("node {node} sensor - address {}", sensor.address());
        live.add_sensor(sensor);
    }
    Ok(live)
}

/// Standard input was readable: bytes are thrown away, its end counts.
fn at_end(stdin: &io::Stdin) -> bool {
    let mut bytes = [0; 256];
    !matches!(nix::unistd::read(stdin.as_fd(), &mut bytes), Ok(len) if len > 0)
}
