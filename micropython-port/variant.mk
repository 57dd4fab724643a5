# What mpconfigvariant_rust_ble.mk of every stm32 board sets.

MICROPY_PY_BLUETOOTH = 1
MICROPY_BLUETOOTH_RUST = 1
MICROPY_BLUETOOTH_NIMBLE = 0
MICROPY_BLUETOOTH_BTSTACK = 0

# This controller drops links when the length of data PDUs is negotiated.
ifeq ($(MICROPY_PY_NETWORK_CYW43),1)
MICROPY_BLUETOOTH_RUST_DATA_LENGTH ?= 0
endif

RUST_BLE_BOARD = 1
include $(dir $(lastword $(MAKEFILE_LIST)))sizes.mk
