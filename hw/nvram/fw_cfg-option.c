/* -fw_cfg: files of the user's. */
#include <string.h>

#include "hw/nvram/fw_cfg.h"
#include "util/error.h"
#include "util/log.h"

static const char *text_of(const Json *opts, const char *key)
{
    const char *text = json_member_string(opts, key, NULL);

    return text && *text ? text : NULL;
}

static bool add_from_file(FWCfgState *s, const char *name, const char *path, GError **error)
{
    FWCfgItem item = { .owned = true };
    GError *why = NULL;
    char *data = NULL;
    gsize length;

    if (!g_file_get_contents(path, &data, &length, &why)) {
        error_setf(error, "can't load %s: %s", path, why->message);
        g_error_free(why);
        return false;
    }
    if (length > UINT32_MAX) {
        g_free(data);
        return error_setf(error, "can't load %s: it has more than 4 GiB", path);
    }
    item.data = data;
    item.data_length = item.length = length;
    if (!fw_cfg_add_file(s, name, item, error)) {
        g_free(data);
        return false;
    }
    return true;
}

bool fw_cfg_add_option(const Json *opts, GError **error)
{
    const char *name = text_of(opts, "name"), *string = text_of(opts, "string"), *file = text_of(opts, "file");
    const char *gen_id = text_of(opts, "gen_id");
    FWCfgState *s = fw_cfg_find();

    if (!s) {
        return error_setf(error, "fw_cfg device not available");
    }
    if (!name || (string != NULL) + (file != NULL) + (gen_id != NULL) != 1) {
        return error_setf(error, "name, plus exactly one of file, string and gen_id, are needed");
    }
    if (strlen(name) >= FW_CFG_FILE_NAME_MAX) {
        return error_setf(error, "name too long (max. %d char)", FW_CFG_FILE_NAME_MAX - 1);
    }
    if (!g_str_has_prefix(name, "opt/")) {
        warn_report("externally provided fw_cfg item names should be prefixed with \"opt/\"");
    }
    if (gen_id) {
        Object *obj = object_child(object_container(object_root(), "objects"), gen_id);

        return obj ? error_setf(error, "Object ID '%s' is not a 'fw_cfg-data-generator' subclass", gen_id)
                   : error_setf(error, "Cannot find object ID '%s'", gen_id);
    }
    return file ? add_from_file(s, name, file, error)
                : fw_cfg_add_file_copy(s, name, string, strlen(string), error);
}
