// The standard variant with the Rust Bluetooth LE host.

// Set base feature level.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// Enable extra Unix features.
#include "../mpconfigvariant_common.h"

// The pump is a static node of the scheduler.
#define MICROPY_SCHEDULER_STATIC_NODES (1)

// Ctrl-C must not longjmp out of the middle of the host: it becomes a pending
// exception that is raised at the next bytecode or interrupted system call.
#undef MICROPY_ASYNC_KBD_INTR
#define MICROPY_ASYNC_KBD_INTR (0)

// Sleep until a signal says that there is something to run, instead of waking
// up 2000 times a second.
#include <stddef.h>
void mp_rust_ble_delay_ms(size_t ms);
#define mp_hal_delay_ms mp_rust_ble_delay_ms
