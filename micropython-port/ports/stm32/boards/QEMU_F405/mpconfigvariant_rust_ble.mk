# Bluetooth LE through a controller on USART2.
include $(TOP)/extmod/rust_ble/variant.mk
CFLAGS += -DMICROPY_HW_BLE_UART_ID=PYB_UART_2 -DMICROPY_HW_BLE_UART_BAUDRATE=115200
