/*
 * Every byte of a root port's config space and its three masks, as QEMU has them, for each release and machine type.
 * The release is the environment's RELEASE: what a class has is decided once a process.
 */
#include <stdio.h>

#include "pci-fixture.h"

typedef struct Image {
    uint32_t word[PCIE_CONFIG_SIZE / 4][4];     /* config, cmask, wmask, w1cmask */
} Image;

typedef struct Case {
    char machine[8], release[16];
    bool occupied;
    int slot;
    Image image;
} Case;

static GArray *read_cases(void)
{
    g_autofree char *path = g_build_filename(getenv("TEST_DATA"), "pciconfig", "root-port.txt", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GArray *cases = g_array_new(false, false, sizeof(Case));
    Image base = { 0 }, *image = &base;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", 0);
    for (unsigned i = PCI_STD_HEADER_SIZEOF / 4; i < PCIE_CONFIG_SIZE / 4; i++) {
        base.word[i][2] = 0xffffffff;
    }
    for (unsigned n = 0; lines[n]; n++) {
        unsigned offset, word[4];
        char what[16];
        Case c = { .image = base };

        if (sscanf(lines[n], "case %7[0-9.]-%15s %15s %d", c.machine, c.release, what, &c.slot) == 4) {
            c.occupied = g_str_equal(what, "occupied");
            g_array_append_val(cases, c);
            image = &g_array_index(cases, Case, cases->len - 1).image;
        } else if (sscanf(lines[n], "%x %x %x %x %x", &offset, &word[0], &word[1], &word[2], &word[3]) == 5) {
            for (int k = 0; k < 4; k++) {
                image->word[offset / 4][k] = word[k];
            }
        }
    }
    return cases;
}

/* 5.1 is as 5.2. What was measured with a newer QEMU stands for 8.0 and later, where no row says otherwise. */
static bool applies(const Case *c)
{
    const char *running = getenv("RELEASE");
    Release machine = test_version(c->machine), r = test_version(running);
    bool old_mask = release_compare(machine, RELEASE(7, 2)) <= 0;

    if (release_compare(machine, RELEASE(r.major, r.minor)) > 0 || strstr(c->release, "mask-off")) {
        return false;
    }
    if (release_compare(r, RELEASE(8)) < 0) {
        return g_str_equal(c->release, g_str_equal(running, "5.1") ? "5.2" : running);
    }
    /* 8.0 could not turn the register off. */
    if (release_compare(r, RELEASE(8, 0, 1)) < 0 && old_mask) {
        return g_str_equal(c->release, "8.0");
    }
    return g_str_equal(c->release, "8.2");
}

static void compare(PCIDevice *port, const Image *image)
{
    const uint8_t *array[] = { port->config, port->cmask, port->wmask, port->w1cmask };
    static const char *const name[] = { "config", "cmask", "wmask", "w1cmask" };
    g_autoptr(GString) differences = g_string_new("");

    for (unsigned i = 0; i < PCIE_CONFIG_SIZE / 4; i++) {
        for (int k = 0; k < 4; k++) {
            uint32_t here = pci_get_long(array[k] + i * 4);

            if (here != image->word[i][k]) {
                g_string_append_printf(differences, " %s %03x: %08x, not %08x;", name[k], i * 4, here,
                                       image->word[i][k]);
            }
        }
    }
    g_assert_cmpstr(differences->str, ==, "");
}

static void port_is_qemus(gconstpointer data)
{
    const Case *c = data;
    bool acpi_hotplug = release_compare(test_version(c->machine), RELEASE(6, 1)) >= 0;
    PCIDevice *port;
    DeviceState *dev;

    compat_set_machine(test_version(c->machine));
    dev = device_new(TYPE_PCIE_ROOT_PORT);
    object_property_parse((Object *)dev, "slot", c->slot ? "1" : "0", PROP_ORIGIN_USER, NULL);
    object_property_parse((Object *)dev, "chassis", c->slot ? "1" : "0", PROP_ORIGIN_USER, NULL);
    object_property_parse((Object *)dev, "addr", "11.0", PROP_ORIGIN_USER, NULL);
    if (g_str_equal(c->machine, "6.1")) {
        /* The board's doing: its chipset has x-keep-pci-slot-hpc=false. */
        bool old = release_compare(test_version(getenv("RELEASE")), RELEASE(8)) < 0;

        const char *name = old ? "x-native-hotplug" : "x-do-not-expose-native-hotplug-cap";

        g_assert_true(object_property_parse((Object *)dev, name, old ? "off" : "on", PROP_ORIGIN_BOARD, NULL));
    }
    g_assert_true(device_realize_and_unref(dev, &root->parent_obj, NULL));
    port = PCI_DEVICE(dev);
    if (acpi_hotplug) {
        bus_set_hotplug_handler(&bus_behind(port)->parent_obj, NULL);
    }
    if (c->occupied) {
        make_device(bus_behind(port), TYPE_TEST_PCIE, "");
    }
    reset_bus(&root->parent_obj);
    compare(port, &c->image);
    pci_fixture_clear();
}

int main(int argc, char **argv)
{
    GArray *cases;

    g_test_init(&argc, &argv, NULL);
    g_assert_nonnull(getenv("RELEASE"));
    pci_fixture_init();
    cases = read_cases();
    for (unsigned i = 0; i < cases->len; i++) {
        Case *c = &g_array_index(cases, Case, i);
        g_autofree char *name = g_strdup_printf("/root-port/%s/machine_%s_%s_is_qemus", getenv("RELEASE"), c->machine,
                                                c->occupied ? "occupied" : "empty");

        if (applies(c)) {
            g_test_add_data_func(name, c, port_is_qemus);
        }
    }
    return g_test_run();
}
