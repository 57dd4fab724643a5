// Tests of the mailbox between the two cores of an STM32WB, with a model of the second core.
// mailbox NAME runs one of them: ends with 0, or says which line did not hold. Time is that
// of the model: a poll of a flag takes a microsecond.

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rfcore.c"

#include "extmod/rust_ble/c-glue/hci.h"

uint8_t sram2a[64 * sizeof(void *)];
__typeof__(chip) chip;

#define POOL_BUFFERS (6)
#define BUFFER_BYTES (272)
#define NODE_BYTES (sizeof(tl_list_node_t))

static uint64_t now_us;
static uint32_t to_core; // Flags of the channels, as bits.
static uint32_t to_us;

static struct {
    bool dead;
    bool keeps_semaphore;
    bool keeps_pool; // Dead to the channel of the buffers alone.
    int inits;
    int resets;
    int acl;
} core;

// ----------------------------------------------------------------------------
// The second core.

static void core_queue(void *buffer, const uint8_t *body, size_t len) {
    tl_list_node_t *node = buffer;
    memcpy(node->body, body, len);
    tl_list_append(&ipcc_mem_ble_evt_queue, node);
    to_us |= IPCC_CH_BLE;
}

static void core_answer(uint16_t opcode) {
    const uint8_t body[] = { 0x04, 0x0e, 4, 1, opcode, opcode >> 8, 0 };
    core_queue(ipcc_membuf_ble_cs_buf, body, sizeof(body));
}

static void core_run(void) {
    ++now_us;
    if (core.dead) {
        return;
    }
    if (to_core & IPCC_CH_SYS) {
        uint16_t opcode = ipcc_membuf_sys_cmd_buf[9] | ipcc_membuf_sys_cmd_buf[10] << 8;
        core.inits += opcode == HCI_OPCODE(OGF_VENDOR, OCF_BLE_INIT);
        to_core &= ~IPCC_CH_SYS;
    }
    // It has one buffer for responses.
    if ((to_core & IPCC_CH_BLE) && !(to_us & IPCC_CH_BLE)) {
        // Where rfcore.c puts it with pointers of four bytes, or of this machine.
        const uint8_t *body = &ipcc_membuf_ble_cmd_buf[8];
        body = body[0] == HCI_KIND_BT_CMD ? body : ipcc_membuf_ble_cmd_buf + NODE_BYTES;
        uint16_t opcode = body[1] | body[2] << 8;
        core.resets += opcode == HCI_OPCODE(OGF_CTLR_BASEBAND, OCF_CB_RESET);
        to_core &= ~IPCC_CH_BLE;
        core_answer(opcode);
    }
    if (to_core & IPCC_CH_HCI_ACL) {
        ++core.acl;
        to_core &= ~IPCC_CH_HCI_ACL;
    }
    if ((to_core & IPCC_CH_MM) && !core.keeps_pool) {
        tl_list_init(&ipcc_mem_memmgr_free_buf_queue);
        to_core &= ~IPCC_CH_MM;
    }
}

bool LL_C1_IPCC_IsActiveFlag_CHx(int ipcc, uint32_t channel) {
    core_run();
    return to_core & channel;
}

bool LL_C2_IPCC_IsActiveFlag_CHx(int ipcc, uint32_t channel) {
    core_run();
    return to_us & channel;
}

void LL_C1_IPCC_SetFlag_CHx(int ipcc, uint32_t channel) {
    to_core |= channel;
}

void LL_C1_IPCC_ClearFlag_CHx(int ipcc, uint32_t channel) {
    to_us &= ~channel;
}

bool LL_HSEM_1StepLock(int hsem, uint32_t semaphore) {
    ++now_us;
    return core.keeps_semaphore;
}

// ----------------------------------------------------------------------------
// The rest of the chip, and the port.

mp_uint_t mp_hal_ticks_ms(void) {
    core_run();
    return now_us / 1000;
}

void mp_hal_delay_ms(mp_uint_t ms) {
    now_us += ms * 1000;
}

void mp_hal_get_mac(int which, uint8_t *mac) {
    memcpy(mac, "\x01\x02\x03\x04\x05\x06", 6);
}

void rtc_init_finalise(void) {
}

void mp_bluetooth_hci_poll(void) {
}

void mp_bluetooth_hci_poll_now(void) {
}

// ----------------------------------------------------------------------------
// Tests.

static uint8_t received[16 * BUFFER_BYTES];
static size_t num_received;

static void receive(void) {
    const uint8_t *data;
    int len;
    num_received = 0;
    while ((len = mp_rust_ble_hci_peek(&data)) > 0) {
        memcpy(&received[num_received], data, len);
        num_received += len;
        mp_rust_ble_hci_consume(len);
    }
}

static bool send(const char *bytes, size_t len) {
    mp_rust_ble_part_t part = { (const uint8_t *)bytes, len };
    return mp_rust_ble_hci_send(&part, 1);
}

static bool send_reset(void) {
    return send("\x01\x03\x0c\x00", 4);
}

static void *pool_buffer(int i) {
    return &ipcc_membuf_memmgr_evt_pool[i * BUFFER_BYTES];
}

static void start(void) {
    rfcore_init();
    assert(mp_rust_ble_transport_open() == 0);
    assert(core.inits == 1 && core.resets == 1);
    receive();
}

static void test_commands(void) {
    start();
    assert(send_reset());
    receive();
    assert(num_received == 7 && memcmp(received, "\x04\x0e\x04\x01\x03\x0c\x00", 7) == 0);
}

// All that the second core can have at once arrives.
static void test_everything_at_once(void) {
    start();
    uint8_t event[BUFFER_BYTES - NODE_BYTES] = { 0x04, 0x3e, sizeof(event) - 3 };
    size_t len = sizeof(event);
    for (int i = 0; i < POOL_BUFFERS; ++i) {
        event[3] = i;
        core_queue(pool_buffer(i), event, len);
    }
    core_queue(ipcc_membuf_memmgr_ble_spare_evt_buf, event, len);
    core_answer(0x0c03);
    receive();
    assert(num_received == (POOL_BUFFERS + 1) * len + 7);
    for (int i = 0; i < POOL_BUFFERS; ++i) {
        assert(received[i * len] == 0x04 && received[i * len + 3] == i);
    }
}

// While the port waits for room, what frees it is collected.
static void test_acl_waits_for_credit(void) {
    start();
    assert(send("\x02\x01\x00\x01\x00x", 6));
    const uint8_t completed[] = { 0x04, 0x13, 5, 1, 1, 0, 1, 0 };
    core_queue(pool_buffer(0), completed, sizeof(completed));
    uint64_t before = now_us;
    assert(send("\x02\x01\x00\x01\x00y", 6));
    assert(now_us - before < 1000);
    mp_hal_ticks_ms();
    assert(core.acl == 2);
    receive();
    assert(num_received == sizeof(completed));
}

static void test_too_long_packet(void) {
    start();
    char packet[300] = "\x02";
    assert(send(packet, sizeof(packet)));
    mp_hal_ticks_ms();
    assert(core.acl == 0);
}

// A reset may go wrong in the second core; one that nobody needs is not asked for.
static void test_no_reset_on_the_way_out(void) {
    start();
    mp_rust_ble_transport_close();
    assert(core.inits == 1 && core.resets == 1);
}

static void dead_core_is_left_in_time(void) {
    uint64_t before = now_us;
    mp_rust_ble_transport_open();
    send_reset();
    send("\x02\x01\x00\x01\x00x", 6);
    send("\x02\x01\x00\x01\x00y", 6);
    receive();
    assert(num_received == 0);
    mp_rust_ble_transport_close();
    assert(now_us - before < 5000000);
}

static void test_dead_from_the_start(void) {
    core.dead = true;
    rfcore_init();
    dead_core_is_left_in_time();
}

static void test_dead_later(void) {
    start();
    core.dead = true;
    dead_core_is_left_in_time();
}

// It comes back with the retry that the port makes.
static void test_alive_again(void) {
    start();
    core.dead = true;
    dead_core_is_left_in_time();
    core.dead = false;
    assert(mp_rust_ble_transport_open() == 0);
    receive();
    assert(send_reset());
    receive();
    assert(num_received >= 7);
}

static void test_dead_with_the_semaphore(void) {
    core.keeps_semaphore = core.dead = true;
    uint64_t before = now_us;
    rfcore_init();
    assert(now_us - before < 1000000);
    dead_core_is_left_in_time();
}

static void test_dead_with_the_buffers(void) {
    start();
    core.keeps_pool = true;
    const uint8_t event[] = { 0x04, 0x3e, 1, 7 };
    core_queue(pool_buffer(0), event, sizeof(event));
    receive();
    uint64_t before = now_us;
    for (int i = 1; i < POOL_BUFFERS; ++i) {
        core_queue(pool_buffer(i), event, sizeof(event));
    }
    receive();
    assert(now_us - before < 1000000);
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
#define TEST(name) { #name, test_##name }
    TEST(commands),
    TEST(everything_at_once),
    TEST(acl_waits_for_credit),
    TEST(too_long_packet),
    TEST(no_reset_on_the_way_out),
    TEST(dead_from_the_start),
    TEST(dead_later),
    TEST(alive_again),
    TEST(dead_with_the_semaphore),
    TEST(dead_with_the_buffers),
};

int main(int argc, char **argv) {
    alarm(10); // What hangs is ended.
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); ++i) {
        if (argc < 2) {
            puts(tests[i].name);
        } else if (strcmp(argv[1], tests[i].name) == 0) {
            tests[i].run();
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}
