// What ports/stm32/rfcore.c, ports/stm32/mpbthciport.c and c-glue/board/uart.c take from
// MicroPython and from the chip, for test_mailbox.py: every header that they include is this one.
#ifndef MAILBOX_PORT_H
#define MAILBOX_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

// MicroPython.
#define MICROPY_PY_BLUETOOTH (1)
#define MICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS (1)
#define MICROPY_BLUETOOTH_RUST (1)
#define MICROPY_PY_BLUETOOTH_HCI_READ_MODE_PACKET (1)
#define MICROPY_PY_BLUETOOTH_HCI_READ_MODE MICROPY_PY_BLUETOOTH_HCI_READ_MODE_PACKET
#define MICROPY_HW_BLE_UART_ID (0)
#define MICROPY_HW_BLE_UART_BAUDRATE (0)
#define MICROPY_PY_BLUETOOTH_ENTER
#define MICROPY_PY_BLUETOOTH_EXIT
#define MICROPY_HW_RTC_USE_LSE (1)
#define MP_EIO (5)
#define MP_EINVAL (22)
#define MP_ETIMEDOUT (110)
#define MP_WEAK __attribute__((weak))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef const void *mp_obj_t;
typedef struct _mp_buffer_info_t { void *buf; size_t len; } mp_buffer_info_t;
typedef struct _mp_sched_node_t { int none; } mp_sched_node_t;
typedef struct _soft_timer_entry_t { int none; } soft_timer_entry_t;
typedef void (*mp_bluetooth_hci_uart_readchar_t)(uint8_t chr);
typedef void (*rfcore_ble_msg_callback_t)(void *, const uint8_t *, size_t);

#define SOFT_TIMER_MODE_ONE_SHOT (1)
#define soft_timer_static_init(timer, mode, ms, callback) ((void)(timer), (void)(callback))
#define soft_timer_reinsert(timer, ms) ((void)(timer), (void)(ms))
#define mp_sched_schedule_node(node, callback) ((void)(node), (void)(callback))

mp_uint_t mp_hal_ticks_ms(void);
void mp_hal_delay_ms(mp_uint_t ms);
void mp_hal_get_mac(int which, uint8_t *mac);
#define MP_HAL_MAC_BDADDR (0)

void mp_bluetooth_hci_init(void);
void mp_bluetooth_hci_poll(void);
void mp_bluetooth_hci_poll_now(void);
void mp_bluetooth_hci_poll_now_default(void);
void mp_bluetooth_hci_poll_in_ms_default(uint32_t ms);
int mp_bluetooth_hci_uart_init(uint32_t port, uint32_t baudrate);
int mp_bluetooth_hci_uart_deinit(void);
int mp_bluetooth_hci_uart_set_baudrate(uint32_t baudrate);
int mp_bluetooth_hci_uart_write(const uint8_t *buf, size_t len);
int mp_bluetooth_hci_uart_readpacket(mp_bluetooth_hci_uart_readchar_t handler);
int mp_bluetooth_hci_controller_init(void);
int mp_bluetooth_hci_controller_deinit(void);
int mp_bluetooth_hci_controller_sleep_maybe(void);
bool mp_bluetooth_hci_controller_woken(void);
int mp_bluetooth_hci_controller_wakeup(void);

void rtc_init_finalise(void);
void rfcore_init(void);
void rfcore_ble_init(void);
bool rfcore_ble_reset(void);
void rfcore_ble_hci_cmd(size_t len, const uint8_t *src);
size_t rfcore_ble_check_msg(rfcore_ble_msg_callback_t cb, void *env);
void rfcore_ble_set_txpower(uint8_t level);
void rfcore_start_flash_erase(void);
void rfcore_end_flash_erase(void);

// The module stm, which these tests leave alone.
#define MP_DEFINE_CONST_FUN_OBJ_0(name, f) const void *const name = (const void *)f
#define MP_DEFINE_CONST_FUN_OBJ_1(name, f) const void *const name = (const void *)f
#define MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(name, from, to, f) const void *const name = (const void *)f
#define MP_OBJ_NEW_SMALL_INT(i) ((mp_obj_t)(uintptr_t)(i))
#define MP_BUFFER_READ (1)
#define mp_obj_new_int_from_uint(i) MP_OBJ_NEW_SMALL_INT(i)
#define mp_obj_get_int(o) ((mp_int_t)(o))
#define mp_obj_new_tuple(n, items) (items[0])
#define mp_obj_new_bytes(buf, len) ((mp_obj_t)(buf))
#define mp_get_buffer_raise(o, info, flags) ((void)(o), (void)(info))
#define mp_raise_OSError(err) ((void)(err))

// The chip: two cores with a flag of each channel in either direction.
#define STM32WB
#define IPCC (0)
#define LL_IPCC_CHANNEL_1 (1 << 0)
#define LL_IPCC_CHANNEL_2 (1 << 1)
#define LL_IPCC_CHANNEL_3 (1 << 2)
#define LL_IPCC_CHANNEL_4 (1 << 3)
#define LL_IPCC_CHANNEL_5 (1 << 4)
#define LL_IPCC_CHANNEL_6 (1 << 5)
bool LL_C1_IPCC_IsActiveFlag_CHx(int ipcc, uint32_t channel);
bool LL_C2_IPCC_IsActiveFlag_CHx(int ipcc, uint32_t channel);
void LL_C1_IPCC_SetFlag_CHx(int ipcc, uint32_t channel);
void LL_C1_IPCC_ClearFlag_CHx(int ipcc, uint32_t channel);
#define LL_C1_IPCC_EnableReceiveChannel(ipcc, channel)
#define LL_C1_IPCC_DisableReceiveChannel(ipcc, channel)
#define LL_C1_IPCC_EnableIT_RXO(ipcc)
#define __HAL_RCC_IPCC_CLK_ENABLE()
#define __HAL_RCC_HSEM_CLK_ENABLE()
#define LL_RCC_HSI_Disable()
#define LL_RCC_HSI_Enable()
#define NVIC_SetPriority(irq, priority) ((void)(priority))
#define HAL_NVIC_EnableIRQ(irq)
#define IRQ_ENTER(irq)
#define IRQ_EXIT(irq)
#define IRQ_PRI_SDIO (0)
#define HSEM (0)
#define CFG_HW_PWR_STANDBY_SEMID (10)
bool LL_HSEM_1StepLock(int hsem, uint32_t semaphore);
#define LL_HSEM_ReleaseLock(hsem, semaphore, process)
#define LL_EXTI_LINE_41 (1)
#define LL_C2_EXTI_EnableEvent_32_63(line)
#define LL_EXTI_EnableRisingTrig_32_63(line)
#define __SEV()
#define __WFE()
#define RCC_CSR_RFWKPSEL (3 << 14)
#define RCC_CSR_RFWKPSEL_Pos (14)
#define PWR_CR4_C2BOOT (1 << 15)
extern struct { uint32_t CSR, CR4; } chip;
#define RCC (&chip)
#define PWR (&chip)
extern uint8_t sram2a[64 * sizeof(void *)];
#define SRAM2A_BASE ((uintptr_t)sram2a)
#define LL_FLASH_GetIPCCBufferAddr() (0)

#define MICROPY_HW_RFCORE_BLE_NUM_GATT_ATTRIBUTES (0)
#define MICROPY_HW_RFCORE_BLE_NUM_GATT_SERVICES (0)
#define MICROPY_HW_RFCORE_BLE_ATT_VALUE_ARRAY_SIZE (0)
#define MICROPY_HW_RFCORE_BLE_NUM_LINK (1)
#define MICROPY_HW_RFCORE_BLE_DATA_LENGTH_EXTENSION (1)
#define MICROPY_HW_RFCORE_BLE_PREPARE_WRITE_LIST_SIZE (0)
#define MICROPY_HW_RFCORE_BLE_MBLOCK_COUNT (0)
#define MICROPY_HW_RFCORE_BLE_MAX_ATT_MTU (0)
#define MICROPY_HW_RFCORE_BLE_SLAVE_SCA (0)
#define MICROPY_HW_RFCORE_BLE_MASTER_SCA (0)
#define MICROPY_HW_RFCORE_BLE_LSE_SOURCE (0)
#define MICROPY_HW_RFCORE_BLE_MAX_CONN_EVENT_LENGTH (0)
#define MICROPY_HW_RFCORE_BLE_HSE_STARTUP_TIME (0)
#define MICROPY_HW_RFCORE_BLE_VITERBI_MODE (0)
#define MICROPY_HW_RFCORE_BLE_LL_ONLY (1)

#endif // MAILBOX_PORT_H
