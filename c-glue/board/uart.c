// HCI through the port's mp_bluetooth_hci_uart_* functions (extmod/mpbthci.h): a UART, or
// the mailbox of an STM32WB, which the stm32 port hides behind the same names.

#include "py/runtime.h"

#if MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST && !MICROPY_PY_BLUETOOTH_CYW43

#include <string.h>
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/stream.h"
#include "extmod/modbluetooth.h"
#include "extmod/mpbthci.h"
#include "mpbthciport.h"
#include "../hci.h"
#include "transport.h"

#include "extmod/modmachine.h"

#if defined(STM32_HAL_H)
#include "uart.h" // The boards name their UARTs by it.
#endif

#define READS_PACKETS (MICROPY_PY_BLUETOOTH_HCI_READ_MODE == MICROPY_PY_BLUETOOTH_HCI_READ_MODE_PACKET)

#ifndef MICROPY_PY_BLUETOOTH_HCI_READ_MODE
#define MICROPY_PY_BLUETOOTH_HCI_READ_MODE MICROPY_PY_BLUETOOTH_HCI_READ_MODE_BYTE
#endif

// The port gives bytes one by one. An STM32WB's second core hands over all packets that it
// has at once; they are at most what its pool, its spare buffer and its buffer for responses
// in rfcore.c hold.
#if READS_PACKETS
#define STAGE_SIZE ((6 + 2) * 264)
#else
#define STAGE_SIZE (64)
#endif

// Where interrupt and thread may run on two cores: the port's functions leave bytes behind,
// or read some that are not there, while the other is inside.
#if LIB_PICO_PLATFORM
#define UART_ENTER() MICROPY_BEGIN_ATOMIC_SECTION()
#define UART_EXIT(state) MICROPY_END_ATOMIC_SECTION(state)
#else
#define UART_ENTER() (0)
#define UART_EXIT(state) ((void)(state))
#endif

static void irq_claim(void);

static uint8_t stage[STAGE_SIZE];
static uint16_t stage_len;
static uint16_t stage_pos;

#if READS_PACKETS
static void stage_byte(uint8_t byte) {
    if (stage_len < STAGE_SIZE) {
        stage[stage_len++] = byte;
    }
}
#endif

static void stage_fill(void) {
    stage_len = 0;
    stage_pos = 0;
    irq_claim();
    bool awake = mp_bluetooth_hci_controller_woken();
    #if READS_PACKETS
    mp_bluetooth_hci_uart_readpacket(stage_byte);
    #else
    while (stage_len < STAGE_SIZE) {
        uint32_t state = UART_ENTER();
        int byte = mp_bluetooth_hci_uart_readchar();
        UART_EXIT(state);
        if (byte < 0) {
            break;
        }
        stage[stage_len++] = byte;
    }
    #endif
    if (awake && stage_len == 0) {
        mp_bluetooth_hci_controller_sleep_maybe();
    }
}

int mp_rust_ble_hci_peek(const uint8_t **data) {
    if (stage_pos == stage_len) {
        stage_fill();
    }
    *data = &stage[stage_pos];
    return stage_len - stage_pos;
}

void mp_rust_ble_hci_consume(size_t len) {
    stage_pos += len;
}

#if READS_PACKETS

// The second core gets a packet as a whole, in the buffer that the port has for that.
extern uint8_t mp_bluetooth_hci_cmd_buf[4 + 256];

bool mp_rust_ble_hci_send(const mp_rust_ble_part_t *parts, size_t num_parts) {
    size_t len = 0;
    for (size_t i = 0; i < num_parts; ++i) {
        if (parts[i].len > sizeof(mp_bluetooth_hci_cmd_buf) - len) {
            return true; // Longer than the core's buffers, which it told us.
        }
        memcpy(&mp_bluetooth_hci_cmd_buf[len], parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    return mp_bluetooth_hci_uart_write(mp_bluetooth_hci_cmd_buf, len) == 0;
}

void mp_rust_ble_hci_wfi(void) {
    if (stage_pos == stage_len) {
        stage_fill();
    }
}

#elif LIB_PICO_PLATFORM

// The port's own write runs handlers, and raises, once its buffer is full, which would cut
// a packet in two; so give it what fits.

#define SEND_LIMIT_MS (1000)

extern mp_obj_t mp_bthci_uart;

static const mp_stream_p_t *uart_protocol(void) {
    return (const mp_stream_p_t *)MP_OBJ_TYPE_GET_SLOT(&machine_uart_type, protocol);
}

static bool has_room(void) {
    int err;
    return uart_protocol()->ioctl(mp_bthci_uart, MP_STREAM_POLL, MP_STREAM_POLL_WR, &err) == MP_STREAM_POLL_WR;
}

// Returns false when the controller takes nothing for too long.
static bool send_byte(uint8_t byte) {
    uint32_t start = mp_rust_ble_now();
    while (!has_room()) {
        if (mp_rust_ble_now() - start > SEND_LIMIT_MS) {
            return false;
        }
        MICROPY_INTERNAL_WFE(1);
    }
    int err;
    uint32_t state = UART_ENTER();
    bool sent = uart_protocol()->write(mp_bthci_uart, &byte, 1, &err) == 1;
    UART_EXIT(state);
    return sent;
}

bool mp_rust_ble_hci_send(const mp_rust_ble_part_t *parts, size_t num_parts) {
    mp_bluetooth_hci_controller_wakeup();
    for (size_t i = 0; i < num_parts; ++i) {
        for (size_t n = 0; n < parts[i].len; ++n) {
            if (!send_byte(parts[i].data[n])) {
                return false;
            }
        }
    }
    return true;
}

#else

bool mp_rust_ble_hci_send(const mp_rust_ble_part_t *parts, size_t num_parts) {
    for (size_t i = 0; i < num_parts; ++i) {
        if (parts[i].len > 0 && mp_bluetooth_hci_uart_write(parts[i].data, parts[i].len) != 0) {
            return false;
        }
    }
    return true;
}

#endif

#if LIB_PICO_PLATFORM

// rp2's UART takes its interrupts without telling anybody; step in between. The linker gives
// us the calls of the SDK's function. A script may set up this UART again while it is ours.

#include "hardware/irq.h"
#include "hardware/uart.h"

#define UART_IRQ (UART0_IRQ + MICROPY_HW_BLE_UART_ID)

static irq_handler_t uart_irq_handler;
static volatile bool irq_attached;
static volatile bool irq_unclaimed;

void __real_irq_set_exclusive_handler(uint num, irq_handler_t handler);
void __wrap_irq_set_exclusive_handler(uint num, irq_handler_t handler);

static void uart_irq(void) {
    if (!irq_attached) {
        uart_irq_handler();
        return;
    }
    uint32_t state = UART_ENTER();
    uart_irq_handler();
    UART_EXIT(state);
    mp_bluetooth_hci_poll_now();
}

void __wrap_irq_set_exclusive_handler(uint num, irq_handler_t handler) {
    if (num == UART_IRQ) {
        uart_irq_handler = handler;
        handler = uart_irq;
    }
    __real_irq_set_exclusive_handler(num, handler);
}

// The interrupt comes to the core that has set the UART up. It is to come to the main core,
// for the other is reset when a thread begins or MicroPython ends it.
static void irq_attach(void) {
    irq_attached = true;
    if (get_core_num() != 0) {
        irq_set_enabled(UART_IRQ, false);
        irq_unclaimed = true;
    }
}

static void irq_claim(void) {
    if (irq_unclaimed && get_core_num() == 0) {
        irq_unclaimed = false;
        irq_set_enabled(UART_IRQ, true);
    }
}

// For both cores.
static void irq_detach(void) {
    irq_attached = false;
    irq_unclaimed = false;
    uart_set_irq_enables(UART_INSTANCE(MICROPY_HW_BLE_UART_ID), false, false);
}

#elif defined(STM32_HAL_H) && MICROPY_HW_BLE_UART_RXNE

// For a UART that does not tell when its line falls idle, which is what the port waits for.

extern machine_uart_obj_t mp_bluetooth_hci_uart_obj;

static void irq_attach(void) {
    mp_bluetooth_hci_uart_obj.mp_irq_trigger |= UART_FLAG_RXNE;
}

static void irq_detach(void) {
    mp_bluetooth_hci_uart_obj.mp_irq_trigger &= ~UART_FLAG_RXNE;
}

#else

static void irq_attach(void) {
}

static void irq_detach(void) {
}

#endif

#if !LIB_PICO_PLATFORM
static void irq_claim(void) {
}
#endif

int mp_rust_ble_transport_open(void) {
    stage_len = 0;
    stage_pos = 0;
    int err = mp_bluetooth_hci_uart_init(MICROPY_HW_BLE_UART_ID, MICROPY_HW_BLE_UART_BAUDRATE);
    if (err != 0 || mp_bluetooth_hci_controller_init() != 0) {
        mp_bluetooth_hci_uart_deinit();
        return MP_EIO;
    }
    irq_attach();
    return 0;
}

void mp_rust_ble_transport_close(void) {
    irq_detach();
    mp_bluetooth_hci_controller_deinit();
    #if !READS_PACKETS
    // An STM32WB would reset its second core again, which the host has done and the next
    // opening does; each time is one for its firmware to go wrong.
    mp_bluetooth_hci_uart_deinit();
    #endif
}

#endif // MICROPY_PY_BLUETOOTH && MICROPY_BLUETOOTH_RUST && !MICROPY_PY_BLUETOOTH_CYW43
