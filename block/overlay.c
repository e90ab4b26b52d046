/*
 * snapshot=on. What is written goes to an unlinked temporary file, at the same offset as in the image; a bit per sector
 * says where to read from. So a write needs no copy of what is around it.
 */
#include "block/overlay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h"

/* A leaf has the bits of 16 MiB. */
#define LEAF_SECTORS 32768u
#define LEAF_WORDS (LEAF_SECTORS / 64)

typedef struct Leaf {
    uint64_t written[LEAF_WORDS];
} Leaf;

typedef struct OverlayState {
    GHashTable *leaves;     /* index (pointer-sized) -> Leaf; absent: nothing written there */
} OverlayState;

/* A read of both: one run after the other. */
typedef struct SplitRead {
    BlockRequest *req;
    uint64_t done;
    int index;              /* where in the vector `done` is … */
    size_t skip;            /* … and how far into that entry */
    struct iovec iov[];
} SplitRead;

static Leaf leaf_full = { .written = { [0 ... LEAF_WORDS - 1] = UINT64_MAX } };

static void leaf_free(gpointer leaf)
{
    if (leaf != &leaf_full) {
        g_free(leaf);
    }
}

static Leaf *leaf_of(const OverlayState *s, uint64_t sector)
{
    return g_hash_table_lookup(s->leaves, (gpointer)(uintptr_t)(sector / LEAF_SECTORS));
}

static void set_bits(uint64_t *words, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count;) {
        unsigned bit = i % 64, n = MIN(64 - bit, first + count - i);
        words[i / 64] |= (n == 64 ? UINT64_MAX : ((1ull << n) - 1) << bit);
        i += n;
    }
}

static void mark_written(OverlayState *s, uint64_t sector, uint64_t count)
{
    while (count) {
        unsigned first = sector % LEAF_SECTORS;
        unsigned n = MIN(count, LEAF_SECTORS - first);
        gpointer key = (gpointer)(uintptr_t)(sector / LEAF_SECTORS);
        Leaf *leaf = g_hash_table_lookup(s->leaves, key);
        if (n == LEAF_SECTORS) {
            g_hash_table_insert(s->leaves, key, &leaf_full);
        } else if (leaf != &leaf_full) {
            if (!leaf) {
                leaf = g_new0(Leaf, 1);
                g_hash_table_insert(s->leaves, key, leaf);
            }
            set_bits(leaf->written, first, n);
        }
        sector += n;
        count -= n;
    }
}

static unsigned alike_in_leaf(const Leaf *leaf, unsigned first, unsigned count, bool written)
{
    unsigned i = first;
    while (i < first + count) {
        uint64_t other = (leaf->written[i / 64] ^ (written ? UINT64_MAX : 0)) >> (i % 64);
        if (other) {
            i += __builtin_ctzll(other);
            break;
        }
        i += 64 - i % 64;
    }
    return MIN(i, first + count) - first;
}

/* How many of `count` sectors are alike from `sector` on, and whether they were written. */
static uint64_t find_run(const OverlayState *s, uint64_t sector, uint64_t count, bool *written)
{
    uint64_t run = 0;
    while (run < count) {
        const Leaf *leaf = leaf_of(s, sector + run);
        unsigned first = (sector + run) % LEAF_SECTORS;
        unsigned n = MIN(count - run, LEAF_SECTORS - first);
        if (run == 0) {
            *written = leaf && (leaf->written[first / 64] >> (first % 64) & 1);
        }
        unsigned alike = leaf ? alike_in_leaf(leaf, first, n, *written) : *written ? 0 : n;
        run += alike;
        if (alike < n) {
            break;
        }
    }
    return run;
}

/* The next `bytes` of the request's vector, as a vector of their own. */
static int split_slice(SplitRead *split, uint64_t bytes)
{
    int n = 0;
    while (bytes) {
        const struct iovec *from = &split->req->iov[split->index];
        size_t len = MIN(from->iov_len - split->skip, bytes);
        if (len) {
            split->iov[n++] = (struct iovec){ (char *)from->iov_base + split->skip, len };
        }
        bytes -= len;
        split->skip += len;
        if (split->skip == from->iov_len) {
            split->index++;
            split->skip = 0;
        }
    }
    return n;
}

static void split_next(void *opaque, int ret)
{
    SplitRead *split = opaque;
    BlockRequest *req = split->req;
    BlockNode *node = req->node;
    if (ret < 0 || split->done == req->bytes) {
        g_free(split);
        block_request_finish(req, ret);
        return;
    }
    bool written;
    uint64_t at = req->offset + split->done;
    uint64_t bytes =
        find_run(node->state, at / SECTOR_SIZE, (req->bytes - split->done) / SECTOR_SIZE, &written) * SECTOR_SIZE;
    int n = split_slice(split, bytes);
    split->done += bytes;
    block_node_submit(written ? node->file->node : node->backing->node, BLOCK_READ, at, bytes, split->iov, n, 0,
                      split_next, split);
}

static void overlay_read(BlockNode *node, BlockRequest *req)
{
    bool written;
    uint64_t sectors = req->bytes / SECTOR_SIZE;
    if (find_run(node->state, req->offset / SECTOR_SIZE, sectors, &written) == sectors) {
        block_request_forward(written ? node->file->node : node->backing->node, req);
        return;
    }
    SplitRead *split = g_malloc(sizeof(SplitRead) + req->iovcnt * sizeof(struct iovec));
    split->req = req;
    split->done = 0;
    split->index = 0;
    split->skip = 0;
    split_next(split, 0);
}

static void overlay_written(void *opaque, int ret)
{
    BlockRequest *req = opaque;
    if (ret == 0) {
        mark_written(req->node->state, req->offset / SECTOR_SIZE, req->bytes / SECTOR_SIZE);
    }
    block_request_finish(req, ret);
}

static void overlay_submit(BlockNode *node, BlockRequest *req)
{
    BlockNode *file = node->file->node;
    switch (req->op) {
    case BLOCK_READ:
        overlay_read(node, req);
        break;
    case BLOCK_FLUSH:
        block_request_finish_later(req, 0); /* nothing of it outlives us */
        break;
    case BLOCK_WRITE:
        block_node_submit(file, BLOCK_WRITE, req->offset, req->bytes, req->iov, req->iovcnt, 0, overlay_written, req);
        break;
    default:
        block_node_submit(file, BLOCK_WRITE_ZEROES, req->offset, req->bytes, NULL, 0, BLOCK_MAY_UNMAP, overlay_written,
                          req);
        break;
    }
}

static bool overlay_set_permissions(BlockNode *node, unsigned perm, unsigned shared, GError **error)
{
    /* Nobody may change the image under us; but where the guest's disk is shared, so is it. */
    unsigned base_shared = shared & BLOCK_PERM_WRITE ? BLOCK_PERM_ALL
                                                     : BLOCK_PERM_ALL & ~(BLOCK_PERM_WRITE | BLOCK_PERM_RESIZE);
    return block_edge_set(node->backing, perm & BLOCK_PERM_READ, base_shared, error);
}

static void overlay_close(BlockNode *node)
{
    OverlayState *s = node->state;
    if (s->leaves) {
        g_hash_table_unref(s->leaves);
    }
}

static int64_t overlay_allocated_size(BlockNode *node)
{
    BlockNode *file = node->file->node;
    return file->driver->allocated_size(file);
}

const BlockDriver block_driver_overlay = {
    .name = "overlay", .state_size = sizeof(OverlayState), .close = overlay_close, .submit = overlay_submit,
    .set_permissions = overlay_set_permissions, .allocated_size = overlay_allocated_size, .dirty_flag = true,
};

/* A temporary file that goes with the process. */
static BlockNode *open_temporary(GError **error)
{
    const char *dir = getenv("TMPDIR");
    g_autofree char *path = g_build_filename(dir && *dir ? dir : "/var/tmp", "godwit-XXXXXX", NULL);
    int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        error_set_errno(error, errno, "Could not create temporary overlay '%s'", path);
        return NULL;
    }
    Json *json = json_new_object();
    json_set(json, "driver", json_new_string("file"));
    json_set(json, "filename", json_new_string(path));
    json_set(json, "locking", json_new_string("off"));
    g_autoptr(BlockOptions) opts = options_new(json, OPTIONS_TYPED, "");
    BlockNode *node = block_node_open(opts, &(BlockMode){ .no_flush = true, .discard = true }, error);
    unlink(path);
    close(fd);
    return node;
}

BlockNode *overlay_new(BlockNode *base, const char *name, bool read_only, GError **error)
{
    BlockNode *file = open_temporary(error);
    if (!file) {
        block_node_unref(base);
        return NULL;
    }
    BlockNode *node = block_node_new(&block_driver_overlay);
    OverlayState *s = node->state;
    s->leaves = g_hash_table_new_full(NULL, NULL, NULL, leaf_free);
    node->mode = (BlockMode){ .read_only = read_only, .no_flush = true, .discard = base->mode.discard };
    node->detect_zeroes = base->detect_zeroes;
    node->length = file->length = base->length;
    node->file = block_edge_new(file, node, NULL, "file");
    node->backing = block_edge_new(base, node, NULL, "backing");
    block_edge_set(node->file, BLOCK_PERM_READ | BLOCK_PERM_WRITE, BLOCK_PERM_ALL, NULL); /* nobody else has it */
    if (!block_node_publish(node, name, error)) {
        block_node_unref(node);
        return NULL;
    }
    return node;
}
