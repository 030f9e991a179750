/* meddle_test.c: what happens when another thread steps in between. */
#include "check.h"

struct meddle meddle;

static void push_one(void *ring) {
    struct ba_signal signal = {.kind = BA_KIND_DATA, .sequence = 1000};
    EQUAL(ba_mpsc_push(ring, &signal), BA_OK);
}

static void pop_one_push_one(void *ring) {
    struct ba_signal signal;
    EQUAL(ba_mpsc_pop(ring, &signal), BA_OK);
    EQUAL(ba_mpsc_push(ring, &signal), BA_OK);
}

static void pop_one(void *ring) {
    struct ba_signal signal;
    EQUAL(ba_mpsc_pop(ring, &signal), BA_OK);
}

static void close_it(void *ring) { EQUAL(ba_ring_close(ring), BA_OK); }

/* hooked accesses of a reserve: 0 the claim, 1 free_to, 2 the claim's swap */
static void a_lost_claim_is_tried_again(void) {
    struct ba_ring *ring = ring_of(4, BA_MPSC, 0);
    struct ba_span span = {0};
    meddle = (struct meddle){push_one, ring, 2};
    EQUAL(ba_mpsc_reserve(ring, 2, &span), BA_OK);
    EQUAL(span.first, 1);
    EQUAL(ba_mpsc_commit(ring, span.first, 2), BA_OK);
    meddle = (struct meddle){close_it, ring, 2};
    EQUAL(ba_mpsc_reserve(ring, 1, &span), BA_ECLOSED);
    free(ring);
}

/* of a reserve in a full ring: 0 the claim, 1 free_to, 2 taken, 3 the claim again */
static void a_stale_position_is_tried_again(void) {
    struct ba_ring *ring = ring_of(2, BA_MPSC, 0);
    struct ba_span span = {0};
    push_one(ring);
    push_one(ring);
    meddle = (struct meddle){pop_one_push_one, ring, 2}; /* room where no room is any more */
    EQUAL(ba_mpsc_reserve(ring, 1, &span), BA_EFULL);
    EQUAL(ring->overflow, 1);
    meddle = (struct meddle){pop_one_push_one, ring, 3}; /* full, of a position that is past */
    EQUAL(ba_mpsc_reserve(ring, 1, &span), BA_EFULL);
    EQUAL(ring->overflow, 2);
    meddle = (struct meddle){pop_one, ring, 2};
    EQUAL(ba_mpsc_reserve(ring, 1, &span), BA_OK);
    EQUAL(span.first, 4);
    free(ring);
}

/* one producer is late to tell what it saw: the next looks again */
static void a_free_to_that_went_back_is_looked_up(void) {
    struct ba_ring *ring = ring_of(2, BA_MPSC, 0);
    struct ba_span span = {0};
    push_one(ring);
    push_one(ring);
    pop_one(ring);
    pop_one(ring);
    push_one(ring);
    EQUAL(ring->free_to, 4);
    ba_release64(&ring->free_to, 3);
    EQUAL(ba_mpsc_reserve(ring, 1, &span), BA_OK);
    EQUAL(span.first, 3);
    EQUAL(ring->free_to, 4);
    EQUAL(ba_mpsc_reserve(ring, 1, &span), BA_EFULL);
    free(ring);
}

/* closed between the reservation and the commit: what was reserved still lands */
static void a_reservation_outlives_the_close(uint32_t mode) {
    struct ba_ring *ring = ring_of(2, mode, 0);
    struct ba_span span = {0};
    struct ba_signal signal;
    int spsc = mode == BA_SPSC;
    EQUAL(spsc ? ba_spsc_reserve(ring, 1, &span) : ba_mpsc_reserve(ring, 1, &span), BA_OK);
    close_it(ring);
    EQUAL(spsc ? ba_spsc_commit(ring, 1) : ba_mpsc_commit(ring, span.first, 1), BA_OK);
    EQUAL(spsc ? ba_spsc_pop(ring, &signal) : ba_mpsc_pop(ring, &signal), BA_OK);
    EQUAL(spsc ? ba_spsc_pop(ring, &signal) : ba_mpsc_pop(ring, &signal), BA_ECLOSED);
    free(ring);
}

struct gift {
    struct ba_pool *pool;
    uint64_t handle;
};

static void give_another(void *argument) {
    struct gift *gift = argument;
    EQUAL(ba_pool_give(gift->pool, gift->handle), BA_OK);
}

static void two_give_at_once(void) {
    size_t bytes = ba_pool_bytes(2, 64);
    struct gift gift;
    uint64_t handle;
    void *block;
    EQUAL(ba_pool_init(memory_of(bytes), bytes, 2, 64, &gift.pool), BA_OK);
    EQUAL(ba_pool_take(gift.pool, &handle, &block), BA_OK);
    EQUAL(ba_pool_take(gift.pool, &gift.handle, &block), BA_OK);
    meddle = (struct meddle){give_another, &gift, 0};
    EQUAL(ba_pool_give(gift.pool, handle), BA_OK);
    for (int i = 0; i < 2; i++) EQUAL(ba_pool_take(gift.pool, &handle, &block), BA_OK);
    EQUAL(ba_pool_take(gift.pool, &handle, &block), BA_EFULL);
    free(gift.pool);
}

void test_meddled(void) {
    a_lost_claim_is_tried_again();
    a_stale_position_is_tried_again();
    a_free_to_that_went_back_is_looked_up();
    a_reservation_outlives_the_close(BA_SPSC);
    a_reservation_outlives_the_close(BA_MPSC);
    two_give_at_once();
    EQUAL(meddle.step == NULL, 1);
}
