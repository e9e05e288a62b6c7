# Two commands matter: `make run` and `make test`. Both set up what they need in .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup run test bench crash load format screenshots lock browser

setup: .venv/run.stamp

# Hashes are checked, so what is installed is what was tested; --no-deps, for the lock file names everything.
.venv/run.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Inkling needs Python 3.11 or newer; try: make run PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

.venv/test.stamp: .venv/run.stamp requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

run: .venv/run.stamp
	$(BIN)/inkling serve --open

test: .venv/test.stamp browser
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest

# The browser tests drive a Chromium that is installed; Debian's package is fetched where we may.
browser:
	@.ci/chromium

bench: .venv/test.stamp
	$(BIN)/python -m benchmarks

format: .venv/test.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: .venv/test.stamp browser
	$(BIN)/python -m docs.screenshots

# After a change of the dependencies in pyproject.toml. No registry's address may end up in the lock files.
lock: .venv/test.stamp
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --custom-compile-command "make lock" --extra dev -c requirements.lock \
		pyproject.toml -o requirements-dev.lock

# Kill the server a hundred times while a client labels, and count what is lost: ten minutes.
crash: .venv/test.stamp
	$(BIN)/python -m benchmarks.crash

# Fifty people with accounts label at once for a minute, on a pool of 60,000; then every round is computed again.
load: .venv/test.stamp
	$(BIN)/python -m benchmarks.load
