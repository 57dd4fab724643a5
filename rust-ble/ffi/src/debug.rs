//! What tests of the unix port look at; absent from firmware.

use crate::singleton::query;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

static PANIC_AT_EVENT: AtomicBool = AtomicBool::new(false);

/// PDUs to send, kept values, and links: zeros when nothing goes on.
///
/// # Safety
/// `counts` points to room for three numbers.
#[no_mangle]
pub unsafe extern "C" fn ble_in_use(counts: *mut usize) {
    let in_use = query([usize::MAX; 3], |host| host.in_use());
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
