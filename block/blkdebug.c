/*
 * Driver "blkdebug": the node below, but with errors where its rules want them. For tests of what becomes of an error:
 *
 *     -blockdev driver=blkdebug,node-name=d,image=f0,inject-error.0.event=write_aio,inject-error.0.errno=28,…
 *
 * A rule has an event or an iotype that says which requests fail, and perhaps a sector, errno and `once`.
 */
#include <string.h>

#include "block/block-int.h"
#include "util/error.h"

#define RULES_MAX 64

typedef struct Rule {
    unsigned ops;       /* bits 1 << BlockOp */
    uint64_t sector;    /* UINT64_MAX: any */
    int errnum;
    bool once, used;
} Rule;

typedef struct DebugState {
    Rule rules[RULES_MAX];
    unsigned count;
} DebugState;

#define ALL_OPS ((1u << BLOCK_OPS) - 1)

static const struct {
    const char *name;
    unsigned ops;
} events[] = {
    { "none", ALL_OPS },
    { "read_aio", 1 << BLOCK_READ },
    { "write_aio", 1 << BLOCK_WRITE },
    { "flush_to_os", 1 << BLOCK_FLUSH },
    { "flush_to_disk", 1 << BLOCK_FLUSH },
};

static const char *const iotypes[] = {
    [BLOCK_READ] = "read", [BLOCK_WRITE] = "write", [BLOCK_FLUSH] = "flush", [BLOCK_DISCARD] = "discard",
    [BLOCK_WRITE_ZEROES] = "write-zeroes", NULL,
};

static bool take_event(BlockOptions *opts, unsigned *ops, GError **error)
{
    g_autofree char *event = NULL;
    int iotype = -1;
    if (!options_string(opts, "event", &event, error) || !options_enum(opts, "iotype", iotypes, &iotype, NULL, error)) {
        return false;
    }
    if (!event) {
        return options_missing(opts, "event", error);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(events); i++) {
        if (!strcmp(events[i].name, event)) {
            *ops = events[i].ops & (iotype < 0 ? ALL_OPS : 1u << iotype);
            return true;
        }
    }
    return error_setf(error, "Parameter '%sevent' does not accept value '%s'", opts->prefix, event);
}

static bool add_rule(DebugState *s, BlockOptions *opts, GError **error)
{
    Rule rule = { .sector = UINT64_MAX };
    uint64_t errnum = EIO;
    bool immediately;
    if (!take_event(opts, &rule.ops, error) || !options_uint(opts, "errno", &errnum, error) ||
        !options_uint(opts, "sector", &rule.sector, error) || !options_bool(opts, "once", &rule.once, error) ||
        !options_bool(opts, "immediately", &immediately, error) || !options_finish(opts, "blkdebug", false, error)) {
        return false;
    }
    if (errnum == 0 || errnum > 4095) {
        return error_setf(error, "Parameter '%serrno' expects an error number", opts->prefix);
    }
    if (s->count == RULES_MAX) {
        return error_setf(error, "More than %d rules in '%s'", RULES_MAX, opts->prefix);
    }
    rule.errnum = errnum;
    s->rules[s->count++] = rule;
    return true;
}

typedef struct TakeRules {
    DebugState *s;
    const BlockOptions *opts;
    GError **error;
    bool ok;
} TakeRules;

static bool take_rule(const char *key, Json *value, void *opaque)
{
    TakeRules *take = opaque;
    g_autofree char *prefix = g_strdup_printf("%sinject-error.%s.", take->opts->prefix, key);
    if (json_type(value) != JSON_OBJECT) {
        take->ok = error_setf(take->error, "Invalid parameter type for '%sinject-error.%s', expected: object",
                              take->opts->prefix, key);
        return false;
    }
    g_autoptr(BlockOptions) opts = options_new(json_ref(value), take->opts->style, prefix);
    take->ok = add_rule(take->s, opts, take->error);
    return take->ok;
}

/* An array, or, from -drive's text, an object with numbers for keys. */
static bool take_rules(DebugState *s, BlockOptions *opts, GError **error)
{
    Json *list = json_member(opts->json, "inject-error");
    TakeRules take = { s, opts, error, true };
    if (!list) {
        return true;
    }
    if (json_type(list) == JSON_OBJECT) {
        json_foreach(list, take_rule, &take);
    } else if (json_type(list) == JSON_ARRAY) {
        for (unsigned i = 0; take.ok && i < json_count(list); i++) {
            char key[16];
            g_snprintf(key, sizeof(key), "%u", i);
            take_rule(key, json_at(list, i), &take);
        }
    } else {
        return error_setf(error, "Invalid parameter type for '%sinject-error', expected: array", opts->prefix);
    }
    json_remove(opts->json, "inject-error");
    return take.ok;
}

static bool blkdebug_open(BlockNode *node, BlockOptions *opts, GError **error)
{
    if (!take_rules(node->state, opts, error)) {
        return false;
    }
    node->file = block_child_open(node, opts, "image", error);
    if (!node->file || !options_finish(opts, "blkdebug", false, error)) {
        return false;
    }
    node->length = node->file->node->length;
    return true;
}

static bool blkdebug_set_permissions(BlockNode *node, unsigned perm, unsigned shared, GError **error)
{
    return block_edge_set(node->file, perm, shared, error);
}

static bool applies(const Rule *rule, const BlockRequest *req)
{
    if (rule->used || !(rule->ops & 1u << req->op)) {
        return false;
    }
    return rule->sector == UINT64_MAX || (rule->sector >= req->offset / SECTOR_SIZE &&
                                          rule->sector < (req->offset + req->bytes + SECTOR_SIZE - 1) / SECTOR_SIZE);
}

static void blkdebug_submit(BlockNode *node, BlockRequest *req)
{
    DebugState *s = node->state;
    for (unsigned i = 0; i < s->count; i++) {
        if (applies(&s->rules[i], req)) {
            s->rules[i].used = s->rules[i].once;
            block_request_finish_later(req, -s->rules[i].errnum);
            return;
        }
    }
    block_request_forward(node->file->node, req);
}

static int64_t blkdebug_allocated_size(BlockNode *node)
{
    BlockNode *below = node->file->node;
    return below->driver->allocated_size ? below->driver->allocated_size(below) : 0;
}

const BlockDriver block_driver_blkdebug = {
    .name = "blkdebug", .state_size = sizeof(DebugState), .open = blkdebug_open,
    .set_permissions = blkdebug_set_permissions, .submit = blkdebug_submit, .allocated_size = blkdebug_allocated_size,
};
