/* Sizes in bytes, for people. Reading them is keyval_size(). */
#ifndef UTIL_SIZE_H
#define UTIL_SIZE_H

#include <stdint.h>

/* With a unit, to three digits: "1.5 MiB", "0.977 KiB" for 1000. Caller frees. */
char *size_format(uint64_t bytes);

#endif
