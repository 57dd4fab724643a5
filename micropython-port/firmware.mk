# Targets for firmware; included by the Makefile.

BOARD ?= RPI_PICO
BOARD_VARIANT ?= rust_ble
ATTEMPTS ?= 1
SEEDS ?= 1

FIRMWARE = --dir "$(MPY_DIR)" --version "$(MPY_VERSION)" --cache $(CACHE) --build $(BUILD)
EMULATE = $(PYTHON) multitests/emulate.py --mpy-dir "$(MPY_DIR)" --version "$(MPY_VERSION)" \
	--cache $(CACHE) --build $(BUILD) --runs $(RUNS) --attempts $(ATTEMPTS)

.PHONY: firmware
firmware: check-tools ## firmware for BOARD=, from MPY_DIR= or a fetched release
	@$(PYTHON) $(PORT)/firmware.py $(FIRMWARE) --variant "$(BOARD_VARIANT)" $(BOARD)

.PHONY: emulate-qemu
emulate-qemu: air ## MicroPython's Bluetooth tests between two Cortex-M3 boards in qemu
	@$(EMULATE) --machine qemu --machine qemu $(TESTS)

.PHONY: emulate-m7
emulate-m7: air ## the same between two Cortex-M7 boards in qemu: MPY_DIR= of 1.28 or newer
	@$(EMULATE) --machine qemu-m7 --machine qemu-m7 $(TESTS)

.PHONY: emulate-mixed
emulate-mixed: unix air ## the same between a board in qemu and the unix port
	@$(EMULATE) --machine qemu --machine unix $(TESTS)

.PHONY: emulate-rp2
emulate-rp2: air ## the same between two emulated RP2040 with HCI on a UART
	@$(EMULATE) --machine rp2040 --machine rp2040 $(TESTS)

.PHONY: emulate-cores
emulate-cores: air ## both cores of an RP2040 inside Bluetooth at once: SEED= SEEDS= TESTS=
	@$(PYTHON) multitests/cores.py --mpy-dir "$(MPY_DIR)" --version "$(MPY_VERSION)" \
		--cache $(CACHE) --build $(BUILD) --seed $(SEED) --seeds $(SEEDS) $(TESTS)

.PHONY: emulate-stm32
emulate-stm32: air need-mpy-dir ## the same between two STM32F405 in qemu: MPY_DIR=
	@$(EMULATE) --machine stm32 --machine stm32 $(TESTS)

.PHONY: emulate-picow
emulate-picow: air need-mpy-dir ## the same between two emulated Pico W: MPY_DIR=
	@$(EMULATE) --machine picow --machine picow $(TESTS)

.PHONY: size
size: check-tools air ## what Bluetooth adds to each board; keeps docs/SIZE.md
	@$(PYTHON) $(PORT)/size.py $(FIRMWARE) $(BOARDS)

.PHONY: rust-target
rust-target: ## make Rust build for TARGET="thumbv6m-none-eabi …"
	@$(PYTHON) $(PORT)/rust.py setup $(TARGET)

.PHONY: check-install
check-install: check-tools ## install, build, uninstall and compare on each release: MPY_DIR= as well
	@$(PYTHON) $(PORT)/check_install.py $(FIRMWARE)

.PHONY: need-mpy-dir
need-mpy-dir:
	@test -n "$(MPY_DIR)" || { echo "this board's sources are in no registry: say where a checkout with submodules is, MPY_DIR=path" >&2; exit 1; }
