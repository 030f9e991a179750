/* spsc.pml: the protocol of ba_spsc_* with two slots and counters that wrap after
 * eight. The producer sends N numbered signals and closes; the consumer must get
 * each once and in order, then closed, and neither may wait for ever.
 *
 * MUTATION 1: the producer believes in one slot too many
 *          2: commits before it fills
 *          3: the consumer releases before it reads
 *          4: looks at the tail before it looks at closed
 *          5: does not write the head back
 */
#ifndef MUTATION
#define MUTATION 0
#endif
#define SLOTS 2
#define N 6
#define WRAP(x) ((x) & 7)

byte tail = 7, head = 7, slot[SLOTS];
bool closed = false;

proctype producer() {
    byte limit = WRAP(7 + SLOTS), sent = 0;
    do
    :: sent == N -> break
    :: sent < N ->
        if
        :: limit == tail ->
            head != WRAP(limit - SLOTS); /* full: wait for the consumer */
#if MUTATION == 1
            limit = WRAP(head + SLOTS + 1)
#else
            limit = WRAP(head + SLOTS)
#endif
        :: else
        fi;
#if MUTATION == 2
        tail = WRAP(tail + 1);
        slot[WRAP(tail - 1) % SLOTS] = sent + 1;
#else
        slot[tail % SLOTS] = sent + 1;
        tail = WRAP(tail + 1);
#endif
        sent++
    od;
    closed = true
}

proctype consumer() {
    byte seen = 7, taken = 0, value;
    bool was_closed;
    do
    :: if
        :: seen == head ->
#if MUTATION == 4
            seen = tail;
            was_closed = closed;
#else
            was_closed = closed;
            seen = tail;
#endif
            if
            :: seen == head && was_closed -> break
            :: seen == head && !was_closed -> (tail != head || closed) /* empty: wait */
            :: else
            fi
        :: else
        fi;
        if
        :: seen != head ->
#if MUTATION == 3
            value = head;
            head = WRAP(head + 1);
            value = slot[value % SLOTS];
#else
            value = slot[head % SLOTS];
#if MUTATION != 5
            head = WRAP(head + 1);
#endif
#endif
            taken++;
            assert(value == taken)
        :: else
        fi
    od;
    assert(taken == N)
}

init { atomic { run producer(); run consumer() } }
