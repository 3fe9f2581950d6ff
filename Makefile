# LoRAFair: `make help` says what there is.
PYTHON ?= python3.11
PYTEST_ARGS ?=
# A file's tests stay in one process; one thread each, because a second one would only wait for the others.
PARALLEL := -n 2 --dist loadfile
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.lorafair-installed
MODEL := models/smollm2-135m
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Two cores: more threads than that only wait for each other.
export TOKENIZERS_PARALLELISM := false
export GOMP_SPINCOUNT ?= 1000
export VLLM_ENABLE_V1_MULTIPROCESSING ?= 0

.DEFAULT_GOAL := help
.PHONY: help install check format test test-fast test-engine test-package soak quickstart benchmark simulate lock clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

install: $(STAMP)  ## .venv from the lock file, lorafair in editable mode

$(STAMP): requirements/cpu.txt requirements/vllm-alias/pyproject.toml pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed and '$(PYTHON)' is not there: install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "The lock file is for Python 3.11 and $(PYTHON) is another: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --no-deps --no-compile -r requirements/cpu.txt
	@echo "Compiling with all cores what pip would compile with one"
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib >/dev/null || true  # some packages hold templates that are no Python
	$(PIP) install --no-deps --no-build-isolation ./requirements/vllm-alias
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(MODEL)/provenance.json: | $(STAMP)
	$(BIN)/lorafair models pull smollm2-135m

check: $(STAMP)  ## ruff (style, format, the star rule) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: test-fast test-engine test-package  ## set-up, then the fast, engine and package tiers (25 minutes on two cores)

test-fast: $(STAMP)  ## the tier without a model
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -m "not engine and not package and not soak" $(PYTEST_ARGS)

test-engine: $(STAMP) $(MODEL)/provenance.json  ## the tier on the real model and the real engines
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -m "engine and not soak" $(PYTEST_ARGS)

test-package: $(STAMP)  ## the tier that builds and installs wheel and sdist
	$(BIN)/python -m pytest -m "package and not soak" $(PYTEST_ARGS)

soak: $(STAMP) $(MODEL)/provenance.json  ## what takes longer than `make test` may
	LORAFAIR_RECORD=$(CURDIR)/benchmarks/soak.json $(BIN)/python -m pytest -m soak $(PYTEST_ARGS)

quickstart: $(STAMP)  ## train, evaluate, compare: a leaderboard in 15 minutes (BASE=folder or Hub id: another model)
	PATH="$(CURDIR)/$(BIN):$$PATH" sh quickstart.sh

RUNS := runs/smollm2-135m
CHECKPOINTS := --checkpoint $(RUNS)/lora-r2 --checkpoint $(RUNS)/lora-r8 --checkpoint $(RUNS)/full

benchmark: $(STAMP)  ## the README's numbers, on the checkpoints of `make quickstart`, on an otherwise idle machine
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/plugins.py
	$(BIN)/python benchmarks/suite.py --base $(MODEL)
	$(BIN)/python benchmarks/serving.py --base $(MODEL)
	$(BIN)/python benchmarks/parity.py --base $(MODEL) $(CHECKPOINTS) --limit 56
	$(BIN)/python benchmarks/training.py --model $(MODEL) --pairs 7 --steps 20 --only methods --methods lora,full

simulate: $(STAMP)  ## coverage, false verdicts and power on simulated audits of known truth (hours)
	$(BIN)/python benchmarks/simulation.py

lock: $(STAMP)  ## write requirements/cpu.txt from what is installed in .venv
	$(BIN)/python requirements/lock.py

clean:  ## remove what was built here; models/, runs/, results/ and .venv stay
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .make
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
