/*
 * Questions to the compat history: which value does a property have in another release, where do two releases differ
 * for the same machine type, what must be set on which side so that a guest can move, and where history itself broke
 * (a default that changed in one release and became settable in a later one).
 *
 * Answers speak of defaults: what a user set with -device or -global, the ledger knows.
 */
#ifndef HW_CORE_COMPAT_QUERY_H
#define HW_CORE_COMPAT_QUERY_H

#include "hw/core/compat.h"

typedef struct CompatValue {
    const char *text;           /* "on" and "off" for bools; interned. NULL: the default of a driver that is not here */
    bool settable;              /* the release has the property */
    const CompatTable *table;   /* whose row decided; NULL: the type's own default */
    const CompatRow *row;
} CompatValue;

/* False: the history says nothing of this property. */
bool compat_value(Release r, Release machine, const char *type, const char *property, CompatValue *out);

typedef enum {
    COMPAT_FIX_DESTINATION,     /* setting it there to the source's value */
    COMPAT_FIX_SOURCE,          /* setting it there, at power-on, to the destination's value */
    COMPAT_FIX_NONE,            /* neither release has the property */
} CompatFix;

typedef struct CompatDifference {
    const CompatRow *row;       /* the row that made them differ */
    const CompatTable *table;
    const char *type;           /* what was asked about: the row's driver or a child of it */
    CompatValue source, destination;
    CompatFix fix;
} CompatDifference;

/* Calls fn for each property of `type` (NULL: of each driver in the history) that differs by default. */
void compat_foreach_difference(Release from, Release to, Release machine, const char *type,
                               void (*fn)(const CompatDifference *, void *), void *opaque);
/* What to do about it: "-device pcie-root-port,x-pcie-err-unc-mask=on". NULL with COMPAT_FIX_NONE. Caller frees. */
char *compat_difference_setting(const CompatDifference *d);
/* One sentence or two: what differs, why, and what to set where. Caller frees. */
char *compat_difference_text(const CompatDifference *d, Release from, Release to);

/* Machine-readable: all rows; the rows whose property shipped after the change; what to set for from -> to. */
Json *compat_history_json(void);
Json *compat_breakages_json(void);
Json *compat_advice_json(Release from, Release to, Release machine);

#endif
