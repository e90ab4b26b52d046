/*
 * What QEMU's slots did at each of 750 random steps (devices plugged and unplugged, in and out of order, the guest's
 * writes to Slot Control and Status, interrupts), done again: tests/lib/hotplug_trace.py recorded it.
 */
#include "pci-fixture.h"

enum { MSI_WORD = 0x1000, PORTS = 3, WATCHED = 7 };

typedef struct Port {
    const char *name, *options;
    PCIDevice *dev;
    int last[WATCHED];
} Port;

static Port port[PORTS] = {
    { "rp", "id=rp,chassis=1,addr=1.0" },
    { "rq", "id=rq,chassis=2,addr=2.0,hotplug=off" },
    { "rs", "id=rs,chassis=3,addr=3.0,power_controller_present=off" },
};

static void changes(GPtrArray *out)
{
    static const char *const names[WATCHED] = { "ctl", "sta", "link", "intx", "there0", "there1", "there8" };
    static const int functions[] = { 0, 1, 8 };

    for (int i = 0; i < PORTS; i++) {
        PCIDevice *dev = port[i].dev;
        int now[WATCHED] = {
            cfg(dev, 0x6c, 2), cfg(dev, 0x6e, 2), cfg(dev, 0x66, 2) >> 13 & 1, cfg(dev, 6, 1) >> 3 & 1,
        };

        for (int k = 0; k < 3; k++) {
            now[4 + k] = (pcie_mmcfg_read(root, (hwaddr)(i + 1) << 20 | functions[k] << 12, 2) & 0xffff) != 0xffff;
        }
        for (int k = 0; k < WATCHED; k++) {
            if (now[k] != port[i].last[k]) {
                port[i].last[k] = now[k];
                g_ptr_array_add(out, g_strdup_printf("%s.%s=%x", port[i].name, names[k], now[k]));
            }
        }
    }
    if (ram_word(MSI_WORD)) {
        g_ptr_array_add(out, g_strdup_printf("msi=%x", ram_word(MSI_WORD)));
        memset((uint8_t *)memory_region_host(&test_ram) + MSI_WORD, 0, 4);
    }
}

static void start(void)
{
    g_autoptr(GPtrArray) first = g_ptr_array_new_with_free_func(g_free);

    pci_fixture_clear();
    for (int i = 0; i < PORTS; i++) {
        port[i].dev = make_device(root, TYPE_PCIE_ROOT_PORT, port[i].options);
        /* Cold-plugged, whatever the test was about before. */
        port[i].dev->parent_obj.hotplugged = false;
        memset(port[i].last, 0, sizeof(port[i].last));
    }
    reset_bus(&root->parent_obj);
    for (int i = 0; i < PORTS; i++) {
        PCIMsix *msix = port[i].dev->msix;

        cfg_set(port[i].dev, PCI_SECONDARY_BUS, (i + 1) | (i + 1) << 8, 2);
        cfg_set(port[i].dev, PCI_COMMAND, 0x106, 2);
        store_le64(msix->table, MSI_WORD);
        store_le32(msix->table + 8, 0xa1 + i);
        store_le32(msix->table + 12, 0);
    }
    changes(first);
}

static PCIDevice *find_port(const char *name)
{
    return PCI_DEVICE(device_find(name));
}

static bool run(const char *line, GError **error)
{
    g_auto(GStrv) word = g_strsplit(line, " ", 0);

    if (g_str_equal(word[0], "add")) {
        g_autoptr(Json) opts = json_new_object();

        json_set(opts, "driver", json_new_string(TYPE_TEST_PCIE));
        json_set(opts, "id", json_new_string(word[1]));
        json_set(opts, "bus", json_new_string(word[2]));
        if (!g_str_equal(word[3], "any")) {
            json_set(opts, "addr", json_new_string(word[3]));
        }
        json_set(opts, "multifunction", json_new_bool(g_str_equal(word[4], "multi")));
        return device_add(opts, true, error);
    }
    if (g_str_equal(word[0], "del")) {
        return device_del(word[1], error);
    }
    cfg_set(find_port(word[1]), strtoul(word[2], NULL, 16), strtoul(word[4], NULL, 16), atoi(word[3]));
    return true;
}

static char *step(const char *line)
{
    g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;

    if (!run(line, &error)) {
        g_auto(GStrv) part = g_strsplit(error->message, TYPE_TEST_PCIE, 0);
        g_autofree char *text = g_strjoinv("DRIVER", part);
        char *which = strstr(text, ",id=");

        if (which) {
            *which = 0;
        }
        g_ptr_array_add(out, g_strdup_printf("error: %s", text));
        g_error_free(error);
    }
    changes(out);
    g_ptr_array_add(out, NULL);
    return g_strjoinv("|", (char **)out->pdata);
}

static void each_step_does_what_qemus_did(void)
{
    g_autofree char *file = g_strdup_printf("%s.trace", getenv("RELEASE"));
    g_autofree char *path = g_build_filename(getenv("TEST_DATA"), "hotplug", file, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    const char *last = NULL;
    unsigned steps = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", 0);
    for (unsigned i = 0; lines[i]; i++) {
        if (g_str_has_prefix(lines[i], "machine pc-q35-")) {
            compat_set_machine(test_version(lines[i] + strlen("machine pc-q35-")));
        } else if (g_str_has_prefix(lines[i], "start ")) {
            start();
        } else if (lines[i][0] == ' ') {
            g_autofree char *got = step(last);

            if (!g_str_equal(got, g_strstrip(lines[i]))) {
                g_test_message("line %u: %s", i, last);
            }
            g_assert_cmpstr(got, ==, lines[i]);
            steps++;
        } else {
            last = lines[i];
        }
    }
    g_assert_cmpuint(steps, ==, 750);
    pci_fixture_clear();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_nonnull(getenv("RELEASE"));
    pci_fixture_init();
    device_set_machine_ready();
    g_test_add_func("/hotplug-trace/each_step_does_what_qemus_did", each_step_does_what_qemus_did);
    return g_test_run();
}
