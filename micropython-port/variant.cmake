# What mpconfigvariant_rust_ble.cmake of every rp2 board sets.

set(MICROPY_PY_BLUETOOTH ON)
set(MICROPY_BLUETOOTH_RUST ON)
set(MICROPY_BLUETOOTH_BTSTACK OFF)
set(MICROPY_BLUETOOTH_NIMBLE OFF)

include(${CMAKE_CURRENT_LIST_DIR}/sizes.cmake)
