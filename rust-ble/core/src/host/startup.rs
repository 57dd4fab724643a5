//! Activation: asks the controller what it can do, and sends only that
//! (Vol 4, Part E, 4.5 and 6.27).

use super::operation::{Operation, Step};
use super::{Host, State};
use crate::config::{DATA_LENGTH, PHY_2M, RPA_TIMEOUT_MS};
use crate::error::{Error, Result};
use crate::time::Instant;
use crate::wire::hci::{opcode, status, CommandResult};
use crate::wire::{first, Reader, Writer};

bitflags::bitflags! {
    /// Abilities of the controller that the host makes use of.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Support: u16 {
        /// LE Remote Connection Parameter Request Reply.
        const CONNECTION_PARAMETERS = 1 << 0;
        /// Data packet length extension.
        const DATA_LENGTH = 1 << 1;
        /// A resolving list.
        const PRIVACY = 1 << 2;
        /// LE Set Privacy Mode.
        const PRIVACY_MODE = 1 << 3;
        /// The LE 2M PHY.
        const PHY_2M = 1 << 4;
        /// LE Encryption.
        const ENCRYPTION = 1 << 5;
        /// A peripheral may ask for the peer's features.
        const PERIPHERAL_FEATURES = 1 << 6;
        /// Read Local Supported Commands itself.
        const COMMANDS = 1 << 7;
        /// LE Set Random Address.
        const RANDOM_ADDRESS = 1 << 8;
    }
}

/// What a port or script may switch off; see docs/DESIGN.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Negotiate PDUs of up to 251 bytes; from the next activation on.
    pub data_length: bool,
    /// Move links to the 2M PHY; from the next activation on.
    pub phy_2m: bool,
    /// Let the controller resolve private addresses.
    pub resolving_list: bool,
    /// Milliseconds after which a private address is replaced.
    pub rpa_timeout_ms: u32,
}

impl Options {
    /// As the build has it: normally everything on.
    pub const ALL: Options = Options {
        data_length: DATA_LENGTH != 0,
        phy_2m: PHY_2M != 0,
        resolving_list: true,
        rpa_timeout_ms: RPA_TIMEOUT_MS,
    };
}

impl Default for Options {
    fn default() -> Self {
        Options::ALL
    }
}

/// The commands of activation in order, with what each needs to be sent.
const STEPS: [(u16, Support); 18] = [
    (opcode::RESET, Support::empty()),
    (opcode::READ_LOCAL_COMMANDS, Support::empty()),
    (opcode::READ_BD_ADDR, Support::empty()),
    (opcode::LE_READ_LOCAL_FEATURES, Support::empty()),
    (opcode::LE_READ_BUFFER_SIZE, Support::empty()),
    (opcode::READ_BUFFER_SIZE, Support::empty()),
    (opcode::SET_EVENT_MASK, Support::empty()),
    (opcode::LE_SET_EVENT_MASK, Support::empty()),
    (opcode::LE_RAND, Support::ENCRYPTION),
    (opcode::LE_RAND, Support::ENCRYPTION),
    (opcode::LE_RAND, Support::ENCRYPTION),
    (opcode::LE_RAND, Support::ENCRYPTION),
    (opcode::LE_WRITE_DEFAULT_DATA_LENGTH, Support::DATA_LENGTH),
    (opcode::LE_SET_DEFAULT_PHY, Support::PHY_2M),
    (opcode::LE_CLEAR_RESOLVING_LIST, Support::PRIVACY),
    (opcode::LE_READ_RESOLVING_LIST_SIZE, Support::PRIVACY),
    (opcode::LE_SET_RPA_TIMEOUT, Support::PRIVACY),
    (opcode::LE_SET_RANDOM_ADDRESS, Support::RANDOM_ADDRESS),
];

/// Commands without which there is no host; the others may be unknown to the
/// controller whatever it said.
const MANDATORY: [u16; 4] = [
    opcode::RESET,
    opcode::LE_READ_BUFFER_SIZE,
    opcode::SET_EVENT_MASK,
    opcode::LE_SET_EVENT_MASK,
];

/// The longest data PDU: 251 bytes in 2120 us on LE 1M (Vol 6, Part B, 4.5.10).
pub(super) const MAX_DATA_LENGTH: [u8; 4] = [251, 0, 0x48, 0x08];

impl Host {
    /// Switches the host on: an operation, after which `is_active`.
    ///
    /// `Already` when it is on.
    pub fn start(&mut self, now: Instant, options: Options) -> Result<()> {
        self.now = now;
        #[cfg(feature = "broken")]
        if self.is_broken(super::Defect::StartsOnce) && self.times_broken() > 1 {
            return Err(Error::NoMemory);
        }
        if self.state == State::Failed {
            self.switch_off();
        }
        if self.state != State::Off {
            return Err(Error::Already);
        }
        self.rx.clear();
        self.commands.clear();
        self.settings.options = options;
        self.controller.support = Support::ENCRYPTION | Support::RANDOM_ADDRESS;
        self.controller.list_used = false;
        self.state = State::Starting;
        self.begin(Operation::Start)
    }

    /// Options for links to come; see `Options`.
    pub fn set_options(&mut self, options: Options) {
        self.settings.options = options;
    }

    /// The options in force.
    pub fn options(&self) -> Options {
        self.settings.options
    }

    pub(super) fn start_step(&mut self) -> Step {
        let Some(&(opcode, needed)) = STEPS.get(self.operation.step as usize) else {
            return Step::Done;
        };
        if !self.controller.support.contains(needed)
            || (opcode == opcode::READ_BUFFER_SIZE && self.controller.acl_total != 0)
        {
            return Step::Skip;
        }
        let mut params = [0; 16];
        let mut w = Writer::new(&mut params);
        match opcode {
            // Disconnection, encryption change and refresh, hardware error,
            // data buffer overflow, LE meta.
            opcode::SET_EVENT_MASK => w.bytes(&[0x90, 0x88, 0x00, 0x02, 0x00, 0x80, 0x00, 0x20]),
            opcode::LE_SET_EVENT_MASK => w.bytes(&self.le_event_mask()),
            opcode::LE_WRITE_DEFAULT_DATA_LENGTH => w.bytes(&MAX_DATA_LENGTH),
            opcode::LE_SET_DEFAULT_PHY => w.bytes(&[0, 0b011, 0b011]),
            opcode::LE_SET_RPA_TIMEOUT => {
                w.u16((self.settings.options.rpa_timeout_ms / 1000) as u16)
            }
            opcode::LE_SET_RANDOM_ADDRESS => {
                let address = self.new_random_address();
                self.controller.random_address = address;
                w.bytes(&address)
            }
            _ => &mut w,
        };
        let len = w.len();
        self.send(opcode, first(&params, len))
    }

    fn le_event_mask(&self) -> [u8; 8] {
        let support = self.controller.support;
        // Connection complete, advertising report, update complete, remote
        // features, LTK request; then by what the controller can do.
        let mut mask: u16 = 0x001f;
        for &(ability, bits) in &[
            (Support::CONNECTION_PARAMETERS, 1 << 5),
            (Support::DATA_LENGTH, 1 << 6),
            (Support::PRIVACY, 1 << 9 | 1 << 10),
            (Support::PHY_2M, 1 << 11),
        ] {
            if support.contains(ability) {
                mask |= bits;
            }
        }
        let [low, high] = mask.to_le_bytes();
        [low, high, 0, 0, 0, 0, 0, 0]
    }

    /// Takes the answer to a command of activation.
    pub(super) fn startup_answered(&mut self, result: CommandResult<'_>) -> Result<()> {
        let unknown = matches!(
            result.status,
            status::UNKNOWN_COMMAND | status::UNSUPPORTED_FEATURE
        );
        if unknown && !MANDATORY.contains(&result.opcode) {
            return Ok(());
        }
        if result.status != status::SUCCESS {
            return Err(Error::Controller(result.status));
        }
        self.startup_returned(result.opcode, Reader(result.returned))
            .ok_or(Error::Controller(status::HARDWARE_FAILURE))
    }

    /// Reads return parameters; `None` if they are too short.
    #[inline(never)]
    fn startup_returned(&mut self, opcode: u16, mut r: Reader<'_>) -> Option<()> {
        let controller = &mut self.controller;
        match opcode {
            opcode::READ_LOCAL_COMMANDS => {
                let commands = r.rest();
                let has = |octet: u8, bit: u8| {
                    commands
                        .get(octet as usize)
                        .is_some_and(|bits| bits >> bit & 1 != 0)
                };
                let mut support = Support::COMMANDS;
                for &(ability, octet, bit) in &[
                    (Support::RANDOM_ADDRESS, 25, 4),
                    (Support::ENCRYPTION, 27, 7),
                    (Support::CONNECTION_PARAMETERS, 33, 4),
                    (Support::DATA_LENGTH, 33, 6),
                    (Support::PRIVACY, 34, 3),
                    (Support::PHY_2M, 35, 6),
                    (Support::PRIVACY_MODE, 39, 2),
                ] {
                    support.set(ability, has(octet, bit));
                }
                controller.support = support;
            }
            opcode::READ_BD_ADDR => controller.public_address = r.array()?,
            opcode::LE_READ_LOCAL_FEATURES => {
                let features = r.u16()?;
                let support = &mut controller.support;
                for &(ability, bit) in &[
                    (Support::CONNECTION_PARAMETERS, 1_u8),
                    (Support::DATA_LENGTH, 5),
                    (Support::PRIVACY, 6),
                    (Support::PHY_2M, 8),
                ] {
                    if features >> bit & 1 == 0 {
                        support.remove(ability);
                    }
                }
                support.set(Support::PERIPHERAL_FEATURES, features >> 3 & 1 != 0);
                let options = self.settings.options;
                support.set(
                    Support::DATA_LENGTH,
                    support.contains(Support::DATA_LENGTH) && options.data_length,
                );
                support.set(
                    Support::PHY_2M,
                    support.contains(Support::PHY_2M) && options.phy_2m,
                );
                support.set(
                    Support::PRIVACY,
                    support.contains(Support::PRIVACY) && options.resolving_list,
                );
            }
            opcode::LE_READ_BUFFER_SIZE => {
                controller.acl_len = r.u16()?;
                controller.acl_total = r.u8()? as u16;
                if controller.acl_len == 0 {
                    controller.acl_total = 0;
                }
            }
            opcode::READ_BUFFER_SIZE => {
                controller.acl_len = r.u16()?;
                r.u8()?;
                controller.acl_total = r.u16()?;
            }
            opcode::LE_RAND => {
                let mut seed = [0; 32];
                seed[..8].copy_from_slice(r.bytes(8)?);
                self.settings.rng.reseed(&seed);
            }
            opcode::LE_READ_RESOLVING_LIST_SIZE => controller.resolving_list = r.u8()?,
            _ => {}
        }
        Some(())
    }

    pub(super) fn start_finished(&mut self, result: Result<()>) {
        let controller = &mut self.controller;
        controller.acl_free = controller.acl_total;
        if result.is_err() {
            return self.switch_off();
        }
        // A controller with buffers smaller than the least PDU cannot work.
        if controller.acl_len < 27 || controller.acl_total == 0 {
            self.switch_off();
            self.operation_failed(Error::Controller(status::HARDWARE_FAILURE));
            return;
        }
        self.state = State::Active;
        let _ = self.db.reset();
        self.load_secrets();
    }

    /// Off at once, without a word to the controller, which may be gone: forgets
    /// everything that belongs to an activation.
    pub fn switch_off(&mut self) {
        for slot in 0..self.links.all.len() {
            self.drop_link(slot);
        }
        self.state = State::Off;
        self.abandon_operation();
        self.rx.clear();
        self.commands.clear();
        self.channels.clear();
        self.events.clear();
        (self.current, self.blocked) = (None, false);
        self.outgoing = None;
        self.query.clear();
        self.reset_gap();
        // Bonds are the script's: the next activation asks for them again.
        self.smp.switch_off();
        self.rest = super::security::Rest::Over;
        (self.own_known, self.own_kept) = (false, false);
    }
}
