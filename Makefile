PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup run test test-all lint abacus abacus-dms abacus-ablations reference study clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

run: setup  ## The main job: dense and compressed on the bundled model and benchmark, and a table comparing the two
	$(BIN)/hyperscale run --method vanilla --width 4 --limit 48
	$(BIN)/hyperscale run --width 4 --limit 48
	$(BIN)/hyperscale report results

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile

test: setup  ## Everything that takes seconds
	$(PYTEST)

test-all: setup  ## The slow ones too
	$(PYTEST) -m 'slow or not slow'

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

abacus: setup  ## Train the bundled model again (under two hours on two cores, minutes on a GPU; can be stopped and started)
	OMP_NUM_THREADS=1 $(BIN)/python -m hyperscale.abacus.train

abacus-dms: setup  ## Retrofit the bundled model with DMS at 2x, 4x and 8x again, and bundle the results (four hours on two cores)
	OMP_NUM_THREADS=1 $(BIN)/python -m hyperscale.abacus.retrofit dms-2x dms-4x dms-8x --install

abacus-ablations: setup  ## What DMS is compared to: immediate eviction, and DMC
	OMP_NUM_THREADS=1 $(BIN)/python -m hyperscale.abacus.retrofit exit-8x dmc-8x

REFERENCE := results/reference-runs

RUN := $(BIN)/hyperscale run --width 8 --out $(REFERENCE)

reference: setup  ## Measure the numbers in results/reference again (about four hours on two cores)
	$(RUN) --method vanilla
	$(RUN) --method vanilla --limit 300 --max-len 512
	$(RUN) --method dms --budget 8x
	$(RUN) --method dms --budget 4x --limit 1000
	$(RUN) --method dms --budget 2x --limit 300
	for ratio in 4x 8x; do \
	    for method in window tova h2o quest; do $(RUN) --method $$method --budget $$ratio --limit 300 || exit; done; \
	done
	for variant in exit dmc; do \
	    test ! -e results/abacus-retrofit/$$variant-8x/model.safetensors || \
	    $(RUN) --model results/abacus-retrofit/$$variant-8x --limit 300 --method $$(test $$variant = dmc && echo dmc || echo dms) || exit; \
	done
	$(BIN)/hyperscale export $(REFERENCE) --out results/reference/modchain.parquet
	$(BIN)/hyperscale report results/reference/modchain.parquet --json > results/reference/modchain.json
	$(BIN)/hyperscale report results/reference/modchain.parquet --markdown > results/reference/modchain.md
	$(BIN)/python -m hyperscale.abacus.comparison results/reference/modchain.parquet

STUDY := results/reference-study

study: setup  ## Sweep all methods on the bundled benchmark again, and draw the frontier (46 minutes on two cores)
	$(BIN)/hyperscale sweep results/reference/study.toml --out $(STUDY)
	$(BIN)/hyperscale export $(STUDY) --out results/reference/study.parquet
	$(BIN)/hyperscale report results/reference/study.parquet --json > results/reference/study.json
	$(BIN)/hyperscale report results/reference/study.parquet --markdown > results/reference/study.md
	$(BIN)/hyperscale plot pareto results/reference/study.parquet
	$(BIN)/hyperscale plot scaling results/reference/study.parquet

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
