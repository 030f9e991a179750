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
        ba_set_relaxed32(&ring->taken, start);
        ring->turn_seen = start;
        for (uint32_t i = 0; i < slots; i++) ba_set_relaxed32(&ba_slot(ring, start + i)->turn, start + i);
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
    uint32_t taken = ring->mode == BA_SPSC ? ba_acquire32(&ring->head) : ba_acquire32(&ring->taken);
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

/* room_at returns the free slots from [position] as far as [taken] tells. The
 * consumer hands back turns first and taken last, so taken may be more than a ring
 * behind what producers have claimed meanwhile: then none is free. */
static uint32_t room_at(struct ba_ring *ring, uint32_t position) {
    uint32_t used = position - ba_acquire32(&ring->taken);
    return used < ring->slots ? ring->slots - used : 0;
}

BA_API int ba_mpsc_reserve(struct ba_ring *ring, uint32_t want, struct ba_span *out) {
    if (ring == NULL || out == NULL) return BA_ENULL;
    if (want == 0) return BA_EINVAL;
    if (ring->mode != BA_MPSC) return BA_EMODE;
    uint64_t claim = ba_relaxed64(&ring->claim);
    for (;;) {
        if (BA_RARE(claim >= BA_CLAIM_CLOSED)) return BA_ECLOSED;
        uint32_t first = (uint32_t)claim;
        uint32_t to_end = ring->slots - (first & ring->mask);
        uint32_t count = want < to_end ? want : to_end;
        /* The consumer frees slots in order: when the last is free, all are. taken,
         * on a line that the consumer keeps writing, is read only otherwise. */
        uint32_t last = first + count - 1;
        if (BA_RARE(ba_acquire32(&ba_slot(ring, last)->turn) != last)) {
            uint32_t room = room_at(ring, first);
            uint64_t again = ba_relaxed64(&ring->claim);
            if (again != claim) { /* a stale position, so what was read for it says nothing */
                claim = again;
                continue;
            }
            if (room == 0) {
                ba_add_shared64(&ring->overflow, 1);
                return BA_EFULL;
            }
            if (room < count) count = room;
        }
        if (ba_claim64(&ring->claim, &claim, claim + count)) {
            out->slot = ba_slot(ring, first);
            out->first = first;
            out->count = count;
            return BA_OK;
        }
    }
}

BA_API int ba_mpsc_commit(struct ba_ring *ring, uint32_t first, uint32_t count) {
    if (ring == NULL) return BA_ENULL;
    if (ring->mode != BA_MPSC) return BA_EMODE;
    if (count > ring->slots) return BA_ERANGE;
    uint32_t claimed = (uint32_t)ba_relaxed64(&ring->claim);
    for (uint32_t i = first; i != first + count; i++) {
        if (BA_RARE(ba_relaxed32(&ba_slot(ring, i)->turn) != i || claimed - i - 1 >= ring->slots)) return BA_ERANGE;
    }
    for (uint32_t i = first; i != first + count; i++) ba_release32(&ba_slot(ring, i)->turn, i + 1);
    return BA_OK;
}

BA_API int ba_mpsc_peek(struct ba_ring *ring, uint32_t want, struct ba_span *out) {
    if (ring == NULL || out == NULL) return BA_ENULL;
    if (want == 0) return BA_EINVAL;
    if (ring->mode != BA_MPSC) return BA_EMODE;
    uint32_t taken = ba_relaxed32(&ring->taken);
    uint32_t waiting = ring->turn_seen - taken;
    if (waiting < want) {
        uint64_t claim = ba_relaxed64(&ring->claim);
        while (waiting < want && ba_acquire32(&ba_slot(ring, taken + waiting)->turn) == taken + waiting + 1) waiting++;
        ring->turn_seen = taken + waiting;
        /* the flag and the position are one word, so closed and all taken is final */
        if (waiting == 0) return claim >= BA_CLAIM_CLOSED && (uint32_t)claim == taken ? BA_ECLOSED : BA_EEMPTY;
        uint32_t depth = (uint32_t)claim - taken;
        if (depth > ba_relaxed32(&ring->depth_max)) ba_set_relaxed32(&ring->depth_max, depth);
        if (waiting < want) want = waiting;
    }
#if BA_DEBUG
    if (ba_swap_acquire32(&ring->consuming, 1) != 0) return BA_EBUSY;
#endif
    ba_span_at(ring, taken, want, out);
    return BA_OK;
}

BA_API int ba_mpsc_release(struct ba_ring *ring, uint32_t count) {
    if (ring == NULL) return BA_ENULL;
    if (ring->mode != BA_MPSC) return BA_EMODE;
    uint32_t taken = ba_relaxed32(&ring->taken);
    if (count > ring->turn_seen - taken) return BA_ERANGE;
    for (uint32_t i = taken; i != taken + count; i++) ba_release32(&ba_slot(ring, i)->turn, i + ring->slots);
    ba_release32(&ring->taken, taken + count);
#if BA_DEBUG
    ba_release32(&ring->consuming, 0);
#endif
    return BA_OK;
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
