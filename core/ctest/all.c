/* all.c: the core and its tests as one program, so that coverage sees one copy of
 * every inlined function.
 *
 *     all                run the tests
 *     all stress N       the threaded tests with N signals a thread
 *     all soak N         N signals through one ring between two threads
 */
#include "meddle.h"

#include "../context.c"
#include "../dispatch.c"
#include "../pool.c"
#include "../ring.c"
#include "../telemetry.c"
#include "../trace.c"
#include "check.h"
#include "context_test.c"
#include "meddle_test.c"
#include "parts_test.c"
#include "ring_test.c"

void test_threads(uint64_t signals);
void soak_two_threads(uint64_t signals);

int checks_failed, checks_made;

int main(int argc, char **argv) {
    uint64_t signals = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
    if (argc > 1 && strcmp(argv[1], "soak") == 0) {
        soak_two_threads(signals);
    } else {
        if (argc == 1) {
            test_rings();
            test_parts();
            test_contexts();
            test_meddled();
        }
        test_threads(signals);
    }
    printf("%d checks, %d failed, debug %d\n", checks_made, checks_failed, BA_DEBUG);
    return checks_failed != 0;
}
