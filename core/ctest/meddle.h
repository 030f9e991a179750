/* meddle.h: another thread's step at a chosen moment, in one thread.
 *
 * Included before the sources, it puts a hook before the accesses at which two
 * threads can get in each other's way. A test sets meddle.step and how many
 * hooked accesses to let pass; the step then runs once, as if another thread had
 * been scheduled there.
 */
#ifndef BA_MEDDLE_H
#define BA_MEDDLE_H

#include <stddef.h>

#include "bitactor/order.h"

struct meddle {
    void (*step)(void *);
    void *argument;
    int after;
};

extern struct meddle meddle;

static inline void meddle_here(void) {
    if (meddle.step == NULL || meddle.after-- > 0) return;
    void (*step)(void *) = meddle.step;
    meddle.step = NULL;
    step(meddle.argument);
}

static inline uint32_t meddled_acquire32(const ba_atomic32 *word) {
    meddle_here();
    return ba_acquire32(word);
}
static inline uint64_t meddled_acquire64(const ba_atomic64 *word) {
    meddle_here();
    return ba_acquire64(word);
}
static inline uint64_t meddled_relaxed64(const ba_atomic64 *word) {
    meddle_here();
    return ba_relaxed64(word);
}
static inline int meddled_claim64(ba_atomic64 *word, uint64_t *expected, uint64_t value) {
    meddle_here();
    return ba_claim64(word, expected, value);
}
static inline int meddled_publish32(ba_atomic32 *word, uint32_t *expected, uint32_t value) {
    meddle_here();
    return ba_publish32(word, expected, value);
}

#define ba_acquire32 meddled_acquire32
#define ba_acquire64 meddled_acquire64
#define ba_relaxed64 meddled_relaxed64
#define ba_claim64 meddled_claim64
#define ba_publish32 meddled_publish32

#endif
