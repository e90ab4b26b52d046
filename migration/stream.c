/* The byte stream: one buffer, a list of pieces to write, a sticky error. See migration/stream.h. */
#include "migration/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "util/byteorder.h"

enum {
    WRITE_BUFFER = 64 * 1024,   /* of copied bytes */
    READ_BUFFER = 256 * 1024,   /* fits a second-level cache */
    MAX_PIECES = 1024,          /* IOV_MAX */
    MAX_UNFLUSHED = 4 * 1024 * 1024,
    SMALL_PIECE = 512,          /* below this, copying is cheaper than a piece */
};
G_STATIC_ASSERT(READ_BUFFER >= STREAM_PEEK_MAX && READ_BUFFER >= STREAM_BORROW_MAX && READ_BUFFER >= STREAM_GIVE_BACK_MAX);

struct Stream {
    const StreamChannel *channel;
    void *opaque;
    GError *error;
    uint64_t position;
    /* reading: bytes [next, end) of `buffer` are there */
    uint8_t *buffer;
    size_t next, end;
    bool borrowed;              /* `buffer` is the caller's: a memory stream that is read */
    bool at_end;
    /* writing: bytes [lent, used) of `buffer` are referred to by pieces, those before by the reader of a channel that lends */
    size_t used, unflushed, lent;
    size_t to_lend;             /* of the unflushed bytes */
    struct iovec *pieces;
    int num_pieces;
    GByteArray *memory;
    GString *notes;
};

G_DEFINE_QUARK(godwit-stream-error, stream_error)

Stream *stream_new(const StreamChannel *channel, void *opaque)
{
    Stream *s = g_new0(Stream, 1);

    s->channel = channel;
    s->opaque = opaque;
    return s;
}

Stream *stream_new_memory(const void *bytes_or_null, size_t length)
{
    Stream *s = g_new0(Stream, 1);

    if (bytes_or_null) {
        s->buffer = (uint8_t *)bytes_or_null;
        s->end = length;
        s->borrowed = true;
        s->at_end = true;
    } else {
        s->memory = g_byte_array_new();
    }
    return s;
}

GByteArray *stream_memory_take(Stream *s)
{
    GByteArray *bytes;

    stream_flush(s);
    bytes = s->memory;
    s->memory = g_byte_array_new();
    return bytes;
}

static bool lends(const Stream *s)
{
    return s->channel && s->channel->lend;
}

/* Lent bytes stay as they are when their buffer goes: the reader has its pages, and nobody else gets them before. */
static void free_buffer(Stream *s)
{
    if (s->borrowed || !s->buffer) {
        return;
    }
    if (lends(s)) {
        munmap(s->buffer, WRITE_BUFFER);
    } else {
        g_free(s->buffer);
    }
    s->buffer = NULL;
}

bool stream_close(Stream *s, bool commit, GError **error)
{
    bool ok = !commit || stream_flush(s);

    if (!ok && error) {
        g_propagate_error(error, g_error_copy(s->error));
        error = NULL;
    }
    if (s->channel && s->channel->close) {
        ok &= s->channel->close(s->opaque, commit && ok, error);
    }
    free_buffer(s);
    if (s->memory) {
        g_byte_array_unref(s->memory);
    }
    if (s->notes) {
        g_string_free(s->notes, TRUE);
    }
    g_free(s->pieces);
    g_clear_error(&s->error);
    g_free(s);
    return ok;
}

void stream_interrupt(Stream *s)
{
    if (s->channel && s->channel->interrupt) {
        s->channel->interrupt(s->opaque);
    }
}

uint64_t stream_position(const Stream *s)
{
    return s->position;
}

const GError *stream_error(const Stream *s)
{
    return s->error;
}

int stream_errno(const Stream *s)
{
    return s->error ? s->error->code : 0;
}

void stream_set_error(Stream *s, int errnum, const char *format, ...)
{
    va_list args;

    if (s->error) {
        return;
    }
    va_start(args, format);
    s->error = g_error_new_valist(STREAM_ERROR, errnum ? ABS(errnum) : EIO, format, args);
    va_end(args);
}

void stream_note(Stream *s, const char *format, ...)
{
    va_list args;

    if (!s->notes) {
        s->notes = g_string_new(NULL);
    } else {
        g_string_append_c(s->notes, '\n');
    }
    va_start(args, format);
    g_string_append_vprintf(s->notes, format, args);
    va_end(args);
}

const char *stream_notes(const Stream *s)
{
    return s->notes ? s->notes->str : NULL;
}

/* The channel's own error, or errno if it set none. */
static void take_channel_error(Stream *s, GError *error, int errnum)
{
    if (!error) {
        stream_set_error(s, errnum, "%s", g_strerror(errnum ? errnum : EIO));
    } else {
        stream_set_error(s, error->domain == STREAM_ERROR ? error->code : EIO, "%s", error->message);
        g_error_free(error);
    }
    stream_note(s, "%s", s->error->message);
}

/* Writing. */

static gssize write_pieces(Stream *s, struct iovec *iov, int count, bool lend, GError **error)
{
    if (s->memory) {
        g_byte_array_append(s->memory, iov->iov_base, iov->iov_len);
        return iov->iov_len;
    }
    if (lend) {
        return s->channel->lend(s->opaque, iov, count, error);
    }
    if (s->channel->writev) {
        return s->channel->writev(s->opaque, iov, count, error);
    }
    return s->channel->write(s->opaque, iov->iov_base, iov->iov_len, error);
}

bool stream_flush(Stream *s)
{
    bool lend = s->to_lend > s->unflushed / 2;
    struct iovec *iov = s->pieces;
    int count = s->num_pieces;

    while (count > 0 && !s->error) {
        GError *error = NULL;
        gssize done;

        errno = 0;
        done = write_pieces(s, iov, count, lend, &error);
        if (done <= 0) {
            if (done < 0 && !error && errno == EINTR) {
                continue;
            }
            take_channel_error(s, error, errno);
            break;
        }
        while (count > 0 && (size_t)done >= iov->iov_len) {
            done -= iov->iov_len;
            iov++;
            count--;
        }
        if (done > 0) {
            iov->iov_base = (char *)iov->iov_base + done;
            iov->iov_len -= done;
        }
    }
    s->num_pieces = 0;
    s->unflushed = s->to_lend = 0;
    if (lend) {
        s->lent = s->used;
    }
    s->used = s->lent;
    return !s->error;
}

bool stream_settle(Stream *s)
{
    if (stream_flush(s) && s->channel && s->channel->settle) {
        GError *error = NULL;

        errno = 0;
        if (!s->channel->settle(s->opaque, &error)) {
            take_channel_error(s, error, errno);
        }
    }
    return !s->error;
}

static void add_piece(Stream *s, const void *base, size_t len)
{
    struct iovec *last;

    if (!s->pieces) {
        s->pieces = g_new(struct iovec, MAX_PIECES);
    }
    last = s->num_pieces ? &s->pieces[s->num_pieces - 1] : NULL;
    if (last && (const char *)last->iov_base + last->iov_len == (const char *)base) {
        last->iov_len += len;
    } else {
        s->pieces[s->num_pieces++] = (struct iovec){ .iov_base = (void *)base, .iov_len = len };
    }
    s->unflushed += len;
    s->position += len;
    if (s->num_pieces == MAX_PIECES || s->unflushed >= MAX_UNFLUSHED) {
        stream_flush(s);
    }
}

/* A buffer with all its room free. */
static bool empty_buffer(Stream *s)
{
    if (!stream_flush(s)) {
        return false;
    }
    if (s->lent) {
        free_buffer(s);
        s->used = s->lent = 0;
    }
    if (s->buffer) {
        return true;
    }
    if (lends(s)) {
        void *pages = mmap(NULL, WRITE_BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (pages == MAP_FAILED) {
            stream_set_error(s, errno, "no memory for a buffer");
            return false;
        }
        s->buffer = pages;
    } else {
        s->buffer = g_malloc(WRITE_BUFFER);
    }
    return true;
}

/* Room for `len` bytes, not more than the buffer, to be filled in now. NULL after an error. */
static uint8_t *put_room(Stream *s, size_t len)
{
    uint8_t *room;

    if (G_UNLIKELY(s->error)) {
        return NULL;
    }
    g_assert(!s->borrowed && !s->end);
    if (G_UNLIKELY(!s->buffer || s->used + len > WRITE_BUFFER) && !empty_buffer(s)) {
        return NULL;
    }
    room = s->buffer + s->used;
    s->used += len;
    return room;
}

void stream_put_nocopy(Stream *s, const void *buf, size_t len)
{
    if (len < SMALL_PIECE) {
        stream_put(s, buf, len);
    } else if (lends(s)) {
        /* Apart from what is lent: these bytes may change after a flush. */
        if (stream_flush(s)) {
            add_piece(s, buf, len);
            stream_flush(s);
        }
    } else if (!s->error) {
        add_piece(s, buf, len);
    }
}

void stream_lend(Stream *s, const void *buf, size_t len)
{
    if (!lends(s) || len < SMALL_PIECE) {
        stream_put_nocopy(s, buf, len);
    } else if (!s->error) {
        s->to_lend += len;
        add_piece(s, buf, len);
    }
}

void stream_put(Stream *s, const void *buf, size_t len)
{
    while (len) {
        size_t part = MIN(len, WRITE_BUFFER);
        uint8_t *room = put_room(s, part);

        if (!room) {
            return;
        }
        memcpy(room, buf, part);
        add_piece(s, room, part);
        buf = (const char *)buf + part;
        len -= part;
    }
}

#define DEFINE_PUT(name, ctype, store)                                                      \
    void stream_put_##name(Stream *s, ctype v)                                              \
    {                                                                                       \
        uint8_t *room = put_room(s, sizeof(v));                                             \
        if (room) {                                                                         \
            store(room, v);                                                                 \
            add_piece(s, room, sizeof(v));                                                  \
        }                                                                                   \
    }

static void store_u8(uint8_t *room, uint8_t v)
{
    *room = v;
}

DEFINE_PUT(u8, uint8_t, store_u8)
DEFINE_PUT(be16, uint16_t, store_be16)
DEFINE_PUT(be32, uint32_t, store_be32)
DEFINE_PUT(be64, uint64_t, store_be64)

/* Reading. */

/* How many bytes the channel gave: 0 at the end, after an error, and if it was only disturbed. */
static size_t read_channel(Stream *s, const struct iovec *iov, int count)
{
    GError *error = NULL;
    gssize got;

    errno = 0;
    got = count == 1 ? s->channel->read(s->opaque, iov->iov_base, iov->iov_len, &error)
                     : s->channel->readv(s->opaque, iov, count, &error);
    if (got > 0) {
        return got;
    }
    if (got == 0) {
        s->at_end = true;
    } else if (error || errno != EINTR) {
        take_channel_error(s, error, errno);
    }
    return 0;
}

/* Tries to have `len` bytes in the buffer; true if they are. An early end is no error yet. */
static bool fill(Stream *s, size_t len)
{
    while (s->end - s->next < len) {
        struct iovec rest;

        if (s->error || s->at_end || !s->channel) {
            return false;
        }
        if (!s->buffer) {
            s->buffer = g_malloc(READ_BUFFER);
        }
        if (s->next == s->end) {
            s->next = s->end = 0;
        } else if (s->next + len > READ_BUFFER || s->end - s->next < STREAM_PEEK_MAX) {
            /* A few bytes moved now save a short read. */
            memmove(s->buffer, s->buffer + s->next, s->end - s->next);
            s->end -= s->next;
            s->next = 0;
        }
        rest = (struct iovec){ .iov_base = s->buffer + s->end, .iov_len = READ_BUFFER - s->end };
        s->end += read_channel(s, &rest, 1);
    }
    return true;
}

size_t stream_buffered(const Stream *s)
{
    return s->end - s->next;
}

bool stream_scatters(const Stream *s)
{
    return s->channel && s->channel->readv && !s->memory;
}

size_t stream_get_scattered(Stream *s, const struct iovec *iov, int count)
{
    size_t got = 0;

    g_assert(stream_scatters(s) && s->next == s->end);
    while (!got && !s->error && !s->at_end) {
        got = read_channel(s, iov, count);
    }
    s->position += got;
    return got;
}

void stream_give_back(Stream *s, const struct iovec *iov, size_t kept, size_t got)
{
    g_assert(s->next == s->end && kept <= got && got - kept <= STREAM_GIVE_BACK_MAX);
    if (!s->buffer) {
        s->buffer = g_malloc(READ_BUFFER);
    }
    s->position -= got - kept;
    s->next = s->end = 0;
    for (size_t skip = kept, left = got - kept; left; iov++) {
        if (skip < iov->iov_len) {
            size_t part = MIN(iov->iov_len - skip, left);

            memcpy(s->buffer + s->end, (const char *)iov->iov_base + skip, part);
            s->end += part;
            left -= part;
            skip = 0;
        } else {
            skip -= iov->iov_len;
        }
    }
}

static void early_end(Stream *s)
{
    s->position += s->end - s->next;
    s->next = s->end;
    if (!s->error) {
        stream_set_error(s, EIO, "the stream ends early, at byte %" G_GUINT64_FORMAT, s->position);
        stream_note(s, "%s", s->error->message);
    }
}

const uint8_t *stream_borrow(Stream *s, size_t len)
{
    const uint8_t *p;

    g_assert(len <= STREAM_BORROW_MAX);
    if (G_UNLIKELY(s->end - s->next < len || s->error) && (s->error || !fill(s, len))) {
        early_end(s);
        return NULL;
    }
    p = s->buffer + s->next;
    s->next += len;
    s->position += len;
    return p;
}

bool stream_get(Stream *s, void *buf, size_t len)
{
    while (len) {
        size_t part;

        if (s->error || !fill(s, 1)) {
            early_end(s);
            memset(buf, 0, len);
            return false;
        }
        part = MIN(len, s->end - s->next);
        memcpy(buf, s->buffer + s->next, part);
        s->next += part;
        s->position += part;
        buf = (char *)buf + part;
        len -= part;
    }
    return true;
}

bool stream_skip(Stream *s, uint64_t len)
{
    while (len) {
        size_t part;

        if (s->error || !fill(s, 1)) {
            early_end(s);
            return false;
        }
        part = MIN(len, s->end - s->next);
        s->next += part;
        s->position += part;
        len -= part;
    }
    return true;
}

size_t stream_peek(Stream *s, size_t offset, void *buf, size_t len)
{
    size_t there;

    g_assert(offset + len <= STREAM_PEEK_MAX);
    if (s->error) {
        return 0;
    }
    fill(s, offset + len);
    there = s->end - s->next;
    there = there > offset ? MIN(there - offset, len) : 0;
    if (there) {
        memcpy(buf, s->buffer + s->next + offset, there);
    }
    return there;
}

/* Integers: what is missing at an early end counts as zero. */
static const uint8_t *get_integer(Stream *s, size_t size, uint8_t rest[8])
{
    size_t there;

    if (G_LIKELY(s->end - s->next >= size && !s->error) || (!s->error && fill(s, size))) {
        const uint8_t *p = s->buffer + s->next;

        s->next += size;
        s->position += size;
        return p;
    }
    there = s->error ? 0 : s->end - s->next;
    if (there) {
        memcpy(rest, s->buffer + s->next, there);
    }
    early_end(s);
    return rest;
}

uint8_t stream_get_u8(Stream *s)
{
    uint8_t rest[8] = { 0 };

    return *get_integer(s, 1, rest);
}

uint16_t stream_get_be16(Stream *s)
{
    uint8_t rest[8] = { 0 };

    return load_be16(get_integer(s, 2, rest));
}

uint32_t stream_get_be32(Stream *s)
{
    uint8_t rest[8] = { 0 };

    return load_be32(get_integer(s, 4, rest));
}

uint64_t stream_get_be64(Stream *s)
{
    uint8_t rest[8] = { 0 };

    return load_be64(get_integer(s, 8, rest));
}
