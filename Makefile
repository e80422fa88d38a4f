# Everything a developer or a curious admin needs; `make` alone lists it.

BIN := .venv/bin
READY := .venv/.ready
WORKERS ?= 2
SEEDS ?= 2000
FROM ?= 0
SECONDS ?= 600
PASSINGS ?= 2
MINUTES ?= 60

.DEFAULT_GOAL := help
.PHONY: help setup check test lint demo simulate mutants crash fuzz soak bench lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## install what is missing on Debian or Ubuntu, and .venv from the lock

$(READY): requirements.lock pyproject.toml .ci/setup
	.ci/setup
	touch $@

check: lint test  ## all that must hold: style, types, import contracts, tests

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: $(READY)  ## unit, contract, simulation and acceptance tests, and the coverage of the rules
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report= --ignore tests/simulation
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/simulation
	$(BIN)/coverage report
	$(BIN)/coverage report --include='backbone/replication/*,handshake/pairing.py' --fail-under=100

demo: $(READY)  ## two companies on this machine, start to end (DEMO_DIR= ISSUES= DATA= CHANNEL= KEEP=1)
	$(BIN)/backbone demo \
	  $(if $(DEMO_DIR),--dir "$(DEMO_DIR)") \
	  $(if $(ISSUES),--issues "$(ISSUES)") \
	  $(if $(DATA),--data "$(DATA)") \
	  $(if $(CHANNEL),--channel "$(CHANNEL)") \
	  $(if $(filter-out 0 no,$(KEEP)),--keep)

simulate: $(READY)  ## whole nodes on a seeded clock with every fault, in worlds of all kinds (SEEDS=2000 FROM=0)
	$(BIN)/python -m tests.simulation --mixed --workers $(WORKERS) --seeds $(SEEDS) --from $(FROM) $(ARGS)

mutants: $(READY)  ## each safeguard taken away: which seed misses it (ARGS=name …)
	$(BIN)/python -m tests.simulation.mutants $(ARGS)

fuzz: $(READY)  ## hostile bytes for every parser; what is found goes into tests/fuzz/corpus (SECONDS=600 SEED=)
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

crash: $(READY)  ## a real node killed at every named point, on both sides (PASSINGS=2 ARGS=word …)
	$(BIN)/python -m tests.crash --passings $(PASSINGS) $(ARGS)

soak: $(READY)  ## two real nodes at work with faults: does anything grow? (MINUTES=60)
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

bench: $(READY)  ## the figures of the README, each beside its limit
	$(BIN)/python -m tests.bench $(ARGS)

# The user's own pip settings stay out, so that versions and hashes are those of the public index.
lock: $(READY)  ## resolve requirements.lock again
	env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
	  $(BIN)/pip-compile --quiet --upgrade --extra dev --allow-unsafe --generate-hashes --strip-extras --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	  --output-file requirements.lock pyproject.toml

clean:  ## remove what make made: .venv, caches, build results, ./demo
	@for home in demo/*/g/*/; do [ ! -d "$$home" ] || gpgconf --homedir "$$home" --kill all || true; done
	rm -rf .venv demo build dist htmlcov .coverage .coverage.* *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
