# The developer's menu. What it does stands in scripts/ and manage.py; here it only has names.
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup setup-run run demo doctor test bench vm vm-test lint ansible-lint format lock wheel

PYTHON_BIN := .venv/bin/python
export PYTHON

help: ## this menu
	@echo "Backstop: make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: STEPS = 4
setup: setup-run ## install what is missing to run and to test: Debian packages, and .venv from the lock files
	@echo "[3/4] Debian packages to test with"
	@scripts/packages test
	@echo "[4/4] Python packages to test with"
	@scripts/venv dev
	@scripts/venv build
	@scripts/venv ansible

setup-run:
	@echo "[1/$(STEPS)] Debian packages to run with"
	@scripts/packages run
	@echo "[2/$(STEPS)] Python packages to run with"
	@scripts/venv run

run: STEPS = 3
run: setup-run ## the whole gateway in this terminal; Ctrl-C stops it (ARGS="--home DIR")
	@echo "[3/3] Start"
	@exec $(PYTHON_BIN) manage.py run $(ARGS)

demo: ## in another terminal: send a real set of messages through the running gateway
	@scripts/venv run
	@exec $(PYTHON_BIN) manage.py demo $(ARGS)

doctor: ## check this installation
	@scripts/venv run
	@exec $(PYTHON_BIN) manage.py doctor $(ARGS)

test: setup lint ## lint, then every test: on SQLite, and those that need a database again on PostgreSQL
	@scripts/test

bench: setup ## speed and memory of the SMTP side, as ratios and bounds (a few minutes)
	@$(PYTHON_BIN) -m bench.throughput
	@$(PYTHON_BIN) -m bench.memory
	@$(PYTHON_BIN) -m bench.judge
	@$(PYTHON_BIN) -m bench.storm
	@$(PYTHON_BIN) -m bench.door
	@$(PYTHON_BIN) -m bench.pipeline

vm: ## log in to a real Debian machine, made and run here (ARGS="--release trixie --bare --fresh")
	@scripts/vm shell $(ARGS)

vm-test: ## the playbooks, upgrades, hard kills and a restore, on a real machine under qemu (as root; most of an hour)
	@scripts/venv run
	@scripts/venv ansible
	@scripts/vm test $(ARGS)

lint: ## style, types, who may import whom, and whether a migration is missing
	@scripts/venv dev
	@scripts/lint

ansible-lint: ## the playbooks: their syntax and style
	@scripts/venv ansible
	@cd ansible && PATH=$$PWD/../.venv-ansible/bin:$$PATH ansible-lint -q

format: ## lay the code out as lint wants it
	@scripts/venv dev
	.venv/bin/ruff check --fix-only --quiet .
	.venv/bin/ruff format --quiet .

wheel: ## the product as a wheel, in dist/ (scripts/wheelhouse DIR adds what it depends on)
	@scripts/wheel

lock: ## write the lock files anew from pyproject.toml (needs uv)
	@scripts/lock
