# Everything that anyone runs here. Needs Python 3.11 or newer and make; nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ORDERS ?= 2000
SEEDS ?= 1000
RUNS ?= 5
FIRST ?= 0
MINUTES ?= 120
# Processes that test: what runs in memory keeps a core busy, what has servers mostly waits for them.
IN_MEMORY := 2
WITH_SERVERS := 3
PM4PY := tests/numbers/.fetched

.DEFAULT_GOAL := help
.PHONY: help up down demo test process-mining check format contracts lives pictures simulate chaos chaos-three chaos-long bench lock clean

help:  ## what there is to run
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Orderlog needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "This Python has no venv module; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

up: $(STAMP)  ## start the stack: broker, database, topics, services, doors
	$(BIN)/oms up

down: $(STAMP)  ## stop it
	$(BIN)/oms down

demo: $(STAMP)  ## start the stack and take ORDERS=2000 real baskets from order to delivery
	$(BIN)/oms up
	$(BIN)/oms demo --orders $(ORDERS)

check: $(STAMP)  ## format, lint, types, import rules, generated contracts current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m contracts.generate --check

test: check  ## everything the checks run, on a stack of its own that ends with it
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; trap 'exit 130' INT TERM; export TMPDIR="$$folder"; \
	run="$(BIN)/python -m pytest --dist loadscope --no-loadscope-reorder"; \
	$$run -m 'not servers' --numprocesses $(IN_MEMORY) --basetemp="$$folder/memory" && \
	$$run -m servers --numprocesses $(WITH_SERVERS) --basetemp="$$folder/servers"

format: $(STAMP)  ## write the code as the checks want it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

contracts: $(STAMP)  ## write JSON Schemas and AsyncAPI from the messages
	$(BIN)/python -m contracts.generate

lives: $(STAMP)  ## write docs/order-lives.md from runs of the services in memory
	$(BIN)/python -m tests.simulation.order_lives

pictures: $(STAMP)  ## take the screenshots of docs/console.md of the installation that runs (needs Chromium)
	$(BIN)/python -m tests.pictures

simulate: $(STAMP)  ## play SEEDS=1000 days of all services in one process (FIRST=0, or one SEED=), and tell what breaks
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST) $(if $(SEED),--seed $(SEED))

chaos: $(STAMP)  ## make every fault on an installation of its own under load (ROWS=F01,F04, SEED=, RECORD=--record)
	$(BIN)/python -m tests.chaos $(if $(ROWS),--rows $(ROWS)) $(if $(SEED),--seed $(SEED)) $(RECORD)

chaos-three: $(STAMP)  ## faults of three brokers, each its own process (ROWS=F07, SEED=, RECORD=--record)
	$(BIN)/python -m tests.chaos --three $(if $(ROWS),--rows $(ROWS)) $(if $(SEED),--seed $(SEED)) $(RECORD)

chaos-long: $(STAMP)  ## the same and more for MINUTES=120, seed after seed
	$(BIN)/python -m tests.chaos --long $(MINUTES) $(if $(ROWS),--rows $(ROWS)) $(if $(SEED),--seed $(SEED)) $(RECORD)

bench: $(STAMP)  ## measure RUNS=5 times (ONLY=limit,life for some of it) and write docs/performance.md and docs/scaling.md; all of it takes hours
	$(BIN)/python -m bench --runs $(RUNS) $(if $(ONLY),--only $(ONLY))

process-mining: $(STAMP)  ## have pm4py, in a folder of its own, read an exported event log
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(PM4PY) --require-hashes -r tests/numbers/pm4py.lock
	PYTHONPATH=$(PM4PY) $(BIN)/python -m pytest tests/numbers/test_object_log.py

lock: $(STAMP)  ## choose and lock the versions of all packages, and the jars
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements.lock
	$(BIN)/uv pip compile bench/peers/requirements.in --universal --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file bench/peers/requirements.lock
	$(BIN)/uv pip compile tests/numbers/pm4py.in --universal --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file tests/numbers/pm4py.lock
	$(BIN)/python -m deploy.local.jars deploy/local/jgo.toml tests/documents/verapdf.toml

clean:  ## remove the environment and what tools left behind; never the state in .oms
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
