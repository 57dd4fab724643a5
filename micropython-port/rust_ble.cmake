# CMake directives for the Rust Bluetooth LE host: micropy_extmod_rust_ble.
#
# A board or its variant may set before:
#   RUST_BLE_ENV  list of sizes, for example RUST_BLE_MAX_LINKS=2 (see config.rs)

set(RUST_BLE_DIR "${MICROPY_DIR}/extmod/rust_ble")
set(RUST_BLE_BUILD "${CMAKE_BINARY_DIR}/rust_ble")
set(RUST_BLE_LIB "${RUST_BLE_BUILD}/libble_ffi.a")

# cargo knows what has to be built; an unchanged library is left untouched. The compiler's
# flags for the processor tell which target it is.
add_custom_target(rust_ble_cargo
    BYPRODUCTS ${RUST_BLE_LIB}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${RUST_BLE_BUILD}
    COMMAND ${CMAKE_COMMAND} -E env ${RUST_BLE_ENV}
        python3 ${RUST_BLE_DIR}/rust.py build
        --cc "${CMAKE_C_COMPILER} ${CMAKE_C_FLAGS}" --out ${RUST_BLE_BUILD} --copy ${RUST_BLE_LIB}
    COMMENT "CARGO extmod/rust_ble"
    VERBATIM
)

set(RUST_BLE_SOURCES
    ${RUST_BLE_DIR}/c-glue/abi_check.c
    ${RUST_BLE_DIR}/c-glue/api.c
    ${RUST_BLE_DIR}/c-glue/config.c
    ${RUST_BLE_DIR}/c-glue/gatt.c
    ${RUST_BLE_DIR}/c-glue/l2cap.c
    ${RUST_BLE_DIR}/c-glue/memory.c
    ${RUST_BLE_DIR}/c-glue/pump.c
    ${RUST_BLE_DIR}/c-glue/runtime.c
    ${RUST_BLE_DIR}/c-glue/upcalls.c
    ${RUST_BLE_DIR}/c-glue/wait.c
    ${RUST_BLE_DIR}/c-glue/board/core1.c
    ${RUST_BLE_DIR}/c-glue/board/cyw43.c
    ${RUST_BLE_DIR}/c-glue/board/schedule.c
    ${RUST_BLE_DIR}/c-glue/board/uart.c
)

add_library(micropy_extmod_rust_ble INTERFACE)
add_dependencies(micropy_extmod_rust_ble rust_ble_cargo)
target_link_libraries(micropy_extmod_rust_ble INTERFACE ${RUST_BLE_LIB})
# On the firmware itself, where the extraction of qstrs looks for them.
target_compile_definitions(${MICROPY_TARGET} PRIVATE
    MICROPY_BLUETOOTH_RUST=1
    MICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT=1
    MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS=1
    MICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING=1
    MICROPY_PY_BLUETOOTH_ENABLE_HCI_CMD=1
)
# For c-glue/board/core1.c, which is called when the second core is to stop.
target_link_options(${MICROPY_TARGET} PRIVATE
    "LINKER:--wrap=mp_thread_deinit" "LINKER:--wrap=multicore_reset_core1")
if(NOT MICROPY_PY_BLUETOOTH_CYW43)
    # For c-glue/board/uart.c, which hears of the UART's interrupts so.
    target_link_options(${MICROPY_TARGET} PRIVATE "LINKER:--wrap=irq_set_exclusive_handler")
else()
    # pico/cyw43_driver.h; after the port's own headers, two of which have the same name.
    target_include_directories(micropy_extmod_rust_ble SYSTEM INTERFACE
        ${PICO_SDK_PATH}/src/rp2_common/pico_cyw43_driver/include
    )
endif()

# Compiled with the port, and for qstr and root pointer extraction.
list(APPEND MICROPY_SOURCE_EXTMOD ${RUST_BLE_SOURCES})
list(APPEND MICROPY_INC_CORE ${RUST_BLE_DIR}/rust-ble/ffi/include ${RUST_BLE_DIR}/c-glue)
