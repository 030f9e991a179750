/* peers.c: the same 64-byte signals through ck_ring (libck-dev, ck_ring.h, its
 * SPSC macros for values) and DPDK's ring (libdpdk-dev, rte_ring_elem.h, single
 * producer and consumer, zero copy off: it moves bursts of 64-byte elements). The
 * consumer calls the same table of handlers. */
#include "state.h"

/* what DPDK needs of -march=corei7 in libdpdk.pc, for this file alone */
#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("sse4.2")
#endif
#include <ck_ring.h>
#include <rte_config.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

CK_RING_PROTOTYPE(signal, ba_signal)

struct ck {
    struct ck_ring ring;
    struct ba_signal *buffer;
};

static int ba_case_peer_open(struct ba_case_state *state) {
    uint32_t slots = state->setup.slots;
    if (state->setup.which == BA_CASE_CROSS_CK) {
        struct ck *ck = aligned_alloc(128, (sizeof *ck + 127) / 128 * 128);
        if (ck == NULL) return BA_ENOMEM;
        ck_ring_init(&ck->ring, slots);
        ck->buffer = aligned_alloc(64, (size_t)slots * BA_SIGNAL_BYTES);
        state->peer = ck;
        return BA_OK;
    }
    size_t bytes = (size_t)rte_ring_get_memsize_elem(BA_SIGNAL_BYTES, slots);
    struct rte_ring *ring = aligned_alloc(128, (bytes + 127) / 128 * 128);
    if (ring == NULL) return BA_ENOMEM;
    state->peer = ring;
    return rte_ring_init(ring, "cross", slots, RING_F_SP_ENQ | RING_F_SC_DEQ) == 0 ? BA_OK : BA_EINVAL;
}

static void ba_case_peer_close(struct ba_case_state *state) {
    if (state->setup.which == BA_CASE_CROSS_CK) free(((struct ck *)state->peer)->buffer);
    free(state->peer);
}

/* ck_ring moves one element a call; there is no batch in its interface. */
static void ck_produce(struct ck *ck, uint64_t operations) {
    struct ba_signal signal = {.kind = BA_CASE_KIND};
    uint32_t spins = 0;
    for (uint64_t i = 0; i < operations; i++) {
        ba_case_fill(&signal, BA_CASE_KIND, i);
        while (!CK_RING_ENQUEUE_SPSC(signal, &ck->ring, ck->buffer, &signal)) wait_for(&spins);
    }
}

static void ck_consume(struct ba_case_state *state, struct ck *ck, uint64_t operations) {
    struct ba_signal signal;
    uint32_t spins = 0;
    for (uint64_t i = 0; i < operations; i++) {
        while (!CK_RING_DEQUEUE_SPSC(signal, &ck->ring, ck->buffer, &signal)) wait_for(&spins);
        const struct ba_entry *entry = &state->context->table[signal.kind];
        entry->handler(entry->state, &signal);
    }
}

static void dpdk_produce(struct ba_case_state *state, struct rte_ring *ring, uint64_t operations) {
    struct ba_signal batch[256];
    uint32_t spins = 0;
    uint32_t most = state->setup.batch;
    for (uint64_t done = 0; done < operations;) {
        uint32_t n = operations - done < most ? (uint32_t)(operations - done) : most;
        for (uint32_t i = 0; i < n; i++) ba_case_fill(&batch[i], BA_CASE_KIND, done + i);
        for (uint32_t sent = 0; sent < n;) {
            uint32_t more = rte_ring_sp_enqueue_burst_elem(ring, &batch[sent], BA_SIGNAL_BYTES, n - sent, NULL);
            if (more == 0) wait_for(&spins);
            sent += more;
        }
        done += n;
    }
}

static void dpdk_consume(struct ba_case_state *state, struct rte_ring *ring, uint64_t operations) {
    struct ba_signal batch[256];
    uint32_t spins = 0;
    for (uint64_t done = 0; done < operations;) {
        uint32_t n = rte_ring_sc_dequeue_burst_elem(ring, batch, BA_SIGNAL_BYTES, state->setup.batch, NULL);
        if (n == 0) wait_for(&spins);
        for (uint32_t i = 0; i < n; i++) {
            const struct ba_entry *entry = &state->context->table[batch[i].kind];
            entry->handler(entry->state, &batch[i]);
        }
        done += n;
    }
}

static void ba_case_peer_produce(struct ba_case_state *state, uint64_t operations) {
    if (state->setup.which == BA_CASE_CROSS_CK) {
        ck_produce(state->peer, operations);
    } else {
        dpdk_produce(state, state->peer, operations);
    }
}

static void ba_case_peer_consume(struct ba_case_state *state, uint64_t operations) {
    if (state->setup.which == BA_CASE_CROSS_CK) {
        ck_consume(state, state->peer, operations);
    } else {
        dpdk_consume(state, state->peer, operations);
    }
}

#if defined(__x86_64__)
#pragma GCC pop_options
#endif
