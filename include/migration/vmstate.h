/*
 * VMState: what of a struct goes over the wire, declared.
 *
 *     static const VMStateDescription vmstate_aer_log = {
 *         .name = "PCIE_AER_ERROR_LOG", .version_id = 1, .minimum_version_id = 1,
 *         .fields = VMS_FIELDS(
 *             VMS_U16(AerLog, log_num),
 *             VMS_U16_EQUAL(AerLog, log_max),
 *             VMS_COUNTED_PTR(AerLog, log, log_num, AER_LOG_LIMIT, vmstate_aer_err, AerErr)),
 *     };
 *
 * Order is wire order; integers are big-endian; nothing is tagged. Each field has its kind on the wire and the name that
 * QEMU's vmdesc gives it (the C member's own name, or one given with .name). A counted array states its maximum: a
 * larger count from the wire is refused before anything is read. Subsections follow the fields; each says when it is needed.
 * The load of a description that fails leaves the struct half-loaded: whoever loads a machine throws it away or resets it.
 *
 * Errors of loading: the message is QEMU's lines, one per nesting level, innermost first, joined by "\n"; the code is the
 * errno that ends up in "load of migration failed: Invalid argument". A kind's get() and a hook use vmstate_error() when
 * that is not EINVAL (virtio's -1 is EPERM) or when they have nothing to say (message ""); any other error is EINVAL.
 */
#ifndef MIGRATION_VMSTATE_H
#define MIGRATION_VMSTATE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "migration/stream.h"

typedef struct VMStateField VMStateField;
typedef struct VMStateDescription VMStateDescription;

/* An errno that QEMU would end with, and its line ("": none). Always returns false. */
#define VMSTATE_ERROR (vmstate_error_quark())
GQuark vmstate_error_quark(void);
bool vmstate_error(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The positive errno of an error from loading, of whatever domain: EINVAL if it does not say. */
int vmstate_error_errno(const GError *error);

/*
 * How one element is written and read. `where` is the element; errors of get are set and return false. An end of the
 * stream needs no check in get: it is sticky and seen after each field. `save` is for kinds that can fail or that
 * describe their inside in `json` (may be NULL: not wanted); it is used instead of put.
 */
typedef struct VMStateKind {
    const char *name;       /* as vmdesc has it: "uint16", "int32 le", "bool", "buffer", "pci config", … */
    bool (*get)(Stream *s, void *where, size_t size, const VMStateField *field, GError **error);
    void (*put)(Stream *s, const void *where, size_t size, const VMStateField *field);
    bool (*save)(Stream *s, void *where, size_t size, const VMStateField *field, GString *json, GError **error);
} VMStateKind;

enum {
    VMSF_STRUCT = 1 << 0,       /* element is described by vmsd */
    VMSF_POINTER = 1 << 1,      /* the field holds a pointer to the first element */
    VMSF_POINTERS = 1 << 2,     /* an array of pointers to elements; NULL elements are one byte '0' on the wire */
    VMSF_ALLOC = 1 << 3,        /* with VMSF_POINTER: load allocates the array (g_malloc0) and frees an older one */
    VMSF_MUST_EXIST = 1 << 4,   /* no data: `exists` must hold, or the state is refused */
    VMSF_SIZED = 1 << 5,        /* one element, whose size is the count: bytes of a buffer, bits of a bitmap */
};

struct VMStateField {
    const char *name;
    const VMStateKind *kind;            /* NULL with VMSF_STRUCT */
    const VMStateDescription *vmsd;
    size_t offset, size;                /* of the first element; size of one element in memory and, for kinds, on the wire */
    unsigned num;                       /* elements; 0 with a count elsewhere */
    size_t count_offset;                /* counted: where the count stands, … */
    uint8_t count_size;                 /* … its size in bytes (1, 2, 4), 0: not counted */
    unsigned max;                       /* counted: elements (or bytes of a counted buffer), inclusive */
    unsigned flags;
    int version_id;                     /* the first section version that has it */
    bool (*exists)(void *opaque, int version_id);   /* NULL: by version alone */
    uint64_t expected;                  /* for kinds that compare */
    const void *arg;                    /* the kind's own; "equal" kinds: a further line of the error, or NULL */
    int struct_version;                 /* structs: loaded and saved as this version; 0: the description's own */
};

struct VMStateDescription {
    const char *name;
    int version_id, minimum_version_id;
    int priority;                                   /* MIG_PRI_* */
    bool unmigratable;                              /* a device with this blocks migration */
    const VMStateField *fields;                     /* ended by an all-zero one: VMS_FIELDS() */
    const VMStateDescription *const *subsections;   /* NULL-terminated: VMS_SUBSECTIONS() */
    bool (*needed)(void *opaque);                   /* NULL: always */
    bool (*pre_load)(void *opaque, GError **error);
    bool (*post_load)(void *opaque, int version_id, GError **error);
    bool (*pre_save)(void *opaque, GError **error);
    void (*post_save)(void *opaque);
    bool (*dev_unplug_pending)(void *opaque);
};

/* Sections are sent by descending priority, then in order of registration. */
enum { MIG_PRI_DEFAULT, MIG_PRI_IOMMU, MIG_PRI_PCI_BUS, MIG_PRI_VIRTIO_MEM, MIG_PRI_MAX };

extern const VMStateKind vms_kind_bool, vms_kind_u8, vms_kind_u16, vms_kind_u32, vms_kind_u64;
extern const VMStateKind vms_kind_i8, vms_kind_i16, vms_kind_i32, vms_kind_i64;
/* Compared with the value that is there: "%x != %x" (local, received). */
extern const VMStateKind vms_kind_u8_equal, vms_kind_u16_equal, vms_kind_u32_equal, vms_kind_u64_equal, vms_kind_i32_equal;
extern const VMStateKind vms_kind_i32_le;       /* 0 <= value <= what is there: "int32 le" */
extern const VMStateKind vms_kind_buffer;       /* raw bytes */
extern const VMStateKind vms_kind_unused;       /* zero bytes out, anything in */
extern const VMStateKind vms_kind_timer;        /* Timer: be64 expire time, -1 if stopped */
extern const VMStateKind vms_kind_bitmap;       /* unsigned long: 64 bits at a time, be64 */
extern const VMStateKind vms_kind_cstring;      /* char[size]: be32 length + bytes; not more than size - 1 */
extern const VMStateKind vms_kind_nullptr;      /* in an array of pointers: one byte '0' */
extern const VMStateKind vms_kind_tmp;          /* described by way of a temporary struct: VMS_WITH_TMP() */
extern const VMStateKind vms_kind_queue;        /* GQueue of structs: 01 before each, 00 at the end: VMS_QUEUE() */

#define VMS_FIELDS(...) ((const VMStateField[]){ __VA_ARGS__, { 0 } })
#define VMS_SUBSECTIONS(...) ((const VMStateDescription *const[]){ __VA_ARGS__, NULL })
#define VMS_MEMBER_SIZE(t, f) sizeof(((t *)0)->f)
#define VMS_ARRAY_LEN(t, f) (sizeof(((t *)0)->f) / sizeof(((t *)0)->f[0]))

/* One element of a kind. Extras in designated form: .version_id = 2, .exists = fn, .name = "env.regs". */
#define VMS_SCALAR(k, ctype, t, f, ...)                                                     \
    { .name = #f, .kind = &(k), .offset = offsetof(t, f), .num = 1,                         \
      .size = sizeof(ctype) + 0 * sizeof(char[sizeof(ctype) == VMS_MEMBER_SIZE(t, f) ? 1 : -1]), ##__VA_ARGS__ }
#define VMS_BOOL(t, f, ...) VMS_SCALAR(vms_kind_bool, bool, t, f, ##__VA_ARGS__)
#define VMS_U8(t, f, ...) VMS_SCALAR(vms_kind_u8, uint8_t, t, f, ##__VA_ARGS__)
#define VMS_U16(t, f, ...) VMS_SCALAR(vms_kind_u16, uint16_t, t, f, ##__VA_ARGS__)
#define VMS_U32(t, f, ...) VMS_SCALAR(vms_kind_u32, uint32_t, t, f, ##__VA_ARGS__)
#define VMS_U64(t, f, ...) VMS_SCALAR(vms_kind_u64, uint64_t, t, f, ##__VA_ARGS__)
#define VMS_I8(t, f, ...) VMS_SCALAR(vms_kind_i8, int8_t, t, f, ##__VA_ARGS__)
#define VMS_I16(t, f, ...) VMS_SCALAR(vms_kind_i16, int16_t, t, f, ##__VA_ARGS__)
#define VMS_I32(t, f, ...) VMS_SCALAR(vms_kind_i32, int32_t, t, f, ##__VA_ARGS__)
#define VMS_I64(t, f, ...) VMS_SCALAR(vms_kind_i64, int64_t, t, f, ##__VA_ARGS__)
#define VMS_U16_EQUAL(t, f, ...) VMS_SCALAR(vms_kind_u16_equal, uint16_t, t, f, ##__VA_ARGS__)
#define VMS_U32_EQUAL(t, f, ...) VMS_SCALAR(vms_kind_u32_equal, uint32_t, t, f, ##__VA_ARGS__)
#define VMS_I32_EQUAL(t, f, ...) VMS_SCALAR(vms_kind_i32_equal, int32_t, t, f, ##__VA_ARGS__)
#define VMS_U8_EQUAL(t, f, ...) VMS_SCALAR(vms_kind_u8_equal, uint8_t, t, f, ##__VA_ARGS__)
#define VMS_U64_EQUAL(t, f, ...) VMS_SCALAR(vms_kind_u64_equal, uint64_t, t, f, ##__VA_ARGS__)
#define VMS_I32_LE(t, f, ...) VMS_SCALAR(vms_kind_i32_le, int32_t, t, f, ##__VA_ARGS__)
#define VMS_TIMER(t, f, ...) VMS_SCALAR(vms_kind_timer, Timer, t, f, ##__VA_ARGS__)

/* A C array of scalars, whole. */
#define VMS_ARRAY_OF(k, t, f, ...)                                                          \
    { .name = #f, .kind = &(k), .offset = offsetof(t, f), .num = VMS_ARRAY_LEN(t, f),       \
      .size = VMS_MEMBER_SIZE(t, f[0]), ##__VA_ARGS__ }
#define VMS_U8_ARRAY(t, f, ...) VMS_ARRAY_OF(vms_kind_u8, t, f, ##__VA_ARGS__)
#define VMS_U16_ARRAY(t, f, ...) VMS_ARRAY_OF(vms_kind_u16, t, f, ##__VA_ARGS__)
#define VMS_U32_ARRAY(t, f, ...) VMS_ARRAY_OF(vms_kind_u32, t, f, ##__VA_ARGS__)
#define VMS_U64_ARRAY(t, f, ...) VMS_ARRAY_OF(vms_kind_u64, t, f, ##__VA_ARGS__)
#define VMS_I32_ARRAY(t, f, ...) VMS_ARRAY_OF(vms_kind_i32, t, f, ##__VA_ARGS__)
#define VMS_BOOL_ARRAY(t, f, ...) VMS_ARRAY_OF(vms_kind_bool, t, f, ##__VA_ARGS__)
#define VMS_I8_ARRAY(t, f, ...) VMS_ARRAY_OF(vms_kind_i8, t, f, ##__VA_ARGS__)
#define VMS_I16_ARRAY(t, f, ...) VMS_ARRAY_OF(vms_kind_i16, t, f, ##__VA_ARGS__)
#define VMS_I64_ARRAY(t, f, ...) VMS_ARRAY_OF(vms_kind_i64, t, f, ##__VA_ARGS__)
/* Raw bytes: a whole array member, or a counted prefix of what a pointer member points to. */
#define VMS_BUFFER(t, f, ...)                                                               \
    { .name = #f, .kind = &vms_kind_buffer, .offset = offsetof(t, f), .num = 1, .size = VMS_MEMBER_SIZE(t, f), ##__VA_ARGS__ }
/* As many bytes as the member `n` says, of what `f` points to. */
#define VMS_SIZED_BUFFER(t, f, n, maximum, ...)                                             \
    { .name = #f, .kind = &vms_kind_buffer, .flags = VMSF_SIZED | VMSF_POINTER, .offset = offsetof(t, f), .num = 1, \
      .count_offset = offsetof(t, n), .count_size = VMS_MEMBER_SIZE(t, n), .max = (maximum), ##__VA_ARGS__ }
/* As many bits as the member `n` says, of what `unsigned long *f` points to. */
#define VMS_BITMAP(t, f, n, maximum, ...)                                                   \
    { .name = #f, .kind = &vms_kind_bitmap, .flags = VMSF_SIZED | VMSF_POINTER, .offset = offsetof(t, f), .num = 1, \
      .count_offset = offsetof(t, n), .count_size = VMS_MEMBER_SIZE(t, n), .max = (maximum), ##__VA_ARGS__ }
#define VMS_CSTRING(t, f, ...)                                                              \
    { .name = #f, .kind = &vms_kind_cstring, .offset = offsetof(t, f), .num = 1, .size = VMS_MEMBER_SIZE(t, f), ##__VA_ARGS__ }
/* Refuses the state, with no bytes of its own, unless test(opaque, version_id). */
#define VMS_VALIDATE(text, test, ...)                                                       \
    { .name = (text), .exists = (test), .flags = VMSF_MUST_EXIST, ##__VA_ARGS__ }
/* Bytes that the wire has and the struct has not. */
#define VMS_UNUSED(bytes, ...)                                                              \
    { .name = "unused", .kind = &vms_kind_unused, .num = 1, .size = (bytes), ##__VA_ARGS__ }

/* Structs: a member, a C array, a counted array of which `max` may come, behind a pointer or in place. */
#define VMS_STRUCT(t, f, desc, ...)                                                         \
    { .name = #f, .vmsd = &(desc), .flags = VMSF_STRUCT, .offset = offsetof(t, f), .num = 1, .size = VMS_MEMBER_SIZE(t, f), ##__VA_ARGS__ }
#define VMS_STRUCT_PTR(t, f, desc, ...)                                                     \
    { .name = #f, .vmsd = &(desc), .flags = VMSF_STRUCT | VMSF_POINTER, .offset = offsetof(t, f), .num = 1, \
      .size = sizeof(*((t *)0)->f), ##__VA_ARGS__ }
#define VMS_STRUCT_ARRAY(t, f, desc, ...)                                                   \
    { .name = #f, .vmsd = &(desc), .flags = VMSF_STRUCT, .offset = offsetof(t, f), .num = VMS_ARRAY_LEN(t, f), \
      .size = VMS_MEMBER_SIZE(t, f[0]), ##__VA_ARGS__ }
#define VMS_COUNTED(t, f, n, maximum, desc, ...)                                            \
    { .name = #f, .vmsd = &(desc), .flags = VMSF_STRUCT, .offset = offsetof(t, f), .size = VMS_MEMBER_SIZE(t, f[0]), \
      .count_offset = offsetof(t, n), .count_size = VMS_MEMBER_SIZE(t, n), .max = (maximum), ##__VA_ARGS__ }
#define VMS_COUNTED_PTR(t, f, n, maximum, desc, ...)                                        \
    { .name = #f, .vmsd = &(desc), .flags = VMSF_STRUCT | VMSF_POINTER, .offset = offsetof(t, f), \
      .size = sizeof(*((t *)0)->f), .count_offset = offsetof(t, n), .count_size = VMS_MEMBER_SIZE(t, n), .max = (maximum), ##__VA_ARGS__ }
#define VMS_COUNTED_OF(k, t, f, n, maximum, ...)                                            \
    { .name = #f, .kind = &(k), .flags = VMSF_POINTER, .offset = offsetof(t, f), .size = sizeof(*((t *)0)->f), \
      .count_offset = offsetof(t, n), .count_size = VMS_MEMBER_SIZE(t, n), .max = (maximum), ##__VA_ARGS__ }
/* A C array of pointers to structs (or, _OF, to elements of a kind), any of which may be NULL. */
#define VMS_STRUCT_POINTERS(t, f, desc, ...)                                                \
    { .name = #f, .vmsd = &(desc), .flags = VMSF_STRUCT | VMSF_POINTERS, .offset = offsetof(t, f), \
      .num = VMS_ARRAY_LEN(t, f), .size = sizeof(*((t *)0)->f[0]), ##__VA_ARGS__ }
#define VMS_POINTERS_OF(k, t, f, ...)                                                       \
    { .name = #f, .kind = &(k), .flags = VMSF_POINTERS, .offset = offsetof(t, f),           \
      .num = VMS_ARRAY_LEN(t, f), .size = sizeof(*((t *)0)->f[0]), ##__VA_ARGS__ }
/*
 * What goes over the wire is made from the struct: `tmp_type` is allocated, its first member, a pointer, is set to the
 * struct, and it is saved by `desc`, whose pre_save fills it, and loaded by it, whose post_load carries it back.
 */
#define VMS_WITH_TMP(t, tmp_type, desc, ...)                                                \
    { .name = "tmp", .kind = &vms_kind_tmp, .vmsd = &(desc), .num = 1,                      \
      .size = sizeof(tmp_type) + 0 * sizeof(char[offsetof(tmp_type, parent) == 0 ? 1 : -1]), ##__VA_ARGS__ }
/* A GQueue of g_malloc'd structs; loading replaces what it held. `maximum` is how many are taken. */
#define VMS_QUEUE(t, f, element_type, maximum, desc, ...)                                   \
    { .name = #f, .kind = &vms_kind_queue, .vmsd = &(desc), .offset = offsetof(t, f), .num = 1, \
      .size = sizeof(element_type) + 0 * sizeof(char[VMS_MEMBER_SIZE(t, f) == sizeof(GQueue) ? 1 : -1]), \
      .max = (maximum), ##__VA_ARGS__ }
/* A kind of a device's own, opaque to this half (the PCI config space, a virtio device). */
#define VMS_OPAQUE(t, f, k, bytes, ...)                                                     \
    { .name = #f, .kind = &(k), .offset = offsetof(t, f), .num = 1, .size = (bytes), ##__VA_ARGS__ }

/*
 * Writes the fields and subsections of `desc` as section version desc->version_id. `json`, if not NULL, gets the
 * members "vmsd_name", "version", "fields" and "subsections" of the vmdesc object that the caller opened.
 */
bool vmstate_save(Stream *s, const VMStateDescription *desc, void *opaque, GString *json, GError **error);
/* Reads section version `version_id`. See above for the errors. */
bool vmstate_load(Stream *s, const VMStateDescription *desc, void *opaque, int version_id, GError **error);
/* Whether the section or subsection is sent at all. */
bool vmstate_needed(const VMStateDescription *desc, void *opaque);

/*
 * The JSON of the vmdesc section, with QEMU's blanks. Members and elements are separated as they come: a name is put,
 * then one value or an opening bracket.
 */
void vmdesc_name(GString *json, const char *name);      /* in an object: `"name": ` */
void vmdesc_open(GString *json, char bracket);          /* '{' or '['; also separates array elements */
void vmdesc_close(GString *json, char bracket);         /* '}' or ']' */
void vmdesc_string(GString *json, const char *name, const char *value);
void vmdesc_int(GString *json, const char *name, int64_t value);
/* QEMU up to 5.2 wrote `{ "a" : [ 1, 2 ] }` where later ones write `{"a": [1, 2]}`: makes the former of the latter. */
void vmdesc_respace(GString *json);
/* One description for -dump-vmstate: an object, indented by `indent`, as QEMU prints it. */
void vmdesc_dump(GString *out, const VMStateDescription *desc, int indent, bool is_subsection);

#endif
