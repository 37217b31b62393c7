# Everything starts here: `make help` lists it. Needs python3 >= 3.11 with pip and venv, make and git, nothing else.

PYTHON ?= python3
ARGS ?=
COVERAGE ?=

VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/uv/bin/uv
# uv warns when its cache lies on another disk; that is no news to anybody here.
UV_QUIET := $(UV) --quiet
# Trust what the machine trusts: a company's proxy signs with a certificate that uv does not bring.
export UV_SYSTEM_CERTS ?= true
CHECKED := wamon tests $(wildcard benchmarks dashboards)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo run test check format lint types docs assets coverage dev runtime lock bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## everything simulated: no credentials, no network (ARGS="--once" plays the story once)
	@$(PY) -m wamon demo $(ARGS)

run: $(VENV)/.runtime ## the daemon, configured by wamon.toml and WAMON_* variables
	@$(PY) -m wamon run $(ARGS)

test: $(VENV)/.dev ## all tests (ARGS="-k quality" passes on to pytest, COVERAGE=1 measures and holds the bars)
ifeq ($(COVERAGE),)
	@$(call pytest,$(PY) -m pytest)
else
	@$(PY) -m coverage erase
	@$(call pytest,$(PY) -m coverage run -m pytest)
	@$(MAKE) --no-print-directory coverage
endif

# Side by side first, then those that want to be alone. pytest's 5 says that no test was asked for: both must say so.
define pytest
crowd=0; alone=0; \
$(1) --alone=never --numprocesses=auto --maxprocesses=8 --dist=loadfile $(ARGS) || crowd=$$?; \
if [ $$crowd != 0 ] && [ $$crowd != 5 ]; then exit $$crowd; fi; \
$(1) --alone=only $(ARGS) || alone=$$?; \
if [ $$alone = 5 ]; then exit $$crowd; fi; exit $$alone
endef

coverage: $(VENV)/.dev
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report --include='wamon/core/*' --fail-under=100
	@$(PY) -m coverage report --omit='wamon/core/*' --fail-under=90

check: lint types docs ## what CI runs: format, lint, types, generated docs, tests with coverage
	@$(MAKE) --no-print-directory test COVERAGE=1

format: $(VENV)/.dev ## put the code into shape
	@$(PY) -m ruff format
	@$(PY) -m ruff check --fix

lint: $(VENV)/.dev
	@$(PY) -m ruff format --check
	@$(PY) -m ruff check

types: $(VENV)/.dev
	@$(PY) -m mypy $(CHECKED)

docs: $(VENV)/.dev
	@$(PY) -m wamon.reference --check
	@$(PY) dashboards/build.py --check
	@$(PY) deploy/build.py --check

assets: $(VENV)/.dev ## write the generated documents, dashboards and manifests anew
	@$(PY) -m wamon.reference
	@$(PY) dashboards/build.py
	@$(PY) deploy/build.py

bench: $(VENV)/.dev ## the benchmarks, one after the other, over an hour in all; each runs alone too (python benchmarks/scrape.py)
	@for script in $(sort $(wildcard benchmarks/*.py)); do echo "== $$script"; $(PY) $$script $(ARGS) || exit 1; done

dev: $(VENV)/.dev ## a development environment in .venv, with the `wamon` command in .venv/bin
	@:

runtime: $(VENV)/.runtime
	@:

# A stamp is written last, so that an interrupted step runs again and a finished one costs nothing.

$(VENV)/.uv: requirements-uv.lock
	@command -v '$(PYTHON)' >/dev/null || { \
	  echo "$(PYTHON) not found: install Python 3.11 or newer, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$('$(PYTHON)' --version) is too old: wamon needs 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@'$(PYTHON)' -c 'import venv' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module: install it (Debian: apt-get install python3-venv), then run make again" >&2; exit 1; }
	@'$(PYTHON)' -c 'import pip' 2>/dev/null || { \
	  echo "$(PYTHON) has no pip module: install it (Debian: apt-get install python3-pip), then run make again" >&2; exit 1; }
	@echo "setting up: $(VENV) with $$('$(PYTHON)' --version)"
	@rm -rf $(VENV)
	@'$(PYTHON)' -m venv --without-pip $(VENV)
	@'$(PYTHON)' -m pip -qq --disable-pip-version-check install --target $(VENV)/uv --no-deps --require-hashes --only-binary :all: -r requirements-uv.lock
	@touch $@

# A sync to the runtime set takes the development tools away, so their stamp goes too.
$(VENV)/.runtime: requirements.lock $(VENV)/.uv
	@echo "setting up: what wamon runs on (requirements.lock)"
	@rm -f $(VENV)/.dev
	@$(UV_QUIET) pip sync --python $(PY) --require-hashes requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml $(VENV)/.uv
	@echo "setting up: what it is developed with (requirements-dev.lock)"
	@$(UV_QUIET) pip sync --python $(PY) --require-hashes requirements-dev.lock
	@$(UV_QUIET) pip install --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.runtime $@

# The options keep this machine's own settings, index and paths out of the files.
COMPILE = env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL -u UV_FIND_LINKS -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_DEFAULT_INDEX \
  $(UV_QUIET) pip compile --no-config --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

lock: $(VENV)/.uv ## pin again from pyproject.toml (ARGS="--upgrade" or ARGS="--upgrade-package httpx" for newer ones)
	@$(COMPILE) $(ARGS) pyproject.toml --output-file requirements.lock
	@$(COMPILE) $(ARGS) pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
	@$(COMPILE) $(ARGS) --group build --constraint requirements-dev.lock --output-file requirements-build.lock
	@$(COMPILE) $(ARGS) --group uv --output-file requirements-uv.lock

clean: ## take away .venv and whatever the tools left
	@rm -rf $(VENV) dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find wamon tests -type d -name __pycache__ -prune -exec rm -rf {} +
