/* eject, change and the blockdev- commands for trays and media, in QMP and HMP. */
#include <string.h>

#include "block/block.h"
#include "hw/core/device.h"
#include "monitor/hmp.h"
#include "monitor/qmp.h"
#include "util/error.h"

QMP_ENUM(read_only_mode, "BlockdevChangeReadOnlyMode", "retain", "read-only", "read-write");

/* The back end of a device by id or path, or of a -drive by name; `name` is what was given. */
static BlockBackend *find_backend(const Json *args, const char **name, GError **error)
{
    const char *device = json_member_string(args, "device", NULL), *id = json_member_string(args, "id", NULL);
    if (!device == !id) {
        error_setf(error, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    *name = device ? device : id;
    if (device) {
        BlockBackend *blk = block_backend_find(device);
        if (!blk) {
            error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", device);
        }
        return blk;
    }
    DeviceState *dev = device_find(id);
    if (!dev && id[0] == '/' && object_resolve_path(id, NULL)) {
        error_setf(error, "%s is not a hotpluggable device", id);
        return NULL;
    }
    BlockBackend *blk = dev ? block_backend_of_device(dev) : NULL;
    if (!dev) {
        error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", id);
    } else if (!blk) {
        error_setf(error, "Device does not have a block device backend");
    }
    return blk;
}

static Json *eject(Json *args, Monitor *mon, GError **error)
{
    const char *name;
    BlockBackend *blk = find_backend(args, &name, error);
    if (blk) {
        media_eject(blk, name, json_member_bool(args, "force", false), error);
    }
    return NULL;
}

static Json *open_tray(Json *args, Monitor *mon, GError **error)
{
    const char *name;
    bool asked;
    BlockBackend *blk = find_backend(args, &name, error);
    if (blk) {
        media_open_tray(blk, name, json_member_bool(args, "force", false), &asked, error);
    }
    return NULL;
}

static Json *close_tray(Json *args, Monitor *mon, GError **error)
{
    const char *name;
    BlockBackend *blk = find_backend(args, &name, error);
    if (blk) {
        media_close_tray(blk, name, error);
    }
    return NULL;
}

static Json *remove_medium(Json *args, Monitor *mon, GError **error)
{
    const char *name;
    BlockBackend *blk = find_backend(args, &name, error);
    if (blk) {
        media_remove(blk, name, error);
    }
    return NULL;
}

static Json *insert_medium(Json *args, Monitor *mon, GError **error)
{
    const char *name;
    BlockBackend *blk = find_backend(args, &name, error);
    if (blk) {
        media_insert(blk, name, json_member_string(args, "node-name", ""), error);
    }
    return NULL;
}

static Json *change_medium(Json *args, Monitor *mon, GError **error)
{
    const char *name, *mode = json_member_string(args, "read-only-mode", "retain");
    BlockBackend *blk = find_backend(args, &name, error);
    if (blk) {
        media_change(blk, name, json_member_string(args, "filename", ""), json_member_string(args, "format", NULL),
                     json_member_bool(args, "force", false),
                     !strcmp(mode, "retain")      ? MEDIA_RETAIN
                     : !strcmp(mode, "read-only") ? MEDIA_READ_ONLY
                                                  : MEDIA_READ_WRITE,
                     error);
    }
    return NULL;
}

#define BY_NAME { "device", &qmp_str, QMP_OPTIONAL | QMP_DEPRECATED }, { "id", &qmp_str, QMP_OPTIONAL }
#define FORCE { "force", &qmp_bool, QMP_OPTIONAL }

static const QmpCommand commands[] = {
    { "eject", eject, QMP_ARGS(BY_NAME, FORCE) },
    { "blockdev-open-tray", open_tray, QMP_ARGS(BY_NAME, FORCE) },
    { "blockdev-close-tray", close_tray, QMP_ARGS(BY_NAME) },
    { "blockdev-remove-medium", remove_medium, QMP_ARGS({ "id", &qmp_str }) },
    { "blockdev-insert-medium", insert_medium, QMP_ARGS({ "id", &qmp_str }, { "node-name", &qmp_str }) },
    { "blockdev-change-medium", change_medium,
      QMP_ARGS(BY_NAME, { "filename", &qmp_str }, { "format", &qmp_str, QMP_OPTIONAL }, FORCE,
               { "read-only-mode", &qmp_read_only_mode, QMP_OPTIONAL }) },
};
QMP_COMMANDS(commands)

static const QmpEvent events[] = {
    { "DEVICE_TRAY_MOVED", QMP_ARGS({ "device", &qmp_str }, { "id", &qmp_str }, { "tray-open", &qmp_bool }) },
};
QMP_EVENTS(events)

/* --- HMP: drives by their names --- */

static void run_for_people(const char *command, const Json *args, GError **error)
{
    g_autoptr(Json) copy = json_copy(args);
    json_unref(qmp_run(command, copy, NULL, error));
}

static void cmd_eject(Monitor *mon, const Json *args, GError **error)
{
    run_for_people("eject", args, error);
}

static void cmd_change(Monitor *mon, const Json *args, GError **error)
{
    static const char *const modes[] = { "retain", "read-only", "read-write", NULL };
    const char *mode = json_member_string(args, "read-only-mode", NULL);
    if (mode && !g_strv_contains(modes, mode)) {
        error_setf(error, "invalid parameter value: %s", mode);
        return;
    }
    run_for_people("blockdev-change-medium", args, error);
}

static const HmpCommand hmp_commands[] = {
    { "change", "device:s force:- filename:s format:s? read-only-mode:s?",
      "device [-f] filename [format [read-only-mode]]",
      "change a removable medium, optional format, use -f to force the operation", cmd_change },
    { "eject", "force:- device:s", "[-f] device", "eject a removable medium (use -f to force it)", cmd_eject },
};
HMP_COMMANDS(hmp_commands)
