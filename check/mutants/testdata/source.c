#include <stdbool.h>
#define LIMIT 10

int seen[16];

/* What items cost. */
int price(const int *items, int n, bool member)
{
    int total = 0;
    for (int i = 0; i < n; i++)
        total += items[i];
    if (n == 0 || !items)
        return -1;
    if (member && total > LIMIT)
        total = total * 9 / 10;
    seen[0]++;
    return total > 0 ? total : 0;
}
