# The Rust Bluetooth LE host instead of BTstack, on the RISC-V cores.
include(${MICROPY_BOARD_DIR}/mpconfigvariant_RISCV.cmake)
include(${MICROPY_DIR}/extmod/rust_ble/variant.cmake)
