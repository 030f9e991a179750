/* ring.h: bounded rings of signals, in place.
 *
 * A ring is one piece of memory, BA_RING_BYTES of indices and then the slots,
 * without pointers: it may lie in C memory, in Go memory or in a mapping.
 *
 * Calling sequence
 *   producer:  reserve -> fill the slots of the span -> commit
 *   consumer:  peek -> read the slots of the span -> release
 * push and pop copy one signal and do the whole sequence. Every successful
 * reserve is followed by exactly one commit and every successful peek by exactly
 * one release (a count of 0 gives up); builds with BA_DEBUG=1 answer BA_EBUSY to
 * a second reserve or peek in between, which is also what a second producer or
 * consumer gets when it overlaps the first.
 *
 * Threading
 *   ba_spsc_*  one producer and one consumer at a time (the role may move between
 *              threads that synchronise by other means)
 *   ba_mpsc_*  any number of producers, one consumer at a time
 *   ba_ring_close, ba_ring_depth and the counters: any thread
 *
 * Memory order of each field (S = SPSC, M = MPSC)
 *   magic .. start   written by ba_ring_init; read plainly
 *   closed       S   release by ba_ring_close, relaxed by the producer, acquire by the consumer before tail
 *   tail         S   release by commit, acquire by peek, relaxed by the producer
 *   head         S   release by release, acquire by reserve, relaxed by the consumer
 *   claim        M   compare-and-swap by reserve, relaxed everywhere (the turns carry the order);
 *                    its top bit is the closed flag, so no reservation can begin after the close, and
 *                    its other 63 bits never wrap, so no stale compare-and-swap can succeed; the same
 *                    bits without a flag are free_to and taken, so no stale free_to reads as room
 *   taken        M   release by release, acquire by the producer that runs out of free slots, which
 *                    tells the others by free_to: release by it, acquire by reserve
 *   turn (slot)  M   release by commit, acquire by peek, relaxed by commit
 *   limit, tail_seen, turn_seen: their side's own, plain
 *   overflow, depth_max: relaxed
 *
 * Indices are free-running 32-bit counters that wrap, so they are only ever
 * compared through their unsigned difference. The turn of a committed slot of an
 * MPSC ring is its position + 1; until then it is that of a lap before (after D.
 * Vyukov's bounded queue, whose consumer also writes the turns:
 * https://www.1024cores.net/home/lock-free-algorithms/queues/bounded-mpmc-queue;
 * here it frees a batch by one store of taken). That each side keeps what it last
 * saw of the other's index is from https://github.com/rigtorp/SPSCQueue.
 */
#ifndef BITACTOR_RING_H
#define BITACTOR_RING_H

#include "error.h"
#include "signal.h"

#ifndef BA_DEBUG
#define BA_DEBUG 0 /* 1: overlap checks of rings, poisoning of pools */
#endif
#ifndef BA_API
#define BA_API /* static in the amalgamation's own tests */
#endif

/* A branch that is rarely taken, and a function that is better called than
 * inlined: where it costs, the common way is kept short. */
#define BA_RARE(condition) __builtin_expect(!!(condition), 0)
#define BA_APART __attribute__((noinline))

#define BA_RING_MAGIC 0x52414942u /* "BIAR" */
#define BA_RING_BYTES 640u        /* indices: five pairs of cache lines (processors fetch lines in pairs) */
#define BA_RING_SLOTS_MIN 2u
#define BA_RING_SLOTS_MAX (1u << 24)
#define BA_CLAIM_CLOSED (UINT64_C(1) << 63)

enum ba_ring_mode { BA_SPSC = 1, BA_MPSC = 2 };

/* A run of adjacent slots: slot[0] to slot[count - 1], at the positions from
 * [first]. It never crosses the end of the ring, so near it a span is shorter than
 * what is free or waiting. */
struct ba_span {
    struct ba_signal *slot;
    uint32_t first;
    uint32_t count;
};

struct ba_ring {
    uint32_t magic;           /* BA_RING_MAGIC */
    uint32_t mode;            /* enum ba_ring_mode */
    uint32_t slots;           /* a power of two */
    uint32_t mask;            /* slots - 1 */
    ba_atomic32 closed;       /* 1 after ba_ring_close */
    uint32_t start;           /* where the counters began */
    uint8_t pad_shared[104];
    /* what producers write and the consumer reads */
    ba_atomic32 tail;         /* next position to fill (S) */
    uint32_t zero_tail;
    ba_atomic64 claim;        /* next position to claim (its low 32 bits), and the closed flag (M) */
    uint8_t pad_tail[112];
    /* the producer's own: written while it waits, so apart from what the consumer reads */
    uint32_t limit;           /* the position that tail may not pass, from the head last seen (S) */
    ba_atomic32 producing;    /* debug builds: 1 between reserve and commit (S) */
    ba_atomic64 overflow;     /* reserves answered with BA_EFULL */
    ba_atomic64 free_to;      /* the position that claim may not pass, from the taken that a producer saw (M) */
    uint8_t pad_producer[104];
    /* what the consumer writes and producers read */
    ba_atomic32 head;         /* next position to take (S) */
    uint32_t zero_head;
    ba_atomic64 taken;        /* next position to take (M) */
    uint8_t pad_head[112];
    /* the consumer's own */
    uint32_t tail_seen;       /* the tail that the consumer last saw (S) */
    uint32_t turn_seen;       /* the end of the committed slots that the consumer last saw (M) */
    ba_atomic32 consuming;    /* debug builds: 1 between peek and release */
    ba_atomic32 depth_max;    /* the most signals that the consumer found waiting (M: or claimed) */
    uint8_t pad_consumer[112];
    struct ba_signal slot[];
};

_Static_assert(sizeof(struct ba_ring) == BA_RING_BYTES, "indices are five pairs of lines");
_Static_assert(offsetof(struct ba_ring, closed) == 16, "closed at 16");
_Static_assert(offsetof(struct ba_ring, tail) == 128, "tail at 128");
_Static_assert(offsetof(struct ba_ring, claim) == 136, "claim at 136");
_Static_assert(offsetof(struct ba_ring, limit) == 256, "limit at 256");
_Static_assert(offsetof(struct ba_ring, free_to) == 272, "free_to at 272");
_Static_assert(offsetof(struct ba_ring, head) == 384, "head at 384");
_Static_assert(offsetof(struct ba_ring, taken) == 392, "taken at 392");
_Static_assert(offsetof(struct ba_ring, tail_seen) == 512, "tail_seen at 512");
_Static_assert(offsetof(struct ba_ring, slot) == BA_RING_BYTES, "slots follow the indices");

/* ba_ring_bytes returns the bytes of a ring of [slots], or 0 when [slots] is not
 * a power of two from BA_RING_SLOTS_MIN to BA_RING_SLOTS_MAX. */
BA_API size_t ba_ring_bytes(uint32_t slots);

/* ba_ring_init makes [memory] a ring and returns it through [out]. [start] is
 * where the counters begin: 0, or near the maximum in tests of the wrap. The
 * memory stays the caller's, who may drop it when both sides have stopped.
 * BA_ENULL; BA_EALIGN: not aligned to 64; BA_EINVAL: slots or mode;
 * BA_ERANGE: [bytes] is less than ba_ring_bytes(slots). */
BA_API int ba_ring_init(void *memory, size_t bytes, uint32_t slots, uint32_t mode, uint32_t start,
                        struct ba_ring **out);

/* ba_ring_close refuses further reservations (BA_ECLOSED); what is committed can
 * still be drained, after which the consumer gets BA_ECLOSED. On an SPSC ring
 * that is final when the producer closed it; closed by anyone else, a reservation
 * already begun may still land and a later peek finds it. On an MPSC ring it is
 * final always. Closing twice is BA_OK. BA_ENULL, BA_EMODE. */
BA_API int ba_ring_close(struct ba_ring *ring);

/* ba_ring_depth stores the signals now committed or reserved in [out]: exact for
 * a side that holds still, else a value between. BA_ENULL, BA_EMODE. */
BA_API int ba_ring_depth(const struct ba_ring *ring, uint32_t *out);

/* ba_slot returns the slot of a position. [ring] must be an initialised ring;
 * any position is legal. */
static inline struct ba_signal *ba_slot(struct ba_ring *ring, uint32_t position) {
    return &ring->slot[position & ring->mask];
}

/* ba_span_at makes the span of up to [count] slots from [first]. */
static inline void ba_span_at(struct ba_ring *ring, uint32_t first, uint32_t count, struct ba_span *out) {
    if (count > 1) {
        uint32_t to_end = ring->slots - (first & ring->mask);
        if (count > to_end) count = to_end;
    }
    out->slot = ba_slot(ring, first);
    out->first = first;
    out->count = count;
}

/* ba_spsc_reserve gives the producer up to [want] slots to fill: as many as are
 * free, at least one. BA_ENULL, BA_EINVAL: want is 0, BA_EMODE, BA_ECLOSED,
 * BA_EFULL: none free (counted in overflow), BA_EBUSY. */
static inline int ba_spsc_reserve(struct ba_ring *ring, uint32_t want, struct ba_span *out) {
    if (ring == NULL || out == NULL) return BA_ENULL;
    if (want == 0) return BA_EINVAL;
    if (BA_RARE(ba_relaxed32(&ring->closed) != 0)) return BA_ECLOSED;
    uint32_t tail = ba_relaxed32(&ring->tail);
    uint32_t room = ring->limit - tail;
    if (BA_RARE(room < want)) {
        /* limit == tail in a ring that is not SPSC, so all wrong use comes here */
        if (BA_RARE(ring->mode != BA_SPSC)) return BA_EMODE;
        ring->limit = ba_acquire32(&ring->head) + ring->slots;
        room = ring->limit - tail;
        if (room == 0) {
            ba_add_owned64(&ring->overflow, 1);
            return BA_EFULL;
        }
        if (room < want) want = room;
    }
#if BA_DEBUG
    if (ba_swap_acquire32(&ring->producing, 1) != 0) return BA_EBUSY;
#endif
    ba_span_at(ring, tail, want, out);
    return BA_OK;
}

/* ba_spsc_commit_to publishes the slots before [position], which the caller knows
 * to be reserved: for loops that commit whole reservations. [ring] must be an SPSC
 * ring. */
static inline void ba_spsc_commit_to(struct ba_ring *ring, uint32_t position) {
    ba_release32(&ring->tail, position);
#if BA_DEBUG
    ba_release32(&ring->producing, 0);
#endif
}

/* ba_spsc_commit publishes the first [count] slots of the reservation; 0 gives
 * it up. BA_ENULL, BA_ERANGE: more than can have been reserved (always, of a ring
 * that is not SPSC). */
static inline int ba_spsc_commit(struct ba_ring *ring, uint32_t count) {
    if (ring == NULL) return BA_ENULL;
    uint32_t tail = ba_relaxed32(&ring->tail);
    if (count > ring->limit - tail) return BA_ERANGE;
    ba_spsc_commit_to(ring, tail + count);
    return BA_OK;
}

/* ba_spsc_peek shows the consumer up to [want] waiting signals, at least one.
 * BA_ENULL, BA_EINVAL: want is 0, BA_EMODE, BA_EEMPTY, BA_ECLOSED: empty and
 * closed, BA_EBUSY. */
static inline int ba_spsc_peek(struct ba_ring *ring, uint32_t want, struct ba_span *out) {
    if (ring == NULL || out == NULL) return BA_ENULL;
    if (want == 0) return BA_EINVAL;
    uint32_t head = ba_relaxed32(&ring->head);
    uint32_t waiting = ring->tail_seen - head;
    if (waiting < want) {
        /* closed before tail: what was committed before the close is then seen */
        uint32_t closed = ba_acquire32(&ring->closed);
        ring->tail_seen = ba_acquire32(&ring->tail);
        waiting = ring->tail_seen - head;
        if (BA_RARE(waiting == 0)) {
            /* tail and head are 0 in a ring that is not SPSC, so all wrong use comes here */
            if (ring->mode != BA_SPSC) return BA_EMODE;
            return closed != 0 ? BA_ECLOSED : BA_EEMPTY;
        }
        if (BA_RARE(waiting > ba_relaxed32(&ring->depth_max))) ba_set_relaxed32(&ring->depth_max, waiting);
        if (waiting < want) want = waiting;
    }
#if BA_DEBUG
    if (ba_swap_acquire32(&ring->consuming, 1) != 0) return BA_EBUSY;
#endif
    ba_span_at(ring, head, want, out);
    return BA_OK;
}

/* ba_spsc_release_to hands back the slots before [position], which the caller
 * knows to be peeked: for loops that release whole spans. [ring] must be an SPSC
 * ring. */
static inline void ba_spsc_release_to(struct ba_ring *ring, uint32_t position) {
    ba_release32(&ring->head, position);
#if BA_DEBUG
    ba_release32(&ring->consuming, 0);
#endif
}

/* ba_spsc_release hands the first [count] slots of the last peek back to the
 * producer; they may not be read after it. BA_ENULL, BA_ERANGE: more than can have
 * been peeked (always, of a ring that is not SPSC). */
static inline int ba_spsc_release(struct ba_ring *ring, uint32_t count) {
    if (ring == NULL) return BA_ENULL;
    uint32_t head = ba_relaxed32(&ring->head);
    if (count > ring->tail_seen - head) return BA_ERANGE;
    ba_spsc_release_to(ring, head + count);
    return BA_OK;
}

/* ba_spsc_push copies one signal in, ba_spsc_pop one out (its turn becomes 0).
 * They cost more than filling in place; the codes are those of reserve and peek. */
BA_API int ba_spsc_push(struct ba_ring *ring, const struct ba_signal *signal);
BA_API int ba_spsc_pop(struct ba_ring *ring, struct ba_signal *out);

/* ba_mpsc_room is what ba_mpsc_reserve does when free_to leaves no room for all it
 * wants: it looks at taken and lowers [count] to what is free at [claim], which it
 * reads again when it is stale. BA_EMODE, BA_ECLOSED, BA_EFULL. */
struct ba_room {
    uint64_t claim;
    uint32_t count;
};
BA_API int ba_mpsc_room(struct ba_ring *ring, struct ba_room *room);

/* ba_mpsc_reserve gives a producer up to [want] adjacent slots, at least one. All
 * of them must be committed (a slot not wanted as BA_KIND_NONE): the consumer waits
 * for them in order, so a producer that stops in between stops the ring. Lock-free:
 * some producer always gets on. BA_ENULL, BA_EINVAL: want is 0, BA_EMODE,
 * BA_ECLOSED, BA_EFULL. */
static inline int ba_mpsc_reserve(struct ba_ring *ring, uint32_t want, struct ba_span *out) {
    if (ring == NULL || out == NULL) return BA_ENULL;
    if (want == 0) return BA_EINVAL;
    uint64_t claim = ba_relaxed64(&ring->claim);
    do {
        uint32_t count = want;
        /* free_to is 0 in a ring that is not MPSC, and a closed claim is above it, so
         * all that is not common comes here */
        if (BA_RARE(claim + want > ba_acquire64(&ring->free_to))) {
            struct ba_room room = {claim, want}; /* so that only here they lie in memory */
            int code = ba_mpsc_room(ring, &room);
            if (code != BA_OK) return code;
            claim = room.claim;
            count = room.count;
        }
        ba_span_at(ring, (uint32_t)claim, count, out);
    } while (BA_RARE(!ba_claim64(&ring->claim, &claim, claim + out->count)));
    return BA_OK;
}

/* ba_mpsc_commit_span publishes a whole reservation, which the caller knows to be
 * his: for loops that commit what they reserved. [ring] must be an MPSC ring. */
static inline void ba_mpsc_commit_span(struct ba_ring *ring, struct ba_span span) {
    (void)ring;
    for (uint32_t i = 0; i < span.count; i++) ba_release32(&span.slot[i].turn, span.first + i + 1);
}

/* ba_mpsc_commit publishes the [count] slots from position [first]: a whole
 * reservation or its parts in any order. BA_ENULL, BA_EMODE, BA_ERANGE: a slot is
 * not reserved or is committed already (nothing is published). */
BA_API int ba_mpsc_commit(struct ba_ring *ring, uint32_t first, uint32_t count);

/* ba_mpsc_peek shows the consumer up to [want] signals that are committed without
 * a gap, at least one. BA_ENULL, BA_EINVAL: want is 0, BA_EMODE, BA_EEMPTY (also
 * while the next slot is reserved and not yet committed), BA_ECLOSED: all drained
 * and closed, BA_EBUSY. */
BA_API int ba_mpsc_peek(struct ba_ring *ring, uint32_t want, struct ba_span *out);

/* ba_mpsc_release hands the first [count] slots of the last peek back. BA_ENULL,
 * BA_EMODE, BA_ERANGE. */
BA_API int ba_mpsc_release(struct ba_ring *ring, uint32_t count);

/* ba_mpsc_took is peek and release in one for a consumer that looks at the turns
 * itself, as ba_drain does: it has handled [count] signals from [taken] on, and had
 * read [claim] before their turns. BA_EEMPTY, BA_ECLOSED: count is 0. [ring] must be
 * an MPSC ring. */
BA_API int ba_mpsc_took(struct ba_ring *ring, uint64_t taken, uint64_t claim, uint32_t count);

/* ba_mpsc_push and ba_mpsc_pop: one signal by copy, as in ba_spsc_push. */
BA_API int ba_mpsc_push(struct ba_ring *ring, const struct ba_signal *signal);
BA_API int ba_mpsc_pop(struct ba_ring *ring, struct ba_signal *out);

#endif
