# Sizes of the host (core/src/config.rs) for microcontrollers. A board may set others before,
# as MICROPY_BLUETOOTH_RUST_MAX_LINKS = 2, or define them in mpconfigboard.h.

RUST_BLE_SIZES = \
	MAX_LINKS=4 \
	MAX_PROCEDURES=8 \
	MAX_CHANNELS=4 \
	MAX_LISTENERS=2 \
	MAX_PAIRINGS=1 \
	MAX_BONDS=8 \
	MAX_INDICATIONS=4 \
	MAX_EVENTS=8 \
	RX_BYTES=1536 \
	POOL_BYTES=2048 \
	POOL_BLOCKS=24 \
	TX_QUEUE=16 \
	DATA_LENGTH=1 \

RUST_BLE_DEFINED := $(shell sed -n 's/^ *.define *MICROPY_BLUETOOTH_RUST_\([A-Z_]*\) *(*\([0-9][0-9]*\))*.*/\1=\2/p' /dev/null $(wildcard $(BOARD_DIR)/mpconfigboard.h))

# NAME=VALUE of the list, or the board's value.
rust_ble_size = RUST_BLE_$(1)=$(or $(MICROPY_BLUETOOTH_RUST_$(1)),$(patsubst $(1)=%,%,$(filter $(1)=%,$(RUST_BLE_DEFINED))),$(2))
RUST_BLE_ENV += $(foreach size,$(RUST_BLE_SIZES),$(call rust_ble_size,$(firstword $(subst =, ,$(size))),$(lastword $(subst =, ,$(size)))))
