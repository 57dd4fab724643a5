// What the glue needs from a port: bytes to and from the controller, sleep,
// and a call of mp_rust_ble_pump() on the scheduler when there is work.
#ifndef MICROPY_INCLUDED_RUST_BLE_HCI_H
#define MICROPY_INCLUDED_RUST_BLE_HCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bring the transport up. Returns 0 or an errno.
int mp_rust_ble_hci_open(void);

// Take it down; pending calls of the pump may still come and find it closed.
void mp_rust_ble_hci_close(void);

// The H4 bytes that have arrived: sets *data and returns how many there are,
// 0 for none yet, or -1 when the controller is gone. Never blocks.
int mp_rust_ble_hci_peek(const uint8_t **data);

// Forget the first bytes of what peek gave.
void mp_rust_ble_hci_consume(size_t len);

// One part of an H4 packet.
typedef struct _mp_rust_ble_part_t {
    const uint8_t *data;
    size_t len;
} mp_rust_ble_part_t;

// Send one H4 packet, given in parts. Returns false when the controller is
// gone. May block for a bounded time. Runs no Python and raises nothing: a packet is sent
// as a whole.
bool mp_rust_ble_hci_send(const mp_rust_ble_part_t *parts, size_t num_parts);

// Sleep until bytes arrive or the time has passed, or shorter. Runs no Python. Another
// thread may move bytes meanwhile.
void mp_rust_ble_hci_wait(uint32_t ms);

// When to schedule the pump next: when bytes arrive (if want_rx), and when
// mp_rust_ble_now() reaches the deadline (if there is one). Replaces what was
// asked for before.
void mp_rust_ble_hci_arm(bool want_rx, bool has_deadline, uint32_t deadline_ms);

// Schedule the pump as soon as possible.
void mp_rust_ble_hci_pump_soon(void);

// Random bytes for keys and addresses, from the best source that there is.
void mp_rust_ble_random(uint8_t *buf, size_t len);

// Provided by the glue (pump.c): move bytes, dispatch events. On the scheduler only.
void mp_rust_ble_pump(void);

// Provided by the glue (runtime.c), and called by Rust: milliseconds; they wrap.
uint32_t mp_rust_ble_now(void);

#endif // MICROPY_INCLUDED_RUST_BLE_HCI_H
