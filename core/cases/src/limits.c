/* limits.c: what the machine allows, measured without a ring. */
#include "state.h"

/* keep makes the compiler believe that memory changed: nothing may be hoisted. */
static inline void keep(void) { __asm__ volatile("" ::: "memory"); }

/* 256 empty handlers: with one for all kinds the branch predictor would know the
 * target of every call. */
#define HANDLER(n) \
    static BA_APART void handler_##n(void *state, const struct ba_signal *signal) { (void)state, (void)signal, keep(); }
#define NAME(n) handler_##n,
#define TEN(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) X(n##8) X(n##9)
#define HUNDRED(X, n) \
    TEN(X, n##0) TEN(X, n##1) TEN(X, n##2) TEN(X, n##3) TEN(X, n##4) TEN(X, n##5) TEN(X, n##6) TEN(X, n##7) \
    TEN(X, n##8) TEN(X, n##9)
#define ALL(X) \
    HUNDRED(X, 1) HUNDRED(X, 2) TEN(X, 30) TEN(X, 31) TEN(X, 32) TEN(X, 33) TEN(X, 34) \
    X(350) X(351) X(352) X(353) X(354) X(355)
ALL(HANDLER)
static const ba_handler ba_case_handlers[BA_KINDS] = {ALL(NAME)};

static inline void call(struct ba_context *context, const struct ba_signal *signal) {
    const struct ba_entry *entry = &context->table[signal->kind];
    entry->handler(entry->state, signal);
}

/* ADD is one addition that needs the result of the one before. */
#define ADD sum += operations; __asm__ volatile("" : "+r"(sum));

static void cycles(uint64_t operations) {
    uint64_t sum = operations;
    for (uint64_t i = 0; i < operations; i += 16) {
        ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD
    }
}

static void tick_reads(uint64_t operations) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < operations; i++) sum += ba_ticks();
    __asm__ volatile("" ::"r"(sum));
}

static void calls(struct ba_case_state *state, uint64_t operations, int random) {
    struct ba_signal *signal = state->lines;
    signal->kind = BA_CASE_KIND;
    for (uint64_t i = 0; i < operations; i++) {
        if (random) signal->kind = draw_kind(state);
        keep();
        call(state->context, signal);
    }
}

static void swaps(struct ba_case_state *state, uint64_t operations, int calling) {
    ba_atomic64 word = 0;
    state->lines->kind = BA_CASE_KIND;
    for (uint64_t i = 0; i < operations; i++) {
        uint64_t expected = ba_relaxed64(&word);
        while (!ba_claim64(&word, &expected, expected + 1)) keep();
        if (calling) call(state->context, state->lines);
    }
}

/* fills fills [batch] lines and then calls their handlers as ba_drain does, with no
 * ring in between. */
static inline void fills(struct ba_case_state *state, uint64_t operations, int random) {
    struct ba_context *context = state->context;
    struct ba_signal *lines = state->lines;
    uint32_t batch = state->setup.batch, mask = state->setup.slots - 1;
    for (uint64_t i = 0; i < operations; i += batch) {
        struct ba_signal *first = &lines[i & mask];
        for (uint32_t k = 0; k < batch; k++) ba_case_fill(&first[k], random ? draw_kind(state) : BA_CASE_KIND, i + k);
        keep();
        run(context, first, batch);
    }
}

static void ba_case_limit(struct ba_case_state *state, uint64_t operations) {
    switch (state->setup.which) {
    case BA_CASE_CYCLES: cycles(operations); break;
    case BA_CASE_TICKS: tick_reads(operations); break;
    case BA_CASE_CALL: calls(state, operations, 0); break;
    case BA_CASE_CALL_RANDOM: calls(state, operations, 1); break;
    case BA_CASE_CMPXCHG: swaps(state, operations, 0); break;
    case BA_CASE_CMPXCHG_CALL: swaps(state, operations, 1); break;
    case BA_CASE_FILL_CALL: fills(state, operations, 0); break;
    case BA_CASE_FILL_CALL_RANDOM: fills(state, operations, 1); break;
    default: break;
    }
}
