# CMake directives for the Rust Bluetooth LE host: micropy_extmod_rust_ble.
#
# A port (or its board) may set before:
#   RUST_BLE_TARGET     Rust target triple
#   RUST_BLE_RUSTFLAGS  flags for the target
#   RUST_BLE_ENV        list of sizes, for example RUST_BLE_MAX_LINKS=2 (see config.rs)

set(RUST_BLE_DIR "${MICROPY_DIR}/extmod/rust_ble")
set(RUST_BLE_BUILD "${CMAKE_BINARY_DIR}/rust_ble")
if(RUST_BLE_TARGET)
    set(RUST_BLE_LIB "${RUST_BLE_BUILD}/${RUST_BLE_TARGET}/release/libble_ffi.a")
    set(RUST_BLE_TARGET_FLAGS --target ${RUST_BLE_TARGET})
else()
    set(RUST_BLE_LIB "${RUST_BLE_BUILD}/release/libble_ffi.a")
endif()

# cargo knows what has to be built; it leaves an unchanged library untouched.
add_custom_target(rust_ble_cargo
    BYPRODUCTS ${RUST_BLE_LIB}
    WORKING_DIRECTORY ${RUST_BLE_DIR}
    COMMAND ${CMAKE_COMMAND} -E env ${RUST_BLE_ENV} "RUSTFLAGS=${RUST_BLE_RUSTFLAGS}"
        cargo build --quiet --release -p ble-ffi --no-default-features
        ${RUST_BLE_TARGET_FLAGS} --target-dir ${RUST_BLE_BUILD}
    COMMENT "CARGO extmod/rust_ble"
    VERBATIM
)

set(RUST_BLE_SOURCES
    ${RUST_BLE_DIR}/c-glue/abi_check.c
    ${RUST_BLE_DIR}/c-glue/api.c
    ${RUST_BLE_DIR}/c-glue/gatt.c
    ${RUST_BLE_DIR}/c-glue/l2cap.c
    ${RUST_BLE_DIR}/c-glue/memory.c
    ${RUST_BLE_DIR}/c-glue/pump.c
    ${RUST_BLE_DIR}/c-glue/runtime.c
    ${RUST_BLE_DIR}/c-glue/upcalls.c
    ${RUST_BLE_DIR}/c-glue/wait.c
)

add_library(micropy_extmod_rust_ble INTERFACE)
add_dependencies(micropy_extmod_rust_ble rust_ble_cargo)
target_sources(micropy_extmod_rust_ble INTERFACE ${RUST_BLE_SOURCES})
target_link_libraries(micropy_extmod_rust_ble INTERFACE ${RUST_BLE_LIB})
target_include_directories(micropy_extmod_rust_ble INTERFACE
    ${RUST_BLE_DIR}/rust-ble/ffi/include
    ${RUST_BLE_DIR}/c-glue
)
target_compile_definitions(micropy_extmod_rust_ble INTERFACE
    MICROPY_BLUETOOTH_RUST=1
    MICROPY_SCHEDULER_STATIC_NODES=1
    MICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT=1
    MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS=1
    MICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING=1
    MICROPY_PY_BLUETOOTH_ENABLE_HCI_CMD=1
)

# For qstr and root pointer extraction.
list(APPEND MICROPY_SOURCE_EXTMOD ${RUST_BLE_SOURCES})
list(APPEND MICROPY_INC_CORE ${RUST_BLE_DIR}/rust-ble/ffi/include ${RUST_BLE_DIR}/c-glue)
