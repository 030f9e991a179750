/* mpsc.pml: the protocol of ba_mpsc_* with two slots and two producers. Each sends
 * three signals; every one must arrive once, in its sender's order, and nobody may
 * wait for ever. Turns and positions are small enough here not to wrap; the turn of
 * a slot that is not committed is a lap behind, so they begin a lap up.
 *
 * MUTATION 1: the claim is a store, not a compare-and-swap
 *          2: commits before it fills
 *          3: a producer believes in one slot too many
 *          4: the consumer frees a slot before it has read it
 *          5: the consumer takes a slot whose turn is a lap behind for committed
 *          6: a producer takes free_to for the truth when it says full
 */
#ifndef MUTATION
#define MUTATION 0
#endif
#define SLOTS 2
#define EACH 3

byte claim = SLOTS, taken = SLOTS, free_to = 2 * SLOTS, turn[SLOTS], value[SLOTS];

/* look_up is ba_mpsc_room: it leaves [mine] false when the ring is full */
inline look_up() {
    known = taken + SLOTS;
#if MUTATION == 3
    known++;
#endif
    if
    :: known > position -> free_to = known; mine = true
    :: else -> mine = false
    fi
}

proctype producer(byte source) {
    byte position, known, sent = 0;
    bool mine;
    do
    :: sent == EACH -> break
    :: else ->
        position = claim;
        mine = true;
        if
        :: position + 1 > free_to ->
#if MUTATION == 6
            mine = false
#else
            look_up()
#endif
        :: else
        fi;
        if
        :: !mine ->
            /* full, or stale: wait until either can have changed */
#if MUTATION == 6
            (free_to > position || claim != position)
#else
            (taken + SLOTS > position || claim != position)
#endif
        :: else ->
#if MUTATION == 1
            claim = position + 1;
#else
            atomic {
                mine = (claim == position);
                if
                :: mine -> claim = position + 1
                :: else
                fi
            }
#endif
            if
            :: mine ->
#if MUTATION == 2
                turn[position % SLOTS] = position + 1;
                value[position % SLOTS] = source + sent;
#else
                value[position % SLOTS] = source + sent;
                turn[position % SLOTS] = position + 1;
#endif
                sent++
            :: else
            fi
        fi
    od
}

proctype consumer() {
    byte next[2], got, count = 0, source;
    do
    :: count == 2 * EACH -> break
    :: else ->
#if MUTATION == 5
        (turn[taken % SLOTS] == taken + 1 || turn[taken % SLOTS] == taken + 1 - SLOTS);
#else
        turn[taken % SLOTS] == taken + 1;
#endif
#if MUTATION == 4
        taken++;
        got = value[(taken - 1) % SLOTS];
#else
        got = value[taken % SLOTS];
        taken++;
#endif
        source = got / 16 - 1;
        assert(got % 16 == next[source]);
        next[source]++;
        count++
    od
}

init {
    atomic {
        turn[0] = 1;
        turn[1] = 2;
        run producer(16);
        run producer(32);
        run consumer()
    }
}
