# The commands of the project; each prepares what it needs. `make help` lists them.
# Options travel in ARGS: make demo ARGS="--plant money", make test ARGS="-k refund".

PYTHON ?= python3
DEV = $(PYTHON) tools/dev.py

.DEFAULT_GOAL := help
.PHONY: help env demo serve test check bench

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

env:  ## create or refresh .venv
	@$(DEV) env

demo:  ## run the demonstration (SQLite under var/, or DATABASE_URL)
	@$(DEV) demo $(ARGS)

serve:  ## serve the shop, its admin and its API for development
	@$(DEV) serve $(ARGS)

test:  ## static checks, then the suite on PostgreSQL, Redis and SQLite (ARGS: pytest options, suite only)
	@$(DEV) test $(ARGS)

check:  ## static checks only: lint, format, types, imports, migrations
	@$(DEV) check

bench:  ## measure reconciliation and replay on PostgreSQL (ARGS="--orders 1000000", --help, --json)
	@$(DEV) bench $(ARGS)
