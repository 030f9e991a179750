/* parts_test.c: telemetry, pools, arenas and traces, one thread. */
#include "check.h"

static void telemetry_keeps_the_last(void) {
    struct ba_telemetry *telemetry = memory_of(sizeof *telemetry);
    struct ba_event event = {.timestamp = 1, .value = 2, .type = 3, .kind = 4, .code = 5, .count = 6}, got;
    uint64_t cursor = 0;
    EQUAL(ba_telemetry_write(NULL, &event), BA_ENULL);
    EQUAL(ba_telemetry_write(telemetry, NULL), BA_ENULL);
    EQUAL(ba_telemetry_read(NULL, &cursor, &got), BA_ENULL);
    EQUAL(ba_telemetry_read(telemetry, NULL, &got), BA_ENULL);
    EQUAL(ba_telemetry_read(telemetry, &cursor, NULL), BA_ENULL);
    EQUAL(ba_telemetry_read(telemetry, &cursor, &got), BA_EEMPTY);
    EQUAL(ba_telemetry_write(telemetry, &event), BA_OK);
    EQUAL(ba_telemetry_read(telemetry, &cursor, &got), BA_OK);
    EQUAL(memcmp(&event, &got, sizeof got), 0);
    EQUAL(cursor, 1);
    for (uint64_t i = 1; i <= BA_TELEMETRY_EVENTS + 10; i++) {
        event.value = i;
        EQUAL(ba_telemetry_write(telemetry, &event), BA_OK);
    }
    EQUAL(ba_telemetry_read(telemetry, &cursor, &got), BA_ELOST);
    EQUAL(ba_telemetry_read(telemetry, &cursor, &got), BA_OK);
    EQUAL(got.value, 12);
    /* an event that is being overwritten: the stamp of its successor is not whole */
    telemetry->slot[cursor % BA_TELEMETRY_EVENTS].stamp = 2 * (cursor + BA_TELEMETRY_EVENTS) + 1;
    EQUAL(ba_telemetry_read(telemetry, &cursor, &got), BA_ELOST);
    free(telemetry);
}

static void pool_refuses(void) {
    struct ba_pool *pool = NULL;
    uint64_t handle;
    void *block;
    unsigned char *memory = memory_of(8192);
    EQUAL(ba_pool_bytes(0, 64), 0);
    EQUAL(ba_pool_bytes(BA_POOL_BLOCKS_MAX + 1, 64), 0);
    EQUAL(ba_pool_bytes(1, 0), 0);
    EQUAL(ba_pool_bytes(1, BA_POOL_BLOCK_BYTES_MAX + 64), 0);
    EQUAL(ba_pool_bytes(1, 65), 0);
    EQUAL(ba_pool_bytes(BA_POOL_BLOCKS_MAX, 1024), 0);
    EQUAL(ba_pool_bytes(3, 128), 256 + 64 + 3 * 128);
    EQUAL(ba_pool_init(NULL, 8192, 3, 128, &pool), BA_ENULL);
    EQUAL(ba_pool_init(memory, 8192, 3, 128, NULL), BA_ENULL);
    EQUAL(ba_pool_init(memory + 4, 8188, 3, 128, &pool), BA_EALIGN);
    EQUAL(ba_pool_init(memory, 8192, 3, 100, &pool), BA_EINVAL);
    EQUAL(ba_pool_init(memory, 703, 3, 128, &pool), BA_ERANGE);
    EQUAL(ba_pool_take((struct ba_pool *)(void *)memory, &handle, &block), BA_EMODE);
    EQUAL(ba_pool_give((struct ba_pool *)(void *)memory, 0), BA_EMODE);
    EQUAL(ba_pool_block((struct ba_pool *)(void *)memory, 0, &block), BA_EMODE);
    EQUAL(ba_pool_init(memory, 8192, 3, 128, &pool), BA_OK);
    EQUAL(ba_pool_take(NULL, &handle, &block), BA_ENULL);
    EQUAL(ba_pool_take(pool, NULL, &block), BA_ENULL);
    EQUAL(ba_pool_take(pool, &handle, NULL), BA_ENULL);
    EQUAL(ba_pool_give(NULL, 0), BA_ENULL);
    EQUAL(ba_pool_block(NULL, 0, &block), BA_ENULL);
    EQUAL(ba_pool_block(pool, 0, NULL), BA_ENULL);
    EQUAL(ba_pool_give(pool, 3), BA_ERANGE);
    EQUAL(ba_pool_block(pool, 3, &block), BA_ERANGE);
    EQUAL(ba_pool_give(pool, 0), BA_ESTALE);
    EQUAL(ba_pool_block(pool, 0, &block), BA_ESTALE);
    EQUAL(ba_pool_give(pool, UINT64_C(7) << 32), BA_ESTALE);
    EQUAL(ba_pool_block(pool, UINT64_C(7) << 32, &block), BA_ESTALE);
    free(memory);
}

static void pool_takes_and_gives(void) {
    size_t bytes = ba_pool_bytes(3, 128);
    struct ba_pool *pool;
    uint64_t handles[3], handle;
    void *blocks[3], *block;
    EQUAL(ba_pool_init(memory_of(bytes), bytes, 3, 128, &pool), BA_OK);
    for (int lap = 0; lap < 3; lap++) {
        for (int i = 0; i < 3; i++) {
            EQUAL(ba_pool_take(pool, &handles[i], &blocks[i]), BA_OK);
            EQUAL((uintptr_t)blocks[i] % 64, 0);
            memset(blocks[i], lap + 1, 128);
        }
        EQUAL(ba_pool_take(pool, &handle, &block), BA_EFULL);
        for (int i = 0; i < 3; i++) {
            EQUAL(ba_pool_block(pool, handles[i], &block), BA_OK);
            EQUAL(block == blocks[i], 1);
            EQUAL(ba_pool_give(pool, handles[i]), BA_OK);
            EQUAL(ba_pool_give(pool, handles[i]), BA_ESTALE);
            EQUAL(ba_pool_block(pool, handles[i], &block), BA_ESTALE);
        }
    }
    EQUAL(pool->taken, 9);
    EQUAL(pool->given, 9);
    EQUAL(pool->exhausted, 3);
    EQUAL(pool->in_use_max, 3);
#if BA_DEBUG
    ((unsigned char *)blocks[2])[5] = 0; /* a write after it was given back */
    EQUAL(ba_pool_take(pool, &handle, &block), BA_ECORRUPT);
    EQUAL(ba_pool_take(pool, &handle, &block), BA_OK);
#endif
    free(pool);
}

static void arena_allocates_and_rewinds(void) {
    struct ba_arena arena;
    unsigned char *memory = memory_of(256);
    void *at;
    volatile size_t whole_memory = SIZE_MAX; /* a constant would make gcc warn of what the bounds check refuses */
    memset(memory, 0xff, 256);
    EQUAL(ba_arena_init(NULL, memory, 256), BA_ENULL);
    EQUAL(ba_arena_init(&arena, NULL, 256), BA_ENULL);
    EQUAL(ba_arena_init(&arena, memory, 256), BA_OK);
    EQUAL(ba_arena_alloc(NULL, 1, 1, &at), BA_ENULL);
    EQUAL(ba_arena_alloc(&arena, 1, 1, NULL), BA_ENULL);
    EQUAL(ba_arena_alloc(&arena, 1, 0, &at), BA_EINVAL);
    EQUAL(ba_arena_alloc(&arena, 1, 24, &at), BA_EINVAL);
    EQUAL(ba_arena_alloc(&arena, 3, 1, &at), BA_OK);
    EQUAL(ba_arena_alloc(&arena, 64, 64, &at), BA_OK);
    EQUAL((unsigned char *)at - memory, 64);
    EQUAL(memory[64] | memory[127], 0);
    EQUAL(ba_arena_alloc(&arena, 129, 1, &at), BA_EFULL);
    EQUAL(ba_arena_alloc(&arena, whole_memory, 1, &at), BA_EFULL);
    EQUAL(ba_arena_alloc(&arena, 128, 1, &at), BA_OK);
    EQUAL(arena.used, 256);
    EQUAL(ba_arena_rewind(NULL, 0), BA_ENULL);
    EQUAL(ba_arena_rewind(&arena, 257), BA_ERANGE);
    EQUAL(ba_arena_rewind(&arena, 255), BA_OK);
    EQUAL(ba_arena_alloc(&arena, 0, 64, &at), BA_OK);
    EQUAL(ba_arena_rewind(&arena, 255), BA_OK);
    EQUAL(ba_arena_alloc(&arena, 1, 1, &at), BA_OK);
    EQUAL(ba_arena_rewind(&arena, 193), BA_OK);
    arena.bytes = 200; /* too little to reach the next line */
    EQUAL(ba_arena_alloc(&arena, 0, 64, &at), BA_EFULL);
    free(memory);
}

static void trace_refuses(void) {
    struct ba_trace *trace = NULL;
    struct ba_signal signal = {.kind = 1, .size = 25};
    struct ba_record record;
    uint64_t position = 0;
    char state[8] = {0};
    unsigned char *memory = memory_of(1024);
    struct ba_trace *zeroed = (struct ba_trace *)(void *)memory;
    EQUAL(ba_trace_bytes(0) + ba_trace_bytes(3) + ba_trace_bytes(BA_TRACE_RECORDS_MAX * 2), 0);
    EQUAL(ba_trace_bytes(4), 64 + 256);
    EQUAL(ba_trace_init(NULL, 1024, 4, &trace), BA_ENULL);
    EQUAL(ba_trace_init(memory, 1024, 4, NULL), BA_ENULL);
    EQUAL(ba_trace_init(memory + 1, 1023, 4, &trace), BA_EALIGN);
    EQUAL(ba_trace_init(memory, 1024, 5, &trace), BA_EINVAL);
    EQUAL(ba_trace_init(memory, 319, 4, &trace), BA_ERANGE);
    EQUAL(ba_trace_signal(zeroed, &signal), BA_EMODE);
    EQUAL(ba_trace_change(zeroed, state, 8, 0, "x", 1), BA_EMODE);
    EQUAL(ba_trace_back(zeroed, state, 8), BA_EMODE);
    EQUAL(ba_trace_forward(zeroed, state, 8), BA_EMODE);
    EQUAL(ba_trace_export(zeroed, &position, &record), BA_EMODE);
    EQUAL(ba_trace_init(memory, 1024, 4, &trace), BA_OK);
    EQUAL(ba_trace_signal(NULL, &signal), BA_ENULL);
    EQUAL(ba_trace_signal(trace, NULL), BA_ENULL);
    EQUAL(ba_trace_signal(trace, &signal), BA_EINVAL);
    EQUAL(ba_trace_change(NULL, state, 8, 0, "x", 1), BA_ENULL);
    EQUAL(ba_trace_change(trace, NULL, 8, 0, "x", 1), BA_ENULL);
    EQUAL(ba_trace_change(trace, state, 8, 0, NULL, 1), BA_ENULL);
    EQUAL(ba_trace_change(trace, state, 8, 9, "x", 0), BA_ERANGE);
    EQUAL(ba_trace_change(trace, state, 8, 8, "x", 1), BA_ERANGE);
    EQUAL(ba_trace_change(trace, state, 8, 0, "x", UINT32_MAX), BA_ERANGE);
    EQUAL(ba_trace_back(NULL, state, 8), BA_ENULL);
    EQUAL(ba_trace_back(trace, NULL, 8), BA_ENULL);
    EQUAL(ba_trace_back(trace, state, 8), BA_EEMPTY);
    EQUAL(ba_trace_forward(NULL, state, 8), BA_ENULL);
    EQUAL(ba_trace_forward(trace, NULL, 8), BA_ENULL);
    EQUAL(ba_trace_forward(trace, state, 8), BA_EEMPTY);
    EQUAL(ba_trace_export(NULL, &position, &record), BA_ENULL);
    EQUAL(ba_trace_export(trace, NULL, &record), BA_ENULL);
    EQUAL(ba_trace_export(trace, &position, NULL), BA_ENULL);
    EQUAL(ba_trace_export(trace, &position, &record), BA_EEMPTY);
    free(memory);
}

static void trace_steps_back_and_forward(void) {
    size_t bytes = ba_trace_bytes(8);
    struct ba_trace *trace;
    struct ba_signal signal = {.kind = 9, .flags = 2, .size = 3, .source = 11, .destination = 12, .sequence = 77};
    char state[64] = "before", first[64], last[64];
    memcpy(signal.payload.bytes, "abcdef", 6);
    memcpy(first, state, 64);
    EQUAL(ba_trace_init(memory_of(bytes), bytes, 8, &trace), BA_OK);
    EQUAL(ba_trace_signal(trace, &signal), BA_OK);
    EQUAL(ba_trace_change(trace, state, 64, 0, "a long value of forty-eight bytes, two records..", 48), BA_OK);
    EQUAL(ba_trace_change(trace, state, 64, 60, "end", 4), BA_OK);
    EQUAL(ba_trace_change(trace, state, 64, 2, state, 10), BA_OK); /* from the state itself */
    memcpy(last, state, 64);
    struct ba_record record;
    uint64_t position = 0;
    EQUAL(ba_trace_export(trace, &position, &record), BA_OK);
    EQUAL(record.type, BA_RECORD_SIGNAL);
    EQUAL(record.sequence, 77);
    EQUAL(record.kind, 9);
    EQUAL(record.before[0] | record.before[8] << 8 | record.before[16] << 16 | record.before[18] << 24,
          11 | 12 << 8 | 3 << 16 | 2 << 24);
    EQUAL(memcmp(record.after, "abc\0\0\0", 6), 0); /* only what is in use */
    for (int i = 0; i < 5; i++) EQUAL(ba_trace_back(trace, state, 64), BA_OK);
    EQUAL(memcmp(state, first, 64), 0);
    EQUAL(ba_trace_back(trace, state, 64), BA_EEMPTY);
    for (int i = 0; i < 5; i++) EQUAL(ba_trace_forward(trace, state, 64), BA_OK);
    EQUAL(memcmp(state, last, 64), 0);
    EQUAL(ba_trace_forward(trace, state, 64), BA_EEMPTY);
    state[3]++;
    EQUAL(ba_trace_back(trace, state, 64), BA_ESTATE);
    EQUAL(ba_trace_back(trace, state, 1), BA_ERANGE);
    EQUAL(ba_trace_back(trace, state, 5), BA_ERANGE);
    state[3]--;
    EQUAL(ba_trace_back(trace, state, 64), BA_OK);
    state[3]++;
    EQUAL(ba_trace_forward(trace, state, 64), BA_ESTATE);
    for (int i = 0; i < 20; i++) EQUAL(ba_trace_change(trace, state, 64, 8, &i, 4), BA_OK);
    EQUAL(ba_trace_export(trace, &position, &record), BA_ELOST);
    EQUAL(position, trace->end - 8);
    for (int i = 0; i < 8; i++) EQUAL(ba_trace_back(trace, state, 64), BA_OK);
    EQUAL(ba_trace_back(trace, state, 64), BA_EEMPTY);
    free(trace);
}

void test_parts(void) {
    telemetry_keeps_the_last();
    pool_refuses();
    pool_takes_and_gives();
    arena_allocates_and_rewinds();
    trace_refuses();
    trace_steps_back_and_forward();
}
