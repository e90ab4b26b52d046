/* -blockdev, blockdev-add and blockdev-del: nodes by themselves. */
#include <string.h>

#include "block/block-int.h"
#include "util/error.h"

bool blockdev_add(Json *json, bool from_json, GError **error)
{
    g_autoptr(BlockOptions) opts = options_new(json_copy(json), from_json ? OPTIONS_TYPED : OPTIONS_KEYVAL, "");
    const char *driver = json_member_string(opts->json, "driver", NULL);
    if (driver && block_driver_find(driver) && !json_has(opts->json, "node-name")) {
        return error_setf(error, "'node-name' must be specified for the root node");
    }
    BlockNode *node = block_node_open(opts, NULL, error);
    if (!node) {
        return false;
    }
    node->monitor_owned = true;
    return true;
}

bool blockdev_del(const char *name, GError **error)
{
    BlockNode *node = block_node_find(name);
    if (!node) {
        return error_setf(error, "Failed to find node with node-name='%s'", name);
    }
    for (unsigned i = 0; i < node->parents->len; i++) {
        const BlockEdge *edge = node->parents->pdata[i];
        if (edge->backend) {
            return error_setf(error, "Node %s is in use", name);
        }
    }
    if (!node->monitor_owned) {
        return error_setf(error, "Node %s is not owned by the monitor", name);
    }
    if (node->parents->len) {
        return error_setf(error, "Block device %s is in use", name);
    }
    node->monitor_owned = false;
    block_node_unref(node);
    return true;
}

void blockdev_close_all(void)
{
    const GPtrArray *nodes = block_nodes();
    for (unsigned i = nodes->len; i-- > 0;) {
        BlockNode *node = nodes->pdata[i];
        if (node->monitor_owned) {
            node->monitor_owned = false;
            block_node_unref(node);
            i = MIN(i, nodes->len); /* its children may have gone too */
        }
    }
}
