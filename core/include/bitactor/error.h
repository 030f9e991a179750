/* error.h: what a function of the core can answer.
 *
 * Every function that can fail returns one of these codes; none aborts, prints
 * or sets errno. BA_OK is 0, all others are negative, and numbers are never
 * reused. BA_EBUSY and BA_ECORRUPT exist only in builds with BA_DEBUG=1; all
 * other checks are made in every build.
 */
#ifndef BITACTOR_ERROR_H
#define BITACTOR_ERROR_H

/* X(name, number, text) */
#define BA_ERRORS(X)                                                       \
    X(OK, 0, "done")                                                       \
    X(ENULL, -1, "a pointer that must not be null is null")                \
    X(EINVAL, -2, "an argument is out of its range")                       \
    X(EALIGN, -3, "memory is not aligned to 64 bytes")                     \
    X(EFULL, -4, "no free slot, block or byte")                            \
    X(EEMPTY, -5, "nothing to take")                                       \
    X(ECLOSED, -6, "closed")                                               \
    X(EBUSY, -7, "a second producer or consumer, or a call left open")     \
    X(EMODE, -8, "not initialised, or initialised as something else")      \
    X(ERANGE, -9, "more than was reserved, or outside the memory")         \
    X(ESTALE, -10, "the handle was given back or never taken")             \
    X(ECORRUPT, -11, "a free block was written to")                        \
    X(ENOMEM, -12, "the allocator returned no memory")                     \
    X(ESTATE, -13, "the state is not the one that the trace recorded")     \
    X(ELOST, -14, "overwritten before it was read")                        \
    X(ETOOLARGE, -15, "the context would exceed 128 KB")

enum ba_error {
#define BA_ERROR_ENUM(name, number, text) BA_##name = (number),
    BA_ERRORS(BA_ERROR_ENUM)
#undef BA_ERROR_ENUM
};

#endif
