// HCI for the unix port: an H4 byte stream on a tty, pty or socket, or a Linux
// HCI user channel.
//
// A thread sleeps in poll(2) until bytes arrive or the host's next deadline,
// then schedules the pump on the main thread. If the main thread is blocked in
// a system call, a signal interrupts that call, and MP_HAL_RETRY_SYSCALL runs
// what is scheduled. The signal may come just before the call blocks, so it is
// repeated until the pump has run.

#include "py/runtime.h"
#include "py/mperrno.h"
#include "py/mphal.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "extmod/rust_ble/c-glue/hci.h"
#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

// Ignored by default, so a late one harms nothing, not even a child process.
#define WAKE_SIGNAL SIGURG

// Largest H4 packet is 4 + 65535 bytes; a controller's are far smaller, and a
// stream is read in any pieces. A user channel gives whole packets.
#define RX_BUF_SIZE (4096)

#define SEND_TIMEOUT_MS (1000)
#define FIRST_REPEAT_MS (1)
#define LAST_REPEAT_MS (16)

static struct {
    int fd;
    bool lost;
    size_t rx_start;
    size_t rx_end;
    uint8_t rx_buf[RX_BUF_SIZE];
} hci = { .fd = -1 };

// Shared with the thread, under the lock.
static struct {
    pthread_mutex_t lock;
    bool stop;
    bool scheduled;
    bool waiting; // The thread waits for the pump to run.
    bool want_rx;
    bool has_deadline;
    uint32_t deadline_ms;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static mp_sched_node_t pump_node;
static pthread_t main_thread;
static pthread_t poll_thread;
static int wake_fd = -1;

__attribute__((constructor)) static void remember_main_thread(void) {
    main_thread = pthread_self();
}

static void do_nothing(int signum) {
    (void)signum;
}

static void run_pump(mp_sched_node_t *node) {
    (void)node;
    pthread_mutex_lock(&shared.lock);
    shared.scheduled = false;
    pthread_mutex_unlock(&shared.lock);
    if (hci.fd != -1) {
        mp_rust_ble_pump();
    }
}

static void wake_poll_thread(void) {
    uint64_t one = 1;
    ssize_t ret = write(wake_fd, &one, sizeof(one));
    (void)ret;
}

// The thread.

// Milliseconds to the deadline for poll(2), or -1 for none.
static int time_left(void) {
    if (!shared.has_deadline) {
        return -1;
    }
    int32_t left = (int32_t)(shared.deadline_ms - (uint32_t)mp_hal_ticks_ms());
    return left > 0 ? left : 0;
}

static void *poll_thread_main(void *arg) {
    int fd = *(int *)arg;
    int repeat_ms = FIRST_REPEAT_MS;

    pthread_mutex_lock(&shared.lock);
    while (!shared.stop) {
        struct pollfd fds[2] = {
            { .fd = wake_fd, .events = POLLIN },
            { .fd = shared.want_rx && !shared.scheduled ? fd : -1, .events = POLLIN },
        };
        if (!shared.scheduled) {
            repeat_ms = FIRST_REPEAT_MS;
        }
        shared.waiting = shared.scheduled;
        int timeout = shared.waiting ? repeat_ms : time_left();
        pthread_mutex_unlock(&shared.lock);

        int ready = poll(fds, 2, timeout);
        if (fds[0].revents) {
            uint64_t count;
            ssize_t ret = read(wake_fd, &count, sizeof(count));
            (void)ret;
        }

        pthread_mutex_lock(&shared.lock);
        if (shared.stop) {
            break;
        }
        if (shared.scheduled) {
            if (ready == 0) {
                pthread_kill(main_thread, WAKE_SIGNAL);
                repeat_ms = MIN(repeat_ms * 2, LAST_REPEAT_MS);
            }
        } else if (fds[1].revents || time_left() == 0) {
            shared.scheduled = true;
            pthread_mutex_unlock(&shared.lock);
            mp_sched_schedule_node(&pump_node, run_pump);
            pthread_kill(main_thread, WAKE_SIGNAL);
            pthread_mutex_lock(&shared.lock);
        }
    }
    pthread_mutex_unlock(&shared.lock);
    return NULL;
}

static int start_thread(void) {
    // Kept, because another thread may wake the poll thread at any time.
    if (wake_fd == -1) {
        wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (wake_fd == -1) {
        return errno;
    }

    struct sigaction action = { .sa_handler = do_nothing }; // No SA_RESTART.
    sigaction(WAKE_SIGNAL, &action, NULL);

    shared.stop = false;
    shared.scheduled = false;
    shared.waiting = false;
    shared.want_rx = false;
    shared.has_deadline = false;

    // The thread inherits a mask that leaves every signal to the main thread.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&poll_thread, NULL, poll_thread_main, &hci.fd);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

static void stop_thread(void) {
    pthread_mutex_lock(&shared.lock);
    shared.stop = true;
    pthread_mutex_unlock(&shared.lock);
    wake_poll_thread();
    pthread_join(poll_thread, NULL);
}

// For the glue.

int mp_rust_ble_hci_open(void) {
    if (hci.fd != -1) {
        return 0;
    }
    int fd = transport_open();
    if (fd < 0) {
        return -fd;
    }
    hci.fd = fd;
    hci.lost = false;
    hci.rx_start = hci.rx_end = 0;
    int err = start_thread();
    if (err != 0) {
        close(fd);
        hci.fd = -1;
    }
    return err;
}

void mp_rust_ble_hci_close(void) {
    if (hci.fd == -1) {
        return;
    }
    stop_thread();
    close(hci.fd);
    hci.fd = -1;
}

int mp_rust_ble_hci_peek(const uint8_t **data) {
    if (hci.rx_start == hci.rx_end && !hci.lost && hci.fd != -1) {
        hci.rx_start = hci.rx_end = 0;
        ssize_t len = transport_read(hci.fd, hci.rx_buf, RX_BUF_SIZE);
        if (len > 0) {
            hci.rx_end = len;
        } else if (len < 0) {
            hci.lost = true;
        }
    }
    *data = hci.rx_buf + hci.rx_start;
    size_t len = hci.rx_end - hci.rx_start;
    return len == 0 && (hci.lost || hci.fd == -1) ? -1 : (int)len;
}

void mp_rust_ble_hci_consume(size_t len) {
    hci.rx_start += len;
}

bool mp_rust_ble_hci_send(const mp_rust_ble_part_t *parts, size_t num_parts) {
    if (hci.fd == -1 || hci.lost) {
        return false;
    }
    struct iovec iov[4];
    size_t num = 0;
    for (size_t i = 0; i < num_parts && num < MP_ARRAY_SIZE(iov); ++i) {
        if (parts[i].len > 0) {
            iov[num].iov_base = (void *)parts[i].data;
            iov[num++].iov_len = parts[i].len;
        }
    }
    if (!transport_write(hci.fd, iov, num, SEND_TIMEOUT_MS)) {
        hci.lost = true;
    }
    return !hci.lost;
}

void mp_rust_ble_hci_wait(uint32_t ms) {
    struct pollfd fds = { .fd = hci.lost ? -1 : hci.fd, .events = POLLIN };
    MP_THREAD_GIL_EXIT();
    poll(&fds, 1, ms);
    MP_THREAD_GIL_ENTER();
}

void mp_rust_ble_hci_arm(bool want_rx, bool has_deadline, uint32_t deadline_ms) {
    if (hci.fd == -1) {
        return;
    }
    want_rx = want_rx && !hci.lost;
    pthread_mutex_lock(&shared.lock);
    // A thread that wakes up too early finds out by itself.
    bool later = shared.has_deadline && (!has_deadline || (int32_t)(deadline_ms - shared.deadline_ms) >= 0);
    bool wake = want_rx != shared.want_rx || (has_deadline && !later) || (shared.waiting && !shared.scheduled);
    shared.want_rx = want_rx;
    shared.has_deadline = has_deadline;
    shared.deadline_ms = deadline_ms;
    pthread_mutex_unlock(&shared.lock);
    if (wake) {
        wake_poll_thread();
    }
}

void mp_rust_ble_hci_pump_soon(void) {
    if (hci.fd == -1) {
        return;
    }
    pthread_mutex_lock(&shared.lock);
    bool first = !shared.scheduled;
    shared.scheduled = true;
    pthread_mutex_unlock(&shared.lock);
    if (first) {
        mp_sched_schedule_node(&pump_node, run_pump);
        wake_poll_thread(); // To interrupt a system call that may come first.
    }
}

void mp_rust_ble_random(uint8_t *buf, size_t len) {
    mp_hal_get_random(len, buf);
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
