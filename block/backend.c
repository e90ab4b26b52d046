/* Back ends: what a device holds. Policies, permissions, and giving the images up around a migration. */
#include <string.h>

#include "block/block-int.h"
#include "system/main-loop.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/log.h"
#include "util/units.h"

GPtrArray *block_backends;
static GHashTable *by_name; /* name (in the back end) -> BlockBackend */
static bool inactive;   /* the images belong to another process */
static RunStateHandler *run_state_handler;

BlockBackend *block_backend_by_name(const char *name)
{
    return by_name ? g_hash_table_lookup(by_name, name) : NULL;
}

void block_backend_forget_name(BlockBackend *blk)
{
    if (blk->name) {
        g_hash_table_remove(by_name, blk->name);
        g_clear_pointer(&blk->name, g_free);
    }
}

static void run_state_changed(void *opaque, bool running, RunState state)
{
    if (!running) {
        return;
    }
    for (unsigned i = 0; i < block_backends->len; i++) {
        BlockBackend *blk = block_backends->pdata[i];
        blk->iostatus = BLOCK_STATUS_OK;
    }
}

BlockBackend *block_backend_new(const char *name)
{
    BlockBackend *blk = g_new0(BlockBackend, 1);
    blk->name = g_strdup(name);
    blk->refcount = 1;
    blk->write_cache = true;
    if (!block_backends) {
        block_backends = g_ptr_array_new();
        by_name = g_hash_table_new(g_str_hash, g_str_equal);
        run_state_handler = runstate_add_handler(run_state_changed, NULL);
    }
    g_ptr_array_add(block_backends, blk);
    if (name) {
        g_hash_table_insert(by_name, blk->name, blk);
    }
    return blk;
}

BlockBackend *block_backend_ref(BlockBackend *blk)
{
    blk->refcount++;
    return blk;
}

void block_backend_unref(BlockBackend *blk)
{
    if (!blk || --blk->refcount) {
        return;
    }
    block_drain(blk);
    g_ptr_array_remove(block_backends, blk);
    if (blk->root) {
        block_edge_free(blk->root);
    }
    block_stats_free(blk->stats);
    block_backend_forget_name(blk);
    g_free(blk->device_path);
    g_free(blk);
}

static void check_incoming(void)
{
    if (runstate_get() == RUN_STATE_INMIGRATE) {
        inactive = true;
    }
}

bool block_images_inactive(void)
{
    return inactive;
}

static bool device_permissions(BlockBackend *blk, GError **error)
{
    check_incoming();
    return block_edge_set(blk->root, BLOCK_PERM_READ | (blk->want_write ? BLOCK_PERM_WRITE : 0),
                          blk->share_rw ? BLOCK_PERM_ALL : BLOCK_PERM_ALL & ~BLOCK_PERM_WRITE, error);
}

/* What a back end that no device uses does with its node: -drive keeps it readable. */
static bool idle_permissions(BlockBackend *blk, GError **error)
{
    check_incoming();
    return block_edge_set(blk->root, blk->name ? BLOCK_PERM_READ : 0, BLOCK_PERM_ALL, error);
}

bool block_backend_insert(BlockBackend *blk, BlockNode *node, GError **error)
{
    blk->root = block_edge_new(node, NULL, blk, "root");
    if (!(blk->permitted ? device_permissions(blk, error) : idle_permissions(blk, error))) {
        block_edge_free(blk->root);
        blk->root = NULL;
        return false;
    }
    blk->read_only = node->mode.read_only;
    return true;
}

void block_backend_remove(BlockBackend *blk)
{
    block_drain(blk);
    block_edge_free(blk->root);
    blk->root = NULL;
}

BlockBackend *block_backend_new_empty(void)
{
    return block_backend_new(NULL);
}

BlockBackend *block_backend_find(const char *name)
{
    return block_backend_by_name(name);
}

BlockBackend *block_backend_of_device(const void *device)
{
    for (unsigned i = 0; block_backends && i < block_backends->len; i++) {
        BlockBackend *blk = block_backends->pdata[i];
        if (blk->device == device) {
            return blk;
        }
    }
    return NULL;
}

BlockBackend *block_backend_get(const char *name)
{
    BlockBackend *blk = block_backend_by_name(name);
    if (blk) {
        return block_backend_ref(blk);
    }
    BlockNode *node = block_node_find(name);
    if (!node) {
        return NULL;
    }
    node->refcount++;
    blk = block_backend_new(NULL);
    block_backend_insert(blk, node, NULL); /* it asks for nothing yet: not refused */
    return blk;
}

/* Devices */

bool block_backend_attach(BlockBackend *blk, void *device, const char *device_path)
{
    if (blk->device) {
        return false;
    }
    blk->device = device;
    block_backend_set_device_path(blk, device_path);
    return true;
}

void block_backend_set_device_path(BlockBackend *blk, const char *device_path)
{
    g_free(blk->device_path);
    blk->device_path = g_strdup(device_path);
}

void block_backend_detach(BlockBackend *blk, void *device)
{
    if (blk->device != device) {
        return;
    }
    block_drain(blk);
    blk->device = NULL;
    blk->ops = NULL;
    blk->permitted = false;
    blk->iostatus_enabled = false;
    blk->iostatus = BLOCK_STATUS_OK;
    block_backend_set_device_path(blk, NULL);
    if (blk->root) {
        idle_permissions(blk, NULL); /* less than before: not refused */
    }
    if (blk->auto_delete && blk->drive) {
        block_drive_free(blk->drive);
    }
}

void block_backend_mark_auto_delete(BlockBackend *blk)
{
    blk->auto_delete = true;
}

void block_backend_set_ops(BlockBackend *blk, const BlockDeviceOps *ops, void *device)
{
    blk->ops = ops;
    blk->ops_device = device;
}

bool block_backend_permit(BlockBackend *blk, bool writable, bool share_rw, GError **error)
{
    if (!blk->root && writable) {
        return error_setf(error, "Device needs media, but drive is empty");
    }
    blk->want_write = writable;
    blk->share_rw = share_rw;
    blk->permitted = !blk->root || device_permissions(blk, error);
    return blk->permitted;
}

bool block_backend_has_medium(const BlockBackend *blk)
{
    return blk->root != NULL;
}

const char *block_backend_name(const BlockBackend *blk)
{
    return blk->name ?: "";
}

const char *block_backend_node_name(const BlockBackend *blk)
{
    return blk->root ? blk->root->node->name : "";
}

bool block_backend_read_only(const BlockBackend *blk)
{
    return blk->read_only;
}

uint64_t block_backend_length(const BlockBackend *blk)
{
    return blk->root ? block_node_length(blk->root->node) : 0;
}

bool block_backend_write_cache(const BlockBackend *blk)
{
    return blk->write_cache;
}

void block_backend_set_write_cache(BlockBackend *blk, bool on)
{
    blk->write_cache = on;
}

/* Errors */

BlockdevOnError block_backend_on_error(const BlockBackend *blk, bool is_read)
{
    BlockdevOnError policy = is_read ? blk->rerror : blk->werror;
    if (policy == BLOCKDEV_ON_ERROR_AUTO) {
        return is_read ? BLOCKDEV_ON_ERROR_REPORT : BLOCKDEV_ON_ERROR_ENOSPC;
    }
    return policy;
}

void block_backend_set_on_error(BlockBackend *blk, BlockdevOnError rerror, BlockdevOnError werror)
{
    if (rerror != BLOCKDEV_ON_ERROR_AUTO) {
        blk->rerror = rerror;
    }
    if (werror != BLOCKDEV_ON_ERROR_AUTO) {
        blk->werror = werror;
    }
    blk->iostatus_enabled = true;
}

bool block_backend_has_status(const BlockBackend *blk)
{
    BlockdevOnError reads = block_backend_on_error(blk, true), writes = block_backend_on_error(blk, false);
    return blk->iostatus_enabled && (reads == BLOCKDEV_ON_ERROR_STOP || writes == BLOCKDEV_ON_ERROR_STOP ||
                                     writes == BLOCKDEV_ON_ERROR_ENOSPC);
}

static void stop_machine(void *opaque)
{
    vm_stop(RUN_STATE_IO_ERROR);
}

static BlockErrorAction choose_action(BlockdevOnError policy, int errnum)
{
    switch (policy) {
    case BLOCKDEV_ON_ERROR_ENOSPC:
        return errnum == ENOSPC ? BLOCK_ERROR_STOP : BLOCK_ERROR_REPORT;
    case BLOCKDEV_ON_ERROR_STOP:
        return BLOCK_ERROR_STOP;
    case BLOCKDEV_ON_ERROR_IGNORE:
        return BLOCK_ERROR_IGNORE;
    default:
        return BLOCK_ERROR_REPORT;
    }
}

BlockErrorAction block_backend_error_action(BlockBackend *blk, bool is_read, int errnum)
{
    static const char *const actions[] = {
        [BLOCK_ERROR_REPORT] = "report", [BLOCK_ERROR_IGNORE] = "ignore", [BLOCK_ERROR_STOP] = "stop",
    };
    BlockErrorAction action = choose_action(block_backend_on_error(blk, is_read), errnum);
    Json *data = json_new_object();
    json_set(data, "device", json_new_string(block_backend_name(blk)));
    if (blk->root) {
        json_set(data, "node-name", json_new_string(blk->root->node->name));
    }
    json_set(data, "operation", json_new_string(is_read ? "read" : "write"));
    json_set(data, "action", json_new_string(actions[action]));
    if (block_backend_has_status(blk)) {
        json_set(data, "nospace", json_new_bool(errnum == ENOSPC));
    }
    json_set(data, "reason", json_new_string(strerror(errnum)));
    if (action == BLOCK_ERROR_STOP && blk->iostatus == BLOCK_STATUS_OK) {
        blk->iostatus = errnum == ENOSPC ? BLOCK_STATUS_NOSPACE : BLOCK_STATUS_FAILED;
    }
    event_emit("BLOCK_IO_ERROR", data);
    if (action == BLOCK_ERROR_STOP) {
        defer_once(stop_machine, NULL); /* not from within the end of a request */
    }
    return action;
}

/* Migration, and the end */

static bool apply_all(GError **error)
{
    const GPtrArray *nodes = block_nodes();
    for (unsigned i = 0; i < nodes->len; i++) {
        BlockNode *node = nodes->pdata[i];
        unsigned perm, shared;
        block_node_permissions(node, &perm, &shared);
        if (node->driver->protocol && node->driver->set_permissions &&
            !node->driver->set_permissions(node, perm, shared, error)) {
            return false;
        }
    }
    return true;
}

bool block_inactivate_all(GError **error)
{
    block_drain_all();
    if (!block_flush_all(error)) {
        return false;
    }
    inactive = true;
    apply_all(NULL); /* giving up is not refused */
    return true;
}

bool block_activate_all(GError **error)
{
    if (!inactive) {
        return true;
    }
    inactive = false;
    const GPtrArray *nodes = block_nodes();
    for (unsigned i = 0; i < nodes->len; i++) {
        BlockNode *node = nodes->pdata[i];
        if (node->driver->activate) {
            node->driver->activate(node);
        }
    }
    if (!apply_all(error)) {
        inactive = true;
        apply_all(NULL);
        return false;
    }
    return true;
}

bool block_flush_all(GError **error)
{
    for (unsigned i = 0; block_backends && i < block_backends->len; i++) {
        BlockBackend *blk = block_backends->pdata[i];
        int ret = blk->root ? block_op_sync(blk, BLOCK_FLUSH, 0, 0, 0) : 0;
        if (ret < 0) {
            return error_set_errno(error, ret, "Could not flush '%s'",
                                   blk->name ? blk->name : block_backend_node_name(blk));
        }
    }
    return true;
}

void block_close_all(void)
{
    block_drain_all();
    block_flush_all(NULL);
    block_drives_close();
    blockdev_close_all();
    while (block_backends && block_backends->len) {
        BlockBackend *blk = block_backends->pdata[block_backends->len - 1];
        blk->refcount = 1;
        block_backend_unref(blk);
    }
    if (block_backends) {
        g_clear_pointer(&block_backends, g_ptr_array_unref);
        g_clear_pointer(&by_name, g_hash_table_unref);
        runstate_remove_handler(run_state_handler);
    }
    block_requests_close();
    inactive = false;
}
