# Everything a contributor runs. `make` lists the targets.
PYTHON ?= python3
PIP_VERSION := 26.3
PIPENV_VERSION := 2026.10.3

VENV := .venv
# What the function is compared with has some thirty packages of its own; only `make bench` needs them.
PEERS := build/peers
# CDK Terrain, which the modules can be synthesized with instead of CDKTF; only `make cdktn` needs it.
CDKTN := build/cdktn
RUN := $(VENV)/bin/python
# Options for the command behind a target: make up ARGS="--port 5000"
ARGS ?=

# Without bytecode on disk each of the many Python processes compiles every module that it imports:
# the tests take twice as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install up down status serve synth docs inventories test full lint types unit integration slow bench cdktn lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed node_modules/.installed ## Install the locked Python and Node packages

up: $(VENV)/.installed ## Run everything on the embedded local AWS
	@$(RUN) -m ops local up $(ARGS)

down: $(VENV)/.installed ## Destroy what `make up` made, and stop it
	@$(RUN) -m ops local down $(ARGS)

status: $(VENV)/.installed ## Say what of the local AWS is running
	@$(RUN) -m ops local status $(ARGS)

serve: $(VENV)/.installed ## Serve the cache Lambda over HTTP on the local AWS, and again after each change
	@$(RUN) -m ops serve $(ARGS)

synth: $(VENV)/.installed ## Write the Terraform JSON of dev, staging and prod to cdktf.out (ARGS=--strict refuses warnings)
	@$(RUN) main.py $(ARGS)

docs: $(VENV)/.installed ## Write the generated pages and the settings' JSON Schema
	@$(RUN) -m ops reference $(ARGS)

inventories: $(VENV)/.installed ## Write the resource counts of tests/inventories from the synthesized JSON
	@$(RUN) -m tests.inventories.regenerate

test: lint types unit integration ## Run what a contributor runs before a commit (under 10 minutes)

full: $(CDKTN)/.installed slow ## Run the slow checks that `make test` leaves out (under 45 minutes)

lint: $(VENV)/.installed ## Check style and formatting
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

types: $(VENV)/.installed ## Check types
	$(VENV)/bin/mypy

unit: $(VENV)/.installed ## Run the tests that need neither Terraform nor an emulator
	$(RUN) -m pytest -m "not integration and not slow" -n 2 --dist worksteal $(ARGS)

integration: $(VENV)/.installed node_modules/.installed ## Run the tests on real Terraform and the emulator
	$(RUN) -m pytest -m "integration and not slow" -n 4 --dist loadfile $(ARGS)

slow: $(VENV)/.installed node_modules/.installed ## Run the tests that synthesize many times or edit a copy
	$(RUN) -m pytest -m slow -n 2 --dist worksteal $(ARGS)

bench: $(VENV)/.installed $(PEERS)/.installed ## Measure what docs/performance.md promises
	$(RUN) -m bench $(ARGS)

cdktn: $(VENV)/.installed $(CDKTN)/.installed ## Compare the output of CDK Terrain with that of CDKTF
	$(RUN) -m pytest tests/modules/test_cdk_terrain.py tests/modules/test_bindings.py -k "cdktn or cdk_terrain" $(ARGS)

# The index that pip is configured for is this machine's affair, so the lock does not record one.
define FORGET_INDEX
import json, pathlib
path = pathlib.Path("Pipfile.lock")
lock = json.loads(path.read_text())
lock["_meta"]["sources"] = []
for category, entries in lock.items():
    for entry in entries.values() if category != "_meta" else ():
        entry.pop("index", None)
path.write_text(json.dumps(lock, indent=4, sort_keys=True) + "\n")
endef
export FORGET_INDEX

lock: $(VENV)/.installed ## Resolve Pipfile anew into Pipfile.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PIPENV_VERBOSITY=-1 $(RUN) -m pipenv lock
	@$(RUN) -c "$$FORGET_INDEX"

clean: ## Remove what was installed and generated (run `make down` first)
	rm -rf $(VENV) node_modules cdktf.out build .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Only a hash-checked install reproduces the lock; --no-compile because of the provider's 2,200
# modules, of which some thirty are ever imported.
#
# Clearing follows a link, and would empty an environment that other checkouts use.
$(VENV)/.installed: Pipfile.lock
	@test ! -L $(VENV) || { echo "$(VENV) is a link, and older than Pipfile.lock. Run make install" \
	  "where it points to, or remove the link; then run this again." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "This needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing the locked Python packages into $(VENV) (about a minute, once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN) -m pip install --quiet pip==$(PIP_VERSION)
	@$(RUN) -m pip install --quiet pipenv==$(PIPENV_VERSION)
	@mkdir -p build
	@PIPENV_VERBOSITY=-1 PIPENV_IGNORE_VIRTUALENVS=1 $(RUN) -m pipenv requirements --dev --hash > build/requirements.txt
	@$(RUN) -m pip install --quiet --require-hashes --no-deps --no-compile -r build/requirements.txt
	@touch $@

$(PEERS)/.installed: Pipfile.lock | $(VENV)/.installed
	@echo "Installing the handlers' packages that the function is compared with into $(PEERS)"
	@$(PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet pip==$(PIP_VERSION)
	@PIPENV_VERBOSITY=-1 PIPENV_IGNORE_VIRTUALENVS=1 $(RUN) -m pipenv requirements --categories peers --hash > build/peers.txt
	@$(PEERS)/bin/python -m pip install --quiet --require-hashes --no-deps -r build/peers.txt
	@touch $@

$(CDKTN)/.installed: Pipfile.lock | $(VENV)/.installed
	@echo "Installing CDK Terrain and its AWS bindings into $(CDKTN)"
	@$(PYTHON) -m venv --clear $(CDKTN)
	@$(CDKTN)/bin/python -m pip install --quiet pip==$(PIP_VERSION)
	@PIPENV_VERBOSITY=-1 PIPENV_IGNORE_VIRTUALENVS=1 $(RUN) -m pipenv requirements --categories cdktn --hash > build/cdktn.txt
	@$(CDKTN)/bin/python -m pip install --quiet --require-hashes --no-deps --no-compile -r build/cdktn.txt
	@touch $@

node_modules/.installed: package-lock.json
	@echo "Installing the locked CDKTF command line into node_modules (about half a minute, once)"
	@npm ci --silent
	@touch $@
