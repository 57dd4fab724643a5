# Makefile directives for the Rust Bluetooth LE host.
#
# A port (or its board or variant) may set before:
#   RUST_BLE_BOARD  1 on a microcontroller port that has mpbthciport.c
#   RUST_BLE_ENV    sizes, for example RUST_BLE_MAX_LINKS=2 (see config.rs)
#   RUST_BLE_FEATURES  cargo features, for example debug

ifeq ($(MICROPY_BLUETOOTH_RUST),1)

RUST_BLE_DIR = extmod/rust_ble
RUST_BLE_BUILD = $(abspath $(BUILD))/rust_ble
RUST_BLE_LIB = $(RUST_BLE_BUILD)/libble_ffi.a

SRC_EXTMOD_C += $(addprefix $(RUST_BLE_DIR)/c-glue/, \
	abi_check.c \
	api.c \
	config.c \
	gatt.c \
	l2cap.c \
	memory.c \
	pump.c \
	runtime.c \
	upcalls.c \
	wait.c \
	)

ifeq ($(RUST_BLE_BOARD),1)
SRC_EXTMOD_C += $(addprefix $(RUST_BLE_DIR)/c-glue/board/, \
	cyw43.c \
	schedule.c \
	uart.c \
	)
endif

INC += -I$(TOP)/$(RUST_BLE_DIR)/rust-ble/ffi/include
INC += -I$(TOP)/$(RUST_BLE_DIR)/c-glue

CFLAGS_EXTMOD += -DMICROPY_BLUETOOTH_RUST=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING=1
CFLAGS_EXTMOD += -DMICROPY_PY_BLUETOOTH_ENABLE_HCI_CMD=1

# Linked by ports that use LIB (unix) or LIBS (stm32).
LIB += $(RUST_BLE_LIB)
LIBS += $(RUST_BLE_LIB)

$(BUILD)/firmware.elf $(if $(PROG),$(BUILD)/$(PROG)): $(RUST_BLE_LIB)

# cargo knows what has to be built; an unchanged library is left untouched. The
# compiler's flags for the processor tell which target it is.
.PHONY: rust_ble_cargo
rust_ble_cargo:
$(RUST_BLE_LIB): rust_ble_cargo
	$(ECHO) "CARGO $(RUST_BLE_DIR)"
	$(Q)$(MKDIR) -p $(RUST_BLE_BUILD)
	$(Q)$(RUST_BLE_ENV) $(PYTHON) $(TOP)/$(RUST_BLE_DIR)/rust.py build \
		--cc "$(CC) $(filter -m%,$(CFLAGS))" --out $(RUST_BLE_BUILD) --copy $@ \
		$(addprefix --sanitize ,$(RUST_BLE_SANITIZE)) $(if $(RUST_BLE_FEATURES),-- --features $(RUST_BLE_FEATURES))

endif
