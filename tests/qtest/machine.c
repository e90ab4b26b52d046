/* The q35 board as a guest finds it: RAM and its borders, ports, config cycles; and the server over a real process. */
#include "libqpci.h"

#include <signal.h>
#include <string.h>

static void host_bridge_answers_on_ports_and_in_ecam(void)
{
    QTest *qt = qtest_start("8.0.1", "-M pc-7.2");

    g_assert_cmphex(qpci_port_readl(qt, 0, 0, 0), ==, 0x29c08086);
    qtest_outl(qt, 0xcf8, 0x80000000);
    g_assert_cmphex(qtest_inl(qt, 0xcf8), ==, 0x80000000);
    g_assert_cmphex(qtest_inw(qt, 0xcfe), ==, 0x29c0);
    g_assert_cmphex(qtest_inb(qt, 0xcfd), ==, 0x80);
    QPCIBus *bus = qpci_new(qt);
    g_assert_cmphex(qpci_readl(qpci_device(bus, 0, 0, 0), 0), ==, 0x29c08086);
    g_assert_cmphex(qpci_readw(qpci_device(bus, 0, 0x1f, 0), 2), ==, 0x2918);
    g_assert_false(qpci_present(qpci_device(bus, 0, 7, 0)));
    qpci_free(bus);
    qtest_quit(qt);
}

static void unaligned_port_accesses_are_cut(void)
{
    QTest *qt = qtest_start("8.0.1", "-M pc-7.2");

    qtest_outl(qt, 0xcf8, 0x80000000);
    g_assert_cmphex(qtest_inl(qt, 0xcfb), ==, 0xc0808600);
    g_assert_cmphex(qtest_inw(qt, 0xcff), ==, 0xff29);
    g_assert_cmphex(qtest_inl(qt, 0xffff), ==, 0xff);
    g_assert_cmphex(qtest_inl(qt, 0xfffe), ==, 0xffff);
    qtest_quit(qt);
}

static void ram_ends_where_m_says(void)
{
    QTest *qt = qtest_start("8.0.1", "-M pc-7.2 -m 16");
    uint8_t bytes[16], expected[16] = { 0, 0, 0, 0, 0x88, 0x77, 0x66, 0x55 };

    qtest_writeq(qt, 0xfffffc, 0x1122334455667788);
    g_assert_cmphex(qtest_readq(qt, 0xfffffc), ==, 0x55667788);
    qtest_memread(qt, 0xfffff8, bytes, 16);
    g_assert_cmpmem(bytes, 16, expected, 16);
    qtest_quit(qt);
}

static void ram_above_4g_begins_there(void)
{
    QTest *qt = qtest_start("8.0.1", "-M pc-7.2 -m 6G");

    qtest_writel(qt, 0x100000000, 0x12345678);
    qtest_writel(qt, 0x1ffffffffull - 3, 0x9abcdef0);
    g_assert_cmphex(qtest_readl(qt, 0x100000000), ==, 0x12345678);
    g_assert_cmphex(qtest_readl(qt, 0x1fffffffc), ==, 0x9abcdef0);
    g_assert_cmphex(qtest_readl(qt, 0x200000000), ==, 0);
    g_assert_cmphex(qtest_readl(qt, 0x80000000), ==, 0);
    qtest_quit(qt);
}

static void buffers_of_a_megabyte_survive_the_journey(void)
{
    QTest *qt = qtest_start(NULL, "-M q35 -m 16");
    size_t length = 1 << 20;
    g_autofree uint8_t *out = g_malloc(length), *in = g_malloc(length);

    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)g_test_rand_int();
    }
    qtest_memwrite(qt, 0x200000, out, length);
    qtest_memread(qt, 0x200000, in, length);
    g_assert_cmpmem(in, length, out, length);
    qtest_memset(qt, 0x200000, 0x5a, length);
    g_assert_cmphex(qtest_readb(qt, 0x2fffff), ==, 0x5a);
    qtest_quit(qt);
}

static void guest_time_stands_still_until_it_is_stepped(void)
{
    QTest *qt = qtest_start("8.0.1", "-M pc-7.2");

    g_assert_cmpint(qtest_clock_step(qt, 1000), ==, 1000);
    g_usleep(1000);
    g_assert_cmpint(qtest_clock_step(qt, 0), ==, 1000);
    g_assert_cmpint(qtest_clock_set(qt, 5000), ==, 5000);
    qtest_quit(qt);
}

static void malformed_commands_leave_the_server_alive(void)
{
    QTest *qt = qtest_start("8.0.1", "-M pc-7.2");
    static const char *const lines[] = {
        "inb", "inl 0x10000", "read 0x100 0", "readb 0xffffffffffffffffff", "\x01", "%n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *reply = qtest_command(qt, "%s", lines[i]);
        g_assert_true(g_str_has_prefix(reply, "FAIL"));
    }
    g_autofree char *reply = qtest_command(qt, "endianness");
    g_assert_cmpstr(reply, ==, "OK little");
    qtest_quit(qt);
}

static void stop_and_cont_are_told_as_events(void)
{
    QTest *qt = qtest_start("8.0.1", "-M pc-7.2");

    json_unref(qtest_qmp_ok(qt, "{'execute': 'stop'}"));
    json_unref(qtest_event(qt, "STOP"));
    g_autoptr(Json) status = qtest_qmp_ok(qt, "{'execute': 'query-status'}");
    g_assert_cmpstr(json_member_string(status, "status", ""), ==, "paused");
    json_unref(qtest_qmp_ok(qt, "{'execute': 'cont'}"));
    json_unref(qtest_event(qt, "RESUME"));
    g_assert_false(qtest_has_event(qt, "STOP"));
    json_unref(qtest_qmp_ok(qt, "{'execute': 'system_reset'}"));
    g_autoptr(Json) event = qtest_event(qt, "RESET");
    g_assert_cmpstr(json_member_string(json_member(event, "data"), "reason", ""), ==, "host-qmp-system-reset");
    qtest_quit(qt);
}

static void terminated_process_ends_with_status_0(void)
{
    QTest *qt = qtest_start("8.0.1", "-M pc-7.2");

    kill(qtest_pid(qt), SIGTERM);
    json_unref(qtest_event(qt, "SHUTDOWN"));
    g_assert_cmpint(qtest_wait(qt), ==, 0);
}

static void unknown_machine_is_refused(void)
{
    g_autofree char *text = qtest_start_fails("5.1", "-M pc-5.2");

    g_assert_nonnull(strstr(text, "unsupported machine type"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/machine/" #name, name)
    TEST(host_bridge_answers_on_ports_and_in_ecam);
    TEST(unaligned_port_accesses_are_cut);
    TEST(ram_ends_where_m_says);
    TEST(ram_above_4g_begins_there);
    TEST(buffers_of_a_megabyte_survive_the_journey);
    TEST(guest_time_stands_still_until_it_is_stepped);
    TEST(malformed_commands_leave_the_server_alive);
    TEST(stop_and_cont_are_told_as_events);
    TEST(terminated_process_ends_with_status_0);
    TEST(unknown_machine_is_refused);
    return g_test_run();
}
