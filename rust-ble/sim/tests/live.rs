//! ble-air as its users see it: a program with ptys and sockets.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const RESET: [u8; 4] = [1, 3, 0x0c, 0];
const RESET_DONE: [u8; 7] = [4, 0x0e, 4, 1, 3, 0x0c, 0];

struct Served {
    process: Child,
    lines: Vec<String>,
    dir: PathBuf,
}

impl Served {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("ble-air-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_ble-air"))
            .args(arguments)
            .current_dir(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let lines = out
            .lines()
            .map(|l| l.unwrap())
            .take_while(|l| l != "ready")
            .collect();
        Served {
            process,
            lines,
            dir,
        }
    }

    /// Third word on, of a node's line.
    fn place(&self, node: usize) -> &str {
        self.lines[node].split(' ').nth(3).unwrap()
    }

    fn unix(&self, path: &str) -> UnixStream {
        let stream = UnixStream::connect(self.dir.join(path)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Reads one H4 packet.
fn packet(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = vec![0; 3];
    from.read_exact(&mut bytes).unwrap();
    let mut len = usize::from(bytes[2]);
    if bytes[0] == 2 {
        bytes.resize(5, 0);
        from.read_exact(&mut bytes[3..]).unwrap();
        len = usize::from(bytes[3]);
    }
    let head = bytes.len();
    bytes.resize(head + len, 0);
    from.read_exact(&mut bytes[head..]).unwrap();
    bytes
}

fn command(host: &mut (impl Read + Write), opcode: u16, params: &[u8]) {
    let [lo, hi] = opcode.to_le_bytes();
    host.write_all(&[&[1, lo, hi, params.len() as u8], params].concat())
        .unwrap();
    let answer = packet(host);
    assert!(
        answer[1] == 0x0e && answer[6] == 0 || answer[1] == 0x0f && answer[3] == 0,
        "{opcode:04x}"
    );
}

fn set_up(host: &mut (impl Read + Write), n: u8) {
    command(host, 0x0c03, &[]);
    command(host, 0x0c01, &[0xff; 8]);
    command(host, 0x2001, &[0xff; 8]);
    command(host, 0x2005, &[n, 2, 3, 4, 5, 0xc0]);
}

/// The second host connects to the first one.
fn connect(a: &mut (impl Read + Write), b: &mut (impl Read + Write)) {
    command(
        a,
        0x2006,
        &[0x20, 0, 0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0],
    );
    command(a, 0x200a, &[1]);
    let create = [
        16, 0, 16, 0, 0, 1, 1, 2, 3, 4, 5, 0xc0, 1, 6, 0, 6, 0, 0, 0, 20, 0, 0, 0, 0, 0,
    ];
    command(b, 0x200d, &create);
    assert_eq!(packet(b)[3], 0x0a);
    assert_eq!(packet(a)[3], 0x0a);
}

/// Disconnection by timeout; early enough the link was not yet established.
fn lost(event: &[u8]) {
    assert_eq!(event[..6], [4, 5, 4, 0, 0x40, 0]);
    assert!(matches!(event[6], 0x08 | 0x3e));
}

fn open_pty(path: impl AsRef<Path>) -> File {
    let flags = nix::fcntl::OFlag::O_NOCTTY.bits();
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path)
        .unwrap()
}

#[test]
fn nodes_are_reached_by_pty_tcp_and_unix_socket() {
    let air = Served::start(
        "all",
        &[
            "--node",
            "pty",
            "--node",
            "pty:link",
            "--node",
            "tcp:0",
            "--node",
            "unix:sock",
            "--public",
        ],
    );
    assert_eq!(air.lines.len(), 4);
    assert!(air.lines[1].starts_with("node 1 pty link address 00:1b:dc:00:00:01"));
    let mut hosts: Vec<Box<dyn ReadWrite>> = vec![
        Box::new(open_pty(air.place(0))),
        Box::new(open_pty(air.dir.join(air.place(1)))),
        Box::new(TcpStream::connect(("127.0.0.1", air.place(2).parse().unwrap())).unwrap()),
        Box::new(air.unix("sock")),
    ];
    for host in &mut hosts {
        host.write_all(&RESET).unwrap();
        assert_eq!(packet(host), RESET_DONE);
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

#[test]
fn a_client_that_leaves_is_off_the_air_and_may_come_back() {
    let air = Served::start("leave", &["--node", "pty:p", "--node", "unix:u"]);
    for _ in 0..3 {
        let mut a = open_pty(air.dir.join("p"));
        let mut b = air.unix("u");
        set_up(&mut a, 1);
        set_up(&mut b, 2);
        connect(&mut a, &mut b);
        drop(a);
        lost(&packet(&mut b));
        let mut a = open_pty(air.dir.join("p"));
        set_up(&mut a, 1);
        connect(&mut a, &mut b);
        drop(b);
        lost(&packet(&mut a));
    }
}

#[test]
fn garbage_is_a_hardware_error_and_reset_helps() {
    let air = Served::start("garbage", &["--node", "unix:u"]);
    let mut host = air.unix("u");
    set_up(&mut host, 1);
    host.write_all(&[0x7e, 0x55, 1, 1, 0x10, 0]).unwrap();
    assert_eq!(packet(&mut host), [4, 0x10, 1, 1]);
    host.write_all(&RESET).unwrap();
    assert_eq!(packet(&mut host), RESET_DONE);
}

#[test]
fn a_megabyte_crosses_the_air_unchanged() {
    let air = Served::start(
        "bulk",
        &[
            "--node", "unix:a", "--node", "unix:b", "--speed", "50", "--snoop", ".",
        ],
    );
    let (mut a, mut b) = (air.unix("a"), air.unix("b"));
    set_up(&mut a, 1);
    set_up(&mut b, 2);
    connect(&mut a, &mut b);
    command(&mut b, 0x2022, &[0x40, 0, 251, 0, 0x48, 8]);
    let (mut free, mut sent, mut got) = (8, 0u32, 0u32);
    let mut sink = a.try_clone().unwrap();
    let receiver = std::thread::spawn(move || {
        while got < 1 << 18 {
            let packet = packet(&mut sink);
            for word in packet[5..].chunks(4).filter(|_| packet[0] == 2) {
                assert_eq!(word, got.to_le_bytes());
                got += 1;
            }
        }
    });
    while sent < 1 << 18 {
        while free > 0 && sent < 1 << 18 {
            let mut packet = vec![2, 0x40, 0, 240, 0];
            for _ in 0..60.min((1 << 18) - sent) {
                packet.extend_from_slice(&sent.to_le_bytes());
                sent += 1;
            }
            packet[3] = packet.len() as u8 - 5;
            b.write_all(&packet).unwrap();
            free -= 1;
        }
        let event = packet(&mut b);
        if event[1] == 0x13 {
            free += usize::from(event[6]);
        }
    }
    receiver.join().unwrap();
    drop((a, b));
    let mut file = Vec::new();
    for _ in 0..100 {
        file.clear();
        File::open(air.dir.join("node-1.btsnoop"))
            .unwrap()
            .read_to_end(&mut file)
            .unwrap();
        if file.len() > 1 << 20 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(&file[..16], b"btsnoop\0\0\0\0\x01\0\0\x03\xea");
    assert!(file.len() > 1 << 20);
}

#[test]
fn it_ends_on_a_signal_or_with_standard_input_and_leaves_nothing_behind() {
    let mut air = Served::start("end", &["--node", "pty:p", "--node", "unix:u"]);
    let id = nix::unistd::Pid::from_raw(air.process.id() as i32);
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(air.process.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(&air.dir).unwrap().count(), 0);
    let mut air = Served::start("eof", &["--node", "unix:u", "--until-eof"]);
    drop(air.process.stdin.take());
    assert!(air.process.wait().unwrap().success());
}

#[test]
fn what_cannot_be_served_is_said_in_one_line() {
    for arguments in [
        &["--node", "usb:0"][..],
        &["--node", "unix:/nowhere/at/all"],
        &["--acl", "5x1"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_ble-air"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains(arguments[1]));
    }
}

#[test]
fn the_sensor_is_found_read_and_notifies() {
    let air = Served::start("sensor", &["--node", "unix:u", "--sensor", "--speed", "20"]);
    let line: Vec<&str> = air.lines[1].split(' ').collect();
    assert_eq!(line[..5], ["node", "1", "sensor", "-", "address"]);
    let mut printed: Vec<u8> = line[5]
        .split(':')
        .map(|b| u8::from_str_radix(b, 16).unwrap())
        .collect();
    printed.reverse();
    for _ in 0..2 {
        let mut host = air.unix("u");
        set_up(&mut host, 1);
        command(&mut host, 0x200b, &[0, 16, 0, 16, 0, 1, 0]);
        command(&mut host, 0x200c, &[1, 1]);
        let report = packet(&mut host);
        assert_eq!(report[7..13], printed[..]);
        assert!(report.windows(6).any(|w| w == b"sensor"));
        command(&mut host, 0x200c, &[0, 0]);
        let create = [
            &[16, 0, 16, 0, 0, 1][..],
            &printed,
            &[1, 24, 0, 24, 0, 0, 0, 200, 0, 0, 0, 0, 0],
        ];
        command(&mut host, 0x200d, &create.concat());
        assert_eq!(packet(&mut host)[3], 0x0a);
        // Read By Type of Temperature, then a subscription at the handle behind it.
        let read = att(&mut host, &[8, 1, 0, 0xff, 0xff, 0x6e, 0x2a], 9);
        assert_eq!((read[1], read.len()), (4, 6));
        let value = i16::from_le_bytes([read[4], read[5]]);
        assert!((1900..2500).contains(&value));
        assert_eq!(att(&mut host, &[0x12, read[2] + 1, 0, 1, 0], 0x13), [0x13]);
        let notified = att(&mut host, &[], 0x1b);
        assert_eq!(notified[1..3], read[2..4]);
        // The client leaves without a word; the sensor advertises again.
    }
}

/// Sends an ATT PDU and waits for one with an opcode.
fn att(host: &mut (impl Read + Write), pdu: &[u8], wanted: u8) -> Vec<u8> {
    if !pdu.is_empty() {
        let len = pdu.len() as u8;
        let head = [2, 0x40, 0, len + 4, 0, len, 0, 4, 0];
        host.write_all(&[&head[..], pdu].concat()).unwrap();
    }
    loop {
        let packet = packet(host);
        if packet[0] == 2 && packet[7..9] == [4, 0] && packet[9] == wanted {
            return packet[9..].to_vec();
        }
    }
}
