# make run    installs on first use, then serves the sample knowledge on http://127.0.0.1:8000
# make test   installs on first use, then lint, types, import contracts and every test
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
FLAVOUR ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
PORT ?= 8000

.PHONY: help install services run test lint format bench lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/'

install: .venv/installed-$(FLAVOUR) ## make .venv with the locked versions (cpu, or gpu where an NVIDIA GPU is seen)

.venv/installed-$(FLAVOUR): requirements/$(FLAVOUR).lock pyproject.toml scripts/install
	@scripts/install "$(PYTHON)" "$(FLAVOUR)"
	@touch $@

services: ## Debian packages the tests use: Chromium and PostgreSQL
	@scripts/services

run: install ## serve the sample knowledge on http://127.0.0.1:$(PORT)
	@$(BIN)/assistant serve --sample --port $(PORT)

test: install services lint ## every test, with the real engine, in two processes
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: install ## ruff, mypy, import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: install ## rewrite the code in the house format
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: install ## side-by-side figures; see benchmarks/README.md
	@$(BIN)/python -m benchmarks.serving

lock: install ## resolve the versions again
	@scripts/lock

clean: ## remove .venv and caches, never ./data
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
