/*
 * virtio-pci around a device of a disk's shape: every byte of config space and its masks as QEMU has them, for each
 * release and machine type; the combinations of properties; the state in the stream. The release is the environment's
 * RELEASE.
 */
#include <stdio.h>

#include "hw/virtio/virtio-pci.h"
#include "pci-fixture.h"

/* ---- A disk without a disk ---- */

typedef struct TestBlk {
    VirtIODevice parent_obj;
    uint32_t queues;
} TestBlk;

static void test_blk_handle(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtQueueElement *elem;

    while ((elem = virtqueue_pop(vq))) {
        virtqueue_push(elem, elem->in_bytes);
    }
    virtqueue_notify(vq);
}

static bool test_blk_realize(VirtIODevice *vdev, GError **error)
{
    TestBlk *blk = (TestBlk *)vdev;

    virtio_set_config_size(vdev, 57);
    for (unsigned i = 0; i < blk->queues; i++) {
        virtio_add_queue(vdev, 256, sizeof(VirtQueueElement), test_blk_handle);
    }
    return true;
}

static uint64_t test_blk_features(VirtIODevice *vdev, uint64_t features)
{
    return features;
}

static void test_blk_get_config(VirtIODevice *vdev, uint8_t *config)
{
    memset(config, 0x5a, vdev->config_len);
}

static const VMStateDescription vmstate_test_blk = {
    .name = "virtio-blk", .version_id = 2, .minimum_version_id = 2, .fields = VMS_FIELDS(VMS_VIRTIO_DEVICE),
};

static const Property test_blk_props[] = { DEFINE_PROP_UINT32("test-queues", TestBlk, queues, 1) };

static void test_blk_class_init(ObjectClass *klass, const void *data)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    vdc->device_id = VIRTIO_ID_BLOCK;
    vdc->name = "virtio-blk";
    vdc->realize = test_blk_realize;
    vdc->get_features = test_blk_features;
    vdc->get_config = test_blk_get_config;
    vdc->parent_class.vmsd = &vmstate_test_blk;
    object_class_add_props(klass, test_blk_props, G_N_ELEMENTS(test_blk_props));
}

static const TypeInfo test_blk_type = {
    .name = "test-blk-device", .parent = TYPE_VIRTIO_DEVICE, .size = sizeof(TestBlk), .class_init = test_blk_class_init,
};
TYPE_REGISTER(test_blk_type)

static bool test_blk_pci_realize(VirtIOPCIProxy *proxy, GError **error)
{
    if (proxy->vectors == VIRTIO_PCI_VECTORS_AUTO) {
        proxy->vectors = ((TestBlk *)proxy->vdev)->queues + 1;
    }
    return true;
}

static const Property test_blk_pci_props[] = {
    VIRTIO_PCI_PROP_CLASS,
    VIRTIO_PCI_PROP_IOEVENTFD,
    VIRTIO_PCI_PROP_VECTORS(VIRTIO_PCI_VECTORS_AUTO),
};

static const VirtIOPCIType test_blk_pci = {
    .name = "test-blk-pci", .vdev_type = "test-blk-device", .class_id = PCI_CLASS_STORAGE_SCSI,
    .category = DEVICE_CATEGORY_STORAGE, .props = test_blk_pci_props, .num_props = G_N_ELEMENTS(test_blk_pci_props),
    .realize = test_blk_pci_realize,
};
VIRTIO_PCI_REGISTER(test_blk_pci)

/* ---- Config space ---- */

typedef struct Case {
    char machine[8], release[8], where[8], options[64];
    unsigned size;
    uint32_t word[PCIE_CONFIG_SIZE / 4][4];     /* config, cmask, wmask, w1cmask */
} Case;

static GPtrArray *read_cases(void)
{
    g_autofree char *path = g_build_filename(getenv("TEST_DATA"), "pciconfig", "virtio-pci.txt", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GPtrArray *cases = g_ptr_array_new();
    Case variant, *target = &variant;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", 0);
    for (unsigned n = 0; lines[n]; n++) {
        char machine[8], release[8];
        unsigned offset, word[4];

        if (g_str_has_prefix(lines[n], "variant")) {
            variant = (Case){ 0 };
            g_assert_cmpint(sscanf(lines[n], "variant %7s %u %63s", variant.where, &variant.size, variant.options), ==,
                            3);
            for (unsigned i = 0; i < PCIE_CONFIG_SIZE / 4; i++) {
                variant.word[i][2] = UINT32_MAX;
            }
            target = &variant;
        } else if (sscanf(lines[n], "case %7[0-9.]-%7s", machine, release) == 2) {
            target = g_memdup2(&variant, sizeof(variant));
            strcpy(target->machine, machine);
            strcpy(target->release, release);
            g_ptr_array_add(cases, target);
        } else if (sscanf(lines[n], "%x %x %x %x %x", &offset, &word[0], &word[1], &word[2], &word[3]) == 5) {
            memcpy(target->word[offset / 4], word, sizeof(word));
        }
    }
    return cases;
}

static Release running(void)
{
    return test_version(getenv("RELEASE"));
}

/* 5.1 is as 5.2. What was measured with a newer QEMU stands for 8.0 and later, where no row says otherwise. */
static bool applies(const Case *c)
{
    Release machine = test_version(c->machine), r = running();

    if (release_compare(machine, RELEASE(r.major, r.minor)) > 0) {
        return false;
    }
    if (release_compare(r, RELEASE(5, 1)) == 0 && strstr(c->options, "ats")) {
        return false; /* but here: pages need not be aligned in 5.1 */
    }
    if (release_compare(r, RELEASE(8)) < 0) {
        return g_str_equal(c->release, r.major == 5 ? "5.2" : "7.2");
    }
    /* 8.0 could not turn the error mask register off. */
    if (release_compare(r, RELEASE(8, 0, 1)) < 0 && strstr(c->options, "aer") &&
        release_compare(machine, RELEASE(7, 2)) <= 0) {
        return g_str_equal(c->release, "8.0");
    }
    return g_str_equal(c->release, "8.2");
}

static void compare(PCIDevice *dev, const Case *c)
{
    const uint8_t *array[] = { dev->config, dev->cmask, dev->wmask, dev->w1cmask };
    static const char *const name[] = { "config", "cmask", "wmask", "w1cmask" };
    g_autoptr(GString) differences = g_string_new("");

    g_assert_cmpuint(dev->config_size, ==, c->size);
    for (unsigned i = 0; i < c->size / 4; i++) {
        for (int k = 0; k < 4; k++) {
            uint32_t here = pci_get_long(array[k] + i * 4);

            if (here != c->word[i][k]) {
                g_string_append_printf(differences, " %s %03x: %08x, not %08x;", name[k], i * 4, here, c->word[i][k]);
            }
        }
    }
    g_assert_cmpstr(differences->str, ==, "");
}

static PCIBus *place(const char *where)
{
    return g_str_equal(where, "port") ? bus_behind(make_port("addr=1.0,chassis=1,slot=1", 1, 1)) : root;
}

/* A cold-plugged device in a machine that was just reset. */
static PCIDevice *make(const char *where, const char *type, const char *options)
{
    PCIBus *bus = place(where);
    PCIDevice *dev = make_device(bus, type, options);

    reset_bus(&root->parent_obj);
    if (bus != root) {
        cfg_set(bus->parent_dev, PCI_SECONDARY_BUS, 0x0101, 2);
    }
    return dev;
}

static void config_is_qemus(gconstpointer data)
{
    const Case *c = data;
    const char *options = g_str_equal(c->options, "-") ? "" : c->options;
    PCIDevice *dev;

    compat_set_machine(test_version(c->machine));
    if (running().major == 5 && g_str_has_prefix(options, "aer=on,")) {
        options += strlen("aer=on,"); /* it had no such property */
    }
    dev = make(c->where, "test-blk-pci", options);
    compare(dev, c);
    pci_fixture_clear();
    compat_set_machine((Release){ 0 });
}

/* ---- Properties ---- */

static void refused(const char *type, const char *where, const char *options, const char *text)
{
    char *why = NULL;

    g_assert_null(try_device(place(where), type, options, &why));
    expect_text(why, text);
    pci_fixture_clear();
}

static void some_interface_is_needed(void)
{
    refused("test-blk-pci", "port", "disable-modern=on",
            "device cannot work as neither modern nor legacy mode is enabled");
    refused("test-blk-pci", "root", "disable-modern=on,disable-legacy=on",
            "device cannot work as neither modern nor legacy mode is enabled");
}

static void iommu_needs_a_modern_device(void)
{
    PCIDevice *dev;

    refused("test-blk-pci", "root", "iommu_platform=on",
            "VIRTIO_F_IOMMU_PLATFORM was supported by neither legacy nor transitional device");
    dev = make("root", "test-blk-pci", "iommu_platform=on,disable-legacy=on");
    g_assert_true(VIRTIO_PCI(dev)->vdev->dma_as == pci_address_space(dev));
    pci_fixture_clear();
}

static void wrappers_fix_their_interfaces(void)
{
    PCIDevice *dev = make("port", "test-blk-pci-transitional", "");

    g_assert_cmphex(cfg(dev, PCI_DEVICE_ID, 2), ==, 0x1001);
    g_assert_cmpuint(dev->config_size, ==, PCIE_CONFIG_SIZE);
    pci_fixture_clear();
    dev = make("root", "test-blk-pci-non-transitional", "");
    g_assert_cmphex(cfg(dev, PCI_DEVICE_ID, 2), ==, 0x1042);
    g_assert_cmpuint(dev->config_size, ==, PCI_CONFIG_SIZE);
    pci_fixture_clear();
    refused("test-blk-pci-transitional", "root", "disable-legacy=on",
            "Property 'test-blk-pci-transitional.disable-legacy' not found");
}

static void pcie_can_be_off_behind_a_port(void)
{
    PCIDevice *dev = make("port", "test-blk-pci", "x-disable-pcie=on");

    g_assert_cmpuint(dev->config_size, ==, PCI_CONFIG_SIZE);
    g_assert_cmphex(cfg(dev, PCI_DEVICE_ID, 2), ==, 0x1042);
    pci_fixture_clear();
}

static uint32_t bar_size(PCIDevice *dev, unsigned bar)
{
    return dev->regions[bar].size;
}

static void layout_follows_properties(void)
{
    PCIDevice *dev = make("root", "test-blk-pci", "page-per-vq=on,modern-pio-notify=on,vectors=5,class=0x0180");

    g_assert_cmphex(bar_size(dev, 0), ==, 128);
    g_assert_cmphex(bar_size(dev, 1), ==, 4096);
    g_assert_cmphex(bar_size(dev, 2), ==, 4);
    g_assert_cmphex(bar_size(dev, 4), ==, 8 << 20);
    g_assert_cmphex(cfg(dev, PCI_CLASS_DEVICE, 2), ==, 0x0180);
    /* common, ISR, device, notify (a page each), notify by port, window, MSI-X */
    g_assert_cmphex(cfg(dev, 0x70, 4), ==, 0x02146009);
    g_assert_cmphex(cfg(dev, 0x7c, 4), ==, 0x400000);
    g_assert_cmphex(cfg(dev, 0x80, 4), ==, 0x1000);
    g_assert_cmphex(cfg(dev, 0x84, 4), ==, 0x02147009);
    g_assert_cmphex(cfg(dev, 0x88, 4), ==, 2);
    g_assert_cmphex(cfg(dev, 0x90, 4), ==, 4);
    g_assert_cmphex(cfg(dev, 0x94, 4), ==, 0);
    g_assert_cmphex(cfg(dev, 0x98, 4), ==, 0x05148409);
    g_assert_cmphex(cfg(dev, 0xac, 4), ==, 0x00049811);
    pci_fixture_clear();
    dev = make("root", "test-blk-pci", "vectors=0");
    g_assert_false(msix_present(dev));
    g_assert_cmphex(bar_size(dev, 1), ==, 0);
    pci_fixture_clear();
}

static void pcie_parts_can_be_off(void)
{
    PCIDevice *dev = make("port", "test-blk-pci",
                                 "x-pcie-pm-init=off,x-pcie-lnkctl-init=off,"
                          "x-pcie-deverr-init=off,x-pcie-flr-init=off");

    g_assert_cmphex(cfg(dev, 0x44, 4), ==, 0x8000); /* no function level reset */
    g_assert_cmphex(pci_get_long(dev->wmask + 0x48), ==, 0);
    g_assert_cmphex(pci_get_long(dev->w1cmask + 0x48), ==, 0);
    g_assert_cmphex(pci_get_long(dev->wmask + 0x50), ==, 0);
    g_assert_cmphex(pci_get_long(dev->wmask + 0x80), ==, 0);
    pci_fixture_clear();
}

static void inner_properties_are_aliases(void)
{
    PCIDevice *dev = make("root", "test-blk-pci", "event_idx=off,test-queues=3");
    Object *inner = object_child((Object *)dev, "virtio-backend");

    g_assert_nonnull(inner);
    g_assert_false(object_get_bool(inner, "event_idx"));
    g_assert_cmpuint(object_get_uint((Object *)dev, "test-queues"), ==, 3);
    g_assert_cmpint(object_property_origin((Object *)dev, "event_idx", NULL), ==, PROP_ORIGIN_USER);
    g_assert_cmpuint(VIRTIO_PCI(dev)->vectors, ==, 4);
    pci_fixture_clear();
}

static void features_are_the_releases(void)
{
    uint64_t want = 0x179000000;
    PCIDevice *dev = make("root", "test-blk-pci", "");

    if (release_compare(running(), RELEASE(7, 2)) >= 0) {
        want |= 1ull << VIRTIO_F_RING_RESET;
    }
    g_assert_cmphex(VIRTIO_PCI(dev)->vdev->host_features, ==, want);
    pci_fixture_clear();
}

/* ---- The stream ---- */

static GByteArray *save(PCIDevice *dev)
{
    Stream *s = stream_new_memory(NULL, 0);
    GByteArray *bytes;

    g_assert_true(vmstate_save(s, &vmstate_test_blk, VIRTIO_PCI(dev)->vdev, NULL, NULL));
    bytes = stream_memory_take(s);
    stream_close(s, true, NULL);
    return bytes;
}

/* What follows in a stream is there: the section's footer. */
static bool load(PCIDevice *dev, GByteArray *bytes, GError **error)
{
    bool ok;
    Stream *s;

    g_byte_array_append(bytes, (const uint8_t *)"\x7e", 1);
    s = stream_new_memory(bytes->data, bytes->len);
    ok = vmstate_load(s, &vmstate_test_blk, VIRTIO_PCI(dev)->vdev, 2, error);
    stream_close(s, false, NULL);
    g_byte_array_set_size(bytes, bytes->len - 1);
    return ok;
}

/* A disk's state without the byte that ends its requests. */
enum { STATE_SIZE = 49424 - 1 };

static void state_has_qemus_size(void)
{
    static const struct {
        const char *where, *options;
        unsigned size;
    } cases[] = {
        { "port", "", STATE_SIZE }, { "port", "test-queues=4", STATE_SIZE + 3 * (16 + 16) },
        { "root", "", STATE_SIZE - 3840 }, { "port", "vectors=0", STATE_SIZE - 2 * 16 - 1 - 2 - 2 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        PCIDevice *dev = make(cases[i].where, "test-blk-pci", cases[i].options);
        g_autoptr(GByteArray) bytes = save(dev);

        g_assert_cmpuint(bytes->len, ==, cases[i].size);
        pci_fixture_clear();
    }
}

enum { COMMON = 0x10000000, AT_MSIX = 4 + PCIE_CONFIG_SIZE + 16, AT_CONFIG_VECTOR = AT_MSIX + 2 * 16 + 1 };

static void put(hwaddr addr, uint64_t value, unsigned size)
{
    g_assert_cmpint(address_space_store(&address_space_memory, addr, value, size), ==, MEMTX_OK);
}

static uint64_t get(hwaddr addr, unsigned size)
{
    return address_space_load(&address_space_memory, addr, size, NULL);
}

/* A driver: BAR 4 at COMMON, queue 0 of 64 in RAM, vectors 1 and 0. */
static PCIDevice *driven(void)
{
    PCIDevice *dev = make("port", "test-blk-pci", ""), *port = pci_device_bus(dev)->parent_dev;

    cfg_set(port, PCI_MEMORY_BASE, 0x10001000, 4);
    cfg_set(port, PCI_COMMAND, 7, 2);
    cfg_set(dev, PCI_BASE_ADDRESS_0 + 16, COMMON, 4);
    cfg_set(dev, PCI_COMMAND, 6, 2);
    cfg_set(dev, 0xde, 0x8000, 2); /* MSI-X on */
    put(COMMON + 20, 3, 1);
    put(COMMON + 8, 1, 4);
    put(COMMON + 12, 1, 4);
    put(COMMON + 20, 11, 1);
    put(COMMON + 16, 1, 2);
    put(COMMON + 24, 64, 2);
    put(COMMON + 26, 0, 2);
    put(COMMON + 32, 0x1000, 4);
    put(COMMON + 40, 0x2000, 4);
    put(COMMON + 48, 0x3000, 4);
    put(COMMON + 28, 1, 2);
    put(COMMON + 20, 15, 1);
    g_assert_cmphex(get(COMMON + 20, 1), ==, 15);
    return dev;
}

static void driven_device_comes_back(void)
{
    PCIDevice *dev = driven();
    g_autoptr(GByteArray) bytes = save(dev);
    g_autoptr(GByteArray) again = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(bytes->len, ==, STATE_SIZE + 21 + 21 + 4096); /* started, ring size */
    pci_function_reset(dev);
    g_assert_cmphex(cfg(dev, PCI_COMMAND, 2), ==, 0);
    load(dev, bytes, &error);
    g_assert_no_error(error);
    again = save(dev);
    g_assert_cmpmem(again->data, again->len, bytes->data, bytes->len);
    g_assert_cmphex(get(COMMON + 20, 1), ==, 15); /* the BAR is where it was */
    g_assert_cmpuint(get(COMMON + 28, 2), ==, 1);
    g_assert_cmpuint(get(COMMON + 26, 2), ==, 0);
    pci_fixture_clear();
}

static void vectors_of_the_stream_are_checked(void)
{
    const unsigned at[] = { AT_CONFIG_VECTOR, AT_CONFIG_VECTOR + 2 + 4 + 4 + 4 + 57 + 4 + 4 + 8 + 2 };
    PCIDevice *dev = driven();
    g_autoptr(GByteArray) bytes = save(dev);

    for (unsigned i = 0; i < G_N_ELEMENTS(at); i++) {
        g_autoptr(GError) error = NULL;
        uint8_t good[2];

        memcpy(good, bytes->data + at[i], 2);
        g_assert_cmpuint(load_be16(good), ==, i == 0);
        store_be16(bytes->data + at[i], 2);
        g_assert_false(load(dev, bytes, &error));
        g_assert_cmpstr(error->message, ==, "Failed to load virtio-blk:virtio");
        g_assert_cmpint(vmstate_error_errno(error), ==, EINVAL);
        memcpy(bytes->data + at[i], good, 2);
    }
    g_assert_true(load(dev, bytes, NULL));
    pci_fixture_clear();
}

static void config_of_another_device_is_refused(void)
{
    PCIDevice *dev = driven();
    g_autoptr(GByteArray) bytes = save(dev);
    g_autoptr(GError) error = NULL;

    bytes->data[4 + 0xde] ^= 3; /* the size of the MSI-X table */
    g_assert_false(load(dev, bytes, &error));
    g_assert_true(g_str_has_prefix(error->message, "get_pci_config_device: Bad config data: i=0xde read: 2 device: 1 "
                                                   "cmask: ff wmask: 0 w1cmask:0\n"));
    pci_fixture_clear();
}

static void machine_from_an_old_release_gets_its_bus_master_back(void)
{
    for (int on = 0; on < 2; on++) {
        PCIDevice *dev = make("root", "test-blk-pci", on ? "virtio-pci-bus-master-bug-migration=on" : "");

        virtio_set_status(VIRTIO_PCI(dev)->vdev, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
        vm_start();
        g_assert_cmphex(cfg(dev, PCI_COMMAND, 2), ==, on ? PCI_COMMAND_MASTER : 0);
        vm_stop(RUN_STATE_PAUSED);
        pci_fixture_clear();
    }
}

#define ADD(fn) g_test_add_func("/virtio-pci/" #fn, fn)

int main(int argc, char **argv)
{
    GPtrArray *cases;

    g_test_init(&argc, &argv, NULL);
    pci_fixture_init();
    cases = read_cases();
    for (unsigned i = 0; i < cases->len; i++) {
        const Case *c = cases->pdata[i];

        if (applies(c)) {
            g_autofree char *path = g_strdup_printf("/virtio-pci/config_is_qemus/%s/%s/%s", c->where, c->options,
                                                    c->machine);

            g_test_add_data_func(path, c, config_is_qemus);
        }
    }
    ADD(features_are_the_releases);
    if (release_compare(running(), RELEASE(8, 2)) == 0) {
        ADD(some_interface_is_needed);
        ADD(iommu_needs_a_modern_device);
        ADD(wrappers_fix_their_interfaces);
        ADD(pcie_can_be_off_behind_a_port);
        ADD(layout_follows_properties);
        ADD(pcie_parts_can_be_off);
        ADD(inner_properties_are_aliases);
        ADD(state_has_qemus_size);
        ADD(driven_device_comes_back);
        ADD(vectors_of_the_stream_are_checked);
        ADD(config_of_another_device_is_refused);
        ADD(machine_from_an_old_release_gets_its_bus_master_back);
    }
    return g_test_run();
}
