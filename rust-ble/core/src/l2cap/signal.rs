//! Signalling commands as bytes (Vol 3, Part A, 4). Each command of LE carries
//! nothing but little-endian words of 16 bits.

use super::SIGNAL_LEN;
use crate::wire::Writer;

/// Command codes (table 4.2).
pub mod code {
    pub const COMMAND_REJECT: u8 = 0x01;
    pub const DISCONNECTION_REQ: u8 = 0x06;
    pub const DISCONNECTION_RSP: u8 = 0x07;
    pub const PARAMETER_UPDATE_REQ: u8 = 0x12;
    pub const PARAMETER_UPDATE_RSP: u8 = 0x13;
    pub const LE_CONNECTION_REQ: u8 = 0x14;
    pub const LE_CONNECTION_RSP: u8 = 0x15;
    pub const FLOW_CONTROL_CREDIT_IND: u8 = 0x16;
    pub const CONNECTION_REQ: u8 = 0x17;
    pub const CONNECTION_RSP: u8 = 0x18;
    pub const RECONFIGURE_REQ: u8 = 0x19;
    pub const RECONFIGURE_RSP: u8 = 0x1a;
}

/// Reasons of a Command Reject (4.1).
pub mod reason {
    pub const NOT_UNDERSTOOD: u16 = 0;
    pub const MTU_EXCEEDED: u16 = 1;
    pub const INVALID_CID: u16 = 2;
}

/// Results of the two connection responses (4.23, 4.26).
pub mod result {
    pub const SUCCESS: u16 = 0x0000;
    pub const SPSM_NOT_SUPPORTED: u16 = 0x0002;
    pub const NO_RESOURCES: u16 = 0x0004;
    pub const INVALID_SOURCE_CID: u16 = 0x0009;
    pub const SOURCE_CID_ALLOCATED: u16 = 0x000a;
    pub const UNACCEPTABLE_PARAMETERS: u16 = 0x000b;
    pub const INVALID_PARAMETERS: u16 = 0x000c;
}

/// Results of a reconfiguration response (4.28).
pub mod reconfigured {
    pub const SUCCESS: u16 = 0;
    pub const MTU_REDUCED: u16 = 1;
    pub const MPS_REDUCED: u16 = 2;
    pub const INVALID_CID: u16 = 3;
    pub const UNACCEPTABLE: u16 = 4;
}

/// Length of code, identifier and data length.
const HEADER_LEN: usize = 4;

/// Most words in one command.
pub(super) const MAX_WORDS: usize = (SIGNAL_LEN - HEADER_LEN) / 2;

/// Channels in one enhanced connection request (4.25).
pub(super) const MAX_ENHANCED: usize = 5;

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub code: u8,
    pub id: u8,
    /// Words of data; none when lengths contradict each other.
    pub words: usize,
}

impl Command {
    /// Takes a command, its data to `room`; `None` when not even code and
    /// identifier can be had.
    pub fn parse(pdu: &[u8], room: &mut [u16; MAX_WORDS]) -> Option<Self> {
        let (&[code, id], rest) = pdu.split_first_chunk()?;
        let mut words = 0;
        if let Some((&len, data)) = rest.split_first_chunk() {
            // One command is all of a C-frame on LE.
            let whole = u16::from_le_bytes(len) as usize == data.len();
            if whole && data.len() % 2 == 0 && data.len() <= 2 * MAX_WORDS {
                for (word, pair) in room.iter_mut().zip(data.chunks_exact(2)) {
                    *word = u16::from(pair[0]) | u16::from(pair[1]) << 8;
                    words += 1;
                }
            }
        }
        Some(Command { code, id, words })
    }
}

/// Whether a command of this code answers one, and is not answered itself.
pub(super) fn is_response(code: u8) -> bool {
    // Of the codes that BR/EDR uses the odd ones, and those of LE.
    let responses: u32 = 0x0002_aaaa
        | 1 << code::PARAMETER_UPDATE_RSP
        | 1 << code::LE_CONNECTION_RSP
        | 1 << code::CONNECTION_RSP
        | 1 << code::RECONFIGURE_RSP;
    code < 32 && responses >> code & 1 != 0
}

/// Whether a command that we know has as many words as it should.
pub(super) fn has_its_words(code: u8, n: usize) -> bool {
    const MORE: u8 = 0x10;
    /// For each code how many words, or at least how many; zero for others.
    const WORDS: [u8; code::RECONFIGURE_RSP as usize] = {
        let mut words = [0; code::RECONFIGURE_RSP as usize];
        words[code::COMMAND_REJECT as usize] = 1 | MORE;
        words[code::DISCONNECTION_REQ as usize] = 2;
        words[code::DISCONNECTION_RSP as usize] = 2;
        words[code::PARAMETER_UPDATE_REQ as usize] = 4;
        words[code::PARAMETER_UPDATE_RSP as usize] = 1;
        words[code::LE_CONNECTION_REQ as usize] = 5;
        words[code::LE_CONNECTION_RSP as usize] = 5;
        words[code::FLOW_CONTROL_CREDIT_IND as usize] = 2;
        words[code::CONNECTION_REQ as usize] = 4 | MORE;
        words[code::RECONFIGURE_REQ as usize] = 2 | MORE;
        words
    };
    let words = WORDS.get(code as usize).copied().unwrap_or(0);
    let least = (words % MORE) as usize;
    n == least || n > least && words > MORE
}

/// Writes a command.
pub(super) fn emit(out: &mut Writer, code: u8, id: u8, words: &[u16]) {
    out.u8(code).u8(id).u16(2 * words.len() as u16);
    for &word in words {
        out.u16(word);
    }
}

/// What the bindings of MicroPython report for a refused connection: NimBLE's
/// numbers for the results of 4.23.
pub(super) fn status(result: u16) -> u16 {
    const UNKNOWN: u8 = 17;
    const STATUS: [u8; 12] = {
        let mut status = [UNKNOWN; 12];
        status[result::SPSM_NOT_SUPPORTED as usize] = super::status::NOT_SUPPORTED as u8;
        status[result::NO_RESOURCES as usize] = 6;
        status[0x0005] = 23; // insufficient authentication
        status[0x0006] = 24; // insufficient authorization
        status[0x0007] = 26; // encryption key too short
        status[0x0008] = 25; // insufficient encryption
        status[result::INVALID_SOURCE_CID as usize] = super::status::REJECTED as u8;
        status[result::SOURCE_CID_ALLOCATED as usize] = 2;
        status[result::UNACCEPTABLE_PARAMETERS as usize] = super::status::INVALID as u8;
        status
    };
    let status = STATUS.get(result as usize);
    status.copied().unwrap_or(UNKNOWN).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDIT_BASED_REQ: [u8; 14] = [
        0x14, 7, 10, 0, 0x16, 0, 0x40, 0, 0x00, 0x08, 0xf2, 0x01, 8, 0,
    ];

    #[test]
    fn a_command_is_read() {
        let mut room = [0xa5a5; MAX_WORDS];
        let command = Command::parse(&CREDIT_BASED_REQ, &mut room).unwrap();
        assert_eq!((command.code, command.id), (code::LE_CONNECTION_REQ, 7));
        assert_eq!(room[..command.words], [22, 0x40, 2048, 498, 8]);
    }

    #[test]
    fn a_command_is_written_over_old_bytes() {
        let mut buf = [0xa5; 20];
        let mut out = Writer::new(&mut buf);
        emit(
            &mut out,
            code::LE_CONNECTION_REQ,
            7,
            &[22, 0x40, 2048, 498, 8],
        );
        assert_eq!(out.finish(), Some(14));
        assert_eq!(buf[..14], CREDIT_BASED_REQ);
        assert_eq!(buf[14..], [0xa5; 6]);
    }

    #[test]
    fn every_truncation_has_no_data() {
        for n in 0..CREDIT_BASED_REQ.len() {
            let mut room = [0; MAX_WORDS];
            let command = Command::parse(&CREDIT_BASED_REQ[..n], &mut room);
            assert_eq!(command.is_some(), n >= 2);
            assert!(command.is_none_or(|command| command.words == 0), "{n}");
        }
    }

    #[test]
    fn two_commands_or_odd_data_are_none() {
        let data = |pdu: &[u8]| Command::parse(pdu, &mut [0; MAX_WORDS]).unwrap().words;
        assert_eq!(data(&[CREDIT_BASED_REQ; 2].concat()), 0);
        assert_eq!(data(&[1, 1, 3, 0, 0, 0, 0]), 0);
        assert_eq!(data(&[1, 1, 0, 0]), 0);
        let mut long = [0; 24];
        long[2] = 20;
        assert_eq!(data(&long), 0);
        long[2] = 18;
        assert_eq!(data(&long[..22]), 9);
    }

    #[test]
    fn responses_are_told_from_requests() {
        let responses = (0..=255).filter(|&code| is_response(code));
        let expected = [
            1, 3, 5, 7, 9, 0x0b, 0x0d, 0x0f, 0x11, 0x13, 0x15, 0x18, 0x1a,
        ];
        assert!(responses.eq(expected));
    }
}
