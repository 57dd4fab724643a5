//! Generic Access Profile (Vol 3, Part C): what is advertised, sought, and
//! connected to, and from which address. State and commands only; `host`
//! brings them to the controller.

use crate::addr::Address;
use crate::error::{Error, Result};
use crate::time::Instant;
use crate::wire::{copy, Writer};

/// Longest advertising or scan response data (Vol 6, Part B, 2.3).
pub const MAX_ADV_DATA: usize = 31;

/// Address modes of `BLE.config(addr_mode=)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AddressMode {
    /// The controller's public address, or a static random one without it.
    Public = 0,
    /// Random static.
    Static = 1,
    /// Resolvable private.
    Resolvable = 2,
    /// Non-resolvable private.
    NonResolvable = 3,
}

impl AddressMode {
    /// From MicroPython's number.
    pub fn from_number(mode: u8) -> Option<Self> {
        Some(match mode {
            0 => AddressMode::Public,
            1 => AddressMode::Static,
            2 => AddressMode::Resolvable,
            3 => AddressMode::NonResolvable,
            _ => return None,
        })
    }
}

/// Up to 31 bytes of advertising or scan response data, as the parameters of LE
/// Set Advertising Data and LE Set Scan Response Data (Vol 4, Part E, 7.8.7 and
/// 7.8.8): the length comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(4))]
pub struct AdvData(pub [u8; 1 + MAX_ADV_DATA]);

impl AdvData {
    /// No data.
    pub const EMPTY: AdvData = AdvData([0; 1 + MAX_ADV_DATA]);

    /// Whether there is room for `data`.
    pub fn check(data: Option<&[u8]>) -> Result<()> {
        match data {
            Some(data) if data.len() > MAX_ADV_DATA => Err(Error::Invalid),
            _ => Ok(()),
        }
    }

    /// Copies `data`; `None` changes nothing.
    #[inline(never)]
    pub fn set(&mut self, data: Option<&[u8]>) {
        if let Some(data) = data {
            *self = AdvData::EMPTY;
            self.0[0] = copy(&mut self.0[1..], data) as u8;
        }
    }
}

/// What we advertise.
#[derive(Clone, Copy, Debug)]
pub struct Advertising {
    /// The controller advertises.
    pub on: bool,
    /// It accepts connections.
    pub connectable: bool,
    /// In 0.625 ms.
    pub interval: u16,
    /// Advertising data.
    pub data: AdvData,
    /// Scan response data.
    pub response: AdvData,
}

impl Default for Advertising {
    fn default() -> Self {
        Self::new()
    }
}

impl Advertising {
    /// Not advertising.
    pub const fn new() -> Self {
        Advertising {
            on: false,
            connectable: false,
            interval: 0x100,
            data: AdvData::EMPTY,
            response: AdvData::EMPTY,
        }
    }

    /// Parameters of LE Set Advertising Parameters (Vol 4, Part E, 7.8.5).
    ///
    /// What takes no connection can still be scanned, even without a response,
    /// as scripts know it from MicroPython's other backends.
    pub fn emit(&self, own_address_type: u8, w: &mut Writer) {
        let kind = match self.connectable {
            true => 0x00,  // ADV_IND
            false => 0x02, // ADV_SCAN_IND
        };
        w.u16(self.interval).u16(self.interval);
        w.u8(kind).u8(own_address_type);
        w.bytes(&[0, 0, 0, 0, 0, 0, 0, 0x07, 0]);
    }
}

/// A scan that runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    /// The controller scans.
    pub on: bool,
    /// When it stops by itself.
    pub until: Option<Instant>,
    /// Scan requests are sent.
    pub active: bool,
    /// In 0.625 ms.
    pub interval: u16,
    /// In 0.625 ms.
    pub window: u16,
}

impl Scan {
    /// Not scanning.
    pub const fn new() -> Self {
        Scan {
            on: false,
            until: None,
            active: false,
            interval: 0,
            window: 0,
        }
    }

    /// Parameters of LE Set Scan Parameters (Vol 4, Part E, 7.8.10).
    pub fn emit(&self, own_address_type: u8, w: &mut Writer) {
        w.u8(self.active.into()).u16(self.interval);
        w.u16(self.window).u8(own_address_type).u8(0);
    }
}

/// A connection that is being established.
#[derive(Clone, Copy, Debug)]
pub struct Initiating {
    /// Whom the script asked for.
    pub peer: Address,
    /// When to give up; once cancelled, when to wait no longer for its end.
    pub until: Instant,
    /// LE Create Connection Cancel was sent.
    pub cancelled: bool,
    /// Least and greatest interval in 1.25 ms.
    pub intervals: (u16, u16),
}

impl Initiating {
    /// All of it zeros, for a static.
    pub(crate) const BLANK: Initiating = Initiating {
        peer: Address::public([0; 6]),
        until: Instant(0),
        cancelled: false,
        intervals: (0, 0),
    };

    /// Parameters of LE Create Connection (Vol 4, Part E, 7.8.12).
    pub fn emit(&self, peer: &[u8; 6], peer_type: u8, own_address_type: u8, w: &mut Writer) {
        let (min, max) = self.intervals;
        // Scan interval and window of 60 and 30 ms: the other roles go on.
        w.bytes(&[0x60, 0x00, 0x30, 0x00, 0]);
        w.u8(peer_type).bytes(peer).u8(own_address_type);
        w.u16(min).u16(max).u16(0);
        w.u16(supervision_timeout(max, 0)).bytes(&[0; 4]);
    }
}

/// A supervision timeout in 10 ms for an interval in 1.25 ms: at least 2.56 s
/// and six times what Vol 6, Part B, 4.5.2 demands.
fn supervision_timeout(interval: u16, latency: u16) -> u16 {
    let least = (1 + latency as u32) * interval as u32 / 4 * 6;
    least.clamp(256, 3200) as u16
}

/// Wanted connection parameters: shortest and longest interval in 1.25 ms,
/// connection events that the peripheral may skip, supervision timeout in 10 ms.
pub type ConnParams = [u16; 4];

/// Whether a controller takes these connection parameters
/// (Vol 4, Part E, 7.8.18).
pub fn valid_parameters(&[min, max, latency, timeout]: &ConnParams) -> bool {
    (6..=3200).contains(&min)
        && (min..=3200).contains(&max)
        && latency <= 499
        && (10..=3200).contains(&timeout)
        && timeout as u32 * 4 > (1 + latency as u32) * max as u32
}

/// Converts microseconds to units of that many, `None` unless there are
/// `least` to `most`.
#[inline(never)]
pub fn units(us: u32, unit_us: u32, least: u16, most: u16) -> Option<u16> {
    let units = us / unit_us;
    (units >= least as u32 && units <= most as u32).then_some(units as u16)
}

/// A slot, of which the intervals of advertising and scanning are made (Vol 4,
/// Part E, 7.8.5), in microseconds.
pub const SLOT_US: u32 = 625;

/// The unit of connection intervals in microseconds.
pub const INTERVAL_US: u32 = 1250;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advertising_type_follows_from_what_is_asked() {
        fn emitted(adv: &Advertising, own: u8) -> [u8; 15] {
            let mut params = [0xa5; 15];
            let mut w = Writer::new(&mut params);
            adv.emit(own, &mut w);
            assert_eq!(w.finish(), Some(15));
            params
        }
        let mut adv = Advertising::new();
        assert_eq!(emitted(&adv, 1)[4..6], [2, 1]);
        adv.response.set(Some(b"x"));
        assert_eq!(adv.response.0[..3], [1, b'x', 0]);
        assert_eq!(emitted(&adv, 0)[4], 2);
        adv.connectable = true;
        assert_eq!(emitted(&adv, 0)[4], 0);
    }

    #[test]
    fn more_than_31_bytes_of_data_are_refused() {
        assert_eq!(AdvData::check(None), Ok(()));
        assert_eq!(AdvData::check(Some(&[0; 31])), Ok(()));
        assert_eq!(AdvData::check(Some(&[0; 32])), Err(Error::Invalid));
    }

    #[test]
    fn intervals_out_of_range_are_refused() {
        assert_eq!(units(20_000, SLOT_US, 0x20, 0x4000), Some(0x20));
        assert_eq!(units(19_374, SLOT_US, 0x20, 0x4000), None);
        assert_eq!(units(10_240_000, SLOT_US, 0x20, 0x4000), Some(0x4000));
        assert_eq!(units(u32::MAX, SLOT_US, 0x20, 0x4000), None);
    }

    #[test]
    fn connection_parameters_are_judged_as_controllers_do() {
        assert!(valid_parameters(&[6, 3200, 0, 3200]));
        assert!(!valid_parameters(&[5, 3200, 0, 3200]));
        assert!(!valid_parameters(&[8, 7, 0, 3200]));
        assert!(!valid_parameters(&[6, 6, 500, 3200]));
        // The timeout must exceed twice the effective interval.
        assert!(!valid_parameters(&[400, 400, 0, 100]));
        assert!(valid_parameters(&[400, 400, 0, 101]));
    }

    #[test]
    fn every_interval_gets_a_timeout_that_controllers_take() {
        for interval in 6..=3200 {
            let timeout = supervision_timeout(interval, 0);
            assert!(valid_parameters(&[interval, interval, 0, timeout]));
        }
    }
}
