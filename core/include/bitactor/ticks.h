/* ticks.h: the cheapest clock there is.
 *
 * x86-64: the time stamp counter (constant rate, not core cycles; not ordered
 * with the instructions around it, which is what batches want). arm64: the
 * virtual counter, the only inline assembly of the core. Elsewhere: nanoseconds
 * of timespec_get. Only differences mean something, and only on one machine.
 */
#ifndef BITACTOR_TICKS_H
#define BITACTOR_TICKS_H

#include <stdint.h>

#if defined(__x86_64__)
#include <x86intrin.h>
static inline uint64_t ba_ticks(void) { return __rdtsc(); }
#elif defined(__aarch64__)
static inline uint64_t ba_ticks(void) {
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}
#else
#include <time.h>
static inline uint64_t ba_ticks(void) {
    struct timespec now;
    (void)timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
#endif

#endif
