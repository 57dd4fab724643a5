# The Rust Bluetooth LE host instead of NimBLE.
include(${MICROPY_DIR}/extmod/rust_ble/variant.cmake)
