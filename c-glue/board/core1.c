// The second core of an RP2xxx, on which MicroPython runs the second thread. A soft reset ends
// it by resetting the core, whatever it does at that moment.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST && MICROPY_PY_THREAD

#include "py/mphal.h"
#include "py/mpthread.h"
#include "hardware/sync.h"
#include "pendsv.h"
#include "../glue.h"

void __real_mp_thread_deinit(void);
void __wrap_mp_thread_deinit(void);
void __real_multicore_reset_core1(void);
void __wrap_multicore_reset_core1(void);

// The linker gives us the port's call. What the second core would never give back is held
// here meanwhile: the right to move bytes, and with it the UART's locks; the lock of the soft
// timers, which each command takes; the atomic section. The heap's lock, which the port
// takes, comes before those that are taken with it held.
void __wrap_mp_thread_deinit(void) {
    mp_rust_ble_begin(MP_RUST_BLE_MOVING, MP_RUST_BLE_MOVING_MS);
    mp_thread_recursive_mutex_lock(&MP_STATE_MEM(gc_mutex), 1);
    pendsv_suspend();
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    __real_mp_thread_deinit();
    MICROPY_END_ATOMIC_SECTION(state);
    pendsv_resume();
    mp_thread_recursive_mutex_unlock(&MP_STATE_MEM(gc_mutex));
    mp_rust_ble_forget_threads();
}

// Nor would it give back a spin lock. Each is held for a few instructions, so we get all; those
// that a script may claim need not be of this kind.
void __wrap_multicore_reset_core1(void) {
    uint32_t state = save_and_disable_interrupts();
    for (uint i = 0; i < PICO_SPINLOCK_ID_CLAIM_FREE_FIRST; ++i) {
        spin_lock_unsafe_blocking(spin_lock_instance(i));
    }
    __real_multicore_reset_core1();
    for (uint i = 0; i < PICO_SPINLOCK_ID_CLAIM_FREE_FIRST; ++i) {
        spin_unlock_unsafe(spin_lock_instance(i));
    }
    restore_interrupts(state);
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST && MICROPY_PY_THREAD
