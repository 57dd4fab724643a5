// The qemu port's configuration, with a clock, events and Bluetooth.

#include "mpconfigport.h"

#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)

#undef MICROPY_PY_MACHINE_INCLUDEFILE
#define MICROPY_PY_MACHINE_INCLUDEFILE "ports/qemu/rust_ble/modmachine.c"

#define MICROPY_SCHEDULER_DEPTH (8)
#define MICROPY_SCHEDULER_STATIC_NODES (1)

#include <stdint.h>

static inline uint32_t rust_ble_irq_disable(void) {
    uint32_t state;
    __asm volatile ("mrs %0, primask\n cpsid i" : "=r" (state) : : "memory");
    return state;
}

static inline void rust_ble_irq_restore(uint32_t state) {
    __asm volatile ("msr primask, %0" : : "r" (state) : "memory");
}

#define MICROPY_BEGIN_ATOMIC_SECTION() rust_ble_irq_disable()
#define MICROPY_END_ATOMIC_SECTION(state) rust_ble_irq_restore(state)
#define MICROPY_PY_PENDSV_ENTER uint32_t pendsv_state = rust_ble_irq_disable();
#define MICROPY_PY_PENDSV_EXIT rust_ble_irq_restore(pendsv_state);

void rust_ble_board_wait(int32_t timeout_ms);
#define MICROPY_INTERNAL_WFE(TIMEOUT_MS) rust_ble_board_wait(TIMEOUT_MS)
