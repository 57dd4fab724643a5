# The Rust Bluetooth LE host instead of NimBLE.
# Its controller drops links when the length of data PDUs is negotiated.
MICROPY_BLUETOOTH_RUST_DATA_LENGTH = 0
include $(TOP)/extmod/rust_ble/variant.mk
