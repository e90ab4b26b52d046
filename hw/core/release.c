/* Names of releases. */
#include "hw/core/release.h"

#include <glib.h>

const char *release_name(Release r)
{
    char text[16];

    if (r.micro) {
        g_snprintf(text, sizeof(text), "%u.%u.%u", r.major, r.minor, r.micro);
    } else {
        g_snprintf(text, sizeof(text), "%u.%u", r.major, r.minor);
    }
    return g_intern_string(text);
}

bool release_parse(const char *text, Release *out)
{
    uint8_t part[3] = { 0 };

    for (int i = 0; i < 3; i++) {
        char *end;
        guint64 v;

        if (!g_ascii_isdigit(*text)) {
            return false;
        }
        v = g_ascii_strtoull(text, &end, 10);
        if (v > UINT8_MAX) {
            return false;
        }
        part[i] = v;
        if (!*end) {
            *out = (Release){ part[0], part[1], part[2] };
            return i > 0;
        }
        if (*end != '.') {
            return false;
        }
        text = end + 1;
    }
    return false;
}
