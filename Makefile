PORT ?= 8000
PYTHON ?= python3
VENV := .venv
PYTHONS ?= 3.11 3.12 3.13 3.14
IN := $(VENV)/bin
# What a person's own pip settings say must not decide what is installed here.
CLEAN := env -u PIP_FIND_LINKS -u PIP_CONSTRAINT -u PIP_REQUIRE_VIRTUALENV PIP_DISABLE_PIP_VERSION_CHECK=1
# uv installs in seconds, by the certificates that the machine trusts; where it has no wheel, pip does the same more slowly.
INSTALL = $(CLEAN) sh -c '$(IN)/pip install -q --require-hashes -r requirements/bootstrap.txt \
	&& $(IN)/uv pip install -q --system-certs --python $(IN)/python --require-hashes -r $(1) \
	|| $(IN)/pip install -q --require-hashes -r $(1)'

# The client for Python, from this checkout, for `simulate`: asks no registry but for setuptools, which is pinned.
CLIENT = $(CLEAN) sh -c '$(IN)/pip install -q --require-hashes -r requirements/build.txt \
	&& $(IN)/pip install -q --no-deps --no-build-isolation --no-index -e clients/python'

# What sends to many sockets at once, where a C compiler is; quick where nothing is to be done.
COMPILE = @$(IN)/python -m sync.delivery.send_loop

.PHONY: help venv run test unit coverage matrix lint docs clients workspace bench bench-peers lock clean

help:  ## Show this
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/; s/$$(PORT)/$(PORT)/'

venv: $(VENV)/.run  ## The environment that running needs
	$(COMPILE)

# Development values, which nothing has by itself: a key that everybody knows, demo accounts.
run docs: export DEBUG ?= on

run: $(VENV)/.run  ## Serve on http://127.0.0.1:$(PORT) with demo data
	$(COMPILE)
	@$(IN)/python manage.py migrate -v 0
	@$(IN)/python manage.py seed_demo
	@echo "Open http://127.0.0.1:$(PORT)/ with one of these accounts; /admin/ with admin@harbor.example"
	@$(IN)/python manage.py serve --worker --port $(PORT)

test: $(VENV)/.dev  ## Lint and every test, on SQLite and on PostgreSQL with Redis
	$(COMPILE)
	@$(IN)/python -m tests.run

unit: $(VENV)/.dev  ## The tests that need no server, in seconds: after each change of the kernel
	$(COMPILE)
	@$(IN)/python -m tests.run --no-lint --only sqlite tests/unit --ignore=tests/unit/kpis

coverage: $(VENV)/.dev  ## Every test, and how much of sync they run: fails below 90 %
	$(COMPILE)
	@$(IN)/python -m tests.run --no-lint --coverage

matrix:  ## The tests on each Python from 3.11 on that is on this machine
	@for version in $(PYTHONS); do \
		if command -v python$$version >/dev/null && python$$version -c '' 2>/dev/null; then \
			echo "Python $$version"; \
			$(MAKE) --no-print-directory test PYTHON=python$$version VENV=.matrix/$$version || exit 1; \
		else echo "Python $$version: not on this machine"; fi; \
	done

lint: $(VENV)/.dev  ## Style, types, layers, language; JavaScript as well
	@$(IN)/python -m tests.lint

docs: $(VENV)/.dev  ## Write what docs/ and clients/ have of the declarations
	@$(IN)/python manage.py protocol_docs
	@$(IN)/python clients/javascript/build.py --page

clients: docs  ## Pack the client in JavaScript, and write what a server serves of it
	@$(IN)/python clients/javascript/build.py
	@cd clients/javascript && ../../$(IN)/npm pack --silent

workspace: $(VENV)/.dev  ## Write what is served of the page (clients/workspace)
	@$(IN)/python clients/workspace/bundle.py

bench: $(VENV)/.dev  ## Measure beside a naive Channels consumer: ten minutes
	$(COMPILE)
	@$(IN)/python -m benchmarks

bench-peers: $(VENV)/.dev  ## Install other servers and measure everything beside them, into docs/performance.md: half an hour
	$(COMPILE)
	@$(IN)/python -m benchmarks.peers.install
	@$(IN)/python -m benchmarks --all --write

lock: $(VENV)/.dev  ## Resolve the dependencies anew
	echo uv | $(IN)/uv pip compile -q - $(LOCK) -o requirements/bootstrap.txt
	$(IN)/uv pip compile -q pyproject.toml -c requirements/constraints.in $(LOCK) -o requirements/run.txt
	$(IN)/uv pip compile -q pyproject.toml --group dev -c requirements/constraints.in -c requirements/run.txt $(LOCK) -o requirements/dev.txt
	echo 'setuptools>=77' | $(IN)/uv pip compile -q - -c requirements/dev.txt $(LOCK) -o requirements/build.txt
	$(IN)/uv pip compile -q benchmarks/peers/requirements.in -c requirements/dev.txt $(LOCK) -o benchmarks/peers/requirements.txt

LOCK := --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

clean:  ## Remove what make has made
	rm -rf $(VENV) .matrix staticfiles sync/delivery/*.so benchmarks/build .mypy_cache .ruff_cache .hypothesis build *.egg-info clients/python/build clients/python/src/*.egg-info clients/workspace/node_modules

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.run: requirements/run.txt requirements/bootstrap.txt requirements/build.txt clients/python/pyproject.toml | $(VENV)/bin/python
	@echo "Installing what running needs ..."
	@$(call INSTALL,requirements/run.txt)
	@$(CLIENT)
	@touch $@

$(VENV)/.dev: clients/workspace/package-lock.json requirements/dev.txt requirements/bootstrap.txt requirements/build.txt clients/python/pyproject.toml | $(VENV)/bin/python
	@echo "Installing what testing needs ..."
	@$(call INSTALL,requirements/dev.txt)
	@$(CLIENT)
	@$(IN)/python clients/workspace/bundle.py --install
	@touch $@ $(VENV)/.run
