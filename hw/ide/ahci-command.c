/* AHCI commands: from the command list to the drive, and what comes back as FISes (Serial ATA 3, 10.5). */
#include <string.h>

#include "hw/ide/ahci.h"
#include "system/main-loop.h"
#include "util/error.h"

/* AHCI 4.2.2: a command header. */
enum { HEADER_SIZE = 32, HEADER_PRDBC = 4, HEADER_TABLE = 8, HEADER_ATAPI = 1 << 5, HEADER_WRITE = 1 << 6 };
/* AHCI 4.2.3: a command table. */
enum { TABLE_FIS_SIZE = 64, TABLE_PACKET = 0x40, TABLE_PRDT = 0x80, PACKET_MAX = 16 };
/* AHCI 4.2.1: where received FISes go. */
enum { RECEIVED_PIO = 0x20, RECEIVED_D2H = 0x40, RECEIVED_SDB = 0x58 };
enum { FIS_H2D = 0x27, FIS_D2H = 0x34, FIS_PIO_SETUP = 0x5f, FIS_SDB = 0xa1 };
enum { FIS_H2D_IS_COMMAND = 0x80, FIS_PORT = 0x0f, FIS_IRQ = 0x40, FIS_CONTROL = 15, CONTROL_RESET = 4 };
enum { D2H_SIZE = 20, PIO_SIZE = 20, SDB_SIZE = 8 };

static AHCIPort *port_of(IDEBus *bus)
{
    return bus->owner;
}

/* ---- FISes to the guest ---- */

static bool write_fis(AHCIPort *p, unsigned offset, const uint8_t *fis, unsigned size)
{
    const AHCIPortRegs *r = &p->port_regs;
    uint64_t addr = ((uint64_t)r->fis_addr_hi << 32 | r->fis_addr) + offset;

    if (!(r->cmd & AHCI_CMD_FIS)) {
        return false;
    }
    ahci_dma_write(p, addr, fis, size);
    return true;
}

/* The task file, as a device to host and a PIO setup FIS have it. */
static void fill_task_file(const AHCIPort *p, uint8_t *fis)
{
    const IDEState *s = &p->port.ifs[0];

    fis[2] = s->status;
    fis[3] = s->error;
    fis[4] = s->sector;
    fis[5] = s->lcyl;
    fis[6] = s->hcyl;
    fis[7] = s->select;
    fis[8] = s->hob_sector;
    fis[9] = s->hob_lcyl;
    fis[10] = s->hob_hcyl;
    fis[12] = s->nsector;
    fis[13] = s->nsector >> 8;
}

static void set_task_file(AHCIPort *p)
{
    const IDEState *s = ide_drive(&p->port);

    p->port_regs.tfdata = s->error << 8 | s->status;
}

bool ahci_send_d2h(AHCIPort *p, bool irq)
{
    uint8_t fis[D2H_SIZE] = { FIS_D2H, irq ? FIS_IRQ : 0 };
    bool failed = ide_drive(&p->port)->status & ATA_STATUS_ERR;

    fill_task_file(p, fis);
    if (!write_fis(p, RECEIVED_D2H, fis, sizeof(fis))) {
        return false;
    }
    set_task_file(p);
    if (failed) {
        ahci_irq(p, AHCI_IRQ_TASK_FILE);
    }
    if (irq && !(failed && p->hba->error_irq_alone)) {
        ahci_irq(p, AHCI_IRQ_D2H);
    }
    return true;
}

static void send_pio_setup(AHCIPort *p, uint32_t size, bool irq)
{
    const IDEState *s = ide_drive(&p->port);
    uint8_t fis[PIO_SIZE] = { FIS_PIO_SETUP, irq ? FIS_IRQ : 0 };

    fill_task_file(p, fis);
    fis[15] = s->status;
    store_le16(fis + 16, size);
    if (!write_fis(p, RECEIVED_PIO, fis, sizeof(fis))) {
        return;
    }
    set_task_file(p);
    if (s->status & ATA_STATUS_ERR) {
        ahci_irq(p, AHCI_IRQ_TASK_FILE);
    }
    if (irq) {
        ahci_irq(p, AHCI_IRQ_PIO);
    }
}

/* Set device bits: `finished` NCQ commands are over. BSY and DRQ stay as they were (SATA 10.5.7). */
void ahci_send_sdb(AHCIPort *p, uint32_t finished)
{
    const IDEState *s = ide_drive(&p->port);
    const uint8_t kept = ATA_STATUS_BUSY | ATA_STATUS_DRQ;
    uint8_t fis[SDB_SIZE] = { FIS_SDB, FIS_IRQ, s->status & 0x77, s->error };

    store_le32(fis + 4, finished);
    if (!write_fis(p, RECEIVED_SDB, fis, sizeof(fis))) {
        return;
    }
    p->port_regs.tfdata = s->error << 8 | (s->status & 0x77) | (p->port_regs.tfdata & kept);
    p->port_regs.scr_act &= ~finished;
    p->finished = 0;
    ahci_irq(p, s->status & ATA_STATUS_ERR ? AHCI_IRQ_TASK_FILE : AHCI_IRQ_SDB);
}

/* ---- Commands ---- */

bool ahci_read_header(AHCIPort *p, unsigned slot, uint16_t *opts, PrdCursor *prd)
{
    uint8_t header[HEADER_TABLE + 8];
    uint64_t list = (uint64_t)p->port_regs.lst_addr_hi << 32 | p->port_regs.lst_addr;

    p->header_addr = list + slot * HEADER_SIZE;
    if (ahci_dma_read(p, p->header_addr, header, sizeof(header)) != MEMTX_OK) {
        return false;
    }
    *opts = load_le16(header);
    p->table = load_le64(header + HEADER_TABLE);
    *prd = (PrdCursor){ .table = p->table + TABLE_PRDT, .count = load_le16(header + 2) };
    return true;
}

static void set_count(AHCIPort *p, uint32_t bytes)
{
    uint8_t raw[4];

    p->transferred = bytes;
    store_le32(raw, bytes);
    ahci_dma_write(p, p->header_addr + HEADER_PRDBC, raw, sizeof(raw));
}

/* The soft reset bit of the device control register: set, then cleared (AHCI 10.4.1). */
static void handle_control(AHCIPort *p, const uint8_t *fis)
{
    bool reset = fis[FIS_CONTROL] & CONTROL_RESET;

    if (p->port_state == AHCI_RUN && reset) {
        p->port_state = AHCI_IN_RESET;
    } else if (p->port_state == AHCI_IN_RESET && !reset) {
        ahci_port_reset(p);
    }
}

static bool is_ncq(uint8_t command)
{
    return command == 0x60 || command == 0x61 || (command >= 0x63 && command <= 0x65);
}

static void handle_command(AHCIPort *p, const uint8_t *fis, unsigned slot)
{
    IDEState *s = ide_drive(&p->port);

    s->feature = fis[3];
    s->sector = fis[4];
    s->lcyl = fis[5];
    s->hcyl = fis[6];
    s->select = fis[7];
    s->hob_sector = fis[8];
    s->hob_lcyl = fis[9];
    s->hob_hcyl = fis[10];
    s->hob_feature = fis[11];
    s->nsector = fis[12] | fis[13] << 8;
    s->error = 0;
    p->done_first_drq = false;
    p->busy_slot = slot;
    set_count(p, 0);
    ide_exec(s, fis[2]);
}

/* A command that can't be understood stays in the list. */
static void handle_slot(AHCIPort *p, unsigned slot)
{
    uint8_t fis[TABLE_FIS_SIZE];
    uint16_t opts;
    PrdCursor prd;

    if (!ahci_read_header(p, slot, &opts, &prd) ||
        ahci_dma_read(p, p->table, fis, sizeof(fis)) != MEMTX_OK || fis[0] != FIS_H2D || (fis[1] & FIS_PORT)) {
        return;
    }
    if (!(fis[1] & FIS_H2D_IS_COMMAND)) {
        handle_control(p, fis);
    } else if (is_ncq(fis[2])) {
        p->prd = prd;
        ahci_ncq_start(p, fis, slot);
    } else {
        p->prd = prd;
        p->header_opts = opts;
        handle_command(p, fis, slot);
    }
}

/* A queued command that ends sets the status, so that this alone does not tell. */
static bool is_busy(const AHCIPort *p)
{
    const IDEState *s = &p->port.ifs[0];

    return (s->status & (ATA_STATUS_BUSY | ATA_STATUS_DRQ)) || s->in_flight || p->transfer.active;
}

void ahci_check_commands(AHCIPort *p)
{
    const IDEState *s = ide_drive(&p->port);

    if (p->resetting || s->kind == IDE_NONE) {
        return;
    }
    for (unsigned slot = 0; slot < AHCI_SLOTS; slot++) {
        bool runs = p->port_regs.cmd & AHCI_CMD_START;

        if (!runs || is_busy(p)) {
            return;
        }
        if (p->port_regs.cmd_issue & (1u << slot)) {
            handle_slot(p, slot);
        }
    }
}

/* ---- What the drive asks for ---- */

static void transport_pio(IDEBus *bus, uint8_t *buf, uint32_t size, bool to_guest)
{
    AHCIPort *p = port_of(bus);
    bool is_packet = (p->header_opts & HEADER_ATAPI) && !p->done_first_drq;

    if (!is_packet) {
        to_guest = !(p->header_opts & HEADER_WRITE); /* the guest's word, not the command's */
    }
    send_pio_setup(p, size, !is_packet && (to_guest || p->done_first_drq));
    if (is_packet) {
        if (!to_guest) {
            ahci_dma_read(p, p->table + TABLE_PACKET, buf, MIN(size, PACKET_MAX));
        }
    } else {
        prd_copy(p, &p->prd, buf, size, to_guest);
        set_count(p, p->transferred + size);
    }
    p->done_first_drq = true;
}

static uint64_t transport_dma_size(IDEBus *bus, uint64_t limit)
{
    return prd_size(port_of(bus), &port_of(bus)->prd, limit);
}

static uint64_t transport_dma_copy(IDEBus *bus, void *buf, uint64_t size, bool to_guest)
{
    return prd_copy(port_of(bus), &port_of(bus)->prd, buf, size, to_guest);
}

static void transport_dma_disk(IDEBus *bus, BlockOp op, uint64_t offset, uint64_t bytes, BlockCallback fn, void *opaque)
{
    AHCIPort *p = port_of(bus);
    DiskTransfer *t = &p->transfer;

    t->blk = ide_drive(bus)->blk;
    t->prd = p->prd;
    t->op = op;
    t->flags = 0;
    t->offset = offset;
    t->left = bytes;
    t->fn = fn;
    t->opaque = opaque;
    transfer_start(t);
}

static void transport_dma_commit(IDEBus *bus, uint64_t bytes)
{
    AHCIPort *p = port_of(bus);

    set_count(p, p->transferred + bytes);
}

/* A failed command stays issued, and the list is not gone on with (AHCI 6.2.2). */
static void transport_done(IDEBus *bus)
{
    AHCIPort *p = port_of(bus);
    bool failed = ide_drive(bus)->status & ATA_STATUS_ERR;

    if (p->busy_slot >= 0 && !failed) {
        p->port_regs.cmd_issue &= ~(1u << p->busy_slot);
    }
    p->busy_slot = -1;
    ahci_send_d2h(p, true);
    if (!failed) {
        deferred_schedule(p->check);
    }
}

static void transport_dma_rewind(IDEBus *bus)
{
    AHCIPort *p = port_of(bus);

    p->prd.index = 0;
    p->prd.left = 0;
}

static void transport_cancel(IDEBus *bus)
{
    transfer_cancel(&port_of(bus)->transfer);
}

static void transport_restart(IDEBus *bus)
{
    AHCIPort *p = port_of(bus);

    ahci_ncq_restart(p);
    deferred_schedule(p->check);
}

const IDETransport ahci_transport = {
    .pio = transport_pio, .dma_size = transport_dma_size, .dma_copy = transport_dma_copy,
    .dma_disk = transport_dma_disk, .dma_commit = transport_dma_commit, .dma_rewind = transport_dma_rewind,
    .done = transport_done,
    .cancel = transport_cancel, .restart = transport_restart,
};

/* ---- Load ---- */

bool ahci_reload_command(AHCIPort *p, GError **error)
{
    if (p->busy_slot == -1) {
        return true;
    }
    if (p->busy_slot < 0 || p->busy_slot >= AHCI_SLOTS) {
        return vmstate_error(error, EINVAL, "%s", "");
    }
    p->transferred = 0;
    if (!ahci_read_header(p, p->busy_slot, &p->header_opts, &p->prd)) {
        return vmstate_error(error, EINVAL, "%s", "");
    }
    return true;
}
