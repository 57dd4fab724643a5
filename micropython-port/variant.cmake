# What mpconfigvariant_rust_ble.cmake of every rp2 board sets.

set(MICROPY_PY_BLUETOOTH ON)
set(MICROPY_BLUETOOTH_RUST ON)
set(MICROPY_BLUETOOTH_BTSTACK OFF)
set(MICROPY_BLUETOOTH_NIMBLE OFF)

# This controller drops links when the length of data PDUs is negotiated.
if(MICROPY_PY_NETWORK_CYW43 AND NOT DEFINED MICROPY_BLUETOOTH_RUST_DATA_LENGTH)
    set(MICROPY_BLUETOOTH_RUST_DATA_LENGTH 0)
endif()

include(${CMAKE_CURRENT_LIST_DIR}/sizes.cmake)
