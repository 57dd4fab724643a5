// Calls that wait for the controller. Only bytes and time move meanwhile; no
// event reaches Python, so such a call is safe inside an IRQ handler too.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

// The host gives up earlier; this bounds the wait whatever happens.
#define LIMIT_MS (4000)
#define LONGEST_SLEEP_MS (100)

static uint32_t sleep_time(uint32_t left) {
    uint32_t deadline;
    if (ble_poll_timeout(&deadline)) {
        int32_t ms = (int32_t)(deadline - mp_rust_ble_now());
        left = MIN(left, (uint32_t)MAX(ms, 0));
    }
    return MIN(left, LONGEST_SLEEP_MS);
}

int mp_rust_ble_wait(ble_error_t begun) {
    if (begun != BLE_OK) {
        return mp_rust_ble_errno(begun);
    }
    uint32_t start = mp_rust_ble_now();
    int err = MP_ETIMEDOUT;
    for (;;) {
        int fed = mp_rust_ble_turn();
        ble_error_t result;
        if (ble_poll_operation(&result)) {
            err = mp_rust_ble_errno(result);
            break;
        }
        uint32_t elapsed = mp_rust_ble_now() - start;
        if (fed < 0) {
            err = MP_EIO;
            break;
        }
        if (elapsed >= LIMIT_MS) {
            break;
        }
        if (fed == 0) {
            mp_rust_ble_hci_wait(sleep_time(LIMIT_MS - elapsed));
        }
    }
    mp_rust_ble_flush();
    mp_rust_ble_hci_pump_soon();
    return err;
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
