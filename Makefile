# make demo    a conversation with the embedded engine, on a machine with only Python 3.9+ and make
# make test    every test; the generator's need Python 3.11+
# make bench   what the SDK costs, beside its peers: writes benchmarks/RESULTS.md; wants a quiet machine
# make check   test, lint, types and the drift of generated code: what has to pass before a change lands

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(VENV)/bin/python -m uv
HAS_GENERATOR = $(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'
TOO_OLD = "The generator needs Python 3.11+ and was left out: this is $$($(VENV)/bin/python --version)"

.PHONY: demo setup test lint types generate check-generated check update-spec build bench clean

demo: $(VENV)/.installed
	@$(VENV)/bin/python examples/quickstart.py

setup: $(VENV)/.synchronized

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(RUN) pip install --quiet --disable-pip-version-check --editable packages/statebase-minilm --editable ".[local]"
	@touch $@

$(VENV)/.synchronized: pyproject.toml uv.lock | $(VENV)/bin/python
	$(RUN) pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) sync --quiet --locked --inexact --python $(VENV)/bin/python
	@touch $@ $(VENV)/.installed

test: setup
	$(RUN) pytest

lint: setup
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(VENV)/bin/lint-imports

types: setup
	$(RUN) mypy
	$(RUN) pyright

generate: setup
	$(RUN) codegen generate

check-generated: setup
	@if $(HAS_GENERATOR); then $(RUN) codegen check; else echo $(TOO_OLD); fi

check: test lint types check-generated

# Replaces the document by the one at URL and regenerates; shows first what the change means.
update-spec: setup
	@test -n "$(URL)" || { echo "usage: make update-spec URL=https://api.statebase.org/openapi.json"; exit 2; }
	$(RUN) codegen update "$(URL)"

build: setup
	$(UV) build

bench: setup
	$(RUN) benchmarks.run

clean:
	rm -rf $(VENV) .venv-bench build dist .pytest_cache .mypy_cache .ruff_cache
