//! Two Security Managers, or one and an attacker, joined by a link that
//! checks keys as controllers do.

mod attacks;
mod bonding;
mod models;

use super::pdu::{code, reason};
use super::*;
use crate::wire::{Reader, Writer};
use crate::Instant;
use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

const NOW: Instant = Instant(u32::MAX - 1000);

/// What the script's store does with a SET.
#[derive(Clone, Copy, PartialEq)]
enum Store {
    Keeps,
    Refuses,
}

/// One end of the link, with the part of the host and script that it needs.
struct Side {
    seed: u8,
    smp: Smp,
    rng: Rng,
    link: Link,
    config: SecurityConfig,
    secrets: BTreeMap<[u8; 7], Vec<u8>>,
    store: Store,
    now: Instant,
    /// Six digits, or yes and no, for each question; none leaves it open.
    user: Option<u32>,
    asked: Vec<PasskeyAction>,
    done: Vec<Security>,
    failed: Vec<Failure>,
    sent: VecDeque<Vec<u8>>,
    encrypt: Option<([u8; 8], u16, [u8; 16])>,
    answer: Option<Option<[u8; 16]>>,
    /// The key that the link is encrypted with.
    key: Option<[u8; 16]>,
}

impl Side {
    fn new(role: Role, seed: u8) -> Self {
        let address = |n: u8| Address::random([n, n, n, n, n, 0xc0 | n]);
        let (local, peer) = match role {
            Role::Central => (address(1), address(2)),
            Role::Peripheral => (address(2), address(1)),
        };
        let mut smp = Smp::new();
        smp.start(
            OwnIdentity {
                irk: [seed; 16],
                address: local.bytes,
            },
            local,
        );
        Side {
            seed,
            smp,
            rng: Rng::new(&[seed; 32]),
            link: Link {
                index: seed % 8,
                role,
                local,
                peer,
                identity: peer,
                security: Security::default(),
            },
            config: SecurityConfig::default(),
            secrets: BTreeMap::new(),
            store: Store::Keeps,
            now: NOW,
            user: Some(123_456),
            asked: Vec::new(),
            done: Vec::new(),
            failed: Vec::new(),
            sent: VecDeque::new(),
            encrypt: None,
            answer: None,
            key: None,
        }
    }

    fn pair(&mut self) {
        self.smp.pair(&self.link, self.config, self.now).unwrap();
        self.run();
    }

    fn receive(&mut self, pdu: &[u8]) {
        self.smp.handle_pdu(&self.link, self.config, pdu, self.now);
        self.run();
    }

    fn ltk_request(&mut self, rand: [u8; 8], ediv: u16) {
        self.smp
            .handle_ltk_request(&self.link, self.config, rand, ediv, self.now);
        self.run();
    }

    fn encrypted(&mut self, status: u8) {
        self.smp
            .handle_encryption(&self.link, status, status == 0, self.now);
        self.run();
    }

    fn disconnected(&mut self) {
        self.smp.disconnected(self.link.index, self.now);
        self.link.security = Security::default();
        self.key = None;
        assert_eq!(self.next(), None);
    }

    /// One action; checks that only `Send` writes.
    fn next(&mut self) -> Option<Action> {
        let mut buf = [0xa5; MAX_PDU];
        let mut out = Writer::new(&mut buf);
        let action = self.smp.poll(self.now, &mut out, &mut self.rng);
        let len = out.finish().unwrap();
        let Some((index, action)) = action else {
            assert_eq!(len, 0);
            return None;
        };
        assert_eq!(index, self.link.index);
        assert_eq!(len > 0, action == Action::Send);
        if len > 0 {
            self.sent.push_back(buf[..len].to_vec());
        }
        Some(action)
    }

    /// Does what the host and the script would do, until nothing is left.
    fn run(&mut self) {
        for _ in 0..1000 {
            match self.next() {
                None if self.smp.needs_step() => self.smp.step(&mut self.rng),
                None => return,
                Some(action) => self.act(action),
            }
        }
        panic!("never idle");
    }

    fn act(&mut self, action: Action) {
        let index = self.link.index;
        match action {
            Action::Send => {}
            Action::Encrypt => {
                let mut key = Reader(self.smp.key(index));
                let (ltk, ediv) = (key.array().unwrap(), key.u16().unwrap());
                self.encrypt = Some((key.array().unwrap(), ediv, ltk));
            }
            Action::LtkReply => {
                self.answer = Some(Reader(self.smp.key(index)).array());
            }
            Action::LtkRefuse => self.answer = Some(None),
            Action::Passkey(action) => {
                self.asked.push(action);
                if let Some(value) = self.user {
                    self.answer_user(action, value);
                }
            }
            Action::LoadBond(identity) => {
                let value = self.secrets.get(&bonds::key(&identity)).cloned();
                self.smp.bond_loaded(index, value.as_deref());
            }
            Action::StoreBond(identity) => {
                let keeps = self.store == Store::Keeps;
                let value = *self.smp.bond_to_store(index).unwrap();
                if keeps {
                    self.secrets.insert(bonds::key(&identity), value.to_vec());
                }
                self.smp.bond_stored(index, keeps);
                assert_eq!(self.smp.bond_to_store(index), None);
            }
            Action::Encrypted(security) => {
                assert!(!security.bonded);
                self.link.security = security;
            }
            Action::Done { security, identity } => {
                self.link.security = security;
                self.link.identity = identity;
                self.done.push(security);
            }
            Action::Failed(failure) => self.failed.push(failure),
        }
    }

    fn answer_user(&mut self, action: PasskeyAction, value: u32) {
        let action = match action {
            PasskeyAction::Input => 2,
            PasskeyAction::Display => 3,
            PasskeyAction::NumericComparison(_) => 4,
        };
        for wrong in (0..6).filter(|&wrong| wrong != action) {
            assert_eq!(
                self.smp.passkey(self.link.index, wrong, 1),
                Err(crate::Error::Invalid)
            );
        }
        self.smp.passkey(self.link.index, action, value).unwrap();
        assert_eq!(
            self.smp.passkey(self.link.index, action, value),
            Err(crate::Error::Invalid)
        );
    }

    fn bond(&self) -> Option<Bond> {
        let value = self.secrets.get(&bonds::key(&self.link.identity))?;
        Some(*Bond::parse(value, &mut Bond::blank()).unwrap())
    }

    /// The reason of the Pairing Failed sent last.
    fn reason(&self) -> Option<u8> {
        match self.sent.back()?.as_slice() {
            &[code::PAIRING_FAILED, reason] => Some(reason),
            _ => None,
        }
    }

    /// As after a restart of the process: only the secrets are left.
    fn restart(&mut self) {
        self.restart_without_bonds();
        for value in self.secrets.values() {
            assert!(self.smp.identities.load(value));
        }
        self.link.identity = self.smp.identities.resolve(&self.link.peer);
    }

    fn restart_without_bonds(&mut self) {
        let own = self.own();
        self.smp = Smp::new();
        self.smp.start(own, self.link.local);
        self.link.security = Security::default();
        self.link.identity = self.link.peer;
        self.key = None;
        self.done.clear();
        self.failed.clear();
        self.asked.clear();
        self.sent.clear();
    }

    fn own(&self) -> OwnIdentity {
        OwnIdentity {
            irk: [self.seed; 16],
            address: self.link.local.bytes,
        }
    }
}

/// Two ends and their link.
struct Pair {
    central: Side,
    peripheral: Side,
    /// PDUs in the order of the air, to look at.
    air: Vec<Vec<u8>>,
}

impl Pair {
    fn new() -> Self {
        Pair {
            central: Side::new(Role::Central, 3),
            peripheral: Side::new(Role::Peripheral, 5),
            air: Vec::new(),
        }
    }

    fn configured(change: impl Fn(&mut SecurityConfig)) -> Self {
        let mut pair = Pair::new();
        change(&mut pair.central.config);
        change(&mut pair.peripheral.config);
        pair
    }

    /// Moves one PDU or one step of encryption; false when all is quiet.
    fn step(&mut self) -> bool {
        let Pair {
            central,
            peripheral,
            air,
        } = self;
        if let Some(pdu) = central.sent.pop_front() {
            peripheral.receive(&pdu);
            air.push(pdu);
        } else if let Some(pdu) = peripheral.sent.pop_front() {
            central.receive(&pdu);
            air.push(pdu);
        } else if let Some((rand, ediv, key)) = central.encrypt.take() {
            peripheral.ltk_request(rand, ediv);
            match peripheral
                .answer
                .take()
                .expect("an LTK request is always answered")
            {
                None => central.encrypted(0x06),
                Some(ltk) if ltk == key => {
                    central.key = Some(ltk);
                    peripheral.key = Some(ltk);
                    peripheral.encrypted(0);
                    central.encrypted(0);
                }
                Some(_) => {
                    // The link dies: MIC failure.
                    central.disconnected();
                    peripheral.disconnected();
                }
            }
        } else {
            return false;
        }
        true
    }

    fn drive(&mut self) {
        for _ in 0..300 {
            if !self.step() {
                return;
            }
        }
        panic!("never quiet");
    }

    fn disconnect(&mut self) {
        self.central.disconnected();
        self.peripheral.disconnected();
    }

    /// Both ends came to the same, once.
    #[track_caller]
    fn assert_done(&self, authenticated: bool, bonded: bool, secure_connections: bool) {
        let security = Security {
            key_size: 16,
            authenticated,
            bonded,
            secure_connections,
        };
        for side in [&self.central, &self.peripheral] {
            assert_eq!(side.failed, []);
            assert_eq!(side.done, [security]);
            assert_eq!(side.smp.deadline(), None);
        }
        assert!(self.central.key.is_some());
    }

    #[track_caller]
    fn assert_failed(&self, central: Failure, peripheral: Failure) {
        assert_eq!(
            (&*self.central.failed, &*self.peripheral.failed),
            ([central].as_slice(), [peripheral].as_slice())
        );
        for side in [&self.central, &self.peripheral] {
            assert_eq!(side.done, []);
            assert_eq!(side.key, None);
            assert_eq!(side.smp.deadline(), None);
        }
    }
}
