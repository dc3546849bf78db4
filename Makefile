# The same here and in CI: .ci/run is "make check".

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:

GO        ?= go
TOOL      := $(GO) tool -modfile=cmd/tools.mod
FUZZTIME  ?= 30s
# Of the tests of one package; a minute or two are usual.
TESTTIME  ?= 20m
DEMOTIME  ?= 20s
MODELS    ?= 100000
MODELSEED ?= 1
# What stands in for a user's app: stock client SDKs against a real weir.
INTEROP   ?= clients/interop/run.sh
# What a release is made for. VERSION is stamped into it; of a tagged commit it is the tag.
RELEASE_PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
RELEASE_DIR       ?= bin/release
VERSION           ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
VERSION_VAR        = github.com/weirsync/weir/cmd/internal/version.stamp
# The packages whose behaviour depends on the server's version.
POSTGRES_PACKAGES ?= ./replicator/... ./cmd/weir/... ./cmd/internal/...
POSTGRES_OLDEST   ?= 14
POSTGRES_NEWEST   ?= 18
POSTGRES_ALL      ?= 14 15 16 17 18

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Show rows travel from a Postgres of its own to two clients
	$(GO) run ./cmd/weir demo

.PHONY: build
build: ## Build bin/weir
	$(GO) build -trimpath -buildvcs=auto -o bin/weir ./cmd/weir

.PHONY: release
release: ## Build static binaries for RELEASE_PLATFORMS, with checksums, into bin/release
	rm -rf $(RELEASE_DIR) && mkdir -p $(RELEASE_DIR)
	@set -e; for platform in $(RELEASE_PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/}; \
		file=$(RELEASE_DIR)/weir-$(VERSION)-$$os-$$arch; echo "$$file"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -buildvcs=auto \
			-ldflags "-s -w -X $(VERSION_VAR)=$(VERSION)" -o "$$file" ./cmd/weir; \
	done
	cd $(RELEASE_DIR) && { sha256sum weir-* 2>/dev/null || shasum -a 256 weir-*; } >SHA256SUMS

.PHONY: test
test: ## Run all tests (they fetch a Postgres if there is none)
	$(GO) test -timeout $(TESTTIME) ./...

.PHONY: race
race: ## Run all tests with the race detector
	$(GO) test -race -timeout $(TESTTIME) ./...

.PHONY: test-oldest
test-oldest: ## Run what depends on Postgres on the oldest version
	@$(MAKE) test-matrix POSTGRES_ALL=$(POSTGRES_OLDEST)

.PHONY: race-newest
race-newest: ## Run all tests with the race detector on the newest Postgres
	WEIR_TEST_POSTGRES=$(POSTGRES_NEWEST) $(MAKE) race

.PHONY: test-matrix
test-matrix: ## Run what depends on Postgres on every supported version
	@set -e; for v in $(POSTGRES_ALL); do \
		echo "Postgres $$v"; WEIR_TEST_POSTGRES=$$v $(GO) test -timeout $(TESTTIME) $(POSTGRES_PACKAGES); done

.PHONY: lint
lint: ## Report what is wrong or not formatted
	$(TOOL) golangci-lint run ./...
	$(GO) fix -diff ./...

.PHONY: fmt
fmt: ## Format all files
	$(TOOL) golangci-lint fmt ./...

.PHONY: docs
docs: ## Write docs/configuration.md and the table of docs/metrics.md anew
	@mkdir -p bin
	$(GO) run ./cmd/weir config reference >bin/configuration.md && mv bin/configuration.md docs/configuration.md
	$(GO) test ./cmd/internal/metrics -run '^TestDocumented$$' -update

.PHONY: tidy
tidy: ## Report modules that are missing or not needed
	$(GO) mod tidy -diff

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s); "make test" runs their seeds
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; done

.PHONY: model
model: ## Play MODELS (100000) random histories against the writer, from seed MODELSEED (1)
	$(GO) test ./buckets -run '^TestModel$$' -timeout 0 -v -model.histories=$(MODELS) -model.seed=$(MODELSEED)

.PHONY: interop
interop: ## Sync stock client SDKs (Node.js, web) with weir
	$(INTEROP)

.PHONY: deploy-chaos
deploy-chaos: ## Deploy and roll back 50 times under writes and kills; "make test" does it 8 times
	$(GO) test ./cmd/weir -run '^TestDeployChaos$$' -timeout 30m -v -deploy.count 50

.PHONY: demo-check
demo-check: ## Run the demo for DEMOTIME (20s); fails if a change did not arrive
	$(GO) run ./cmd/weir demo --for $(DEMOTIME)

.PHONY: bench
bench: ## Measure whole paths beside what limits them; BENCH="-quick -run stream" to choose
	$(GO) build -buildvcs=auto -o bin/bench ./cmd/bench
	bin/bench $(BENCH)

.PHONY: bench-micro
bench-micro: ## Measure hot functions, ten times each, into bin/bench.txt
	@mkdir -p bin
	$(GO) test -run '^$$' -bench . -count 10 ./... | tee bin/bench.txt

.PHONY: bench-compare
bench-compare: ## Compare bench-micro of BASE (a commit) with that of this tree
	@test -n "$(BASE)" || { echo "usage: make bench-compare BASE=COMMIT"; exit 2; }
	@mkdir -p bin
	rm -rf bin/base && git worktree prune && git worktree add --detach bin/base $(BASE)
	cd bin/base && $(GO) test -run '^$$' -bench . -count 10 ./... > ../base.txt; \
		cd ../.. && git worktree remove --force bin/base
	$(MAKE) bench-micro
	$(TOOL) benchstat bin/base.txt bin/bench.txt

.PHONY: check
check: lint tidy race-newest test-oldest interop demo-check ## Run all that CI runs
