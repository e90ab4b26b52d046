/*
 * Drift. For each device that both sides have, each property of the compat history must have the value that it had on
 * the source, whether or not the release lets it be set: 7.2 and 8.0 differ in a register that neither can change.
 * Where the guest can't see the property (the capability is not there) it does not count.
 */
#include "drift.h"

#include <string.h>

#include "hw/core/compat-query.h"
#include "hw/core/machine.h"
#include "ledger-internal.h"
#include "migration-object.h"
#include "migration/vmstate.h"
#include "util/error.h"
#include "util/log.h"

bool (*ledger_visible)(Object *device, const CompatRow *row, char **where);

/* Rows per class: what a class has of the history does not change. */
typedef struct ClassRow {
    const Property *prop;
    const CompatRow *row;
} ClassRow;

/* Of several rows about a property (two machine versions), the one that this machine type gets, or else the newest. */
static const CompatRow *row_of(const char *type, const char *property)
{
    Release machine = current_machine ? MACHINE_GET_CLASS(current_machine)->version : RELEASE(0);
    const CompatRow *found = NULL;
    CompatValue value;

    if (!compat_value(release, machine, type, property, &value)) {
        return NULL;
    }
    for (size_t t = 0; t < compat_tables_count && !value.row; t++) {
        for (size_t i = 0; i < compat_tables[t].count && !found; i++) {
            const CompatRow *row = &compat_tables[t].rows[i];

            if (row->old_value && strcmp(row->property, property) == 0 && type_is_a(type, row->driver)) {
                found = row;
            }
        }
    }
    return value.row ? value.row : found;
}

static GArray *class_rows(const ObjectClass *klass)
{
    static GHashTable *cache;
    GArray *rows;

    if (!cache) {
        cache = g_hash_table_new(NULL, NULL);
    }
    rows = g_hash_table_lookup(cache, klass);
    if (rows) {
        return rows;
    }
    rows = g_array_new(FALSE, FALSE, sizeof(ClassRow));
    for (unsigned i = 0; i < klass->num_props; i++) {
        ClassRow r = { klass->props[i].prop, row_of(object_class_name(klass), klass->props[i].prop->name) };

        if (r.row && r.row->old_value && r.prop->kind->get) {
            g_array_append_val(rows, r);
        }
    }
    g_hash_table_insert(cache, (gpointer)klass, rows);
    return rows;
}

Json *ledger_behaviour(Object *device)
{
    GArray *rows = class_rows(device->klass);
    Json *values = NULL;

    for (guint i = 0; i < rows->len; i++) {
        const ClassRow *r = &g_array_index(rows, ClassRow, i);
        Json *value = r->prop->kind->get(device, r->prop, NULL);

        if (value) {
            values = values ? values : json_new_object();
            json_set(values, r->prop->name, value);
        }
    }
    return values;
}

const CompatRow *ledger_row(Object *device, const char *property, char **value)
{
    GArray *rows = class_rows(device->klass);

    for (guint i = 0; i < rows->len; i++) {
        const ClassRow *r = &g_array_index(rows, ClassRow, i);

        if (strcmp(r->prop->name, property) == 0) {
            g_autoptr(Json) json = r->prop->kind->get(device, r->prop, NULL);

            *value = ledger_value_text(json);
            return r->row;
        }
    }
    return NULL;
}

/* The explanation. */

static const char *device_name(Object *device, char **buf)
{
    DeviceState *dev = DEVICE(device);

    *buf = dev->id ? g_strdup_printf("device '%s' (%s)", dev->id, object_type(device))
                   : g_strdup_printf("device %s", object_type(device));
    return *buf;
}

static const char *side_text(const Release *r, char **buf)
{
    return r ? (*buf = g_strdup_printf(" (release %s)", release_name(*r))) : "";
}

/* What the user wrote, or would write, to make it so: on the device that -device made, of which this may be a part. */
static char *setting(Object *device, const CompatRow *row, const char *value)
{
    for (Object *obj = device; obj; obj = obj->parent) {
        DeviceState *dev = object_dynamic_cast(obj, TYPE_DEVICE);

        /* A release without the property may still have to name it: for the other side. */
        if (!dev || !dev->opts ||
            !(type_is_a(object_type(obj), row->driver) || object_property_exists(obj, row->property))) {
            continue;
        }
        return dev->id ? g_strdup_printf("-device %s,id=%s,...,%s=%s", object_type(obj), dev->id, row->property, value)
                       : g_strdup_printf("-device %s,...,%s=%s", object_type(obj), row->property, value);
    }
    return g_strdup_printf("-global %s.%s=%s", object_type(device), row->property, value);
}

static void explain_remedy(Stream *notes, Object *device, const CompatRow *row, const char *theirs, const char *ours,
                           const Release *their_release)
{
    const char *type = object_type(device);
    bool here = compat_release_has_property(release, type, row->property);
    bool there = their_release && compat_release_has_property(*their_release, type, row->property);
    g_autofree char *as_theirs = setting(device, row, theirs), *as_ours = setting(device, row, ours);

    if (row->kind == COMPAT_RELEASE_ONLY) {
        stream_note(notes, "no property controls it: a release from %s on behaves one way, older ones the other",
                    release_name(row->changed_in));
        return;
    }
    if (here) {
        stream_note(notes, "to load this: start this side with %s, and every later one until the guest is powered off", as_theirs);
    } else {
        stream_note(notes, "release %s can't set %s on this side: it came with release %s", release_name(release), row->property,
                    release_name(row->since));
    }
    if (there) {
        stream_note(notes, "or power the guest on, on the source, with %s", as_ours);
    } else if (their_release && here) {
        stream_note(notes, "on the source, release %s, there is nothing to set", release_name(*their_release));
    } else if (their_release) {
        stream_note(notes, "nor can release %s on the source; a destination of release %s or later loads this, with %s where that "
                    "is not the machine type's value anyway", release_name(*their_release), release_name(row->since), as_theirs);
    } else if (!here) {
        stream_note(notes, "on the source, if its release is %s or later, power the guest on with %s; what release %s itself "
                    "saved, a destination of release %s or later loads with %s", release_name(row->since), as_ours,
                    release_name(row->changed_in), release_name(row->since), as_theirs);
    }
}

void ledger_explain(Stream *notes, Object *device, const CompatRow *row, const char *theirs, const Release *their_release,
                    const char *where)
{
    g_autofree char *ours = NULL, *name = NULL, *their_side = NULL, *our_side = NULL;

    if (!ledger_row(device, row->property, &ours)) {
        return;
    }
    if (where) {
        stream_note(notes, "%s differs in %s; the property is %s", device_name(device, &name), where, row->property);
    }
    stream_note(notes, "%s%s%s is %s on the source%s, %s here%s", where ? "" : device_name(device, &name), where ? "" : ": ",
                row->property, theirs, side_text(their_release, &their_side), ours, side_text(&release, &our_side));
    stream_note(notes, "the default of %s.%s changed in release %s%s%s%s%s", row->driver, row->property,
                release_name(row->changed_in), release_is_set(row->since) ? ", the property came with release " : "",
                release_is_set(row->since) ? release_name(row->since) : "", row->note ? "; before, " : "",
                row->note ? row->note : "");
    explain_remedy(notes, device, row, theirs, ours, their_release);
}

/* The comparison. */

typedef struct Drift {
    Stream *notes;
    GHashTable *local;              /* key -> Object */
    Release their_release;
    bool release_known;
    unsigned found;
    GString *summary;
    Object *device;
} Drift;

static void add_local(Object *device, const char *key, void *opaque)
{
    g_hash_table_insert(opaque, g_strdup(key), device);
}

static bool compare_value(const char *property, Json *theirs, void *opaque)
{
    Drift *drift = opaque;
    g_autofree char *their_text = ledger_value_text(theirs), *our_text = NULL, *where = NULL, *name = NULL;
    const CompatRow *row = ledger_row(drift->device, property, &our_text);

    if (!row || row->kind != COMPAT_PROPERTY || strcmp(our_text, their_text) == 0 ||
        (ledger_visible && !ledger_visible(drift->device, row, &where))) {
        return true;
    }
    drift->found++;
    g_string_append_printf(drift->summary, "%s%s: %s is %s, was %s", drift->summary->len ? "; " : "",
                           device_name(drift->device, &name), property, our_text, their_text);
    ledger_explain(drift->notes, drift->device, row, their_text, drift->release_known ? &drift->their_release : NULL, where);
    return true;
}

static void compare_devices(Drift *drift, const Json *ledger)
{
    const Json *devices = json_member(ledger, "devices"), *behaviours = json_member(ledger, "behaviours");

    if (!devices || json_type(devices) != JSON_ARRAY || !behaviours || json_type(behaviours) != JSON_ARRAY) {
        return;
    }
    for (size_t i = 0; i < json_count(devices); i++) {
        const Json *entry = json_at(devices, i), *behaviour;
        int64_t number;

        if (json_type(entry) != JSON_OBJECT) {
            continue;
        }
        number = json_member_int(entry, "behaviour", -1);
        if (number < 0 || (uint64_t)number >= json_count(behaviours)) {
            continue;
        }
        behaviour = json_at(behaviours, number);
        drift->device = g_hash_table_lookup(drift->local, json_member_string(entry, "key", ""));
        if (drift->device && json_type(behaviour) == JSON_OBJECT) {
            json_foreach(behaviour, compare_value, drift);
        }
    }
}

static void compare_parts(Drift *drift, const Json *ledger)
{
    unsigned count;
    const LedgerPart *const *parts = ledger_parts(&count);

    for (unsigned i = 0; i < count; i++) {
        const Json *theirs = json_member(ledger, parts[i]->name);

        if (theirs && !parts[i]->compare(theirs, drift->notes)) {
            drift->found++;
            g_string_append_printf(drift->summary, "%s%s differs", drift->summary->len ? "; " : "", parts[i]->name);
        }
    }
}

bool drift_allows(Stream *s, const Json *ledger, GError **error)
{
    Drift drift = { .notes = s };

    if (!ledger || json_member_int(ledger, "format", 0) != LEDGER_FORMAT) {
        return true;
    }
    drift.release_known = ledger_release(ledger, &drift.their_release);
    drift.summary = g_string_new(NULL);
    drift.local = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ledger_foreach_device(add_local, drift.local);
    compare_devices(&drift, ledger);
    compare_parts(&drift, ledger);
    if (drift.found && migration_object()->allow_drift) {
        warn_report("the machine changes under its guest: %s", drift.summary->str);
    } else if (drift.found) {
        stream_note(s, "-global migration.x-allow-drift=on on this side loads it all the same, and the machine changes under "
                    "its guest");
        vmstate_error(error, EINVAL, "drift: the guest would see a different machine: %s", drift.summary->str);
    }
    g_string_free(drift.summary, TRUE);
    g_hash_table_unref(drift.local);
    return !drift.found || migration_object()->allow_drift;
}
