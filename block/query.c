/* query-block, query-named-block-nodes and query-blockstats. */
#include "block/stats.h"

static void set_uint(Json *object, const char *key, uint64_t value)
{
    json_set(object, key, json_new_uint(value));
}

static void set_bool(Json *object, const char *key, bool value)
{
    json_set(object, key, json_new_bool(value));
}

static void set_filename(Json *object, const char *key, const BlockNode *node)
{
    g_autofree char *name = block_node_filename(node);
    json_set(object, key, json_new_string(name));
}

static Json *image_info(BlockNode *node, bool flat)
{
    Json *info = json_new_object();
    set_filename(info, "filename", node);
    json_set(info, "format", json_new_string(node->driver->name));
    set_uint(info, "virtual-size", block_node_length(node));
    set_uint(info, "actual-size", node->driver->allocated_size ? node->driver->allocated_size(node) : 0);
    if (node->driver->dirty_flag || (node->file && node->file->node->driver->dirty_flag)) {
        set_bool(info, "dirty-flag", false);
    }
    if (node->backing && !flat) {
        json_set(info, "backing-image", image_info(node->backing->node, flat));
    }
    return info;
}

static Json *node_info(BlockNode *node, bool writeback, bool flat)
{
    static const char *const limits[] = { "bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr" };
    static const char *const detect_zeroes[] = { "off", "on", "unmap" };
    Json *info = json_new_object(), *cache = json_new_object();
    set_filename(info, "file", node);
    json_set(info, "node-name", json_new_string(node->name));
    set_bool(info, "ro", node->mode.read_only);
    json_set(info, "drv", json_new_string(node->driver->name));
    set_bool(info, "encrypted", false);
    if (node->backing) {
        set_filename(info, "backing_file", node->backing->node);
    }
    set_uint(info, "backing_file_depth", block_node_backing_depth(node));
    json_set(info, "detect_zeroes", json_new_string(detect_zeroes[node->detect_zeroes]));
    for (unsigned i = 0; i < G_N_ELEMENTS(limits); i++) {
        set_uint(info, limits[i], 0);
    }
    set_uint(info, "write_threshold", 0);
    set_bool(cache, "writeback", writeback);
    set_bool(cache, "direct", node->mode.direct);
    set_bool(cache, "no-flush", node->mode.no_flush);
    json_set(info, "cache", cache);
    json_set(info, "image", image_info(node, flat));
    return info;
}

/* Not shown: a nameless one that no device has. */
static bool is_visible(const BlockBackend *blk)
{
    return blk->name || blk->device;
}

Json *block_query(void)
{
    static const char *const statuses[] = { "ok", "failed", "nospace" };
    Json *list = json_new_array();
    for (unsigned i = 0; block_backends && i < block_backends->len; i++) {
        const BlockBackend *blk = block_backends->pdata[i];
        if (!is_visible(blk)) {
            continue;
        }
        Json *info = json_new_object();
        json_set(info, "device", json_new_string(block_backend_name(blk)));
        if (blk->device_path) {
            json_set(info, "qdev", json_new_string(blk->device_path));
        }
        json_set(info, "type", json_new_string("unknown"));
        const BlockDeviceOps *ops = blk->ops;
        set_bool(info, "removable", !blk->device || (ops && ops->change_media));
        set_bool(info, "locked", ops && ops->is_medium_locked && ops->is_medium_locked(blk->ops_device));
        if (ops && ops->is_tray_open) {
            set_bool(info, "tray_open", ops->is_tray_open(blk->ops_device));
        }
        if (block_backend_has_status(blk)) {
            json_set(info, "io-status", json_new_string(statuses[blk->iostatus]));
        }
        if (blk->root) {
            json_set(info, "inserted", node_info(blk->root->node, blk->write_cache, false));
        }
        json_append(list, info);
    }
    return list;
}

Json *block_query_nodes(bool flat)
{
    Json *list = json_new_array();
    const GPtrArray *nodes = block_nodes();
    for (unsigned i = nodes->len; i-- > 0;) { /* the newest first */
        json_append(list, node_info(nodes->pdata[i], true, flat));
    }
    return list;
}

/* One device's counters; all zero without any. */
static Json *counters(const BlockStats *stats, uint64_t wr_highest_offset)
{
    static const struct {
        const char *word;
        BlockOp op;
    } rows[] = { { "rd", BLOCK_READ }, { "wr", BLOCK_WRITE }, { "unmap", BLOCK_DISCARD }, { "flush", BLOCK_FLUSH } };
    static const BlockStats none;
    Json *out = json_new_object();
    if (!stats) {
        stats = &none;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        const BlockOpStats *op = &stats->ops[rows[i].op];
        const struct {
            const char *format;
            uint64_t value;
            bool not_flush;
        } fields[] = {
            { "%s_bytes", op->bytes, true },          { "%s_operations", op->operations },
            { "%s_total_time_ns", op->total_time_ns }, { "%s_merged", op->merged, true },
            { "failed_%s_operations", op->failed },   { "invalid_%s_operations", op->invalid },
        };
        for (unsigned f = 0; f < G_N_ELEMENTS(fields); f++) {
            char key[40];
            if (!(fields[f].not_flush && rows[i].op == BLOCK_FLUSH)) {
                g_snprintf(key, sizeof(key), fields[f].format, rows[i].word);
                set_uint(out, key, fields[f].value);
            }
        }
    }
    set_uint(out, "wr_highest_offset", wr_highest_offset);
    set_bool(out, "account_invalid", stats->account_invalid);
    set_bool(out, "account_failed", stats->account_failed);
    json_set(out, "timed_stats", json_new_array());
    return out;
}

static void add_node_stats(Json *out, BlockNode *node)
{
    json_set(out, "node-name", json_new_string(node->name));
    if (node->driver->query_stats) {
        node->driver->query_stats(node, out);
    }
}

static Json *node_stats(BlockNode *node)
{
    Json *out = json_new_object();
    add_node_stats(out, node);
    json_set(out, "stats", counters(NULL, node->wr_highest_offset));
    if (node->file) {
        json_set(out, "parent", node_stats(node->file->node));
    }
    if (node->backing) {
        json_set(out, "backing", node_stats(node->backing->node));
    }
    return out;
}

static Json *backend_stats(const BlockBackend *blk)
{
    static const BlockStats untouched = { .account_invalid = true, .account_failed = true };
    BlockNode *node = blk->root ? blk->root->node : NULL;
    Json *out = node ? node_stats(node) : json_new_object();
    json_set(out, "device", json_new_string(block_backend_name(blk)));
    if (blk->device_path) {
        json_set(out, "qdev", json_new_string(blk->device_path));
    }
    json_set(out, "stats", counters(blk->stats ? blk->stats : &untouched, node ? node->wr_highest_offset : 0));
    return out;
}

Json *block_query_stats(bool by_node)
{
    Json *list = json_new_array();
    const GPtrArray *nodes = block_nodes();
    if (by_node) {
        for (unsigned i = 0; i < nodes->len; i++) {
            json_append(list, node_stats(nodes->pdata[i]));
        }
        return list;
    }
    for (unsigned i = 0; block_backends && i < block_backends->len; i++) {
        const BlockBackend *blk = block_backends->pdata[i];
        if (is_visible(blk)) {
            json_append(list, backend_stats(blk));
        }
    }
    return list;
}
