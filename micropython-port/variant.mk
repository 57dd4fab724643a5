# What mpconfigvariant_rust_ble.mk of every stm32 board sets.

MICROPY_PY_BLUETOOTH = 1
MICROPY_BLUETOOTH_RUST = 1
MICROPY_BLUETOOTH_NIMBLE = 0
MICROPY_BLUETOOTH_BTSTACK = 0

RUST_BLE_BOARD = 1
include $(TOP)/extmod/rust_ble/sizes.mk
