# Every target sets up what it needs in .venv; nothing else has to be typed or installed first.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check contract bench chaos lock clean

VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet

# The locked packages have wheels for these; an older or newer python3 is passed over.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(FITS)' 2>/dev/null && { echo $$p; break; }; done)

SEEDS ?= 2
FIRST ?= 1
# Stories mostly wait, so three workers fit two cores; a file's tests stay together, so they may share a daemon.
WORKERS ?= 3

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "PYTHON=python3.13 chooses the interpreter of a new $(VENV) (make clean first)."

demo: $(VENV)/run.stamp ## a help desk's bad Monday, and the copilot beside it; MODEL=scripted, PSA=autotask, halopsa or all
	@$(BIN)/psa-copilot demo $(if $(MODEL),--model $(MODEL)) $(if $(PSA),--psa $(PSA))

test: $(VENV)/dev.stamp ## all tests; skips are named with their reason
	$(BIN)/pytest -q -ra -n $(WORKERS) --dist loadfile

contract: $(VENV)/dev.stamp ## what connectors and plugins must do, every switch both ways; all stories on all three PSAs
	@failed=0; \
	PSA_COPILOT_MATRIX=1 $(BIN)/pytest -q -ra -n $(WORKERS) --dist loadfile tests/contract || failed=1; \
	for psa in connectwise autotask halopsa; do \
		echo "The stories on $$psa:"; \
		PSA_COPILOT_MATRIX=1 PSA_COPILOT_PSA=$$psa $(BIN)/pytest -q -ra -n $(WORKERS) --dist loadfile \
			--deselect tests/story/test_demo.py tests/story || failed=1; \
	done; exit $$failed

check: $(VENV)/dev.stamp ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(wildcard src connectors plugins tests benchmarks)
	$(BIN)/lint-imports --no-logo

chaos: $(VENV)/dev.stamp ## kill and cut everything, SEEDS=2 times from seed FIRST=1, and count the writes; PSA=connectwise
	@$(BIN)/python tests/chaos/run.py --seeds $(SEEDS) --first $(FIRST) $(if $(PSA),--psa $(PSA))

bench: $(VENV)/dev.stamp ## speed and quality figures, into build/bench.json
	$(BIN)/python benchmarks/run.py

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header $(if $(UPGRADE),--upgrade)

lock: $(VENV)/dev.stamp ## after a change of dependencies in pyproject.toml; UPGRADE=1 takes newer releases
	$(UV_COMPILE) pyproject.toml --group build --output-file requirements/run.txt
	$(UV_COMPILE) pyproject.toml --group dev --constraint requirements/run.txt --output-file requirements/dev.txt

clean: ## remove .venv and everything built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Two steps, because pip refuses an editable install among hashes; the second builds with the
# hatchling that the first has put there.
$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/pip
	@echo "Installing the locked packages into $(VENV) ..."
	@$(PIP) --only-binary :all: --require-hashes -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "Installing the locked development packages into $(VENV) ..."
	@$(PIP) --only-binary :all: --require-hashes -r requirements/dev.txt
	@touch $@

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "psa_copilot needs Python 3.11 to 3.14 and found none;" \
		"install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c '$(FITS)' 2>/dev/null || { echo "psa_copilot needs Python 3.11 to 3.14;" \
		"PYTHON=$(PYTHON) is not one of them" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) lacks venv or ensurepip;" \
		"install them (Debian and Ubuntu: apt install python3-venv) or name another: make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV)
