/* check.h: what a test of the core says. */
#ifndef BA_CHECK_H
#define BA_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "bitactor.h"

extern int checks_failed;
extern int checks_made;

/* EQUAL compares two integers and reports both on a difference. */
#define EQUAL(got, want) check_equal((long long)(got), (long long)(want), #got, __FILE__, __LINE__)

static inline void check_equal(long long got, long long want, const char *what, const char *file, int line) {
    checks_made++;
    if (got == want) return;
    checks_failed++;
    fprintf(stderr, "%s:%d: %s = %lld, want %lld\n", file, line, what, got, want);
}

/* memory_of returns zeroed memory aligned to a line; the test frees it. */
static inline void *memory_of(size_t bytes) {
    void *memory = aligned_alloc(BA_LINE_BYTES, (bytes + BA_LINE_BYTES - 1) / BA_LINE_BYTES * BA_LINE_BYTES);
    if (memory == NULL) exit(2);
    return memset(memory, 0, bytes);
}

/* ring_of returns a ring of fresh memory. */
static inline struct ba_ring *ring_of(uint32_t slots, uint32_t mode, uint32_t start) {
    struct ba_ring *ring = NULL;
    size_t bytes = ba_ring_bytes(slots);
    EQUAL(ba_ring_init(memory_of(bytes), bytes, slots, mode, start, &ring), BA_OK);
    return ring;
}

#endif
