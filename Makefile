# `make` or `make run` serves; `make test` checks everything. Settings come from the environment: see `python server.py --help`.
VENV ?= .venv
PYTHON_IN_VENV := $(VENV)/bin/python
export VENV
export UV_PYTHON_DOWNLOADS := never
# Without bytecode on disk every start takes five times as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := run
.PHONY: run test lint install schema graphiql audits test-browser test-kill test-schemathesis test-invariants differential test-differential bench bench-orders lock clean

# GraphiQL is built beside: serving does not wait for it.
run:
	@scripts/build-graphiql.sh & scripts/install.sh requirements.lock && exec $(PYTHON_IN_VENV) server.py

install:
	@scripts/build-graphiql.sh & \
	scripts/install.sh requirements-dev.lock && $(PYTHON_IN_VENV) -m domain.market.warm_up; code=$$?; wait; exit $$code

test: install lint audits
	$(PYTHON_IN_VENV) -m pytest -n 3 --dist worksteal

# The GraphQL-over-HTTP audits of the npm package graphql-http; pytest runs them where Node is there.
audits:
	@command -v npm >/dev/null && npm ci --silent --no-audit --no-fund --prefix tests/graphql_http || echo "npm is not there: the GraphQL-over-HTTP audits are skipped"

# Slower proofs, each against a server of its own.
test-kill: install
	$(PYTHON_IN_VENV) -m benchmarks.kill

# Many more made-up requests to every operation of every door than `make test` sends.
test-schemathesis: install
	GENERATED_EXAMPLES=100 $(PYTHON_IN_VENV) -m pytest -n 2 --dist worksteal tests/resolvers/rest/test_generated_requests.py tests/resolvers/graphql/test_generated_operations.py

# Matching and profit against nautilus_trader: 240 MB, so `make test` compares only where this was run before. EXAMPLES= draws the few
# that are always the same.
EXAMPLES ?= 1000
differential: install
	@scripts/install.sh requirements-differential.lock

test-differential: differential
	DIFFERENTIAL_EXAMPLES=$(EXAMPLES) $(PYTHON_IN_VENV) -m pytest -n 2 tests/differential

# Many more random acts, prices and crashes than `make test` has trading go through.
test-invariants: install
	GENERATED_EXAMPLES=150 $(PYTHON_IN_VENV) -m pytest tests/domain/trading/test_state_machine.py

bench: install
	$(PYTHON_IN_VENV) -m benchmarks.trigger_latency

bench-orders: install
	$(PYTHON_IN_VENV) -m benchmarks.orders

test-browser: install
	npm ci --silent --no-audit --no-fund --prefix tests/browser
	$(PYTHON_IN_VENV) -m benchmarks.browser

lint: install
	$(PYTHON_IN_VENV) -m ruff check --no-cache .
	$(PYTHON_IN_VENV) -m ruff format --no-cache --check .
	$(PYTHON_IN_VENV) -m mypy .
	$(VENV)/bin/lint-imports --no-cache

schema: install
	$(PYTHON_IN_VENV) server.py schema >schema/schema.graphql.new
	mv schema/schema.graphql.new schema/schema.graphql

graphiql:
	@scripts/build-graphiql.sh

lock:
	@scripts/install.sh requirements-dev.lock
	scripts/lock.sh

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis resolvers/graphiql/dist resolvers/graphiql/node_modules
