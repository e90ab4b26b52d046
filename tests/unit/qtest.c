/* The qtest server's protocol, over a socket to this very process. */
#include "system/qtest.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "hw/core/device.h"
#include "system/clock.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "util/units.h"

static int peer;
static char *dir;

/* A device with two lines in, whose levels it passes on to two lines out. */
#define TYPE_RELAY "test-relay"
OBJECT_DECLARE_SIMPLE_TYPE(Relay, RELAY)
struct Relay {
    DeviceState parent_obj;
    Irq *out[2];
};

static void relay_set(void *opaque, int n, int level)
{
    irq_set(((Relay *)opaque)->out[n], level);
}

static void relay_init(Object *obj)
{
    Relay *relay = RELAY(obj);

    device_init_irq_in(DEVICE(obj), relay_set, NULL, 2);
    device_init_irq_in(DEVICE(obj), relay_set, "named", 1);
    device_init_irq_out(DEVICE(obj), relay->out, NULL, 2);
}

static const TypeInfo relay_type = {
    .name = TYPE_RELAY,
    .parent = TYPE_DEVICE,
    .size = sizeof(Relay),
    .init = relay_init,
};
TYPE_REGISTER(relay_type)

/* Sends while the server runs, and returns all that it says up to `lines` newlines. Caller frees. */
static char *talk_len(const char *text, size_t length, unsigned lines)
{
    g_autoptr(GString) got = g_string_new(NULL);
    char buffer[65536];

    while (lines > 0) {
        struct pollfd poller = { .fd = peer, .events = POLLIN | (length ? POLLOUT : 0) };
        poll(&poller, 1, 0);
        if (length && poller.revents & POLLOUT) {
            ssize_t sent = send(peer, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
            g_assert_cmpint(sent, >, 0);
            text += sent;
            length -= (size_t)sent;
        }
        if (poller.revents & POLLIN) {
            ssize_t n = recv(peer, buffer, sizeof(buffer), 0);
            g_assert_cmpint(n, >, 0);
            for (ssize_t i = 0; i < n; i++) {
                lines -= buffer[i] == '\n';
            }
            g_string_append_len(got, buffer, n);
        }
        main_loop_step(false);
    }
    return g_strdup(got->str);
}

static void assert_talk(const char *commands, const char *replies)
{
    unsigned lines = 0;

    for (const char *p = replies; *p; p++) {
        lines += *p == '\n';
    }
    g_autofree char *got = talk_len(commands, strlen(commands), lines);
    g_assert_cmpstr(got, ==, replies);
}

static void values_have_qemus_widths(void)
{
    assert_talk("endianness\n", "OK little\n");
    assert_talk("inb 0x80\ninw 0x80\ninl 0x80\n", "OK 0x00ff\nOK 0xffff\nOK 0xffffffff\n");
    assert_talk("inl 0xfffe\n", "OK 0xffff\n");
    assert_talk("writel 0x100 0x12345678\nreadl 0x100\nreadw 0x101\nreadb 0x103\nreadq 0x100\n",
                "OK\nOK 0x0000000012345678\nOK 0x0000000000003456\nOK 0x0000000000000012\nOK 0x0000000012345678\n");
    assert_talk("writeb 0x100 0x1ff\nwritew 0x102 0xffff\nwriteq 0x108 0x1122334455667788\nread 0x100 0x10\n",
                "OK\nOK\nOK\nOK 0xff56ffff000000008877665544332211\n");
}

static void memory_that_is_not_there_reads_as_zero(void)
{
    assert_talk("readq 0x8000000000\nread 0xfffff8 0x10\n",
                "OK 0x0000000000000000\nOK 0x00000000000000000000000000000000\n");
}

static void numbers_are_those_of_c(void)
{
    assert_talk("outb 128 0x1\ninb 0200\nreadb 0X10\nreadb -1\n",
                "OK\nOK 0x00ff\nOK 0x0000000000000000\nOK 0x0000000000000000\n");
}

static void buffers_go_in_and_out(void)
{
    assert_talk("memset 0x200 0x8 0x55\nwrite 0x200 0x4 0x01020304\nread 0x200 0x8\nb64read 0x200 0x4\n",
                "OK\nOK\nOK 0x0102030455555555\nOK AQIDBA==\n");
    assert_talk("b64write 0x200 0x4 /wAAAA==\nread 0x200 0x4\nb64read 0x200 0\n", "OK\nOK 0xff000000\nOK \n");
    /* Too little data is padded, too much is cut. */
    assert_talk("write 0x200 0x4 0x11\nread 0x200 0x4\nwrite 0x200 0x2 0x22334455\nread 0x200 0x4\n",
                "OK\nOK 0x11000000\nOK\nOK 0x22330000\n");
}

static void megabytes_go_in_one_line(void)
{
    g_autoptr(GString) line = g_string_new("write 0x0 0x100000 0x");

    for (unsigned i = 0; i < 1 * MiB; i++) {
        g_string_append_printf(line, "%02x", (i * 7) & 0xff);
    }
    g_string_append(line, "\nread 0x0 0x100000\n");
    g_autofree char *got = talk_len(line->str, line->len, 2);
    g_assert_true(g_str_has_prefix(got, "OK\nOK 0x"));
    g_assert_cmpuint(strlen(got), ==, 3 + 5 + 2 * MiB + 1);
    g_assert_cmpmem(got + 8, 2 * MiB, line->str + strlen("write 0x0 0x100000 0x"), 2 * MiB);
    assert_talk("memset 0 0x100000 0\n", "OK\n");
}

static void malformed_commands_fail(void)
{
    static const char *const commands[] = {
        "inb", "inb zz", "inb 080", "inb 0x10000", "inb 0x", "inb  0x80", "outb 0x80", "outb 0x80 q", "readb",
        "readb 0x1ffffffffffffffff", "writel 0", "read 0", "read 0x100 0", "read 0 0xffffffffffffffff", "write 0x100 4",
        "write 0x100 4 zzzz", "write 0x100 1 0x1z", "write 0x100 0x20000000000 0x00", "memset 0 0x10",
        "memset 0 0xffffffffffff 0", "b64read 0", "b64write 0 4", "clock_step -5", "clock_step x", "clock_set",
        "clock_set -1", "clock_step 0x7fffffffffffffff1",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *line = g_strconcat(commands[i], "\n", NULL);
        g_auto(GStrv) words = g_strsplit(commands[i], " ", 2);
        g_autofree char *expected = g_strdup_printf("FAIL Invalid arguments of '%s'\n", words[0]);
        assert_talk(line, expected);
    }
    assert_talk("write 0 4 0\n", "ERR invalid argument size\n");
    assert_talk("foo\nREADB 0\n\n  readb 0\nreadb\t0\nmodule_load a b\n",
                "FAIL Unknown command 'foo'\nFAIL Unknown command 'READB'\nFAIL Unknown command ''\n"
                "FAIL Unknown command ''\nFAIL Unknown command 'readb\t0'\nFAIL\n");
    assert_talk("readb 0 1 2 3 4 5 6 7 8 9\ninb 0x80 \n", "OK 0x0000000000000000\nOK 0x00ff\n");
}

static void line_without_end_is_refused_and_the_next_one_is_heard(void)
{
    size_t length = 70 * MiB;
    g_autofree char *flood = g_strnfill(length, 'a');

    memcpy(flood + length - 12, "\nendianness\n", 12);
    g_autofree char *got = talk_len(flood, length, 2);
    g_assert_cmpstr(got, ==, "FAIL Line too long\nOK little\n");
}

static void commands_may_come_in_any_pieces(void)
{
    const char *text = "endianness\nreadb 0\nendianness\n";

    for (const char *p = text; *p; p++) {
        g_assert_cmpint(send(peer, p, 1, 0), ==, 1);
        main_loop_step(false);
    }
    g_autofree char *got = talk_len("", 0, 3);
    g_assert_cmpstr(got, ==, "OK little\nOK 0x0000000000000000\nOK little\n");
}

static int ticks;

static void tick(void *opaque)
{
    ticks++;
}

static void time_moves_as_told(void)
{
    Timer timer;

    timer_init(&timer, CLOCK_TYPE_VIRTUAL, tick, NULL);
    timer_set(&timer, 1000);
    assert_talk("clock_step 500\n", "OK 500\n");
    g_assert_cmpint(ticks, ==, 0);
    assert_talk("clock_step\n", "OK 1000\n");
    g_assert_cmpint(ticks, ==, 1);
    assert_talk("clock_step\nclock_set 3000\nclock_set 50\nclock_step 0\n", "OK 1000\nOK 3000\nOK 3000\nOK 3000\n");
}

static void interrupt_lines_are_told_of_when_they_change(void)
{
    assert_talk("irq_intercept_out /nonexistent\nirq_intercept_out /\nirq_intercept_in\n",
                "FAIL Unknown device\nFAIL Unknown device\nFAIL Unknown device\n");
    assert_talk("irq_intercept_out /relay\nirq_intercept_out /relay\nirq_intercept_in /other\n",
                "OK\nOK\nFAIL IRQ intercept already enabled\n");
    assert_talk("set_irq_in /relay unnamed-gpio-in 1 1\nset_irq_in /relay unnamed-gpio-in 1 1\n",
                "IRQ raise 1\nOK\nOK\n");
    assert_talk("set_irq_in /relay named 0 1\nset_irq_in /relay unnamed-gpio-in 1 0\n",
                "IRQ raise 0\nOK\nIRQ lower 1\nOK\n");
    assert_talk(
        "set_irq_in /relay foo 0 1\nset_irq_in /relay unnamed-gpio-in 2 1\nset_irq_in /relay unnamed-gpio-in 0\n",
        "FAIL Unknown IRQ\nFAIL Unknown IRQ\nFAIL Invalid arguments of 'set_irq_in'\n");
}

static void random_lines_get_one_reply_each(void)
{
    static const char *const words[] = {
        "readb", "write", "read", "memset", "inl", "outw", "b64read", "b64write", "clock_set", "0x10", "0", "-1",
        "0xffffffffffffffff", "0x", "AA==", "/relay", "irq_intercept_in", "set_irq_in", "unnamed-gpio-in", "", " ", "\r",
        "\x01", "\xff", "%s%n",
    };

    for (int i = 0; i < 20000; i++) {
        g_autoptr(GString) line = g_string_new(NULL);
        for (int n = g_test_rand_int_range(0, 6); n > 0; n--) {
            g_string_append(line, words[g_test_rand_int_range(0, G_N_ELEMENTS(words))]);
            g_string_append_c(line, ' ');
        }
        g_string_append_c(line, '\n');
        g_autofree char *got = talk_len(line->str, line->len, 1);
        while (!strstr(got, "OK") && !strstr(got, "FAIL") && !strstr(got, "ERR")) {
            g_assert_true(g_str_has_prefix(got, "IRQ"));
            g_free(got);
            got = talk_len("", 0, 1);
        }
    }
}

static void log_has_every_line(void)
{
    g_autofree char *path = g_build_filename(dir, "log", NULL), *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    text[100] = '\0'; /* further on there is what is no UTF-8 */
    g_assert_true(g_regex_match_simple("^\\[I 0\\.000000\\] OPENED\n\\[R \\+\\d+\\.\\d{6}\\] endianness\n"
                                       "\\[S \\+\\d+\\.\\d{6}\\] OK little\n",
                                       text, 0, 0));
}

static void start_server(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    g_autoptr(GError) error = NULL;

    g_snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/qtest", dir);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    g_autofree char *spec = g_strdup_printf("unix:%s", addr.sun_path), *log = g_build_filename(dir, "log", NULL);
    qtest_enable();
    g_assert_true(qtest_init(spec, log, &error));
    g_assert_no_error(error);
    peer = accept(listener, NULL, NULL);
    g_assert_cmpint(peer, >=, 0);
    close(listener);
}

int main(int argc, char **argv)
{
    MemoryRegion ram;

    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    memory_init();
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 16 * MiB, NULL));
    memory_region_add(memory_system(), 0, &ram);
    clock_virtual_enable(true);
    object_add_child(object_root(), "relay", object_new(TYPE_RELAY));
    object_add_child(object_root(), "other", object_new(TYPE_RELAY));
    dir = g_dir_make_tmp("qtest-XXXXXX", NULL);
    start_server();
#define TEST(name) g_test_add_func("/qtest/" #name, name)
    TEST(values_have_qemus_widths);
    TEST(memory_that_is_not_there_reads_as_zero);
    TEST(numbers_are_those_of_c);
    TEST(buffers_go_in_and_out);
    TEST(megabytes_go_in_one_line);
    TEST(malformed_commands_fail);
    TEST(line_without_end_is_refused_and_the_next_one_is_heard);
    TEST(commands_may_come_in_any_pieces);
    TEST(time_moves_as_told);
    TEST(interrupt_lines_are_told_of_when_they_change);
    TEST(random_lines_get_one_reply_each);
    TEST(log_has_every_line);
    int status = g_test_run();
    memory_region_del(memory_system(), &ram);
    memory_region_destroy(&ram);
    g_autofree char *socket_path = g_build_filename(dir, "qtest", NULL), *log = g_build_filename(dir, "log", NULL);
    g_unlink(socket_path);
    g_unlink(log);
    g_rmdir(dir);
    g_free(dir);
    return status;
}
