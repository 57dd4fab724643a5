//! A host with a controller that obeys as long as the fuzzer wants it to, a
//! script that answers, and the books that the host is held to.

use ble_core::gatt::db::{flag, Database};
use ble_core::host::{Host, State};
use ble_core::{Address, Event, Instant, Result, Uuid};
use ble_sim::sweep::ledger::{Ledger, Procedure};
use std::collections::VecDeque;

/// The connection handle of `Driver::connect`.
pub const CONN: u16 = 0x40;

/// Value handles of the script's services: read and written by all, needing
/// encryption, long, collecting.
pub const VALUES: [u16; 4] = [18, 21, 23, 25];

/// More steps than anything needs without time passing.
const MANY: u32 = 20_000;

/// The host and what is around it.
pub struct Driver {
    /// The host under test.
    pub host: Box<Host>,
    /// What the host owes.
    pub ledger: Ledger,
    /// The time.
    pub now: Instant,
    /// The controller answers commands and takes ACL data.
    pub obeys: bool,
    /// Answer to read requests.
    pub read_answer: u8,
    /// Answer to questions about secrets.
    pub secret: Option<Vec<u8>>,
    /// Secrets are kept.
    pub stores: bool,
    /// L2CAP channels are accepted.
    pub accepts: bool,
    /// Commands that wait for an answer of a controller that does not obey.
    pub commands: VecDeque<Vec<u8>>,
    /// Opcode of the last ATT request that the host sent.
    pub request: u8,
    /// The host told that the link is encrypted.
    pub encrypted: bool,
    /// The last SMP PDU that the host sent.
    pub pairing: Vec<u8>,
    inbox: VecDeque<u8>,
    lent: Vec<*mut [u8]>,
}

/// Our address as peers see it.
pub const OURS: Address = Address::public([1, 0, 0, 0, 0, 0xc0]);

/// The peer of the link.
pub const PEER: Address = Address::random([1, 2, 3, 4, 5, 0xc6]);

impl Driver {
    /// A host that is off.
    pub fn new() -> Self {
        let mut driver = Driver {
            host: Box::new(Host::new(&[7; 32])),
            ledger: Ledger::default(),
            now: Instant(0),
            obeys: true,
            read_answer: 0,
            secret: None,
            stores: true,
            accepts: true,
            commands: VecDeque::new(),
            request: 0,
            encrypted: false,
            pairing: Vec::new(),
            inbox: VecDeque::new(),
            lent: Vec::new(),
        };
        let memory = driver.lend(4096);
        driver.host.database().lend(memory);
        driver
    }

    /// A host that is on and has services.
    pub fn active() -> Self {
        thread_local!(static PREPARED: Prepared = Prepared::new(|driver| driver.start()));
        PREPARED.with(Prepared::copy)
    }

    /// A host with one link, as central or as peripheral.
    pub fn connected(central: bool) -> Self {
        thread_local!(static PREPARED: [Prepared; 2] = [false, true].map(|central| {
            Prepared::new(|driver| {
                driver.start();
                driver.connect(central);
            })
        }));
        PREPARED.with(|prepared| prepared[central as usize].copy())
    }

    /// Memory that lives as long as the driver.
    pub fn lend(&mut self, len: usize) -> &'static mut [u8] {
        let memory = Box::into_raw(vec![0; len].into_boxed_slice());
        self.lent.push(memory);
        // SAFETY: it is freed only after the host, which alone gets it, is gone.
        unsafe { &mut *memory }
    }

    /// Switches the host on.
    pub fn start(&mut self) {
        let options = self.host.options();
        if self.host.start(self.now, options).is_ok() {
            let _ = self.operation();
            if self.host.is_active() {
                register(self.host.database()).expect("room for the services");
                let _ = self.host.gatts_write(self.now, VALUES[0], b"value", false);
                let _ = self.host.database().set_buffer(VALUES[2], 300, false);
                let _ = self
                    .host
                    .gatts_write(self.now, VALUES[2], &[0x6c; 100], false);
                let _ = self.host.database().set_buffer(VALUES[3], 60, true);
            }
            self.turn();
        }
    }

    /// Makes the link `CONN`.
    pub fn connect(&mut self, central: bool) {
        if central {
            if self.host.connect(self.now, PEER, 5_000, 0, 0).is_ok() {
                self.ledger.connecting();
            }
        } else {
            let _ = self.host.advertise(self.now, true, 20_000, Some(b""), None);
        }
        let _ = self.operation();
        let mut complete = [0; 18];
        complete[1] = CONN as u8;
        complete[3] = !central as u8;
        complete[4] = 1;
        complete[5..11].copy_from_slice(&PEER.bytes);
        complete[11..17].copy_from_slice(&[0x18, 0, 0, 0, 0x2a, 0]);
        self.le_event(0x01, &complete);
    }

    /// Lets time pass.
    pub fn time(&mut self, ms: u32) {
        let end = self.now.after(ms);
        for _ in 0..MANY {
            match self
                .host
                .poll_timeout()
                .filter(|at| !end.reached(*at) || *at == end)
            {
                Some(at) if !at.reached(self.now) => self.now = at,
                Some(_) => {}
                None => break,
            }
            self.turn();
            if self.now == end {
                break;
            }
        }
        self.now = end;
        self.turn();
    }

    /// Gives the host bytes of the H4 stream.
    pub fn give(&mut self, bytes: &[u8]) {
        self.inbox.extend(bytes);
        self.turn();
    }

    /// Gives the host an event.
    pub fn event(&mut self, code: u8, params: &[u8]) {
        let params = &params[..params.len().min(255)];
        self.give(&[&[4, code, params.len() as u8], params].concat());
    }

    /// Gives the host an LE event.
    pub fn le_event(&mut self, code: u8, params: &[u8]) {
        let params = &params[..params.len().min(254)];
        self.event(0x3e, &[&[code], params].concat());
    }

    /// Gives the host ACL data with handle and flags as on the wire.
    pub fn acl(&mut self, handle: u16, data: &[u8]) {
        let (h, n) = (handle.to_le_bytes(), (data.len() as u16).to_le_bytes());
        self.give(&[&[2, h[0], h[1], n[0], n[1]], data].concat());
    }

    /// Gives the host a whole L2CAP PDU on the link.
    pub fn pdu(&mut self, channel: u16, payload: &[u8]) {
        let (n, c) = ((payload.len() as u16).to_le_bytes(), channel.to_le_bytes());
        self.acl(
            CONN | 0x2000,
            &[&[n[0], n[1], c[0], c[1]], payload].concat(),
        );
    }

    /// Starts a client procedure.
    pub fn begin(&mut self, procedure: Procedure, command: impl FnOnce(&mut Host) -> Result<()>) {
        if command(&mut self.host).is_ok() {
            self.ledger.started(CONN, procedure);
        }
        self.turn();
    }

    /// `gatts_write`.
    pub fn write(&mut self, value: u16, data: &[u8], send_update: bool) {
        let waiting = self.host.indications(CONN);
        let _ = self.host.gatts_write(self.now, value, data, send_update);
        // An indication is owed its end, whichever call began it.
        if self.host.indications(CONN) > waiting {
            self.ledger.indicated(CONN, value);
        }
    }

    /// Answers the oldest command of a host whose controller does not obey.
    pub fn answer(&mut self, status: u8, returned: &[u8]) {
        if let Some(command) = self.commands.pop_front() {
            let mut params = vec![1, command[1], command[2], status];
            params.extend_from_slice(returned);
            self.event(0x0e, &params);
        }
    }

    /// Lets everything happen that can without time passing.
    pub fn turn(&mut self) {
        for _ in 0..MANY {
            let mut moved = false;
            if !self.inbox.is_empty() {
                let taken = self.host.receive(self.now, self.inbox.make_contiguous());
                self.inbox.drain(..taken);
                moved |= taken > 0;
            }
            if self
                .host
                .poll_timeout()
                .is_some_and(|at| at.reached(self.now))
            {
                self.host.handle_timeout(self.now);
                moved = true;
            }
            moved |= self.take_event();
            moved |= self.transmit();
            if !moved {
                if !self.host.is_active() {
                    self.inbox.clear();
                }
                return;
            }
        }
        panic!("the host does not come to rest");
    }

    /// Scans, or goes on with other values.
    pub fn scan(&mut self, ms: u32, active: bool) {
        let now = self.now;
        if self
            .host
            .start_scan(now, ms, 30_000, 30_000, active)
            .is_ok()
        {
            // Events are told meanwhile: also the end of the scan before.
            self.ledger.may_scan();
            match self.operation() {
                Ok(()) => self.ledger.scanning(),
                Err(_) => self.ledger.not_scanning(),
            }
        }
    }

    /// The result of the operation that runs, which has an end in five seconds.
    pub fn operation(&mut self) -> Result<()> {
        let late = self.now.after(5_000);
        while !late.reached(self.now) {
            self.turn();
            if let Some(result) = self.host.poll_operation() {
                return result;
            }
            let next = self.host.poll_timeout();
            self.now = next
                .filter(|at| !at.reached(self.now))
                .unwrap_or(self.now.after(1));
        }
        panic!("an operation does not end");
    }

    /// Ends links, switches off, and looks whether anything is left.
    pub fn finish(mut self) {
        // What is incomplete in the stream is dropped after three quiet seconds.
        self.obeys = false;
        self.time(4_000);
        self.commands.clear();
        self.obeys = true;
        self.time(2_000);
        for _ in 0..3 {
            for conn in self.ledger.links() {
                let [low, high] = conn.to_le_bytes();
                self.event(0x05, &[0, low, high, 0x13]);
            }
        }
        if self.host.is_active() {
            let links = self.ledger.links();
            assert!(links.is_empty(), "links that do not end: {links:?}");
            self.check_memory();
        }
        if self.host.stop(self.now).is_ok() {
            let _ = self.operation();
        }
        self.ledger.switched_off();
        assert_eq!(self.host.state(), State::Off);
        assert!(
            self.host.poll_event(self.now).is_none(),
            "an event of a host that is off"
        );
        self.check_memory();
        let problems = std::mem::take(&mut self.ledger.problems);
        assert!(problems.is_empty(), "{problems:#?}");
    }

    fn check_memory(&self) {
        assert_eq!(self.host.in_use(), [0; 3], "PDUs, values and links left");
    }

    fn take_event(&mut self) -> bool {
        let record = self.host.poll_record(self.now);
        let Some(event) = record.and_then(|record| record.event(&[], &[])) else {
            return false;
        };
        self.ledger.told(&event);
        match event {
            Event::GetSecret { token, .. } => {
                let value = self.secret.take();
                self.host.answer_secret(token, value.as_deref());
                // The same again, but no endless list.
                if self.host.poll_timeout().is_none() {
                    self.secret = value;
                }
            }
            Event::EncryptionUpdate { encrypted, .. } => self.encrypted = encrypted,
            Event::SetSecret { token, .. } => self.host.answer_stored(token, self.stores),
            Event::GattsReadRequest { token, .. } => self.host.answer_read(token, self.read_answer),
            Event::L2capAccept {
                token,
                conn,
                cid,
                our_mtu,
                ..
            } => {
                let needed = ble_core::l2cap::memory_needed(our_mtu);
                let memory = self.accepts.then(|| self.lend(needed));
                if self.host.answer_accept(token, memory).is_ok() && self.accepts {
                    self.ledger.accepted(conn, cid);
                }
            }
            _ => {}
        }
        true
    }

    fn transmit(&mut self) -> bool {
        let Some(transmit) = self.host.poll_transmit(self.now) else {
            return false;
        };
        let packet = [transmit.header(), transmit.head, transmit.tail].concat();
        self.host.transmitted(self.now);
        match packet[..] {
            [1, ..] if self.obeys => self.obey(&packet),
            [1, ..] => self.commands.push_back(packet),
            [2, low, high, ..] => {
                match packet.get(7..) {
                    Some(&[4, 0, opcode, ..]) => self.request = opcode,
                    Some(&[6, 0, ref pdu @ ..]) => self.pairing = pdu.to_vec(),
                    _ => {}
                }
                if self.obeys {
                    let done = [4, 0x13, 5, 1, low, high & 0x0f, 1, 0];
                    self.inbox.extend(done);
                }
            }
            _ => panic!("not a packet for a controller: {packet:02x?}"),
        }
        true
    }

    /// Does what a controller does that has everything.
    fn obey(&mut self, command: &[u8]) {
        let opcode = u16::from_le_bytes([command[1], command[2]]);
        let params = &command[4..];
        let handle = [
            params.first().copied().unwrap_or(0),
            params.get(1).copied().unwrap_or(0),
        ];
        let mut events: Vec<Vec<u8>> = Vec::new();
        let mut returned: Vec<u8> = Vec::new();
        let mut status_only = false;
        match opcode {
            0x1002 => returned = vec![0xff; 64],
            0x1009 => returned = vec![1, 0, 0, 0, 0, 0xc0],
            0x2003 => returned = vec![0xff; 8],
            0x2002 => returned = vec![251, 0, 8],
            0x2018 => returned = vec![0x5a; 8],
            0x202a => returned = vec![8],
            0x0406 => {
                status_only = true;
                events.push(vec![4, 0x05, 4, 0, handle[0], handle[1], 0x16]);
            }
            0x200d => status_only = true,
            0x200e => {
                let mut failed = vec![4, 0x3e, 19, 1, 2];
                failed.resize(22, 0);
                events.push(failed);
            }
            0x2013 => {
                status_only = true;
                let p = params;
                let update = [p[4], p[5], p[6], p[7], p[8], p[9]];
                let mut event = vec![4, 0x3e, 10, 3, 0, handle[0], handle[1]];
                event.extend_from_slice(&update);
                events.push(event);
            }
            0x2016 => {
                status_only = true;
                let mut event = vec![4, 0x3e, 12, 4, 0, handle[0], handle[1]];
                event.extend_from_slice(&[0xff; 8]);
                events.push(event);
            }
            0x2019 => {
                status_only = true;
                events.push(vec![4, 0x08, 4, 0, handle[0], handle[1], 1]);
            }
            0x201a => {
                returned = handle.to_vec();
                events.push(vec![4, 0x08, 4, 0, handle[0], handle[1], 1]);
            }
            0x2032 => status_only = true,
            0x201b | 0x2020..=0x2022 => returned = handle.to_vec(),
            _ => {}
        }
        if status_only {
            self.inbox
                .extend([4, 0x0f, 4, 0, 1, command[1], command[2]]);
        } else {
            let len = 4 + returned.len() as u8;
            self.inbox
                .extend([4, 0x0e, len, 1, command[1], command[2], 0]);
            self.inbox.extend(returned);
        }
        self.inbox.extend(events.concat());
    }
}

/// A driver that was brought somewhere once, to begin there many times.
pub struct Prepared {
    driver: Driver,
    /// What was in the database's memory.
    database: Vec<u8>,
}

impl Prepared {
    /// Brings a driver somewhere.
    pub fn new(bring: impl FnOnce(&mut Driver)) -> Self {
        let mut driver = Driver::new();
        bring(&mut driver);
        // SAFETY: the memory is alive, and the host does not run now.
        let database = unsafe { (&(*driver.lent[0])).to_vec() };
        Prepared { driver, database }
    }

    /// The driver as it was. One copy at a time is alive: they share the
    /// memory of the database.
    pub fn copy(&self) -> Driver {
        let from = &self.driver;
        let mut host = Box::<Host>::new_uninit();
        let database = from.lent[0];
        // SAFETY: a host has no destructor, and points to nothing but the
        // memory that was lent to it, which outlives the copy and which the
        // original does not touch while there is one.
        let host = unsafe {
            std::ptr::copy_nonoverlapping(&*from.host, host.as_mut_ptr(), 1);
            (*database).copy_from_slice(&self.database);
            host.assume_init()
        };
        Driver {
            host,
            ledger: from.ledger.clone(),
            now: from.now,
            obeys: true,
            read_answer: 0,
            secret: None,
            stores: true,
            accepts: true,
            commands: VecDeque::new(),
            request: from.request,
            encrypted: from.encrypted,
            pairing: from.pairing.clone(),
            inbox: VecDeque::new(),
            lent: Vec::new(),
        }
    }
}

impl Default for Driver {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        for memory in self.lent.drain(..) {
            // SAFETY: it came from a box, and the host that has it is not used
            // any more; it has no destructor.
            drop(unsafe { Box::from_raw(memory) });
        }
    }
}

fn register(db: &mut Database) -> Result<()> {
    db.begin(false);
    db.add_service(&Uuid::short(0x181a))?;
    let all = flag::READ | flag::WRITE | flag::NOTIFY | flag::INDICATE;
    let handle = db.add_characteristic(&Uuid::short(0x2a6e), all)?;
    assert_eq!(handle, VALUES[0]);
    let secret = flag::READ | flag::WRITE | flag::READ_ENCRYPTED | flag::WRITE_ENCRYPTED;
    let handle = db.add_characteristic(&Uuid::long([3; 16]), secret)?;
    assert_eq!(handle, VALUES[1]);
    let handle = db.add_characteristic(&Uuid::short(0x2a70), flag::READ | flag::WRITE)?;
    assert_eq!(handle, VALUES[2]);
    let sink = flag::WRITE_NO_RESPONSE | flag::WRITE;
    let handle = db.add_characteristic(&Uuid::short(0x2a71), sink)?;
    assert_eq!(handle, VALUES[3]);
    db.add_descriptor(&Uuid::short(0x2901), flag::READ)?;
    db.end();
    Ok(())
}
