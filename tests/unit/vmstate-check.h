/* For tests of VMState: bytes as hexadecimal text, and checks of what is written, taken and refused. */
#ifndef TESTS_UNIT_VMSTATE_H
#define TESTS_UNIT_VMSTATE_H

#include "migration/vmstate.h"

/* Blanks are skipped. */
static inline GByteArray *from_hex(const char *hex)
{
    GByteArray *bytes = g_byte_array_new();

    while (*hex) {
        if (*hex != ' ') {
            uint8_t byte = g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]);
            g_byte_array_append(bytes, &byte, 1);
            hex++;
        }
        hex++;
    }
    return bytes;
}

/* Saves, and compares with the bytes and (unless NULL) the JSON object. */
static inline void check_save(const VMStateDescription *desc, void *opaque, const char *hex, const char *json)
{
    g_autoptr(GByteArray) want = from_hex(hex);
    g_autoptr(GByteArray) got = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    Stream *s = stream_new_memory(NULL, 0);
    GError *error = NULL;

    vmdesc_open(text, '{');
    g_assert_true(vmstate_save(s, desc, opaque, json ? text : NULL, &error));
    g_assert_no_error(error);
    vmdesc_close(text, '}');
    got = stream_memory_take(s);
    g_assert_cmpmem(got->data, got->len, want->data, want->len);
    if (json) {
        g_assert_cmpstr(text->str, ==, json);
    }
    stream_close(s, true, NULL);
}

/* Loads; the bytes must all be taken, or `message` (and errnum) be the error. Returns the stream's notes. */
static inline char *load_notes(const VMStateDescription *desc, void *opaque, int version, const char *hex, const char *message,
                        int errnum)
{
    g_autoptr(GByteArray) bytes = from_hex(hex);
    size_t length = bytes->len;
    Stream *s;
    g_autoptr(GError) error = NULL;
    char *notes;
    bool ok;

    /* A section is never the last: a footer follows. */
    if (!message || errnum != EIO) {
        g_byte_array_append(bytes, (const uint8_t *)"\x7e", 1);
    }
    s = stream_new_memory(bytes->len ? (const char *)bytes->data : "", bytes->len);
    ok = vmstate_load(s, desc, opaque, version, &error);
    notes = g_strdup(stream_notes(s));
    if (message) {
        g_assert_false(ok);
        g_assert_cmpstr(error->message, ==, message);
        g_assert_cmpint(vmstate_error_errno(error), ==, errnum);
    } else {
        g_assert_no_error(error);
        g_assert_true(ok);
        g_assert_cmpuint(stream_position(s), ==, length);
    }
    stream_close(s, false, NULL);
    return notes;
}

static inline void check_load(const VMStateDescription *desc, void *opaque, int version, const char *hex)
{
    g_free(load_notes(desc, opaque, version, hex, NULL, 0));
}

static inline void check_refusal(const VMStateDescription *desc, void *opaque, int version, const char *hex, const char *message,
                          int errnum)
{
    g_free(load_notes(desc, opaque, version, hex, message, errnum));
}

#endif
