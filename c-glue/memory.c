// Memory from MicroPython's heap, lent to the host. It stays reachable through
// one root pointer for as long as the host may touch it.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

#define FIRST_DATABASE_BYTES (512)

bool mp_rust_ble_memory_begin(void) {
    size_t len = sizeof(mp_rust_ble_memory_t) + ble_max_channels() * sizeof(uint8_t *);
    mp_rust_ble_memory_t *memory = m_malloc_maybe(len);
    if (memory == NULL) {
        return false;
    }
    memset(memory, 0, len);
    MP_STATE_PORT(rust_ble_memory) = memory;
    memory->host = m_new_maybe(uint8_t, ble_host_bytes());
    return memory->host != NULL && ble_lend_host(memory->host) && mp_rust_ble_grow_database(FIRST_DATABASE_BYTES);
}

void mp_rust_ble_memory_end(void) {
    // While another thread is inside the host it stays where it is.
    if (ble_take_memory()) {
        MP_STATE_PORT(rust_ble_memory) = NULL;
    }
}

// Lends the attribute database at least this much; half as much again, so that
// services added one by one do not copy it each time.
bool mp_rust_ble_grow_database(size_t needed) {
    size_t len = needed + needed / 2;
    uint8_t *memory = m_new_maybe(uint8_t, len);
    if (memory == NULL) {
        len = needed;
        memory = m_new_maybe(uint8_t, len);
    }
    if (memory == NULL) {
        return false;
    }
    mp_rust_ble_memory_t *all = mp_rust_ble_memory();
    if (all == NULL) {
        return false; // Another thread has switched Bluetooth off.
    }
    ble_lend_database(memory, len);
    // The old memory is garbage now.
    all->database = memory;
    return true;
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
