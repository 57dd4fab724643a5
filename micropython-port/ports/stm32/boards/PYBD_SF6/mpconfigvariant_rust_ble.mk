# The Rust Bluetooth LE host instead of NimBLE.
include $(TOP)/extmod/rust_ble/variant.mk
