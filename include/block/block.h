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

/*
 * -drive: a JSON object of its options as text, dotted keys as they are. Nothing remains of one that is refused.
 * blockdev_add() takes nested options: of -blockdev's JSON and of QMP with their types (from_json), of dotted keys as
 * text. Both borrow `opts`.
 */
bool drive_add(Json *opts, GError **error);
extern bool drive_snapshot_all;     /* -snapshot: the default of snapshot= */
bool blockdev_add(Json *opts, bool from_json, GError **error);
bool blockdev_del(const char *node_name, GError **error);
/* block_resize: bytes. By -drive id or node name; one of them may be NULL. Devices hear of it (BlockDeviceOps). */
bool block_resize(const char *device, const char *node_name, int64_t size, GError **error);
/* For a board with IDE buses: the name of the drive that sits there, NULL if there is none; taken once. */
const char *drive_take_ide(unsigned bus, bool *is_cdrom);
/* The drives that a machine has without being asked: an empty CD-ROM at if=ide,index=2 unless something is there. */
void drive_add_defaults(bool cdrom);
/* The devices that the drives with if=virtio want, as an array of device_add()'s options; taken once, after the board
 * is made. Fails for drives of an interface that no board here has ("machine type does not support if=scsi,…").
 * `options` gets each one's option as the user wrote it, borrowed; it may be NULL. */
Json *drive_take_devices(GPtrArray *options, GError **error);

/*
 * A new reference to the back end of a -drive id, or to a new, nameless one over a node of that name; NULL if there is
 * neither. block_backend_unref() of a nameless one's last reference frees it.
 */
BlockBackend *block_backend_get(const char *name);
BlockBackend *block_backend_ref(BlockBackend *blk);
void block_backend_unref(BlockBackend *blk);

/*
 * A device takes a back end; NULL-safe path, borrowed until detach. False: another device has it (the caller has the
 * words). detach drops the permissions. A -drive whose device was unplugged goes with it: mark_auto_delete() first.
 */
bool block_backend_attach(BlockBackend *blk, void *device, const char *device_path);
void block_backend_detach(BlockBackend *blk, void *device);
void block_backend_mark_auto_delete(BlockBackend *blk);
/* The canonical path that queries show, once the device is in the tree. Copied. */
void block_backend_set_device_path(BlockBackend *blk, const char *device_path);
/*
 * What the device needs, checked against others' use of the node and the image locks. share_rw: others may write too.
 * While the machine waits for a migration, images are inactive and only remember it: block_activate_all() checks.
 */
bool block_backend_permit(BlockBackend *blk, bool writable, bool share_rw, GError **error);
/* Migration: gives the images up (flushed, unlocked; requests then fail) and takes them again. */
bool block_inactivate_all(GError **error);
bool block_activate_all(GError **error);

/* What the host tells and asks a device; each may be NULL. Who has change_media has a removable medium, … */
typedef struct BlockDeviceOps {
    void (*resized)(void *device);
    void (*change_media)(void *device, bool load);  /* the tray opens, or closes with what is in it now */
    void (*eject_request)(void *device, bool force);    /* the medium is locked: the guest should let it go */
    bool (*is_tray_open)(void *device);             /* … who has this a tray … */
    bool (*is_medium_locked)(void *device);         /* … which may be locked */
} BlockDeviceOps;
void block_backend_set_ops(BlockBackend *blk, const BlockDeviceOps *ops, void *device);

/* A nameless one without a medium: of a drive for which the user named none. */
BlockBackend *block_backend_new_empty(void);
/* The one that a device has; NULL: none. */
BlockBackend *block_backend_of_device(const void *device);
/* The guest opened or closed the tray: DEVICE_TRAY_MOVED. */
void block_backend_tray_moved(BlockBackend *blk, bool open);
/*
 * Media (media.c), by -drive id or by the device's back end; `name` is what messages call it. Opening the tray: true
 * also if the guest was only asked to (then *asked), or there is no tray.
 */
bool media_open_tray(BlockBackend *blk, const char *name, bool force, bool *asked, GError **error);
bool media_close_tray(BlockBackend *blk, const char *name, GError **error);
bool media_remove(BlockBackend *blk, const char *name, GError **error);
bool media_insert(BlockBackend *blk, const char *name, const char *node_name, GError **error);
bool media_eject(BlockBackend *blk, const char *name, bool force, GError **error);
/* Opens the file first; format NULL: guessed. */
typedef enum { MEDIA_RETAIN, MEDIA_READ_ONLY, MEDIA_READ_WRITE } MediaMode;
bool media_change(BlockBackend *blk, const char *name, const char *filename, const char *format, bool force,
                  MediaMode mode, GError **error);
/* The back end of a -drive id; NULL: none. Borrowed. */
BlockBackend *block_backend_find(const char *name);

bool block_backend_has_medium(const BlockBackend *blk);         /* false: -drive without a file */
const char *block_backend_name(const BlockBackend *blk);        /* "" for one made from a node's name */
const char *block_backend_node_name(const BlockBackend *blk);
bool block_backend_read_only(const BlockBackend *blk);
uint64_t block_backend_length(const BlockBackend *blk);         /* bytes, rounded up to a sector */
bool block_backend_write_cache(const BlockBackend *blk);
void block_backend_set_write_cache(BlockBackend *blk, bool on);
/* Per-drive policies; AUTO becomes QEMU's default (report for reads, enospc for writes). */
BlockdevOnError block_backend_on_error(const BlockBackend *blk, bool is_read);
void block_backend_set_on_error(BlockBackend *blk, BlockdevOnError rerror, BlockdevOnError werror);
/* What to do about an error (a positive errno) by the policy: emits BLOCK_IO_ERROR, and has the machine stopped by the
 * main loop if the policy says so. */
BlockErrorAction block_backend_error_action(BlockBackend *blk, bool is_read, int errnum);

/*
 * Starts a request. `ret` of the callback: 0, or a negative errno: EIO beyond the end, EPERM for a write to a read-only
 * back end, ENOMEDIUM without one. offset and bytes are multiples of the sector size; the iov and what it points to
 * stay valid until the callback, which comes exactly once, from the main loop, a drain or an unplug, never from within
 * this call.
 */
typedef void (*BlockCallback)(void *opaque, int ret);
void block_submit(BlockBackend *blk, BlockOp op, uint64_t offset, uint64_t bytes, const struct iovec *iov, int iovcnt,
                  unsigned flags, BlockCallback fn, void *opaque);
/*
 * Submissions between the two are handed to the host together. Nests. Reads of what the host has in its page cache end
 * in the unplug.
 */
void block_plug(void);
void block_unplug(void);
/* Waits for all requests in flight: of one back end, or of all. */
void block_drain(BlockBackend *blk);
void block_drain_all(void);
bool block_flush_all(GError **error);
/* Synchronous, for start-up and tests: start one, and wait for it. Bytes are multiples of a sector. */
int block_read_sync(BlockBackend *blk, uint64_t offset, void *buf, size_t bytes);
int block_write_sync(BlockBackend *blk, uint64_t offset, const void *buf, size_t bytes, unsigned flags);
int block_op_sync(BlockBackend *blk, BlockOp op, uint64_t offset, uint64_t bytes, unsigned flags);

/* Statistics of a device's requests. The time is that of the start, from block_account_now(). */
int64_t block_account_now(void);
void block_account_done(BlockBackend *blk, BlockOp op, uint64_t bytes, int64_t start_ns);
void block_account_failed(BlockBackend *blk, BlockOp op, int64_t start_ns);
void block_account_invalid(BlockBackend *blk, BlockOp op);
void block_account_merged(BlockBackend *blk, BlockOp op, unsigned requests);
void block_backend_set_accounting(BlockBackend *blk, bool invalid, bool failed);
Json *block_query(void);                /* query-block */
Json *block_query_nodes(bool flat);     /* query-named-block-nodes */
Json *block_query_stats(bool nodes);    /* query-blockstats */

/* Ends requests and closes everything: before exit. */
void block_close_all(void);

#endif
