/* The entropy device: bytes, its limit, and options that make no sense. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvirtio.h"

#define MEMORY 0x1000000ull

typedef struct Guest {
    QTest *qt;
    QPCIBus *bus;
    QVirtio *v;
    QVirtQueue *q;
} Guest;

static Guest boot(const char *options)
{
    Guest g;

    g.qt = qtest_start(NULL, "-M q35 -m 64 %s", options);
    g.bus = qpci_new(g.qt);
    g.v = qvirtio_new(qpci_device(g.bus, 0, 2, 0), MEMORY);
    g_assert_true(qvirtio_negotiate(g.v, QVIRTIO_F(QVIRTIO_F_VERSION_1)));
    g.q = qvirtqueue_new(g.v, 0, 0);
    qvirtio_driver_ok(g.v);
    return g;
}

static void shut_down(Guest g)
{
    qvirtqueue_free(g.q);
    qvirtio_free(g.v);
    qpci_free(g.bus);
    qtest_quit(g.qt);
}

static unsigned different_bytes(Guest g, uint64_t addr, unsigned len)
{
    g_autofree uint8_t *data = g_malloc(len);
    bool seen[256] = { false };
    unsigned n = 0;

    qtest_memread(g.qt, addr, data, len);
    for (unsigned i = 0; i < len; i++) {
        n += !seen[data[i]];
        seen[data[i]] = true;
    }
    return n;
}

static void buffers_are_filled(void)
{
    Guest g = boot("-device virtio-rng-pci,addr=2.0");
    uint64_t a = qvirtio_alloc(g.v, 4096), b = qvirtio_alloc(g.v, 4096);
    QVirtBuffer buffers[] = { { a, 1000, true }, { b, 24, true } };
    uint32_t len;

    g_assert_cmphex(qpci_readl(g.v->pci, 0), ==, 0x10051af4);
    g_assert_cmpuint(g.q->num, ==, 8);
    qvirtqueue_add(g.q, buffers, 2);
    qvirtqueue_kick(g.q);
    qvirtqueue_wait(g.q, &len);
    g_assert_cmpuint(len, ==, 1024);
    g_assert_cmpuint(different_bytes(g, a, 1000), >, 200);
    g_assert_cmpuint(different_bytes(g, b, 24), >, 4);
    g_assert_cmphex(qtest_readl(g.qt, a + 1000), ==, 0);
    g_assert_cmphex(qtest_readl(g.qt, b + 24), ==, 0);
    shut_down(g);
}

static void named_back_end_is_used(void)
{
    Guest g = boot("-object rng-builtin,id=rng0 -device virtio-rng-pci,rng=rng0,addr=2.0");
    QVirtBuffer buffer = { qvirtio_alloc(g.v, 4096), 64, true };

    qvirtqueue_add(g.q, &buffer, 1);
    qvirtqueue_kick(g.q);
    qvirtqueue_wait(g.q, NULL);
    g_assert_cmpuint(different_bytes(g, buffer.addr, 64), >, 8);
    shut_down(g);
}

static void file_is_read(void)
{
    Guest g = boot("-object rng-random,id=rng0,filename=/dev/zero -device virtio-rng-pci,rng=rng0,addr=2.0");
    QVirtBuffer buffer = { qvirtio_alloc(g.v, 4096), 64, true };
    uint8_t before[64], after[64], zero[64] = { 0 };
    uint32_t len;

    memset(before, 0x55, sizeof(before));
    qtest_memwrite(g.qt, buffer.addr, before, sizeof(before));
    qvirtqueue_add(g.q, &buffer, 1);
    qvirtqueue_kick(g.q);
    qvirtqueue_wait(g.q, &len);
    g_assert_cmpuint(len, ==, 64);
    qtest_memread(g.qt, buffer.addr, after, sizeof(after));
    g_assert_cmpmem(after, sizeof(after), zero, sizeof(zero));
    shut_down(g);
}

/* A FIFO: the buffer stays the device's until somebody wrote, and is filled with what there is. */
static void back_end_without_bytes_is_waited_for(void)
{
    g_autofree char *dir = g_dir_make_tmp("rng-XXXXXX", NULL), *path = g_build_filename(dir, "fifo", NULL);
    g_autofree char *options = g_strdup_printf("-object rng-random,id=rng0,filename=%s -device virtio-rng-pci,rng=rng0,addr=2.0", path);
    int rc = mkfifo(path, 0600), fd = open(path, O_RDWR | O_CLOEXEC);
    Guest g = boot(options);
    QVirtBuffer buffer = { qvirtio_alloc(g.v, 4096), 64, true };
    uint8_t got[5];
    uint16_t id;
    uint32_t len;

    g_assert_true(rc == 0 && fd >= 0);
    qvirtqueue_add(g.q, &buffer, 1);
    qvirtqueue_kick(g.q);
    qtest_clock_step(g.qt, 100000000);
    g_assert_false(qvirtqueue_get(g.q, &id, &len));
    g_assert_cmpint(write(fd, "bytes", 5), ==, 5);
    qtest_clock_step(g.qt, 100000000);
    qvirtqueue_wait(g.q, &len);
    g_assert_cmpuint(len, ==, 5);
    qtest_memread(g.qt, buffer.addr, got, sizeof(got));
    g_assert_cmpmem(got, 5, "bytes", 5);
    shut_down(g);
    close(fd);
    unlink(path);
    rmdir(dir);
}

static void limit_holds_until_the_period_is_over(void)
{
    Guest g = boot("-device virtio-rng-pci,addr=2.0,max-bytes=100,period=1000");
    QVirtBuffer buffer = { qvirtio_alloc(g.v, 4096), 64, true };
    uint16_t id;
    uint32_t len;

    for (int i = 0; i < 3; i++) {
        qvirtqueue_add(g.q, &buffer, 1);
    }
    qvirtqueue_kick(g.q);
    qvirtqueue_wait(g.q, &len);
    g_assert_cmpuint(len, ==, 64);
    qvirtqueue_wait(g.q, &len);
    g_assert_cmpuint(len, ==, 36);
    qtest_clock_step(g.qt, 999000000);
    g_assert_false(qvirtqueue_get(g.q, &id, &len));
    qtest_clock_step(g.qt, 2000000);
    qvirtqueue_wait(g.q, &len);
    g_assert_cmpuint(len, ==, 64);
    shut_down(g);
}

/* A table of the same megabytes again and again: what is asked for is more than anyone has. */
static void huge_request_is_answered_in_part(void)
{
    Guest g = boot("-device virtio-rng-pci,addr=2.0");
    QVirtBuffer buffers[256];
    uint32_t len;

    for (unsigned i = 0; i < G_N_ELEMENTS(buffers); i++) {
        buffers[i] = (QVirtBuffer){ 0x2000000, 0x1000000, true };
    }
    g.q->indirect = true;
    qvirtqueue_add(g.q, buffers, G_N_ELEMENTS(buffers));
    qvirtqueue_kick(g.q);
    qvirtqueue_wait(g.q, &len);
    g_assert_cmpuint(len, >, 0);
    g_assert_cmpuint(len, <=, 1 << 20);
    shut_down(g);
}

static void refused(const char *options, const char *text)
{
    g_autofree char *said = qtest_start_fails(NULL, "-M q35 %s", options);

    g_assert_cmpstr(g_strchomp(said), ==, text);
}

static void bad_options(void)
{
    refused("-device virtio-rng-pci,period=0",
            "-device virtio-rng-pci,period=0: 'period' parameter expects a positive integer");
    refused("-device virtio-rng-pci,max-bytes=0xffffffffffffffff",
            "-device virtio-rng-pci,max-bytes=0xffffffffffffffff: "
            "'max-bytes' parameter must be non-negative, and less than 2^63");
    refused("-device virtio-rng-device",
            "-device virtio-rng-device: No 'virtio-bus' bus found for device 'virtio-rng-device'");
}

#define ADD(fn) g_test_add_func("/virtio-rng/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(buffers_are_filled);
    ADD(named_back_end_is_used);
    ADD(file_is_read);
    ADD(back_end_without_bytes_is_waited_for);
    ADD(limit_holds_until_the_period_is_over);
    ADD(huge_request_is_answered_in_part);
    ADD(bad_options);
    return g_test_run();
}
