// HCI in H4 on the second UART, for the host's glue (hci.h).

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/runtime/softtimer.h"

#if MICROPY_PY_BLUETOOTH

#include "extmod/rust_ble/c-glue/hci.h"
#include "board.h"

static bool is_open;
static volatile bool want_rx;
static mp_sched_node_t pump_node;
static soft_timer_entry_t deadline_timer;

static void pump(mp_sched_node_t *node) {
    (void)node;
    if (is_open) {
        mp_rust_ble_pump();
    }
}

void mp_rust_ble_hci_pump_soon(void) {
    mp_sched_schedule_node(&pump_node, pump);
}

// In the UART's interrupt.
void board_hci_received(void) {
    if (want_rx) {
        mp_rust_ble_hci_pump_soon();
    }
}

// At the priority of PendSV.
static void deadline_passed(soft_timer_entry_t *entry) {
    (void)entry;
    mp_rust_ble_hci_pump_soon();
}

int mp_rust_ble_hci_open(void) {
    soft_timer_static_init(&deadline_timer, SOFT_TIMER_MODE_ONE_SHOT, 0, deadline_passed);
    board_hci_enable(true);
    want_rx = true;
    is_open = true;
    return 0;
}

void mp_rust_ble_hci_close(void) {
    if (is_open) {
        is_open = false;
        want_rx = false;
        soft_timer_remove(&deadline_timer);
        board_hci_enable(false);
    }
}

int mp_rust_ble_hci_peek(const uint8_t **data) {
    return board_rx_peek(&board_hci_rx, data);
}

void mp_rust_ble_hci_consume(size_t len) {
    board_rx_consume(&board_hci_rx, len);
}

bool mp_rust_ble_hci_send(const mp_rust_ble_part_t *parts, size_t num_parts) {
    for (size_t i = 0; i < num_parts; ++i) {
        if (!board_hci_write(parts[i].data, parts[i].len)) {
            return false;
        }
    }
    return true;
}

void mp_rust_ble_hci_wait(uint32_t ms) {
    const uint8_t *data;
    if (board_rx_peek(&board_hci_rx, &data) == 0) {
        rust_ble_board_wait(ms);
    }
}

void mp_rust_ble_hci_arm(bool rx, bool has_deadline, uint32_t deadline_ms) {
    want_rx = rx;
    soft_timer_remove(&deadline_timer);
    if (has_deadline) {
        int32_t ms = deadline_ms - mp_hal_ticks_ms();
        soft_timer_insert(&deadline_timer, MAX(ms, 0));
    }
    const uint8_t *data;
    if (rx && board_rx_peek(&board_hci_rx, &data) != 0) {
        mp_rust_ble_hci_pump_soon();
    }
}

void mp_rust_ble_random(uint8_t *buf, size_t len) {
    if (!board_random(buf, len)) {
        mp_raise_OSError(MP_EIO);
    }
}

#endif // MICROPY_PY_BLUETOOTH
