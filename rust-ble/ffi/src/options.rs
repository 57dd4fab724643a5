//! What `BLE.config` sets.

use crate::ble_error_t;
use crate::singleton::{configure, wait};
use ble_core::config::RX_BYTES;
use ble_core::smp::{IoCapability, SecurityConfig};
use ble_core::Error;

/// Names an option.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy)]
#[repr(C)]
pub enum ble_option_t {
    /// Whether PDUs of up to 251 bytes are negotiated.
    BLE_OPTION_DATA_LENGTH,
    /// Whether links move to the 2M PHY.
    BLE_OPTION_PHY_2M,
    /// Seconds after which a private address is replaced, 1 to 41,400.
    BLE_OPTION_RPA_TIMEOUT,
    /// Least length of an encryption key in bytes, 7 to 16.
    BLE_OPTION_MIN_KEY_SIZE,
    /// Advertising reports dropped so far; cannot be set.
    BLE_OPTION_REPORTS_DROPPED,
    /// Bytes that wait for the script, as the build has it: setting is without effect.
    BLE_OPTION_RX_BUFFER,
    /// ATT_MTU that we offer.
    BLE_OPTION_MTU,
    /// Whether pairing bonds; as all that follows, cannot be read.
    BLE_OPTION_BOND,
    /// Whether pairing protects against MITM, where it can.
    BLE_OPTION_MITM,
    /// Whether only LE Secure Connections will do.
    BLE_OPTION_SECURE_ONLY,
    /// Input and output capability as in a Pairing Request, 0 to 4.
    BLE_OPTION_IO,
}

use ble_option_t::*;

/// Longest life of a private address in seconds (Vol 4, Part E, 7.8.45).
const MAX_RPA_TIMEOUT: u32 = 0xa1b8;

/// The value of an option.
#[no_mangle]
pub extern "C" fn ble_option(option: ble_option_t) -> u32 {
    let Some(mut hold) = wait() else {
        return 0;
    };
    let settings = hold.settings();
    match option {
        BLE_OPTION_DATA_LENGTH => settings.options.data_length as u32,
        BLE_OPTION_PHY_2M => settings.options.phy_2m as u32,
        BLE_OPTION_RPA_TIMEOUT => settings.options.rpa_timeout_ms / 1000,
        BLE_OPTION_MIN_KEY_SIZE => settings.security.min_key_size as u32,
        BLE_OPTION_REPORTS_DROPPED => settings.dropped_reports,
        BLE_OPTION_RX_BUFFER => RX_BYTES as u32,
        BLE_OPTION_MTU => settings.preferred_mtu() as u32,
        _ => 0,
    }
}

/// Sets an option; `EINVAL` out of range.
#[no_mangle]
pub extern "C" fn ble_set_option(option: ble_option_t, value: u32) -> ble_error_t {
    configure(|settings| {
        let (options, security) = (&mut settings.options, &mut settings.security);
        match option {
            BLE_OPTION_DATA_LENGTH => options.data_length = value != 0,
            BLE_OPTION_PHY_2M => options.phy_2m = value != 0,
            BLE_OPTION_RPA_TIMEOUT if (1..=MAX_RPA_TIMEOUT).contains(&value) => {
                options.rpa_timeout_ms = value * 1000;
            }
            BLE_OPTION_MIN_KEY_SIZE if (7..=16).contains(&value) => {
                security.min_key_size = value as u8;
            }
            BLE_OPTION_RX_BUFFER if (16..=0xffff).contains(&value) => {}
            BLE_OPTION_MTU => settings.set_preferred_mtu(value as u16)?,
            BLE_OPTION_BOND => security.bond = value != 0,
            BLE_OPTION_MITM => security.mitm = value != 0,
            BLE_OPTION_SECURE_ONLY => security.secure_only = value != 0,
            BLE_OPTION_IO => {
                security.io = IoCapability::from_wire(value as u8).ok_or(Error::Invalid)?;
            }
            _ => return Err(Error::Invalid),
        }
        settle(&mut settings.security);
        Ok(())
    })
}

/// A user who can see or type digits makes protection against MITM possible, so
/// that "secure only" may insist on it.
fn settle(config: &mut SecurityConfig) {
    config.mitm_required =
        config.secure_only && config.mitm && config.io != IoCapability::NoInputNoOutput;
}
