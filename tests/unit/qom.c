#include "qom/object.h"
#include "qom/property.h"

#define TYPE_SHAPE "test-shape"
OBJECT_DECLARE_TYPE(Shape, ShapeClass, SHAPE)
#define TYPE_CIRCLE "test-circle"
OBJECT_DECLARE_SIMPLE_TYPE(Circle, CIRCLE)
#define TYPE_DRAWABLE "test-drawable"
#define TYPE_PRINTABLE "test-printable"

typedef struct DrawableClass {
    ObjectClass parent;
    int (*draw)(Object *obj);
} DrawableClass;

struct ShapeClass {
    ObjectClass parent_class;
    int sides;
};

struct Shape {
    Object parent_obj;
    uint32_t colour;
    uint32_t colour_seen_by_init;
};

struct Circle {
    Shape parent_obj;
    uint32_t radius;
    Object *link;
};

static GString *trail;
static unsigned classes_made;

static int draw_shape(Object *obj)
{
    return 1;
}

static int draw_circle(Object *obj)
{
    return 2;
}

static void shape_init(Object *obj)
{
    SHAPE(obj)->colour_seen_by_init = SHAPE(obj)->colour;
    g_string_append(trail, "S");
}

static void shape_finalize(Object *obj)
{
    g_string_append(trail, "s");
}

static void circle_init(Object *obj)
{
    g_string_append(trail, "C");
}

static void circle_finalize(Object *obj)
{
    g_string_append(trail, "c");
}

static void shape_class_init(ObjectClass *klass, const void *data)
{
    static const Property props[] = { DEFINE_PROP_UINT32("colour", Shape, colour, 7) };

    SHAPE_CLASS(klass)->sides = 4;
    ((DrawableClass *)object_class_cast(klass, TYPE_DRAWABLE))->draw = draw_shape;
    object_class_add_props(klass, props, G_N_ELEMENTS(props));
    classes_made++;
}

static void circle_class_init(ObjectClass *klass, const void *data)
{
    static const Property props[] = { DEFINE_PROP_LINK("peer", Circle, link, TYPE_SHAPE) };

    g_assert_cmpint(SHAPE_CLASS(klass)->sides, ==, 4);
    SHAPE_CLASS(klass)->sides = GPOINTER_TO_INT(data);
    ((DrawableClass *)object_class_cast(klass, TYPE_DRAWABLE))->draw = draw_circle;
    object_class_add_props(klass, props, G_N_ELEMENTS(props));
    classes_made++;
}

static const TypeInfo test_types[] = {
    { .name = TYPE_DRAWABLE, .parent = TYPE_INTERFACE, .class_size = sizeof(DrawableClass), .abstract = true },
    { .name = TYPE_PRINTABLE, .parent = TYPE_DRAWABLE, .abstract = true },
    { .name = TYPE_SHAPE, .parent = TYPE_OBJECT, .size = sizeof(Shape), .class_size = sizeof(ShapeClass), .abstract = true,
      .init = shape_init, .finalize = shape_finalize, .class_init = shape_class_init,
      .interfaces = (const char *const[]){ TYPE_DRAWABLE, NULL } },
    { .name = TYPE_CIRCLE, .parent = TYPE_SHAPE, .size = sizeof(Circle), .init = circle_init, .finalize = circle_finalize,
      .class_init = circle_class_init, .class_data = GINT_TO_POINTER(1) },
    { .name = "test-square", .parent = TYPE_SHAPE },
    { .name = "test-paper", .parent = TYPE_OBJECT, .interfaces = (const char *const[]){ TYPE_PRINTABLE, NULL } },
};
TYPES_REGISTER(test_types)

static void add(Object *parent, const char *name, Object *child)
{
    object_add_child(parent, name, child);
    object_unref(child);
}

static void type_questions_make_no_class(void)
{
    g_assert_true(type_is_a(TYPE_CIRCLE, TYPE_DRAWABLE));
    g_assert_true(type_is_a("test-paper", TYPE_DRAWABLE));
    g_assert_true(type_is_a(TYPE_CIRCLE, TYPE_OBJECT));
    g_assert_false(type_is_a(TYPE_CIRCLE, TYPE_PRINTABLE));
    g_assert_false(type_is_a("test-none", TYPE_OBJECT));
    g_assert_false(type_is_a(TYPE_CIRCLE, "test-none"));
    g_assert_true(type_is_abstract(TYPE_SHAPE));
    g_assert_cmpstr(type_parent(TYPE_CIRCLE), ==, TYPE_SHAPE);
    g_assert_cmpuint(classes_made, ==, 0);
}

static void class_is_made_once_after_its_parent(void)
{
    ObjectClass *klass = object_class_by_name(TYPE_CIRCLE);

    g_assert_cmpuint(classes_made, ==, 2);
    g_assert_true(object_class_by_name(TYPE_CIRCLE) == klass);
    g_assert_cmpuint(classes_made, ==, 2);
    g_assert_cmpint(SHAPE_CLASS(klass)->sides, ==, 1);
    g_assert_cmpint(SHAPE_CLASS(object_class_parent(klass))->sides, ==, 4);
    g_assert_null(object_class_by_name("test-none"));
}

static void interface_class_is_the_implementors(void)
{
    DrawableClass *circle = object_class_dynamic_cast(object_class_by_name(TYPE_CIRCLE), TYPE_DRAWABLE);
    DrawableClass *square = object_class_dynamic_cast(object_class_by_name("test-square"), TYPE_DRAWABLE);

    g_assert_cmpint(circle->draw(NULL), ==, 2);
    g_assert_cmpint(square->draw(NULL), ==, 1);
    g_assert_nonnull(object_class_dynamic_cast(object_class_by_name("test-paper"), TYPE_DRAWABLE));
    g_assert_null(object_class_dynamic_cast(object_class_by_name("test-paper"), TYPE_SHAPE));
}

static void inits_run_parent_first_and_finalizers_child_first(void)
{
    Object *obj;

    g_string_truncate(trail, 0);
    obj = object_new(TYPE_CIRCLE);
    g_assert_cmpstr(trail->str, ==, "SC");
    g_assert_cmpuint(obj->refcount, ==, 1);
    object_unref(obj);
    g_assert_cmpstr(trail->str, ==, "SCcs");
}

static void defaults_are_there_when_init_runs(void)
{
    Object *obj = object_new(TYPE_CIRCLE);

    g_assert_cmpuint(SHAPE(obj)->colour_seen_by_init, ==, 7);
    object_unref(obj);
}

static void casts_follow_the_type(void)
{
    Object *obj = object_new(TYPE_CIRCLE);
    char heap_name[] = TYPE_SHAPE;

    g_assert_true(object_dynamic_cast(obj, heap_name) == obj);
    g_assert_true(object_dynamic_cast(obj, TYPE_DRAWABLE) == obj);
    g_assert_null(object_dynamic_cast(obj, "test-square"));
    g_assert_null(object_dynamic_cast(obj, "test-none"));
    g_assert_null(object_dynamic_cast(NULL, TYPE_SHAPE));
    object_unref(obj);
}

static void wrong_cast_aborts(void)
{
    if (g_test_subprocess()) {
        CIRCLE(object_new("test-square"));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*'test-square' is no 'test-circle'*");
}

static void embedded_object_is_finalized_not_freed(void)
{
    Circle circle;

    g_string_truncate(trail, 0);
    object_init(&circle, sizeof(circle), TYPE_CIRCLE);
    object_ref(&circle);
    object_unref(&circle);
    g_assert_cmpstr(trail->str, ==, "SC");
    object_unref(&circle);
    g_assert_cmpstr(trail->str, ==, "SCcs");
}

static void path_is_the_names_from_the_root(void)
{
    Object *top = object_container(object_root(), "machine");
    Object *obj = object_new(TYPE_CIRCLE);
    g_autofree char *none = object_path(obj);

    g_assert_null(none);
    g_assert_null(object_name(obj));
    add(object_container(top, "peripheral"), "rp0", obj);
    g_autofree char *path = object_path(obj);
    g_autofree char *root = object_path(object_root());

    g_assert_cmpstr(path, ==, "/machine/peripheral/rp0");
    g_assert_cmpstr(root, ==, "/");
    g_assert_true(object_resolve_path(path, NULL) == obj);
    g_assert_true(object_resolve_path("//machine/peripheral//rp0/", NULL) == obj);
    g_assert_true(object_resolve_path("/", NULL) == object_root());
    g_assert_null(object_resolve_path("/peripheral/rp0", NULL));
    object_unparent(top);
}

static void partial_path_must_be_unambiguous(void)
{
    Object *top = object_container(object_root(), "machine");
    Object *a = object_new(TYPE_CIRCLE), *b = object_new("test-square");
    bool ambiguous;

    add(object_container(top, "x"), "dev", a);
    add(object_container(top, "y"), "dev", b);
    g_assert_null(object_resolve_path("dev", &ambiguous));
    g_assert_true(ambiguous);
    g_assert_null(object_resolve_path("dev", NULL));
    g_assert_true(object_resolve_path("x/dev", &ambiguous) == a);
    g_assert_false(ambiguous);
    g_assert_true(object_resolve_path_type("dev", TYPE_CIRCLE, &ambiguous) == a);
    g_assert_false(ambiguous);
    g_assert_null(object_resolve_path("none", &ambiguous));
    g_assert_false(ambiguous);
    g_assert_null(object_resolve_path("", &ambiguous));     /* anything */
    g_assert_true(ambiguous);
    object_unparent(top);
}

static void links_are_followed(void)
{
    Object *top = object_container(object_root(), "machine");
    Object *a = object_new(TYPE_CIRCLE), *b = object_new(TYPE_CIRCLE), *own = NULL;

    add(top, "a", a);
    add(top, "b", b);
    add(b, "inner", object_new("test-square"));
    g_assert_null(object_resolve_path("/machine/a/peer", NULL));
    object_set_link(a, "peer", b);
    g_assert_cmpuint(b->refcount, ==, 2);
    g_assert_cmpstr(object_type(object_resolve_path("/machine/a/peer/inner", NULL)), ==, "test-square");
    object_add_link(top, "first", TYPE_CIRCLE, &own);
    object_set_link(top, "first", a);
    g_assert_true(object_resolve_path("/machine/first/peer", NULL) == b);
    object_unparent(top);
}

static void tree_owns_its_children(void)
{
    Object *top = object_container(object_root(), "machine");
    Object *a = object_new(TYPE_CIRCLE);

    g_string_truncate(trail, 0);
    add(top, "a", a);
    add(a, "inner", object_new("test-square"));
    object_unparent(top);
    g_assert_cmpstr(trail->str, ==, "Sscs");
    g_assert_null(object_child(object_root(), "machine"));
}

static void numbered_names_take_the_first_free(void)
{
    Object *top = object_new(TYPE_CONTAINER);

    for (int i = 0; i < 20; i++) {
        g_autofree char *name = g_strdup_printf("dev[%d]", i);
        Object *obj = object_new(TYPE_CIRCLE);

        add(top, "dev[*]", obj);
        g_assert_cmpstr(object_name(obj), ==, name);
    }
    object_unparent(object_child(top, "dev[5]"));
    object_unparent(object_child(top, "dev[3]"));
    add(top, "other[*]", object_new(TYPE_CIRCLE));
    add(top, "dev[*]", object_new(TYPE_CIRCLE));
    g_assert_nonnull(object_child(top, "dev[3]"));
    g_assert_null(object_child(top, "dev[5]"));
    add(top, "dev[*]", object_new(TYPE_CIRCLE));
    g_assert_nonnull(object_child(top, "dev[5]"));
    add(top, "dev[*]", object_new(TYPE_CIRCLE));
    g_assert_nonnull(object_child(top, "dev[20]"));
    g_assert_nonnull(object_child(top, "other[0]"));
    object_unref(top);
}

static void many_children_are_found_added_and_removed(void)
{
    enum { COUNT = 20000 };
    Object *top = object_new(TYPE_CONTAINER);

    /* Quadratic work here would take minutes. */
    for (int i = 0; i < COUNT; i++) {
        add(top, "dev[*]", object_new("test-paper"));
    }
    for (int i = 0; i < COUNT; i++) {
        g_autofree char *name = g_strdup_printf("dev[%d]", i);

        object_unparent(object_child(top, name));
    }
    g_assert_null(object_child(top, "dev[0]"));
    object_unref(top);
}

static bool visit(Object *child, void *opaque)
{
    Object *parent = child->parent;

    g_string_append(opaque, object_name(child));
    if (strcmp(object_name(child), "b") == 0) {
        object_unparent(child);
        object_unparent(object_child(parent, "c"));
        add(parent, "e", object_new(TYPE_CIRCLE));
    }
    return true;
}

static void tree_may_change_while_it_is_visited(void)
{
    Object *top = object_new(TYPE_CONTAINER);
    g_autoptr(GString) seen = g_string_new(NULL);

    for (const char *name = "abcd"; *name; name++) {
        add(top, (char[]){ *name, 0 }, object_new(TYPE_CIRCLE));
    }
    g_assert_true(object_foreach_child(top, visit, seen));
    g_assert_cmpstr(seen->str, ==, "abd");
    object_unref(top);
}

static void collect_name(const char *type, void *opaque)
{
    g_string_append_printf(opaque, "%s ", type);
}

static void types_are_visited_in_name_order(void)
{
    g_autoptr(GString) all = g_string_new(NULL), concrete = g_string_new(NULL), none = g_string_new(NULL);

    type_foreach(TYPE_SHAPE, true, collect_name, all);
    type_foreach(TYPE_SHAPE, false, collect_name, concrete);
    type_foreach("test-none", true, collect_name, none);
    g_assert_cmpstr(all->str, ==, "test-circle test-shape test-square ");
    g_assert_cmpstr(concrete->str, ==, "test-circle test-square ");
    g_assert_cmpstr(none->str, ==, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    trail = g_string_new(NULL);
#define TEST(name) g_test_add_func("/qom/" #name, name)
    TEST(type_questions_make_no_class);
    TEST(class_is_made_once_after_its_parent);
    TEST(interface_class_is_the_implementors);
    TEST(inits_run_parent_first_and_finalizers_child_first);
    TEST(defaults_are_there_when_init_runs);
    TEST(casts_follow_the_type);
    TEST(wrong_cast_aborts);
    TEST(embedded_object_is_finalized_not_freed);
    TEST(path_is_the_names_from_the_root);
    TEST(partial_path_must_be_unambiguous);
    TEST(links_are_followed);
    TEST(tree_owns_its_children);
    TEST(numbered_names_take_the_first_free);
    TEST(many_children_are_found_added_and_removed);
    TEST(tree_may_change_while_it_is_visited);
    TEST(types_are_visited_in_name_order);
    return g_test_run();
}
