# For rp2 boards whose controller is outside of the board: HCI on a UART. May be set before:
#   RUST_BLE_UART_ID        which UART, default 1
#   RUST_BLE_UART_BAUDRATE  default 115200

if(NOT RUST_BLE_UART_ID)
    set(RUST_BLE_UART_ID 1)
endif()
if(NOT RUST_BLE_UART_BAUDRATE)
    set(RUST_BLE_UART_BAUDRATE 115200)
endif()

list(APPEND MICROPY_DEF_BOARD
    MICROPY_HW_BLE_UART_ID=${RUST_BLE_UART_ID}
    MICROPY_HW_BLE_UART_BAUDRATE=${RUST_BLE_UART_BAUDRATE}
)
