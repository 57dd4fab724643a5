// What schedule.c needs from the transport of a board.
#ifndef MICROPY_INCLUDED_RUST_BLE_TRANSPORT_H
#define MICROPY_INCLUDED_RUST_BLE_TRANSPORT_H

// Bring it up. Returns 0 or an errno.
int mp_rust_ble_transport_open(void);

// Take it down.
void mp_rust_ble_transport_close(void);

#endif // MICROPY_INCLUDED_RUST_BLE_TRANSPORT_H
