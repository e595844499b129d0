# make demo | up | test | test-browser | pooled | tls | bench | faults | fuzz | mutants | check: the README says what they do.

PYTHON ?= python3
BIN := .venv/bin
LOCAL := $(BIN)/python -m batchgen.local
STAMP := .venv/installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

# Processes, each with a PostgreSQL and a Redis of its own; the longest tests begin first. Three also
# on two cores: tests that wait for others' processes leave time.
PARALLEL := -n 3 --no-loadscope-reorder

# What differs most where a session is not the program's own.
POOLED := tests/integration/postgresql tests/integration/engine/test_lanes.py \
	tests/integration/engine/test_reconciler.py tests/integration/engine/test_worker_process.py \
	tests/integration/live/test_changes.py tests/integration/api/test_health.py \
	tests/integration/api/test_headers.py tests/acceptance/test_main_job.py \
	tests/acceptance/live/test_join.py

# Whatever opens Redis, and the main job.
TLS := tests/integration/redis_url tests/integration/engine/test_broker.py \
	tests/integration/engine/test_reconciler.py tests/integration/engine/test_worker_process.py \
	tests/integration/limiter/test_gate.py tests/integration/live/test_stream.py \
	tests/integration/runs_api/test_stream_ticket.py tests/integration/api/test_health.py \
	tests/acceptance/test_main_job.py tests/acceptance/live/test_join.py

PACKAGES := batchgen benchmarks content epics limiter providers quality runs simulator web workers

# What a production start asks for, so that Django's deployment checks see production's settings.
PRODUCTION := BATCHGEN_ENV=production ANTHROPIC_API_KEY=none BATCHGEN_TRUSTED_PROXIES=127.0.0.1 \
	BATCHGEN_SECRET_KEY=only-for-the-checks-0123456789-abcdefghijklmnopqrstuvwxyz

# `make bench W1 ATTACK`: what stands behind it names workloads, which are nothing to make.
ifeq ($(firstword $(MAKECMDGOALS)),bench)
WORKLOADS := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
.PHONY: $(WORKLOADS)
$(WORKLOADS): ; @:
endif

.PHONY: help venv demo up test test-browser pooled tls bench faults fuzz mutants check screenshots schema client \
	format lock clean-local

help:
	@echo 'make demo | up | test | test-browser | pooled | tls | bench | faults | fuzz | mutants | check |' \
		'screenshots | schema | client | format | lock | clean-local'

venv: $(STAMP)

$(STAMP): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'batchgen needs Python 3.11 or newer, and $(PYTHON) is not that.' \
			'Name another one: make PYTHON=python3.12 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'This Python cannot make virtual environments.' \
			'On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo 'Installing the pinned dependencies into .venv ...'
	@$(PIP) install --quiet -r requirements-dev.txt
	@touch $(STAMP)

demo: venv
	@$(LOCAL) demo

up: venv
	@$(LOCAL) up

test: venv
	env -u DATABASE_URL -u REDIS_URL -u DATABASE_URL_FILE -u REDIS_URL_FILE $(BIN)/python -m pytest $(PARALLEL) \
		--ignore=tests/browser

# Needs the system's Chromium.
test-browser: venv
	env -u DATABASE_URL -u REDIS_URL $(BIN)/python -m pytest tests/browser

screenshots: venv
	env -u DATABASE_URL -u REDIS_URL $(BIN)/python -m pytest -q tests/browser/screenshots.py

pooled: venv
	env -u DATABASE_URL -u REDIS_URL BATCHGEN_TEST_PGBOUNCER=1 $(BIN)/python -m pytest $(POOLED)

tls: venv
	env -u DATABASE_URL -u REDIS_URL BATCHGEN_TEST_TLS=1 $(BIN)/python -m pytest $(TLS)

bench: venv
	$(BIN)/python -m benchmarks $(WORKLOADS) $(if $(PEERS),--peers)

faults: venv
	$(BIN)/python -m tests.acceptance.faults

fuzz: venv
	$(BIN)/python -m tests.acceptance.contract

mutants: venv
	$(BIN)/python -m tests.mutants $(if $(PART),--part $(PART))

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --severity-level medium --recursive $(PACKAGES)
	$(LOCAL) run -- $(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(LOCAL) run -- $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	$(BIN)/python -m batchgen.local.audit

schema: venv
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

client:
	cd clients/typescript && npm ci --no-fund --no-audit && npm run check

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: venv
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) -c requirements.txt requirements-dev.in -o requirements-dev.txt

clean-local: venv
	@$(LOCAL) clean
