/* ring_test.c: rings, one thread. */
#include "check.h"

static struct ba_signal signal_of(uint64_t sequence) {
    struct ba_signal signal = {.kind = BA_KIND_DATA, .size = 8, .sequence = sequence};
    signal.payload.words[0] = ~sequence;
    return signal;
}

static void refuses_wrong_memory(void) {
    const uint32_t bad_slots[] = {0, 1, 3, 6, 100, BA_RING_SLOTS_MAX * 2, UINT32_MAX};
    struct ba_ring *ring = NULL;
    unsigned char *memory = memory_of(4096);
    for (size_t i = 0; i < sizeof bad_slots / sizeof *bad_slots; i++) {
        EQUAL(ba_ring_bytes(bad_slots[i]), 0);
        EQUAL(ba_ring_init(memory, 4096, bad_slots[i], BA_SPSC, 0, &ring), BA_EINVAL);
    }
    EQUAL(ba_ring_bytes(2), BA_RING_BYTES + 128);
    EQUAL(ba_ring_init(NULL, 4096, 4, BA_SPSC, 0, &ring), BA_ENULL);
    EQUAL(ba_ring_init(memory, 4096, 4, BA_SPSC, 0, NULL), BA_ENULL);
    EQUAL(ba_ring_init(memory + 8, 4088, 4, BA_SPSC, 0, &ring), BA_EALIGN);
    EQUAL(ba_ring_init(memory, 4096, 4, 0, 0, &ring), BA_EINVAL);
    EQUAL(ba_ring_init(memory, 4096, 4, 3, 0, &ring), BA_EINVAL);
    EQUAL(ba_ring_init(memory, ba_ring_bytes(4) - 1, 4, BA_SPSC, 0, &ring), BA_ERANGE);
    EQUAL(ring == NULL, 1);
    free(memory);
}

/* what every function says to NULL, to zeroed memory and to the other mode */
static void refuses_wrong_rings(void) {
    struct ba_ring *zeroed = memory_of(4096);
    struct ba_ring *spsc = ring_of(4, BA_SPSC, 7), *mpsc = ring_of(4, BA_MPSC, 7);
    struct ba_span span = {0};
    struct ba_signal signal = signal_of(1);
    uint32_t depth;
    EQUAL(ba_ring_close(NULL), BA_ENULL);
    EQUAL(ba_ring_close(zeroed), BA_EMODE);
    EQUAL(ba_ring_depth(NULL, &depth), BA_ENULL);
    EQUAL(ba_ring_depth(spsc, NULL), BA_ENULL);
    EQUAL(ba_ring_depth(zeroed, &depth), BA_EMODE);
    EQUAL(ba_spsc_reserve(NULL, 1, &span), BA_ENULL);
    EQUAL(ba_spsc_reserve(spsc, 1, NULL), BA_ENULL);
    EQUAL(ba_spsc_reserve(spsc, 0, &span), BA_EINVAL);
    EQUAL(ba_spsc_peek(NULL, 1, &span), BA_ENULL);
    EQUAL(ba_spsc_peek(spsc, 1, NULL), BA_ENULL);
    EQUAL(ba_spsc_peek(spsc, 0, &span), BA_EINVAL);
    EQUAL(ba_spsc_commit(NULL, 1), BA_ENULL);
    EQUAL(ba_spsc_release(NULL, 1), BA_ENULL);
    EQUAL(ba_spsc_push(NULL, &signal), BA_ENULL);
    EQUAL(ba_spsc_push(spsc, NULL), BA_ENULL);
    EQUAL(ba_spsc_pop(spsc, NULL), BA_ENULL);
    EQUAL(ba_spsc_pop(spsc, &signal), BA_EEMPTY);
    struct ba_ring *not_spsc[] = {zeroed, mpsc};
    for (int i = 0; i < 2; i++) {
        EQUAL(ba_spsc_reserve(not_spsc[i], 1, &span), BA_EMODE);
        EQUAL(ba_spsc_commit(not_spsc[i], 1), BA_ERANGE);
        EQUAL(ba_spsc_peek(not_spsc[i], 1, &span), BA_EMODE);
        EQUAL(ba_spsc_release(not_spsc[i], 1), BA_ERANGE);
    }
    EQUAL(ba_mpsc_reserve(NULL, 1, &span), BA_ENULL);
    EQUAL(ba_mpsc_reserve(mpsc, 1, NULL), BA_ENULL);
    EQUAL(ba_mpsc_reserve(mpsc, 0, &span), BA_EINVAL);
    EQUAL(ba_mpsc_peek(NULL, 1, &span), BA_ENULL);
    EQUAL(ba_mpsc_peek(mpsc, 1, NULL), BA_ENULL);
    EQUAL(ba_mpsc_peek(mpsc, 0, &span), BA_EINVAL);
    EQUAL(ba_mpsc_commit(NULL, 0, 1), BA_ENULL);
    EQUAL(ba_mpsc_release(NULL, 1), BA_ENULL);
    EQUAL(ba_mpsc_push(NULL, &signal), BA_ENULL);
    EQUAL(ba_mpsc_push(mpsc, NULL), BA_ENULL);
    EQUAL(ba_mpsc_pop(mpsc, NULL), BA_ENULL);
    EQUAL(ba_mpsc_pop(mpsc, &signal), BA_EEMPTY);
    struct ba_ring *not_mpsc[] = {zeroed, spsc};
    for (int i = 0; i < 2; i++) {
        EQUAL(ba_mpsc_reserve(not_mpsc[i], 1, &span), BA_EMODE);
        EQUAL(ba_mpsc_commit(not_mpsc[i], 0, 1), BA_EMODE);
        EQUAL(ba_mpsc_peek(not_mpsc[i], 1, &span), BA_EMODE);
        EQUAL(ba_mpsc_release(not_mpsc[i], 1), BA_EMODE);
    }
    free(zeroed), free(spsc), free(mpsc);
}

/* two laps across the wrap of the counters, in batches that meet the ring's end */
static void spsc_wraps(void) {
    for (uint32_t slots = 2; slots <= 16; slots *= 2) {
        struct ba_ring *ring = ring_of(slots, BA_SPSC, UINT32_MAX - 8);
        uint64_t sent = 0, received = 0;
        for (uint32_t round = 0; round < 40; round++) {
            struct ba_span span = {0};
            uint32_t depth;
            EQUAL(ba_ring_depth(ring, &depth), BA_OK);
            EQUAL(depth, sent - received);
            int code = ba_spsc_reserve(ring, 1 + round % 5, &span);
            EQUAL(code, depth == slots ? BA_EFULL : BA_OK);
            if (code == BA_OK) {
                for (uint32_t i = 0; i < span.count; i++) span.slot[i].sequence = sent++;
                EQUAL(ba_spsc_commit(ring, span.count + slots), BA_ERANGE);
                EQUAL(ba_spsc_commit(ring, span.count), BA_OK);
            }
            if (ba_spsc_peek(ring, 1 + round % 3, &span) != BA_OK) continue;
            for (uint32_t i = 0; i < span.count; i++) EQUAL(span.slot[i].sequence, received++);
            EQUAL(ba_spsc_release(ring, span.count + slots), BA_ERANGE);
            EQUAL(ba_spsc_release(ring, span.count), BA_OK);
        }
        EQUAL(received > 20, 1);
        free(ring);
    }
}

static void mpsc_wraps(void) {
    for (uint32_t slots = 2; slots <= 16; slots *= 2) {
        struct ba_ring *ring = ring_of(slots, BA_MPSC, UINT32_MAX - 8);
        uint64_t sent = 0, received = 0;
        for (uint32_t round = 0; round < 40; round++) {
            struct ba_span span = {0};
            uint32_t depth;
            EQUAL(ba_ring_depth(ring, &depth), BA_OK);
            EQUAL(depth, sent - received);
            int code = ba_mpsc_reserve(ring, 1 + round % 5, &span);
            EQUAL(code, depth == slots ? BA_EFULL : BA_OK);
            if (code == BA_OK) {
                for (uint32_t i = 0; i < span.count; i++) span.slot[i].sequence = sent++;
                EQUAL(ba_mpsc_commit(ring, span.first, slots + 1), BA_ERANGE);
                EQUAL(ba_mpsc_commit(ring, span.first, span.count), BA_OK);
                EQUAL(ba_mpsc_commit(ring, span.first, span.count), BA_ERANGE);
            }
            EQUAL(ba_mpsc_commit(ring, span.first + span.count, 1), BA_ERANGE);
            if (ba_mpsc_peek(ring, 1 + round % 3, &span) != BA_OK) continue;
            for (uint32_t i = 0; i < span.count; i++) EQUAL(span.slot[i].sequence, received++);
            EQUAL(ba_mpsc_release(ring, span.count + slots), BA_ERANGE);
            EQUAL(ba_mpsc_release(ring, span.count), BA_OK);
        }
        EQUAL(received > 20, 1);
        free(ring);
    }
}

/* slots committed out of order come out in order, and only without a gap */
static void mpsc_waits_for_the_gap(void) {
    struct ba_ring *ring = ring_of(4, BA_MPSC, 0);
    struct ba_span first = {0}, second = {0}, seen = {0};
    EQUAL(ba_mpsc_reserve(ring, 1, &first), BA_OK);
    EQUAL(ba_mpsc_reserve(ring, 2, &second), BA_OK);
    EQUAL(ba_mpsc_commit(ring, second.first, 2), BA_OK);
    EQUAL(ba_mpsc_peek(ring, 4, &seen), BA_EEMPTY);
    EQUAL(ba_ring_close(ring), BA_OK);
    EQUAL(ba_mpsc_peek(ring, 4, &seen), BA_EEMPTY);
    EQUAL(ba_mpsc_commit(ring, first.first, 1), BA_OK);
    EQUAL(ba_mpsc_peek(ring, 2, &seen), BA_OK);
    EQUAL(seen.count, 2);
    EQUAL(ba_mpsc_release(ring, 2), BA_OK);
    EQUAL(ba_mpsc_peek(ring, 2, &seen), BA_OK);
    EQUAL(seen.count, 1);
    EQUAL(ba_mpsc_release(ring, 1), BA_OK);
    EQUAL(ba_mpsc_peek(ring, 1, &seen), BA_ECLOSED);
    EQUAL(ba_mpsc_reserve(ring, 1, &seen), BA_ECLOSED);
    EQUAL(ring->depth_max, 3);
    free(ring);
}

/* the consumer's own look at the turns, as ba_drain takes it, beside peek and release */
static void mpsc_takes_without_peek(void) {
    struct ba_ring *ring = ring_of(4, BA_MPSC, UINT32_MAX);
    struct ba_span span = {0};
    EQUAL(ba_mpsc_took(ring, ring->taken, ring->claim, 0), BA_EEMPTY);
    EQUAL(ba_mpsc_reserve(ring, 4, &span), BA_OK);
    EQUAL(span.count, 1); /* to the ring's end */
    ba_mpsc_commit_span(ring, span);
    EQUAL(ba_mpsc_commit(ring, span.first, 1), BA_ERANGE);
    EQUAL(ba_mpsc_reserve(ring, 4, &span), BA_OK);
    EQUAL(span.count, 3);
    ba_mpsc_commit_span(ring, span);
    EQUAL(ba_mpsc_peek(ring, 3, &span), BA_OK);
    EQUAL(ba_mpsc_release(ring, 0), BA_OK);
    EQUAL(ba_mpsc_took(ring, ring->taken, ring->claim, 1), BA_OK);
    EQUAL(ring->turn_seen, 2); /* what peek saw is not forgotten */
    EQUAL(ba_mpsc_took(ring, ring->taken, ring->claim, 3), BA_OK);
    EQUAL(ring->turn_seen, 3);
    EQUAL(ring->depth_max, 4);
    EQUAL(ba_mpsc_peek(ring, 1, &span), BA_EEMPTY);
    EQUAL(ba_ring_close(ring), BA_OK);
    EQUAL(ba_mpsc_took(ring, ring->taken, ring->claim, 0), BA_ECLOSED);
    free(ring);
}

static void copies_and_closes(uint32_t mode) {
    int (*push)(struct ba_ring *, const struct ba_signal *) = mode == BA_SPSC ? ba_spsc_push : ba_mpsc_push;
    int (*pop)(struct ba_ring *, struct ba_signal *) = mode == BA_SPSC ? ba_spsc_pop : ba_mpsc_pop;
    struct ba_ring *ring = ring_of(4, mode, 0);
    struct ba_signal in, out;
    for (uint64_t i = 0; i < 4; i++) {
        in = signal_of(i);
        EQUAL(push(ring, &in), BA_OK);
    }
    EQUAL(push(ring, &in), BA_EFULL);
    EQUAL(push(ring, &in), BA_EFULL);
    EQUAL(ring->overflow, 2);
    EQUAL(ba_ring_close(ring), BA_OK);
    EQUAL(ba_ring_close(ring), BA_OK);
    EQUAL(push(ring, &in), BA_ECLOSED);
    for (uint64_t i = 0; i < 4; i++) {
        in = signal_of(i);
        EQUAL(pop(ring, &out), BA_OK);
        EQUAL(memcmp(&in, &out, sizeof in), 0);
    }
    EQUAL(pop(ring, &out), BA_ECLOSED);
    free(ring);
}


static void giving_up_keeps_the_slot(void) {
    struct ba_ring *ring = ring_of(2, BA_SPSC, 0);
    struct ba_span span = {0};
    EQUAL(ba_spsc_reserve(ring, 2, &span), BA_OK);
    EQUAL(ba_spsc_commit(ring, 0), BA_OK);
    EQUAL(ba_spsc_peek(ring, 1, &span), BA_EEMPTY);
    EQUAL(ba_spsc_reserve(ring, 2, &span), BA_OK);
    EQUAL(ba_spsc_commit(ring, 2), BA_OK);
    EQUAL(ba_spsc_peek(ring, 2, &span), BA_OK);
    EQUAL(ba_spsc_release(ring, 0), BA_OK);
    EQUAL(ba_spsc_peek(ring, 2, &span), BA_OK);
    EQUAL(span.count, 2);
    free(ring);
}

#if BA_DEBUG
static void debug_finds_overlap(void) {
    struct ba_ring *spsc = ring_of(4, BA_SPSC, 0), *mpsc = ring_of(4, BA_MPSC, 0);
    struct ba_span span = {0};
    struct ba_signal signal = signal_of(1);
    EQUAL(ba_spsc_reserve(spsc, 1, &span), BA_OK);
    EQUAL(ba_spsc_reserve(spsc, 1, &span), BA_EBUSY);
    EQUAL(ba_spsc_push(spsc, &signal), BA_EBUSY);
    EQUAL(ba_spsc_commit(spsc, 1), BA_OK);
    EQUAL(ba_spsc_push(spsc, &signal), BA_OK);
    EQUAL(ba_spsc_peek(spsc, 1, &span), BA_OK);
    EQUAL(ba_spsc_peek(spsc, 1, &span), BA_EBUSY);
    EQUAL(ba_spsc_release(spsc, 1), BA_OK);
    EQUAL(ba_mpsc_push(mpsc, &signal), BA_OK);
    EQUAL(ba_mpsc_peek(mpsc, 1, &span), BA_OK);
    EQUAL(ba_mpsc_peek(mpsc, 1, &span), BA_EBUSY);
    EQUAL(ba_mpsc_release(mpsc, 1), BA_OK);
    free(spsc), free(mpsc);
}
#endif

void test_rings(void) {
    refuses_wrong_memory();
    refuses_wrong_rings();
    spsc_wraps();
    mpsc_wraps();
    mpsc_waits_for_the_gap();
    mpsc_takes_without_peek();
    copies_and_closes(BA_SPSC);
    copies_and_closes(BA_MPSC);
    giving_up_keeps_the_slot();
#if BA_DEBUG
    debug_finds_overlap();
#endif
}
