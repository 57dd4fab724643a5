// Descriptors that carry H4: tty, pty, TCP, UNIX socket, HCI user channel.

#include "py/mpconfig.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST

#include "transport.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_PATH "/dev/ttyUSB0"
#define CONNECT_TIMEOUT_MS (2000)

// From the kernel's Bluetooth interface, so that its headers are not needed.
#define BT_PROTOCOL_HCI (1)
#define HCI_USER_CHANNEL (1)
struct hci_address {
    sa_family_t family;
    uint16_t dev;
    uint16_t channel;
};

static bool is_tcp;

static int64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

// Closes a descriptor and gives the reason as a negated errno.
static int fail(int fd, int err) {
    close(fd);
    return -err;
}

// Like poll(2) for one descriptor, but a signal does not end it.
static bool wait_for(int fd, short events, int timeout_ms) {
    int64_t end = now_ms() + timeout_ms;
    for (;;) {
        int64_t left = end - now_ms();
        struct pollfd fds = { .fd = fd, .events = events };
        int ready = poll(&fds, 1, left > 0 ? (int)left : 0);
        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

// tty and pty.

static speed_t baud_rate(void) {
    static const struct { long baud; speed_t speed; } table[] = {
        { 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 }, { 921600, B921600 },
        { 1000000, B1000000 }, { 2000000, B2000000 }, { 3000000, B3000000 },
    };
    const char *text = getenv("MICROPYBTBAUD");
    long baud = text ? strtol(text, NULL, 10) : 1000000;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); ++i) {
        if (table[i].baud == baud) {
            return table[i].speed;
        }
    }
    return B0;
}

static int open_tty(const char *path) {
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd == -1) {
        return -errno;
    }
    struct termios options;
    if (tcgetattr(fd, &options) != 0) {
        return fail(fd, errno); // ENOTTY: a file that is no terminal.
    }
    speed_t speed = baud_rate();
    if (speed == B0) {
        return fail(fd, EINVAL);
    }
    cfmakeraw(&options);
    options.c_cflag |= CREAD | CLOCAL | CRTSCTS;
    options.c_cc[VMIN] = 1;
    options.c_cc[VTIME] = 0;
    cfsetispeed(&options, speed);
    cfsetospeed(&options, speed);
    if (tcsetattr(fd, TCSANOW, &options) != 0) {
        return fail(fd, errno);
    }
    tcflush(fd, TCIFLUSH);
    return fd;
}

// Sockets.

static int connect_socket(int fd, const struct sockaddr *addr, socklen_t len) {
    if (connect(fd, addr, len) == 0) {
        return fd;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        return fail(fd, errno);
    }
    if (!wait_for(fd, POLLOUT, CONNECT_TIMEOUT_MS)) {
        return fail(fd, ETIMEDOUT);
    }
    int err = 0;
    socklen_t err_len = sizeof(err);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_len);
    return err == 0 ? fd : fail(fd, err);
}

static int open_unix(const char *path) {
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(addr.sun_path)) {
        return -ENAMETOOLONG;
    }
    strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -errno;
    }
    return connect_socket(fd, (struct sockaddr *)&addr, sizeof(addr));
}

// Answers go out at once in both directions: a round trip is two small packets.
static void hurry(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    #ifdef TCP_QUICKACK
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
    #endif
}

static int open_tcp(const char *host_port) {
    char host[256];
    const char *colon = strrchr(host_port, ':');
    size_t host_len = colon ? (size_t)(colon - host_port) : 0;
    if (host_len == 0 || host_len >= sizeof(host) || colon[1] == '\0') {
        return -EINVAL;
    }
    memcpy(host, host_port, host_len);
    host[host_len] = '\0';
    char *name = host;
    if (host[0] == '[' && host[host_len - 1] == ']') {
        host[host_len - 1] = '\0';
        name = host + 1;
    }

    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
    if (getaddrinfo(name, colon + 1, &hints, &list) != 0) {
        return -EHOSTUNREACH;
    }
    int fd = -EHOSTUNREACH;
    for (struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
        fd = fd == -1 ? -errno : connect_socket(fd, ai->ai_addr, ai->ai_addrlen);
    }
    freeaddrinfo(list);
    if (fd >= 0) {
        hurry(fd);
        is_tcp = true;
    }
    return fd;
}

// A real controller, which the kernel must not be using (needs CAP_NET_ADMIN).
static int open_user_channel(uint16_t dev) {
    int fd = socket(AF_BLUETOOTH, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, BT_PROTOCOL_HCI);
    if (fd == -1) {
        return -errno;
    }
    struct hci_address addr = { .family = AF_BLUETOOTH, .dev = dev, .channel = HCI_USER_CHANNEL };
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        return fail(fd, errno);
    }
    return fd;
}

static bool is_user_channel(const char *where) {
    if (strncmp(where, "hci", 3) != 0 || where[3] == '\0' || strlen(where) > 7) {
        return false;
    }
    for (const char *c = where + 3; *c; ++c) {
        if (!isdigit((unsigned char)*c)) {
            return false;
        }
    }
    return true;
}

int transport_open(void) {
    const char *where = getenv("MICROPYBTUART");
    if (where == NULL || *where == '\0') {
        where = DEFAULT_PATH;
    }
    is_tcp = false;
    if (strncmp(where, "tcp:", 4) == 0) {
        return open_tcp(where + 4);
    }
    if (strncmp(where, "unix:", 5) == 0) {
        return open_unix(where + 5);
    }
    if (is_user_channel(where)) {
        return open_user_channel(atoi(where + 3));
    }
    return open_tty(where);
}

ssize_t transport_read(int fd, uint8_t *buf, size_t len) {
    for (;;) {
        ssize_t ret = read(fd, buf, len);
        if (ret > 0) {
            if (is_tcp) {
                hurry(fd); // The kernel forgets TCP_QUICKACK.
            }
            return ret;
        }
        if (ret == 0) {
            return -1;
        }
        if (errno == EAGAIN) {
            return 0;
        }
        if (errno != EINTR) {
            return -1;
        }
    }
}

// Never a SIGPIPE: the other end may be gone.
static ssize_t write_parts(int fd, struct iovec *iov, size_t num) {
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = num };
    ssize_t ret = sendmsg(fd, &msg, MSG_NOSIGNAL);
    if (ret == -1 && errno == ENOTSOCK) {
        ret = writev(fd, iov, num);
    }
    return ret;
}

bool transport_write(int fd, struct iovec *iov, size_t num, int timeout_ms) {
    while (num > 0) {
        ssize_t ret = write_parts(fd, iov, num);
        if (ret == -1) {
            if (errno == EINTR || (errno == EAGAIN && wait_for(fd, POLLOUT, timeout_ms))) {
                continue;
            }
            return false;
        }
        while (num > 0 && (size_t)ret >= iov->iov_len) {
            ret -= iov->iov_len;
            ++iov;
            --num;
        }
        if (num > 0) {
            iov->iov_base = (uint8_t *)iov->iov_base + ret;
            iov->iov_len -= ret;
        }
    }
    return true;
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST
