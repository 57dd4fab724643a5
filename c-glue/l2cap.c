// What modbluetooth asks of a backend: L2CAP credit-based channels, whose
// buffers are lent from MicroPython's heap.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST && MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS

#include "glue.h"

// The lowest CID of a channel.
#define FIRST_CID (0x40)

// Keeps the memory of a channel reachable while the host uses it.
static void keep(uint16_t cid, uint8_t *memory) {
    mp_rust_ble_memory_t *all = mp_rust_ble_memory();
    if (all != NULL) { // Another thread may have switched Bluetooth off.
        all->channels[cid - FIRST_CID] = memory;
    }
}

// Memory for a channel with SDUs of up to mtu bytes, once that of channels that
// are over is dropped.
static uint8_t *new_memory(uint16_t mtu, size_t *len) {
    for (size_t i = 0; i < ble_max_channels(); ++i) {
        if (!ble_l2cap_holds(FIRST_CID + i)) {
            keep(FIRST_CID + i, NULL);
        }
    }
    *len = ble_l2cap_memory_needed(mtu);
    return m_new_maybe(uint8_t, *len);
}

void mp_rust_ble_l2cap_accept(uint16_t token, uint16_t cid, uint16_t our_mtu, bool refused) {
    if (mp_rust_ble_memory() == NULL) {
        return; // The handler switched Bluetooth off.
    }
    size_t len = 0;
    uint8_t *memory = refused ? NULL : new_memory(our_mtu, &len);
    if (ble_answer_accept(token, memory, len) == BLE_OK) {
        keep(cid, memory);
    }
}

int mp_bluetooth_l2cap_listen(uint16_t psm, uint16_t mtu) {
    return mp_rust_ble_errno(ble_l2cap_listen(psm, mtu));
}

int mp_bluetooth_l2cap_connect(uint16_t conn_handle, uint16_t psm, uint16_t mtu) {
    if (!mp_bluetooth_is_active()) {
        return MP_ENODEV;
    }
    size_t len;
    uint8_t *memory = new_memory(mtu, &len);
    if (memory == NULL) {
        return MP_ENOMEM;
    }
    uint16_t cid;
    ble_error_t error = ble_l2cap_connect(conn_handle, psm, mtu, memory, len, &cid);
    if (error == BLE_OK) {
        keep(cid, memory);
    }
    return mp_rust_ble_finish(error);
}

int mp_bluetooth_l2cap_disconnect(uint16_t conn_handle, uint16_t cid) {
    return mp_rust_ble_finish(ble_l2cap_disconnect(conn_handle, cid));
}

int mp_bluetooth_l2cap_send(uint16_t conn_handle, uint16_t cid, const uint8_t *buf, size_t len, bool *stalled) {
    return mp_rust_ble_finish(ble_l2cap_send(conn_handle, cid, buf, len, stalled));
}

int mp_bluetooth_l2cap_recvinto(uint16_t conn_handle, uint16_t cid, uint8_t *buf, size_t *len) {
    return mp_rust_ble_finish(ble_l2cap_recvinto(conn_handle, cid, buf, len));
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST && MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS
