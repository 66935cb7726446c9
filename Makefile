# Everything a contributor runs. `make` lists the targets.
PYTHON ?= python3

VENV := .venv
RUN := $(VENV)/bin/python
# Options for the command behind a target: make up ARGS="--port 5000"
ARGS ?=

# Without bytecode on disk each of the many Python processes compiles every module that it imports:
# the tests take twice as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install up down status serve synth docs picture inventories test full lint types unit integration slow bench cdktn policy sbom lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed node_modules/.installed ## Install the locked Python and Node packages

up: $(VENV)/.installed ## Run everything on the embedded local AWS
	@$(RUN) -m ops local up $(ARGS)

down: $(VENV)/.installed ## Destroy what `make up` made, and stop it
	@$(RUN) -m ops local down $(ARGS)

status: $(VENV)/.installed ## Show what is running
	@$(RUN) -m ops local status $(ARGS)

serve: $(VENV)/.installed ## Serve the cache Lambda over HTTP on the local AWS, and again after each change
	@$(RUN) -m ops serve $(ARGS)

synth: $(VENV)/.installed ## Write the Terraform JSON of dev, staging and prod to cdktf.out (ARGS=--strict refuses warnings)
	@$(RUN) main.py $(ARGS)

docs: $(VENV)/.installed ## Write the generated pages and the settings' JSON Schema
	@$(RUN) -m ops reference $(ARGS)

picture: $(VENV)/.installed ## Write the example comment of docs/plan-review.md, as text and as pictures (needs a Chromium)
	@$(RUN) -m tests.review.picture

inventories: $(VENV)/.installed ## Write the resource counts of tests/inventories from the synthesized JSON
	@$(RUN) -m tests.inventories.regenerate

test: lint types unit integration ## Run what a contributor runs before a commit (under 10 minutes)

full: build/cdktn/.installed build/cyclonedx/.installed build/iam/.installed slow policy ## Run the slow checks that `make test` leaves out (under 45 minutes)

# What actionlint checks, of which a finding of any level fails. No script is given to a program that
# only some machines have.
ACTIONLINT := --profile correctness --strict-exit --shellcheck= --pyflakes=

lint: $(VENV)/.installed ## Check style, formatting and the workflows
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/zizmor --offline --quiet --no-progress .github
	$(VENV)/bin/jactionlint $(ACTIONLINT)
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.gitlab-ci docs/pipelines/gitlab-ci.yml

types: $(VENV)/.installed ## Check types
	$(VENV)/bin/mypy

unit: $(VENV)/.installed ## Run the tests that need neither Terraform nor an emulator
	$(RUN) -m pytest -m "not integration and not slow" -n 2 --dist worksteal $(ARGS)

integration: $(VENV)/.installed node_modules/.installed ## Run the tests on real Terraform and the emulator
	$(RUN) -m pytest -m "integration and not slow" -n 4 --dist loadfile $(ARGS)

slow: $(VENV)/.installed node_modules/.installed ## Run the tests that synthesize many times or edit a copy
	$(RUN) -m pytest -m slow -n 2 --dist worksteal $(ARGS)

bench: $(VENV)/.installed build/peers/.installed ## Measure what docs/performance.md promises
	$(RUN) -m bench $(ARGS)

cdktn: $(VENV)/.installed build/cdktn/.installed ## Compare the output of CDK Terrain with that of CDKTF
	$(RUN) -m pytest tests/modules/test_cdk_terrain.py tests/modules/test_bindings.py -k "cdktn or cdk_terrain" $(ARGS)

policy: $(VENV)/.installed build/policy/.installed ## Check the synthesized Terraform against the rules of checkov and tf-nag
	@$(RUN) -m policy $(ARGS)

# npm writes the time, a random number and the name of the folder. The project is not an npm package.
define NODE_SBOM
import json, pathlib, sys, tomllib
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
bom = json.load(sys.stdin)
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
del bom["serialNumber"], bom["metadata"]["timestamp"], bom["metadata"]["component"]["purl"]
bom["metadata"]["component"].update(name=project["name"], version=project["version"])
text = json.dumps(bom, indent=2) + "\n"
if error := JsonStrictValidator(SchemaVersion.V1_5).validate_str(text):
    sys.exit("what npm wrote is not CycloneDX 1.5: " + repr(error))
pathlib.Path("build/sbom/node.cdx.json").write_text(text)
endef
export NODE_SBOM

sbom: build/cyclonedx/.installed ## Write CycloneDX SBOMs of the locked packages to build/sbom
	@mkdir -p build/sbom
	@$(PYTHON) -c "$$REQUIREMENTS" Pipfile.lock default develop | PYTHONWARNINGS=ignore \
	  build/cyclonedx/bin/cyclonedx-py requirements - --pyproject pyproject.toml \
	  --output-reproducible --output-file build/sbom/python.cdx.json
	@npm sbom --sbom-format cyclonedx --package-lock-only | build/cyclonedx/bin/python -c "$$NODE_SBOM"
	@echo build/sbom/python.cdx.json build/sbom/node.cdx.json

# The index that pip is configured for is this machine's affair, so the lock does not record one.
define FORGET_INDEX
import json, pathlib, sys
path = pathlib.Path(sys.argv[1])
lock = json.loads(path.read_text())
lock["_meta"]["sources"] = []
for category, entries in lock.items():
    for entry in entries.values() if category != "_meta" else ():
        entry.pop("index", None)
path.write_text(json.dumps(lock, indent=4, sort_keys=True) + "\n")
endef
export FORGET_INDEX

define LOCK
cd $(1) && VIRTUAL_ENV=$(CURDIR)/build/resolver PIPENV_VERBOSITY=-1 $(CURDIR)/build/resolver/bin/python -m pipenv lock
@$(PYTHON) -c "$$FORGET_INDEX" $(1)/Pipfile.lock
endef

lock: build/resolver/.installed ## Resolve the two Pipfiles anew into their locks
	$(call LOCK,.)
	$(call LOCK,policy)

clean: ## Remove what was installed and generated (run `make down` first)
	rm -rf $(VENV) node_modules cdktf.out build .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The packages of a lock's categories, with hashes. Only the standard library is needed, so that nothing
# is installed without a hash: `pipenv requirements` would need Pipenv first.
define REQUIREMENTS
import json, pathlib, sys
lock = json.loads(pathlib.Path(sys.argv[1]).read_text())
for category in sys.argv[2:]:
    for name, entry in lock[category].items():
        extras = "[" + ",".join(entry["extras"]) + "]" if "extras" in entry else ""
        marker = "; " + entry["markers"] if "markers" in entry else ""
        hashes = ["--hash=" + one for one in entry["hashes"]]
        print(name + extras + entry["version"] + marker, *hashes)
endef
export REQUIREMENTS

# A Python environment $(1) with the categories $(3) of the lock $(2). The pip that Python brings along
# installs the locked one. --no-compile because most modules are never imported: of the 2,200 of the
# AWS provider's bindings some thirty are. Clearing follows a link, and would empty an environment that
# other checkouts use.
define ENVIRONMENT
@test ! -L $(1) || { echo "$(1) is a link, and older than its lock. Install it where the link points to," \
  "or remove the link; then run this again." >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "This needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
@$(PYTHON) -m venv --clear $(1)
@$(PYTHON) -c "$$REQUIREMENTS" Pipfile.lock installer > $(1)/installer.txt
@$(PYTHON) -c "$$REQUIREMENTS" $(2) $(3) > $(1)/requirements.txt
@$(1)/bin/python -m pip install --quiet --require-hashes --no-deps -r $(1)/installer.txt
@$(1)/bin/python -m pip install --quiet --require-hashes --no-deps --no-compile -r $(1)/requirements.txt
@touch $(1)/.installed
endef

$(VENV)/.installed: Pipfile.lock
	@echo "Installing the locked Python packages into $(VENV) (about a minute, once)"
	$(call ENVIRONMENT,$(VENV),Pipfile.lock,default develop)

# What only single targets need, each category in a place of its own.
$(patsubst %,build/%/.installed,peers cdktn cyclonedx resolver): build/%/.installed: Pipfile.lock
	@echo "Installing the locked packages of the category $* into build/$*"
	$(call ENVIRONMENT,build/$*,Pipfile.lock,$*)

build/policy/.installed: policy/Pipfile.lock
	@echo "Installing checkov and tf-nag into build/policy (about half a minute, once)"
	$(call ENVIRONMENT,build/policy,policy/Pipfile.lock,default)

# AGPL, so a tool of the tests alone.
build/iam/.installed: testing/iam/simulate/package-lock.json
	@echo "Installing the locked evaluator of IAM policies into build/iam (a few seconds, once)"
	@mkdir -p build/iam
	@cp testing/iam/simulate/package.json testing/iam/simulate/package-lock.json build/iam
	@npm ci --silent --ignore-scripts --prefix build/iam
	@touch $@

# No package's scripts are run: the only one looks for a prebuilt module, which its package contains.
node_modules/.installed: package-lock.json
	@echo "Installing the locked CDKTF command line into node_modules (about half a minute, once)"
	@npm ci --silent --ignore-scripts
	@touch $@
