# From a fresh clone, with only Python 3.11 or newer, git and make: `make demo`, `make test`.
# The first call builds .venv; later ones reuse it until pyproject.toml or constraints.txt change.
# Another Python: `make test PYTHON=python3.12 VENV=.venv312`.

PYTHON ?= python3
VENV ?= .venv
VENV_TF ?= .venv-tf
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help venv demo test test-tensorflow lint format docs zoo zoo-fix zoo-keras zoo-fix-keras claims bench clean

help:
	@echo "make demo    find, fix and prove the fix of examples/deep_sigmoid.py (about a minute)"
	@echo "make test    run the tests"
	@echo "make test-tensorflow  run the Keras tests on TensorFlow, in $(VENV_TF)"
	@echo "make lint    ruff and mypy --strict"
	@echo "make format  let ruff format and repair what it can"
	@echo "make docs    rewrite the tables of README.md from the classes, build the pages into site/"
	@echo "make zoo     run the benchmark of sick and healthy trainings"
	@echo "make zoo-fix repair the sick trainings and run the patches alone"
	@echo "make zoo-keras, zoo-fix-keras  the same with the Keras trainings; BACKEND=tensorflow in $(VENV_TF)"
	@echo "make claims  check the lecture's claims and make their page"
	@echo "make bench   measure what watching costs, beside other tools; wants a quiet machine"
	@echo "make venv    only build $(VENV)"
	@echo "make clean   remove $(VENV), caches and records"

venv: $(READY)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV); the first time takes some minutes"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[torch,keras,jax,ray,tensorboard,wandb,mlflow,docs,dev]"
	@touch $@

demo: $(READY)
	@PATH="$(abspath $(BIN)):$$PATH" sh examples/demo.sh

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# Of its own: TensorFlow and torch in one process take a gigabyte, and torch is not needed.
$(VENV_TF)/.ready: pyproject.toml constraints.txt
	test -x $(VENV_TF)/bin/python || $(PYTHON) -m venv $(VENV_TF)
	$(VENV_TF)/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[keras,tensorflow,dev]"
	@touch $@

test-tensorflow: $(VENV_TF)/.ready
	OMP_NUM_THREADS=1 UNSTUCK_KERAS=tensorflow $(VENV_TF)/bin/python -m pytest tests/test_keras_watch.py tests/test_keras_fix.py

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY)
	$(BIN)/python docs/tables.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Of single cases: make zoo ZOO="--split dev --case digits --seeds 0"
ZOO ?= --seeds 0,1,2 --output docs/zoo.md
zoo: $(READY)
	$(BIN)/python zoo/run.py $(ZOO)

# The repairs of single cases: make zoo-fix FIX="--split dev --case digits"
FIX ?= --rivals --output docs/repairs.md
zoo-fix: $(READY)
	$(BIN)/python zoo/repairs.py $(FIX)

# Keras trainings: make zoo-keras BACKEND=tensorflow ZOO_KERAS="--split dev --case digits"
BACKEND ?= jax
KERAS_VENV := $(if $(filter tensorflow,$(BACKEND)),$(VENV_TF),$(VENV))
ON := --framework keras --backend $(BACKEND)
ZOO_KERAS ?= --seeds 0,1,2 --output docs/zoo-keras.md
zoo-keras: $(KERAS_VENV)/.ready
	$(KERAS_VENV)/bin/python zoo/run.py $(ON) $(ZOO_KERAS)

FIX_KERAS ?= --output docs/repairs-keras.md
zoo-fix-keras: $(KERAS_VENV)/.ready
	$(KERAS_VENV)/bin/python zoo/repairs.py $(ON) $(FIX_KERAS)

# A part of them: make claims CLAIMS="--claim momentum"
CLAIMS ?= --output docs/claims.md
claims: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python claims/run.py $(CLAIMS)

# A part of it: make bench BENCH="--training mlp --peer unstuck --seconds 20"
BENCH ?= --output docs/benchmarks.md
PEERS := .venv-bench
bench: $(PEERS)/.ready
	OMP_NUM_THREADS=1 $(PEERS)/bin/python benchmarks/overhead.py $(BENCH)

# The other tools have a place of their own, which sees what is in $(VENV): torch is large.
$(PEERS)/.ready: benchmarks/requirements.txt $(READY)
	$(BIN)/python -m venv --clear $(PEERS)
	@$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % \
	sysconfig.get_path('purelib'))" > "$$($(PEERS)/bin/python -c \
	"import sysconfig; print(sysconfig.get_path('purelib'))")/unstuck.pth"
	@grep -v '^#' benchmarks/requirements.txt | while read -r peer; do \
	$(PEERS)/bin/python -m pip install --quiet --constraint constraints.txt "$$peer" \
	|| echo "left out, cannot be installed: $$peer"; done
	@touch $@

clean:
	rm -rf $(VENV) $(VENV_TF) $(PEERS) .mypy_cache .pytest_cache .ruff_cache .hypothesis .unstuck build dist site
