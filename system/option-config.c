/* Options from elsewhere: -readconfig's file, and -set, which changes one that was given. */
#include <string.h>

#include "system/options.h"

static const struct {
    const char *group;
    OptionKind kind;
} id_groups[] = {
    { "device", OPT_DEVICE }, { "drive", OPT_DRIVE },       { "chardev", OPT_CHARDEV },
    { "object", OPT_OBJECT }, { "blockdev", OPT_BLOCKDEV }, { "mon", OPT_MONITOR },
};

bool options_set(Config *config, const char *text, GError **error)
{
    g_auto(GStrv) part = g_strsplit(text, ".", 3);
    char *value = part[0] && part[1] && part[2] ? strchr(part[2], '=') : NULL;

    if (!value || value == part[2]) {
        return error_setf(error, "can't parse: \"%s\"", text);
    }
    *value++ = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(id_groups); i++) {
        GPtrArray *items = config->items[id_groups[i].kind];

        if (strcmp(id_groups[i].group, part[0]) != 0) {
            continue;
        }
        for (guint k = 0; items && k < items->len; k++) {
            OptionItem *item = items->pdata[k];

            if (item->opts && strcmp(json_member_string(item->opts, "id", ""), part[1]) == 0) {
                json_set(item->opts, part[2], json_new_string(value));
                return true;
            }
        }
        return error_setf(error, "there is no %s \"%s\" defined", part[0], part[1]);
    }
    return error_setf(error, "There is no option group '%s'", part[0]);
}

/* The option that a group of the file stands for. */
static const char *option_of(const char *group)
{
    const OptionGroup *g = option_group(group);

    return g ? g->option : NULL;
}

/* Ends a group: gives its option what was gathered. */
static bool finish(Config *config, char **group, Json **opts, GError **error)
{
    g_autofree char *name = g_steal_pointer(group);
    g_autoptr(Json) all = g_steal_pointer(opts);
    g_autofree char *arg = NULL;

    if (!name) {
        return true;
    }
    arg = keyval_text(all);
    return options_apply(config, option_of(name), arg, error);
}

/* `[group]` or `[group "id"]` */
static bool parse_heading(char *line, char **group, Json **opts)
{
    char *end = strrchr(line, ']'), *quote, *last;

    if (!end) {
        return false;
    }
    *end = '\0';
    quote = strchr(line, '"');
    *opts = json_new_object();
    if (quote) {
        last = strrchr(line, '"');
        if (last == quote) {
            return false;
        }
        *last = '\0';
        *quote = '\0';
        json_set(*opts, "id", json_new_string(quote + 1));
    }
    *group = g_strdup(g_strstrip(line + 1));
    return true;
}

/* `key = "value"` */
static bool parse_assignment(char *line, Json *opts)
{
    char *value = strchr(line, '='), *last;

    if (!value || !opts) {
        return false;
    }
    *value++ = '\0';
    g_strstrip(line);
    g_strstrip(value);
    last = strrchr(value, '"');
    if (*value != '"' || last == value || last[1]) {
        return false;
    }
    *last = '\0';
    json_set(opts, line, json_new_string(value + 1));
    return true;
}

bool options_read_config(Config *config, const char *path, GError **error)
{
    g_autofree char *text = NULL, *group = NULL;
    g_autoptr(GError) local = NULL;
    g_autoptr(Json) opts = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, &local)) {
        return g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_ISDIR)
                   ? error_setf(error, "Cannot read config file: Is a directory")
                   : error_set_errno(error, errno, "Could not open '%s'", path);
    }
    lines = g_strsplit(text, "\n", -1);
    for (int i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);

        if (!*line || *line == '#') {
            continue;
        }
        if (*line == '[') {
            if (!finish(config, &group, &opts, error)) {
                return false;
            }
            if (!parse_heading(line, &group, &opts)) {
                return error_setf(error, "%s:%d: parse error", path, i + 1);
            }
            if (!option_of(group)) {
                return error_setf(error, "%s:%d: There is no option group '%s'", path, i + 1, group);
            }
        } else if (!parse_assignment(line, opts)) {
            return error_setf(error, "%s:%d: %s", path, i + 1, group ? "parse error" : "no group defined");
        }
    }
    return finish(config, &group, &opts, error);
}
