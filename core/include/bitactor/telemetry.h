/* telemetry.h: the last 2048 events, 64 KB, written by one thread and read by any
 * number of others without stopping the writer.
 *
 * The writer never waits and never fails: it overwrites the oldest event. Each
 * event carries a stamp, 2i+1 while event i is being written and 2i+2 when it is
 * whole (a seqlock per event: H. Boehm, "Can seqlocks get along with programming
 * language memory models?", MSPC 2012). A reader looks at it after its copy and
 * learns whether the event was overwritten meanwhile.
 *
 * Memory order
 *   written  release by the writer after event and stamp, acquire by readers: what
 *            a reader then copies is event i or a later one in its place
 *   stamp    relaxed; the writer's release fence between 2i+1 and the words, and a
 *            reader's acquire fence between the words and the stamp, make who saw
 *            a word of a later event see its stamp
 *   words    relaxed
 */
#ifndef BITACTOR_TELEMETRY_H
#define BITACTOR_TELEMETRY_H

#include "error.h"
#include "order.h"
#include "signal.h"

#define BA_TELEMETRY_EVENTS 2048u
#define BA_TELEMETRY_BYTES 65536u

/* What an event tells. */
enum ba_event_type {
    BA_EVENT_BATCH = 1,   /* value: ticks of a drained batch; count: its signals; kind: that of its first */
    BA_EVENT_SAMPLE = 2,  /* value: ticks of one handler, timed alone (two tick reads included); kind: its signal's */
    BA_EVENT_USER = 16,   /* this and above: the application's */
};

/* One event as a reader gets it. */
struct ba_event {
    uint64_t timestamp; /* ticks, ba_ticks() */
    uint64_t value;
    uint8_t type;       /* enum ba_event_type */
    uint8_t kind;       /* of the signal, or 0 */
    uint16_t code;      /* the application's */
    uint32_t count;
};

/* One event as it lies in the ring. */
struct ba_event_slot {
    ba_atomic64 stamp;
    ba_atomic64 words[3]; /* timestamp, value, type | kind << 8 | code << 16 | count << 32 */
};

struct ba_telemetry {
    ba_atomic64 written; /* events ever written */
    uint8_t pad[120];
    struct ba_event_slot slot[BA_TELEMETRY_EVENTS];
};

_Static_assert(sizeof(struct ba_event) == 24, "an event is three words");
_Static_assert(sizeof(struct ba_event_slot) == 32, "a slot is half a line");
_Static_assert(sizeof(struct ba_event_slot) * BA_TELEMETRY_EVENTS == BA_TELEMETRY_BYTES, "the ring is 64 KB");
_Static_assert(offsetof(struct ba_telemetry, slot) == 128, "the slots follow the counter's pair of lines");

/* ba_telemetry_write appends an event; one thread at a time. Never full.
 * BA_ENULL. */
BA_API int ba_telemetry_write(struct ba_telemetry *telemetry, const struct ba_event *event);

/* ba_telemetry_read copies event [*cursor] and moves the cursor on; a reader
 * begins at 0, or at telemetry->written for what comes. Any thread, a cursor each.
 * BA_ENULL; BA_EEMPTY: no event yet; BA_ELOST: overwritten, and the cursor now
 * stands at the oldest event that can still be there. */
BA_API int ba_telemetry_read(const struct ba_telemetry *telemetry, uint64_t *cursor, struct ba_event *out);

#endif
