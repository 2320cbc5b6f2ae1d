# make run    install into .venv and run the default suite       make test   the whole test suite, lint and types
# make docs   build the pages into site/
PYTHON ?= python3
BIN := .venv/bin
# One thread for each process: two threads in one process are slower than two processes (docs/protocol.md).
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

.PHONY: run test install lint docs clean

run: .venv/installed
	$(BIN)/python -m bench run $(SUITE)

install: .venv/installed

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed-for-tests
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build
	@echo "Open site/index.html; with search: $(BIN)/python -m http.server --directory site"

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "realgain needs Python 3.11 to 3.13; found $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[yolo]' --constraint constraints.txt
	@touch $@

.venv/installed-for-tests: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]' --constraint constraints.txt
	@touch $@

clean:
	rm -rf .venv site results/local
