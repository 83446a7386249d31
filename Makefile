# Two commands from a fresh checkout: `make demo` and `make test`. Python 3.11 or later is all they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
ZHIZHI := $(BIN)/zhizhi
PEOPLE ?= 100000
ON ?= 2025-09-01
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test lint format docs screenshots pictures bench requirements wheel clean

help:            ## show this list
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/  make \1 @\2/p' Makefile | column -t -s@

setup: $(STAMP)  ## make .venv with the zhizhi command in it

$(STAMP): requirements-dev.txt pyproject.toml package-lock.json
	@bash .ci/setup "$(PYTHON)"
	@touch $@

demo: setup      ## a synthetic region, screened and explained, then the desk at http://localhost:8000 (SERVE=0: only look)
	@PATH="$(CURDIR)/$(BIN):$$PATH" PEOPLE=$(PEOPLE) ON=$(ON) bash docs/tutorial/demo.sh

test: setup      ## every test; those of the desk again on PostgreSQL where ZHIZHI_TEST_POSTGRES names a server
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)
ifeq ($(ARGS),)
	@if [ -n "$$ZHIZHI_TEST_POSTGRES" ]; then \
	  echo "The desk again, on PostgreSQL:"; \
	  DATABASE_URL="$$ZHIZHI_TEST_POSTGRES" $(BIN)/python -m pytest -n 2 tests/apps; \
	else \
	  echo "ZHIZHI_TEST_POSTGRES is not set: the desk was tested on SQLite only."; \
	fi
endif

lint: setup      ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup    ## let ruff put the source in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup      ## write the index of the documentation and the page of the command
	$(BIN)/python docs/make_index.py
	$(BIN)/python docs/reference/make_cli.py
	$(BIN)/python docs/reference/make_language.py
	$(BIN)/python docs/reference/make_api.py

screenshots: setup  ## draw the pages of the documentation in Chromium, from a small demonstration of their own
	$(BIN)/python docs/pictures/make_screenshots.py $(ARGS)

pictures: setup  ## draw the terminal pictures of the documentation, after make demo
	$(BIN)/python docs/pictures/make_pictures.py

bench: setup     ## measure the claims of docs/reference/performance.md
	$(BIN)/python benchmarks/run.py $(ARGS)

requirements: setup  ## pin all dependencies with hashes again
	@for out in "requirements.txt pyproject.toml" "requirements-dev.txt pyproject.toml --extra dev" \
	    "requirements-bench.txt requirements-bench.in"; do \
	  set -- $$out; file=$$1; shift; \
	  $(BIN)/uv pip compile "$$@" --python-version 3.11 --universal --generate-hashes --quiet \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file $$file; \
	done

wheel: setup     ## build dist/*.whl
	$(BIN)/uv build --wheel --no-build-isolation --out-dir dist

clean:           ## remove everything that make made
	rm -rf .venv build dist demo node_modules src/zhizhi/web/static/vendor .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
