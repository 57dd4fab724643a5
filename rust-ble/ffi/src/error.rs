//! The host's errors as numbers; the glue maps each to an errno.

use ble_core::{Error, Result};

/// Outcome of a command.
#[allow(non_camel_case_types, missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ble_error_t {
    BLE_OK,
    BLE_INVALID,
    BLE_NOT_FOUND,
    BLE_NO_MEMORY,
    /// Lend at least `ble_memory_needed()` bytes and repeat.
    BLE_NEED_MEMORY,
    BLE_BUSY,
    BLE_ALREADY,
    BLE_NOT_CONNECTED,
    BLE_INACTIVE,
    BLE_TIMED_OUT,
    BLE_CONTROLLER,
    BLE_NOT_SUPPORTED,
    BLE_SECURITY,
}

impl From<Error> for ble_error_t {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid => ble_error_t::BLE_INVALID,
            Error::NotFound => ble_error_t::BLE_NOT_FOUND,
            Error::NoMemory => ble_error_t::BLE_NO_MEMORY,
            Error::NeedMemory => ble_error_t::BLE_NEED_MEMORY,
            Error::Busy => ble_error_t::BLE_BUSY,
            Error::Already => ble_error_t::BLE_ALREADY,
            Error::NotConnected => ble_error_t::BLE_NOT_CONNECTED,
            Error::Inactive => ble_error_t::BLE_INACTIVE,
            Error::TimedOut => ble_error_t::BLE_TIMED_OUT,
            Error::Controller(_) => ble_error_t::BLE_CONTROLLER,
            Error::NotSupported => ble_error_t::BLE_NOT_SUPPORTED,
            Error::Security => ble_error_t::BLE_SECURITY,
        }
    }
}

impl From<Result<()>> for ble_error_t {
    fn from(result: Result<()>) -> Self {
        match result {
            Ok(()) => ble_error_t::BLE_OK,
            Err(error) => error.into(),
        }
    }
}
