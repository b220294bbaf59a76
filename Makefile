# make demo: set up, then show both jobs on real input.  make test: set up, then run every check.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMP := $(VENV)/.installed

.PHONY: demo test check format clean

demo: $(STAMP)
	$(BIN)/balloonproof prove precopy
	@echo
	$(BIN)/balloonproof prove hinting --set release-waits-for-ack=yes
	@echo
	$(BIN)/balloonproof prove hinting; test $$? -eq 1
	@echo
	$(BIN)/balloonproof check traces/recorded/b_hint_q10
	@echo
	$(BIN)/balloonproof check traces/recorded/r1_cancel_stalled; test $$? -eq 1

test: check
	$(BIN)/python -m pytest -n auto

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Reinstalled when a source file comes or goes: a strict editable install links single files.
SOURCES := $(shell git ls-files -- model grammar checker traces 2>/dev/null | grep -E '\.(py|lark|json|trace)$$' | sort | cksum | cut -d' ' -f1)

$(STAMP): pyproject.toml Makefile $(VENV)/.sources-$(SOURCES)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]' --config-settings editable_mode=strict
	touch $@

$(VENV)/.sources-$(SOURCES):
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	rm -f $(VENV)/.sources-* && touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
