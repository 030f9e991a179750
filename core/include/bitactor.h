/* bitactor.h: the BitActor core, a C11 library of signals, rings and dispatch.
 *
 * Purpose: move 64-byte signals between threads, call the handler of each one's
 * kind, count and time it, and keep what an operator and a debugger need, at the
 * cost of a few clock ticks a signal. It never allocates after ba_init, never
 * blocks, never prints, never aborts and keeps no global state.
 *
 * Calling sequence
 *
 *     struct ba_config config = ba_config_default();
 *     struct ba_context *context;
 *     int code = ba_init(&config, &allocator, &context);   (NULL: malloc and free)
 *     ba_on(context, kind, handler, state);                 for each kind handled
 *     producers:  ba_spsc_* or ba_mpsc_* on ba_inbox(context), or on rings of their own
 *     the owner:  ba_drain(context, ring, signals_max, &handled) again and again
 *     anyone:     ba_snapshot, ba_telemetry_read
 *     ba_close(context); drain until BA_ECLOSED; ba_free(context)
 *
 * The parts stand alone too, each over memory of the caller: ring.h, telemetry.h,
 * pool.h (with arenas), trace.h. Each function names what it answers to NULL, full,
 * empty and closed; error.h lists the codes; order.h has every atomic access.
 *
 * Threading: one thread at a time owns a context: ba_on, ba_drain, ba_step and the
 * functions of its trace are its. ba_close, ba_snapshot, ba_counts,
 * ba_telemetry_read and a ring's producer side belong to any thread.
 *
 * Invariants
 *  1. A context is one piece of memory of at most BA_CONTEXT_BYTES_MAX bytes.
 *  2. A signal committed before the close is handled once, in the order of its ring.
 *  3. A handler runs on the thread that drains, with the signal in place: the
 *     pointer is dead when the handler returns.
 *  4. What another thread reads of a context are counters that only the owner
 *     writes, each exact at some moment of the call, not all of the same moment.
 */
#ifndef BITACTOR_H
#define BITACTOR_H

#include "bitactor/error.h"
#include "bitactor/order.h"
#include "bitactor/pool.h"
#include "bitactor/ring.h"
#include "bitactor/signal.h"
#include "bitactor/telemetry.h"
#include "bitactor/ticks.h"
#include "bitactor/trace.h"

#define BA_VERSION_MAJOR 0
#define BA_VERSION_MINOR 1
#define BA_CONTEXT_MAGIC 0x43544142u /* "BATC" */
#define BA_CONTEXT_BYTES_MAX 131072u

/* flags of a configuration */
#define BA_TIMED 0x1u   /* two tick reads a batch */
#define BA_EVENTS 0x2u  /* an event a batch into the telemetry ring; implies BA_TIMED */

/* ba_handler: [state] is what ba_on was given. It must not throw or longjmp, and
 * must not drain the ring it is called from. It may push to any ring. */
typedef void (*ba_handler)(void *state, const struct ba_signal *signal);

/* An allocator. alloc returns memory of any alignment, or NULL; free gets what
 * alloc returned. Called by ba_init (one alloc) and ba_free (one free) only. */
struct ba_allocator {
    void *(*alloc)(void *self, size_t bytes);
    void (*free)(void *self, void *memory);
    void *self;
};

struct ba_config {
    uint32_t inbox_slots;      /* a power of two, or 0: no inbox */
    uint32_t inbox_mode;       /* BA_SPSC or BA_MPSC */
    uint32_t trace_records;    /* a power of two, or 0: no trace */
    uint32_t pool_blocks;      /* 0: no pool */
    uint32_t pool_block_bytes; /* a multiple of 64 */
    uint32_t sample_every;     /* time one handler in so many, 0: none */
    uint32_t flags;            /* BA_TIMED, BA_EVENTS */
    uint32_t start;            /* where the inbox's counters begin */
};

/* What the table holds of a kind, in half a cache line. */
struct ba_entry {
    ba_handler handler;
    void *state;
    ba_atomic64 count;         /* signals of the kind handled; the owner writes, anyone reads, relaxed */
    uint64_t zero;
};

struct ba_context {
    uint32_t magic;
    uint32_t bytes;            /* the whole context */
    uint32_t flags;
    uint32_t sample_every;
    uint32_t inbox_offset;     /* from the context; 0 = none */
    uint32_t trace_offset;
    uint32_t pool_offset;
    uint32_t sample_left;      /* signals until the next sample */
    void *allocated;           /* what alloc returned */
    struct ba_allocator allocator;
    /* accounting; the owner writes, anyone reads, relaxed */
    ba_atomic64 batches;
    ba_atomic64 ticks;         /* of timed batches */
    ba_atomic64 timed;         /* signals in timed batches */
    ba_atomic64 samples;
    ba_atomic64 sample_ticks;
    ba_atomic64 unhandled;     /* signals of a kind without a handler */
    uint64_t observed;         /* not 0: flags, samples or a trace ask for more than handlers */
    uint64_t zero;
    struct ba_entry table[BA_KINDS];
    struct ba_telemetry telemetry;
};

_Static_assert(sizeof(struct ba_entry) == 32, "two kinds a line");
_Static_assert(offsetof(struct ba_context, batches) == 64, "accounting begins a line");
_Static_assert(offsetof(struct ba_context, table) == 128, "the table begins a line");
_Static_assert(offsetof(struct ba_context, telemetry) == 128 + 8192, "telemetry follows the table");
_Static_assert(sizeof(struct ba_context) % BA_LINE_BYTES == 0, "what follows begins a line");
_Static_assert(sizeof(struct ba_context) <= BA_CONTEXT_BYTES_MAX - 49152, "48 KB of a context are left to its parts");

/* ba_config_default: an MPSC inbox of 256 slots, a trace of 256 records, 64
 * blocks of 128 bytes, timed batches with events, a sample every 1024 signals. */
BA_API struct ba_config ba_config_default(void);

/* ba_context_bytes returns the bytes of a context, or 0 when a field of [config]
 * is out of its range; it may exceed BA_CONTEXT_BYTES_MAX. [config] not NULL. */
BA_API size_t ba_context_bytes(const struct ba_config *config);

/* ba_init makes a context; the only function that allocates. [allocator] may be
 * NULL (malloc and free). BA_ENULL, BA_EINVAL: a field of [config], or an
 * allocator without its functions; BA_ETOOLARGE; BA_ENOMEM. */
BA_API int ba_init(const struct ba_config *config, const struct ba_allocator *allocator, struct ba_context **out);

/* ba_free frees the context. No thread may use it or its parts any more.
 * BA_ENULL, BA_EMODE. */
BA_API int ba_free(struct ba_context *context);

/* ba_close closes the inbox, if there is one. BA_ENULL, BA_EMODE. */
BA_API int ba_close(struct ba_context *context);

/* The parts of a context, or NULL: it has none, or [context] is NULL or no context. */
BA_API struct ba_ring *ba_inbox(struct ba_context *context);
BA_API struct ba_trace *ba_tracer(struct ba_context *context);
BA_API struct ba_pool *ba_payloads(struct ba_context *context);

/* ba_on sets the handler of a kind; a NULL handler takes it away (such signals
 * are counted as unhandled). Called by a handler, it may hold from the next batch
 * only. BA_ENULL, BA_EMODE, BA_EINVAL: kind over 255. */
BA_API int ba_on(struct ba_context *context, uint32_t kind, ba_handler handler, void *state);

/* ba_drain handles up to [signals_max] waiting signals of a ring as one batch and
 * stores how many in [handled]; a batch ends at the ring's end. With a trace, each
 * is recorded before its handler runs. On an error handled is 0: BA_ENULL;
 * BA_EINVAL: signals_max is 0; BA_EMODE: no context or no ring; BA_EEMPTY,
 * BA_ECLOSED, BA_EBUSY. */
BA_API int ba_drain(struct ba_context *context, struct ba_ring *ring, uint32_t signals_max, uint32_t *handled);

/* ba_step handles one signal of an SPSC ring, inlined: for loops that handle
 * each signal as it comes. It counts the signal and its kind; it is not timed,
 * traced or sampled. BA_ENULL, BA_EMODE, BA_EEMPTY, BA_ECLOSED, BA_EBUSY. */
static inline int ba_step(struct ba_context *context, struct ba_ring *ring) {
    struct ba_span span;
    if (context == NULL) return BA_ENULL;
    int code = ba_spsc_peek(ring, 1, &span);
    if (code != BA_OK) return code;
    struct ba_entry *entry = &context->table[span.slot->kind];
    ba_add_owned64(&entry->count, 1);
    entry->handler(entry->state, span.slot);
    ba_spsc_release_to(ring, span.first + 1);
    return BA_OK;
}

/* What ba_snapshot tells. */
struct ba_snapshot {
    uint64_t signals;          /* handled, of all kinds */
    uint64_t batches, ticks, timed, samples, sample_ticks, unhandled;
    uint64_t events;           /* written to the telemetry ring */
    uint64_t inbox_overflow;   /* reserves refused */
    uint64_t trace_records;    /* ever made */
    uint64_t pool_taken, pool_given, pool_exhausted, pool_in_use_max;
    uint32_t inbox_depth, inbox_depth_max, inbox_slots, inbox_closed;
};

/* ba_snapshot copies the counters of a context, from any thread, without stopping
 * its owner (invariant 4).
 * BA_ENULL, BA_EMODE. */
BA_API int ba_snapshot(struct ba_context *context, struct ba_snapshot *out);

/* ba_counts copies the signals handled so far of each of the 256 kinds, from any
 * thread. BA_ENULL, BA_EMODE. */
BA_API int ba_counts(struct ba_context *context, uint64_t out[BA_KINDS]);

/* ba_error_name and ba_error_text return constant strings: "EFULL" and what it
 * means; of an unknown code "?" and "unknown error". Never NULL. */
BA_API const char *ba_error_name(int code);
BA_API const char *ba_error_text(int code);

#endif
