// What schedule.c needs from the transport of a board.
#ifndef MICROPY_INCLUDED_RUST_BLE_TRANSPORT_H
#define MICROPY_INCLUDED_RUST_BLE_TRANSPORT_H

// Bring it up. Returns 0 or an errno.
int mp_rust_ble_transport_open(void);

// Take it down.
void mp_rust_ble_transport_close(void);

// For a port that waits for its controller to take a packet: collects what the controller
// has for us meanwhile, for it may wait for that. Runs no Python.
void mp_rust_ble_hci_wfi(void);

#endif // MICROPY_INCLUDED_RUST_BLE_TRANSPORT_H
