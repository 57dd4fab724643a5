//! The attribute database, updates to clients, and the GATT client.

use crate::ble_error_t;
use crate::singleton::{command, insist};
use crate::slice::{bytes, optional, optional_mut};
use ble_core::{Error, Result, Uuid};

/// Bytes that the last `BLE_NEED_MEMORY` asked for.
#[no_mangle]
pub extern "C" fn ble_memory_needed() -> usize {
    insist(0, |host| host.database().needed())
}

/// Lends memory for the attribute database; what is stored moves there, and
/// what was lent before is free.
///
/// # Safety
/// `memory` points to `len` bytes that nothing else touches until other
/// memory is lent or `ble_take_memory` is called.
#[no_mangle]
pub unsafe extern "C" fn ble_lend_database(memory: *mut u8, len: usize) {
    // SAFETY: the caller promises this memory.
    if let Some(memory) = unsafe { optional_mut(memory, len) } {
        insist((), |host| {
            host.database().lend(memory);
        });
    }
}

/// Starts registering services.
#[no_mangle]
pub extern "C" fn ble_services_begin(append: bool) -> ble_error_t {
    command(|host| {
        if !host.is_active() {
            return Err(Error::Inactive);
        }
        host.database().begin(append);
        Ok(())
    })
}

/// Ends registering services.
#[no_mangle]
pub extern "C" fn ble_services_end() -> ble_error_t {
    command(|host| {
        host.database().end();
        Ok(())
    })
}

/// A UUID by reference, for a value would be moved in pieces.
fn valid(uuid: &Option<Uuid>) -> Result<&Uuid> {
    uuid.as_ref().ok_or(Error::Invalid)
}

/// What `ble_add` adds.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy)]
#[repr(C)]
pub enum ble_attribute_t {
    /// A service.
    BLE_SERVICE,
    /// A characteristic of the last service; its handle is that of the value.
    BLE_CHARACTERISTIC,
    /// A descriptor of the last characteristic.
    BLE_DESCRIPTOR,
}

/// Adds to the services; `flags` are for what is no service.
///
/// # Safety
/// `uuid` points to as many bytes, least significant first, `handle` to room
/// for the handle.
#[no_mangle]
pub unsafe extern "C" fn ble_add(
    what: ble_attribute_t,
    uuid: *const u8,
    uuid_len: usize,
    flags: u16,
    handle: *mut u16,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let uuid = Uuid::from_bytes(unsafe { bytes(uuid, uuid_len) });
    command(|host| {
        let (uuid, database) = (valid(&uuid)?, host.database());
        let added = match what {
            ble_attribute_t::BLE_SERVICE => database.add_service(uuid),
            ble_attribute_t::BLE_CHARACTERISTIC => database.add_characteristic(uuid, flags),
            ble_attribute_t::BLE_DESCRIPTOR => database.add_descriptor(uuid, flags),
        };
        // SAFETY: the caller promises room.
        unsafe { handle.write(added?) };
        Ok(())
    })
}

/// The stored value of a handle, valid until the next call; a value in append
/// mode is empty from now on.
///
/// # Safety
/// `value` and `len` point to room for them.
#[no_mangle]
pub unsafe extern "C" fn ble_read(
    handle: u16,
    value: *mut *const u8,
    len: *mut usize,
) -> ble_error_t {
    command(|host| {
        let stored = host.database().read_out(handle).ok_or(Error::NotFound)?;
        // SAFETY: the caller promises room.
        unsafe {
            value.write(stored.as_ptr());
            len.write(stored.len());
        }
        Ok(())
    })
}

/// Stores a value; with `update` tells the clients that subscribed to it.
///
/// # Safety
/// `value` points to `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_write(
    handle: u16,
    value: *const u8,
    len: usize,
    update: bool,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let value = unsafe { bytes(value, len) };
    command(|host| host.gatts_write(host.now(), handle, value, update))
}

/// Sets the capacity of a value, and whether clients append to it.
#[no_mangle]
pub extern "C" fn ble_set_buffer(handle: u16, len: usize, append: bool) -> ble_error_t {
    command(|host| host.database().set_buffer(handle, len, append))
}

/// Notifies or indicates `value`, or what is stored if it is null.
///
/// # Safety
/// `value` is null or points to `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_notify(
    conn: u16,
    handle: u16,
    indicate: bool,
    value: *const u8,
    len: usize,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let value = unsafe { optional(value, len) };
    command(|host| match indicate {
        false => host.notify(host.now(), conn, handle, value),
        true => host.indicate(host.now(), conn, handle, value),
    })
}

/// Answers a read request: zero, or an ATT error code.
#[no_mangle]
pub extern "C" fn ble_answer_read(token: u16, code: u8) {
    insist((), |host| host.answer_read(ble_core::Token(token), code));
}

/// Discovers primary services, all if `uuid` is null.
///
/// # Safety
/// `uuid` is null or points to as many bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_discover_services(
    conn: u16,
    uuid: *const u8,
    uuid_len: usize,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let uuid = unsafe { optional(uuid, uuid_len) };
    command(|host| {
        let sought = uuid.and_then(Uuid::from_bytes);
        if uuid.is_some() {
            valid(&sought)?;
        }
        host.discover_services(host.now(), conn, sought)
    })
}

/// Discovers characteristics, all if `uuid` is null.
///
/// # Safety
/// `uuid` is null or points to as many bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_discover_characteristics(
    conn: u16,
    start: u16,
    end: u16,
    uuid: *const u8,
    uuid_len: usize,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let uuid = unsafe { optional(uuid, uuid_len) };
    command(|host| {
        let sought = uuid.and_then(Uuid::from_bytes);
        if uuid.is_some() {
            valid(&sought)?;
        }
        host.discover_characteristics(host.now(), conn, start, end, sought)
    })
}

/// Discovers descriptors.
#[no_mangle]
pub extern "C" fn ble_discover_descriptors(conn: u16, start: u16, end: u16) -> ble_error_t {
    command(|host| host.discover_descriptors(host.now(), conn, start, end))
}

/// Reads a value from the peer.
#[no_mangle]
pub extern "C" fn ble_client_read(conn: u16, handle: u16) -> ble_error_t {
    command(|host| host.gattc_read(host.now(), conn, handle))
}

/// Writes a value to the peer; see `Host::gattc_write` for the mode.
///
/// # Safety
/// `value` points to `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_client_write(
    conn: u16,
    handle: u16,
    value: *const u8,
    len: usize,
    mode: u32,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let value = unsafe { bytes(value, len) };
    command(|host| host.gattc_write(host.now(), conn, handle, value, mode))
}

/// Exchanges the MTU.
#[no_mangle]
pub extern "C" fn ble_exchange_mtu(conn: u16) -> ble_error_t {
    command(|host| host.exchange_mtu(host.now(), conn))
}
