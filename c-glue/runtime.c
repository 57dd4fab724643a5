// What the Rust runtime needs from the system.

#include "py/runtime.h"
#include "py/mphal.h"
#include "py/mperrno.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

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

// A bug in the host, which is off from here on. The jump leaves Rust's frames
// for good; ffi/src/panic.rs says why that is sound here, and only here.
void mp_rust_ble_panic(void) {
    mp_printf(MICROPY_ERROR_PRINTER, "Bluetooth host panicked\n");
    ble_abandon();
    mp_rust_ble_shut_down();
    mp_raise_OSError(MP_EIO);
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
