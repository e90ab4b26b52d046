/*
 * A machine that is one PCIe root bus: memory and I/O space, four INTx lines, a conventional test device with BARs
 * and a PCIe one with every capability. Each test makes its own devices; pci_fixture_clear() takes them away.
 */
#ifndef TESTS_UNIT_PCI_FIXTURE_H
#define TESTS_UNIT_PCI_FIXTURE_H

#include <stdlib.h>

#include "hw/core/compat.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_host.h"
#include "hw/pci/pcie_aer.h"
#include "hw/pci/pcie_port.h"
#include "system/runstate.h"
#include "util/error.h"

#define TYPE_TEST_HOST "test-pcihost"
#define TYPE_TEST_PCI "test-pci"
#define TYPE_TEST_PCIE "test-pcie"
#define RAM_SIZE 0x100000

static PCIBus *root;
static MemoryRegion test_ram;
static int irq_level[8];
static unsigned deleted, irq_edges;

typedef struct TestPCI {
    PCIDevice parent_obj;
    MemoryRegion io, mem, mem64;
    uint8_t regs[4096];
    unsigned resets;
} TestPCI;

static uint64_t G_GNUC_UNUSED test_read(void *opaque, hwaddr offset, unsigned size)
{
    return load_le(((TestPCI *)opaque)->regs + offset % 256, size);
}

static void G_GNUC_UNUSED test_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    store_le(((TestPCI *)opaque)->regs + offset % 256, size, value);
}

static const MemoryRegionOps test_ops = { .read = test_read, .write = test_write };

static bool test_pci_realize(PCIDevice *dev, GError **error)
{
    TestPCI *t = (TestPCI *)dev;

    dev->config[PCI_INTERRUPT_PIN] = 1;
    memory_region_init_io(&t->io, (Object *)dev, &test_ops, t, "test-io", 64);
    memory_region_init_io(&t->mem, (Object *)dev, &test_ops, t, "test-mem", 4096);
    memory_region_init_io(&t->mem64, (Object *)dev, &test_ops, t, "test-mem64", 8192);
    pci_register_bar(dev, 0, PCI_BASE_ADDRESS_SPACE_IO, &t->io);
    pci_register_bar(dev, 1, PCI_BASE_ADDRESS_SPACE_MEMORY, &t->mem);
    pci_register_bar(dev, 2, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, &t->mem64);
    return true;
}

static void test_pci_exit(PCIDevice *dev)
{
    TestPCI *t = (TestPCI *)dev;

    memory_region_destroy(&t->io);
    memory_region_destroy(&t->mem);
    memory_region_destroy(&t->mem64);
}

static bool test_pcie_realize(PCIDevice *dev, GError **error)
{
    if (!test_pci_realize(dev, error)) {
        return false;
    }
    if (!pcie_endpoint_cap_init(dev, 0, error) || !pci_pm_init(dev, 0, error) ||
        !msi_init(dev, 0, 4, true, true, error) || !msix_init_exclusive_bar(dev, 4, 4, error) ||
        !pcie_aer_init(dev, PCI_ERR_VER, 0x100, PCI_ERR_SIZEOF, error)) {
        test_pci_exit(dev);
        return false;
    }
    pcie_cap_deverr_init(dev);
    pcie_cap_flr_init(dev);
    pcie_ari_init(dev, 0x180);
    for (unsigned i = 0; i < 4; i++) {
        msix_vector_use(dev, i);
    }
    return true;
}

static void test_pci_reset(DeviceState *dev)
{
    ((TestPCI *)dev)->resets++;
}

static void test_pci_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *class = (PCIDeviceClass *)klass;

    class->vendor_id = 0x1234;
    class->device_id = 0x5678;
    class->class_id = PCI_CLASS_OTHERS;
    class->realize = test_pci_realize;
    class->exit = test_pci_exit;
    class->parent_class.reset.hold = test_pci_reset;
}

static const Property test_pcie_props[] = {
    DEFINE_PROP_UINT16("aer_log_max", PCIDevice, aer_log_max, 2),
};

static void test_pcie_class_init(ObjectClass *klass, const void *data)
{
    ((PCIDeviceClass *)klass)->realize = test_pcie_realize;
    object_class_add_props(klass, test_pcie_props, G_N_ELEMENTS(test_pcie_props));
}

static const TypeInfo test_types[] = {
    { .name = TYPE_TEST_HOST, .parent = TYPE_DEVICE, .size = sizeof(DeviceState) },
    { .name = TYPE_TEST_PCI, .parent = TYPE_PCI_DEVICE, .size = sizeof(TestPCI), .class_init = test_pci_class_init,
      .interfaces = (const char *const[]){ INTERFACE_CONVENTIONAL_PCI, NULL } },
    { .name = "test-pcie-base", .parent = TYPE_PCI_DEVICE, .size = sizeof(TestPCI), .abstract = true,
      .class_init = test_pci_class_init, .interfaces = (const char *const[]){ INTERFACE_PCIE_DEVICE, NULL } },
    { .name = TYPE_TEST_PCIE, .parent = "test-pcie-base", .class_init = test_pcie_class_init },
};
TYPES_REGISTER(test_types)

static void test_set_irq(void *opaque, int line, int level)
{
    irq_edges += level && !irq_level[line];
    irq_level[line] = level;
}

static void test_event(const char *event, Json *data)
{
    deleted += g_str_equal(event, "DEVICE_DELETED");
    json_unref(data);
}

/* `version` "7.2": that release; the newest if NULL. `machine` NULL: no machine type's rows. */
static Release test_version(const char *version)
{
    g_auto(GStrv) part = g_strsplit(version, ".", 3);
    unsigned n = g_strv_length(part);

    return (Release){ atoi(part[0]), n > 1 ? atoi(part[1]) : 0, n > 2 ? atoi(part[2]) : 0 };
}

static void pci_fixture_init(void)
{
    DeviceState *host;

    compat_install(getenv("RELEASE") ? test_version(getenv("RELEASE")) : release);
    event_hook = test_event;
    memory_init();
    memory_region_init_ram(&test_ram, NULL, "test.ram", RAM_SIZE, NULL);
    memory_region_add(memory_system(), 0, &test_ram);
    host = device_new(TYPE_TEST_HOST);
    device_realize(host, NULL, NULL);
    root = pci_root_bus_new(host, "pcie.0", memory_system(), memory_io(), 0, TYPE_PCIE_BUS);
    pci_bus_irqs(root, test_set_irq, pci_swizzle_map_irq, NULL, 4);
}

static void G_GNUC_UNUSED pci_fixture_clear(void)
{
    BusState *bus = &root->parent_obj;

    while (bus->children->len) {
        DeviceState *dev = bus->children->pdata[bus->children->len - 1];

        device_unplug(dev);
    }
    for (int i = 0; i < 4; i++) {
        g_assert_cmpint(root->irq_count[i], ==, 0);
    }
    deleted = 0;
    memset(memory_region_host(&test_ram), 0, RAM_SIZE);
}

/* A device with options "addr=3.0,slot=1" on a bus; NULL with the error's text in *why if it can't be. */
static PCIDevice *try_device(PCIBus *bus, const char *type, const char *options, char **why)
{
    DeviceState *dev = device_new(type);
    g_auto(GStrv) option = g_strsplit(options, ",", 0);
    GError *error = NULL;
    bool ok = true;

    for (unsigned i = 0; ok && option[i] && *option[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(option[i], "=", 2);

        if (g_str_equal(pair[0], "id")) {
            dev->id = g_strdup(pair[1]);
        } else {
            ok = object_property_parse((Object *)dev, pair[0], pair[1], PROP_ORIGIN_USER, &error);
        }
    }
    if (ok && dev->id) {
        Object *machine = object_container(object_root(), "machine");

        object_add_child(object_container(machine, "peripheral"), dev->id, (Object *)dev);
    }
    if (ok ? device_realize_and_unref(dev, &bus->parent_obj, &error) : (object_unref(dev), false)) {
        return PCI_DEVICE(dev);
    }
    if (why) {
        *why = g_strdup(error->message);
    } else {
        g_error("%s", error->message);
    }
    g_error_free(error);
    return NULL;
}

static PCIDevice *make_device(PCIBus *bus, const char *type, const char *options)
{
    return try_device(bus, type, options, NULL);
}

static G_GNUC_UNUSED PCIBus *bus_behind(PCIDevice *port)
{
    return pci_bridge_bus(PCI_BRIDGE(port));
}

/* A port whose secondary bus is `bus`, up to `last`. */
static G_GNUC_UNUSED PCIDevice *make_port(const char *options, int bus, int last)
{
    PCIDevice *port = make_device(root, TYPE_PCIE_ROOT_PORT, options);

    reset_device(&port->parent_obj);
    pci_host_config_write(port, PCI_SECONDARY_BUS, PCIE_CONFIG_SIZE, bus | last << 8, 2);
    return port;
}

static uint32_t G_GNUC_UNUSED cfg(PCIDevice *dev, uint32_t addr, unsigned len)
{
    return pci_host_config_read(dev, addr, PCIE_CONFIG_SIZE, len);
}

static void G_GNUC_UNUSED cfg_set(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    pci_host_config_write(dev, addr, PCIE_CONFIG_SIZE, value, len);
}

static uint32_t G_GNUC_UNUSED ram_word(hwaddr addr)
{
    return load_le32((uint8_t *)memory_region_host(&test_ram) + addr);
}

static void G_GNUC_UNUSED expect_text(char *why, const char *text)
{
    g_assert_cmpstr(why, ==, text);
    g_free(why);
}

#endif
