/* Driver "raw": the node below as it is, or a part of it. */
#include <inttypes.h>
#include <string.h>

#include "block/block-int.h"
#include "block/probe.h"
#include "util/error.h"
#include "util/units.h"

typedef struct RawState {
    uint64_t offset;
    bool fixed_size;
} RawState;

static bool find_window(BlockNode *node, uint64_t offset, uint64_t size, bool has_size, GError **error)
{
    RawState *s = node->state;
    uint64_t whole = block_node_length(node->file->node);
    if (offset > whole) {
        return error_setf(error,
                          "Offset (%" PRIu64 ") cannot be greater than size of the containing file (%" PRIu64 ")",
                          offset, whole);
    }
    if (has_size && size > whole - offset) {
        return error_setf(error,
                          "The sum of offset (%" PRIu64 ") and size (%" PRIu64 ") has to be smaller or equal to the "
                          " actual size of the containing file (%" PRIu64 ")", offset, size, whole);
    }
    if (has_size && size % SECTOR_SIZE) {
        return error_setf(error, "Specified size is not multiple of %u", SECTOR_SIZE);
    }
    s->offset = offset;
    s->fixed_size = has_size;
    node->length = has_size ? size : whole - offset;
    return true;
}

static bool raw_open(BlockNode *node, BlockOptions *opts, GError **error)
{
    uint64_t offset = 0, size = 0;
    bool has_offset = json_has(opts->json, "offset"), has_size = json_has(opts->json, "size");

    if (!options_size(opts, "offset", &offset, error) || !options_size(opts, "size", &size, error)) {
        return false;
    }
    node->file = block_child_open(node, opts, "file", error);
    if (!node->file || !options_finish(opts, "raw", false, error) ||
        !find_window(node, offset, size, has_size, error)) {
        return false;
    }
    const BlockNode *below = node->file->node;
    if (has_offset) {
        json_set(node->options, "offset", json_new_uint(offset));
    }
    if (has_size) {
        json_set(node->options, "size", json_new_uint(size));
    }
    if (!has_offset && !has_size && below->filename && below->driver->protocol) {
        node->filename = g_strdup(below->filename);
    }
    return true;
}

static bool raw_set_permissions(BlockNode *node, unsigned perm, unsigned shared, GError **error)
{
    return block_edge_set(node->file, perm, shared, error);
}

static void raw_submit(BlockNode *node, BlockRequest *req)
{
    RawState *s = node->state;
    if (node->probed && req->op == BLOCK_WRITE && req->offset == 0 && !probe_write_allowed(req)) {
        block_request_finish_later(req, -EPERM);
        return;
    }
    req->offset += s->offset;
    block_request_forward(node->file->node, req);
}

static void raw_child_resized(BlockNode *node)
{
    RawState *s = node->state;
    uint64_t whole = block_node_length(node->file->node);
    if (!s->fixed_size) {
        node->length = whole > s->offset ? whole - s->offset : 0;
    }
}

static bool raw_resize(BlockNode *node, uint64_t bytes, GError **error)
{
    RawState *s = node->state;
    BlockNode *below = node->file->node;
    if (s->fixed_size) {
        return error_setf(error, "Cannot resize fixed-size raw disks");
    }
    if (bytes > INT64_MAX - s->offset) {
        return error_setf(error, "Disk size too large for the chosen offset");
    }
    if (!below->driver->resize) {
        return error_setf(error, "Image format driver does not support resize");
    }
    return below->driver->resize(below, bytes + s->offset, error);
}

static int64_t raw_allocated_size(BlockNode *node)
{
    BlockNode *below = node->file->node;
    return below->driver->allocated_size ? below->driver->allocated_size(below) : 0;
}

const BlockDriver block_driver_raw = {
    .name = "raw", .state_size = sizeof(RawState), .open = raw_open, .set_permissions = raw_set_permissions,
    .submit = raw_submit, .resize = raw_resize, .child_resized = raw_child_resized,
    .allocated_size = raw_allocated_size,
};
