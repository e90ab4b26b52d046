/* ringbuf (and "memory", its older name): the last bytes that were written, for a monitor to read. */
#include <string.h>

#include "chardev/chardev-int.h"

#define RINGBUF_DEFAULT 65536
#define RINGBUF_MAX (UINT64_C(1) << 30)

typedef struct RingBuf {
    Chardev chr;
    uint8_t *data;
    size_t size;            /* a power of two */
    uint64_t head, tail;    /* ever written and read */
} RingBuf;

static bool ringbuf_open(Chardev *chr, const Json *opts, GError **error)
{
    RingBuf *r = (RingBuf *)chr;
    uint64_t size;

    if (!keyval_get_size(opts, "size", RINGBUF_DEFAULT, &size, error)) {
        return false;
    }
    if (size == 0 || (size & (size - 1))) {
        return error_setf(error, "size of ringbuf chardev must be power of two");
    }
    if (size > RINGBUF_MAX) {
        return error_setf(error, "size of ringbuf chardev must not be above 1 GiB");
    }
    r->size = size;
    r->data = g_malloc(size);
    chr->open = true;
    return true;
}

static void ringbuf_close(Chardev *chr)
{
    g_free(((RingBuf *)chr)->data);
}

static bool ringbuf_put(Chardev *chr, const uint8_t *buf, size_t len)
{
    RingBuf *r = (RingBuf *)chr;

    if (len > r->size) {
        r->head += len - r->size;
        buf += len - r->size;
        len = r->size;
    }
    while (len) {
        size_t at = r->head & (r->size - 1);
        size_t n = MIN(len, r->size - at);

        memcpy(r->data + at, buf, n);
        r->head += n;
        buf += n;
        len -= n;
    }
    if (r->head - r->tail > r->size) {
        r->tail = r->head - r->size;
    }
    return true;
}

static bool is_ringbuf(const Chardev *chr, GError **error)
{
    if (chr->kind != &chardev_ringbuf && chr->kind != &chardev_memory) {
        return error_setf(error, "%s is not a ringbuf device", chr->id);
    }
    return true;
}

bool chardev_ringbuf_read(Chardev *chr, GByteArray *out, size_t max, GError **error)
{
    RingBuf *r = (RingBuf *)chr;

    if (!is_ringbuf(chr, error)) {
        return false;
    }
    while (max && r->tail != r->head) {
        size_t at = r->tail & (r->size - 1);
        size_t n = MIN(MIN(max, r->head - r->tail), r->size - at);

        g_byte_array_append(out, r->data + at, n);
        r->tail += n;
        max -= n;
    }
    return true;
}

bool chardev_ringbuf_write(Chardev *chr, const void *buf, size_t len, GError **error)
{
    return is_ringbuf(chr, error) && ringbuf_put(chr, buf, len);
}

const ChardevKind chardev_ringbuf = {
    .name = "ringbuf", .size = sizeof(RingBuf), .open = ringbuf_open, .close = ringbuf_close, .write = ringbuf_put,
};

const ChardevKind chardev_memory = {
    .name = "memory", .size = sizeof(RingBuf), .open = ringbuf_open, .close = ringbuf_close, .write = ringbuf_put,
};
