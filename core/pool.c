/* pool.c: fixed-block pools and arenas of pool.h. */
#include "bitactor/pool.h"

/* block_at returns the address of block [index]. */
static unsigned char *block_at(struct ba_pool *pool, uint32_t index) {
    return (unsigned char *)pool + pool->blocks_offset + (size_t)index * pool->block_bytes;
}

static size_t blocks_offset(uint32_t blocks) {
    size_t states = (size_t)blocks * sizeof(struct ba_pool_state);
    return BA_POOL_BYTES + (states + BA_LINE_BYTES - 1) / BA_LINE_BYTES * BA_LINE_BYTES;
}

BA_API size_t ba_pool_bytes(uint32_t blocks, uint32_t block_bytes) {
    if (blocks == 0 || blocks > BA_POOL_BLOCKS_MAX) return 0;
    if (block_bytes == 0 || block_bytes > BA_POOL_BLOCK_BYTES_MAX || block_bytes % BA_LINE_BYTES != 0) return 0;
    size_t bytes = blocks_offset(blocks) + (size_t)blocks * block_bytes;
    return bytes <= UINT32_MAX ? bytes : 0;
}

#if BA_DEBUG
static void poison(struct ba_pool *pool, uint32_t index) { memset(block_at(pool, index), BA_POISON, pool->block_bytes); }

static int is_poisoned(struct ba_pool *pool, uint32_t index) {
    const unsigned char *block = block_at(pool, index);
    unsigned char differs = 0;
    for (uint32_t i = 0; i < pool->block_bytes; i++) differs = (unsigned char)(differs | (block[i] ^ BA_POISON));
    return differs == 0;
}
#else
static void poison(struct ba_pool *pool, uint32_t index) { (void)pool, (void)index; }
#endif

BA_API int ba_pool_init(void *memory, size_t bytes, uint32_t blocks, uint32_t block_bytes, struct ba_pool **out) {
    if (memory == NULL || out == NULL) return BA_ENULL;
    if ((uintptr_t)memory % BA_LINE_BYTES != 0) return BA_EALIGN;
    size_t need = ba_pool_bytes(blocks, block_bytes);
    if (need == 0) return BA_EINVAL;
    if (bytes < need) return BA_ERANGE;
    struct ba_pool *pool = memory;
    memset(memory, 0, blocks_offset(blocks));
    pool->blocks = blocks;
    pool->block_bytes = block_bytes;
    pool->blocks_offset = (uint32_t)blocks_offset(blocks);
    for (uint32_t i = 0; i < blocks; i++) {
        ba_set_relaxed32(&pool->state[i].next, i + 1 < blocks ? i + 1 : BA_NO_BLOCK);
        poison(pool, i);
    }
    ba_set_relaxed32(&pool->returned, BA_NO_BLOCK);
    pool->magic = BA_POOL_MAGIC;
    *out = pool;
    return BA_OK;
}

BA_API int ba_pool_take(struct ba_pool *pool, uint64_t *handle, void **block) {
    if (pool == NULL || handle == NULL || block == NULL) return BA_ENULL;
    if (pool->magic != BA_POOL_MAGIC) return BA_EMODE;
    if (pool->free == BA_NO_BLOCK) pool->free = ba_swap_acquire32(&pool->returned, BA_NO_BLOCK);
    uint32_t index = pool->free;
    if (index == BA_NO_BLOCK) {
        ba_add_owned64(&pool->exhausted, 1);
        return BA_EFULL;
    }
    struct ba_pool_state *state = &pool->state[index];
    pool->free = ba_relaxed32(&state->next);
#if BA_DEBUG
    if (!is_poisoned(pool, index)) return BA_ECORRUPT;
#endif
    uint32_t generation = ba_relaxed32(&state->generation) + 1;
    ba_release32(&state->generation, generation);
    ba_add_owned64(&pool->taken, 1);
    uint64_t in_use = ba_relaxed64(&pool->taken) - ba_relaxed64(&pool->given);
    if (in_use > ba_relaxed64(&pool->in_use_max)) ba_set_relaxed64(&pool->in_use_max, in_use);
    *handle = (uint64_t)generation << 32 | index;
    *block = block_at(pool, index);
    return BA_OK;
}

BA_API int ba_pool_give(struct ba_pool *pool, uint64_t handle) {
    if (pool == NULL) return BA_ENULL;
    if (pool->magic != BA_POOL_MAGIC) return BA_EMODE;
    uint32_t index = (uint32_t)handle;
    uint32_t generation = (uint32_t)(handle >> 32);
    if (index >= pool->blocks) return BA_ERANGE;
    struct ba_pool_state *state = &pool->state[index];
    if (generation % 2 == 0 || !ba_retire32(&state->generation, generation, generation + 1)) return BA_ESTALE;
    poison(pool, index);
    ba_add_shared64(&pool->given, 1);
    uint32_t first = ba_relaxed32(&pool->returned);
    do {
        ba_set_relaxed32(&state->next, first);
    } while (!ba_publish32(&pool->returned, &first, index));
    return BA_OK;
}

BA_API int ba_pool_block(struct ba_pool *pool, uint64_t handle, void **block) {
    if (pool == NULL || block == NULL) return BA_ENULL;
    if (pool->magic != BA_POOL_MAGIC) return BA_EMODE;
    uint32_t index = (uint32_t)handle;
    uint32_t generation = (uint32_t)(handle >> 32);
    if (index >= pool->blocks) return BA_ERANGE;
    if (generation % 2 == 0 || ba_acquire32(&pool->state[index].generation) != generation) return BA_ESTALE;
    *block = block_at(pool, index);
    return BA_OK;
}

BA_API int ba_arena_init(struct ba_arena *arena, void *memory, size_t bytes) {
    if (arena == NULL || memory == NULL) return BA_ENULL;
    arena->memory = memory;
    arena->bytes = bytes;
    arena->used = 0;
    return BA_OK;
}

BA_API int ba_arena_alloc(struct ba_arena *arena, size_t bytes, size_t alignment, void **out) {
    if (arena == NULL || out == NULL) return BA_ENULL;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) return BA_EINVAL;
    uintptr_t at = (uintptr_t)(arena->memory + arena->used);
    size_t skip = (size_t)(-at & (alignment - 1));
    size_t left = arena->bytes - arena->used;
    if (skip > left || bytes > left - skip) return BA_EFULL;
    *out = arena->memory + arena->used + skip;
    memset(*out, 0, bytes);
    arena->used += skip + bytes;
    return BA_OK;
}

BA_API int ba_arena_rewind(struct ba_arena *arena, size_t used) {
    if (arena == NULL) return BA_ENULL;
    if (used > arena->used) return BA_ERANGE;
    arena->used = used;
    return BA_OK;
}
