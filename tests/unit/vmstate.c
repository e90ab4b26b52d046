/* VMState fields: each kind's bytes, versions, predicates, counts, pointers, texts and their JSON. */
#include <errno.h>
#include <string.h>

#include "util/error.h"
#include "vmstate-check.h"

/* Scalars. */
typedef struct Scalars {
    bool flag;
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;
    int8_t e;
    int16_t f;
    int32_t g;
    int64_t h;
} Scalars;

static const VMStateDescription vmstate_scalars = {
    .name = "scalars", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_BOOL(Scalars, flag), VMS_U8(Scalars, a), VMS_U16(Scalars, b), VMS_U32(Scalars, c), VMS_U64(Scalars, d),
        VMS_I8(Scalars, e), VMS_I16(Scalars, f), VMS_I32(Scalars, g), VMS_I64(Scalars, h)),
};
#define SCALARS_HEX "01 12 1234 12345678 123456789abcdef0 ff fffe fffffffd fffffffffffffffc"

static void scalars_are_big_endian_and_round_trip(void)
{
    Scalars x = { true, 0x12, 0x1234, 0x12345678, 0x123456789abcdef0, -1, -2, -3, -4 }, y = { 0 };

    check_save(&vmstate_scalars, &x, SCALARS_HEX,
               "{\"vmsd_name\": \"scalars\", \"version\": 1, \"fields\": ["
               "{\"name\": \"flag\", \"type\": \"bool\", \"size\": 1}, {\"name\": \"a\", \"type\": \"uint8\", \"size\": 1}, "
               "{\"name\": \"b\", \"type\": \"uint16\", \"size\": 2}, {\"name\": \"c\", \"type\": \"uint32\", \"size\": 4}, "
               "{\"name\": \"d\", \"type\": \"uint64\", \"size\": 8}, {\"name\": \"e\", \"type\": \"int8\", \"size\": 1}, "
               "{\"name\": \"f\", \"type\": \"int16\", \"size\": 2}, {\"name\": \"g\", \"type\": \"int32\", \"size\": 4}, "
               "{\"name\": \"h\", \"type\": \"int64\", \"size\": 8}]}");
    check_load(&vmstate_scalars, &y, 1, SCALARS_HEX);
    g_assert_true(y.flag);
    g_assert_cmpuint(y.a, ==, 0x12);
    g_assert_cmpuint(y.d, ==, 0x123456789abcdef0);
    g_assert_cmpint(y.e, ==, -1);
    g_assert_cmpint(y.f, ==, -2);
    g_assert_cmpint(y.g, ==, -3);
    g_assert_cmpint(y.h, ==, -4);
}

static void bool_of_any_other_byte_is_true(void)
{
    Scalars y = { 0 };
    uint8_t raw;

    check_load(&vmstate_scalars, &y, 1, "80 12 1234 12345678 123456789abcdef0 ff fffe fffffffd fffffffffffffffc");
    memcpy(&raw, &y.flag, 1);
    g_assert_cmpuint(raw, ==, 1);
}

static void truncation_at_every_byte_is_an_input_output_error(void)
{
    g_autoptr(GByteArray) bytes = from_hex(SCALARS_HEX);
    static const struct {
        size_t end;
        const char *field;
    } fields[] = { { 1, "flag" }, { 2, "a" }, { 4, "b" }, { 8, "c" }, { 16, "d" }, { 17, "e" }, { 19, "f" }, { 23, "g" }, { 31, "h" } };
    size_t i = 0;

    for (size_t length = 0; length < bytes->len; length++) {
        Scalars y;
        g_autofree char *want = NULL;
        Stream *s = stream_new_memory(bytes->data, length);
        g_autoptr(GError) error = NULL;

        i += length == fields[i].end;
        want = g_strdup_printf("Failed to load scalars:%s", fields[i].field);
        g_assert_false(vmstate_load(s, &vmstate_scalars, &y, 1, &error));
        g_assert_cmpstr(error->message, ==, want);
        g_assert_cmpint(vmstate_error_errno(error), ==, EIO);
        stream_close(s, false, NULL);
    }
}

/* Versions and predicates. */
typedef struct Versioned {
    uint8_t always, since2, sometimes, last;
    bool want;
} Versioned;

static bool wanted(void *opaque, int version_id)
{
    return ((Versioned *)opaque)->want && version_id >= 1;
}

static const VMStateDescription vmstate_versioned = {
    .name = "versioned", .version_id = 3, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U8(Versioned, always), VMS_U8(Versioned, since2, .version_id = 2),
        VMS_U8(Versioned, sometimes, .exists = wanted), VMS_U8(Versioned, last)),
};

static void field_newer_than_the_section_is_absent(void)
{
    Versioned v = { .since2 = 0x55, .sometimes = 0x66 };

    check_load(&vmstate_versioned, &v, 1, "01 04");
    g_assert_cmpuint(v.always, ==, 1);
    g_assert_cmpuint(v.since2, ==, 0x55);
    g_assert_cmpuint(v.sometimes, ==, 0x66);
    g_assert_cmpuint(v.last, ==, 4);
    check_load(&vmstate_versioned, &v, 2, "01 02 04");
    g_assert_cmpuint(v.since2, ==, 2);
}

static void predicate_decides_whether_a_field_is_there(void)
{
    Versioned v = { .always = 1, .since2 = 2, .sometimes = 3, .last = 4 };

    check_save(&vmstate_versioned, &v, "01 02 04", NULL);
    v.want = true;
    check_save(&vmstate_versioned, &v, "01 02 03 04", NULL);
    check_load(&vmstate_versioned, &v, 3, "05 06 07 08");
    g_assert_cmpuint(v.sometimes, ==, 7);
}

static void version_out_of_range_is_refused_before_anything_is_read(void)
{
    Versioned v = { .always = 9 };

    check_refusal(&vmstate_versioned, &v, 4, "01 02 03 04",
                  "versioned: incoming version_id 4 is too new for local version_id 3", EINVAL);
    check_refusal(&vmstate_versioned, &v, 0, "01 02 03 04",
                  "versioned: incoming version_id 0 is too old for local minimum version_id  1", EINVAL);
    check_refusal(&vmstate_versioned, &v, -1, "01 02 03 04",
                  "versioned: incoming version_id -1 is too old for local minimum version_id  1", EINVAL);
    g_assert_cmpuint(v.always, ==, 9);
}

/* Kinds that compare. */
typedef struct Equals {
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;
    int32_t e, f;
} Equals;

static const VMStateDescription vmstate_equals = {
    .name = "equals",
    .fields = VMS_FIELDS(
        VMS_U8_EQUAL(Equals, a), VMS_U16_EQUAL(Equals, b, .arg = "Is b= the same on both sides?"), VMS_U32_EQUAL(Equals, c),
        VMS_U64_EQUAL(Equals, d), VMS_I32_EQUAL(Equals, e), VMS_I32_LE(Equals, f)),
};

static void equal_fields_must_be_equal(void)
{
    Equals x = { 1, 2, 3, 0x123456789aull, -2, 6 };

    check_save(&vmstate_equals, &x, "01 0002 00000003 000000123456789a fffffffe 00000006", NULL);
    check_load(&vmstate_equals, &x, 0, "01 0002 00000003 000000123456789a fffffffe 00000005");
    g_assert_cmpint(x.f, ==, 5);
    check_refusal(&vmstate_equals, &x, 0, "11", "1 != 11\nFailed to load equals:a", EINVAL);
    check_refusal(&vmstate_equals, &x, 0, "01 0012", "2 != 12\nIs b= the same on both sides?\nFailed to load equals:b", EINVAL);
    check_refusal(&vmstate_equals, &x, 0, "01 0002 0000000a", "3 != a\nFailed to load equals:c", EINVAL);
    check_refusal(&vmstate_equals, &x, 0, "01 0002 00000003 000000123456789b",
                  "123456789a != 123456789b\nFailed to load equals:d", EINVAL);
    check_refusal(&vmstate_equals, &x, 0, "01 0002 00000003 000000123456789a 00000001",
                  "fffffffe != 1\nFailed to load equals:e", EINVAL);
}

static void int32_le_takes_nothing_negative_or_larger(void)
{
    Equals x = { 1, 2, 3, 4, 5, 2 };
    const char *start = "01 0002 00000003 0000000000000004 00000005";
    g_autofree char *three = g_strconcat(start, "00000003", NULL), *minus = g_strconcat(start, "ffffffff", NULL);

    check_refusal(&vmstate_equals, &x, 0, three, "Invalid value 3 expecting positive value <= 2\nFailed to load equals:f", EINVAL);
    check_refusal(&vmstate_equals, &x, 0, minus, "Invalid value -1 expecting positive value <= 2\nFailed to load equals:f",
                  EINVAL);
    g_assert_cmpint(x.f, ==, 2);
}

static void early_end_in_an_equal_field_compares_what_there_was(void)
{
    Equals x = { 1, 0x200, 3, 4, 5, 6 };
    g_autofree char *notes = load_notes(&vmstate_equals, &x, 0, "01 02", "Failed to load equals:b", EIO);

    g_assert_cmpstr(notes, ==, "the stream ends early, at byte 2");
    x.b = 8;
    check_refusal(&vmstate_equals, &x, 0, "01 01", "8 != 17e\nIs b= the same on both sides?\nFailed to load equals:b", EINVAL);
}

/* Arrays, counted arrays, pointers. */
typedef struct Entry {
    uint16_t x;
} Entry;

static const VMStateDescription vmstate_entry = {
    .name = "entry", .version_id = 1, .minimum_version_id = 1, .fields = VMS_FIELDS(VMS_U16(Entry, x)),
};

typedef struct Lists {
    uint16_t fixed[3];
    Entry structs[2];
    uint8_t used;
    Entry entries[4];
    uint16_t many;
    Entry *far;
    uint32_t *numbers;
    Entry *one;
} Lists;

static const VMStateDescription vmstate_lists = {
    .name = "lists", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U16_ARRAY(Lists, fixed), VMS_STRUCT_ARRAY(Lists, structs, vmstate_entry), VMS_U8(Lists, used),
        VMS_COUNTED(Lists, entries, used, 4, vmstate_entry), VMS_U16(Lists, many),
        VMS_COUNTED_PTR(Lists, far, many, 3, vmstate_entry), VMS_COUNTED_OF(vms_kind_u32, Lists, numbers, many, 3),
        VMS_STRUCT_PTR(Lists, one, vmstate_entry)),
};

static void arrays_have_no_count_of_their_own(void)
{
    Entry far[3] = { { 0xaa }, { 0xbb }, { 0xcc } }, one = { 0xdd };
    uint32_t numbers[3] = { 1, 2, 3 };
    Lists l = { { 1, 2, 3 }, { { 4 }, { 5 } }, 3, { { 6 }, { 7 }, { 8 }, { 9 } }, 2, far, numbers, &one };

    check_save(&vmstate_lists, &l, "0001 0002 0003  0004 0005  03 0006 0007 0008  0002 00aa 00bb 00000001 00000002 00dd",
               "{\"vmsd_name\": \"lists\", \"version\": 1, \"fields\": ["
               "{\"name\": \"fixed\", \"array_len\": 3, \"type\": \"uint16\", \"size\": 2}, "
               "{\"name\": \"structs\", \"array_len\": 2, \"type\": \"struct\", \"struct\": {\"vmsd_name\": \"entry\", "
               "\"version\": 1, \"fields\": [{\"name\": \"x\", \"type\": \"uint16\", \"size\": 2}]}, \"size\": 2}, "
               "{\"name\": \"used\", \"type\": \"uint8\", \"size\": 1}, "
               "{\"name\": \"entries\", \"array_len\": 3, \"type\": \"struct\", \"struct\": {\"vmsd_name\": \"entry\", "
               "\"version\": 1, \"fields\": [{\"name\": \"x\", \"type\": \"uint16\", \"size\": 2}]}, \"size\": 2}, "
               "{\"name\": \"many\", \"type\": \"uint16\", \"size\": 2}, "
               "{\"name\": \"far\", \"array_len\": 2, \"type\": \"struct\", \"struct\": {\"vmsd_name\": \"entry\", "
               "\"version\": 1, \"fields\": [{\"name\": \"x\", \"type\": \"uint16\", \"size\": 2}]}, \"size\": 2}, "
               "{\"name\": \"numbers\", \"array_len\": 2, \"type\": \"uint32\", \"size\": 4}, "
               "{\"name\": \"one\", \"type\": \"struct\", \"struct\": {\"vmsd_name\": \"entry\", \"version\": 1, "
               "\"fields\": [{\"name\": \"x\", \"type\": \"uint16\", \"size\": 2}]}, \"size\": 2}]}");
    check_load(&vmstate_lists, &l, 1, "0011 0012 0013  0014 0015  01 0016  0003 0017 0018 0019 00000021 00000022 00000023 0024");
    g_assert_cmpuint(l.fixed[2], ==, 0x13);
    g_assert_cmpuint(l.structs[1].x, ==, 0x15);
    g_assert_cmpuint(l.entries[0].x, ==, 0x16);
    g_assert_cmpuint(l.entries[1].x, ==, 7);
    g_assert_cmpuint(far[2].x, ==, 0x19);
    g_assert_cmpuint(numbers[2], ==, 0x23);
    g_assert_cmpuint(one.x, ==, 0x24);
}

static void empty_counted_array_leaves_no_trace(void)
{
    Entry one = { 1 };
    Lists l = { .one = &one };

    check_save(&vmstate_lists, &l, "000000000000 00000000 00 0000 0001", NULL);
    check_load(&vmstate_lists, &l, 1, "000000000000 00000000 00 0000 0002");
    g_assert_cmpuint(one.x, ==, 2);
}

static void count_above_the_maximum_is_refused(void)
{
    Entry far[3], one;
    uint32_t numbers[3];
    Lists l = { .entries = { { 6 }, { 7 }, { 8 }, { 9 } }, .far = far, .numbers = numbers, .one = &one };

    check_refusal(&vmstate_lists, &l, 1, "0011 0012 0013  0014 0015  05 0016 0016 0016 0016 0016",
                  "entries has 5 elements, the limit is 4\nFailed to load lists:entries", EINVAL);
    g_assert_cmpuint(l.entries[0].x, ==, 6);
    check_refusal(&vmstate_lists, &l, 1, "0011 0012 0013  0014 0015  00 ffff",
                  "far has 65535 elements, the limit is 3\nFailed to load lists:far", EINVAL);
}

typedef struct Alloc {
    uint32_t n;
    Entry *entries;
} Alloc;

static const VMStateDescription vmstate_alloc = {
    .name = "alloc",
    .fields = VMS_FIELDS(VMS_U32(Alloc, n), VMS_COUNTED_PTR(Alloc, entries, n, 1000, vmstate_entry,
                                                            .flags = VMSF_STRUCT | VMSF_POINTER | VMSF_ALLOC)),
};

static void load_may_allocate(void)
{
    Alloc a = { 0 };

    check_load(&vmstate_alloc, &a, 0, "00000002 0001 0002");
    g_assert_cmpuint(a.entries[1].x, ==, 2);
    check_load(&vmstate_alloc, &a, 0, "00000003 0001 0002 0003");
    g_assert_cmpuint(a.entries[2].x, ==, 3);
    check_refusal(&vmstate_alloc, &a, 0, "ffffffff", "entries has 4294967295 elements, the limit is 1000\nFailed to load alloc:entries",
                  EINVAL);
    g_free(a.entries);
}

static const VMStateDescription vmstate_no_alloc = {
    .name = "alloc", .fields = VMS_FIELDS(VMS_U32(Alloc, n), VMS_COUNTED_PTR(Alloc, entries, n, 1000, vmstate_entry)),
};

static void pointer_to_nothing_is_refused_not_followed(void)
{
    Alloc a = { 0 };

    check_load(&vmstate_no_alloc, &a, 0, "00000000");
    check_refusal(&vmstate_no_alloc, &a, 0, "00000001 0001", "entries has no place here for 1 elements\nFailed to load alloc:entries",
                  EINVAL);
}

typedef struct Pointers {
    Entry *entries[3];
    uint32_t *numbers[2];
} Pointers;

static const VMStateDescription vmstate_pointers = {
    .name = "pointers",
    .fields = VMS_FIELDS(VMS_STRUCT_POINTERS(Pointers, entries, vmstate_entry), VMS_POINTERS_OF(vms_kind_u32, Pointers, numbers)),
};

static void null_in_an_array_of_pointers_is_one_byte(void)
{
    Entry a = { 1 }, c = { 3 };
    uint32_t n = 7;
    Pointers p = { { &a, NULL, &c }, { NULL, &n } };

    check_save(&vmstate_pointers, &p, "0001 30 0003 30 00000007", NULL);
    check_load(&vmstate_pointers, &p, 0, "0011 30 0013 30 00000017");
    g_assert_cmpuint(a.x, ==, 0x11);
    g_assert_cmpuint(c.x, ==, 0x13);
    g_assert_cmpuint(n, ==, 0x17);
    check_refusal(&vmstate_pointers, &p, 0, "0011 0012", "vmstate: get_nullptr expected VMS_NULLPTR_MARKER\nFailed to load pointers:entries",
                  EINVAL);
}

static bool never(void *opaque, int version_id)
{
    return false;
}

static bool ever(void *opaque, int version_id)
{
    return true;
}

static const VMStateDescription vmstate_conditional = {
    .name = "conditional", .fields = VMS_FIELDS(VMS_U16(Entry, x, .exists = ever)),
};
typedef struct TwoConditional {
    Entry e[2];
} TwoConditional;
static const VMStateDescription vmstate_two_conditional = {
    .name = "two", .fields = VMS_FIELDS(VMS_STRUCT_ARRAY(TwoConditional, e, vmstate_conditional)),
};

static void array_with_a_predicate_inside_is_described_element_by_element(void)
{
    TwoConditional t = { { { 1 }, { 2 } } };
#define ELEMENT(i) "{\"name\": \"e\", \"index\": " #i ", \"type\": \"struct\", \"struct\": {\"vmsd_name\": \"conditional\", " \
                   "\"version\": 0, \"fields\": [{\"name\": \"x\", \"type\": \"uint16\", \"size\": 2}]}, \"size\": 2}"
    check_save(&vmstate_two_conditional, &t, "0001 0002",
               "{\"vmsd_name\": \"two\", \"version\": 0, \"fields\": [" ELEMENT(0) ", " ELEMENT(1) "]}");
}

/* Names that occur twice. */
typedef struct Twice {
    uint8_t small, large[2];
} Twice;
static const VMStateDescription vmstate_twice = {
    .name = "twice",
    .fields = VMS_FIELDS(
        VMS_U8(Twice, small, .name = "config", .exists = never), VMS_BUFFER(Twice, large, .name = "config", .exists = ever),
        VMS_UNUSED(1), VMS_U8(Twice, small), VMS_UNUSED(3)),
};

static void name_that_occurs_twice_is_numbered(void)
{
    Twice t = { 1, { 2, 3 } };

    check_save(&vmstate_twice, &t, "0203 00 01 000000",
               "{\"vmsd_name\": \"twice\", \"version\": 0, \"fields\": ["
               "{\"name\": \"config[1]\", \"type\": \"buffer\", \"size\": 2}, "
               "{\"name\": \"unused[0]\", \"type\": \"unused_buffer\", \"size\": 1}, "
               "{\"name\": \"small\", \"type\": \"uint8\", \"size\": 1}, "
               "{\"name\": \"unused[1]\", \"type\": \"unused_buffer\", \"size\": 3}]}");
    check_load(&vmstate_twice, &t, 0, "0405 99 06 998877");
    g_assert_cmpuint(t.small, ==, 6);
    g_assert_cmpuint(t.large[1], ==, 5);
}

static const VMStateDescription vmstate_gap = { .name = "gap", .fields = VMS_FIELDS(VMS_UNUSED(1000)) };

static void unused_is_zeros_however_long(void)
{
    Stream *s = stream_new_memory(NULL, 0);
    g_autoptr(GByteArray) bytes = NULL;

    g_assert_true(vmstate_save(s, &vmstate_gap, NULL, NULL, NULL));
    bytes = stream_memory_take(s);
    g_assert_cmpuint(bytes->len, ==, 1000);
    for (int i = 0; i < 1000; i++) {
        g_assert_cmpuint(bytes->data[i], ==, 0);
    }
    stream_close(s, true, NULL);
}

/* Buffers, bitmaps, strings of a size that comes first. */
typedef struct Sized {
    uint32_t length;
    uint8_t *bytes;
    uint32_t bits;
    unsigned long *map;
    char name[8];
} Sized;
static const VMStateDescription vmstate_sized = {
    .name = "sized",
    .fields = VMS_FIELDS(
        VMS_U32(Sized, length), VMS_SIZED_BUFFER(Sized, bytes, length, 4), VMS_U32(Sized, bits),
        VMS_BITMAP(Sized, map, bits, 128), VMS_CSTRING(Sized, name)),
};

static void sized_buffers_bitmaps_and_strings_round_trip(void)
{
    uint8_t bytes[4] = { 1, 2, 3, 4 };
    unsigned long map[2] = { 0x123456789abcdef0, 5 };
    Sized x = { 3, bytes, 67, map, "abc" };

    check_save(&vmstate_sized, &x, "00000003 010203 00000043 123456789abcdef0 0000000000000005 00000003 616263", NULL);
    check_load(&vmstate_sized, &x, 0, "00000004 05060708 00000003 ffffffffffffffff 00000007 61626364656667");
    g_assert_cmpuint(bytes[3], ==, 8);
    g_assert_cmpuint(map[0], ==, 7);
    g_assert_cmpuint(map[1], ==, 5);
    g_assert_cmpstr(x.name, ==, "abcdefg");
}

static void sized_fields_have_limits(void)
{
    uint8_t bytes[4] = { 1, 2, 3, 4 };
    unsigned long map[2] = { 0 };
    Sized x = { 3, bytes, 67, map, "abc" };

    check_refusal(&vmstate_sized, &x, 0, "00000005 0102030405", "bytes has 5 elements, the limit is 4\nFailed to load sized:bytes",
                  EINVAL);
    check_refusal(&vmstate_sized, &x, 0, "00000000 00000081", "map has 129 elements, the limit is 128\nFailed to load sized:map",
                  EINVAL);
    check_refusal(&vmstate_sized, &x, 0, "00000000 00000000 00000008 6161616161616161",
                  "name has 8 bytes, the limit is 7\nFailed to load sized:name", EINVAL);
    g_assert_cmpstr(x.name, ==, "abc");
}

/* By way of a temporary. */
typedef struct Real {
    double value;
} Real;
typedef struct RealTmp {
    Real *parent;
    int32_t thousandths;
} RealTmp;

static bool real_pre_save(void *opaque, GError **error)
{
    RealTmp *tmp = opaque;

    tmp->thousandths = tmp->parent->value * 1000;
    return true;
}

static bool real_post_load(void *opaque, int version_id, GError **error)
{
    RealTmp *tmp = opaque;

    if (tmp->thousandths < 0) {
        return error_setf(error, "negative");
    }
    tmp->parent->value = tmp->thousandths / 1000.0;
    return true;
}

static const VMStateDescription vmstate_real_tmp = {
    .name = "real_tmp", .pre_save = real_pre_save, .post_load = real_post_load,
    .fields = VMS_FIELDS(VMS_I32(RealTmp, thousandths)),
};
static const VMStateDescription vmstate_real = {
    .name = "real", .fields = VMS_FIELDS(VMS_WITH_TMP(Real, RealTmp, vmstate_real_tmp)),
};

static void temporary_struct_is_made_and_carried_back(void)
{
    Real r = { 1.5 };

    check_save(&vmstate_real, &r, "000005dc",
               "{\"vmsd_name\": \"real\", \"version\": 0, \"fields\": [{\"name\": \"tmp\", \"type\": \"tmp\", "
               "\"vmsd_name\": \"real_tmp\", \"version\": 0, \"fields\": [{\"name\": \"thousandths\", \"type\": \"int32\", "
               "\"size\": 4}], \"size\": 4}]}");
    check_load(&vmstate_real, &r, 0, "000009c4");
    g_assert_cmpfloat(r.value, ==, 2.5);
    check_refusal(&vmstate_real, &r, 0, "ffffffff", "negative\nFailed to load real:tmp", EINVAL);
}

/* Queues. */
typedef struct Queued {
    GQueue queue;
} Queued;
static const VMStateDescription vmstate_queued = {
    .name = "queued", .fields = VMS_FIELDS(VMS_QUEUE(Queued, queue, Entry, 3, vmstate_entry)),
};

static void queue_has_a_mark_before_each_element_and_an_end(void)
{
    Queued q = { G_QUEUE_INIT };
    Entry *e;

    check_load(&vmstate_queued, &q, 0, "01 0001 01 0002 00");
    g_assert_cmpuint(q.queue.length, ==, 2);
    e = g_queue_peek_nth(&q.queue, 1);
    g_assert_cmpuint(e->x, ==, 2);
    check_save(&vmstate_queued, &q, "01 0001 01 0002 00", NULL);
    check_refusal(&vmstate_queued, &q, 0, "01 0001 01 0002 01 0003 01 0004 00",
                  "queue has more than 3 elements\nFailed to load queued:queue", EINVAL);
    check_refusal(&vmstate_queued, &q, 0, "02", "queue: 0x2 where an element or the end should be\nFailed to load queued:queue",
                  EINVAL);
    check_refusal(&vmstate_queued, &q, 0, "01 00", "Failed to load entry:x\nFailed to load queued:queue", EIO);
    g_assert_cmpuint(q.queue.length, ==, 2);
    check_load(&vmstate_queued, &q, 0, "00");
    g_assert_cmpuint(q.queue.length, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(fn) g_test_add_func("/vmstate/" #fn, fn)
    ADD(scalars_are_big_endian_and_round_trip);
    ADD(bool_of_any_other_byte_is_true);
    ADD(truncation_at_every_byte_is_an_input_output_error);
    ADD(field_newer_than_the_section_is_absent);
    ADD(predicate_decides_whether_a_field_is_there);
    ADD(version_out_of_range_is_refused_before_anything_is_read);
    ADD(equal_fields_must_be_equal);
    ADD(int32_le_takes_nothing_negative_or_larger);
    ADD(early_end_in_an_equal_field_compares_what_there_was);
    ADD(arrays_have_no_count_of_their_own);
    ADD(empty_counted_array_leaves_no_trace);
    ADD(count_above_the_maximum_is_refused);
    ADD(load_may_allocate);
    ADD(pointer_to_nothing_is_refused_not_followed);
    ADD(null_in_an_array_of_pointers_is_one_byte);
    ADD(array_with_a_predicate_inside_is_described_element_by_element);
    ADD(name_that_occurs_twice_is_numbered);
    ADD(unused_is_zeros_however_long);
    ADD(sized_buffers_bitmaps_and_strings_round_trip);
    ADD(sized_fields_have_limits);
    ADD(temporary_struct_is_made_and_carried_back);
    ADD(queue_has_a_mark_before_each_element_and_an_end);
    return g_test_run();
}
