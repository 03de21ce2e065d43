# KidsArt Web on one machine. `make` alone says what there is.
# No path here is absolute: the clone may lie anywhere, also below a folder with spaces in its name.

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow test-all lint audit lock screenshots bench bench-compiled \
	bench-gpu bench-pages keystrokes translations permissions clean

# The first of these that is new enough (a name on the path may be an empty shim).
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
	echo $$python && break; done)
IN_VENV = .venv/bin/python -m
ALONE = tests/browser tests/flow tests/run

define need_python
@test -n "$(PYTHON)" || { \
	echo "KidsArt Web needs Python 3.11 or newer, and none was found. Install it, or say where it" \
	"is: make run PYTHON=/path/to/python3.11" >&2; exit 1; }
endef

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: ## create .venv and install the locked packages, if that is not done yet
	$(need_python)
	@$(PYTHON) .ci/install.py app

run: install ## start everything on this machine; Ctrl-C stops it (PORT, HOST, KIDSART_DATA_DIR)
	@exec .venv/bin/python manage.py serve

test: install-test lint ## lint, then the whole test suite, with a real browser and a real broker
	@.ci/system-packages
	@# Two at a time; what starts whole schools and browsers has the machine to itself afterwards.
	OMP_NUM_THREADS=1 $(IN_VENV) pytest -n 2 --dist loadfile $(ALONE:%=--ignore=%)
	$(IN_VENV) pytest $(ALONE)

test-slow: install-test ## only the tests marked slow, which `make test` leaves out
	@.ci/system-packages
	@# pytest ends with 5 when no test carries the mark
	$(IN_VENV) pytest -m slow || test $$? -eq 5

test-all: test test-slow ## both

lint: install-test ## style, types, and who may import whom
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) mypy
	@.venv/bin/lint-imports

.PHONY: install-test
install-test:
	$(need_python)
	@$(PYTHON) .ci/install.py app test

audit: install-test ## ask an advisory service about the locked packages (needs the network)
	@.venv/bin/python .ci/audit.py

lock: ## resolve all packages anew into requirements.lock
	$(need_python)
	@$(PYTHON) .ci/install.py --lock

screenshots: install-test ## take the pictures of the README from a running demo school
	@.ci/system-packages
	$(IN_VENV) tests.screenshots

bench: install ## pictures scored a second, each path against the published procedure
	$(IN_VENV) ml bench $(BENCH)

bench-compiled: install ## the same at 224 px, ours through torch.compile (needs a C++ compiler)
	$(IN_VENV) ml bench --compile --px 224 --batch 1 --no-training --report var/bench/compiled.json

translations: install-test ## collect the sentences to translate, compile what is translated
	@.ci/system-packages
	$(IN_VENV) tests.translations

permissions: install-test ## write docs/permissions.md: every address for every role
	$(IN_VENV) tests.permissions

keystrokes: install-test ## keys and requests that a class of 28 costs
	@.ci/system-packages
	$(IN_VENV) tests.keystrokes

bench-pages: install-test ## server time of the pages, in a small school and among 20,000 pictures
	$(IN_VENV) tests.page_bench

bench-gpu: install ## the same for the real 7B shape with random weights, on an NVIDIA GPU of 80 GB
	$(IN_VENV) ml bench --shape 7b --device cuda --dtype bf16 --batch 1 8 32 --repeats 5 \
		--report var/bench/gpu.json $(BENCH)

clean: ## remove what can be made again; the data in var/ stays
	rm -rf .venv .venv.lock .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
