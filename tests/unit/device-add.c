#include <string.h>
#include <time.h>

#include "hw/core/device.h"
#include "system/runstate.h"
#include "util/error.h"

#define TYPE_CARD "test-card"
OBJECT_DECLARE_SIMPLE_TYPE(Card, CARD)
#define TYPE_CARD_BUS "Cards"

struct Card {
    DeviceState parent_obj;
    uint32_t depth;
    uint64_t room;
    int32_t offset;
    uint64_t all_ones;
    bool flag;
    char *text;
    Object *peer;
    uint8_t mac[6];
    uint32_t told;
};

/* ---- Types: cards, a host with a bus for them, and what can't be added ---- */

static const Property card_props[] = {
    DEFINE_PROP_UINT32("depth", Card, depth, 3),
    DEFINE_PROP_SIZE("room", Card, room, 1536),
    DEFINE_PROP_INT32("offset", Card, offset, -1),
    DEFINE_PROP_UINT64("all-ones", Card, all_ones, UINT64_MAX),
    DEFINE_PROP_BOOL("flag", Card, flag, true, .description = "on/off"),
    DEFINE_PROP_STRING("text", Card, text),
    DEFINE_PROP_LINK("peer", Card, peer, TYPE_CARD),
    DEFINE_PROP_MACADDR("mac", Card, mac),
    DEFINE_PROP_UINT32("told", Card, told, 5, .type = "number", .attribute = true),
};

static bool refuse(DeviceState *dev, GError **error)
{
    return CARD(dev)->depth != 13 || error_setf(error, "depth 13 brings bad luck");
}

static void card_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = refuse;
    dc->bus_type = TYPE_CARD_BUS;
    dc->categories = 1 << DEVICE_CATEGORY_STORAGE;
    dc->alias = "card";
    klass->description = "A card";
    object_class_add_props(klass, card_props, G_N_ELEMENTS(card_props));
}

static void sub_card_class_init(ObjectClass *klass, const void *data)
{
    static const Property props[] = { DEFINE_PROP_UINT32("sub", Card, depth, 3) };

    DEVICE_CLASS(klass)->alias = NULL;
    DEVICE_CLASS(klass)->categories = 0;
    klass->description = NULL;
    object_class_add_props(klass, props, G_N_ELEMENTS(props));
}

static void fixed_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->hotpluggable = false;
    DEVICE_CLASS(klass)->bus_type = TYPE_CARD_BUS;
}

static void board_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->user_creatable = false;
}

static bool host_realize(DeviceState *dev, GError **error)
{
    bus_new(TYPE_CARD_BUS, dev, dev->id ? dev->id : "cards.0");
    return true;
}

static void host_unrealize(DeviceState *dev)
{
    bus_unparent(dev->child_buses->pdata[0]);
}

static void host_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = host_realize;
    dc->unrealize = host_unrealize;
    dc->bus_type = TYPE_SYSTEM_BUS;
}

static void nested_host_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->bus_type = TYPE_CARD_BUS;
}

static void print_card(GString *out, DeviceState *dev, int indent)
{
    g_string_append_printf(out, "%*scard %u\n", indent, "", dev->bus_index);
}

static void card_bus_class_init(ObjectClass *klass, const void *data)
{
    BUS_CLASS(klass)->print_dev = print_card;
}

static bool ask_guest(Object *handler, DeviceState *dev, GError **error)
{
    dev->pending_unplug = true;
    return true;
}

static bool refuse_quiet(Object *handler, BusState *bus)
{
    return strcmp(bus->name, "quiet") != 0;
}

static void handler_class_init(ObjectClass *klass, const void *data)
{
    HotplugHandlerClass *hc = object_class_cast(klass, TYPE_HOTPLUG_HANDLER);

    hc->unplug_request = data ? ask_guest : NULL;
    hc->can_hotplug = refuse_quiet;
}

static const char *const handler_interfaces[] = { TYPE_HOTPLUG_HANDLER, NULL };

static const TypeInfo test_types[] = {
    { .name = TYPE_CARD, .parent = TYPE_DEVICE, .size = sizeof(Card), .class_init = card_class_init },
    { .name = "Test-card-sub", .parent = TYPE_CARD, .class_init = sub_card_class_init },
    { .name = "test-abstract", .parent = TYPE_DEVICE, .abstract = true },
    { .name = "test-fixed", .parent = TYPE_DEVICE, .class_init = fixed_class_init },
    { .name = "test-board", .parent = TYPE_DEVICE, .class_init = board_class_init },
    { .name = "test-host", .parent = TYPE_DEVICE, .class_init = host_class_init },
    { .name = "test-nested-host", .parent = "test-host", .class_init = nested_host_class_init },
    { .name = "test-loose", .parent = TYPE_DEVICE },
    { .name = TYPE_CARD_BUS, .parent = TYPE_BUS, .class_init = card_bus_class_init },
    { .name = "test-now", .parent = TYPE_OBJECT, .class_init = handler_class_init, .interfaces = handler_interfaces },
    { .name = "test-ask", .parent = TYPE_OBJECT, .class_init = handler_class_init, .class_data = "",
      .interfaces = handler_interfaces },
};
TYPES_REGISTER(test_types)

/* ---- */

static DeviceState *host;
static BusState *cards;

static void set_up(void)
{
    host = device_new("test-host");
    g_assert_true(device_realize_and_unref(host, bus_main_system(), NULL));
    cards = host->child_buses->pdata[0];
}

static void tear_down(void)
{
    device_unplug(host);
}

static DeviceState *add(const char *json, bool from_json, GError **error)
{
    g_autoptr(GError) parse_error = NULL;
    g_autoptr(Json) opts = json_parse(json, -1, &parse_error);

    g_assert_no_error(parse_error);
    return device_add(opts, from_json, error);
}

static DeviceState *added(const char *json)
{
    g_autoptr(GError) error = NULL;
    DeviceState *dev = add(json, false, &error);

    g_assert_no_error(error);
    return dev;
}

static void refused_as(const char *json, bool from_json, const char *message)
{
    g_autoptr(GError) error = NULL;
    unsigned before = cards->children->len;

    g_assert_null(add(json, from_json, &error));
    g_assert_cmpstr(error->message, ==, message);
    g_assert_cmpuint(cards->children->len, ==, before);
}

static void refused(const char *json, const char *message)
{
    refused_as(json, false, message);
}

/* In a process of its own the machine can be ready. */
static bool in_ready_machine(void)
{
    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        return false;
    }
    set_up();
    device_set_machine_ready();
    return true;
}

static void added_device_has_its_values_id_and_bus(void)
{
    DeviceState *dev;
    g_autofree char *path = NULL, *anonymous = NULL;

    set_up();
    dev = added("{\"driver\": \"test-card\", \"id\": \"a\", \"bus\": \"cards.0\", \"depth\": \"0x10\", \"flag\": \"off\"}");
    g_assert_cmpuint(CARD(dev)->depth, ==, 16);
    g_assert_false(CARD(dev)->flag);
    g_assert_true(dev->bus == cards);
    g_assert_cmpstr(dev->id, ==, "a");
    path = object_path(OBJECT(dev));
    g_assert_cmpstr(path, ==, "/machine/peripheral/a");
    g_assert_true(device_find("a") == dev);
    g_assert_cmpint(object_property_origin(OBJECT(dev), "depth", NULL), ==, PROP_ORIGIN_USER);
    g_assert_cmpstr(json_member_string(dev->opts, "depth", NULL), ==, "0x10");

    dev = added("{\"driver\": \"card\"}");
    g_assert_cmpstr(object_type(OBJECT(dev)), ==, TYPE_CARD);
    g_assert_true(dev->bus == cards);
    g_assert_null(dev->id);
    anonymous = object_path(OBJECT(dev));
    g_assert_true(g_str_has_prefix(anonymous, "/machine/peripheral-anon/device["));
    tear_down();
}

static void json_values_keep_their_types(void)
{
    set_up();
    g_assert_nonnull(add("{\"driver\": \"test-card\", \"depth\": 7, \"flag\": false}", true, NULL));
    refused_as("{\"driver\": \"test-card\", \"depth\": \"7\"}", true, "Parameter 'depth' expects uint64");
    refused_as("{\"driver\": \"test-card\", \"flag\": \"on\"}", true, "Invalid parameter type for 'flag', expected: boolean");
    refused_as("{\"driver\": \"test-card\", \"bus\": 7}", true, "Invalid parameter type for 'bus', expected: string");
    refused_as("{\"driver\": 7}", true, "Parameter 'driver' is missing");
    tear_down();
}

static void qmp_values_read_as_text(void)
{
    DeviceState *dev;

    set_up();
    dev = added("{\"driver\": \"test-card\", \"depth\": 7, \"flag\": false, \"offset\": -5, \"text\": 12}");
    g_assert_cmpuint(CARD(dev)->depth, ==, 7);
    g_assert_false(CARD(dev)->flag);
    g_assert_cmpint(CARD(dev)->offset, ==, -5);
    g_assert_cmpstr(CARD(dev)->text, ==, "12");
    refused("{\"driver\": \"test-card\", \"flag\": 1}", "Parameter 'flag' expects 'on' or 'off'");
    refused("{\"driver\": \"test-card\", \"flag\": [1]}", "Invalid parameter type for 'flag', expected: boolean");
    refused("{\"driver\": \"test-card\", \"flag\": null}", "Invalid parameter type for 'flag', expected: boolean");
    tear_down();
}

static void bad_drivers_are_refused(void)
{
    set_up();
    refused("{}", "Parameter 'driver' is missing");
    refused("{\"driver\": 7}", "'7' is not a valid device model name");
    refused("{\"driver\": {}}", "Parameter 'driver' is missing");
    refused("{\"driver\": \"foo\"}", "'foo' is not a valid device model name");
    refused("{\"driver\": \"container\"}", "'container' is not a valid device model name");
    refused("{\"driver\": \"test-abstract\"}", "Parameter 'driver' expects a non-abstract device type");
    refused("{\"driver\": \"test-board\"}", "Parameter 'driver' expects a pluggable device type");
    tear_down();
}

static void bad_buses_are_refused(void)
{
    set_up();
    refused("{\"driver\": \"test-card\", \"bus\": \"nope\"}", "Bus 'nope' not found");
    refused("{\"driver\": \"test-card\", \"bus\": \"\"}", "Bus '' not found");
    refused("{\"driver\": \"test-card\", \"bus\": 7}", "Bus '7' not found");
    refused("{\"driver\": \"test-card\", \"bus\": \"main-system-bus\"}", "Device 'test-card' can't go on System bus");
    refused("{\"driver\": \"card\", \"bus\": \"/\"}", "Device 'test-card' can't go on System bus");
    refused("{\"driver\": \"test-loose\", \"bus\": \"cards.0\"}", "Device 'test-loose' can't go on Cards bus");
    cards->full = true;
    refused("{\"driver\": \"test-card\", \"bus\": \"cards.0\"}", "Bus 'cards.0' is full");
    refused("{\"driver\": \"card\"}", "No 'Cards' bus found for device 'test-card'");
    tear_down();
}

static void bad_ids_are_refused(void)
{
    const char *hint = "Parameter 'id' expects an identifier";

    set_up();
    added("{\"driver\": \"test-card\", \"id\": \"a\"}");
    refused("{\"driver\": \"test-card\", \"id\": \"a\"}", "Duplicate device ID 'a'");
    refused("{\"driver\": \"test-card\", \"id\": \"type\"}", "Duplicate device ID 'type'");
    refused("{\"driver\": \"test-card\", \"id\": \"9a\"}", hint);
    refused("{\"driver\": \"test-card\", \"id\": \"a/b\"}", hint);
    refused("{\"driver\": \"test-card\", \"id\": \"\"}", hint);
    refused("{\"driver\": \"test-card\", \"id\": {}}", "Invalid parameter type for 'id', expected: string");
    /* the bus is looked at before it is seen that the id is taken */
    refused("{\"driver\": \"test-card\", \"id\": \"a\", \"bus\": \"nope\"}", "Bus 'nope' not found");
    tear_down();
}

static void failed_add_leaves_nothing(void)
{
    set_up();
    refused("{\"driver\": \"test-card\", \"id\": \"a\", \"depth\": \"x\"}", "Parameter 'depth' expects integer");
    g_assert_null(device_find("a"));
    refused("{\"driver\": \"test-card\", \"id\": \"a\", \"nope\": 1}", "Property 'test-card.nope' not found");
    refused("{\"driver\": \"test-card\", \"id\": \"a\", \"dept\": 1}",
            "Property 'test-card.dept' not found; did you mean 'depth'?");
    refused("{\"driver\": \"test-card\", \"id\": \"a\", \"depth\": 13}", "depth 13 brings bad luck");
    g_assert_null(device_find("a"));
    added("{\"driver\": \"test-card\", \"id\": \"a\"}");
    tear_down();
}

static void bus_paths_are_followed(void)
{
    static const struct {
        const char *path, *error;
    } paths[] = {
        { "cards.0", NULL },
        { "/test-host", NULL },
        { "/test-host/cards.0", NULL },
        { "//test-host//cards.0/", NULL },
        { "/test-host/nope", "Bus 'nope' not found" },
        { "/nope", "Device 'nope' not found" },
        { "cards.0/nope", "Device 'nope' not found" },
        { "cards.0/c", "Device 'c' has no child bus" },
        { "cards.0/card", "Device 'card' has no child bus" },
        { "cards.0/c/x", "Bus 'x' not found" },
        { "cards.0/h", NULL },
        { "cards.0/test-nested-host", NULL },
        { "cards.0/h/h", NULL },
        { "h", NULL },
        { "cards.0/two", "Device 'two' has multiple child buses" },
    };
    DeviceState *two;

    set_up();
    added("{\"driver\": \"test-card\", \"id\": \"c\"}");
    two = added("{\"driver\": \"test-nested-host\", \"id\": \"two\"}");
    added("{\"driver\": \"test-nested-host\", \"id\": \"h\", \"bus\": \"cards.0\"}");
    bus_new(TYPE_CARD_BUS, two, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        BusState *bus = bus_find(paths[i].path, &error);

        g_assert_cmpstr(error ? error->message : NULL, ==, paths[i].error);
        g_assert_true(!bus == !!paths[i].error);
    }
    bus_unparent(two->child_buses->pdata[1]);
    tear_down();
}

static void hot_plug_wants_a_bus_and_a_device_for_it(void)
{
    if (!in_ready_machine()) {
        return;
    }
    refused("{\"driver\": \"test-card\"}", "Bus 'cards.0' does not support hotplugging");
    bus_set_hotplug_handler(cards, object_new("test-now"));
    refused("{\"driver\": \"test-fixed\"}", "Parameter 'driver' expects a pluggable device type");
    g_assert_true(added("{\"driver\": \"test-card\"}")->hotplugged);
    g_free(cards->name);
    cards->name = g_strdup("quiet");
    refused("{\"driver\": \"test-card\"}", "Bus 'quiet' does not support hotplugging");
}

static void del_refused(const char *id, const char *class, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(device_del(id, &error));
    g_assert_cmpstr(error->message, ==, message);
    g_assert_cmpstr(error_class_name(error), ==, class);
}

static void bad_removals_are_refused(void)
{
    Object *now = object_new("test-now");

    set_up();
    added("{\"driver\": \"test-card\", \"id\": \"a\"}");
    added("{\"driver\": \"test-fixed\", \"id\": \"f\"}");
    added("{\"driver\": \"test-loose\", \"id\": \"l\"}");
    del_refused("nope", "DeviceNotFound", "Device 'nope' not found");
    del_refused("", "DeviceNotFound", "Device '' not found");
    del_refused("/machine/peripheral/nope", "DeviceNotFound", "Device '/machine/peripheral/nope' not found");
    del_refused("/machine", "GenericError", "/machine is not a hotpluggable device");
    del_refused("a", "GenericError", "Bus 'cards.0' does not support hotplugging");
    bus_set_hotplug_handler(cards, now);
    del_refused("f", "GenericError", "Device 'test-fixed' does not support hotplugging");
    del_refused("l", "GenericError", "Device 'test-loose' does not support hotplugging");
    device_unplug(device_find("l"));
    tear_down();
    object_unref(now);
}

static void removal_is_at_once_or_asks_the_guest(void)
{
    Object *now = object_new("test-now"), *ask = object_new("test-ask");

    set_up();
    added("{\"driver\": \"test-card\", \"id\": \"a\"}");
    added("{\"driver\": \"test-card\", \"id\": \"b\"}");
    bus_set_hotplug_handler(cards, now);
    g_assert_true(device_del("a", NULL));
    g_assert_null(device_find("a"));
    bus_set_hotplug_handler(cards, ask);
    g_assert_true(device_del("/machine/peripheral/b", NULL));
    g_assert_nonnull(device_find("b"));
    del_refused("b", "GenericError", "Device b is already in the process of unplug");
    device_unplug(device_find("b"));
    g_assert_null(device_find("b"));
    tear_down();
    object_unref(now);
    object_unref(ask);
}

/* ---- Help and tree ---- */

static void help_lists_devices_by_category(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *storage, *others, *card, *sub, *loose;

    g_assert_true(device_help(NULL, out, NULL));
    storage = strstr(out->str, "Storage devices:\n");
    others = strstr(out->str, "\n\nUncategorized devices:\n");
    card = strstr(out->str, "name \"test-card\", bus Cards, alias \"card\", desc \"A card\"\n");
    sub = strstr(out->str, "name \"Test-card-sub\", bus Cards\n");
    loose = strstr(out->str, "name \"test-loose\"\n");
    g_assert_true(storage && storage < card && card < others && others < sub && sub < loose);
    g_assert_null(strstr(out->str, "test-board"));
    g_assert_null(strstr(out->str, "test-abstract"));
    g_assert_false(out->str[0] == '\n');
}

static void help_of_a_device_lists_its_properties(void)
{
    g_autoptr(GString) out = g_string_new(NULL), alias = g_string_new(NULL), none = g_string_new(NULL);

    g_assert_true(device_help("test-card", out, NULL));
    g_assert_cmpstr(out->str, ==,
                    "test-card options:\n"
                    "  all-ones=<uint64>      -  (default: 18446744073709551615)\n"
                    "  depth=<uint32>         -  (default: 3)\n"
                    "  flag=<bool>            - on/off (default: true)\n"
                    "  mac=<str>              - Ethernet 6-byte MAC Address, example: 52:54:00:12:34:56\n"
                    "  offset=<int32>         -  (default: -1)\n"
                    "  peer=<link<test-card>>\n"
                    "  room=<size>            -  (default: 1536)\n"
                    "  text=<str>\n"
                    "  told=<number>\n");
    g_assert_true(device_help("card", alias, NULL));
    g_assert_cmpstr(alias->str, ==, out->str);
    g_assert_true(device_help("test-loose", none, NULL));
    g_assert_cmpstr(none->str, ==, "There are no options for test-loose.\n");
}

static void help_of_no_device_is_refused(void)
{
    static const char *const cases[][2] = {
        { "foo", "Device 'foo' not found" },
        { "container", "Parameter 'typename' expects a non-abstract device type" },
        { "test-abstract", "Parameter 'typename' expects a non-abstract device type" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) out = g_string_new(NULL);

        g_assert_false(device_help(cases[i][0], out, &error));
        g_assert_cmpstr(error->message, ==, cases[i][1]);
    }
}

static void tree_is_qemus_and_shows_origins(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    static Irq *lines[2];
    DeviceState *dev;

    set_up();
    added("{\"driver\": \"test-loose\", \"id\": \"unseen\"}");
    dev = added("{\"driver\": \"test-card\", \"id\": \"a\"}");
    device_init_irq_in(dev, NULL, "in", 4);
    device_init_irq_out(dev, lines, NULL, 2);
    added("{\"driver\": \"Test-card-sub\", \"depth\": \"4\"}");
    device_print_tree(out);
    g_assert_cmpstr(out->str, ==,
                    "bus: main-system-bus\n"
                    "  type System\n"
                    "  dev: test-host, id \"\"\n"
                    "    bus: cards.0\n"
                    "      type Cards\n"
                    "      dev: Test-card-sub, id \"\"\n"
                    "        sub = 4 (0x4)\n"
                    "        depth = 4 (0x4) [user]\n"
                    "        room = 1536 (1.5 KiB)\n"
                    "        offset = -1 (0xffffffffffffffff)\n"
                    "        all-ones = -1 (0xffffffffffffffff)\n"
                    "        flag = true\n"
                    "        text = \"\"\n"
                    "        mac = \"00:00:00:00:00:00\"\n"
                    "        card 1\n"
                    "      dev: test-card, id \"a\"\n"
                    "        gpio-in \"in\" 4\n"
                    "        gpio-out \"\" 2\n"
                    "        depth = 3 (0x3)\n"
                    "        room = 1536 (1.5 KiB)\n"
                    "        offset = -1 (0xffffffffffffffff)\n"
                    "        all-ones = -1 (0xffffffffffffffff)\n"
                    "        flag = true\n"
                    "        text = \"\"\n"
                    "        mac = \"00:00:00:00:00:00\"\n"
                    "        card 0\n");
    device_unplug(device_find("unseen"));
    tear_down();
}

/* ---- Many ---- */

static double seconds_for(unsigned count)
{
    clock_t start = clock();

    set_up();
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *json = g_strdup_printf("{\"driver\": \"test-nested-host\", \"id\": \"h%u\", \"bus\": \"cards.0\"}", i);
        g_autofree char *leaf = g_strdup_printf("{\"driver\": \"test-card\", \"id\": \"c%u\", \"bus\": \"h%u\"}", i, i);

        added(json);
        added(leaf);
    }
    start = clock() - start;
    tear_down();
    return (double)start / CLOCKS_PER_SEC;
}

static void many_devices_cost_no_more_each(void)
{
    double few = 1, many = 1;

    /* Eight times the devices: work that grows with the square would take 64 times as long. */
    for (int attempt = 0; attempt < 3; attempt++) {
        few = MIN(few, seconds_for(500));
        many = MIN(many, seconds_for(4000));
    }
    g_test_message("500: %.4f s, 4000: %.4f s", few, many);
    g_assert_cmpfloat(many, <, few * 24);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/device-add/" #name, name)
    TEST(tree_is_qemus_and_shows_origins);
    TEST(added_device_has_its_values_id_and_bus);
    TEST(json_values_keep_their_types);
    TEST(qmp_values_read_as_text);
    TEST(bad_drivers_are_refused);
    TEST(bad_buses_are_refused);
    TEST(bad_ids_are_refused);
    TEST(failed_add_leaves_nothing);
    TEST(bus_paths_are_followed);
    TEST(hot_plug_wants_a_bus_and_a_device_for_it);
    TEST(bad_removals_are_refused);
    TEST(removal_is_at_once_or_asks_the_guest);
    TEST(help_lists_devices_by_category);
    TEST(help_of_a_device_lists_its_properties);
    TEST(help_of_no_device_is_refused);
    TEST(many_devices_cost_no_more_each);
    return g_test_run();
}
