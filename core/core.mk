# core.mk: how the C core is built, checked and measured; the root Makefile
# includes it. CORE_BUILD holds everything that is made here.

CORE       := $(dir $(lastword $(MAKEFILE_LIST)))
CORE       := $(CORE:/=)
CORE_BUILD ?= $(CORE)/../bin/core
CORE_C     := $(addprefix $(CORE)/,context.c dispatch.c pool.c ring.c telemetry.c trace.c)
CORE_H     := $(CORE)/include/bitactor.h $(CORE)/include/signal.def $(wildcard $(CORE)/include/bitactor/*.h)
CORE_WARN  := -std=c11 -Wall -Wextra -Wconversion -Werror
CORE_TEST  := $(CORE)/ctest/all.c $(CORE)/ctest/stress_test.c -I$(CORE)/include -I$(CORE)/ctest -D_DEFAULT_SOURCE -Wl,--wrap=malloc -pthread

# The checksum makes the build see a change of C sources that cgo files include.
CORE_SUM   := $(shell cat $(CORE_C) $(CORE_H) | cksum | cut -d' ' -f1)
CORE_GO    := CGO_CFLAGS="-O2 -g -DBA_SOURCES=$(CORE_SUM)" go test

##@ Core
.PHONY: test-core test-core-c test-core-go test-core-san test-core-cover test-core-arm64
test-core: test-core-c test-core-go test-core-san test-core-cover test-core-arm64 ## all checks of the C core

# Go against C: every short sequence and 10^7 random steps; then with Go's own
# checks of what C is given, under the race detector, and without cgo.
test-core-go:
	@cd $(CORE) && CORE_LONG=1 $(CORE_GO) -v -run 'Sequences' . | grep -E 'sequences|^(ok|FAIL|---)'
	@cd $(CORE) && $(CORE_GO) ./...
	@cd $(CORE) && GOEXPERIMENT=cgocheck2 $(CORE_GO) .
	@cd $(CORE) && $(CORE_GO) -race .
	@cd $(CORE) && CGO_ENABLED=0 go test .
	@cd $(CORE) && GOARCH=arm64 CGO_ENABLED=0 go test -exec qemu-aarch64 .

# Both compilers, with and without the debug checks, at the level that ships.
test-core-c: $(CORE_BUILD)/.made
	@for cc in gcc clang; do for debug in 0 1; do \
	  for f in $(CORE_C); do $$cc $(CORE_WARN) -O2 -DBA_DEBUG=$$debug -I$(CORE)/include -c $$f -o $(CORE_BUILD)/object.o; done; \
	  $$cc $(CORE_WARN) -O2 -DBA_DEBUG=$$debug $(CORE_TEST) -o $(CORE_BUILD)/test-$$cc-$$debug; \
	  echo "$$cc debug=$$debug: $$($(CORE_BUILD)/test-$$cc-$$debug)"; \
	done; done

# gcc's TSan does not know fences and says so; the words that they order are atomics.
test-core-san: $(CORE_BUILD)/.made
	@for san in address,undefined thread; do for cc in gcc clang; do \
	  warn=; if [ $$cc$$san = gccthread ]; then warn=-Wno-tsan; fi; \
	  $$cc $(CORE_WARN) $$warn -O1 -g -DBA_DEBUG=1 -fsanitize=$$san -fno-sanitize-recover=all $(CORE_TEST) -o $(CORE_BUILD)/test-$$san; \
	  echo "$$cc -fsanitize=$$san: $$($(CORE_BUILD)/test-$$san)"; \
	done; done

# Every branch of the core, as counted by gcov, in both builds.
test-core-cover: $(CORE_BUILD)/.made
	@for debug in 0 1; do \
	  rm -rf $(CORE_BUILD)/cover && mkdir -p $(CORE_BUILD)/cover; \
	  gcc $(CORE_WARN) -Wno-error=maybe-uninitialized -O0 --coverage -fprofile-update=atomic -DBA_DEBUG=$$debug $(CORE_TEST) -o $(CORE_BUILD)/cover/all; \
	  $(CORE_BUILD)/cover/all >/dev/null; \
	  $(CORE)/ctest/coverage.sh $(CORE_BUILD)/cover "debug=$$debug"; \
	done

# Cross-built and emulated: it shows that the code builds and computes the same
# there; emulation says nothing about memory ordering.
test-core-arm64: $(CORE_BUILD)/.made
	@aarch64-linux-gnu-gcc $(CORE_WARN) -O2 -static -DBA_DEBUG=1 $(CORE_TEST) -o $(CORE_BUILD)/test-arm64
	@echo "arm64 under qemu-user: $$(qemu-aarch64 $(CORE_BUILD)/test-arm64)"

SOAK_SIGNALS ?= 10000000000
.PHONY: soak-core
soak-core: $(CORE_BUILD)/.made ## SOAK_SIGNALS (10^10) signals across two threads
	@gcc $(CORE_WARN) -O2 $(CORE_TEST) -o $(CORE_BUILD)/soak
	@time $(CORE_BUILD)/soak soak $(SOAK_SIGNALS)

$(CORE_BUILD)/.made:
	@$(CORE)/packages.sh
	@mkdir -p $(CORE_BUILD) && touch $@
