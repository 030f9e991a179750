/* all.c: the cases and, in one piece with them, the core that they measure, with
 * every function of it static so that a program may link the core too. Built with
 * -DBA_PEERS it measures ck_ring and DPDK's ring as well. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define BA_API static __attribute__((unused))
#include "../context.c"
#include "../dispatch.c"
#include "../pool.c"
#include "../ring.c"
#include "../telemetry.c"
#include "../trace.c"

#include "src/limits.c"
#ifdef BA_PEERS
#include "src/peers.c"
#else
#include "src/peers_none.c"
#endif
#include "src/cases.c"
