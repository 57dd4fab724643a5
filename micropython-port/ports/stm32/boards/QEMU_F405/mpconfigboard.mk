# STM32F405 as qemu's netduinoplus2 models it: CPU, memory, UARTs and timers.
MCU_SERIES = f4
CMSIS_MCU = STM32F405xx
AF_FILE = boards/stm32f405_af.csv
LD_FILES = boards/stm32f405.ld boards/common_ifs.ld
TEXT0_ADDR = 0x08000000
TEXT1_ADDR = 0x08020000

FROZEN_MANIFEST ?= $(BOARD_DIR)/manifest.py

# See board_init.c.
LDFLAGS_MOD += -Wl,--wrap=rng_get
