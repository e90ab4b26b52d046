/*
 * Values out of a stream of bytes: finds where each one ends, with work and memory bounded by the bytes that came, and
 * has json_parse() make it.
 */
#include <string.h>

#include "util/error.h"
#include "util/json.h"

/*
 * A container costs a few hundred bytes of memory for each byte of text, so that their number has a bound of its own.
 */
#define MAX_TOKENS (256 * 1024)

typedef enum {
    IN_SPACE,       /* between values */
    IN_CONTAINER,
    IN_STRING,
    IN_SCALAR,      /* number or keyword outside of any container */
    IN_BAD_LINE,    /* after an error, up to the end of the line */
} Where;

struct JsonStream {
    JsonStreamFn fn;
    void *opaque;
    size_t max_bytes;
    GString *text;  /* of the value so far */
    Where where;
    char quote;     /* of the string that we are in */
    bool escaped;   /* the string's last byte was a backslash */
    unsigned depth, tokens;
};

JsonStream *json_stream_new(JsonStreamFn fn, void *opaque, size_t max_bytes)
{
    JsonStream *stream = g_new0(JsonStream, 1);

    stream->fn = fn;
    stream->opaque = opaque;
    stream->max_bytes = max_bytes;
    stream->text = g_string_sized_new(256);
    return stream;
}

void json_stream_free(JsonStream *stream)
{
    if (stream) {
        g_string_free(stream->text, TRUE);
        g_free(stream);
    }
}

/* Ready for the next value. What one long value took is given back. */
static void reset(JsonStream *stream, Where where)
{
    if (stream->text->allocated_len > 64 * 1024) {
        g_string_free(stream->text, TRUE);
        stream->text = g_string_sized_new(256);
    } else {
        g_string_truncate(stream->text, 0);
    }
    stream->where = where;
    stream->depth = 0;
    stream->tokens = 0;
}

static void refuse(JsonStream *stream, const char *reason)
{
    g_autoptr(GError) error = NULL;

    error_setf(&error, "%s", reason);
    reset(stream, IN_BAD_LINE);
    stream->fn(stream->opaque, NULL, error);
}

/* Hands on the value, or what is wrong with it. */
static void finish(JsonStream *stream, Where next)
{
    g_autoptr(GError) error = NULL;
    Json *value = json_parse(stream->text->str, stream->text->len, &error);

    reset(stream, next);
    stream->fn(stream->opaque, value, error);
}

static bool ends_scalar(char c)
{
    return c == 0 || strchr(" \t\r\n,:[]{}\"'", c);
}

/* One byte inside of a container; returns false when the value, or the line, is done with. */
static bool step_container(JsonStream *stream, char c)
{
    switch (c) {
    case '[':
    case '{':
        if (++stream->depth > JSON_MAX_DEPTH) {
            refuse(stream, "JSON nesting depth limit exceeded");
            return false;
        }
        stream->tokens++;
        break;
    case '"':
    case '\'':
        stream->quote = c;
        stream->where = IN_STRING;
        stream->tokens++;
        break;
    case ']':
    case '}':
        stream->tokens++;
        if (--stream->depth == 0) {
            finish(stream, IN_SPACE);
            return false;
        }
        break;
    case ',':
    case ':':
        stream->tokens++;
        break;
    }
    if (stream->tokens > MAX_TOKENS) {
        refuse(stream, "JSON token count limit exceeded");
        return false;
    }
    return true;
}

static bool step_string(JsonStream *stream, char c)
{
    if (stream->escaped) {
        stream->escaped = false;
    } else if (c == '\\') {
        stream->escaped = true;
    } else if (c == stream->quote) {
        stream->where = IN_CONTAINER;
        if (stream->depth == 0) {
            finish(stream, IN_SPACE);
            return false;
        }
    }
    return true;
}

/* The first byte of a value, or one that no value begins with. */
static void begin(JsonStream *stream, char c)
{
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        return;
    }
    g_string_append_c(stream->text, c);
    if (c == '[' || c == '{' || c == '"' || c == '\'') {
        stream->where = IN_CONTAINER;
        stream->escaped = false;
        step_container(stream, c);
    } else if (g_ascii_isalnum(c) || c == '-') {
        stream->where = IN_SCALAR;
    } else {
        finish(stream, IN_BAD_LINE);
    }
}

static void step(JsonStream *stream, char c)
{
    if (stream->where == IN_SCALAR && ends_scalar(c)) {
        finish(stream, IN_SPACE);
    }
    if (stream->where == IN_BAD_LINE) {
        stream->where = c == '\n' ? IN_SPACE : IN_BAD_LINE;
        return;
    }
    if (stream->where == IN_SPACE) {
        begin(stream, c);
        return;
    }
    if (stream->text->len >= stream->max_bytes) {
        refuse(stream, "JSON token size limit exceeded");
        step(stream, c);
        return;
    }
    g_string_append_c(stream->text, c);
    if (stream->where == IN_STRING && (unsigned char)c < 0x20) {
        finish(stream, c == '\n' ? IN_SPACE : IN_BAD_LINE); /* which says what is wrong */
    } else if (stream->where == IN_STRING) {
        step_string(stream, c);
    } else if (stream->where == IN_CONTAINER) {
        step_container(stream, c);
    }
}

void json_stream_feed(JsonStream *stream, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        step(stream, bytes[i]);
    }
}
