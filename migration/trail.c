/*
 * The trail: the machine's way since power-on. A hop is a release and machine type that it was in before this one. What
 * is carried are values that the machine type would not have here: they hold until power-off, since the guest has seen
 * them, and each hop passes them on.
 */
#include <string.h>

#include "hw/core/compat-query.h"
#include "hw/core/machine.h"
#include "ledger-internal.h"
#include "migration/migration.h"
#include "system/runstate.h"
#include "util/log.h"

enum { HOPS_MAX = 64 };

static Json *hops;          /* array; NULL: this is where it was powered on */
static Json *inherited;     /* what came carried: array of entries as the ledger has them */

static void forget(void)
{
    g_clear_pointer(&hops, json_unref);
    g_clear_pointer(&inherited, json_unref);
}

/* The guest switched itself off (-no-shutdown keeps the process): what starts next is another power-on. */
static void state_changed(void *opaque, bool running, RunState state)
{
    if (state == RUN_STATE_SHUTDOWN) {
        forget();
    }
}

/* Whether the property's value is one that the machine type does not have by the whole of the history. */
static bool is_override(Object *device, const CompatRow *row, const char *value, const char **instead)
{
    Release machine = current_machine ? MACHINE_GET_CLASS(current_machine)->version : RELEASE(0);
    PropertyOrigin origin = object_property_origin(device, row->property, NULL);
    bool settable = compat_release_has_property(release, object_type(device), row->property);
    Release newest = RELEASE(255, 255, 255);
    CompatValue rightful;

    if (row->kind != COMPAT_PROPERTY || !compat_value(newest, machine, object_type(device), row->property, &rightful) ||
        !rightful.text || strcmp(rightful.text, value) == 0) {
        return false;
    }
    *instead = rightful.text;
    /* Set by somebody, or by a release that had no way not to. A value that realize chose is neither. */
    return origin >= PROP_ORIGIN_GLOBAL ||
           (!settable && release_compare(release, row->changed_in) >= 0 && release_compare(machine, row->changed_in) < 0);
}

static const char *since_of(const char *key, const char *property, const char *value)
{
    for (size_t i = 0; inherited && i < json_count(inherited); i++) {
        const Json *entry = json_at(inherited, i);

        if (strcmp(json_member_string(entry, "device", ""), key) == 0 &&
            strcmp(json_member_string(entry, "property", ""), property) == 0 &&
            strcmp(json_member_string(entry, "value", ""), value) == 0) {
            return json_member_string(entry, "since", release_name(release));
        }
    }
    return release_name(release);
}

static void add_carried(Json *carried, Object *device, const char *key, const CompatRow *row, const char *value)
{
    const char *since = since_of(key, row->property, value);
    Json *entry = json_new_object();

    json_set(entry, "device", json_new_string(key));
    json_set(entry, "id", json_new_string(DEVICE(device)->id ? DEVICE(device)->id : ""));
    json_set(entry, "property", json_new_string(row->property));
    json_set(entry, "value", json_new_string(value));
    json_set(entry, "since", json_new_string(since));
    json_set(entry, "text", json_new_printf("carried since release %s, until power-off", since));
    json_append(carried, entry);
}

static void find_carried(Object *device, const char *key, void *opaque)
{
    g_autoptr(Json) behaviour = ledger_behaviour(device);
    Json *carried = opaque;

    for (unsigned i = 0; behaviour && i < device->klass->num_props; i++) {
        const char *property = device->klass->props[i].prop->name, *instead;
        g_autofree char *value = NULL, *where = NULL;
        const CompatRow *row;

        if (!json_has(behaviour, property)) {
            continue;
        }
        row = ledger_row(device, property, &value);
        if (row && is_override(device, row, value, &instead) &&
            (!ledger_visible || ledger_visible(device, row, &where))) {
            add_carried(carried, device, key, row, value);
        }
    }
}

static Json *carried_now(void)
{
    Json *carried = json_new_array();

    ledger_foreach_device(find_carried, carried);
    return carried;
}

void trail_write(Json *ledger)
{
    json_set(ledger, "trail", hops ? json_copy(hops) : json_new_array());
    json_set(ledger, "carried", carried_now());
}

Json *migration_query_trail(void)
{
    Json *result = json_new_object();

    json_set(result, "release", json_new_string(release_name(release)));
    trail_write(result);
    return result;
}

static bool is_still_there(const Json *now, const Json *entry)
{
    for (size_t i = 0; i < json_count(now); i++) {
        const Json *other = json_at(now, i);

        if (strcmp(json_member_string(other, "device", ""), json_member_string(entry, "device", "")) == 0 &&
            strcmp(json_member_string(other, "property", ""), json_member_string(entry, "property", "")) == 0 &&
            strcmp(json_member_string(other, "value", ""), json_member_string(entry, "value", "")) == 0) {
            return true;
        }
    }
    return false;
}

static void warn_about_dropped(void)
{
    g_autoptr(Json) now = carried_now();

    for (size_t i = 0; inherited && i < json_count(inherited); i++) {
        const Json *entry = json_at(inherited, i);
        const char *id = json_member_string(entry, "id", "");

        if (!is_still_there(now, entry)) {
            warn_report("%s=%s of %s, carried since release %s, until power-off, is dropped in this hop: the guest goes on "
                        "with a device that changed", json_member_string(entry, "property", ""),
                        json_member_string(entry, "value", ""), *id ? id : json_member_string(entry, "device", ""),
                        json_member_string(entry, "since", ""));
        }
    }
}

static Json *array_member(const Json *ledger, const char *name)
{
    Json *value = ledger ? json_member(ledger, name) : NULL;

    if (!value || json_type(value) != JSON_ARRAY) {
        return json_new_array();
    }
    for (size_t i = 0; i < json_count(value); i++) {
        if (json_type(json_at(value, i)) != JSON_OBJECT) {
            return json_new_array();
        }
    }
    return json_copy(value);
}

static Json *hop_from(const Json *ledger)
{
    Json *hop = json_new_object();

    json_set(hop, "release", json_new_string(ledger ? json_member_string(ledger, "release", "unknown") : "unknown"));
    json_set(hop, "machine", json_new_string(ledger ? json_member_string(ledger, "machine", "unknown") : "unknown"));
    return hop;
}

void trail_adopt(const Json *ledger, bool came_back)
{
    static bool listening;
    Json *all = array_member(ledger, "trail");
    const char *their_release = ledger ? json_member_string(ledger, "release", "") : "";

    if (!listening) {
        runstate_add_handler(state_changed, NULL);
        listening = true;
    }
    forget();
    inherited = array_member(ledger, "carried");
    if (!came_back || strcmp(their_release, release_name(release)) != 0) {
        json_append(all, hop_from(ledger));
    }
    hops = json_new_array();
    for (size_t i = json_count(all) > HOPS_MAX ? json_count(all) - HOPS_MAX : 0; i < json_count(all); i++) {
        json_append(hops, json_ref(json_at(all, i)));
    }
    json_unref(all);
    warn_about_dropped();
}
