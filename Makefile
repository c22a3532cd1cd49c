# Berth: `make demo` to see it work, `make test` to prove that it does.
CARGO ?= cargo
TARGET := target/x86_64-unknown-linux-gnu
BERTH := $(TARGET)/release/berth

.PHONY: help build demo demo-stop test check unit kernels e2e bench fuzz install

help:
	@echo "make demo    install what is missing, build, and bring up a Redis Cluster in containers"
	@echo "make test    format, lints, unit tests, older kernels, end-to-end tests (as root)"
	@echo "make fuzz    each fuzz target for a minute (nightly compiler)"
	@echo "make bench   measure, beside Docker and others where they are installed"
	@echo "make bench-lookup  measure the lookup service beside simple Python programs"
	@echo "make build   the release binary: $(BERTH)"
	@echo "make install the binary and its systemd unit"

build:
	$(CARGO) build --release --locked -p berth

demo: 
	scripts/install-packages demo
	$(MAKE) build
	scripts/demo $(BERTH)

demo-stop:
	scripts/demo $(BERTH) stop

test: check unit kernels e2e

check:
	scripts/install-packages test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

unit:
	scripts/unit

kernels:
	scripts/kernels

e2e: build stack-lookup
	scripts/e2e $(BERTH)

bench: build
	scripts/install-packages bench
	bench/run $(BERTH)

fuzz:
	scripts/fuzz

install: build
	install -D -m 0755 $(BERTH) $(DESTDIR)/usr/local/bin/berth
	install -D -m 0644 contrib/systemd/berth.service $(DESTDIR)/etc/systemd/system/berth.service

.PHONY: services stack-lookup bench-lookup

services:
	$(CARGO) build --release --locked -p lookup -p paste

# The programs of stacks/lookup, ready for `berth up -d --build` there.
stack-lookup: services
	stacks/lookup/programs $(TARGET)/release

bench-lookup: services
	scripts/install-packages lookup
	bench/lookup $(TARGET)/release
