# kamstream: two commands for a newcomer, `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?=
DEMO_FLAGS := $(if $(SECONDS),--seconds $(SECONDS),)

.PHONY: help demo test lint check bench torture lock schemas clean compile pure

help:
	@echo "make demo [SECONDS=60]  the whole system on this machine, with simulated CRM traffic"
	@echo "make test               everything that CI checks"
	@echo "make lint               ruff, mypy --strict, import-linter"
	@echo "make bench              the benchmarks (minutes)"
	@echo "make torture            the fault harness (minutes)"
	@echo "make compile            the hot modules as C extensions; make pure undoes it"
	@echo "make lock               pin the dependencies anew"
	@echo "make schemas            generate schemas/ anew"

# The venv with what running needs; the stamp is as old as the lock that it was made from.
$(VENV)/.run: deploy/requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r deploy/requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

# And with what checking needs.
$(VENV)/.dev: $(VENV)/.run deploy/requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r deploy/requirements-dev.lock
	@touch $@

demo: $(VENV)/.run
	@exec $(BIN)/kamstream demo $(DEMO_FLAGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check kamstream tests
	$(BIN)/ruff format --check kamstream tests
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n 2 --dist loadfile

check: test

bench: compile
	$(BIN)/python -m tests.benchmarks

torture: $(VENV)/.dev
	$(BIN)/python -m tests.faults

compile: $(VENV)/.dev
	$(BIN)/python deploy/compile_hot.py

pure:
	$(BIN)/python deploy/compile_hot.py --clean

lock:
	$(BIN)/uv pip compile --universal --python-version 3.11 pyproject.toml --extra local --extra dashboard --generate-hashes --no-header --quiet \
		--no-emit-index-url -o deploy/requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 pyproject.toml --all-extras --group dev --generate-hashes --no-header --quiet \
		--no-emit-index-url -c deploy/requirements.lock -o deploy/requirements-dev.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --group pyproject.toml:compile --generate-hashes --no-header --quiet \
		--no-emit-index-url -c deploy/requirements-dev.lock -o deploy/requirements-compile.lock

schemas: $(VENV)/.run
	$(BIN)/kamstream schema export schemas

clean:
	rm -rf $(VENV) build dist *.egg-info
