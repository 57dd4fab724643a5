# What the host costs: rates, instructions, memory.

.PHONY: bench
bench: ## measure what the host costs; writes docs/BENCHMARKS.md
	@$(PYTHON) rust-ble/bench/report.py --build $(BUILD) --make "$(MAKE)"
