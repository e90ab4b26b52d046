/*
 * The compat history: what changed for guests, when, and how an older machine type gets the old behaviour back.
 *
 * A row names a property whose default changed (or a behaviour without one). From three facts, the old value, the
 * release that changed the default and the release in which the property shipped, follows what each release has:
 *
 *     release < both              no such property; the old value for every machine type
 *     since <= release < changed  settable; the old value is the default for every machine type
 *     changed <= release < since  no such property; the new value for every machine type: a breakage window
 *     both <= release             settable; the old value for machine types up to the table's `machine`
 *
 * Rows of the tables without a machine type say in which releases a property exists whose default never changed
 * (COMPAT_EXISTENCE), or what a release did that no property of QEMU's controls (COMPAT_RELEASE_ONLY).
 *
 * Nothing else in the program asks which release it is: what differs is a property, and the history gives it its value.
 */
#ifndef HW_CORE_COMPAT_H
#define HW_CORE_COMPAT_H

#include "hw/core/release.h"
#include "qom/property.h"

typedef enum {
    COMPAT_PROPERTY,        /* an ordinary row */
    COMPAT_RELEASE_ONLY,    /* a release's behaviour: a property that nobody sees; the old value before changed_in */
    COMPAT_ABSENT_DRIVER,   /* the driver does not exist here: kept as data */
    COMPAT_EXISTENCE,       /* no default changed: since (and until) say which releases have the property */
} CompatKind;

/* Where in PCI config space a guest sees what a property decides. */
typedef struct CompatRegister {
    const char *name;       /* "PCI_ERR_UNCOR_MASK" */
    uint16_t capability;    /* its id; 0: the header */
    bool extended;
    uint16_t offset;        /* of the register, in the capability */
    uint8_t size;           /* bytes */
    uint32_t bits;
    const char *of;         /* the type of devices that have it; NULL: the row's driver */
} CompatRegister;

typedef struct CompatRow {
    const char *driver, *property;
    const char *old_value;  /* as text, the way -global takes it; NULL in COMPAT_EXISTENCE rows */
    Release changed_in;     /* the first release with the new default */
    Release since;          /* the first release with the property; {0}: always there */
    CompatKind kind;
    const char *note;       /* what it is about, for the explanations: a clause without a full stop, or NULL */
    Release until;          /* the first release without it again; {0}: it stayed */
    const CompatRegister *reg;  /* NULL: it is not (only) in config space */
} CompatRow;

/* The rows for machine types up to X.Y: "hw_compat_7_2", "pc_compat_7_2". */
typedef struct CompatTable {
    const char *name;
    Release machine;        /* {0}: the rows follow the release alone */
    const CompatRow *rows;
    size_t count;
} CompatTable;

extern const CompatTable compat_tables[];   /* newest machine first: applied in this order, so that the oldest wins */
extern const size_t compat_tables_count;

/* Whether release r has the property, as far as the history knows (rows of the type's parents included). */
bool compat_release_has_property(Release r, const char *type, const char *property);
/* Whether release r ships the row as one that a machine type may get. */
bool compat_row_shipped(Release r, const CompatRow *row);
/* Makes object_class_property() follow the history for `release`. Called once at start, before any class is made. */
void compat_install(Release r);
/* Chooses the machine type's rows: device_new() applies them. `machine` {0}: none. */
void compat_set_machine(Release machine);
/* Calls fn for each row that this release ships and the machine type gets, in order of application. */
void compat_foreach_row(Release r, Release machine, void (*fn)(const CompatTable *, const CompatRow *, void *),
                        void *opaque);
/* Applies rows and -globals to a new object, in order of precedence. Errors are -global's: bad value. */
bool compat_apply(Object *obj, GError **error);

#endif
