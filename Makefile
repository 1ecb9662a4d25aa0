# `make` prints this list. Everything is installed into .venv, by itself, where requirements*.txt changed.

VENV := .venv
BIN := $(VENV)/bin
# Each file that is installed must have one of the hashes that the lock file names.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# Where Python may not keep what it has compiled, each of a stack's processes would compile Django and Celery anew.
COMPILED := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes \
	--annotation-style line --custom-compile-command "make lock"

# The suite waits much of its time: two processes take half as long, each file in one of them.
SIDE_BY_SIDE := -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help run test test-all demo bench chaos check dist lock upgrade fmt clean reset

help: ## print this list
	@echo "Offstage. Needs Python 3.11 or newer and make; PYTHON=python3.12 names another one."
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do \
		printf '%-16s %s\n' "$$name" "$$what"; done

run: $(VENV)/run.stamp ## start everything in the foreground; Ctrl-C stops it
	@exec $(BIN)/python -m config.stack

test: $(VENV)/dev.stamp ## the test suite, real broker and worker processes included
	@exec $(BIN)/python -m pytest $(or $(ARGS),$(SIDE_BY_SIDE) -m "not long")

test-all: $(VENV)/dev.stamp ## the same and what is long by nature: browsers, codecs, fuzzing, faults, wheels
	@exec $(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

demo: $(VENV)/run.stamp ## against a running stack: sign up, verify, upload a video, watch it finish
	@exec $(BIN)/python manage.py demo

bench: $(VENV)/dev.stamp ## the benchmarks, each figure beside its baseline
	@exec $(BIN)/python -m bench $(ARGS)

chaos: $(VENV)/dev.stamp ## the fault table: every fault on every broker that is there
	@exec $(BIN)/python -m tests.chaos $(ARGS)

check: $(VENV)/dev.stamp ## lint, format, types, import contracts, migrations, OpenAPI, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	.ci/audit

dist: $(VENV)/dev.stamp ## build wheel and sdist of the library celery_ledger into dist/
	@rm -rf dist && $(BIN)/uv build --quiet --out-dir dist && ls dist

lock: $(VENV)/dev.stamp ## write requirements*.txt anew from requirements*.in, keeping what is pinned
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt
	$(LOCK) requirements-installer.in -o requirements-installer.txt

upgrade: $(VENV)/dev.stamp ## like lock, with the newest versions
	$(LOCK) --upgrade requirements.in -o requirements.txt
	$(LOCK) --upgrade requirements-dev.in -o requirements-dev.txt

fmt: $(VENV)/dev.stamp ## format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove .venv and every cache; the data in var/ stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

reset: $(VENV)/run.stamp ## remove everything that was written at run time: database, mail, videos
	$(BIN)/python -m config.reset

$(VENV)/run.stamp: requirements.txt
	@$(install)

$(VENV)/dev.stamp: requirements-dev.txt
	@$(install)

# Finds a Python, makes .venv where it is missing or broken, installs $< and touches $@. A user whose home cannot be
# written to has no cache of packages.
define install
set -e; \
if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "offstage: Python 3.11 or newer is needed, and none was found (python3 is $$(python3 -V 2>&1 || echo missing));" \
			"name one with PYTHON=/path/to/python" >&2; \
		exit 1; \
	fi; \
	echo "making $(VENV) with $$($$found -V)"; \
	"$$found" -m venv --clear $(VENV); \
fi; \
echo "installing $<"; \
[ -z "$$HOME" ] || mkdir -p "$${XDG_CACHE_HOME:-$$HOME/.cache}" 2>/dev/null || nocache=--no-cache; \
[ -x $(BIN)/uv ] || $(PIP) --requirement requirements-installer.txt || true; \
VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet $$nocache --require-hashes $(COMPILED) --requirement $< \
	|| $(PIP) --requirement $<; \
touch $@
endef
