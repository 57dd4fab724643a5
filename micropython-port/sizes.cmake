# Sizes of the host (core/src/config.rs) for microcontrollers: those of sizes.mk. A board may
# set others before, as MICROPY_BLUETOOTH_RUST_MAX_LINKS, or define them in mpconfigboard.h.

set(RUST_BLE_DEFINED "")
if(EXISTS ${MICROPY_BOARD_DIR}/mpconfigboard.h)
    file(STRINGS ${MICROPY_BOARD_DIR}/mpconfigboard.h RUST_BLE_DEFINED
        REGEX "^ *#define *MICROPY_BLUETOOTH_RUST_")
    set_property(DIRECTORY APPEND PROPERTY
        CMAKE_CONFIGURE_DEPENDS ${MICROPY_BOARD_DIR}/mpconfigboard.h)
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/sizes.mk)
file(READ ${CMAKE_CURRENT_LIST_DIR}/sizes.mk RUST_BLE_SIZES)
string(REGEX MATCHALL "[A-Z_]+=[0-9]+" RUST_BLE_SIZES "${RUST_BLE_SIZES}")
foreach(size ${RUST_BLE_SIZES})
    string(REGEX MATCH "([A-Z_]+)=([0-9]+)" ignored "${size}")
    set(name ${CMAKE_MATCH_1})
    set(value ${CMAKE_MATCH_2})
    if(DEFINED MICROPY_BLUETOOTH_RUST_${name})
        set(value ${MICROPY_BLUETOOTH_RUST_${name}})
    elseif("${RUST_BLE_DEFINED}" MATCHES "MICROPY_BLUETOOTH_RUST_${name} *[(]*([0-9]+)")
        set(value ${CMAKE_MATCH_1})
    endif()
    list(APPEND RUST_BLE_ENV RUST_BLE_${name}=${value})
endforeach()
