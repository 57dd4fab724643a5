// Clock, sleep and interrupt driven UARTs for the MPS2 boards (CMSDK peripherals, as
// in "ARM Cortex-M Prototyping System", DAI0385). The names with __wrap_ replace what
// the port has, or fill in what it lacks.

#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "extmod/modbluetooth.h"
#include "shared/runtime/interrupt_char.h"
#include "shared/runtime/softtimer.h"
#include "board.h"

#define CLOCK_HZ (25000000)
#define TICKS_PER_US (CLOCK_HZ / 1000000)

// CMSDK UART.
typedef struct _cmsdk_uart_t {
    volatile uint32_t data;
    volatile uint32_t state;
    volatile uint32_t ctrl;
    volatile uint32_t intstatus; // Write 1 to clear.
    volatile uint32_t bauddiv;
} cmsdk_uart_t;

#define UART_REPL ((cmsdk_uart_t *)0x40004000)
#define UART_HCI ((cmsdk_uart_t *)0x40005000)

#define UART_STATE_TX_FULL (1 << 0)
#define UART_STATE_RX_FULL (1 << 1)
#define UART_CTRL_TX_EN (1 << 0)
#define UART_CTRL_RX_EN (1 << 1)
#define UART_CTRL_RX_INT (1 << 3)
#define UART_INT_RX (1 << 1)

// CMSDK APB timer: counts down from reload to 0, then again.
typedef struct _cmsdk_timer_t {
    volatile uint32_t ctrl;
    volatile uint32_t value;
    volatile uint32_t reload;
    volatile uint32_t intclear;
} cmsdk_timer_t;

#define TIMER_CLOCK ((cmsdk_timer_t *)0x40000000)
#define TIMER_ALARM ((cmsdk_timer_t *)0x40001000)

#define TIMER_CTRL_EN (1 << 0)
#define TIMER_CTRL_INT (1 << 3)

// Interrupt numbers.
#define IRQ_REPL_RX (0)
#define IRQ_HCI_RX (2)
#define IRQ_CLOCK (8)
#define IRQ_ALARM (9)

#define NVIC_ISER (*(volatile uint32_t *)0xe000e100)
#define NVIC_ICER (*(volatile uint32_t *)0xe000e180)
#define SCB_ICSR (*(volatile uint32_t *)0xe000ed04)
#define SCB_VTOR (*(volatile uint32_t *)0xe000ed08)
#define SCB_SHPR3 (*(volatile uint32_t *)0xe000ed20)
#define SYSTICK_CSR (*(volatile uint32_t *)0xe000e010)
#define ICSR_PENDSVSET (1 << 28)
#define PRIORITY_LOWEST (0xff)

#define NUM_VECTORS (16 + 32)
#define VECTOR_PENDSV (14)

static uint32_t vectors[NUM_VECTORS] __attribute__((aligned(256)));

// Set by every interrupt, so that one that comes just before the CPU goes to sleep
// is not slept through.
static volatile bool woken;

#if !MICROPY_PY_BLUETOOTH
void board_hci_received(void) {
}
#endif

// ----------------------------------------------------------------------------
// Clock: TIMER_CLOCK wraps every 100 s.

#define CLOCK_PERIOD_MS (100000)

static volatile uint32_t clock_periods;

static void clock_irq(void) {
    TIMER_CLOCK->intclear = 1;
    ++clock_periods;
}

static uint64_t clock_us(void) {
    uint32_t state = rust_ble_irq_disable();
    uint32_t periods = clock_periods;
    uint32_t value = TIMER_CLOCK->value;
    if (TIMER_CLOCK->intclear & 1) {
        // It wrapped, and the interrupt is still to come.
        value = TIMER_CLOCK->value;
        ++periods;
    }
    rust_ble_irq_restore(state);
    uint32_t ticks = TIMER_CLOCK->reload - value;
    return (uint64_t)periods * CLOCK_PERIOD_MS * 1000 + ticks / TICKS_PER_US;
}

static uint32_t clock_ms(void) {
    return clock_us() / 1000;
}

mp_uint_t __wrap_mp_hal_ticks_ms(void) {
    return clock_ms();
}

mp_uint_t __wrap_mp_hal_ticks_us(void) {
    return clock_us();
}

mp_uint_t __wrap_mp_hal_ticks_cpu(void) {
    return TIMER_CLOCK->reload - TIMER_CLOCK->value;
}

// ----------------------------------------------------------------------------
// Alarm: wakes the CPU for the next soft timer or for the end of a sleep.

static bool soft_timer_armed;
static uint32_t soft_timer_at;
static bool sleep_armed;
static uint32_t sleep_until;

// Call with interrupts off.
static void alarm_set(void) {
    TIMER_ALARM->ctrl = 0;
    TIMER_ALARM->intclear = 1;
    if (!soft_timer_armed && !sleep_armed) {
        return;
    }
    uint32_t now = clock_ms();
    int32_t ms = INT32_MAX;
    if (soft_timer_armed) {
        ms = soft_timer_at - now;
    }
    if (sleep_armed) {
        ms = MIN(ms, (int32_t)(sleep_until - now));
    }
    // A late alarm comes at once, and a far one in several steps.
    ms = MAX(0, MIN(ms, CLOCK_PERIOD_MS));
    TIMER_ALARM->reload = MAX(1, (uint32_t)ms * 1000 * TICKS_PER_US);
    TIMER_ALARM->ctrl = TIMER_CTRL_EN | TIMER_CTRL_INT;
}

static void alarm_irq(void) {
    TIMER_ALARM->ctrl = 0;
    TIMER_ALARM->intclear = 1;
    woken = true;
    uint32_t now = clock_ms();
    if (soft_timer_armed && (int32_t)(soft_timer_at - now) <= 0) {
        soft_timer_armed = false;
        SCB_ICSR = ICSR_PENDSVSET;
    }
    if (sleep_armed && (int32_t)(sleep_until - now) <= 0) {
        sleep_armed = false;
    }
    alarm_set();
}

static void pendsv(void) {
    soft_timer_handler();
}

uint32_t soft_timer_get_ms(void) {
    return clock_ms();
}

void soft_timer_schedule_at_ms(uint32_t ticks_ms) {
    uint32_t state = rust_ble_irq_disable();
    soft_timer_armed = true;
    soft_timer_at = ticks_ms;
    alarm_set();
    rust_ble_irq_restore(state);
}

void rust_ble_board_wait(int32_t timeout_ms) {
    if (timeout_ms == 0) {
        return;
    }
    uint32_t state = rust_ble_irq_disable();
    if (!woken) {
        if (timeout_ms > 0) {
            sleep_armed = true;
            sleep_until = clock_ms() + timeout_ms;
            alarm_set();
        }
        // A pending interrupt ends this also while it is masked.
        __asm volatile ("dsb\n wfi" : : : "memory");
        sleep_armed = false;
    }
    woken = false;
    rust_ble_irq_restore(state);
}

void __wrap_mp_hal_delay_us(mp_uint_t us) {
    uint64_t start = clock_us();
    while (clock_us() - start < us) {
    }
}

void __wrap_mp_hal_delay_ms(mp_uint_t ms) {
    uint32_t start = clock_ms();
    uint32_t elapsed = 0;
    do {
        mp_event_wait_ms(ms - elapsed);
        elapsed = clock_ms() - start;
    } while (elapsed < ms);
}

// ----------------------------------------------------------------------------
// UARTs. While a buffer is full the interrupt is off, and the line waits.

static uint8_t repl_buf[512];
static uint8_t hci_buf[4096];
static board_rx_t repl_rx = { repl_buf, sizeof(repl_buf) };
board_rx_t board_hci_rx = { hci_buf, sizeof(hci_buf) };

static bool rx_full(board_rx_t *rx) {
    return (rx->head + 1) % rx->size == rx->tail;
}

static void rx_put(board_rx_t *rx, uint8_t byte) {
    rx->buf[rx->head] = byte;
    rx->head = (rx->head + 1) % rx->size;
}

size_t board_rx_peek(board_rx_t *rx, const uint8_t **data) {
    size_t head = rx->head;
    *data = &rx->buf[rx->tail];
    return head >= rx->tail ? head - rx->tail : rx->size - rx->tail;
}

void board_rx_consume(board_rx_t *rx, size_t len) {
    rx->tail = (rx->tail + len) % rx->size;
    NVIC_ISER = rx == &repl_rx ? 1 << IRQ_REPL_RX : 1 << IRQ_HCI_RX;
}

static void repl_irq(void) {
    UART_REPL->intstatus = UART_INT_RX;
    woken = true;
    while (UART_REPL->state & UART_STATE_RX_FULL) {
        if (rx_full(&repl_rx)) {
            NVIC_ICER = 1 << IRQ_REPL_RX;
            return;
        }
        uint8_t byte = UART_REPL->data;
        if (byte == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            rx_put(&repl_rx, byte);
        }
    }
}

static void hci_irq(void) {
    UART_HCI->intstatus = UART_INT_RX;
    woken = true;
    while (UART_HCI->state & UART_STATE_RX_FULL) {
        if (rx_full(&board_hci_rx)) {
            NVIC_ICER = 1 << IRQ_HCI_RX;
            break;
        }
        rx_put(&board_hci_rx, UART_HCI->data);
    }
    board_hci_received();
}

void board_hci_enable(bool on) {
    NVIC_ICER = 1 << IRQ_HCI_RX;
    board_hci_rx.tail = board_hci_rx.head;
    if (on) {
        UART_HCI->bauddiv = 16;
        UART_HCI->ctrl = UART_CTRL_TX_EN | UART_CTRL_RX_EN | UART_CTRL_RX_INT;
        NVIC_ISER = 1 << IRQ_HCI_RX;
    } else {
        UART_HCI->ctrl = 0;
    }
}

bool board_hci_write(const uint8_t *data, size_t len) {
    for (size_t i = 0; i < len; ++i) {
        if (UART_HCI->state & UART_STATE_TX_FULL) {
            uint32_t start = clock_ms();
            while (UART_HCI->state & UART_STATE_TX_FULL) {
                if (clock_ms() - start > 1000) {
                    return false;
                }
            }
        }
        UART_HCI->data = data[i];
    }
    return true;
}

int __wrap_mp_hal_stdin_rx_chr(void) {
    const uint8_t *data;
    while (board_rx_peek(&repl_rx, &data) == 0) {
        mp_event_wait_indefinite();
    }
    int byte = *data;
    board_rx_consume(&repl_rx, 1);
    return byte;
}

uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t flags) {
    const uint8_t *data;
    uintptr_t ready = flags & MP_STREAM_POLL_WR;
    if ((flags & MP_STREAM_POLL_RD) && board_rx_peek(&repl_rx, &data) != 0) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready;
}

// ----------------------------------------------------------------------------
// Random bytes: the emulator reads them from the machine that it runs on.

#define SEMIHOSTING_OPEN (0x01)
#define SEMIHOSTING_CLOSE (0x02)
#define SEMIHOSTING_READ (0x06)

static int semihosting(int operation, const void *args) {
    register int r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = args;
    __asm volatile ("bkpt 0xab" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

bool board_random(uint8_t *buf, size_t len) {
    static const char name[] = "/dev/urandom";
    uintptr_t open[] = { (uintptr_t)name, 1, sizeof(name) - 1 }; // Mode "rb".
    int file = semihosting(SEMIHOSTING_OPEN, open);
    if (file == -1) {
        return false;
    }
    uintptr_t read[] = { file, (uintptr_t)buf, len };
    int missing = semihosting(SEMIHOSTING_READ, read);
    uintptr_t close[] = { file };
    semihosting(SEMIHOSTING_CLOSE, close);
    return missing == 0;
}

void __wrap_mp_hal_get_random(size_t n, uint8_t *buf) {
    board_random(buf, n);
}

// ----------------------------------------------------------------------------
// Start and soft reset.

int __real_main(int argc, char **argv);
void __real_gc_sweep_all(void);

static void vector_set(int irq, void (*handler)(void)) {
    vectors[16 + irq] = (uint32_t)handler;
    NVIC_ISER = 1 << irq;
}

int __wrap_main(int argc, char **argv) {
    SYSTICK_CSR = 0;
    const uint32_t *rom_vectors = (const uint32_t *)SCB_VTOR;
    for (int i = 0; i < 16; ++i) {
        vectors[i] = rom_vectors[i];
    }
    vectors[VECTOR_PENDSV] = (uint32_t)pendsv;
    SCB_SHPR3 |= PRIORITY_LOWEST << 16;
    SCB_VTOR = (uint32_t)vectors;

    vector_set(IRQ_CLOCK, clock_irq);
    vector_set(IRQ_ALARM, alarm_irq);
    vector_set(IRQ_REPL_RX, repl_irq);
    vectors[16 + IRQ_HCI_RX] = (uint32_t)hci_irq;

    TIMER_CLOCK->reload = CLOCK_PERIOD_MS * 1000u * TICKS_PER_US - 1;
    TIMER_CLOCK->ctrl = TIMER_CTRL_EN | TIMER_CTRL_INT;
    UART_REPL->ctrl |= UART_CTRL_RX_INT;

    return __real_main(argc, argv);
}

// The port's first step of a soft reset.
void __wrap_gc_sweep_all(void) {
    #if MICROPY_PY_BLUETOOTH
    mp_bluetooth_deinit();
    #endif
    soft_timer_deinit();
    __real_gc_sweep_all();
}
