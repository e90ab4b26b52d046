/*
 * Inside block/: nodes, drivers and requests.
 *
 * A node has a driver, and perhaps children that it uses. Each use is a BlockEdge: it says what the user does with the
 * node (perm) and what it lets others do (shared). Edges of one node must agree, and what they ask for together goes
 * down to the children, and to the image file as locks that other processes see.
 *
 * A request starts at a node and goes down from driver to driver as one struct; whoever does the work finishes it with
 * block_request_finish(), from the main loop, a drain or an unplug, never from within submit.
 */
#ifndef BLOCK_BLOCK_INT_H
#define BLOCK_BLOCK_INT_H

#include "block/block.h"
#include "block/options.h"

typedef struct BlockDriver BlockDriver;
typedef struct BlockEdge BlockEdge;

/* What an edge does with a node; the numbers are those of the lock bytes. */
enum {
    BLOCK_PERM_READ = 1 << 0,               /* "consistent read" */
    BLOCK_PERM_WRITE = 1 << 1,
    BLOCK_PERM_WRITE_UNCHANGED = 1 << 2,
    BLOCK_PERM_RESIZE = 1 << 3,
    BLOCK_PERM_ALL = 15,
    BLOCK_PERM_BITS = 4,
};
/* The names of permissions, joined by ", ". Caller frees. */
char *block_perm_names(unsigned perm);

typedef enum { DETECT_ZEROES_OFF, DETECT_ZEROES_ON, DETECT_ZEROES_UNMAP } DetectZeroes;

/* What a node may do; children inherit it where their own options say nothing. */
typedef struct BlockMode {
    bool read_only, auto_read_only, direct, no_flush, force_share, discard;
} BlockMode;

#define NODE_NAME_MAX 31

struct BlockNode {
    const BlockDriver *driver;
    char name[NODE_NAME_MAX + 1];
    unsigned refcount;
    bool monitor_owned;         /* made by -blockdev or blockdev-add */
    bool probed;                /* raw because nothing else was recognised: sector 0 is guarded */
    BlockMode mode;
    DetectZeroes detect_zeroes;
    uint64_t length;            /* bytes; may be no multiple of the sector */
    char *filename;             /* NULL: only its options name it */
    Json *options;              /* what names the node: driver, filename, size, … (children not included) */
    BlockEdge *file, *backing;  /* children */
    GPtrArray *parents;         /* BlockEdge *, borrowed */
    void *state;                /* the driver's */
    /* statistics and flush elision */
    uint64_t wr_highest_offset;
    uint64_t write_gen, flushed_gen;
};

struct BlockEdge {
    BlockNode *node;            /* the used one: a reference */
    BlockNode *parent;          /* one of the two is the user */
    BlockBackend *backend;
    const char *role;           /* "root", "file", "backing" */
    unsigned perm, shared;
};

struct BlockDriver {
    const char *name;
    bool protocol;              /* the lowest level: named by a filename */
    size_t state_size;
    /* Takes its options, checks that none is left, and opens. On failure nothing remains but node->state. */
    bool (*open)(BlockNode *node, BlockOptions *opts, GError **error);
    void (*close)(BlockNode *node);
    /* What all users together do and share changes. A refusal changes nothing. NULL: fine. */
    bool (*set_permissions)(BlockNode *node, unsigned perm, unsigned shared, GError **error);
    void (*submit)(BlockNode *node, BlockRequest *req);
    int64_t (*allocated_size)(BlockNode *node);     /* bytes on the host; NULL: 0 */
    void (*query_stats)(BlockNode *node, Json *stats); /* adds "driver-specific" */
    bool (*resize)(BlockNode *node, uint64_t bytes, GError **error);    /* sets node->length; NULL: it can't */
    void (*child_resized)(BlockNode *node);         /* node->length follows node->file's; NULL: it does not */
    void (*activate)(BlockNode *node);              /* the image is ours again: another may have written it */
    bool dirty_flag;            /* query-block shows one */
};

extern const BlockDriver block_driver_file, block_driver_host_device, block_driver_raw, block_driver_null_co,
    block_driver_null_aio, block_driver_overlay, block_driver_blkdebug;

/* NULL: no such driver. */
const BlockDriver *block_driver_find(const char *name);

/* Nodes (block.c). */
/*
 * Opens a node from nested options (which are used up). Returns a reference. `inherited` is a parent's mode, or NULL.
 */
BlockNode *block_node_open(BlockOptions *opts, const BlockMode *inherited, GError **error);
/* A node that is not open and has no name yet: for drivers that make nodes of their own. */
BlockNode *block_node_new(const BlockDriver *driver);
/* Publishes a node that is open: it has its name from now on. */
bool block_node_publish(BlockNode *node, const char *name, GError **error);
void block_node_unref(BlockNode *node);
BlockNode *block_node_find(const char *name);
/* In order of creation, BlockNode *. */
const GPtrArray *block_nodes(void);
/* "#block037": a name for a node that got none. */
void block_node_generate_name(BlockNode *node);
/* Opens the child that the member `key` describes or names, as `role`; its permissions follow the parent's. */
BlockEdge *block_child_open(BlockNode *parent, BlockOptions *opts, const char *key, GError **error);

/* A user of a node. Takes over the reference. */
BlockEdge *block_edge_new(BlockNode *node, BlockNode *parent, BlockBackend *backend, const char *role);
void block_edge_free(BlockEdge *edge);
/* Checked against the other users, the node, its children and the image locks; a refusal changes nothing. */
bool block_edge_set(BlockEdge *edge, unsigned perm, unsigned shared, GError **error);
void block_node_permissions(const BlockNode *node, unsigned *perm, unsigned *shared);

/* What names the node: its filename, or "json:{…}". Caller frees. */
char *block_node_filename(const BlockNode *node);
Json *block_node_full_options(const BlockNode *node);
uint64_t block_node_length(const BlockNode *node);      /* rounded up to a sector */
unsigned block_node_backing_depth(const BlockNode *node);

/* Requests (request.c). */
struct BlockRequest {
    BlockRequest *next;             /* in whatever list it waits */
    BlockBackend *blk;              /* NULL: a driver's own */
    BlockNode *node;
    uint64_t offset, bytes;
    const struct iovec *iov;
    int iovcnt;
    uint8_t op, flags;
    BlockCallback fn;
    void *opaque;
    int64_t ret;                    /* of the engine: what the system call said; when queued: the result */
    /* the worker's */
    void (*done)(BlockRequest *req);            /* NULL: finish with ret. Else called in the main loop */
    int (*work)(BlockRequest *req);             /* in a thread of the pool */
    int fd;
    uint64_t moved;                 /* bytes done by earlier parts */
    const struct iovec *part;       /* what the engine moves now; own_part: allocated */
    int part_count;
    struct iovec *own_part;
    uint64_t gen;                   /* a flush's node->write_gen */
    int64_t deadline;               /* null-co: ns */
};

/* A driver's own request to a node; as block_submit(), unchecked. */
void block_node_submit(BlockNode *node, BlockOp op, uint64_t offset, uint64_t bytes, const struct iovec *iov,
                       int iovcnt, unsigned flags, BlockCallback fn, void *opaque);
int block_node_read_sync(BlockNode *node, uint64_t offset, void *buf, size_t bytes);
/* Hands a request on to another node (a child), as it stands. */
void block_request_forward(BlockNode *node, BlockRequest *req);
/* Ends a request; not from within submit. */
void block_request_finish(BlockRequest *req, int ret);
/* Ends it at the next turn of the main loop (or drain). */
void block_request_finish_later(BlockRequest *req, int ret);
/* … not before `ns` of CLOCK_MONOTONIC. */
void block_request_finish_at(BlockRequest *req, int64_t ns);

/* Hands the system call that op, fd, part and offset describe to the host: io_uring, else a thread. */
void block_engine_start(BlockRequest *req, bool threads);
/* Somebody plugged: whose request ends at once hears of it at the unplug. */
bool block_engine_plugged(void);
/* … as the system call has returned req->ret already. */
void block_engine_returned(BlockRequest *req);
/* Runs req->work in a thread; its result is req->ret, then req->done. */
void block_engine_work(BlockRequest *req);
/* Called by the engines, in the main loop or a drain: the call has returned req->ret. */
void block_engine_done(BlockRequest *req);
/* For tests: as if the kernel had no io_uring. */
extern bool block_engine_no_uring;

/* Frees the pool and ends the engines; nothing is in flight. */
void block_requests_close(void);

/* The io_uring engine (uring.c); without liburing all say no. */
bool block_uring_init(void);            /* the first time: sets the ring up */
int block_uring_fd(void);
bool block_uring_start(BlockRequest *req);  /* false: full, try after a poll */
void block_uring_submit(void);          /* what was started since, at once */
bool block_uring_pending(void);         /* … but the kernel took not all: try again soon */
bool block_uring_ready(void);
bool block_uring_poll(void);            /* true: something was done */
void block_uring_close(void);

/* The thread pool (threads.c). */
#define BLOCK_THREADS_MAX 64
bool block_threads_init(GError **error);
int block_threads_fd(void);             /* readable when something is done; -1: not initialised */
void block_threads_start(BlockRequest *req);
bool block_threads_poll(void);
void block_threads_close(void);

/* True if all bytes are zero. */
bool block_iov_is_zero(const struct iovec *iov, int iovcnt);

/* Back ends (backend.c). */
struct BlockBackend {
    char *name;                     /* of -drive; NULL: nameless */
    unsigned refcount;
    BlockEdge *root;                /* NULL: no medium */
    void *device;
    char *device_path;
    const BlockDeviceOps *ops;
    void *ops_device;
    bool read_only, write_cache, auto_delete;
    bool permitted, want_write, share_rw;   /* what its device asked for, of whatever medium */
    BlockdevOnError rerror, werror;
    bool iostatus_enabled;
    enum { BLOCK_STATUS_OK, BLOCK_STATUS_FAILED, BLOCK_STATUS_NOSPACE } iostatus;
    unsigned in_flight;
    struct BlockStats *stats;
    struct DriveInfo *drive;        /* NULL: not of -drive */
};
extern GPtrArray *block_backends;   /* BlockBackend *, borrowed; NULL: none yet */
BlockBackend *block_backend_new(const char *name);
BlockBackend *block_backend_by_name(const char *name);
/* It becomes a nameless one, and the name is free. */
void block_backend_forget_name(BlockBackend *blk);
/* The node becomes the medium; takes over the reference. */
bool block_backend_insert(BlockBackend *blk, BlockNode *node, GError **error);
/* Its medium goes; requests are over. */
void block_backend_remove(BlockBackend *blk);
/* An error may stop the machine: then there is an I/O status to show. */
bool block_backend_has_status(const BlockBackend *blk);
bool block_images_inactive(void);
/* drive.c: the drive of an unplugged device goes. */
void block_drive_free(struct DriveInfo *drive);
/* At the end: drives and the monitor's nodes go, as far as nobody else uses them. */
void block_drives_close(void);
void blockdev_close_all(void);

void block_stats_free(struct BlockStats *stats);

#endif
