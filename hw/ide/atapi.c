/* A CD-ROM drive's packets: how they come, how data goes, what is wrong with them, and the reads. The rest of the
 * commands is in atapi-info.c. */
#include <string.h>

#include "hw/ide/atapi.h"
#include "util/byteorder.h"

enum { IDLE = ATA_STATUS_READY | ATA_STATUS_SEEK, PACKET_SIZE = 12 };
/* "Interrupt reason", in the count register. */
enum { REASON_COMMAND = 1, REASON_TO_HOST = 2, REASON_MASK = 7 };
enum { ERROR_MEDIUM_CHANGED = 0x20, SENSE_SHIFT = 4 };
enum { FEATURE_DMA = 1, FEATURE_OVERLAP = 2 };
enum { DMA_BLOCKS = 32, RAW_HEADER = 16, RAW_SYNC = 12, MSF_OFFSET = 150, FRAMES = 75 };

static void set_reason(IDEState *s, unsigned reason)
{
    s->nsector = (s->nsector & ~REASON_MASK) | reason;
}

/* ---- Ends ---- */

void atapi_ok(IDEState *s)
{
    s->error = 0;
    s->status = IDLE;
    set_reason(s, REASON_TO_HOST | REASON_COMMAND);
    ide_done(s);
}

void atapi_error(IDEState *s, uint8_t key, uint8_t asc)
{
    s->error = key << SENSE_SHIFT;
    s->status = ATA_STATUS_READY | ATA_STATUS_ERR;
    set_reason(s, REASON_TO_HOST | REASON_COMMAND);
    s->sense_key = key;
    s->asc = asc;
    ide_done(s);
}

static void abort_packet(IDEState *s)
{
    ide_abort(s);
    ide_done(s);
}

static void io_error(IDEState *s, int ret)
{
    if (ret == -ENOMEDIUM) {
        atapi_error(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
    } else {
        atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_BLOCK_OUT_OF_RANGE);
    }
}

/* True: the error is dealt with. A packet that stopped the machine begins anew, as the guest's list still has it. */
static bool handle_error(IDEState *s, int ret)
{
    switch (block_backend_error_action(s->blk, true, -ret)) {
    case BLOCK_ERROR_STOP:
        s->bus->error_status = IDE_RETRY_PACKET;
        return true;
    case BLOCK_ERROR_REPORT:
        block_account_failed(s->blk, BLOCK_READ, s->account_start);
        io_error(s, ret);
        return true;
    default:
        return false;
    }
}

/* ---- Data to the guest ---- */

static uint32_t byte_limit(const IDEState *s)
{
    return s->hcyl << 8 | s->lcyl;
}

/* How much the next DRQ block may have; it shows in the byte count registers, and is even if more follows. */
static uint32_t next_block_size(IDEState *s)
{
    uint32_t limit = s->packet_limit == 0xffff ? 0xfffe : s->packet_limit, size = s->packet_transfer_size;

    if (size > limit) {
        size = limit & ~1u;
    }
    s->lcyl = size;
    s->hcyl = size >> 8;
    return size;
}

static void read_next_block(IDEState *s);

/* Moves what is there; true: all of it was. Else more has to be read first. */
static bool reply_by_pio(IDEState *s)
{
    while (s->packet_transfer_size > 0) {
        if (s->reply_index == s->reply_size) {
            return false;
        }
        if (s->elementary_transfer_size == 0) {
            set_reason(s, REASON_TO_HOST);
            s->elementary_transfer_size = next_block_size(s);
        }
        uint32_t size = MIN((uint32_t)s->elementary_transfer_size, s->reply_size - s->reply_index);
        s->pio_start = s->reply_index;
        s->packet_transfer_size -= size;
        s->elementary_transfer_size -= size;
        s->reply_index += size;
        ide_pio(s, size, true, PIO_PACKET_REPLY);
    }
    return true;
}

static void go_on(IDEState *s)
{
    if (reply_by_pio(s)) {
        atapi_ok(s);
    } else {
        read_next_block(s);
    }
}

/* The first `size` bytes of io_buffer, and no more than the guest asked for. */
void atapi_reply(IDEState *s, uint32_t size, uint32_t max)
{
    size = MIN(size, max);
    if (s->dma) {
        s->bus->transport->dma_copy(s->bus, s->io_buffer, size, true);
        s->bus->transport->dma_commit(s->bus, size);
        atapi_ok(s);
        return;
    }
    s->packet_transfer_size = size;
    s->elementary_transfer_size = 0;
    s->reply_index = 0;
    s->reply_size = size;
    go_on(s);
}

/* ---- Reads ---- */

/* 2352 bytes around the 2048 at RAW_HEADER: sync, address, mode; error correction that nobody checks. */
static void make_raw_block(IDEState *s)
{
    uint8_t *raw = s->io_buffer;
    uint32_t frame = s->lba + MSF_OFFSET;

    memset(raw, 0xff, RAW_SYNC);
    raw[0] = raw[RAW_SYNC - 1] = 0;
    raw[12] = frame / FRAMES / 60;
    raw[13] = frame / FRAMES % 60;
    raw[14] = frame % FRAMES;
    raw[15] = 1;
    memset(raw + RAW_HEADER + ATAPI_BLOCK, 0, ATAPI_RAW_BLOCK - RAW_HEADER - ATAPI_BLOCK);
}

static uint32_t blocks_at_once(const IDEState *s)
{
    uint32_t left = s->packet_transfer_size / s->block_size;

    return s->dma && s->block_size == ATAPI_BLOCK ? MIN(left, DMA_BLOCKS) : 1;
}

static void block_read(void *opaque, int ret)
{
    IDEState *s = opaque;
    uint32_t blocks = blocks_at_once(s), bytes = blocks * s->block_size;

    if (ret < 0 && handle_error(s, ret)) {
        return;
    }
    block_account_done(s->blk, BLOCK_READ, blocks * ATAPI_BLOCK, s->account_start);
    if (s->block_size == ATAPI_RAW_BLOCK) {
        memmove(s->io_buffer + RAW_HEADER, s->io_buffer, ATAPI_BLOCK);
        make_raw_block(s);
    }
    s->lba += blocks;
    if (!s->dma) {
        s->status = IDLE;
        s->reply_index = 0;
        s->reply_size = bytes;
        go_on(s);
        return;
    }
    s->bus->transport->dma_copy(s->bus, s->io_buffer, bytes, true);
    s->dma_moved += bytes;
    s->packet_transfer_size -= bytes;
    if (s->packet_transfer_size > 0) {
        read_next_block(s);
        return;
    }
    s->bus->transport->dma_commit(s->bus, s->dma_moved);
    atapi_ok(s);
}

static void read_next_block(IDEState *s)
{
    s->status = IDLE | ATA_STATUS_BUSY | (s->dma ? ATA_STATUS_DRQ : 0);
    ide_submit(s, BLOCK_READ, s->lba * ATAPI_BLOCK, blocks_at_once(s) * ATAPI_BLOCK, true, block_read);
}

bool atapi_check_range(IDEState *s, uint32_t lba, uint32_t blocks)
{
    uint64_t total = atapi_blocks(s);

    if (lba < total && blocks <= total - lba && blocks <= INT32_MAX / ATAPI_RAW_BLOCK) {
        return true;
    }
    atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_BLOCK_OUT_OF_RANGE);
    return false;
}

void atapi_read(IDEState *s, uint32_t lba, uint32_t blocks, uint32_t block_size)
{
    if (blocks == 0) {
        atapi_ok(s);
        return;
    }
    if (!atapi_check_range(s, lba, blocks)) {
        return;
    }
    s->lba = lba;
    s->block_size = block_size;
    s->packet_transfer_size = blocks * block_size;
    s->elementary_transfer_size = 0;
    s->dma_moved = 0;
    if (s->dma) {
        ide_remember(s);
    }
    read_next_block(s);
}

/* ---- Packets ---- */

uint64_t atapi_blocks(const IDEState *s)
{
    return s->sectors / (ATAPI_BLOCK / SECTOR_SIZE);
}

bool atapi_medium_present(const IDEState *s)
{
    return !s->tray_open && atapi_blocks(s) > 0;
}

/* By PIO, a guest that takes no data, or bytes one by one, gets none. */
bool atapi_takes_data(const IDEState *s)
{
    return s->dma || s->packet_limit >= 2;
}

/* A new disc is first one that was taken out, then one that was put in; each is told once (MMC 4.1.6). */
static bool tell_of_change(IDEState *s)
{
    if (s->tray_open || !block_backend_has_medium(s->blk) || !s->cdrom_changed) {
        return false;
    }
    if (s->cdrom_changed == 1) {
        s->cdrom_changed = 2;
        atapi_error(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
    } else {
        s->cdrom_changed = 0;
        atapi_error(s, SENSE_UNIT_ATTENTION, ASC_MEDIUM_CHANGED);
    }
    return true;
}

static void handle_packet(IDEState *s)
{
    uint8_t packet[PACKET_SIZE];
    const AtapiCommand *command;

    memcpy(packet, s->io_buffer, sizeof(packet));
    command = atapi_command(packet[0]);
    if (s->sense_key == SENSE_UNIT_ATTENTION && !(command && (command->flags & ATAPI_ALLOW_ATTENTION))) {
        s->error = ERROR_MEDIUM_CHANGED | SENSE_UNIT_ATTENTION << SENSE_SHIFT;
        s->status = ATA_STATUS_ERR;
        s->nsector = 0; /* the guest is to ask for the sense; it is told by the registers alone */
    } else if (!(command && (command->flags & ATAPI_ALLOW_ATTENTION)) && tell_of_change(s)) {
        return;
    } else if (!command) {
        atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_ILLEGAL_OPCODE);
    } else if ((command->flags & ATAPI_CHECK_READY) && !atapi_medium_present(s)) {
        atapi_error(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
    } else if (!(command->flags & ATAPI_NO_DATA) && !atapi_takes_data(s)) {
        s->nsector = 1;
        abort_packet(s);
    } else {
        command->fn(s, packet);
    }
}

void atapi_start(IDEState *s)
{
    if (s->feature & FEATURE_OVERLAP) {
        abort_packet(s);
        return;
    }
    s->dma = s->feature & FEATURE_DMA;
    s->packet_limit = byte_limit(s);
    s->nsector = 1;
    s->pio_start = 0;
    memset(s->io_buffer, 0, PACKET_SIZE);
    ide_pio(s, PACKET_SIZE, false, PIO_PACKET);
    handle_packet(s);
}

/* ---- The disc and the tray, from the host's side ---- */

void atapi_media_changed(IDEState *s, bool load)
{
    s->tray_open = !load;
    s->sectors = block_backend_length(s->blk) / SECTOR_SIZE;
    s->cdrom_changed = 1;
    s->event_new_media = true;
    s->event_eject_request = false;
}

void atapi_eject_request(IDEState *s, bool force)
{
    s->event_eject_request = true;
    if (force) {
        s->tray_locked = false;
    }
}
