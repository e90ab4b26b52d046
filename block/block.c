/* Nodes: opening, names, and the graph of who uses whom for what. */
#include "block/block-int.h"

#include <string.h>

#include "util/error.h"
#include "util/units.h"

static GPtrArray *nodes;    /* BlockNode *, in order of creation */
static GHashTable *by_name; /* name (in the node) -> BlockNode */
static unsigned generated;  /* names made so far */

static const BlockDriver *const drivers[] = {
    &block_driver_file, &block_driver_host_device, &block_driver_raw, &block_driver_null_co, &block_driver_null_aio,
    &block_driver_blkdebug,
};

const BlockDriver *block_driver_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (!strcmp(drivers[i]->name, name)) {
            return drivers[i];
        }
    }
    return NULL;
}

const GPtrArray *block_nodes(void)
{
    if (!nodes) {
        nodes = g_ptr_array_new();
        by_name = g_hash_table_new(g_str_hash, g_str_equal);
    }
    return nodes;
}

BlockNode *block_node_find(const char *name)
{
    return by_name ? g_hash_table_lookup(by_name, name) : NULL;
}

/* Names */

static bool name_is_valid(const char *name)
{
    if (!g_ascii_isalpha(name[0])) {
        return false;
    }
    for (const char *c = name; *c; c++) {
        if (!g_ascii_isalnum(*c) && *c != '-' && *c != '.' && *c != '_') {
            return false;
        }
    }
    return true;
}

static bool check_name(const char *name, GError **error)
{
    if (!name_is_valid(name)) {
        return error_setf(error, "Invalid node-name: '%s'", name);
    }
    if (block_backend_by_name(name)) {
        return error_setf(error, "node-name=%s is conflicting with a device id", name);
    }
    if (block_node_find(name)) {
        return error_setf(error, "Duplicate nodes with node-name='%s'", name);
    }
    if (strlen(name) > NODE_NAME_MAX) {
        return error_setf(error, "Node name too long");
    }
    return true;
}

void block_node_generate_name(BlockNode *node)
{
    /* Two digits at the end are anyone's guess, so that nobody relies on such a name. */
    do {
        g_snprintf(node->name, sizeof(node->name), "#block%u%02u", generated, (unsigned)g_random_int_range(0, 100));
        generated++;
    } while (block_node_find(node->name));
}

bool block_node_publish(BlockNode *node, const char *name, GError **error)
{
    if (name) {
        if (!check_name(name, error)) {
            return false;
        }
        g_strlcpy(node->name, name, sizeof(node->name));
    } else {
        block_node_generate_name(node);
    }
    block_nodes();
    g_ptr_array_add(nodes, node);
    g_hash_table_insert(by_name, node->name, node);
    return true;
}

/* Making and freeing */

BlockNode *block_node_new(const BlockDriver *driver)
{
    BlockNode *node = g_new0(BlockNode, 1);
    node->driver = driver;
    node->refcount = 1;
    node->state = g_malloc0(MAX(driver->state_size, 1));
    node->parents = g_ptr_array_new();
    node->options = json_new_object();
    json_set(node->options, "driver", json_new_string(driver->name));
    return node;
}

static void node_free(BlockNode *node)
{
    g_assert(node->parents->len == 0);
    if (node->file) {
        block_edge_free(node->file);
    }
    if (node->backing) {
        block_edge_free(node->backing);
    }
    if (nodes && g_ptr_array_remove(nodes, node)) {
        g_hash_table_remove(by_name, node->name);
    }
    g_ptr_array_unref(node->parents);
    json_unref(node->options);
    g_free(node->filename);
    g_free(node->state);
    g_free(node);
}

void block_node_unref(BlockNode *node)
{
    if (node && --node->refcount == 0) {
        if (node->driver->close) {
            node->driver->close(node);
        }
        node_free(node);
    }
}

static bool take_mode(BlockNode *node, BlockOptions *opts, GError **error)
{
    static const char *const discards[] = { "ignore", "unmap", "off", "on", NULL };
    static const char *const zeroes[] = { "off", "on", "unmap", NULL };
    BlockMode *mode = &node->mode;
    int discard = mode->discard, detect = DETECT_ZEROES_OFF;
    BlockOptions *cache;

    if (!options_bool(opts, "read-only", &mode->read_only, error) ||
        !options_bool(opts, "auto-read-only", &mode->auto_read_only, error) ||
        !options_bool(opts, "force-share", &mode->force_share, error) ||
        !options_enum(opts, "discard",
                      opts->style == OPTIONS_TYPED ? (const char *const[]){ "ignore", "unmap", NULL } : discards,
                      &discard, "Invalid discard option", error) ||
        !options_enum(opts, "detect-zeroes", zeroes, &detect, NULL, error) ||
        !options_object(opts, "cache", &cache, error)) {
        return false;
    }
    mode->discard = discard & 1;
    node->detect_zeroes = detect;
    if (cache) {
        bool ok = options_bool(cache, "direct", &mode->direct, error) &&
                  options_bool(cache, "no-flush", &mode->no_flush, error) &&
                  options_finish(cache, node->driver->name, node->driver->protocol, error);
        options_free(cache);
        if (!ok) {
            return false;
        }
    }
    if (mode->force_share && !mode->read_only) {
        return error_setf(error, "force-share=on can only be used with read-only images");
    }
    if (detect == DETECT_ZEROES_UNMAP && !mode->discard && opts->style != OPTIONS_DRIVE) {
        return error_setf(error,
                          "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap");
    }
    return true;
}

static const BlockDriver *take_driver(BlockOptions *opts, GError **error)
{
    g_autofree char *name = NULL;
    if (!options_string(opts, "driver", &name, error)) {
        return NULL;
    }
    if (!name) {
        options_missing(opts, "driver", error);
        return NULL;
    }
    const BlockDriver *driver = block_driver_find(name);
    if (!driver) {
        if (opts->style == OPTIONS_DRIVE) {
            error_setf(error, "Unknown driver '%s'", name);
        } else {
            error_setf(error, "Parameter '%sdriver' does not accept value '%s'", opts->prefix, name);
        }
    }
    return driver;
}

BlockNode *block_node_open(BlockOptions *opts, const BlockMode *inherited, GError **error)
{
    g_autofree char *name = NULL;
    const BlockDriver *driver = take_driver(opts, error);
    if (!driver || !options_string(opts, "node-name", &name, error) || (name && !check_name(name, error))) {
        return NULL;
    }
    BlockNode *node = block_node_new(driver);
    if (inherited) {
        node->mode = *inherited;
    }
    if (!take_mode(node, opts, error) || !driver->open(node, opts, error)) {
        node_free(node);
        return NULL;
    }
    if (!block_node_publish(node, name, error)) {
        block_node_unref(node);
        return NULL;
    }
    return node;
}

BlockEdge *block_child_open(BlockNode *parent, BlockOptions *opts, const char *key, GError **error)
{
    Json *value = json_member(opts->json, key);
    BlockNode *node;

    if (!value) {
        if (opts->style == OPTIONS_DRIVE) {
            error_setf(error, "A block device must be specified for \"%s\"", key);
        } else {
            options_missing(opts, key, error);
        }
        return NULL;
    }
    if (json_type(value) == JSON_STRING) {
        g_autofree char *name = NULL;
        options_string(opts, key, &name, NULL);
        BlockBackend *blk = block_backend_by_name(name);
        node = blk && blk->root ? blk->root->node : block_node_find(name);
        if (!node) {
            error_setf(error, "Cannot find device='%s' nor node-name='%s'", name, name);
            return NULL;
        }
        node->refcount++;
    } else if (json_type(value) == JSON_OBJECT) {
        BlockOptions *sub;
        BlockMode mode = parent->mode;
        mode.discard = true; /* whether to discard is decided above */
        options_object(opts, key, &sub, NULL);
        node = block_node_open(sub, &mode, error);
        options_free(sub);
        if (!node) {
            return NULL;
        }
    } else {
        error_setf(error, "Invalid parameter type for '%s%s', expected: BlockdevRef", opts->prefix, key);
        return NULL;
    }
    return block_edge_new(node, parent, NULL, key);
}

/* Users and permissions */

static const char *const perm_names[BLOCK_PERM_BITS] = { "consistent read", "write", "write unchanged", "resize" };

char *block_perm_names(unsigned perm)
{
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < BLOCK_PERM_BITS; i++) {
        if (perm & (1u << i)) {
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", perm_names[i]);
        }
    }
    return g_string_free(text, FALSE);
}

BlockEdge *block_edge_new(BlockNode *node, BlockNode *parent, BlockBackend *backend, const char *role)
{
    BlockEdge *edge = g_new0(BlockEdge, 1);
    *edge = (BlockEdge){ .node = node, .parent = parent, .backend = backend, .role = role, .shared = BLOCK_PERM_ALL };
    g_ptr_array_add(node->parents, edge);
    return edge;
}

void block_node_permissions(const BlockNode *node, unsigned *perm, unsigned *shared)
{
    *perm = 0;
    *shared = BLOCK_PERM_ALL;
    for (unsigned i = 0; i < node->parents->len; i++) {
        const BlockEdge *edge = node->parents->pdata[i];
        *perm |= edge->perm;
        *shared &= edge->shared;
    }
    if (node->mode.force_share) {
        *shared = BLOCK_PERM_ALL;
    }
}

static bool apply_permissions(BlockNode *node, GError **error)
{
    unsigned perm, shared;
    block_node_permissions(node, &perm, &shared);
    return !node->driver->set_permissions || node->driver->set_permissions(node, perm, shared, error);
}

void block_edge_free(BlockEdge *edge)
{
    BlockNode *node = edge->node;
    g_ptr_array_remove(node->parents, edge);
    if (edge->perm || edge->shared != BLOCK_PERM_ALL) {
        apply_permissions(node, NULL); /* less is never refused */
    }
    g_free(edge);
    block_node_unref(node);
}

static char *user_name(const BlockEdge *edge)
{
    if (edge->parent) {
        return g_strdup_printf("node '%s'", edge->parent->name);
    }
    const BlockBackend *blk = edge->backend;
    return g_strdup_printf("block device '%s'", blk->name ? blk->name : blk->device_path ?: "");
}

static bool conflict(const BlockEdge *doer, const BlockEdge *owner, unsigned perm, GError **error)
{
    g_autofree char *names = block_perm_names(perm), *a = user_name(doer), *b = user_name(owner);
    const char *node = doer->node->name;
    return error_setf(error, "Permission conflict on node '%s': permissions '%s' are both required by %s (uses node "
                             "'%s' as '%s' child) and unshared by %s (uses node '%s' as '%s' child).",
                      node, names, a, node, doer->role, b, node, owner->role);
}

bool block_edge_set(BlockEdge *edge, unsigned perm, unsigned shared, GError **error)
{
    BlockNode *node = edge->node;
    for (unsigned i = 0; i < node->parents->len; i++) {
        const BlockEdge *other = node->parents->pdata[i];
        if (other == edge) {
            continue;
        }
        if (other->perm & ~shared) {
            return conflict(other, edge, other->perm & ~shared, error);
        }
        if (perm & ~other->shared) {
            return conflict(edge, other, perm & ~other->shared, error);
        }
    }
    if ((perm & (BLOCK_PERM_WRITE | BLOCK_PERM_WRITE_UNCHANGED | BLOCK_PERM_RESIZE)) && node->mode.read_only) {
        return error_setf(error, "Block node is read-only");
    }
    BlockEdge old = *edge;
    edge->perm = perm;
    edge->shared = shared;
    if (!apply_permissions(node, error)) {
        edge->perm = old.perm;
        edge->shared = old.shared;
        return false;
    }
    return true;
}

/* What a node is called outside */

Json *block_node_full_options(const BlockNode *node)
{
    Json *options = json_copy(node->options);
    if (node->file) {
        json_set(options, "file", block_node_full_options(node->file->node));
    }
    if (node->backing) {
        json_set(options, "backing", block_node_full_options(node->backing->node));
    }
    return options;
}

char *block_node_filename(const BlockNode *node)
{
    if (node->filename) {
        return g_strdup(node->filename);
    }
    g_autoptr(Json) options = block_node_full_options(node);
    g_autofree char *text = json_text(options, false);
    return g_strconcat("json:", text, NULL);
}

uint64_t block_node_length(const BlockNode *node)
{
    return ROUND_UP(node->length, SECTOR_SIZE);
}

unsigned block_node_backing_depth(const BlockNode *node)
{
    unsigned depth = 0;
    while (node->backing) {
        node = node->backing->node;
        depth++;
    }
    return depth;
}
