//! A host of few words: it sends commands, expects their answers and keeps the
//! events for the test.
#![allow(dead_code)]

use ble_sim::{Air, NodeConfig, NodeId, Options};

pub const RESET: u16 = 0x0c03;

pub struct Bench {
    pub air: Air,
    /// Events and ACL packets received and not yet looked at, per node.
    pub inbox: Vec<Vec<Vec<u8>>>,
}

impl Bench {
    pub fn new(count: usize) -> Self {
        Bench::with(
            1,
            Options::default(),
            (0..count).map(|_| NodeConfig::default()).collect(),
        )
    }

    /// Nodes that are reset, with all events unmasked and a random address each.
    pub fn with(seed: u64, options: Options, configs: Vec<NodeConfig>) -> Self {
        let mut air = Air::new(seed, options);
        let count = configs.len();
        for config in configs {
            air.add_node(config);
        }
        let mut bench = Bench {
            air,
            inbox: vec![Vec::new(); count],
        };
        for n in 0..count {
            bench.set_up(n);
        }
        bench
    }

    pub fn set_up(&mut self, n: NodeId) {
        self.ok(n, RESET, &[]);
        self.ok(n, 0x0c01, &[0xff; 8]);
        self.ok(n, 0x2001, &[0xff; 8]);
        self.ok(n, 0x2005, &address(n));
    }

    pub fn send_command(&mut self, n: NodeId, opcode: u16, params: &[u8]) {
        let [lo, hi] = opcode.to_le_bytes();
        let mut packet = vec![1, lo, hi, params.len() as u8];
        packet.extend_from_slice(params);
        self.air.send(n, &packet);
    }

    /// Sends a command and returns status and return parameters.
    pub fn command(&mut self, n: NodeId, opcode: u16, params: &[u8]) -> Vec<u8> {
        self.send_command(n, opcode, params);
        let [lo, hi] = opcode.to_le_bytes();
        for _ in 0..10_000 {
            self.collect(n);
            let is_answer = |p: &Vec<u8>| {
                p[0] == 4
                    && (p[1] == 0x0e && p[4..6] == [lo, hi] || p[1] == 0x0f && p[5..7] == [lo, hi])
            };
            if let Some(at) = self.inbox[n].iter().position(is_answer) {
                let packet = self.inbox[n].remove(at);
                return if packet[1] == 0x0e {
                    packet[6..].to_vec()
                } else {
                    vec![packet[3]]
                };
            }
            assert!(self.air.step(), "no answer to {opcode:04x}");
        }
        panic!("no answer to {opcode:04x}");
    }

    /// A command that succeeds.
    pub fn ok(&mut self, n: NodeId, opcode: u16, params: &[u8]) -> Vec<u8> {
        let returned = self.command(n, opcode, params);
        assert_eq!(returned[0], 0, "status of {opcode:04x}");
        returned[1..].to_vec()
    }

    /// A command's status.
    pub fn status(&mut self, n: NodeId, opcode: u16, params: &[u8]) -> u8 {
        self.command(n, opcode, params)[0]
    }

    pub fn collect(&mut self, n: NodeId) {
        while let Some(packet) = self.air.receive(n) {
            self.inbox[n].push(packet);
        }
    }

    pub fn collect_all(&mut self) {
        for n in 0..self.inbox.len() {
            self.collect(n);
        }
    }

    /// Lets microseconds pass; all hosts take what comes.
    pub fn run(&mut self, us: u64) {
        let end = self.air.now() + us;
        self.collect_all();
        while self.air.next_time().is_some_and(|t| t <= end) {
            self.air.step();
            self.collect_all();
        }
        self.air.advance_to(end);
        self.collect_all();
    }

    /// Waits up to ten seconds for a packet and takes it.
    pub fn wait(&mut self, n: NodeId, what: &str, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        self.wait_for(n, 10_000_000, &wanted)
            .unwrap_or_else(|| panic!("node {n}: no {what}"))
    }

    pub fn wait_for(
        &mut self,
        n: NodeId,
        us: u64,
        wanted: &impl Fn(&[u8]) -> bool,
    ) -> Option<Vec<u8>> {
        let end = self.air.now() + us;
        loop {
            self.collect_all();
            if let Some(at) = self.inbox[n].iter().position(|p| wanted(p)) {
                return Some(self.inbox[n].remove(at));
            }
            if self.air.next_time().is_none_or(|t| t > end) {
                self.air.advance_to(end);
                return None;
            }
            self.air.step();
        }
    }

    /// Waits for an event and returns its parameters.
    pub fn event(&mut self, n: NodeId, code: u8) -> Vec<u8> {
        self.wait(n, &format!("event {code:02x}"), |p| {
            p[0] == 4 && p[1] == code
        })[3..]
            .to_vec()
    }

    /// Waits for an LE meta event and returns its parameters after the subevent code.
    pub fn le_event(&mut self, n: NodeId, subevent: u8) -> Vec<u8> {
        let wanted = |p: &[u8]| p[..2] == [4, 0x3e] && p[3] == subevent;
        self.wait(n, &format!("LE event {subevent:02x}"), wanted)[4..].to_vec()
    }

    pub fn has_event(&mut self, n: NodeId, code: u8) -> bool {
        self.collect(n);
        self.inbox[n].iter().any(|p| p[0] == 4 && p[1] == code)
    }

    pub fn has_le_event(&mut self, n: NodeId, subevent: u8) -> bool {
        self.collect(n);
        self.inbox[n]
            .iter()
            .any(|p| p[..2] == [4, 0x3e] && p[3] == subevent)
    }

    pub fn count_le_events(&mut self, n: NodeId, subevent: u8) -> usize {
        self.collect(n);
        self.inbox[n]
            .iter()
            .filter(|p| p[..2] == [4, 0x3e] && p[3] == subevent)
            .count()
    }

    /// Waits for the next ACL packet: header word and data.
    pub fn acl(&mut self, n: NodeId) -> (u16, Vec<u8>) {
        let packet = self.wait(n, "ACL packet", |p| p[0] == 2);
        (
            u16::from_le_bytes([packet[1], packet[2]]),
            packet[5..].to_vec(),
        )
    }

    pub fn send_acl(&mut self, n: NodeId, handle: u16, boundary: u16, data: &[u8]) {
        let mut packet = vec![2];
        packet.extend_from_slice(&(handle | boundary << 12).to_le_bytes());
        packet.extend_from_slice(&(data.len() as u16).to_le_bytes());
        packet.extend_from_slice(data);
        self.air.send(n, &packet);
    }

    /// Legacy advertising with an interval in units of 0.625 ms.
    pub fn advertise(&mut self, n: NodeId, kind: u8, interval: u16, data: &[u8], scan_rsp: &[u8]) {
        self.ok(n, 0x2006, &adv_params(kind, interval, interval, 1, 7, 0));
        self.ok(n, 0x2008, &padded(data));
        if kind == 0 || kind == 2 {
            self.ok(n, 0x2009, &padded(scan_rsp));
        }
        self.ok(n, 0x200a, &[1]);
    }

    pub fn scan(&mut self, n: NodeId, active: bool, interval: u16, window: u16, filter: bool) {
        let [i0, i1] = interval.to_le_bytes();
        let [w0, w1] = window.to_le_bytes();
        self.ok(n, 0x200b, &[active.into(), i0, i1, w0, w1, 1, 0]);
        self.ok(n, 0x200c, &[1, filter.into()]);
    }

    /// Connects `c` to the advertising `p`; returns the handles of both.
    pub fn connect(&mut self, c: NodeId, p: NodeId, interval: u16) -> (u16, u16) {
        self.connect_with(c, p, interval, 0, 100)
    }

    pub fn connect_with(
        &mut self,
        c: NodeId,
        p: NodeId,
        interval: u16,
        latency: u16,
        timeout: u16,
    ) -> (u16, u16) {
        self.advertise(p, 0, 0x20, b"", b"");
        self.ok(c, 0x200d, &create(address(p), interval, latency, timeout));
        let central = self.wait(c, "connection", is_connection);
        let peripheral = self.wait(p, "connection", is_connection);
        assert_eq!((central[4], peripheral[4]), (0, 0));
        assert_eq!((central[7], peripheral[7]), (0, 1), "roles");
        (handle_of(&central), handle_of(&peripheral))
    }

    pub fn no_violations(&self) {
        for n in 0..self.inbox.len() {
            assert!(
                self.air.violations(n).is_empty(),
                "{:?}",
                self.air.violations(n)
            );
        }
    }
}

pub fn is_connection(p: &[u8]) -> bool {
    p[..2] == [4, 0x3e] && matches!(p[3], 1 | 0x0a)
}

pub fn handle_of(connection: &[u8]) -> u16 {
    u16::from_le_bytes([connection[5], connection[6]])
}

/// The random static address of a node, least significant byte first.
pub fn address(n: NodeId) -> [u8; 6] {
    [(n + 1) as u8, 2, 3, 4, 5, 0xc0 + (n >> 8) as u8]
}

pub fn padded(data: &[u8]) -> [u8; 32] {
    let mut params = [0; 32];
    params[0] = data.len() as u8;
    params[1..1 + data.len()].copy_from_slice(data);
    params
}

pub fn adv_params(kind: u8, min: u16, max: u16, own: u8, channels: u8, filter: u8) -> [u8; 15] {
    let ([a, b], [c, d]) = (min.to_le_bytes(), max.to_le_bytes());
    [a, b, c, d, kind, own, 0, 0, 0, 0, 0, 0, 0, channels, filter]
}

/// LE Create Connection to a random address.
pub fn create(peer: [u8; 6], interval: u16, latency: u16, timeout: u16) -> Vec<u8> {
    let mut params = vec![0x10, 0, 0x10, 0, 0, 1];
    params.extend_from_slice(&peer);
    params.push(1);
    for value in [interval, interval, latency, timeout, 0, 0] {
        params.extend_from_slice(&value.to_le_bytes());
    }
    params
}

pub fn with_handle(handle: u16, rest: &[u8]) -> Vec<u8> {
    let mut params = handle.to_le_bytes().to_vec();
    params.extend_from_slice(rest);
    params
}

/// LE Enable Encryption with a key of one repeated byte.
pub fn encrypt(handle: u16, key: u8) -> Vec<u8> {
    let mut params = with_handle(handle, &[1, 2, 3, 4, 5, 6, 7, 8, 0x34, 0x12]);
    params.extend_from_slice(&[key; 16]);
    params
}
