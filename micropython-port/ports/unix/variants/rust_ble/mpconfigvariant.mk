# The standard variant with the Rust Bluetooth LE host, without what needs
# submodules or development packages.

include variants/standard/mpconfigvariant.mk

FROZEN_MANIFEST = $(VARIANT_DIR)/manifest.py

MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SSL = 0
MICROPY_SSL_MBEDTLS = 0

MICROPY_PY_BLUETOOTH = 1
MICROPY_BLUETOOTH_RUST = 1

# What signals must not cut short, see signals.c.
LDFLAGS += $(foreach name,sem_wait usleep read recv recvfrom accept write send sendto connect,-Wl,--wrap=$(name))

# The module _rust_ble, for tests.
RUST_BLE_FEATURES = debug
CFLAGS_EXTMOD += -DBLE_DEBUG=1

# The manifest takes nothing from micropython-lib; make only looks for a README.
ifeq ($(wildcard $(TOP)/lib/micropython-lib/README.md),)
MPY_LIB_DIR = $(TOP)
endif
