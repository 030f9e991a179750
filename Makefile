# make help lists the targets. The two a newcomer needs are demo and test: both
# do all set-up themselves.

SHELL      := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CF      := $(CURDIR)/bin/cf
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GOFILES  = $(shell git ls-files -co --exclude-standard '*.go' | grep -v '^tools/')

# Tests keep their own state, models and programs (tools/packages.sh unpacks some
# that it can't install); what is built for this machine (the model server) is
# shared with the user's cf through the cache folder.
export CF_TEST_HOME ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cf-test
export PATH := $(PATH):$(CF_TEST_HOME)/tools/bin
TEST_MODEL = smollm2:135m

##@ Start here
.PHONY: demo test
demo: build ## set this machine up and let a real model answer a real task
	@go -C tools run ./demo -cf $(CF) -project $(CURDIR)/testdata/demo

test: build test-packages ## all tests, with a real model server and a real model
	@tools/with-server.sh $(CF) go test -timeout 20m ./...

.PHONY: test-production
PRODUCTION = ^(TestDialyzer|TestImage|TestLinters|TestCheckov|TestSanitized)$$
test-production: ## of the generated system: dialyzer, its image built and run, sanitizers, linters of its files
	@tools/packages.sh production
	@CF_TEST_REQUIRE=1 CF_SCAFFOLD_LONG=1 go test -v -timeout 30m -run '$(PRODUCTION)' ./scaffold/deploytest ./scaffold/nativetest

.PHONY: test-scaffold
test-scaffold: test-packages ## the building blocks, each alone, in the guide's order and all together, with their slow tests; test-production
	@tools/packages.sh production
	@CF_TEST_REQUIRE=1 CF_SCAFFOLD_LONG=1 ERL_LIBS="$$(tools/ra.sh)" go test -timeout 90m ./scaffold/... ./bench/otpbench

##@ Build
# The parsers of package syntax are C. On Linux the binary is still static where
# the C library can be linked so; names are looked up by Go, as without cgo.
# Without a C compiler cf is built all the same, and says what it can't parse.
CGO        = $(shell go env CGO_ENABLED)
STATIC     = $(if $(filter 1-linux,$(CGO)-$(shell go env GOOS)),$(shell \
  echo 'int main(void) { return 0; }' | $$(go env CC) -static -x c - -o /dev/null 2>/dev/null && \
  echo '-linkmode external -extldflags -static'))
BUILDFLAGS = -trimpath -tags netgo,osusergo -ldflags '-s -w -X github.com/bitactor/cf/commands.version=$(VERSION) $(STATIC)'
.PHONY: build install
build: ## build bin/cf
	@mkdir -p bin
	@[ $(CGO) = 1 ] || echo 'no C compiler (or CGO_ENABLED=0): this cf will parse nothing but Erlang'
	@go build $(BUILDFLAGS) -o $(CF) ./cmd/cf

install: ## install cf into go's bin folder
	go install $(BUILDFLAGS) ./cmd/cf

##@ Check
.PHONY: lint race fuzz guide test-packages
lint: ## formatting, vet and golangci-lint
	@test -z "$$(gofmt -l $(GOFILES))" || { echo "not formatted:"; gofmt -l $(GOFILES); exit 1; }
	go vet ./...
	cd tools && go vet ./busy ./demo ./figures ./guide ./report ./solve ./witness
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run

race: build ## the tests that need no model, under the race detector
	go test -race -timeout 20m ./...

FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME (30s)
	@tools/fuzz.sh $(FUZZTIME)

guide: build ## run the 65 commands of the user's guide, each with its check
	@tools/with-server.sh $(CF) go -C tools run ./guide -cf $(CF) -testdata $(CURDIR)/testdata/guide

.PHONY: record-replies
record-replies: ## more replies for testdata/replies from MODEL at OLLAMA_HOST
	@tools/record-replies.sh $(or $(MODEL),$(TEST_MODEL))

test-packages: # the programs that tests drive, where they are missing
	@tools/packages.sh

##@ Measure (figures go to docs/figures.md)
.PHONY: bench bench-start bench-stream bench-reuse bench-memory bench-commit bench-stage bench-validate bench-syntax bench-engine bench-repomap bench-safe-memory bench-otp
bench: bench-start bench-stream bench-reuse bench-memory bench-commit bench-stage bench-validate bench-syntax bench-engine bench-repomap bench-safe-memory bench-otp ## all figures
bench-start: build ## start-up of cf against an empty Go program
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md start
bench-stream: build ## tokens per second and first token against a bare curl
	@tools/with-server.sh $(CF) go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md stream
bench-reuse: build ## share of the prompt that a second turn reuses
	@tools/with-server.sh $(CF) go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md reuse
bench-memory: build ## peak memory of a session
	@tools/with-server.sh $(CF) go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md memory
bench-commit: build ## cost of a commit of 20 files beside its fsyncs
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md commit
bench-validate: build ## what cf itself takes to check one file of a Go module of 50,000 lines
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md validate
bench-stage: build ## staging 5,000 files, and a start in the sandbox
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md stage
bench-syntax: build ## parse of 1,000 lines per language, and the memory of parsing
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md syntax
bench-engine: build ## what the strategy makes of a weak model, and the engine's own time
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md engine
bench-repomap: build ## the map of 50,000 files: the first time, after one edit, its memory
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md repomap
bench-otp: build ## the generated OTP system: calls, batches, memory, NIF against C, lost leaders
	@ERL_LIBS=$${ERL_LIBS:-$$(tools/ra.sh)} go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md otp

.PHONY: bench-slowdown
bench-slowdown: build ## what cf benchmark says of a command that was slowed down a little
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md slowdown

.PHONY: bench-validate-large
bench-validate-large: build ## cf validate of code bases of others, cold and warm (gets them, some 200 MB)
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md validate-large

.PHONY: bench-availability bench-upgrade bench-precision bench-recall bench-mends
bench-availability: build ## requests to three nodes of the generated system for 10 minutes, while parts of it are killed and frozen
	@ERL_LIBS=$${ERL_LIBS:-$$(tools/ra.sh)} go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md availability
bench-upgrade: build ## requests to the generated system while each of its nodes is replaced by one of another version
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md upgrade
bench-mends: build ## what cf clean lands in modules of others, built and tested without cf (gets them)
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md mends
bench-recall: build ## faults planted in code bases of others that cf clean finds
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md recall
bench-precision: build ## findings on code bases of others that readers call right (gets them, some 200 MB)
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md precision

# MODEL is any model of the server that OLLAMA_HOST names; without one a private
# server runs the small model that a package carries. TASKS and ARMS choose some.
.PHONY: solve replay
replay: build ## what parts of cf are worth: answers that make solve recorded of MODEL, given to cf with and without them
	@go -C tools run ./solve -cf $(CF) -model $(MODEL) -replay -only "$(TASKS)" -doc $(CURDIR)/docs/solve.md -figures $(CURDIR)/docs/figures.md

MODEL ?= $(TEST_MODEL)
solve: build ## tasks that MODEL solves: raw, through aider, through cf (TASKS="go/ c/" ARMS="raw high")
	@$(if $(OLLAMA_HOST),,tools/with-server.sh $(CF)) go -C tools run ./solve -cf $(CF) -model $(MODEL) -only "$(TASKS)" -arms "$(ARMS)" \
	  -doc $(CURDIR)/docs/solve.md -figures $(CURDIR)/docs/figures.md
bench-safe-memory: build ## peak memory of cf over the largest trees, diffs and outputs
	@go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md safe-memory

include core/core.mk

##@ Other
.PHONY: help clean
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove what was built in this folder
	rm -rf bin coverage.out
