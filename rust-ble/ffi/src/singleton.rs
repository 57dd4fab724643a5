//! The one host, and the flag that says that somebody uses it.
//!
//! The host lies in memory that is lent while Bluetooth is on; only what the
//! script configured is always there.
//!
//! A command from a second thread, or from an interrupt, finds it busy; what the
//! glue tells waits its turn. The
//! critical section only flips the flag: the host works with interrupts on.

use crate::ble_error_t;
use ble_core::gatt::db::Name;
use ble_core::host::{Host, Settings};
use ble_core::Instant;
use core::cell::UnsafeCell;

struct Singleton {
    busy: UnsafeCell<bool>,
    /// `settings` has its defaults: it starts as zeros, which take no flash.
    prepared: UnsafeCell<bool>,
    /// In lent memory; null while there is none.
    host: UnsafeCell<*mut Host>,
    /// What there is without a host.
    settings: UnsafeCell<Settings>,
    name: UnsafeCell<Name>,
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
    host: UnsafeCell::new(core::ptr::null_mut()),
    settings: UnsafeCell::new(Settings::blank()),
    name: UnsafeCell::new(Name::new()),
};

struct CriticalSection;
critical_section::set_impl!(CriticalSection);

extern "C" {
    fn mp_rust_ble_critical_enter() -> u32;
    fn mp_rust_ble_critical_exit(state: u32);
    fn mp_rust_ble_now() -> u32;
    fn mp_rust_ble_check_stack();
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
                *SINGLETON.settings.get() = Settings::DEFAULT;
            }
        }
        Some(Hold(()))
    }

    /// The host, if there is memory for one, which is told what time it is.
    pub(crate) fn host(&mut self) -> Option<&mut Host> {
        // SAFETY: there is one `Hold` at a time, and it is borrowed.
        unsafe { host_at_now() }
    }

    /// What the script configured.
    #[inline(never)]
    pub(crate) fn settings(&mut self) -> &mut Settings {
        // SAFETY: there is one `Hold` at a time, and it is borrowed.
        unsafe {
            match (*SINGLETON.host.get()).as_mut() {
                Some(host) => host.settings(),
                None => &mut *SINGLETON.settings.get(),
            }
        }
    }

    /// The device name.
    #[inline(never)]
    pub(crate) fn name(&mut self) -> &mut Name {
        // SAFETY: as for the settings.
        unsafe {
            match (*SINGLETON.host.get()).as_mut() {
                Some(host) => host.database().name_mut(),
                None => &mut *SINGLETON.name.get(),
            }
        }
    }
}

/// The host, if there is memory for one, which is told what time it is: once
/// here, and not by each call from C.
///
/// # Safety
/// Only for who has set `busy`, as long as that is so.
#[inline(never)]
unsafe fn host_at_now() -> Option<&'static mut Host> {
    // SAFETY: the caller is alone; a pointer that is not null is to a host in
    // lent memory. The clock may be read at any time.
    unsafe {
        let host = (*SINGLETON.host.get()).as_mut()?;
        host.set_now(Instant(mp_rust_ble_now()));
        Some(host)
    }
}

/// Makes a host in lent memory.
///
/// # Safety
/// `memory` points to room for one that nothing else touches until it is
/// taken back by `take` or `abandon`.
pub(crate) unsafe fn lend(memory: *mut Host) -> bool {
    let Some(mut hold) = Hold::take() else {
        return false;
    };
    if hold.host().is_some() {
        return false;
    }
    // SAFETY: the memory is ours, and so is what there is without a host.
    unsafe {
        memory.write(BLANK);
        let host = &mut *memory;
        host.prepare();
        exchange(host);
        *SINGLETON.host.get() = memory;
    }
    true
}

/// Ends the use of the lent memory; false while somebody uses it.
pub(crate) fn take() -> bool {
    let Some(mut hold) = wait() else {
        return false;
    };
    if let Some(host) = hold.host() {
        // SAFETY: we hold all of it.
        unsafe {
            exchange(host);
            *SINGLETON.host.get() = core::ptr::null_mut();
        }
    }
    true
}

/// Moves what outlives the host into it or out of it.
///
/// # Safety
/// Only for who has set `busy`.
unsafe fn exchange(host: &mut Host) {
    // SAFETY: the caller is alone.
    unsafe {
        core::ptr::swap(host.settings(), SINGLETON.settings.get());
        core::ptr::swap(host.database().name_mut(), SINGLETON.name.get());
    }
}

/// Forgets the host, after a panic left whoever held it for good.
pub(crate) fn abandon() {
    // SAFETY: the holder does not go on, and nobody else could take it.
    unsafe {
        if let Some(host) = (*SINGLETON.host.get()).as_mut() {
            *host.settings() = host.settings().configuration();
            exchange(host);
            *SINGLETON.host.get() = core::ptr::null_mut();
        }
    }
    swap_busy(false);
}

impl Drop for Hold {
    #[inline(never)]
    fn drop(&mut self) {
        swap_busy(false);
    }
}

/// The host in use, until dropped.
pub(crate) struct Held(&'static mut Host);

impl Held {
    /// `None` while somebody else has it, or there is none; `refusal` tells.
    #[inline(never)]
    pub(crate) fn take() -> Option<Held> {
        Held::of(Hold::take()?)
    }

    /// As `take`, but waits while another thread has it. Not for interrupts.
    #[inline(never)]
    fn wait() -> Option<Held> {
        Held::of(wait()?)
    }

    /// As `take`, once there is enough stack for a command. The glue raises an
    /// exception otherwise, which leaves the frames of the command for good:
    /// there is no `Hold` yet, and nothing else has a destructor.
    #[inline(never)]
    fn enter() -> Option<Held> {
        // SAFETY: takes nothing.
        unsafe { mp_rust_ble_check_stack() };
        Held::take()
    }

    fn of(hold: Hold) -> Option<Held> {
        // SAFETY: there is one `Hold` at a time, and this one is kept until
        // `Held` is dropped.
        let host = unsafe { host_at_now() }?;
        core::mem::forget(hold);
        Some(Held(host))
    }

    /// The host.
    pub(crate) fn host(&mut self) -> &mut Host {
        self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(Hold(()));
    }
}

/// Why there is no host to use.
#[inline(never)]
fn refusal() -> ble_error_t {
    // Whoever had it may have left meanwhile.
    match Hold::take().is_some_and(|mut hold| hold.host().is_none()) {
        true => ble_error_t::BLE_INACTIVE,
        false => ble_error_t::BLE_BUSY,
    }
}

/// Runs a command.
pub(crate) fn command(f: impl FnOnce(&mut Host) -> ble_core::Result<()>) -> ble_error_t {
    let result = Held::enter().map(|mut held| {
        let result = f(held.host());
        core::mem::forget(held);
        result
    });
    outcome(result)
}

/// Ends a command that held the host, or was refused. One call at the end of
/// each command is smaller than the two.
#[inline(never)]
fn outcome(result: Option<ble_core::Result<()>>) -> ble_error_t {
    match result {
        Some(result) => {
            drop(Hold(()));
            result.into()
        }
        None => refusal(),
    }
}

/// Runs a command with a value; `default` while busy or without a host.
pub(crate) fn query<T>(default: T, f: impl FnOnce(&mut Host) -> T) -> T {
    match Held::take() {
        Some(mut held) => f(held.host()),
        None => default,
    }
}

/// How often `wait` tries, which takes longer than anybody stays inside.
const TRIES: u32 = 10_000_000;

/// Waits while another thread has the host. Not for interrupts.
#[inline(never)]
pub(crate) fn wait() -> Option<Hold> {
    (0..TRIES).find_map(|_| Hold::take())
}

/// Tells the host what it must not miss, even if another thread has it now.
pub(crate) fn insist<T>(default: T, f: impl FnOnce(&mut Host) -> T) -> T {
    match Held::wait() {
        Some(mut held) => f(held.host()),
        None => default,
    }
}

/// Changes what the script configured.
pub(crate) fn configure(f: impl FnOnce(&mut Settings) -> ble_core::Result<()>) -> ble_error_t {
    match wait() {
        Some(mut hold) => {
            let result = f(hold.settings());
            core::mem::forget(hold);
            outcome(Some(result))
        }
        None => ble_error_t::BLE_BUSY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    static CRITICAL: AtomicBool = AtomicBool::new(false);

    #[no_mangle]
    extern "C" fn mp_rust_ble_critical_enter() -> u32 {
        while CRITICAL.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        0
    }

    #[no_mangle]
    extern "C" fn mp_rust_ble_critical_exit(_: u32) {
        CRITICAL.store(false, Ordering::Release);
    }

    #[no_mangle]
    extern "C" fn mp_rust_ble_now() -> u32 {
        0
    }

    #[no_mangle]
    extern "C" fn mp_rust_ble_check_stack() {}

    /// A reply that is not taken stays lent; and what the script configured is not
    /// something else because another thread is inside.
    #[test]
    fn who_cannot_be_told_that_it_is_busy_waits() {
        use crate::options::{ble_option, ble_option_t::*, ble_set_option};
        let calls: [fn() -> u8; 6] = [
            || crate::gap::ble_take_reply(),
            // SAFETY: null is no place to write to.
            || unsafe { crate::gap::ble_address(core::ptr::null_mut()) },
            || crate::gap::ble_is_connected(0) as u8,
            // SAFETY: room for a pointer.
            || unsafe { crate::gap::ble_name(&mut core::ptr::null()) as u8 },
            || ble_option(BLE_OPTION_PHY_2M) as u8,
            || ble_set_option(BLE_OPTION_BOND, 0) as u8,
        ];
        for call in calls {
            let inside = Hold::take().unwrap();
            let waiting = std::thread::spawn(call);
            std::thread::sleep(Duration::from_millis(20));
            assert!(!waiting.is_finished());
            drop(inside);
            waiting.join().unwrap();
        }
    }

    /// What is not zeros takes flash.
    #[test]
    #[cfg_attr(miri, ignore = "looks at padding, as the linker does")]
    fn blanks_are_zeros() {
        struct Blanks((Host, Settings));
        // SAFETY: only looked at by this thread.
        unsafe impl Sync for Blanks {}
        static BLANKS: Blanks = Blanks((Host::blank(), Settings::blank()));
        let start = (&raw const BLANKS.0).cast::<u8>();
        // SAFETY: the bytes of a static.
        let bytes = unsafe { core::slice::from_raw_parts(start, size_of::<Blanks>()) };
        assert!(bytes.iter().all(|&byte| byte == 0));
    }
}
