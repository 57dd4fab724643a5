// What the Rust runtime needs from the system.

#include "py/runtime.h"
#include "py/mphal.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

// Prototypes for Rust, which has its own declarations.
uint32_t mp_rust_ble_critical_enter(void);
void mp_rust_ble_critical_exit(uint32_t state);
__attribute__((noreturn)) void mp_rust_ble_panic(void);

// Guards the flag that says that the host is in use.
uint32_t mp_rust_ble_critical_enter(void) {
    return (uint32_t)MICROPY_BEGIN_ATOMIC_SECTION();
}

void mp_rust_ble_critical_exit(uint32_t state) {
    MICROPY_END_ATOMIC_SECTION(state);
}

// A bug in the host. Raising an exception would leave through Rust frames.
void mp_rust_ble_panic(void) {
    mp_printf(MICROPY_ERROR_PRINTER, "Bluetooth host panicked\n");
    for (;;) {
        #ifdef __linux__
        __builtin_trap();
        #endif
    }
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
