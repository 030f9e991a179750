/* example.c: two threads, one ring, one handler.
 *
 *     cc example.c $(pkg-config --cflags --libs bitactor) -pthread
 */
#include <bitactor.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define KIND_TEMPERATURE BA_FIRST_USER_KIND
#define READINGS 100000u

/* The producer fills slots in place and publishes them eight at a time. */
static void *measure(void *argument) {
    struct ba_ring *ring = argument;
    for (uint64_t sent = 0; sent < READINGS;) {
        struct ba_span span;
        if (ba_spsc_reserve(ring, 8, &span) != BA_OK) {
            sched_yield();
            continue;
        }
        for (uint32_t i = 0; i < span.count; i++) {
            span.slot[i].kind = KIND_TEMPERATURE;
            span.slot[i].size = 8;
            span.slot[i].sequence = sent++;
            span.slot[i].payload.words[0] = 20 + sent % 10;
        }
        (void)ba_spsc_commit(ring, span.count);
    }
    (void)ba_ring_close(ring);
    return NULL;
}

static void on_temperature(void *state, const struct ba_signal *signal) {
    uint64_t *hottest = state;
    if (signal->payload.words[0] > *hottest) *hottest = signal->payload.words[0];
}

static int fail(const char *what, int code) {
    fprintf(stderr, "%s: %s\n", what, ba_error_text(code));
    return 1;
}

int main(void) {
    struct ba_config config = ba_config_default();
    struct ba_context *context;
    struct ba_snapshot snapshot;
    uint64_t hottest = 0;
    uint32_t handled;
    pthread_t thread;

    config.inbox_mode = BA_SPSC; /* one producer */
    int code = ba_init(&config, NULL, &context);
    if (code != BA_OK) return fail("ba_init", code);
    (void)ba_on(context, KIND_TEMPERATURE, on_temperature, &hottest);
    if (pthread_create(&thread, NULL, measure, ba_inbox(context)) != 0) return fail("pthread_create", BA_ENOMEM);
    while ((code = ba_drain(context, ba_inbox(context), 64, &handled)) != BA_ECLOSED) {
        if (code == BA_EEMPTY) sched_yield();
    }
    (void)pthread_join(thread, NULL);
    (void)ba_snapshot(context, &snapshot);
    printf("%" PRIu64 " signals in %" PRIu64 " batches, hottest %" PRIu64 ", %" PRIu64 " ticks a signal\n", snapshot.signals,
           snapshot.batches, hottest, snapshot.ticks / snapshot.timed);
    (void)ba_free(context);
    return 0;
}
