# make run: the dashboard on a fresh machine.   make check: while working.   make test: everything, browsers included.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/bash

WORKERS ?= 2

.PHONY: run check test coverage fuzz audit lint format bench docs screenshots browser clean help

help:
	@grep -E '^# make|^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -e 's/:.*## /: /'

$(VENV)/.runtime: requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@

run: $(VENV)/.runtime ## open the dashboard
	$(BIN)/fer app

check: lint ## lint, types, unit tests and doctests: for the everyday loop
	$(BIN)/python -m pytest -q -n $(WORKERS) tests/unit

test: $(VENV)/.dev browser ## every test, by two processes (WORKERS=0: by one)
	$(BIN)/python -m pytest -n $(WORKERS)

coverage: $(VENV)/.dev browser ## which lines of fer_core the tests run, child processes included
	@rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -n $(WORKERS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet
	$(BIN)/coverage report

docs: $(VENV)/.dev ## the documentation as a site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

browser: $(VENV)/.dev ## a Chromium for the browser tests, where there is none
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/e2e/install_chromium.sh

fuzz: $(VENV)/.dev ## every parser, with thousands of inputs (FER_FUZZ_INPUTS) drawn anew each time
	FER_FUZZ_INPUTS=$${FER_FUZZ_INPUTS:-2000} $(BIN)/python -m pytest tests/fuzz

audit: $(VENV)/.dev ## look the tested versions (constraints.txt) up in the known advisories
	$(BIN)/python .ci/audit.py

lint: $(VENV)/.dev ## style, types, import direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.runtime ## measure speed in pairs, into docs/SPEED.md (AGAINST=../older: also against that checkout)
	$(BIN)/python benchmarks/speed.py --write $(if $(AGAINST),--against $(AGAINST))

screenshots: $(VENV)/.dev browser ## take the README's screenshots
	$(BIN)/python docs/make_screenshots.py

clean: ## remove the virtual environment and caches; the workspace stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build
