/* context.c: init, parts, health and error texts of bitactor.h. */
#include "bitactor.h"

#include <stdlib.h>

BA_API struct ba_config ba_config_default(void) {
    struct ba_config config = {
        .inbox_slots = 256,
        .inbox_mode = BA_MPSC,
        .trace_records = 256,
        .pool_blocks = 64,
        .pool_block_bytes = 128,
        .sample_every = 1024,
        .flags = BA_TIMED | BA_EVENTS,
    };
    return config;
}

/* parts stores where each part of a context begins (0 = none) and returns the
 * bytes of all, or 0 when a field is out of range. */
static size_t parts(const struct ba_config *config, size_t offsets[3]) {
    const size_t sizes[3] = {
        config->inbox_slots == 0 ? 0 : ba_ring_bytes(config->inbox_slots),
        config->trace_records == 0 ? 0 : ba_trace_bytes(config->trace_records),
        config->pool_blocks == 0 ? 0 : ba_pool_bytes(config->pool_blocks, config->pool_block_bytes),
    };
    const uint32_t wanted[3] = {config->inbox_slots, config->trace_records, config->pool_blocks};
    size_t bytes = sizeof(struct ba_context);
    for (int i = 0; i < 3; i++) {
        if (wanted[i] != 0 && sizes[i] == 0) return 0;
        offsets[i] = wanted[i] == 0 ? 0 : bytes;
        bytes += sizes[i];
    }
    if (config->inbox_slots != 0 && config->inbox_mode != BA_SPSC && config->inbox_mode != BA_MPSC) return 0;
    return (config->flags & ~(BA_TIMED | BA_EVENTS)) == 0 ? bytes : 0;
}

BA_API size_t ba_context_bytes(const struct ba_config *config) {
    size_t offsets[3];
    return parts(config, offsets);
}

static void *libc_alloc(void *self, size_t bytes) {
    (void)self;
    return malloc(bytes);
}

static void libc_free(void *self, void *memory) {
    (void)self;
    free(memory);
}

/* unhandled is the handler of every kind that has none. */
static void unhandled(void *state, const struct ba_signal *signal) {
    (void)signal;
    struct ba_context *context = state;
    ba_add_owned64(&context->unhandled, 1);
}

/* build lays the parts into zeroed memory; their sizes were checked. */
static void build(struct ba_context *context, const struct ba_config *config, const size_t offsets[3], size_t bytes) {
    context->bytes = (uint32_t)bytes;
    context->flags = config->flags;
    context->sample_every = config->sample_every;
    context->sample_left = config->sample_every;
    context->inbox_offset = (uint32_t)offsets[0];
    context->trace_offset = (uint32_t)offsets[1];
    context->pool_offset = (uint32_t)offsets[2];
    context->observed = (config->flags | config->sample_every | context->trace_offset) != 0;
    for (uint32_t kind = 0; kind < BA_KINDS; kind++) {
        context->table[kind] = (struct ba_entry){.handler = unhandled, .state = context};
    }
    unsigned char *base = (unsigned char *)context;
    struct ba_ring *ring;
    struct ba_trace *trace;
    struct ba_pool *pool;
    if (offsets[0] != 0) {
        (void)ba_ring_init(base + offsets[0], bytes - offsets[0], config->inbox_slots, config->inbox_mode,
                           config->start, &ring);
    }
    if (offsets[1] != 0) (void)ba_trace_init(base + offsets[1], bytes - offsets[1], config->trace_records, &trace);
    if (offsets[2] != 0) {
        (void)ba_pool_init(base + offsets[2], bytes - offsets[2], config->pool_blocks, config->pool_block_bytes,
                           &pool);
    }
    context->magic = BA_CONTEXT_MAGIC;
}

BA_API int ba_init(const struct ba_config *config, const struct ba_allocator *allocator, struct ba_context **out) {
    const struct ba_allocator libc = {libc_alloc, libc_free, NULL};
    size_t offsets[3];
    if (config == NULL || out == NULL) return BA_ENULL;
    if (allocator == NULL) allocator = &libc;
    if (allocator->alloc == NULL || allocator->free == NULL) return BA_EINVAL;
    size_t bytes = parts(config, offsets);
    if (bytes == 0) return BA_EINVAL;
    if (bytes > BA_CONTEXT_BYTES_MAX) return BA_ETOOLARGE;
    unsigned char *allocated = allocator->alloc(allocator->self, bytes + BA_LINE_BYTES - 1);
    if (allocated == NULL) return BA_ENOMEM;
    unsigned char *aligned = allocated + (-(uintptr_t)allocated & (BA_LINE_BYTES - 1));
    memset(aligned, 0, bytes);
    struct ba_context *context = (struct ba_context *)(void *)aligned;
    context->allocated = allocated;
    context->allocator = *allocator;
    build(context, config, offsets, bytes);
    *out = context;
    return BA_OK;
}

/* invalid tells why [context] cannot be used, or BA_OK. */
static int invalid(const struct ba_context *context) {
    if (context == NULL) return BA_ENULL;
    return context->magic == BA_CONTEXT_MAGIC ? BA_OK : BA_EMODE;
}

BA_API int ba_free(struct ba_context *context) {
    int code = invalid(context);
    if (code != BA_OK) return code;
    struct ba_allocator allocator = context->allocator;
    context->magic = 0;
    allocator.free(allocator.self, context->allocated);
    return BA_OK;
}

static void *part(struct ba_context *context, uint32_t offset) {
    return offset == 0 ? NULL : (unsigned char *)context + offset;
}

BA_API struct ba_ring *ba_inbox(struct ba_context *context) {
    return invalid(context) != BA_OK ? NULL : part(context, context->inbox_offset);
}

BA_API struct ba_trace *ba_tracer(struct ba_context *context) {
    return invalid(context) != BA_OK ? NULL : part(context, context->trace_offset);
}

BA_API struct ba_pool *ba_payloads(struct ba_context *context) {
    return invalid(context) != BA_OK ? NULL : part(context, context->pool_offset);
}

BA_API int ba_close(struct ba_context *context) {
    int code = invalid(context);
    if (code != BA_OK || context->inbox_offset == 0) return code;
    return ba_ring_close(ba_inbox(context));
}

BA_API int ba_on(struct ba_context *context, uint32_t kind, ba_handler handler, void *state) {
    int code = invalid(context);
    if (code != BA_OK) return code;
    if (kind >= BA_KINDS) return BA_EINVAL;
    struct ba_entry *entry = &context->table[kind]; /* its count stays */
    entry->handler = handler == NULL ? unhandled : handler;
    entry->state = handler == NULL ? context : state;
    return BA_OK;
}

BA_API int ba_snapshot(struct ba_context *context, struct ba_snapshot *out) {
    if (out == NULL) return BA_ENULL;
    int code = invalid(context);
    if (code != BA_OK) return code;
    memset(out, 0, sizeof *out);
    out->batches = ba_relaxed64(&context->batches);
    for (uint32_t kind = 0; kind < BA_KINDS; kind++) out->signals += ba_relaxed64(&context->table[kind].count);
    out->ticks = ba_relaxed64(&context->ticks);
    out->timed = ba_relaxed64(&context->timed);
    out->samples = ba_relaxed64(&context->samples);
    out->sample_ticks = ba_relaxed64(&context->sample_ticks);
    out->unhandled = ba_relaxed64(&context->unhandled);
    out->events = ba_acquire64(&context->telemetry.written);
    const struct ba_ring *ring = ba_inbox(context);
    if (ring != NULL) {
        (void)ba_ring_depth(ring, &out->inbox_depth);
        out->inbox_overflow = ba_relaxed64(&ring->overflow);
        out->inbox_depth_max = ba_relaxed32(&ring->depth_max);
        out->inbox_slots = ring->slots;
        out->inbox_closed = ba_acquire32(&ring->closed);
    }
    const struct ba_trace *trace = ba_tracer(context);
    if (trace != NULL) out->trace_records = ba_relaxed64(&trace->end);
    const struct ba_pool *pool = ba_payloads(context);
    if (pool != NULL) {
        out->pool_taken = ba_relaxed64(&pool->taken);
        out->pool_given = ba_relaxed64(&pool->given);
        out->pool_exhausted = ba_relaxed64(&pool->exhausted);
        out->pool_in_use_max = ba_relaxed64(&pool->in_use_max);
    }
    return BA_OK;
}

BA_API int ba_counts(struct ba_context *context, uint64_t out[BA_KINDS]) {
    if (out == NULL) return BA_ENULL;
    int code = invalid(context);
    if (code != BA_OK) return code;
    for (uint32_t kind = 0; kind < BA_KINDS; kind++) out[kind] = ba_relaxed64(&context->table[kind].count);
    return BA_OK;
}

BA_API const char *ba_error_name(int code) {
#define BA_ERROR_NAME(name, number, text) #name,
    static const char *const names[] = {BA_ERRORS(BA_ERROR_NAME)};
#undef BA_ERROR_NAME
    return code <= 0 && -code < (int)(sizeof names / sizeof *names) ? names[-code] : "?";
}

BA_API const char *ba_error_text(int code) {
#define BA_ERROR_TEXT(name, number, text) text,
    static const char *const texts[] = {BA_ERRORS(BA_ERROR_TEXT)};
#undef BA_ERROR_TEXT
    return code <= 0 && -code < (int)(sizeof texts / sizeof *texts) ? texts[-code] : "unknown error";
}
