// What modbluetooth asks of a backend: L2CAP credit-based channels, whose
// buffers are lent from MicroPython's heap.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST && MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS

#include "glue.h"

// Drops the memory of channels that are over.
static void collect(void) {
    mp_rust_ble_channel_t *channels = mp_rust_ble_memory()->channels;
    for (size_t i = 0; i < ble_max_channels(); ++i) {
        if (channels[i].memory != NULL && !ble_l2cap_holds(channels[i].cid)) {
            channels[i].memory = NULL;
        }
    }
}

// Memory for a channel with SDUs of up to mtu bytes, reachable from now on.
static mp_rust_ble_channel_t *new_channel(uint16_t mtu, size_t *len) {
    collect();
    mp_rust_ble_channel_t *channels = mp_rust_ble_memory()->channels;
    *len = ble_l2cap_memory_needed(mtu);
    for (size_t i = 0; i < ble_max_channels(); ++i) {
        if (channels[i].memory == NULL) {
            channels[i].memory = m_new_maybe(uint8_t, *len);
            return channels[i].memory == NULL ? NULL : &channels[i];
        }
    }
    return NULL;
}

void mp_rust_ble_l2cap_accept(uint16_t token, uint16_t cid, uint16_t our_mtu, bool refused) {
    size_t len = 0;
    mp_rust_ble_channel_t *channel = refused ? NULL : new_channel(our_mtu, &len);
    if (channel == NULL) {
        ble_answer_accept(token, NULL, 0);
        return;
    }
    channel->cid = cid;
    if (ble_answer_accept(token, channel->memory, len) != BLE_OK) {
        channel->memory = NULL;
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
    mp_rust_ble_channel_t *channel = new_channel(mtu, &len);
    if (channel == NULL) {
        return MP_ENOMEM;
    }
    ble_error_t error = ble_l2cap_connect(conn_handle, psm, mtu, channel->memory, len, &channel->cid);
    if (error != BLE_OK) {
        channel->memory = NULL;
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
