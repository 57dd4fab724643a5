//! Name, address, advertising, scanning, connecting, the script's HCI command.

use crate::ble_error_t;
use crate::singleton::{command, insist, wait, Hold};
use crate::slice::{address, bytes, optional, optional_mut};
use ble_core::gap::AddressMode;
use ble_core::gatt::db::set_name;

/// The device name: sets `*name`, valid until it is set again, and gives its
/// length.
///
/// # Safety
/// `name` points to room for a pointer.
#[no_mangle]
pub unsafe extern "C" fn ble_name(name: *mut *const u8) -> usize {
    let Some(mut hold) = wait() else {
        return 0;
    };
    let stored = hold.name();
    // SAFETY: the caller promises room.
    unsafe { name.write(stored.as_ptr()) };
    stored.len()
}

/// Sets the device name.
///
/// # Safety
/// `name` points to `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_set_name(name: *const u8, len: usize) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let name = unsafe { bytes(name, len) };
    match wait() {
        Some(mut hold) => set_name(hold.name(), name).into(),
        None => ble_error_t::BLE_BUSY,
    }
}

/// Our address, most significant byte first, and its type.
///
/// # Safety
/// `addr` points to room for six bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_address(addr: *mut u8) -> u8 {
    let ours = insist(Default::default(), |host| host.address());
    // SAFETY: the caller promises room.
    if let Some(out) = unsafe { optional_mut(addr, 6) } {
        out.copy_from_slice(&ours.bytes);
        out.reverse();
    }
    ours.kind as u8
}

/// MicroPython's `addr_mode`; while active an operation.
#[no_mangle]
pub extern "C" fn ble_set_address_mode(mode: u8) -> ble_error_t {
    let mode = match mode {
        0 => AddressMode::Public,
        1 => AddressMode::Static,
        2 => AddressMode::Resolvable,
        3 => AddressMode::NonResolvable,
        _ => return ble_error_t::BLE_INVALID,
    };
    let Some(mut hold) = Hold::take() else {
        return ble_error_t::BLE_BUSY;
    };
    match hold.host() {
        Some(host) => host.set_address_mode(host.now(), mode).into(),
        None => {
            hold.settings().mode = mode;
            ble_error_t::BLE_OK
        }
    }
}

/// Starts advertising: an operation. A null pointer keeps earlier data.
///
/// # Safety
/// `data` and `response` are null or point to as many bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_advertise(
    connectable: bool,
    interval_us: u32,
    data: *const u8,
    data_len: usize,
    response: *const u8,
    response_len: usize,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let (data, response) = unsafe { (optional(data, data_len), optional(response, response_len)) };
    command(|host| host.advertise(host.now(), connectable, interval_us, data, response))
}

/// Stops advertising: an operation.
#[no_mangle]
pub extern "C" fn ble_stop_advertising() -> ble_error_t {
    command(|host| host.stop_advertising(host.now()))
}

/// Starts scanning: an operation. Zero is without end.
#[no_mangle]
pub extern "C" fn ble_start_scan(
    duration_ms: u32,
    interval_us: u32,
    window_us: u32,
    active: bool,
) -> ble_error_t {
    command(|host| host.start_scan(host.now(), duration_ms, interval_us, window_us, active))
}

/// Stops scanning: an operation.
#[no_mangle]
pub extern "C" fn ble_stop_scan() -> ble_error_t {
    command(|host| host.stop_scan(host.now()))
}

/// Starts to connect: an operation. Zero intervals leave the choice to us.
///
/// # Safety
/// `addr` points to six bytes, most significant first.
#[no_mangle]
pub unsafe extern "C" fn ble_connect(
    addr_type: u8,
    addr: *const u8,
    duration_ms: u32,
    min_interval_us: u32,
    max_interval_us: u32,
) -> ble_error_t {
    // SAFETY: the caller promises six bytes.
    let peer = unsafe { address(addr_type, addr) };
    command(|host| {
        host.connect(
            host.now(),
            peer,
            duration_ms,
            min_interval_us,
            max_interval_us,
        )
    })
}

/// Gives up connecting: an operation.
#[no_mangle]
pub extern "C" fn ble_cancel_connect() -> ble_error_t {
    command(|host| host.cancel_connect(host.now()))
}

/// Ends a link.
#[no_mangle]
pub extern "C" fn ble_disconnect(conn: u16) -> ble_error_t {
    command(|host| host.disconnect(host.now(), conn))
}

/// Whether there is such a link.
#[no_mangle]
pub extern "C" fn ble_is_connected(conn: u16) -> bool {
    insist(false, |host| host.is_connected(conn))
}

/// Sends a command of the script's own: an operation, after which
/// `ble_take_reply` must be called, whatever came of it.
///
/// # Safety
/// `params` points to as many bytes; `reply` to as many that nothing else
/// touches until `ble_take_reply`.
#[no_mangle]
pub unsafe extern "C" fn ble_hci_command(
    opcode: u16,
    params: *const u8,
    params_len: usize,
    reply: *mut u8,
    reply_len: usize,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let params = unsafe { bytes(params, params_len) };
    // SAFETY: the caller leaves these alone until it takes the reply.
    let reply = unsafe { optional_mut(reply, reply_len) }.unwrap_or(&mut []);
    command(|host| host.hci_command(host.now(), opcode, params, reply))
}

/// Ends the use of `ble_hci_command`'s memory and gives the HCI status.
#[no_mangle]
pub extern "C" fn ble_take_reply() -> u8 {
    insist(0, |host| host.take_reply().0)
}
