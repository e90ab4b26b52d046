/*
 * The release: which QEMU release this binary behaves as. Everything is compiled once; each binary is linked with one
 * small object that defines `release`, and nothing else differs. Code does not ask "is it 8.0?" but for a property;
 * the table in hw/core/compat.c says which release has which property and default.
 */
#ifndef HW_CORE_RELEASE_H
#define HW_CORE_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Release {
    uint8_t major, minor, micro;
} Release;

extern const Release release;

#define RELEASE(...) ((Release){ __VA_ARGS__ })

static inline int release_compare(Release a, Release b)
{
    return ((a.major << 16) | (a.minor << 8) | a.micro) - ((b.major << 16) | (b.minor << 8) | b.micro);
}

/* "8.0.1", and "8.0" for 8.0.0, as the binaries are called. The string is static. */
const char *release_name(Release r);
/* "8.0" or "8.0.1"; false for anything else. */
bool release_parse(const char *text, Release *out);

static inline bool release_is_set(Release r)
{
    return r.major || r.minor || r.micro;
}

#endif
