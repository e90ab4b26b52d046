/* QMP's rows and types: arguments are checked against them, texts converted by them, the schema made of them. */
#include "monitor/qmp.h"

#include <string.h>

QMP_ENUM(color, "TestColor", "red", "green");
QMP_STRUCT(paint, "TestPaint", { "color", &qmp_color }, { "layers", &qmp_uint8, QMP_OPTIONAL });
QMP_LIST(paints, paint);
QMP_STRUCT(file_variant, "TestFile", { "path", &qmp_str }, { "size", &qmp_size, QMP_OPTIONAL });
QMP_ENUM(kind, "TestKind", "file", "none");
static const QmpType qmp_backend = {
    .name = "TestBackend", .meta = QMP_META_STRUCT, .tag = "kind",
    .members = QMP_MEMBERS({ "kind", &qmp_kind }, { "ro", &qmp_bool, QMP_OPTIONAL }),
    .variants = QMP_MEMBERS({ "file", &qmp_file_variant }),
};
static const QmpType qmp_ref = {
    .name = "TestRef", .meta = QMP_META_ALTERNATE, .members = QMP_MEMBERS({ "n", &qmp_str }, { "d", &qmp_backend }, { "z", &qmp_null }),
};
static const QmpType all = {
    .name = "TestAll", .meta = QMP_META_STRUCT,
    .members = QMP_MEMBERS({ "id", &qmp_str }, { "n", &qmp_int, QMP_OPTIONAL }, { "w", &qmp_number, QMP_OPTIONAL },
                           { "on", &qmp_bool, QMP_OPTIONAL }, { "paints", &qmp_paints, QMP_OPTIONAL },
                           { "ref", &qmp_ref, QMP_OPTIONAL }, { "any", &qmp_any, QMP_OPTIONAL },
                           { "u32", &qmp_uint32, QMP_OPTIONAL }, { "u64", &qmp_uint64, QMP_OPTIONAL },
                           { "strs", &qmp_strs, QMP_OPTIONAL }),
};

static Json *echo(Json *args, Monitor *mon, GError **error)
{
    return json_has(args, "fail") ? error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "no"), NULL : json_ref(args);
}

static const QmpCommand commands[] = {
    { "x-test-echo", echo, QMP_ARGS({ "id", &qmp_str }, { "fail", &qmp_bool, QMP_OPTIONAL }), &qmp_backend, QMP_OOB },
    { "x-test-none", echo, .flags = QMP_DEPRECATED },
    { "x-test-all", echo, &all, &qmp_paints, .feature = "shiny" },
};
QMP_COMMANDS(commands)

static const QmpEvent events[] = { { "TEST_EVENT", QMP_ARGS({ "ref", &qmp_ref }) } };
QMP_EVENTS(events)

static void check(const char *text, const char *why)
{
    g_autoptr(Json) value = json_parse(text, -1, NULL);
    g_autoptr(GError) error = NULL;
    bool ok = qmp_check(value, &all, &error);

    g_assert_cmpstr(error ? error->message : NULL, ==, why);
    g_assert_true(ok == !why);
}

static void good_values_pass(void)
{
    check("{\"id\": \"a\"}", NULL);
    check("{\"id\": \"a\", \"n\": -3, \"w\": 1.5, \"on\": true, \"any\": [1], \"u64\": 18446744073709551615}", NULL);
    check("{\"id\": \"a\", \"w\": 3, \"ref\": \"x\", \"paints\": [{\"color\": \"red\", \"layers\": 255}]}", NULL);
    check("{\"id\": \"a\", \"ref\": {\"kind\": \"file\", \"path\": \"p\", \"size\": 1}}", NULL);
    check("{\"id\": \"a\", \"ref\": {\"kind\": \"none\", \"ro\": false}}", NULL);
    check("{\"id\": \"a\", \"ref\": null}", NULL);
}

static void bad_values_have_qemus_words(void)
{
    check("{}", "Parameter 'id' is missing");
    check("{\"id\": 3}", "Invalid parameter type for 'id', expected: string");
    check("{\"id\": null}", "Invalid parameter type for 'id', expected: string");
    check("{\"id\": \"a\", \"foo\": 1}", "Parameter 'foo' is unexpected");
    check("{\"id\": \"a\", \"n\": 1.5}", "Invalid parameter type for 'n', expected: integer");
    check("{\"id\": \"a\", \"n\": 9223372036854775808}", "Invalid parameter type for 'n', expected: integer");
    check("{\"id\": \"a\", \"w\": \"1\"}", "Invalid parameter type for 'w', expected: number");
    check("{\"id\": \"a\", \"on\": 1}", "Invalid parameter type for 'on', expected: boolean");
    check("{\"id\": \"a\", \"paints\": {}}", "Invalid parameter type for 'paints', expected: array");
    check("{\"id\": \"a\", \"paints\": [{}]}", "Parameter 'paints[0].color' is missing");
    check("{\"id\": \"a\", \"paints\": [{\"color\": \"blue\"}]}", "Parameter 'color' does not accept value 'blue'");
    check("{\"id\": \"a\", \"paints\": [{\"color\": \"red\", \"layers\": 256}]}", "Parameter 'paints[0].layers' expects uint8_t");
    check("{\"id\": \"a\", \"paints\": [3]}", "Invalid parameter type for 'paints[0]', expected: object");
    check("{\"id\": \"a\", \"u32\": -1}", "Parameter 'u32' expects uint32_t");
    check("{\"id\": \"a\", \"ref\": 3}", "Invalid parameter type for 'ref', expected: TestRef");
    check("{\"id\": \"a\", \"ref\": {\"kind\": \"file\"}}", "Parameter 'ref.path' is missing");
    check("{\"id\": \"a\", \"ref\": {\"kind\": \"none\", \"path\": \"p\"}}", "Parameter 'ref.path' is unexpected");
    check("{\"id\": \"a\", \"ref\": {\"kind\": \"x\"}}", "Parameter 'kind' does not accept value 'x'");
    check("{\"id\": \"a\", \"ref\": {}}", "Parameter 'ref.kind' is missing");
    check("{\"id\": \"a\", \"strs\": [\"a\", 1]}", "Invalid parameter type for 'strs[1]', expected: string");
    check("[]", "Invalid parameter type for 'null', expected: object");
}

static void from_keyval(const char *text, const char *want, const char *why)
{
    g_autoptr(Json) value = json_parse(text, -1, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) got = qmp_from_keyval(value, &all, &error);
    g_autofree char *out = got ? json_text(got, false) : NULL;

    g_assert_cmpstr(error ? error->message : NULL, ==, why);
    g_assert_cmpstr(out, ==, want);
}

static void texts_become_what_the_type_says(void)
{
    from_keyval("{\"id\": \"a\", \"n\": \"-3\", \"on\": \"off\", \"u32\": \"0x10\", \"paints\": [{\"color\": \"red\", \"layers\": \"7\"}]}",
                "{\"id\": \"a\", \"n\": -3, \"on\": false, \"paints\": [{\"color\": \"red\", \"layers\": 7}], \"u32\": 16}", NULL);
    from_keyval("{\"id\": \"a\", \"ref\": {\"kind\": \"file\", \"ro\": \"on\", \"path\": \"p\", \"size\": \"2k\"}}",
                "{\"id\": \"a\", \"ref\": {\"kind\": \"file\", \"ro\": true, \"path\": \"p\", \"size\": 2048}}", NULL);
    from_keyval("{\"id\": \"a\", \"on\": \"maybe\"}", NULL, "Parameter 'on' expects 'on' or 'off'");
    from_keyval("{\"id\": \"a\", \"n\": \"x\"}", NULL, "Parameter 'n' expects integer");
    from_keyval("{\"id\": \"a\", \"u32\": \"4294967296\"}", NULL, "Parameter 'u32' expects uint32_t");
    from_keyval("{\"id\": \"a\", \"ref\": {\"kind\": \"file\", \"path\": \"p\", \"size\": \"x\"}}", NULL,
                "Parameter 'ref.size' expects a size value");
    from_keyval("{\"id\": \"a\", \"paints\": \"x\"}", NULL, "Invalid parameter type for 'paints', expected: array");
    from_keyval("{\"id\": \"a\", \"foo\": \"1\"}", NULL, "Invalid parameter 'foo'");
    from_keyval("{\"id\": {\"a\": \"b\"}}", NULL, "Invalid parameter type for 'id', expected: string");
}

static void commands_run_with_checked_arguments(void)
{
    g_autoptr(Json) args = json_parse("{\"id\": \"a\"}", -1, NULL);
    g_autoptr(Json) result = NULL;
    g_autoptr(GError) error = NULL;

    result = qmp_run("x-test-echo", args, NULL, NULL);
    g_assert_true(json_equal(args, result));
    g_assert_null(qmp_run("x-test-none", args, NULL, &error));
    g_assert_cmpstr(error->message, ==, "Parameter 'id' is unexpected");
    g_clear_error(&error);
    json_set(args, "fail", json_new_bool(true));
    g_assert_null(qmp_run("x-test-echo", args, NULL, &error));
    g_assert_cmpstr(error_class_name(error), ==, "DeviceNotFound");
    g_clear_error(&error);
    g_assert_null(qmp_run("x-test-absent", NULL, NULL, &error));
    g_assert_cmpstr(error->message, ==, "The command x-test-absent has not been found");
    g_assert_cmpstr(error_class_name(error), ==, "CommandNotFound");
}

static Json *find(Json *schema, const char *name)
{
    for (size_t i = 0; i < json_count(schema); i++) {
        if (strcmp(json_member_string(json_at(schema, i), "name", ""), name) == 0) {
            return json_at(schema, i);
        }
    }
    return NULL;
}

static void entity_is(Json *schema, const char *name, const char *want)
{
    Json *entity = find(schema, name);
    g_autofree char *text = entity ? json_text(entity, false) : NULL;

    g_assert_cmpstr(text, ==, want);
}

static void schema_describes_what_the_rows_say(void)
{
    g_autoptr(Json) schema = qmp_schema();

    entity_is(schema, "x-test-echo", "{\"name\": \"x-test-echo\", \"meta-type\": \"command\", \"arg-type\": \"q_obj_x-test-echo-arg\", "
              "\"ret-type\": \"TestBackend\", \"allow-oob\": true}");
    entity_is(schema, "q_obj_x-test-echo-arg", "{\"name\": \"q_obj_x-test-echo-arg\", \"meta-type\": \"object\", \"members\": "
              "[{\"name\": \"id\", \"type\": \"str\"}, {\"name\": \"fail\", \"type\": \"bool\", \"default\": null}]}");
    entity_is(schema, "x-test-none", "{\"name\": \"x-test-none\", \"meta-type\": \"command\", \"arg-type\": \"Empty\", \"ret-type\": "
              "\"Empty\", \"features\": [\"deprecated\"]}");
    entity_is(schema, "TestBackend", "{\"name\": \"TestBackend\", \"meta-type\": \"object\", \"members\": "
              "[{\"name\": \"kind\", \"type\": \"TestKind\"}, {\"name\": \"ro\", \"type\": \"bool\", \"default\": null}], \"tag\": \"kind\", "
              "\"variants\": [{\"case\": \"file\", \"type\": \"TestFile\"}, {\"case\": \"none\", \"type\": \"Empty\"}]}");
    entity_is(schema, "TestRef", "{\"name\": \"TestRef\", \"meta-type\": \"alternate\", \"members\": "
              "[{\"type\": \"str\"}, {\"type\": \"TestBackend\"}, {\"type\": \"null\"}]}");
    entity_is(schema, "[TestPaint]", "{\"name\": \"[TestPaint]\", \"meta-type\": \"array\", \"element-type\": \"TestPaint\"}");
    entity_is(schema, "TestColor", "{\"name\": \"TestColor\", \"meta-type\": \"enum\", \"members\": [{\"name\": \"red\"}, "
              "{\"name\": \"green\"}], \"values\": [\"red\", \"green\"]}");
    entity_is(schema, "int", "{\"name\": \"int\", \"meta-type\": \"builtin\", \"json-type\": \"int\"}");
    entity_is(schema, "uint8", NULL);
    entity_is(schema, "TEST_EVENT", "{\"name\": \"TEST_EVENT\", \"meta-type\": \"event\", \"arg-type\": \"q_obj_TEST_EVENT-arg\"}");
}

/* A name is defined once, and what is referred to is defined. */
static void schema_is_closed_and_unique(void)
{
    g_autoptr(Json) schema = qmp_schema();
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < json_count(schema); i++) {
        const char *name = json_member_string(json_at(schema, i), "name", NULL);

        g_assert_nonnull(name);
        if (!g_hash_table_add(names, (void *)name)) {
            g_error("%s is there twice", name);
        }
    }
    for (size_t i = 0; i < json_count(schema); i++) {
        static const char *const keys[] = { "arg-type", "ret-type", "element-type" };
        Json *entity = json_at(schema, i);

        for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
            const char *type = json_member_string(entity, keys[k], NULL);

            g_assert_true(!type || g_hash_table_contains(names, type));
        }
        for (int v = 0; v < 2; v++) {
            Json *list = json_member(entity, v ? "variants" : "members");

            for (size_t k = 0; list && k < json_count(list); k++) {
                const char *type = json_member_string(json_at(list, k), "type", NULL);

                g_assert_true(!type || g_hash_table_contains(names, type));
            }
        }
    }
}

/* Tables of two files that describe one type must agree, as the schema shows only one. */
typedef struct Known {
    GHashTable *types;  /* name -> type */
    GHashTable *seen;
} Known;

static void walk(Known *k, const QmpType *type)
{
    const QmpType *other;

    if (!type || !g_hash_table_add(k->seen, (void *)type)) {
        return;
    }
    other = type->name ? g_hash_table_lookup(k->types, type->name) : NULL;
    if (other) {
        g_assert_cmpint(other->meta, ==, type->meta);
        for (size_t i = 0; type->meta == QMP_META_ENUM && (type->values[i] || other->values[i]); i++) {
            g_assert_cmpstr(type->values[i], ==, other->values[i]);
        }
        for (size_t i = 0; type->members && (type->members[i].name || other->members[i].name); i++) {
            g_assert_cmpstr(type->members[i].name, ==, other->members[i].name);
            g_assert_cmpuint(type->members[i].flags, ==, other->members[i].flags);
        }
    } else if (type->name) {
        g_hash_table_insert(k->types, (void *)type->name, (void *)type);
    }
    walk(k, type->base);
    walk(k, type->element);
    for (const QmpMember *m = type->members; m && m->name; m++) {
        g_assert_nonnull(m->type);
        walk(k, m->type);
    }
    for (const QmpMember *m = type->variants; m && m->name; m++) {
        walk(k, m->type);
    }
}

static void walk_command(const QmpCommand *command, void *opaque)
{
    g_assert_nonnull(command->fn);
    walk(opaque, command->args);
    walk(opaque, command->returns);
}

static void types_of_one_name_are_one_type(void)
{
    Known k = { g_hash_table_new(g_str_hash, g_str_equal), g_hash_table_new(NULL, NULL) };

    qmp_foreach_command(walk_command, &k);
    g_hash_table_unref(k.types);
    g_hash_table_unref(k.seen);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define T(name) g_test_add_func("/qmp/" #name, name)
    T(good_values_pass);
    T(bad_values_have_qemus_words);
    T(texts_become_what_the_type_says);
    T(commands_run_with_checked_arguments);
    T(schema_describes_what_the_rows_say);
    T(schema_is_closed_and_unique);
    T(types_of_one_name_are_one_type);
    return g_test_run();
}
