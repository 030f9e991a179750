/* trace.h: a reversible record of what happened.
 *
 * A trace holds the last records of two types: a signal was handled, and bytes of
 * a state changed. A change keeps the bytes before and after, so it can be
 * stepped back and replayed; a step is refused when the state is not the one that
 * was recorded. The state is any memory of the caller, passed to each call.
 *
 * The bytes of a record are canonical: little-endian, no pointer, no timestamp,
 * unused bytes 0. Two runs that handle the same signals and make the same changes
 * export the same bytes, so Go and Erlang compare runs by a hash of them.
 *
 * Calling sequence: ba_trace_init -> ba_trace_signal, ba_trace_change ... ->
 * ba_trace_back, ba_trace_forward -> ba_trace_export. After steps back a new
 * record replaces those that were stepped over. Positions count records from 0
 * and never wrap. One thread; no atomics but the counters that health reads.
 */
#ifndef BITACTOR_TRACE_H
#define BITACTOR_TRACE_H

#include "error.h"
#include "ring.h"

#define BA_TRACE_MAGIC 0x52544142u /* "BATR" */
#define BA_TRACE_BYTES 64u
#define BA_TRACE_RECORD_BYTES 64u
#define BA_TRACE_VALUE_BYTES 24u
#define BA_TRACE_RECORDS_MAX (1u << 24)

enum ba_record_type {
    BA_RECORD_SIGNAL = 1, /* before: source, destination, size | flags << 16; after: the payload in use */
    BA_RECORD_CHANGE = 2, /* before and after: [length] bytes of the state at [offset] */
};

struct ba_record {
    uint64_t sequence; /* of the signal that was being handled */
    uint32_t offset;
    uint8_t type;      /* enum ba_record_type */
    uint8_t kind;      /* of that signal */
    uint8_t length;    /* 0 to 24 */
    uint8_t zero;
    uint8_t before[BA_TRACE_VALUE_BYTES];
    uint8_t after[BA_TRACE_VALUE_BYTES];
};

struct ba_trace {
    uint32_t magic;
    uint32_t records;  /* capacity, a power of two */
    ba_atomic64 begin; /* position of the oldest record kept */
    ba_atomic64 end;   /* position after the newest */
    uint64_t cursor;   /* the state is the one after record cursor - 1 */
    uint64_t sequence; /* of the signal being handled, for changes */
    uint32_t kind;     /* its kind */
    uint32_t zero;
    uint8_t pad[16];
    struct ba_record record[];
};

_Static_assert(sizeof(struct ba_record) == BA_TRACE_RECORD_BYTES, "a record is one line");
_Static_assert(offsetof(struct ba_record, before) == 16 && offsetof(struct ba_record, after) == 40, "values at 16 and 40");
_Static_assert(sizeof(struct ba_trace) == BA_TRACE_BYTES, "the head of a trace is one line");

/* ba_trace_bytes returns the bytes of a trace, or 0 when [records] is not a power
 * of two from 2 to BA_TRACE_RECORDS_MAX. */
BA_API size_t ba_trace_bytes(uint32_t records);

/* ba_trace_init makes [memory] a trace. BA_ENULL, BA_EALIGN, BA_EINVAL, BA_ERANGE. */
BA_API int ba_trace_init(void *memory, size_t bytes, uint32_t records, struct ba_trace **out);

/* ba_trace_signal records that a signal is about to be handled; the changes that
 * follow carry its sequence and kind. Never full: the oldest record goes.
 * BA_ENULL, BA_EMODE, BA_EINVAL: its size is over 24. */
BA_API int ba_trace_signal(struct ba_trace *trace, const struct ba_signal *signal);

/* ba_trace_change writes [length] bytes at [offset] of the state and records the
 * change; over 24 bytes it makes several records. Never full. BA_ENULL, BA_EMODE,
 * BA_ERANGE: outside the state (nothing is written). */
BA_API int ba_trace_change(struct ba_trace *trace, void *state, size_t state_bytes, uint32_t offset,
                           const void *value, uint32_t length);

/* ba_trace_back undoes the record before the cursor, ba_trace_forward does the
 * one at it again; a signal record changes nothing. BA_ENULL, BA_EMODE,
 * BA_EEMPTY: no record that way, BA_ERANGE: the record lies outside this state,
 * BA_ESTATE: the state differs from the record. On an error nothing moves. */
BA_API int ba_trace_back(struct ba_trace *trace, void *state, size_t state_bytes);
BA_API int ba_trace_forward(struct ba_trace *trace, void *state, size_t state_bytes);

/* ba_trace_export copies the record at [*position] and moves it on. BA_ENULL,
 * BA_EMODE, BA_EEMPTY: past the newest, BA_ELOST: no longer kept; the position
 * now is the oldest one. */
BA_API int ba_trace_export(const struct ba_trace *trace, uint64_t *position, struct ba_record *out);

#endif
