# Thin on purpose: each command is a module in scripts/. `make` alone lists them.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
ARGS ?=
ENGINES ?= s3+postgresql
ENGINE_TESTS := tests/component tests/e2e/test_crash.py tests/e2e/test_killed_at_each_call.py \
	tests/e2e/test_killed_before_the_reply.py
S3_TESTS = $(shell grep -rl --include='test_*.py' s3_server tests) $(wildcard tests/contracts/test_blob_store*.py)

.DEFAULT_GOAL := help
.PHONY: help venv run dev demo first-picture shell test test-engines test-ceph test-azure cov e2e fuzz soak hosts bench gallery screenshots docs site test-all lint format clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

venv: ## create or update .venv
	@$(PYTHON) -m scripts.venv

run: venv ## start the service with all it needs, until Ctrl-C
	@$(VENV_PYTHON) -m scripts.run

dev: venv ## the same, restarting when the code changes
	@$(VENV_PYTHON) -m scripts.dev

demo: venv ## do the whole job once on real photos
	@$(VENV_PYTHON) -m scripts.demo

first-picture: venv ## measure from git clone to a picture in a browser
	@$(VENV_PYTHON) -m scripts.first_picture $(ARGS)

shell: venv ## nameko shell on the running service
	@$(VENV_PYTHON) -m scripts.shell

test: venv ## run the tests (ARGS="-k upload" for some of them)
	@$(VENV_PYTHON) -m scripts.run_tests $(ARGS)

test-engines: venv ## run component tests and crash suites on S3 and PostgreSQL
	@TEST_ENGINES=$(ENGINES) $(VENV_PYTHON) -m scripts.run_tests $(ENGINE_TESTS) $(ARGS)

test-ceph: venv ## run the tests of S3 on Ceph instead of SeaweedFS
	@TEST_S3=ceph $(VENV_PYTHON) -m scripts.run_tests $(S3_TESTS) $(ARGS)

test-azure: venv ## run them on Azure's emulator (needs Node)
	@TEST_S3=azurite $(VENV_PYTHON) -m scripts.run_tests $(S3_TESTS) $(ARGS)

cov: venv ## run the tests and show what they do not reach
	@$(VENV_PYTHON) -m scripts.run_tests --cov=image_service --cov-branch --cov-report=term-missing $(ARGS)

e2e: venv ## run the end-to-end tests only
	@$(VENV_PYTHON) -m scripts.run_tests tests/e2e $(ARGS)

fuzz: venv ## search for pictures that break the checks (ARGS="--seconds 600")
	@$(VENV_PYTHON) -m pip install --quiet atheris
	@$(VENV_PYTHON) -m tests.corpus.atheris_fuzz $(ARGS)

soak: venv ## run the long crash suites
	@$(VENV_PYTHON) -m scripts.run_tests -m soak $(ARGS)

hosts: venv ## kill, cut off and slow down hosts of three (ARGS="--minutes 30 --seed 7")
	@$(VENV_PYTHON) -m tests.e2e.hosts_campaign $(ARGS)

bench: venv ## measure against the floors (ARGS="--nest DIR" for the peer too)
	@$(VENV_PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@$(VENV_PYTHON) -m benchmarks.uploads $(ARGS)
	@$(VENV_PYTHON) -m benchmarks.lookups $(ARGS)
	@$(VENV_PYTHON) -m benchmarks.health $(ARGS)
	@$(VENV_PYTHON) -m benchmarks.analysis
	@$(VENV_PYTHON) -m benchmarks.render_memory

gallery: ## build the gallery from gallery/ (needs Node.js 20 or newer)
	@cd gallery && npm ci --no-audit --no-fund && npm run check && npm run build

screenshots: venv ## write docs/screenshots of the gallery, with real photos
	@$(VENV_PYTHON) -m scripts.screenshots

docs: venv ## write what pages say that is made from the code and config.yaml
	@$(VENV_PYTHON) -m scripts.config_docs
	@$(VENV_PYTHON) -m scripts.error_docs
	@$(VENV_PYTHON) -m scripts.variant_docs
	@$(VENV_PYTHON) -m scripts.metrics_docs
	@$(VENV_PYTHON) -m scripts.cli_docs
	@$(VENV_PYTHON) -m scripts.http_docs
	@$(VENV_PYTHON) -m scripts.rpc_docs
	@$(VENV_PYTHON) -m scripts.sizing

site: venv ## build the documentation as a site in .run/site
	@NO_MKDOCS_2_WARNING=1 $(VENV_PYTHON) -m mkdocs build --quiet

test-all: venv ## run the tests on each installed Python from 3.10 to 3.13
	@$(VENV_PYTHON) -m scripts.test_all $(ARGS)

lint: venv ## check style, types and the direction of imports
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@NO_MKDOCS_2_WARNING=1 $(VENV_PYTHON) -m mkdocs build --quiet
	@$(VENV_PYTHON) -m scripts.config_docs --check
	@$(VENV_PYTHON) -m scripts.error_docs --check
	@$(VENV_PYTHON) -m scripts.variant_docs --check
	@$(VENV_PYTHON) -m scripts.metrics_docs --check
	@$(VENV_PYTHON) -m scripts.cli_docs --check
	@$(VENV_PYTHON) -m scripts.http_docs --check
	@$(VENV_PYTHON) -m scripts.rpc_docs --check
	@$(VENV_PYTHON) -m scripts.sizing --check
	@$(VENV_PYTHON) -m scripts.check_units

format: venv ## let ruff lay out the code
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format .

clean: ## remove what make made; uploads/ and its pictures stay
	rm -rf .venv .venv-3.* .run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov *.egg-info
