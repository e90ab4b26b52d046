/* MSI and MSI-X: delivery, masks, pending bits, registers, bounds and migration. Messages are words in RAM. */
#include "pci-fixture.h"

enum { MSI_ADDRESS = 0x3000, TABLE = 0xe0000000, PBA = TABLE + 0x800 };

static PCIDevice *endpoint(void)
{
    PCIDevice *dev = make_device(root, TYPE_TEST_PCIE, "addr=3.0");

    cfg_set(dev, PCI_BASE_ADDRESS_0 + 4 * 4, TABLE, 4);
    cfg_set(dev, PCI_COMMAND, 6, 2);
    return dev;
}

static void table_set(unsigned vector, uint64_t address, uint32_t data, uint32_t control)
{
    hwaddr at = TABLE + vector * 16;

    address_space_store(&address_space_memory, at, address, 8);
    address_space_store(&address_space_memory, at + 8, data, 4);
    address_space_store(&address_space_memory, at + 12, control, 4);
}

static void msix_flags(PCIDevice *dev, uint16_t flags)
{
    cfg_set(dev, dev->msix_cap + PCI_MSIX_FLAGS, flags, 2);
}

static uint32_t message(void)
{
    uint32_t word = ram_word(MSI_ADDRESS);

    memset((uint8_t *)memory_region_host(&test_ram) + MSI_ADDRESS, 0, 4);
    return word;
}

static uint64_t pending(void)
{
    return address_space_load(&address_space_memory, PBA, 8, NULL);
}

/* ---- MSI-X ---- */

static void vector_sends_its_message(void)
{
    PCIDevice *dev = endpoint();

    table_set(2, MSI_ADDRESS, 0xabcd, 0);
    msix_notify(dev, 2);
    g_assert_cmphex(message(), ==, 0);
    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE);
    g_assert_cmphex(message(), ==, 0xabcd);     /* it waited for the function's mask */
    msix_notify(dev, 2);
    g_assert_cmphex(message(), ==, 0xabcd);
    msix_notify(dev, 3);
    msix_notify(dev, 4);
    msix_notify(dev, 4000000);
    g_assert_cmphex(message(), ==, 0);
    pci_fixture_clear();
}

static void message_needs_bus_mastering(void)
{
    PCIDevice *dev = endpoint();

    table_set(0, MSI_ADDRESS, 0xabcd, 0);
    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE);
    cfg_set(dev, PCI_COMMAND, 2, 2);
    msix_notify(dev, 0);
    g_assert_cmphex(message(), ==, 0);
    pci_fixture_clear();
}

static void masked_vector_is_pending_until_unmasked(void)
{
    PCIDevice *dev = endpoint();

    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE);
    table_set(1, MSI_ADDRESS, 0x1111, 1);
    msix_notify(dev, 1);
    g_assert_cmphex(message(), ==, 0);
    g_assert_cmphex(pending(), ==, 2);
    table_set(1, MSI_ADDRESS, 0x2222, 0);
    g_assert_cmphex(message(), ==, 0x2222);
    g_assert_cmphex(pending(), ==, 0);
    pci_fixture_clear();
}

static void function_mask_holds_all_vectors(void)
{
    PCIDevice *dev = endpoint();

    table_set(0, MSI_ADDRESS, 0x1111, 0);
    table_set(3, MSI_ADDRESS, 0x3333, 1);
    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    msix_notify(dev, 0);
    msix_notify(dev, 3);
    g_assert_cmphex(pending(), ==, 9);
    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE);
    g_assert_cmphex(message(), ==, 0x1111);
    g_assert_cmphex(pending(), ==, 8);
    pci_fixture_clear();
}

static void enabling_msix_lowers_the_line(void)
{
    PCIDevice *dev = endpoint();

    pci_set_irq(dev, 1);
    g_assert_cmpint(irq_level[3], ==, 1);
    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE);
    g_assert_cmpint(irq_level[3], ==, 0);
    pci_fixture_clear();
}

static void pending_bits_are_read_only(void)
{
    PCIDevice *dev = endpoint();

    address_space_store(&address_space_memory, PBA, 0xf, 4);
    g_assert_cmphex(pending(), ==, 0);
    g_assert_false(msix_is_pending(dev, 0));
    pci_fixture_clear();
}

static void table_reads_as_written(void)
{
    endpoint();
    table_set(3, 0x123456789abcdef0, 0x11223344, 0xffffffff);
    g_assert_cmphex(address_space_load(&address_space_memory, TABLE + 0x30, 8, NULL), ==, 0x123456789abcdef0);
    g_assert_cmphex(address_space_load(&address_space_memory, TABLE + 0x38, 4, NULL), ==, 0x11223344);
    g_assert_cmphex(address_space_load(&address_space_memory, TABLE + 0x40, 4, NULL), ==, 0);
    pci_fixture_clear();
}

static void unused_vector_is_dropped(void)
{
    PCIDevice *dev = endpoint();

    table_set(1, MSI_ADDRESS, 0x1111, 1);
    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE);
    msix_notify(dev, 1);
    g_assert_cmphex(pending(), ==, 2);
    msix_vector_unuse(dev, 1);
    g_assert_cmphex(pending(), ==, 0);
    msix_notify(dev, 1);
    g_assert_cmphex(pending(), ==, 0);
    msix_vector_use(dev, 4);
    msix_vector_unuse(dev, 4);
    pci_fixture_clear();
}

static void reset_masks_each_vector_and_forgets(void)
{
    PCIDevice *dev = endpoint();

    table_set(0, MSI_ADDRESS, 0x1111, 0);
    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    msix_notify(dev, 0);
    pci_device_reset(dev);
    g_assert_false(msix_enabled(dev));
    g_assert_false(msix_is_pending(dev, 0));
    g_assert_cmphex(dev->msix->table[12], ==, 1);
    g_assert_cmphex(dev->msix->table[8], ==, 0);
    pci_fixture_clear();
}

static void table_that_does_not_fit_is_refused(void)
{
    static const struct {
        unsigned entries;
        uint32_t table, pba;
    } bad[] = {
        { 0, 0, 0x800 }, { 2049, 0, 0x800 }, { 129, 0, 0x800 }, { 4, 4, 0x800 }, { 4, 0, 0xfff }, { 4, 0xff0, 0 },
        { 4, 0, 0x38 }, { 4, 0, 0x1000 },
    };
    PCIDevice *dev = make_device(root, TYPE_TEST_PCI, "addr=3.0");

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        MemoryRegion *bar = &((TestPCI *)dev)->mem;
        GError *error = NULL;

        g_assert_false(msix_init(dev, bad[i].entries, bar, 1, bad[i].table, bar, 1, bad[i].pba, 0, &error));
        g_assert_nonnull(error);
        g_clear_error(&error);
        g_assert_null(dev->msix);
        g_assert_cmphex(pci_find_capability(dev, PCI_CAP_ID_MSIX), ==, 0);
    }
    pci_fixture_clear();
}

static void most_vectors_are_2048(void)
{
    PCIDevice *dev = make_device(root, TYPE_TEST_PCI, "addr=3.0");

    g_assert_true(msix_init_exclusive_bar(dev, 2048, 4, NULL));
    g_assert_cmpuint(msix_entries(dev), ==, 2048);
    g_assert_cmphex(cfg(dev, dev->msix_cap + PCI_MSIX_FLAGS, 2), ==, 0x7ff);
    g_assert_cmphex(cfg(dev, dev->msix_cap + PCI_MSIX_PBA, 4), ==, 0x8004);
    g_assert_cmpuint(dev->regions[4].size, ==, 0x10000);
    pci_fixture_clear();
}

static void msix_state_is_table_and_pending_bits(void)
{
    PCIDevice *dev = endpoint();
    Stream *s = stream_new_memory(NULL, 0);
    GByteArray *bytes;

    table_set(0, MSI_ADDRESS, 0x1111, 0);
    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    msix_notify(dev, 0);
    msix_save(dev, s);
    bytes = stream_memory_take(s);
    stream_close(s, true, NULL);
    g_assert_cmpuint(bytes->len, ==, 65);
    g_assert_cmphex(bytes->data[64], ==, 1);
    msix_reset(dev);
    s = stream_new_memory(bytes->data, bytes->len);
    g_assert_true(msix_load(dev, s, NULL));
    stream_close(s, false, NULL);
    g_assert_true(msix_is_pending(dev, 0));
    g_assert_cmphex(dev->msix->table[8], ==, 0x11);
    s = stream_new_memory(bytes->data, 60);
    msix_load(dev, s, NULL);
    g_assert_nonnull(stream_error(s));
    stream_close(s, false, NULL);
    g_byte_array_unref(bytes);
    pci_fixture_clear();
}

static GString *heard;

static bool use(PCIDevice *dev, unsigned vector, hwaddr address, uint32_t data)
{
    g_string_append_printf(heard, "+%u:%x ", vector, data);
    return true;
}

static void release_vector(PCIDevice *dev, unsigned vector)
{
    g_string_append_printf(heard, "-%u ", vector);
}

static void users_hear_of_masks(void)
{
    PCIDevice *dev = endpoint();

    heard = g_string_new("");
    dev->msix->vector_use = use;
    dev->msix->vector_release = release_vector;
    table_set(1, MSI_ADDRESS, 0x11, 0);
    g_assert_cmpstr(heard->str, ==, "");
    msix_flags(dev, PCI_MSIX_FLAGS_ENABLE);
    g_assert_cmpstr(heard->str, ==, "+1:11 ");
    table_set(1, MSI_ADDRESS, 0x22, 1);
    msix_flags(dev, 0);
    g_assert_cmpstr(heard->str, ==, "+1:11 -1 ");
    g_string_free(heard, TRUE);
    pci_fixture_clear();
}

/* ---- MSI ---- */

static void msi_program(PCIDevice *dev, unsigned log_granted, uint32_t mask)
{
    cfg_set(dev, dev->msi_cap + PCI_MSI_ADDRESS_LO, MSI_ADDRESS, 4);
    cfg_set(dev, dev->msi_cap + PCI_MSI_DATA_64, 0x4142, 2);
    cfg_set(dev, dev->msi_cap + PCI_MSI_MASK_64, mask, 4);
    cfg_set(dev, dev->msi_cap + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE | log_granted << 4, 2);
}

static void vector_is_the_low_bits_of_the_data(void)
{
    PCIDevice *dev = endpoint();

    msi_notify(dev, 0);
    g_assert_cmphex(message(), ==, 0);
    msi_program(dev, 2, 0);
    msi_notify(dev, 3);
    g_assert_cmphex(message(), ==, 0x4143);
    msi_notify(dev, 4);
    g_assert_cmphex(message(), ==, 0);
    pci_fixture_clear();
}

static void guest_gets_no_more_vectors_than_there_are(void)
{
    PCIDevice *dev = endpoint();

    msi_program(dev, 5, 0);
    g_assert_cmpuint(msi_vectors_allocated(dev), ==, 4);
    msi_program(dev, 7, 0);
    g_assert_cmpuint(msi_vectors_allocated(dev), ==, 4);
    msi_program(dev, 1, 0);
    msi_notify(dev, 2);
    g_assert_cmphex(message(), ==, 0);
    pci_fixture_clear();
}

static void masked_msi_is_pending_until_unmasked(void)
{
    PCIDevice *dev = endpoint();
    unsigned at = dev->msi_cap + PCI_MSI_PENDING_64;

    msi_program(dev, 2, 2);
    msi_notify(dev, 1);
    g_assert_cmphex(message(), ==, 0);
    g_assert_cmphex(cfg(dev, at, 4), ==, 2);
    cfg_set(dev, at, 0, 4);
    g_assert_cmphex(cfg(dev, at, 4), ==, 2);
    cfg_set(dev, dev->msi_cap + PCI_MSI_MASK_64, 0, 4);
    g_assert_cmphex(message(), ==, 0x4141);
    g_assert_cmphex(cfg(dev, at, 4), ==, 0);
    pci_fixture_clear();
}

static void msi_registers_are_as_wide_as_they_are(void)
{
    PCIDevice *dev = endpoint();

    cfg_set(dev, dev->msi_cap, 0xffffffff, 4);
    g_assert_cmphex(cfg(dev, dev->msi_cap + PCI_MSI_FLAGS, 2) & ~PCI_MSI_FLAGS_QSIZE, ==, 0x0185);
    cfg_set(dev, dev->msi_cap + PCI_MSI_ADDRESS_LO, 0xffffffff, 4);
    g_assert_cmphex(cfg(dev, dev->msi_cap + PCI_MSI_ADDRESS_LO, 4), ==, 0xfffffffc);
    cfg_set(dev, dev->msi_cap + PCI_MSI_MASK_64, 0xffffffff, 4);
    g_assert_cmphex(cfg(dev, dev->msi_cap + PCI_MSI_MASK_64, 4), ==, 0xf);
    pci_device_reset(dev);
    g_assert_cmphex(cfg(dev, dev->msi_cap + PCI_MSI_FLAGS, 2), ==, 0x0184);
    g_assert_cmphex(cfg(dev, dev->msi_cap + PCI_MSI_ADDRESS_LO, 4), ==, 0);
    pci_fixture_clear();
}

#define T(fn) g_test_add_func("/pci-msi/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pci_fixture_init();
    T(vector_sends_its_message);
    T(message_needs_bus_mastering);
    T(masked_vector_is_pending_until_unmasked);
    T(function_mask_holds_all_vectors);
    T(enabling_msix_lowers_the_line);
    T(pending_bits_are_read_only);
    T(table_reads_as_written);
    T(unused_vector_is_dropped);
    T(reset_masks_each_vector_and_forgets);
    T(table_that_does_not_fit_is_refused);
    T(most_vectors_are_2048);
    T(msix_state_is_table_and_pending_bits);
    T(users_hear_of_masks);
    T(vector_is_the_low_bits_of_the_data);
    T(guest_gets_no_more_vectors_than_there_are);
    T(masked_msi_is_pending_until_unmasked);
    T(msi_registers_are_as_wide_as_they_are);
    return g_test_run();
}
