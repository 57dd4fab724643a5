# BOARD_VARIANT=rust_ble: the board's firmware with time, an interrupt driven REPL
# and Bluetooth LE. Does nothing otherwise.

ifeq ($(BOARD_VARIANT),rust_ble)
ifeq ($(filter MPS2_%,$(BOARD)),)
$(error BOARD_VARIANT=rust_ble needs a board with a second UART: MPS2_AN385, MPS2_AN500)
endif
ifneq ($(origin BUILD),command line)
BUILD = build-$(BOARD)-$(BOARD_VARIANT)
endif
include rust_ble/rust_ble.mk
endif
