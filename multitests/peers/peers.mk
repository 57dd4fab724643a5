# Bumble's host as the peer of MicroPython, on our virtual air or RootCanal.

PEERS = multitests/peers
PEERS_VENV = $(CACHE)/venv-peers
PEERS_LINK ?= $(if $(filter rootcanal,$(LINK)),rootcanal,air)
PEERS_RUN = $(PEERS_VENV)/bin/python $(PEERS)/run.py --link $(PEERS_LINK) \
	--binary "$$(cat $(BUILD)/micropython-path)" --air target/release/ble-air

.PHONY: test-peers
test-peers: unix air $(PEERS_VENV)/installed ## tests with Bumble as the peer: TESTS="gatt_server.*" LINK=rootcanal
	@echo "== Bumble's host as the peer"
	@$(PEERS_RUN) $(TESTS)

# What `make test` does: without the packages it says so, and goes on.
.PHONY: try-peers
try-peers: unix air
	@if $(MAKE) --silent --no-print-directory $(PEERS_VENV)/installed; then \
		echo "== Bumble's host as the peer" && $(PEERS_RUN); \
	else \
		echo "== Bumble's host as the peer: left out, it could not be installed"; \
	fi

$(PEERS_VENV)/installed: $(PEERS)/requirements.txt
	@echo "== Fetching Bumble and RootCanal"
	@rm -rf $(PEERS_VENV)
	@$(PYTHON) -m venv $(PEERS_VENV)
	@$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
