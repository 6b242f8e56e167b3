# Everything sets itself up: `make run` and `make test` need Python 3.11+ (with venv), make and git, nothing else.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv

.DEFAULT_GOAL := help
.PHONY: help run smoke test test-long lint bench bench-api bench-load bench-growth bench-backfill bench-month docs web pictures lock clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The virtual environment, made with pip from the hashed lock. One stamp per lock: `run` needs less than `test`.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "kmaflow: Python 3.11 이상이 필요합니다 / Python 3.11 or newer is needed ($$($(PYTHON) --version)); make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "kmaflow: python3-venv가 없습니다 / python3-venv is missing: sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.uv: locks/uv.txt | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
	@touch $@

$(VENV)/.run: locks/airflow.txt pyproject.toml $(VENV)/.uv
	@echo "kmaflow: 설치합니다 / installing (about 350 MB, once)"
	@if [ ! -e $(VENV)/.dev ]; then $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r locks/airflow.txt; fi
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: locks/dev.txt pyproject.toml $(VENV)/.uv
	@echo "kmaflow: 설치합니다 / installing"
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r locks/dev.txt
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

run: $(VENV)/.run ## set up, start hub simulator (without a key) and Airflow, collect; Ctrl-C ends
	@exec $(BIN)/python -m kmaflow.run.launch

smoke: $(VENV)/.run ## the same without a person: every cell compared with the simulator's truth
	@$(BIN)/python -m kmaflow.run.smoke

lint: $(VENV)/.dev ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

test: $(VENV)/.dev ## lint and all tests but the slow proofs, with coverage
	@PYTHON=$(BIN)/python .ci/test

test-long: $(VENV)/.dev ## the slow proofs
	@$(BIN)/pytest -m long

bench: $(VENV)/.dev ## what it costs, each figure beside a floor measured in the same run
	@for script in parse_speed simulator_render collect_hour dag_run load_speed; do echo "== $$script"; $(BIN)/python benchmarks/$$script.py || exit 1; done

bench-load: $(VENV)/.dev ## loading into the three databases, beside each one's bare bulk load and the usual way
	@$(BIN)/python benchmarks/load_speed.py
	@$(BIN)/python benchmarks/usual_way.py

bench-api: $(VENV)/.dev ## the HTTP API and the lake beside bare SQL of the same rows, over sixty days of minutes in PostgreSQL (an hour, 15 GB of disk)
	@$(BIN)/python benchmarks/api_speed.py

bench-growth: $(VENV)/.dev ## the same with fifty million rows in the table (half an hour, 20 GB of disk)
	@$(BIN)/python benchmarks/load_growth.py

bench-backfill: $(VENV)/.dev ## a day of all AWS kinds by kmaflow backfill beside its floors, days more, a year of ASOS
	@$(BIN)/python benchmarks/backfill_day.py
	@$(BIN)/python benchmarks/backfill_day.py --asos

bench-month: $(VENV)/.dev ## a month of all AWS kinds with a general member's quota (half an hour, 20 GB of disk)
	@$(BIN)/python benchmarks/backfill_month.py

docs: $(VENV)/.dev ## the documentation as a site in build/docs, Korean and English; warnings are errors
	@$(BIN)/python docs/reference.py
	@for language in ko en; do $(BIN)/python -m sphinx -q -E -W --keep-going -c docs -D language=$$language docs/$$language build/docs/$$language || exit 1; done
	@echo "build/docs/ko/index.html build/docs/en/index.html"

web: ## build the page of web/ into src/kmaflow/web/static, which is committed (needs Node 20 with npm)
	@cd web && npm ci --silent && npm run --silent check && npm run --silent build

pictures: $(VENV)/.dev ## the pictures of docs/, from a real browser (needs chromium and fonts-noto-cjk)
	@KMAFLOW_PICTURES=1 $(BIN)/pytest -m e2e tests/e2e/test_browser.py

lock: $(VENV)/.uv ## resolve the locks anew (KEEP=1: only what pyproject.toml asks anew)
	@$(BIN)/python locks/resolve.py $(if $(KEEP),--keep)

clean: ## forget the virtual environment (data stay in var/)
	@rm -rf $(VENV)
