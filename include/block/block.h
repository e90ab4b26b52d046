/*
 * Disk back ends. A BlockNode is a named thing with sectors (driver "file", "raw", "null-co", "null-aio"), perhaps over
 * another; a BlockBackend is what a device holds: a node, with what the user said about errors and caching, and the
 * requests in flight. Requests are asynchronous: a callback in the main loop, exactly once.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include <sys/uio.h>

#include "util/json.h"

typedef struct BlockNode BlockNode;
typedef struct BlockBackend BlockBackend;
typedef struct BlockRequest BlockRequest;

#define SECTOR_SIZE 512

typedef enum { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES, BLOCK_OPS } BlockOp;
enum { BLOCK_MAY_UNMAP = 1 << 0, BLOCK_FUA = 1 << 1 };

typedef enum { BLOCKDEV_ON_ERROR_AUTO, BLOCKDEV_ON_ERROR_REPORT, BLOCKDEV_ON_ERROR_IGNORE, BLOCKDEV_ON_ERROR_ENOSPC,
               BLOCKDEV_ON_ERROR_STOP } BlockdevOnError;
typedef enum { BLOCK_ERROR_REPORT, BLOCK_ERROR_IGNORE, BLOCK_ERROR_STOP } BlockErrorAction;

/* -drive (a JSON object of its options, as text) and -blockdev / blockdev-add (typed JSON, nested). */
bool drive_add(Json *opts, GError **error);
bool blockdev_add(Json *opts, GError **error);
bool blockdev_del(const char *node_name, GError **error);

/* By -drive id, or a node's name (which makes a backend of its own). Borrowed; NULL with "Device needs media" style errors. */
BlockBackend *block_backend_find(const char *name);

/* A device takes a back end. Fails if it is taken, "Property 'X.drive' can't take value 'd0', it's in use". */
bool block_backend_attach(BlockBackend *blk, void *device, const char *device_path, GError **error);
void block_backend_detach(BlockBackend *blk, void *device);
/* What the device needs, checked against others' use of the node and the image locks. share_rw: others may write too. */
bool block_backend_permit(BlockBackend *blk, bool writable, bool share_rw, GError **error);
/* Told of resizes (sectors) and of resume after a stop on error. */
typedef struct BlockDeviceOps {
    void (*resized)(void *device);
    void (*drained)(void *device);
} BlockDeviceOps;
void block_backend_set_ops(BlockBackend *blk, const BlockDeviceOps *ops, void *device);

const char *block_backend_name(const BlockBackend *blk);        /* "" for one made from a node's name */
const char *block_backend_node_name(const BlockBackend *blk);
bool block_backend_read_only(const BlockBackend *blk);
uint64_t block_backend_length(const BlockBackend *blk);         /* bytes, rounded up to a sector */
/* What the host file prefers, in bytes: logical (request alignment) and discard granularity. */
unsigned block_backend_alignment(const BlockBackend *blk);
bool block_backend_write_cache(const BlockBackend *blk);
void block_backend_set_write_cache(BlockBackend *blk, bool on);
/* Per-drive policies; AUTO becomes QEMU's default (report for reads, enospc for writes). */
BlockdevOnError block_backend_on_error(const BlockBackend *blk, bool is_read);
void block_backend_set_on_error(BlockBackend *blk, BlockdevOnError rerror, BlockdevOnError werror);
/* What to do about an error by the policy: emits BLOCK_IO_ERROR, and stops the machine if it says so. */
BlockErrorAction block_backend_error_action(BlockBackend *blk, bool is_read, int errnum);

/*
 * Starts a request. `ret` of the callback: 0, or a negative errno. offset and bytes are multiples of the sector size and
 * checked against the length; the iov stays valid until the callback. The callback may come from within the call only
 * through the main loop, never at once.
 */
typedef void (*BlockCallback)(void *opaque, int ret);
void block_submit(BlockBackend *blk, BlockOp op, uint64_t offset, uint64_t bytes, const struct iovec *iov, int iovcnt,
                  unsigned flags, BlockCallback fn, void *opaque);
/* Submissions between the two are handed to the host together. Nests. */
void block_plug(void);
void block_unplug(void);
/* Waits for all requests in flight: of one back end, or of all. */
void block_drain(BlockBackend *blk);
void block_drain_all(void);
bool block_flush_all(GError **error);
/* Synchronous, for start-up and tests. */
int block_read_sync(BlockBackend *blk, uint64_t offset, void *buf, size_t bytes);

/* Statistics, updated by the device when a request ends. */
void block_account(BlockBackend *blk, BlockOp op, uint64_t bytes, int64_t start_ns, bool failed, bool merged);
Json *block_query(void);                /* query-block */
Json *block_query_nodes(bool flat);     /* query-named-block-nodes */
Json *block_query_stats(bool nodes);    /* query-blockstats */

/* Ends requests and closes everything: before exit. */
void block_close_all(void);

#endif
