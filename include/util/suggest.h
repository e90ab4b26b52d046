/*
 * "did you mean": the nearest of some names to a mistyped one, by edit distance (insert, delete, replace, swap of two
 * neighbours). Names that differ in more than a third of their letters are no help and are not suggested.
 *
 *     Suggestion s = suggest_begin("x-pci-e-err-unc-mask");
 *     suggest_offer(&s, "x-pcie-err-unc-mask");        // for every candidate; the strings must outlive s
 *     if (s.best) …
 */
#ifndef UTIL_SUGGEST_H
#define UTIL_SUGGEST_H

#include <stddef.h>

#define SUGGEST_MAX_LENGTH 64   /* longer words get no suggestion */

typedef struct Suggestion {
    const char *word;
    size_t length;
    const char *best;           /* NULL: nothing is near */
    unsigned distance;          /* of best; at first one more than what still helps */
} Suggestion;

Suggestion suggest_begin(const char *word);
/* Of two equally near names the one that was offered first wins. */
void suggest_offer(Suggestion *s, const char *candidate);

#endif
