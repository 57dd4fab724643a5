// The module _rust_ble of the unix port, for tests: looks into the host.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "ble_ffi.h"

// in_use() -> (PDUs to send, kept values, links)
static mp_obj_t in_use(void) {
    size_t counts[3];
    ble_in_use(counts);
    mp_obj_t items[MP_ARRAY_SIZE(counts)];
    for (size_t i = 0; i < MP_ARRAY_SIZE(counts); ++i) {
        items[i] = mp_obj_new_int_from_uint(counts[i]);
    }
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(in_use_obj, in_use);

// panic(): as a bug in the host would.
static mp_obj_t force_panic(void) {
    ble_force_panic();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(force_panic_obj, force_panic);

// panic_soon(): the same, but found by the pump.
static mp_obj_t panic_soon(void) {
    ble_force_panic_soon();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(panic_soon_obj, panic_soon);

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__rust_ble) },
    { MP_ROM_QSTR(MP_QSTR_in_use), MP_ROM_PTR(&in_use_obj) },
    { MP_ROM_QSTR(MP_QSTR_panic), MP_ROM_PTR(&force_panic_obj) },
    { MP_ROM_QSTR(MP_QSTR_panic_soon), MP_ROM_PTR(&panic_soon_obj) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t rust_ble_debug_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_MODULE(MP_QSTR__rust_ble, rust_ble_debug_module);

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
