#include "util/iov.h"

#include <glib.h>
#include <string.h>

size_t iov_size(const struct iovec *iov, unsigned count)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++) {
        size += iov[i].iov_len;
    }
    return size;
}

/* Calls `step` for each piece of [offset, offset + len); its result is how much of the range the list has. */
static size_t iov_walk(const struct iovec *iov, unsigned count, size_t offset, size_t len,
                       void (*step)(void *piece, size_t done, size_t n, void *opaque), void *opaque)
{
    size_t done = 0;

    for (unsigned i = 0; i < count && done < len; i++) {
        if (offset >= iov[i].iov_len) {
            offset -= iov[i].iov_len;
            continue;
        }
        size_t n = MIN(iov[i].iov_len - offset, len - done);
        step((char *)iov[i].iov_base + offset, done, n, opaque);
        done += n;
        offset = 0;
    }
    return done;
}

static void step_from_buf(void *piece, size_t done, size_t n, void *opaque)
{
    memcpy(piece, (const char *)opaque + done, n);
}

static void step_to_buf(void *piece, size_t done, size_t n, void *opaque)
{
    memcpy((char *)opaque + done, piece, n);
}

static void step_memset(void *piece, size_t done, size_t n, void *opaque)
{
    memset(piece, *(int *)opaque, n);
}

size_t iov_from_buf(const struct iovec *iov, unsigned count, size_t offset, const void *buf, size_t len)
{
    return iov_walk(iov, count, offset, len, step_from_buf, (void *)buf);
}

size_t iov_to_buf(const struct iovec *iov, unsigned count, size_t offset, void *buf, size_t len)
{
    return iov_walk(iov, count, offset, len, step_to_buf, buf);
}

size_t iov_memset(const struct iovec *iov, unsigned count, size_t offset, int value, size_t len)
{
    return iov_walk(iov, count, offset, len, step_memset, &value);
}

size_t iov_discard_front(struct iovec **iov, unsigned *count, size_t bytes)
{
    size_t total = 0;

    while (*count > 0 && total < bytes) {
        size_t n = MIN((*iov)->iov_len, bytes - total);

        total += n;
        if (n < (*iov)->iov_len) {
            (*iov)->iov_base = (char *)(*iov)->iov_base + n;
            (*iov)->iov_len -= n;
            break;
        }
        (*iov)++;
        (*count)--;
    }
    return total;
}

size_t iov_discard_back(struct iovec *iov, unsigned *count, size_t bytes)
{
    size_t total = 0;

    while (*count > 0 && total < bytes) {
        struct iovec *last = &iov[*count - 1];
        size_t n = MIN(last->iov_len, bytes - total);

        total += n;
        if (n < last->iov_len) {
            last->iov_len -= n;
            break;
        }
        (*count)--;
    }
    return total;
}

unsigned iov_slice(struct iovec *dst, unsigned dst_count, const struct iovec *src, unsigned src_count, size_t offset,
                   size_t bytes)
{
    unsigned used = 0;

    for (unsigned i = 0; i < src_count && used < dst_count && bytes > 0; i++) {
        if (offset >= src[i].iov_len) {
            offset -= src[i].iov_len;
            continue;
        }
        size_t n = MIN(src[i].iov_len - offset, bytes);
        dst[used++] = (struct iovec){ .iov_base = (char *)src[i].iov_base + offset, .iov_len = n };
        bytes -= n;
        offset = 0;
    }
    return used;
}
