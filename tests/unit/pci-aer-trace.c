/*
 * What QEMU's registers did at each of 750 random steps (errors of every kind, with headers and without; masks,
 * severity, enables, clearing, the queue of headers, interrupts), done again: tests/lib/aer_trace.py recorded it.
 */
#include <stdio.h>

#include "pci-fixture.h"

enum { MSI_WORD = 0x1000, NODES = 4 };

typedef struct Node {
    const char *name;
    PCIDevice *dev;
    uint32_t last[PCIE_CONFIG_SIZE / 4];
} Node;

static Node node[NODES] = { { "rp" }, { "ep" }, { "np" }, { "rq" } };

/* As virtio-blk-pci has them: PCIe at 0x40, AER at 0x100 in the one that has it. */
static bool endpoint_realize(PCIDevice *dev, GError **error)
{
    dev->config[PCI_INTERRUPT_PIN] = 1;
    if (!pcie_endpoint_cap_init(dev, 0x40, error) ||
        (dev->aer_log_max && (dev->aer_log_max = 0, !pcie_aer_init(dev, PCI_ERR_VER, 0x100, PCI_ERR_SIZEOF, error)))) {
        return false;
    }
    pcie_cap_deverr_init(dev);
    return true;
}

static const Property endpoint_props[] = {
    DEFINE_PROP_UINT16("aer", PCIDevice, aer_log_max, 0),
};

static void endpoint_class_init(ObjectClass *klass, const void *data)
{
    ((PCIDeviceClass *)klass)->realize = endpoint_realize;
    ((PCIDeviceClass *)klass)->exit = NULL;
    object_class_add_props(klass, endpoint_props, G_N_ELEMENTS(endpoint_props));
}

static const TypeInfo endpoint_type = {
    .name = "test-aer-endpoint", .parent = "test-pcie-base", .class_init = endpoint_class_init,
};
TYPE_REGISTER(endpoint_type)

static Node *find_node(const char *name)
{
    for (int i = 0; i < NODES; i++) {
        if (g_str_equal(node[i].name, name)) {
            return &node[i];
        }
    }
    g_assert_not_reached();
}

/* The registers that the trace watches, in its order. */
static bool watched(const Node *n, unsigned at)
{
    bool port = n->name[0] == 'r';

    if (at == 0x04 || (at >= 0x104 && at < 0x148 && !g_str_equal(n->name, "np"))) {
        return true;
    }
    return port ? at == 0x1c || at == 0x3c || at == 0x5c : at == 0x48;
}

static void changes(GString *out)
{
    for (int i = 0; i < NODES; i++) {
        Node *n = &node[i];

        for (unsigned at = 0; at < 0x148; at += 4) {
            uint32_t value = watched(n, at) ? cfg(n->dev, at, 4) & (at == 0x1c ? 0xffff0000 : 0xffffffff) : 0;

            if (watched(n, at) && value != n->last[at / 4]) {
                n->last[at / 4] = value;
                g_string_append_printf(out, " %s.%03x=%08x", n->name, at, value);
            }
        }
    }
    if (ram_word(MSI_WORD)) {
        g_string_append_printf(out, " msi=%x", ram_word(MSI_WORD));
        memset((uint8_t *)memory_region_host(&test_ram) + MSI_WORD, 0, 4);
    }
}

static void start(bool endpoint_aer)
{
    static const char *const options[] = {
        "id=rp,chassis=1,addr=1.0,aer_log_max=2", "id=rq,chassis=2,addr=2.0,aer_log_max=0",
    };
    g_autoptr(GString) first = g_string_new("");

    pci_fixture_clear();
    for (int i = 0; i < 2; i++) {
        find_node(i ? "rq" : "rp")->dev = make_device(root, TYPE_PCIE_ROOT_PORT, options[i]);
    }
    find_node("ep")->dev = make_device(bus_behind(find_node("rp")->dev), "test-aer-endpoint",
                                       endpoint_aer ? "id=ep,aer=1" : "id=ep");
    find_node("np")->dev = make_device(bus_behind(find_node("rq")->dev), "test-aer-endpoint", "id=np");
    reset_bus(&root->parent_obj);
    for (int i = 0; i < 2; i++) {
        Node *n = find_node(i ? "rq" : "rp");
        PCIMsix *msix;

        cfg_set(n->dev, PCI_SECONDARY_BUS, (i + 1) | (i + 1) << 8, 2);
        cfg_set(n->dev, PCI_BASE_ADDRESS_0, 0xe0000000 + (i + 1) * 0x1000, 4);
        cfg_set(n->dev, PCI_COMMAND, 0x106, 2);
        msix = n->dev->msix;
        store_le64(msix->table, MSI_WORD);
        store_le32(msix->table + 8, 0xa1 + i);
        store_le32(msix->table + 12, 0);
    }
    for (int i = 0; i < NODES; i++) {
        memset(node[i].last, 0, sizeof(node[i].last));
    }
    changes(first);
}

static void inject(GStrv word, GString *out)
{
    PCIEAERRequest request = { 0 };
    GError *error = NULL;
    g_autoptr(GString) reply = g_string_new("");
    unsigned i = 1;

    if (g_str_equal(word[i], "-a")) {
        request.advisory_non_fatal = true;
        i++;
    }
    request.id = word[i++];
    request.error_status = word[i++];
    for (; word[i]; i++) {
        request.dwords[request.num_dwords++] = strtoul(word[i], NULL, 0);
    }
    g_assert_true(pcie_aer_inject_request(&request, reply, &error));
    g_assert_cmpint(strncmp(reply->str, "OK id: ", 7), ==, 0);
    g_string_append(out, " OK");
}

static void step(const char *line, GString *out)
{
    g_auto(GStrv) word = g_strsplit(line, " ", 0);

    if (g_str_equal(word[0], "inject")) {
        inject(word, out);
    } else {
        cfg_set(find_node(word[1])->dev, strtoul(word[2], NULL, 16), strtoul(word[4], NULL, 16), atoi(word[3]));
    }
    changes(out);
}

static void each_step_does_what_qemus_did(void)
{
    const char *release_name = getenv("RELEASE");
    g_autofree char *file = g_strdup_printf("%s.trace", release_name);
    g_autofree char *path = g_build_filename(getenv("TEST_DATA"), "aer", file, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    const char *last = NULL;
    unsigned steps = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", 0);
    for (unsigned i = 0; lines[i]; i++) {
        g_autoptr(GString) got = g_string_new("");

        if (g_str_has_prefix(lines[i], "machine pc-q35-")) {
            compat_set_machine(test_version(lines[i] + strlen("machine pc-q35-")));
        } else if (g_str_has_prefix(lines[i], "start ")) {
            start(!g_str_equal(release_name, "5.2"));
        } else if (lines[i][0] == ' ') {
            const char *want = g_strstrip(lines[i]);

            step(last, got);
            if (!g_str_equal(g_strstrip(got->str), want)) {
                g_test_message("line %u: %s", i, last);
            }
            g_assert_cmpstr(got->str, ==, want);
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
    g_test_add_func("/aer-trace/each_step_does_what_qemus_did", each_step_does_what_qemus_did);
    return g_test_run();
}
