/* stress_test.c: two and more threads; what TSan and the soak run. */
#include <pthread.h>
#include <sched.h>

#include "check.h"

static uint64_t signals_per_thread = 200000;

struct line {
    struct ba_ring *ring;
    struct ba_pool *pool;
    struct ba_telemetry *telemetry;
    uint64_t source;
    _Atomic int stop;
    long failures;
};

static void fill(struct ba_signal *signal, uint64_t source, uint64_t sequence) {
    signal->kind = BA_KIND_DATA;
    signal->source = source;
    signal->sequence = sequence;
    signal->payload.words[0] = source ^ (sequence * UINT64_C(0x9e3779b97f4a7c15));
}

static int whole(const struct ba_signal *signal) {
    return signal->payload.words[0] == (signal->source ^ (signal->sequence * UINT64_C(0x9e3779b97f4a7c15)));
}

static void *produce(void *argument) {
    struct line *line = argument;
    int spsc = line->ring->mode == BA_SPSC;
    for (uint64_t sent = 0; sent < signals_per_thread;) {
        struct ba_span span = {0};
        uint64_t left = signals_per_thread - sent;
        uint32_t want = (uint32_t)(1 + sent % 7 < left ? 1 + sent % 7 : left);
        int code = spsc ? ba_spsc_reserve(line->ring, want, &span) : ba_mpsc_reserve(line->ring, want, &span);
        if (code == BA_EFULL) {
            sched_yield();
            continue;
        }
        if (code != BA_OK) line->failures++;
        for (uint32_t i = 0; i < span.count; i++) fill(&span.slot[i], line->source, sent++);
        code = spsc ? ba_spsc_commit(line->ring, span.count) : ba_mpsc_commit(line->ring, span.first, span.count);
        if (code != BA_OK) line->failures++;
    }
    return NULL;
}

/* consume takes until the ring is closed and empty; each source's sequence must
 * rise by one. */
static uint64_t consume(struct ba_ring *ring, uint64_t *next, long *failures) {
    int spsc = ring->mode == BA_SPSC;
    uint64_t taken = 0;
    for (;;) {
        struct ba_span span = {0};
        int code = spsc ? ba_spsc_peek(ring, 16, &span) : ba_mpsc_peek(ring, 16, &span);
        if (code == BA_ECLOSED) return taken;
        if (code == BA_EEMPTY) {
            sched_yield();
            continue;
        }
        if (code != BA_OK) *failures += 1;
        for (uint32_t i = 0; i < span.count; i++) {
            const struct ba_signal *signal = &span.slot[i];
            if (!whole(signal) || signal->sequence != next[signal->source]) *failures += 1;
            next[signal->source]++;
        }
        taken += span.count;
        code = spsc ? ba_spsc_release(ring, span.count) : ba_mpsc_release(ring, span.count);
        if (code != BA_OK) *failures += 1;
    }
}

struct consumer {
    struct ba_ring *ring;
    uint64_t taken, next[8];
    long failures;
};

static void *consume_all(void *argument) {
    struct consumer *consumer = argument;
    consumer->taken = consume(consumer->ring, consumer->next, &consumer->failures);
    return NULL;
}

static void carries(uint32_t mode, uint32_t slots, int producers) {
    struct ba_ring *ring = ring_of(slots, mode, UINT32_MAX - 8);
    struct consumer consumer = {.ring = ring};
    struct line lines[8] = {0};
    pthread_t threads[8], taker;
    EQUAL(pthread_create(&taker, NULL, consume_all, &consumer), 0);
    for (int i = 0; i < producers; i++) {
        lines[i].ring = ring;
        lines[i].source = (uint64_t)i;
        EQUAL(pthread_create(&threads[i], NULL, produce, &lines[i]), 0);
    }
    for (int i = 0; i < producers; i++) {
        EQUAL(pthread_join(threads[i], NULL), 0);
        EQUAL(lines[i].failures, 0);
    }
    EQUAL(ba_ring_close(ring), BA_OK);
    EQUAL(pthread_join(taker, NULL), 0);
    EQUAL(consumer.failures, 0);
    EQUAL(consumer.taken, signals_per_thread * (uint64_t)producers);
    free(ring);
}

static void *watch(void *argument) {
    struct line *line = argument;
    uint64_t cursor = 0;
    struct ba_event event;
    while (!line->stop) {
        if (ba_telemetry_read(line->telemetry, &cursor, &event) != BA_OK) continue;
        if (event.value != ~event.timestamp || event.count != (uint32_t)event.timestamp) line->failures++;
    }
    return NULL;
}

static void telemetry_is_never_torn(void) {
    struct line line = {.telemetry = memory_of(sizeof(struct ba_telemetry))};
    pthread_t thread;
    EQUAL(pthread_create(&thread, NULL, watch, &line), 0);
    for (uint64_t i = 0; i < signals_per_thread; i++) {
        struct ba_event event = {.timestamp = i, .value = ~i, .count = (uint32_t)i};
        EQUAL(ba_telemetry_write(line.telemetry, &event), BA_OK);
    }
    line.stop = 1;
    EQUAL(pthread_join(thread, NULL), 0);
    EQUAL(line.failures, 0);
    free(line.telemetry);
}

/* give_back frees the blocks that arrive as handles. */
static void *give_back(void *argument) {
    struct line *line = argument;
    struct ba_signal signal;
    for (;;) {
        int code = ba_spsc_pop(line->ring, &signal);
        if (code == BA_ECLOSED) return NULL;
        if (code == BA_EEMPTY) {
            sched_yield();
            continue;
        }
        void *block;
        if (ba_pool_block(line->pool, signal.payload.words[0], &block) != BA_OK) {
            line->failures++;
        } else if (memcmp(block, &signal.sequence, 8) != 0) {
            line->failures++;
        }
        if (ba_pool_give(line->pool, signal.payload.words[0]) != BA_OK) line->failures++;
    }
}

static void blocks_cross_threads(void) {
    struct line lines[2] = {0};
    pthread_t threads[2];
    size_t bytes = ba_pool_bytes(16, 64);
    struct ba_pool *pool;
    EQUAL(ba_pool_init(memory_of(bytes), bytes, 16, 64, &pool), BA_OK);
    for (int i = 0; i < 2; i++) {
        lines[i].pool = pool;
        lines[i].ring = ring_of(8, BA_SPSC, 0);
        EQUAL(pthread_create(&threads[i], NULL, give_back, &lines[i]), 0);
    }
    for (uint64_t sent = 0; sent < signals_per_thread;) {
        uint64_t handle;
        void *block;
        if (ba_pool_take(pool, &handle, &block) != BA_OK) {
            sched_yield();
            continue;
        }
        struct ba_signal signal = {.kind = BA_KIND_BLOCK, .flags = BA_FLAG_HANDLE, .sequence = sent};
        signal.payload.words[0] = handle;
        memcpy(block, &sent, 8);
        while (ba_spsc_push(lines[sent % 2].ring, &signal) != BA_OK) sched_yield();
        sent++;
    }
    for (int i = 0; i < 2; i++) {
        EQUAL(ba_ring_close(lines[i].ring), BA_OK);
        EQUAL(pthread_join(threads[i], NULL), 0);
        EQUAL(lines[i].failures, 0);
        free(lines[i].ring);
    }
    EQUAL(ba_relaxed64(&pool->taken), ba_relaxed64(&pool->given));
    free(pool);
}

void test_threads(uint64_t signals) {
    signals_per_thread = signals;
    carries(BA_SPSC, 2, 1);
    carries(BA_SPSC, 256, 1);
    carries(BA_MPSC, 2, 3);
    carries(BA_MPSC, 256, 4);
    telemetry_is_never_torn();
    blocks_cross_threads();
}

void soak_two_threads(uint64_t signals) {
    signals_per_thread = signals;
    carries(BA_SPSC, 512, 1);
}
