/* A guest with a virtio disk, for tests of the disk: one request at a time, or many. */
#ifndef TESTS_QTEST_BLK_GUEST_H
#define TESTS_QTEST_BLK_GUEST_H

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "libvirtio.h"
#include "util/byteorder.h"

#define MEMORY 0x1000000ull     /* the driver's, of 64 MiB */
#define SECTOR 512u
#define BLK_ALL (QVIRTIO_F(QVIRTIO_F_VERSION_1) | 0x7e74u) /* and what the disk itself offers */

enum { BLK_IN = 0, BLK_OUT = 1, BLK_SCSI = 2, BLK_FLUSH = 4, BLK_ID = 8, BLK_DISCARD = 11, BLK_ZEROES = 13 };
enum { BLK_OK, BLK_IOERR, BLK_UNSUPP, BLK_NONE = 0xff };

typedef struct Guest {
    QTest *qt;
    QPCIBus *bus;
    QVirtio *v;
    QVirtQueue *q;
    uint64_t header, data, status;  /* of one request at a time: 4 KiB, 1 MiB, 4 KiB */
} Guest;

/* An image of zeroes; unlink and free it. */
static inline char *blk_image(uint64_t size)
{
    char *path = g_strdup("/var/tmp/godwit-qtest-XXXXXX");
    int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    close(fd);
    return path;
}

static inline void blk_image_free(char *path)
{
    unlink(path);
    g_free(path);
}

static inline int blk_image_byte(const char *path, uint64_t offset)
{
    uint8_t byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = pread(fd, &byte, 1, offset);
    close(fd);
    return n == 1 ? byte : -1;
}

/* The driver's part: negotiates, one queue, ready. */
static inline void blk_drive(Guest *g, uint64_t features)
{
    g_assert_true(qvirtio_negotiate(g->v, qvirtio_offered(g->v) & features));
    g->q = qvirtqueue_new(g->v, 0, 0);
    qvirtio_driver_ok(g->v);
    g->header = qvirtio_alloc(g->v, 4096);
    g->data = qvirtio_alloc(g->v, 1 << 20);
    g->status = qvirtio_alloc(g->v, 4096);
}

/* The machine, with the disk behind a root port, and nothing of the driver yet. `args` has a drive or node "d0". */
static inline Guest blk_machine(const char *release, const char *machine, const char *args, const char *device)
{
    Guest g = { 0 };
    g.qt = qtest_start(release, "-M %s -m 64 -device pcie-root-port,id=rp0,addr=1.0,chassis=1,slot=1 %s "
                       "-device virtio-blk-pci,id=v0,drive=d0,bus=rp0%s", machine, args, device);
    g.bus = qpci_new(g.qt);
    qpci_open_bridge(qpci_device(g.bus, 0, 1, 0), 1, 1);
    g.v = qvirtio_new(qpci_device(g.bus, 1, 0, 0), MEMORY);
    return g;
}

static inline Guest blk_boot(const char *args, const char *device)
{
    Guest g = blk_machine(NULL, "q35", args, device);
    blk_drive(&g, BLK_ALL);
    return g;
}

static inline void blk_shut_down(Guest *g)
{
    if (g->q) {
        qvirtqueue_free(g->q);
    }
    qvirtio_free(g->v);
    qpci_free(g->bus);
    qtest_quit(g->qt);
}

static inline void blk_set_header(Guest *g, uint64_t at, uint32_t type, uint64_t sector)
{
    qtest_writel(g->qt, at, type);
    qtest_writel(g->qt, at + 4, 0);
    qtest_writeq(g->qt, at + 8, sector);
}

/* Makes a request available and rings: header, up to one data buffer, status. */
static inline void blk_submit(Guest *g, uint32_t type, uint64_t sector, uint32_t len, bool device_writes)
{
    QVirtBuffer buffers[3] = { { g->header, 16, false } };
    unsigned n = 1;
    blk_set_header(g, g->header, type, sector);
    qtest_writeb(g->qt, g->status, BLK_NONE);
    if (len) {
        buffers[n++] = (QVirtBuffer){ g->data, len, device_writes };
    }
    buffers[n++] = (QVirtBuffer){ g->status, 1, true };
    qvirtqueue_add(g->q, buffers, n);
    qvirtqueue_ring(g->q);
}

/* … and waits for it: its status. *used, if not NULL, is what the used ring says. */
static inline uint8_t blk_request(Guest *g, uint32_t type, uint64_t sector, uint32_t len, bool device_writes,
                                  uint32_t *used)
{
    blk_submit(g, type, sector, len, device_writes);
    qvirtqueue_wait(g->q, used);
    return qtest_readb(g->qt, g->status);
}

static inline uint8_t blk_read(Guest *g, uint64_t sector, uint32_t len)
{
    return blk_request(g, BLK_IN, sector, len, true, NULL);
}

static inline uint8_t blk_write(Guest *g, uint64_t sector, uint32_t len)
{
    return blk_request(g, BLK_OUT, sector, len, false, NULL);
}

/* Discard or write-zeroes of one segment. */
static inline uint8_t blk_segment(Guest *g, uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
    qtest_writeq(g->qt, g->data, sector);
    qtest_writel(g->qt, g->data + 8, sectors);
    qtest_writel(g->qt, g->data + 12, flags);
    return blk_request(g, type, 0, 16, false, NULL);
}

static inline bool blk_needs_reset(Guest *g)
{
    return qvirtio_status(g->v) & QVIRTIO_NEEDS_RESET;
}

static inline uint32_t blk_config(Guest *g, unsigned offset, unsigned size)
{
    return qpci_bar_read(g->v->pci, g->v->device.bar, g->v->device.offset + offset, size);
}

static inline void blk_set_config(Guest *g, unsigned offset, unsigned size, uint32_t value)
{
    qpci_bar_write(g->v->pci, g->v->device.bar, g->v->device.offset + offset, size, value);
}

/* A member of what query-block says of the only drive, or of its "inserted" part. */
static inline Json *blk_query(Guest *g)
{
    g_autoptr(Json) all = qtest_qmp_ok(g->qt, "{'execute': 'query-block'}");
    g_assert_cmpuint(json_count(all), ==, 1);
    return json_ref(json_at(all, 0));
}

static inline int64_t blk_statistic(Guest *g, const char *name)
{
    g_autoptr(Json) all = qtest_qmp_ok(g->qt, "{'execute': 'query-blockstats'}");
    return json_member_int(json_member(json_at(all, 0), "stats"), name, -1);
}

#endif
