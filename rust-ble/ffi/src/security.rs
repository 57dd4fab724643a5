//! Pairing, bonds, and the script's store of secrets.

use crate::ble_error_t;
use crate::singleton::{command, insist, query};
use crate::slice::{address, optional};
use ble_core::Token;

/// Pairs, or encrypts with the stored key.
#[no_mangle]
pub extern "C" fn ble_pair(conn: u16) -> ble_error_t {
    command(|host| host.pair(host.now(), conn))
}

/// Asks for the script's secrets as long as it has kept none, if bonds are
/// configured or `always`. True if it is asked.
#[no_mangle]
pub extern "C" fn ble_ask_for_secrets(always: bool) -> bool {
    query(false, |host| host.ask_for_secrets(always))
}

/// Forgets a bond, or all if `addr` is null.
///
/// # Safety
/// `addr` is null or points to six bytes, most significant first.
#[no_mangle]
pub unsafe extern "C" fn ble_unpair(addr_type: u8, addr: *const u8) -> ble_error_t {
    // SAFETY: the caller promises six bytes.
    let peer = (!addr.is_null()).then(|| unsafe { address(addr_type, addr) });
    command(|host| host.unpair(host.now(), peer))
}

/// What the user did for `_IRQ_PASSKEY_ACTION`.
#[no_mangle]
pub extern "C" fn ble_passkey(conn: u16, action: u8, passkey: u32) -> ble_error_t {
    command(|host| host.passkey(host.now(), conn, action, passkey))
}

/// Answers `_IRQ_GET_SECRET`; null for nothing found.
///
/// # Safety
/// `value` is null or points to `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_answer_secret(token: u16, value: *const u8, len: usize) {
    // SAFETY: the caller promises these bytes.
    let value = unsafe { optional(value, len) };
    insist((), |host| host.answer_secret(Token(token), value));
}

/// Answers `_IRQ_SET_SECRET`.
#[no_mangle]
pub extern "C" fn ble_answer_stored(token: u16, stored: bool) {
    insist((), |host| host.answer_stored(Token(token), stored));
}
