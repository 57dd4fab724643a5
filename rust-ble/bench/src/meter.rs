//! Where counting begins and ends.
//!
//! On a PC callgrind looks for `measured`. On bare metal a counter of the processor
//! counts: with qemu's `-icount` all of them go by instructions.

/// Does what is to be counted.
#[cfg(not(target_os = "none"))]
#[inline(never)]
pub fn measured(work: &mut dyn FnMut()) {
    work();
}

#[cfg(target_os = "none")]
pub use metal::{measured, start, take};

#[cfg(target_os = "none")]
mod metal {
    use super::counter::{now, RANGE};
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

    pub use super::counter::start;

    static TICKS: AtomicU32 = AtomicU32::new(0);

    /// Does what is to be counted.
    #[inline(never)]
    pub fn measured(work: &mut dyn FnMut()) {
        let start = now();
        work();
        let ticks = now().wrapping_sub(start) & RANGE;
        // No read-modify-write: Armv6-M has none, and nothing interrupts.
        TICKS.store(TICKS.load(Relaxed).wrapping_add(ticks), Relaxed);
    }

    /// Ticks counted since the last call.
    pub fn take() -> u32 {
        let ticks = TICKS.load(Relaxed);
        TICKS.store(0, Relaxed);
        ticks
    }
}

/// SysTick, the 24 bit timer of every Cortex-M (Armv7-M Architecture, B3.3).
#[cfg(all(target_os = "none", target_arch = "arm"))]
mod counter {
    const CONTROL: *mut u32 = 0xe000_e010 as *mut u32;
    const RELOAD: *mut u32 = 0xe000_e014 as *mut u32;
    const CURRENT: *mut u32 = 0xe000_e018 as *mut u32;
    pub const RANGE: u32 = 0xff_ffff;

    /// Lets the timer run by the processor clock.
    pub fn start() {
        // SAFETY: registers of the processor that nothing else uses here.
        unsafe {
            RELOAD.write_volatile(RANGE);
            CURRENT.write_volatile(0);
            CONTROL.write_volatile(5);
        }
    }

    pub fn now() -> u32 {
        // SAFETY: as above; reading it has no effect. It counts down.
        unsafe { RANGE - CURRENT.read_volatile() }
    }
}

/// The counter of instructions (RISC-V Privileged Architecture, 3.1.10).
#[cfg(all(target_os = "none", target_arch = "riscv32"))]
mod counter {
    pub const RANGE: u32 = u32::MAX;

    /// It runs from the start.
    pub fn start() {}

    pub fn now() -> u32 {
        let instructions;
        // SAFETY: reading it has no effect.
        unsafe { core::arch::asm!("csrr {0}, minstret", out(reg) instructions) }
        instructions
    }
}
