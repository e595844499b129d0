# make demo | up | test | acceptance | test-browser | image | pooled | tls | alerts | bench | faults | hosts | soak | fuzz | mutants | check | docs: the README says what they do.

PYTHON ?= python3
BIN := .venv/bin
LOCAL := $(BIN)/python -m batchgen.local
STAMP := .venv/installed
CHART_STAMP := .venv/installed-chart
PIP := $(BIN)/python -m pip --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

# Processes, each with a PostgreSQL and a Redis of its own; tests/scheduling.py says what begins when.
# Three also on two cores: tests that wait for others' processes leave time.
PARALLEL := -n 3 --no-loadscope-reorder

# What is long by its nature: requests of every kind to every operation, servers
# that fail over, whole stacks and real backlogs on the whole way.
LONG := tests/acceptance/budgets tests/acceptance/contract \
	tests/acceptance/attacks/test_all_at_once.py tests/acceptance/live/test_sentinel.py \
	tests/acceptance/test_backup.py tests/acceptance/test_chain.py tests/acceptance/test_roles.py \
	tests/acceptance/test_two_installations.py tests/local/test_whole_stack.py

# Judged by what the provider sees in the 100 ms after an answer: it has the machine for itself.
MOMENTS := tests/acceptance/faults

# What asks for more than Python, and has a target of its own.
APART := tests/browser tests/chart tests/image tests/acceptance/alerts tests/acceptance/upgrade

# What differs most where a session is not the program's own.
POOLED := tests/integration/postgresql tests/integration/engine/test_lanes.py \
	tests/integration/engine/test_reconciler.py tests/integration/engine/test_worker_process.py \
	tests/integration/engine/test_budgets.py tests/integration/engine/test_budget_runs.py \
	tests/integration/live/test_changes.py tests/integration/api/test_health.py \
	tests/integration/api/test_headers.py tests/acceptance/test_main_job.py \
	tests/acceptance/live/test_join.py

# Whatever opens Redis, and the main job.
TLS := tests/integration/redis_url tests/integration/engine/test_broker.py \
	tests/integration/engine/test_reconciler.py tests/integration/engine/test_worker_process.py \
	tests/integration/limiter/test_gate.py tests/integration/live/test_stream.py \
	tests/integration/runs_api/test_stream_ticket.py tests/integration/api/test_health.py \
	tests/acceptance/test_main_job.py tests/acceptance/live/test_join.py

# No server that the shell names. And what is compiled is kept, whatever it says: the tests start some
# two hundred processes, each of which would compile the program anew.
ALONE := env -u DATABASE_URL -u REDIS_URL -u DATABASE_URL_FILE -u REDIS_URL_FILE \
	-u PYTHONDONTWRITEBYTECODE

PACKAGES := batchgen benchmarks content epics handbook limiter providers quality runs simulator web workers

# What a production start asks for, so that Django's deployment checks see production's settings.
PRODUCTION := BATCHGEN_ENV=production ANTHROPIC_API_KEY=none BATCHGEN_TRUSTED_PROXIES=127.0.0.1 \
	BATCHGEN_SECRET_KEY=only-for-the-checks-0123456789-abcdefghijklmnopqrstuvwxyz

# `make bench W1 ATTACK`: what stands behind it names workloads, which are nothing to make.
ifeq ($(firstword $(MAKECMDGOALS)),bench)
WORKLOADS := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
.PHONY: $(WORKLOADS)
$(WORKLOADS): ; @:
endif

.PHONY: help venv demo up test acceptance test-browser image pooled tls alerts bench faults hosts soak fuzz mutants check docs tutorial audit licences sbom \
	screenshots schema client format lock clean-local

help:
	@echo 'make demo | up | test | acceptance | test-browser | image | pooled | tls | alerts | bench | faults | hosts | soak | fuzz | mutants | check | docs |' \
		'upgrade | chart | chart-golden | tutorial | audit | licences | sbom | screenshots | schema | client | format | lock | clean-local'

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
	$(ALONE) $(BIN)/python -m pytest $(PARALLEL) $(addprefix --ignore=,$(APART) $(LONG) $(MOMENTS))

acceptance: venv
	$(ALONE) $(BIN)/python -m pytest $(PARALLEL) $(LONG)
	$(ALONE) $(BIN)/python -m pytest $(MOMENTS)

# Needs the system's Chromium.
test-browser: venv
	$(ALONE) $(BIN)/python -m pytest tests/browser

# The container image, built and run. Needs root, buildah and mmdebstrap; the base is kept in .local/.
image: venv
	$(ALONE) $(BIN)/python -m pytest --timeout 900 tests/image

screenshots: venv
	$(ALONE) $(BIN)/python -m pytest -q tests/browser/screenshots.py

# From the newest release to what is here, beside each other; git has to know its tag.
.PHONY: upgrade
upgrade: venv
	$(ALONE) $(if $(FROM),BATCHGEN_TEST_UPGRADE_FROM=$(FROM)) $(BIN)/python -m pytest tests/acceptance/upgrade

pooled: venv
	$(ALONE) BATCHGEN_TEST_PGBOUNCER=1 $(BIN)/python -m pytest $(POOLED)

tls: venv
	$(ALONE) BATCHGEN_TEST_TLS=1 $(BIN)/python -m pytest $(TLS)

bench: venv
	$(BIN)/python -m benchmarks $(WORKLOADS) $(if $(PEERS),--peers)

faults: venv
	$(BIN)/python -m tests.acceptance.faults

hosts: venv
	$(BIN)/python -m tests.acceptance.hosts $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(PATIENCE),--patience $(PATIENCE))

# Two hours; what it says so far, at any time: python -m tests.acceptance.soak --read CSV
soak: venv
	$(BIN)/python -m tests.acceptance.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

fuzz: venv
	$(BIN)/python -m tests.acceptance.contract

# Needs promtool, of Debian's package prometheus.
alerts: venv
	$(ALONE) $(BIN)/python -m pytest tests/acceptance/alerts

mutants: venv
	$(BIN)/python -m tests.mutants $(if $(PART),--part $(PART))

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --severity-level medium --recursive $(PACKAGES)
	$(LOCAL) run -- $(BIN)/python manage.py makemigrations --check --dry-run
	$(LOCAL) run -- $(BIN)/python -m batchgen.local.migration_lint
	$(PRODUCTION) $(LOCAL) run -- $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	$(BIN)/python -m batchgen.local.licences
	$(BIN)/python -m batchgen.local.audit
	$(BIN)/python -m handbook

docs: venv
	$(BIN)/python -m handbook

tutorial: venv
	$(ALONE) $(BIN)/python -m pytest -q tests/local/tutorial.py

audit: venv
	$(BIN)/python -m batchgen.local.audit

licences: venv
	$(BIN)/python -m batchgen.local.licences

sbom: venv
	@$(BIN)/python -m batchgen.local.sbom

# Helm's library and Kubernetes' schemas are 350 MB, which nothing else has a use for.
$(CHART_STAMP): requirements-chart.txt | venv
	@$(PIP) install --quiet -r requirements-chart.txt
	@touch $(CHART_STAMP)

.PHONY: chart chart-golden
chart: venv $(CHART_STAMP)
	$(BIN)/python -m pytest --noconftest tests/chart

chart-golden: venv $(CHART_STAMP)
	$(BIN)/python -m tests.chart.rendering

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
	$(COMPILE) -c requirements-dev.txt requirements-chart.in -o requirements-chart.txt

clean-local: venv
	@$(LOCAL) clean
