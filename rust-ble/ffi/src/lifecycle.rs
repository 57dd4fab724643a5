//! On and off, bytes in and out, time, events, operations.

use crate::event::copy_payload;
use crate::singleton::{self, command, insist, query, Held, Hold};
use crate::slice::{bytes, optional_mut};
use crate::{ble_error_t, BLE_EVENT_BYTES};
use ble_core::event::Record;
use ble_core::host::{Host, State};
use ble_core::wire::copy;
use ble_core::{Error, Instant, Token};

/// Most L2CAP channels at a time.
#[no_mangle]
pub extern "C" fn ble_max_channels() -> usize {
    ble_core::config::MAX_CHANNELS
}

/// One H4 packet to send: these three parts one after another. The pointers
/// are valid until the next call of any function.
#[allow(non_camel_case_types, missing_docs)]
#[repr(C)]
pub struct ble_transmit_t {
    pub header: [u8; 11],
    pub header_len: u8,
    pub head_len: u16,
    pub tail_len: u16,
    pub head: *const u8,
    pub tail: *const u8,
}

/// Bytes that the host needs.
#[no_mangle]
pub extern "C" fn ble_host_bytes() -> usize {
    size_of::<Host>()
}

/// Lends memory for the host, which is off then; false if it has some already.
/// Without memory every command gives `BLE_INACTIVE`.
///
/// # Safety
/// `memory` points to `ble_host_bytes()` bytes, aligned for any type, that
/// nothing else touches until `ble_take_memory` gives true.
#[no_mangle]
pub unsafe extern "C" fn ble_lend_host(memory: *mut u8) -> bool {
    // SAFETY: the caller promises this memory.
    unsafe { singleton::lend(memory.cast()) }
}

/// Ends the use of all memory that was lent, by the host and otherwise; for
/// when the host is off. What the script configured stays. False, with nothing
/// done, while another thread uses the host.
#[no_mangle]
pub extern "C" fn ble_take_memory() -> bool {
    singleton::take()
}

/// Switches the host on: an operation.
///
/// # Safety
/// `seed` points to 32 bytes of the best entropy there is.
#[no_mangle]
pub unsafe extern "C" fn ble_start(seed: *const u8) -> ble_error_t {
    let mut entropy = [0; 32];
    // SAFETY: the caller promises 32 bytes.
    copy(&mut entropy, unsafe { bytes(seed, 32) });
    command(|host| {
        host.seed(&entropy);
        host.start(host.now(), host.options())
    })
}

/// Ends all links and resets the controller: an operation.
#[no_mangle]
pub extern "C" fn ble_stop() -> ble_error_t {
    insist(ble_error_t::BLE_INACTIVE, |host| {
        host.stop(host.now()).into()
    })
}

/// Off at once, without the controller, which may be gone. Configuration of
/// the script stays.
#[no_mangle]
pub extern "C" fn ble_switch_off() {
    insist((), |host| host.switch_off());
}

/// Whether commands are taken.
#[no_mangle]
pub extern "C" fn ble_is_active() -> bool {
    match Hold::take() {
        Some(mut hold) => hold.host().is_some_and(|host| host.is_active()),
        None => true,
    }
}

/// The controller is gone: links end, each with its event.
#[no_mangle]
pub extern "C" fn ble_transport_lost() {
    insist((), |host| host.transport_lost(host.now()));
}

/// Takes bytes of the H4 stream and returns how many.
///
/// # Safety
/// `data` points to `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ble_receive(data: *const u8, len: usize) -> usize {
    // SAFETY: the caller promises these bytes.
    let data = unsafe { bytes(data, len) };
    query(0, |host| host.receive(host.now(), data))
}

/// The next packet to send; false when there is none. To be followed by
/// `ble_transmitted` once it is out, before anything else.
///
/// # Safety
/// `packet` points to room for one.
#[no_mangle]
pub unsafe extern "C" fn ble_poll_transmit(packet: *mut ble_transmit_t) -> bool {
    let Some(mut held) = Held::take() else {
        return false;
    };
    let host = held.host();
    let Some(transmit) = host.poll_transmit(host.now()) else {
        return false;
    };
    // SAFETY: the caller promises room.
    let out = unsafe {
        packet.write(ble_transmit_t {
            header: [0; 11],
            header_len: 0,
            head_len: transmit.head.len() as u16,
            tail_len: transmit.tail.len() as u16,
            head: transmit.head.as_ptr(),
            tail: transmit.tail.as_ptr(),
        });
        &mut *packet
    };
    out.header_len = copy(&mut out.header, transmit.header()) as u8;
    true
}

/// The packet that `ble_poll_transmit` gave is out.
#[no_mangle]
pub extern "C" fn ble_transmitted() {
    insist((), |host| host.transmitted(host.now()));
}

/// When `ble_handle_timeout` is due; false for never.
///
/// # Safety
/// `at` points to room for the time.
#[no_mangle]
pub unsafe extern "C" fn ble_poll_timeout(at: *mut u32) -> bool {
    match insist(None, |host| host.poll_timeout()) {
        Some(Instant(deadline)) => {
            // SAFETY: the caller promises room.
            unsafe { at.write(deadline) };
            true
        }
        None => false,
    }
}

/// Ends what has waited too long.
#[no_mangle]
pub extern "C" fn ble_handle_timeout() {
    query((), |host| host.handle_timeout(host.now()));
}

/// The next event for the script; false when there is none for now. `deep`:
/// there is stack for the cryptography of a pairing, some 3 kB; it is put off
/// otherwise.
///
/// # Safety
/// `event` points to room for one, `payload` to `BLE_EVENT_BYTES`.
#[no_mangle]
pub unsafe extern "C" fn ble_poll_event(event: *mut Record, payload: *mut u8, deep: bool) -> bool {
    // SAFETY: the caller promises this room.
    let Some(out) = (unsafe { optional_mut(payload, BLE_EVENT_BYTES) }) else {
        return false;
    };
    let Some(mut held) = Held::take() else {
        return false;
    };
    #[cfg(feature = "debug")]
    crate::debug::at_event();
    let host = held.host();
    if !deep {
        host.put_off_step();
    }
    let Some(mut record) = host.poll_record(host.now()) else {
        return false;
    };
    let (key, data) = host.payload(&record);
    copy_payload(&mut record, out, key, data);
    // SAFETY: the caller promises room.
    unsafe { event.write(record) };
    true
}

/// The result of the operation that runs; false while it does.
///
/// # Safety
/// `result` points to room for it.
#[no_mangle]
pub unsafe extern "C" fn ble_poll_operation(result: *mut ble_error_t) -> bool {
    let Some(mut hold) = Hold::take() else {
        return false;
    };
    let polled = match hold.host() {
        Some(host) => host.poll_operation(),
        None => Some(Err(Error::Inactive)),
    };
    match polled {
        Some(outcome) => {
            // SAFETY: the caller promises room.
            unsafe { result.write(outcome.into()) };
            true
        }
        None => false,
    }
}

/// Answers a query whose handler failed: nothing found, stored or accepted;
/// a read is allowed.
#[no_mangle]
pub extern "C" fn ble_answer_none(token: u16) {
    insist((), |host| {
        let token = Token(token);
        host.answer_read(token, 0);
        host.answer_secret(token, None);
        host.answer_stored(token, false);
        let _ = host.answer_accept(token, None);
    });
}

/// Whether the host is on but its controller is gone.
#[no_mangle]
pub extern "C" fn ble_has_failed() -> bool {
    query(false, |host| host.state() == State::Failed)
}
