# What BOARD_VARIANT=rust_ble adds to a board of the qemu port.

CFLAGS += -DMP_CONFIGFILE='"rust_ble/mpconfigport_rust_ble.h"'

MICROPY_PY_BLUETOOTH ?= 1
MICROPY_BLUETOOTH_RUST ?= 1
include $(TOP)/extmod/rust_ble/sizes.mk

SRC_C += \
	rust_ble/board.c \
	rust_ble/hci.c \
	shared/runtime/softtimer.c \

# From 1.28 on the soft timer has hard callbacks.
SRC_C += $(if $(shell grep mp_irq_dispatch $(TOP)/shared/runtime/softtimer.c),shared/runtime/mpirq.c)

FROZEN_MANIFEST ?= rust_ble/manifest.py

# The port polls and has no clock; these come from rust_ble/board.c instead.
RUST_BLE_WRAP = main gc_sweep_all mp_hal_stdin_rx_chr mp_hal_stdio_poll mp_hal_get_random \
	mp_hal_ticks_ms mp_hal_ticks_us mp_hal_ticks_cpu mp_hal_delay_ms mp_hal_delay_us
LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(RUST_BLE_WRAP))
LDFLAGS += -Wl,-T,rust_ble/exidx.ld
comma = ,

ifeq ($(MICROPY_PY_BLUETOOTH),1)
# The port sets LIBS later, without what it had.
override LIBS = $(RUST_BLE_LIB) $(shell $(CC) $(CFLAGS) -print-libgcc-file-name)
endif

# HCI is the second serial line.
QEMU_HCI ?= null
QEMU_EXTRA += -serial $(QEMU_HCI)
