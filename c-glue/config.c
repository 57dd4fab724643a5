// Parameters of BLE.config that only this backend has, and "rxbuf", which modbluetooth has
// for backends that tell events later: scripts that set it run, and need it not, since
// what arrives is held back (docs/DESIGN.md).

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "glue.h"

typedef struct _param_t {
    uint16_t name;
    uint8_t option;
    bool is_bool;
} param_t;

static const param_t params[] = {
    { MP_QSTR_data_length, BLE_OPTION_DATA_LENGTH, true },
    { MP_QSTR_phy_2m, BLE_OPTION_PHY_2M, true },
    { MP_QSTR_rpa_timeout, BLE_OPTION_RPA_TIMEOUT, false },
    { MP_QSTR_min_key_size, BLE_OPTION_MIN_KEY_SIZE, false },
    { MP_QSTR_reports_dropped, BLE_OPTION_REPORTS_DROPPED, false },
    { MP_QSTR_rxbuf, BLE_OPTION_RX_BUFFER, false },
};

static const param_t *find(qstr name) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(params); ++i) {
        if (params[i].name == name) {
            return &params[i];
        }
    }
    return NULL;
}

mp_obj_t mp_bluetooth_config_get(qstr name) {
    const param_t *param = find(name);
    if (param == NULL) {
        return MP_OBJ_NULL;
    }
    uint32_t value = ble_option(param->option);
    return param->is_bool ? mp_obj_new_bool(value) : mp_obj_new_int_from_uint(value);
}

bool mp_bluetooth_config_set(qstr name, mp_obj_t value) {
    const param_t *param = find(name);
    if (param == NULL) {
        return false;
    }
    mp_int_t number = param->is_bool ? mp_obj_is_true(value) : mp_obj_get_int(value);
    if (number < 0 || ble_set_option(param->option, number) != BLE_OK) {
        mp_raise_ValueError(NULL);
    }
    return true;
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
