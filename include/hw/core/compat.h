/*
 * The compat history: what changed for guests, when, and how an older machine type gets the old behaviour back.
 *
 * A row names a property whose default changed (or a behaviour without one). From three facts, the old value, the
 * release that changed the default and the release in which the property shipped, follows what each release has:
 *
 *     release < both              no such property; the old value for every machine type
 *     since <= release < changed  settable; the old value is the default for every machine type
 *     changed <= release < since  no such property; the new value for every machine type: a breakage window
 *     both <= release             settable; the old value for machine types up to `machine`
 */
#ifndef HW_CORE_COMPAT_H
#define HW_CORE_COMPAT_H

#include "hw/core/release.h"
#include "qom/property.h"

typedef enum {
    COMPAT_PROPERTY,        /* an ordinary row */
    COMPAT_RELEASE_ONLY,    /* a release's behaviour that no property of QEMU's controls: kept as a hidden property */
    COMPAT_ABSENT_DRIVER,   /* the driver does not exist here: kept as data */
} CompatKind;

typedef struct CompatRow {
    const char *driver, *property, *old_value;
    Release changed_in;     /* the first release with the new default */
    Release since;          /* the first release with the property; {0}: always there */
    CompatKind kind;
    const char *note;       /* what it is about, for the explanations */
} CompatRow;

/* The rows for machine types up to X.Y: "hw_compat_7_2", "pc_compat_7_2", "pc_q35_compat_7_2". */
typedef struct CompatTable {
    const char *name;
    Release machine;
    const CompatRow *rows;
    size_t count;
} CompatTable;

extern const CompatTable compat_tables[];   /* newest machine first: application goes from new to old, the oldest wins */
extern const size_t compat_tables_count;

/* Whether release r has the property at all, as far as the history knows (driver's parents included). */
bool compat_release_has_property(Release r, const char *type, const char *property);
/* Makes object_class_property() follow the history for `release`. Called once at start. */
void compat_install(Release r);
/* Chooses the machine type's rows: device_new() applies them. `machine` {0}: none. */
void compat_set_machine(Release machine);
/* Calls fn for each row that this release ships and the machine type gets, in order of application. */
void compat_foreach_row(Release r, Release machine, void (*fn)(const CompatTable *, const CompatRow *, void *), void *opaque);
/* Applies rows and -globals to a new object, in order of precedence. Errors are -global's: bad value. */
bool compat_apply(Object *obj, GError **error);

#endif
