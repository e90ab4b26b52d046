/*
 * A guest's virtio driver: finds the modern structures, negotiates, sets queues up in either format, submits requests
 * and waits for them. It does nothing by itself that a test may want to see or to do wrong: each step is a function,
 * and rings are guest memory.
 */
#ifndef TESTS_QTEST_LIBVIRTIO_H
#define TESTS_QTEST_LIBVIRTIO_H

#include "libqpci.h"

enum {
    QVIRTIO_ACKNOWLEDGE = 1, QVIRTIO_DRIVER = 2, QVIRTIO_DRIVER_OK = 4, QVIRTIO_FEATURES_OK = 8,
    QVIRTIO_NEEDS_RESET = 0x40, QVIRTIO_FAILED = 0x80,
};
#define QVIRTIO_F(bit) (1ull << (bit))
enum {
    QVIRTIO_F_NOTIFY_ON_EMPTY = 24, QVIRTIO_F_INDIRECT = 28, QVIRTIO_F_EVENT_IDX = 29, QVIRTIO_F_VERSION_1 = 32,
    QVIRTIO_F_PACKED = 34, QVIRTIO_F_RING_RESET = 40,
};

/* Offsets in the common configuration. */
enum {
    QVIRTIO_DFSELECT = 0, QVIRTIO_DF = 4, QVIRTIO_GFSELECT = 8, QVIRTIO_GF = 12, QVIRTIO_MSIX = 16, QVIRTIO_NUMQ = 18,
    QVIRTIO_STATUS = 20, QVIRTIO_GENERATION = 21, QVIRTIO_Q_SELECT = 22, QVIRTIO_Q_SIZE = 24, QVIRTIO_Q_MSIX = 26,
    QVIRTIO_Q_ENABLE = 28, QVIRTIO_Q_NOFF = 30, QVIRTIO_Q_DESC = 32, QVIRTIO_Q_AVAIL = 40, QVIRTIO_Q_USED = 48,
    QVIRTIO_Q_RESET = 58,
};

/* A structure that a vendor capability points to. */
typedef struct QVirtioPart {
    uint8_t cap;                /* offset of the capability; 0: none */
    QPCIBar bar;
    uint32_t offset, length;
} QVirtioPart;

typedef struct QVirtio {
    QPCIDevice pci;
    QTest *qt;
    QPCIBar bars[6];
    QVirtioPart common, notify, isr, device, window, notify_pio;
    uint32_t multiplier;
    uint64_t features;          /* what was negotiated */
    uint64_t next;              /* free guest memory */
} QVirtio;

/* Maps the BARs and finds the structures. Guest memory from `memory` on is the driver's. */
QVirtio *qvirtio_new(QPCIDevice dev, uint64_t memory);
void qvirtio_free(QVirtio *v);
uint64_t qvirtio_alloc(QVirtio *v, size_t size);        /* page-aligned, zeroed */

uint32_t qvirtio_read(QVirtio *v, unsigned offset, unsigned size);              /* common configuration */
void qvirtio_write(QVirtio *v, unsigned offset, unsigned size, uint32_t value);
uint8_t qvirtio_status(QVirtio *v);
void qvirtio_set_status(QVirtio *v, uint8_t status);
uint8_t qvirtio_isr(QVirtio *v);
uint64_t qvirtio_offered(QVirtio *v);
/* Resets, writes the features, FEATURES_OK. False: refused. */
bool qvirtio_negotiate(QVirtio *v, uint64_t features);
void qvirtio_driver_ok(QVirtio *v);

typedef struct QVirtBuffer {
    uint64_t addr;
    uint32_t len;
    bool write;                 /* the device writes it */
} QVirtBuffer;

typedef struct QVirtQueue {
    QVirtio *v;
    unsigned index, num;
    bool packed, event_idx, indirect;
    uint64_t desc, avail, used; /* descriptor, driver and device areas */
    uint64_t doorbell;          /* offset in the notify BAR */
    /* the driver's side */
    unsigned next;              /* descriptor to use next */
    uint16_t avail_idx, used_idx, kicked_idx;
    bool avail_wrap, used_wrap;
    uint16_t ndescs[1024];      /* packed: ring entries of a buffer id */
} QVirtQueue;

/* Queue `index` with `num` entries (0: as many as it has), its areas allocated, enabled. */
QVirtQueue *qvirtqueue_new(QVirtio *v, unsigned index, unsigned num);
/* … with the areas that it has, zeroed: after a reset of the queue or the device. */
void qvirtqueue_restart(QVirtQueue *q);
void qvirtqueue_free(QVirtQueue *q);
/* Legacy: the queue goes where the PFN register says; `io` is BAR 0. */
QVirtQueue *qvirtqueue_new_legacy(QVirtio *v, unsigned index);

/* Makes a request available; its id (split: the head). With q->indirect it goes by a table. */
uint16_t qvirtqueue_add(QVirtQueue *q, const QVirtBuffer *buffers, unsigned n);
/* Whether the device wants to be told of what was added since the last kick. */
bool qvirtqueue_wants_kick(QVirtQueue *q);
void qvirtqueue_ring(QVirtQueue *q);                    /* the doorbell, in any case */
void qvirtqueue_kick(QVirtQueue *q);                    /* … if it is wanted */
/* Takes a finished request, if there is one. */
bool qvirtqueue_get(QVirtQueue *q, uint16_t *id, uint32_t *len);
/* Waits for one; fails the test after some seconds. */
uint16_t qvirtqueue_wait(QVirtQueue *q, uint32_t *len);
/* No interrupts for finished requests, or (event index) only after `ahead` more. */
void qvirtqueue_no_interrupts(QVirtQueue *q, bool off);
void qvirtqueue_interrupt_after(QVirtQueue *q, unsigned ahead);

/* Raw bytes of rings, for guests that break the rules. */
void qvirtqueue_write_desc(QVirtQueue *q, uint64_t table, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
                           uint16_t next_or_id);
void qvirtqueue_write_head(QVirtQueue *q, uint16_t head);   /* split: makes it available */

#endif
