/* context_test.c: contexts, dispatch and health; no allocation after ba_init. */
#include "check.h"

/* The link wraps these, so every allocation of the program is counted. */
void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
static _Atomic long allocations;
void *__wrap_malloc(size_t bytes) {
    allocations++;
    return __real_malloc(bytes);
}

struct bump {
    int allocs, frees, fail;
    unsigned char *memory;
};

/* bump_alloc hands out memory that is not aligned, as allocators may. */
static void *bump_alloc(void *self, size_t bytes) {
    struct bump *bump = self;
    bump->allocs++;
    if (bump->fail) return NULL;
    bump->memory = memory_of(bytes + 8);
    return bump->memory + 8;
}

static void bump_free(void *self, void *memory) {
    struct bump *bump = self;
    bump->frees++;
    EQUAL((unsigned char *)memory == bump->memory + 8, 1);
    free(bump->memory);
}

static void init_refuses(void) {
    struct ba_config config = ba_config_default();
    struct bump bump = {.fail = 1};
    struct ba_allocator allocator = {bump_alloc, bump_free, &bump};
    struct ba_context *context = NULL;
    EQUAL(ba_init(NULL, NULL, &context), BA_ENULL);
    EQUAL(ba_init(&config, NULL, NULL), BA_ENULL);
    EQUAL(ba_init(&config, &(struct ba_allocator){NULL, bump_free, NULL}, &context), BA_EINVAL);
    EQUAL(ba_init(&config, &(struct ba_allocator){bump_alloc, NULL, NULL}, &context), BA_EINVAL);
    EQUAL(ba_init(&config, &allocator, &context), BA_ENOMEM);
    struct ba_config bad[7];
    for (int i = 0; i < 7; i++) bad[i] = config;
    bad[0].inbox_slots = 3;
    bad[1].inbox_mode = 9;
    bad[2].trace_records = 1;
    bad[3].pool_block_bytes = 1;
    bad[4].flags = 8;
    for (int i = 0; i < 5; i++) {
        EQUAL(ba_context_bytes(&bad[i]), 0);
        EQUAL(ba_init(&bad[i], NULL, &context), BA_EINVAL);
    }
    bad[5].inbox_slots = 1024;
    EQUAL(ba_init(&bad[5], NULL, &context), BA_ETOOLARGE);
    EQUAL(ba_context_bytes(&config) <= BA_CONTEXT_BYTES_MAX, 1);
    EQUAL(bump.allocs, 1);
    EQUAL(context == NULL, 1);
}

static void refuses_what_is_no_context(void) {
    struct ba_context *zeroed = memory_of(sizeof *zeroed);
    struct ba_ring *ring = ring_of(4, BA_SPSC, 0);
    struct ba_snapshot snapshot;
    uint64_t counts[BA_KINDS];
    uint32_t handled = 1;
    EQUAL(ba_free(NULL), BA_ENULL);
    EQUAL(ba_free(zeroed), BA_EMODE);
    EQUAL(ba_close(NULL), BA_ENULL);
    EQUAL(ba_close(zeroed), BA_EMODE);
    EQUAL(ba_on(NULL, 1, NULL, NULL), BA_ENULL);
    EQUAL(ba_on(zeroed, 1, NULL, NULL), BA_EMODE);
    EQUAL(ba_snapshot(NULL, &snapshot), BA_ENULL);
    EQUAL(ba_snapshot(zeroed, NULL), BA_ENULL);
    EQUAL(ba_snapshot(zeroed, &snapshot), BA_EMODE);
    EQUAL(ba_counts(NULL, counts), BA_ENULL);
    EQUAL(ba_counts(zeroed, NULL), BA_ENULL);
    EQUAL(ba_counts(zeroed, counts), BA_EMODE);
    EQUAL(ba_inbox(NULL) == NULL, 1);
    EQUAL(ba_tracer(NULL) == NULL, 1);
    EQUAL(ba_payloads(zeroed) == NULL, 1);
    EQUAL(ba_drain(NULL, ring, 1, &handled), BA_ENULL);
    EQUAL(ba_drain(zeroed, NULL, 1, &handled), BA_ENULL);
    EQUAL(ba_drain(zeroed, ring, 1, NULL), BA_ENULL);
    EQUAL(handled, 1);
    EQUAL(ba_drain(zeroed, ring, 1, &handled), BA_EMODE);
    EQUAL(handled, 0);
    EQUAL(ba_step(NULL, ring), BA_ENULL);
    free(zeroed), free(ring);
}

struct seen {
    uint64_t count, sum;
};

static void see(void *state, const struct ba_signal *signal) {
    struct seen *seen = state;
    seen->count++;
    seen->sum += signal->sequence;
}

static void push(struct ba_ring *ring, uint8_t kind, uint16_t size, uint64_t sequence) {
    struct ba_signal signal = {.kind = kind, .size = size, .sequence = sequence};
    EQUAL(ring->mode == BA_SPSC ? ba_spsc_push(ring, &signal) : ba_mpsc_push(ring, &signal), BA_OK);
}

/* all that a context can observe, switched on and off */
static void drains(uint32_t mode, uint32_t flags, uint32_t sample_every, uint32_t trace_records) {
    struct ba_config config = {.inbox_slots = 8, .inbox_mode = mode, .sample_every = sample_every, .flags = flags,
                               .trace_records = trace_records, .start = UINT32_MAX - 3};
    struct bump bump = {0};
    struct ba_allocator allocator = {bump_alloc, bump_free, &bump};
    struct ba_context *context;
    struct ba_snapshot snapshot;
    struct seen seen = {0, 0};
    uint64_t counts[BA_KINDS];
    uint32_t handled;
    EQUAL(ba_init(&config, &allocator, &context), BA_OK);
    EQUAL((uintptr_t)context % BA_LINE_BYTES, 0);
    struct ba_ring *inbox = ba_inbox(context);
    EQUAL(ba_on(context, BA_KINDS, see, &seen), BA_EINVAL);
    EQUAL(ba_on(context, 70, see, &seen), BA_OK);
    EQUAL(ba_on(context, 71, see, &seen), BA_OK);
    EQUAL(ba_on(context, 71, NULL, NULL), BA_OK);
    EQUAL(ba_drain(context, inbox, 8, &handled), BA_EEMPTY);
    EQUAL(ba_drain(context, inbox, 0, &handled), BA_EINVAL);
    long before = allocations;
    for (uint64_t round = 0; round < 6; round++) {
        for (uint64_t i = 0; i < 7; i++) push(inbox, i < 5 ? 70 : 71, i == 3 ? 99 : 8, i);
        for (uint32_t left = 7; left > 0; left -= handled) EQUAL(ba_drain(context, inbox, left, &handled), BA_OK);
    }
    EQUAL(allocations, before);
    EQUAL(ba_snapshot(context, &snapshot), BA_OK);
    EQUAL(ba_counts(context, counts), BA_OK);
    EQUAL(counts[70], 30);
    EQUAL(counts[71], 12);
    EQUAL(seen.count, 30);
    EQUAL(seen.sum, 6 * 10);
    EQUAL(snapshot.signals, 42);
    EQUAL(snapshot.unhandled, 12);
    EQUAL(snapshot.timed, flags != 0 ? 42 : 0);
    EQUAL(snapshot.samples, sample_every != 0 ? 42 / sample_every : 0);
    EQUAL(snapshot.events, ((flags & BA_EVENTS) != 0 ? snapshot.batches : 0) + snapshot.samples);
    EQUAL(snapshot.trace_records, trace_records != 0 ? 42 : 0);
    EQUAL(snapshot.inbox_slots, 8);
    EQUAL(snapshot.inbox_depth_max >= 4, 1);
    push(inbox, 70, 0, 1);
    EQUAL(ba_close(context), BA_OK);
    EQUAL(ba_drain(context, inbox, 8, &handled), BA_OK);
    EQUAL(ba_drain(context, inbox, 8, &handled), BA_ECLOSED);
    EQUAL(ba_snapshot(context, &snapshot), BA_OK);
    EQUAL(snapshot.inbox_closed, 1);
    EQUAL(snapshot.inbox_depth, 0);
    EQUAL(ba_free(context), BA_OK);
    EQUAL(bump.allocs * 10 + bump.frees, 11);
}

static void steps_one_by_one(void) {
    struct ba_config config = {.pool_blocks = 2, .pool_block_bytes = 64};
    struct ba_context *context;
    struct ba_snapshot snapshot;
    struct ba_ring *ring = ring_of(4, BA_SPSC, 0);
    struct seen seen = {0, 0};
    uint64_t handle;
    void *block;
    EQUAL(ba_init(&config, NULL, &context), BA_OK);
    EQUAL(ba_inbox(context) == NULL, 1);
    EQUAL(ba_tracer(context) == NULL, 1);
    EQUAL(ba_close(context), BA_OK);
    EQUAL(ba_on(context, 70, see, &seen), BA_OK);
    EQUAL(ba_step(context, ring), BA_EEMPTY);
    push(ring, 70, 0, 5);
    EQUAL(ba_step(context, ring), BA_OK);
    EQUAL(seen.sum, 5);
    EQUAL(ba_ring_close(ring), BA_OK);
    EQUAL(ba_step(context, ring), BA_ECLOSED);
    EQUAL(ba_pool_take(ba_payloads(context), &handle, &block), BA_OK);
    EQUAL(ba_snapshot(context, &snapshot), BA_OK);
    EQUAL(snapshot.signals, 1);
    EQUAL(snapshot.pool_taken, 1);
    EQUAL(snapshot.inbox_slots, 0);
    EQUAL(ba_free(context), BA_OK);
    free(ring);
}

#if BA_DEBUG
/* drain_again is a handler that drains the ring that it is called from. */
static void drain_again(void *state, const struct ba_signal *signal) {
    struct ba_context *context = state;
    uint32_t handled = 9;
    (void)signal;
    EQUAL(ba_drain(context, ba_inbox(context), 1, &handled), BA_EBUSY);
    EQUAL(handled, 0);
}

static void debug_finds_a_drain_in_a_drain(uint32_t mode) {
    struct ba_config config = {.inbox_slots = 4, .inbox_mode = mode};
    struct ba_context *context;
    uint32_t handled;
    EQUAL(ba_init(&config, NULL, &context), BA_OK);
    EQUAL(ba_on(context, 70, drain_again, context), BA_OK);
    push(ba_inbox(context), 70, 0, 1);
    push(ba_inbox(context), 70, 0, 2);
    EQUAL(ba_drain(context, ba_inbox(context), 4, &handled), BA_OK);
    EQUAL(handled, 2);
    EQUAL(ba_drain(context, ba_inbox(context), 4, &handled), BA_EEMPTY);
    EQUAL(ba_free(context), BA_OK);
}
#endif

static void errors_have_texts(void) {
    EQUAL(strcmp(ba_error_name(BA_ETOOLARGE), "ETOOLARGE"), 0);
    EQUAL(strcmp(ba_error_text(BA_OK), "done"), 0);
    const int unknown[] = {1, -99};
    for (int i = 0; i < 2; i++) {
        EQUAL(strcmp(ba_error_name(unknown[i]), "?"), 0);
        EQUAL(strcmp(ba_error_text(unknown[i]), "unknown error"), 0);
    }
}

void test_contexts(void) {
    init_refuses();
    refuses_what_is_no_context();
    const uint32_t flags[] = {0, BA_TIMED, BA_EVENTS, BA_TIMED | BA_EVENTS};
    for (uint32_t mode = BA_SPSC; mode <= BA_MPSC; mode++) {
        for (int i = 0; i < 4; i++) {
            for (uint32_t sample = 0; sample <= 6; sample += 3) {
                drains(mode, flags[i], sample, 0);
                drains(mode, flags[i], sample, 64);
            }
        }
    }
    steps_one_by_one();
    errors_have_texts();
#if BA_DEBUG
    debug_finds_a_drain_in_a_drain(BA_SPSC);
    debug_finds_a_drain_in_a_drain(BA_MPSC);
#endif
}
