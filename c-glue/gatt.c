// What modbluetooth asks of a backend: GATT server and client.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

// Whether a call that needs a larger database is to be repeated.
static bool grown(ble_error_t *error) {
    if (*error != BLE_NEED_MEMORY) {
        return false;
    }
    if (mp_rust_ble_grow_database(ble_memory_needed())) {
        return true;
    }
    *error = BLE_NO_MEMORY;
    return false;
}

// Server.

int mp_bluetooth_gatts_register_service_begin(bool append) {
    return mp_rust_ble_errno(ble_services_begin(append));
}

static ble_error_t add(ble_attribute_t what, const mp_obj_bluetooth_uuid_t *uuid, uint16_t flags, uint16_t *handle) {
    ble_error_t error;
    do {
        error = ble_add(what, uuid->data, uuid->type, flags, handle);
    } while (grown(&error));
    return error;
}

int mp_bluetooth_gatts_register_service(mp_obj_bluetooth_uuid_t *service_uuid, mp_obj_bluetooth_uuid_t **characteristic_uuids, uint16_t *characteristic_flags, mp_obj_bluetooth_uuid_t **descriptor_uuids, uint16_t *descriptor_flags, uint8_t *num_descriptors, uint16_t *handles, size_t num_characteristics) {
    uint16_t service;
    ble_error_t error = add(BLE_SERVICE, service_uuid, 0, &service);
    for (size_t i = 0; i < num_characteristics && error == BLE_OK; ++i) {
        error = add(BLE_CHARACTERISTIC, characteristic_uuids[i], characteristic_flags[i], handles++);
        for (size_t j = 0; j < num_descriptors[i] && error == BLE_OK; ++j) {
            error = add(BLE_DESCRIPTOR, *descriptor_uuids++, *descriptor_flags++, handles++);
        }
    }
    return mp_rust_ble_errno(error);
}

int mp_bluetooth_gatts_register_service_end(void) {
    return mp_rust_ble_finish(ble_services_end());
}

int mp_bluetooth_gatts_read(uint16_t value_handle, const uint8_t **value, size_t *value_len) {
    return mp_rust_ble_errno(ble_read(value_handle, value, value_len));
}

int mp_bluetooth_gatts_write(uint16_t value_handle, const uint8_t *value, size_t value_len, bool send_update) {
    ble_error_t error;
    do {
        error = ble_write(value_handle, value, value_len, send_update);
    } while (grown(&error));
    return mp_rust_ble_finish(error);
}

int mp_bluetooth_gatts_notify_indicate(uint16_t conn_handle, uint16_t value_handle, int gatts_op, const uint8_t *value, size_t value_len) {
    if (value == NULL && ble_is_connected(conn_handle)) {
        // The script may bring the value up to date first.
        mp_bluetooth_gatts_on_read_request(conn_handle, value_handle);
    }
    bool indicate = gatts_op == MP_BLUETOOTH_GATTS_OP_INDICATE;
    return mp_rust_ble_finish(ble_notify(conn_handle, value_handle, indicate, value, value_len));
}

int mp_bluetooth_gatts_set_buffer(uint16_t value_handle, size_t len, bool append) {
    ble_error_t error;
    do {
        error = ble_set_buffer(value_handle, len, append);
    } while (grown(&error));
    return mp_rust_ble_errno(error);
}

// Client.

#if MICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT
int mp_bluetooth_gattc_discover_primary_services(uint16_t conn_handle, const mp_obj_bluetooth_uuid_t *uuid) {
    return mp_rust_ble_finish(ble_discover_services(conn_handle, uuid ? uuid->data : NULL, uuid ? uuid->type : 0));
}

int mp_bluetooth_gattc_discover_characteristics(uint16_t conn_handle, uint16_t start_handle, uint16_t end_handle, const mp_obj_bluetooth_uuid_t *uuid) {
    return mp_rust_ble_finish(ble_discover_characteristics(conn_handle, start_handle, end_handle, uuid ? uuid->data : NULL, uuid ? uuid->type : 0));
}

int mp_bluetooth_gattc_discover_descriptors(uint16_t conn_handle, uint16_t start_handle, uint16_t end_handle) {
    return mp_rust_ble_finish(ble_discover_descriptors(conn_handle, start_handle, end_handle));
}

int mp_bluetooth_gattc_read(uint16_t conn_handle, uint16_t value_handle) {
    return mp_rust_ble_finish(ble_client_read(conn_handle, value_handle));
}

int mp_bluetooth_gattc_write(uint16_t conn_handle, uint16_t value_handle, const uint8_t *value, size_t value_len, unsigned int mode) {
    return mp_rust_ble_finish(ble_client_write(conn_handle, value_handle, value, value_len, mode));
}

int mp_bluetooth_gattc_exchange_mtu(uint16_t conn_handle) {
    return mp_rust_ble_finish(ble_exchange_mtu(conn_handle));
}
#endif // MICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
