// Included by extmod/modmachine.c: the port's own, with an idle() that sleeps.

static void mp_machine_idle_stock(void) __attribute__((unused));
#define mp_machine_idle mp_machine_idle_stock
#include "ports/qemu/modmachine.c"
#undef mp_machine_idle

static void mp_machine_idle(void) {
    rust_ble_board_wait(1);
}
