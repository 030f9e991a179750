/* cases.c: the workloads through rings, and the frame of all. */
#include <time.h>

#include "state.h"

static uint64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* one by one: reserve, fill, commit, step; the whole way is inlined */
static int one_by_one(struct ba_case_state *state, uint64_t operations) {
    struct ba_context *context = state->context;
    struct ba_ring *ring = state->ring[0];
    struct ba_span span;
    for (uint64_t i = 0; i < operations; i++) {
        int code = ba_spsc_reserve(ring, 1, &span);
        if (code != BA_OK) return code;
        ba_case_fill(span.slot, BA_CASE_KIND, i);
        ba_spsc_commit_to(ring, span.first + 1);
        code = ba_step(context, ring);
        if (code != BA_OK) return code;
    }
    return BA_OK;
}

/* fill_batch fills up to [batch] slots in place and returns how many. */
static inline uint32_t fill_batch(struct ba_ring *ring, uint64_t sequence, uint32_t batch) {
    struct ba_span span;
    if (ba_spsc_reserve(ring, batch, &span) != BA_OK) return 0;
    for (uint32_t i = 0; i < span.count; i++) ba_case_fill(&span.slot[i], BA_CASE_KIND, sequence + i);
    ba_spsc_commit_to(ring, span.first + span.count);
    return span.count;
}

static uint32_t random_batch(struct ba_case_state *state, struct ba_ring *ring, uint64_t sequence, uint32_t batch) {
    struct ba_span span;
    if (ba_spsc_reserve(ring, batch, &span) != BA_OK) return 0;
    for (uint32_t i = 0; i < span.count; i++) ba_case_fill(&span.slot[i], draw_kind(state), sequence + i);
    ba_spsc_commit_to(ring, span.first + span.count);
    return span.count;
}

static uint32_t tick_batch(struct ba_ring *ring, uint64_t sequence, uint32_t batch) {
    struct ba_span span;
    if (ba_spsc_reserve(ring, batch, &span) != BA_OK) return 0;
    for (uint32_t i = 0; i < span.count; i++) {
        ba_case_fill(&span.slot[i], BA_CASE_KIND, sequence + i);
        span.slot[i].timestamp = ba_ticks();
    }
    ba_spsc_commit_to(ring, span.first + span.count);
    return span.count;
}

static uint32_t copy_batch(struct ba_ring *ring, uint64_t sequence, uint32_t batch) {
    struct ba_signal signal = {.kind = BA_CASE_KIND};
    for (uint32_t i = 0; i < batch; i++) {
        ba_case_fill(&signal, BA_CASE_KIND, sequence + i);
        if (ba_spsc_push(ring, &signal) != BA_OK) return 0;
    }
    return batch;
}

static uint32_t mpsc_batch(struct ba_ring *ring, uint64_t sequence, uint32_t batch) {
    struct ba_span span;
    for (uint32_t i = 0; i < batch; i++) { /* every sender claims its own slot */
        if (ba_mpsc_reserve(ring, 1, &span) != BA_OK) return 0;
        ba_case_fill(span.slot, BA_CASE_KIND, sequence + i);
        ba_mpsc_commit_span(ring, span);
    }
    return batch;
}

static uint32_t mpsc_span(struct ba_ring *ring, uint64_t sequence, uint32_t batch) {
    struct ba_span span;
    if (ba_mpsc_reserve(ring, batch, &span) != BA_OK) return 0;
    for (uint32_t i = 0; i < span.count; i++) ba_case_fill(&span.slot[i], BA_CASE_KIND, sequence + i);
    ba_mpsc_commit_span(ring, span);
    return span.count;
}

/* in batches: one reserve, fills in place, one commit, one drain */
static int in_batches(struct ba_case_state *state, uint64_t operations) {
    struct ba_context *context = state->context;
    struct ba_ring *ring = state->ring[0];
    uint32_t batch = state->setup.batch, handled;
    for (uint64_t done = 0; done < operations; done += handled) {
        if (fill_batch(ring, done, batch) == 0) return BA_EFULL;
        int code = ba_drain(context, ring, batch, &handled);
        if (code != BA_OK) return code;
    }
    return BA_OK;
}

/* drains fills as in_batches does and times the drains alone. */
static int drains(struct ba_case_state *state, uint64_t operations, uint64_t *ticks) {
    struct ba_context *context = state->context;
    struct ba_ring *ring = state->ring[0];
    uint32_t batch = state->setup.batch, handled;
    uint64_t took = 0;
    for (uint64_t done = 0; done < operations; done += handled) {
        if (fill_batch(ring, done, batch) == 0) return BA_EFULL;
        uint64_t begin = ba_ticks();
        int code = ba_drain(context, ring, batch, &handled);
        took += ba_ticks() - begin;
        if (code != BA_OK) return code;
    }
    *ticks = took;
    return BA_OK;
}

static uint32_t send_batch(struct ba_case_state *state, struct ba_ring *ring, uint64_t sequence, uint32_t batch) {
    switch (state->setup.which) {
    case BA_CASE_SPSC_COPY: return copy_batch(ring, sequence, batch);
    case BA_CASE_SPSC_RANDOM: return random_batch(state, ring, sequence, batch);
    case BA_CASE_SPSC_TICK_EACH: return tick_batch(ring, sequence, batch);
    case BA_CASE_MPSC: return mpsc_batch(ring, sequence, batch);
    case BA_CASE_MPSC_SPAN: return mpsc_span(ring, sequence, batch);
    default: return fill_batch(ring, sequence, batch);
    }
}

static int other_ways(struct ba_case_state *state, uint64_t operations) {
    uint32_t handled = 0;
    for (uint64_t done = 0; done < operations;) {
        struct ba_ring *ring = state->ring[state->next];
        uint32_t filled = send_batch(state, ring, done, state->setup.batch);
        if (filled == 0) return BA_EFULL;
        for (uint32_t left = filled; left > 0; left -= handled) {
            int code = ba_drain(state->context, ring, left, &handled);
            if (code != BA_OK) return code;
        }
        done += filled;
        state->next = (state->next + BA_CASE_STRIDE) % state->rings;
    }
    return BA_OK;
}

/* switches_so_far counts how often the calling thread lost its core. */
static uint64_t switches_so_far(void) {
    struct rusage usage;
    (void)getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
}

/* pin keeps the calling thread on the [nth] of the cores that [allowed] names;
 * a scheduler that puts both threads on one core would be what is measured. */
static void pin(const cpu_set_t *allowed, int nth) {
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, allowed) || nth-- > 0) continue;
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

/* hand_over writes the line in its turns, which are the odd or the even values. */
static void hand_over(struct ba_case_state *state, uint64_t operations, uint64_t mine) {
    uint32_t spins = 0;
    for (uint64_t i = 0; i < operations; i++) {
        while (atomic_load_explicit(&state->line, memory_order_acquire) != 2 * i + mine) wait_for(&spins);
        atomic_store_explicit(&state->line, 2 * i + mine + 1, memory_order_release);
    }
}

static void produce(struct ba_case_state *state) {
    if (state->setup.which == BA_CASE_LINE) {
        hand_over(state, state->operations, 1);
        return;
    }
    if (state->setup.which != BA_CASE_CROSS) {
        ba_case_peer_produce(state, state->operations);
        return;
    }
    uint32_t spins = 0, batch = state->setup.batch;
    for (uint64_t done = 0; done < state->operations;) {
        uint64_t left = state->operations - done;
        uint32_t filled = fill_batch(state->ring[0], done, left < batch ? (uint32_t)left : batch);
        if (filled == 0) wait_for(&spins);
        done += filled;
    }
}

static void *producer(void *argument) {
    struct ba_case_state *state = argument;
    pin(&state->allowed, 1);
    state->ready = 1;
    while (state->ready != 2) sched_yield();
    uint64_t switches = switches_so_far();
    produce(state);
    state->switches = switches_so_far() - switches;
    return NULL;
}

static int two_threads(struct ba_case_state *state, struct ba_case_result *result) {
    pthread_t thread;
    uint32_t handled, spins = 0;
    state->ready = 0;
    state->line = 0;
    CPU_ZERO(&state->allowed);
    (void)sched_getaffinity(0, sizeof state->allowed, &state->allowed);
    if (pthread_create(&thread, NULL, producer, state) != 0) return BA_ENOMEM;
    pin(&state->allowed, 0);
    while (state->ready != 1) sched_yield();
    uint64_t switches = switches_so_far();
    uint64_t ns = now_ns(), ticks = ba_ticks();
    state->ready = 2;
    if (state->setup.which == BA_CASE_LINE) {
        hand_over(state, state->operations, 0);
    } else if (state->setup.which != BA_CASE_CROSS) {
        ba_case_peer_consume(state, state->operations);
    } else {
        for (uint64_t done = 0; done < state->operations; done += handled) {
            if (ba_drain(state->context, state->ring[0], state->setup.batch, &handled) != BA_OK) wait_for(&spins);
        }
    }
    result->ticks = ba_ticks() - ticks;
    result->ns = now_ns() - ns;
    switches = switches_so_far() - switches;
    (void)pthread_join(thread, NULL);
    (void)sched_setaffinity(0, sizeof state->allowed, &state->allowed);
    result->switches = switches + state->switches;
    return BA_OK;
}

/* at_place returns where in a block of BA_CASE_PAGE more bytes than are wanted a
 * thing begins. Loads and stores whose addresses agree in the low twelve bits wait for
 * each other (Intel's optimization manual calls it 4K aliasing), so what a case costs
 * hangs on where its parts happen to lie; the suite opens it at several places. */
static char *at_place(void *block, uint32_t place) { return (char *)block + place * 128 % BA_CASE_PAGE; }

static int open_rings(struct ba_case_state *state) {
    const struct ba_case_setup *setup = &state->setup;
    size_t bytes = ba_ring_bytes(setup->slots);
    uint32_t mode = setup->which == BA_CASE_MPSC || setup->which == BA_CASE_MPSC_SPAN ? BA_MPSC : BA_SPSC;
    uint32_t rings = setup->which == BA_CASE_SPSC_COLD ? BA_CASE_RINGS : 1;
    for (; state->rings < rings; state->rings++) {
        void *memory = aligned_alloc(128, bytes + BA_CASE_PAGE);
        if (memory == NULL) return BA_ENOMEM;
        int code = ba_ring_init(at_place(memory, setup->place), bytes, setup->slots, mode, 0, &state->ring[state->rings]);
        if (code != BA_OK) {
            free(memory);
            return code;
        }
        state->memory[state->rings] = memory;
    }
    state->lines = (struct ba_signal *)(void *)((char *)state->ring[0] + BA_RING_BYTES);
    return BA_OK;
}

/* the allocator of the context: one block, at its place; another step, so that the
 * places of context and rings differ */
static void *place_context(void *self, size_t bytes) {
    struct ba_case_state *state = self;
    state->context_memory = malloc(bytes + BA_CASE_PAGE);
    return state->context_memory == NULL ? NULL : at_place(state->context_memory, state->setup.place * 11);
}

static void free_context(void *self, void *memory) {
    struct ba_case_state *state = self;
    (void)memory;
    free(state->context_memory);
}

int ba_case_open(const struct ba_case_setup *setup, struct ba_case_state **out) {
    struct ba_case_state *state = aligned_alloc(128, sizeof *state);
    if (state == NULL) return BA_ENOMEM;
    memset(state, 0, sizeof *state);
    state->setup = *setup;
    struct ba_config config = {.flags = setup->flags, .trace_records = setup->trace_records};
    struct ba_allocator allocator = {place_context, free_context, state};
    int code = ba_init(&config, &allocator, &state->context);
    if (code == BA_OK) code = open_rings(state);
    if (code == BA_OK && setup->which > BA_CASE_CROSS) code = ba_case_peer_open(state);
    if (code != BA_OK) {
        ba_case_close(state);
        return code;
    }
    for (uint32_t kind = 0; kind < BA_KINDS; kind++) (void)ba_on(state->context, kind, ba_case_handlers[kind], state);
    uint64_t random = 88172645463325252u; /* xorshift64, Marsaglia 2003 */
    for (uint32_t i = 0; i < BA_CASE_RANDOM; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        state->kinds[i] = (uint8_t)(random >> 32);
    }
    *out = state;
    return BA_OK;
}

int ba_case_run(struct ba_case_state *state, uint64_t operations, struct ba_case_result *result) {
    uint32_t which = state->setup.which;
    int code = BA_OK;
    result->operations = operations;
    result->switches = 0;
    state->operations = operations;
    if (which >= BA_CASE_CROSS || which == BA_CASE_LINE) return two_threads(state, result);
    uint64_t ns = now_ns(), ticks = ba_ticks(), drained = 0;
    if (which < BA_CASE_SPSC) {
        ba_case_limit(state, operations);
    } else if (which == BA_CASE_SPSC && state->setup.batch == 1 && state->setup.flags == 0 &&
               state->setup.trace_records == 0) {
        code = one_by_one(state, operations);
    } else if (which == BA_CASE_SPSC) {
        code = in_batches(state, operations);
    } else if (which == BA_CASE_SPSC_DRAIN) {
        code = drains(state, operations, &drained);
    } else {
        code = other_ways(state, operations);
    }
    result->ticks = ba_ticks() - ticks;
    result->ns = now_ns() - ns;
    if (drained != 0) { /* the same share of both clocks */
        result->ns = (uint64_t)((double)result->ns * (double)drained / (double)result->ticks);
        result->ticks = drained;
    }
    return code;
}

void ba_case_close(struct ba_case_state *state) {
    if (state->peer != NULL) ba_case_peer_close(state);
    for (uint32_t i = 0; i < state->rings; i++) free(state->memory[i]);
    if (state->context != NULL) (void)ba_free(state->context);
    free(state);
}
