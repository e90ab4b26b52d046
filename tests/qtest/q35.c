/* The MCH's registers as a guest finds them: ECAM, PAM, SMRAM, TSEG. What is expected was measured with QEMU 7.2. */
#include "libqpci.h"

enum { EXT_TSEG = 0x50, PCIEXBAR = 0x60, PAM0 = 0x90, F_SMBASE = 0x9c, SMRAM = 0x9d, ESMRAMC = 0x9e };

static uint8_t mch_read(QTest *qt, uint8_t reg)
{
    qtest_outl(qt, 0xcf8, 0x80000000 | (reg & 0xfc));
    return qtest_inb(qt, 0xcfc + (reg & 3));
}

static void mch_write(QTest *qt, uint8_t reg, uint8_t value)
{
    qtest_outl(qt, 0xcf8, 0x80000000 | (reg & 0xfc));
    qtest_outb(qt, 0xcfc + (reg & 3), value);
}

static void set_pciexbar(QTest *qt, uint32_t high, uint32_t low)
{
    qpci_port_writel(qt, 0, 0, PCIEXBAR, 0);
    qpci_port_writel(qt, 0, 0, PCIEXBAR + 4, high);
    qpci_port_writel(qt, 0, 0, PCIEXBAR, low);
}

static void the_ecam_window_is_as_long_as_pciexbar_says(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 64");

    g_assert_cmphex(qtest_readl(qt, 0xb0000000), ==, 0);       /* off at reset */
    set_pciexbar(qt, 0, 0xb0000001);
    g_assert_cmphex(qtest_readl(qt, 0xb0000000), ==, 0x29c08086);
    g_assert_cmphex(qtest_readl(qt, 0xbffff000), ==, 0xffffffff);
    set_pciexbar(qt, 0, 0xb0000003);
    g_assert_cmphex(qtest_readl(qt, 0xb7fff000), ==, 0xffffffff);
    g_assert_cmphex(qtest_readl(qt, 0xb8000000), ==, 0);
    set_pciexbar(qt, 0, 0xb0000005);
    g_assert_cmphex(qtest_readl(qt, 0xb3fff000), ==, 0xffffffff);
    g_assert_cmphex(qtest_readl(qt, 0xb4000000), ==, 0);
    set_pciexbar(qt, 0, 0xb4000005);                           /* 64 MiB may lie at each 64 MiB */
    g_assert_cmphex(qtest_readl(qt, 0xb0000000), ==, 0);
    g_assert_cmphex(qtest_readl(qt, 0xb4000000), ==, 0x29c08086);
    qtest_quit(qt);
}

static void a_reserved_length_takes_the_ecam_window_away(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 64");

    set_pciexbar(qt, 0, 0xb0000001);
    set_pciexbar(qt, 0, 0xb0000007);
    g_assert_cmphex(qtest_readl(qt, 0xb0000000), ==, 0);
    set_pciexbar(qt, 0xffffffff, 0xffffffff);
    g_assert_cmphex(qtest_readl(qt, 0xb0000000), ==, 0);
    qtest_quit(qt);
}

static void the_ecam_window_may_lie_above_4_gib(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 64");

    set_pciexbar(qt, 0xf, 0xe0000001);
    g_assert_cmphex(qtest_readl(qt, 0xfe0000000), ==, 0x29c08086);
    qtest_quit(qt);
}

static void reset_takes_the_ecam_window_away(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 64");

    set_pciexbar(qt, 0, 0xb0000001);
    json_unref(qtest_qmp_ok(qt, "{'execute': 'system_reset'}"));
    json_unref(qtest_event(qt, "RESET"));
    g_assert_cmphex(qpci_port_readl(qt, 0, 0, PCIEXBAR), ==, 0xb0000000);
    g_assert_cmphex(qtest_readl(qt, 0xb0000000), ==, 0);
    qtest_quit(qt);
}

/* Each nibble of the PAM registers, and the segment that it is about. */
static void pam_chooses_rom_or_ram_a_segment_at_a_time(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 64");

    for (unsigned i = 0; i < 13; i++) {
        unsigned nibble = i == 0 ? 1 : i + 1, shift = nibble % 2 ? 4 : 0;
        uint32_t addr = i == 0 ? 0xf0000 : 0xc0000 + (i - 1) * 0x4000;
        uint32_t last = i == 0 ? 0xffffc : addr + 0x3ffc;
        uint32_t rom = qtest_readl(qt, addr), last_rom = qtest_readl(qt, last);

        qtest_writel(qt, addr, 0x11111111);                     /* ROM: dropped */
        g_assert_cmphex(qtest_readl(qt, addr), ==, rom);
        mch_write(qt, PAM0 + nibble / 2, 3 << shift);
        qtest_writel(qt, addr, 0xa0000000 | i);
        qtest_writel(qt, last, 0xb0000000 | i);
        g_assert_cmphex(qtest_readl(qt, addr), ==, 0xa0000000 | i);
        mch_write(qt, PAM0 + nibble / 2, 0);
        g_assert_cmphex(qtest_readl(qt, addr), ==, rom);
        g_assert_cmphex(qtest_readl(qt, last), ==, last_rom);
        mch_write(qt, PAM0 + nibble / 2, 1 << shift);           /* reads from RAM */
        g_assert_cmphex(qtest_readl(qt, addr), ==, 0xa0000000 | i);
        g_assert_cmphex(qtest_readl(qt, last), ==, 0xb0000000 | i);
        mch_write(qt, PAM0 + nibble / 2, 0);
    }
    qtest_quit(qt);
}

static void tseg_hides_the_top_of_low_ram(void)
{
    static const struct {
        uint8_t esmramc;
        unsigned mib;
    } sizes[] = { { 0x81, 1 }, { 0x83, 2 }, { 0x85, 8 }, { 0x87, 16 } };
    QTest *qt = qtest_start("7.2", "-M q35 -m 64");

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        uint32_t first = (64 - sizes[i].mib) << 20;

        mch_write(qt, SMRAM, 0x0a);
        mch_write(qt, ESMRAMC, sizes[i].esmramc);
        g_assert_cmphex(mch_read(qt, ESMRAMC), ==, sizes[i].esmramc | 0x38);
        g_assert_cmphex(qtest_readl(qt, first), ==, 0xffffffff);
        g_assert_cmphex(qtest_readl(qt, (64 << 20) - 4), ==, 0xffffffff);
        g_assert_cmphex(qtest_readl(qt, first - 4), ==, 0);
        mch_write(qt, ESMRAMC, 0);
        g_assert_cmphex(qtest_readl(qt, first), ==, 0);
    }
    qtest_quit(qt);
}

static void the_extended_tseg_size_can_be_asked_for(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 64 -global mch.extended-tseg-mbytes=24");

    qpci_port_writel(qt, 0, 0, EXT_TSEG, 0x1234);
    g_assert_cmphex(qpci_port_readl(qt, 0, 0, EXT_TSEG) & 0xffff, ==, 0x1234);
    qpci_port_writel(qt, 0, 0, EXT_TSEG, 0xffff);
    g_assert_cmphex(qpci_port_readl(qt, 0, 0, EXT_TSEG) & 0xffff, ==, 24);
    mch_write(qt, SMRAM, 0x0a);
    mch_write(qt, ESMRAMC, 0x87);
    g_assert_cmphex(qtest_readl(qt, 40 << 20), ==, 0xffffffff);
    g_assert_cmphex(qtest_readl(qt, (40 << 20) - 4), ==, 0);
    qtest_quit(qt);
}

static void high_smram_shows_when_it_is_open(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 64");

    mch_write(qt, SMRAM, 0x4a);
    qtest_writel(qt, 0xa0000, 0x44332211);
    g_assert_cmphex(qtest_readl(qt, 0xfeda0000), ==, 0);
    mch_write(qt, ESMRAMC, 0x80);
    g_assert_cmphex(qtest_readl(qt, 0xfeda0000), ==, 0x44332211);
    mch_write(qt, SMRAM, 0x0a);
    g_assert_cmphex(qtest_readl(qt, 0xfeda0000), ==, 0);
    qtest_quit(qt);
}

static void locking_smram_closes_it_until_reset(void)
{
    QTest *qt = qtest_start("7.2", "-M q35 -m 64");

    mch_write(qt, ESMRAMC, 0x81);
    mch_write(qt, SMRAM, 0x5a);
    g_assert_cmphex(mch_read(qt, SMRAM), ==, 0x1a);
    mch_write(qt, SMRAM, 0x00);
    g_assert_cmphex(mch_read(qt, SMRAM), ==, 0x1a);
    mch_write(qt, SMRAM, 0xff);
    g_assert_cmphex(mch_read(qt, SMRAM), ==, 0x3a);
    mch_write(qt, ESMRAMC, 0x00);
    g_assert_cmphex(mch_read(qt, ESMRAMC), ==, 0xb9);
    json_unref(qtest_qmp_ok(qt, "{'execute': 'system_reset'}"));
    json_unref(qtest_event(qt, "RESET"));
    g_assert_cmphex(mch_read(qt, SMRAM), ==, 0x02);
    g_assert_cmphex(mch_read(qt, ESMRAMC), ==, 0x38);
    mch_write(qt, SMRAM, 0x4a);
    g_assert_cmphex(mch_read(qt, SMRAM), ==, 0x4a);
    qtest_quit(qt);
}

static void smram_at_the_smbase_must_be_asked_for_and_is_then_locked(void)
{
    static const uint8_t steps[][2] = {
        { 0x00, 0 }, { 0x01, 0 }, { 0x02, 0 }, { 0x10, 0 }, { 0xff, 1 }, { 0x01, 1 }, { 0x02, 2 }, { 0x00, 2 },
        { 0xff, 2 },
    };
    QTest *qt = qtest_start("7.2", "-M q35 -m 64");

    for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++) {
        mch_write(qt, F_SMBASE, steps[i][0]);
        g_assert_cmphex(mch_read(qt, F_SMBASE), ==, steps[i][1]);
        g_assert_cmphex(qtest_readl(qt, 0x30000), ==, steps[i][1] == 2 ? 0xffffffff : 0);
        g_assert_cmphex(qtest_readl(qt, 0x50000), ==, 0);
    }
    json_unref(qtest_qmp_ok(qt, "{'execute': 'system_reset'}"));
    json_unref(qtest_event(qt, "RESET"));
    g_assert_cmphex(mch_read(qt, F_SMBASE), ==, 0);
    g_assert_cmphex(qtest_readl(qt, 0x30000), ==, 0);
    qtest_quit(qt);
}

#define ADD(fn) g_test_add_func("/q35/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(the_ecam_window_is_as_long_as_pciexbar_says);
    ADD(a_reserved_length_takes_the_ecam_window_away);
    ADD(the_ecam_window_may_lie_above_4_gib);
    ADD(reset_takes_the_ecam_window_away);
    ADD(pam_chooses_rom_or_ram_a_segment_at_a_time);
    ADD(tseg_hides_the_top_of_low_ram);
    ADD(the_extended_tseg_size_can_be_asked_for);
    ADD(high_smram_shows_when_it_is_open);
    ADD(locking_smram_closes_it_until_reset);
    ADD(smram_at_the_smbase_must_be_asked_for_and_is_then_locked);
    return g_test_run();
}
