//! HCI packets (Vol 4, Part E) over H4 framing (Vol 4, Part A).

use super::Reader;
use crate::addr::Address;

/// H4 packet type of a command.
pub const COMMAND: u8 = 0x01;
/// H4 packet type of ACL data.
pub const ACL: u8 = 0x02;
/// H4 packet type of synchronous data, which LE does not use.
pub const SCO: u8 = 0x03;
/// H4 packet type of an event.
pub const EVENT: u8 = 0x04;
/// H4 packet type of isochronous data.
pub const ISO: u8 = 0x05;

/// Command opcodes: OGF << 10 | OCF (Vol 4, Part E, 7).
#[allow(missing_docs)]
pub mod opcode {
    pub const DISCONNECT: u16 = 0x0406;
    pub const SET_EVENT_MASK: u16 = 0x0c01;
    pub const RESET: u16 = 0x0c03;
    pub const READ_LOCAL_VERSION: u16 = 0x1001;
    pub const READ_LOCAL_COMMANDS: u16 = 0x1002;
    pub const READ_BUFFER_SIZE: u16 = 0x1005;
    pub const READ_BD_ADDR: u16 = 0x1009;
    pub const LE_SET_EVENT_MASK: u16 = 0x2001;
    pub const LE_READ_BUFFER_SIZE: u16 = 0x2002;
    pub const LE_READ_LOCAL_FEATURES: u16 = 0x2003;
    pub const LE_SET_RANDOM_ADDRESS: u16 = 0x2005;
    pub const LE_SET_ADVERTISING_PARAMETERS: u16 = 0x2006;
    pub const LE_SET_ADVERTISING_DATA: u16 = 0x2008;
    pub const LE_SET_SCAN_RESPONSE_DATA: u16 = 0x2009;
    pub const LE_SET_ADVERTISING_ENABLE: u16 = 0x200a;
    pub const LE_SET_SCAN_PARAMETERS: u16 = 0x200b;
    pub const LE_SET_SCAN_ENABLE: u16 = 0x200c;
    pub const LE_CREATE_CONNECTION: u16 = 0x200d;
    pub const LE_CREATE_CONNECTION_CANCEL: u16 = 0x200e;
    pub const LE_CONNECTION_UPDATE: u16 = 0x2013;
    pub const LE_READ_REMOTE_FEATURES: u16 = 0x2016;
    pub const LE_RAND: u16 = 0x2018;
    pub const LE_ENABLE_ENCRYPTION: u16 = 0x2019;
    pub const LE_LTK_REPLY: u16 = 0x201a;
    pub const LE_LTK_NEGATIVE_REPLY: u16 = 0x201b;
    pub const LE_CONN_PARAM_REPLY: u16 = 0x2020;
    pub const LE_CONN_PARAM_NEGATIVE_REPLY: u16 = 0x2021;
    pub const LE_SET_DATA_LENGTH: u16 = 0x2022;
    pub const LE_WRITE_DEFAULT_DATA_LENGTH: u16 = 0x2024;
    pub const LE_ADD_TO_RESOLVING_LIST: u16 = 0x2027;
    pub const LE_REMOVE_FROM_RESOLVING_LIST: u16 = 0x2028;
    pub const LE_CLEAR_RESOLVING_LIST: u16 = 0x2029;
    pub const LE_READ_RESOLVING_LIST_SIZE: u16 = 0x202a;
    pub const LE_SET_ADDRESS_RESOLUTION_ENABLE: u16 = 0x202d;
    pub const LE_SET_RPA_TIMEOUT: u16 = 0x202e;
    pub const LE_SET_DEFAULT_PHY: u16 = 0x2031;
    pub const LE_SET_PHY: u16 = 0x2032;
    pub const LE_SET_PRIVACY_MODE: u16 = 0x204e;
}

/// Event codes (Vol 4, Part E, 7.7).
#[allow(missing_docs)]
pub mod event {
    pub const DISCONNECTION_COMPLETE: u8 = 0x05;
    pub const ENCRYPTION_CHANGE: u8 = 0x08;
    pub const COMMAND_COMPLETE: u8 = 0x0e;
    pub const COMMAND_STATUS: u8 = 0x0f;
    pub const HARDWARE_ERROR: u8 = 0x10;
    pub const NUMBER_OF_COMPLETED_PACKETS: u8 = 0x13;
    pub const ENCRYPTION_KEY_REFRESH: u8 = 0x30;
    pub const LE_META: u8 = 0x3e;
}

/// LE subevent codes (Vol 4, Part E, 7.7.65).
#[allow(missing_docs)]
pub mod subevent {
    pub const CONNECTION_COMPLETE: u8 = 0x01;
    pub const ADVERTISING_REPORT: u8 = 0x02;
    pub const CONNECTION_UPDATE_COMPLETE: u8 = 0x03;
    pub const READ_REMOTE_FEATURES_COMPLETE: u8 = 0x04;
    pub const LTK_REQUEST: u8 = 0x05;
    pub const REMOTE_CONNECTION_PARAMETER_REQUEST: u8 = 0x06;
    pub const DATA_LENGTH_CHANGE: u8 = 0x07;
    pub const ENHANCED_CONNECTION_COMPLETE: u8 = 0x0a;
    pub const DIRECTED_ADVERTISING_REPORT: u8 = 0x0b;
    pub const PHY_UPDATE_COMPLETE: u8 = 0x0c;
}

/// Error codes (Vol 1, Part F, 1.3).
#[allow(missing_docs)]
pub mod status {
    pub const SUCCESS: u8 = 0x00;
    pub const UNKNOWN_COMMAND: u8 = 0x01;
    pub const UNKNOWN_CONNECTION: u8 = 0x02;
    pub const HARDWARE_FAILURE: u8 = 0x03;
    pub const AUTHENTICATION_FAILURE: u8 = 0x05;
    pub const PIN_OR_KEY_MISSING: u8 = 0x06;
    pub const CONNECTION_TIMEOUT: u8 = 0x08;
    pub const COMMAND_DISALLOWED: u8 = 0x0c;
    pub const UNSUPPORTED_FEATURE: u8 = 0x11;
    pub const REMOTE_USER_TERMINATED: u8 = 0x13;
    pub const LOW_RESOURCES: u8 = 0x14;
    pub const LOCAL_HOST_TERMINATED: u8 = 0x16;
    pub const UNSUPPORTED_REMOTE_FEATURE: u8 = 0x1a;
    pub const UNACCEPTABLE_PARAMETERS: u8 = 0x3b;
}

/// A connection handle is 12 bits; the rest of its field are flags.
pub const HANDLE_MASK: u16 = 0x0fff;

/// Header of an ACL data packet (Vol 4, Part E, 5.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclHeader {
    /// Connection handle.
    pub handle: u16,
    /// Packet Boundary flag: this continues an L2CAP PDU.
    pub continuing: bool,
}

impl AclHeader {
    /// Parses a packet after its H4 type byte into header and data.
    pub fn parse(packet: &[u8]) -> Option<(Self, &[u8])> {
        let mut r = Reader(packet);
        let word = r.u16()?;
        let len = r.u16()? as usize;
        let data = r.rest();
        if data.len() != len {
            return None;
        }
        let header = AclHeader {
            handle: word & HANDLE_MASK,
            continuing: word >> 12 & 0b11 == 0b01,
        };
        Some((header, data))
    }

    /// The five bytes in front of `len` bytes of data, H4 type included.
    #[inline(never)]
    pub fn emit(&self, len: usize) -> [u8; 5] {
        let word = (self.handle & HANDLE_MASK) | if self.continuing { 1 << 12 } else { 0 };
        let ([a, b], [c, d]) = (word.to_le_bytes(), (len as u16).to_le_bytes());
        [ACL, a, b, c, d]
    }
}

/// LE Connection Complete and LE Enhanced Connection Complete
/// (Vol 4, Part E, 7.7.65.1 and 7.7.65.10), both as the parameters of the
/// latter after the subevent code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionComplete([u8; 29]);

impl ConnectionComplete {
    /// Parses the parameters after the subevent code. Without private
    /// addresses there are zeros in their place.
    pub fn parse(params: &[u8], enhanced: bool) -> Option<Self> {
        let mut bytes = [0; 29];
        if enhanced {
            bytes.copy_from_slice(params.get(..29)?);
        } else {
            let (first, last) = params.get(..17)?.split_at(11);
            bytes[..11].copy_from_slice(first);
            bytes[23..].copy_from_slice(last);
        }
        Some(ConnectionComplete(bytes))
    }

    /// HCI error code.
    pub fn status(&self) -> u8 {
        self.0[0]
    }

    /// Connection handle.
    pub fn handle(&self) -> u16 {
        self.u16_at(1) & HANDLE_MASK
    }

    /// Whether we are the central.
    pub fn is_central(&self) -> bool {
        self.0[3] == 0
    }

    /// The peer's address, or its identity if the controller resolved it.
    pub fn peer(&self) -> Address {
        Address::from_wire(self.0[4], *self.address_at(5))
    }

    /// Our resolvable private address if the controller made it, else zeros.
    pub fn local_rpa(&self) -> &[u8; 6] {
        self.address_at(11)
    }

    /// The peer's address on air if it was resolved, else zeros.
    pub fn peer_rpa(&self) -> &[u8; 6] {
        self.address_at(17)
    }

    /// Interval in 1.25 ms, latency in connection events, timeout in 10 ms.
    pub fn parameters(&self) -> [u16; 3] {
        [self.u16_at(23), self.u16_at(25), self.u16_at(27)]
    }

    #[inline(always)]
    fn u16_at(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    #[inline(always)]
    fn address_at(&self, at: usize) -> &[u8; 6] {
        self.0[at..].first_chunk().unwrap_or(&[0; 6])
    }
}

/// LE Connection Update Complete (Vol 4, Part E, 7.7.65.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ConnectionUpdateComplete {
    pub status: u8,
    pub handle: u16,
    /// As `ConnectionComplete::parameters`.
    pub parameters: [u16; 3],
}

impl ConnectionUpdateComplete {
    /// Parses the parameters after the subevent code.
    pub fn parse(params: &[u8]) -> Option<Self> {
        let mut r = Reader(params);
        r.holds(9)?;
        Some(ConnectionUpdateComplete {
            status: r.u8_or_0(),
            handle: r.u16_or_0() & HANDLE_MASK,
            parameters: core::array::from_fn(|_| r.u16_or_0()),
        })
    }
}

/// One report of LE Advertising Report (Vol 4, Part E, 7.7.65.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AdvertisingReport<'a> {
    pub adv_type: u8,
    pub peer: Address,
    pub data: &'a [u8],
    pub rssi: i8,
}

impl<'a> AdvertisingReport<'a> {
    /// Takes the next report from `reports`, the parameters after the count.
    ///
    /// Real controllers send each report's fields together, which is how all
    /// hosts read the event, though the specification draws arrays.
    ///
    /// A directed report (7.7.65.11) has the private address that was meant
    /// in place of data.
    pub fn take(reports: &mut Reader<'a>, directed: bool) -> Option<Self> {
        reports.holds(8)?;
        let adv_type = reports.u8_or_0();
        let kind = reports.u8_or_0();
        let peer = Address::from_wire(kind, reports.address_or_0());
        let data = if directed {
            reports.bytes(7)?;
            &[]
        } else {
            let len = reports.u8()? as usize;
            reports.bytes(len)?
        };
        Some(AdvertisingReport {
            adv_type,
            peer,
            data,
            rssi: reports.u8()? as i8,
        })
    }
}

/// Command Complete and Command Status, made alike
/// (Vol 4, Part E, 7.7.14 and 7.7.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandResult<'a> {
    /// Commands that the controller takes now.
    pub credits: u8,
    /// Zero for an event that only changes the credits.
    pub opcode: u16,
    /// Only a Command Status: a further event tells the outcome.
    pub pending: bool,
    /// HCI error code.
    pub status: u8,
    /// Return parameters after the status.
    pub returned: &'a [u8],
}

impl<'a> CommandResult<'a> {
    /// Parses an event's parameters.
    pub fn parse(code: u8, params: &'a [u8]) -> Option<Self> {
        let mut r = Reader(params);
        if code == event::COMMAND_STATUS {
            r.holds(4)?;
            let status = r.u8_or_0();
            let credits = r.u8_or_0();
            let opcode = r.u16_or_0();
            return Some(CommandResult {
                credits,
                opcode,
                pending: true,
                status,
                returned: &[],
            });
        }
        r.holds(3)?;
        let credits = r.u8_or_0();
        let opcode = r.u16_or_0();
        // Without a status there are no return parameters at all: a credit
        // update (opcode 0) or a vendor's command.
        let status = r.u8_or_0();
        Some(CommandResult {
            credits,
            opcode,
            pending: false,
            status,
            returned: r.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: [u8; 18] = [
        0, 0x41, 0, 1, 1, 1, 2, 3, 4, 5, 0xc6, 0x18, 0, 2, 0, 0x2a, 0, 5,
    ];

    #[test]
    fn acl_header_to_bytes_and_back() {
        let header = AclHeader {
            handle: 0xeff,
            continuing: true,
        };
        let mut packet = std::vec::Vec::from(header.emit(2));
        packet.extend([7, 8]);
        assert_eq!(packet, [ACL, 0xff, 0x1e, 2, 0, 7, 8]);
        assert_eq!(
            AclHeader::parse(&packet[1..]),
            Some((header, &[7u8, 8][..]))
        );
        for n in 1..packet.len() {
            assert_eq!(AclHeader::parse(&packet[1..n]), None);
        }
    }

    #[test]
    fn connection_complete_is_parsed_and_each_truncation_refused() {
        let c = ConnectionComplete::parse(&CONNECTION, false).unwrap();
        assert_eq!(
            (c.status(), c.handle(), c.is_central(), c.parameters()),
            (0, 0x41, false, [0x18, 2, 0x2a])
        );
        assert_eq!((c.local_rpa(), c.peer_rpa()), (&[0; 6], &[0; 6]));
        assert_eq!(c.peer(), Address::random([1, 2, 3, 4, 5, 0xc6]));
        for n in 0..17 {
            assert_eq!(ConnectionComplete::parse(&CONNECTION[..n], false), None);
        }
    }

    #[test]
    fn enhanced_connection_complete_carries_resolved_addresses() {
        let mut bytes = std::vec::Vec::from(&CONNECTION[..11]);
        bytes[4] = 3;
        bytes.extend([0; 6]);
        bytes.extend([9, 9, 9, 9, 9, 0x49]);
        bytes.extend(&CONNECTION[11..]);
        let c = ConnectionComplete::parse(&bytes, true).unwrap();
        assert_eq!(c.peer(), Address::random([1, 2, 3, 4, 5, 0xc6]));
        assert_eq!(
            (c.local_rpa(), c.peer_rpa()),
            (&[0; 6], &[9, 9, 9, 9, 9, 0x49])
        );
        assert_eq!(c.parameters(), [0x18, 2, 0x2a]);
        for n in 0..29 {
            assert_eq!(ConnectionComplete::parse(&bytes[..n], true), None);
        }
    }

    #[test]
    fn reports_are_taken_one_after_another() {
        let bytes = [
            0, 0, 1, 2, 3, 4, 5, 6, 2, 0xaa, 0xbb, 0xc0, 4, 1, 9, 9, 9, 9, 9, 9, 0, 0x81,
        ];
        let mut r = Reader(&bytes);
        let first = AdvertisingReport::take(&mut r, false).unwrap();
        assert_eq!((first.data, first.rssi), (&[0xaa, 0xbb][..], -64));
        let second = AdvertisingReport::take(&mut r, false).unwrap();
        assert_eq!(
            (second.adv_type, second.data, second.rssi),
            (4, &[][..], -127)
        );
        assert_eq!(AdvertisingReport::take(&mut r, false), None);
        for n in 0..12 {
            let cut = AdvertisingReport::take(&mut Reader(&bytes[..n]), false);
            assert_eq!(cut, None);
        }
    }

    #[test]
    fn directed_reports_have_a_target_and_no_data() {
        let bytes = [
            1, 0, 1, 2, 3, 4, 5, 6, 1, 7, 7, 7, 7, 7, 0x47, 0xc0, 1, 1, 9, 9, 9, 9, 9, 9, 1, 8, 8,
            8, 8, 8, 0x48, 0x81,
        ];
        let mut r = Reader(&bytes);
        let first = AdvertisingReport::take(&mut r, true).unwrap();
        assert_eq!((first.adv_type, first.data, first.rssi), (1, &[][..], -64));
        let second = AdvertisingReport::take(&mut r, true).unwrap();
        assert_eq!((second.peer, second.rssi), (Address::random([9; 6]), -127));
        assert!(r.rest().is_empty());
        for n in 0..16 {
            let cut = AdvertisingReport::take(&mut Reader(&bytes[..n]), true);
            assert_eq!(cut, None);
        }
    }

    #[test]
    fn command_complete_and_status_look_alike() {
        let complete = CommandResult::parse(event::COMMAND_COMPLETE, &[1, 3, 0x0c, 0, 7]).unwrap();
        assert_eq!(complete.opcode, opcode::RESET);
        assert_eq!((complete.pending, complete.returned), (false, &[7u8][..]));
        let status = CommandResult::parse(event::COMMAND_STATUS, &[0x0c, 2, 0x0d, 0x20]).unwrap();
        assert_eq!(
            (status.opcode, status.status, status.credits),
            (0x200d, 0x0c, 2)
        );
        for n in 0..3 {
            assert_eq!(
                CommandResult::parse(event::COMMAND_COMPLETE, &[1, 3, 0x0c][..n]),
                None
            );
        }
        for n in 0..4 {
            let bytes = [0x0c, 2, 0x0d, 0x20];
            assert_eq!(
                CommandResult::parse(event::COMMAND_STATUS, &bytes[..n]),
                None
            );
        }
    }
}
