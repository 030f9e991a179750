/* order.h: every atomic access of the core, and nothing else.
 *
 * No other file names an atomic_ function or a memory order, so this page is
 * what has to be read (and what core/model-check models) to judge the ordering.
 * The words are those of C11, section 5.1.2.4:
 *
 *   A release store makes all that its thread wrote before it visible to a
 *   thread whose acquire load reads that store (or a later one of the release
 *   sequence). A relaxed access is atomic and orders nothing. A release fence
 *   orders all earlier writes before any later relaxed store; an acquire fence
 *   orders any earlier relaxed load before all later reads.
 *
 * On x86-64 a release store and an acquire load are plain moves; on arm64 they
 * are STLR and LDAR. Read-modify-write operations are lock-prefixed on x86-64.
 */
#ifndef BITACTOR_ORDER_H
#define BITACTOR_ORDER_H

#include <stdatomic.h>
#include <stdint.h>

/* The two kinds of shared word. A 64-bit word must be lock-free: a lock would be
 * invisible to a reader in another process or to Go. */
typedef _Atomic uint32_t ba_atomic32;
typedef _Atomic uint64_t ba_atomic64;

_Static_assert(sizeof(ba_atomic32) == 4 && sizeof(ba_atomic64) == 8, "atomics have the size of their integers");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "atomics are lock-free");

/* Relaxed: counters with one writer, and a side's own index. */
static inline uint32_t ba_relaxed32(const ba_atomic32 *word) {
    return atomic_load_explicit(word, memory_order_relaxed);
}
static inline uint64_t ba_relaxed64(const ba_atomic64 *word) {
    return atomic_load_explicit(word, memory_order_relaxed);
}
static inline void ba_set_relaxed32(ba_atomic32 *word, uint32_t value) {
    atomic_store_explicit(word, value, memory_order_relaxed);
}
static inline void ba_set_relaxed64(ba_atomic64 *word, uint64_t value) {
    atomic_store_explicit(word, value, memory_order_relaxed);
}
/* ba_add_owned64 adds to a counter that only the calling thread writes: a plain
 * add, where an atomic read-modify-write would cost a locked instruction. */
static inline void ba_add_owned64(ba_atomic64 *word, uint64_t amount) {
    ba_set_relaxed64(word, ba_relaxed64(word) + amount);
}
static inline void ba_add_shared64(ba_atomic64 *word, uint64_t amount) {
    atomic_fetch_add_explicit(word, amount, memory_order_relaxed);
}

/* Acquire and release: the other side's index, a slot's turn, a generation. */
static inline uint32_t ba_acquire32(const ba_atomic32 *word) {
    return atomic_load_explicit(word, memory_order_acquire);
}
static inline uint64_t ba_acquire64(const ba_atomic64 *word) {
    return atomic_load_explicit(word, memory_order_acquire);
}
static inline void ba_release32(ba_atomic32 *word, uint32_t value) {
    atomic_store_explicit(word, value, memory_order_release);
}
static inline void ba_release64(ba_atomic64 *word, uint64_t value) {
    atomic_store_explicit(word, value, memory_order_release);
}
static inline void ba_fence_acquire(void) { atomic_thread_fence(memory_order_acquire); }
static inline void ba_fence_release(void) { atomic_thread_fence(memory_order_release); }

/* Read-modify-write. ba_swap_* returns what was there. ba_claim64 and
 * ba_publish32 return true when [word] held [expected] and now holds [value];
 * they may fail spuriously, so they stand in loops. */
static inline uint32_t ba_swap_acquire32(ba_atomic32 *word, uint32_t value) {
    return atomic_exchange_explicit(word, value, memory_order_acquire);
}
static inline int ba_claim64(ba_atomic64 *word, uint64_t *expected, uint64_t value) {
    return atomic_compare_exchange_weak_explicit(word, expected, value, memory_order_relaxed, memory_order_relaxed);
}
static inline int ba_publish32(ba_atomic32 *word, uint32_t *expected, uint32_t value) {
    return atomic_compare_exchange_weak_explicit(word, expected, value, memory_order_release, memory_order_relaxed);
}
/* ba_retire32 never fails spuriously: its failure is an answer. */
static inline int ba_retire32(ba_atomic32 *word, uint32_t expected, uint32_t value) {
    return atomic_compare_exchange_strong_explicit(word, &expected, value, memory_order_acq_rel, memory_order_relaxed);
}
static inline void ba_set_bits64(ba_atomic64 *word, uint64_t bits) {
    atomic_fetch_or_explicit(word, bits, memory_order_relaxed);
}

#endif
