/* Binary units. */
#ifndef UTIL_UNITS_H
#define UTIL_UNITS_H

#define KiB (1024ull)
#define MiB (1024ull * KiB)
#define GiB (1024ull * MiB)
#define TiB (1024ull * GiB)

#define NANOSECONDS_PER_SECOND 1000000000ll

#define ROUND_UP(n, d) (((n) + (d) - 1) / (d) * (d))
#define ROUND_DOWN(n, d) ((n) / (d) * (d))
#define IS_POWER_OF_2(n) ((n) != 0 && ((n) & ((n) - 1)) == 0)

#endif
