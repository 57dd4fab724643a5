// Moves bytes between transport and host, and events from the host to Python.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

// Events of one run of the pump, so that a flood leaves time to the script.
#define EVENTS_PER_RUN (64)

// How soon to try again when the host has no room for what arrived, or the stack for the
// host.
#define BLOCKED_MS (5)

static uint8_t depth;
static bool blocked;

bool mp_rust_ble_is_telling(void) {
    return depth > 0;
}

// Takes what has arrived as far as the host has room. Returns the number of
// bytes, or -1 when the controller is gone.
static int feed(void) {
    int total = 0;
    for (;;) {
        const uint8_t *data;
        int len = mp_rust_ble_hci_peek(&data);
        if (len < 0) {
            return -1;
        }
        size_t taken = len > 0 ? ble_receive(data, len) : 0;
        blocked = len > 0 && taken == 0;
        if (taken == 0) {
            return total;
        }
        mp_rust_ble_hci_consume(taken);
        total += taken;
    }
}

static bool drain(void) {
    ble_transmit_t packet;
    while (ble_poll_transmit(&packet)) {
        mp_rust_ble_part_t parts[] = {
            { packet.header, packet.header_len },
            { packet.head, packet.head_len },
            { packet.tail, packet.tail_len },
        };
        if (!mp_rust_ble_hci_send(parts, MP_ARRAY_SIZE(parts))) {
            return false;
        }
        ble_transmitted();
    }
    return true;
}

static int turn(void) {
    int fed = feed();
    uint32_t deadline;
    if (ble_poll_timeout(&deadline) && (int32_t)(deadline - mp_rust_ble_now()) <= 0) {
        ble_handle_timeout();
    }
    if (fed < 0 || !drain()) {
        ble_transport_lost();
        return -1;
    }
    return fed;
}

int mp_rust_ble_turn(void) {
    if (!mp_rust_ble_begin(MP_RUST_BLE_MOVING, 0)) {
        return 0;
    }
    int fed = turn();
    mp_rust_ble_end(MP_RUST_BLE_MOVING);
    return fed;
}

static void arm(void) {
    uint32_t deadline = 0;
    bool has_deadline = ble_poll_timeout(&deadline);
    if (blocked) {
        deadline = mp_rust_ble_now() + BLOCKED_MS;
        has_deadline = true;
    }
    mp_rust_ble_hci_arm(!blocked, has_deadline, deadline);
}

void mp_rust_ble_flush(void) {
    if (!mp_rust_ble_begin(MP_RUST_BLE_MOVING, 0)) {
        // It may have looked before there was something to send.
        mp_rust_ble_hci_pump_soon();
        return;
    }
    if (!drain()) {
        ble_transport_lost();
        mp_rust_ble_hci_pump_soon();
    }
    arm();
    mp_rust_ble_end(MP_RUST_BLE_MOVING);
}

// Where the payload of this level's event goes. Python may hold a view of it
// while a nested pump runs, so each level has its own.
static uint8_t *payload_buffer(void) {
    mp_rust_ble_memory_t *memory = mp_rust_ble_memory();
    if (memory == NULL) {
        return NULL; // Another thread has switched Bluetooth off.
    }
    uint8_t **buf = &memory->payload[depth];
    if (*buf == NULL) {
        *buf = m_new_maybe(uint8_t, BLE_EVENT_BYTES);
    }
    return *buf;
}

// Returns whether there may be more.
static bool pump_one(void) {
    uint8_t *payload = payload_buffer();
    if (payload == NULL) {
        return false; // Without memory the event waits in the host.
    }
    ble_event_t event;
    if (!ble_poll_event(&event, payload, mp_rust_ble_has_stack(MP_RUST_BLE_CRYPTO_STACK))) {
        return false;
    }
    ++depth;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_rust_ble_dispatch(&event, payload);
        nlr_pop();
    } else {
        mp_obj_print_exception(MICROPY_ERROR_PRINTER, MP_OBJ_FROM_PTR(nlr.ret_val));
        ble_answer_none(event.token);
    }
    --depth;
    return true;
}

static void run(void) {
    // A handler may switch the host off, and the memory with it.
    for (int left = EVENTS_PER_RUN; mp_rust_ble_memory() != NULL; --left) {
        int fed = mp_rust_ble_turn();
        bool more = pump_one() || fed > 0;
        if (mp_rust_ble_memory() == NULL) {
            break;
        }
        if (!more || left == 0) {
            mp_rust_ble_flush();
            if (more) {
                mp_rust_ble_hci_pump_soon();
            }
            break;
        }
    }
}

// Only a panic raises here, and nobody above handles exceptions: the script gets this one as
// it gets a KeyboardInterrupt.
static MP_NOINLINE void run_guarded(void) {
    uint8_t outer = depth;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        run();
        nlr_pop();
    } else {
        depth = outer;
        mp_sched_exception(MP_OBJ_FROM_PTR(nlr.ret_val));
    }
}

void mp_rust_ble_pump(void) {
    #if MICROPY_PY_THREAD && !MICROPY_PY_THREAD_GIL
    // Events are told on the main thread, as all that is scheduled.
    if (!mp_thread_is_main_thread()) {
        mp_rust_ble_hci_pump_soon();
        return;
    }
    #endif
    if (depth >= MP_RUST_BLE_PUMP_DEPTH) {
        return;
    }
    if (!mp_rust_ble_has_stack(MP_RUST_BLE_COMMAND_STACK)) {
        // Deep in the script's recursion; it will come out. Even this takes 200 bytes on rp2.
        mp_rust_ble_hci_arm(false, true, mp_rust_ble_now() + BLOCKED_MS);
        return;
    }
    run_guarded();
}

MP_REGISTER_ROOT_POINTER(struct _mp_rust_ble_memory_t *rust_ble_memory);

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
