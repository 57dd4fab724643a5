// The MPS2's two UARTs, timers and interrupts.
#ifndef MICROPY_INCLUDED_QEMU_RUST_BLE_BOARD_H
#define MICROPY_INCLUDED_QEMU_RUST_BLE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes that a UART's interrupt collected. One slot stays free.
typedef struct _board_rx_t {
    uint8_t *buf;
    size_t size;
    volatile size_t head; // Written by the interrupt.
    volatile size_t tail; // Written by the reader.
} board_rx_t;

extern board_rx_t board_hci_rx;

// The bytes that lie in one piece, and after use how many of them to forget.
size_t board_rx_peek(board_rx_t *rx, const uint8_t **data);
void board_rx_consume(board_rx_t *rx, size_t len);

// Start HCI's UART, or stop it and forget what it received.
void board_hci_enable(bool on);

// Returns false when the line did not move for a second.
bool board_hci_write(const uint8_t *data, size_t len);

// Provided by hci.c; called in the UART's interrupt.
void board_hci_received(void);

// Returns false when the emulator offers no source.
bool board_random(uint8_t *buf, size_t len);

// Sleep until an interrupt or for a time; a negative time has no end.
void rust_ble_board_wait(int32_t timeout_ms);

#endif // MICROPY_INCLUDED_QEMU_RUST_BLE_BOARD_H
