/*
 * The byte stream: buffered, big-endian, over any channel. A stream has one sticky error: after it, reads give zeros and
 * writes are dropped, so that code checks where it matters and not at each byte.
 */
#ifndef MIGRATION_STREAM_H
#define MIGRATION_STREAM_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Stream Stream;

/* Where bytes go or come from. read: 0 at the end; both: -1 with an error. May block. close may fail (a late write error). */
typedef struct StreamChannel {
    gssize (*read)(void *opaque, void *buf, size_t len, GError **error);
    gssize (*write)(void *opaque, const void *buf, size_t len, GError **error);
    bool (*close)(void *opaque, bool commit, GError **error);
} StreamChannel;

Stream *stream_new(const StreamChannel *channel, void *opaque);
/* Flushes if writing, closes the channel, frees. False: what was written is not safely there. */
bool stream_close(Stream *s, bool commit, GError **error);

/* In memory: written bytes are taken with stream_memory_take(); reading does not copy. */
Stream *stream_new_memory(const void *bytes_or_null, size_t length);
GByteArray *stream_memory_take(Stream *s);

void stream_put_u8(Stream *s, uint8_t v);
void stream_put_be16(Stream *s, uint16_t v);
void stream_put_be32(Stream *s, uint32_t v);
void stream_put_be64(Stream *s, uint64_t v);
void stream_put(Stream *s, const void *buf, size_t len);
/* As stream_put without copying: buf stays unchanged until the next flush. */
void stream_put_nocopy(Stream *s, const void *buf, size_t len);
bool stream_flush(Stream *s);

uint8_t stream_get_u8(Stream *s);
uint16_t stream_get_be16(Stream *s);
uint32_t stream_get_be32(Stream *s);
uint64_t stream_get_be64(Stream *s);
/* False (and the rest zeroed) if the stream ended before. */
bool stream_get(Stream *s, void *buf, size_t len);
/* Looks `len` bytes ahead (up to 512) from `offset` on without taking them; returns how many there are. */
size_t stream_peek(Stream *s, size_t offset, void *buf, size_t len);
bool stream_skip(Stream *s, size_t len);

/* Bytes so far. */
uint64_t stream_position(const Stream *s);
/* The first error: NULL if none. Its code is an errno (negative), EIO at an early end. Borrowed. */
const GError *stream_error(const Stream *s);
int stream_errno(const Stream *s);
void stream_set_error(Stream *s, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
