//! Where counting begins and ends.
//!
//! On a PC callgrind looks for `measured`. On bare metal SysTick counts: with
//! qemu's `-icount` it goes by instructions.

/// Does what is to be counted.
#[cfg(not(target_os = "none"))]
#[inline(never)]
pub fn measured(work: &mut dyn FnMut()) {
    work();
}

#[cfg(target_os = "none")]
pub use systick::measured;

/// The 24 bit timer of every Cortex-M (Armv7-M Architecture, B3.3).
#[cfg(target_os = "none")]
pub mod systick {
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

    const CONTROL: *mut u32 = 0xe000_e010 as *mut u32;
    const RELOAD: *mut u32 = 0xe000_e014 as *mut u32;
    const CURRENT: *mut u32 = 0xe000_e018 as *mut u32;
    const RANGE: u32 = 0xff_ffff;

    static TICKS: AtomicU32 = AtomicU32::new(0);

    /// Lets the timer run by the processor clock.
    pub fn start() {
        // SAFETY: registers of the processor that nothing else uses here.
        unsafe {
            RELOAD.write_volatile(RANGE);
            CURRENT.write_volatile(0);
            CONTROL.write_volatile(5);
        }
    }

    /// Does what is to be counted.
    #[inline(never)]
    pub fn measured(work: &mut dyn FnMut()) {
        let start = now();
        work();
        let ticks = start.wrapping_sub(now()) & RANGE;
        // No read-modify-write: Armv6-M has none, and nothing interrupts.
        TICKS.store(TICKS.load(Relaxed).wrapping_add(ticks), Relaxed);
    }

    /// Ticks counted since the last call.
    pub fn take() -> u32 {
        let ticks = TICKS.load(Relaxed);
        TICKS.store(0, Relaxed);
        ticks
    }

    fn now() -> u32 {
        // SAFETY: as above; reading it has no effect.
        unsafe { CURRENT.read_volatile() }
    }
}
