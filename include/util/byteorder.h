/* Unaligned loads and stores in a stated byte order; `p` is any pointer. */
#ifndef UTIL_BYTEORDER_H
#define UTIL_BYTEORDER_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BYTEORDER_ACCESSORS(order, bits)                                                    \
    static inline uint##bits##_t load_##order##bits(const void *p)                          \
    {                                                                                       \
        uint##bits##_t v;                                                                   \
        memcpy(&v, p, sizeof(v));                                                           \
        return order##bits##toh(v);                                                         \
    }                                                                                       \
    static inline void store_##order##bits(void *p, uint##bits##_t v)                       \
    {                                                                                       \
        v = hto##order##bits(v);                                                            \
        memcpy(p, &v, sizeof(v));                                                           \
    }

BYTEORDER_ACCESSORS(le, 16)
BYTEORDER_ACCESSORS(le, 32)
BYTEORDER_ACCESSORS(le, 64)
BYTEORDER_ACCESSORS(be, 16)
BYTEORDER_ACCESSORS(be, 32)
BYTEORDER_ACCESSORS(be, 64)

/* Little-endian load and store of `size` bytes, 1 to 8. */
static inline uint64_t load_le(const void *p, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, p, size);
    return le64toh(v);
}

static inline void store_le(void *p, unsigned size, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, size);
}

#endif
