// Shared by the files of the glue.
#ifndef MICROPY_INCLUDED_RUST_BLE_GLUE_H
#define MICROPY_INCLUDED_RUST_BLE_GLUE_H

#include "py/mpstate.h"
#include "py/mphal.h"
#include "py/mperrno.h"
#include "extmod/modbluetooth.h"
#include "ble_ffi.h"
#include "hci.h"

// Handlers that call active() may nest the pump; deeper ones wait their turn.
#ifndef MP_RUST_BLE_PUMP_DEPTH
#define MP_RUST_BLE_PUMP_DEPTH (4)
#endif

// What the garbage collector must find: memory lent to the host, and the
// payload of the event that each nested pump dispatches.
typedef struct _mp_rust_ble_memory_t {
    uint8_t *host;
    uint8_t *database;
    uint8_t *payload[MP_RUST_BLE_PUMP_DEPTH];
    uint8_t *channels[]; // As many as ble_max_channels() says, by CID.
} mp_rust_ble_memory_t;

static inline mp_rust_ble_memory_t *mp_rust_ble_memory(void) {
    return MP_STATE_PORT(rust_ble_memory);
}

// The errno for an error of the host.
int mp_rust_ble_errno(ble_error_t error);

// Whether an event is being told: we are called by the script's handler.
bool mp_rust_ble_is_telling(void);

// Move bytes both ways and run what is due, without a call into Python.
// Returns how many bytes were taken, or -1 when the controller is gone.
int mp_rust_ble_turn(void);

// What the host and the glue take of the C stack below MicroPython's limit, which leaves 256
// bytes: the longest command, and moving bytes; the cryptography of a pairing. `make size`
// computes the host's part, 1.7 and 2.8 kB on a Cortex-M0+; some 300 bytes are for interrupts.
#define MP_RUST_BLE_COMMAND_STACK (1792)
#define MP_RUST_BLE_CRYPTO_STACK (2944)

// Whether there is that much for who asks; raise RuntimeError unless there is that for a command.
bool mp_rust_ble_has_stack(size_t bytes);
void mp_rust_ble_check_stack(void);

// What one thread does at a time: move bytes; switch Bluetooth on or off.
typedef enum {
    MP_RUST_BLE_MOVING = 1,
    MP_RUST_BLE_SWITCHING = 2,
} mp_rust_ble_task_t;

// How long another thread may move bytes before it is taken for dead.
#define MP_RUST_BLE_MOVING_MS (2000)

// Begin one, or return false while another thread is at it for that many milliseconds.
bool mp_rust_ble_begin(mp_rust_ble_task_t task, uint32_t limit_ms);
void mp_rust_ble_end(uint8_t tasks);

// Off at once, after the other threads were ended wherever they were.
void mp_rust_ble_forget_threads(void);

// After a command of the script: send what it queued, set the next deadline.
void mp_rust_ble_flush(void);

// For commands that end at once: send what they queued, have the pump look for
// events, and give the errno.
int mp_rust_ble_finish(ble_error_t error);

// Run the operation that a command of the script started to its end.
int mp_rust_ble_wait(ble_error_t begun);

// Off at once, whatever the controller says; called again does nothing.
void mp_rust_ble_shut_down(void);

// Root the lent memory and lend the first; forget it all.
bool mp_rust_ble_memory_begin(void);
void mp_rust_ble_memory_end(void);
bool mp_rust_ble_grow_database(size_t needed);

// Answer a peer's request for an L2CAP channel.
void mp_rust_ble_l2cap_accept(uint16_t token, uint16_t cid, uint16_t our_mtu, bool refused);

// Tell the script of one event and hand its answer back.
void mp_rust_ble_dispatch(const ble_event_t *event, const uint8_t *payload);

#endif // MICROPY_INCLUDED_RUST_BLE_GLUE_H
