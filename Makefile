# Everything sets itself up: `make run` and `make test` need Python 3.11+ (with venv), make and git, nothing else.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv

# Korean where KMAFLOW_LANG (or its line in .env) says so, else where the locale does.
KOREAN := $(shell chosen="$${KMAFLOW_LANG:-$$(sed -n 's/^KMAFLOW_LANG=//p' .env 2>/dev/null | tail -n 1 | tr -d "'\" ")}"; \
  case "$${chosen:-$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}}" in (ko*) echo ko ;; esac)
say = $(if $(KOREAN),$(1),$(2))

.DEFAULT_GOAL := help
.PHONY: help run smoke test test-long lint bench bench-api bench-page bench-load bench-growth bench-backfill bench-month docs web pictures lock clean

help: ## this list ## 이 목록
	@awk -F' ## ' '/^[a-z-]+:.* ## / {split($$1, name, ":"); printf "make %-14s %s\n", name[1], $$$(call say,3,2)}' $(MAKEFILE_LIST)

# The virtual environment, made with pip from the hashed lock. One stamp per lock: `run` needs less than `test`.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "kmaflow: $(call say,Python 3.11 이상이 필요합니다,Python 3.11 or newer is needed) ($$($(PYTHON) --version)); make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "kmaflow: $(call say,python3-venv가 없습니다,python3-venv is missing): sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.uv: locks/uv.txt | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
	@touch $@

$(VENV)/.run: locks/airflow.txt pyproject.toml $(VENV)/.uv
	@echo "kmaflow: $(call say,설치합니다(처음 한 번 약 350 MB),installing (about 350 MB once))"
	@if [ ! -e $(VENV)/.dev ]; then $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r locks/airflow.txt; fi
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: locks/dev.txt pyproject.toml $(VENV)/.uv
	@echo "kmaflow: $(call say,설치합니다,installing)"
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r locks/dev.txt
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

run: $(VENV)/.run ## set up, start hub simulator (without a key) and Airflow, collect; Ctrl-C ends ## 설치하고 시뮬레이터(인증키가 없을 때)와 Airflow를 실행해 수집; 종료는 Ctrl-C
	@exec $(BIN)/python -m kmaflow.run.launch

smoke: $(VENV)/.run ## the same without a person: every cell compared with the simulator's truth ## 같은 것을 무인으로 실행하고 모든 값을 시뮬레이터의 참값과 비교
	@$(BIN)/python -m tests.smoke

lint: $(VENV)/.dev ## ruff, mypy, import-linter ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

test: $(VENV)/.dev ## lint and all tests but the slow proofs, with coverage ## lint와 느린 검증을 뺀 모든 시험, 커버리지
	@PYTHON=$(BIN)/python .ci/test

test-long: $(VENV)/.dev ## the slow proofs ## 느린 검증
	@$(BIN)/pytest -m long

bench: $(VENV)/.dev ## what it costs, each figure beside a floor measured in the same run ## 처리 비용: 같은 실행에서 잰 기준값과 나란히
	@for script in parse_speed simulator_render collect_hour dag_run load_speed; do echo "== $$script"; $(BIN)/python benchmarks/$$script.py || exit 1; done

bench-load: $(VENV)/.dev ## loading into the three databases, beside each one's bare bulk load and the usual way ## 세 데이터베이스 적재: 기본 대량 적재, 흔한 방법과 비교
	@$(BIN)/python benchmarks/load_speed.py
	@$(BIN)/python benchmarks/usual_way.py

bench-api: $(VENV)/.dev ## the HTTP API and the lake beside bare SQL of the same rows, over sixty days of minutes in PostgreSQL (an hour, 15 GB of disk) ## HTTP API와 레이크: 같은 행의 SQL과 비교 (PostgreSQL에 60일 매분자료, 1시간, 디스크 15 GB)
	@$(BIN)/python benchmarks/api_speed.py

bench-page: $(VENV)/.dev ## the page's requests with a year of completeness behind them, in PostgreSQL and SQLite (ten minutes, 10 GB of disk) ## 1년치 수집 현황에서 화면의 요청, PostgreSQL과 SQLite(10분, 디스크 10 GB)
	@$(BIN)/python benchmarks/page_speed.py

bench-growth: $(VENV)/.dev ## the same with fifty million rows in the table (half an hour, 20 GB of disk) ## 테이블에 5천만 행이 있을 때의 적재 (30분, 디스크 20 GB)
	@$(BIN)/python benchmarks/load_growth.py

bench-backfill: $(VENV)/.dev ## a day of all AWS kinds by kmaflow backfill beside its floors, days more, a year of ASOS ## 모든 AWS 자료의 하루를 kmaflow backfill로 수집, 여러 날, ASOS 1년
	@$(BIN)/python benchmarks/backfill_day.py
	@$(BIN)/python benchmarks/backfill_day.py --asos

bench-month: $(VENV)/.dev ## a month of all AWS kinds with a general member's quota (half an hour, 20 GB of disk) ## 일반회원 한도로 모든 AWS 자료 한 달 (30분, 디스크 20 GB)
	@$(BIN)/python benchmarks/backfill_month.py

docs: $(VENV)/.dev ## the documentation as a site in build/docs, Korean and English; warnings are errors ## 문서 사이트를 build/docs에 생성(한국어, 영어); 경고도 오류로 처리
	@$(BIN)/python docs/reference.py
	@for language in ko en; do $(BIN)/python -m sphinx -q -E -W --keep-going -c docs -D language=$$language docs/$$language build/docs/$$language || exit 1; done
	@echo "build/docs/ko/index.html build/docs/en/index.html"

web: ## build the page of web/ into src/kmaflow/web/static, which is committed (needs Node 20 with npm) ## web/의 화면을 빌드하여 src/kmaflow/web/static에 둠, 커밋 대상 (Node 20과 npm 필요)
	@cd web && npm ci --silent && npm run --silent check && npm run --silent build

pictures: $(VENV)/.dev ## the pictures of docs/, from a real browser (needs chromium and fonts-noto-cjk) ## docs/의 그림을 실제 브라우저로 (chromium, fonts-noto-cjk 필요)
	@KMAFLOW_PICTURES=1 $(BIN)/pytest -m e2e tests/e2e/test_browser.py tests/e2e/test_page.py

lock: $(VENV)/.uv ## resolve the locks anew (KEEP=1: only what pyproject.toml asks anew) ## 잠금 파일을 새로 계산 (KEEP=1: pyproject.toml이 새로 요구하는 것만)
	@$(BIN)/python locks/resolve.py $(if $(KEEP),--keep)

clean: ## forget the virtual environment (data stay in var/) ## 가상 환경 삭제 (자료는 var/에 남음)
	@rm -rf $(VENV)
