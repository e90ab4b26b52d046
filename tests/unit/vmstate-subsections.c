/* VMState's structure: subsections, hooks, validation, and what -dump-vmstate prints. */
#include <errno.h>
#include <string.h>

#include "util/error.h"
#include "vmstate-check.h"

/* Subsections. */
typedef struct Parent {
    uint8_t before;
    struct Child {
        uint8_t x, deep, extra;
    } child;
    uint8_t after, more;
} Parent;
typedef struct Child Child;

static bool child_deep_needed(void *opaque)
{
    return ((Child *)opaque)->deep != 0;
}
static bool child_extra_needed(void *opaque)
{
    return ((Child *)opaque)->extra != 0;
}
static bool parent_more_needed(void *opaque)
{
    return ((Parent *)opaque)->more != 0;
}
static const VMStateDescription vmstate_child_extra = {
    .name = "c/deep/x", .version_id = 1, .minimum_version_id = 1, .needed = child_extra_needed,
    .fields = VMS_FIELDS(VMS_U8(Child, extra)),
};
static const VMStateDescription vmstate_child_deep = {
    .name = "c/deep", .version_id = 2, .minimum_version_id = 1, .needed = child_deep_needed,
    .fields = VMS_FIELDS(VMS_U8(Child, deep)), .subsections = VMS_SUBSECTIONS(&vmstate_child_extra),
};
static const VMStateDescription vmstate_child = {
    .name = "c", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U8(Child, x)), .subsections = VMS_SUBSECTIONS(&vmstate_child_deep),
};
static const VMStateDescription vmstate_parent_more = {
    .name = "par/more", .version_id = 1, .minimum_version_id = 1, .needed = parent_more_needed,
    .fields = VMS_FIELDS(VMS_U8(Parent, more)),
};
static const VMStateDescription vmstate_parent = {
    .name = "par", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U8(Parent, before), VMS_STRUCT(Parent, child, vmstate_child), VMS_U8(Parent, after)),
    .subsections = VMS_SUBSECTIONS(&vmstate_parent_more),
};
/* "c/deep" v2, "c/deep/x" v1, "par/more" v1 */
#define DEEP_HEX "05 06 632f64656570 00000002"
#define EXTRA_HEX "05 08 632f646565702f78 00000001"
#define MORE_HEX "05 08 7061722f6d6f7265 00000001"

static void subsections_stand_inline_after_the_fields_of_their_struct(void)
{
    Parent p = { 1, { 2, 3, 4 }, 5, 6 }, q = { 0 };

    check_save(&vmstate_parent, &p, "01 02" DEEP_HEX "03" EXTRA_HEX "04 05" MORE_HEX "06",
               "{\"vmsd_name\": \"par\", \"version\": 1, \"fields\": [{\"name\": \"before\", \"type\": \"uint8\", \"size\": 1}, "
               "{\"name\": \"child\", \"type\": \"struct\", \"struct\": {\"vmsd_name\": \"c\", \"version\": 1, \"fields\": ["
               "{\"name\": \"x\", \"type\": \"uint8\", \"size\": 1}], \"subsections\": [{\"vmsd_name\": \"c/deep\", \"version\": 2, "
               "\"fields\": [{\"name\": \"deep\", \"type\": \"uint8\", \"size\": 1}], \"subsections\": [{\"vmsd_name\": \"c/deep/x\", "
               "\"version\": 1, \"fields\": [{\"name\": \"extra\", \"type\": \"uint8\", \"size\": 1}]}]}]}, \"size\": 29}, "
               "{\"name\": \"after\", \"type\": \"uint8\", \"size\": 1}], \"subsections\": [{\"vmsd_name\": \"par/more\", "
               "\"version\": 1, \"fields\": [{\"name\": \"more\", \"type\": \"uint8\", \"size\": 1}]}]}");
    check_load(&vmstate_parent, &q, 1, "01 02" DEEP_HEX "03" EXTRA_HEX "04 05" MORE_HEX "06");
    g_assert_cmpmem(&p, sizeof(p), &q, sizeof(q));
}

static void subsection_that_is_not_needed_is_not_sent_nor_missed(void)
{
    Parent p = { 1, { 2, 0, 4 }, 5, 0 }, q = { 0 };

    check_save(&vmstate_parent, &p, "01 02 05", NULL);
    check_load(&vmstate_parent, &q, 1, "01 02 05");
    g_assert_cmpuint(q.after, ==, 5);
}

static void data_that_is_no_name_of_ours_is_left_to_the_enclosing_description(void)
{
    Parent q = { 0 };

    /* The byte `after` is a subsection's mark, and "par/more" follows: neither is the child's. */
    check_load(&vmstate_parent, &q, 1, "01 02 05" MORE_HEX "06");
    g_assert_cmpuint(q.after, ==, 5);
    g_assert_cmpuint(q.more, ==, 6);
    /* A name as long as the description's own is none of its subsections. */
    q = (Parent){ 0 };
    check_refusal(&vmstate_child, &q.child, 1, "02 05 02 632f 00000001", "", ENOENT);
}

static void name_no_longer_than_the_descriptions_is_data(void)
{
    g_autoptr(GByteArray) bytes = from_hex("02 05 01 63 00000001");
    Stream *s = stream_new_memory(bytes->data, bytes->len);
    Child c;

    g_assert_true(vmstate_load(s, &vmstate_child, &c, 1, NULL));
    g_assert_cmpuint(stream_position(s), ==, 1);
    stream_close(s, false, NULL);
}

static void name_cut_off_by_the_end_is_data(void)
{
    g_autoptr(GByteArray) bytes = from_hex("02 05 06 632f6465");
    Stream *s = stream_new_memory(bytes->data, bytes->len);
    Child c;

    g_assert_true(vmstate_load(s, &vmstate_child, &c, 1, NULL));
    g_assert_cmpuint(stream_position(s), ==, 1);
    stream_close(s, false, NULL);
}

static void subsections_come_in_any_order_and_again(void)
{
    Parent q = { 0 };

    check_load(&vmstate_parent, &q, 1, "01 02 05" MORE_HEX "06" MORE_HEX "07");
    g_assert_cmpuint(q.more, ==, 7);
}

static void unknown_subsection_is_no_such_file(void)
{
    Parent q = { 0 };
    g_autofree char *notes = load_notes(&vmstate_parent, &q, 1, "01 02 05 05 08 7061722f6c657373 00000001 06", "", ENOENT);

    g_assert_cmpstr(notes, ==, "there is no subsection 'par/less' in 'par' here");
    /* Even one that only begins with the same letters; nested, the enclosing levels say so. */
    check_refusal(&vmstate_parent, &q, 1, "01 02 05 02 6378 00000001", "Failed to load par:child", ENOENT);
}

static void subsection_of_another_version_is_refused(void)
{
    Parent q = { 0 };

    check_refusal(&vmstate_parent, &q, 1, "01 02 05 06 632f64656570 00000003 03 05",
                  "c/deep: incoming version_id 3 is too new for local version_id 2\nFailed to load par:child", EINVAL);
    check_refusal(&vmstate_parent, &q, 1, "01 02 05 06 632f64656570 00000000 03 05",
                  "c/deep: incoming version_id 0 is too old for local minimum version_id  1\nFailed to load par:child", EINVAL);
    check_refusal(&vmstate_parent, &q, 1, "01 02 05 06 632f64656570 80000000 03 05",
                  "c/deep: incoming version_id -2147483648 is too old for local minimum version_id  1\nFailed to load par:child",
                  EINVAL);
}

static void truncation_inside_a_subsection_names_every_level_outside_it(void)
{
    Parent q = { 0 };

    check_refusal(&vmstate_parent, &q, 1, "01 02" DEEP_HEX, "Failed to load c/deep:deep\nFailed to load par:child", EIO);
    check_refusal(&vmstate_parent, &q, 1, "01 02" DEEP_HEX "03" EXTRA_HEX,
                  "Failed to load c/deep/x:extra\nFailed to load par:child", EIO);
}

/* Hooks. */
typedef struct Hooked {
    uint8_t x;
    char order[16];
    int refuse;     /* 1: pre_load, 2: post_load, 3: pre_save */
} Hooked;

static bool hooked(Hooked *h, char step, int number, GError **error)
{
    h->order[strlen(h->order)] = step;
    return h->refuse != number || vmstate_error(error, EPERM, "hook %d", number);
}
static bool hooked_pre_load(void *opaque, GError **error)
{
    return hooked(opaque, 'l', 1, error);
}
static bool hooked_post_load(void *opaque, int version_id, GError **error)
{
    g_assert_cmpint(version_id, ==, 2);
    return hooked(opaque, 'L', 2, error);
}
static bool hooked_pre_save(void *opaque, GError **error)
{
    return hooked(opaque, 's', 3, error);
}
static void hooked_post_save(void *opaque)
{
    hooked(opaque, 'S', 4, NULL);
}
static const VMStateDescription vmstate_hooked = {
    .name = "hooked", .version_id = 2, .minimum_version_id = 1,
    .pre_load = hooked_pre_load, .post_load = hooked_post_load, .pre_save = hooked_pre_save, .post_save = hooked_post_save,
    .fields = VMS_FIELDS(VMS_U8(Hooked, x)),
};
typedef struct Outside {
    Hooked inner;
} Outside;
static const VMStateDescription vmstate_outside = {
    .name = "outside", .fields = VMS_FIELDS(VMS_STRUCT(Outside, inner, vmstate_hooked)),
};

static void hooks_run_before_and_after(void)
{
    Outside o = { { .x = 7 } };

    check_save(&vmstate_outside, &o, "07", NULL);
    check_load(&vmstate_outside, &o, 0, "08");
    g_assert_cmpstr(o.inner.order, ==, "sSlL");
}

static void hook_that_refuses_ends_the_load_with_its_errno(void)
{
    Outside o = { { .refuse = 1 } };

    check_refusal(&vmstate_outside, &o, 0, "08", "hook 1\nFailed to load outside:inner", EPERM);
    g_assert_cmpuint(o.inner.x, ==, 0);
    o.inner.refuse = 2;
    check_refusal(&vmstate_outside, &o, 0, "08", "hook 2\nFailed to load outside:inner", EPERM);
    check_refusal(&vmstate_hooked, &o.inner, 2, "08", "hook 2", EPERM);
}

static void post_load_does_not_see_half_a_struct(void)
{
    Hooked h = { 0 };

    check_refusal(&vmstate_hooked, &h, 2, "", "Failed to load hooked:x", EIO);
    g_assert_cmpstr(h.order, ==, "l");
}

static void pre_save_that_refuses_ends_the_save(void)
{
    Outside o = { { .refuse = 3 } };
    Stream *s = stream_new_memory(NULL, 0);
    g_autoptr(GError) error = NULL;

    g_assert_false(vmstate_save(s, &vmstate_outside, &o, NULL, &error));
    g_assert_cmpstr(error->message, ==, "hook 3\npre-save failed: hooked");
    g_assert_cmpuint(stream_position(s), ==, 0);
    stream_close(s, false, NULL);
}

static bool x_is_small(void *opaque, int version_id)
{
    return ((Hooked *)opaque)->x < 10;
}
static const VMStateDescription vmstate_validated = {
    .name = "validated", .fields = VMS_FIELDS(VMS_U8(Hooked, x), VMS_VALIDATE("x must be small", x_is_small)),
};

static void validation_takes_no_bytes_and_refuses(void)
{
    Hooked h = { .x = 9 };

    check_save(&vmstate_validated, &h, "09",
               "{\"vmsd_name\": \"validated\", \"version\": 0, \"fields\": [{\"name\": \"x\", \"type\": \"uint8\", \"size\": 1}]}");
    check_load(&vmstate_validated, &h, 0, "08");
    check_refusal(&vmstate_validated, &h, 0, "0a", "Input validation failed: validated/x must be small", EPERM);
}

/* The JSON's other shapes. */
static void old_spacing_leaves_strings_alone(void)
{
    g_autoptr(GString) json = g_string_new("{\"a: [x]\": [{\"b\\\"}\": 1}, 2]}");

    vmdesc_respace(json);
    g_assert_cmpstr(json->str, ==, "{ \"a: [x]\" : [ { \"b\\\"}\" : 1 }, 2 ] }");
}

static void dump_is_as_qemus(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    vmdesc_dump(out, &vmstate_child_deep, 4, false);
    g_assert_cmpstr(out->str, ==,
                    "    \"Description\": {\n"
                    "      \"name\": \"c/deep\",\n"
                    "      \"version_id\": 2,\n"
                    "      \"minimum_version_id\": 1,\n"
                    "      \"Fields\": [\n"
                    "        {\n"
                    "          \"field\": \"deep\",\n"
                    "          \"version_id\": 0,\n"
                    "          \"field_exists\": false,\n"
                    "          \"size\": 1\n"
                    "        }\n"
                    "      ],\n"
                    "      \"Subsections\": [\n"
                    "        {\n"
                    "          \"name\": \"c/deep/x\",\n"
                    "          \"version_id\": 1,\n"
                    "          \"minimum_version_id\": 1,\n"
                    "          \"Fields\": [\n"
                    "            {\n"
                    "              \"field\": \"extra\",\n"
                    "              \"version_id\": 0,\n"
                    "              \"field_exists\": false,\n"
                    "              \"size\": 1\n"
                    "            }\n"
                    "          ]\n"
                    "        }\n"
                    "      ]\n"
                    "    }");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(fn) g_test_add_func("/vmstate/" #fn, fn)
    ADD(subsections_stand_inline_after_the_fields_of_their_struct);
    ADD(subsection_that_is_not_needed_is_not_sent_nor_missed);
    ADD(data_that_is_no_name_of_ours_is_left_to_the_enclosing_description);
    ADD(name_no_longer_than_the_descriptions_is_data);
    ADD(name_cut_off_by_the_end_is_data);
    ADD(subsections_come_in_any_order_and_again);
    ADD(unknown_subsection_is_no_such_file);
    ADD(subsection_of_another_version_is_refused);
    ADD(truncation_inside_a_subsection_names_every_level_outside_it);
    ADD(hooks_run_before_and_after);
    ADD(hook_that_refuses_ends_the_load_with_its_errno);
    ADD(post_load_does_not_see_half_a_struct);
    ADD(pre_save_that_refuses_ends_the_save);
    ADD(validation_takes_no_bytes_and_refuses);
    ADD(old_spacing_leaves_strings_alone);
    ADD(dump_is_as_qemus);
    return g_test_run();
}
