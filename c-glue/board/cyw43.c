// HCI over the bus that a CYW43's Wi-Fi uses too (Pico W, Pico 2 W).

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST && MICROPY_PY_BLUETOOTH_CYW43

#include <string.h>
#include "py/mperrno.h"
#include "py/mphal.h"
#include "extmod/modbluetooth.h"
#include "lib/cyw43-driver/src/cyw43.h"
#include "mpbthciport.h"
#include "../hci.h"
#include "transport.h"

// The driver puts three bytes of length before each H4 packet, and moves whole words.
#define PREFIX (3)
// The longest is an event.
#define PACKET_SIZE (PREFIX + 1 + 260)

static uint8_t rx[PACKET_SIZE] __attribute__((aligned(4)));
static uint16_t rx_len;
static uint16_t rx_pos;
static bool is_open;

// Called by the driver at the priority of PendSV when the chip has something for us.
void cyw43_bluetooth_hci_process(void) {
    if (is_open) {
        mp_bluetooth_hci_poll_now();
    }
}

int mp_rust_ble_hci_peek(const uint8_t **data) {
    if (rx_pos == rx_len) {
        uint32_t len = 0;
        CYW43_THREAD_ENTER;
        int err = cyw43_bluetooth_hci_read(rx, sizeof(rx), &len);
        CYW43_THREAD_EXIT;
        if (err != 0) {
            return -1;
        }
        rx_pos = PREFIX;
        rx_len = MAX(len, PREFIX);
    }
    *data = &rx[rx_pos];
    return rx_len - rx_pos;
}

void mp_rust_ble_hci_consume(size_t len) {
    rx_pos += len;
}

bool mp_rust_ble_hci_send(const mp_rust_ble_part_t *parts, size_t num_parts) {
    uint8_t tx[PACKET_SIZE] __attribute__((aligned(4)));
    size_t len = PREFIX;
    for (size_t i = 0; i < num_parts; ++i) {
        if (parts[i].len > sizeof(tx) - len) {
            return true; // Longer than the chip's buffers, which it told us.
        }
        memcpy(&tx[len], parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    CYW43_THREAD_ENTER;
    int err = cyw43_bluetooth_hci_write(tx, len);
    CYW43_THREAD_EXIT;
    return err == 0;
}

// Chips whose address was never programmed share one: give ours the one after Wi-Fi's, as
// the vendor intends. Waits for the answer, for a bounded time.
static int set_address(void) {
    uint8_t mac[6];
    cyw43_hal_get_mac(CYW43_HAL_MAC_WLAN0, mac);
    mac[5] += 1;
    uint8_t command[] = { 0x01, 0x01, 0xfc, 0x06, mac[5], mac[4], mac[3], mac[2], mac[1], mac[0] };
    mp_rust_ble_part_t part = { command, sizeof(command) };
    if (!mp_rust_ble_hci_send(&part, 1)) {
        return MP_EIO;
    }
    uint32_t start = mp_rust_ble_now();
    while (mp_rust_ble_now() - start < 1000) {
        const uint8_t *data;
        int len = mp_rust_ble_hci_peek(&data);
        if (len < 0) {
            return MP_EIO;
        }
        // Command Complete (or Command Status) for 0xfc01.
        bool answer = len >= 7 && data[0] == 0x04 &&
            ((data[1] == 0x0e && data[4] == 0x01 && data[5] == 0xfc) ||
                (data[1] == 0x0f && data[5] == 0x01 && data[6] == 0xfc));
        mp_rust_ble_hci_consume(len);
        if (answer) {
            return 0;
        }
        if (len == 0) {
            MICROPY_INTERNAL_WFE(1);
        }
    }
    return MP_ETIMEDOUT;
}

int mp_rust_ble_transport_open(void) {
    rx_len = 0;
    rx_pos = 0;
    if (cyw43_bluetooth_hci_init() != 0) {
        return MP_EIO;
    }
    int err = set_address();
    is_open = err == 0;
    return err;
}

void mp_rust_ble_transport_close(void) {
    is_open = false;
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST && MICROPY_PY_BLUETOOTH_CYW43
