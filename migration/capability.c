/* migrate-set-capabilities and what goes with it. */
#include "capability.h"

#include <string.h>

#include "migration/migration.h"
#include "util/error.h"

static const char *const names[CAPABILITIES + 1] = {
    "xbzrle", "rdma-pin-all", "auto-converge", "zero-blocks", "compress", "events", "postcopy-ram", "x-colo",
    "release-ram", "block", "return-path", "pause-before-switchover", "multifd", "dirty-bitmaps", "postcopy-blocktime",
    "late-block-activate", "x-ignore-shared", "validate-uuid", "background-snapshot", "zero-copy-send",
    "postcopy-preempt", NULL,
};

/* Those that do something here, or that ask for nothing that this program would do otherwise. */
static const bool available[CAPABILITIES] = {
    [CAPABILITY_ZERO_BLOCKS] = true,            /* about block migration, which there is none of */
    [CAPABILITY_EVENTS] = true,
    [CAPABILITY_PAUSE_BEFORE_SWITCHOVER] = true,
    [CAPABILITY_LATE_BLOCK_ACTIVATE] = true,
    [CAPABILITY_X_IGNORE_SHARED] = true,
    [CAPABILITY_VALIDATE_UUID] = true,
};

static bool on[CAPABILITIES];

bool capability_is_on(Capability capability)
{
    return on[capability];
}

const char *capability_name(Capability capability)
{
    return names[capability];
}

bool capability_from_name(const char *name, Capability *capability)
{
    for (int i = 0; i < CAPABILITIES; i++) {
        if (strcmp(names[i], name) == 0) {
            *capability = i;
            return true;
        }
    }
    return false;
}

const char *const *migration_capability_names(void)
{
    return names;
}

static bool check(Capability capability, bool state, GError **error)
{
    if (!migration_is_idle()) {
        return error_setf(error, "There's a migration process in progress");
    }
    if (state && !available[capability]) {
        return error_setf(error, "Capability '%s' is not supported", names[capability]);
    }
    return true;
}

static bool parse_one(const Json *item, Capability *capability, bool *state, GError **error)
{
    const Json *name = json_member(item, "capability"), *value = json_member(item, "state");

    if (!name || !value) {
        return error_setf(error, "Parameter '%s' is missing", name ? "state" : "capability");
    }
    if (!json_get_string(name)) {
        return error_setf(error, "Invalid parameter type for 'capability', expected: string");
    }
    if (!capability_from_name(json_get_string(name), capability)) {
        return error_setf(error, "Parameter 'capability' does not accept value '%s'", json_get_string(name));
    }
    if (!json_get_bool(value, state)) {
        return error_setf(error, "Invalid parameter type for 'state', expected: boolean");
    }
    return check(*capability, *state, error);
}

bool migration_set_capabilities(const Json *list, GError **error)
{
    bool wanted[CAPABILITIES];

    memcpy(wanted, on, sizeof(on));
    for (size_t i = 0; i < json_count(list); i++) {
        Capability capability;
        bool state;

        if (json_type(json_at(list, i)) != JSON_OBJECT) {
            return error_setf(error, "Invalid parameter type for 'capabilities[%zu]', expected: object", i);
        }
        if (!parse_one(json_at(list, i), &capability, &state, error)) {
            return false;
        }
        wanted[capability] = state;
    }
    memcpy(on, wanted, sizeof(on));
    return true;
}

bool migration_set_capability_text(const char *name, bool state, GError **error)
{
    Capability capability;

    if (!capability_from_name(name, &capability)) {
        return error_setf(error, "invalid parameter value: %s", name);
    }
    if (!check(capability, state, error)) {
        return false;
    }
    on[capability] = state;
    return true;
}

Json *migration_query_capabilities(void)
{
    Json *list = json_new_array();

    for (int i = 0; i < CAPABILITIES; i++) {
        Json *item = json_new_object();

        json_set(item, "state", json_new_bool(on[i]));
        json_set(item, "capability", json_new_string(names[i]));
        json_append(list, item);
    }
    return list;
}

void migration_print_capabilities(GString *out)
{
    for (int i = 0; i < CAPABILITIES; i++) {
        g_string_append_printf(out, "%s: %s\n", names[i], on[i] ? "on" : "off");
    }
}
