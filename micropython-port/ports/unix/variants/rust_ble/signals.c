// What the signal that wakes the main thread (hci.c) would cut short: the linker sends calls of
// these functions here, see mpconfigvariant.mk.

#include "py/runtime.h"
#include "py/mphal.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int __real_sem_wait(sem_t *sem);
int __wrap_sem_wait(sem_t *sem);
int __wrap_usleep(useconds_t us);

// Garbage collection takes its end for another thread's word that its stack was searched.
int __wrap_sem_wait(sem_t *sem) {
    int ret;
    do {
        ret = __real_sem_wait(sem);
    } while (ret != 0 && errno == EINTR);
    return ret;
}

// For time.sleep_us(), which Ctrl-C still ends.
int __wrap_usleep(useconds_t us) {
    struct timespec left = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    int ret;
    do {
        ret = nanosleep(&left, &left);
    } while (ret != 0 && errno == EINTR && MP_STATE_MAIN_THREAD(mp_pending_exception) == MP_OBJ_NULL);
    return ret;
}

// Timeouts of sockets, which MicroPython would begin anew with each signal. Without one it does
// the call again itself.

// After a signal ended a call that began at start: runs what is scheduled until the call is
// worth another try. Otherwise errno says what came of it.
static bool is_ready(int fd, mp_uint_t start, int option, short events, int timed_out) {
    struct timeval timeout = { 0 };
    socklen_t len = sizeof(timeout);
    int ready = getsockopt(fd, SOL_SOCKET, option, &timeout, &len);
    mp_uint_t ms = timeout.tv_sec * 1000 + (timeout.tv_usec + 999) / 1000;
    if (ready != 0 || ms == 0) {
        errno = EINTR;
        return false;
    }
    do {
        MP_THREAD_GIL_ENTER();
        mp_handle_pending(true);
        MP_THREAD_GIL_EXIT();
        mp_uint_t elapsed = mp_hal_ticks_ms() - start;
        struct pollfd fds = { .fd = fd, .events = events };
        ready = poll(&fds, 1, elapsed < ms ? (int)(ms - elapsed) : 0);
    } while (ready == -1 && errno == EINTR);
    if (ready == 0) {
        errno = timed_out;
    }
    return ready > 0;
}

#define WRAP(how, type, name, params, args) \
    type __real_##name params; \
    type __wrap_##name params; \
    type __wrap_##name params { \
        mp_uint_t start = mp_hal_ticks_ms(); \
        type ret; \
        do { \
            ret = __real_##name args; \
        } while (ret == -1 && errno == EINTR && is_ready(fd, start, how)); \
        return ret; \
    }

#define RECEIVE SO_RCVTIMEO, POLLIN, EAGAIN
#define SEND SO_SNDTIMEO, POLLOUT, EAGAIN
#define CONNECT SO_SNDTIMEO, POLLOUT, EINPROGRESS

WRAP(RECEIVE, ssize_t, read, (int fd, void *buf, size_t len), (fd, buf, len))
WRAP(RECEIVE, ssize_t, recv, (int fd, void *buf, size_t len, int flags), (fd, buf, len, flags))
WRAP(RECEIVE, ssize_t, recvfrom,
    (int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *addr_len),
    (fd, buf, len, flags, addr, addr_len))
WRAP(RECEIVE, int, accept, (int fd, struct sockaddr *addr, socklen_t *addr_len), (fd, addr, addr_len))
WRAP(SEND, ssize_t, write, (int fd, const void *buf, size_t len), (fd, buf, len))
WRAP(SEND, ssize_t, send, (int fd, const void *buf, size_t len, int flags), (fd, buf, len, flags))
WRAP(SEND, ssize_t, sendto,
    (int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr, socklen_t addr_len),
    (fd, buf, len, flags, addr, addr_len))
WRAP(CONNECT, int, connect, (int fd, const struct sockaddr *addr, socklen_t addr_len), (fd, addr, addr_len))

// For time.sleep_ms(): the port's own would poll every 500 us.

void mp_rust_ble_delay_ms(size_t ms) {
    mp_uint_t start = mp_hal_ticks_ms();
    for (;;) {
        mp_handle_pending(true);
        mp_uint_t elapsed = mp_hal_ticks_ms() - start;
        if (elapsed >= ms) {
            break;
        }
        // Bounded, because a signal may come just before the sleep begins.
        mp_uint_t left = MIN(ms - elapsed, 1000);
        struct timespec ts = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
        MP_THREAD_GIL_EXIT();
        nanosleep(&ts, NULL);
        MP_THREAD_GIL_ENTER();
    }
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
