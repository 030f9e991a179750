/* signal.h: the 64-byte signal, one cache line, without pointers.
 *
 * A signal is the same bytes in C, in Go and in a trace, so it can lie in any
 * memory and cross any boundary. Byte order is little-endian (both x86-64 and
 * arm64 as we build them). A payload over 24 bytes travels as a handle into a
 * pool (kind BLOCK, pool.h).
 */
#ifndef BITACTOR_SIGNAL_H
#define BITACTOR_SIGNAL_H

#include <stddef.h>
#include <string.h>

#include "order.h"

#define BA_LINE_BYTES 64u          /* a cache line of every machine we build for */
#define BA_SIGNAL_BYTES 64u
#define BA_SIGNAL_PAYLOAD_BYTES 24u
#define BA_KINDS 256u              /* as many as a byte can name */
#define BA_FIRST_USER_KIND 64u

enum ba_kind {
#define BA_SIGNAL(id, name, payload_bytes) BA_KIND_##name = (id),
#include "../signal.def"
#undef BA_SIGNAL
};
#define BA_SIGNAL(id, name, payload_bytes) \
    _Static_assert((id) < BA_FIRST_USER_KIND && (payload_bytes) <= BA_SIGNAL_PAYLOAD_BYTES, "kind " #name " fits");
#include "../signal.def"
#undef BA_SIGNAL

/* flags */
#define BA_FLAG_HANDLE 0x01u       /* the payload begins with a pool handle that the receiver gives back */
#define BA_FLAG_URGENT 0x02u       /* for the receiver's scheduler; the core does not look at it */
#define BA_FLAG_REMOTE 0x04u       /* came from another node */

struct ba_signal {
    uint8_t kind;        /* enum ba_kind, or BA_FIRST_USER_KIND and above */
    uint8_t flags;       /* BA_FLAG_* */
    uint16_t size;       /* bytes of payload in use, 0 to 24 */
    ba_atomic32 turn;    /* the ring's: of an MPSC slot whose turn it is (ring.h); never copied, 0 outside a ring */
    uint64_t source;     /* the sender's address; 0 = none */
    uint64_t destination;/* the receiver's address; 0 = whoever drains */
    uint64_t sequence;   /* the sender's count, or the reference of an ASK */
    uint64_t timestamp;  /* ticks or nanoseconds, the sender's choice; not part of a trace */
    union {
        uint8_t bytes[BA_SIGNAL_PAYLOAD_BYTES];
        uint64_t words[3];
    } payload;
};

_Static_assert(sizeof(void *) == 8, "the core is for 64-bit machines");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the core is for little-endian machines");
_Static_assert(sizeof(struct ba_signal) == BA_SIGNAL_BYTES, "a signal is one cache line");
_Static_assert(offsetof(struct ba_signal, kind) == 0, "kind at 0");
_Static_assert(offsetof(struct ba_signal, flags) == 1, "flags at 1");
_Static_assert(offsetof(struct ba_signal, size) == 2, "size at 2");
_Static_assert(offsetof(struct ba_signal, turn) == 4, "turn at 4");
_Static_assert(offsetof(struct ba_signal, source) == 8, "source at 8");
_Static_assert(offsetof(struct ba_signal, destination) == 16, "destination at 16");
_Static_assert(offsetof(struct ba_signal, sequence) == 24, "sequence at 24");
_Static_assert(offsetof(struct ba_signal, timestamp) == 32, "timestamp at 32");
_Static_assert(offsetof(struct ba_signal, payload) == 40, "payload at 40");

/* ba_signal_begin writes kind, flags and size at once: what most senders set first. */
static inline void ba_signal_begin(struct ba_signal *signal, uint8_t kind, uint8_t flags, uint16_t size) {
    const uint32_t word = kind | (uint32_t)flags << 8 | (uint32_t)size << 16;
    memcpy((char *)signal, &word, sizeof word);
}

/* ba_signal_copy copies all of [from] but its turn, which belongs to the ring
 * that holds it. Neither may be null. */
static inline void ba_signal_copy(struct ba_signal *to, const struct ba_signal *from) {
    memcpy((char *)to, (const char *)from, offsetof(struct ba_signal, turn));
    memcpy((char *)to + offsetof(struct ba_signal, source), (const char *)from + offsetof(struct ba_signal, source),
           sizeof *to - offsetof(struct ba_signal, source));
}

#endif
