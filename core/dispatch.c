/* dispatch.c: the drain of bitactor.h. */
#include "bitactor.h"

/* run calls the handlers of a span and adds up their kinds: a run of one kind
 * costs one addition, not one a signal. */
static inline void run(struct ba_context *context, const struct ba_signal *signal, uint32_t count) {
    const struct ba_signal *end = signal + count;
    while (signal != end) {
        const struct ba_signal *begin = signal;
        const uint8_t kind = signal->kind;
        struct ba_entry *entry = &context->table[kind];
        do {
            entry->handler(entry->state, signal);
            signal++;
        } while (signal != end && signal->kind == kind);
        ba_add_owned64(&entry->count, (uint64_t)(signal - begin));
    }
}

/* run_traced records each signal before its handler runs. A size over 24 is a
 * producer's mistake; it is recorded as 24. */
static void run_traced(struct ba_context *context, struct ba_trace *trace, const struct ba_signal *signal,
                       uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct ba_signal copy;
        const struct ba_signal *recorded = &signal[i];
        if (recorded->size > BA_SIGNAL_PAYLOAD_BYTES) {
            ba_signal_copy(&copy, recorded);
            copy.size = BA_SIGNAL_PAYLOAD_BYTES;
            recorded = &copy;
        }
        (void)ba_trace_signal(trace, recorded);
        run(context, &signal[i], 1);
    }
}

static void handle(struct ba_context *context, const struct ba_signal *signal, uint32_t count) {
    if (context->trace_offset == 0) {
        run(context, signal, count);
    } else {
        run_traced(context, ba_tracer(context), signal, count);
    }
}

/* sample times the handler of one signal alone and writes an event of it. */
static void sample(struct ba_context *context, const struct ba_signal *signal) {
    struct ba_event event = {.type = BA_EVENT_SAMPLE, .kind = signal->kind, .count = 1};
    event.timestamp = ba_ticks();
    handle(context, signal, 1);
    event.value = ba_ticks() - event.timestamp;
    ba_add_owned64(&context->samples, 1);
    ba_add_owned64(&context->sample_ticks, event.value);
    (void)ba_telemetry_write(&context->telemetry, &event);
}

/* handle_sampled handles a batch that samples may fall into. */
static void handle_sampled(struct ba_context *context, const struct ba_signal *signal, uint32_t count) {
    while (count >= context->sample_left) {
        uint32_t before = context->sample_left - 1;
        handle(context, signal, before);
        sample(context, signal + before);
        signal += before + 1;
        count -= before + 1;
        context->sample_left = context->sample_every;
    }
    handle(context, signal, count);
    context->sample_left -= count;
}

/* observe handles a batch with what the configuration asks for: trace, samples,
 * times, events. */
static BA_APART void observe(struct ba_context *context, const struct ba_signal *signal, uint32_t count) {
    struct ba_event event = {.type = BA_EVENT_BATCH, .kind = signal->kind, .count = count};
    if (context->flags != 0) event.timestamp = ba_ticks();
    if (context->sample_every == 0) {
        handle(context, signal, count);
    } else {
        handle_sampled(context, signal, count);
    }
    if (context->flags == 0) return;
    event.value = ba_ticks() - event.timestamp;
    ba_add_owned64(&context->ticks, event.value);
    ba_add_owned64(&context->timed, count);
    if ((context->flags & BA_EVENTS) != 0) (void)ba_telemetry_write(&context->telemetry, &event);
}

static inline void work(struct ba_context *context, struct ba_span span) {
    if (BA_RARE(context->observed != 0)) {
        observe(context, span.slot, span.count);
    } else {
        run(context, span.slot, span.count);
    }
    ba_add_owned64(&context->batches, 1);
}

/* run_committed is run for the slots of a span as far as they are committed; it
 * returns how many those were. To look at the turns first would go over the lines
 * twice. */
static inline uint32_t run_committed(struct ba_context *context, struct ba_span span) {
    const struct ba_signal *signal = span.slot, *end = signal + span.count;
    uint32_t turn = span.first + 1;
    while (signal != end && ba_acquire32(&signal->turn) == turn) {
        const struct ba_signal *begin = signal;
        const uint8_t kind = signal->kind;
        struct ba_entry *entry = &context->table[kind];
        do {
            entry->handler(entry->state, signal);
            signal++;
            turn++;
        } while (signal != end && ba_acquire32(&signal->turn) == turn && signal->kind == kind);
        ba_add_owned64(&entry->count, (uint64_t)(signal - begin));
    }
    return turn - span.first - 1;
}

/* drain_observed gives a batch of an MPSC ring to observe, which wants to know its
 * length before. */
static int drain_observed(struct ba_context *context, struct ba_ring *ring, uint32_t signals_max, uint32_t *handled) {
    struct ba_span span;
    int code = ba_mpsc_peek(ring, signals_max, &span);
    if (code != BA_OK) return code;
    work(context, span);
    *handled = span.count;
    return ba_mpsc_release(ring, span.count);
}

static BA_APART int drain_mpsc(struct ba_context *context, struct ba_ring *ring, uint32_t signals_max,
                               uint32_t *handled) {
    struct ba_span span;
    if (signals_max == 0) return BA_EINVAL;
    if (BA_RARE(context->observed != 0)) return drain_observed(context, ring, signals_max, handled);
#if BA_DEBUG
    if (ba_swap_acquire32(&ring->consuming, 1) != 0) return BA_EBUSY;
#endif
    uint64_t taken = ba_relaxed64(&ring->taken);
    uint64_t claim = ba_relaxed64(&ring->claim); /* before the turns, as in ba_mpsc_peek */
    ba_span_at(ring, (uint32_t)taken, signals_max, &span);
    uint32_t count = run_committed(context, span);
    int code = ba_mpsc_took(ring, taken, claim, count);
    if (code == BA_OK) ba_add_owned64(&context->batches, 1);
    *handled = count;
    return code;
}

BA_API int ba_drain(struct ba_context *context, struct ba_ring *ring, uint32_t signals_max, uint32_t *handled) {
    struct ba_span span;
    if (context == NULL || ring == NULL || handled == NULL) return BA_ENULL;
    *handled = 0;
    if (context->magic != BA_CONTEXT_MAGIC) return BA_EMODE;
    if (ring->mode == BA_MPSC) return drain_mpsc(context, ring, signals_max, handled);
    int code = ba_spsc_peek(ring, signals_max, &span);
    if (code != BA_OK) return code;
    *handled = span.count; /* before the handlers run: the less a loop of calls has to keep, the better */
    const uint32_t position = span.first + span.count;
    work(context, span);
    ba_spsc_release_to(ring, position);
    return BA_OK;
}
