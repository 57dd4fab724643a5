# Fuzzing, and the part of endurance that runs in the simulation.

TARGETS ?=
EXECUTIONS ?=
LONGEST ?= 2048
FUZZ = rust-ble/fuzz
FUZZ_SCRIPT = $(PYTHON) $(FUZZ)/fuzz.py --build $(BUILD) --seconds $(SECONDS) $(if $(EXECUTIONS),--runs $(EXECUTIONS)) --max-len $(LONGEST)

.PHONY: fuzz
fuzz: ## run every fuzz target for SECONDS= or EXECUTIONS= each; TARGETS="smp acl" for some, LONGEST=128 for short inputs
	@$(FUZZ_SCRIPT) run $(TARGETS)

.PHONY: fuzz-minimise
fuzz-minimise: ## replace the corpus in the repository by the smallest with the same coverage
	@$(FUZZ_SCRIPT) minimise $(TARGETS)

test: test-broken

.PHONY: test-broken
test-broken: ## hosts broken on purpose, which the simulation must catch
	@$(CARGO) test --quiet --package ble-sim --features broken --test sweep_broken

soak: soak-sim

.PHONY: soak-sim
soak-sim: ## random schedules of the simulation for SECONDS=
	@$(CARGO) run --quiet --package ble-sim --bin ble-sweep -- soak --seconds $(SECONDS) --first $$(date +%s)000000

.PHONY: sweep
sweep: ## every fault at every place of every scenario
	@$(CARGO) run --quiet --package ble-sim --bin ble-sweep -- run

.PHONY: replay
replay: ## repeat one run of a sweep, with captures in build/replay: ID=scenario:fault@node:N:seed
	@$(CARGO) run --quiet --package ble-sim --bin ble-sweep -- replay "$(ID)" --capture $(BUILD)/replay
