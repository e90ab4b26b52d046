#include <string.h>

#include "qom/object.h"
#include "qom/property.h"
#include "util/error.h"
#include "util/size.h"
#include "util/suggest.h"

#define TYPE_THING "test-thing"
OBJECT_DECLARE_SIMPLE_TYPE(Thing, THING)
#define TYPE_SPECIAL "test-special"
#define TYPE_WRAPPER "test-wrapper"

typedef enum { RED, GREEN, BLUE } Colour;

struct Thing {
    Object parent_obj;
    bool flag;
    uint32_t bits;
    uint64_t bits64;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint64_t size;
    uint32_t size32;
    char *text, *text_with_default;
    OnOffAuto onoff;
    int colour;
    uint8_t mac[6];
    Object *peer;
    uint16_t *list;
    uint32_t list_count;
    char **words;
    uint32_t words_count;
    uint32_t ranged;
    int32_t signed_ranged;
    uint32_t even;
    uint32_t left_alone;
    uint32_t removed, mask;
    /* a wrapper's */
    Object *target;
    /* an own property's */
    int64_t own;
};

DEFINE_ENUM_KIND(prop_kind_colour, "Colour", "red", "green", "blue");

static const PropertyArray list_array = { .kind = &prop_kind_uint16, .size = sizeof(uint16_t), .max = 3 };
static const PropertyArray words_array = { .kind = &prop_kind_string, .size = sizeof(char *), .max = 3 };

static bool check_even(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    return value % 2 == 0 || error_setf(error, "%s is odd", prop->name);
}

static const Property thing_props[] = {
    DEFINE_PROP_BOOL("flag", Thing, flag, true, .description = "a flag"),
    DEFINE_PROP_BIT("bit", Thing, bits, 31, true),
    DEFINE_PROP_BIT("other-bit", Thing, bits, 3, false),
    DEFINE_PROP_BIT64("bit64", Thing, bits64, 63, true),
    DEFINE_PROP_UINT8("u8", Thing, u8, 8),
    DEFINE_PROP_UINT16("u16", Thing, u16, 16),
    DEFINE_PROP_UINT32("u32", Thing, u32, UINT32_MAX),
    DEFINE_PROP_UINT64("u64", Thing, u64, UINT64_MAX),
    DEFINE_PROP_INT8("i8", Thing, i8, -8),
    DEFINE_PROP_INT16("i16", Thing, i16, -16),
    DEFINE_PROP_INT32("i32", Thing, i32, -32),
    DEFINE_PROP_INT64("i64", Thing, i64, INT64_MIN),
    DEFINE_PROP_SIZE("size", Thing, size, 1024),
    DEFINE_PROP_SIZE32("size32", Thing, size32, 512),
    DEFINE_PROP_STRING("text", Thing, text),
    DEFINE_PROP_STRING("text-with-default", Thing, text_with_default, .defstr = "hello"),
    DEFINE_PROP_ON_OFF_AUTO("onoff", Thing, onoff, ON_OFF_AUTO_OFF),
    DEFINE_PROP_ENUM("colour", prop_kind_colour, Thing, colour, GREEN),
    DEFINE_PROP_MACADDR("mac", Thing, mac),
    DEFINE_PROP_LINK("peer", Thing, peer, TYPE_THING),
    DEFINE_PROP_ARRAY("list", Thing, list, list_count, list_array),
    DEFINE_PROP_ARRAY("words", Thing, words, words_count, words_array),
    DEFINE_PROP_UINT32("ranged", Thing, ranged, 20, .min = 10, .max = 30),
    DEFINE_PROP_INT32("signed-ranged", Thing, signed_ranged, 0, .min = -5, .max = 5),
    DEFINE_PROP_UINT32("even", Thing, even, 2, .check = check_even),
    DEFINE_PROP_UINT32("left-alone", Thing, left_alone, 1, .no_default = true),
    DEFINE_PROP_UINT32("removed", Thing, removed, 1),
    DEFINE_PROP_UINT32("x-pcie-err-unc-mask", Thing, mask, 1),
};

static bool locked;

static bool thing_guard(Object *obj, const Property *prop, GError **error)
{
    return !locked || prop->runtime || error_setf(error, "%s is locked", prop->name);
}

static void thing_class_init(ObjectClass *klass, const void *data)
{
    object_class_add_props(klass, thing_props, G_N_ELEMENTS(thing_props));
    object_class_set_guard(klass, thing_guard);
}

static void special_class_init(ObjectClass *klass, const void *data)
{
    static const Property props[] = {
        DEFINE_PROP_UINT32("u32", Thing, u32, 77),      /* replaces the parent's */
        DEFINE_PROP_UINT32("special", Thing, left_alone, 5, .runtime = true),
    };

    object_class_add_props(klass, props, G_N_ELEMENTS(props));
    object_class_set_prop_default(klass, "size", "1.5M");
    object_class_set_prop_default(klass, "colour", "blue");
}

static Object *wrapper_target(Object *obj)
{
    return ((Thing *)obj)->target;
}

static void wrapper_class_init(ObjectClass *klass, const void *data)
{
    static const Property props[] = { DEFINE_PROP_BOOL("flag", Thing, flag, false) };

    object_class_add_props(klass, props, G_N_ELEMENTS(props));
    object_class_add_alias_props(klass, TYPE_SPECIAL, TYPE_OBJECT, wrapper_target);
}

static const TypeInfo test_types[] = {
    { .name = TYPE_THING, .parent = TYPE_OBJECT, .size = sizeof(Thing), .class_init = thing_class_init },
    { .name = TYPE_SPECIAL, .parent = TYPE_THING, .class_init = special_class_init },
    { .name = TYPE_WRAPPER, .parent = TYPE_OBJECT, .size = sizeof(Thing), .class_init = wrapper_class_init },
    { .name = "test-released", .parent = TYPE_THING },
};
TYPES_REGISTER(test_types)

/* A release that took one property away from a class and had another default for two. */
static void release_hook(const ObjectClass *klass, ClassProperty *prop)
{
    if (strcmp(object_class_name(klass), TYPE_WRAPPER) == 0 && strcmp(prop->prop->name, "i16") == 0) {
        prop->absent = true;
    }
    if (strcmp(object_class_name(klass), TYPE_WRAPPER) == 0 && strcmp(prop->prop->name, "size") == 0) {
        prop->default_text = "2K";
    }
    if (strcmp(object_class_name(klass), "test-released") != 0) {
        return;
    }
    if (strcmp(prop->prop->name, "removed") == 0) {
        prop->absent = true;
        prop->default_text = "9";
    } else if (strcmp(prop->prop->name, "u8") == 0) {
        prop->default_text = "0x10";
        prop->default_why = "compat_1_0";
    }
}

/* ---- */

static Object *thing;

static void set_up(void)
{
    thing = object_new(TYPE_THING);
    object_add_child(object_root(), "thing", thing);
}

static void tear_down(void)
{
    object_unparent(thing);
    object_unref(thing);
}

static void assert_reads(const char *prop, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) value = object_property_get(thing, prop, &error);
    g_autofree char *text = value ? json_text(value, false) : NULL;

    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, expected);
}

/* Sets from text; a refusal (an expected text that is no JSON) must not change the value. */
static void text_gives(const char *prop, const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;

    if (!object_property_parse(thing, prop, text, PROP_ORIGIN_USER, &error)) {
        g_error("%s=%s: %s", prop, text, error->message);
    }
    assert_reads(prop, expected);
}

static void refused(const char *prop, const char *text, const char *json, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) before = object_property_get(thing, prop, NULL);
    g_autoptr(Json) after = NULL;
    bool ok;

    if (text) {
        ok = object_property_parse(thing, prop, text, PROP_ORIGIN_USER, &error);
    } else {
        g_autoptr(Json) value = json_parse(json, -1, NULL);

        ok = object_property_set(thing, prop, value, PROP_ORIGIN_USER, &error);
    }
    g_assert_false(ok);
    g_assert_cmpstr(error->message, ==, message);
    after = object_property_get(thing, prop, NULL);
    g_assert_true(!before || json_equal(before, after));
}

static void text_refused(const char *prop, const char *text, const char *message)
{
    refused(prop, text, NULL, message);
}

static void json_refused(const char *prop, const char *json, const char *message)
{
    refused(prop, NULL, json, message);
}

static void json_gives(const char *prop, const char *json, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) value = json_parse(json, -1, NULL);

    if (!object_property_set(thing, prop, value, PROP_ORIGIN_USER, &error)) {
        g_error("%s=%s: %s", prop, json, error->message);
    }
    assert_reads(prop, expected);
}

static void defaults_are_as_declared(void)
{
    set_up();
    assert_reads("flag", "true");
    assert_reads("bit", "true");
    assert_reads("other-bit", "false");
    g_assert_cmphex(THING(thing)->bits, ==, 1u << 31);
    assert_reads("bit64", "true");
    g_assert_cmphex(THING(thing)->bits64, ==, UINT64_C(1) << 63);
    assert_reads("u8", "8");
    assert_reads("u16", "16");
    assert_reads("u32", "4294967295");
    assert_reads("u64", "18446744073709551615");
    assert_reads("i8", "-8");
    assert_reads("i16", "-16");
    assert_reads("i32", "-32");
    assert_reads("i64", "-9223372036854775808");
    assert_reads("size", "1024");
    assert_reads("size32", "512");
    assert_reads("text", "\"\"");
    g_assert_null(THING(thing)->text);
    assert_reads("text-with-default", "\"hello\"");
    assert_reads("onoff", "\"off\"");
    assert_reads("colour", "\"green\"");
    assert_reads("mac", "\"00:00:00:00:00:00\"");
    assert_reads("peer", "\"\"");
    assert_reads("list", "[]");
    assert_reads("left-alone", "0");
    assert_reads("type", "\"test-thing\"");
    tear_down();
}

static void bool_takes_qemus_words(void)
{
    set_up();
    text_gives("flag", "off", "false");
    text_gives("flag", "yes", "true");
    text_gives("bit", "n", "false");
    text_gives("bit64", "false", "false");
    text_gives("other-bit", "true", "true");
    g_assert_cmphex(THING(thing)->bits, ==, 1u << 3);
    g_assert_cmphex(THING(thing)->bits64, ==, 0);
    text_refused("flag", "maybe", "Parameter 'flag' expects 'on' or 'off'");
    text_refused("bit", "1", "Parameter 'bit' expects 'on' or 'off'");
    text_refused("bit64", "", "Parameter 'bit64' expects 'on' or 'off'");
    json_gives("flag", "false", "false");
    json_refused("flag", "\"on\"", "Invalid parameter type for 'flag', expected: boolean");
    json_refused("bit", "1", "Invalid parameter type for 'bit', expected: boolean");
    tear_down();
}

static void unsigned_takes_what_fits(void)
{
    set_up();
    text_gives("u8", "255", "255");
    text_gives("u16", "0x10", "16");
    text_gives("u16", "010", "8");
    text_gives("u32", "+5", "5");
    text_gives("u64", "18446744073709551615", "18446744073709551615");
    text_gives("u64", "-1", "18446744073709551615");
    text_refused("u8", "256", "Parameter 'u8' expects uint8_t");
    text_refused("u8", "-1", "Parameter 'u8' expects uint8_t");
    text_refused("u16", "65536", "Parameter 'u16' expects uint16_t");
    text_refused("u32", "4294967296", "Parameter 'u32' expects uint32_t");
    text_refused("u64", "18446744073709551616", "Parameter 'u64' expects integer");
    text_refused("u16", "abc", "Parameter 'u16' expects integer");
    text_refused("u16", "", "Parameter 'u16' expects integer");
    text_refused("u16", "1.5", "Parameter 'u16' expects integer");
    text_refused("u16", "5 ", "Parameter 'u16' expects integer");
    text_refused("u16", "5K", "Parameter 'u16' expects integer");
    json_gives("u16", "65535", "65535");
    json_gives("u64", "18446744073709551615", "18446744073709551615");
    json_refused("u16", "65536", "Parameter 'u16' expects uint16_t");
    json_refused("u16", "-1", "Parameter 'u16' expects uint16_t");
    json_refused("u16", "\"8\"", "Parameter 'u16' expects uint64");
    json_refused("u16", "1.0", "Parameter 'u16' expects uint64");
    json_refused("u16", "{}", "Parameter 'u16' expects uint64");
    json_refused("u16", "null", "Parameter 'u16' expects uint64");
    tear_down();
}

static void signed_takes_what_fits(void)
{
    set_up();
    text_gives("i8", "-128", "-128");
    text_gives("i8", "127", "127");
    text_gives("i64", "-9223372036854775808", "-9223372036854775808");
    text_refused("i8", "128", "Parameter 'i8' expects int8_t");
    text_refused("i8", "-129", "Parameter 'i8' expects int8_t");
    text_refused("i16", "32768", "Parameter 'i16' expects int16_t");
    text_refused("i32", "99999999999", "Parameter 'i32' expects int32_t");
    text_refused("i64", "9223372036854775808", "Parameter 'i64' expects integer");
    text_refused("i32", "abc", "Parameter 'i32' expects integer");
    json_gives("i32", "-5", "-5");
    json_refused("i32", "99999999999", "Parameter 'i32' expects int32_t");
    json_refused("i32", "\"x\"", "Invalid parameter type for 'i32', expected: integer");
    json_refused("i32", "1.5", "Invalid parameter type for 'i32', expected: integer");
    json_refused("i64", "18446744073709551615", "Invalid parameter type for 'i64', expected: integer");
    tear_down();
}

static void size_takes_suffixes(void)
{
    set_up();
    text_gives("size", "1", "1");
    text_gives("size", "64K", "65536");
    text_gives("size", "1.5M", "1572864");
    text_gives("size", "0x10", "16");
    text_gives("size", "18446744073709551615", "18446744073709551615");
    text_gives("size32", "3G", "3221225472");
    text_refused("size", "abc", "Parameter 'size' expects size");
    text_refused("size", "", "Parameter 'size' expects size");
    text_refused("size", "-1", "Parameter 'size' expects size");
    text_refused("size", "1X", "Parameter 'size' expects size");
    text_refused("size", "16E", "Parameter 'size' expects size");
    text_refused("size", "1.5", "Parameter 'size' expects size");
    text_refused("size32", "5G", "Property test-thing.size32 doesn't take value 5368709120 (maximum: 4294967295)");
    json_gives("size", "4096", "4096");
    json_refused("size", "\"4K\"", "Parameter 'size' expects uint64");
    json_refused("size32", "5368709120", "Property test-thing.size32 doesn't take value 5368709120 (maximum: 4294967295)");
    tear_down();
}

static void range_is_inclusive(void)
{
    set_up();
    text_gives("ranged", "10", "10");
    text_gives("ranged", "30", "30");
    text_refused("ranged", "9", "Property test-thing.ranged doesn't take value 9 (minimum: 10, maximum: 30)");
    json_refused("ranged", "31", "Property test-thing.ranged doesn't take value 31 (minimum: 10, maximum: 30)");
    text_gives("signed-ranged", "-5", "-5");
    text_refused("signed-ranged", "-6", "Property test-thing.signed-ranged doesn't take value -6 (minimum: -5, maximum: 5)");
    json_refused("signed-ranged", "6", "Property test-thing.signed-ranged doesn't take value 6 (minimum: -5, maximum: 5)");
    tear_down();
}

static void devices_own_check_is_asked(void)
{
    set_up();
    text_gives("even", "4", "4");
    text_refused("even", "5", "even is odd");
    json_refused("even", "5", "even is odd");
    tear_down();
}

static void string_is_kept_and_freed(void)
{
    set_up();
    text_gives("text", "a,b", "\"a,b\"");
    json_gives("text", "\"\"", "\"\"");
    g_assert_cmpstr(THING(thing)->text, ==, "");
    json_refused("text", "7", "Invalid parameter type for 'text', expected: string");
    tear_down();
}

static void enum_takes_its_names(void)
{
    set_up();
    text_gives("colour", "blue", "\"blue\"");
    g_assert_cmpint(THING(thing)->colour, ==, BLUE);
    json_gives("onoff", "\"auto\"", "\"auto\"");
    g_assert_cmpint(THING(thing)->onoff, ==, ON_OFF_AUTO_AUTO);
    text_refused("colour", "Red", "Parameter 'colour' does not accept value 'Red'");
    text_refused("onoff", "", "Parameter 'onoff' does not accept value ''");
    json_refused("colour", "1", "Invalid parameter type for 'colour', expected: string");
    tear_down();
}

static void macaddr_is_six_pairs(void)
{
    set_up();
    text_gives("mac", "52:54:00:12:34:Ff", "\"52:54:00:12:34:ff\"");
    text_gives("mac", "00-11-22-33-44-55", "\"00:11:22:33:44:55\"");
    text_refused("mac", "1", "Property 'test-thing.mac' doesn't take value '1'");
    text_refused("mac", "", "Property 'test-thing.mac' doesn't take value ''");
    text_refused("mac", "00:11:22:33:44:zz", "Property 'test-thing.mac' doesn't take value '00:11:22:33:44:zz'");
    text_refused("mac", "00:11:22:33:44:55:66", "Property 'test-thing.mac' doesn't take value '00:11:22:33:44:55:66'");
    text_refused("mac", "0:1:2:3:4:5", "Property 'test-thing.mac' doesn't take value '0:1:2:3:4:5'");
    json_refused("mac", "7", "Invalid parameter type for 'mac', expected: string");
    tear_down();
}

static void link_is_a_counted_path(void)
{
    Object *other = object_new(TYPE_SPECIAL);
    g_autoptr(GError) error = NULL;

    set_up();
    object_add_child(object_root(), "other", other);
    object_add_child(object_container(object_root(), "box"), "other", object_new(TYPE_THING));
    text_gives("peer", "/other", "\"/other\"");
    g_assert_cmpuint(other->refcount, ==, 3);
    text_refused("peer", "/nope", "Device '/nope' not found");
    g_assert_false(object_property_parse(thing, "peer", "nope", PROP_ORIGIN_USER, &error));
    g_assert_cmpstr(error_class_name(error), ==, "DeviceNotFound");
    text_refused("peer", "/box", "Invalid parameter type for 'peer', expected: test-thing");
    text_refused("peer", "other", "Path 'other' does not uniquely identify an object");
    json_refused("peer", "7", "Invalid parameter type for 'peer', expected: string");
    text_gives("peer", "", "\"\"");
    g_assert_cmpuint(other->refcount, ==, 2);
    g_assert_cmpstr(object_property_type(thing, "peer", NULL), ==, "link<test-thing>");
    object_set_link(thing, "peer", other);
    tear_down();
    g_assert_cmpuint(other->refcount, ==, 2);
    object_unparent(other);
    object_unref(other);
    object_unref(object_child(object_child(object_root(), "box"), "other"));
    object_unparent(object_child(object_root(), "box"));
}

static void array_is_set_whole_or_not(void)
{
    set_up();
    json_gives("list", "[1, 2, 3]", "[1, 2, 3]");
    json_refused("list", "[1, 2, 3, 4]", "Parameter 'list' expects at most 3 values");
    json_refused("list", "[1, 70000]", "Parameter 'list' expects uint16_t");
    json_refused("list", "1", "Invalid parameter type for 'list', expected: array");
    text_refused("list", "1", "Invalid parameter type for 'list', expected: array");
    json_gives("list", "[]", "[]");
    json_gives("words", "[\"a\", \"b\"]", "[\"a\", \"b\"]");
    json_refused("words", "[\"a\", \"b\", 3]", "Invalid parameter type for 'words', expected: string");
    json_gives("words", "[\"c\"]", "[\"c\"]");
    tear_down();
}

static void unknown_property_gets_the_nearest_name(void)
{
    g_autoptr(GError) error = NULL;

    set_up();
    text_refused("x-pci-e-err-unc-mask", "on",
                 "Property 'test-thing.x-pci-e-err-unc-mask' not found; did you mean 'x-pcie-err-unc-mask'?");
    text_refused("szie32", "1", "Property 'test-thing.szie32' not found; did you mean 'size32'?");
    text_refused("nothing-like-it", "1", "Property 'test-thing.nothing-like-it' not found");
    text_refused("", "1", "Property 'test-thing.' not found");
    g_assert_null(object_property_get(thing, "nope", &error));
    g_assert_cmpstr(error->message, ==, "Property 'test-thing.nope' not found");
    tear_down();
}

static void suggestion_takes_the_nearest_and_first(void)
{
    Suggestion s = suggest_begin("hotplog");
    g_autofree char *longest = g_strnfill(SUGGEST_MAX_LENGTH + 1, 'x');

    suggest_offer(&s, "hotplugs");
    g_assert_cmpstr(s.best, ==, "hotplugs");
    suggest_offer(&s, "hotplug");
    g_assert_cmpstr(s.best, ==, "hotplug");
    suggest_offer(&s, "hotplag");
    g_assert_cmpstr(s.best, ==, "hotplug");
    suggest_offer(&s, "");
    s = suggest_begin(longest);
    suggest_offer(&s, longest);
    g_assert_null(s.best);
    s = suggest_begin("ab");
    suggest_offer(&s, "cd");
    g_assert_null(s.best);
}

static void read_only_property_is_not_writable(void)
{
    set_up();
    text_refused("type", "x", "Property 'test-thing.type' is not writable");
    json_refused("type", "\"x\"", "Property 'test-thing.type' is not writable");
    tear_down();
}

static void guard_is_asked_before_the_value_is_looked_at(void)
{
    g_autoptr(GError) error = NULL;
    Object *special = object_new(TYPE_SPECIAL);

    set_up();
    locked = true;
    text_refused("u8", "nonsense", "u8 is locked");
    text_refused("type", "x", "Property 'test-thing.type' is not writable");
    g_assert_false(object_property_parse(special, "u8", "1", PROP_ORIGIN_USER, &error));
    g_assert_true(object_property_parse(special, "special", "1", PROP_ORIGIN_USER, NULL));
    locked = false;
    object_unref(special);
    tear_down();
}

static void subclass_changes_defaults_and_declarations(void)
{
    Object *special = object_new(TYPE_SPECIAL);
    const ObjectClass *klass = object_class_by_name(TYPE_SPECIAL);
    g_autoptr(Json) size = class_property_default(object_class_property(klass, "size"));
    g_autoptr(Json) colour = class_property_default(object_class_property(klass, "colour"));
    g_autoptr(Json) parents = class_property_default(object_class_property(object_class_by_name(TYPE_THING), "size"));
    uint64_t number;

    g_assert_cmpuint(THING(special)->u32, ==, 77);
    g_assert_cmpuint(THING(special)->size, ==, 1572864);
    g_assert_cmpint(THING(special)->colour, ==, BLUE);
    g_assert_true(json_get_uint(size, &number) && number == 1572864);
    g_assert_true(json_get_uint(parents, &number) && number == 1024);
    /* an enum is read by set, not by parse */
    g_assert_cmpstr(json_get_string(colour), ==, "blue");
    g_assert_cmpint(object_property_origin(special, "size", NULL), ==, PROP_ORIGIN_DEFAULT);
    g_assert_cmpuint(klass->num_props, ==, object_class_parent(klass)->num_props + 1);
    object_unref(special);
}

static void release_takes_properties_and_changes_defaults(void)
{
    const ObjectClass *klass;
    Object *obj;
    const char *why;
    g_autoptr(GError) error = NULL;

    klass = object_class_by_name("test-released");
    obj = object_new("test-released");
    g_assert_null(object_class_property(klass, "removed"));
    g_assert_nonnull(object_class_property(object_class_parent(klass), "removed"));
    g_assert_false(object_property_parse(obj, "removed", "1", PROP_ORIGIN_USER, &error));
    g_assert_cmpstr(error->message, ==, "Property 'test-released.removed' not found");
    g_assert_cmpuint(THING(obj)->removed, ==, 9);
    g_assert_cmpuint(THING(obj)->u8, ==, 16);
    g_assert_cmpint(object_property_origin(obj, "u8", &why), ==, PROP_ORIGIN_RELEASE);
    g_assert_cmpstr(why, ==, "compat_1_0");
    object_unref(obj);
}

static void value_remembers_where_it_came_from(void)
{
    const char *why = "x";

    set_up();
    g_assert_cmpint(object_property_origin(thing, "u8", &why), ==, PROP_ORIGIN_DEFAULT);
    g_assert_null(why);
    g_assert_true(object_property_parse_why(thing, "u8", "1", PROP_ORIGIN_COMPAT, "hw_compat_7_2", NULL));
    g_assert_cmpint(object_property_origin(thing, "u8", &why), ==, PROP_ORIGIN_COMPAT);
    g_assert_cmpstr(why, ==, "hw_compat_7_2");
    text_refused("u8", "x", "Parameter 'u8' expects integer");
    g_assert_cmpint(object_property_origin(thing, "u8", NULL), ==, PROP_ORIGIN_COMPAT);
    text_gives("u8", "2", "2");
    g_assert_cmpint(object_property_origin(thing, "u8", &why), ==, PROP_ORIGIN_USER);
    g_assert_null(why);
    object_set_uint(thing, "u16", 5);
    g_assert_cmpint(object_property_origin(thing, "u16", NULL), ==, PROP_ORIGIN_BOARD);
    g_assert_cmpstr(property_origin_name(PROP_ORIGIN_GLOBAL), ==, "global");
    tear_down();
}

static void alias_is_the_targets_property(void)
{
    Object *wrapper = object_new(TYPE_WRAPPER), *target = object_new(TYPE_SPECIAL);
    g_autoptr(GError) error = NULL, none = NULL;
    const ClassProperty *cp = object_class_property(object_class_by_name(TYPE_WRAPPER), "size");
    g_autoptr(Json) defval = class_property_default(cp);
    uint64_t number;

    g_assert_false(object_property_exists(wrapper, "u8"));
    g_assert_false(object_property_parse(wrapper, "u8", "1", PROP_ORIGIN_USER, &none));
    ((Thing *)wrapper)->target = target;
    g_assert_true(object_property_parse(wrapper, "u8", "9", PROP_ORIGIN_GLOBAL, NULL));
    g_assert_cmpuint(THING(target)->u8, ==, 9);
    g_assert_cmpuint(((Thing *)wrapper)->u8, ==, 0);
    g_assert_cmpint(object_property_origin(target, "u8", NULL), ==, PROP_ORIGIN_GLOBAL);
    g_assert_cmpint(object_property_origin(wrapper, "u8", NULL), ==, PROP_ORIGIN_GLOBAL);
    g_assert_cmpuint(object_get_uint(wrapper, "size"), ==, 1572864);
    g_assert_true(json_get_uint(defval, &number) && number == 1572864);
    g_assert_false(object_property_exists(wrapper, "i16"));
    g_assert_true(object_property_exists(target, "i16"));
    /* its own wins */
    g_assert_true(object_property_parse(wrapper, "flag", "on", PROP_ORIGIN_USER, NULL));
    g_assert_true(((Thing *)wrapper)->flag);
    /* the refusal names the target, the search for a name the wrapper */
    g_assert_false(object_property_parse(wrapper, "mac", "1", PROP_ORIGIN_USER, &error));
    g_assert_cmpstr(error->message, ==, "Property 'test-special.mac' doesn't take value '1'");
    object_unref(wrapper);
    object_unref(target);
}

static Json *own_get(Object *obj, const char *name, void *opaque, GError **error)
{
    return json_new_int(*(int64_t *)opaque);
}

static bool own_set(Object *obj, const char *name, void *opaque, Json *value, GError **error)
{
    return json_get_int(value, opaque) || error_setf(error, "Invalid parameter type for '%s', expected: integer", name);
}

static void own_property_is_set_from_text_by_its_type(void)
{
    set_up();
    object_add_property(thing, "own", "int", own_get, own_set, &THING(thing)->own);
    object_add_property(thing, "fixed", "int", own_get, NULL, &THING(thing)->own);
    object_add_property(thing, "secret", "int", NULL, own_set, &THING(thing)->own);
    text_gives("own", "-7", "-7");
    json_gives("own", "5", "5");
    text_refused("own", "x", "Parameter 'own' expects integer");
    json_refused("own", "\"x\"", "Invalid parameter type for 'own', expected: integer");
    text_refused("fixed", "1", "Property 'test-thing.fixed' is not writable");
    g_autoptr(GError) error = NULL;

    g_assert_null(object_property_get(thing, "secret", &error));
    g_assert_cmpstr(error->message, ==, "Property 'test-thing.secret' is not readable");
    text_refused("owm", "1", "Property 'test-thing.owm' not found; did you mean 'own'?");
    object_remove_property(thing, "own");
    g_assert_false(object_property_exists(thing, "own"));
    tear_down();
}

static void own_link_is_set_by_path(void)
{
    Object *target = NULL;

    set_up();
    object_add_link(thing, "friend", TYPE_THING, &target);
    text_gives("friend", "/thing", "\"/thing\"");
    g_assert_true(target == thing);
    text_refused("friend", "/", "Invalid parameter type for 'friend', expected: test-thing");
    text_gives("friend", "", "\"\"");
    g_assert_null(target);
    tear_down();
}

static void collect(const char *name, const char *type, const char *description, void *opaque)
{
    g_string_append_printf(opaque, "%s:%s:%s ", name, type, description ? description : "-");
}

static void listing_shows_class_properties_children_and_own(void)
{
    g_autoptr(GString) list = g_string_new(NULL);

    set_up();
    object_add_property(thing, "own", "int", own_get, own_set, &THING(thing)->own);
    object_container(thing, "box");
    object_property_foreach(thing, collect, list);
    g_assert_nonnull(strstr(list->str, "type:string:- flag:bool:a flag bit:bool:on/off "));
    g_assert_nonnull(strstr(list->str, " u16:uint16:- "));
    g_assert_nonnull(strstr(list->str, " size32:size:- "));
    g_assert_nonnull(strstr(list->str, " onoff:OnOffAuto:on/off/auto "));
    g_assert_nonnull(strstr(list->str, " peer:link<test-thing>:- "));
    g_assert_nonnull(strstr(list->str, " own:int:- box:child<container>:- "));
    assert_reads("box", "\"/thing/box\"");
    text_refused("box", "x", "Property 'test-thing.box' is not writable");
    tear_down();
}

static void size_is_shown_in_three_digits(void)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {
        { 0, "0 B" }, { 999, "999 B" }, { 1000, "0.977 KiB" }, { 1024, "1 KiB" }, { 1536, "1.5 KiB" },
        { 1023 * 1024, "0.999 MiB" }, { UINT64_C(34359738368), "32 GiB" }, { UINT64_MAX, "16 EiB" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *text = size_format(sizes[i].bytes);

        g_assert_cmpstr(text, ==, sizes[i].text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qom_set_class_property_hook(release_hook);
#define TEST(name) g_test_add_func("/property/" #name, name)
    TEST(defaults_are_as_declared);
    TEST(bool_takes_qemus_words);
    TEST(unsigned_takes_what_fits);
    TEST(signed_takes_what_fits);
    TEST(size_takes_suffixes);
    TEST(range_is_inclusive);
    TEST(devices_own_check_is_asked);
    TEST(string_is_kept_and_freed);
    TEST(enum_takes_its_names);
    TEST(macaddr_is_six_pairs);
    TEST(link_is_a_counted_path);
    TEST(array_is_set_whole_or_not);
    TEST(unknown_property_gets_the_nearest_name);
    TEST(suggestion_takes_the_nearest_and_first);
    TEST(read_only_property_is_not_writable);
    TEST(guard_is_asked_before_the_value_is_looked_at);
    TEST(subclass_changes_defaults_and_declarations);
    TEST(release_takes_properties_and_changes_defaults);
    TEST(value_remembers_where_it_came_from);
    TEST(alias_is_the_targets_property);
    TEST(own_property_is_set_from_text_by_its_type);
    TEST(own_link_is_set_by_path);
    TEST(listing_shows_class_properties_children_and_own);
    TEST(size_is_shown_in_three_digits);
    return g_test_run();
}
