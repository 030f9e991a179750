/* cases.h: the workloads that the core is measured by, in C.
 *
 * A case does [signals] operations and says how many ticks and nanoseconds they
 * took. It sets itself up outside of the timed part. Used by the C benchmark
 * (core/cbench) and, through cgo, by bench/corebench, so both time the same code.
 */
#ifndef BA_CASES_H
#define BA_CASES_H

#include <stdint.h>

/* X(id, operations are: signals through a ring, or bare operations) */
enum ba_case {
    BA_CASE_CYCLES,        /* dependent additions: one core cycle each */
    BA_CASE_TICKS,         /* tick reads */
    BA_CASE_CALL,          /* calls through the table of 256, one kind */
    BA_CASE_CALL_RANDOM,   /* the same, random kinds */
    BA_CASE_CMPXCHG,       /* uncontended compare-and-swap */
    BA_CASE_CMPXCHG_CALL,  /* one of each: the limit of MPSC */
    BA_CASE_FILL_CALL,     /* fill lines of the first cache and call their handlers, by batch: the limit of SPSC */
    BA_CASE_FILL_CALL_RANDOM,
    BA_CASE_LINE,          /* two threads: a cache line handed over and back */
    BA_CASE_SPSC,          /* one core, in place, dispatched */
    BA_CASE_SPSC_COPY,     /* a signal copied in instead */
    BA_CASE_SPSC_RANDOM,   /* random kinds */
    BA_CASE_SPSC_TICK_EACH,/* a tick read into each signal */
    BA_CASE_SPSC_COLD,     /* through more rings than the second cache holds */
    BA_CASE_SPSC_DRAIN,    /* the same, only the drains timed, each batch by two tick reads */
    BA_CASE_MPSC,          /* one producer, one core, a claim a signal */
    BA_CASE_MPSC_SPAN,     /* a claim a batch */
    BA_CASE_CROSS,         /* two threads, SPSC, drained by a dispatching consumer */
    BA_CASE_CROSS_CK,      /* the same signals through ck_ring */
    BA_CASE_CROSS_DPDK,    /* and through DPDK's ring, 64-byte elements */
    BA_CASE_COUNT
};

struct ba_case_setup {
    uint32_t which;        /* enum ba_case */
    uint32_t batch;        /* signals per reserve and per drain */
    uint32_t slots;
    uint32_t flags;        /* of the context: BA_TIMED, BA_EVENTS */
    uint32_t trace_records;
    uint32_t place;        /* where in a page the memory begins, see open_rings */
};

struct ba_case_result {
    uint64_t operations;
    uint64_t ticks;
    uint64_t ns;
    uint64_t switches;     /* two threads: how often either lost its core meanwhile */
};

/* ba_case_open prepares a case: 0, or a negative ba_error; -100: not built in. */
struct ba_case_state;
int ba_case_open(const struct ba_case_setup *setup, struct ba_case_state **out);

/* ba_case_run runs it once more: 0, or a negative ba_error. */
int ba_case_run(struct ba_case_state *state, uint64_t operations, struct ba_case_result *result);

void ba_case_close(struct ba_case_state *state);

#endif
