/* The LPC function as a guest finds it: PMBASE, RCBA, reset control, power management, and where INTx lines lead. */
#include "libqpci.h"

enum { PMBASE = 0x40, ACPI_CTRL = 0x44, PIRQA_ROUT = 0x60, PIRQE_ROUT = 0x68, RCBA = 0xf0 };
#define LPC "/machine/unattached/device[2]"

static QPCIDevice lpc(QPCIBus *bus)
{
    return qpci_device(bus, 0, 0x1f, 0);
}

static void pmbase_places_the_power_management_block(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 16");
    QPCIBus *bus = qpci_new(qt);

    g_assert_cmphex(qpci_readl(lpc(bus), PMBASE), ==, 1);
    qpci_writel(lpc(bus), PMBASE, 0xffffff81);
    g_assert_cmphex(qpci_readl(lpc(bus), PMBASE), ==, 0xff81);
    qpci_writel(lpc(bus), PMBASE, 0x0601);
    g_assert_cmphex(qtest_inl(qt, 0x600), ==, 0xffffffff);
    qpci_writeb(lpc(bus), ACPI_CTRL, 0x80);
    g_assert_cmphex(qtest_inw(qt, 0x602), ==, 0);
    qtest_outw(qt, 0x602, 0x0100);
    g_assert_cmphex(qtest_inw(qt, 0x602), ==, 0x0100);
    qpci_writel(lpc(bus), PMBASE, 0x0701);
    g_assert_cmphex(qtest_inl(qt, 0x600), ==, 0xffffffff);
    g_assert_cmphex(qtest_inw(qt, 0x702), ==, 0x0100);
    qpci_free(bus);
    qtest_quit(qt);
}

static void the_pm_timer_counts_at_its_frequency(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 16");
    QPCIBus *bus = qpci_new(qt);
    uint32_t before;

    qpci_writel(lpc(bus), PMBASE, 0x0601);
    qpci_writeb(lpc(bus), ACPI_CTRL, 0x80);
    before = qtest_inl(qt, 0x608);
    qtest_clock_step(qt, 1000000000);
    g_assert_cmpuint((qtest_inl(qt, 0x608) - before) & 0xffffff, ==, 3579545);
    qpci_free(bus);
    qtest_quit(qt);
}

static void the_power_button_raises_the_sci_if_enabled(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 16");
    QPCIBus *bus = qpci_new(qt);

    qtest_irq_intercept_out(qt, LPC " gsi");
    qpci_writel(lpc(bus), PMBASE, 0x0601);
    qpci_writeb(lpc(bus), ACPI_CTRL, 0x80);
    qtest_outw(qt, 0x600, 0xffff);
    qtest_outw(qt, 0x602, 0x0100);
    g_assert_false(qtest_irq(qt, 9));
    json_unref(qtest_qmp_ok(qt, "{'execute': 'system_powerdown'}"));
    json_unref(qtest_event(qt, "POWERDOWN"));
    g_assert_cmphex(qtest_inw(qt, 0x600) & 0x100, ==, 0x100);
    g_assert_true(qtest_irq(qt, 9));
    qtest_outw(qt, 0x600, 0x100);
    g_assert_false(qtest_irq(qt, 9));
    qpci_free(bus);
    qtest_quit(qt);
}

static void sleep_type_0_powers_off(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 16");
    QPCIBus *bus = qpci_new(qt);

    qpci_writel(lpc(bus), PMBASE, 0x0601);
    qpci_writeb(lpc(bus), ACPI_CTRL, 0x80);
    qpci_free(bus);
    qtest_outw(qt, 0x604, 1 << 13);
    g_assert_cmpint(qtest_wait(qt), ==, 0);
}

static void acpi_is_enabled_by_a_command(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 16");
    QPCIBus *bus = qpci_new(qt);

    qpci_writel(lpc(bus), PMBASE, 0x0601);
    qpci_writeb(lpc(bus), ACPI_CTRL, 0x80);
    g_assert_cmphex(qtest_inw(qt, 0x604), ==, 0);
    qtest_outb(qt, 0xb2, 2);
    g_assert_cmphex(qtest_inw(qt, 0x604), ==, 1);
    g_assert_cmphex(qtest_inb(qt, 0xb2), ==, 2);
    qtest_outb(qt, 0xb2, 3);
    g_assert_cmphex(qtest_inw(qt, 0x604), ==, 0);
    qpci_free(bus);
    qtest_quit(qt);
}

static void port_cf9_keeps_its_bits_and_resets(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 16");

    g_assert_cmphex(qtest_inb(qt, 0xcf9), ==, 0);
    qtest_outb(qt, 0xcf9, 0xfb);
    g_assert_cmphex(qtest_inb(qt, 0xcf9), ==, 0x0a);
    qtest_outl(qt, 0xcf8, 0x80000060);                          /* a whole dword is CONFIG_ADDRESS all the same */
    g_assert_cmphex(qtest_inb(qt, 0xcf9), ==, 0x0a);
    qtest_outb(qt, 0xcf9, 0x06);
    json_unref(qtest_event(qt, "RESET"));
    g_assert_cmphex(qtest_inb(qt, 0xcf9), ==, 0);
    qtest_quit(qt);
}

static void rcba_places_the_root_complex_registers(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 16");
    QPCIBus *bus = qpci_new(qt);

    qpci_writel(lpc(bus), RCBA, 0xfed1c001);
    g_assert_cmphex(qtest_readw(qt, 0xfed1c000 + 0x3140), ==, 0x3210);
    g_assert_cmphex(qtest_readl(qt, 0xfed1c000 + 0x3410), ==, 0x20);
    qtest_writel(qt, 0xfed1c000 + 0x3410, 0);
    g_assert_cmphex(qtest_readl(qt, 0xfed1c000 + 0x3410), ==, 0);
    qpci_writel(lpc(bus), RCBA, 0xfed1c000);
    g_assert_cmphex(qtest_readl(qt, 0xfed1c000 + 0x3140), ==, 0);
    qpci_free(bus);
    qtest_quit(qt);
}

/* Makes the entropy device in the slot complete one buffer, which raises its INTA, and sees the line come and go. */
static void raise_line(QPCIBus *bus, unsigned slot, void (*check)(QTest *qt, int gsi, bool up), int gsi)
{
    QPCIDevice dev = qpci_device(bus, 0, slot, 0);
    QPCIBar legacy = qpci_map_bar(dev, 0);

    qpci_enable(dev);
    /* Status: acknowledge, driver, driver OK; then a queue of one buffer that the device completes. */
    qpci_bar_write(dev, legacy, 0x12, 1, 7);
    qpci_bar_write(dev, legacy, 0x0e, 2, 0);
    qpci_bar_write(dev, legacy, 0x08, 4, 0x100000 >> 12);
    qtest_writeq(bus->qt, 0x100000, 0x200000);
    qtest_writel(bus->qt, 0x100008, 16);
    qtest_writew(bus->qt, 0x10000c, 2);                         /* device writes */
    qtest_writew(bus->qt, 0x100000 + 16 * 8 + 4, 0);            /* ring[0] = 0 */
    qtest_writew(bus->qt, 0x100000 + 16 * 8 + 2, 1);            /* idx = 1 */
    qpci_bar_write(dev, legacy, 0x10, 2, 0);
    for (int i = 0; i < 1000 && !qtest_irq(bus->qt, gsi); i++) {
        qtest_clock_step(bus->qt, 100000);
    }
    check(bus->qt, gsi, true);
    qpci_bar_read(dev, legacy, 0x13, 1);                        /* reading ISR takes it down */
    check(bus->qt, gsi, false);
    qpci_bar_write(dev, legacy, 0x12, 1, 0);
}

static void expect_line(QTest *qt, int gsi, bool up)
{
    g_assert_cmpint(qtest_irq(qt, gsi), ==, up);
}

static void intx_lines_lead_where_qemus_do(void)
{
    static const struct {
        unsigned slot;
        int gsi;
    } want[] = { { 1, 21 }, { 2, 22 }, { 3, 23 }, { 4, 20 }, { 24, 20 }, { 25, 16 }, { 26, 16 }, { 29, 16 },
                 { 30, 20 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(want); i++) {
        QTest *qt = qtest_start("7.2", "-M q35 -m 16 "
                                       "-device virtio-rng-pci,disable-legacy=off,addr=%x.0", want[i].slot);
        QPCIBus *bus = qpci_new(qt);

        qtest_irq_intercept_out(qt, LPC " gsi");
        raise_line(bus, want[i].slot, expect_line, want[i].gsi);
        qpci_free(bus);
        qtest_quit(qt);
    }
}

static void a_pirq_reaches_the_isa_line_of_its_route(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 16 "
                                   "-device virtio-rng-pci,disable-legacy=off,addr=4.0");
    QPCIBus *bus = qpci_new(qt);

    qtest_irq_intercept_out(qt, LPC " gsi");
    qpci_writeb(lpc(bus), PIRQE_ROUT, 11);
    raise_line(bus, 4, expect_line, 11);
    qpci_writeb(lpc(bus), PIRQE_ROUT, 0x80 | 11);
    raise_line(bus, 4, expect_line, 20);
    g_assert_cmpuint(qtest_irq_raised(qt, 11), ==, 1);
    qpci_free(bus);
    qtest_quit(qt);
}

static void firmware_may_route_a_slot_otherwise(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 16 "
                                   "-device virtio-rng-pci,disable-legacy=off,addr=1d.0");
    QPCIBus *bus = qpci_new(qt);

    qtest_irq_intercept_out(qt, LPC " gsi");
    qpci_writel(lpc(bus), RCBA, 0xfed1c001);
    qtest_writew(qt, 0xfed1c000 + 0x3144, 0x3217);              /* D29IR: INTA is PIRQH */
    raise_line(bus, 29, expect_line, 23);
    qpci_free(bus);
    qtest_quit(qt);
}

#define ADD(fn) g_test_add_func("/lpc/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(pmbase_places_the_power_management_block);
    ADD(the_pm_timer_counts_at_its_frequency);
    ADD(the_power_button_raises_the_sci_if_enabled);
    ADD(sleep_type_0_powers_off);
    ADD(acpi_is_enabled_by_a_command);
    ADD(port_cf9_keeps_its_bits_and_resets);
    ADD(rcba_places_the_root_complex_registers);
    ADD(intx_lines_lead_where_qemus_do);
    ADD(a_pirq_reaches_the_isa_line_of_its_route);
    ADD(firmware_may_route_a_slot_otherwise);
    return g_test_run();
}
