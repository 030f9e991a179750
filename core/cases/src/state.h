/* state.h: what the files of the cases share. */
#ifndef BA_CASES_STATE_H
#define BA_CASES_STATE_H

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bitactor.h"
#include "cases.h"

#define BA_CASE_KIND 70u
#define BA_CASE_RINGS 2048u       /* of the cold case: 2048 rings of 64 slots are 9.7 MB */
#define BA_CASE_STRIDE 997u       /* from one to the next; odd, so all are visited, and no prefetcher follows */
#define BA_CASE_RANDOM (1u << 18) /* kinds drawn beforehand; 8192 are learnt by a branch predictor of 2022 */
#define BA_CASE_SPINS 4000u       /* looks at the other side before the core is offered to others */
#define BA_CASE_PAGE 4096u
#define BA_CASE_NOT_BUILT (-100)

struct ba_case_state {
    struct ba_case_setup setup;
    struct ba_context *context;
    struct ba_ring *ring[BA_CASE_RINGS];
    void *memory[BA_CASE_RINGS];  /* what holds each */
    void *context_memory;
    _Alignas(128) _Atomic uint64_t line;
    uint32_t rings;
    uint32_t next;                /* ring to use, over all runs */
    uint8_t kinds[BA_CASE_RANDOM];
    uint64_t drawn;               /* of kinds, over all runs */
    struct ba_signal *lines;      /* as many as slots, without a ring */
    void *peer;                   /* the ring of another library */
    uint64_t handled;
    uint64_t operations;          /* of the run under way, for the second thread */
    uint64_t switches;            /* of the second thread */
    cpu_set_t allowed;            /* the cores that the caller may run on */
    _Atomic int ready;
};

/* ba_case_fill writes what a sender of a small message writes: the header, both
 * addresses, a sequence and one word of payload: 40 of the 64 bytes. */
static inline void ba_case_fill(struct ba_signal *signal, uint8_t kind, uint64_t sequence) {
    ba_signal_begin(signal, kind, 0, 8);
    signal->source = 1;
    signal->destination = 2;
    signal->sequence = sequence;
    signal->payload.words[0] = sequence;
}

/* wait_for spends one look that found nothing. On a busy machine the other thread
 * may have no core; without the yield a run would measure the scheduler. */
static inline void wait_for(uint32_t *spins) {
    if (++*spins % BA_CASE_SPINS == 0) sched_yield();
}

static inline uint8_t draw_kind(struct ba_case_state *state) { return state->kinds[state->drawn++ % BA_CASE_RANDOM]; }

#endif
