/* Media that come and go: what the monitor's eject and change and the blockdev- commands do to a drive. */
#include "block/drive.h"
#include "block/probe.h"
#include "system/runstate.h"
#include "util/error.h"

void block_backend_tray_moved(BlockBackend *blk, bool open)
{
    Json *data = json_new_object();
    json_set(data, "device", json_new_string(block_backend_name(blk)));
    json_set(data, "id", json_new_string(blk->device_path ? blk->device_path : ""));
    json_set(data, "tray-open", json_new_bool(open));
    event_emit("DEVICE_TRAY_MOVED", data);
}

static bool is_removable(const BlockBackend *blk)
{
    return !blk->device || (blk->ops && blk->ops->change_media);
}

static bool has_tray(const BlockBackend *blk)
{
    return blk->ops && blk->ops->is_tray_open;
}

static bool tray_is_open(const BlockBackend *blk)
{
    return has_tray(blk) && blk->ops->is_tray_open(blk->ops_device);
}

static bool refuse_fixed(const BlockBackend *blk, const char *name, GError **error)
{
    return is_removable(blk) || error_setf(error, "Device '%s' is not removable", name);
}

/* The tray moves, if there is one, and the device hears of what is in it. */
static void change_media(BlockBackend *blk, bool load)
{
    bool was_open = tray_is_open(blk);
    if (!blk->ops || !blk->ops->change_media) {
        return;
    }
    blk->ops->change_media(blk->ops_device, load);
    if (tray_is_open(blk) != was_open) {
        block_backend_tray_moved(blk, !was_open);
    }
}

bool media_open_tray(BlockBackend *blk, const char *name, bool force, bool *asked, GError **error)
{
    *asked = false;
    if (!refuse_fixed(blk, name, error)) {
        return false;
    }
    if (!has_tray(blk) || tray_is_open(blk)) {
        return true;
    }
    bool locked = blk->ops->is_medium_locked && blk->ops->is_medium_locked(blk->ops_device);
    if (locked) {
        blk->ops->eject_request(blk->ops_device, force);
    }
    if (!locked || force) {
        change_media(blk, false);
    } else {
        *asked = true;
    }
    return true;
}

bool media_close_tray(BlockBackend *blk, const char *name, GError **error)
{
    if (!refuse_fixed(blk, name, error)) {
        return false;
    }
    if (tray_is_open(blk)) {
        change_media(blk, true);
    }
    return true;
}

bool media_remove(BlockBackend *blk, const char *name, GError **error)
{
    if (!refuse_fixed(blk, name, error)) {
        return false;
    }
    if (has_tray(blk) && !tray_is_open(blk)) {
        return error_setf(error, "Tray of device '%s' is not open", name);
    }
    if (blk->root) {
        block_backend_remove(blk);
        if (!has_tray(blk)) {
            change_media(blk, false);
        }
    }
    return true;
}

/* Takes over the reference. */
static bool insert(BlockBackend *blk, const char *name, BlockNode *node, GError **error)
{
    bool ok = refuse_fixed(blk, name, error);
    if (ok && has_tray(blk) && !tray_is_open(blk)) {
        ok = error_setf(error, "Tray of device '%s' is not open", name);
    } else if (ok && blk->root) {
        ok = error_setf(error, "There already is a medium in device '%s'", name);
    }
    if (!ok) {
        block_node_unref(node);
        return false;
    }
    if (!block_backend_insert(blk, node, error)) {
        return false;
    }
    if (!has_tray(blk)) {
        change_media(blk, true);
    }
    return true;
}

bool media_insert(BlockBackend *blk, const char *name, const char *node_name, GError **error)
{
    BlockNode *node = block_node_find(node_name);
    if (!node) {
        return error_setf(error, "Node '%s' not found", node_name);
    }
    for (unsigned i = 0; i < node->parents->len; i++) {
        const BlockEdge *edge = node->parents->pdata[i];
        if (edge->backend) {
            return error_setf(error, "Node '%s' is already in use", node_name);
        }
    }
    node->refcount++;
    return insert(blk, name, node, error);
}

static bool open_tray_or_fail(BlockBackend *blk, const char *name, bool force, GError **error)
{
    bool asked;
    if (!media_open_tray(blk, name, force, &asked, error)) {
        return false;
    }
    return !asked || error_setf(error, "Device '%s' is locked and force was not specified, "
                                       "wait for tray to open and try again", name);
}

bool media_eject(BlockBackend *blk, const char *name, bool force, GError **error)
{
    return open_tray_or_fail(blk, name, force, error) && media_remove(blk, name, error);
}

static BlockNode *open_medium(const char *filename, const char *format, bool read_only, GError **error)
{
    const BlockDriver *driver = format ? block_driver_find(format) : &block_driver_raw;
    const char *protocol, *name;
    if (!driver) {
        error_setf(error, "Unknown driver '%s'", format);
        return NULL;
    }
    if (!drive_parse_filename(filename, &protocol, &name, error)) {
        return NULL;
    }
    Json *tree = json_new_object(), *file = driver->protocol ? tree : json_new_object();
    json_set(tree, "driver", json_new_string(driver->name));
    json_set(tree, "read-only", json_new_bool(read_only));
    json_set(file, "filename", json_new_string(name));
    if (file != tree) {
        json_set(file, "driver", json_new_string(protocol));
        json_set(tree, "file", file);
    }
    g_autoptr(BlockOptions) opts = options_new(tree, OPTIONS_TYPED, "");
    BlockNode *node = block_node_open(opts, NULL, error);
    if (node && !format) {
        const char *found = probe_node(node);
        if (found) {
            error_setf(error, "Unknown driver '%s'", found);
            block_node_unref(node);
            return NULL;
        }
        node->probed = true;
    }
    return node;
}

bool media_change(BlockBackend *blk, const char *name, const char *filename, const char *format, bool force,
                  MediaMode mode, GError **error)
{
    bool read_only = mode == MEDIA_RETAIN ? blk->read_only : mode == MEDIA_READ_ONLY;
    BlockNode *node = open_medium(filename, format, read_only, error);
    if (!node) {
        return false;
    }
    if (!open_tray_or_fail(blk, name, force, error) || !media_remove(blk, name, error)) {
        block_node_unref(node);
        return false;
    }
    return insert(blk, name, node, error) && media_close_tray(blk, name, error);
}
