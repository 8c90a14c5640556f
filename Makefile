# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
MIRROR := $(wildcard ../shared/mirror)
RECIPE := petit
CORPUS := $(wildcard ../shared/corpus)

# Nothing here looks for a hub or sends telemetry. The mirror stands in for the network when it lies beside us.
export HF_HUB_OFFLINE ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true
export BENTOML_DO_NOT_TRACK ?= true
export TOKENIZERS_PARALLELISM ?= false
ifneq ($(MIRROR),)
export VIGIE_MIRROR ?= $(abspath $(MIRROR))
endif
ifneq ($(CORPUS),)
export VIGIE_CORPUS ?= $(abspath $(CORPUS))
endif

.PHONY: help install run test soak check lint bench notebooks train constraints clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.dev ## everything a developer needs

run: $(VENV)/.serving ## the service and the console on the embedded model, with a demo queue
	$(BIN)/vigie serve --demo

test: $(VENV)/.dev .chromium .node ## all tests, in their short forms
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not soak"

soak: $(VENV)/.dev .chromium .node ## the full forms of the reliability tests, by hand
	$(BIN)/python -m pytest -m soak --timeout=7200 -s

check: $(VENV)/.dev ## format, lint, types and arrows; writes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint: $(VENV)/.dev ## mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## speed, as ratios within one run
	$(BIN)/python -m tests.bench --postgres

notebooks: $(VENV)/.dev ## the notebooks, run, as pages to read: var/notebooks/*.html
	$(BIN)/python -m training.notebooks.page notebooks/*.ipynb --out var/notebooks

train: $(VENV)/.dev ## remake the embedded bundle (RECIPE=recherche another; RECIPE=distillation TEACHER=runs/... taught)
	$(BIN)/vigie-train $(if $(TEACHER),distill,run) configs/train/$(RECIPE).toml $(addprefix --teacher ,$(TEACHER)) --out runs/$(RECIPE)

constraints: ## choose the exact versions again (needs uv)
	uv pip compile --quiet --no-annotate --no-header pyproject.toml --all-extras -o constraints.txt
	sed -i 's/^torch==\([0-9.]*\)+cpu/torch==\1/' constraints.txt
	@sed -i '1i # Exact versions that are tested together. Remade by `make constraints`.' constraints.txt
	uv pip compile --quiet --no-annotate --no-header pyproject.toml --extra serving --extra traces -c constraints.txt -o requirements.txt
	@sed -i '1i # What the service needs, exactly: the bento and the container. Remade by `make constraints`.' requirements.txt

clean: ## forget environments, caches and local state
	rm -rf $(VENV) var runs .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Vigie needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[serving]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[serving,training,dev]'
	@touch $@ $(VENV)/.serving

# Browser tests drive Debian's Chromium; other systems set CHROMIUM to theirs.
.PHONY: .chromium
.chromium:
	@test -n "$(CHROMIUM)" || command -v chromium >/dev/null || \
	  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null)

# Public clients of npm drive our façades where npm is; without it, their tests say that they were skipped.
.PHONY: .node
.node:
	@test -d tests/node/node_modules || ! command -v npm >/dev/null || \
	  npm ci --prefix tests/node --ignore-scripts --no-audit --no-fund --silent || true
