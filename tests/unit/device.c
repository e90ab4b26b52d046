#include "hw/core/device.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
#include "util/error.h"

#define TYPE_PLAIN "test-plain"
OBJECT_DECLARE_SIMPLE_TYPE(Plain, PLAIN)
#define TYPE_BRANCH "test-branch"
#define TYPE_SLOT_BUS "test-bus"

/* A device that logs what happens to it, and fails where it is told to. */
struct Plain {
    DeviceState parent_obj;
    uint32_t number;
    char *fail;             /* "realize", "check", "pre_plug", "plug" */
    Object *peer;
    Irq *out[2];
};

static GString *trail;

static void note(const char *what, DeviceState *dev)
{
    g_string_append_printf(trail, "%s%s:%s", trail->len ? " " : "", what, device_path_name(dev));
}

static bool fails(DeviceState *dev, const char *where, GError **error)
{
    note(where, dev);
    return g_strcmp0(PLAIN(dev)->fail, where) != 0 || error_setf(error, "%s failed", where);
}

static bool plain_realize(DeviceState *dev, GError **error)
{
    return fails(dev, "realize", error);
}

static void plain_unrealize(DeviceState *dev)
{
    note("unrealize", dev);
}

static void plain_enter(DeviceState *dev)
{
    note("enter", dev);
}

static void plain_hold(DeviceState *dev)
{
    note("hold", dev);
}

static void plain_exit(DeviceState *dev)
{
    note("exit", dev);
}

static void plain_class_init(ObjectClass *klass, const void *data)
{
    static const Property props[] = {
        DEFINE_PROP_UINT32("number", Plain, number, 3),
        DEFINE_PROP_UINT32("runtime", Plain, number, 3, .runtime = true),
        DEFINE_PROP_STRING("fail", Plain, fail),
        DEFINE_PROP_LINK("peer", Plain, peer, TYPE_PLAIN),
    };
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = plain_realize;
    dc->unrealize = plain_unrealize;
    dc->reset.enter = plain_enter;
    dc->reset.hold = plain_hold;
    dc->reset.exit = plain_exit;
    dc->bus_type = TYPE_SLOT_BUS;
    object_class_add_props(klass, props, G_N_ELEMENTS(props));
}

/* A device with a bus of its own, made at realize. */
static bool branch_realize(DeviceState *dev, GError **error)
{
    if (!plain_realize(dev, error)) {
        return false;
    }
    bus_new(TYPE_SLOT_BUS, dev, dev->id);
    return true;
}

static void branch_unrealize(DeviceState *dev)
{
    plain_unrealize(dev);
    bus_unparent(dev->child_buses->pdata[0]);
}

static void branch_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = branch_realize;
    dc->unrealize = branch_unrealize;
}

static bool bus_check(BusState *bus, DeviceState *dev, GError **error)
{
    return fails(dev, "check", error);
}

static char *bus_dev_path(DeviceState *dev)
{
    return g_strdup_printf("slot%u", dev->bus_index);
}

static void bus_reset(BusState *bus)
{
    g_string_append_printf(trail, " bus:%s", bus->name);
}

static void slot_bus_class_init(ObjectClass *klass, const void *data)
{
    BusClass *bc = BUS_CLASS(klass);

    bc->check = bus_check;
    bc->dev_path = bus_dev_path;
    bc->reset_hold = bus_reset;
    bc->max_dev = 4;
}

static bool handler_pre_plug(Object *handler, DeviceState *dev, GError **error)
{
    return fails(dev, "pre_plug", error);
}

static bool handler_plug(Object *handler, DeviceState *dev, GError **error)
{
    return fails(dev, "plug", error);
}

static void handler_unplug(Object *handler, DeviceState *dev)
{
    note("unplug", dev);
}

static void handler_class_init(ObjectClass *klass, const void *data)
{
    HotplugHandlerClass *hc = object_class_cast(klass, TYPE_HOTPLUG_HANDLER);

    hc->pre_plug = handler_pre_plug;
    hc->plug = handler_plug;
    hc->unplug = handler_unplug;
}

/* A device with a section in the migration stream. */
static const VMStateDescription vmstate_kept = {
    .name = "kept", .version_id = 1, .minimum_version_id = 1, .fields = VMS_FIELDS(VMS_U32(Plain, number)),
};

static void kept_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->vmsd = &vmstate_kept;
}

static const TypeInfo test_types[] = {
    { .name = TYPE_PLAIN, .parent = TYPE_DEVICE, .size = sizeof(Plain), .class_init = plain_class_init },
    { .name = TYPE_BRANCH, .parent = TYPE_PLAIN, .class_init = branch_class_init },
    { .name = "test-kept", .parent = TYPE_PLAIN, .class_init = kept_class_init },
    { .name = TYPE_SLOT_BUS, .parent = TYPE_BUS, .class_init = slot_bus_class_init },
    { .name = "test-handler", .parent = TYPE_OBJECT, .class_init = handler_class_init,
      .interfaces = (const char *const[]){ TYPE_HOTPLUG_HANDLER, NULL } },
};
TYPES_REGISTER(test_types)

/* ---- */

static BusState *bus;       /* hangs on no device */
static Object *handler;
static GString *events;

static void hear_event(const char *event, Json *data)
{
    g_string_append_printf(events, "%s%s %s %s", events->len ? "; " : "", event, json_member_string(data, "device", "-"),
                           json_member_string(data, "path", "-"));
    json_unref(data);
}

static void set_up(void)
{
    bus = bus_new(TYPE_SLOT_BUS, NULL, "top");
    bus->realized = true;
    handler = object_new("test-handler");
    object_add_child(object_container(object_root(), "machine"), "top", &bus->parent_obj);
    object_unref(bus);
    event_hook = hear_event;
    g_string_truncate(trail, 0);
    g_string_truncate(events, 0);
}

static void tear_down(void)
{
    bus_unparent(bus);
    object_unparent(object_child(object_root(), "machine"));
    object_unref(handler);
}

static DeviceState *make(const char *type, const char *id, const char *fail)
{
    DeviceState *dev = device_new(type);

    dev->id = g_strdup(id);
    object_add_child(object_container(object_container(object_root(), "machine"), "peripheral"), id, OBJECT(dev));
    if (fail) {
        object_set_str(OBJECT(dev), "fail", fail);
    }
    return dev;
}

static DeviceState *plug(const char *type, const char *id, BusState *where)
{
    DeviceState *dev = make(type, id, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_true(device_realize_and_unref(dev, where, &error));
    return dev;
}

static char *get_text(Object *obj, const char *prop)
{
    return object_get_str(obj, prop);
}

static void realize_goes_through_its_steps(void)
{
    DeviceState *dev;
    g_autofree char *path = NULL, *link = NULL, *type = NULL;

    set_up();
    bus_set_hotplug_handler(bus, handler);
    dev = plug(TYPE_PLAIN, "a", bus);
    g_assert_cmpstr(trail->str, ==, "pre_plug:a check:a realize:a plug:a");
    g_assert_true(dev->realized);
    g_assert_true(dev->bus == bus);
    g_assert_cmpuint(bus->children->len, ==, 1);
    path = device_migration_path(dev);
    g_assert_cmpstr(path, ==, "slot0");
    link = get_text(OBJECT(bus), "child[0]");
    g_assert_cmpstr(link, ==, "/machine/peripheral/a");
    g_assert_cmpstr(object_property_type(OBJECT(bus), "child[0]", NULL), ==, "link<test-plain>");
    type = get_text(object_resolve_path("/machine/top/child[0]/parent_bus", NULL), "type");
    g_assert_cmpstr(type, ==, TYPE_SLOT_BUS);
    tear_down();
}

static void failed_realize_leaves_nothing(void)
{
    static const char *const places[] = { "pre_plug", "check", "realize", "plug" };

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf("%s failed", places[i]);
        DeviceState *dev;

        set_up();
        bus_set_hotplug_handler(bus, handler);
        dev = make(TYPE_BRANCH, "a", places[i]);
        g_assert_false(device_realize(dev, bus, &error));
        g_assert_cmpstr(error->message, ==, text);
        g_assert_false(dev->realized);
        g_assert_null(dev->bus);
        g_assert_cmpuint(dev->child_buses->len, ==, 0);
        g_assert_cmpuint(bus->children->len, ==, 0);
        g_assert_false(object_property_exists(OBJECT(bus), "child[0]"));
        g_assert_cmpuint(OBJECT(dev)->refcount, ==, 2);
        g_assert_cmpint(strstr(trail->str, "unrealize:a") != NULL, ==, i == 3);
        object_unparent(OBJECT(dev));
        object_unref(dev);
        g_assert_cmpstr(events->str, ==, "");
        tear_down();
    }
}

static void section_that_is_taken_undoes_realize(void)
{
    g_autoptr(GError) error = NULL;
    DeviceState *first, *second;

    set_up();
    first = device_new("test-kept");
    second = device_new("test-kept");
    first->instance_id = second->instance_id = 5;
    g_assert_true(device_realize(first, NULL, &error));
    g_string_truncate(trail, 0);
    g_assert_false(device_realize(second, NULL, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(trail->str, ==, "realize:test-kept unrealize:test-kept");
    g_assert_null(OBJECT(second)->parent);
    device_unplug(first);
    g_assert_true(device_realize(second, NULL, NULL));
    device_unplug(second);
    object_unref(first);
    object_unref(second);
    tear_down();
}

static void failed_realize_and_unref_takes_it_out_of_the_tree(void)
{
    g_autoptr(GError) error = NULL;

    set_up();
    g_assert_false(device_realize_and_unref(make(TYPE_PLAIN, "a", "realize"), bus, &error));
    g_assert_null(device_find("a"));
    tear_down();
}

static void device_without_parent_is_unattached(void)
{
    DeviceState *dev;
    g_autofree char *path = NULL;

    set_up();
    dev = device_new(TYPE_PLAIN);
    g_assert_true(device_realize_and_unref(dev, NULL, NULL));
    path = object_path(OBJECT(dev));
    g_assert_true(g_str_has_prefix(path, "/machine/unattached/device["));
    g_assert_null(dev->id);
    device_unplug(dev);
    g_assert_null(object_resolve_path(path, NULL));

    dev = device_new(TYPE_PLAIN);
    object_set_str(OBJECT(dev), "fail", "realize");
    g_assert_false(device_realize(dev, NULL, NULL));
    g_assert_null(OBJECT(dev)->parent);
    object_unref(dev);
    tear_down();
}

static void unplug_unrealizes_tells_and_removes(void)
{
    set_up();
    bus_set_hotplug_handler(bus, handler);
    plug(TYPE_PLAIN, "a", bus);
    g_string_truncate(trail, 0);
    device_unplug(device_find("a"));
    g_assert_cmpstr(trail->str, ==, "unrealize:a unplug:a");
    g_assert_cmpstr(events->str, ==, "DEVICE_DELETED a /machine/peripheral/a");
    g_assert_null(device_find("a"));
    g_assert_cmpuint(bus->children->len, ==, 0);
    tear_down();
}

static void unplug_takes_what_is_below_first(void)
{
    DeviceState *branch;

    set_up();
    branch = plug(TYPE_BRANCH, "b", bus);
    plug(TYPE_PLAIN, "leaf", branch->child_buses->pdata[0]);
    g_string_truncate(trail, 0);
    device_unplug(branch);
    g_assert_cmpstr(trail->str, ==, "unrealize:leaf unrealize:b");
    g_assert_cmpstr(events->str, ==, "DEVICE_DELETED leaf /machine/peripheral/leaf; DEVICE_DELETED b /machine/peripheral/b");
    g_assert_null(device_find("leaf"));
    tear_down();
}

static void unrealized_device_can_be_realized_again(void)
{
    DeviceState *dev;
    g_autoptr(GError) error = NULL;

    set_up();
    dev = plug(TYPE_BRANCH, "b", bus);
    g_assert_true(object_property_parse(OBJECT(dev), "realized", "off", PROP_ORIGIN_USER, &error));
    g_assert_false(dev->realized);
    g_assert_true(dev->bus == bus);
    g_assert_true(object_property_parse(OBJECT(dev), "number", "9", PROP_ORIGIN_USER, &error));
    g_assert_true(object_property_parse(OBJECT(dev), "realized", "on", PROP_ORIGIN_USER, &error));
    g_assert_true(dev->realized);
    g_assert_cmpuint(bus->children->len, ==, 1);
    g_assert_cmpuint(dev->child_buses->len, ==, 1);
    g_assert_cmpstr(events->str, ==, "");
    tear_down();
}

static void realized_device_keeps_its_properties(void)
{
    DeviceState *dev;
    g_autoptr(GError) error = NULL, link_error = NULL;
    g_autoptr(GError) anonymous = NULL;

    set_up();
    dev = plug(TYPE_PLAIN, "a", bus);
    g_assert_false(object_property_parse(OBJECT(dev), "number", "9", PROP_ORIGIN_USER, &error));
    g_assert_cmpstr(error->message, ==,
                    "Attempt to set property 'number' on device 'a' (type 'test-plain') after it was realized");
    g_assert_cmpuint(PLAIN(dev)->number, ==, 3);
    g_assert_true(object_property_parse(OBJECT(dev), "runtime", "9", PROP_ORIGIN_USER, NULL));
    g_assert_cmpuint(PLAIN(dev)->number, ==, 9);
    g_assert_false(object_property_parse(OBJECT(dev), "peer", "", PROP_ORIGIN_USER, &link_error));
    g_assert_cmpstr(link_error->message, ==,
                    "Attempt to set link property 'peer' on device 'a' (type 'test-plain') after it was realized");
    dev = device_new(TYPE_PLAIN);
    g_assert_true(device_realize_and_unref(dev, bus, NULL));
    g_assert_false(object_property_parse(OBJECT(dev), "number", "9", PROP_ORIGIN_USER, &anonymous));
    g_assert_cmpstr(anonymous->message, ==,
                    "Attempt to set property 'number' on anonymous device (type 'test-plain') after it was realized");
    tear_down();
}

static void collect_property(const char *name, const char *type, const char *description, void *opaque)
{
    g_string_append_printf(opaque, "%s:%s ", name, type);
}

static void every_device_has_qemus_properties(void)
{
    g_autoptr(GString) list = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    DeviceState *dev;

    set_up();
    dev = plug(TYPE_PLAIN, "a", bus);
    object_property_foreach(OBJECT(dev), collect_property, list);
    g_assert_true(g_str_has_prefix(list->str, "type:string parent_bus:link<bus> realized:bool hotplugged:bool hotpluggable:bool "));
    g_assert_true(object_get_bool(OBJECT(dev), "realized"));
    g_assert_false(object_get_bool(OBJECT(dev), "hotplugged"));
    g_assert_false(object_get_bool(OBJECT(dev), "hotpluggable"));
    bus_set_hotplug_handler(bus, handler);
    g_assert_true(object_get_bool(OBJECT(dev), "hotpluggable"));
    g_assert_false(object_property_parse(OBJECT(dev), "hotplugged", "on", PROP_ORIGIN_USER, &error));
    g_assert_cmpstr(error->message, ==, "Property 'test-plain.hotplugged' is not writable");
    tear_down();
}

static void full_bus_takes_no_more(void)
{
    g_autoptr(GError) error = NULL;

    set_up();
    for (int i = 0; i < 4; i++) {
        g_autofree char *id = g_strdup_printf("d%d", i);

        plug(TYPE_PLAIN, id, bus);
    }
    g_assert_true(bus_is_full(bus));
    g_assert_false(device_realize_and_unref(make(TYPE_PLAIN, "e", NULL), bus, &error));
    g_assert_cmpstr(error->message, ==, "Bus 'top' is full");
    tear_down();
}

static void buses_are_named_after_id_or_type(void)
{
    DeviceState *dev;
    BusState *first, *second;

    set_up();
    dev = plug(TYPE_PLAIN, "a", bus);
    first = bus_new(TYPE_SLOT_BUS, dev, NULL);
    second = bus_new(TYPE_SLOT_BUS, dev, NULL);
    g_assert_cmpstr(first->name, ==, "a.0");
    g_assert_cmpstr(second->name, ==, "a.1");
    dev = device_new(TYPE_PLAIN);
    g_assert_true(device_realize_and_unref(dev, bus, NULL));
    g_assert_cmpstr(bus_new(TYPE_SLOT_BUS, dev, NULL)->name, ==, "test-bus.0");
    tear_down();
}

static void reset_has_three_phases_over_the_tree(void)
{
    DeviceState *branch;

    set_up();
    branch = plug(TYPE_BRANCH, "b", bus);
    plug(TYPE_PLAIN, "x", branch->child_buses->pdata[0]);
    plug(TYPE_PLAIN, "y", branch->child_buses->pdata[0]);
    g_string_truncate(trail, 0);
    reset_device(branch);
    g_assert_cmpstr(trail->str, ==,
                    "enter:b enter:x enter:y hold:x hold:y bus:b hold:b exit:x exit:y exit:b");
    g_string_truncate(trail, 0);
    reset_bus(bus);
    g_assert_cmpstr(trail->str, ==,
                    "enter:b enter:x enter:y hold:x hold:y bus:b hold:b bus:top exit:x exit:y exit:b");
    tear_down();
}

static void append_letter(void *opaque)
{
    g_string_append(trail, opaque);
}

static void append_and_leave(void *opaque)
{
    append_letter(opaque);
    reset_unregister(append_and_leave, opaque);
}

static void reset_handlers_run_in_order_and_may_leave(void)
{
    char a[] = "a", b[] = "b", c[] = "c";

    set_up();
    reset_register(append_letter, a);
    reset_register(append_and_leave, b);
    reset_register(append_letter, c);
    reset_machine();
    reset_machine();
    g_assert_cmpstr(trail->str, ==, "abcac");
    reset_unregister(append_letter, a);
    reset_unregister(append_letter, c);
    reset_machine();
    g_assert_cmpstr(trail->str, ==, "abcac");
    tear_down();
}

static void hear_line(void *opaque, int n, int level)
{
    g_string_append_printf(opaque ? opaque : trail, "%d=%d ", n, level);
}

static void hear_input(void *opaque, int n, int level)
{
    note("in", opaque);
}

static void lines_lead_where_they_are_connected(void)
{
    g_autoptr(GString) heard = g_string_new(NULL);
    Irq *target = irq_new(hear_line, heard, 5);
    Plain *p;

    set_up();
    p = PLAIN(plug(TYPE_PLAIN, "a", bus));
    device_init_irq_out(DEVICE(p), p->out, "line", 2);
    irq_raise(p->out[1]);
    device_connect_irq(DEVICE(p), "line", 1, target);
    irq_raise(p->out[1]);
    irq_pulse(p->out[1]);
    irq_raise(p->out[0]);
    g_assert_cmpstr(heard->str, ==, "5=1 5=1 5=0 ");
    tear_down();
    irq_free(target);
}

static void intercepted_lines_are_heard(void)
{
    g_autoptr(GString) heard = g_string_new(NULL), target_heard = g_string_new(NULL);
    Irq *target = irq_new(hear_line, target_heard, 5);
    Plain *p;

    set_up();
    p = PLAIN(plug(TYPE_PLAIN, "a", bus));
    device_init_irq_out(DEVICE(p), p->out, NULL, 2);
    device_init_irq_in(DEVICE(p), hear_input, "gpio", 3);
    g_string_truncate(trail, 0);
    irq_raise(device_irq_in(DEVICE(p), "gpio", 2));
    g_assert_cmpstr(trail->str, ==, "in:a");
    device_connect_irq(DEVICE(p), NULL, 1, target);

    g_assert_false(device_intercept_irqs(DEVICE(p), "none", true, hear_line, heard));
    g_assert_false(device_intercept_irqs(DEVICE(p), "gpio", true, hear_line, heard));
    g_assert_true(device_intercept_irqs(DEVICE(p), NULL, true, hear_line, heard));
    irq_raise(p->out[1]);
    g_assert_cmpstr(heard->str, ==, "1=1 ");
    g_assert_cmpstr(target_heard->str, ==, "5=1 ");
    device_connect_irq(DEVICE(p), NULL, 1, NULL);
    irq_lower(p->out[1]);
    g_assert_cmpstr(heard->str, ==, "1=1 1=0 ");
    g_assert_cmpstr(target_heard->str, ==, "5=1 ");

    g_assert_true(device_intercept_irqs(DEVICE(p), "gpio", false, hear_line, heard));
    irq_raise(device_irq_in(DEVICE(p), "gpio", 2));
    g_assert_cmpstr(heard->str, ==, "1=1 1=0 2=1 ");
    g_assert_cmpstr(trail->str, ==, "in:a");
    tear_down();
    irq_free(target);
}

static void hot_plugged_device_is_reset(void)
{
    set_up();
    if (g_test_subprocess()) {
        device_set_machine_ready();
        g_assert_true(plug(TYPE_PLAIN, "a", bus)->hotplugged);
        g_assert_cmpstr(trail->str, ==, "check:a realize:a enter:a hold:a exit:a");
    } else {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
    }
    tear_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    trail = g_string_new(NULL);
    events = g_string_new(NULL);
#define TEST(name) g_test_add_func("/device/" #name, name)
    TEST(realize_goes_through_its_steps);
    TEST(failed_realize_leaves_nothing);
    TEST(section_that_is_taken_undoes_realize);
    TEST(failed_realize_and_unref_takes_it_out_of_the_tree);
    TEST(device_without_parent_is_unattached);
    TEST(unplug_unrealizes_tells_and_removes);
    TEST(unplug_takes_what_is_below_first);
    TEST(unrealized_device_can_be_realized_again);
    TEST(realized_device_keeps_its_properties);
    TEST(every_device_has_qemus_properties);
    TEST(full_bus_takes_no_more);
    TEST(buses_are_named_after_id_or_type);
    TEST(reset_has_three_phases_over_the_tree);
    TEST(reset_handlers_run_in_order_and_may_leave);
    TEST(lines_lead_where_they_are_connected);
    TEST(intercepted_lines_are_heard);
    TEST(hot_plugged_device_is_reset);
    return g_test_run();
}
