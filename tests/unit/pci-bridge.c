/* Bridges: config cycles by bus number, windows, secondary bus reset, nesting, and guests that number buses badly. */
#include "pci-fixture.h"

static uint32_t id_at(int bus, int devfn)
{
    return pcie_mmcfg_read(root, (hwaddr)bus << 20 | devfn << 12, 4);
}

static void numbers(PCIDevice *port, int primary, int secondary, int subordinate)
{
    cfg_set(port, PCI_PRIMARY_BUS, primary | secondary << 8 | subordinate << 16, 4);
}

static PCIDevice *port_at(PCIBus *bus, int chassis, const char *options)
{
    g_autofree char *all = g_strdup_printf("chassis=%d,%s", chassis, options);

    return make_device(bus, TYPE_PCIE_ROOT_PORT, all);
}

/* A port with a device behind it, both reset, so that the slot has power. */
static PCIDevice *occupied_port(int chassis, const char *options, PCIDevice **dev)
{
    PCIDevice *port = port_at(root, chassis, options);

    *dev = make_device(bus_behind(port), TYPE_TEST_PCIE, "");
    reset_bus(&root->parent_obj);
    return port;
}

/* ---- Routing ---- */

static void cycles_go_where_the_numbers_say(void)
{
    PCIDevice *dev, *port = occupied_port(1, "addr=2.0", &dev);

    g_assert_cmphex(id_at(1, 0), ==, 0xffffffff);
    numbers(port, 0, 1, 1);
    g_assert_cmphex(id_at(1, 0), ==, 0x56781234);
    g_assert_cmphex(pci_data_read(root, 0x10000, 4), ==, 0x56781234);
    g_assert_cmphex(id_at(1, 8), ==, 0xffffffff);
    numbers(port, 0, 9, 9);
    g_assert_cmphex(id_at(1, 0), ==, 0xffffffff);
    g_assert_cmphex(id_at(9, 0), ==, 0x56781234);
    g_assert_cmpint(pci_requester_id(dev), ==, 0x900);
    pci_fixture_clear();
}

static void ports_nest(void)
{
    PCIDevice *outer = port_at(root, 1, "addr=2.0"), *inner = port_at(bus_behind(outer), 2, "");
    PCIDevice *dev = make_device(bus_behind(inner), TYPE_TEST_PCIE, "");
    g_autofree char *path = device_migration_path(&dev->parent_obj);

    reset_bus(&root->parent_obj);
    numbers(outer, 0, 1, 2);
    g_assert_cmphex(id_at(1, 0), ==, 0x000c1b36);
    numbers(inner, 1, 2, 2);
    g_assert_cmphex(id_at(2, 0), ==, 0x56781234);
    numbers(outer, 0, 1, 1);
    g_assert_cmphex(id_at(2, 0), ==, 0xffffffff);
    g_assert_cmpstr(path, ==, "0000:00:02.0:00.0:00.0");
    pci_fixture_clear();
}

static void wild_numbers_find_something_or_nothing_but_end(void)
{
    PCIDevice *outer = port_at(root, 1, "addr=2.0"), *inner = port_at(bus_behind(outer), 2, "");
    static const int number[] = { 0, 1, 2, 3, 255 };

    make_device(bus_behind(inner), TYPE_TEST_PCIE, "");
    reset_bus(&root->parent_obj);
    for (int i = 0; i < 5 * 5 * 5 * 5; i++) {
        numbers(outer, 0, number[i % 5], number[i / 5 % 5]);
        numbers(inner, number[i / 125 % 5], number[i / 25 % 5], 255);
        for (int bus = 0; bus < 256; bus++) {
            id_at(bus, 0);
        }
    }
    pci_fixture_clear();
}

static void bus_0_is_the_root_whatever_bridges_claim(void)
{
    PCIDevice *dev, *port = occupied_port(1, "addr=2.0", &dev);

    numbers(port, 0, 0, 255);
    g_assert_cmphex(id_at(0, 0x10), ==, 0x000c1b36);
    g_assert_cmphex(id_at(0, 0), ==, 0xffffffff);
    pci_fixture_clear();
}

static void bus_in_reset_takes_no_cycles(void)
{
    PCIDevice *outer = port_at(root, 1, "addr=2.0"), *inner = port_at(bus_behind(outer), 2, "");

    make_device(bus_behind(inner), TYPE_TEST_PCIE, "");
    reset_bus(&root->parent_obj);
    numbers(outer, 0, 1, 2);
    numbers(inner, 1, 2, 2);
    cfg_set(outer, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET, 2);
    g_assert_cmphex(id_at(2, 0), ==, 0xffffffff);
    pci_fixture_clear();
}

/* ---- Secondary bus reset ---- */

static void bus_reset_resets_what_is_below_and_not_the_bridge(void)
{
    PCIDevice *dev, *port = occupied_port(1, "addr=2.0", &dev);
    unsigned before = ((TestPCI *)dev)->resets;

    numbers(port, 0, 1, 1);
    cfg_set(dev, PCI_COMMAND, 6, 2);
    cfg_set(port, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET, 2);
    g_assert_cmpuint(((TestPCI *)dev)->resets, ==, before + 1);
    g_assert_cmphex(cfg(dev, PCI_COMMAND, 2), ==, 0);
    g_assert_cmphex(cfg(port, PCI_SECONDARY_BUS, 1), ==, 1);
    /* It is the rising bit that resets. */
    cfg_set(port, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET | PCI_BRIDGE_CTL_SERR, 2);
    cfg_set(port, PCI_BRIDGE_CONTROL, 0, 2);
    g_assert_cmpuint(((TestPCI *)dev)->resets, ==, before + 1);
    pci_fixture_clear();
}

/* ---- Windows ---- */

static void put_bar(PCIDevice *dev, uint64_t addr)
{
    cfg_set(dev, 0x14, addr, 4);
    cfg_set(dev, PCI_COMMAND, 6, 2);
    ((TestPCI *)dev)->regs[0] = 0x5a;
}

static uint8_t seen(uint64_t addr)
{
    return address_space_load(&address_space_memory, addr, 1, NULL);
}

static void memory_window_shows_what_is_in_it(void)
{
    PCIDevice *dev, *port = occupied_port(1, "addr=2.0", &dev);

    put_bar(dev, 0xe0000000);
    g_assert_cmphex(seen(0xe0000000), ==, 0);
    cfg_set(port, PCI_MEMORY_BASE, 0xe000 | 0xe000u << 16, 4);
    g_assert_cmphex(seen(0xe0000000), ==, 0);
    cfg_set(port, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(seen(0xe0000000), ==, 0x5a);
    cfg_set(port, PCI_MEMORY_BASE, 0xe010 | 0xe010u << 16, 4);
    g_assert_cmphex(seen(0xe0000000), ==, 0);
    put_bar(dev, 0xe01ff000);
    g_assert_cmphex(seen(0xe01ff000), ==, 0x5a);
    cfg_set(port, PCI_COMMAND, 0, 2);
    g_assert_cmphex(seen(0xe01ff000), ==, 0);
    pci_fixture_clear();
}

static void window_is_closed_after_reset(void)
{
    PCIDevice *dev, *port = occupied_port(1, "addr=2.0", &dev);

    cfg_set(port, PCI_MEMORY_BASE, 0xe000 | 0xe000u << 16, 4);
    cfg_set(port, PCI_COMMAND, 7, 2);
    reset_bus(&root->parent_obj);
    g_assert_cmphex(cfg(port, PCI_MEMORY_BASE, 4), ==, 0x0000fff0);
    cfg_set(port, PCI_COMMAND, 7, 2);
    put_bar(dev, 0xe0000000);
    g_assert_cmphex(seen(0xe0000000), ==, 0);
    pci_fixture_clear();
}

static void prefetchable_window_is_64_bits_wide(void)
{
    PCIDevice *dev, *port = occupied_port(1, "addr=2.0", &dev);

    cfg_set(dev, 0x18, 0x40000000, 4);
    cfg_set(dev, 0x1c, 0x12, 4);
    cfg_set(dev, PCI_COMMAND, 6, 2);
    ((TestPCI *)dev)->regs[0] = 0x5a;
    cfg_set(port, PCI_COMMAND, 7, 2);
    cfg_set(port, PCI_PREF_MEMORY_BASE, 0x4000 | 0x4000u << 16, 4);
    g_assert_cmphex(seen(0x1240000000ull), ==, 0);
    cfg_set(port, PCI_PREF_LIMIT_UPPER32, 0x12, 4);
    cfg_set(port, PCI_PREF_BASE_UPPER32, 0x12, 4);
    g_assert_cmphex(seen(0x1240000000ull), ==, 0x5a);
    g_assert_cmphex(pci_bridge_base(port, PCI_BASE_ADDRESS_MEM_PREFETCH), ==, 0x1240000000ull);
    g_assert_cmphex(pci_bridge_limit(port, PCI_BASE_ADDRESS_MEM_PREFETCH), ==, 0x12400fffffull);
    pci_fixture_clear();
}

static void io_window_is_of_4k_steps(void)
{
    PCIDevice *dev, *port = occupied_port(1, "addr=2.0", &dev);

    cfg_set(dev, 0x10, 0xd040, 4);
    cfg_set(dev, PCI_COMMAND, 1, 2);
    cfg_set(port, PCI_IO_BASE, 0xd0 | 0xd0 << 8, 2);
    cfg_set(port, PCI_COMMAND, 1, 2);
    address_space_store(&address_space_io, 0xd041, 0x77, 1);
    g_assert_cmphex(((TestPCI *)dev)->regs[1], ==, 0x77);
    cfg_set(port, PCI_IO_BASE, 0xe0 | 0xd0 << 8, 2);
    address_space_store(&address_space_io, 0xd041, 0x88, 1);
    g_assert_cmphex(((TestPCI *)dev)->regs[1], ==, 0x77);
    pci_fixture_clear();
}

static void vga_enable_opens_the_vga_ranges(void)
{
    PCIDevice *dev, *port = occupied_port(1, "addr=2.0", &dev);

    put_bar(dev, 0xa0000);
    cfg_set(dev, 0x10, 0x3c0, 4);
    cfg_set(dev, PCI_COMMAND, 7, 2);
    cfg_set(port, PCI_COMMAND, 7, 2);
    /* RAM is below the window where they meet. */
    memory_region_set_enabled(&test_ram, false);
    g_assert_cmphex(seen(0xa0000), ==, 0);
    cfg_set(port, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_VGA, 2);
    g_assert_cmphex(seen(0xa0000), ==, 0x5a);
    address_space_store(&address_space_io, 0x3c5, 0x11, 1);
    g_assert_cmphex(((TestPCI *)dev)->regs[5], ==, 0x11);
    cfg_set(port, PCI_BRIDGE_CONTROL, 0, 2);
    g_assert_cmphex(seen(0xa0000), ==, 0);
    memory_region_set_enabled(&test_ram, true);
    pci_fixture_clear();
}

static void windows_nest(void)
{
    PCIDevice *outer = port_at(root, 1, "addr=2.0"), *inner = port_at(bus_behind(outer), 2, "");
    PCIDevice *dev = make_device(bus_behind(inner), TYPE_TEST_PCIE, "");

    reset_bus(&root->parent_obj);
    put_bar(dev, 0xe0000000);
    cfg_set(inner, PCI_MEMORY_BASE, 0xe000 | 0xe000u << 16, 4);
    cfg_set(inner, PCI_COMMAND, 7, 2);
    g_assert_cmphex(seen(0xe0000000), ==, 0);
    cfg_set(outer, PCI_MEMORY_BASE, 0xe000 | 0xe0f0u << 16, 4);
    cfg_set(outer, PCI_COMMAND, 7, 2);
    g_assert_cmphex(seen(0xe0000000), ==, 0x5a);
    pci_fixture_clear();
}

static void bridge_goes_with_what_is_behind_it(void)
{
    PCIDevice *outer = port_at(root, 1, "addr=2.0,id=outer"), *inner = port_at(bus_behind(outer), 2, "id=inner");

    make_device(bus_behind(inner), TYPE_TEST_PCIE, "id=dev");
    reset_bus(&root->parent_obj);
    cfg_set(outer, PCI_MEMORY_BASE, 0xe000 | 0xe000u << 16, 4);
    cfg_set(outer, PCI_COMMAND, 7, 2);
    deleted = 0;
    device_unplug(&outer->parent_obj);
    g_assert_cmpuint(deleted, ==, 3);
    g_assert_null(device_find("dev"));
    g_assert_cmpuint(root->child->len, ==, 0);
    g_assert_cmphex(id_at(0, 0x10), ==, 0xffffffff);
    /* Its chassis and slot numbers are free again. */
    port_at(root, 1, "addr=3.0");
    pci_fixture_clear();
}

static void windows_come_back_with_a_loaded_state(void)
{
    PCIDevice *dev, *port = occupied_port(1, "addr=2.0", &dev);
    Stream *s = stream_new_memory(NULL, 0);
    GByteArray *bytes;

    put_bar(dev, 0xe0000000);
    cfg_set(port, PCI_MEMORY_BASE, 0xe000 | 0xe000u << 16, 4);
    cfg_set(port, PCI_COMMAND, 7, 2);
    pci_device_save(port, s);
    bytes = stream_memory_take(s);
    stream_close(s, true, NULL);
    pci_bridge_reset(port);
    pci_device_reset(port);
    g_assert_cmphex(seen(0xe0000000), ==, 0);
    s = stream_new_memory(bytes->data, bytes->len);
    g_assert_true(pci_device_load(port, s, NULL));
    stream_close(s, false, NULL);
    g_assert_cmphex(seen(0xe0000000), ==, 0x5a);
    g_byte_array_unref(bytes);
    pci_fixture_clear();
}

/* ---- Ports ---- */

static void chassis_and_slot_name_one_port(void)
{
    char *why = NULL;

    port_at(root, 1, "addr=2.0");
    g_assert_null(try_device(root, TYPE_PCIE_ROOT_PORT, "addr=3.0,chassis=1", &why));
    expect_text(why, "Can't add chassis slot, error -16");
    make_device(root, TYPE_PCIE_ROOT_PORT, "addr=3.0,chassis=1,slot=1");
    pci_fixture_clear();
}

static void failed_port_leaves_nothing(void)
{
    char *why = NULL;

    g_assert_null(try_device(root, TYPE_PCIE_ROOT_PORT, "addr=3.0,chassis=1,aer_log_max=129", &why));
    expect_text(why, "Invalid aer_log_max 129. The max number of aer log is 128");
    why = NULL;
    g_assert_null(try_device(root, TYPE_PCIE_ROOT_PORT, "addr=3.0,chassis=1,mem-reserve=4G", &why));
    expect_text(why, "PCI resource reserve cap: mem-reserve must be less than 4G");
    why = NULL;
    g_assert_null(try_device(root, TYPE_PCIE_ROOT_PORT, "addr=3.0,chassis=1,pref32-reserve=1M,pref64-reserve=1M",
                             &why));
    expect_text(why, "PCI resource reserve cap: PREF32 and PREF64 conflict");
    why = NULL;
    g_assert_null(try_device(root, TYPE_PCIE_ROOT_PORT, "addr=3.0,chassis=1,id=slot", &why));
    expect_text(why, "attempt to add duplicate property 'slot' to object (type 'pcie-root-port')");
    g_assert_cmpuint(root->child->len, ==, 0);
    port_at(root, 1, "addr=3.0");
    pci_fixture_clear();
}

static void link_of_a_port_is_as_fast_as_told(void)
{
    static const struct {
        const char *options;
        uint32_t lnkcap, lnkcap2, lnkctl2;
    } link[] = {
        { "x-speed=2_5", 0x00200601, 0, 0 }, { "x-speed=5", 0x00300602, 0, 2 }, { "x-speed=8", 0x00300603, 0xe, 3 },
        { "x-speed=16", 0x00300604, 0x1e, 4 }, { "x-width=1", 0x00300414, 0x1e, 4 },
        { "x-width=1,x-speed=2_5", 0x00000411, 0, 0 }, { "x-width=16", 0x00300504, 0x1e, 4 },
        { "port=5", 0x05300604, 0x1e, 4 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(link); i++) {
        PCIDevice *port = port_at(root, 1, link[i].options);

        g_assert_cmphex(cfg(port, 0x60, 4), ==, link[i].lnkcap);
        g_assert_cmphex(cfg(port, 0x80, 4), ==, link[i].lnkcap2);
        g_assert_cmphex(cfg(port, 0x84, 4), ==, link[i].lnkctl2);
        pci_fixture_clear();
    }
}

static void slot_is_as_the_properties_say(void)
{
    static const struct {
        const char *options;
        uint32_t offset, value;
    } slot[] = {
        { "slot=3", 0x68, 0x001a007b }, { "hotplug=off", 0x68, 0x0002001b },
        { "power_controller_present=off", 0x68, 0x00020079 }, { "slot=8192", 0x68, 0x0002007b },
        { "disable-acs=on", 0x100, 0x00020001 }, { "aer_log_max=0", 0x118, 0xa0 }, { "aer_log_max=128", 0x118, 0x2a0 },
        { "io-reserve=4K", 0x98, 0x1000 }, { "mem-reserve=1M,bus-reserve=2,pref64-reserve=1G", 0xa8, 0x40000000 },
        { "bus-reserve=2", 0x94, 2 }, { "x-do-not-expose-native-hotplug-cap=on", 0x90, 0x01205409 },
        { "multifunction=on", 0x0c, 0x00810000 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(slot); i++) {
        PCIDevice *port = port_at(root, 1, slot[i].options);

        g_assert_cmphex(cfg(port, slot[i].offset, 4), ==, slot[i].value);
        pci_fixture_clear();
    }
}

#define T(fn) g_test_add_func("/pci-bridge/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pci_fixture_init();
    T(cycles_go_where_the_numbers_say);
    T(ports_nest);
    T(wild_numbers_find_something_or_nothing_but_end);
    T(bus_0_is_the_root_whatever_bridges_claim);
    T(bus_in_reset_takes_no_cycles);
    T(bus_reset_resets_what_is_below_and_not_the_bridge);
    T(memory_window_shows_what_is_in_it);
    T(window_is_closed_after_reset);
    T(prefetchable_window_is_64_bits_wide);
    T(io_window_is_of_4k_steps);
    T(vga_enable_opens_the_vga_ranges);
    T(windows_nest);
    T(bridge_goes_with_what_is_behind_it);
    T(windows_come_back_with_a_loaded_state);
    T(chassis_and_slot_name_one_port);
    T(failed_port_leaves_nothing);
    T(link_of_a_port_is_as_fast_as_told);
    T(slot_is_as_the_properties_say);
    return g_test_run();
}
