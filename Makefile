# make demo: the whole mesh in one process · make test: everything CI runs · make lint · make schemas: generated files
.PHONY: demo test test-deps test-web test-rust fuzz lint deny schemas screens bench
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

# Not a part of `test`: installing it takes longer than the tests may. Licences, sources and banned crates are checked there by
# tests/tests/licences.rs, from the same deny.toml.
deny: ## licences, sources, banned crates by cargo-deny, and known weaknesses where their list can be fetched
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
	cargo deny check licenses bans sources
	@if cargo deny fetch db; then cargo deny check --disable-fetch advisories; \
	else echo '*** KNOWN WEAKNESSES WERE NOT CHECKED: the list of advisories cannot be fetched ***' >&2; fi

schemas: ## JSON Schema, AsyncAPI, OpenAPI, TypeScript, golden examples
	cargo run -q -p aisle-schemas --example write

screens: ## the screenshots of docs/screens
	UPDATE_SCREENS=1 cargo nextest run -p aisle-tests -E 'binary(browser)'

bench: test-deps ## docs/PERFORMANCE.md: five rounds with their limits, a reconnect of 1,000, 1,000 devices, two weeks alone, a minute of chaos
	cargo run --release -- bench run --stores 1032 --out target/bench.json
	cargo run --release -- bench run --scenario S11 --stores 1000 --nodes 0 --rounds 1
	cargo run --release -- bench devices
	cargo run --release -- bench offline
	cargo run --release -- bench chaos --for 60s
