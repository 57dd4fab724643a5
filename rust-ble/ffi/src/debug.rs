//! What tests of the unix port look at; absent from firmware.

use crate::singleton::{query, Hold};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

static PANIC_AT_EVENT: AtomicBool = AtomicBool::new(false);

/// PDUs to send, kept values, and links: zeros when nothing goes on.
///
/// # Safety
/// `counts` points to room for three numbers.
#[no_mangle]
pub unsafe extern "C" fn ble_in_use(counts: *mut usize) {
    let in_use = match Hold::take() {
        Some(mut hold) => hold.host().map_or([0; 3], |host| host.in_use()),
        None => [usize::MAX; 3],
    };
    // SAFETY: the caller promises room.
    unsafe { counts.cast::<[usize; 3]>().write(in_use) };
}

/// Panics while the host is in use.
#[no_mangle]
pub extern "C" fn ble_force_panic() {
    query((), |_| panic!());
}

/// Panics when the host is asked for the next event.
#[no_mangle]
pub extern "C" fn ble_force_panic_soon() {
    PANIC_AT_EVENT.store(true, Relaxed);
}

pub(crate) fn at_event() {
    if PANIC_AT_EVENT.swap(false, Relaxed) {
        panic!();
    }
}
