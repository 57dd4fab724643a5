// Descriptors that carry H4, opened from what MICROPYBTUART says.
#ifndef MICROPY_INCLUDED_UNIX_RUST_BLE_TRANSPORT_H
#define MICROPY_INCLUDED_UNIX_RUST_BLE_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

// MICROPYBTUART is a tty or pty path, tcp:HOST:PORT, unix:PATH, or hciN.
// Returns a non-blocking descriptor, or a negated errno.
int transport_open(void);

// Returns bytes read, 0 for none yet, -1 when the other end is gone.
ssize_t transport_read(int fd, uint8_t *buf, size_t len);

// Writes everything, or returns false when the other end is gone or takes
// nothing for that long. Changes the parts.
bool transport_write(int fd, struct iovec *iov, size_t num, int timeout_ms);

#endif // MICROPY_INCLUDED_UNIX_RUST_BLE_TRANSPORT_H
