/*
 * migrate-set-parameters and what goes with it. All of QEMU's are kept and shown; the bandwidth and downtime limits are
 * the ones that a save here goes by.
 */
#include <string.h>

#include "capability.h"
#include "migration/migration.h"
#include "util/error.h"
#include "util/keyval.h"
#include "util/units.h"

typedef enum { KIND_BOOL, KIND_UINT8, KIND_UINT32, KIND_UINT64, KIND_SIZE, KIND_STRING, KIND_COMPRESSION } Kind;

typedef struct Parameter {
    const char *name;
    Kind kind;
    uint64_t initial;
    const char *unit;           /* info migrate_parameters */
    uint64_t min, max;          /* max 0: any */
    const char *range;          /* of the refusal: "Parameter 'x_y' expects RANGE" */
} Parameter;

#define BETWEEN(low, high) (low), (high), "a value between " #low " and " #high
#define PERCENT(low, high) (low), (high), "an integer in the range of " #low " to " #high

/* In the order of info migrate_parameters; those after tls-authz are not in it. */
static const Parameter parameters[] = {
    { "announce-initial", KIND_SIZE, 50, " ms", BETWEEN(0, 100000) },
    { "announce-max", KIND_SIZE, 550, " ms", BETWEEN(0, 100000) },
    { "announce-rounds", KIND_SIZE, 5, "", BETWEEN(0, 1000) },
    { "announce-step", KIND_SIZE, 100, " ms", 1, 10000, "a value between 0 and 10000" },
    { "compress-level", KIND_UINT8, 1, "", BETWEEN(0, 9) },
    { "compress-threads", KIND_UINT8, 8, "", BETWEEN(1, 255) },
    { "compress-wait-thread", KIND_BOOL, 1, "" },
    { "decompress-threads", KIND_UINT8, 2, "", BETWEEN(1, 255) },
    { "throttle-trigger-threshold", KIND_UINT8, 50, "", PERCENT(1, 100) },
    { "cpu-throttle-initial", KIND_UINT8, 20, "", PERCENT(1, 99) },
    { "cpu-throttle-increment", KIND_UINT8, 10, "", PERCENT(1, 99) },
    { "cpu-throttle-tailslow", KIND_BOOL, 0, "" },
    { "max-cpu-throttle", KIND_UINT8, 99, "", 0, 99, "an integer in the range of cpu_throttle_initial to 99" },
    { "tls-creds", KIND_STRING, 0, "" },
    { "tls-hostname", KIND_STRING, 0, "" },
    { "max-bandwidth", KIND_SIZE, 128 * MiB, " bytes/second" },
    { "downtime-limit", KIND_UINT64, 300, " ms", 0, 2000000, "an integer in the range of 0 to (2000 * 1000) ms" },
    { "x-checkpoint-delay", KIND_UINT32, 20000, " ms" },
    { "block-incremental", KIND_BOOL, 0, "" },
    { "multifd-channels", KIND_UINT8, 2, "", BETWEEN(1, 255) },
    { "multifd-compression", KIND_COMPRESSION, 0, "" },
    { "xbzrle-cache-size", KIND_SIZE, 64 * MiB, " bytes" },
    { "max-postcopy-bandwidth", KIND_SIZE, 0, "" },
    { "tls-authz", KIND_STRING, 0, "" },
    { "multifd-zlib-level", KIND_UINT8, 1, NULL, BETWEEN(0, 9) },
    { "multifd-zstd-level", KIND_UINT8, 1, NULL, BETWEEN(0, 20) },
};
enum { PARAMETERS = G_N_ELEMENTS(parameters) };

static const char *const compressions[] = { "none", "zlib", "zstd" };

typedef struct Value {
    uint64_t number;
    char *text;
} Value;

static Value *values_now(void)
{
    static Value values[PARAMETERS];
    static bool initialized;

    for (int i = 0; !initialized && i < PARAMETERS; i++) {
        values[i].number = parameters[i].initial;
        values[i].text = parameters[i].kind == KIND_STRING ? g_strdup("") : NULL;
    }
    initialized = true;
    return values;
}

static int find(const char *name)
{
    for (int i = 0; i < PARAMETERS; i++) {
        if (strcmp(parameters[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

uint64_t parameter_max_bandwidth(void)
{
    return values_now()[find("max-bandwidth")].number;
}

uint64_t parameter_downtime_limit(void)
{
    return values_now()[find("downtime-limit")].number;
}

/* QEMU's refusals of a value's size spell the name with underscores. */
static bool expects(const Parameter *p, const char *what, GError **error)
{
    g_autofree char *name = g_strdelimit(g_strdup(p->name), "-", '_');

    return error_setf(error, "Parameter '%s' expects %s", name, what);
}

static bool check_range(const Parameter *p, uint64_t number, GError **error)
{
    return !p->range || (number >= p->min && number <= p->max) || expects(p, p->range, error);
}

/* Limits that look at more than one value. */
static bool check_all(const Value *values, GError **error)
{
    const Parameter *cache = &parameters[find("xbzrle-cache-size")], *throttle = &parameters[find("max-cpu-throttle")];
    uint64_t size = values[find("xbzrle-cache-size")].number;

    if (size < 4096 || (size & (size - 1))) {
        return expects(cache, "a power of two no less than the target page size", error);
    }
    if (values[find("max-cpu-throttle")].number < values[find("cpu-throttle-initial")].number) {
        return expects(throttle, throttle->range, error);
    }
    return true;
}

static bool set_compression(Value *value, const char *text, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(compressions); i++) {
        if (strcmp(compressions[i], text) == 0) {
            value->number = i;
            return true;
        }
    }
    return error_setf(error, "Parameter 'multifd-compression' does not accept value '%s'", text);
}

static bool set_number(const Parameter *p, Value *value, const Json *json, GError **error)
{
    int64_t negative;

    if (p->kind == KIND_UINT8 || p->kind == KIND_UINT32) {
        uint64_t limit = p->kind == KIND_UINT8 ? UINT8_MAX : UINT32_MAX;

        if (!json_get_uint(json, &value->number) && !json_get_int(json, &negative)) {
            return error_setf(error, "Parameter '%s' expects uint64", p->name);
        }
        if (!json_get_uint(json, &value->number) || value->number > limit) {
            return error_setf(error, "Parameter '%s' expects %s", p->name, p->kind == KIND_UINT8 ? "uint8_t" : "uint32_t");
        }
    } else if (json_get_int(json, &negative)) {
        value->number = negative;   /* -1 is 2^64 - 1, as in QEMU */
    } else if (!json_get_uint(json, &value->number)) {
        return error_setf(error, "Parameter '%s' expects uint64", p->name);
    }
    return check_range(p, value->number, error);
}

static bool set_value(const Parameter *p, Value *value, const Json *json, GError **error)
{
    bool flag;

    switch (p->kind) {
    case KIND_BOOL:
        if (!json_get_bool(json, &flag)) {
            return error_setf(error, "Invalid parameter type for '%s', expected: boolean", p->name);
        }
        value->number = flag;
        return true;
    case KIND_STRING:
        if (!json_get_string(json) && json_type(json) != JSON_NULL) {
            return error_setf(error, "Invalid parameter type for '%s', expected: StrOrNull", p->name);
        }
        value->text = g_strdup(json_get_string(json) ? json_get_string(json) : "");
        return true;
    case KIND_COMPRESSION:
        if (!json_get_string(json)) {
            return error_setf(error, "Invalid parameter type for '%s', expected: string", p->name);
        }
        return set_compression(value, json_get_string(json), error);
    default:
        return set_number(p, value, json, error);
    }
}

typedef struct Change {
    Value values[PARAMETERS];   /* texts are borrowed unless changed */
    bool changed[PARAMETERS];
    GError **error;
} Change;

static void change_begin(Change *change, GError **error)
{
    memset(change, 0, sizeof(*change));
    memcpy(change->values, values_now(), sizeof(change->values));
    change->error = error;
}

static bool change_end(Change *change, bool ok)
{
    Value *now = values_now();

    ok = ok && check_all(change->values, change->error);
    for (int i = 0; i < PARAMETERS; i++) {
        if (change->changed[i] && parameters[i].kind == KIND_STRING) {
            g_free(ok ? now[i].text : change->values[i].text);
        }
    }
    if (ok) {
        memcpy(now, change->values, sizeof(change->values));
    }
    return ok;
}

static bool change_one(const char *key, Json *json, void *opaque)
{
    Change *change = opaque;
    int i = find(key);
    Value value = { 0 };

    if (i < 0) {
        return error_setf(change->error, "Parameter '%s' is unexpected", key);
    }
    if (!set_value(&parameters[i], &value, json, change->error)) {
        return false;
    }
    change->values[i] = value;
    change->changed[i] = true;
    return true;
}

bool migration_set_parameters(const Json *wanted, GError **error)
{
    Change change;

    change_begin(&change, error);
    return change_end(&change, json_foreach(wanted, change_one, &change));
}

/* HMP's texts: a number may have a suffix, and the bandwidths count in MiB without one. */
static Json *value_from_text(const Parameter *p, const char *text, GError **error)
{
    uint64_t number;

    switch (p->kind) {
    case KIND_BOOL:
        if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
            error_setf(error, "Parameter '%s' expects 'on' or 'off'", p->name);
            return NULL;
        }
        return json_new_bool(strcmp(text, "on") == 0);
    case KIND_STRING:
    case KIND_COMPRESSION:
        return json_new_string(text);
    default:
        break;
    }
    if (strcmp(p->name, "max-bandwidth") == 0 || strcmp(p->name, "max-postcopy-bandwidth") == 0) {
        if (!keyval_size(p->name, text, MiB, &number, NULL)) {
            error_setf(error, "Invalid size %s", text);
            return NULL;
        }
    } else if (!keyval_size(p->name, text, 1, &number, error)) {
        return NULL;
    }
    return json_new_uint(number);
}

bool migration_set_parameter_text(const char *name, const char *text, GError **error)
{
    int i = find(name);
    g_autoptr(Json) value = NULL;
    Change change;

    if (i < 0) {
        return error_setf(error, "invalid parameter value: %s", name);
    }
    value = value_from_text(&parameters[i], text, error);
    if (!value) {
        return false;
    }
    change_begin(&change, error);
    return change_end(&change, change_one(name, value, &change));
}

Json *migration_query_parameters(void)
{
    const Value *values = values_now();
    Json *result = json_new_object();

    for (int i = 0; i < PARAMETERS; i++) {
        const Parameter *p = &parameters[i];

        json_set(result, p->name, p->kind == KIND_BOOL ? json_new_bool(values[i].number) :
                 p->kind == KIND_STRING ? json_new_string(values[i].text) :
                 p->kind == KIND_COMPRESSION ? json_new_string(compressions[values[i].number]) :
                 json_new_uint(values[i].number));
    }
    return result;
}

void migration_print_parameters(GString *out)
{
    const Value *values = values_now();

    for (int i = 0; i < PARAMETERS; i++) {
        const Parameter *p = &parameters[i];

        if (!p->unit) {
            continue;
        }
        g_string_append_printf(out, "%s: ", p->name);
        if (p->kind == KIND_BOOL) {
            g_string_append(out, values[i].number ? "on" : "off");
        } else if (p->kind == KIND_STRING) {
            g_string_append_printf(out, "'%s'", values[i].text);
        } else if (p->kind == KIND_COMPRESSION) {
            g_string_append(out, compressions[values[i].number]);
        } else {
            g_string_append_printf(out, "%" G_GUINT64_FORMAT "%s", values[i].number, p->unit);
        }
        g_string_append_c(out, '\n');
    }
}

const char *const *migration_parameter_names(void)
{
    static const char *names[PARAMETERS + 1];

    for (int i = 0; i < PARAMETERS; i++) {
        names[i] = parameters[i].name;
    }
    return names;
}
