/* ring.c: what of ring.h is not inlined. */
#include "bitactor/ring.h"

BA_API size_t ba_ring_bytes(uint32_t slots) {
    if (slots < BA_RING_SLOTS_MIN || slots > BA_RING_SLOTS_MAX || (slots & (slots - 1)) != 0) return 0;
    return BA_RING_BYTES + (size_t)slots * BA_SIGNAL_BYTES;
}

BA_API int ba_ring_init(void *memory, size_t bytes, uint32_t slots, uint32_t mode, uint32_t start,
                        struct ba_ring **out) {
    if (memory == NULL || out == NULL) return BA_ENULL;
    if ((uintptr_t)memory % BA_LINE_BYTES != 0) return BA_EALIGN;
    size_t need = ba_ring_bytes(slots);
    if (need == 0 || (mode != BA_SPSC && mode != BA_MPSC)) return BA_EINVAL;
    if (bytes < need) return BA_ERANGE;
    struct ba_ring *ring = memory;
    memset(memory, 0, need);
    ring->slots = slots;
    ring->mask = slots - 1;
    ring->start = start;
    if (mode == BA_SPSC) {
        ba_set_relaxed32(&ring->tail, start);
        ba_set_relaxed32(&ring->head, start);
        ring->limit = start + slots;
        ring->tail_seen = start;
    } else {
        ba_set_relaxed64(&ring->claim, start);
        ba_set_relaxed64(&ring->taken, start);
        ba_set_relaxed64(&ring->free_to, (uint64_t)start + slots);
        ring->turn_seen = start;
        for (uint32_t i = 0; i < slots; i++) ba_set_relaxed32(&ba_slot(ring, start + i)->turn, start + i + 1 - slots);
    }
    ring->mode = mode;
    ring->magic = BA_RING_MAGIC;
    *out = ring;
    return BA_OK;
}

BA_API int ba_ring_close(struct ba_ring *ring) {
    if (ring == NULL) return BA_ENULL;
    if (ring->magic != BA_RING_MAGIC) return BA_EMODE;
    ba_set_bits64(&ring->claim, BA_CLAIM_CLOSED);
    ba_release32(&ring->closed, 1);
    return BA_OK;
}

BA_API int ba_ring_depth(const struct ba_ring *ring, uint32_t *out) {
    if (ring == NULL || out == NULL) return BA_ENULL;
    if (ring->magic != BA_RING_MAGIC) return BA_EMODE;
    /* the consumer's index before the producer's, so the difference is never negative */
    uint32_t taken = ring->mode == BA_SPSC ? ba_acquire32(&ring->head) : (uint32_t)ba_acquire64(&ring->taken);
    uint32_t filled = ring->mode == BA_SPSC ? ba_relaxed32(&ring->tail) : (uint32_t)ba_relaxed64(&ring->claim);
    uint32_t depth = filled - taken;
    *out = depth < ring->slots ? depth : ring->slots;
    return BA_OK;
}

BA_API int ba_spsc_push(struct ba_ring *ring, const struct ba_signal *signal) {
    struct ba_span span;
    if (signal == NULL) return BA_ENULL;
    int code = ba_spsc_reserve(ring, 1, &span);
    if (code != BA_OK) return code;
    ba_signal_copy(span.slot, signal);
    ba_spsc_commit_to(ring, span.first + 1);
    return BA_OK;
}

BA_API int ba_spsc_pop(struct ba_ring *ring, struct ba_signal *out) {
    struct ba_span span;
    if (out == NULL) return BA_ENULL;
    int code = ba_spsc_peek(ring, 1, &span);
    if (code != BA_OK) return code;
    ba_signal_copy(out, span.slot);
    ba_set_relaxed32(&out->turn, 0);
    ba_spsc_release_to(ring, span.first + 1);
    return BA_OK;
}

/* A claim that is read before taken may be older, and taken older than what the
 * claim was made with: then more than a ring, or less than nothing, seems to be free. */
BA_API BA_APART int ba_mpsc_room(struct ba_ring *ring, struct ba_room *room) {
    if (ring->mode != BA_MPSC) return BA_EMODE;
    for (;;) {
        if (room->claim >= BA_CLAIM_CLOSED) return BA_ECLOSED;
        uint64_t free_to = ba_acquire64(&ring->taken) + ring->slots;
        if (free_to > room->claim) {
            /* two that do this at once may leave the lower: it is looked up again */
            ba_release64(&ring->free_to, free_to);
            if (free_to - room->claim < room->count) room->count = (uint32_t)(free_to - room->claim);
            return BA_OK;
        }
        uint64_t again = ba_relaxed64(&ring->claim);
        if (again == room->claim) break;
        room->claim = again; /* what was read for a stale position says nothing */
    }
    ba_add_shared64(&ring->overflow, 1);
    return BA_EFULL;
}

BA_API int ba_mpsc_commit(struct ba_ring *ring, uint32_t first, uint32_t count) {
    if (ring == NULL) return BA_ENULL;
    if (ring->mode != BA_MPSC) return BA_EMODE;
    if (count > ring->slots) return BA_ERANGE;
    uint32_t claimed = (uint32_t)ba_relaxed64(&ring->claim);
    for (uint32_t i = first; i != first + count; i++) { /* uncommitted: the turn is a lap behind */
        uint32_t turn = ba_relaxed32(&ba_slot(ring, i)->turn);
        if (BA_RARE(turn != i + 1 - ring->slots || claimed - i - 1 >= ring->slots)) return BA_ERANGE;
    }
    for (uint32_t i = first; i != first + count; i++) ba_release32(&ba_slot(ring, i)->turn, i + 1);
    return BA_OK;
}

/* none_waiting tells why a consumer at [taken] finds nothing: the closed flag and
 * the position are one word, so closed and all taken is final. [claim] was read
 * before the turns. */
static int none_waiting(uint64_t taken, uint64_t claim) {
    return claim == (BA_CLAIM_CLOSED | taken) ? BA_ECLOSED : BA_EEMPTY;
}

static void note_depth(struct ba_ring *ring, uint64_t taken, uint64_t claim) {
    uint32_t depth = (uint32_t)(claim - taken);
    if (BA_RARE(depth > ba_relaxed32(&ring->depth_max))) ba_set_relaxed32(&ring->depth_max, depth);
}

BA_API int ba_mpsc_peek(struct ba_ring *ring, uint32_t want, struct ba_span *out) {
    if (ring == NULL || out == NULL) return BA_ENULL;
    if (want == 0) return BA_EINVAL;
    if (ring->mode != BA_MPSC) return BA_EMODE;
    uint64_t taken = ba_relaxed64(&ring->taken);
    uint32_t first = (uint32_t)taken, waiting = ring->turn_seen - first;
    if (waiting < want) {
        uint64_t claim = ba_relaxed64(&ring->claim);
        while (waiting < want && ba_acquire32(&ba_slot(ring, first + waiting)->turn) == first + waiting + 1) waiting++;
        ring->turn_seen = first + waiting;
        if (waiting == 0) return none_waiting(taken, claim);
        note_depth(ring, taken, claim);
        if (waiting < want) want = waiting;
    }
#if BA_DEBUG
    if (ba_swap_acquire32(&ring->consuming, 1) != 0) return BA_EBUSY;
#endif
    ba_span_at(ring, first, want, out);
    return BA_OK;
}

BA_API int ba_mpsc_release(struct ba_ring *ring, uint32_t count) {
    if (ring == NULL) return BA_ENULL;
    if (ring->mode != BA_MPSC) return BA_EMODE;
    uint64_t taken = ba_relaxed64(&ring->taken);
    if (count > ring->turn_seen - (uint32_t)taken) return BA_ERANGE;
    ba_release64(&ring->taken, taken + count);
#if BA_DEBUG
    ba_release32(&ring->consuming, 0);
#endif
    return BA_OK;
}

BA_API int ba_mpsc_took(struct ba_ring *ring, uint64_t taken, uint64_t claim, uint32_t count) {
    if (count != 0) {
        note_depth(ring, taken, claim);
        if (ring->turn_seen - (uint32_t)taken < count) ring->turn_seen = (uint32_t)taken + count;
        ba_release64(&ring->taken, taken + count);
    }
#if BA_DEBUG
    ba_release32(&ring->consuming, 0);
#endif
    return count != 0 ? BA_OK : none_waiting(taken, claim);
}

BA_API int ba_mpsc_push(struct ba_ring *ring, const struct ba_signal *signal) {
    struct ba_span span;
    if (signal == NULL) return BA_ENULL;
    int code = ba_mpsc_reserve(ring, 1, &span);
    if (code != BA_OK) return code;
    ba_signal_copy(span.slot, signal);
    return ba_mpsc_commit(ring, span.first, 1);
}

BA_API int ba_mpsc_pop(struct ba_ring *ring, struct ba_signal *out) {
    struct ba_span span;
    if (out == NULL) return BA_ENULL;
    int code = ba_mpsc_peek(ring, 1, &span);
    if (code != BA_OK) return code;
    ba_signal_copy(out, span.slot);
    ba_set_relaxed32(&out->turn, 0);
    return ba_mpsc_release(ring, 1);
}
