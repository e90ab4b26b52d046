/* ATA commands (ACS clause 7), as the drives here have them. */
#include <string.h>

#include "hw/ide/ide.h"

enum {
    DATA_SET_MANAGEMENT = 0x06, DEVICE_RESET = 0x08, RECALIBRATE = 0x10, READ_SECTORS = 0x20, READ_SECTORS_ONCE = 0x21,
    READ_SECTORS_EXT = 0x24, READ_DMA_EXT = 0x25, READ_NATIVE_MAX_EXT = 0x27, READ_MULTIPLE_EXT = 0x29,
    WRITE_SECTORS = 0x30, WRITE_SECTORS_ONCE = 0x31, WRITE_SECTORS_EXT = 0x34, WRITE_DMA_EXT = 0x35,
    WRITE_MULTIPLE_EXT = 0x39, WRITE_VERIFY = 0x3c, READ_VERIFY = 0x40, READ_VERIFY_ONCE = 0x41, READ_VERIFY_EXT = 0x42,
    SEEK = 0x70, DIAGNOSTIC = 0x90, INIT_PARAMETERS = 0x91, OLD_STANDBY_IMMEDIATE = 0x94, OLD_IDLE_IMMEDIATE = 0x95,
    OLD_STANDBY = 0x96, OLD_IDLE = 0x97, OLD_CHECK_POWER = 0x98, OLD_SLEEP = 0x99, PACKET = 0xa0,
    IDENTIFY_PACKET = 0xa1, SMART = 0xb0, READ_MULTIPLE = 0xc4, WRITE_MULTIPLE = 0xc5, SET_MULTIPLE = 0xc6,
    READ_DMA = 0xc8, READ_DMA_ONCE = 0xc9, WRITE_DMA = 0xca, WRITE_DMA_ONCE = 0xcb, STANDBY_IMMEDIATE = 0xe0,
    IDLE_IMMEDIATE = 0xe1, STANDBY = 0xe2, IDLE = 0xe3,
    CHECK_POWER = 0xe5, SLEEP = 0xe6, FLUSH_CACHE = 0xe7, FLUSH_CACHE_EXT = 0xea, IDENTIFY = 0xec, SET_FEATURES = 0xef,
    WEAR_LEVEL = 0xf5, READ_NATIVE_MAX = 0xf8,
};
enum { POWER_ACTIVE = 0xff, LBA28_COUNT_MAX = 256, LBA48_COUNT_MAX = 65536, FEATURE_TRIM = 1 };

void ide_set_signature(IDEState *s)
{
    s->select &= 0xf0;
    s->nsector = 1;
    s->sector = 1;
    switch (s->kind) {
    case IDE_CDROM:
        s->lcyl = 0x14;
        s->hcyl = 0xeb;
        break;
    case IDE_DISK:
        s->lcyl = s->hcyl = 0;
        break;
    default:
        s->lcyl = s->hcyl = 0xff;
    }
}

void ide_abort(IDEState *s)
{
    s->status = ATA_STATUS_READY | ATA_STATUS_ERR;
    s->error = ATA_ERROR_ABORTED;
    s->pio_step = PIO_DUMMY;
    s->pio_left = 0;
}

void ide_done(IDEState *s)
{
    s->bus->transport->done(s->bus);
}

void ide_restart(IDEState *s)
{
    if (s->bus->transport->restart) {
        ide_retry(s);
        s->bus->transport->restart(s->bus);
    }
}

/*
 * A handler is called with status BUSY, and returns true if the command is over; an abort changes the status. The
 * others end by ide_done() when their time comes.
 */
typedef bool CommandFn(IDEState *s, uint8_t command);

/* A count of 0 is the most that can be counted. */
static void take_count(IDEState *s, bool lba48)
{
    s->lba48 = lba48;
    if (s->nsector == 0) {
        s->nsector = lba48 ? LBA48_COUNT_MAX : LBA28_COUNT_MAX;
    }
}

static bool is_ext(uint8_t command)
{
    return (command >= READ_SECTORS_EXT && command <= READ_MULTIPLE_EXT) ||
           (command >= WRITE_SECTORS_EXT && command <= WRITE_MULTIPLE_EXT) || command == READ_VERIFY_EXT;
}

static bool nothing(IDEState *s, uint8_t command)
{
    return true;
}

static bool abort_command(IDEState *s)
{
    ide_abort(s);
    return true;
}

static bool cmd_read(IDEState *s, uint8_t command)
{
    if (s->kind == IDE_CDROM) {
        ide_set_signature(s); /* tells what it is instead */
        return abort_command(s);
    }
    take_count(s, is_ext(command));
    s->req_nb_sectors = 1;
    ide_read_sectors(s);
    return false;
}

static bool cmd_read_multiple(IDEState *s, uint8_t command)
{
    if (s->mult_sectors == 0) {
        return abort_command(s);
    }
    take_count(s, is_ext(command));
    s->req_nb_sectors = s->mult_sectors;
    ide_read_sectors(s);
    return false;
}

static bool cmd_write(IDEState *s, uint8_t command)
{
    take_count(s, is_ext(command));
    s->req_nb_sectors = 1;
    ide_write_sectors(s);
    return false;
}

static bool cmd_write_multiple(IDEState *s, uint8_t command)
{
    if (s->mult_sectors == 0) {
        return abort_command(s);
    }
    take_count(s, is_ext(command));
    s->req_nb_sectors = s->mult_sectors;
    ide_write_sectors(s);
    return false;
}

static bool cmd_read_dma(IDEState *s, uint8_t command)
{
    take_count(s, is_ext(command));
    ide_dma(s, true);
    return false;
}

static bool cmd_write_dma(IDEState *s, uint8_t command)
{
    take_count(s, is_ext(command));
    ide_dma(s, false);
    return false;
}

static bool cmd_trim(IDEState *s, uint8_t command)
{
    if (s->feature != FEATURE_TRIM) {
        return abort_command(s);
    }
    ide_trim(s);
    return false;
}

static bool cmd_verify(IDEState *s, uint8_t command)
{
    take_count(s, is_ext(command));
    return true;
}

/* How cylinders, heads and sectors are counted from now on. */
static bool cmd_init_parameters(IDEState *s, uint8_t command)
{
    if (s->nsector == 0) {
        return abort_command(s);
    }
    s->heads = (s->select & 15) + 1;
    s->track_sectors = s->nsector;
    return true;
}

static bool cmd_native_max(IDEState *s, uint8_t command)
{
    s->lba48 = is_ext(command);
    ide_set_sector(s, s->sectors - 1);
    return true;
}

static bool cmd_set_multiple(IDEState *s, uint8_t command)
{
    unsigned count = s->nsector & 0xff;

    if (count > IDE_MULTIPLE_MAX || (count & (count - 1))) {
        return abort_command(s);
    }
    s->mult_sectors = count;
    return true;
}

static bool cmd_check_power(IDEState *s, uint8_t command)
{
    s->nsector = POWER_ACTIVE;
    return true;
}

static bool cmd_wear_level(IDEState *s, uint8_t command)
{
    s->nsector = 0;
    return true;
}

static bool cmd_flush(IDEState *s, uint8_t command)
{
    ide_flush(s);
    return false;
}

/* The guest hears nothing of their end; it looks at the registers after a while. */
static bool cmd_diagnostic(IDEState *s, uint8_t command)
{
    ide_set_signature(s);
    s->select = ATA_DEVICE_ALWAYS;
    s->status = s->kind == IDE_CDROM ? 0 : ATA_STATUS_READY | ATA_STATUS_SEEK;
    s->error = 1;
    return false;
}

static bool cmd_device_reset(IDEState *s, uint8_t command)
{
    ide_set_signature(s);
    s->select = ATA_DEVICE_ALWAYS;
    s->status = 0;
    s->error = 0;
    return false;
}

static bool cmd_identify(IDEState *s, uint8_t command)
{
    if (s->kind == IDE_CDROM && command == IDENTIFY) {
        ide_set_signature(s);
        return abort_command(s);
    }
    ide_identify(s);
    s->pio_start = 0;
    ide_pio(s, SECTOR_SIZE, true, PIO_STOP);
    return true;
}

static bool cmd_packet(IDEState *s, uint8_t command)
{
    atapi_start(s);
    return false;
}

static bool cmd_smart(IDEState *s, uint8_t command)
{
    return ide_smart(s) || abort_command(s);
}

static bool cmd_set_features(IDEState *s, uint8_t command)
{
    switch (s->feature) {
    case 0x02: case 0x82:               /* write cache */
        block_backend_set_write_cache(s->blk, s->feature == 0x02);
        ide_identify_write_cache(s);
        if (s->feature == 0x82) {
            ide_flush(s);
            return false;
        }
        return true;
    case 0x03:
        return ide_set_transfer_mode(s, s->nsector) || abort_command(s);
    case 0x05: case 0x85:               /* power management */
    case 0x42: case 0xc2:               /* acoustic management */
    case 0x55: case 0xaa:               /* read look-ahead */
    case 0x66: case 0xcc:               /* keep or revert to defaults */
    case 0x67: case 0x96: case 0x69: case 0x9a:
        return true;
    default:
        return abort_command(s);
    }
}

enum { DISK = 1 << 0, CD = 1 << 1, SEEKS = 1 << 2 };

static const struct {
    CommandFn *fn;
    uint8_t flags;      /* SEEKS: "seek complete" is set at its end */
} commands[256] = {
    [DATA_SET_MANAGEMENT] = { cmd_trim, DISK },
    [DEVICE_RESET] = { cmd_device_reset, CD },
    [RECALIBRATE] = { nothing, DISK | SEEKS },
    [READ_SECTORS] = { cmd_read, DISK | CD },
    [READ_SECTORS_ONCE] = { cmd_read, DISK },
    [READ_SECTORS_EXT] = { cmd_read, DISK },
    [READ_DMA_EXT] = { cmd_read_dma, DISK },
    [READ_NATIVE_MAX_EXT] = { cmd_native_max, DISK | SEEKS },
    [READ_MULTIPLE_EXT] = { cmd_read_multiple, DISK },
    [WRITE_SECTORS] = { cmd_write, DISK },
    [WRITE_SECTORS_ONCE] = { cmd_write, DISK },
    [WRITE_SECTORS_EXT] = { cmd_write, DISK },
    [WRITE_DMA_EXT] = { cmd_write_dma, DISK },
    [WRITE_MULTIPLE_EXT] = { cmd_write_multiple, DISK },
    [WRITE_VERIFY] = { cmd_write, DISK },
    [READ_VERIFY] = { cmd_verify, DISK | SEEKS },
    [READ_VERIFY_ONCE] = { cmd_verify, DISK | SEEKS },
    [READ_VERIFY_EXT] = { cmd_verify, DISK | SEEKS },
    [SEEK] = { nothing, DISK | SEEKS },
    [DIAGNOSTIC] = { cmd_diagnostic, DISK | CD },
    [INIT_PARAMETERS] = { cmd_init_parameters, DISK | SEEKS },
    [OLD_STANDBY_IMMEDIATE] = { nothing, DISK },
    [OLD_IDLE_IMMEDIATE] = { nothing, DISK },
    [OLD_STANDBY] = { nothing, DISK },
    [OLD_IDLE] = { nothing, DISK },
    [OLD_CHECK_POWER] = { cmd_check_power, DISK | SEEKS },
    [OLD_SLEEP] = { nothing, DISK },
    [PACKET] = { cmd_packet, CD },
    [IDENTIFY_PACKET] = { cmd_identify, CD | SEEKS },
    [SMART] = { cmd_smart, DISK | SEEKS },
    [READ_MULTIPLE] = { cmd_read_multiple, DISK },
    [WRITE_MULTIPLE] = { cmd_write_multiple, DISK },
    [SET_MULTIPLE] = { cmd_set_multiple, DISK | SEEKS },
    [READ_DMA] = { cmd_read_dma, DISK },
    [READ_DMA_ONCE] = { cmd_read_dma, DISK },
    [WRITE_DMA] = { cmd_write_dma, DISK },
    [WRITE_DMA_ONCE] = { cmd_write_dma, DISK },
    [STANDBY_IMMEDIATE] = { nothing, DISK },
    [IDLE_IMMEDIATE] = { nothing, DISK },
    [STANDBY] = { nothing, DISK },
    [IDLE] = { nothing, DISK },
    [CHECK_POWER] = { cmd_check_power, DISK | SEEKS },
    [SLEEP] = { nothing, DISK },
    [FLUSH_CACHE] = { cmd_flush, DISK | CD },
    [FLUSH_CACHE_EXT] = { cmd_flush, DISK },
    [IDENTIFY] = { cmd_identify, DISK | CD | SEEKS },
    [SET_FEATURES] = { cmd_set_features, DISK | CD | SEEKS },
    [WEAR_LEVEL] = { cmd_wear_level, DISK | SEEKS },
    [READ_NATIVE_MAX] = { cmd_native_max, DISK | SEEKS },
};

void ide_exec(IDEState *s, uint8_t command)
{
    uint8_t kind = s->kind == IDE_CDROM ? CD : DISK;

    s->pio_start = 0;
    s->status = ATA_STATUS_READY | ATA_STATUS_BUSY;
    if (!(commands[command].flags & kind)) {
        abort_command(s);
    } else if (!commands[command].fn(s, command)) {
        return;
    }
    s->status &= ~ATA_STATUS_BUSY;
    if ((commands[command].flags & SEEKS) && !(s->status & ATA_STATUS_ERR)) {
        s->status |= ATA_STATUS_SEEK;
    }
    ide_done(s);
}
