#include "util/suggest.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

Suggestion suggest_begin(const char *word)
{
    size_t length = strlen(word);

    return (Suggestion){ .word = word, .length = length, .distance = MAX(length / 3, 1) + 1 };
}

/* The edit distance, by rows: prev2, prev and cur are the last three rows of the table of prefixes' distances. */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    uint8_t rows[3][SUGGEST_MAX_LENGTH + 1];
    uint8_t *prev2 = rows[0], *prev = rows[1], *cur = rows[2];

    for (size_t j = 0; j <= b_len; j++) {
        prev[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        cur[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned best = MIN(prev[j], cur[j - 1]) + 1;

            best = MIN(best, prev[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = MIN(best, prev2[j - 2] + 1u);
            }
            cur[j] = best;
        }
        uint8_t *free_row = prev2;

        prev2 = prev;
        prev = cur;
        cur = free_row;
    }
    return prev[b_len];
}

void suggest_offer(Suggestion *s, const char *candidate)
{
    size_t length = strlen(candidate);
    size_t gap = length > s->length ? length - s->length : s->length - length;
    unsigned distance;

    if (s->length > SUGGEST_MAX_LENGTH || length > SUGGEST_MAX_LENGTH || gap >= s->distance) {
        return;
    }
    distance = edit_distance(s->word, s->length, candidate, length);
    if (distance < s->distance && distance < s->length) {
        s->distance = distance;
        s->best = candidate;
    }
}
