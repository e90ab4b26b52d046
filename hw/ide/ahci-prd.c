/* AHCI 4.2.3.3: physical region descriptors. A guest may write anything into them, at any time. */
#include "hw/ide/ahci.h"
#include "util/units.h"

#define PRD_SIZE 16                     /* le64 address, le32 reserved, le32 interrupt and bytes - 1 */
#define PRD_BYTES_MASK 0x3fffffu
#define BOUNCE_MAX (64 * KiB)

MemTxResult ahci_dma_read(const AHCIPort *p, uint64_t addr, void *buf, uint64_t size)
{
    p->hba->in_dma++;
    MemTxResult result = pci_dma_read(p->hba->pci, addr, buf, size);
    p->hba->in_dma--;
    return result;
}

MemTxResult ahci_dma_write(const AHCIPort *p, uint64_t addr, const void *buf, uint64_t size)
{
    p->hba->in_dma++;
    MemTxResult result = pci_dma_write(p->hba->pci, addr, buf, size);
    p->hba->in_dma--;
    return result;
}

/* The next region becomes the current one. False: there is none, or its descriptor can't be read. */
static bool next_region(const AHCIPort *p, PrdCursor *prd)
{
    uint8_t raw[PRD_SIZE];

    if (prd->index >= prd->count ||
        ahci_dma_read(p, prd->table + (uint64_t)prd->index * PRD_SIZE, raw, PRD_SIZE) != MEMTX_OK) {
        return false;
    }
    prd->index++;
    prd->addr = load_le64(raw);
    prd->left = (load_le32(raw + 12) & PRD_BYTES_MASK) + 1;
    return true;
}

static bool region_left(const AHCIPort *p, PrdCursor *prd)
{
    return prd->left > 0 || next_region(p, prd);
}

static void take(PrdCursor *prd, uint64_t bytes)
{
    prd->addr += bytes;
    prd->left -= bytes;
}

uint64_t prd_size(const AHCIPort *p, const PrdCursor *prd, uint64_t limit)
{
    PrdCursor at = *prd;
    uint64_t total = at.left;

    while (total < limit && next_region(p, &at)) {
        total += at.left;
    }
    return MIN(total, limit);
}

uint64_t prd_copy(const AHCIPort *p, PrdCursor *prd, void *buf, uint64_t size, bool to_guest)
{
    uint64_t done = 0;

    while (done < size && region_left(p, prd)) {
        uint64_t bytes = MIN(prd->left, size - done);
        void *at = (uint8_t *)buf + done;

        if (to_guest) {
            ahci_dma_write(p, prd->addr, at, bytes);
        } else {
            ahci_dma_read(p, prd->addr, at, bytes);
        }
        take(prd, bytes);
        done += bytes;
    }
    return done;
}

void prd_skip(const AHCIPort *p, PrdCursor *prd, uint64_t size)
{
    while (size > 0 && region_left(p, prd)) {
        uint64_t bytes = MIN(prd->left, size);

        take(prd, bytes);
        size -= bytes;
    }
}

/* ---- Transfers ---- */

static bool to_guest(const DiskTransfer *t)
{
    return t->op == BLOCK_READ;
}

static PCIDevice *pci_of(const DiskTransfer *t)
{
    return t->port->hba->pci;
}

/* RAM, as far as it goes, in whole sectors; 0: it begins with something else, or in tiny bits. */
static uint64_t map_ram(DiskTransfer *t)
{
    PrdCursor at = t->prd;
    uint64_t total = 0, excess;

    t->iovcnt = 0;
    while (total < t->left && t->iovcnt < AHCI_IOV && pci_bus_master_enabled(pci_of(t)) && region_left(t->port, &at)) {
        uint64_t bytes = MIN(at.left, t->left - total);
        void *host = address_space_map(pci_address_space(pci_of(t)), at.addr, &bytes, to_guest(t));

        if (!host) {
            break;
        }
        t->iov[t->iovcnt++] = (struct iovec){ host, bytes };
        take(&at, bytes);
        total += bytes;
    }
    for (excess = total % SECTOR_SIZE; excess > 0;) {
        struct iovec *last = &t->iov[t->iovcnt - 1];
        uint64_t bytes = MIN(excess, last->iov_len);

        last->iov_len -= bytes;
        total -= bytes;
        excess -= bytes;
        if (last->iov_len == 0) {
            t->iovcnt--;
        }
    }
    return total;
}

static uint64_t make_bounce(DiskTransfer *t)
{
    uint64_t size = MIN(t->left, BOUNCE_MAX);

    t->bounce = g_malloc0(size);
    t->bounce_prd = t->prd;
    if (!to_guest(t)) {
        prd_copy(t->port, &t->bounce_prd, t->bounce, size, false);
    }
    t->iov[0] = (struct iovec){ t->bounce, size };
    t->iovcnt = 1;
    return size;
}

static void release(DiskTransfer *t, bool ok)
{
    if (t->bounce) {
        if (ok && to_guest(t)) {
            prd_copy(t->port, &t->bounce_prd, t->bounce, t->piece, true);
        }
        g_clear_pointer(&t->bounce, g_free);
        return;
    }
    for (unsigned i = 0; i < t->iovcnt; i++) {
        address_space_unmap(pci_address_space(pci_of(t)), t->iov[i].iov_base, t->iov[i].iov_len, to_guest(t));
    }
}

static void start_piece(DiskTransfer *t);

static void piece_done(void *opaque, int ret)
{
    DiskTransfer *t = opaque;

    release(t, ret >= 0 && !t->cancelled);
    if (t->cancelled) {
        t->active = false;
        return;
    }
    if (ret >= 0) {
        prd_skip(t->port, &t->prd, t->piece);
        t->offset += t->piece;
        t->left -= t->piece;
        if (t->left > 0) {
            start_piece(t);
            return;
        }
    }
    t->active = false;
    t->fn(t->opaque, MIN(ret, 0));
}

static void start_piece(DiskTransfer *t)
{
    t->piece = map_ram(t);
    if (t->piece == 0) {
        t->piece = make_bounce(t);
    }
    block_submit(t->blk, t->op, t->offset, t->piece, t->iov, t->iovcnt, t->flags, piece_done, t);
}

void transfer_start(DiskTransfer *t)
{
    g_assert(!t->active && t->left > 0 && t->left % SECTOR_SIZE == 0);
    if (!t->iov) {
        t->iov = g_new(struct iovec, AHCI_IOV);
    }
    t->active = true;
    t->cancelled = false;
    start_piece(t);
}

void transfer_cancel(DiskTransfer *t)
{
    if (t->active) {
        t->cancelled = true;
        block_drain(t->blk);
    }
}

void transfer_free(DiskTransfer *t)
{
    transfer_cancel(t);
    g_clear_pointer(&t->iov, g_free);
}
