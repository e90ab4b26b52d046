/* Image files for tests of block/: a temporary one, and options as text. */
#ifndef TESTS_UNIT_BLOCK_IMAGE_H
#define TESTS_UNIT_BLOCK_IMAGE_H

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "block/block-int.h"
#include "util/error.h"
#include "util/keyval.h"
#include "util/units.h"

/* A file of `size` bytes of zero in /var/tmp; unlink and free the path. */
static inline char *image_new(uint64_t size)
{
    char *path = g_strdup("/var/tmp/godwit-test-XXXXXX");
    int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    close(fd);
    return path;
}

static inline void image_free(char *path)
{
    unlink(path);
    g_free(path);
}
#define g_autoimage __attribute__((cleanup(image_cleanup))) char *
static inline void image_cleanup(char **path)
{
    image_free(*path);
}

static inline void image_fill(const char *path, uint64_t offset, int value, size_t bytes)
{
    g_autofree char *buf = g_malloc(bytes);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    memset(buf, value, bytes);
    g_assert_cmpint(pwrite(fd, buf, bytes, offset), ==, (ssize_t)bytes);
    close(fd);
}

/* The byte at an offset; -1: the file ends before. */
static inline int image_byte(const char *path, uint64_t offset)
{
    uint8_t byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = pread(fd, &byte, 1, offset);
    close(fd);
    return n == 1 ? byte : -1;
}

static inline bool add_drive(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static inline bool add_drive(GError **error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_autoptr(Json) opts = keyval_parse_flat(text, NULL, NULL, error);
    return opts && drive_add(opts, error);
}

static inline bool add_blockdev(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static inline bool add_blockdev(GError **error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    bool was_json = false;
    g_autoptr(Json) opts = keyval_parse_or_json(text, NULL, &was_json, NULL, error);
    return opts && blockdev_add(opts, was_json, error);
}

/* A raw image as a writable device has it. */
static inline BlockBackend *open_image_with(const char *path, const char *more)
{
    GError *error = NULL;
    add_drive(&error, "if=none,id=d,format=raw,file=%s%s", path, more);
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("d");
    block_backend_permit(blk, !block_backend_read_only(blk), false, &error);
    g_assert_no_error(error);
    return blk;
}

static inline void close_backend(BlockBackend *blk)
{
    block_backend_unref(blk);
    block_close_all();
}

static inline void assert_refused(bool result, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
static inline void assert_refused(bool result, GError **error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_assert_false(result);
    g_assert_nonnull(*error);
    g_assert_cmpstr((*error)->message, ==, text);
    g_clear_error(error);
}

#endif
