/* cbench.c: the workloads of core/cases as a C program, for machines without Go.
 * It prints medians in ticks per signal; bench/corebench is the fuller report. */
#include "../cases/all.c"

#include <stdio.h>

#define ROUNDS 101

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct row {
    const char *name;
    struct ba_case_setup setup;
};

static const struct row rows[] = {
    {"one core cycle", {BA_CASE_CYCLES, 1, 64, 0, 0, 0}},
    {"tick read", {BA_CASE_TICKS, 1, 64, 0, 0, 0}},
    {"table call", {BA_CASE_CALL, 1, 64, 0, 0, 0}},
    {"table call, random kinds", {BA_CASE_CALL_RANDOM, 1, 64, 0, 0, 0}},
    {"compare-and-swap + table call", {BA_CASE_CMPXCHG_CALL, 1, 64, 0, 0, 0}},
    {"fill + table call, no ring", {BA_CASE_FILL_CALL, 1, 64, 0, 0, 0}},
    {"the same by 8", {BA_CASE_FILL_CALL, 8, 64, 0, 0, 0}},
    {"the same by 32", {BA_CASE_FILL_CALL, 32, 64, 0, 0, 0}},
    {"SPSC no batch", {BA_CASE_SPSC, 1, 64, 0, 0, 0}},
    {"SPSC batch 8", {BA_CASE_SPSC, 8, 64, 0, 0, 0}},
    {"SPSC batch 32", {BA_CASE_SPSC, 32, 64, 0, 0, 0}},
    {"SPSC batch 128", {BA_CASE_SPSC, 128, 256, 0, 0, 0}},
    {"SPSC timed batch 128", {BA_CASE_SPSC, 128, 256, BA_TIMED, 0, 0}},
    {"SPSC trace on, batch 32", {BA_CASE_SPSC, 32, 64, 0, 256, 0}},
    {"SPSC copied, batch 32", {BA_CASE_SPSC_COPY, 32, 64, 0, 0, 0}},
    {"SPSC tick read each, batch 32", {BA_CASE_SPSC_TICK_EACH, 32, 64, 0, 0, 0}},
    {"SPSC random kinds, batch 32", {BA_CASE_SPSC_RANDOM, 32, 64, 0, 0, 0}},
    {"SPSC cold rings, batch 32", {BA_CASE_SPSC_COLD, 32, 64, 0, 0, 0}},
    {"MPSC one by one", {BA_CASE_MPSC, 1, 64, 0, 0, 0}},
    {"MPSC drained by 32", {BA_CASE_MPSC, 32, 64, 0, 0, 0}},
    {"MPSC one claim for 32", {BA_CASE_MPSC_SPAN, 32, 64, 0, 0, 0}},
    {"SPSC two cores, batch 1", {BA_CASE_CROSS, 1, 512, 0, 0, 0}},
    {"SPSC two cores, batch 64", {BA_CASE_CROSS, 64, 512, 0, 0, 0}},
};

int main(void) {
    printf("%-32s %8s %8s %6s\n", "case", "median", "least", "runs");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ba_case_state *state;
        struct ba_case_result result;
        double ticks[ROUNDS];
        size_t kept = 0;
        int code = ba_case_open(&rows[i].setup, &state);
        for (int round = -10; code == BA_OK && round < ROUNDS; round++) { /* ten to warm up */
            code = ba_case_run(state, 8192, &result);
            if (round >= 0 && result.switches == 0) ticks[kept++] = (double)result.ticks / (double)result.operations;
        }
        if (code != BA_OK) {
            fprintf(stderr, "%s: %d\n", rows[i].name, code);
            return 1;
        }
        ba_case_close(state);
        qsort(ticks, kept, sizeof *ticks, compare);
        if (kept == 0) {
            printf("%-32s not measured: a thread lost its core in every run\n", rows[i].name);
        } else {
            printf("%-32s %8.2f %8.2f %6zu\n", rows[i].name, ticks[kept / 2], ticks[0], kept);
        }
    }
    return 0;
}
