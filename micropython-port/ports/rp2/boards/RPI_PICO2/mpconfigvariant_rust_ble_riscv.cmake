# Bluetooth LE through a controller on a UART, on the RISC-V cores: HCI in H4 on UART1, which is
# GP4 TX, GP5 RX, GP6 CTS, GP7 RTS.
include(${MICROPY_BOARD_DIR}/mpconfigvariant_RISCV.cmake)
include(${MICROPY_DIR}/extmod/rust_ble/variant.cmake)
include(${MICROPY_DIR}/extmod/rust_ble/variant_uart.cmake)
