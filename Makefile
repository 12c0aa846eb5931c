# `make demo` needs nothing but Python 3.11 or newer; `make test` sets up the development tools too.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet
# Source distributions are without it.
ZOO := $(wildcard zoo/pyproject.toml)
export IMFUSE_DATA ?= ../shared/data

.PHONY: setup demo test test-core test-learn test-all lint docs bench results clean

# Two stamps, one environment: the demo needs only the core, and `setup` adds the rest, with the weights of the papers'
# networks from the folder zoo/ (so no registry has to know imfuse-zoo).
$(VENV)/.core: pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

$(VENV)/.full: pyproject.toml $(ZOO) constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable '.[learn,imagenet,judge,openvino,dev]' $(if $(ZOO),--editable ./zoo)
	touch $(VENV)/.core $@

setup: $(VENV)/.full

demo: $(VENV)/.core
	$(VENV)/bin/imfuse demo --out demo-out

lint: setup
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python tools/check_language.py src/imfuse benchmarks tests/reference

# Two processes, of which only the second one trains, so that neither has to hold both runtimes,
# PyTorch's threads and whatever thousands of tests leave behind. They run side by side, one on each
# of two cores; what they print comes when they end.
test: lint
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-core test-learn

test-core:
	$(VENV)/bin/python -m pytest tests --ignore=tests/learn

test-learn:
	$(VENV)/bin/python -m pytest tests/learn src

test-all: lint
	$(VENV)/bin/python -m pytest -m 'slow or not slow' tests --ignore=tests/learn
	$(VENV)/bin/python -m pytest -m 'slow or not slow' tests/learn src

# Builds the pages of docs/ and the API reference into site/; open site/index.html.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

# Measures speed and quality: writes benchmarks/results/*.json and the tables of README.md and docs/.
# Takes 7 minutes on two idle cores.
bench: setup
	cd benchmarks && for name in startup methods metrics evaluation scenes folders memory; do ../$(VENV)/bin/python $$name.py || exit 1; done
	$(VENV)/bin/python benchmarks/tables.py

# Fuses and scores the papers' test pairs with every network in imfuse and imfuse-zoo, has a detector look at them, and writes
# docs/results.md and docs/machines.md.
# Takes hours on a processor without bfloat16 (AMX), nearly all of them for SMFNet.
results: setup
	cd benchmarks && ../$(VENV)/bin/python machines.py && ../$(VENV)/bin/python trained.py
	$(VENV)/bin/python benchmarks/tables.py

clean:
	rm -rf $(VENV) build dist site demo-out .mypy_cache .pytest_cache .ruff_cache .hypothesis
