/*
 * QMP about the compat history: all of it, where it broke, and what must be set, on which side, for a guest of a
 * machine type to move from one release to another. These commands are this program's own, hence their "x-".
 */
#include "hw/core/compat-query.h"
#include "hw/core/machine.h"
#include "monitor/qmp.h"
#include "util/error.h"

QMP_ENUM(compat_kind, "CompatRowKind", "property", "release-only", "absent-driver", "existence");
QMP_STRUCT(compat_row, "CompatRow", { "table", &qmp_str }, { "machine-types-up-to", &qmp_str, QMP_OPTIONAL },
           { "driver", &qmp_str }, { "property", &qmp_str }, { "kind", &qmp_compat_kind },
           { "old-value", &qmp_str, QMP_OPTIONAL }, { "changed-in", &qmp_str, QMP_OPTIONAL },
           { "since", &qmp_str, QMP_OPTIONAL }, { "until", &qmp_str, QMP_OPTIONAL },
           { "note", &qmp_str, QMP_OPTIONAL });
QMP_LIST(compat_rows, compat_row);

static Json *query_history(Json *args, Monitor *mon, GError **error)
{
    return compat_history_json();
}

static Json *query_breakages(Json *args, Monitor *mon, GError **error)
{
    return compat_breakages_json();
}

QMP_ENUM(compat_side_name, "CompatSide", "destination", "source", "none");
QMP_STRUCT(compat_value, "CompatValue", { "value", &qmp_str, QMP_OPTIONAL }, { "settable", &qmp_bool },
           { "by", &qmp_str, QMP_OPTIONAL });
QMP_STRUCT(compat_difference, "CompatDifference", { "driver", &qmp_str }, { "property", &qmp_str },
           { "driver-exists", &qmp_bool }, { "source", &qmp_compat_value }, { "destination", &qmp_compat_value },
           { "set-on", &qmp_compat_side_name }, { "set", &qmp_str, QMP_OPTIONAL }, { "text", &qmp_str });
QMP_LIST(compat_differences, compat_difference);
QMP_STRUCT(compat_advice, "CompatAdvice", { "from", &qmp_str }, { "to", &qmp_str },
           { "machine-type-version", &qmp_str },
           { "differences", &qmp_compat_differences });

static bool read_release(const Json *args, const char *key, Release otherwise, Release *out, GError **error)
{
    const char *text = json_member_string(args, key, NULL);

    *out = otherwise;
    return !text || release_parse(text, out) ||
           error_setf(error, "Parameter '%s' expects a release like '8.0' or '8.0.1'", key);
}

/* Absent: this release, this machine's version. */
static Json *query_advice(Json *args, Monitor *mon, GError **error)
{
    Release version = current_machine ? MACHINE_GET_CLASS(current_machine)->version : (Release){ 0 }, from, to, machine;

    if (!read_release(args, "from", release, &from, error) || !read_release(args, "to", release, &to, error) ||
        !read_release(args, "machine", version, &machine, error)) {
        return NULL;
    }
    return compat_advice_json(from, to, machine);
}

static const QmpCommand commands[] = {
    { "x-query-compat-history", query_history, NULL, &qmp_compat_rows, QMP_PRECONFIG },
    { "x-query-compat-breakages", query_breakages, NULL, &qmp_compat_rows, QMP_PRECONFIG },
    { "x-query-compat-advice", query_advice,
      QMP_ARGS({ "from", &qmp_str, QMP_OPTIONAL }, { "to", &qmp_str, QMP_OPTIONAL },
               { "machine", &qmp_str, QMP_OPTIONAL }),
      &qmp_compat_advice, QMP_PRECONFIG },
};
QMP_COMMANDS(commands)
