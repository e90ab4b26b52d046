/* The kinds of VMState fields: how one element stands on the wire. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "migration/vmstate.h"
#include "util/error.h"

/* Integers: big-endian, as wide as in memory. */
#define DEFINE_INTEGER(id, wire, kind_name, ctype, width)                                   \
    static bool get_##id(Stream *s, void *where, size_t size, const VMStateField *field, GError **error) \
    {                                                                                       \
        *(ctype *)where = (ctype)stream_get_##wire(s);                                      \
        return true;                                                                        \
    }                                                                                       \
    static void put_##id(Stream *s, const void *where, size_t size, const VMStateField *field) \
    {                                                                                       \
        stream_put_##wire(s, (uint##width##_t)*(const ctype *)where);                       \
    }                                                                                       \
    const VMStateKind vms_kind_##id = { .name = kind_name, .get = get_##id, .put = put_##id };

DEFINE_INTEGER(u8, u8, "uint8", uint8_t, 8)
DEFINE_INTEGER(u16, be16, "uint16", uint16_t, 16)
DEFINE_INTEGER(u32, be32, "uint32", uint32_t, 32)
DEFINE_INTEGER(u64, be64, "uint64", uint64_t, 64)
DEFINE_INTEGER(i8, u8, "int8", int8_t, 8)
DEFINE_INTEGER(i16, be16, "int16", int16_t, 16)
DEFINE_INTEGER(i32, be32, "int32", int32_t, 32)
DEFINE_INTEGER(i64, be64, "int64", int64_t, 64)

static bool get_bool(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    *(bool *)where = stream_get_u8(s) != 0;
    return true;
}

static void put_bool(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    stream_put_u8(s, *(const bool *)where);
}

const VMStateKind vms_kind_bool = { .name = "bool", .get = get_bool, .put = put_bool };

/* Integers that must arrive as they are here. What an early end leaves of one is compared too, as QEMU does. */
static bool differs(const VMStateField *field, uint64_t local, uint64_t received, GError **error)
{
    const char *hint = field->arg;

    return vmstate_error(error, EINVAL, "%" PRIx64 " != %" PRIx64 "%s%s", local, received, hint ? "\n" : "",
                         hint ? hint : "");
}

#define DEFINE_EQUAL(id, wire, kind_name, ctype)                                            \
    static bool get_##id##_equal(Stream *s, void *where, size_t size, const VMStateField *field, GError **error) \
    {                                                                                       \
        ctype received = stream_get_##wire(s), local = *(const ctype *)where;               \
        return received == local || differs(field, local, received, error); \
    }                                                                                       \
    const VMStateKind vms_kind_##id##_equal = { .name = kind_name, .get = get_##id##_equal, .put = put_##id };

DEFINE_EQUAL(u8, u8, "uint8 equal", uint8_t)
DEFINE_EQUAL(u16, be16, "uint16 equal", uint16_t)
DEFINE_EQUAL(u32, be32, "uint32 equal", uint32_t)
DEFINE_EQUAL(u64, be64, "uint64 equal", uint64_t)
DEFINE_EQUAL(i32, be32, "int32 equal", uint32_t)

static bool get_i32_le(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    int32_t limit = *(int32_t *)where, received = (int32_t)stream_get_be32(s);

    if (received < 0 || received > limit) {
        return vmstate_error(error, EINVAL, "Invalid value %d expecting positive value <= %d", received, limit);
    }
    if (!stream_error(s)) {
        *(int32_t *)where = received;
    }
    return true;
}

const VMStateKind vms_kind_i32_le = { .name = "int32 le", .get = get_i32_le, .put = put_i32 };

/* Bytes. */
static bool get_buffer(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    stream_get(s, where, size);
    return true;
}

static void put_buffer(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    stream_put(s, where, size);
}

const VMStateKind vms_kind_buffer = { .name = "buffer", .get = get_buffer, .put = put_buffer };

static bool get_unused(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    stream_skip(s, size);
    return true;
}

static void put_unused(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    static const uint8_t zero[256];

    for (size_t part; size; size -= part) {
        part = MIN(size, sizeof(zero));
        stream_put(s, zero, part);
    }
}

const VMStateKind vms_kind_unused = { .name = "unused_buffer", .get = get_unused, .put = put_unused };

static bool get_cstring(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    uint32_t length = stream_get_be32(s);

    if (stream_error(s)) {
        return true;
    }
    if (length >= size) {
        return vmstate_error(error, EINVAL, "%s has %u bytes, the limit is %zu", field->name, length, size - 1);
    }
    memset(where, 0, size);
    stream_get(s, where, length);
    return true;
}

static void put_cstring(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    size_t length = strnlen(where, size - 1);

    stream_put_be32(s, length);
    stream_put(s, where, length);
}

const VMStateKind vms_kind_cstring = { .name = "str", .get = get_cstring, .put = put_cstring };

/* Bitmaps: `size` is in bits. Bits above it in the last word are dropped. */
static bool get_bitmap(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    unsigned long *bits = where;
    size_t words = (size + 63) / 64;

    G_STATIC_ASSERT(sizeof(unsigned long) == 8);
    for (size_t i = 0; i < words; i++) {
        bits[i] = stream_get_be64(s);
    }
    if (size % 64) {
        bits[words - 1] &= (1ul << size % 64) - 1;
    }
    return true;
}

static void put_bitmap(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    const unsigned long *bits = where;

    for (size_t i = 0; i < (size + 63) / 64; i++) {
        stream_put_be64(s, bits[i]);
    }
}

const VMStateKind vms_kind_bitmap = { .name = "bitmap", .get = get_bitmap, .put = put_bitmap };

/* A NULL in an array of pointers. vmdesc called it so up to the newest release here. */
static bool get_nullptr(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    uint8_t mark = stream_get_u8(s);

    if (mark != '0' && !stream_error(s)) {
        return vmstate_error(error, EINVAL, "vmstate: get_nullptr expected VMS_NULLPTR_MARKER");
    }
    return true;
}

static void put_nullptr(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    stream_put_u8(s, '0');
}

const VMStateKind vms_kind_nullptr = { .name = "uint64", .get = get_nullptr, .put = put_nullptr };

/* By way of a temporary struct that points to its parent. */
static bool get_tmp(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    g_autofree void *tmp = g_malloc0(size);

    *(void **)tmp = where;
    return vmstate_load(s, field->vmsd, tmp, field->vmsd->version_id, error);
}

static bool save_tmp(Stream *s, void *where, size_t size, const VMStateField *field, GString *json, GError **error)
{
    g_autofree void *tmp = g_malloc0(size);

    *(void **)tmp = where;
    return vmstate_save(s, field->vmsd, tmp, json, error);
}

const VMStateKind vms_kind_tmp = { .name = "tmp", .get = get_tmp, .save = save_tmp };

/* Queues. */
static bool get_queue(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    GQueue *queue = where, fresh = G_QUEUE_INIT;
    bool ok = true;
    uint8_t mark;

    while (ok && (mark = stream_get_u8(s)) != 0) {
        if (mark != 1) {
            ok = vmstate_error(error, EINVAL, "%s: 0x%x where an element or the end should be", field->name, mark);
        } else if (fresh.length == field->max) {
            ok = vmstate_error(error, EINVAL, "%s has more than %u elements", field->name, field->max);
        } else {
            void *element = g_malloc0(size);
            g_queue_push_tail(&fresh, element);
            ok = vmstate_load(s, field->vmsd, element, field->vmsd->version_id, error);
        }
    }
    if (ok && !stream_error(s)) {
        GQueue old = *queue;
        *queue = fresh;
        fresh = old;
    }
    g_queue_clear_full(&fresh, g_free);
    return ok;
}

static bool save_queue(Stream *s, void *where, size_t size, const VMStateField *field, GString *json, GError **error)
{
    GQueue *queue = where;

    if (json) {
        vmdesc_string(json, "vmsd_name", field->vmsd->name);
        vmdesc_int(json, "version", field->vmsd->version_id);
    }
    for (GList *link = queue->head; link; link = link->next) {
        stream_put_u8(s, 1);
        if (!vmstate_save(s, field->vmsd, link->data, json, error)) {
            return false;
        }
    }
    stream_put_u8(s, 0);
    return true;
}

const VMStateKind vms_kind_queue = { .name = "qtailq", .get = get_queue, .save = save_queue };
