/* mpsc.pml: the protocol of ba_mpsc_* with two slots and two producers. Each sends
 * three signals; every one must arrive once, in its sender's order, and nobody may
 * wait for ever. Turns and positions are small enough here not to wrap.
 *
 * MUTATION 1: the claim is a store, not a compare-and-swap
 *          2: commits before it fills
 *          3: the consumer hands back a turn of the wrong lap
 *          4: a producer trusts taken alone, without the bound of room_at
 *          5: the consumer hands back turns before it has read
 */
#ifndef MUTATION
#define MUTATION 0
#endif
#define SLOTS 2
#define EACH 3

byte claim = 0, taken = 0, turn[SLOTS], value[SLOTS];

proctype producer(byte source) {
    byte position, room, sent = 0;
    bool mine;
    do
    :: sent == EACH -> break
    :: else ->
        position = claim;
        room = 1;
        if
        :: turn[position % SLOTS] != position ->
            room = position - taken;
#if MUTATION == 4
            if
            :: room == SLOTS -> room = 0
            :: else -> room = 1
            fi
#else
            if
            :: room >= SLOTS -> room = 0
            :: else -> room = 1
            fi
#endif
        :: else
        fi;
        if
        :: room == 0 ->
            /* full, or stale: wait until either can have changed */
            (turn[position % SLOTS] == position || claim != position)
        :: else ->
#if MUTATION == 1
            claim = position + 1;
            mine = true;
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
        turn[taken % SLOTS] == taken + 1;
#if MUTATION == 5
        turn[taken % SLOTS] = taken + SLOTS;
        got = value[taken % SLOTS];
#else
        got = value[taken % SLOTS];
#if MUTATION == 3
        turn[taken % SLOTS] = taken;
#else
        turn[taken % SLOTS] = taken + SLOTS;
#endif
#endif
        taken++;
        source = got / 16 - 1;
        assert(got % 16 == next[source]);
        next[source]++;
        count++
    od
}

init {
    atomic {
        turn[0] = 0;
        turn[1] = 1;
        run producer(16);
        run producer(32);
        run consumer()
    }
}
