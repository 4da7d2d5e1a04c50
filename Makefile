# `make book` and `make test` need git, make and Python 3.11 to 3.13; the rest is installed into .venv.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PROFILE ?= published
PYTHON ?=
CORES ?= all
CLUSTER ?=
BENCH ?=
# What Colab ships, where that differs from the lock; COLAB_PYTHON may be the path of a Python.
COLAB = "tensorflow-cpu==2.20.*" "keras==3.13.*" "numpy==2.1.*" "ipython==7.34.*"
COLAB_PYTHON ?= 3.13
BIN := .venv/bin
BAR := |
NONE :=
PROFILES = $(subst $(NONE) $(NONE),$(BAR),$(basename $(notdir $(wildcard workflow/profiles/*.yaml))))
INSTALLED := .venv/.installed
WHERE = $(if $(CLUSTER),--workflow-profile "$(CLUSTER)",--cores $(CORES))
# A file of tests shares what it made, and the cells of a chapter follow one another: each file stays in one process.
SIDE_BY_SIDE = -n 2 --dist loadfile --no-loadscope-reorder
SNAKEMAKE = $(BIN)/snakemake --snakefile workflow/Snakefile $(WHERE) --quiet rules progress host reason $(AGAIN) --config "profile=$(PROFILE)" --

.PHONY: help install book pdf test check lowest colab links crate chapters results bench lint house lock address clean clean-all

help:  ## list the targets
	@echo "make book [PROFILE=$(PROFILES)] [CLUSTER=workflow/cluster]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED)  ## make .venv from the locked packages (every other target does it too)

$(INSTALLED): requirements.txt requirements-uv.txt pyproject.toml workflow/setup.sh
	@sh workflow/setup.sh "$(PYTHON)"

book: $(INSTALLED)  ## render the book to _build/html/index.html; run the chapters that are not as they were run
	@$(SNAKEMAKE) book
	@echo "The book is at _build/html/index.html"

pdf: book  ## print the book as one PDF to _build/companion.pdf (Chromium or Chrome does it)
	@$(BIN)/python workflow/pdf.py _build/html _build/companion.pdf
	@echo "The PDF is at _build/companion.pdf"

test: lint  ## run every test, two files at a time, and name the ten slowest
	@$(BIN)/python -m pytest tests chapters $(SIDE_BY_SIDE) --durations=10 --nbval --nbval-current-env \
	  --nbval-cell-timeout=900 --nbval-sanitize-with=tests/nbval_sanitize.cfg

results: $(INSTALLED)  ## make the cohort, train and evaluate, as PROFILE says, with no chapter
	@$(SNAKEMAKE) results

bench: $(INSTALLED)  ## say how fast this machine segments, trains and makes phantoms: build/bench/bench.csv
	@$(BIN)/sarco bench --profile "$(PROFILE)" $(BENCH)
	@$(BIN)/sarco cohort bench

chapters: AGAIN = --forcerun chapter
chapters: $(INSTALLED)  ## run all chapters again and write the committed notebooks
	@$(SNAKEMAKE) commit_chapters

lint: $(INSTALLED)  ## ruff, the types of the public functions, and actionlint on .github
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet . && $(BIN)/mypy --no-error-summary
	@if [ -x $(BIN)/jactionlint ]; then $(BIN)/jactionlint --shellcheck= --pyflakes= .github/dependabot.yml .github/workflows/*.yml; \
	  else echo "actionlint is not made for this machine: .github was not checked"; fi

check: lint  ## lint and the quick tests, for the work between two commits
	@$(BIN)/python -m pytest tests $(SIDE_BY_SIDE) -m "not slurm and not slow and not long" -q

lowest: $(INSTALLED)  ## the quick tests with the lowest versions that pyproject.toml allows, in an environment of their own
	@$(BIN)/uv venv --quiet --clear --python 3.11 build/lowest
	@$(BIN)/uv pip install --quiet --python build/lowest/bin/python --resolution lowest-direct \
	  -r requirements.in --editable ".[book,cluster,fast,bench,test]"
	@build/lowest/bin/python -m pytest tests -m "not slurm and not slow and not long" -q

colab: $(INSTALLED)  ## run the chapters with the versions that Colab ships, in an environment of their own
	@$(BIN)/uv venv --quiet --clear --python "$(COLAB_PYTHON)" build/colab
	@$(BIN)/uv pip install --quiet --python build/colab/bin/python $(COLAB) \
	  --editable . ipykernel nbval pytest pytest-xdist
	@build/colab/bin/python -m pytest chapters $(SIDE_BY_SIDE) --nbval-lax --nbval-current-env \
	  --nbval-kernel-startup-timeout=300 --nbval-cell-timeout=1800

links: book  ## try each outside address of the book and of the pages of the repository
	@$(BIN)/python workflow/links.py _build/html *.md data/*.md data/*/*.md

crate: $(INSTALLED)  ## pack data/ with metadata that programs read (RO-Crate): build/crate
	@$(BIN)/python workflow/crate.py build/crate

house: $(INSTALLED)  ## draw the rooms of the package anew in CONTRIBUTING.md
	@$(BIN)/python workflow/house.py

lock: $(INSTALLED)  ## write the hash-locked requirements from pyproject.toml (to upgrade: make lock UPGRADE=--upgrade)
	@$(BIN)/uv pip compile --quiet $(UPGRADE) --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --extra book --extra cluster --extra fast --extra bench --extra test --extra dev pyproject.toml requirements.in -o requirements.txt
	@echo "uv>=0.9" | $(BIN)/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header - -o requirements-uv.txt

address: $(INSTALLED)  ## write the public address: make address URL=https://github.com/you/repository
	@$(BIN)/python workflow/address.py "$(URL)"

clean:  ## remove what was built (build/ and _build/), keep .venv
	@rm -rf build _build .snakemake .pytest_cache .ruff_cache

clean-all: clean  ## remove .venv too
	@rm -rf .venv
