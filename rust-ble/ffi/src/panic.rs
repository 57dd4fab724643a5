//! A bug in the host: Bluetooth goes inactive, the script gets an error, the
//! interpreter lives.
//!
//! The panic handler must not return. The glue leaves the host's frames for
//! good, as every exception of MicroPython leaves the frames of C: by a jump
//! to the innermost handler. What makes this sound:
//!
//! - Nothing unwinds, and of the frames that are left only `Hold` has a
//!   destructor; `ble_abandon` does its work.
//! - The host is never looked at again, except for values of the script's
//!   configuration that are whole at every moment: the next use makes a new one.
//! - Memory that C lent is not returned but forgotten: the glue drops the root
//!   that keeps it, and nobody has a slice of it any more.

use crate::singleton;

#[cfg(not(any(test, feature = "std")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    extern "C" {
        fn mp_rust_ble_panic() -> !;
    }
    // SAFETY: the glue provides it; it takes nothing and does not return.
    unsafe { mp_rust_ble_panic() }
}

/// After a panic, by the glue alone: gives up the host as it stands, for a new
/// one with the script's configuration, which is off.
#[no_mangle]
pub extern "C" fn ble_abandon() {
    singleton::abandon();
}
