/* Drivers "file" and "host_device": an image in the host's files, or one of its block or character devices. */
#include "block/file-posix.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fdset.h"
#include "util/units.h"

enum { AIO_DEFAULT = -1, AIO_THREADS, AIO_NATIVE, AIO_IO_URING };
enum { LOCKING_AUTO, LOCKING_ON, LOCKING_OFF };

static int open_file(const char *path, bool write, bool direct)
{
    int fd;
    do {
        fd = fdset_open(path, (write ? O_RDWR : O_RDONLY) | (direct ? O_DIRECT : 0), 0);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static bool could_not_open(const char *filename, bool direct, GError **error)
{
    if (errno == EINVAL && direct) {
        return error_setf(error, "Could not open '%s': filesystem does not support O_DIRECT", filename);
    }
    return error_set_errno(error, errno, "Could not open '%s'", filename);
}

static bool wrong_file_type(const BlockDriver *driver, const char *filename, GError **error)
{
    return error_setf(error, "'%s' driver requires '%s' to be %s", driver->name, filename,
                      driver == &block_driver_file ? "a regular file" : "either a character or block device");
}

static void find_alignment(FileState *s, bool direct)
{
    s->offset_align = s->memory_align = 1;
    if (!direct) {
        return;
    }
    s->offset_align = s->memory_align = 4096;
#ifdef STATX_DIOALIGN
    struct statx stx;
    if (statx(s->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 && (stx.stx_mask & STATX_DIOALIGN) &&
        IS_POWER_OF_2(stx.stx_dio_offset_align) && IS_POWER_OF_2(stx.stx_dio_mem_align)) {
        s->offset_align = stx.stx_dio_offset_align;
        s->memory_align = stx.stx_dio_mem_align;
        return;
    }
#endif
    int sector;
    if (s->block_device && ioctl(s->fd, BLKSSZGET, &sector) == 0 && IS_POWER_OF_2(sector)) {
        s->offset_align = sector;
    }
}

static bool find_length(BlockNode *node, const struct stat *st, GError **error)
{
    FileState *s = node->state;
    off_t end;
    if (s->regular) {
        node->length = st->st_size;
    } else if (s->block_device) {
        if (ioctl(s->fd, BLKGETSIZE64, &node->length) < 0) {
            return error_set_errno(error, errno, "Could not find the size of '%s'", node->filename);
        }
    } else {
        end = lseek(s->fd, 0, SEEK_END);
        node->length = end > 0 ? end : 0;
    }
    if (node->length > INT64_MAX - SECTOR_SIZE) {
        return error_setf(error, "Image '%s' is too large", node->filename);
    }
    return true;
}

static bool open_image(BlockNode *node, GError **error)
{
    FileState *s = node->state;
    const char *filename = node->filename;
    struct stat st;
    bool write = !node->mode.read_only && !node->mode.auto_read_only;

    /* Looked at first: opening a FIFO would wait for its other end. */
    if (stat(filename, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))) {
        return wrong_file_type(node->driver, filename, error);
    }
    s->fd = open_file(filename, write, node->mode.direct);
    if (s->fd < 0) {
        return could_not_open(filename, node->mode.direct, error);
    }
    s->writable = write;
    if (fstat(s->fd, &st) < 0) {
        return error_set_errno(error, errno, "Could not stat '%s'", filename);
    }
    s->regular = S_ISREG(st.st_mode);
    s->block_device = S_ISBLK(st.st_mode);
    if (node->driver == &block_driver_file ? !s->regular : !s->block_device && !S_ISCHR(st.st_mode)) {
        return wrong_file_type(node->driver, filename, error);
    }
    s->threads |= !s->regular && !s->block_device;
    find_alignment(s, node->mode.direct);
    return find_length(node, &st, error);
}

static bool file_open(BlockNode *node, BlockOptions *opts, GError **error)
{
    static const char *const aios[] = { "threads", "native", "io_uring", NULL };
    static const char *const lockings[] = { "auto", "on", "off", NULL };
    FileState *s = node->state;
    g_autofree char *pr_manager = NULL;
    int aio = AIO_DEFAULT, locking = LOCKING_AUTO;
    uint64_t max_batch;
    bool check_dropped;

    s->drop_cache = true;
    s->fd = -1;
    if (!options_string(opts, "filename", &node->filename, error) ||
        !options_enum(opts, "aio", aios, &aio, "invalid aio option", error) ||
        !options_enum(opts, "locking", lockings, &locking, NULL, error) ||
        !options_string(opts, "pr-manager", &pr_manager, error) ||
        !options_uint(opts, "aio-max-batch", &max_batch, error) || /* a hint, of which the ring has no need */
        !options_bool(opts, "x-check-cache-dropped", &check_dropped, error) ||
        !options_bool(opts, "drop-cache", &s->drop_cache, error)) {
        return false;
    }
    if (!node->filename) {
        return opts->style == OPTIONS_DRIVE
                   ? error_setf(error, "The '%s' block driver requires a file name", node->driver->name)
                   : options_missing(opts, "filename", error);
    }
    if (!options_finish(opts, node->driver->name, true, error)) {
        return false;
    }
    if (pr_manager) {
        return error_setf(error, "No persistent reservation manager with id '%s'", pr_manager);
    }
    if (aio == AIO_NATIVE && !node->mode.direct) {
        return error_setf(error, "aio=native was specified, but it requires cache.direct=on, which was not specified.");
    }
    s->threads = aio == AIO_THREADS;
    s->locking = locking != LOCKING_OFF;
    json_set(node->options, "filename", json_new_string(node->filename));
    if (!block_threads_init(error)) {
        return false;
    }
    if (!open_image(node, error)) {
        if (s->fd >= 0) {
            close(s->fd);
        }
        return false;
    }
    return true;
}

static void file_close(BlockNode *node)
{
    FileState *s = node->state;
    close(s->fd);
}

/* The same file for writing, whatever the path leads to by now. */
static int reopen_for_writing(BlockNode *node)
{
    FileState *s = node->state;
    char path[32];
    if (fdset_is_path(node->filename)) {
        return open_file(node->filename, true, node->mode.direct);
    }
    g_snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
    int fd = open_file(path, true, node->mode.direct);
    return fd < 0 && errno == ENOENT ? open_file(node->filename, true, node->mode.direct) : fd;
}

static bool file_set_permissions(BlockNode *node, unsigned perm, unsigned shared, GError **error)
{
    FileState *s = node->state;
    if (block_images_inactive()) {
        perm = 0;
        shared = BLOCK_PERM_ALL;
    }
    int fd = -1;
    unsigned old_perm = s->locked_perm, old_unshared = s->locked_unshared;
    if ((perm & ~BLOCK_PERM_READ) && !s->writable) {
        fd = reopen_for_writing(node);
        if (fd < 0) {
            return could_not_open(node->filename, node->mode.direct, error);
        }
    }
    if (!file_lock(s, node->filename, perm, shared, error)) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    if (fd >= 0) {
        /* Requests in flight keep the old open file until they end, and a set may keep it for ever; not so its locks. */
        bool ok = (!s->locking || file_lock_move(s, fd)) && dup3(fd, s->fd, O_CLOEXEC) >= 0;
        int errnum = errno;
        close(fd);
        if (!ok) {
            file_lock(s, node->filename, old_perm, ~old_unshared & BLOCK_PERM_ALL, NULL);
            return error_set_errno(error, errnum, "Could not open '%s'", node->filename);
        }
        s->writable = true;
    }
    return true;
}

/* What the page cache holds may be from before another host wrote. */
static void file_activate(BlockNode *node)
{
    FileState *s = node->state;
    if (s->drop_cache && s->regular) {
        posix_fadvise(s->fd, 0, 0, POSIX_FADV_DONTNEED);
    }
}

static bool file_resize(BlockNode *node, uint64_t bytes, GError **error)
{
    FileState *s = node->state;
    if (!s->regular) {
        return bytes <= node->length || error_setf(error, "Cannot grow device files");
    }
    int ret;
    do {
        ret = bytes > INT64_MAX ? (errno = EFBIG, -1) : ftruncate(s->fd, bytes);
    } while (ret < 0 && errno == EINTR);
    if (ret < 0) {
        return error_set_errno(error, errno, "Could not resize file");
    }
    node->length = bytes;
    return true;
}

static int64_t file_allocated_size(BlockNode *node)
{
    FileState *s = node->state;
    struct stat st;
    return fstat(s->fd, &st) == 0 ? (int64_t)st.st_blocks * 512 : 0;
}

static void file_query_stats(BlockNode *node, Json *stats)
{
    FileState *s = node->state;
    Json *own = json_new_object();
    json_set(own, "driver", json_new_string(node->driver->name));
    json_set(own, "discard-nb-ok", json_new_uint(s->discards_ok));
    json_set(own, "discard-nb-failed", json_new_uint(s->discards_failed));
    json_set(own, "discard-bytes-ok", json_new_uint(s->discarded_bytes));
    json_set(stats, "driver-specific", own);
}

const BlockDriver block_driver_file = {
    .name = "file", .protocol = true, .dirty_flag = true, .state_size = sizeof(FileState),
    .open = file_open, .close = file_close, .set_permissions = file_set_permissions, .submit = file_submit,
    .resize = file_resize, .activate = file_activate, .allocated_size = file_allocated_size, .query_stats = file_query_stats,
};

const BlockDriver block_driver_host_device = {
    .name = "host_device", .protocol = true, .dirty_flag = true, .state_size = sizeof(FileState),
    .open = file_open, .close = file_close, .set_permissions = file_set_permissions, .submit = file_submit,
    .resize = file_resize, .activate = file_activate, .allocated_size = file_allocated_size, .query_stats = file_query_stats,
};
