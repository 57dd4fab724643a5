// When the pump runs on a microcontroller: mpbthciport.c of the port has a scheduler node
// and a soft timer for it; an interrupt of the transport or the timer schedules the node.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "py/mphal.h"
#include "extmod/modbluetooth.h"
#include "mpbthciport.h"
#include "../hci.h"
#include "transport.h"

static bool is_open;

// Called by the port on its scheduler node.
void mp_bluetooth_hci_poll(void) {
    if (is_open) {
        mp_rust_ble_pump();
    }
}

int mp_rust_ble_hci_open(void) {
    int err = mp_rust_ble_transport_open();
    is_open = err == 0;
    return err;
}

void mp_rust_ble_hci_close(void) {
    if (is_open) {
        is_open = false;
        mp_rust_ble_transport_close();
    }
}

void mp_rust_ble_hci_pump_soon(void) {
    mp_bluetooth_hci_poll_now();
}

void mp_rust_ble_hci_arm(bool want_rx, bool has_deadline, uint32_t deadline_ms) {
    const uint8_t *data;
    if (want_rx && mp_rust_ble_hci_peek(&data) != 0) {
        mp_bluetooth_hci_poll_now();
    } else if (has_deadline) {
        // Replaces the earlier deadline. One that is not replaced costs an idle run.
        int32_t ms = deadline_ms - mp_rust_ble_now();
        mp_bluetooth_hci_poll_in_ms(MAX(ms, 0));
    }
}

void mp_rust_ble_hci_wait(uint32_t ms) {
    if (ms > 0) {
        #if LIB_PICO_PLATFORM
        if (get_core_num() != 0) {
            ms = 1; // The interrupts of the transport are the main core's.
        }
        #endif
        #ifdef MICROPY_INTERNAL_WFE
        MICROPY_INTERNAL_WFE(ms);
        #else
        __WFI(); // The tick of the port ends it.
        #endif
    }
}

// The port's source of true random numbers, 32 bits at a time.
void mp_rust_ble_random(uint8_t *buf, size_t len) {
    for (size_t i = 0; i < len;) {
        uint32_t word = MICROPY_PY_RANDOM_SEED_INIT_FUNC;
        for (size_t n = 0; n < 4 && i < len; ++n, word >>= 8) {
            buf[i++] = word;
        }
    }
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
