//! `ble-bench-metal`: the operations on a Cortex-M or RISC-V without an operating
//! system, counted by the processor; prints through semihosting.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("ble-bench-metal runs without an operating system only");
    std::process::exit(2);
}

#[cfg(target_os = "none")]
mod board {
    use ble_bench::meter;
    use ble_bench::ops::{Bench, Op, OPS, SDU};
    use ble_core::host::Host;
    use core::arch::{asm, global_asm};
    use core::fmt::{self, Write};
    use core::ptr::addr_of_mut;

    // The vector table: stack, reset; every fault ends the program.
    #[cfg(target_arch = "arm")]
    global_asm!(
        ".section .vectors, \"a\"",
        ".global vectors",
        "vectors:",
        ".word STACK",
        ".word reset",
        ".rept 14",
        ".word fault",
        ".endr",
    );

    // The first instructions, and where every fault goes.
    #[cfg(target_arch = "riscv32")]
    global_asm!(
        ".section .vectors, \"ax\"",
        "la sp, STACK",
        "la t0, trap",
        "csrw mtvec, t0",
        "j reset",
        ".balign 4",
        "trap:",
        "j fault",
    );

    static mut HOST: Host = Host::blank();
    static mut DATABASE: [u8; 8192] = [0; 8192];
    static mut CHANNEL: [u8; 8192] = [0; 8192];

    /// Two instructions each.
    const CALIBRATION: u32 = 1_000_000;

    #[no_mangle]
    extern "C" fn reset() -> ! {
        meter::start();
        meter::measured(&mut || {
            #[cfg(target_arch = "arm")]
            // SAFETY: a loop on a register of its own.
            unsafe {
                asm!("2: subs {0}, #1", "bne 2b", inout(reg) CALIBRATION => _)
            }
            #[cfg(target_arch = "riscv32")]
            // SAFETY: as above.
            unsafe {
                asm!("2: addi {0}, {0}, -1", "bnez {0}, 2b", inout(reg) CALIBRATION => _)
            }
        });
        let ticks = meter::take();
        // SAFETY: this function runs once, and nothing else uses these.
        let (host, database, channel) = unsafe {
            (
                &mut *addr_of_mut!(HOST),
                &mut *addr_of_mut!(DATABASE),
                &mut *addr_of_mut!(CHANNEL),
            )
        };
        for (what, bytes) in ble_bench::memory::rows() {
            let _ = writeln!(Semihosting, "memory {bytes} {what}");
        }
        debug_assert!(channel.len() >= ble_core::l2cap::memory_needed(SDU));
        let mut bench = Bench::new(host, database, channel, 20, 1);
        for (op, name) in OPS {
            let times = match op {
                Op::Pairing | Op::KeyPairMade | Op::DhKey | Op::DhKeyEnd => 3,
                _ => 300,
            };
            // Once to leave out what only the first time costs.
            let mut ended = bench.run(op);
            meter::take();
            for _ in 0..times {
                ended &= bench.run(op);
            }
            let instructions =
                u64::from(meter::take()) * u64::from(2 * CALIBRATION) / u64::from(ticks * times);
            let fault = if ended { "op" } else { "failed" };
            let _ = writeln!(Semihosting, "{fault} {instructions} {name}");
        }
        exit()
    }

    #[no_mangle]
    extern "C" fn fault() -> ! {
        let _ = writeln!(Semihosting, "failed 0 fault");
        exit()
    }

    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo) -> ! {
        let _ = writeln!(Semihosting, "failed 0 {info}");
        exit()
    }

    /// Text for qemu's semihosting console.
    struct Semihosting;

    impl Write for Semihosting {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for &byte in text.as_bytes() {
                // SYS_WRITEC
                semihost(3, &raw const byte as usize);
            }
            Ok(())
        }
    }

    fn exit() -> ! {
        loop {
            // SYS_EXIT, ADP_Stopped_ApplicationExit
            semihost(0x18, 0x20026);
        }
    }

    fn semihost(operation: usize, parameter: usize) {
        #[cfg(target_arch = "arm")]
        // SAFETY: the debugger reads one byte, or ends the program.
        unsafe {
            asm!("bkpt #0xab", inout("r0") operation => _, in("r1") parameter);
        }
        // The debugger knows these three, and their size.
        #[cfg(target_arch = "riscv32")]
        // SAFETY: as above.
        unsafe {
            asm!(
                ".option push",
                ".option norvc",
                ".balign 16",
                "slli x0, x0, 0x1f",
                "ebreak",
                "srai x0, x0, 7",
                ".option pop",
                inout("a0") operation => _, in("a1") parameter
            );
        }
    }
}
