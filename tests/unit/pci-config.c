/* Config space, BARs, INTx, addresses, capabilities, the load check and option ROMs. */
#include <glib/gstdio.h>
#include <unistd.h>

#include "pci-fixture.h"

static PCIDevice *conventional(void)
{
    return make_device(root, TYPE_TEST_PCI, "addr=3.0");
}

/* ---- Config space ---- */

static void read_only_bits_stay(void)
{
    PCIDevice *dev = conventional();

    cfg_set(dev, PCI_VENDOR_ID, 0xffffffff, 4);
    g_assert_cmphex(cfg(dev, PCI_VENDOR_ID, 4), ==, 0x56781234);
    cfg_set(dev, PCI_COMMAND, 0xffff, 2);
    g_assert_cmphex(cfg(dev, PCI_COMMAND, 2), ==, 0x507);
    pci_fixture_clear();
}

static void status_bits_clear_by_writing_one(void)
{
    PCIDevice *dev = conventional();

    pci_set_word(dev->config + PCI_STATUS, 0xf900);
    cfg_set(dev, PCI_STATUS, 0x8100, 2);
    g_assert_cmphex(cfg(dev, PCI_STATUS, 2), ==, 0x7800);
    cfg_set(dev, PCI_STATUS, 0, 2);
    g_assert_cmphex(cfg(dev, PCI_STATUS, 2), ==, 0x7800);
    pci_fixture_clear();
}

static void byte_writes_reach_their_byte_only(void)
{
    PCIDevice *dev = conventional();

    cfg_set(dev, PCI_COMMAND + 1, 0x05, 1);
    g_assert_cmphex(cfg(dev, PCI_COMMAND, 2), ==, 0x500);
    cfg_set(dev, PCI_INTERRUPT_LINE, 0x0b, 1);
    g_assert_cmphex(cfg(dev, PCI_INTERRUPT_LINE, 4), ==, 0x0000010b);
    pci_fixture_clear();
}

static void conventional_device_has_256_bytes(void)
{
    PCIDevice *dev = conventional();

    g_assert_cmpuint(dev->config_size, ==, 256);
    g_assert_cmphex(cfg(dev, 0x100, 4), ==, 0xffffffff);
    cfg_set(dev, 0x100, 1, 4);
    g_assert_cmphex(cfg(dev, 0xff, 1), ==, 0);
    pci_fixture_clear();
}

static void access_by_port_ends_at_256_bytes(void)
{
    PCIDevice *dev = make_device(root, TYPE_TEST_PCIE, "addr=3.0");

    g_assert_cmpuint(dev->config_size, ==, 4096);
    g_assert_cmphex(pcie_mmcfg_read(root, 0x18 << 12 | 0x100, 4), !=, 0xffffffff);
    g_assert_cmphex(pci_data_read(root, 0x18 << 8 | 0xfc, 4), ==, 0);
    g_assert_cmphex(pcie_mmcfg_read(root, 0x18 << 12 | 0xfff, 1), ==, 0);
    pci_fixture_clear();
}

static void no_device_reads_as_ones(void)
{
    g_assert_cmphex(pci_data_read(root, 0x28 << 8, 4), ==, 0xffffffff);
    g_assert_cmphex(pcie_mmcfg_read(root, 0x28 << 12, 2), ==, 0xffffffff);
    pci_data_write(root, 0x28 << 8 | 4, 7, 2);
    g_assert_cmphex(pcie_mmcfg_read(root, 0x0fffffff, 1), ==, 0xffffffff);
    pci_fixture_clear();
}

static void reset_brings_back_what_was_there_at_power_on(void)
{
    PCIDevice *dev = conventional();
    g_autofree uint8_t *before = g_memdup2(dev->config, dev->config_size);

    cfg_set(dev, PCI_COMMAND, 7, 2);
    cfg_set(dev, PCI_BASE_ADDRESS_0, 0xc000, 4);
    cfg_set(dev, PCI_BASE_ADDRESS_0 + 4, 0xe0000000, 4);
    cfg_set(dev, PCI_INTERRUPT_LINE, 9, 1);
    cfg_set(dev, PCI_CACHE_LINE_SIZE, 8, 1);
    pci_set_irq(dev, 1);
    reset_bus(&root->parent_obj);
    g_assert_cmpmem(dev->config, dev->config_size, before, dev->config_size);
    g_assert_cmphex(pci_bar_addr(dev, 1), ==, PCI_BAR_UNMAPPED);
    g_assert_cmpint(irq_level[3], ==, 0);
    g_assert_cmpuint(((TestPCI *)dev)->resets, >, 0);
    pci_fixture_clear();
}

/* ---- BARs ---- */

static void bar_is_sized_by_writing_ones(void)
{
    PCIDevice *dev = conventional();

    cfg_set(dev, 0x10, 0xffffffff, 4);
    cfg_set(dev, 0x14, 0xffffffff, 4);
    cfg_set(dev, 0x18, 0xffffffff, 4);
    cfg_set(dev, 0x1c, 0xffffffff, 4);
    g_assert_cmphex(cfg(dev, 0x10, 4), ==, 0xffffffc1);
    g_assert_cmphex(cfg(dev, 0x14, 4), ==, 0xfffff000);
    g_assert_cmphex(cfg(dev, 0x18, 4), ==, 0xffffe00c);
    g_assert_cmphex(cfg(dev, 0x1c, 4), ==, 0xffffffff);
    pci_fixture_clear();
}

static void bar_is_mapped_while_command_says_so(void)
{
    PCIDevice *dev = conventional();

    cfg_set(dev, 0x14, 0xe0000000, 4);
    g_assert_cmphex(pci_bar_addr(dev, 1), ==, PCI_BAR_UNMAPPED);
    cfg_set(dev, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(pci_bar_addr(dev, 1), ==, 0xe0000000);
    address_space_store(&address_space_memory, 0xe0000010, 0x12345678, 4);
    g_assert_cmphex(address_space_load(&address_space_memory, 0xe0000010, 4, NULL), ==, 0x12345678);
    cfg_set(dev, 0x14, 0xe1000000, 4);
    g_assert_cmphex(address_space_load(&address_space_memory, 0xe1000010, 4, NULL), ==, 0x12345678);
    g_assert_cmphex(address_space_load(&address_space_memory, 0xe0000010, 4, NULL), ==, 0);
    cfg_set(dev, PCI_COMMAND, 0, 2);
    g_assert_cmphex(address_space_load(&address_space_memory, 0xe1000010, 4, NULL), ==, 0);
    pci_fixture_clear();
}

static void io_bar_is_in_port_space(void)
{
    PCIDevice *dev = conventional();

    cfg_set(dev, 0x10, 0xc000, 4);
    cfg_set(dev, PCI_COMMAND, PCI_COMMAND_IO, 2);
    g_assert_cmphex(pci_bar_addr(dev, 0), ==, 0xc000);
    address_space_store(&address_space_io, 0xc004, 0x5a, 1);
    g_assert_cmphex(((TestPCI *)dev)->regs[4], ==, 0x5a);
    pci_fixture_clear();
}

static void bar_of_64_bits_goes_above_4g(void)
{
    PCIDevice *dev = conventional();

    cfg_set(dev, 0x18, 0x4000000c, 4);
    cfg_set(dev, 0x1c, 0x12, 4);
    cfg_set(dev, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(pci_bar_addr(dev, 2), ==, 0x1240000000ull);
    pci_fixture_clear();
}

static void bar_at_0_or_over_the_top_is_not_mapped(void)
{
    PCIDevice *dev = conventional();

    cfg_set(dev, PCI_COMMAND, 3, 2);
    g_assert_cmphex(pci_bar_addr(dev, 0), ==, PCI_BAR_UNMAPPED);
    cfg_set(dev, 0x14, 0xfffff000, 4);
    g_assert_cmphex(pci_bar_addr(dev, 1), ==, PCI_BAR_UNMAPPED);
    cfg_set(dev, 0x18, 0xffffe000, 4);
    cfg_set(dev, 0x1c, 0xffffffff, 4);
    g_assert_cmphex(pci_bar_addr(dev, 2), ==, PCI_BAR_UNMAPPED);
    pci_fixture_clear();
}

/* ---- INTx ---- */

static void pins_swizzle_to_lines(void)
{
    PCIDevice *a = make_device(root, TYPE_TEST_PCI, "addr=3.0"), *b = make_device(root, TYPE_TEST_PCI, "addr=4.0");

    pci_set_irq(a, 1);
    g_assert_cmpint(irq_level[3], ==, 1);
    g_assert_cmphex(cfg(a, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    pci_set_irq(b, 1);
    g_assert_cmpint(irq_level[0], ==, 1);
    pci_set_irq(a, 0);
    g_assert_cmpint(irq_level[3], ==, 0);
    pci_fixture_clear();
    g_assert_cmpint(irq_level[0], ==, 0);
}

static void line_is_high_while_anyone_drives_it(void)
{
    PCIDevice *a = make_device(root, TYPE_TEST_PCI, "addr=3.0"), *b = make_device(root, TYPE_TEST_PCI, "addr=7.0");

    pci_set_irq(a, 1);
    pci_set_irq(a, 1);
    pci_set_irq(b, 1);
    g_assert_cmpint(root->irq_count[3], ==, 2);
    pci_set_irq(a, 0);
    g_assert_cmpint(irq_level[3], ==, 1);
    device_unplug(&b->parent_obj);
    g_assert_cmpint(irq_level[3], ==, 0);
    pci_fixture_clear();
}

static void disabled_interrupt_is_pending_in_status_only(void)
{
    PCIDevice *dev = conventional();

    cfg_set(dev, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
    pci_set_irq(dev, 1);
    g_assert_cmpint(irq_level[3], ==, 0);
    g_assert_cmphex(cfg(dev, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    cfg_set(dev, PCI_COMMAND, 0, 2);
    g_assert_cmpint(irq_level[3], ==, 1);
    cfg_set(dev, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
    g_assert_cmpint(irq_level[3], ==, 0);
    pci_fixture_clear();
}

static void pins_behind_a_port_swizzle_again(void)
{
    PCIDevice *port = make_port("addr=2.0,chassis=1", 1, 1);
    PCIDevice *dev = make_device(bus_behind(port), TYPE_TEST_PCIE, "");

    pci_set_irq(dev, 1);
    g_assert_cmpint(irq_level[2], ==, 1);
    pci_fixture_clear();
    g_assert_cmpint(irq_level[2], ==, 0);
}

/* ---- Bus mastering ---- */

static void device_reaches_memory_only_as_bus_master(void)
{
    PCIDevice *dev = conventional();
    uint32_t word = 0x11223344, back = 1;

    g_assert_cmpint(pci_dma_write(dev, 0x2000, &word, 4), !=, MEMTX_OK);
    g_assert_cmphex(ram_word(0x2000), ==, 0);
    cfg_set(dev, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    g_assert_cmpint(pci_dma_write(dev, 0x2000, &word, 4), ==, MEMTX_OK);
    g_assert_cmphex(ram_word(0x2000), ==, 0x11223344);
    cfg_set(dev, PCI_COMMAND, 0, 2);
    g_assert_cmpint(pci_dma_read(dev, 0x2000, &back, 4), !=, MEMTX_OK);
    g_assert_cmphex(back, ==, 0);
    pci_fixture_clear();
}

/* ---- Addresses ---- */

static void first_free_slot_is_taken(void)
{
    PCIDevice *a = make_device(root, TYPE_TEST_PCI, ""), *b = make_device(root, TYPE_TEST_PCI, "");

    g_assert_cmpint(a->devfn, ==, PCI_DEVFN(0, 0));
    g_assert_cmpint(b->devfn, ==, PCI_DEVFN(1, 0));
    pci_fixture_clear();
}

static void busy_slot_is_refused(void)
{
    char *why = NULL;

    make_device(root, TYPE_TEST_PCI, "addr=3.0,id=first");
    g_assert_null(try_device(root, TYPE_TEST_PCIE, "addr=3.0", &why));
    expect_text(why, "PCI: slot 3 function 0 not available for test-pcie, in use by test-pci,id=first");
    pci_fixture_clear();
}

static void full_bus_is_refused(void)
{
    char *why = NULL;

    for (int i = 0; i < 32; i++) {
        make_device(root, TYPE_TEST_PCI, "");
    }
    g_assert_null(try_device(root, TYPE_TEST_PCI, "", &why));
    expect_text(why, "PCI: no slot/function available for test-pci, all in use or reserved");
    pci_fixture_clear();
}

static void functions_agree_with_the_header_of_function_0(void)
{
    char *why = NULL;

    make_device(root, TYPE_TEST_PCI, "addr=3.0");
    g_assert_null(try_device(root, TYPE_TEST_PCI, "addr=3.1", &why));
    expect_text(why, "PCI: single function device can't be populated in function 3.1");
    make_device(root, TYPE_TEST_PCI, "addr=1c.2");
    why = NULL;
    g_assert_null(try_device(root, TYPE_TEST_PCI, "addr=1c.0", &why));
    expect_text(why, "PCI: 1c.0 indicates single function, but 1c.2 is already populated.");
    g_assert_cmphex(cfg(make_device(root, TYPE_TEST_PCI, "addr=1c.0,multifunction=on"), PCI_HEADER_TYPE, 1), ==, 0x80);
    pci_fixture_clear();
}

static void bad_addresses_are_refused(void)
{
    static const char *const bad[] = { "32", "3.8", "zz", "-1", "3.", "", ".1", " 3", "3.1x", "300000000000" };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *options = g_strdup_printf("addr=%s", bad[i]);
        g_autofree char *text = g_strdup_printf("Property 'test-pci.addr' doesn't take value '%s'", bad[i]);
        char *why = NULL;

        g_assert_null(try_device(root, TYPE_TEST_PCI, options, &why));
        expect_text(why, text);
    }
    pci_fixture_clear();
}

static void address_is_hexadecimal(void)
{
    PCIDevice *dev = make_device(root, TYPE_TEST_PCI, "addr=1f.7");
    g_autofree char *path = device_migration_path(&dev->parent_obj);

    g_assert_cmphex(dev->devfn, ==, 0xff);
    g_assert_cmpstr(path, ==, "0000:00:1f.7");
    pci_fixture_clear();
}

/* ---- Capabilities ---- */

static void capabilities_chain_newest_first(void)
{
    PCIDevice *dev = conventional();
    uint8_t a = pci_add_capability(dev, PCI_CAP_ID_VNDR, 0x40, 8, NULL);
    uint8_t b = pci_add_capability(dev, PCI_CAP_ID_AF, 0, 6, NULL);

    g_assert_cmphex(a, ==, 0x40);
    g_assert_cmphex(b, ==, 0x48);
    g_assert_cmphex(cfg(dev, PCI_CAPABILITY_LIST, 1), ==, 0x48);
    g_assert_cmphex(cfg(dev, 0x49, 1), ==, 0x40);
    g_assert_cmphex(cfg(dev, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, !=, 0);
    g_assert_cmphex(pci_find_capability(dev, PCI_CAP_ID_VNDR), ==, 0x40);
    g_assert_cmphex(pci_find_capability(dev, PCI_CAP_ID_MSI), ==, 0);
    cfg_set(dev, 0x44, 0xffffffff, 4);
    g_assert_cmphex(cfg(dev, 0x44, 4), ==, 0);
    pci_del_capability(dev, PCI_CAP_ID_AF, 6);
    g_assert_cmphex(cfg(dev, PCI_CAPABILITY_LIST, 1), ==, 0x40);
    pci_del_capability(dev, PCI_CAP_ID_VNDR, 8);
    g_assert_cmphex(cfg(dev, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, ==, 0);
    pci_fixture_clear();
}

static void capabilities_do_not_overlap(void)
{
    PCIDevice *dev = conventional();
    GError *error = NULL;

    pci_add_capability(dev, PCI_CAP_ID_VNDR, 0x50, 8, NULL);
    g_assert_cmpint(pci_add_capability(dev, PCI_CAP_ID_MSI, 0x54, 8, &error), ==, 0);
    g_assert_cmpstr(error->message, ==, "0000:00:03.0 Attempt to add PCI capability 5 at offset 54 overlaps existing "
                    "capability at offset 54");
    g_clear_error(&error);
    while (pci_add_capability(dev, PCI_CAP_ID_VNDR, 0, 16, &error)) {
    }
    g_assert_cmpstr(error->message, ==, "out of PCI config space");
    g_clear_error(&error);
    pci_fixture_clear();
}

static void capability_search_ends_in_a_loop(void)
{
    PCIDevice *dev = conventional();

    pci_add_capability(dev, PCI_CAP_ID_VNDR, 0x40, 8, NULL);
    dev->config[0x41] = 0x40;
    g_assert_cmphex(pci_find_capability(dev, PCI_CAP_ID_MSI), ==, 0);
    pci_fixture_clear();
}

static void extended_capabilities_chain_in_order(void)
{
    PCIDevice *dev = make_device(root, TYPE_TEST_PCIE, "addr=3.0");

    g_assert_cmphex(pci_get_long(dev->config + 0x100), ==, 0x18020001);
    g_assert_cmphex(pci_get_long(dev->config + 0x180), ==, 0x0001000e);
    g_assert_cmphex(pcie_find_capability(dev, PCI_EXT_CAP_ID_ARI), ==, 0x180);
    g_assert_cmphex(pcie_find_capability(dev, PCI_EXT_CAP_ID_ATS), ==, 0);
    pci_set_long(dev->config + 0x180, 0x1801000e);
    g_assert_cmphex(pcie_find_capability(dev, PCI_EXT_CAP_ID_ATS), ==, 0);
    pci_fixture_clear();
}

static void integrated_endpoint_is_one_on_the_root_bus_only(void)
{
    PCIDevice *port = make_port("addr=2.0,chassis=1", 1, 1);

    g_assert_cmpint(pcie_cap_type(make_device(root, TYPE_TEST_PCIE, "addr=3.0")), ==, PCI_EXP_TYPE_RC_END);
    g_assert_cmpint(pcie_cap_type(make_device(bus_behind(port), TYPE_TEST_PCIE, "")), ==, PCI_EXP_TYPE_ENDPOINT);
    pci_fixture_clear();
}

static void function_level_reset_resets_the_function(void)
{
    PCIDevice *dev = make_device(root, TYPE_TEST_PCIE, "addr=3.0");
    PCIDevice *other = make_device(root, TYPE_TEST_PCIE, "addr=4.0");
    unsigned before = ((TestPCI *)dev)->resets;

    cfg_set(dev, PCI_COMMAND, 6, 2);
    cfg_set(other, PCI_COMMAND, 6, 2);
    cfg_set(dev, dev->exp_cap + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
    g_assert_cmphex(cfg(dev, PCI_COMMAND, 2), ==, 0);
    g_assert_cmphex(cfg(dev, dev->exp_cap + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_BCR_FLR, ==, 0);
    g_assert_cmpuint(((TestPCI *)dev)->resets, ==, before + 1);
    g_assert_cmphex(cfg(other, PCI_COMMAND, 2), ==, 6);
    pci_fixture_clear();
}

/* ---- Migration ---- */

static GByteArray *save(PCIDevice *dev)
{
    Stream *s = stream_new_memory(NULL, 0);
    GByteArray *bytes;

    pci_device_save(dev, s);
    bytes = stream_memory_take(s);
    stream_close(s, true, NULL);
    return bytes;
}

static bool load(PCIDevice *dev, GByteArray *bytes, GError **error)
{
    Stream *s = stream_new_memory(bytes->data, bytes->len);
    bool ok = pci_device_load(dev, s, error);

    stream_close(s, false, NULL);
    return ok;
}

static void state_is_276_or_4116_bytes(void)
{
    g_autoptr(GByteArray) small = save(conventional());
    g_autoptr(GByteArray) large = save(make_device(root, TYPE_TEST_PCIE, "addr=4.0"));

    g_assert_cmpuint(small->len, ==, 276);
    g_assert_cmpuint(large->len, ==, 4116);
    g_assert_cmphex(small->data[3], ==, 2);
    pci_fixture_clear();
}

static void loaded_bars_are_mapped(void)
{
    PCIDevice *dev = conventional();
    g_autoptr(GByteArray) bytes = NULL;

    cfg_set(dev, 0x14, 0xe0000000, 4);
    cfg_set(dev, PCI_COMMAND, 2, 2);
    bytes = save(dev);
    pci_device_reset(dev);
    g_assert_true(load(dev, bytes, NULL));
    g_assert_cmphex(pci_bar_addr(dev, 1), ==, 0xe0000000);
    pci_fixture_clear();
}

static void line_state_is_loaded_without_driving(void)
{
    PCIDevice *dev = conventional();
    g_autoptr(GByteArray) bytes = NULL;

    pci_set_irq(dev, 1);
    bytes = save(dev);
    g_assert_cmphex(bytes->data[4 + PCI_STATUS] & PCI_STATUS_INTERRUPT, ==, 0);
    g_assert_cmphex(bytes->data[260 + 3], ==, 1);
    pci_set_irq(dev, 0);
    g_assert_true(load(dev, bytes, NULL));
    g_assert_true(pci_irq_level(dev));
    g_assert_cmphex(cfg(dev, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    g_assert_cmpint(irq_level[3], ==, 0);
    dev->irq_state = 0;
    pci_fixture_clear();
}

static void config_that_differs_is_refused_in_qemus_words(void)
{
    PCIDevice *dev = conventional();
    g_autoptr(GByteArray) bytes = save(dev);
    g_autofree uint8_t *before = g_memdup2(dev->config, dev->config_size);
    GError *error = NULL;

    bytes->data[4 + 2] = 0x42;
    bytes->data[4 + PCI_COMMAND] = 7;
    g_assert_false(load(dev, bytes, &error));
    g_assert_cmpstr(error->message, ==, "get_pci_config_device: Bad config data: i=0x2 read: 42 device: 78 cmask: ff "
                    "wmask: 0 w1cmask:0\nFailed to load PCIDevice:config");
    g_clear_error(&error);
    g_assert_cmpmem(dev->config, dev->config_size, before, dev->config_size);
    pci_fixture_clear();
}

static void writable_and_unchecked_bytes_may_differ(void)
{
    PCIDevice *dev = conventional();
    g_autoptr(GByteArray) bytes = save(dev);

    bytes->data[4 + PCI_INTERRUPT_LINE] = 0x0b;
    bytes->data[4 + 0x80] = 0xaa;
    bytes->data[4 + PCI_STATUS + 1] = 0x80;
    g_assert_true(load(dev, bytes, NULL));
    g_assert_cmphex(cfg(dev, 0x80, 1), ==, 0xaa);
    pci_fixture_clear();
}

static void mismatch_is_the_first_byte_that_may_not_differ(void)
{
    PCIDevice *dev = make_device(root, TYPE_PCIE_ROOT_PORT, "addr=3.0");
    g_autofree uint8_t *bytes = g_memdup2(dev->config, dev->config_size);

    g_assert_cmpint(pci_config_mismatch(dev, bytes), ==, -1);
    bytes[0x10a] ^= 0x40;       /* PCI_ERR_UNCOR_MASK: writable in 8.2 */
    g_assert_cmpint(pci_config_mismatch(dev, bytes), ==, -1);
    bytes[0x14c] ^= 1;
    bytes[0x100] ^= 1;
    g_assert_cmpint(pci_config_mismatch(dev, bytes), ==, 0x100);
    pci_fixture_clear();
}

static void line_level_of_2_is_refused(void)
{
    PCIDevice *dev = conventional();
    g_autoptr(GByteArray) bytes = save(dev);
    GError *error = NULL;

    bytes->data[260 + 4 + 3] = 2;
    g_assert_false(load(dev, bytes, &error));
    g_assert_cmpstr(error->message, ==, "irq state 2: must be 0 or 1.\nFailed to load PCIDevice:irq_state");
    g_clear_error(&error);
    pci_fixture_clear();
}

static void short_stream_is_refused(void)
{
    PCIDevice *dev = conventional();
    g_autoptr(GByteArray) bytes = save(dev);
    g_autofree uint8_t *before = g_memdup2(dev->config, dev->config_size);
    GError *error = NULL;

    g_byte_array_set_size(bytes, 200);
    g_assert_false(load(dev, bytes, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_cmpmem(dev->config, dev->config_size, before, dev->config_size);
    pci_fixture_clear();
}

/* ---- ARI ---- */

static void next_function_is_0_unless_an_old_machine_says_1(void)
{
    PCIDevice *now = make_device(root, TYPE_TEST_PCIE, "addr=3.0"), *old;

    g_assert_cmphex(cfg(now, 0x184, 2), ==, 0x0000);
    compat_set_machine(RELEASE(8, 0));
    old = make_device(root, TYPE_TEST_PCIE, "addr=4.0");
    g_assert_cmphex(cfg(old, 0x184, 2), ==, 0x0100);
    old = make_device(root, TYPE_TEST_PCIE, "addr=5.0,x-pcie-ari-nextfn-1=off");
    g_assert_cmphex(cfg(old, 0x184, 2), ==, 0x0000);
    compat_set_machine((Release){ 0 });
    pci_fixture_clear();
}

/* ---- Option ROM ---- */

static char *rom_file(size_t size)
{
    g_autofree char *bytes = g_malloc(size + 1);
    char *path = NULL;
    int fd = g_file_open_tmp("romXXXXXX", &path, NULL);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = i * 7;
    }
    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    g_assert_true(g_file_set_contents(path, bytes, size, NULL));
    return path;
}

static void rom_bar_shows_the_file(void)
{
    g_autofree char *path = rom_file(1264);
    g_autofree char *options = g_strdup_printf("addr=3.0,romfile=%s", path);
    PCIDevice *dev = make_device(root, TYPE_TEST_PCI, options);

    g_assert_cmpuint(dev->romsize, ==, 2048);
    cfg_set(dev, PCI_ROM_ADDRESS, 0xffffffff, 4);
    g_assert_cmphex(cfg(dev, PCI_ROM_ADDRESS, 4), ==, 0xfffff801);
    cfg_set(dev, PCI_ROM_ADDRESS, 0xe0000000, 4);
    cfg_set(dev, PCI_COMMAND, 2, 2);
    g_assert_cmphex(pci_bar_addr(dev, PCI_ROM_SLOT), ==, PCI_BAR_UNMAPPED);
    cfg_set(dev, PCI_ROM_ADDRESS, 0xe0000001, 4);
    g_assert_cmphex(pci_bar_addr(dev, PCI_ROM_SLOT), ==, 0xe0000000);
    g_assert_cmphex(address_space_load(&address_space_memory, 0xe0000001, 1, NULL), ==, 7);
    address_space_store(&address_space_memory, 0xe0000001, 0, 1);
    g_assert_cmphex(address_space_load(&address_space_memory, 0xe0000001, 1, NULL), ==, 7);
    g_assert_cmphex(address_space_load(&address_space_memory, 0xe0000000 + 1264, 1, NULL), ==, 0);
    pci_fixture_clear();
    unlink(path);
}

static void rom_without_bar_is_none(void)
{
    g_autofree char *path = rom_file(100);
    g_autofree char *options = g_strdup_printf("addr=3.0,rombar=0,romfile=%s", path);
    PCIDevice *dev = make_device(root, TYPE_TEST_PCI, options);

    cfg_set(dev, PCI_ROM_ADDRESS, 0xffffffff, 4);
    g_assert_cmphex(cfg(dev, PCI_ROM_ADDRESS, 4), ==, 0);
    pci_fixture_clear();
    unlink(path);
}

static void bad_roms_are_refused(void)
{
    g_autofree char *path = rom_file(1264), *empty = rom_file(0);
    struct {
        const char *file, *size, *why;
    } bad[] = {
        { "/nonexistent", NULL, "failed to find romfile \"/nonexistent\"" },
        { "no-such-rom.bin", NULL, "failed to find romfile \"no-such-rom.bin\"" },
        { "/etc", NULL, "romfile \"/etc\" too large (size cannot exceed 2 GiB)" },
        { path, "1024", "romfile \"%s\" (1264 bytes) is too large for ROM size 1024" },
        { empty, NULL, "romfile \"%s\" is empty" },
        { path, "3", "ROM size 3 is not a power of two" },
        { path, "0", "ROM size 0 is not a power of two" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *options = g_strdup_printf("addr=3.0,romfile=%s%s%s", bad[i].file,
                                                   bad[i].size ? ",romsize=" : "", bad[i].size ? bad[i].size : "");
        g_auto(GStrv) part = g_strsplit(bad[i].why, "%s", 2);
        g_autofree char *text = g_strjoinv(bad[i].file, part);
        char *why = NULL;

        g_assert_null(try_device(root, TYPE_TEST_PCI, options, &why));
        expect_text(why, text);
        g_assert_null(root->devices[PCI_DEVFN(3, 0)]);
    }
    pci_fixture_clear();
    unlink(path);
    unlink(empty);
}

static void only_network_devices_pair_for_failover(void)
{
    char *why = NULL;

    g_assert_null(try_device(root, TYPE_TEST_PCI, "failover_pair_id=x", &why));
    expect_text(why, "failover primary device is not an Ethernet device");
    pci_fixture_clear();
}

#define T(fn) g_test_add_func("/pci-config/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pci_fixture_init();
    T(read_only_bits_stay);
    T(status_bits_clear_by_writing_one);
    T(byte_writes_reach_their_byte_only);
    T(conventional_device_has_256_bytes);
    T(access_by_port_ends_at_256_bytes);
    T(no_device_reads_as_ones);
    T(reset_brings_back_what_was_there_at_power_on);
    T(bar_is_sized_by_writing_ones);
    T(bar_is_mapped_while_command_says_so);
    T(io_bar_is_in_port_space);
    T(bar_of_64_bits_goes_above_4g);
    T(bar_at_0_or_over_the_top_is_not_mapped);
    T(pins_swizzle_to_lines);
    T(line_is_high_while_anyone_drives_it);
    T(disabled_interrupt_is_pending_in_status_only);
    T(pins_behind_a_port_swizzle_again);
    T(device_reaches_memory_only_as_bus_master);
    T(first_free_slot_is_taken);
    T(busy_slot_is_refused);
    T(full_bus_is_refused);
    T(functions_agree_with_the_header_of_function_0);
    T(bad_addresses_are_refused);
    T(address_is_hexadecimal);
    T(capabilities_chain_newest_first);
    T(capabilities_do_not_overlap);
    T(capability_search_ends_in_a_loop);
    T(extended_capabilities_chain_in_order);
    T(integrated_endpoint_is_one_on_the_root_bus_only);
    T(function_level_reset_resets_the_function);
    T(state_is_276_or_4116_bytes);
    T(loaded_bars_are_mapped);
    T(line_state_is_loaded_without_driving);
    T(config_that_differs_is_refused_in_qemus_words);
    T(writable_and_unchecked_bytes_may_differ);
    T(mismatch_is_the_first_byte_that_may_not_differ);
    T(line_level_of_2_is_refused);
    T(short_stream_is_refused);
    T(next_function_is_0_unless_an_old_machine_says_1);
    T(rom_bar_shows_the_file);
    T(rom_without_bar_is_none);
    T(bad_roms_are_refused);
    T(only_network_devices_pair_for_failover);
    return g_test_run();
}
