//! Which commands exist, how they are answered and where Read Local Supported
//! Commands has their bit (Vol 4, Part E, 6.27).

use crate::config::{feature, NodeConfig};

/// The event that answers a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Complete,
    Status,
    Nothing,
}

/// What a controller needs to have for a command to exist.
#[derive(Clone, Copy)]
enum Need {
    Always,
    Optional,
    Feature(u64),
    HostFlow,
    P256,
    Version(u8),
    PrivacyMode,
}

pub(crate) struct Command {
    pub opcode: u16,
    /// Exact length of the parameters, or the least when `variable`.
    pub len: usize,
    pub variable: bool,
    pub answer: Answer,
    bit: Option<(u8, u8)>,
    need: Need,
}

/// The command, if this controller has it.
pub(crate) fn lookup(config: &NodeConfig, opcode: u16) -> Option<&'static Command> {
    let at = COMMANDS.binary_search_by_key(&opcode, |c| c.opcode).ok()?;
    let command = &COMMANDS[at];
    command.exists(config).then_some(command)
}

/// The 64 bytes of Read Local Supported Commands.
pub(crate) fn supported(config: &NodeConfig) -> [u8; 64] {
    let mut bits = [0; 64];
    for command in COMMANDS.iter().filter(|c| c.exists(config)) {
        if let Some((octet, bit)) = command.bit {
            bits[octet as usize] |= 1 << bit;
        }
    }
    bits
}

impl Command {
    fn exists(&self, config: &NodeConfig) -> bool {
        match self.need {
            Need::Always => true,
            Need::Optional => config.optional_commands,
            Need::Feature(feature) => config.has(feature),
            Need::HostFlow => config.host_flow_control,
            Need::P256 => config.p256,
            Need::Version(version) => config.version >= version && config.optional_commands,
            Need::PrivacyMode => config.has(feature::PRIVACY) && config.version >= 9,
        }
    }
}

const fn c(opcode: u16, len: usize, octet: u8, bit: u8, need: Need) -> Command {
    let bit = Some((octet, bit));
    Command {
        opcode,
        len,
        variable: false,
        answer: Answer::Complete,
        bit,
        need,
    }
}

const fn s(opcode: u16, len: usize, octet: u8, bit: u8, need: Need) -> Command {
    let bit = Some((octet, bit));
    Command {
        opcode,
        len,
        variable: false,
        answer: Answer::Status,
        bit,
        need,
    }
}

const fn variable(command: Command) -> Command {
    Command {
        variable: true,
        ..command
    }
}

use Need::{Always, HostFlow, Optional, PrivacyMode, Version, P256};
const CPR: Need = Need::Feature(feature::CONNECTION_PARAMETERS_REQUEST);
const DLE: Need = Need::Feature(feature::DATA_LENGTH);
const PRIVACY: Need = Need::Feature(feature::PRIVACY);
const PHY: Need = Need::Feature(feature::PHY_2M);
const EXT: Need = Need::Feature(feature::EXTENDED_ADVERTISING);

/// In order of opcode.
static COMMANDS: &[Command] = &[
    s(0x0406, 3, 0, 5, Always),    // Disconnect
    s(0x041d, 2, 2, 7, Always),    // Read Remote Version Information
    c(0x0c01, 8, 5, 6, Always),    // Set Event Mask
    c(0x0c03, 0, 5, 7, Always),    // Reset
    c(0x0c2d, 3, 10, 2, Optional), // Read Transmit Power Level
    c(0x0c31, 1, 10, 5, HostFlow), // Set Controller To Host Flow Control
    c(0x0c33, 7, 10, 6, HostFlow), // Host Buffer Size
    Command {
        answer: Answer::Nothing,
        ..variable(c(0x0c35, 1, 10, 7, HostFlow))
    }, // Host Number Of Completed Packets
    c(0x0c63, 8, 22, 2, Optional), // Set Event Mask Page 2
    c(0x1001, 0, 14, 3, Always),   // Read Local Version Information
    Command {
        bit: None,
        ..c(0x1002, 0, 0, 0, Always)
    }, // Read Local Supported Commands
    c(0x1003, 0, 14, 5, Always),   // Read Local Supported Features
    c(0x1005, 0, 14, 7, Optional), // Read Buffer Size
    c(0x1009, 0, 15, 1, Always),   // Read BD_ADDR
    c(0x1405, 2, 15, 5, Optional), // Read RSSI
    c(0x2001, 8, 25, 0, Always),   // LE Set Event Mask
    c(0x2002, 0, 25, 1, Always),   // LE Read Buffer Size v1
    c(0x2003, 0, 25, 2, Always),   // LE Read Local Supported Features
    c(0x2005, 6, 25, 4, Always),   // LE Set Random Address
    c(0x2006, 15, 25, 5, Always),  // LE Set Advertising Parameters
    c(0x2007, 0, 25, 6, Always),   // LE Read Advertising Channel Tx Power
    c(0x2008, 32, 25, 7, Always),  // LE Set Advertising Data
    c(0x2009, 32, 26, 0, Always),  // LE Set Scan Response Data
    c(0x200a, 1, 26, 1, Always),   // LE Set Advertising Enable
    c(0x200b, 7, 26, 2, Always),   // LE Set Scan Parameters
    c(0x200c, 2, 26, 3, Always),   // LE Set Scan Enable
    s(0x200d, 25, 26, 4, Always),  // LE Create Connection
    c(0x200e, 0, 26, 5, Always),   // LE Create Connection Cancel
    c(0x200f, 0, 26, 6, Always),   // LE Read Filter Accept List Size
    c(0x2010, 0, 26, 7, Always),   // LE Clear Filter Accept List
    c(0x2011, 7, 27, 0, Always),   // LE Add Device To Filter Accept List
    c(0x2012, 7, 27, 1, Always),   // LE Remove Device From Filter Accept List
    s(0x2013, 14, 27, 2, Always),  // LE Connection Update
    c(0x2014, 5, 27, 3, Optional), // LE Set Host Channel Classification
    c(0x2015, 2, 27, 4, Optional), // LE Read Channel Map
    s(0x2016, 2, 27, 5, Always),   // LE Read Remote Features
    c(0x2017, 32, 27, 6, Always),  // LE Encrypt
    c(0x2018, 0, 27, 7, Always),   // LE Rand
    s(0x2019, 28, 28, 0, Always),  // LE Enable Encryption
    c(0x201a, 18, 28, 1, Always),  // LE Long Term Key Request Reply
    c(0x201b, 2, 28, 2, Always),   // LE Long Term Key Request Negative Reply
    c(0x201c, 0, 28, 3, Always),   // LE Read Supported States
    c(0x2020, 14, 33, 4, CPR),     // LE Remote Connection Parameter Request Reply
    c(0x2021, 3, 33, 5, CPR),      // … Negative Reply
    c(0x2022, 6, 33, 6, DLE),      // LE Set Data Length
    c(0x2023, 0, 33, 7, DLE),      // LE Read Suggested Default Data Length
    c(0x2024, 4, 34, 0, DLE),      // LE Write Suggested Default Data Length
    s(0x2025, 0, 34, 1, P256),     // LE Read Local P-256 Public Key
    s(0x2026, 64, 34, 2, P256),    // LE Generate DHKey v1
    c(0x2027, 39, 34, 3, PRIVACY), // LE Add Device To Resolving List
    c(0x2028, 7, 34, 4, PRIVACY),  // LE Remove Device From Resolving List
    c(0x2029, 0, 34, 5, PRIVACY),  // LE Clear Resolving List
    c(0x202a, 0, 34, 6, PRIVACY),  // LE Read Resolving List Size
    c(0x202b, 7, 34, 7, PRIVACY),  // LE Read Peer Resolvable Address
    c(0x202c, 7, 35, 0, PRIVACY),  // LE Read Local Resolvable Address
    c(0x202d, 1, 35, 1, PRIVACY),  // LE Set Address Resolution Enable
    c(0x202e, 2, 35, 2, PRIVACY),  // LE Set Resolvable Private Address Timeout
    c(0x202f, 0, 35, 3, DLE),      // LE Read Maximum Data Length
    c(0x2030, 2, 35, 4, PHY),      // LE Read PHY
    c(0x2031, 3, 35, 5, PHY),      // LE Set Default PHY
    s(0x2032, 7, 35, 6, PHY),      // LE Set PHY
    c(0x2035, 7, 36, 1, EXT),      // LE Set Advertising Set Random Address
    c(0x2036, 25, 36, 2, EXT),     // LE Set Extended Advertising Parameters
    variable(c(0x2037, 4, 36, 3, EXT)), // LE Set Extended Advertising Data
    variable(c(0x2038, 4, 36, 4, EXT)), // LE Set Extended Scan Response Data
    variable(c(0x2039, 2, 36, 5, EXT)), // LE Set Extended Advertising Enable
    c(0x203a, 0, 36, 6, EXT),      // LE Read Maximum Advertising Data Length
    c(0x203b, 0, 36, 7, EXT),      // LE Read Number Of Supported Advertising Sets
    c(0x203c, 1, 37, 0, EXT),      // LE Remove Advertising Set
    c(0x203d, 0, 37, 1, EXT),      // LE Clear Advertising Sets
    variable(c(0x2041, 3, 37, 5, EXT)), // LE Set Extended Scan Parameters
    c(0x2042, 6, 37, 6, EXT),      // LE Set Extended Scan Enable
    variable(s(0x2043, 10, 37, 7, EXT)), // LE Extended Create Connection
    c(0x204b, 0, 38, 7, EXT),      // LE Read Transmit Power
    c(0x204e, 8, 39, 2, PrivacyMode), // LE Set Privacy Mode
    s(0x205e, 65, 41, 2, P256),    // LE Generate DHKey v2
    c(0x2060, 0, 41, 5, Version(11)), // LE Read Buffer Size v2
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Profile;

    #[test]
    fn the_table_is_in_order() {
        assert!(COMMANDS.windows(2).all(|w| w[0].opcode < w[1].opcode));
    }

    #[test]
    fn a_minimal_controller_has_the_mandatory_commands_only() {
        let config = NodeConfig::new(Profile::Minimal);
        assert!(lookup(&config, 0x2002).is_some());
        assert!(lookup(&config, 0x0c33).is_none());
        assert!(lookup(&config, 0x2022).is_none());
        assert_eq!(supported(&config)[25], 0b1111_0111);
        assert_eq!(supported(&config)[33], 0);
    }
}
