/* block_resize: an image grows or shrinks under its users. */
#include "block/block-int.h"
#include "util/error.h"

/* Everything above a node whose length is another now. */
static void tell_users(BlockNode *node)
{
    for (unsigned i = 0; i < node->parents->len; i++) {
        const BlockEdge *edge = node->parents->pdata[i];
        BlockNode *parent = edge->parent;
        if (edge->backend && edge->backend->ops && edge->backend->ops->resized) {
            edge->backend->ops->resized(edge->backend->ops_device);
        } else if (parent && parent->file == edge && parent->driver->child_resized) {
            parent->driver->child_resized(parent);
            tell_users(parent);
        }
    }
}

static BlockNode *lowest(BlockNode *node)
{
    while (node->file) {
        node = node->file->node;
    }
    return node;
}

static bool resize_node(BlockNode *node, uint64_t bytes, GError **error)
{
    if (node->mode.read_only) {
        return error_setf(error, "Image is read-only");
    }
    if (!node->driver->resize) {
        return error_setf(error, "Image format driver does not support resize");
    }
    /* A user for the moment, so that all others have to agree. */
    node->refcount++;
    BlockBackend *blk = block_backend_new(NULL);
    BlockEdge *edge = block_edge_new(node, NULL, blk, "root");
    bool ok = block_edge_set(edge, BLOCK_PERM_RESIZE, BLOCK_PERM_ALL, error);
    if (ok) {
        block_drain_all();
        ok = node->driver->resize(node, bytes, error);
    }
    block_edge_free(edge);
    block_backend_unref(blk);
    if (ok) {
        tell_users(lowest(node));
    }
    return ok;
}

bool block_resize(const char *device, const char *node_name, int64_t size, GError **error)
{
    BlockBackend *blk = device ? block_backend_by_name(device) : NULL;
    BlockNode *node = blk ? (blk->root ? blk->root->node : NULL) : node_name ? block_node_find(node_name) : NULL;
    if (blk && !node) {
        return error_setf(error, "Device '%s' has no medium", device);
    }
    if (!node) {
        return error_setf(error, "Cannot find device='%s' nor node-name='%s'", device ? device : "",
                          node_name ? node_name : "");
    }
    if (size < 0) {
        return error_setf(error, "Parameter 'size' expects a >0 size");
    }
    return resize_node(node, size, error);
}
