# make demo: the whole mesh in one process · make test: everything CI runs · make lint · make schemas: generated files
.PHONY: demo test test-deps lint schemas
SHELL := bash

demo: ## needs Rust and Node alone
	cargo run --release -- demo

test-deps: ## packages that the tests start: brokers, databases, browser
	@bash tests/install.sh

test: test-deps lint
	cd web && npm ci --ignore-scripts --no-audit --no-fund && npm run check && npm test
	cargo nextest run --workspace --no-fail-fast
	cargo test --doc --workspace --quiet

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings

schemas: ## JSON Schema, AsyncAPI, OpenAPI, TypeScript, golden examples
	cargo run -q -p aisle-schemas --example write
