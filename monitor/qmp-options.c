/* query-command-line-options. */
#include <string.h>

#include "monitor/qmp.h"
#include "system/options.h"

QMP_ENUM(parameter_type, "CommandLineParameterType", "string", "boolean", "number", "size");
QMP_STRUCT(parameter_info, "CommandLineParameterInfo", { "name", &qmp_str }, { "type", &qmp_parameter_type },
           { "help", &qmp_str, QMP_OPTIONAL }, { "default", &qmp_str, QMP_OPTIONAL });
QMP_LIST(parameter_infos, parameter_info);
QMP_STRUCT(option_info, "CommandLineOptionInfo", { "option", &qmp_str }, { "parameters", &qmp_parameter_infos });
QMP_LIST(option_infos, option_info);

typedef struct Query {
    const char *only;
    Json *list;
} Query;

static void add_group(const OptionGroup *group, void *opaque)
{
    const Query *q = opaque;
    Json *info, *parameters;

    if (q->only && strcmp(q->only, group->name) != 0) {
        return;
    }
    info = json_new_object();
    parameters = json_new_array();
    for (size_t i = 0; i < group->count; i++) {
        const KeyvalOption *key = &group->keys[i];
        Json *parameter = json_new_object();

        json_set(parameter, "name", json_new_string(key->name));
        if (key->help) {
            json_set(parameter, "help", json_new_string(key->help));
        }
        json_set(parameter, "type", json_new_string(keyval_type_name(key->type)));
        json_append(parameters, parameter);
    }
    json_set(info, "parameters", parameters);
    json_set(info, "option", json_new_string(group->name));
    json_append(q->list, info);
}

static Json *query_command_line_options(Json *args, Monitor *mon, GError **error)
{
    Query q = { json_member_string(args, "option", NULL), json_new_array() };

    option_groups_foreach(add_group, &q);
    if (q.only && !json_count(q.list)) {
        json_unref(q.list);
        error_setf(error, "invalid option name: %s", q.only);
        return NULL;
    }
    return q.list;
}

static const QmpCommand commands[] = {
    { "query-command-line-options", query_command_line_options, QMP_ARGS({ "option", &qmp_str, QMP_OPTIONAL }), &qmp_option_infos,
      QMP_PRECONFIG },
};
QMP_COMMANDS(commands)
