//! A temperature sensor that lives on the air: our own host, with a script in Rust.

use std::collections::BTreeMap;

use ble_core::gatt::db::flag;
use ble_core::host::{Host, Options};
use ble_core::{Error, Event, Instant, Result, Uuid};

use crate::{Air, NodeId};

/// Flags, the complete list of 16-bit services (Environmental Sensing), the name.
const ADVERTISEMENT: &[u8] = b"\x02\x01\x06\x03\x03\x1a\x18\x07\x09sensor";

/// Between two values, in milliseconds.
const PERIOD: u32 = 1000;

/// What the script is waiting for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Nothing,
    /// To advertise as soon as the host takes the operation.
    Advertise,
}

/// A peripheral "sensor" with Environmental Sensing and a Temperature
/// characteristic, read and notified, in hundredths of a degree Celsius.
pub struct Sensor {
    host: Box<Host>,
    node: NodeId,
    handle: u16,
    wish: Wish,
    next_value: Instant,
    ticks: u32,
    secrets: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
}

impl Sensor {
    /// Switches the sensor on; the air moves on for as long as that takes.
    pub fn start(air: &mut Air, node: NodeId, seed: u64) -> Result<Self> {
        let mut bytes = [0x53; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8] = node as u8;
        let mut sensor = Sensor {
            host: Box::new(Host::new(&bytes)),
            node,
            handle: 0,
            wish: Wish::Advertise,
            next_value: now(air).after(PERIOD),
            ticks: 0,
            secrets: BTreeMap::new(),
        };
        sensor.host.start(now(air), Options::default())?;
        for _ in 0..10_000 {
            sensor.exchange(air);
            if let Some(result) = sensor.host.poll_operation() {
                result?;
                sensor.register()?;
                sensor.turn(air);
                return Ok(sensor);
            }
            air.step();
        }
        Err(Error::TimedOut)
    }

    /// The address it advertises with, as printed.
    pub fn address(&self) -> String {
        let bytes = self.host.address().bytes;
        let printed: Vec<String> = bytes.iter().rev().map(|b| format!("{b:02x}")).collect();
        printed.join(":")
    }

    /// Does all that is due at the air's time.
    pub fn turn(&mut self, air: &mut Air) {
        for _ in 0..10_000 {
            let moved = self.exchange(air);
            let told = self.dispatch(air);
            let ended = self.host.poll_operation();
            if ended.is_some_and(|result| result.is_err()) {
                self.wish = Wish::Advertise;
            }
            self.script(air);
            if !moved && !told && ended.is_none() {
                return;
            }
        }
    }

    /// When the sensor has something to do, in microseconds of the air.
    pub fn next_time(&self, air: &Air) -> u64 {
        let host = self.host.poll_timeout().unwrap_or(self.next_value);
        let due = host.earlier(self.next_value);
        let wait = match due.reached(now(air)) {
            true => 0,
            false => due.0.wrapping_sub(now(air).0),
        };
        (air.now() / 1000 + u64::from(wait)) * 1000
    }

    fn register(&mut self) -> Result<()> {
        loop {
            let db = self.host.database();
            db.begin(false);
            let added = db
                .set_name(b"sensor")
                .and_then(|_| db.add_service(&Uuid::short(0x181a)))
                .and_then(|_| {
                    db.add_characteristic(&Uuid::short(0x2a6e), flag::READ | flag::NOTIFY)
                });
            match added {
                Ok(handle) => {
                    db.end();
                    self.handle = handle;
                    return db.write(handle, &2150i16.to_le_bytes());
                }
                Err(Error::NeedMemory) => {
                    db.lend(vec![0; db.needed() + 1024].leak());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn exchange(&mut self, air: &mut Air) -> bool {
        let now = now(air);
        let mut moved = false;
        while let Some(packet) = air.receive(self.node) {
            // A host that is full gets the rest of the packet as it makes room.
            let mut rest = &packet[..];
            while !rest.is_empty() {
                let taken = self.host.receive(now, rest);
                rest = &rest[taken..];
                if taken == 0 && !self.dispatch(air) {
                    break;
                }
            }
            moved = true;
        }
        if self.host.poll_timeout().is_some_and(|at| at.reached(now)) {
            self.host.handle_timeout(now);
            moved = true;
        }
        while let Some(transmit) = self.host.poll_transmit(now) {
            let packet = [transmit.header(), transmit.head, transmit.tail].concat();
            self.host.transmitted(now);
            air.send(self.node, &packet);
            moved = true;
        }
        moved
    }

    fn dispatch(&mut self, air: &Air) -> bool {
        let mut any = false;
        while let Some(event) = self.host.poll_event(now(air)) {
            any = true;
            match event {
                Event::Disconnected { .. } => self.wish = Wish::Advertise,
                Event::GattsReadRequest { token, .. } => self.host.answer_read(token, 0),
                Event::GetSecret {
                    token,
                    kind,
                    index,
                    key,
                } => {
                    let found = match key {
                        Some(key) => self.secrets.get(&(kind, key.to_vec())),
                        None => {
                            let mut same = self.secrets.iter().filter(|((k, _), _)| *k == kind);
                            same.nth(usize::from(index)).map(|(_, value)| value)
                        }
                    };
                    self.host
                        .answer_secret(token, found.map(|value| &value[..]));
                }
                Event::SetSecret {
                    token,
                    kind,
                    key,
                    value,
                } => {
                    let key = (kind, key.to_vec());
                    let stored = match value {
                        Some(value) => {
                            self.secrets.insert(key, value.to_vec());
                            true
                        }
                        None => self.secrets.remove(&key).is_some(),
                    };
                    self.host.answer_stored(token, stored);
                }
                _ => {}
            }
        }
        any
    }

    fn script(&mut self, air: &Air) {
        let now = now(air);
        if self.wish == Wish::Advertise {
            let started = self
                .host
                .advertise(now, true, 100_000, Some(ADVERTISEMENT), Some(b""));
            if started.is_ok() {
                self.wish = Wish::Nothing;
            }
        }
        if self.next_value.reached(now) {
            self.next_value = now.after(PERIOD);
            self.ticks += 1;
            // Up and down by a degree and a half within a minute.
            let phase = (self.ticks % 60) as i16;
            let value = 2150 + 10 * (if phase < 30 { phase } else { 60 - phase } - 15);
            // A client that cannot be told now gets the next value.
            let _ = self
                .host
                .gatts_write(now, self.handle, &value.to_le_bytes(), true);
        }
    }
}

fn now(air: &Air) -> Instant {
    Instant((air.now() / 1000) as u32)
}
