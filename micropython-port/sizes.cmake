# Sizes of the host (core/src/config.rs) for microcontrollers: those of sizes.mk. A board may
# set others before, as MICROPY_BLUETOOTH_RUST_MAX_LINKS.

file(READ ${CMAKE_CURRENT_LIST_DIR}/sizes.mk RUST_BLE_SIZES)
string(REGEX MATCHALL "[A-Z_]+=[0-9]+" RUST_BLE_SIZES "${RUST_BLE_SIZES}")
foreach(size ${RUST_BLE_SIZES})
    string(REGEX MATCH "([A-Z_]+)=([0-9]+)" ignored "${size}")
    set(name ${CMAKE_MATCH_1})
    set(value ${CMAKE_MATCH_2})
    if(DEFINED MICROPY_BLUETOOTH_RUST_${name})
        set(value ${MICROPY_BLUETOOTH_RUST_${name}})
    endif()
    list(APPEND RUST_BLE_ENV RUST_BLE_${name}=${value})
endforeach()
