#include "util/size.h"

#include <glib.h>

char *size_format(uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = bytes;
    unsigned unit = 0;

    /* What would have four digits before the point goes to the next unit. */
    for (; unit + 1 < G_N_ELEMENTS(units) && value >= 999.5; unit++) {
        value /= 1024;
    }
    return g_strdup_printf("%.3g %s", value, units[unit]);
}
