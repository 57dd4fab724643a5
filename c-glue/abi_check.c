// Compiles modbluetooth.h and the generated header together, so that the C
// compiler rejects what drifts apart.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

// Handles, CIDs and statuses pass through without conversion.
_Static_assert(sizeof(((ble_event_t *)0)->value[0]) == sizeof(uint16_t), "");
_Static_assert(sizeof(((ble_event_t *)0)->conn) == sizeof(uint16_t), "");
_Static_assert(sizeof(((ble_event_t *)0)->bytes) == sizeof(((mp_obj_bluetooth_uuid_t *)0)->data), "");
_Static_assert(sizeof(mp_int_t) == sizeof(void *), "");
_Static_assert(sizeof(ble_error_t) == 4, "");
_Static_assert(BLE_OK == 0, "");

// Layouts as Rust sees them.
_Static_assert(offsetof(ble_event_t, conn) == 2, "");
_Static_assert(offsetof(ble_event_t, value) == 4, "");
_Static_assert(offsetof(ble_event_t, token) == 12, "");
_Static_assert(offsetof(ble_event_t, bytes) == 21, "");
_Static_assert(sizeof(ble_event_t) == 38, "");
_Static_assert(offsetof(ble_transmit_t, head) == 16, "");

// Rust names events by their numbers.
#define CHECK(name) _Static_assert(BLE_IRQ_##name == MP_BLUETOOTH_IRQ_##name, #name)
CHECK(CENTRAL_CONNECT);
CHECK(CENTRAL_DISCONNECT);
CHECK(GATTS_WRITE);
CHECK(GATTS_READ_REQUEST);
CHECK(SCAN_RESULT);
CHECK(SCAN_DONE);
CHECK(PERIPHERAL_CONNECT);
CHECK(PERIPHERAL_DISCONNECT);
CHECK(GATTC_SERVICE_RESULT);
CHECK(GATTC_SERVICE_DONE);
CHECK(GATTC_CHARACTERISTIC_RESULT);
CHECK(GATTC_CHARACTERISTIC_DONE);
CHECK(GATTC_DESCRIPTOR_RESULT);
CHECK(GATTC_DESCRIPTOR_DONE);
CHECK(GATTC_READ_RESULT);
CHECK(GATTC_READ_DONE);
CHECK(GATTC_WRITE_DONE);
CHECK(GATTC_NOTIFY);
CHECK(GATTC_INDICATE);
CHECK(GATTS_INDICATE_DONE);
CHECK(MTU_EXCHANGED);
CHECK(L2CAP_ACCEPT);
CHECK(L2CAP_CONNECT);
CHECK(L2CAP_DISCONNECT);
CHECK(L2CAP_RECV);
CHECK(L2CAP_SEND_READY);
CHECK(CONNECTION_UPDATE);
CHECK(ENCRYPTION_UPDATE);
CHECK(GET_SECRET);
CHECK(SET_SECRET);
CHECK(PASSKEY_ACTION);
_Static_assert(BLE_PASSKEY_INPUT == MP_BLUETOOTH_PASSKEY_ACTION_INPUT, "");
_Static_assert(BLE_PASSKEY_DISPLAY == MP_BLUETOOTH_PASSKEY_ACTION_DISPLAY, "");
_Static_assert(BLE_PASSKEY_NUMERIC_COMPARISON == MP_BLUETOOTH_PASSKEY_ACTION_NUMERIC_COMPARISON, "");

// Numbers that gap.rs, security.rs and gatt.rs of the FFI take.
_Static_assert(MP_BLUETOOTH_ADDRESS_MODE_NRPA == 3, "");
_Static_assert(MP_BLUETOOTH_IO_CAPABILITY_KEYBOARD_DISPLAY == 4, "");
_Static_assert(MP_BLUETOOTH_WRITE_MODE_WITH_RESPONSE == 1, "");
_Static_assert(MP_BLUETOOTH_CHARACTERISTIC_FLAG_WRITE_AUTHORIZED == 0x4000, "");

// Functions of modbluetooth.h that a backend defines: their definitions in
// this directory see the same header, so that a changed prototype is an error.

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
