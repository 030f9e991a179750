/* telemetry.pml: the protocol of the event ring with one slot of two words. The
 * writer writes N events and never waits; a reader that gets an event gets it
 * whole, and one that gets none is told so. Stores are seen in order here; what
 * may be reordered is loom's part.
 *
 * MUTATION 1: no stamp of an event under way
 *          2: the reader looks at the stamp before its copy, not after
 *          3: written rises before the event is whole
 */
#ifndef MUTATION
#define MUTATION 0
#endif
#define N 3

byte written = 0, stamp = 0, word[2];

proctype writer() {
    byte index = 0;
    do
    :: index == N -> break
    :: else ->
#if MUTATION == 3
        written = index + 1;
#endif
#if MUTATION != 1
        stamp = 2 * index + 1;
#endif
        word[0] = index + 10;
        word[1] = index + 20;
        stamp = 2 * index + 2;
        index++;
        written = index
    od
}

proctype reader() {
    byte cursor = 0, seen, first, second, mark;
    do
    :: cursor == N -> break
    :: else ->
        seen = written;
        if
        :: cursor == seen -> written != seen /* none yet: wait */
        :: seen - cursor > 1 -> cursor = seen - 1 /* lost */
        :: else ->
#if MUTATION == 2
            mark = stamp;
            first = word[0];
            second = word[1];
#else
            first = word[0];
            second = word[1];
            mark = stamp;
#endif
            if
            :: mark == 2 * cursor + 2 ->
                assert(first == cursor + 10 && second == cursor + 20);
                cursor++
            :: else ->
                assert(stamp > 2 * cursor + 2); /* lost only when overwritten */
                cursor++
            fi
        fi
    od
}

init { atomic { run writer(); run reader() } }
