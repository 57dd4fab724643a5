//! Two hosts on virtual controllers that a scenario drives and a fault hits.

use super::fault::{self, Counts, Fault, Kind};
use super::ledger::{Ledger, Procedure};
use crate::rng::Rng;
use crate::{Air, NodeConfig, NodeId, Options, Profile};
use ble_core::gatt::db::{flag, Database};
use ble_core::host::{Host, Options as HostOptions, State};
use ble_core::{Address, Error, Event, Instant, Result, Uuid};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

/// Why a scenario does not go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Over {
    /// A command was refused or failed.
    Refused(Error),
    /// What was waited for did not come.
    Late,
    /// The fault was one that ends the scenario.
    Struck,
}

/// What a step of a scenario gives.
pub type Step<T> = core::result::Result<T, Over>;

/// An event, without its data, and the data.
pub type Told = (Event<'static>, Vec<u8>);

/// Attribute handles of the services of each node, the same on both.
#[derive(Clone, Copy, Debug, Default)]
pub struct Handles {
    /// Read, write, notify, indicate; a few bytes. Its CCCD follows.
    pub value: u16,
    /// Read, write; 300 bytes.
    pub long: u16,
    /// Write without response, collects.
    pub sink: u16,
    /// Read and write with encryption.
    pub secret: u16,
    /// A descriptor of `secret`.
    pub descriptor: u16,
}

/// The service that scenarios look for.
pub const SERVICE: Uuid = Uuid::short(0x181a);
/// The value of `Handles::value` at first.
pub const VALUE: &[u8] = b"21.5";
const OTHER_SERVICE: Uuid = Uuid::long(*b"rust-ble-sweeps!");

/// What was counted in a run, to know where faults can be.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// HCI packets, both ways.
    pub packets: u64,
    /// HCI packets to the host.
    pub to_host: u64,
    /// Those of them that may be reordered.
    pub movable: u64,
    /// Those of them that answer commands.
    pub answers: u64,
    /// Questions about secrets.
    pub secrets: u64,
    /// Commands.
    pub commands: u64,
    /// Opcodes of commands in order of their first use.
    pub opcodes: Vec<u16>,
}

impl Census {
    /// How many different faults of this kind there are.
    pub fn cases(&self, counts: Counts) -> std::ops::Range<u64> {
        match counts {
            Counts::Nothing => 0..1,
            Counts::Packets => 0..self.packets,
            Counts::ToHost => 0..self.to_host,
            Counts::Movable => 0..self.movable,
            Counts::Answers => 0..self.answers,
            Counts::Commands => 0..self.commands,
            Counts::Opcodes => 0..self.opcodes.len() as u64,
            Counts::Secrets => 0..self.secrets,
            Counts::UpTo(most) => 1..most + 1,
        }
    }
}

/// A host, its controller, its script and its books.
pub struct Node {
    /// The host under test.
    pub host: Box<Host>,
    /// Its controller.
    pub id: NodeId,
    /// What the script was told and did not look at yet.
    pub events: VecDeque<Told>,
    /// What the host owes.
    pub ledger: Ledger,
    /// The script's secrets by kind and key.
    pub secrets: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    /// Handles of its services.
    pub handles: Handles,
    /// The script accepts channels.
    pub accepts: bool,
    /// Options of activations to come.
    pub options: HostOptions,
    /// What was counted since the faults were armed.
    pub census: Census,
    /// Nothing passes between host and controller.
    silent: bool,
    /// Waits for a packet, its deadline or a command.
    sleeps: bool,
    secrets_refused: bool,
    inbox: VecDeque<u8>,
    /// Overtaken by the next packets.
    held: Option<Vec<u8>>,
    /// Packets that arrive at a time in microseconds.
    later: Vec<(u64, Vec<u8>)>,
}

/// The hosts, the air, and what goes wrong.
pub struct Rig {
    /// The air.
    pub air: Air,
    /// Central and peripheral.
    pub nodes: [Node; 2],
    /// All chance of the run.
    pub rng: Rng,
    /// Packets come in bits and events one at a time.
    jitter: bool,
    /// The hosts' clock goes on while they work, and what it showed last.
    clock: Option<(Rng, Instant)>,
    faults: Vec<Fault>,
    armed: bool,
    blows: Vec<(usize, Kind)>,
    /// What hosts told, in words, if that is wanted.
    pub told: Option<String>,
}

/// Memory lent to databases, for the next run.
static MEMORY: Mutex<Vec<&'static mut [u8]>> = Mutex::new(Vec::new());
const DATABASE: usize = 4096;

/// No operation takes longer, in milliseconds.
const OPERATION_MS: u64 = 5_000;

impl Rig {
    /// Two hosts that are off. Everything follows from `seed`.
    pub fn new(seed: u64, faults: Vec<Fault>) -> Self {
        let profiles = [
            Profile::Full,
            Profile::Bt42,
            Profile::Wb55,
            Profile::Minimal,
        ];
        let profile = profiles[(seed % 4) as usize];
        let mut rng = Rng::new(seed);
        let latency = if seed / 8 % 2 == 1 {
            rng.below(3_000)
        } else {
            0
        };
        let mut air = Air::new(seed, Options { loss: 0.0, latency });
        let nodes = [0, 1].map(|i| {
            let mut config = NodeConfig::new(profile).with_public([0xc0, 0, 0, 0, 0, i + 1]);
            for fault in &faults {
                if fault.kind == Kind::Buffers && fault.node == i as usize {
                    config = config.with_acl(27, fault.nth as u8);
                }
            }
            let mut entropy = [0x5e; 32];
            (entropy[0], entropy[1]) = (i, seed as u8);
            let mut host = Box::new(Host::new(&entropy));
            let memory = MEMORY.lock().ok().and_then(|mut pool| pool.pop());
            host.database()
                .lend(memory.unwrap_or_else(|| vec![0; DATABASE].leak()));
            Node {
                host,
                id: air.add_node(config),
                events: VecDeque::new(),
                ledger: Ledger::default(),
                secrets: BTreeMap::new(),
                handles: Handles::default(),
                accepts: true,
                options: HostOptions::default(),
                census: Census::default(),
                silent: false,
                sleeps: false,
                secrets_refused: false,
                inbox: VecDeque::new(),
                held: None,
                later: Vec::new(),
            }
        });
        let jitter = seed / 4 % 2 == 1;
        Rig {
            air,
            nodes,
            rng,
            jitter,
            clock: None,
            faults,
            armed: false,
            blows: Vec::new(),
            told: None,
        }
    }

    /// From now on packets are counted and faults hit.
    pub fn arm(&mut self, opcodes: &[Vec<u16>; 2]) {
        for node in &mut self.nodes {
            node.census = Census::default();
        }
        for fault in &self.faults {
            fault.plan(&mut self.air, &opcodes[fault.node]);
        }
        self.armed = true;
    }

    /// Ends all faults; controllers begin anew.
    pub fn repair(&mut self) {
        self.faults.clear();
        self.blows.clear();
        self.air.set_loss(0.0);
        for n in 0..2 {
            let id = self.nodes[n].id;
            self.air.faults(id).clear();
            self.air.power_off(id);
            self.air.power_on(id);
            let node = &mut self.nodes[n];
            (node.silent, node.secrets_refused) = (false, false);
            node.inbox.clear();
            node.held = None;
            node.later.clear();
            node.events.clear();
        }
    }

    /// Lets a millisecond end between any two calls of a host, instead of only
    /// when all hosts have nothing to do, and calls only hosts that have a
    /// reason to wake up.
    pub fn let_clock_run(&mut self, seed: u64) {
        self.clock = Some((Rng::new(seed), Instant(0)));
    }

    /// The air's time as hosts see it.
    pub fn now(&mut self) -> Instant {
        let now = Instant((self.air.now() / 1000) as u32);
        let Some((rng, last)) = &mut self.clock else {
            return now;
        };
        let now = now.after(u32::from(rng.chance(0.1)));
        if now.reached(*last) {
            return *last;
        }
        *last = now;
        now
    }

    /// Lets `ms` milliseconds pass.
    pub fn run(&mut self, ms: u64) -> Step<()> {
        let until = self.air.now() + ms * 1000;
        loop {
            self.settle(None);
            self.strike()?;
            if self.air.now() >= until {
                return Ok(());
            }
            self.advance(until);
        }
    }

    /// Waits at most `ms` for something that a node is told.
    pub fn wait<T>(
        &mut self,
        n: usize,
        ms: u64,
        mut pick: impl FnMut(&Told) -> Option<T>,
    ) -> Step<T> {
        let until = self.air.now() + ms * 1000;
        loop {
            self.settle(None);
            let events = &mut self.nodes[n].events;
            let found = events
                .iter()
                .enumerate()
                .find_map(|(i, e)| Some((i, pick(e)?)));
            if let Some((i, found)) = found {
                events.remove(i);
                return Ok(found);
            }
            self.strike()?;
            if self.air.now() >= until {
                return Err(Over::Late);
            }
            self.advance(until);
        }
    }

    /// A command that is done when it returns.
    pub fn act<T>(
        &mut self,
        n: usize,
        command: impl FnOnce(&mut Host, Instant) -> Result<T>,
    ) -> Step<T> {
        let now = self.now();
        self.nodes[n].sleeps = false;
        command(&mut self.nodes[n].host, now).map_err(Over::Refused)
    }

    /// A command that is an operation.
    pub fn call(
        &mut self,
        n: usize,
        command: impl FnOnce(&mut Host, Instant) -> Result<()>,
    ) -> Step<()> {
        self.act(n, command)?;
        self.operation(n)
    }

    /// Waits for the operation of a host; other hosts go on.
    fn operation(&mut self, n: usize) -> Step<()> {
        let until = self.air.now() + OPERATION_MS * 1000;
        loop {
            self.settle(Some(n));
            if let Some(result) = self.nodes[n].host.poll_operation() {
                self.nodes[n].sleeps = false;
                self.strike()?;
                return result.map_err(Over::Refused);
            }
            self.strike()?;
            if self.air.now() >= until {
                self.problem(n, "an operation did not end".into());
                return Err(Over::Late);
            }
            self.advance(until);
        }
    }

    /// Switches a host on and registers its services, and lets it load its
    /// secrets, after which its address stays.
    pub fn start(&mut self, n: usize) -> Step<()> {
        let options = self.nodes[n].options;
        self.call(n, |host, now| host.start(now, options))?;
        let node = &mut self.nodes[n];
        node.handles = register(node.host.database())
            .and_then(|handles| fill(&mut node.host, handles))
            .map_err(Over::Refused)?;
        self.run(20)
    }

    /// Switches a host off; that always works.
    pub fn stop(&mut self, n: usize) {
        let blows = std::mem::take(&mut self.blows);
        let faults = std::mem::take(&mut self.faults);
        let result = self.call(n, |host, now| host.stop(now));
        if result == Err(Over::Late) {
            self.problem(n, "the host was not switched off in time".into());
        }
        (self.blows, self.faults) = (blows, faults);
        let node = &mut self.nodes[n];
        node.ledger.switched_off();
        node.events.clear();
        if node.host.state() != State::Off {
            let state = node.host.state();
            self.problem(n, format!("{state:?} after being switched off"));
        }
        let now = self.now();
        let node = &mut self.nodes[n];
        if node.host.poll_event(now).is_some() {
            self.problem(n, "an event after being switched off".into());
        }
        self.check_memory(n);
    }

    /// Everything that was taken has been given back.
    pub fn check_memory(&mut self, n: usize) {
        let used = self.nodes[n].host.in_use();
        if used != [0; 3] {
            self.problem(n, format!("PDUs, values and links left: {used:?}"));
        }
    }

    /// Notes what is wrong with a host.
    pub fn problem(&mut self, n: usize, what: String) {
        self.nodes[n].ledger.problems.push(what);
    }

    /// Starts a client procedure that ends with an event of its own.
    pub fn begin(
        &mut self,
        n: usize,
        conn: u16,
        procedure: Procedure,
        command: impl FnOnce(&mut Host, Instant) -> Result<()>,
    ) -> Step<()> {
        self.act(n, command)?;
        self.nodes[n].ledger.started(conn, procedure);
        Ok(())
    }

    /// Starts to connect.
    pub fn connect_to(&mut self, n: usize, peer: Address, ms: u32) -> Step<()> {
        self.act(n, |host, now| host.connect(now, peer, ms, 0, 0))?;
        self.nodes[n].ledger.connecting();
        let result = self.operation(n);
        match result {
            Err(Over::Refused(_)) => self.nodes[n].ledger.not_connecting(),
            Err(Over::Struck) => self.nodes[n].ledger.may_connect(),
            _ => {}
        }
        result
    }

    /// Starts a scan, or one with other values.
    pub fn scan(&mut self, n: usize, ms: u32, active: bool) -> Step<()> {
        self.act(n, |host, now| {
            host.start_scan(now, ms, 30_000, 30_000, active)
        })?;
        self.nodes[n].ledger.may_scan();
        let result = self.operation(n);
        match result {
            Ok(()) => self.nodes[n].ledger.scanning(),
            Err(Over::Refused(_)) => self.nodes[n].ledger.not_scanning(),
            Err(_) => {}
        }
        result
    }

    /// Moves bytes and events until nothing more happens at this moment. The
    /// script of node `busy` waits for an operation and takes no events.
    fn settle(&mut self, busy: Option<usize>) {
        for _ in 0..100_000 {
            let first = if self.jitter {
                self.rng.below(2) as usize
            } else {
                0
            };
            let mut any = false;
            for n in [first, 1 - first] {
                any |= self.pump(n);
                if busy != Some(n) && !self.nodes[n].sleeps {
                    any |= self.dispatch(n);
                }
            }
            if !any && !self.release() && !self.flush() {
                return;
            }
            if !self.blows.is_empty() {
                return;
            }
        }
        panic!("hosts and controllers do not come to rest");
    }

    /// What the glue does last, at a later time than before; true if there was
    /// something to send after all.
    fn flush(&mut self) -> bool {
        if self.clock.is_none() {
            return false;
        }
        let moved = (0..2).fold(false, |any, n| {
            any | (!self.nodes[n].sleeps && self.transmit(n))
        });
        for node in &mut self.nodes {
            node.sleeps = !moved;
        }
        moved
    }

    /// Lets overtaken packets arrive.
    fn release(&mut self) -> bool {
        let mut any = false;
        for node in &mut self.nodes {
            if let Some(packet) = node.held.take() {
                node.inbox.extend(packet);
                any = true;
            }
        }
        any
    }

    /// Moves bytes between a host and its controller; true if any moved.
    fn pump(&mut self, n: usize) -> bool {
        let now = self.now();
        let mut moved = false;
        while let Some(packet) = self.air.receive(self.nodes[n].id) {
            moved = true;
            self.pass_to_host(n, packet);
        }
        let time = self.air.now();
        let node = &mut self.nodes[n];
        while let Some(i) = node.later.iter().position(|(due, _)| *due <= time) {
            node.inbox.extend(node.later.remove(i).1);
        }
        let due = |node: &Node| node.host.poll_timeout().is_some_and(|at| at.reached(now));
        if node.sleeps && node.inbox.is_empty() && !due(node) {
            return moved;
        }
        node.sleeps = false;
        if !node.inbox.is_empty() {
            let mut bytes: &[u8] = node.inbox.make_contiguous();
            if self.jitter {
                bytes = &bytes[..bytes.len().min(1 + self.rng.below(300) as usize)];
            }
            let taken = node.host.receive(now, bytes);
            node.inbox.drain(..taken);
            moved |= taken > 0;
        }
        if due(node) {
            node.host.handle_timeout(now);
            moved = true;
        }
        self.transmit(n) | moved
    }

    /// Moves packets from a host to its controller; true if there were any.
    fn transmit(&mut self, n: usize) -> bool {
        let now = self.now();
        let mut moved = false;
        while let Some(transmit) = self.nodes[n].host.poll_transmit(now) {
            let packet = [transmit.header(), transmit.head, transmit.tail].concat();
            self.nodes[n].host.transmitted(now);
            self.pass_to_controller(n, &packet);
            moved = true;
            if self.jitter && self.rng.chance(0.5) {
                break;
            }
        }
        moved
    }

    fn pass_to_controller(&mut self, n: usize, packet: &[u8]) {
        let node = &mut self.nodes[n];
        if let [1, low, high, ..] = *packet {
            let opcode = u16::from_le_bytes([low, high]);
            node.census.commands += 1;
            if !node.census.opcodes.contains(&opcode) {
                node.census.opcodes.push(opcode);
            }
        }
        if !node.silent {
            self.air.send(node.id, packet);
        }
        self.packet_passed(n);
    }

    fn pass_to_host(&mut self, n: usize, packet: Vec<u8>) {
        let node = &mut self.nodes[n];
        if node.silent {
            return;
        }
        let counts = &mut node.census;
        let at = (counts.to_host, counts.movable, counts.answers);
        counts.to_host += 1;
        counts.movable += fault::is_movable(&packet) as u64;
        counts.answers += fault::is_answer(&packet) as u64;
        let mut bytes = packet.clone();
        for fault in self
            .faults
            .iter()
            .filter(|fault| self.armed && fault.node == n)
        {
            let hit = |counted: u64| fault.nth == counted;
            match fault.kind.counts() {
                Counts::ToHost if hit(at.0) => bytes = fault::spoil(fault.kind, &bytes),
                Counts::Movable if hit(at.1) && fault::is_movable(&packet) => {
                    node.held = Some(bytes);
                    self.packet_passed(n);
                    return;
                }
                Counts::Answers if hit(at.2) && fault::is_answer(&packet) => {
                    let credits = if packet[1] == 0x0e { 3 } else { 4 };
                    // Another fault may have cut it.
                    if let Some(credits) = bytes.get_mut(credits) {
                        *credits = 0;
                    }
                    let more = vec![4, 0x0e, 3, 1, 0, 0];
                    node.later.push((self.air.now() + 100_000, more));
                }
                _ if fault.kind == Kind::Pieces => {
                    bytes = fault::fragment(&bytes, fault.nth as usize, false);
                }
                _ if fault.kind == Kind::Cut => {
                    bytes = fault::fragment(&bytes, fault.nth as usize, true);
                }
                _ => {}
            }
        }
        node.inbox.extend(bytes);
        self.packet_passed(n);
    }

    /// A packet of a node has passed, either way.
    fn packet_passed(&mut self, n: usize) {
        let passed = self.nodes[n].census.packets;
        self.nodes[n].census.packets += 1;
        if !self.armed {
            return;
        }
        for i in 0..self.faults.len() {
            let fault = self.faults[i];
            let hit = fault.kind.counts() == Counts::Packets && fault.nth == passed;
            if fault.node != n || !hit {
                continue;
            }
            let id = self.nodes[n].id;
            match fault.kind {
                Kind::Disconnect => self.air.lose_links(id, 0x08),
                Kind::Silent => self.nodes[n].silent = true,
                Kind::HardwareError => self.air.hardware_error(id, 1),
                kind => self.blows.push((n, kind)),
            }
        }
    }

    /// What faults do to a host itself, which ends its script.
    fn strike(&mut self) -> Step<()> {
        let mut struck = Ok(());
        while let Some((n, kind)) = self.blows.pop() {
            struck = Err(Over::Struck);
            let now = self.now();
            match kind {
                Kind::Off => self.stop(n),
                Kind::Restart => {
                    self.stop(n);
                    let result = self.start(n);
                    if let (Err(error), 1) = (result, self.faults.len()) {
                        self.problem(n, format!("not started again: {error:?}"));
                    }
                }
                _ => {
                    self.nodes[n].silent = true;
                    self.nodes[n].host.transport_lost(now);
                }
            }
        }
        struck
    }

    /// Lets the script of a node take its events; true if there were any.
    fn dispatch(&mut self, n: usize) -> bool {
        let now = self.now();
        let mut any = false;
        for _ in 0..100_000 {
            let node = &mut self.nodes[n];
            let Some(record) = node.host.poll_record(now) else {
                return any;
            };
            any = true;
            let (key, data) = node.host.payload(&record);
            let (key, data) = (key.to_vec(), data.to_vec());
            let event = record.event(&[], &[]).expect("a known kind of event");
            node.ledger.told(&event);
            if let Some(told) = &mut self.told {
                let time = self.air.now() as f64 / 1000.0;
                let name = ["central", "peripheral"][n];
                told.push_str(&format!("{time:10.3} {name} {event:?}\n"));
            }
            self.script(n, event, key, data);
            if self.jitter && self.rng.chance(0.3) {
                return true;
            }
        }
        panic!("hosts and controllers do not come to rest");
    }

    /// What the script of a node does with an event.
    fn script(&mut self, n: usize, event: Event<'static>, key: Vec<u8>, data: Vec<u8>) {
        match event {
            Event::GetSecret {
                token,
                kind,
                index,
                key: named,
            } => {
                let (refused, garbage) = self.secret_fault(n);
                let node = &mut self.nodes[n];
                let value = match named {
                    Some(_) => node.secrets.get(&(kind, key)),
                    None => {
                        let mut of_kind = node.secrets.iter().filter(|((k, _), _)| *k == kind);
                        of_kind.nth(index as usize).map(|(_, value)| value)
                    }
                };
                let mut value = value.filter(|_| !refused).cloned();
                if garbage {
                    value = value.map(|v| v.iter().map(|byte| !byte).collect());
                }
                node.host.answer_secret(token, value.as_deref());
            }
            Event::SetSecret {
                token, kind, value, ..
            } => {
                let (refused, _) = self.secret_fault(n);
                let node = &mut self.nodes[n];
                let stored = match value {
                    _ if refused => false,
                    Some(_) => {
                        node.secrets.insert((kind, key), data);
                        true
                    }
                    None => node.secrets.remove(&(kind, key)).is_some(),
                };
                node.host.answer_stored(token, stored);
            }
            Event::GattsReadRequest { token, .. } => self.nodes[n].host.answer_read(token, 0),
            Event::L2capAccept {
                token,
                conn,
                cid,
                our_mtu,
                ..
            } => {
                let node = &mut self.nodes[n];
                let needed = ble_core::l2cap::memory_needed(our_mtu);
                let memory = node.accepts.then(|| vec![0u8; needed].leak());
                let accepted = memory.is_some();
                // The link may be gone meanwhile.
                if node.host.answer_accept(token, memory).is_ok() && accepted {
                    node.ledger.accepted(conn, cid);
                }
            }
            event => self.nodes[n].events.push_back((event, data)),
        }
    }

    /// Whether the present question about secrets is refused, or answered
    /// with garbage.
    fn secret_fault(&mut self, n: usize) -> (bool, bool) {
        let node = &mut self.nodes[n];
        let asked = node.census.secrets;
        node.census.secrets += 1;
        let hit = |kind| {
            let fault = Fault {
                kind,
                node: n,
                nth: asked,
            };
            self.armed && self.faults.contains(&fault)
        };
        node.secrets_refused |= hit(Kind::SecretsRefused);
        (
            node.secrets_refused || hit(Kind::SecretRefused),
            hit(Kind::SecretGarbage),
        )
    }

    /// Goes to the next moment at which something happens, at most to `until`
    /// in microseconds.
    fn advance(&mut self, until: u64) {
        let now = self.now();
        let mut next = self.air.next_time().unwrap_or(u64::MAX).max(self.air.now());
        for node in &self.nodes {
            for (due, _) in &node.later {
                next = next.min(*due);
            }
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
}

impl Drop for Rig {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let memory = node
                .host
                .database()
                .take()
                .filter(|memory| memory.len() == DATABASE);
            if let (Some(memory), Ok(mut pool)) = (memory, MEMORY.lock()) {
                pool.push(memory);
            }
        }
    }
}

fn register(db: &mut Database) -> Result<Handles> {
    db.begin(false);
    let mut handles = Handles::default();
    db.add_service(&SERVICE)?;
    let value = flag::READ | flag::WRITE | flag::NOTIFY | flag::INDICATE;
    handles.value = db.add_characteristic(&Uuid::short(0x2a6e), value)?;
    handles.long = db.add_characteristic(&Uuid::short(0x2a6f), flag::READ | flag::WRITE)?;
    db.add_service(&OTHER_SERVICE)?;
    handles.sink = db.add_characteristic(&Uuid::long([7; 16]), flag::WRITE_NO_RESPONSE)?;
    let secret = flag::READ_ENCRYPTED | flag::WRITE_ENCRYPTED | flag::READ | flag::WRITE;
    handles.secret = db.add_characteristic(&Uuid::short(0x2a70), secret)?;
    handles.descriptor = db.add_descriptor(&Uuid::short(0x2901), flag::READ)?;
    db.end();
    Ok(handles)
}

fn fill(host: &mut Host, handles: Handles) -> Result<Handles> {
    let db = host.database();
    db.set_buffer(handles.long, 400, false)?;
    db.set_buffer(handles.sink, 200, true)?;
    db.write(handles.value, VALUE)?;
    db.write(handles.long, &[0x6c; 300])?;
    db.write(handles.secret, b"secret")?;
    Ok(handles)
}
