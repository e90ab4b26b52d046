/* Sectors: PIO, DMA, TRIM and FLUSH, and what happens when the disk fails. */
#include <string.h>

#include "hw/ide/ide.h"
#include "util/byteorder.h"

enum { IDLE = ATA_STATUS_READY | ATA_STATUS_SEEK };
enum { TRIM_ENTRY = 8, TRIM_COUNT_SHIFT = 48 };
enum { PIO_SECTORS_MAX = IDE_MULTIPLE_MAX };

/* ---- Addresses (ACS 7.1.5) ---- */

uint64_t ide_get_sector(const IDEState *s)
{
    if (!(s->select & ATA_DEVICE_LBA)) {
        uint64_t track = (uint64_t)(s->hcyl << 8 | s->lcyl) * s->heads + (s->select & 15);
        return track * s->track_sectors + s->sector - 1;    /* sectors count from 1; 0 is nowhere */
    }
    if (!s->lba48) {
        return (uint32_t)(s->select & 15) << 24 | s->hcyl << 16 | s->lcyl << 8 | s->sector;
    }
    return (uint64_t)s->hob_hcyl << 40 | (uint64_t)s->hob_lcyl << 32 | (uint64_t)s->hob_sector << 24 | s->hcyl << 16 |
           s->lcyl << 8 | s->sector;
}

void ide_set_sector(IDEState *s, uint64_t n)
{
    if (s->select & ATA_DEVICE_LBA) {
        s->sector = n;
        s->lcyl = n >> 8;
        s->hcyl = n >> 16;
        if (s->lba48) {
            s->hob_sector = n >> 24;
            s->hob_lcyl = n >> 32;
            s->hob_hcyl = n >> 40;
        } else {
            s->select = (s->select & 0xf0) | (n >> 24 & 15);
        }
    } else if (s->heads && s->track_sectors) {
        uint64_t track = n / s->track_sectors, cylinder = track / s->heads;
        s->hcyl = cylinder >> 8;
        s->lcyl = cylinder;
        s->select = (s->select & 0xf0) | (track % s->heads & 15);
        s->sector = n % s->track_sectors + 1;
    }
}

bool ide_range_ok(const IDEState *s, uint64_t sector, uint64_t count)
{
    uint64_t total = block_backend_length(s->blk) / SECTOR_SIZE;

    return count <= total && sector <= total - count;
}

/* ---- Requests ---- */

static void request_done(void *opaque, int ret)
{
    IDEState *s = opaque;

    s->in_flight = false;
    if (s->cancelled) {
        s->cancelled = false;
        return;
    }
    s->request_fn(s, ret);
}

void ide_submit(IDEState *s, BlockOp op, uint64_t offset, uint64_t bytes, bool buffered, BlockCallback fn)
{
    g_assert(!s->in_flight);
    s->iov = (struct iovec){ s->io_buffer, bytes };
    s->in_flight = true;
    s->request_fn = fn;
    s->account_start = block_account_now();
    block_submit(s->blk, op, offset, bytes, buffered ? &s->iov : NULL, buffered ? 1 : 0, 0, request_done, s);
}

void ide_cancel(IDEState *s)
{
    if (s->bus->transport->cancel) {
        s->bus->transport->cancel(s->bus);
    }
    if (s->in_flight) {
        s->cancelled = true;
        block_drain(s->blk);
    }
}

static void fail(IDEState *s)
{
    ide_abort(s);
    ide_done(s);
}

/* True: the error is dealt with. `retry` says what to do again if the machine stops for it. */
static bool handle_error(IDEState *s, int ret, BlockOp op, int retry)
{
    bool is_read = op == BLOCK_READ;

    switch (block_backend_error_action(s->blk, is_read, -ret)) {
    case BLOCK_ERROR_STOP:
        s->bus->error_status = retry | (is_read ? IDE_RETRY_READ : 0);
        return true;
    case BLOCK_ERROR_REPORT:
        block_account_failed(s->blk, op, s->account_start);
        fail(s);
        return true;
    default:
        return false;
    }
}

static bool check_range(IDEState *s, BlockOp op, uint64_t sector, uint64_t count)
{
    if (ide_range_ok(s, sector, count)) {
        return true;
    }
    block_account_invalid(s->blk, op);
    fail(s);
    return false;
}

static void advance(IDEState *s, uint32_t sectors)
{
    ide_set_sector(s, ide_get_sector(s) + sectors);
    s->nsector -= sectors;
}

/* ---- PIO ---- */

/* Moves a block; the caller goes on. */
void ide_pio(IDEState *s, uint32_t size, bool to_guest, PIOStep step)
{
    s->pio_step = step;
    s->pio_offset = s->pio_start;
    s->pio_left = size;
    s->status = IDLE | ATA_STATUS_DRQ;
    s->bus->transport->pio(s->bus, s->io_buffer + s->pio_start, size, to_guest);
    s->status = IDLE;
    s->pio_offset = s->pio_start + size;
    s->pio_left = 0;
    s->pio_step = PIO_DUMMY;
}

static uint32_t next_count(const IDEState *s)
{
    return MIN(s->nsector, (uint32_t)CLAMP(s->req_nb_sectors, 1, PIO_SECTORS_MAX));
}

static void pio_read_done(void *opaque, int ret)
{
    IDEState *s = opaque;
    uint32_t n = next_count(s);

    s->status = IDLE;
    if (ret < 0 && handle_error(s, ret, BLOCK_READ, IDE_RETRY_PIO)) {
        return;
    }
    block_account_done(s->blk, BLOCK_READ, n * SECTOR_SIZE, s->account_start);
    advance(s, n);
    ide_pio(s, n * SECTOR_SIZE, true, PIO_READ);
    ide_read_sectors(s);
}

void ide_read_sectors(IDEState *s)
{
    uint32_t n = next_count(s);
    uint64_t sector = ide_get_sector(s);

    s->status = IDLE;
    s->error = 0;
    if (n == 0) {
        ide_done(s);
        return;
    }
    s->status |= ATA_STATUS_BUSY;
    if (check_range(s, BLOCK_READ, sector, n)) {
        ide_submit(s, BLOCK_READ, sector * SECTOR_SIZE, n * SECTOR_SIZE, true, pio_read_done);
    }
}

static void pio_write(IDEState *s);

static void pio_write_done(void *opaque, int ret)
{
    IDEState *s = opaque;
    uint32_t n = next_count(s);

    s->status = IDLE;
    if (ret < 0 && handle_error(s, ret, BLOCK_WRITE, IDE_RETRY_PIO)) {
        return;
    }
    block_account_done(s->blk, BLOCK_WRITE, n * SECTOR_SIZE, s->account_start);
    advance(s, n);
    if (s->nsector == 0) {
        ide_done(s);
    } else {
        ide_write_sectors(s);
    }
}

/* What was taken from the guest. */
static void pio_write(IDEState *s)
{
    uint32_t n = next_count(s);
    uint64_t sector = ide_get_sector(s);

    s->status = IDLE | ATA_STATUS_BUSY;
    ide_remember(s);
    if (check_range(s, BLOCK_WRITE, sector, n)) {
        ide_submit(s, BLOCK_WRITE, sector * SECTOR_SIZE, n * SECTOR_SIZE, true, pio_write_done);
    }
}

void ide_write_sectors(IDEState *s)
{
    ide_pio(s, next_count(s) * SECTOR_SIZE, false, PIO_WRITE);
    pio_write(s);
}

/* ---- DMA ---- */

/* Where a command begins that an error may stop: it is done again from there. */
void ide_remember(IDEState *s)
{
    s->bus->retry_unit = 0;
    s->bus->retry_sector_num = ide_get_sector(s);
    s->bus->retry_nsector = s->nsector;
}

static void dma_done(void *opaque, int ret)
{
    IDEState *s = opaque;
    BlockOp op = s->is_read ? BLOCK_READ : BLOCK_WRITE;
    uint32_t n = s->nsector;

    if (ret < 0 && handle_error(s, ret, op, IDE_RETRY_DMA)) {
        return;
    }
    block_account_done(s->blk, op, (uint64_t)n * SECTOR_SIZE, s->account_start);
    advance(s, n);
    s->status = IDLE;
    s->bus->transport->dma_commit(s->bus, (uint64_t)n * SECTOR_SIZE);
    ide_done(s);
}

void ide_dma(IDEState *s, bool is_read)
{
    uint64_t bytes = (uint64_t)s->nsector * SECTOR_SIZE, sector = ide_get_sector(s);
    BlockOp op = is_read ? BLOCK_READ : BLOCK_WRITE;

    s->is_read = is_read;
    s->status = IDLE | ATA_STATUS_DRQ;
    ide_remember(s);
    if (bytes == 0 || s->bus->transport->dma_size(s->bus, bytes) < bytes) {
        s->status = IDLE; /* too little room for it: nothing is moved */
        s->bus->transport->dma_commit(s->bus, 0);
        ide_done(s);
        return;
    }
    if (check_range(s, op, sector, s->nsector)) {
        s->account_start = block_account_now();
        s->bus->transport->dma_disk(s->bus, op, sector * SECTOR_SIZE, bytes, dma_done, s);
    }
}

/* ---- TRIM (ACS 7.10.3.2): blocks of 64 ranges, le48 first sector and le16 count ---- */

static void trim_go_on(IDEState *s);

static void trim_done(void *opaque, int ret)
{
    IDEState *s = opaque;

    if (ret < 0 && handle_error(s, ret, BLOCK_DISCARD, IDE_RETRY_DMA | IDE_RETRY_TRIM)) {
        return;
    }
    block_account_done(s->blk, BLOCK_DISCARD, 0, s->account_start);
    trim_go_on(s);
}

/* True: a request was started, or the command ended. */
static bool trim_block(IDEState *s)
{
    while (s->trim_range < SECTOR_SIZE / TRIM_ENTRY) {
        uint64_t entry = load_le64(s->io_buffer + TRIM_ENTRY * s->trim_range++);
        uint64_t sector = entry & ((1ull << TRIM_COUNT_SHIFT) - 1), count = entry >> TRIM_COUNT_SHIFT;

        if (count == 0) {
            continue;
        }
        if (check_range(s, BLOCK_DISCARD, sector, count)) {
            ide_submit(s, BLOCK_DISCARD, sector * SECTOR_SIZE, count * SECTOR_SIZE, false, trim_done);
        }
        return true;
    }
    return false;
}

static void trim_go_on(IDEState *s)
{
    while (!trim_block(s)) {
        if (s->trim_blocks == s->nsector) {
            uint64_t bytes = (uint64_t)s->nsector * SECTOR_SIZE;

            advance(s, s->nsector);
            s->status = IDLE;
            s->bus->transport->dma_commit(s->bus, bytes);
            ide_done(s);
            return;
        }
        s->bus->transport->dma_copy(s->bus, s->io_buffer, SECTOR_SIZE, false);
        s->trim_blocks++;
        s->trim_range = 0;
    }
}

void ide_trim(IDEState *s)
{
    uint64_t bytes = (uint64_t)s->nsector * SECTOR_SIZE;

    s->status = IDLE | ATA_STATUS_DRQ;
    ide_remember(s);
    if (s->bus->transport->dma_size(s->bus, bytes) < bytes) {
        s->status = IDLE;
        s->bus->transport->dma_commit(s->bus, 0);
        ide_done(s);
        return;
    }
    s->trim_blocks = 0;
    s->trim_range = SECTOR_SIZE / TRIM_ENTRY;
    trim_go_on(s);
}

/* ---- FLUSH ---- */

static void flush_done(void *opaque, int ret)
{
    IDEState *s = opaque;

    if (ret < 0 && handle_error(s, ret, BLOCK_FLUSH, IDE_RETRY_FLUSH)) {
        return;
    }
    block_account_done(s->blk, BLOCK_FLUSH, 0, s->account_start);
    s->status = IDLE;
    ide_done(s);
}

void ide_flush(IDEState *s)
{
    s->status = IDLE | ATA_STATUS_BUSY;
    ide_submit(s, BLOCK_FLUSH, 0, 0, false, flush_done);
}

/* ---- Again ---- */

void ide_retry(IDEState *s)
{
    IDEBus *bus = s->bus;
    int what = bus->error_status;

    if (what == 0 || what == IDE_RETRY_HBA || s->kind == IDE_NONE) {
        return;
    }
    bus->error_status = 0;
    if (what & IDE_RETRY_DMA) {
        ide_set_sector(s, bus->retry_sector_num);
        s->nsector = bus->retry_nsector;
    }
    if (what & IDE_RETRY_TRIM) {
        s->bus->transport->dma_rewind(s->bus);
        ide_trim(s);
    } else if (what & IDE_RETRY_DMA) {
        ide_dma(s, what & IDE_RETRY_READ);
    } else if (what & IDE_RETRY_PIO) {
        if (what & IDE_RETRY_READ) {
            ide_read_sectors(s);
        } else {
            pio_write(s);
        }
    } else if (what & IDE_RETRY_FLUSH) {
        ide_flush(s);
    } else if (what == IDE_RETRY_PACKET) {
        s->status = IDLE; /* the controller finds the command in its list again */
    } else {
        fail(s);
    }
}
