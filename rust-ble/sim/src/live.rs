//! An air in real time: each node's HCI on a pseudo-terminal, a TCP port or a
//! UNIX socket, as an H4 byte stream.

mod endpoint;
mod h4;

pub use endpoint::Address;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};
use nix::sys::time::TimeSpec;

use crate::sensor::Sensor;
use crate::{Air, NodeId};
use endpoint::{Endpoint, Got};
use h4::Stream;

/// Work closer than this in time is done in one go, so that a wake-up pays.
const SLACK: u64 = 200;

/// Bytes that may wait for a client that does not read.
const BACKLOG: usize = 4096;

/// What begins a vendor command that has two more bytes: milliseconds for which the
/// controller takes nothing and says nothing. Not answered either.
const FALL_SILENT: [u8; 4] = [0x01, 0xf0, 0xff, 2];

struct Port {
    endpoint: Endpoint,
    stream: Stream,
    /// Until when the controller is silent, in the air's time.
    silent_until: u64,
    /// Bytes for the client that the endpoint did not take yet.
    out: Vec<u8>,
}

/// Serves an air's nodes, virtual time following the clock.
pub struct Live {
    air: Air,
    ports: Vec<Port>,
    sensor: Option<Sensor>,
    begin: Instant,
    start: u64,
    speed: f64,
    lateness: Lateness,
}

/// How far the machine fell behind the clock: what hosts make of that is not
/// their fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// How often by more than `LATE`.
    pub times: u64,
    /// The longest, in microseconds of the clock.
    pub longest: u64,
}

/// Later than this, in microseconds, is noted.
const LATE: u64 = 20_000;

impl Live {
    /// Serves `air`, whose time runs `speed` times as fast as the clock.
    pub fn new(air: Air, speed: f64) -> Self {
        let start = air.now();
        Live {
            air,
            ports: Vec::new(),
            sensor: None,
            begin: Instant::now(),
            start,
            speed,
            lateness: Lateness::default(),
        }
    }

    /// Opens the next node's transport and returns where it is, in words that a
    /// program can split: `pty PATH`, `tcp PORT` or `unix PATH`.
    pub fn open(&mut self, address: &Address) -> io::Result<String> {
        let (endpoint, place) = Endpoint::open(address)?;
        let node = self.ports.len();
        self.air.power_off(node);
        let (stream, out) = (Stream::default(), Vec::new());
        self.ports.push(Port {
            endpoint,
            stream,
            silent_until: 0,
            out,
        });
        Ok(place)
    }

    /// Puts a sensor on the air; it is not one of the nodes that are opened.
    pub fn add_sensor(&mut self, sensor: Sensor) {
        self.sensor = Some(sensor);
    }

    /// The air that is served.
    pub fn air(&mut self) -> &mut Air {
        &mut self.air
    }

    /// Moves time and bytes until one of `stops` becomes readable or hangs up;
    /// returns its index.
    pub fn run(&mut self, stops: &[BorrowedFd]) -> io::Result<usize> {
        loop {
            if let Some(stop) = self.turn(stops)? {
                return Ok(stop);
            }
        }
    }

    /// How late things were done.
    pub fn lateness(&self) -> Lateness {
        self.lateness
    }

    /// Notes how late what is due now would be done.
    fn note_lateness(&mut self) {
        let Some(next) = self.air.next_time() else {
            return;
        };
        let late = (self.clock().saturating_sub(next) as f64 / self.speed) as u64;
        self.lateness.longest = self.lateness.longest.max(late);
        self.lateness.times += (late > LATE) as u64;
    }

    fn turn(&mut self, stops: &[BorrowedFd]) -> io::Result<Option<usize>> {
        self.note_lateness();
        self.air.advance_to(self.clock() + SLACK);
        self.turn_sensor();
        for node in 0..self.ports.len() {
            self.write(node);
        }
        let timeout = self.timeout();
        let mut fds: Vec<PollFd> = stops
            .iter()
            .map(|fd| PollFd::new(*fd, PollFlags::POLLIN))
            .collect();
        for port in &self.ports {
            let mut wanted = PollFlags::POLLIN;
            if !port.out.is_empty() {
                wanted |= PollFlags::POLLOUT;
            }
            fds.push(PollFd::new(port.endpoint.fd(), wanted));
        }
        match nix::poll::ppoll(&mut fds, timeout, None) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        drop(fds);
        if let Some(stop) = ready[..stops.len()].iter().position(|r| *r) {
            return Ok(Some(stop));
        }
        // What the clients sent is handled at the time it came.
        self.note_lateness();
        self.air.advance_to(self.clock());
        self.turn_sensor();
        for node in 0..self.ports.len() {
            if ready[stops.len() + node] {
                self.read(node);
            }
        }
        Ok(None)
    }

    /// Microseconds of the air's time.
    fn clock(&self) -> u64 {
        self.start + (self.begin.elapsed().as_micros() as f64 * self.speed) as u64
    }

    /// How long nothing is due; `None` is for ever.
    fn timeout(&self) -> Option<TimeSpec> {
        let sensor = self.sensor.as_ref().map(|s| s.next_time(&self.air));
        let next = self.air.next_time().into_iter().chain(sensor).min()?;
        let wait = next.saturating_sub(self.clock()) as f64 / self.speed;
        Some(TimeSpec::from_duration(std::time::Duration::from_micros(
            wait as u64 + 1,
        )))
    }

    fn turn_sensor(&mut self) {
        if let Some(sensor) = &mut self.sensor {
            sensor.turn(&mut self.air);
        }
    }

    fn read(&mut self, node: NodeId) {
        let port = &mut self.ports[node];
        let mut bytes = [0; 4096];
        loop {
            match port.endpoint.read(&mut bytes) {
                Got::Bytes(len) => {
                    self.air.power_on(node);
                    port.stream.push(&bytes[..len]);
                    while let Some(item) = port.stream.next() {
                        match item {
                            h4::Item::Packet(packet) => {
                                let now = self.air.now();
                                if let Some(&[low, high]) = packet.strip_prefix(&FALL_SILENT) {
                                    let ms = u16::from_le_bytes([low, high]) as u64;
                                    port.silent_until = now + ms * 1000;
                                }
                                if now >= port.silent_until {
                                    self.air.send(node, &packet);
                                }
                            }
                            h4::Item::SyncLost => self.air.hardware_error(node, 0x01),
                        }
                    }
                }
                Got::Opened => self.air.power_on(node),
                Got::Closed => {
                    port.stream = Stream::default();
                    port.out.clear();
                    self.air.power_off(node);
                    self.air.flush_snoops();
                    return;
                }
                Got::Nothing => return,
            }
        }
    }

    /// Passes on what the controller has, but not more than the client takes: what
    /// waits stays in the controller, which knows what to do without room.
    fn write(&mut self, node: NodeId) {
        let port = &mut self.ports[node];
        loop {
            while port.out.len() < BACKLOG {
                let Some(packet) = self.air.receive(node) else {
                    break;
                };
                if self.air.now() >= port.silent_until {
                    port.out.extend_from_slice(&packet);
                }
            }
            if port.out.is_empty() {
                return;
            }
            let written = port.endpoint.write(&port.out);
            if written == 0 {
                return;
            }
            port.out.drain(..written);
        }
    }
}

/// Borrows descriptors for [`Live::run`].
pub fn stop_on<T: AsFd>(fd: &T) -> BorrowedFd<'_> {
    fd.as_fd()
}
