/* peers_none.c: stands in where the other libraries are not built in. */
#include "state.h"

static int ba_case_peer_open(struct ba_case_state *state) {
    (void)state;
    return BA_CASE_NOT_BUILT;
}

static void ba_case_peer_close(struct ba_case_state *state) { (void)state; }

static void ba_case_peer_produce(struct ba_case_state *state, uint64_t operations) { (void)state, (void)operations; }

static void ba_case_peer_consume(struct ba_case_state *state, uint64_t operations) { (void)state, (void)operations; }
