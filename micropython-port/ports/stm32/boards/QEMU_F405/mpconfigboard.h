// STM32F405 in qemu (-machine netduinoplus2). There is no model of clocks, flash
// controller, USB, RTC and random number generator.

#define MICROPY_HW_BOARD_NAME       "qemu netduinoplus2"
#define MICROPY_HW_MCU_NAME         "STM32F405"

#define MICROPY_HW_HAS_FLASH        (0)
#define MICROPY_HW_ENABLE_INTERNAL_FLASH_STORAGE (0)
#define MICROPY_HW_ENABLE_RTC       (0)
#define MICROPY_HW_ENABLE_RNG       (0)
#define MICROPY_HW_ENABLE_USB       (0)
#define MICROPY_HW_ENABLE_ADC       (0)

#define MICROPY_HW_CLK_PLLM         (25)
#define MICROPY_HW_CLK_PLLN         (336)
#define MICROPY_HW_CLK_PLLP         (RCC_PLLP_DIV2)
#define MICROPY_HW_CLK_PLLQ         (7)

// The first serial line is the REPL, the second HCI.
#define MICROPY_HW_UART_REPL        PYB_UART_1
#define MICROPY_HW_UART_REPL_BAUD   (115200)
#define MICROPY_HW_UART1_TX         (pin_A9)
#define MICROPY_HW_UART1_RX         (pin_A10)
#define MICROPY_HW_UART2_TX         (pin_A2)
#define MICROPY_HW_UART2_RX         (pin_A3)
#define MICROPY_HW_UART2_RTS        (pin_A1)
#define MICROPY_HW_UART2_CTS        (pin_A0)

// qemu's USART never goes idle: take every byte's interrupt as the end of a packet.
#define MICROPY_HW_BLE_UART_RXNE    (1)
