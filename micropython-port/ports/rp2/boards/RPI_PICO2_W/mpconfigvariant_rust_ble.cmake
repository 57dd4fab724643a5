# The Rust Bluetooth LE host instead of BTstack.
include(${MICROPY_BOARD_DIR}/mpconfigvariant.cmake)
include(${MICROPY_DIR}/extmod/rust_ble/variant.cmake)
