/* Writing the ledger, and finding it in a stream's description. */
#include "ledger-internal.h"

#include <string.h>

#include "hw/core/machine.h"
#include "migration/migration.h"

enum { PARTS_MAX = 16 };

static const LedgerPart *parts[PARTS_MAX];
static unsigned num_parts;

void ledger_add_part(const LedgerPart *part)
{
    g_assert(num_parts < PARTS_MAX);
    parts[num_parts++] = part;
}

const LedgerPart *const *ledger_parts(unsigned *count)
{
    *count = num_parts;
    return parts;
}

char *ledger_value_text(const Json *value)
{
    bool flag;

    if (json_get_bool(value, &flag)) {
        return g_strdup(flag ? "on" : "off");
    }
    return json_get_string(value) ? g_strdup(json_get_string(value)) : json_text(value, false);
}

bool ledger_release(const Json *ledger, Release *r)
{
    return release_parse(json_member_string(ledger, "release", ""), r);
}

/* Devices. */

typedef struct Walk {
    void (*fn)(Object *device, const char *key, void *opaque);
    void *opaque;
} Walk;

static bool walk(Object *obj, void *opaque)
{
    Walk *w = opaque;

    if (object_dynamic_cast(obj, TYPE_DEVICE)) {
        DeviceState *dev = DEVICE(obj);
        g_autofree char *place = dev->realized ? device_migration_path(dev) : NULL;
        g_autofree char *key = NULL;

        if (!place) {
            place = object_path(obj);
        }
        key = g_strconcat(place ? place : "", "/", object_type(obj), NULL);
        w->fn(obj, key, w->opaque);
    }
    return object_foreach_child(obj, walk, w);
}

void ledger_foreach_device(void (*fn)(Object *device, const char *key, void *opaque), void *opaque)
{
    Walk w = { fn, opaque };
    Object *machine = object_child(object_root(), "machine");

    if (machine) {
        object_foreach_child(machine, walk, &w);
    }
}

typedef struct Writing {
    Json *devices;
    Json *behaviours;
    GHashTable *behaviour_index;    /* text -> its place in behaviours, plus one */
} Writing;

/* Devices of a kind mostly behave alike: each set of values is written once. */
static int64_t behaviour_number(Writing *w, Json *behaviour)
{
    char *text = json_text(behaviour, false);
    gpointer known = g_hash_table_lookup(w->behaviour_index, text);

    if (known) {
        g_free(text);
        json_unref(behaviour);
        return GPOINTER_TO_SIZE(known) - 1;
    }
    json_append(w->behaviours, behaviour);
    g_hash_table_insert(w->behaviour_index, text, GSIZE_TO_POINTER(json_count(w->behaviours)));
    return json_count(w->behaviours) - 1;
}

/* What differs from the type's own default, and why. */
static Json *changed_properties(Object *obj)
{
    Json *props = NULL;

    for (unsigned i = 0; i < obj->klass->num_props; i++) {
        const Property *prop = obj->klass->props[i].prop;
        PropertyOrigin origin;
        const char *why = NULL;
        Json *value, *entry;

        if (obj->klass->props[i].absent || prop->hidden || !prop->kind->get) {
            continue;
        }
        origin = object_property_origin(obj, prop->name, &why);
        if (origin == PROP_ORIGIN_DEFAULT || origin == PROP_ORIGIN_BOARD) {
            continue;
        }
        value = object_property_get(obj, prop->name, NULL);
        if (!value) {
            continue;
        }
        props = props ? props : json_new_object();
        entry = json_new_object();
        json_set(entry, "value", value);
        json_set(entry, "origin", json_new_string(property_origin_name(origin)));
        if (why) {
            json_set(entry, "by", json_new_string(why));
        }
        json_set(props, prop->name, entry);
    }
    return props;
}

static void write_device(Object *device, const char *key, void *opaque)
{
    Writing *w = opaque;
    Json *props = changed_properties(device), *behaviour = ledger_behaviour(device), *entry;

    if (!props && !behaviour) {
        return;
    }
    entry = json_new_object();
    json_set(entry, "key", json_new_string(key));
    json_set(entry, "type", json_new_string(object_type(device)));
    if (DEVICE(device)->id) {
        json_set(entry, "id", json_new_string(DEVICE(device)->id));
    }
    if (props) {
        json_set(entry, "properties", props);
    }
    if (behaviour) {
        json_set(entry, "behaviour", json_new_int(behaviour_number(w, behaviour)));
    }
    json_append(w->devices, entry);
}

void ledger_write(GString *out)
{
    g_autoptr(Json) ledger = json_new_object();
    Writing w = { json_new_array(), json_new_array(), g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) };

    json_set(ledger, "format", json_new_int(LEDGER_FORMAT));
    json_set(ledger, "version", json_new_string(GODWIT_VERSION));
    json_set(ledger, "release", json_new_string(release_name(release)));
    json_set(ledger, "machine", json_new_string(current_machine ? MACHINE_GET_CLASS(current_machine)->name : "none"));
    for (unsigned i = 0; i < num_parts; i++) {
        Json *part = parts[i]->write();

        if (part) {
            json_set(ledger, parts[i]->name, part);
        }
    }
    ledger_foreach_device(write_device, &w);
    json_set(ledger, "devices", w.devices);
    json_set(ledger, "behaviours", w.behaviours);
    trail_write(ledger);
    json_text_append(out, ledger, false);
    g_hash_table_unref(w.behaviour_index);
}

/* Reading. The description itself is QEMU's and may be long: only the one member is parsed. */

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && g_ascii_isspace(*p)) {
        p++;
    }
    return p;
}

/* Past the string that begins at p; `end` if it does not end. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\') {
            p++;
        }
    }
    return p < end ? p + 1 : end;
}

/* Past any value: as far as brackets are balanced outside strings. */
static const char *skip_value(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            if (!depth) {
                return p;
            }
            depth--;
            p++;
        } else if (*p == ',' && !depth) {
            return p;
        } else {
            p++;
        }
        if (!depth && p < end && (p[-1] == '}' || p[-1] == ']' || p[-1] == '"')) {
            return p;
        }
    }
    return end;
}

Json *ledger_extract(const char *text, size_t length)
{
    const char *p = text, *end = text + length;
    Json *ledger;

    p = skip_space(p, end);
    if (p == end || *p != '{') {
        return NULL;
    }
    for (p = skip_space(p + 1, end); p < end && *p == '"'; p = skip_space(p + 1, end)) {
        const char *name = p + 1, *after = skip_string(p, end), *value, *value_end;
        bool wanted = after - name == sizeof(LEDGER_KEY) && memcmp(name, LEDGER_KEY, sizeof(LEDGER_KEY) - 1) == 0;

        p = skip_space(after, end);
        if (p == end || *p != ':') {
            return NULL;
        }
        value = skip_space(p + 1, end);
        value_end = skip_value(value, end);
        if (wanted) {
            ledger = json_parse(value, value_end - value, NULL);
            if (ledger && json_type(ledger) == JSON_OBJECT) {
                return ledger;
            }
            json_unref(ledger);
            return NULL;
        }
        p = skip_space(value_end, end);
        if (p == end || *p != ',') {
            return NULL;
        }
    }
    return NULL;
}

void ledger_note_missing(Stream *notes, const char *idstr)
{
    const char *slash = strrchr(idstr, '/');

    if (slash && strchr(idstr, ':')) {
        stream_note(notes, "the source has a device of the kind '%s' at %.*s, this side has none there: both sides need the "
                    "same -device options, with the same bus= and addr=", slash + 1, (int)(slash - idstr), idstr);
    } else {
        stream_note(notes, "the source has '%s', this side has not: compare -M and its options, -smp and -device of both sides",
                    idstr);
    }
}

void ledger_adopt(const Json *ledger, bool came_back)
{
    trail_adopt(ledger, came_back);
}
