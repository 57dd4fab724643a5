// Every call into modbluetooth, and the answers to those that ask something.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

static void get_secret(const ble_event_t *event, const uint8_t *key) {
    const uint8_t *value = NULL;
    size_t len = 0;
    bool found = mp_bluetooth_gap_on_get_secret(event->value[0], event->value[1], event->key_len > 0 ? key : NULL, event->key_len, &value, &len);
    ble_answer_secret(event->token, found ? value : NULL, len);
}

static void set_secret(const ble_event_t *event, const uint8_t *key, const uint8_t *value) {
    bool stored = mp_bluetooth_gap_on_set_secret(event->value[0], key, event->key_len, event->data_len > 0 ? value : NULL, event->data_len);
    ble_answer_stored(event->token, stored);
}

static void data_available(const ble_event_t *event, const uint8_t *data) {
    uint16_t len = event->data_len;
    mp_bluetooth_gattc_on_data_available(event->kind, event->conn, event->value[0], &data, &len, 1);
}

#if MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS
// The script decides, then there must be memory for what the peer may send.
static void l2cap_accept(const ble_event_t *event) {
    const uint16_t *v = event->value;
    bool refused = mp_bluetooth_on_l2cap_accept(event->conn, v[0], v[1], v[2], v[3]) != 0;
    mp_rust_ble_l2cap_accept(event->token, v[0], v[2], refused);
}
#endif

void mp_rust_ble_dispatch(const ble_event_t *event, const uint8_t *payload) {
    const uint16_t *v = event->value;
    const uint8_t *data = payload + event->key_len;
    uint16_t conn = event->conn;
    mp_obj_bluetooth_uuid_t uuid;
    uuid.base.type = &mp_type_bluetooth_uuid;
    uuid.type = event->uuid_len;
    memcpy(uuid.data, event->bytes, sizeof(uuid.data));

    switch (event->kind) {
        case MP_BLUETOOTH_IRQ_CENTRAL_CONNECT:
        case MP_BLUETOOTH_IRQ_CENTRAL_DISCONNECT:
        case MP_BLUETOOTH_IRQ_PERIPHERAL_CONNECT:
        case MP_BLUETOOTH_IRQ_PERIPHERAL_DISCONNECT:
            mp_bluetooth_gap_on_connected_disconnected(event->kind, conn, event->addr_type, event->bytes);
            break;
        case MP_BLUETOOTH_IRQ_CONNECTION_UPDATE:
            mp_bluetooth_gap_on_connection_update(conn, v[0], v[1], v[2], v[3]);
            break;
        case MP_BLUETOOTH_IRQ_MTU_EXCHANGED:
            mp_bluetooth_gatts_on_mtu_exchanged(conn, v[0]);
            break;
        case MP_BLUETOOTH_IRQ_GATTS_WRITE:
            mp_bluetooth_gatts_on_write(conn, v[0]);
            break;
        case MP_BLUETOOTH_IRQ_GATTS_READ_REQUEST:
            ble_answer_read(event->token, mp_bluetooth_gatts_on_read_request(conn, v[0]));
            break;
        case MP_BLUETOOTH_IRQ_GATTS_INDICATE_DONE:
            mp_bluetooth_gatts_on_indicate_complete(conn, v[0], v[1]);
            break;
        #if MICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE
        case MP_BLUETOOTH_IRQ_SCAN_RESULT:
            mp_bluetooth_gap_on_scan_result(event->addr_type, event->bytes, v[0], (int8_t)v[1], data, event->data_len);
            break;
        case MP_BLUETOOTH_IRQ_SCAN_DONE:
            mp_bluetooth_gap_on_scan_complete();
            break;
        #endif
        #if MICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT
        case MP_BLUETOOTH_IRQ_GATTC_SERVICE_RESULT:
            mp_bluetooth_gattc_on_primary_service_result(conn, v[0], v[1], &uuid);
            break;
        case MP_BLUETOOTH_IRQ_GATTC_CHARACTERISTIC_RESULT:
            mp_bluetooth_gattc_on_characteristic_result(conn, v[1], v[0], v[2], &uuid);
            break;
        case MP_BLUETOOTH_IRQ_GATTC_DESCRIPTOR_RESULT:
            mp_bluetooth_gattc_on_descriptor_result(conn, v[0], &uuid);
            break;
        case MP_BLUETOOTH_IRQ_GATTC_SERVICE_DONE:
        case MP_BLUETOOTH_IRQ_GATTC_CHARACTERISTIC_DONE:
        case MP_BLUETOOTH_IRQ_GATTC_DESCRIPTOR_DONE:
            mp_bluetooth_gattc_on_discover_complete(event->kind, conn, v[0]);
            break;
        case MP_BLUETOOTH_IRQ_GATTC_READ_RESULT:
        case MP_BLUETOOTH_IRQ_GATTC_NOTIFY:
        case MP_BLUETOOTH_IRQ_GATTC_INDICATE:
            data_available(event, data);
            break;
        case MP_BLUETOOTH_IRQ_GATTC_READ_DONE:
        case MP_BLUETOOTH_IRQ_GATTC_WRITE_DONE:
            mp_bluetooth_gattc_on_read_write_status(event->kind, conn, v[0], v[1]);
            break;
        #endif
        #if MICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING
        case MP_BLUETOOTH_IRQ_ENCRYPTION_UPDATE:
            mp_bluetooth_gatts_on_encryption_update(conn, v[0], v[1], v[2], v[3]);
            break;
        case MP_BLUETOOTH_IRQ_PASSKEY_ACTION:
            mp_bluetooth_gap_on_passkey_action(conn, v[0], v[2] | (uint32_t)v[3] << 16);
            break;
        case MP_BLUETOOTH_IRQ_GET_SECRET:
            get_secret(event, payload);
            break;
        case MP_BLUETOOTH_IRQ_SET_SECRET:
            set_secret(event, payload, data);
            break;
        #endif
        #if MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS
        case MP_BLUETOOTH_IRQ_L2CAP_ACCEPT:
            l2cap_accept(event);
            break;
        case MP_BLUETOOTH_IRQ_L2CAP_CONNECT:
            mp_bluetooth_on_l2cap_connect(conn, v[0], v[1], v[2], v[3]);
            break;
        case MP_BLUETOOTH_IRQ_L2CAP_DISCONNECT:
            mp_bluetooth_on_l2cap_disconnect(conn, v[0], v[1], v[2]);
            break;
        case MP_BLUETOOTH_IRQ_L2CAP_RECV:
            mp_bluetooth_on_l2cap_recv(conn, v[0]);
            break;
        case MP_BLUETOOTH_IRQ_L2CAP_SEND_READY:
            mp_bluetooth_on_l2cap_send_ready(conn, v[0], v[1]);
            break;
        #endif
    }
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
