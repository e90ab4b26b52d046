/*
 * virtio over PCI as a guest sees it: capabilities and the window, both interfaces, both ring formats, interrupts of
 * all kinds, resets, and guests that break the rules.
 */
#include <string.h>

#include "hw/pci/pci_regs.h"
#include "libvirtio.h"

#define MEMORY 0x1000000ull         /* where the driver's memory begins: 16 MiB of 64 */
#define MESSAGES 0x200000ull        /* where MSI-X messages go, 16 bytes apart */
#define ALL (QVIRTIO_F(QVIRTIO_F_VERSION_1))
#define NO_VECTOR 0xffff

typedef struct Guest {
    QTest *qt;
    QPCIBus *bus;
    QVirtio *v;
} Guest;

/* A disk of zeroes behind a root port, or (legacy, transitional) on the root complex. */
static Guest boot(const char *options, bool port)
{
    Guest g;

    g.qt = qtest_start(NULL, "-M q35 -m 64 -device pcie-root-port,id=rp0,addr=1.0,chassis=1,slot=1"
                       " -blockdev null-co,node-name=n0,size=67108864,read-zeroes=on"
                       " -device virtio-blk-pci,drive=n0,%s%s",
                       port ? "bus=rp0" : "addr=2.0", options);
    g.bus = qpci_new(g.qt);
    if (port) {
        qpci_open_bridge(qpci_device(g.bus, 0, 1, 0), 1, 1);
    }
    g.v = qvirtio_new(port ? qpci_device(g.bus, 1, 0, 0) : qpci_device(g.bus, 0, 2, 0), MEMORY);
    return g;
}

static void shut_down(Guest g)
{
    qvirtio_free(g.v);
    qpci_free(g.bus);
    qtest_quit(g.qt);
}

/* ---- Requests of a disk ---- */

typedef struct Request {
    QVirtBuffer buffers[3];
} Request;

/* A read of `sectors` whose memory is filled with 0xff beforehand. */
static Request make_read(Guest g, unsigned sectors)
{
    uint64_t header = qvirtio_alloc(g.v, 16), data = qvirtio_alloc(g.v, 512 * sectors), status = qvirtio_alloc(g.v, 1);

    qtest_memset(g.qt, data, 0xff, 512 * sectors);
    qtest_writeb(g.qt, status, 0xff);
    return (Request){ { { header, 16, false }, { data, 512 * sectors, true }, { status, 1, true } } };
}

static void assert_was_read(Guest g, const Request *r)
{
    g_autofree uint8_t *data = g_malloc(r->buffers[1].len);

    qtest_memread(g.qt, r->buffers[1].addr, data, r->buffers[1].len);
    for (unsigned i = 0; i < r->buffers[1].len; i++) {
        g_assert_cmphex(data[i], ==, 0);
    }
    g_assert_cmphex(qtest_readb(g.qt, r->buffers[2].addr), ==, 0);
}

static void read_once(Guest g, QVirtQueue *q)
{
    Request r = make_read(g, 1);
    uint16_t id = qvirtqueue_add(q, r.buffers, 3);
    uint32_t len;

    qvirtqueue_kick(q);
    g_assert_cmpuint(qvirtqueue_wait(q, &len), ==, id);
    g_assert_cmpuint(len, ==, 513);
    assert_was_read(g, &r);
}

static QVirtQueue *start(Guest g, uint64_t features, unsigned num)
{
    QVirtQueue *q;

    g_assert_true(qvirtio_negotiate(g.v, features));
    q = qvirtqueue_new(g.v, 0, num);
    qvirtio_driver_ok(g.v);
    return q;
}

/* Long enough for the device to do what it should not. */
static void settle(Guest g)
{
    for (int i = 0; i < 20; i++) {
        qtest_readb(g.qt, MEMORY);
        g_usleep(100);
    }
}

static bool intx_asserted(Guest g)
{
    return qpci_readw(g.v->pci, PCI_STATUS) & PCI_STATUS_INTERRUPT;
}

/* ---- Capabilities ---- */

static void modern_structures_are_found(void)
{
    Guest g = boot("", true);

    g_assert_cmphex(qpci_readl(g.v->pci, 0), ==, 0x10421af4);
    g_assert_cmpuint(g.v->common.cap && g.v->notify.cap && g.v->isr.cap && g.v->device.cap && g.v->window.cap, ==, 1);
    g_assert_cmpuint(g.v->common.length, >=, 56);
    g_assert_cmpuint(g.v->multiplier, ==, 4);
    g_assert_cmphex(g.v->bars[4].size, ==, 0x4000);
    g_assert_cmphex(g.v->bars[1].size, ==, 0x1000);
    g_assert_cmphex(g.v->bars[0].size, ==, 0);
    shut_down(g);
}

static void common_configuration_at_reset(void)
{
    static const struct {
        unsigned offset, size;
        uint32_t value;
    } registers[] = {
        { QVIRTIO_DFSELECT, 4, 0 }, { QVIRTIO_DF, 4, 0x30006e54 }, { QVIRTIO_GFSELECT, 4, 0 }, { QVIRTIO_GF, 4, 0 },
        { QVIRTIO_MSIX, 2, NO_VECTOR }, { QVIRTIO_NUMQ, 2, 1 }, { QVIRTIO_STATUS, 1, 0 }, { QVIRTIO_GENERATION, 1, 0 },
        { QVIRTIO_Q_SELECT, 2, 0 }, { QVIRTIO_Q_SIZE, 2, 256 }, { QVIRTIO_Q_MSIX, 2, NO_VECTOR },
        { QVIRTIO_Q_ENABLE, 2, 0 }, { QVIRTIO_Q_NOFF, 2, 0 }, { QVIRTIO_Q_DESC, 4, 0 }, { QVIRTIO_Q_USED + 4, 4, 0 },
        { QVIRTIO_Q_RESET, 2, 0 },
    };
    Guest g = boot("", true);

    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(registers); i++) {
            g_assert_cmphex(qvirtio_read(g.v, registers[i].offset, registers[i].size), ==, registers[i].value);
        }
        start(g, ALL, 128);
        qvirtio_set_status(g.v, 0); /* undoes all of it but the selectors and what was written behind them */
        qvirtio_write(g.v, QVIRTIO_GF, 4, 0);
        qvirtio_write(g.v, QVIRTIO_GFSELECT, 4, 0);
        qvirtio_write(g.v, QVIRTIO_GF, 4, 0);
        qvirtio_write(g.v, QVIRTIO_DFSELECT, 4, 0);
    }
    shut_down(g);
}

static void window_put(Guest g, uint8_t bar, uint32_t offset, uint32_t length)
{
    qpci_writeb(g.v->pci, g.v->window.cap + 4, bar);
    qpci_writel(g.v->pci, g.v->window.cap + 8, offset);
    qpci_writel(g.v->pci, g.v->window.cap + 12, length);
}

static uint32_t window_read(Guest g, uint8_t bar, uint32_t offset, uint32_t length)
{
    window_put(g, bar, offset, length);
    return length == 1   ? qpci_readb(g.v->pci, g.v->window.cap + 16)
           : length == 2 ? qpci_readw(g.v->pci, g.v->window.cap + 16)
                         : qpci_readl(g.v->pci, g.v->window.cap + 16);
}

static void window_write(Guest g, uint8_t bar, uint32_t offset, uint32_t length, uint32_t value)
{
    window_put(g, bar, offset, length);
    switch (length) {
    case 1:
        qpci_writeb(g.v->pci, g.v->window.cap + 16, value);
        break;
    case 2:
        qpci_writew(g.v->pci, g.v->window.cap + 16, value);
        break;
    default:
        qpci_writel(g.v->pci, g.v->window.cap + 16, value);
        break;
    }
}

static void window_reaches_every_structure(void)
{
    Guest g = boot("", true);
    QVirtQueue *q = start(g, ALL, 0);
    Request r = make_read(g, 1);

    g_assert_cmphex(window_read(g, 4, QVIRTIO_STATUS, 1), ==, 15);
    g_assert_cmphex(window_read(g, 4, QVIRTIO_Q_SIZE, 2), ==, 256);
    window_write(g, 4, QVIRTIO_DFSELECT, 4, 1);
    g_assert_cmphex(qvirtio_read(g.v, QVIRTIO_DFSELECT, 4), ==, 1);
    g_assert_cmphex(window_read(g, 4, g.v->device.offset, 4), ==, 67108864 / 512);
    qvirtqueue_add(q, r.buffers, 3);
    window_write(g, 4, q->doorbell, 2, 0);
    qvirtqueue_wait(q, NULL);
    assert_was_read(g, &r);
    g_assert_cmphex(window_read(g, 4, g.v->isr.offset, 1), ==, 1);
    g_assert_cmphex(window_read(g, 4, g.v->isr.offset, 1), ==, 0);
    shut_down(g);
}

static void window_that_points_nowhere_does_nothing(void)
{
    static const struct {
        uint8_t bar;
        uint32_t offset, length;
    } bad[] = {
        { 4, 0x4000, 4 }, { 4, UINT32_MAX, 1 }, { 4, 0xfffffffc, 4 }, { 4, 0, 0 }, { 4, 0, 3 }, { 4, 0, 8 },
        { 4, 0, UINT32_MAX }, { 1, 0, 4 }, { 0, 0, 4 }, { 5, 0, 4 }, { 255, 0, 4 },
    };
    Guest g = boot("", true);

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        window_put(g, bad[i].bar, bad[i].offset, bad[i].length);
        qpci_writel(g.v->pci, g.v->window.cap + 16, 0x12345678);
        g_assert_cmphex(qpci_readl(g.v->pci, g.v->window.cap + 16), ==, 0x12345678); /* a register as any */
    }
    g_assert_cmphex(qvirtio_read(g.v, QVIRTIO_DFSELECT, 4), ==, 0);
    shut_down(g);
}

/* ---- Negotiation and configuration ---- */

static void features_not_offered_are_refused(void)
{
    Guest g = boot("", true);

    g_assert_true(qvirtio_negotiate(g.v, qvirtio_offered(g.v)));
    g_assert_false(qvirtio_negotiate(g.v, ALL | QVIRTIO_F(QVIRTIO_F_PACKED)));
    g_assert_cmphex(qvirtio_status(g.v), ==, QVIRTIO_ACKNOWLEDGE | QVIRTIO_DRIVER);
    g_assert_false(qvirtio_negotiate(g.v, ALL | QVIRTIO_F(63)));
    g_assert_true(qvirtio_negotiate(g.v, ALL));
    shut_down(g);
}

static void features_are_fixed_after_features_ok(void)
{
    Guest g = boot(",packed=on", true);
    QVirtQueue *q;

    g_assert_true(qvirtio_negotiate(g.v, ALL));
    qvirtio_write(g.v, QVIRTIO_GF, 4, 1 | 1 << (QVIRTIO_F_PACKED - 32)); /* too late: the rings stay split */
    q = qvirtqueue_new(g.v, 0, 0);
    qvirtio_driver_ok(g.v);
    read_once(g, q);
    shut_down(g);
}

static void iommu_platform_must_be_taken(void)
{
    Guest g = boot(",iommu_platform=on", true);

    g_assert_false(qvirtio_negotiate(g.v, ALL));
    g_assert_true(qvirtio_negotiate(g.v, ALL | QVIRTIO_F(33)));
    shut_down(g);
}

static void device_configuration_is_bounded(void)
{
    Guest g = boot("", true);
    QPCIBar bar = g.v->device.bar;
    uint32_t at = g.v->device.offset;

    g_assert_cmphex(qpci_bar_read(g.v->pci, bar, at, 4), ==, 67108864 / 512);
    g_assert_cmphex(qpci_bar_read(g.v->pci, bar, at + 57, 1), ==, 0xff);
    g_assert_cmphex(qpci_bar_read(g.v->pci, bar, at + 56, 4), ==, UINT32_MAX);
    g_assert_cmphex(qpci_bar_read(g.v->pci, bar, at + 0xffc, 4), ==, UINT32_MAX);
    qpci_bar_write(g.v->pci, bar, at + 0xffc, 4, 0x55555555);
    qpci_bar_write(g.v->pci, bar, at + 56, 4, 0x55555555);
    shut_down(g);
}

/* ---- Rings ---- */

static void serve(const char *options, uint64_t features, bool indirect, unsigned num)
{
    Guest g = boot(options, true);
    QVirtQueue *q = start(g, features, num);

    q->indirect = indirect;
    for (unsigned i = 0; i < 40; i++) {
        read_once(g, q);
    }
    for (unsigned round = 0; round < 10; round++) { /* several at once */
        unsigned n = q->indirect ? q->num : q->num / 3;
        Request r[16];

        n = MIN(n, G_N_ELEMENTS(r));
        for (unsigned i = 0; i < n; i++) {
            r[i] = make_read(g, 1 + i % 3);
            qvirtqueue_add(q, r[i].buffers, 3);
        }
        qvirtqueue_kick(q);
        for (unsigned i = 0; i < n; i++) {
            qvirtqueue_wait(q, NULL);
        }
        for (unsigned i = 0; i < n; i++) {
            assert_was_read(g, &r[i]);
        }
    }
    g_assert_cmphex(qvirtio_status(g.v), ==, 15);
    qvirtqueue_free(q);
    shut_down(g);
}

static void split_ring(void)
{
    serve("", ALL, false, 8);
}

static void split_ring_indirect(void)
{
    serve("", ALL | QVIRTIO_F(QVIRTIO_F_INDIRECT), true, 4);
}

static void split_ring_event_index(void)
{
    serve("", ALL | QVIRTIO_F(QVIRTIO_F_EVENT_IDX), false, 16);
}

static void packed_ring(void)
{
    serve(",packed=on", ALL | QVIRTIO_F(QVIRTIO_F_PACKED), false, 8);
}

static void packed_ring_of_odd_size(void)
{
    serve(",packed=on", ALL | QVIRTIO_F(QVIRTIO_F_PACKED), false, 11);
}

static void packed_ring_indirect_event_index(void)
{
    serve(",packed=on",
          ALL | QVIRTIO_F(QVIRTIO_F_PACKED) | QVIRTIO_F(QVIRTIO_F_INDIRECT) | QVIRTIO_F(QVIRTIO_F_EVENT_IDX), true, 4);
}

static void queues_work_side_by_side(void)
{
    Guest g = boot(",num-queues=4", true);
    QVirtQueue *q[4];

    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_NUMQ, 2), ==, 4);
    g_assert_cmpuint(qpci_msix_count(g.v->pci), ==, 5);
    g_assert_true(qvirtio_negotiate(g.v, ALL));
    for (unsigned i = 0; i < 4; i++) {
        q[i] = qvirtqueue_new(g.v, i, 8);
    }
    qvirtio_driver_ok(g.v);
    for (unsigned i = 0; i < 20; i++) {
        read_once(g, q[i % 4]);
    }
    shut_down(g);
}

static void doorbell_by_page_and_by_port(void)
{
    Guest g = boot(",page-per-vq=on,modern-pio-notify=on,num-queues=2", true);
    QVirtQueue *q;
    Request r;

    g_assert_cmphex(g.v->multiplier, ==, 4096);
    g_assert_cmphex(g.v->bars[4].size, ==, 8 << 20);
    g_assert_true(g.v->notify_pio.bar.is_io);
    g_assert_true(qvirtio_negotiate(g.v, ALL));
    q = qvirtqueue_new(g.v, 1, 8);
    qvirtio_driver_ok(g.v);
    g_assert_cmphex(q->doorbell, ==, 0x4000);
    read_once(g, q);
    r = make_read(g, 1);
    qvirtqueue_add(q, r.buffers, 3);
    qpci_bar_write(g.v->pci, g.v->notify_pio.bar, 0, 2, 1);
    qvirtqueue_wait(q, NULL);
    assert_was_read(g, &r);
    shut_down(g);
}

static void doorbell_without_ioeventfd(void)
{
    Guest g = boot(",ioeventfd=off", true);

    read_once(g, start(g, ALL, 8));
    shut_down(g);
}

/* ---- Interrupts ---- */

static void intx_and_isr(void)
{
    Guest g = boot("", true);
    QVirtQueue *q = start(g, ALL, 8);

    g_assert_false(intx_asserted(g));
    read_once(g, q);
    g_assert_true(intx_asserted(g));
    g_assert_cmphex(qvirtio_isr(g.v), ==, 1);
    g_assert_false(intx_asserted(g));
    g_assert_cmphex(qvirtio_isr(g.v), ==, 0);
    qvirtqueue_no_interrupts(q, true);
    read_once(g, q);
    g_assert_false(intx_asserted(g));
    shut_down(g);
}

static void reset_takes_the_interrupt_back(void)
{
    Guest g = boot("", true);

    read_once(g, start(g, ALL, 8));
    g_assert_true(intx_asserted(g));
    qvirtio_set_status(g.v, 0);
    g_assert_false(intx_asserted(g));
    g_assert_cmphex(qvirtio_isr(g.v), ==, 0);
    shut_down(g);
}

static QPCIBar enable_msix(Guest g)
{
    QPCIBar table = qpci_msix_enable(g.v->pci);

    for (unsigned i = 0; i < qpci_msix_count(g.v->pci); i++) {
        qpci_msix_set(g.v->pci, table, i, MESSAGES + 16 * i, 0x100 + i);
    }
    return table;
}

static uint32_t message(Guest g, unsigned vector)
{
    return qpci_message(g.v->pci, MESSAGES + 16 * vector);
}

static void select_vector(Guest g, unsigned queue, uint16_t vector)
{
    qvirtio_write(g.v, QVIRTIO_Q_SELECT, 2, queue);
    qvirtio_write(g.v, QVIRTIO_Q_MSIX, 2, vector);
    g_assert_cmphex(qvirtio_read(g.v, QVIRTIO_Q_MSIX, 2), ==, vector);
}

static void msix_vector_per_queue(void)
{
    Guest g = boot(",num-queues=2", true);
    QVirtQueue *q[2];

    enable_msix(g);
    g_assert_true(qvirtio_negotiate(g.v, ALL));
    for (unsigned i = 0; i < 2; i++) {
        q[i] = qvirtqueue_new(g.v, i, 8);
        select_vector(g, i, i + 1);
    }
    qvirtio_driver_ok(g.v);
    read_once(g, q[0]);
    g_assert_cmphex(message(g, 1), ==, 0x101);
    g_assert_cmphex(message(g, 2), ==, 0);
    read_once(g, q[1]);
    g_assert_cmphex(message(g, 1), ==, 0);
    g_assert_cmphex(message(g, 2), ==, 0x102);
    g_assert_false(intx_asserted(g));
    select_vector(g, 0, NO_VECTOR);
    read_once(g, q[0]);
    g_assert_cmphex(message(g, 1), ==, 0);
    shut_down(g);
}

static void masked_vector_is_pending(void)
{
    Guest g = boot("", true);
    QPCIBar table = enable_msix(g);
    QVirtQueue *q = start(g, ALL, 8);

    select_vector(g, 0, 1);
    qpci_msix_mask(g.v->pci, table, 1, true);
    read_once(g, q);
    g_assert_cmphex(message(g, 1), ==, 0);
    g_assert_cmphex(qtest_readl(g.qt, table.addr + 0x800), ==, 2); /* its pending bit */
    qpci_msix_mask(g.v->pci, table, 1, false);
    g_assert_cmphex(message(g, 1), ==, 0x101);
    g_assert_cmphex(qtest_readl(g.qt, table.addr + 0x800), ==, 0);
    shut_down(g);
}

static void vector_that_does_not_exist_is_none(void)
{
    Guest g = boot("", true);

    enable_msix(g);
    qvirtio_write(g.v, QVIRTIO_MSIX, 2, 2);
    g_assert_cmphex(qvirtio_read(g.v, QVIRTIO_MSIX, 2), ==, NO_VECTOR);
    qvirtio_write(g.v, QVIRTIO_Q_MSIX, 2, 0x8000);
    g_assert_cmphex(qvirtio_read(g.v, QVIRTIO_Q_MSIX, 2), ==, NO_VECTOR);
    qvirtio_write(g.v, QVIRTIO_MSIX, 2, 1);
    g_assert_cmphex(qvirtio_read(g.v, QVIRTIO_MSIX, 2), ==, 1);
    shut_down(g);
}

static void event_index_holds_interrupts_back(const char *options, uint64_t features)
{
    Guest g = boot(options, true);
    QVirtQueue *q;

    enable_msix(g);
    q = start(g, ALL | QVIRTIO_F(QVIRTIO_F_EVENT_IDX) | features, 64);
    select_vector(g, 0, 1);
    read_once(g, q); /* the first interrupts in any case */
    g_assert_cmphex(message(g, 1), ==, 0x101);
    qvirtqueue_interrupt_after(q, q->packed ? 2 * 3 : 2); /* in entries of the ring, three a request */
    read_once(g, q);
    read_once(g, q);
    g_assert_cmphex(message(g, 1), ==, 0);
    read_once(g, q);
    g_assert_cmphex(message(g, 1), ==, 0x101);
    shut_down(g);
}

static void used_event_of_split_ring(void)
{
    event_index_holds_interrupts_back("", 0);
}

static void driver_event_of_packed_ring(void)
{
    event_index_holds_interrupts_back(",packed=on", QVIRTIO_F(QVIRTIO_F_PACKED));
}

/* ---- Legacy ---- */

enum { LEGACY_HOST_FEATURES = 0, LEGACY_GUEST_FEATURES = 4, LEGACY_PFN = 8, LEGACY_NUM = 12, LEGACY_SELECT = 14,
       LEGACY_STATUS = 18, LEGACY_ISR = 19, LEGACY_CONFIG = 20, LEGACY_QUEUE_VECTOR = 22, LEGACY_CONFIG_MSIX = 24 };

static uint32_t legacy_read(Guest g, unsigned offset, unsigned size)
{
    return qpci_bar_read(g.v->pci, g.v->bars[0], offset, size);
}

static void legacy_write(Guest g, unsigned offset, unsigned size, uint32_t value)
{
    qpci_bar_write(g.v->pci, g.v->bars[0], offset, size, value);
}

static void legacy_driver(const char *options, uint32_t features)
{
    Guest g = boot(options, false);
    QVirtQueue *q;

    g_assert_cmphex(qpci_readl(g.v->pci, 0), ==, 0x10011af4);
    g_assert_cmphex(qpci_readl(g.v->pci, PCI_SUBSYSTEM_VENDOR_ID), ==, 0x00021af4);
    g_assert_true(g.v->bars[0].is_io);
    g_assert_cmphex(legacy_read(g, LEGACY_HOST_FEATURES, 4), ==, features);
    g_assert_cmphex(legacy_read(g, LEGACY_NUM, 2), ==, 256);
    g_assert_cmphex(legacy_read(g, LEGACY_CONFIG, 4), ==, 67108864 / 512);
    qpci_writew(g.v->pci, PCI_COMMAND, PCI_COMMAND_IO);
    legacy_write(g, LEGACY_STATUS, 1, QVIRTIO_ACKNOWLEDGE);
    legacy_write(g, LEGACY_STATUS, 1, QVIRTIO_ACKNOWLEDGE | QVIRTIO_DRIVER);
    g_assert_cmphex(qpci_readw(g.v->pci, PCI_COMMAND), ==, PCI_COMMAND_IO | PCI_COMMAND_MASTER); /* for old drivers */
    qpci_enable(g.v->pci);
    legacy_write(g, LEGACY_GUEST_FEATURES, 4, 0x10000000);
    g_assert_cmphex(legacy_read(g, LEGACY_GUEST_FEATURES, 4), ==, 0x10000000);
    g.v->common.cap = 0; /* doorbells by port */
    q = qvirtqueue_new_legacy(g.v, 0);
    g_assert_cmphex(legacy_read(g, LEGACY_PFN, 4), ==, q->desc >> 12);
    legacy_write(g, LEGACY_STATUS, 1, 7);
    read_once(g, q);
    g_assert_true(intx_asserted(g));
    g_assert_cmphex(legacy_read(g, LEGACY_ISR, 1), ==, 1);
    g_assert_false(intx_asserted(g));
    read_once(g, q);
    legacy_write(g, LEGACY_PFN, 4, 0); /* resets all of it */
    g_assert_cmphex(legacy_read(g, LEGACY_STATUS, 1), ==, 0);
    g_assert_cmphex(legacy_read(g, LEGACY_PFN, 4), ==, 0);
    g_assert_false(intx_asserted(g));
    shut_down(g);
}

static void legacy_driver_of_transitional_device(void)
{
    legacy_driver("", 0x79006e54);
}

static void legacy_driver_of_legacy_device(void)
{
    legacy_driver(",disable-modern=on,disable-legacy=off", 0x71006ed4);
}

static void legacy_queue_before_driver_ok(void)
{
    Guest g = boot("", false);
    QVirtQueue *q;

    legacy_write(g, LEGACY_STATUS, 1, 3);
    g.v->common.cap = 0;
    q = qvirtqueue_new_legacy(g.v, 0);
    legacy_write(g, LEGACY_GUEST_FEATURES, 4, 0);
    read_once(g, q);
    shut_down(g);
}

static void legacy_bad_feature_takes_none(void)
{
    Guest g = boot("", false);

    legacy_write(g, LEGACY_GUEST_FEATURES, 4, legacy_read(g, LEGACY_HOST_FEATURES, 4));
    g_assert_cmphex(legacy_read(g, LEGACY_GUEST_FEATURES, 4), ==, 0);
    shut_down(g);
}

static void legacy_registers_move_with_msix(void)
{
    Guest g = boot("", false);
    QVirtQueue *q;

    enable_msix(g);
    g_assert_cmphex(legacy_read(g, LEGACY_CONFIG, 2), ==, NO_VECTOR);
    g_assert_cmphex(legacy_read(g, LEGACY_QUEUE_VECTOR, 2), ==, NO_VECTOR);
    g_assert_cmphex(legacy_read(g, LEGACY_CONFIG_MSIX, 4), ==, 67108864 / 512);
    legacy_write(g, LEGACY_STATUS, 1, 3);
    g.v->common.cap = 0;
    q = qvirtqueue_new_legacy(g.v, 0);
    legacy_write(g, LEGACY_QUEUE_VECTOR, 2, 1);
    g_assert_cmphex(legacy_read(g, LEGACY_QUEUE_VECTOR, 2), ==, 1);
    legacy_write(g, LEGACY_STATUS, 1, 7);
    read_once(g, q);
    g_assert_cmphex(message(g, 1), ==, 0x101);
    shut_down(g);
}

static void modern_driver_after_legacy_driver(void)
{
    Guest g = boot("", false);
    uint8_t cap = g.v->common.cap;
    QVirtQueue *q;

    legacy_write(g, LEGACY_STATUS, 1, 3);
    g.v->common.cap = 0;
    q = qvirtqueue_new_legacy(g.v, 0);
    legacy_write(g, LEGACY_STATUS, 1, 7);
    read_once(g, q);
    qvirtqueue_free(q);
    g.v->common.cap = cap;
    q = start(g, ALL, 8);
    read_once(g, q);
    shut_down(g);
}

/* ---- Resets and bus mastering ---- */

static void queue_reset_and_enable_again(void)
{
    Guest g = boot("", true);
    QVirtQueue *q = start(g, ALL | QVIRTIO_F(QVIRTIO_F_RING_RESET), 8);

    read_once(g, q);
    qvirtio_write(g.v, QVIRTIO_Q_RESET, 2, 1);
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_RESET, 2), ==, 0);
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_ENABLE, 2), ==, 0);
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_SIZE, 2), ==, 256);
    q->num = 16;
    q->desc = qvirtio_alloc(g.v, 0x1000);
    q->avail = qvirtio_alloc(g.v, 0x1000);
    q->used = qvirtio_alloc(g.v, 0x1000);
    qvirtqueue_restart(q);
    read_once(g, q);
    g_assert_cmphex(qvirtio_status(g.v), ==, 15);
    shut_down(g);
}

static void function_level_reset(void)
{
    Guest g = boot("", true);
    QVirtQueue *q = start(g, ALL, 8);
    uint8_t exp = qpci_find_cap(g.v->pci, PCI_CAP_ID_EXP, 0);

    read_once(g, q);
    qpci_writew(g.v->pci, exp + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR);
    g_assert_cmphex(qpci_readw(g.v->pci, PCI_COMMAND), ==, 0);
    g_assert_false(intx_asserted(g));
    qvirtio_free(g.v);
    g.v = qvirtio_new(qpci_device(g.bus, 1, 0, 0), MEMORY);
    g_assert_cmphex(qvirtio_status(g.v), ==, 0);
    read_once(g, start(g, ALL, 8));
    shut_down(g);
}

static void without_bus_mastering_nothing_runs(void)
{
    Guest g = boot("", true);
    QVirtQueue *q = start(g, ALL, 8);
    Request r = make_read(g, 1);

    read_once(g, q);
    qpci_writew(g.v->pci, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    g_assert_cmphex(qvirtio_status(g.v), ==, 11); /* DRIVER_OK is gone */
    qvirtqueue_add(q, r.buffers, 3);
    qvirtqueue_ring(q);
    settle(g);
    g_assert_cmphex(qtest_readb(g.qt, r.buffers[2].addr), ==, 0xff);
    qpci_enable(g.v->pci);
    qvirtio_driver_ok(g.v);
    qvirtqueue_wait(q, NULL);
    assert_was_read(g, &r);
    shut_down(g);
}

static void requests_of_before_driver_ok_are_served_then(void)
{
    Guest g = boot("", true);
    QVirtQueue *q;
    Request r;

    g_assert_true(qvirtio_negotiate(g.v, ALL));
    q = qvirtqueue_new(g.v, 0, 8);
    r = make_read(g, 1);
    qvirtqueue_add(q, r.buffers, 3);
    qvirtio_driver_ok(g.v); /* no doorbell */
    qvirtqueue_wait(q, NULL);
    assert_was_read(g, &r);
    shut_down(g);
}

/* ---- Guests that break the rules ---- */

/* A request that can't be: `spoil` writes it. */
static void breaks(const char *options, uint64_t features, void (*spoil)(QVirtQueue *q))
{
    Guest g = boot(options, true);
    QVirtQueue *q;

    enable_msix(g);
    q = start(g, ALL | features, 8);
    qvirtio_write(g.v, QVIRTIO_MSIX, 2, 0);
    select_vector(g, 0, 1);
    read_once(g, q);
    g_assert_cmphex(message(g, 1), ==, 0x101);
    spoil(q);
    qvirtqueue_ring(q);
    for (int i = 0; i < 1000 && !(qvirtio_status(g.v) & QVIRTIO_NEEDS_RESET); i++) {
        g_usleep(100);
    }
    g_assert_cmphex(qvirtio_status(g.v), ==, 15 | QVIRTIO_NEEDS_RESET);
    g_assert_cmphex(message(g, 0), ==, 0x100); /* the configuration's interrupt says so */
    g_assert_cmphex(qvirtio_isr(g.v) & 2, ==, 2);
    qvirtqueue_ring(q);
    settle(g);
    g_assert_cmphex(message(g, 1), ==, 0);
    qvirtqueue_free(q);
    q = start(g, ALL | features, 8);
    g_assert_cmphex(qvirtio_status(g.v), ==, 15);
    read_once(g, q);
    shut_down(g);
}

static void spoil_loop(QVirtQueue *q)
{
    qvirtqueue_write_desc(q, q->desc, 0, MEMORY, 16, 1, 1);
    qvirtqueue_write_desc(q, q->desc, 1, MEMORY, 16, 1, 0);
    qvirtqueue_write_head(q, 0);
}

static void spoil_head(QVirtQueue *q)
{
    qvirtqueue_write_head(q, 0xffff);
}

static void spoil_next(QVirtQueue *q)
{
    qvirtqueue_write_desc(q, q->desc, 0, MEMORY, 16, 1, 8);
    qvirtqueue_write_head(q, 0);
}

static void spoil_index(QVirtQueue *q)
{
    qtest_writew(q->v->qt, q->avail + 2, q->avail_idx + 100);
}

static void spoil_address(QVirtQueue *q)
{
    qvirtqueue_write_desc(q, q->desc, 0, 0xfffffffffffff000, 0x10000, 0, 0);
    qvirtqueue_write_head(q, 0);
}

static void spoil_mmio(QVirtQueue *q)
{
    qvirtqueue_write_desc(q, q->desc, 0, q->v->bars[4].addr, 64, 2, 0);
    qvirtqueue_write_head(q, 0);
}

static void spoil_zero_length(QVirtQueue *q)
{
    qvirtqueue_write_desc(q, q->desc, 0, MEMORY, 0, 0, 0);
    qvirtqueue_write_head(q, 0);
}

static void spoil_order(QVirtQueue *q)
{
    qvirtqueue_write_desc(q, q->desc, 0, MEMORY, 16, 1 | 2, 1);
    qvirtqueue_write_desc(q, q->desc, 1, MEMORY + 16, 16, 0, 0);
    qvirtqueue_write_head(q, 0);
}

static void spoil_indirect_length(QVirtQueue *q)
{
    qvirtqueue_write_desc(q, q->desc, 0, MEMORY, 24, 4, 0);
    qvirtqueue_write_head(q, 0);
}

static void spoil_packed_loop(QVirtQueue *q)
{
    for (unsigned i = 0; i < q->num; i++) {
        unsigned at = (q->avail_idx + i) % q->num;
        bool wrap = q->avail_wrap == (q->avail_idx + i < q->num);

        qvirtqueue_write_desc(q, q->desc, at, MEMORY, 16, 1 | (wrap ? 1 << 7 : 1 << 15), 0);
    }
}

static void rings_that_need_a_reset(void)
{
    static void (*const spoilers[])(QVirtQueue *q) = {
        spoil_loop, spoil_head, spoil_next, spoil_index, spoil_address, spoil_mmio, spoil_zero_length, spoil_order,
        spoil_indirect_length,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(spoilers); i++) {
        g_test_message("number %u", i);
        breaks("", 0, spoilers[i]);
    }
    breaks(",packed=on", QVIRTIO_F(QVIRTIO_F_PACKED), spoil_packed_loop);
}

static void queue_outside_memory_needs_a_reset(void)
{
    static const uint64_t places[] = { 0x4000000, 0x3fffff0, 0xfffffffffffff000, MEMORY + 8 };
    Guest g = boot("", true);

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        g_assert_true(qvirtio_negotiate(g.v, ALL));
        qvirtio_write(g.v, QVIRTIO_Q_DESC, 4, places[i]);
        qvirtio_write(g.v, QVIRTIO_Q_DESC + 4, 4, places[i] >> 32);
        qvirtio_write(g.v, QVIRTIO_Q_ENABLE, 2, 1);
        qvirtio_driver_ok(g.v);
        qpci_bar_write(g.v->pci, g.v->notify.bar, g.v->notify.offset, 2, 0);
        settle(g);
        g_assert_cmphex(qvirtio_status(g.v) & QVIRTIO_NEEDS_RESET, ==, QVIRTIO_NEEDS_RESET);
    }
    read_once(g, start(g, ALL, 8));
    shut_down(g);
}

static void bad_register_values_are_dropped(void)
{
    static const uint16_t bad_sizes[] = { 0, 3, 300, 512, 1024, 0x8000, 0xffff };
    Guest g = boot("", true);

    for (unsigned i = 0; i < G_N_ELEMENTS(bad_sizes); i++) {
        qvirtio_write(g.v, QVIRTIO_Q_SIZE, 2, bad_sizes[i]);
        g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_SIZE, 2), ==, 256);
    }
    qvirtio_write(g.v, QVIRTIO_Q_SELECT, 2, 1024);
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_SELECT, 2), ==, 0);
    qvirtio_write(g.v, QVIRTIO_Q_SELECT, 2, 1023);
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_SELECT, 2), ==, 1023);
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_SIZE, 2), ==, 0);
    for (unsigned at = QVIRTIO_Q_SIZE; at < 64; at += 2) {
        qvirtio_write(g.v, at, 2, 1); /* to a queue that does not exist */
    }
    qpci_bar_write(g.v->pci, g.v->notify.bar, g.v->notify.offset + 4 * 1023, 2, 1023);
    read_once(g, start(g, ALL, 0));
    shut_down(g);
}

static void queue_enable_takes_only_one(void)
{
    Guest g = boot("", true);

    g_assert_true(qvirtio_negotiate(g.v, ALL));
    qvirtio_driver_ok(g.v);
    qvirtio_write(g.v, QVIRTIO_Q_ENABLE, 2, 2);
    g_assert_cmphex(qvirtio_status(g.v) & QVIRTIO_NEEDS_RESET, ==, QVIRTIO_NEEDS_RESET);
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_ENABLE, 2), ==, 0);
    shut_down(g);
}

/* Any bytes to any register of any BAR and of the window: the device is whole after a reset. */
static void random_writes_do_no_harm(void)
{
    static const char *const options[] = {
        "", ",disable-legacy=off,packed=on", ",page-per-vq=on,modern-pio-notify=on",
    };

    for (unsigned o = 0; o < G_N_ELEMENTS(options); o++) {
        Guest g = boot(options[o], true);
        g_autoptr(GRand) rand = g_rand_new_with_seed(99 + o);

        for (unsigned i = 0; i < 3000; i++) {
            unsigned bar = g_rand_int_range(rand, 0, 6), size = 1u << g_rand_int_range(rand, 0, 3);
            uint32_t value = g_rand_boolean(rand) ? g_rand_int(rand) : (uint32_t)g_rand_int_range(rand, 0, 16);
            uint64_t at;

            if (g_rand_int_range(rand, 0, 20) == 0) {
                qpci_writel(g.v->pci, g.v->window.cap + 4 + 4 * g_rand_int_range(rand, 0, 4), value);
                continue;
            }
            if (g.v->bars[bar].size == 0) {
                continue;
            }
            at = g_rand_int_range(rand, 0, g_rand_boolean(rand) ? 64 : MIN(g.v->bars[bar].size, 1 << 24));
            at %= g.v->bars[bar].size;
            qpci_bar_write(g.v->pci, g.v->bars[bar], at & -(uint64_t)size, size, value);
            qpci_bar_read(g.v->pci, g.v->bars[bar], at & -(uint64_t)size, size);
        }
        qvirtio_set_status(g.v, 0);
        qpci_enable(g.v->pci);
        read_once(g, start(g, ALL, 8));
        shut_down(g);
    }
}

#define ADD(fn) g_test_add_func("/virtio-pci/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(modern_structures_are_found);
    ADD(common_configuration_at_reset);
    ADD(window_reaches_every_structure);
    ADD(window_that_points_nowhere_does_nothing);
    ADD(features_not_offered_are_refused);
    ADD(features_are_fixed_after_features_ok);
    ADD(iommu_platform_must_be_taken);
    ADD(device_configuration_is_bounded);
    ADD(split_ring);
    ADD(split_ring_indirect);
    ADD(split_ring_event_index);
    ADD(packed_ring);
    ADD(packed_ring_of_odd_size);
    ADD(packed_ring_indirect_event_index);
    ADD(queues_work_side_by_side);
    ADD(doorbell_by_page_and_by_port);
    ADD(doorbell_without_ioeventfd);
    ADD(intx_and_isr);
    ADD(reset_takes_the_interrupt_back);
    ADD(msix_vector_per_queue);
    ADD(masked_vector_is_pending);
    ADD(vector_that_does_not_exist_is_none);
    ADD(used_event_of_split_ring);
    ADD(driver_event_of_packed_ring);
    ADD(legacy_driver_of_transitional_device);
    ADD(legacy_driver_of_legacy_device);
    ADD(legacy_queue_before_driver_ok);
    ADD(legacy_bad_feature_takes_none);
    ADD(legacy_registers_move_with_msix);
    ADD(modern_driver_after_legacy_driver);
    ADD(queue_reset_and_enable_again);
    ADD(function_level_reset);
    ADD(without_bus_mastering_nothing_runs);
    ADD(requests_of_before_driver_ok_are_served_then);
    ADD(rings_that_need_a_reset);
    ADD(queue_outside_memory_needs_a_reset);
    ADD(bad_register_values_are_dropped);
    ADD(queue_enable_takes_only_one);
    ADD(random_writes_do_no_harm);
    return g_test_run();
}
