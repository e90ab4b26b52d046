/* Random changes to the bytes of a stream, for tests that load what no honest peer sends. */
#ifndef TESTS_LIB_MUTATE_H
#define TESTS_LIB_MUTATE_H

#include <glib.h>
#include <string.h>

/* One to four bytes, a run, or a piece that moved. `bytes` is not empty. */
static inline void mutate_bytes(GByteArray *bytes, GRand *rand)
{
    size_t at = g_rand_int_range(rand, 0, bytes->len), run = g_rand_int_range(rand, 1, 200);

    run = MIN(run, bytes->len - at);
    switch (g_rand_int_range(rand, 0, 8)) {
    case 0:
        memset(bytes->data + at, g_rand_boolean(rand) ? 0xff : 0, run);
        break;
    case 1:
        g_byte_array_remove_range(bytes, at, run);
        break;
    case 2:
        memmove(bytes->data + g_rand_int_range(rand, 0, bytes->len - run + 1), bytes->data + at, run);
        break;
    default:
        for (int n = g_rand_int_range(rand, 1, 5); n > 0; n--) {
            bytes->data[g_rand_int_range(rand, 0, bytes->len)] = g_rand_int(rand);
        }
        break;
    }
}

#endif
