/* The byte stream: order of bytes, early ends, short and interrupted reads and writes, looking ahead. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "migration/stream.h"

/* A channel that does as little as it may: 1 to 3 bytes a call, EINTR now and then. */
typedef struct Dribble {
    GByteArray *bytes;
    size_t at, calls;
    size_t fail_at;         /* fails when this many bytes went through; 0: never */
    size_t step;            /* 0: 1 to 3 bytes a call */
    bool closed, committed;
    bool late_error;
} Dribble;

static size_t dribble_step(Dribble *d, size_t len)
{
    size_t step = d->step ? d->step : 1 + d->calls % 3;

    return MIN(step, len);
}

static gssize dribble_read(void *opaque, void *buf, size_t len, GError **error)
{
    Dribble *d = opaque;

    if (++d->calls % 5 == 0) {
        errno = EINTR;
        return -1;
    }
    if (d->fail_at && d->at >= d->fail_at) {
        errno = ECONNRESET;
        return -1;
    }
    len = MIN(dribble_step(d, len), d->bytes->len - d->at);
    memcpy(buf, d->bytes->data + d->at, len);
    d->at += len;
    return len;
}

static gssize dribble_write(void *opaque, const void *buf, size_t len, GError **error)
{
    Dribble *d = opaque;

    if (++d->calls % 5 == 0) {
        errno = EINTR;
        return -1;
    }
    if (d->fail_at && d->bytes->len >= d->fail_at) {
        g_set_error(error, STREAM_ERROR, ENOSPC, "disk full");
        return -1;
    }
    len = dribble_step(d, len);
    g_byte_array_append(d->bytes, buf, len);
    return len;
}

static gssize dribble_writev(void *opaque, const struct iovec *iov, int count, GError **error)
{
    Dribble *d = opaque;
    size_t len, done = 0;

    g_assert_cmpint(count, >, 0);
    g_assert_cmpint(count, <=, 1024);
    for (int i = 0; i < count; i++) {
        len = MIN(iov[i].iov_len, 5000 - done);
        g_byte_array_append(d->bytes, iov[i].iov_base, len);
        done += len;
        if (done == 5000) {
            break;
        }
    }
    return done;
}

static bool dribble_close(void *opaque, bool commit, GError **error)
{
    Dribble *d = opaque;

    d->closed = true;
    d->committed = commit;
    if (d->late_error) {
        g_set_error(error, STREAM_ERROR, EIO, "late");
        return false;
    }
    return true;
}

static const StreamChannel dribble_channel = {
    .read = dribble_read, .write = dribble_write, .close = dribble_close,
};
static const StreamChannel vector_channel = { .writev = dribble_writev, .close = dribble_close };

static void integers_are_big_endian(void)
{
    static const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    Stream *s = stream_new_memory(NULL, 0);
    g_autoptr(GByteArray) bytes = NULL;

    stream_put_u8(s, 1);
    stream_put_be16(s, 0x0203);
    stream_put_be32(s, 0x04050607);
    stream_put_be64(s, 0x08090a0b0c0d0e0full);
    g_assert_cmpuint(stream_position(s), ==, 15);
    bytes = stream_memory_take(s);
    g_assert_cmpmem(bytes->data, bytes->len, want, sizeof(want));
    g_assert_true(stream_close(s, true, NULL));

    s = stream_new_memory(want, sizeof(want));
    g_assert_cmpuint(stream_get_u8(s), ==, 1);
    g_assert_cmpuint(stream_get_be16(s), ==, 0x0203);
    g_assert_cmpuint(stream_get_be32(s), ==, 0x04050607);
    g_assert_cmpuint(stream_get_be64(s), ==, 0x08090a0b0c0d0e0full);
    g_assert_cmpuint(stream_position(s), ==, 15);
    g_assert_null(stream_error(s));
    stream_close(s, true, NULL);
}

static void early_end_is_sticky_and_reads_zeros(void)
{
    static const uint8_t bytes[] = { 0x12, 0x34, 0x56 };
    Stream *s = stream_new_memory(bytes, 3);
    uint8_t buf[4] = { 9, 9, 9, 9 }, zero[4] = { 0 };

    g_assert_cmpuint(stream_get_be32(s), ==, 0x12345600);
    g_assert_cmpint(stream_errno(s), ==, EIO);
    g_assert_cmpstr(stream_error(s)->message, ==, "the stream ends early, at byte 3");
    g_assert_cmpstr(stream_notes(s), ==, "the stream ends early, at byte 3");
    g_assert_cmpuint(stream_get_u8(s), ==, 0);
    g_assert_false(stream_get(s, buf, 4));
    g_assert_cmpmem(buf, 4, zero, 4);
    g_assert_false(stream_skip(s, 1));
    g_assert_null(stream_borrow(s, 1));
    g_assert_cmpuint(stream_peek(s, 0, buf, 1), ==, 0);
    stream_close(s, false, NULL);
}

static void get_of_more_than_there_is_zeroes_the_rest(void)
{
    uint8_t buf[6] = { 9, 9, 9, 9, 9, 9 };
    Stream *s = stream_new_memory("ab", 2);

    g_assert_false(stream_get(s, buf, 6));
    g_assert_cmpmem(buf, 6, "ab\0\0\0\0", 6);
    stream_close(s, false, NULL);
}

static void peeking_takes_nothing(void)
{
    uint8_t buf[8];
    Stream *s = stream_new_memory("abcdef", 6);

    g_assert_cmpuint(stream_peek(s, 2, buf, 3), ==, 3);
    g_assert_cmpmem(buf, 3, "cde", 3);
    g_assert_cmpuint(stream_peek(s, 4, buf, 8), ==, 2);
    g_assert_cmpuint(stream_peek(s, 6, buf, 1), ==, 0);
    g_assert_cmpuint(stream_peek(s, 60, buf, 1), ==, 0);
    g_assert_null(stream_error(s));
    g_assert_cmpuint(stream_get_u8(s), ==, 'a');
    stream_close(s, false, NULL);
}

static GByteArray *pattern(size_t len)
{
    GByteArray *bytes = g_byte_array_sized_new(len);

    g_byte_array_set_size(bytes, len);
    for (size_t i = 0; i < len; i++) {
        bytes->data[i] = i * 7 + i / 251;
    }
    return bytes;
}

static void short_and_interrupted_reads_lose_nothing(void)
{
    g_autoptr(GByteArray) bytes = pattern(2000);
    Dribble d = { .bytes = bytes };
    Stream *s = stream_new(&dribble_channel, &d);
    uint8_t buf[600], peek[STREAM_PEEK_MAX];

    g_assert_cmpuint(stream_peek(s, 0, peek, STREAM_PEEK_MAX), ==, STREAM_PEEK_MAX);
    g_assert_cmpmem(peek, STREAM_PEEK_MAX, bytes->data, STREAM_PEEK_MAX);
    g_assert_true(stream_get(s, buf, 600));
    g_assert_cmpmem(buf, 600, bytes->data, 600);
    g_assert_true(stream_skip(s, 400));
    g_assert_cmpuint(stream_get_u8(s), ==, bytes->data[1000]);
    g_assert_cmpmem(stream_borrow(s, 999), 999, bytes->data + 1001, 999);
    g_assert_null(stream_error(s));
    g_assert_cmpuint(stream_peek(s, 0, peek, 1), ==, 0);
    g_assert_null(stream_error(s));
    stream_get_u8(s);
    g_assert_cmpint(stream_errno(s), ==, EIO);
    stream_close(s, false, NULL);
    g_assert_true(d.closed && !d.committed);
}

static void reads_across_the_buffers_end_are_whole(void)
{
    g_autoptr(GByteArray) bytes = pattern(3 * 256 * 1024 + 77);
    Dribble d = { .bytes = bytes, .step = 100000 };
    Stream *s = stream_new(&dribble_channel, &d);
    uint8_t page[4096], peek[300];
    size_t at = 0;

    while (at + 4104 + 300 < bytes->len) {
        g_assert_cmpmem(stream_borrow(s, 8), 8, bytes->data + at, 8);
        g_assert_cmpuint(stream_peek(s, 0, peek, 300), ==, 300);
        g_assert_cmpmem(peek, 300, bytes->data + at + 8, 300);
        g_assert_true(stream_get(s, page, 4096));
        g_assert_cmpmem(page, 4096, bytes->data + at + 8, 4096);
        at += 4104;
    }
    g_assert_cmpuint(stream_position(s), ==, at);
    stream_close(s, false, NULL);
}

static void read_error_of_the_channel_becomes_the_streams(void)
{
    g_autoptr(GByteArray) bytes = pattern(100);
    Dribble d = { .bytes = bytes, .fail_at = 10 };
    Stream *s = stream_new(&dribble_channel, &d);

    g_assert_true(stream_skip(s, 10));
    g_assert_cmpuint(stream_get_be64(s), ==, 0);
    g_assert_cmpint(stream_errno(s), ==, ECONNRESET);
    stream_close(s, false, NULL);
}

static void short_and_interrupted_writes_lose_nothing(void)
{
    g_autoptr(GByteArray) sent = pattern(70000);
    Dribble d = { .bytes = g_byte_array_new() };
    Stream *s = stream_new(&dribble_channel, &d);

    stream_put_u8(s, sent->data[0]);
    stream_put(s, sent->data + 1, 66000);
    stream_put_nocopy(s, sent->data + 66001, 3000);
    stream_put_nocopy(s, sent->data + 69001, 999);
    g_assert_true(stream_close(s, true, NULL));
    g_assert_cmpmem(d.bytes->data, d.bytes->len, sent->data, sent->len);
    g_assert_true(d.closed && d.committed);
    g_byte_array_unref(d.bytes);
}

static void pieces_are_written_in_order_whatever_their_size(void)
{
    enum { PAGES = 1500 };
    g_autoptr(GByteArray) sent = pattern(PAGES * 4096);
    g_autoptr(GByteArray) want = g_byte_array_new();
    Dribble d = { .bytes = g_byte_array_new() };
    Stream *s = stream_new(&vector_channel, &d);

    for (int i = 0; i < PAGES; i++) {
        uint8_t head[8] = { 0, 0, 0, 0, 0, 0, i >> 8, i };
        size_t len = i % 7 == 0 ? 100 : 4096;   /* small ones are copied */

        stream_put_be64(s, i);
        stream_put_nocopy(s, sent->data + i * 4096, len);
        g_byte_array_append(want, head, 8);
        g_byte_array_append(want, sent->data + i * 4096, len);
    }
    g_assert_cmpuint(stream_position(s), ==, want->len);
    g_assert_true(stream_close(s, true, NULL));
    g_assert_cmpmem(d.bytes->data, d.bytes->len, want->data, want->len);
    g_byte_array_unref(d.bytes);
}

static void write_error_is_reported_by_close_and_not_committed(void)
{
    Dribble d = { .bytes = g_byte_array_new(), .fail_at = 3 };
    Stream *s = stream_new(&dribble_channel, &d);
    g_autoptr(GError) error = NULL;

    stream_put_be64(s, 1);
    g_assert_false(stream_flush(s));
    g_assert_cmpint(stream_errno(s), ==, ENOSPC);
    stream_put_be64(s, 2);
    g_assert_false(stream_close(s, true, &error));
    g_assert_cmpstr(error->message, ==, "disk full");
    g_assert_true(d.closed && !d.committed);
    g_byte_array_unref(d.bytes);
}

static void late_error_of_close_is_an_error(void)
{
    Dribble d = { .bytes = g_byte_array_new(), .late_error = true };
    Stream *s = stream_new(&dribble_channel, &d);
    g_autoptr(GError) error = NULL;

    stream_put_u8(s, 1);
    g_assert_false(stream_close(s, true, &error));
    g_assert_cmpstr(error->message, ==, "late");
    g_byte_array_unref(d.bytes);
}

static void abandoned_stream_writes_nothing_more(void)
{
    Dribble d = { .bytes = g_byte_array_new() };
    Stream *s = stream_new(&dribble_channel, &d);

    stream_put_be64(s, 1);
    g_assert_true(stream_close(s, false, NULL));
    g_assert_cmpuint(d.bytes->len, ==, 0);
    g_assert_true(d.closed && !d.committed);
    g_byte_array_unref(d.bytes);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(fn) g_test_add_func("/stream/" #fn, fn)
    ADD(integers_are_big_endian);
    ADD(early_end_is_sticky_and_reads_zeros);
    ADD(get_of_more_than_there_is_zeroes_the_rest);
    ADD(peeking_takes_nothing);
    ADD(short_and_interrupted_reads_lose_nothing);
    ADD(reads_across_the_buffers_end_are_whole);
    ADD(read_error_of_the_channel_becomes_the_streams);
    ADD(short_and_interrupted_writes_lose_nothing);
    ADD(pieces_are_written_in_order_whatever_their_size);
    ADD(write_error_is_reported_by_close_and_not_committed);
    ADD(late_error_of_close_is_an_error);
    ADD(abandoned_stream_writes_nothing_more);
    return g_test_run();
}
