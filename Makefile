# make demo: the whole mesh in one process · make test: everything CI runs · make lint · make schemas: generated files
.PHONY: demo test test-deps test-web test-rust fuzz lint schemas screens bench
SHELL := bash

demo: ## needs Rust and Node alone
	cargo run --release -- demo

test: test-deps lint test-web test-rust

test-deps: ## what the tests start: brokers, databases, browser
	@bash tests/install.sh

test-web:
	cd web && npm ci --ignore-scripts --no-audit --no-fund && npm run check && npm test

# The property tests draw the same cases each time, so that the same code gets the same answer; `make fuzz` draws new ones.
test-rust:
	PROPTEST_RNG_SEED=20261124 cargo nextest run --workspace --no-fail-fast

fuzz: ## every parser and state machine that meets the outside, with new cases; CASES=… says how many
	PROPTEST_CASES=$(or $(CASES),20000) cargo nextest run --profile fuzz --workspace -E 'binary(properties)'

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings

schemas: ## JSON Schema, AsyncAPI, OpenAPI, TypeScript, golden examples
	cargo run -q -p aisle-schemas --example write

screens: ## the screenshots of docs/screens
	UPDATE_SCREENS=1 cargo nextest run -p aisle-tests -E 'binary(browser)'

bench: test-deps ## docs/PERFORMANCE.md: five rounds with their limits, then a minute of chaos
	cargo run --release -- bench run --out target/bench.json
	cargo run --release -- bench chaos --for 60s
