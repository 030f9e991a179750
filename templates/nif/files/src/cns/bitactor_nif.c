/* bitactor_nif.c: the BitActor core (bitactor.h) as the functions of BitActor.NIF.
 *
 * Two resource types. A core is a ba_context with an inbox and a table of native
 * actors, 24 bytes each, that its handlers fold signals into. A pool is a ba_pool
 * with the bytes in use of each block. A batch is a binary of 64-byte signals as
 * they lie in C; it may have any alignment, so it is copied into the ring.
 *
 * Invariants
 *  1. All memory is enif_alloc's; no global or static variable is ever written.
 *  2. A resource has its own lock, held for one slice of work at most, and no
 *     function holds two.
 *  3. Every argument is checked before anything changes; a bad one raises badarg.
 *  4. A call on a normal scheduler works for about SLICE_US at most, then yields.
 *     Dirty are calibrate and the opening of a large core; neither holds the lock of
 *     a resource that another process can have.
 *  5. Binaries that are returned are bounded: SPLIT_SIGNALS_MAX signals, BLOCK_BYTES_MAX bytes.
 *  6. A new version of the library takes the resources over, or refuses to load
 *     when LAYOUT tells that their structures differ.
 */
#include <erl_nif.h>

#include "bitactor.h"

#define LAYOUT 1u               /* of struct core and struct pool; raise it when one changes */
#define ACTORS_MAX (1u << 20)
#define ACTORS_AT_ONCE 8192u    /* what open clears in a slice; more is dirty work */
#define SLOTS_MAX 512u          /* what fits a context beside its table */
#define SHIFT_MAX 6u
#define BATCH_SIGNALS_MAX 65536u
#define SPLIT_SIGNALS_MAX 2048u
#define PARTITIONS_MAX 64u
#define POOL_BLOCKS_MAX 16384u
#define BLOCK_BYTES_MAX 65536u
#define POOL_BYTES_MAX (64u << 20)
#define ROUNDS_SIGNALS_MAX (1u << 26)
#define CHUNK 512u              /* signals between two looks at the clock */
#define SLICE_US 50
#define TIMESLICE_US 1000       /* what enif_consume_timeslice takes as 100 percent */

/* One native actor: what its signals left. */
struct actor {
    uint64_t signals;
    uint64_t sum;      /* of the first payload word of each, modulo 2^64 */
    uint64_t sequence; /* of the last */
};

struct core {
    ErlNifMutex *lock;
    struct ba_context *context;
    struct actor *actor;
    uint32_t actors;
    uint32_t shift;      /* actor = destination >> shift */
    uint64_t misrouted;  /* signals for an actor that is not there */
    uint64_t malformed;  /* signals that claim more than 24 bytes of payload */
};

struct pool {
    ErlNifMutex *lock;
    void *allocated;
    struct ba_pool *pool;
    uint32_t *used;      /* bytes in use of each block */
    uint64_t id;         /* part of every handle, so that another pool's is refused */
    uint32_t bytes;      /* allocated */
};

/* What the library keeps for one loaded module instance. */
struct library {
    uint32_t layout;
    ErlNifResourceType *core, *pool;
    ERL_NIF_TERM ok, error;
    ERL_NIF_TERM enomem, closed, full, range, stale, foreign, too_large;
    ERL_NIF_TERM actors, slots, signals, unhandled, misrouted, malformed, waiting, overflow;
    ERL_NIF_TERM blocks, block_bytes, in_use, in_use_max, exhausted, bytes;
};

static const struct library *library(ErlNifEnv *env) { return enif_priv_data(env); }

static ERL_NIF_TERM ok(ErlNifEnv *env, ERL_NIF_TERM value) { return enif_make_tuple2(env, library(env)->ok, value); }

static ERL_NIF_TERM error(ErlNifEnv *env, ERL_NIF_TERM reason) {
    return enif_make_tuple2(env, library(env)->error, reason);
}

/* reason is the atom of what a core function answered. */
static ERL_NIF_TERM reason(ErlNifEnv *env, int code) {
    const struct library *lib = library(env);
    switch (code) {
    case BA_ECLOSED: return lib->closed;
    case BA_EFULL: return lib->full;
    case BA_ERANGE: return lib->range;
    case BA_ESTALE: return lib->stale;
    case BA_ENOMEM: return lib->enomem;
    default: return enif_make_atom(env, ba_error_name(code)); /* one of the few names of error.h */
    }
}

/* charge tells the scheduler what a call took. */
static void charge(ErlNifEnv *env, ErlNifTime elapsed_us) {
    ErlNifTime percent = elapsed_us * 100 / TIMESLICE_US;
    (void)enif_consume_timeslice(env, percent < 1 ? 1 : percent > 100 ? 100 : (int)percent);
}

static int get_uint_between(ErlNifEnv *env, ERL_NIF_TERM term, uint32_t min, uint32_t max, uint32_t *out) {
    unsigned int value;
    if (!enif_get_uint(env, term, &value) || value < min || value > max) return 0;
    *out = value;
    return 1;
}

static int get_uint64(ErlNifEnv *env, ERL_NIF_TERM term, uint64_t *out) {
    ErlNifUInt64 value;
    if (!enif_get_uint64(env, term, &value)) return 0;
    *out = value;
    return 1;
}

static int is_power_of_two(uint32_t value) { return value != 0 && (value & (value - 1)) == 0; }

/* get_batch reads a binary of whole signals and stores how many they are. */
static int get_batch(ErlNifEnv *env, ERL_NIF_TERM term, uint32_t signals_max, ErlNifBinary *out, uint32_t *count) {
    if (!enif_inspect_binary(env, term, out)) return 0;
    if (out->size % BA_SIGNAL_BYTES != 0 || out->size / BA_SIGNAL_BYTES > signals_max) return 0;
    *count = (uint32_t)(out->size / BA_SIGNAL_BYTES);
    return 1;
}

static int get_core(ErlNifEnv *env, ERL_NIF_TERM term, struct core **out) {
    void *object;
    if (!enif_get_resource(env, term, library(env)->core, &object)) return 0;
    *out = object;
    return 1;
}

static int get_pool(ErlNifEnv *env, ERL_NIF_TERM term, struct pool **out) {
    void *object;
    if (!enif_get_resource(env, term, library(env)->pool, &object)) return 0;
    *out = object;
    return 1;
}

/* ---- the memory of resources ---- */

static void *vm_alloc(void *self, size_t bytes) {
    (void)self;
    return enif_alloc(bytes);
}

static void vm_free(void *self, void *memory) {
    (void)self;
    enif_free(memory);
}

/* apply is the handler of DATA and of every application kind. */
static void apply(void *state, const struct ba_signal *signal) {
    struct core *core = state;
    const uint64_t index = signal->destination >> core->shift;
    if (BA_RARE(signal->size > BA_SIGNAL_PAYLOAD_BYTES)) {
        core->malformed++;
    } else if (BA_RARE(index >= core->actors)) {
        core->misrouted++;
    } else {
        struct actor *actor = &core->actor[index];
        actor->signals++;
        actor->sum += signal->payload.words[0];
        actor->sequence = signal->sequence;
    }
}

/* core_init fills a zeroed core; what it made is core_drop's to free, also when it
 * fails with BA_ENOMEM. */
static int core_init(struct core *core, uint32_t actors, uint32_t slots, uint32_t shift) {
    const struct ba_allocator allocator = {vm_alloc, vm_free, NULL};
    const struct ba_config config = {.inbox_slots = slots, .inbox_mode = BA_SPSC};
    core->actors = actors;
    core->shift = shift;
    core->lock = enif_mutex_create((char[]){"bitactor_core"});
    core->actor = enif_alloc((size_t)actors * sizeof *core->actor);
    if (core->lock == NULL || core->actor == NULL) return BA_ENOMEM;
    memset(core->actor, 0, (size_t)actors * sizeof *core->actor);
    int code = ba_init(&config, &allocator, &core->context);
    if (code != BA_OK) return code;
    (void)ba_on(core->context, BA_KIND_DATA, apply, core);
    for (uint32_t kind = BA_FIRST_USER_KIND; kind < BA_KINDS; kind++) (void)ba_on(core->context, kind, apply, core);
    return BA_OK;
}

static void core_drop(ErlNifEnv *env, void *object) {
    (void)env;
    struct core *core = object;
    if (core->context != NULL) (void)ba_free(core->context);
    if (core->actor != NULL) enif_free(core->actor);
    if (core->lock != NULL) enif_mutex_destroy(core->lock);
}

static int pool_init(struct pool *pool, uint32_t blocks, uint32_t block_bytes, uint64_t id) {
    const size_t bytes = ba_pool_bytes(blocks, block_bytes);
    const size_t sizes = blocks * sizeof *pool->used;
    pool->id = id;
    pool->bytes = (uint32_t)(bytes + sizes + BA_LINE_BYTES);
    pool->lock = enif_mutex_create((char[]){"bitactor_pool"});
    pool->allocated = enif_alloc(bytes + BA_LINE_BYTES);
    pool->used = enif_alloc(sizes);
    if (pool->lock == NULL || pool->allocated == NULL || pool->used == NULL) return BA_ENOMEM;
    memset(pool->used, 0, sizes);
    unsigned char *memory = pool->allocated;
    memory += -(uintptr_t)memory & (BA_LINE_BYTES - 1);
    return ba_pool_init(memory, bytes, blocks, block_bytes, &pool->pool);
}

static void pool_drop(ErlNifEnv *env, void *object) {
    (void)env;
    struct pool *pool = object;
    if (pool->allocated != NULL) enif_free(pool->allocated);
    if (pool->used != NULL) enif_free(pool->used);
    if (pool->lock != NULL) enif_mutex_destroy(pool->lock);
}

/* ---- cores ---- */

/* open(Actors, Slots, Shift) -> {ok, Core} | {error, enomem} */
static ERL_NIF_TERM nif_open(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    uint32_t actors, slots, shift;
    if (!get_uint_between(env, argv[0], 1, ACTORS_MAX, &actors) ||
        !get_uint_between(env, argv[1], BA_RING_SLOTS_MIN, SLOTS_MAX, &slots) || !is_power_of_two(slots) ||
        !get_uint_between(env, argv[2], 0, SHIFT_MAX, &shift)) {
        return enif_make_badarg(env);
    }
    if (actors > ACTORS_AT_ONCE && enif_thread_type() == ERL_NIF_THR_NORMAL_SCHEDULER) {
        return enif_schedule_nif(env, "open", ERL_NIF_DIRTY_JOB_CPU_BOUND, nif_open, argc, argv);
    }
    struct core *core = enif_alloc_resource(library(env)->core, sizeof *core);
    if (core == NULL) return error(env, library(env)->enomem);
    memset(core, 0, sizeof *core);
    int code = core_init(core, actors, slots, shift);
    ERL_NIF_TERM term = code == BA_OK ? ok(env, enif_make_resource(env, core)) : error(env, reason(env, code));
    enif_release_resource(core);
    charge(env, SLICE_US);
    return term;
}

/* feed copies signals into the inbox as one span and returns how many, or the
 * error of the reserve. */
static int feed(struct ba_ring *inbox, const unsigned char *signals, uint32_t count, uint32_t *fed) {
    struct ba_span span;
    *fed = 0;
    int code = ba_spsc_reserve(inbox, count, &span);
    if (code != BA_OK) return code;
    for (uint32_t i = 0; i < span.count; i++, signals += BA_SIGNAL_BYTES) {
        const size_t after_turn = offsetof(struct ba_signal, source);
        memcpy((char *)&span.slot[i], signals, offsetof(struct ba_signal, turn));
        memcpy((char *)&span.slot[i] + after_turn, signals + after_turn, BA_SIGNAL_BYTES - after_turn);
    }
    *fed = span.count;
    return ba_spsc_commit(inbox, span.count);
}

/* drain_all handles what waits in the inbox. */
static void drain_all(struct core *core, struct ba_ring *inbox) {
    uint32_t handled;
    while (ba_drain(core->context, inbox, SLOTS_MAX, &handled) == BA_OK) {
    }
}

/* handle puts signals through the inbox, behind those that wait there. BA_ECLOSED,
 * with all those handled that waited. */
static int handle(struct core *core, const unsigned char *signals, uint32_t count) {
    struct ba_ring *inbox = ba_inbox(core->context);
    drain_all(core, inbox);
    while (count > 0) {
        uint32_t fed;
        int code = feed(inbox, signals, count, &fed);
        if (code != BA_OK) return code;
        drain_all(core, inbox);
        signals += (size_t)fed * BA_SIGNAL_BYTES;
        count -= fed;
    }
    return BA_OK;
}

static ERL_NIF_TERM process_rest(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]);

/* process_from handles a batch from signal [done] on for one slice, then yields. */
static ERL_NIF_TERM process_from(ErlNifEnv *env, const ERL_NIF_TERM argv[], uint32_t done) {
    struct core *core;
    ErlNifBinary batch;
    uint32_t count;
    if (!get_core(env, argv[0], &core) || !get_batch(env, argv[1], BATCH_SIGNALS_MAX, &batch, &count)) {
        return enif_make_badarg(env);
    }
    const int small = count <= CHUNK;
    const ErlNifTime begin = small ? 0 : enif_monotonic_time(ERL_NIF_USEC);
    ErlNifTime elapsed_us = small ? count / 32 : 0;
    int code = BA_OK;
    enif_mutex_lock(core->lock);
    do {
        const uint32_t chunk = count - done < CHUNK ? count - done : CHUNK;
        code = handle(core, batch.data + (size_t)done * BA_SIGNAL_BYTES, chunk);
        if (code != BA_OK) break;
        done += chunk;
        if (!small) elapsed_us = enif_monotonic_time(ERL_NIF_USEC) - begin;
    } while (done < count && elapsed_us < SLICE_US);
    enif_mutex_unlock(core->lock);
    if (count >= 32) charge(env, elapsed_us);
    if (code != BA_OK && done == 0) return error(env, reason(env, code));
    if (code != BA_OK || done == count) return ok(env, enif_make_uint(env, done));
    const ERL_NIF_TERM rest[] = {argv[0], argv[1], enif_make_uint(env, done)};
    return enif_schedule_nif(env, "process_rest", 0, process_rest, 3, rest);
}

static ERL_NIF_TERM process_rest(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    uint32_t done;
    if (!get_uint_between(env, argv[2], 0, BATCH_SIGNALS_MAX, &done)) return enif_make_badarg(env);
    return process_from(env, argv, done);
}

/* process(Core, Batch) -> {ok, Handled} | {error, closed} */
static ERL_NIF_TERM nif_process(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    return process_from(env, argv, 0);
}

/* push(Core, Batch) -> {ok, Accepted} | {error, closed} */
static ERL_NIF_TERM nif_push(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    struct core *core;
    ErlNifBinary batch;
    uint32_t count, accepted = 0;
    if (!get_core(env, argv[0], &core) || !get_batch(env, argv[1], BATCH_SIGNALS_MAX, &batch, &count)) {
        return enif_make_badarg(env);
    }
    enif_mutex_lock(core->lock);
    struct ba_ring *inbox = ba_inbox(core->context);
    int code = ba_acquire32(&inbox->closed) != 0 ? BA_ECLOSED : BA_OK;
    while (code == BA_OK && accepted < count) {
        uint32_t fed;
        code = feed(inbox, batch.data + (size_t)accepted * BA_SIGNAL_BYTES, count - accepted, &fed);
        accepted += fed;
    }
    enif_mutex_unlock(core->lock);
    if (accepted >= 32) charge(env, accepted / 64);
    return code == BA_ECLOSED ? error(env, library(env)->closed) : ok(env, enif_make_uint(env, accepted));
}

/* drain(Core, SignalsMax) -> {ok, Handled} | {error, closed} */
static ERL_NIF_TERM nif_drain(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    struct core *core;
    uint32_t most, done = 0, handled;
    if (!get_core(env, argv[0], &core) || !get_uint_between(env, argv[1], 1, BATCH_SIGNALS_MAX, &most)) {
        return enif_make_badarg(env);
    }
    enif_mutex_lock(core->lock);
    struct ba_ring *inbox = ba_inbox(core->context);
    int code = BA_OK;
    while (done < most && (code = ba_drain(core->context, inbox, most - done, &handled)) == BA_OK) done += handled;
    enif_mutex_unlock(core->lock);
    if (done >= 32) charge(env, done / 32);
    return code == BA_ECLOSED && done == 0 ? error(env, library(env)->closed) : ok(env, enif_make_uint(env, done));
}

/* actor(Core, Index) -> {ok, {Signals, Sum, Sequence}} | {error, range} */
static ERL_NIF_TERM nif_actor(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    struct core *core;
    uint64_t index;
    if (!get_core(env, argv[0], &core) || !get_uint64(env, argv[1], &index)) return enif_make_badarg(env);
    if (index >= core->actors) return error(env, library(env)->range);
    enif_mutex_lock(core->lock);
    const struct actor actor = core->actor[index];
    enif_mutex_unlock(core->lock);
    return ok(env, enif_make_tuple3(env, enif_make_uint64(env, actor.signals), enif_make_uint64(env, actor.sum),
                                    enif_make_uint64(env, actor.sequence)));
}

/* A field of an info map. */
struct field {
    ERL_NIF_TERM key;
    uint64_t value;
};

static ERL_NIF_TERM map_of(ErlNifEnv *env, const struct field *field, size_t fields) {
    ERL_NIF_TERM map = enif_make_new_map(env);
    for (size_t i = 0; i < fields; i++) {
        (void)enif_make_map_put(env, map, field[i].key, enif_make_uint64(env, field[i].value), &map);
    }
    return map;
}

/* info(Core) -> map of counters */
static ERL_NIF_TERM nif_info(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    const struct library *lib = library(env);
    struct core *core;
    struct ba_snapshot seen;
    if (!get_core(env, argv[0], &core)) return enif_make_badarg(env);
    enif_mutex_lock(core->lock);
    (void)ba_snapshot(core->context, &seen);
    const struct field fields[] = {
        {lib->actors, core->actors},        {lib->slots, seen.inbox_slots},       {lib->signals, seen.signals},
        {lib->unhandled, seen.unhandled},   {lib->misrouted, core->misrouted},    {lib->malformed, core->malformed},
        {lib->waiting, seen.inbox_depth},   {lib->overflow, seen.inbox_overflow}, {lib->closed, seen.inbox_closed},
        {lib->bytes, core->context->bytes + (uint64_t)core->actors * sizeof *core->actor},
    };
    enif_mutex_unlock(core->lock);
    return map_of(env, fields, sizeof fields / sizeof *fields);
}

/* close(Core) -> ok */
static ERL_NIF_TERM nif_close(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    struct core *core;
    if (!get_core(env, argv[0], &core)) return enif_make_badarg(env);
    enif_mutex_lock(core->lock);
    (void)ba_close(core->context);
    enif_mutex_unlock(core->lock);
    return library(env)->ok;
}

/* partition_of is the low bits of a signal's destination. */
static uint32_t partition_of(const unsigned char *signal, uint32_t partitions) {
    return signal[offsetof(struct ba_signal, destination)] & (partitions - 1);
}

/* split(Batch, Partitions) -> tuple of batches, signals in their order */
static ERL_NIF_TERM nif_split(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    ErlNifBinary batch;
    uint32_t count, partitions, counts[PARTITIONS_MAX] = {0};
    unsigned char *next[PARTITIONS_MAX];
    ERL_NIF_TERM parts[PARTITIONS_MAX];
    if (!get_batch(env, argv[0], SPLIT_SIGNALS_MAX, &batch, &count) ||
        !get_uint_between(env, argv[1], 1, PARTITIONS_MAX, &partitions) || !is_power_of_two(partitions)) {
        return enif_make_badarg(env);
    }
    const unsigned char *end = batch.data + batch.size;
    for (const unsigned char *at = batch.data; at != end; at += BA_SIGNAL_BYTES) counts[partition_of(at, partitions)]++;
    for (uint32_t i = 0; i < partitions; i++) {
        next[i] = enif_make_new_binary(env, (size_t)counts[i] * BA_SIGNAL_BYTES, &parts[i]);
    }
    for (const unsigned char *at = batch.data; at != end; at += BA_SIGNAL_BYTES) {
        const uint32_t part = partition_of(at, partitions);
        memcpy(next[part], at, BA_SIGNAL_BYTES);
        next[part] += BA_SIGNAL_BYTES;
    }
    if (count >= 32) charge(env, count / 64);
    return enif_make_tuple_from_array(env, parts, partitions);
}

/* calibrate(Batch, Actors, Rounds) -> {ok, Nanoseconds} | {error, enomem}: the loop
 * of process alone, in C, on a core of its own. Dirty. */
static ERL_NIF_TERM nif_calibrate(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    ErlNifBinary batch;
    uint32_t count, actors, rounds;
    if (!get_batch(env, argv[0], BATCH_SIGNALS_MAX, &batch, &count) || count == 0 ||
        !get_uint_between(env, argv[1], 1, ACTORS_MAX, &actors) ||
        !get_uint_between(env, argv[2], 1, ROUNDS_SIGNALS_MAX / count, &rounds)) {
        return enif_make_badarg(env);
    }
    struct core core = {0};
    int code = core_init(&core, actors, SLOTS_MAX / 2, 0);
    const ErlNifTime begin = enif_monotonic_time(ERL_NIF_NSEC);
    for (uint32_t i = 0; code == BA_OK && i < rounds; i++) {
        code = handle(&core, batch.data, count);
        if (i % 1024 == 1023 && !enif_is_current_process_alive(env)) break;
    }
    const ErlNifTime elapsed_ns = enif_monotonic_time(ERL_NIF_NSEC) - begin;
    core_drop(env, &core);
    return code == BA_OK ? ok(env, enif_make_int64(env, elapsed_ns)) : error(env, reason(env, code));
}

/* ---- pools ---- */

/* pool_open(Blocks, BlockBytes) -> {ok, Pool} | {error, enomem} */
static ERL_NIF_TERM nif_pool_open(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    uint32_t blocks, block_bytes;
    if (!get_uint_between(env, argv[0], 1, POOL_BLOCKS_MAX, &blocks) ||
        !get_uint_between(env, argv[1], BA_LINE_BYTES, BLOCK_BYTES_MAX, &block_bytes)) {
        return enif_make_badarg(env);
    }
    const size_t bytes = ba_pool_bytes(blocks, block_bytes);
    if (bytes == 0 || (uint64_t)blocks * block_bytes > POOL_BYTES_MAX) return enif_make_badarg(env);
    uint64_t id;
    if (!get_uint64(env, enif_make_unique_integer(env, ERL_NIF_UNIQUE_POSITIVE), &id)) return enif_make_badarg(env);
    struct pool *pool = enif_alloc_resource(library(env)->pool, sizeof *pool);
    if (pool == NULL) return error(env, library(env)->enomem);
    memset(pool, 0, sizeof *pool);
    int code = pool_init(pool, blocks, block_bytes, id);
    ERL_NIF_TERM term = code == BA_OK ? ok(env, enif_make_resource(env, pool)) : error(env, reason(env, code));
    enif_release_resource(pool);
    charge(env, SLICE_US);
    return term;
}

/* get_handle reads {Id, Handle}. */
static int get_handle(ErlNifEnv *env, ERL_NIF_TERM term, uint64_t *id, uint64_t *handle) {
    const ERL_NIF_TERM *element;
    int arity;
    return enif_get_tuple(env, term, &arity, &element) && arity == 2 && get_uint64(env, element[0], id) &&
           get_uint64(env, element[1], handle);
}

/* pool_put(Pool, Binary) -> {ok, Handle} | {error, full | too_large} */
static ERL_NIF_TERM nif_pool_put(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    struct pool *pool;
    ErlNifBinary bytes;
    uint64_t handle;
    void *block;
    if (!get_pool(env, argv[0], &pool) || !enif_inspect_binary(env, argv[1], &bytes)) return enif_make_badarg(env);
    if (bytes.size > pool->pool->block_bytes) return error(env, library(env)->too_large);
    enif_mutex_lock(pool->lock);
    int code = ba_pool_take(pool->pool, &handle, &block);
    if (code == BA_OK) {
        if (bytes.size > 0) memcpy(block, bytes.data, bytes.size);
        pool->used[(uint32_t)handle] = (uint32_t)bytes.size;
    }
    enif_mutex_unlock(pool->lock);
    if (code != BA_OK) return error(env, reason(env, code));
    return ok(env, enif_make_tuple2(env, enif_make_uint64(env, pool->id), enif_make_uint64(env, handle)));
}

/* pool_get(Pool, Handle) -> {ok, Binary} | {error, stale | range | foreign} */
static ERL_NIF_TERM nif_pool_get(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    struct pool *pool;
    uint64_t id, handle;
    void *block;
    ERL_NIF_TERM copy = 0;
    if (!get_pool(env, argv[0], &pool) || !get_handle(env, argv[1], &id, &handle)) return enif_make_badarg(env);
    if (id != pool->id) return error(env, library(env)->foreign);
    enif_mutex_lock(pool->lock);
    int code = ba_pool_block(pool->pool, handle, &block);
    if (code == BA_OK) {
        const size_t used = pool->used[(uint32_t)handle];
        unsigned char *bytes = enif_make_new_binary(env, used, &copy);
        if (used > 0) memcpy(bytes, block, used);
    }
    enif_mutex_unlock(pool->lock);
    return code == BA_OK ? ok(env, copy) : error(env, reason(env, code));
}

/* pool_give(Pool, Handle) -> ok | {error, stale | range | foreign}; the bytes are
 * cleared, so that no later block shows them. */
static ERL_NIF_TERM nif_pool_give(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    struct pool *pool;
    uint64_t id, handle;
    void *block;
    if (!get_pool(env, argv[0], &pool) || !get_handle(env, argv[1], &id, &handle)) return enif_make_badarg(env);
    if (id != pool->id) return error(env, library(env)->foreign);
    enif_mutex_lock(pool->lock);
    int code = ba_pool_block(pool->pool, handle, &block);
    if (code == BA_OK) {
        memset(block, 0, pool->used[(uint32_t)handle]);
        code = ba_pool_give(pool->pool, handle);
    }
    enif_mutex_unlock(pool->lock);
    return code == BA_OK ? library(env)->ok : error(env, reason(env, code));
}

/* pool_info(Pool) -> map of counters */
static ERL_NIF_TERM nif_pool_info(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    const struct library *lib = library(env);
    struct pool *pool;
    if (!get_pool(env, argv[0], &pool)) return enif_make_badarg(env);
    enif_mutex_lock(pool->lock);
    const struct ba_pool *p = pool->pool;
    const struct field fields[] = {
        {lib->blocks, p->blocks},
        {lib->block_bytes, p->block_bytes},
        {lib->in_use, ba_relaxed64(&p->taken) - ba_relaxed64(&p->given)},
        {lib->in_use_max, ba_relaxed64(&p->in_use_max)},
        {lib->exhausted, ba_relaxed64(&p->exhausted)},
        {lib->bytes, pool->bytes},
    };
    enif_mutex_unlock(pool->lock);
    return map_of(env, fields, sizeof fields / sizeof *fields);
}

/* ---- load, upgrade, unload ---- */

static void name_atoms(ErlNifEnv *env, struct library *lib) {
    const struct {
        ERL_NIF_TERM *atom;
        const char *name;
    } atoms[] = {
        {&lib->ok, "ok"}, {&lib->error, "error"}, {&lib->enomem, "enomem"}, {&lib->closed, "closed"},
        {&lib->full, "full"}, {&lib->range, "range"}, {&lib->stale, "stale"}, {&lib->foreign, "foreign"},
        {&lib->too_large, "too_large"}, {&lib->actors, "actors"}, {&lib->slots, "slots"},
        {&lib->signals, "signals"}, {&lib->unhandled, "unhandled"}, {&lib->misrouted, "misrouted"},
        {&lib->malformed, "malformed"}, {&lib->waiting, "waiting"}, {&lib->overflow, "overflow"},
        {&lib->blocks, "blocks"}, {&lib->block_bytes, "block_bytes"}, {&lib->in_use, "in_use"},
        {&lib->in_use_max, "in_use_max"}, {&lib->exhausted, "exhausted"}, {&lib->bytes, "bytes"},
    };
    for (size_t i = 0; i < sizeof atoms / sizeof *atoms; i++) *atoms[i].atom = enif_make_atom(env, atoms[i].name);
}

static int load(ErlNifEnv *env, void **priv_data, ERL_NIF_TERM info) {
    (void)info;
    const ErlNifResourceFlags flags = ERL_NIF_RT_CREATE | ERL_NIF_RT_TAKEOVER;
    struct library *lib = enif_alloc(sizeof *lib);
    if (lib == NULL) return 1;
    memset(lib, 0, sizeof *lib);
    lib->layout = LAYOUT;
    lib->core = enif_open_resource_type(env, NULL, "bitactor_core", core_drop, flags, NULL);
    lib->pool = enif_open_resource_type(env, NULL, "bitactor_pool", pool_drop, flags, NULL);
    if (lib->core == NULL || lib->pool == NULL) {
        enif_free(lib);
        return 2;
    }
    name_atoms(env, lib);
    *priv_data = lib;
    return 0;
}

static int upgrade(ErlNifEnv *env, void **priv_data, void **old_priv_data, ERL_NIF_TERM info) {
    const struct library *old = *old_priv_data;
    if (old->layout != LAYOUT) return 3;
    return load(env, priv_data, info);
}

static void unload(ErlNifEnv *env, void *priv_data) {
    (void)env;
    enif_free(priv_data);
}

/* version() -> {Major, Minor} of the C core */
static ERL_NIF_TERM nif_version(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc, (void)argv;
    return enif_make_tuple2(env, enif_make_uint(env, BA_VERSION_MAJOR), enif_make_uint(env, BA_VERSION_MINOR));
}

static ErlNifFunc functions[] = {
    {"version", 0, nif_version, 0},
    {"open", 3, nif_open, 0},
    {"process", 2, nif_process, 0},
    {"push", 2, nif_push, 0},
    {"drain", 2, nif_drain, 0},
    {"actor", 2, nif_actor, 0},
    {"info", 1, nif_info, 0},
    {"close", 1, nif_close, 0},
    {"split", 2, nif_split, 0},
    {"calibrate", 3, nif_calibrate, ERL_NIF_DIRTY_JOB_CPU_BOUND},
    {"pool_open", 2, nif_pool_open, 0},
    {"pool_put", 2, nif_pool_put, 0},
    {"pool_get", 2, nif_pool_get, 0},
    {"pool_give", 2, nif_pool_give, 0},
    {"pool_info", 1, nif_pool_info, 0},
};

ERL_NIF_INIT(Elixir.BitActor.NIF, functions, load, NULL, upgrade, unload)
