# Makefile directives for the Rust Bluetooth LE host.
#
# A port (or its board or variant) may set before:
#   RUST_BLE_TARGET     Rust target triple; empty for this machine
#   RUST_BLE_RUSTFLAGS  flags for the target, for example -C target-cpu=cortex-m4
#   RUST_BLE_ENV        sizes, for example RUST_BLE_MAX_LINKS=2 (see config.rs)

ifeq ($(MICROPY_BLUETOOTH_RUST),1)

RUST_BLE_DIR = extmod/rust_ble
RUST_BLE_BUILD = $(abspath $(BUILD))/rust_ble
RUST_BLE_LIB = $(RUST_BLE_BUILD)/$(if $(RUST_BLE_TARGET),$(RUST_BLE_TARGET)/)release/libble_ffi.a

CARGO ?= cargo
CARGO_FLAGS ?=

SRC_EXTMOD_C += $(addprefix $(RUST_BLE_DIR)/c-glue/, \
	abi_check.c \
	api.c \
	gatt.c \
	l2cap.c \
	memory.c \
	pump.c \
	runtime.c \
	upcalls.c \
	wait.c \
	)

INC += -I$(TOP)/$(RUST_BLE_DIR)/rust-ble/ffi/include
INC += -I$(TOP)/$(RUST_BLE_DIR)/c-glue

CFLAGS_EXTMOD += -DMICROPY_BLUETOOTH_RUST=1
CFLAGS_EXTMOD += -DMICROPY_SCHEDULER_STATIC_NODES=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_HCI_CMD=1

# Linked by ports that use LIB (unix) or LIBS (stm32).
LIB += $(RUST_BLE_LIB)
LIBS += $(RUST_BLE_LIB)

ifneq ($(PROG),)
$(BUILD)/$(PROG): $(RUST_BLE_LIB)
endif

# cargo knows what has to be built; it leaves an unchanged library untouched.
.PHONY: rust_ble_cargo
rust_ble_cargo:
$(RUST_BLE_LIB): rust_ble_cargo
	$(ECHO) "CARGO $(RUST_BLE_DIR)"
	$(Q)cd $(TOP)/$(RUST_BLE_DIR) && $(RUST_BLE_ENV) \
		$(if $(RUST_BLE_RUSTFLAGS),RUSTFLAGS="$(RUST_BLE_RUSTFLAGS)") $(CARGO) build --quiet --release -p ble-ffi --no-default-features \
		$(if $(RUST_BLE_TARGET),--target $(RUST_BLE_TARGET)) \
		--target-dir $(RUST_BLE_BUILD) $(CARGO_FLAGS)

endif
