# Two commands matter: `make run` and `make test`. Both set up what they need in .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup run test check lint bench crash load format screenshots lock browser

setup: .venv/run.stamp

# uv installs in seconds what takes pip minutes. Hashes are checked, so what is installed is what was tested; --no-deps, for
# the lock files name everything. uv does not read pip's settings: an index that they name is handed on.
INDEX = $(shell $(BIN)/python -m pip config get global.index-url 2>/dev/null)
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --compile-bytecode $(if $(INDEX),--default-index $(INDEX))

.venv/run.stamp: requirements-uv.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Inkling needs Python 3.11 or newer; try: make run PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r requirements-uv.lock
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --offline --no-build-isolation -e .
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q app migrations
	@touch $@

.venv/test.stamp: .venv/run.stamp requirements-dev.lock
	$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

run: .venv/run.stamp
	$(BIN)/inkling serve --open

# As many tests at once as there are processors; those of one file stay together, for they share what takes long to make.
PYTEST = $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 10

test: .venv/test.stamp browser lint
	$(PYTEST)

# The quick check while you work, without browser and TensorFlow.
check: .venv/test.stamp lint
	$(PYTEST) --quick

# Deno formats, lints and type-checks the JavaScript by deno.json. Nothing of it runs outside of here.
DENO = DENO_DIR=.venv/deno DENO_NO_UPDATE_CHECK=1 $(BIN)/deno --quiet

lint: .venv/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(DENO) fmt --check
	$(DENO) lint
	$(DENO) check static/*.js

# The browser tests drive a Chromium that is installed; Debian's package is fetched where we may.
browser:
	@.ci/chromium

bench: .venv/test.stamp
	$(BIN)/python -m benchmarks

format: .venv/test.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(DENO) fmt

screenshots: .venv/test.stamp browser
	$(BIN)/python -m docs.screenshots

# After a change of the dependencies in pyproject.toml. No registry's address may end up in the lock files.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock"
lock: .venv/test.stamp
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	echo uv | $(COMPILE) - -o requirements-uv.lock

# Kill the server a hundred times while a client labels, and count what is lost: ten minutes.
crash: .venv/test.stamp
	$(BIN)/python -m benchmarks.crash

# Fifty people with accounts label at once for a minute, on a pool of 60,000; then every round is computed again.
load: .venv/test.stamp
	$(BIN)/python -m benchmarks.load
