#include "libvirtio.h"

#include <string.h>

#include "hw/pci/pci_regs.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };
enum { CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_MULTIPLIER = 16 };
enum { LEGACY_FEATURES = 4, LEGACY_PFN = 8, LEGACY_NUM = 12, LEGACY_SELECT = 14, LEGACY_NOTIFY = 16 };

/* ---- The device ---- */

static void find_part(QVirtio *v, uint8_t cap)
{
    QVirtioPart *const parts[] = { NULL, &v->common, &v->notify, &v->isr, &v->device, &v->window };
    uint8_t type = qpci_readb(v->pci, cap + CAP_TYPE), bar = qpci_readb(v->pci, cap + CAP_BAR);
    QVirtioPart *part;

    g_assert_cmpuint(type, >, 0);
    g_assert_cmpuint(type, <=, 5);
    g_assert_cmpuint(bar, <, 6);
    part = type == 2 && v->bars[bar].is_io ? &v->notify_pio : parts[type];
    part->cap = cap;
    part->bar = v->bars[bar];
    part->offset = qpci_readl(v->pci, cap + CAP_OFFSET);
    part->length = qpci_readl(v->pci, cap + CAP_LENGTH);
    if (part == &v->notify) {
        v->multiplier = qpci_readl(v->pci, cap + CAP_MULTIPLIER);
    }
}

QVirtio *qvirtio_new(QPCIDevice dev, uint64_t memory)
{
    QVirtio *v = g_new0(QVirtio, 1);

    v->pci = dev;
    v->qt = dev.bus->qt;
    v->next = memory;
    for (int n = 0; n < 6; n++) {
        v->bars[n] = qpci_map_bar(dev, n);
        if (v->bars[n].size > 0 && !v->bars[n].is_io && (qpci_readl(dev, PCI_BASE_ADDRESS_0 + 4 * n) & 6) == 4) {
            n++;
        }
    }
    qpci_enable(dev);
    for (uint8_t cap = qpci_find_cap(dev, PCI_CAP_ID_VNDR, 0); cap; cap = qpci_find_cap(dev, PCI_CAP_ID_VNDR, cap)) {
        find_part(v, cap);
    }
    return v;
}

void qvirtio_free(QVirtio *v)
{
    g_free(v);
}

uint64_t qvirtio_alloc(QVirtio *v, size_t size)
{
    uint64_t addr = v->next;

    v->next += (size + 4095) & ~4095ull;
    qtest_memset(v->qt, addr, 0, v->next - addr);
    return addr;
}

uint32_t qvirtio_read(QVirtio *v, unsigned offset, unsigned size)
{
    return qpci_bar_read(v->pci, v->common.bar, v->common.offset + offset, size);
}

void qvirtio_write(QVirtio *v, unsigned offset, unsigned size, uint32_t value)
{
    qpci_bar_write(v->pci, v->common.bar, v->common.offset + offset, size, value);
}

uint8_t qvirtio_status(QVirtio *v)
{
    return qvirtio_read(v, QVIRTIO_STATUS, 1);
}

void qvirtio_set_status(QVirtio *v, uint8_t status)
{
    qvirtio_write(v, QVIRTIO_STATUS, 1, status);
}

uint8_t qvirtio_isr(QVirtio *v)
{
    return qpci_bar_read(v->pci, v->isr.bar, v->isr.offset, 1);
}

uint64_t qvirtio_offered(QVirtio *v)
{
    uint64_t low;

    qvirtio_write(v, QVIRTIO_DFSELECT, 4, 0);
    low = qvirtio_read(v, QVIRTIO_DF, 4);
    qvirtio_write(v, QVIRTIO_DFSELECT, 4, 1);
    return low | (uint64_t)qvirtio_read(v, QVIRTIO_DF, 4) << 32;
}

bool qvirtio_negotiate(QVirtio *v, uint64_t features)
{
    qvirtio_set_status(v, 0);
    qvirtio_set_status(v, QVIRTIO_ACKNOWLEDGE);
    qvirtio_set_status(v, QVIRTIO_ACKNOWLEDGE | QVIRTIO_DRIVER);
    qvirtio_write(v, QVIRTIO_GFSELECT, 4, 0);
    qvirtio_write(v, QVIRTIO_GF, 4, features);
    qvirtio_write(v, QVIRTIO_GFSELECT, 4, 1);
    qvirtio_write(v, QVIRTIO_GF, 4, features >> 32);
    qvirtio_set_status(v, QVIRTIO_ACKNOWLEDGE | QVIRTIO_DRIVER | QVIRTIO_FEATURES_OK);
    v->features = features;
    return qvirtio_status(v) & QVIRTIO_FEATURES_OK;
}

void qvirtio_driver_ok(QVirtio *v)
{
    qvirtio_set_status(v, qvirtio_status(v) | QVIRTIO_DRIVER_OK);
}

/* ---- Queues ---- */

static void write_address(QVirtQueue *q, unsigned offset, uint64_t addr)
{
    qvirtio_write(q->v, offset, 4, addr);
    qvirtio_write(q->v, offset + 4, 4, addr >> 32);
}

static void zero_rings(QVirtQueue *q)
{
    qtest_memset(q->v->qt, q->desc, 0, 16 * q->num);
    qtest_memset(q->v->qt, q->avail, 0, q->packed ? 4 : 6 + 2 * q->num);
    qtest_memset(q->v->qt, q->used, 0, q->packed ? 4 : 6 + 8 * q->num);
    q->next = q->avail_idx = q->used_idx = q->kicked_idx = 0;
    q->avail_wrap = q->used_wrap = true;
}

void qvirtqueue_restart(QVirtQueue *q)
{
    QVirtio *v = q->v;

    zero_rings(q);
    qvirtio_write(v, QVIRTIO_Q_SELECT, 2, q->index);
    qvirtio_write(v, QVIRTIO_Q_SIZE, 2, q->num);
    write_address(q, QVIRTIO_Q_DESC, q->desc);
    write_address(q, QVIRTIO_Q_AVAIL, q->avail);
    write_address(q, QVIRTIO_Q_USED, q->used);
    qvirtio_write(v, QVIRTIO_Q_ENABLE, 2, 1);
    g_assert_cmpuint(qvirtio_read(v, QVIRTIO_Q_ENABLE, 2), ==, 1);
}

QVirtQueue *qvirtqueue_new(QVirtio *v, unsigned index, unsigned num)
{
    QVirtQueue *q = g_new0(QVirtQueue, 1);

    q->v = v;
    q->index = index;
    q->packed = v->features & QVIRTIO_F(QVIRTIO_F_PACKED);
    q->event_idx = v->features & QVIRTIO_F(QVIRTIO_F_EVENT_IDX);
    qvirtio_write(v, QVIRTIO_Q_SELECT, 2, index);
    q->num = num ? num : qvirtio_read(v, QVIRTIO_Q_SIZE, 2);
    q->doorbell = v->notify.offset + qvirtio_read(v, QVIRTIO_Q_NOFF, 2) * v->multiplier;
    q->desc = qvirtio_alloc(v, 16 * q->num);
    q->avail = qvirtio_alloc(v, 6 + 2 * q->num);
    q->used = qvirtio_alloc(v, 6 + 8 * q->num);
    qvirtqueue_restart(q);
    return q;
}

QVirtQueue *qvirtqueue_new_legacy(QVirtio *v, unsigned index)
{
    QVirtQueue *q = g_new0(QVirtQueue, 1);
    QPCIBar io = v->bars[0];
    uint64_t end;

    q->v = v;
    q->index = index;
    q->event_idx = v->features & QVIRTIO_F(QVIRTIO_F_EVENT_IDX);
    qpci_bar_write(v->pci, io, LEGACY_SELECT, 2, index);
    q->num = qpci_bar_read(v->pci, io, LEGACY_NUM, 2);
    q->desc = qvirtio_alloc(v, 16 * q->num + 6 + 2 * q->num);
    q->avail = q->desc + 16 * q->num;
    end = q->avail + 6 + 2 * q->num;
    q->used = (end + 4095) & ~4095ull;
    qvirtio_alloc(v, 6 + 8 * q->num);
    zero_rings(q);
    qpci_bar_write(v->pci, io, LEGACY_PFN, 4, q->desc >> 12);
    return q;
}

void qvirtqueue_free(QVirtQueue *q)
{
    g_free(q);
}

void qvirtqueue_write_desc(QVirtQueue *q, uint64_t table, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
                           uint16_t next_or_id)
{
    QTest *qt = q->v->qt;

    qtest_writeq(qt, table + 16 * i, addr);
    qtest_writel(qt, table + 16 * i + 8, len);
    qtest_writew(qt, table + 16 * i + (q->packed ? 12 : 14), next_or_id);
    qtest_writew(qt, table + 16 * i + (q->packed ? 14 : 12), flags);
}

void qvirtqueue_write_head(QVirtQueue *q, uint16_t head)
{
    qtest_writew(q->v->qt, q->avail + 4 + 2 * (q->avail_idx % q->num), head);
    qtest_writew(q->v->qt, q->avail + 2, ++q->avail_idx);
}

static uint64_t make_table(QVirtQueue *q, const QVirtBuffer *buffers, unsigned n)
{
    uint64_t table = qvirtio_alloc(q->v, 16 * n);

    for (unsigned i = 0; i < n; i++) {
        qvirtqueue_write_desc(q, table, i, buffers[i].addr, buffers[i].len,
                              (buffers[i].write ? DESC_WRITE : 0) | (!q->packed && i < n - 1 ? DESC_NEXT : 0),
                              q->packed ? 0 : i + 1);
    }
    return table;
}

static uint16_t add_split(QVirtQueue *q, const QVirtBuffer *buffers, unsigned n)
{
    uint16_t head = q->next;

    if (q->indirect) {
        qvirtqueue_write_desc(q, q->desc, head, make_table(q, buffers, n), 16 * n, DESC_INDIRECT, 0);
        q->next = (q->next + 1) % q->num;
    }
    for (unsigned i = 0; i < n && !q->indirect; i++) {
        unsigned next = (q->next + 1) % q->num;

        qvirtqueue_write_desc(q, q->desc, q->next, buffers[i].addr, buffers[i].len,
                              (buffers[i].write ? DESC_WRITE : 0) | (i < n - 1 ? DESC_NEXT : 0), next);
        q->next = next;
    }
    qvirtqueue_write_head(q, head);
    return head;
}

/* All but the first entry, then the first: that hands the chain over. */
static uint16_t add_packed(QVirtQueue *q, const QVirtBuffer *buffers, unsigned n)
{
    uint16_t id = q->next, first = q->avail_idx, first_flags = 0;
    QVirtBuffer table = { .len = 16 * n };
    bool indirect = q->indirect;

    if (indirect) {
        table.addr = make_table(q, buffers, n);
        buffers = &table;
        n = 1;
    }
    for (unsigned i = 0; i < n; i++) {
        uint16_t flags = (q->avail_wrap ? DESC_AVAIL : DESC_USED) | (buffers[i].write ? DESC_WRITE : 0)
                         | (i < n - 1 ? DESC_NEXT : 0) | (indirect ? DESC_INDIRECT : 0);

        /* the first entry is not available yet: it says so until the end */
        qvirtqueue_write_desc(q, q->desc, q->avail_idx, buffers[i].addr, buffers[i].len,
                              i == 0 ? (q->avail_wrap ? 0 : DESC_AVAIL | DESC_USED) : flags, id);
        if (i == 0) {
            first_flags = flags;
        }
        if (++q->avail_idx == q->num) {
            q->avail_idx = 0;
            q->avail_wrap = !q->avail_wrap;
        }
    }
    qtest_writew(q->v->qt, q->desc + 16 * first + 14, first_flags);
    q->ndescs[id] = n;
    q->next = (q->next + 1) % q->num;
    return id;
}

uint16_t qvirtqueue_add(QVirtQueue *q, const QVirtBuffer *buffers, unsigned n)
{
    return q->packed ? add_packed(q, buffers, n) : add_split(q, buffers, n);
}

/* ---- Notifications ---- */

bool qvirtqueue_wants_kick(QVirtQueue *q)
{
    QTest *qt = q->v->qt;
    uint16_t old = q->kicked_idx, event;

    q->kicked_idx = q->avail_idx;
    if (q->packed) {
        uint16_t flags = qtest_readw(qt, q->used + 2);

        event = qtest_readw(qt, q->used);
        if (flags != 2) {
            return flags == 0;
        }
        return true; /* the place is for tests to look at */
    }
    if (!q->event_idx) {
        return !(qtest_readw(qt, q->used) & 1);
    }
    event = qtest_readw(qt, q->used + 4 + 8 * q->num);
    return (uint16_t)(q->avail_idx - event - 1) < (uint16_t)(q->avail_idx - old);
}

void qvirtqueue_ring(QVirtQueue *q)
{
    QVirtio *v = q->v;

    if (v->common.cap) {
        qpci_bar_write(v->pci, v->notify.bar, q->doorbell, 2, q->index);
    } else {
        qpci_bar_write(v->pci, v->bars[0], LEGACY_NOTIFY, 2, q->index);
    }
}

void qvirtqueue_kick(QVirtQueue *q)
{
    if (qvirtqueue_wants_kick(q)) {
        qvirtqueue_ring(q);
    }
}

static bool get_packed(QVirtQueue *q, uint16_t *id, uint32_t *len)
{
    QTest *qt = q->v->qt;
    uint64_t desc = q->desc + 16 * q->used_idx;
    uint16_t flags = qtest_readw(qt, desc + 14);

    if (!!(flags & DESC_AVAIL) != q->used_wrap || !!(flags & DESC_USED) != q->used_wrap) {
        return false;
    }
    *id = qtest_readw(qt, desc + 12);
    *len = qtest_readl(qt, desc + 8);
    g_assert_cmpuint(*id, <, q->num);
    q->used_idx += q->ndescs[*id];
    if (q->used_idx >= q->num) {
        q->used_idx -= q->num;
        q->used_wrap = !q->used_wrap;
    }
    return true;
}

bool qvirtqueue_get(QVirtQueue *q, uint16_t *id, uint32_t *len)
{
    QTest *qt = q->v->qt;
    uint64_t entry = q->used + 4 + 8 * (q->used_idx % q->num);

    if (q->packed) {
        return get_packed(q, id, len);
    }
    if (qtest_readw(qt, q->used + 2) == q->used_idx) {
        return false;
    }
    *id = qtest_readl(qt, entry);
    *len = qtest_readl(qt, entry + 4);
    q->used_idx++;
    return true;
}

uint16_t qvirtqueue_wait(QVirtQueue *q, uint32_t *len)
{
    gint64 give_up = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    uint32_t ignored;
    uint16_t id;

    while (!qvirtqueue_get(q, &id, len ? len : &ignored)) {
        g_assert_cmpint(g_get_monotonic_time(), <, give_up);
        g_usleep(50); /* the device needs no guest time */
    }
    return id;
}

void qvirtqueue_no_interrupts(QVirtQueue *q, bool off)
{
    qtest_writew(q->v->qt, q->avail + (q->packed ? 2 : 0), off);
}

void qvirtqueue_interrupt_after(QVirtQueue *q, unsigned ahead)
{
    QTest *qt = q->v->qt;

    if (q->packed) {
        unsigned at = q->used_idx + ahead;
        bool wrap = q->used_wrap;

        if (at >= q->num) {
            at -= q->num;
            wrap = !wrap;
        }
        qtest_writew(qt, q->avail, at | wrap << 15);
        qtest_writew(qt, q->avail + 2, 2);
    } else {
        qtest_writew(qt, q->avail + 4 + 2 * q->num, q->used_idx + ahead);
    }
}
