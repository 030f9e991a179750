# core.mk: how the C core is built, checked and measured; the root Makefile
# includes it. CORE_BUILD holds everything that is made here.

CORE       := $(dir $(lastword $(MAKEFILE_LIST)))
CORE       := $(CORE:/=)
CORE_BUILD ?= $(CORE)/../bin/core
CORE_C     := $(addprefix $(CORE)/,context.c dispatch.c pool.c ring.c telemetry.c trace.c)
CORE_WARN  := -std=c11 -Wall -Wextra -Wconversion -Werror
CORE_TEST  := $(CORE)/ctest/all.c $(CORE)/ctest/stress_test.c -I$(CORE)/include -I$(CORE)/ctest -D_DEFAULT_SOURCE -Wl,--wrap=malloc -pthread

##@ Core
.PHONY: test-core test-core-c test-core-go test-core-san test-core-cover test-core-arm64
test-core: test-core-c test-core-go test-core-san test-core-cover test-core-arm64 test-core-model test-core-lib ## all checks of the C core

# Go against C: every short sequence and 10^7 random steps; then with Go's own
# checks of what C is given, under the race detector, and without cgo.
test-core-go:
	@cd $(CORE) && CORE_LONG=1 go test -v -run 'Sequences' . | grep -E 'sequences|^(ok|FAIL|---)'
	@cd $(CORE) && go test ./...
	@cd $(CORE) && GOEXPERIMENT=cgocheck2 go test .
	@cd $(CORE) && go test -race .
	@cd $(CORE) && CGO_ENABLED=0 go test .
	@cd $(CORE) && GOARCH=arm64 CGO_ENABLED=0 go test -exec qemu-aarch64 .

# Both compilers, with and without the debug checks, at the level that ships.
test-core-c: $(CORE_BUILD)/.made
	@for cc in gcc clang; do for debug in 0 1; do \
	  for f in $(CORE_C); do $$cc $(CORE_WARN) -O2 -DBA_DEBUG=$$debug -I$(CORE)/include -c $$f -o $(CORE_BUILD)/object.o; done; \
	  $$cc $(CORE_WARN) -O2 -DBA_DEBUG=$$debug $(CORE_TEST) -o $(CORE_BUILD)/test-$$cc-$$debug; \
	  out=$$($(CORE_BUILD)/test-$$cc-$$debug); echo "$$cc debug=$$debug: $$out"; \
	done; done

# gcc's TSan does not know fences and says so; the words that they order are atomics.
test-core-san: $(CORE_BUILD)/.made
	@for san in address,undefined thread; do for cc in gcc clang; do \
	  warn=; if [ $$cc$$san = gccthread ]; then warn=-Wno-tsan; fi; \
	  $$cc $(CORE_WARN) $$warn -O1 -g -DBA_DEBUG=1 -fsanitize=$$san -fno-sanitize-recover=all $(CORE_TEST) -o $(CORE_BUILD)/test-$$san; \
	  out=$$($(CORE_BUILD)/test-$$san); echo "$$cc -fsanitize=$$san: $$out"; \
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
	@out=$$(qemu-aarch64 $(CORE_BUILD)/test-arm64); echo "arm64 under qemu-user: $$out"

# Memory orderings in loom and protocols in spin, each with its mutations.
.PHONY: test-core-model test-core-lib
test-core-model: $(CORE_BUILD)/.made
	@cd $(CORE)/model-check && CARGO_TARGET_DIR=$(abspath $(CORE_BUILD))/model-check cargo test --release --quiet --locked
	@$(CORE)/model-check/spin/check.sh

# The library as others use it: amalgamated, static and shared, through pkg-config.
PREFIX ?= $(abspath $(CORE_BUILD))/install
.PHONY: amalgamation lib-core install-core
amalgamation: $(CORE_BUILD)/.made ## the core as one .c and one .h in bin/core/amalgamation
	@$(CORE)/amalgamate.sh $(CORE_BUILD)/amalgamation

lib-core: amalgamation ## libbitactor.a and libbitactor.so in bin/core
	@cd $(CORE_BUILD) && gcc $(CORE_WARN) -O2 -fPIC -c amalgamation/bitactor.c -o bitactor.o && ar rcs libbitactor.a bitactor.o && \
	  gcc -shared -Wl,-soname,libbitactor.so.0 bitactor.o -o libbitactor.so.0 && ln -sf libbitactor.so.0 libbitactor.so

install-core: lib-core ## header, libraries and pkg-config file into PREFIX
	@mkdir -p $(PREFIX)/include $(PREFIX)/lib/pkgconfig
	@cp $(CORE_BUILD)/amalgamation/bitactor.h $(PREFIX)/include/
	@cp -P $(CORE_BUILD)/libbitactor.a $(CORE_BUILD)/libbitactor.so $(CORE_BUILD)/libbitactor.so.0 $(PREFIX)/lib/
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|0.1|' $(CORE)/bitactor.pc.in >$(PREFIX)/lib/pkgconfig/bitactor.pc

test-core-lib: install-core
	@flags="$$(PKG_CONFIG_PATH=$(PREFIX)/lib/pkgconfig pkg-config --cflags --libs bitactor)"; \
	gcc $(CORE_WARN) -O2 $(CORE)/example/example.c $$flags -pthread -o $(CORE_BUILD)/example; \
	  out=$$(LD_LIBRARY_PATH=$(PREFIX)/lib $(CORE_BUILD)/example); echo "example, shared: $$out"; \
	gcc $(CORE_WARN) -O2 $(CORE)/example/example.c -I$(PREFIX)/include $(PREFIX)/lib/libbitactor.a -pthread -o $(CORE_BUILD)/example; \
	  out=$$($(CORE_BUILD)/example); echo "example, static: $$out"; \
	clang $(CORE_WARN) -O2 $(CORE)/example/example.c $(CORE_BUILD)/amalgamation/bitactor.c -I$(CORE_BUILD)/amalgamation -pthread -o $(CORE_BUILD)/example; \
	  out=$$($(CORE_BUILD)/example); echo "example, amalgamated: $$out"

# Each writes its figures into docs/figures.md.
FIGURES := go -C tools run ./figures -cf $(CF) -out $(CURDIR)/docs/figures.md
.PHONY: soak-core fuzz-core bench-core figures-core bench-core-c
soak-core: $(CORE_BUILD)/.made ## SOAK_SIGNALS (10^10) signals across two threads
	@gcc $(CORE_WARN) -O2 $(CORE_TEST) -o $(CORE_BUILD)/soak
	@$(FIGURES) soak-core

fuzz-core: ## the operation-sequence fuzzer, C against Go, for FUZZ_TIME (5m)
	@$(FIGURES) fuzz-core

bench-core: $(CORE_BUILD)/.made ## what a signal costs, beside ck_ring and DPDK's ring, against the goals
	@go run -tags peers ./bench/corebench/cmd -rounds 201 -out core/figures.json
	@$(FIGURES) core

figures-core: bench-core ## bench-core, and the tables of core/FIGURES.md and README.md from the same run
	@go test ./bench/corebench -run TestDocuments -update

bench-core-c: $(CORE_BUILD)/.made ## the same workloads as a C program, without the peers
	@gcc -std=gnu11 -O2 -Wall -Wextra -Wconversion -Werror -I$(CORE)/include -I$(CORE)/cases/src $(CORE)/cbench/cbench.c -pthread -o $(CORE_BUILD)/cbench
	@$(CORE_BUILD)/cbench

$(CORE_BUILD)/.made:
	@$(CORE)/packages.sh
	@mkdir -p $(CORE_BUILD) && touch $@
