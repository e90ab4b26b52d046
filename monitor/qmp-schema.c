/*
 * query-qmp-schema, from the rows: commands and events, then every type that they reach, once. Types that have no name
 * (arguments in a row) get one from where they stand.
 */
#include <string.h>

#include "monitor/qmp.h"

typedef struct Schema {
    Json *entities;
    GHashTable *names;      /* type -> its name here */
    GHashTable *used;       /* names that are described already */
    GPtrArray *todo;        /* types to describe */
} Schema;

/* The type's name in the schema; it is described later if it was not yet. */
static const char *name_of(Schema *s, const QmpType *type, const char *otherwise)
{
    char *name = g_hash_table_lookup(s->names, type);

    if (name) {
        return name;
    }
    if (type->meta == QMP_META_BUILTIN && type->kind >= QMP_KIND_INT && type->kind <= QMP_KIND_SIZE) {
        if (type != &qmp_int) {
            return name_of(s, &qmp_int, NULL); /* the widths are no matter of the wire */
        }
    }
    if (type->meta == QMP_META_LIST) {
        name = g_strdup_printf("[%s]", name_of(s, type->element, NULL));
    } else {
        name = g_strdup(type->name ? type->name : otherwise);
    }
    g_assert(name);
    g_hash_table_insert(s->names, (void *)type, name);
    if (g_hash_table_add(s->used, name)) {
        g_ptr_array_add(s->todo, (void *)type);
    }
    return name;
}

static void set_features(Json *entity, unsigned flags, const char *feature)
{
    Json *features;

    if (!feature && !(flags & (QMP_DEPRECATED | QMP_UNSTABLE))) {
        return;
    }
    features = json_new_array();
    if (flags & QMP_DEPRECATED) {
        json_append(features, json_new_string("deprecated"));
    }
    if (flags & QMP_UNSTABLE) {
        json_append(features, json_new_string("unstable"));
    }
    if (feature) {
        g_auto(GStrv) names = g_strsplit(feature, ",", -1);

        for (char **name = names; *name; name++) {
            json_append(features, json_new_string(*name));
        }
    }
    json_set(entity, "features", features);
}

static Json *entity_new(Schema *s, const char *name, const char *meta)
{
    Json *entity = json_new_object();

    json_set(entity, "name", json_new_string(name));
    json_set(entity, "meta-type", json_new_string(meta));
    json_append(s->entities, entity);
    return entity;
}

static void add_members(Schema *s, const QmpType *type, Json *members)
{
    if (type->base) {
        add_members(s, type->base, members);
    }
    for (const QmpMember *m = type->members; m && m->name; m++) {
        Json *member = json_new_object();

        json_set(member, "name", json_new_string(m->name));
        json_set(member, "type", json_new_string(name_of(s, m->type, m->name)));
        if (m->flags & QMP_OPTIONAL) {
            json_set(member, "default", json_new_null());
        }
        set_features(member, m->flags, m->feature);
        json_append(members, member);
    }
}

static const QmpType *tag_type(const QmpType *type, const char *tag)
{
    for (const QmpMember *m = type->members; m && m->name; m++) {
        if (strcmp(m->name, tag) == 0) {
            return m->type;
        }
    }
    return type->base ? tag_type(type->base, tag) : NULL;
}

static void add_variants(Schema *s, const QmpType *type, Json *entity)
{
    static const QmpType nothing = { .name = "Empty", .meta = QMP_META_STRUCT };
    const QmpType *tag = tag_type(type, type->tag);
    Json *variants = json_new_array();

    json_set(entity, "tag", json_new_string(type->tag));
    for (const char *const *value = tag->values; *value; value++) {
        const QmpType *chosen = &nothing;
        Json *variant = json_new_object();

        for (const QmpMember *m = type->variants; m->name; m++) {
            if (strcmp(m->name, *value) == 0) {
                chosen = m->type;
            }
        }
        json_set(variant, "case", json_new_string(*value));
        json_set(variant, "type", json_new_string(name_of(s, chosen, *value)));
        json_append(variants, variant);
    }
    json_set(entity, "variants", variants);
}

static void describe_enum(Schema *s, const QmpType *type, const char *name)
{
    Json *entity = entity_new(s, name, "enum"), *values = json_new_array(), *members = json_new_array();

    for (const char *const *value = type->values; *value; value++) {
        Json *member = json_new_object();
        size_t len = strlen(*value);

        json_append(values, json_new_string(*value));
        json_set(member, "name", json_new_string(*value));
        for (const char *const *f = type->value_features; f && *f; f++) {
            if (strncmp(*f, *value, len) == 0 && (*f)[len] == '=') {
                set_features(member, 0, *f + len + 1);
            }
        }
        json_append(members, member);
    }
    json_set(entity, "members", members);
    json_set(entity, "values", values);
}

static void describe_struct(Schema *s, const QmpType *type, const char *name)
{
    Json *entity = entity_new(s, name, "object"), *members = json_new_array();

    add_members(s, type, members);
    json_set(entity, "members", members);
    if (type->tag) {
        add_variants(s, type, entity);
    }
    set_features(entity, 0, type->feature);
}

static void describe(Schema *s, const QmpType *type)
{
    static const char *const json_types[] = {
        [QMP_KIND_STR] = "string", [QMP_KIND_BOOL] = "boolean", [QMP_KIND_NUMBER] = "number", [QMP_KIND_INT] = "int",
        [QMP_KIND_ANY] = "value",  [QMP_KIND_NULL] = "null",
    };
    g_autofree char *name = g_strdup(name_of(s, type, NULL));
    Json *entity, *members;

    switch (type->meta) {
    case QMP_META_BUILTIN:
        entity = entity_new(s, name, "builtin");
        json_set(entity, "json-type", json_new_string(json_types[type->kind]));
        break;
    case QMP_META_ENUM:
        describe_enum(s, type, name);
        break;
    case QMP_META_STRUCT:
        describe_struct(s, type, name);
        break;
    case QMP_META_LIST:
        entity = entity_new(s, name, "array");
        json_set(entity, "element-type", json_new_string(name_of(s, type->element, NULL)));
        break;
    case QMP_META_ALTERNATE:
        entity = entity_new(s, name, "alternate");
        members = json_new_array();
        for (const QmpMember *m = type->members; m->name; m++) {
            Json *member = json_new_object();

            json_set(member, "type", json_new_string(name_of(s, m->type, m->name)));
            json_append(members, member);
        }
        json_set(entity, "members", members);
        break;
    }
}

static const char *args_name(Schema *s, const QmpType *args, const char *of)
{
    static const QmpType nothing = { .name = "Empty", .meta = QMP_META_STRUCT };
    g_autofree char *otherwise = g_strdup_printf("q_obj_%s-arg", of);

    return name_of(s, args ? args : &nothing, otherwise);
}

static void describe_command(const QmpCommand *command, void *opaque)
{
    Schema *s = opaque;
    Json *entity = entity_new(s, command->name, "command");

    json_set(entity, "arg-type", json_new_string(args_name(s, command->args, command->name)));
    json_set(entity, "ret-type", json_new_string(command->returns ? name_of(s, command->returns, command->name)
                                                                  : args_name(s, NULL, command->name)));
    if (command->flags & QMP_OOB) {
        json_set(entity, "allow-oob", json_new_bool(true));
    }
    set_features(entity, command->flags, command->feature);
}

static void describe_event(const QmpEvent *event, void *opaque)
{
    Schema *s = opaque;
    Json *entity = entity_new(s, event->name, "event");

    json_set(entity, "arg-type", json_new_string(args_name(s, event->args, event->name)));
    set_features(entity, event->flags, NULL);
}

Json *qmp_schema(void)
{
    Schema s = {
        .entities = json_new_array(),
        .names = g_hash_table_new_full(NULL, NULL, NULL, g_free),
        .used = g_hash_table_new(g_str_hash, g_str_equal),
        .todo = g_ptr_array_new(),
    };

    qmp_foreach_command(describe_command, &s);
    qmp_foreach_event(describe_event, &s);
    for (guint i = 0; i < s.todo->len; i++) {
        describe(&s, s.todo->pdata[i]);
    }
    g_ptr_array_unref(s.todo);
    g_hash_table_unref(s.used);
    g_hash_table_unref(s.names);
    return s.entities;
}
