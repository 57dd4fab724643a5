// What modbluetooth asks of a backend: life cycle, configuration, GAP.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

#define DEFAULT_NAME "MPY RUST"

// How long another thread may switch Bluetooth on, which wait.c bounds, before it is taken
// for dead.
#define SWITCHING_MS (5000)

int mp_rust_ble_errno(ble_error_t error) {
    static const uint8_t table[] = {
        [BLE_OK] = 0,
        [BLE_INVALID] = MP_EINVAL,
        [BLE_NOT_FOUND] = MP_ENOENT,
        [BLE_NO_MEMORY] = MP_ENOMEM,
        [BLE_NEED_MEMORY] = MP_ENOMEM,
        [BLE_BUSY] = MP_EBUSY,
        [BLE_ALREADY] = MP_EALREADY,
        [BLE_NOT_CONNECTED] = MP_ENOTCONN,
        [BLE_INACTIVE] = MP_ENODEV,
        [BLE_TIMED_OUT] = MP_ETIMEDOUT,
        [BLE_CONTROLLER] = MP_EIO,
        [BLE_NOT_SUPPORTED] = MP_EOPNOTSUPP,
        [BLE_SECURITY] = MP_EACCES,
    };
    return error < MP_ARRAY_SIZE(table) ? table[error] : MP_EIO;
}

int mp_rust_ble_finish(ble_error_t error) {
    if (mp_rust_ble_memory() != NULL) {
        mp_rust_ble_flush();
        mp_rust_ble_hci_pump_soon();
    }
    return mp_rust_ble_errno(error);
}

// Life cycle.

void mp_rust_ble_shut_down(void) {
    mp_rust_ble_begin(MP_RUST_BLE_MOVING, MP_RUST_BLE_MOVING_MS);
    mp_rust_ble_hci_close();
    ble_switch_off();
    mp_rust_ble_memory_end();
    mp_rust_ble_end(MP_RUST_BLE_MOVING);
}

// Asks the script for its secrets, and waits until our address follows from them.
static void hear_secrets(void) {
    mp_sched_lock();
    mp_rust_ble_pump();
    mp_sched_unlock();
    mp_rust_ble_wait(BLE_OK);
}

// The same for a script that set its handler after activation.
static void hear_late_secrets(bool always) {
    if (!mp_rust_ble_is_telling() && ble_ask_for_secrets(always)) {
        hear_secrets();
    }
}

static int switch_on(const uint8_t *seed) {
    const uint8_t *name;
    if (ble_name(&name) == 0) {
        ble_set_name((const uint8_t *)DEFAULT_NAME, sizeof(DEFAULT_NAME) - 1);
    }
    mp_rust_ble_shut_down(); // What is left of a controller that went away.
    if (mp_rust_ble_memory() != NULL) {
        return MP_EBUSY;
    }

    if (!mp_rust_ble_memory_begin()) {
        mp_rust_ble_memory_end();
        return MP_ENOMEM;
    }
    // Another thread must not look for bytes before the transport is up.
    if (!mp_rust_ble_begin(MP_RUST_BLE_MOVING, MP_RUST_BLE_MOVING_MS)) {
        return MP_EBUSY;
    }
    int err = mp_rust_ble_hci_open();
    mp_rust_ble_end(MP_RUST_BLE_MOVING);
    if (err == 0) {
        err = mp_rust_ble_wait(ble_start(seed));
    }
    if (err != 0) {
        mp_rust_ble_shut_down();
    }
    return err;
}

int mp_bluetooth_init(void) {
    if (mp_bluetooth_is_active()) {
        return 0;
    }
    uint8_t seed[32];
    mp_rust_ble_random(seed, sizeof(seed));
    if (!mp_rust_ble_begin(MP_RUST_BLE_SWITCHING, 0)) {
        return MP_EBUSY;
    }
    // A port that opens its transport may have no memory for it, or wait for the controller
    // and run handlers meanwhile.
    nlr_buf_t nlr;
    if (nlr_push(&nlr) != 0) {
        mp_rust_ble_end(MP_RUST_BLE_MOVING);
        mp_rust_ble_shut_down();
        mp_rust_ble_end(MP_RUST_BLE_SWITCHING);
        nlr_jump(nlr.ret_val);
    }
    int err = mp_bluetooth_is_active() ? 0 : switch_on(seed);
    nlr_pop();
    mp_rust_ble_end(MP_RUST_BLE_SWITCHING);
    if (err != 0) {
        return err;
    }

    // Ask the script for its secrets now, so that bonded peers are recognised
    // from the first packet on.
    hear_secrets();
    return 0;
}

// A soft reset has no handler for exceptions, which only a panic raises.
static MP_NOINLINE void switch_off(void) {
    nlr_buf_t nlr;
    mp_rust_ble_begin(MP_RUST_BLE_SWITCHING, SWITCHING_MS);
    if (mp_rust_ble_memory() != NULL && nlr_push(&nlr) == 0) {
        mp_rust_ble_wait(ble_stop());
        mp_rust_ble_shut_down();
        nlr_pop();
    }
    mp_rust_ble_end(MP_RUST_BLE_SWITCHING);
}

#if MICROPY_VERSION < MICROPY_MAKE_VERSION(1, 26, 0)
void mp_bluetooth_deinit(void) {
    mp_rust_ble_check_stack(); // A soft reset has all of it.
    switch_off();
}
#else
int mp_bluetooth_deinit(void) {
    mp_rust_ble_check_stack();
    switch_off();
    return 0;
}
#endif

bool mp_bluetooth_is_active(void) {
    return ble_is_active();
}

// Configuration.

void mp_bluetooth_get_current_address(uint8_t *addr_type, uint8_t *addr) {
    if (!mp_bluetooth_is_active()) {
        mp_raise_OSError(MP_ENODEV);
    }
    hear_late_secrets(false);
    *addr_type = ble_address(addr);
}

void mp_bluetooth_set_address_mode(uint8_t addr_mode) {
    hear_late_secrets(false);
    ble_error_t error = ble_set_address_mode(addr_mode);
    int err = error == BLE_OK && mp_bluetooth_is_active() ? mp_rust_ble_wait(error) : mp_rust_ble_errno(error);
    if (err != 0) {
        mp_raise_OSError(err);
    }
}

size_t mp_bluetooth_gap_get_device_name(const uint8_t **buf) {
    return ble_name(buf);
}

int mp_bluetooth_gap_set_device_name(const uint8_t *buf, size_t len) {
    return mp_rust_ble_errno(ble_set_name(buf, len));
}

int mp_bluetooth_get_preferred_mtu(void) {
    return ble_option(BLE_OPTION_MTU);
}

int mp_bluetooth_set_preferred_mtu(uint16_t mtu) {
    return mp_rust_ble_errno(ble_set_option(BLE_OPTION_MTU, mtu));
}

// Advertising and links.

int mp_bluetooth_gap_advertise_start(bool connectable, int32_t interval_us, const uint8_t *adv_data, size_t adv_data_len, const uint8_t *sr_data, size_t sr_data_len) {
    return mp_rust_ble_wait(ble_advertise(connectable, interval_us, adv_data, adv_data_len, sr_data, sr_data_len));
}

void mp_bluetooth_gap_advertise_stop(void) {
    mp_rust_ble_wait(ble_stop_advertising());
}

int mp_bluetooth_gap_disconnect(uint16_t conn_handle) {
    return mp_rust_ble_finish(ble_disconnect(conn_handle));
}

#if MICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE
int mp_bluetooth_gap_scan_start(int32_t duration_ms, int32_t interval_us, int32_t window_us, bool active_scan) {
    return mp_rust_ble_wait(ble_start_scan(duration_ms, interval_us, window_us, active_scan));
}

int mp_bluetooth_gap_scan_stop(void) {
    return mp_rust_ble_wait(ble_stop_scan());
}

int mp_bluetooth_gap_peripheral_connect(uint8_t addr_type, const uint8_t *addr, int32_t duration_ms, int32_t min_conn_interval_us, int32_t max_conn_interval_us) {
    return mp_rust_ble_wait(ble_connect(addr_type, addr, duration_ms, min_conn_interval_us, max_conn_interval_us));
}

int mp_bluetooth_gap_peripheral_connect_cancel(void) {
    return mp_rust_ble_wait(ble_cancel_connect());
}
#endif // MICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE

// Security.

#if MICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING
void mp_bluetooth_set_bonding(bool enabled) {
    ble_set_option(BLE_OPTION_BOND, enabled);
}

void mp_bluetooth_set_mitm_protection(bool enabled) {
    ble_set_option(BLE_OPTION_MITM, enabled);
}

void mp_bluetooth_set_le_secure(bool enabled) {
    ble_set_option(BLE_OPTION_SECURE_ONLY, enabled);
}

void mp_bluetooth_set_io_capability(uint8_t capability) {
    if (ble_set_option(BLE_OPTION_IO, capability) != BLE_OK) {
        mp_raise_OSError(MP_EINVAL);
    }
}

int mp_bluetooth_gap_pair(uint16_t conn_handle) {
    return mp_rust_ble_finish(ble_pair(conn_handle));
}

int mp_bluetooth_gap_unpair(uint8_t addr_type, const uint8_t *addr) {
    hear_late_secrets(true);
    return mp_rust_ble_finish(ble_unpair(addr_type, addr));
}

int mp_bluetooth_gap_passkey(uint16_t conn_handle, uint8_t action, mp_int_t passkey) {
    return mp_rust_ble_finish(ble_passkey(conn_handle, action, (uint32_t)passkey));
}
#endif // MICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING

#if MICROPY_PY_BLUETOOTH_ENABLE_HCI_CMD
int mp_bluetooth_hci_cmd(uint16_t ogf, uint16_t ocf, const uint8_t *req, size_t req_len, uint8_t *resp, size_t resp_len, uint8_t *status) {
    // What the host does on its own account comes first.
    mp_rust_ble_wait(BLE_OK);
    int err = mp_rust_ble_wait(ble_hci_command(ogf << 10 | ocf, req, req_len, resp, resp_len));
    *status = ble_take_reply();
    return err;
}
#endif // MICROPY_PY_BLUETOOTH_ENABLE_HCI_CMD

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
