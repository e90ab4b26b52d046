/* Native command queuing (ACS 4.14): reads and writes that are under way at the same time, each by its tag. */
#include <string.h>

#include "hw/ide/ahci.h"
#include "util/error.h"

enum { READ_FPDMA_QUEUED = 0x60, WRITE_FPDMA_QUEUED = 0x61 };
enum { TAG_SHIFT = 3, SECTORS_MAX = 0x10000 };

static void finish(NCQTransfer *n)
{
    n->used = false;
    ahci_send_sdb(n->port, n->port->finished);
}

static void fail(NCQTransfer *n)
{
    IDEState *s = ide_drive(&n->port->port);

    s->error = ATA_ERROR_ABORTED;
    s->status = ATA_STATUS_READY | ATA_STATUS_ERR;
    n->used = false;
}

static void ncq_done(void *opaque, int ret)
{
    NCQTransfer *n = opaque;
    AHCIPort *p = n->port;
    IDEState *s = ide_drive(&p->port);
    bool is_read = n->cmd == READ_FPDMA_QUEUED;
    BlockOp op = is_read ? BLOCK_READ : BLOCK_WRITE;

    if (ret < 0) {
        switch (block_backend_error_action(s->blk, is_read, -ret)) {
        case BLOCK_ERROR_STOP:
            n->halt = true;
            p->port.error_status = IDE_RETRY_HBA;
            return;
        case BLOCK_ERROR_REPORT:
            block_account_failed(s->blk, op, n->start);
            fail(n);
            finish(n);
            return;
        default:
            break;
        }
    }
    block_account_done(s->blk, op, (uint64_t)n->sector_count * SECTOR_SIZE, n->start);
    s->status = ATA_STATUS_READY | ATA_STATUS_SEEK;
    p->finished |= 1u << n->tag;
    finish(n);
}

static void execute(NCQTransfer *n, const PrdCursor *prd)
{
    IDEState *s = ide_drive(&n->port->port);
    DiskTransfer *t = &n->transfer;
    bool is_read = n->cmd == READ_FPDMA_QUEUED;

    if (!ide_range_ok(s, n->lba, n->sector_count)) {
        block_account_invalid(s->blk, is_read ? BLOCK_READ : BLOCK_WRITE);
        fail(n);
        finish(n);
        return;
    }
    n->used = true;
    n->halt = false;
    n->start = block_account_now();
    t->blk = s->blk;
    t->prd = *prd;
    t->op = is_read ? BLOCK_READ : BLOCK_WRITE;
    t->offset = n->lba * SECTOR_SIZE;
    t->left = (uint64_t)n->sector_count * SECTOR_SIZE;
    t->fn = ncq_done;
    t->opaque = n;
    transfer_start(t);
}

void ahci_ncq_start(AHCIPort *p, const uint8_t *fis, unsigned slot)
{
    unsigned tag = fis[12] >> TAG_SHIFT;
    NCQTransfer *n = &p->ncq_tfs[tag];
    IDEState *s = ide_drive(&p->port);

    if (n->used || n->transfer.active) {
        return; /* the tag is still another's */
    }
    n->tag = tag;
    n->slot = slot;
    n->cmd = fis[2];
    n->lba = load_le(fis + 4, 3) | load_le(fis + 8, 3) << 24;
    n->sector_count = fis[11] << 8 | fis[3];
    if (n->sector_count == 0) {
        n->sector_count = SECTORS_MAX;
    }
    /* Accepted: the slot is free for the next one, unless an error is pending (AHCI 5.6.4.1). */
    if (!(s->status & ATA_STATUS_ERR)) {
        p->port_regs.cmd_issue &= ~(1u << slot);
    }
    ahci_send_d2h(p, false);
    uint64_t size = (uint64_t)n->sector_count * SECTOR_SIZE;
    if (prd_size(p, &p->prd, size) < size) {
        ahci_irq(p, AHCI_IRQ_OVERFLOW);
        return;
    }
    if (n->cmd == READ_FPDMA_QUEUED || n->cmd == WRITE_FPDMA_QUEUED) {
        execute(n, &p->prd);
    }
}

void ahci_ncq_reset(AHCIPort *p)
{
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        NCQTransfer *n = &p->ncq_tfs[i];

        transfer_cancel(&n->transfer);
        n->used = n->halt = false;
    }
}

/* Those that an error stopped, from their beginning. */
void ahci_ncq_restart(AHCIPort *p)
{
    if (p->port.error_status == IDE_RETRY_HBA) {
        p->port.error_status = 0;
    }
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        NCQTransfer *n = &p->ncq_tfs[i];
        PrdCursor prd;
        uint16_t opts;

        if (!n->halt) {
            continue;
        }
        n->halt = false;
        if (ahci_read_header(p, n->slot, &opts, &prd)) {
            execute(n, &prd);
        } else {
            fail(n);
            finish(n);
        }
    }
}

bool ahci_ncq_post_load(AHCIPort *p, GError **error)
{
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        NCQTransfer *n = &p->ncq_tfs[i];

        n->used = n->halt;
        if (n->halt && (n->tag >= AHCI_SLOTS || n->slot >= AHCI_SLOTS || n->tag != i || n->sector_count == 0 ||
                        n->sector_count > SECTORS_MAX ||
                        (n->cmd != READ_FPDMA_QUEUED && n->cmd != WRITE_FPDMA_QUEUED))) {
            n->used = n->halt = false;
            return vmstate_error(error, EINVAL, "%s", "");
        }
    }
    return true;
}

const VMStateDescription vmstate_ncq = {
    .name = "ncq state", .version_id = 1, .minimum_version_id = 0,
    .fields = VMS_FIELDS(
        VMS_U32(NCQTransfer, sector_count),
        VMS_U64(NCQTransfer, lba),
        VMS_U8(NCQTransfer, tag),
        VMS_U8(NCQTransfer, cmd),
        VMS_U8(NCQTransfer, slot),
        VMS_BOOL(NCQTransfer, used),
        VMS_BOOL(NCQTransfer, halt)),
};
