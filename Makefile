# `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV ?= uv

.PHONY: help demo run test check screenshots bench-asr bench-capacity bench-sip bench-bridge bench-search bench-desk bench-diarization chaos bench-scale soak fuzz format lock lock-supply sbom audit peers clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(VENV)/.installed ## install, start everything, place a real SIPREC call and show its transcript (ONCE=1: then end)
	@$(BIN)/callscribe demo $(if $(ONCE),--once)

run: $(VENV)/.installed ## start the service (settings: callscribe.toml, CALLSCRIBE_… variables)
	@$(BIN)/callscribe serve

test: $(VENV)/.installed-dev ## install what the tests need and run them all
	@PATH="/usr/sbin:$$PATH" scripts/install-peers
	@scripts/test $(BIN)/python $(ARGS)

check: $(VENV)/.installed-dev ## format, lint, types, import contracts, migrations
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python scripts/check_migrations.py

bench-asr: $(VENV)/.installed-dev ## measure recognition: words, delays, CPU beside others (ARGS=--quick: a part of it)
	@$(BIN)/python -m benchmarks.asr $(ARGS)

bench-capacity: $(VENV)/.installed-dev ## measure how many calls this machine carries, through the whole service (20 minutes)
	@PATH="/usr/sbin:$$PATH" $(BIN)/python -m benchmarks.capacity $(ARGS)

bench-sip: $(VENV)/.installed-dev ## measure what telephony alone costs: CPU a call-second, time to the answer (2 minutes)
	@$(BIN)/python -m benchmarks.sip $(ARGS)

bench-bridge: $(VENV)/.installed-dev ## measure the delay that bridged calls add (2 minutes)
	@$(BIN)/python -m benchmarks.bridge

bench-search: $(VENV)/.installed-dev ## measure searches among a million utterances while calls are written (ARGS="--utterances 5000000")
	@$(BIN)/python -m benchmarks.search $(ARGS)

bench-desk: $(VENV)/.installed-dev ## measure the pages: 1,000 calls that speak, 200 viewers, two browsers (1 minute)
	@PATH="/usr/sbin:$$PATH" $(BIN)/python -m benchmarks.desk $(ARGS)

bench-diarization: $(VENV)/.installed-dev ## measure who is taken to speak, on calls of two and three voices (10 minutes)
	@$(BIN)/python -m benchmarks.diarization $(ARGS)

bench-scale: $(VENV)/.installed-dev ## simulate days of sites of up to ten thousand calls (10 minutes)
	@$(BIN)/python -m benchmarks.scale $(ARGS)

MINUTES ?= 60
soak: $(VENV)/.installed-dev ## carry calls for an hour and look whether memory, files, threads or delays grow (MINUTES=, ARGS="--calls 7 --document")
	@PATH="/usr/sbin:$$PATH" $(BIN)/python -m benchmarks.soak --minutes $(MINUTES) $(ARGS)

fuzz: $(VENV)/.installed-dev ## send what strangers may send, by the coverage it reaches (TARGET=sip SECONDS=300)
	@$(BIN)/pip install --disable-pip-version-check --quiet --require-hashes -r requirements/fuzz.txt
	@$(BIN)/python -m tests.fuzz $(or $(TARGET),all) $(or $(SECONDS),60)

chaos: $(VENV)/.installed-dev ## kill anything in the middle of calls, and account for every utterance (ROUNDS=500 SEED=1)
	@PATH="/usr/sbin:$$PATH" $(BIN)/python -m tests.chaos --rounds $(or $(ROUNDS),20) $(if $(SEED),--seed $(SEED))

screenshots: $(VENV)/.installed-dev ## take the pictures of docs/desk.md anew, from made-up calls
	@$(BIN)/python -m tests.console.guide_images

format: $(VENV)/.installed-dev ## format the code
	@$(BIN)/ruff check --fix --select I .
	@$(BIN)/ruff format .

lock: ## renew the locked dependencies (needs uv)
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate pyproject.toml -o requirements/base.lock
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate pyproject.toml --extra dev -c requirements/base.lock -o requirements/dev.lock
	@$(UV) pip compile -q --universal --python-version 3.11 --no-annotate pyproject.toml --extra funasr --extra sherpa --extra google --extra lm --extra webrtc --extra tracing --extra pyannote -c requirements/base.lock -c requirements/engines.in -o requirements/engines.txt

lock-supply: ## renew the locked programs of sbom and audit (needs uv)
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate requirements/supply.in -o requirements/supply.lock

sbom: build/supply/.installed ## write build/sbom.json: every package with its hashes (CycloneDX), from the lock, without network
	@build/supply/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --validate \
	    -o build/sbom.json requirements/base.lock 2>/dev/null
	@echo "build/sbom.json"

# --strict: what the index knows nothing of counts as not audited, not as sound.
audit: build/supply/.installed ## ask the index for known weaknesses of the locked packages (needs pypi.org; ARGS="-s osv": osv.dev)
	@build/supply/bin/pip-audit --strict --disable-pip --require-hashes $(ARGS) -r requirements/base.lock

build/supply/.installed: requirements/supply.lock
	@$(PYTHON) -m venv build/supply
	@build/supply/bin/pip install --disable-pip-version-check --quiet --require-hashes -r requirements/supply.lock
	@touch $@

clean: ## remove the virtual environment, build results and the demo's data
	@rm -rf $(VENV) build *.egg-info

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 13)))' || \
	    { echo "Callscribe needs Python 3.11 or 3.12 (the PJSUA2 wheels end there). Name one: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "Python's venv module is missing. On Debian: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/pip pyproject.toml requirements/base.lock
	@echo "Installing Callscribe into $(VENV) (about 1 GB on the first run) …"
	@$(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements/base.lock
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps -e .
	@touch $@

# torch differs from machine to machine, so what needs it is pinned without hashes.
# funasr-python's package has the name of funasr-client's: it stands apart, and finds what it needs among the others.
$(VENV)/.installed-dev: $(VENV)/.installed requirements/dev.lock requirements/engines.txt requirements/funasr-python.txt
	@$(BIN)/pip install --disable-pip-version-check --quiet --require-hashes -r requirements/dev.lock
	@$(BIN)/pip install --disable-pip-version-check --quiet -c requirements/engines.txt -e '.[funasr,sherpa,google,webrtc]'
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --require-hashes --upgrade \
	    --target build/funasr-python -r requirements/funasr-python.txt
	@touch $@
