// What the Rust runtime needs from the system.

#include <string.h>

#include "py/runtime.h"
#include "py/cstack.h"
#include "py/mphal.h"
#include "py/mperrno.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

// Prototypes for Rust, which has its own declarations.
uint32_t mp_rust_ble_critical_enter(void);
void mp_rust_ble_critical_exit(uint32_t state);
__attribute__((noreturn)) void mp_rust_ble_panic(void);

// One copy, since it is long and inline on rp2.
uint32_t mp_rust_ble_now(void) {
    return (uint32_t)mp_hal_ticks_ms();
}

// Guards the flag that says that the host is in use.
uint32_t mp_rust_ble_critical_enter(void) {
    return (uint32_t)MICROPY_BEGIN_ATOMIC_SECTION();
}

void mp_rust_ble_critical_exit(uint32_t state) {
    MICROPY_END_ATOMIC_SECTION(state);
}

bool mp_rust_ble_has_stack(size_t bytes) {
    #if MICROPY_STACK_CHECK
    size_t limit = MP_STATE_THREAD(stack_limit);
    #if LIB_PICO_PLATFORM && MICROPY_PY_THREAD
    if (!mp_thread_is_main_thread()) {
        limit += 512; // What mp_thread_create() keeps back.
    }
    #endif
    // Numbers are those of 32 bits.
    return mp_cstack_usage() + bytes * (sizeof(void *) / 4) < limit;
    #else
    return true;
    #endif
}

// Commands come from any depth of the script's recursion, on the small stack of any thread,
// and would write below its end.
void mp_rust_ble_check_stack(void) {
    if (!mp_rust_ble_has_stack(MP_RUST_BLE_COMMAND_STACK)) {
        mp_raise_recursion_depth();
    }
}

static volatile uint8_t begun;

bool mp_rust_ble_begin(mp_rust_ble_task_t task, uint32_t limit_ms) {
    uint32_t start = mp_rust_ble_now();
    for (;;) {
        uint32_t state = mp_rust_ble_critical_enter();
        bool is_free = !(begun & task);
        begun |= task;
        mp_rust_ble_critical_exit(state);
        if (is_free || mp_rust_ble_now() - start >= limit_ms) {
            return is_free;
        }
        mp_hal_delay_us(500);
    }
}

void mp_rust_ble_end(uint8_t tasks) {
    uint32_t state = mp_rust_ble_critical_enter();
    begun &= ~tasks;
    mp_rust_ble_critical_exit(state);
}

// What the compiler of Rust's half calls for copying and clearing, by the
// firmware's own functions: Rust's versions are not linked, see rust.py. The
// numbers are alignments, which these need not know.
#if defined(__ARM_EABI__) && !defined(__unix__)
#define ALIAS(name) __attribute__((weak, alias(#name)))

void __aeabi_memcpy(void *dest, const void *src, size_t len);
void __aeabi_memcpy4(void *dest, const void *src, size_t len) ALIAS(__aeabi_memcpy);
void __aeabi_memcpy8(void *dest, const void *src, size_t len) ALIAS(__aeabi_memcpy);
void __aeabi_memmove(void *dest, const void *src, size_t len);
void __aeabi_memmove4(void *dest, const void *src, size_t len) ALIAS(__aeabi_memmove);
void __aeabi_memmove8(void *dest, const void *src, size_t len) ALIAS(__aeabi_memmove);
void __aeabi_memset(void *dest, size_t len, int value);
void __aeabi_memset4(void *dest, size_t len, int value) ALIAS(__aeabi_memset);
void __aeabi_memset8(void *dest, size_t len, int value) ALIAS(__aeabi_memset);
void __aeabi_memclr(void *dest, size_t len);
void __aeabi_memclr4(void *dest, size_t len) ALIAS(__aeabi_memclr);
void __aeabi_memclr8(void *dest, size_t len) ALIAS(__aeabi_memclr);

MP_WEAK void __aeabi_memcpy(void *dest, const void *src, size_t len) {
    memcpy(dest, src, len);
}

MP_WEAK void __aeabi_memmove(void *dest, const void *src, size_t len) {
    memmove(dest, src, len);
}

MP_WEAK void __aeabi_memset(void *dest, size_t len, int value) {
    memset(dest, value, len);
}

MP_WEAK void __aeabi_memclr(void *dest, size_t len) {
    memset(dest, 0, len);
}
#endif

void mp_rust_ble_forget_threads(void) {
    ble_abandon();
    mp_rust_ble_end(MP_RUST_BLE_MOVING | MP_RUST_BLE_SWITCHING);
    mp_rust_ble_shut_down();
}

// A bug in the host, which is off from here on. The jump leaves Rust's frames
// for good; ffi/src/panic.rs says why that is sound here, and only here.
void mp_rust_ble_panic(void) {
    mp_printf(MICROPY_ERROR_PRINTER, "Bluetooth host panicked\n");
    mp_rust_ble_forget_threads();
    mp_raise_OSError(MP_EIO);
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
