/*
 * The byte stream: buffered, big-endian, over any channel. A stream has one sticky error: after it, reads give zeros and
 * writes are dropped, so that code checks where it matters and not at each byte. An integer that the end cuts off has
 * zeros for what is missing.
 *
 * A stream is read or written, not both, by one thread at a time; only stream_interrupt() may be called from another.
 */
#ifndef MIGRATION_STREAM_H
#define MIGRATION_STREAM_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Stream Stream;
struct iovec;

/* An error's code in this domain is a positive errno: EIO at an early end. */
#define STREAM_ERROR (stream_error_quark())
GQuark stream_error_quark(void);

/*
 * Where bytes go or come from. read: 0 at the end; both: -1 with an error (or errno), and may do less than asked. May
 * block. A channel has write or writev, or both. close may fail (a late write error); commit false: throw away.
 */
typedef struct StreamChannel {
    gssize (*read)(void *opaque, void *buf, size_t len, GError **error);
    gssize (*readv)(void *opaque, const struct iovec *iov, int count, GError **error);  /* optional */
    gssize (*write)(void *opaque, const void *buf, size_t len, GError **error);
    gssize (*writev)(void *opaque, const struct iovec *iov, int count, GError **error);
    /* Optional, both or none. As writev, but the reader may look at the bytes later; and waits until it has. */
    gssize (*lend)(void *opaque, const struct iovec *iov, int count, GError **error);
    bool (*settle)(void *opaque, GError **error);
    bool (*close)(void *opaque, bool commit, GError **error);
    void (*interrupt)(void *opaque);    /* from any thread: what blocks fails soon, for good */
} StreamChannel;

Stream *stream_new(const StreamChannel *channel, void *opaque);
/* Flushes if writing, closes the channel, frees. False: what was written is not safely there. */
bool stream_close(Stream *s, bool commit, GError **error);
/* From any thread: a read or write that waits, and all later ones, fail. */
void stream_interrupt(Stream *s);

/* In memory: written bytes are taken with stream_memory_take(); reading does not copy, `bytes` must stay. */
Stream *stream_new_memory(const void *bytes_or_null, size_t length);
GByteArray *stream_memory_take(Stream *s);

void stream_put_u8(Stream *s, uint8_t v);
void stream_put_be16(Stream *s, uint16_t v);
void stream_put_be32(Stream *s, uint32_t v);
void stream_put_be64(Stream *s, uint64_t v);
void stream_put(Stream *s, const void *buf, size_t len);
/* As stream_put without copying: buf stays until the next flush. If its bytes change meanwhile, either may go out. */
void stream_put_nocopy(Stream *s, const void *buf, size_t len);
bool stream_flush(Stream *s);
/*
 * As stream_put_nocopy, and the channel may have the reader copy the bytes from where they are, whole pages best: buf stays
 * until stream_settle(), which flushes and waits until the reader has all. Bytes that change before it may go out as they
 * were or as they are.
 */
void stream_lend(Stream *s, const void *buf, size_t len);
bool stream_settle(Stream *s);

uint8_t stream_get_u8(Stream *s);
uint16_t stream_get_be16(Stream *s);
uint32_t stream_get_be32(Stream *s);
uint64_t stream_get_be64(Stream *s);
/* False (and the rest zeroed) if the stream ended before. */
bool stream_get(Stream *s, void *buf, size_t len);
/* Looks `len` bytes ahead from `offset` on without taking them (offset + len up to 512); returns how many there are. */
#define STREAM_PEEK_MAX 512
size_t stream_peek(Stream *s, size_t offset, void *buf, size_t len);
bool stream_skip(Stream *s, uint64_t len);

/*
 * Without copying: the next `len` bytes (up to STREAM_BORROW_MAX) taken, as a pointer that is good until the next call;
 * NULL if the stream ended before.
 */
#define STREAM_BORROW_MAX (64 * 1024)
const uint8_t *stream_borrow(Stream *s, size_t len);

/*
 * Past the buffer, for a reader that can guess where the next bytes belong. Only where stream_scatters() says so, and only
 * when nothing is buffered: get_scattered has the channel put what it has into `iov`, and returns how many bytes that is, 0
 * at the end or an error; give_back takes those of them from `kept` on, up to STREAM_GIVE_BACK_MAX, to be read again.
 */
#define STREAM_GIVE_BACK_MAX (256 * 1024)
size_t stream_buffered(const Stream *s);
bool stream_scatters(const Stream *s);
size_t stream_get_scattered(Stream *s, const struct iovec *iov, int count);
void stream_give_back(Stream *s, const struct iovec *iov, size_t kept, size_t got);

/* Bytes so far. */
uint64_t stream_position(const Stream *s);
/* The first error: NULL if none. Its domain is STREAM_ERROR. Borrowed. */
const GError *stream_error(const Stream *s);
/* 0, or the positive errno of the first error. */
int stream_errno(const Stream *s);
void stream_set_error(Stream *s, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

/*
 * Errors of loading keep to QEMU's words. What a person needs to know beyond them goes here, a line each: it is shown
 * after them if the load fails. NULL if there is none; lines are joined by "\n". Borrowed.
 */
void stream_note(Stream *s, const char *format, ...) G_GNUC_PRINTF(2, 3);
const char *stream_notes(const Stream *s);

#endif
