//! One controller: what it is, what its host set, and its HCI queues.

mod adv;
mod commands;
mod conn;
mod events;
mod ext;
mod hci;
pub(crate) mod link;
mod llcp;
mod privacy;
mod scan;
mod security;

use std::collections::VecDeque;

use crate::air::{Stats, Violation};
use crate::config::NodeConfig;
use crate::fault::Faults;
use crate::snoop::Snoop;

use adv::AdvSet;
use conn::Initiating;
use privacy::Resolving;
use scan::Scanning;

/// A device address as it is on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AirAddress {
    pub random: bool,
    pub bytes: [u8; 6],
}

/// A packet on its way to the host.
pub(crate) struct Outgoing {
    pub due: u64,
    pub packet: Vec<u8>,
}

pub(crate) struct Controller {
    pub config: NodeConfig,
    pub on: bool,
    pub state: State,
    pub incoming: VecDeque<(u64, Vec<u8>)>,
    pub outgoing: VecDeque<Outgoing>,
    /// Advertising reports and ACL packets among `outgoing`.
    pub reports_waiting: usize,
    pub acl_waiting: usize,
    /// A stalled transport delivers nothing before this time.
    pub stalled_until: u64,
    /// While a command runs, its events wait for its Command Complete or Status.
    pub deferred: Option<Vec<Vec<u8>>>,
    pub faults: Faults,
    pub snoop: Option<Snoop>,
    pub violations: Vec<Violation>,
    pub stats: Stats,
}

impl Controller {
    pub fn new(config: NodeConfig) -> Self {
        Controller {
            state: State::new(&config),
            config,
            on: true,
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            reports_waiting: 0,
            acl_waiting: 0,
            stalled_until: 0,
            deferred: None,
            faults: Faults::default(),
            snoop: None,
            violations: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// As after power on.
    pub fn restart(&mut self) {
        self.state = State::new(&self.config);
        self.incoming.clear();
        self.outgoing.clear();
        self.reports_waiting = 0;
        self.acl_waiting = 0;
        self.stalled_until = 0;
    }
}

/// Which of the two sets of advertising and scanning commands the host uses
/// (Vol 4, Part E, 3.1.1: not both between two resets).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Undecided,
    Legacy,
    Extended,
}

/// A connection handle in use.
pub(crate) struct Handle {
    pub handle: u16,
    pub link: usize,
    pub side: usize,
    /// ACL packets that the host holds, when flow control is on.
    pub host_held: u16,
}

/// What HCI Reset brings back to its beginning.
pub(crate) struct State {
    pub event_mask: u64,
    pub le_event_mask: u64,
    pub random_address: Option<[u8; 6]>,
    pub style: Style,
    pub sets: Vec<AdvSet>,
    pub scan: Scanning,
    pub initiating: Option<Initiating>,
    pub accept_list: Vec<(u8, [u8; 6])>,
    pub resolving: Vec<Resolving>,
    pub resolution: bool,
    /// Seconds.
    pub rpa_timeout: u16,
    pub handles: Vec<Handle>,
    /// A command was taken and its answer not yet read by the host.
    pub command_pending: Option<u16>,
    /// ACL packets from the host that the controller holds.
    pub acl_held: usize,
    pub suggested_octets: u16,
    pub suggested_time: u16,
    pub default_tx_phys: u8,
    pub default_rx_phys: u8,
    /// Controller to host flow control for ACL data.
    pub host_flow: bool,
    pub host_acl_len: u16,
    pub host_acl_count: u16,
    /// ACL packets that wait for the host's buffers.
    pub acl_backlog: VecDeque<Vec<u8>>,
    pub p256_secret: Option<p256::NonZeroScalar>,
}

impl State {
    fn new(config: &NodeConfig) -> Self {
        State {
            event_mask: 0x0000_1fff_ffff_ffff,
            le_event_mask: 0x1f,
            random_address: None,
            style: Style::Undecided,
            sets: Vec::new(),
            scan: Scanning::default(),
            initiating: None,
            accept_list: Vec::new(),
            resolving: Vec::new(),
            resolution: false,
            rpa_timeout: 900,
            handles: Vec::new(),
            command_pending: None,
            acl_held: 0,
            suggested_octets: 27,
            suggested_time: 328,
            default_tx_phys: 0,
            default_rx_phys: 0,
            host_flow: false,
            host_acl_len: config.acl_len.max(251),
            host_acl_count: u16::MAX,
            acl_backlog: VecDeque::new(),
            p256_secret: None,
        }
    }
}

/// Little-endian numbers at fixed places; lengths are checked before.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("N bytes")
}
