//! The one host, and the flag that says that somebody uses it.
//!
//! A call from a second thread, or from an interrupt, finds it busy. The
//! critical section only flips the flag: the host works with interrupts on.

use crate::ble_error_t;
use ble_core::config::MAX_NAME_LEN;
use ble_core::host::Host;
use ble_core::Instant;
use core::cell::UnsafeCell;

struct Singleton {
    busy: UnsafeCell<bool>,
    /// `host` was prepared: it starts as zeros, which take no flash, and are
    /// not made on the stack.
    prepared: UnsafeCell<bool>,
    host: UnsafeCell<Host>,
}

// SAFETY: `busy` is only accessed in a critical section, the rest only by who
// has set `busy`.
unsafe impl Sync for Singleton {}

/// A constant, so that writing it is a memset and takes no stack.
#[allow(clippy::declare_interior_mutable_const)]
const BLANK: Host = Host::blank();

static SINGLETON: Singleton = Singleton {
    busy: UnsafeCell::new(false),
    prepared: UnsafeCell::new(false),
    host: UnsafeCell::new(BLANK),
};

struct CriticalSection;
critical_section::set_impl!(CriticalSection);

extern "C" {
    fn mp_rust_ble_critical_enter() -> u32;
    fn mp_rust_ble_critical_exit(state: u32);
}

// SAFETY: the glue maps these to MicroPython's atomic section, which nests and
// excludes interrupts and other threads.
unsafe impl critical_section::Impl for CriticalSection {
    unsafe fn acquire() -> critical_section::RawRestoreState {
        // SAFETY: takes nothing, and is always paired with the exit.
        unsafe { mp_rust_ble_critical_enter() }
    }

    unsafe fn release(state: critical_section::RawRestoreState) {
        // SAFETY: `state` is what the matching enter gave.
        unsafe { mp_rust_ble_critical_exit(state) }
    }
}

fn swap_busy(busy: bool) -> bool {
    critical_section::with(|_| {
        // SAFETY: in a critical section.
        unsafe { core::mem::replace(&mut *SINGLETON.busy.get(), busy) }
    })
}

/// The right to use the host, until dropped.
pub(crate) struct Hold(());

impl Hold {
    /// `None` while somebody else has it.
    #[inline(never)]
    pub(crate) fn take() -> Option<Hold> {
        if swap_busy(true) {
            return None;
        }
        // SAFETY: whoever has set `busy` is alone.
        unsafe {
            let prepared = &mut *SINGLETON.prepared.get();
            if !core::mem::replace(prepared, true) {
                (*SINGLETON.host.get()).prepare();
            }
        }
        Some(Hold(()))
    }

    /// The host.
    pub(crate) fn host(&mut self) -> &mut Host {
        // SAFETY: there is one `Hold` at a time, and it is borrowed.
        unsafe { &mut *SINGLETON.host.get() }
    }
}

/// Makes the host anew, after a panic left whoever held it for good.
pub(crate) fn abandon() {
    // SAFETY: the holder does not go on, and nobody else could take it.
    let old = unsafe { &mut *SINGLETON.host.get() };
    let security = old.security_config();
    let options = old.options();
    let mtu = old.preferred_mtu();
    let mode = old.address_mode();
    let mut name = [0; MAX_NAME_LEN];
    let stored = old.database().name();
    let len = stored.len();
    name[..len].copy_from_slice(stored);
    // SAFETY: as above.
    unsafe {
        SINGLETON.host.get().write(BLANK);
        *SINGLETON.prepared.get() = false;
    }
    swap_busy(false);
    let _ = command(|host| {
        host.set_security_config(security);
        host.set_options(options);
        host.set_preferred_mtu(mtu)?;
        host.set_address_mode(Instant(0), mode)?;
        host.database().set_name(&name[..len])
    });
}

impl Drop for Hold {
    #[inline(never)]
    fn drop(&mut self) {
        swap_busy(false);
    }
}

/// Runs a command.
pub(crate) fn command(f: impl FnOnce(&mut Host) -> ble_core::Result<()>) -> ble_error_t {
    match Hold::take() {
        Some(mut hold) => {
            let result = f(hold.host());
            outcome(hold, result)
        }
        None => ble_error_t::BLE_BUSY,
    }
}

/// Ends a command.
#[inline(never)]
fn outcome(_: Hold, result: ble_core::Result<()>) -> ble_error_t {
    result.into()
}

/// Runs a command with a value; `default` while busy.
pub(crate) fn query<T>(default: T, f: impl FnOnce(&mut Host) -> T) -> T {
    match Hold::take() {
        Some(mut hold) => f(hold.host()),
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_host_is_zeros() {
        static BLANK: Singleton = Singleton {
            busy: UnsafeCell::new(false),
            prepared: UnsafeCell::new(false),
            host: UnsafeCell::new(Host::blank()),
        };
        let start = BLANK.host.get().cast::<u8>();
        // SAFETY: the bytes of a static, which nobody else knows.
        let bytes = unsafe { core::slice::from_raw_parts(start, size_of::<Host>()) };
        assert!(bytes.iter().all(|&byte| byte == 0));
    }
}
