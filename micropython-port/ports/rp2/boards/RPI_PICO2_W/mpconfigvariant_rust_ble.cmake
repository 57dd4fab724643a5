# The Rust Bluetooth LE host instead of BTstack.
# Its controller drops links when the length of data PDUs is negotiated.
set(MICROPY_BLUETOOTH_RUST_DATA_LENGTH 0)
include(${MICROPY_BOARD_DIR}/mpconfigvariant.cmake)
include(${MICROPY_DIR}/extmod/rust_ble/variant.cmake)
