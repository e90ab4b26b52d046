/* Error reporting: the queue of headers and its bounds on the wire, names, and what the recorded traces do not show. */
#include "pci-fixture.h"

static PCIDevice *port(const char *log_max)
{
    g_autofree char *options = g_strdup_printf("addr=2.0,chassis=1,aer_log_max=%s", log_max);
    PCIDevice *dev = make_port(options, 1, 1);

    cfg_set(dev, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_SERR, 2);
    cfg_set(dev, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_SERR, 2);
    cfg_set(dev, dev->exp_cap + PCI_EXP_DEVCTL, 0xf, 2);
    return dev;
}

static void multiple_headers(PCIDevice *dev)
{
    cfg_set(dev, dev->aer_cap + PCI_ERR_CAP, PCI_ERR_CAP_MHRE, 4);
}

static int inject(PCIDevice *dev, uint32_t status, uint16_t flags, uint32_t header)
{
    PCIEAERErr err = { .status = status, .flags = flags, .source_id = pci_requester_id(dev), .header = { header } };

    return pcie_aer_inject_error(dev, &err);
}

static uint32_t reg(PCIDevice *dev, unsigned offset)
{
    return cfg(dev, dev->aer_cap + offset, 4);
}

/* ---- The queue ---- */

static void errors_queue_behind_the_first(void)
{
    PCIDevice *dev = port("2");

    multiple_headers(dev);
    inject(dev, PCI_ERR_UNC_DLP, AER_ERR_HEADER_VALID, 0x11111111);
    inject(dev, PCI_ERR_UNC_FCP, AER_ERR_HEADER_VALID, 0x22222222);
    inject(dev, PCI_ERR_UNC_FCP, AER_ERR_HEADER_VALID, 0x33333333);
    g_assert_cmpuint(dev->aer_log->log_num, ==, 2);
    g_assert_cmphex(reg(dev, PCI_ERR_HEADER_LOG), ==, 0x11111111);
    g_assert_cmpuint(PCI_ERR_CAP_FEP(reg(dev, PCI_ERR_CAP)), ==, 4);
    cfg_set(dev, dev->aer_cap + PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_DLP, 4);
    g_assert_cmphex(reg(dev, PCI_ERR_HEADER_LOG), ==, 0x22222222);
    g_assert_cmpuint(PCI_ERR_CAP_FEP(reg(dev, PCI_ERR_CAP)), ==, 13);
    cfg_set(dev, dev->aer_cap + PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_FCP, 4);
    g_assert_cmphex(reg(dev, PCI_ERR_UNCOR_STATUS), ==, PCI_ERR_UNC_FCP);
    pci_fixture_clear();
}

static void full_queue_reports_an_overflow(void)
{
    PCIDevice *dev = port("1");

    multiple_headers(dev);
    cfg_set(dev, dev->aer_cap + PCI_ERR_COR_MASK, 0, 4);
    inject(dev, PCI_ERR_UNC_DLP, 0, 0);
    inject(dev, PCI_ERR_UNC_FCP, 0, 0);
    g_assert_cmphex(reg(dev, PCI_ERR_COR_STATUS), ==, 0);
    inject(dev, PCI_ERR_UNC_RX_OVER, 0, 0);
    g_assert_cmphex(reg(dev, PCI_ERR_COR_STATUS), ==, PCI_ERR_COR_LOG_OVER);
    g_assert_cmpuint(dev->aer_log->log_num, ==, 1);
    pci_fixture_clear();
}

static void queue_of_128_is_the_longest(void)
{
    PCIDevice *dev = port("128");

    multiple_headers(dev);
    for (int i = 0; i < 1000; i++) {
        inject(dev, PCI_ERR_UNC_DLP, AER_ERR_HEADER_VALID, i);
    }
    g_assert_cmpuint(dev->aer_log->log_num, ==, 128);
    for (int i = 0; i < 1000; i++) {
        cfg_set(dev, dev->aer_cap + PCI_ERR_UNCOR_STATUS, 0xffffffff, 4);
    }
    g_assert_cmpuint(dev->aer_log->log_num, ==, 0);
    g_assert_cmphex(reg(dev, PCI_ERR_UNCOR_STATUS), ==, 0);
    pci_fixture_clear();
}

static void without_the_capability_there_is_no_queue(void)
{
    PCIDevice *dev = port("0");

    multiple_headers(dev);
    g_assert_cmphex(reg(dev, PCI_ERR_CAP), ==, 0xa0);
    inject(dev, PCI_ERR_UNC_DLP, AER_ERR_HEADER_VALID, 0x11111111);
    inject(dev, PCI_ERR_UNC_FCP, AER_ERR_HEADER_VALID, 0x22222222);
    g_assert_cmphex(reg(dev, PCI_ERR_HEADER_LOG), ==, 0x22222222);
    pci_fixture_clear();
}

/* ---- What is an error ---- */

static void only_one_known_bit_is_an_error(void)
{
    PCIDevice *dev = port("8"), *conventional = make_device(root, TYPE_TEST_PCI, "addr=4.0");

    g_assert_cmpint(inject(dev, 0, 0, 0), ==, -EINVAL);
    g_assert_cmpint(inject(dev, 0x30, 0, 0), ==, -EINVAL);
    g_assert_cmpint(inject(dev, 1, 0, 0), ==, -EINVAL);
    g_assert_cmpint(inject(dev, 1, AER_ERR_IS_CORRECTABLE, 0), ==, 0);
    g_assert_cmpint(inject(dev, PCI_ERR_UNC_DLP, AER_ERR_IS_CORRECTABLE, 0), ==, -EINVAL);
    g_assert_cmpint(inject(conventional, PCI_ERR_UNC_DLP, 0, 0), ==, -ENOSYS);
    g_assert_cmphex(reg(dev, PCI_ERR_UNCOR_STATUS), ==, 0);
    pci_fixture_clear();
}

static void requests_are_refused_in_words(void)
{
    struct {
        const char *id, *status, *why;
    } bad[] = {
        { "nosuch", "DLP", "device 'nosuch' not found" },
        { "/machine/peripheral/rp", "DLP", "device '/machine/peripheral/rp' not found" },
        { "plain", "DLP", "device 'plain' is not a PCIe device" },
        { "rp", "dlp", "invalid error status value 'dlp'" },
        { "rp", "", "invalid error status value ''" },
        { "rp", "-1", "invalid error status value '-1'" },
        { "rp", "0x100000000", "invalid error status value '0x100000000'" },
        { "rp", "0x30", "failed to inject error: Invalid argument" },
    };

    make_device(root, TYPE_PCIE_ROOT_PORT, "addr=2.0,id=rp");
    make_device(root, TYPE_TEST_PCI, "addr=3.0,id=plain");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        PCIEAERRequest request = { .id = bad[i].id, .error_status = bad[i].status };
        g_autoptr(GString) out = g_string_new("");
        GError *error = NULL;

        g_assert_false(pcie_aer_inject_request(&request, out, &error));
        g_assert_cmpstr(error->message, ==, bad[i].why);
        g_assert_cmpstr(out->str, ==, "");
        g_clear_error(&error);
    }
    pci_fixture_clear();
}

static void request_is_answered_as_qemu_does(void)
{
    PCIEAERRequest request = { .id = "rp", .error_status = "0x10" };
    g_autoptr(GString) out = g_string_new("");

    make_device(root, TYPE_PCIE_ROOT_PORT, "addr=2.0,id=rp");
    g_assert_true(pcie_aer_inject_request(&request, out, NULL));
    g_assert_cmpstr(out->str, ==, "OK id: rp root bus: 0000:00, bus: 0 devfn: 2.0\n");
    pci_fixture_clear();
}

static void every_name_is_a_bit_of_its_register(void)
{
    static const char *const names[] = {
        "DLP", "SDN", "POISON_TLP", "FCP", "COMP_TIME", "COMP_ABORT", "UNX_COMP", "RX_OVER", "MALF_TLP", "ECRC",
        "UNSUP", "ACSV", "INTN", "MCBTLP", "ATOP_EBLOCKED", "TLP_PRF_BLOCKED", "RCVR", "BAD_TLP", "BAD_DLLP",
        "REP_ROLL", "REP_TIMER", "ADV_NONFATAL", "INTERNAL", "HL_OVERFLOW",
    };
    uint32_t uncor = 0, cor = 0, status;
    bool correctable;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_true(pcie_aer_error_by_name(names[i], &status, &correctable));
        *(correctable ? &cor : &uncor) |= status;
    }
    g_assert_cmphex(uncor, ==, 0x03fff030);
    g_assert_cmphex(cor, ==, 0xf1c1);
    g_assert_false(pcie_aer_error_by_name("TRAIN", &status, &correctable));
}

/* ---- Interrupts ---- */

static void root_error_interrupt_is_a_level(void)
{
    PCIDevice *dev = port("8");

    cfg_set(dev, dev->aer_cap + PCI_ERR_ROOT_COMMAND, PCI_ERR_ROOT_CMD_FATAL_EN, 4);
    g_assert_cmpint(irq_level[2], ==, 0);
    inject(dev, PCI_ERR_UNC_DLP, 0, 0);
    g_assert_cmpint(irq_level[2], ==, 1);
    cfg_set(dev, dev->aer_cap + PCI_ERR_ROOT_STATUS, 0x7f, 4);
    g_assert_cmpint(irq_level[2], ==, 0);
    inject(dev, PCI_ERR_UNC_COMP_TIME, 0, 0);
    g_assert_cmpint(irq_level[2], ==, 0);
    cfg_set(dev, dev->aer_cap + PCI_ERR_ROOT_COMMAND, 7, 4);
    g_assert_cmpint(irq_level[2], ==, 1);
    pci_fixture_clear();
}

static void message_of_a_device_names_it_as_source(void)
{
    PCIDevice *dev = port("8"), *below = make_device(bus_behind(dev), TYPE_TEST_PCIE, "");

    cfg_set(dev, dev->exp_cap + PCI_EXP_SLTCTL, 0x1c0, 2);
    cfg_set(below, PCI_COMMAND, PCI_COMMAND_SERR, 2);
    cfg_set(below, below->exp_cap + PCI_EXP_DEVCTL, 0xf, 2);
    inject(below, PCI_ERR_UNC_COMP_TIME, 0, 0);
    g_assert_cmphex(reg(dev, PCI_ERR_ROOT_STATUS), ==, PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_NONFATAL_RCV);
    g_assert_cmphex(reg(dev, PCI_ERR_ROOT_ERR_SRC), ==, 0x01000000);
    g_assert_cmphex(cfg(dev, PCI_SEC_STATUS, 2) & PCI_STATUS_SIG_SYSTEM_ERROR, !=, 0);
    g_assert_cmphex(cfg(below, PCI_STATUS, 2) & PCI_STATUS_SIG_SYSTEM_ERROR, !=, 0);
    inject(below, PCI_ERR_UNC_COMP_TIME, 0, 0);
    g_assert_cmphex(reg(dev, PCI_ERR_ROOT_STATUS) & PCI_ERR_ROOT_MULTI_UNCOR_RCV, !=, 0);
    pci_fixture_clear();
}

static void bridge_without_serr_stops_the_message(void)
{
    PCIDevice *dev = port("8"), *below = make_device(bus_behind(dev), TYPE_TEST_PCIE, "");

    cfg_set(dev, dev->exp_cap + PCI_EXP_SLTCTL, 0x1c0, 2);
    cfg_set(dev, PCI_BRIDGE_CONTROL, 0, 2);
    cfg_set(below, PCI_COMMAND, PCI_COMMAND_SERR, 2);
    cfg_set(below, below->exp_cap + PCI_EXP_DEVCTL, 0xf, 2);
    inject(below, PCI_ERR_UNC_COMP_TIME, 0, 0);
    g_assert_cmphex(reg(dev, PCI_ERR_ROOT_STATUS), ==, 0);
    pci_fixture_clear();
}

static void errors_outlive_a_reset(void)
{
    PCIDevice *dev = port("8");

    inject(dev, PCI_ERR_UNC_DLP, AER_ERR_HEADER_VALID, 0x11111111);
    reset_bus(&root->parent_obj);
    g_assert_cmphex(reg(dev, PCI_ERR_UNCOR_STATUS), ==, PCI_ERR_UNC_DLP);
    g_assert_cmphex(reg(dev, PCI_ERR_HEADER_LOG), ==, 0x11111111);
    g_assert_cmphex(reg(dev, PCI_ERR_ROOT_COMMAND), ==, 0);
    pci_fixture_clear();
}

/* ---- Migration ---- */

static GByteArray *save(PCIDevice *dev)
{
    Stream *s = stream_new_memory(NULL, 0);
    GByteArray *bytes;

    g_assert_true(vmstate_save(s, &vmstate_pcie_aer_log, dev->aer_log, NULL, NULL));
    bytes = stream_memory_take(s);
    stream_close(s, true, NULL);
    return bytes;
}

/* What went wrong, NULL if nothing did. A section is followed by something: a footer. */
static char *load(PCIDevice *dev, GByteArray *bytes)
{
    GError *error = NULL;
    char *why = NULL;
    Stream *s;

    g_byte_array_append(bytes, (const uint8_t *)"\x7e", 1);
    s = stream_new_memory(bytes->data, bytes->len);

    if (!vmstate_load(s, &vmstate_pcie_aer_log, dev->aer_log, 1, &error)) {
        why = g_strdup(error->message);
        g_error_free(error);
    }
    stream_close(s, false, NULL);
    g_byte_array_set_size(bytes, bytes->len - 1);
    return why;
}

static void log_is_4_bytes_and_40_an_error(void)
{
    PCIDevice *dev = port("8");
    g_autoptr(GByteArray) empty = save(dev), two = NULL;

    multiple_headers(dev);
    for (int i = 0; i < 3; i++) {
        inject(dev, PCI_ERR_UNC_DLP, AER_ERR_HEADER_VALID, 0x11223344 + i);
    }
    two = save(dev);
    g_assert_cmpuint(empty->len, ==, 4);
    g_assert_cmpuint(two->len, ==, 84);
    g_assert_cmphex(load_be32(two->data + 4), ==, PCI_ERR_UNC_DLP);
    g_assert_cmphex(load_be16(two->data + 8), ==, 0x10);
    g_assert_cmphex(load_be16(two->data + 10), ==, AER_ERR_HEADER_VALID);
    g_assert_cmphex(load_be32(two->data + 12), ==, 0x11223345);
    g_assert_null(load(dev, empty));
    g_assert_cmpuint(dev->aer_log->log_num, ==, 0);
    g_assert_null(load(dev, two));
    g_assert_cmpuint(dev->aer_log->log_num, ==, 2);
    g_assert_cmphex(dev->aer_log->log[1].header[0], ==, 0x11223346);
    pci_fixture_clear();
}

static void log_of_another_size_is_refused(void)
{
    PCIDevice *dev = port("4");
    g_autoptr(GByteArray) bytes = save(dev);

    bytes->data[3] = 8;
    expect_text(load(dev, bytes), "4 != 8\nFailed to load PCIE_AER_ERROR_LOG:log_max");
    pci_fixture_clear();
}

static void log_longer_than_its_size_is_refused(void)
{
    PCIDevice *dev = port("4");
    g_autoptr(GByteArray) bytes = save(dev);

    g_byte_array_set_size(bytes, 4 + 0xffff * 40);
    memset(bytes->data + 4, 0, bytes->len - 4);
    bytes->data[1] = 5;
    expect_text(load(dev, bytes), "Input validation failed: PCIE_AER_ERROR_LOG/log_num <= log_max");
    bytes->data[0] = bytes->data[1] = 0xff;
    expect_text(load(dev, bytes), "Input validation failed: PCIE_AER_ERROR_LOG/log_num <= log_max");
    pci_fixture_clear();
}

static void loaded_error_of_no_bit_does_no_harm(void)
{
    PCIDevice *dev = port("4");
    g_autoptr(GByteArray) bytes = NULL;

    multiple_headers(dev);
    inject(dev, PCI_ERR_UNC_DLP, 0, 0);
    inject(dev, PCI_ERR_UNC_DLP, 0, 0);
    bytes = save(dev);
    for (uint32_t status = 0; status < 2; status++) {
        store_be32(bytes->data + 4, status ? 0xffffffff : 0);
        g_assert_null(load(dev, bytes));
        cfg_set(dev, dev->aer_cap + PCI_ERR_UNCOR_STATUS, 0xffffffff, 4);
        g_assert_cmphex(reg(dev, PCI_ERR_UNCOR_STATUS) & ~0x03fff030u, ==, 0);
    }
    pci_fixture_clear();
}

#define T(fn) g_test_add_func("/pci-aer/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pci_fixture_init();
    T(errors_queue_behind_the_first);
    T(full_queue_reports_an_overflow);
    T(queue_of_128_is_the_longest);
    T(without_the_capability_there_is_no_queue);
    T(only_one_known_bit_is_an_error);
    T(requests_are_refused_in_words);
    T(request_is_answered_as_qemu_does);
    T(every_name_is_a_bit_of_its_register);
    T(root_error_interrupt_is_a_level);
    T(message_of_a_device_names_it_as_source);
    T(bridge_without_serr_stops_the_message);
    T(errors_outlive_a_reset);
    T(log_is_4_bytes_and_40_an_error);
    T(log_of_another_size_is_refused);
    T(log_longer_than_its_size_is_refused);
    T(loaded_error_of_no_bit_does_no_harm);
    return g_test_run();
}
