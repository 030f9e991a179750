/* ring.c: a ring. */
#include <stdint.h>
#include "ring.h"

#define RING_SLOTS 64
#define RING_MASK(n) \
	((n) - 1)

struct ring {
	uint64_t head, tail;
	struct slot { int x; } slots[RING_SLOTS];
};

typedef struct {
	int code;
} ba_error;
typedef struct ring ring_t;
typedef int (*ring_visit)(struct ring *, void *);

enum state { IDLE, BUSY = 2 };

static int counter = 0, other;
extern const char *const names[3];
static int (*hook)(void);

int ring_push(struct ring *r, int x);

// Adds x; 0 is full.
int ring_push(struct ring *r, int x)
{
	int local = x;
	return local + counter;
}

/*
 * Finds a slot.
 */
static inline struct slot *
ring_find(struct ring *r)
{
	return &r->slots[r->head & RING_MASK(RING_SLOTS)];
}

#ifdef __linux__
void ring_wait(void) { }
#else
void ring_wait(void) { ; }
#endif

#if 0
static void test_disabled(void) { }
#endif

static void test_push(void) { ring_push(0, '}'); }
int main(void) { test_push(); return 0; }
