# The two commands: make demo, make test. All targets: make help.

MPY_DIR ?=
MPY_VERSION ?=
CACHE ?= .cache
BUILD ?= build
TESTS ?=
RUNS ?= 1
LINK ?= air
SECONDS ?= 60
SEED ?= 1
PAIRS ?= 1

PYTHON ?= python3
CARGO ?= cargo

# Python writes no __pycache__ into anybody's tree.
export PYTHONDONTWRITEBYTECODE = 1

PORT = micropython-port
BUILD_MPY = $(PYTHON) $(PORT)/build.py --dir "$(MPY_DIR)" --version "$(MPY_VERSION)" --cache $(CACHE) --build $(BUILD)
RUN = $(PYTHON) multitests

.DEFAULT_GOAL := help

include $(PORT)/firmware.mk
include rust-ble/bench/bench.mk

.PHONY: help
help: ## list every target
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
	@echo
	@echo 'MPY_DIR=path     use your own MicroPython checkout (otherwise a release is fetched)'
	@echo 'MPY_VERSION=1.25.0   fetch that release'
	@echo 'TESTS="a.py b.py" RUNS=20 LINK=air|rootcanal|bumble   for make multitest'

.PHONY: demo
demo: unix air ## two MicroPythons talk over a virtual air: a sensor and a central
	@$(RUN)/demo.py --build $(BUILD)

.PHONY: test
test: check-tools test-unit test-sizes test-multi try-peers ## all tests: unit, simulation, multi-instance

.PHONY: test-unit
test-unit: ## unit and simulation tests of the Rust crates
	@echo "== unit and simulation tests"
	@$(CARGO) test --quiet --workspace

# These ask for more channels or listeners than a board has.
TOO_LARGE = a_lost_link_ends_each_channel_once \
	nothing_is_lost_reordered_or_sent_without_credits_in_any_schedule \
	channels_of_several_links_and_listeners_carry_all_in_order_on_a_lossy_air

include $(PORT)/sizes.mk

.PHONY: test-sizes
test-sizes: ## the same with the sizes of microcontrollers, but for what asks for more
	@echo "== unit and simulation tests, with the sizes of microcontrollers"
	@$(RUST_BLE_ENV) $(CARGO) test --quiet -p ble-core -p ble-sim -p ble-fuzz --target-dir target/sizes \
		-- $(addprefix --skip ,$(TOO_LARGE))

.PHONY: test-multi
test-multi: unix air ## multi-instance tests and installation
	@echo "== MicroPython's Bluetooth tests"
	@$(RUN)/run.py --build $(BUILD) --link air --runs $(RUNS)
	@$(PYTHON) $(PORT)/test_tree.py --cache $(CACHE)
	@$(PYTHON) $(PORT)/test_rust.py
	@$(PYTHON) $(PORT)/test_mailbox.py --cache $(CACHE)

.PHONY: multitest
multitest: unix air ## MicroPython's multi-instance tests: TESTS= RUNS= LINK=
	@$(RUN)/run.py --build $(BUILD) --cache $(CACHE) --link $(LINK) --runs $(RUNS) $(TESTS)

.PHONY: sanitize
sanitize: check-tools air ## the multi-instance tests with AddressSanitizer and UndefinedBehaviorSanitizer
	@mkdir -p $(BUILD)/sanitize
	@$(BUILD_MPY) --sanitize > $(BUILD)/sanitize/.binary.new
	@mv $(BUILD)/sanitize/.binary.new $(BUILD)/sanitize/micropython-path
	@$(RUN)/run.py --build $(BUILD)/sanitize --link air --runs $(RUNS) $(TESTS)

.PHONY: miri
miri: export MIRIFLAGS = -Zmiri-disable-isolation -Zmiri-ignore-leaks
miri: ## the C ABI and what can be of the core's unit tests under Miri: minutes
	@$(CARGO) +nightly miri test --quiet --package ble-fuzz --test corpus
	@$(CARGO) +nightly miri test --quiet --package ble-ffi --lib
	@$(CARGO) +nightly miri test --quiet --package ble-core --lib -- \
		wire:: pool:: time:: uuid:: hci:: conn:: gap:: gatt::layout l2cap::tests::hostile::cve

.PHONY: soak
soak: unix air ## pairs of MicroPythons do everything at random on a bad link: SECONDS= SEED= PAIRS=
	@$(RUN)/soak.py --build $(BUILD) --seconds $(SECONDS) --seed $(SEED) --pairs $(PAIRS)

.PHONY: repl
repl: unix air ## a MicroPython prompt on a live air, with a sensor beside it
	@$(RUN)/repl.py --build $(BUILD)

.PHONY: unix
unix: check-tools ## build MicroPython's unix port with the Rust backend
	@$(BUILD_MPY) > $(BUILD)/.binary.new && mv $(BUILD)/.binary.new $(BUILD)/micropython-path

.PHONY: air
air: check-tools ## build the virtual air
	@$(CARGO) build --quiet --release -p ble-sim --bin ble-air

.PHONY: install
install: ## put the patch set and files into MPY_DIR
	@test -n "$(MPY_DIR)" || { echo "install: say where, MPY_DIR=path" >&2; exit 1; }
	@$(PYTHON) $(PORT)/tree.py install "$(MPY_DIR)"

.PHONY: uninstall
uninstall: ## take them out of MPY_DIR again
	@test -n "$(MPY_DIR)" || { echo "uninstall: say where, MPY_DIR=path" >&2; exit 1; }
	@$(PYTHON) $(PORT)/tree.py uninstall "$(MPY_DIR)"

.PHONY: header
header: ## generate the C header of the Rust host again
	@BLE_WRITE_HEADER=1 $(CARGO) test --quiet -p ble-ffi header

.PHONY: lint
lint: ## formatting, clippy, and the rules of the core
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	@! grep -rnE '\bunsafe\b|\bstatic (mut )?[A-Z]|std::(time|net|io|fs)' rust-ble/core/src \
		--include='*.rs' | grep -vE 'forbid\(unsafe_code\)|tests?\.rs|/tests/|//' \
		|| { echo "lint: the core holds no unsafe code, static, clock or I/O" >&2; exit 1; }
	@$(PYTHON) -m py_compile $(PORT)/*.py multitests/*.py

.PHONY: clean
clean: ## remove what was built (what was fetched stays)
	@rm -rf $(BUILD) target

include multitests/peers/peers.mk
include rust-ble/fuzz/fuzz.mk

# What everything needs, said in one line.
.PHONY: check-tools
check-tools:
	@mkdir -p $(BUILD)
	@command -v $(CARGO) >/dev/null || { echo "$(CARGO) is missing: install Rust, see https://rustup.rs" >&2; exit 1; }
	@for tool in gcc $(PYTHON); do command -v $$tool >/dev/null \
		|| { echo "$$tool is missing: apt-get install gcc python3" >&2; exit 1; }; done
