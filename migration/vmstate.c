/* The interpreter of VMState descriptions: structs to bytes and back. See migration/vmstate.h. */
#include "migration/vmstate.h"

#include <errno.h>
#include <string.h>

#include "util/error.h"

enum { SUBSECTION_MARK = 0x05 };

G_DEFINE_QUARK(godwit-vmstate-error, vmstate_error)

bool vmstate_error(GError **error, int errnum, const char *format, ...)
{
    va_list args;

    if (error) {
        va_start(args, format);
        *error = g_error_new_valist(VMSTATE_ERROR, ABS(errnum), format, args);
        va_end(args);
    }
    return false;
}

int vmstate_error_errno(const GError *error)
{
    return error->domain == VMSTATE_ERROR || error->domain == STREAM_ERROR ? error->code : EINVAL;
}

/* Appends a line to `inner`, which is taken, and hands it on with its errno. */
static bool G_GNUC_PRINTF(3, 4) add_line(GError **error, GError *inner, const char *format, ...)
{
    g_autofree char *line = NULL;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    vmstate_error(error, vmstate_error_errno(inner), "%s%s%s", inner->message, *inner->message ? "\n" : "", line);
    g_error_free(inner);
    return false;
}

/* Fields: where they are and how many elements of what size. */

static bool field_present(const VMStateField *field, void *opaque, int version_id)
{
    return field->exists ? field->exists(opaque, version_id) : field->version_id <= version_id;
}

static uint64_t field_counter(const VMStateField *field, const void *opaque)
{
    const void *p = (const char *)opaque + field->count_offset;

    switch (field->count_size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        return *(const uint16_t *)p;
    case 4:
        return *(const uint32_t *)p;
    default:
        g_assert_not_reached();
    }
}

static bool field_extent(const VMStateField *field, const void *opaque, unsigned *count, size_t *size, GError **error)
{
    uint64_t n;

    *count = field->num;
    *size = field->size;
    if (!field->count_size) {
        return true;
    }
    n = field_counter(field, opaque);
    if (n > field->max) {
        return vmstate_error(error, EINVAL, "%s has %" G_GUINT64_FORMAT " elements, the limit is %u", field->name, n,
                             field->max);
    }
    if (field->flags & VMSF_SIZED) {
        *size = n;
    } else {
        *count = n;
    }
    return true;
}

static void *field_first(const VMStateField *field, void *opaque)
{
    char *p = (char *)opaque + field->offset;

    return field->flags & VMSF_POINTER ? *(void **)p : p;
}

static void *field_element(const VMStateField *field, void *first, unsigned i, size_t size)
{
    return field->flags & VMSF_POINTERS ? ((void **)first)[i] : (char *)first + i * size;
}

static int field_struct_version(const VMStateField *field)
{
    return field->struct_version ? field->struct_version : field->vmsd->version_id;
}

/* A pointer that should lead somewhere: made if load may, else it must be there. */
static bool field_target(const VMStateField *field, void *opaque, unsigned count, size_t size, GError **error)
{
    void **p = (void **)((char *)opaque + field->offset);

    if (!(field->flags & VMSF_POINTER)) {
        return true;
    }
    if (field->flags & VMSF_ALLOC) {
        g_free(*p);
        *p = g_malloc0_n(MAX(count, 1), MAX(size, 1));
    }
    if (!*p && count && size) {
        return vmstate_error(error, EINVAL, "%s has no place here for %u elements", field->name, count);
    }
    return true;
}

/* Loading. */

static bool vmstate_load_version(Stream *s, const VMStateDescription *desc, void *opaque, int version_id, GError **error);

static bool load_element(Stream *s, const VMStateField *field, void *element, size_t size, GError **error)
{
    if (!element && (field->flags & VMSF_POINTERS)) {
        return vms_kind_nullptr.get(s, NULL, 1, field, error);
    }
    if (field->flags & VMSF_STRUCT) {
        return vmstate_load_version(s, field->vmsd, element, field_struct_version(field), error);
    }
    return field->kind->get(s, element, size, field, error);
}

static bool load_field(Stream *s, const VMStateField *field, void *opaque, GError **error)
{
    unsigned count;
    size_t size;
    void *first;

    if (!field_extent(field, opaque, &count, &size, error) || !field_target(field, opaque, count, size, error)) {
        return false;
    }
    first = field_first(field, opaque);
    for (unsigned i = 0; i < count; i++) {
        if (!load_element(s, field, field_element(field, first, i, size), size, error)) {
            return false;
        }
        if (stream_error(s)) {
            return vmstate_error(error, stream_errno(s), "%s", "");
        }
    }
    return true;
}

static const VMStateDescription *find_subsection(const VMStateDescription *desc, const char *name)
{
    for (int i = 0; desc->subsections && desc->subsections[i]; i++) {
        if (strcmp(desc->subsections[i]->name, name) == 0) {
            return desc->subsections[i];
        }
    }
    return NULL;
}

/*
 * The name of the subsection of `desc` that comes next, not yet taken; false if what comes is something else. Only the
 * name tells it from data: it must begin with the description's own and be longer.
 */
static bool peek_subsection(Stream *s, const VMStateDescription *desc, char name[256])
{
    uint8_t head[2];
    size_t own = strlen(desc->name);

    if (stream_peek(s, 0, head, 1) != 1) {
        stream_get_u8(s);   /* A section is never the last of a stream: what ends here ends early. */
        return false;
    }
    if (head[0] != SUBSECTION_MARK || stream_peek(s, 0, head, 2) != 2 ||
        head[1] < own + 1 || stream_peek(s, 2, name, head[1]) != head[1]) {
        return false;
    }
    name[head[1]] = 0;
    return strncmp(name, desc->name, own) == 0;
}

static bool load_subsections(Stream *s, const VMStateDescription *desc, void *opaque, GError **error)
{
    char name[256];

    while (peek_subsection(s, desc, name)) {
        const VMStateDescription *sub = find_subsection(desc, name);

        if (!sub) {
            stream_note(s, "there is no subsection '%s' in '%s' here", name, desc->name);
            return vmstate_error(error, ENOENT, "%s", "");
        }
        stream_skip(s, 2 + strlen(name));
        if (!vmstate_load_version(s, sub, opaque, (int32_t)stream_get_be32(s), error)) {
            return false;
        }
    }
    return true;
}

static bool load_fields(Stream *s, const VMStateDescription *desc, void *opaque, int version_id, GError **error)
{
    for (const VMStateField *field = desc->fields; field && field->name; field++) {
        GError *inner = NULL;

        if (field_present(field, opaque, version_id)) {
            if (!(field->flags & VMSF_MUST_EXIST) && !load_field(s, field, opaque, &inner)) {
                return add_line(error, inner, "Failed to load %s:%s", desc->name, field->name);
            }
        } else if (field->flags & VMSF_MUST_EXIST) {
            return vmstate_error(error, EPERM, "Input validation failed: %s/%s", desc->name, field->name);
        }
    }
    return true;
}

static bool vmstate_load_version(Stream *s, const VMStateDescription *desc, void *opaque, int version_id, GError **error)
{
    if (version_id > desc->version_id) {
        return vmstate_error(error, EINVAL, "%s: incoming version_id %d is too new for local version_id %d", desc->name,
                             version_id, desc->version_id);
    }
    if (version_id < desc->minimum_version_id) {
        return vmstate_error(error, EINVAL, "%s: incoming version_id %d is too old for local minimum version_id  %d",
                             desc->name, version_id, desc->minimum_version_id);
    }
    if (desc->pre_load && !desc->pre_load(opaque, error)) {
        return false;
    }
    if (!load_fields(s, desc, opaque, version_id, error) || !load_subsections(s, desc, opaque, error)) {
        return false;
    }
    return !desc->post_load || desc->post_load(opaque, version_id, error);
}

bool vmstate_load(Stream *s, const VMStateDescription *desc, void *opaque, int version_id, GError **error)
{
    GError *inner = NULL;

    /* A caller that wants no text still gets hooks that may rely on having somewhere to put it. */
    if (!vmstate_load_version(s, desc, opaque, version_id, &inner)) {
        g_propagate_error(error, inner);
        return false;
    }
    return true;
}

/* Saving. */

static bool save_version(Stream *s, const VMStateDescription *desc, void *opaque, int version_id, GString *json,
                         GError **error);

/* An array is described once if all its elements look alike: nothing in it depends on a predicate. */
static bool can_compress(const VMStateField *field)
{
    if (field->exists) {
        return false;
    }
    if (field->flags & VMSF_STRUCT) {
        for (const VMStateField *f = field->vmsd->fields; f && f->name; f++) {
            if (!can_compress(f)) {
                return false;
            }
        }
        return !field->vmsd->subsections;
    }
    return true;
}

/* The field's name, "config[1]" if it is the second of several of that name. */
static void describe_name(GString *json, const VMStateDescription *desc, const VMStateField *field)
{
    unsigned same = 0, before = 0;

    for (const VMStateField *f = desc->fields; f->name; f++) {
        if (strcmp(f->name, field->name) == 0) {
            same++;
            before += f < field;
        }
    }
    if (same > 1) {
        g_autofree char *name = g_strdup_printf("%s[%u]", field->name, before);
        vmdesc_string(json, "name", name);
    } else {
        vmdesc_string(json, "name", field->name);
    }
}

static void describe_begin(GString *json, const VMStateDescription *desc, const VMStateField *field, unsigned i,
                           unsigned count, const void *element)
{
    vmdesc_open(json, '{');
    describe_name(json, desc, field);
    if (count > 1) {
        if (can_compress(field)) {
            vmdesc_int(json, "array_len", count);
        } else {
            vmdesc_int(json, "index", i);
        }
    }
    if (!element && (field->flags & VMSF_POINTERS)) {
        vmdesc_string(json, "type", vms_kind_nullptr.name);
    } else if (field->flags & VMSF_STRUCT) {
        vmdesc_string(json, "type", "struct");
        vmdesc_name(json, "struct");
        vmdesc_open(json, '{');
    } else {
        vmdesc_string(json, "type", field->kind->name);
    }
}

static void describe_end(GString *json, const VMStateField *field, uint64_t size, const void *element)
{
    if ((field->flags & VMSF_STRUCT) && (element || !(field->flags & VMSF_POINTERS))) {
        vmdesc_close(json, '}');
    }
    vmdesc_int(json, "size", size);
    vmdesc_close(json, '}');
}

static bool save_element(Stream *s, const VMStateField *field, void *element, size_t size, GString *json, GError **error)
{
    if (!element && (field->flags & VMSF_POINTERS)) {
        vms_kind_nullptr.put(s, NULL, 1, field);
        return true;
    }
    if (field->flags & VMSF_STRUCT) {
        return save_version(s, field->vmsd, element, field_struct_version(field), json, error);
    }
    if (field->kind->save) {
        return field->kind->save(s, element, size, field, json, error);
    }
    field->kind->put(s, element, size, field);
    return true;
}

static bool save_field(Stream *s, const VMStateDescription *desc, const VMStateField *field, void *opaque, GString *json,
                       GError **error)
{
    unsigned count;
    size_t size;
    void *first;

    if (!field_extent(field, opaque, &count, &size, error)) {
        return false;
    }
    first = field_first(field, opaque);
    g_assert(first || !count || !size || !(field->flags & VMSF_POINTER));
    for (unsigned i = 0; i < count; i++) {
        void *element = field_element(field, first, i, size);
        uint64_t start = stream_position(s);

        if (json) {
            describe_begin(json, desc, field, i, count, element);
        }
        if (!save_element(s, field, element, size, json, error)) {
            return false;
        }
        if (json) {
            describe_end(json, field, stream_position(s) - start, element);
            json = count > 1 && can_compress(field) ? NULL : json;
        }
    }
    return true;
}

static bool save_subsections(Stream *s, const VMStateDescription *desc, void *opaque, GString *json, GError **error)
{
    bool any = false;

    for (int i = 0; desc->subsections && desc->subsections[i]; i++) {
        const VMStateDescription *sub = desc->subsections[i];
        size_t length = strlen(sub->name);

        if (!vmstate_needed(sub, opaque)) {
            continue;
        }
        g_assert(length <= 255);
        if (json) {
            if (!any) {
                vmdesc_name(json, "subsections");
                vmdesc_open(json, '[');
            }
            vmdesc_open(json, '{');
        }
        any = true;
        stream_put_u8(s, SUBSECTION_MARK);
        stream_put_u8(s, length);
        stream_put(s, sub->name, length);
        stream_put_be32(s, sub->version_id);
        if (!save_version(s, sub, opaque, sub->version_id, json, error)) {
            return false;
        }
        if (json) {
            vmdesc_close(json, '}');
        }
    }
    if (json && any) {
        vmdesc_close(json, ']');
    }
    return true;
}

static bool save_fields(Stream *s, const VMStateDescription *desc, void *opaque, int version_id, GString *json,
                        GError **error)
{
    for (const VMStateField *field = desc->fields; field && field->name; field++) {
        if (!field_present(field, opaque, version_id)) {
            if (field->flags & VMSF_MUST_EXIST) {
                return vmstate_error(error, EINVAL, "Output state validation failed: %s/%s", desc->name, field->name);
            }
        } else if (!(field->flags & VMSF_MUST_EXIST) && !save_field(s, desc, field, opaque, json, error)) {
            return false;
        }
    }
    return true;
}

static bool save_version(Stream *s, const VMStateDescription *desc, void *opaque, int version_id, GString *json,
                         GError **error)
{
    GError *inner = NULL;
    bool ok;

    if (desc->pre_save && !desc->pre_save(opaque, &inner)) {
        return add_line(error, inner, "pre-save failed: %s", desc->name);
    }
    if (json) {
        vmdesc_string(json, "vmsd_name", desc->name);
        vmdesc_int(json, "version", version_id);
        vmdesc_name(json, "fields");
        vmdesc_open(json, '[');
    }
    ok = save_fields(s, desc, opaque, version_id, json, error);
    if (ok && json) {
        vmdesc_close(json, ']');
    }
    ok = ok && save_subsections(s, desc, opaque, json, error);
    if (desc->post_save) {
        desc->post_save(opaque);
    }
    return ok;
}

bool vmstate_save(Stream *s, const VMStateDescription *desc, void *opaque, GString *json, GError **error)
{
    return save_version(s, desc, opaque, desc->version_id, json, error);
}

bool vmstate_needed(const VMStateDescription *desc, void *opaque)
{
    return !desc->needed || desc->needed(opaque);
}
