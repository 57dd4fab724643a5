//! Hosts on virtual controllers in one process, in virtual time.

use crate::{Air, NodeConfig, NodeId, Options};
use ble_core::host::{Host, Options as HostOptions};
use ble_core::{Error, Event, Instant, Result};
use std::collections::{BTreeMap, VecDeque};

/// Bytes that a transport holds when the host does not take them.
const TRANSPORT_BYTES: usize = 256;

/// A host, its node on the air, and what it told its script.
pub struct Node {
    /// The host under test.
    pub host: Box<Host>,
    /// Its controller.
    pub id: NodeId,
    /// Events told and not yet taken by a test.
    pub events: VecDeque<Event<'static>>,
    /// The script's secrets by kind and key.
    pub secrets: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    /// The script stores no secrets.
    pub refuse_secrets: bool,
    /// What the script answers to a read request.
    pub read_answer: u8,
    /// Bytes from the controller that the host has not taken.
    inbox: VecDeque<u8>,
}

/// An air with hosts on it.
pub struct World {
    /// The air.
    pub air: Air,
    /// The hosts.
    pub nodes: Vec<Node>,
}

impl World {
    /// An air without nodes.
    pub fn new(seed: u64, options: Options) -> Self {
        World {
            air: Air::new(seed, options),
            nodes: Vec::new(),
        }
    }

    /// Adds a host with its controller; it is off.
    pub fn add(&mut self, config: NodeConfig) -> usize {
        let id = self.air.add_node(config);
        let mut seed = [0x5e; 32];
        seed[0] = id as u8;
        self.nodes.push(Node {
            host: Box::new(Host::new(&seed)),
            id,
            events: VecDeque::new(),
            secrets: BTreeMap::new(),
            refuse_secrets: false,
            read_answer: 0,
            inbox: VecDeque::new(),
        });
        let memory = vec![0; 4096].leak();
        self.nodes.last_mut().unwrap().host.database().lend(memory);
        self.nodes.len() - 1
    }

    /// The air's time as hosts see it.
    pub fn now(&self) -> Instant {
        Instant((self.air.now() / 1000) as u32)
    }

    /// Moves bytes between all hosts and controllers; true if any moved.
    fn exchange(&mut self) -> bool {
        let now = self.now();
        let mut moved = false;
        for node in &mut self.nodes {
            while node.inbox.len() < TRANSPORT_BYTES {
                let Some(packet) = self.air.receive(node.id) else {
                    break;
                };
                node.inbox.extend(packet);
            }
            if !node.inbox.is_empty() {
                let taken = node.host.receive(now, node.inbox.make_contiguous());
                node.inbox.drain(..taken);
                moved |= taken > 0;
            }
            if node.host.poll_timeout().is_some_and(|at| at.reached(now)) {
                node.host.handle_timeout(now);
                moved = true;
            }
            while let Some(transmit) = node.host.poll_transmit(now) {
                let packet = [transmit.header(), transmit.head, transmit.tail].concat();
                node.host.transmitted(now);
                self.air.send(node.id, &packet);
                moved = true;
            }
        }
        moved
    }

    /// Lets every script take its events; queries are answered.
    fn dispatch(&mut self) -> bool {
        let now = self.now();
        let mut any = false;
        for node in &mut self.nodes {
            // One at a time: what is to be sent may go out between two events.
            if let Some(event) = next_event(&mut node.host, now) {
                any = true;
                match event {
                    Event::GetSecret {
                        token,
                        kind,
                        index,
                        key,
                    } => {
                        let value = match key {
                            Some(key) => node.secrets.get(&(kind, key.to_vec())),
                            None => node
                                .secrets
                                .iter()
                                .filter(|((k, _), _)| *k == kind)
                                .nth(index as usize)
                                .map(|(_, value)| value),
                        };
                        node.host.answer_secret(token, value.map(|v| &v[..]));
                    }
                    Event::SetSecret {
                        token,
                        kind,
                        key,
                        value,
                    } => {
                        let key = (kind, key.to_vec());
                        let stored = match value {
                            Some(_) if node.refuse_secrets => false,
                            Some(value) => {
                                node.secrets.insert(key, value.to_vec());
                                true
                            }
                            None => node.secrets.remove(&key).is_some(),
                        };
                        node.host.answer_stored(token, stored);
                    }
                    Event::GattsReadRequest { token, .. } => {
                        node.events.push_back(event);
                        node.host.answer_read(token, node.read_answer);
                    }
                    _ => node.events.push_back(event),
                }
            }
        }
        any
    }

    /// Runs until nothing more happens at this moment.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            let moved = self.exchange();
            if !self.dispatch() && !moved {
                return;
            }
        }
        panic!("hosts and controllers do not come to rest");
    }

    /// Goes to the next moment at which something happens, at most to `until`
    /// in microseconds.
    fn advance(&mut self, until: u64) {
        let now = self.now();
        let mut next = self.air.next_time().unwrap_or(u64::MAX).max(self.air.now());
        for node in &self.nodes {
            if let Some(at) = node.host.poll_timeout() {
                let wait = if at.reached(now) {
                    0
                } else {
                    at.0.wrapping_sub(now.0) as u64
                };
                next = next.min((now.0 as u64 + wait) * 1000);
            }
        }
        self.air.advance_to(next.clamp(self.air.now(), until));
    }

    /// Lets `ms` milliseconds pass.
    pub fn run(&mut self, ms: u64) {
        let until = self.air.now() + ms * 1000;
        loop {
            self.settle();
            if self.air.now() >= until {
                return;
            }
            self.advance(until);
        }
    }

    /// Waits at most `ms` for an event of a node that `pick` wants, leaving
    /// all others; panics if it does not come.
    pub fn wait<T>(
        &mut self,
        node: usize,
        ms: u64,
        mut pick: impl FnMut(&Event<'static>) -> Option<T>,
    ) -> T {
        let until = self.air.now() + ms * 1000;
        loop {
            self.settle();
            let events = &mut self.nodes[node].events;
            for i in 0..events.len() {
                if let Some(found) = pick(&events[i]) {
                    events.remove(i);
                    return found;
                }
            }
            assert!(
                self.air.now() < until,
                "node {node} waited {ms} ms in vain; it had {:?}",
                self.nodes[node].events
            );
            self.advance(until);
        }
    }

    /// Waits for the operation that a host's command started, without
    /// dispatching its events.
    pub fn operation(&mut self, node: usize) -> Result<()> {
        let until = self.air.now() + 5_000_000;
        loop {
            while self.exchange() {}
            if let Some(result) = self.nodes[node].host.poll_operation() {
                return result;
            }
            assert!(self.air.now() < until, "an operation did not end in time");
            self.advance(until);
        }
    }

    /// Switches a host on.
    pub fn start(&mut self, node: usize) -> Result<()> {
        self.start_with(node, HostOptions::default())
    }

    /// Switches a host on with options.
    pub fn start_with(&mut self, node: usize, options: HostOptions) -> Result<()> {
        let now = self.now();
        self.nodes[node].host.start(now, options)?;
        self.operation(node)?;
        self.settle();
        Ok(())
    }

    /// Switches a host off.
    pub fn stop(&mut self, node: usize) -> Result<()> {
        let now = self.now();
        self.nodes[node].host.stop(now)?;
        self.operation(node)
    }

    /// Calls a command of a host and waits for its operation.
    pub fn call(
        &mut self,
        node: usize,
        command: impl FnOnce(&mut Host, Instant) -> Result<()>,
    ) -> Result<()> {
        let now = self.now();
        command(&mut self.nodes[node].host, now)?;
        self.operation(node)
    }

    /// Registers services with `register`, lending memory as it is asked for.
    pub fn services<T>(
        &mut self,
        node: usize,
        mut register: impl FnMut(&mut ble_core::gatt::db::Database) -> Result<T>,
    ) -> T {
        loop {
            let db = self.nodes[node].host.database();
            db.begin(false);
            match register(db) {
                Ok(value) => {
                    db.end();
                    return value;
                }
                Err(Error::NeedMemory) => {
                    db.lend(vec![0; db.needed() + 1024].leak());
                }
                Err(error) => panic!("services not registered: {error:?}"),
            }
        }
    }

    /// Connects `central` to `peripheral`, which advertises for it; gives
    /// both connection handles.
    pub fn connect(&mut self, central: usize, peripheral: usize) -> (u16, u16) {
        self.call(peripheral, |host, now| {
            host.advertise(now, true, 20_000, Some(b""), None)
        })
        .unwrap();
        let peer = self.nodes[peripheral].host.address();
        self.call(central, |host, now| host.connect(now, peer, 5_000, 0, 0))
            .unwrap();
        let connected = |event: &Event| match *event {
            Event::Connected { conn, .. } => Some(conn),
            _ => None,
        };
        let ours = self.wait(central, 5_000, connected);
        (ours, self.wait(peripheral, 5_000, connected))
    }
}

/// The next event of a host, with slices that stay.
pub fn next_event(host: &mut Host, now: Instant) -> Option<Event<'static>> {
    let record = host.poll_record(now)?;
    let (key, data) = host.payload(&record);
    record.event(key.to_vec().leak(), data.to_vec().leak())
}
