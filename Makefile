# make demo    a conversation with the embedded engine, on a machine with only Python 3.9+ and make
# make test    every test, on all cores: about 5 minutes on two; the generator's need Python 3.11+
# make test-fast    those that take no longer than a moment: about 2 minutes on two cores
# make bench   what the SDK costs, beside its peers: writes benchmarks/RESULTS.md; wants a quiet machine
# make docs    the documentation, into site/; docs-serve shows it while it is written; Python 3.11+
# make build   what is published, into dist; make smoke uses it on each Python of the machine, make lowest tests with the
#              oldest dependencies allowed, make audit looks for known vulnerabilities in them: before a release
# make integrations    the tests of the agent frameworks, an environment for each
# make check   test, lint, types and the drift of generated code: what must pass before a change lands

# What .venv is made with; to change it, make clean first.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m
UV = UV_PROJECT_ENVIRONMENT=$(VENV) $(VENV)/bin/python -m uv $(WITHOUT_HOME)
WITHOUT_HOME = $(shell mkdir -p "$${UV_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/uv}" 2> /dev/null || echo --no-cache)
ZENSICAL := PYTHONPATH=docs/.extensions $(VENV)/bin/zensical
METADATA := pyproject.toml src/statebase/_base/version.py
HAS_GENERATOR = $(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'
TOO_OLD = "The generator needs Python 3.11+ and was left out: this is $$($(VENV)/bin/python --version)"

.PHONY: demo setup test test-fast lint types generate check-generated docs docs-serve check update-spec build smoke lowest integrations audit bench clean

demo: $(VENV)/.installed
	@$(VENV)/bin/python examples/quickstart.py

setup: $(VENV)/.synchronized

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 9))' 2> /dev/null || \
		{ echo "$(PYTHON) must be Python 3.9 or later with the venv module: pass another one by make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(METADATA) | $(VENV)/bin/python
	$(RUN) pip install --quiet --disable-pip-version-check --editable packages/statebase-minilm --editable ".[local]"
	@touch $@

$(VENV)/.synchronized: $(METADATA) uv.lock | $(VENV)/bin/python
	$(RUN) pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) sync --quiet --locked --inexact --python $(VENV)/bin/python
	@touch $@ $(VENV)/.installed

# The soak tests count the resources of a process, so they need one of their own.
SOAK := tests/faults/test_soak.py
# A test that hangs ends its process after five minutes, with where it stood; a second one ends the run.
NO_HANG := -o faulthandler_timeout=300 -o faulthandler_exit_on_timeout=true
IN_PARALLEL := -n auto --dist loadfile --max-worker-restart 1 --ignore $(SOAK) $(NO_HANG)

test: setup
	$(RUN) pytest $(IN_PARALLEL)
	$(RUN) pytest $(NO_HANG) $(SOAK)

test-fast: setup
	$(RUN) pytest $(IN_PARALLEL) -m "not slow" --ignore tests/codegen --ignore tests/testing

lint: setup
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(VENV)/bin/lint-imports
	$(RUN) tests.architecture.plain_words

types: setup
	$(RUN) mypy
	$(RUN) pyright

generate: setup
	$(RUN) codegen generate

check-generated: setup
	@if $(HAS_GENERATOR); then $(RUN) codegen check; else echo $(TOO_OLD); fi

docs: setup
	@if $(HAS_GENERATOR); then rm -rf site && $(ZENSICAL) build --clean --strict; \
	else echo "The documentation needs Python 3.11+ and was left out: this is $$($(VENV)/bin/python --version)"; fi

docs-serve: setup
	$(ZENSICAL) serve

check: test lint types check-generated docs

# Replaces the document by the one at URL and regenerates; shows first what the change means.
update-spec: setup
	@test -n "$(URL)" || { echo "usage: make update-spec URL=https://api.statebase.org/openapi.json"; exit 2; }
	$(RUN) codegen update "$(URL)"

build: setup
	rm -rf dist
	$(UV) build --quiet --all-packages
	@ls -l dist

smoke: build
	$(VENV)/bin/python tests/packaging/smoke.py dist/statebase-*.whl

# The oldest versions that pyproject.toml allows, on the oldest Python.
lowest: setup
	@mkdir -p build
	$(UV) venv --quiet --clear --python "$$($(VENV)/bin/python tests/packaging/interpreters.py 3.9)" .venv-lowest
	$(UV) pip compile --quiet --resolution lowest-direct --python .venv-lowest --all-extras --no-emit-package statebase-minilm pyproject.toml -o build/lowest.txt
	$(UV) pip install --quiet --python .venv-lowest --constraint build/lowest.txt --editable ".[http2,local,otel,server]" --group test-lowest
	.venv-lowest/bin/python -m pytest

# Agent frameworks: an environment for each, the SDK from its wheel; NAMES="langchain langgraph", VERSIONS=newest|oldest|both.
integrations: setup
	rm -rf build/wheels
	$(UV) build --quiet --all-packages --wheel --out-dir build/wheels
	$(RUN) tests.integrations $(NAMES) --versions $(or $(VERSIONS),newest)

# Known vulnerabilities of what users install, extras included. Needs the network: PyPI's service that knows them.
audit: setup
	$(RUN) venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	@mkdir -p build
	$(UV) export --quiet --locked --no-default-groups --all-extras --no-emit-workspace --output-file build/locked.txt
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement build/locked.txt

bench: setup
	$(RUN) benchmarks.run

clean:
	rm -rf $(VENV) .venv-bench .venv-lowest .venv-integrations .venv-audit build dist site .cache .pytest_cache .mypy_cache .ruff_cache
