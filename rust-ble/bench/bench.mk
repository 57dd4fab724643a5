# What the host costs: rates, instructions, memory.

.PHONY: bench
bench: check-bench unix air ## measure what the host costs; writes docs/BENCHMARKS.md
	@$(PYTHON) rust-ble/bench/report.py --build $(BUILD)

.PHONY: check-bench
check-bench:
	@for tool in valgrind qemu-system-arm; do command -v $$tool >/dev/null \
		|| { echo "$$tool is missing" >&2; exit 1; }; done
