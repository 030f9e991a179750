/* pool.h: fixed blocks for payloads over 24 bytes, and arenas.
 *
 * A pool is one piece of memory without pointers: BA_POOL_BYTES, a line of state
 * per block, then the blocks. A block is named by a handle, which fits a signal:
 * block index in the low 32 bits, generation in the high. A generation is odd
 * while its block is taken, so a handle given back twice, or kept too long, is
 * found in every build (BA_ESTALE). With BA_DEBUG=1 a free block is filled with
 * BA_POISON and found written to when it is next taken (BA_ECORRUPT).
 *
 * Threading: one owner takes; any thread gives back and looks up. Given blocks
 * gather on a stack that the owner empties as a whole, so the stack has no ABA
 * problem. Memory order: generation: acq_rel compare-and-swap by give, acquire by
 * look-up; returned: release by give, acquire by take; counters: relaxed.
 */
#ifndef BITACTOR_POOL_H
#define BITACTOR_POOL_H

#include "error.h"
#include "ring.h"

#define BA_POOL_MAGIC 0x4f504142u /* "BAPO" */
#define BA_POOL_BYTES 256u
#define BA_POOL_BLOCKS_MAX (1u << 24)
#define BA_POOL_BLOCK_BYTES_MAX (1u << 20)
#define BA_POISON 0xdbu
#define BA_NO_BLOCK UINT32_MAX

struct ba_pool_state {
    ba_atomic32 generation; /* odd = taken */
    ba_atomic32 next;       /* the next free block, or BA_NO_BLOCK */
};

struct ba_pool {
    uint32_t magic;
    uint32_t blocks;
    uint32_t block_bytes;   /* a multiple of 64 */
    uint32_t blocks_offset; /* from the pool to block 0 */
    uint8_t pad_shared[112];
    /* the owner's line */
    uint32_t free;          /* first of the owner's free list */
    uint32_t zero_owner;
    ba_atomic64 taken;      /* blocks ever taken */
    ba_atomic64 exhausted;  /* takes answered with BA_EFULL */
    ba_atomic64 in_use_max;
    uint8_t pad_owner[32];
    /* the givers' line */
    ba_atomic32 returned;   /* first of the stack of given blocks */
    uint32_t zero_givers;
    ba_atomic64 given;      /* blocks ever given back */
    uint8_t pad_givers[48];
    struct ba_pool_state state[];
};

_Static_assert(sizeof(struct ba_pool) == BA_POOL_BYTES, "a pool's head is four lines");
_Static_assert(offsetof(struct ba_pool, free) == 128, "the owner's line at 128");
_Static_assert(offsetof(struct ba_pool, returned) == 192, "the givers' line at 192");
_Static_assert(sizeof(struct ba_pool_state) == 8, "eight states a line");

/* ba_pool_bytes returns the bytes of a pool, or 0 when [blocks] is not 1 to
 * BA_POOL_BLOCKS_MAX or [block_bytes] not a multiple of 64 up to
 * BA_POOL_BLOCK_BYTES_MAX, or the whole passes 4 GB. */
BA_API size_t ba_pool_bytes(uint32_t blocks, uint32_t block_bytes);

/* ba_pool_init makes [memory] a pool. BA_ENULL, BA_EALIGN, BA_EINVAL, BA_ERANGE:
 * [bytes] is less than ba_pool_bytes. */
BA_API int ba_pool_init(void *memory, size_t bytes, uint32_t blocks, uint32_t block_bytes, struct ba_pool **out);

/* ba_pool_take gives the owner a block and its handle; its bytes are what they
 * were (BA_POISON in debug builds). BA_ENULL, BA_EMODE, BA_EFULL: none free,
 * BA_ECORRUPT: the block was written to while free; it is not given out again. */
BA_API int ba_pool_take(struct ba_pool *pool, uint64_t *handle, void **block);

/* ba_pool_give takes a block back, from any thread. BA_ENULL, BA_EMODE,
 * BA_ERANGE: no such block, BA_ESTALE: given back before, or never taken. */
BA_API int ba_pool_give(struct ba_pool *pool, uint64_t handle);

/* ba_pool_block finds the block of a handle. BA_ENULL, BA_EMODE, BA_ERANGE,
 * BA_ESTALE. */
BA_API int ba_pool_block(struct ba_pool *pool, uint64_t handle, void **block);

/* An arena hands out pieces of one memory and takes them back all at once. One
 * thread. It keeps a pointer, so it does not lie in shared memory. */
struct ba_arena {
    unsigned char *memory;
    size_t bytes;
    size_t used;
};

/* ba_arena_init: BA_ENULL; the memory stays the caller's. */
BA_API int ba_arena_init(struct ba_arena *arena, void *memory, size_t bytes);

/* ba_arena_alloc gives [bytes] bytes, zeroed, aligned to [alignment], a power of
 * two. BA_ENULL, BA_EINVAL: alignment, BA_EFULL. */
BA_API int ba_arena_alloc(struct ba_arena *arena, size_t bytes, size_t alignment, void **out);

/* ba_arena_rewind frees all that was allocated after arena->used was [used]
 * (0: everything). BA_ENULL, BA_ERANGE: [used] is more than is used. */
BA_API int ba_arena_rewind(struct ba_arena *arena, size_t used);

#endif
