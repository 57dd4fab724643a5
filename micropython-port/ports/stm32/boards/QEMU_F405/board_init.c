#include "py/mphal.h"
#include "rng.h"

#define CLOCK_HZ (168000000)

// Replaces the weak one: the emulator has no oscillators to wait for.
void SystemClock_Config(void) {
    SystemCoreClock = CLOCK_HZ;
    SysTick_Config(CLOCK_HZ / 1000);
    NVIC_SetPriority(SysTick_IRQn, NVIC_EncodePriority(NVIC_PRIORITYGROUP_4, TICK_INT_PRIORITY, 0));
}

// Semihosting: numbers of the machine that the emulator runs on, for want of a generator.
#define SEMIHOSTING_OPEN (0x01)
#define SEMIHOSTING_READ (0x06)

static int semihosting(int operation, const void *args) {
    register int r0 __asm ("r0") = operation;
    register const void *r1 __asm ("r1") = args;
    __asm volatile ("bkpt 0xab" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

uint32_t __wrap_rng_get(void) {
    static const char name[] = "/dev/urandom";
    static int file = -1;
    if (file == -1) {
        uintptr_t open[] = { (uintptr_t)name, 1, sizeof(name) - 1 }; // Mode "rb".
        file = semihosting(SEMIHOSTING_OPEN, open);
    }
    uint32_t number = 0;
    uintptr_t read[] = { file, (uintptr_t)&number, sizeof(number) };
    semihosting(SEMIHOSTING_READ, read);
    return number;
}
