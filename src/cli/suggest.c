#include "cli/suggest.h"

#include <ctype.h>

enum {
    WORD_BYTES_MAX = 64,
    DISTANCE_MAX = 3
};

static bool same(struct str a, size_t i, struct str b, size_t j)
{
    return tolower((unsigned char)a.data[i]) == tolower((unsigned char)b.data[j]);
}

/* Letters left out, added, changed or exchanged with their neighbour (optimal string alignment);
 * capitals are no difference. */
static unsigned distance(struct str a, struct str b)
{
    uint8_t rows[3][WORD_BYTES_MAX + 1];
    uint8_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        last[j] = (uint8_t)j;
    for (size_t i = 1; i <= a.len; i++) {
        now[0] = (uint8_t)i;
        for (size_t j = 1; j <= b.len; j++) {
            uint8_t cost = !same(a, i - 1, b, j - 1);
            uint8_t least = (uint8_t)(last[j - 1] + cost);
            least = MIN(least, (uint8_t)(MIN(last[j], now[j - 1]) + 1));
            if (i > 1 && j > 1 && same(a, i - 1, b, j - 2) && same(a, i - 2, b, j - 1))
                least = MIN(least, (uint8_t)(before[j - 2] + 1));
            now[j] = least;
        }
        uint8_t *freed = before;
        before = last;
        last = now;
        now = freed;
    }
    return last[b.len];
}

void suggest(struct suggestion *s, struct str given, struct str candidate)
{
    if (given.len < 2 || given.len > WORD_BYTES_MAX || candidate.len > WORD_BYTES_MAX)
        return;
    bool begins = candidate.len > given.len && str_equal(str_slice(candidate, 0, given.len), given);
    unsigned far = begins ? 1 : distance(given, candidate);
    if (far > DISTANCE_MAX || (!begins && far * 3 > candidate.len))
        return;
    if (str_empty(s->word) || far < s->distance)
        *s = (struct suggestion){candidate, far};
}
