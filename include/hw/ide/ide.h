/*
 * ATA and ATAPI drives (ATA/ATAPI-8 ACS, SFF-8020i/MMC for packets). A bus has the task file of its drive (IDEState),
 * which exists with or without a device; IDEDevice is what a user plugs in: "ide-hd" or "ide-cd".
 *
 * The controller moves the data: it gives the bus its IDETransport. It writes a command's registers into the drive's
 * and calls ide_exec(); the drive moves data by the transport and ends each command exactly once, by done(). Requests
 * to the disk run in the background; ide_cancel() ends what is under way without a word to the guest.
 */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "hw/block/block-conf.h"
#include "hw/core/device.h"
#include "migration/vmstate.h"

#define TYPE_IDE_BUS "IDE"
OBJECT_DECLARE_SIMPLE_TYPE(IDEBus, IDE_BUS)
#define TYPE_IDE_DEVICE "ide-device"
OBJECT_DECLARE_SIMPLE_TYPE(IDEDevice, IDE_DEVICE)
#define TYPE_IDE_HD "ide-hd"
#define TYPE_IDE_CD "ide-cd"

/* Status and error registers (ACS 6.1 and 6.2). */
enum {
    ATA_STATUS_ERR = 0x01, ATA_STATUS_DRQ = 0x08, ATA_STATUS_SEEK = 0x10, ATA_STATUS_FAULT = 0x20,
    ATA_STATUS_READY = 0x40, ATA_STATUS_BUSY = 0x80,
    ATA_ERROR_ABORTED = 0x04,
    ATA_DEVICE_LBA = 0x40, ATA_DEVICE_ALWAYS = 0xa0,
};

#define IDE_BUFFER_SIZE 131076      /* of PIO data: the wire has it whole */
#define IDE_MULTIPLE_MAX 16
#define IDE_SELF_TESTS 21

typedef enum { IDE_NONE, IDE_DISK, IDE_CDROM } IDEKind;

/* What follows when a PIO block has been moved; the numbers are the wire's. */
typedef enum { PIO_READ, PIO_WRITE, PIO_STOP, PIO_PACKET_REPLY, PIO_PACKET, PIO_DUMMY, PIO_STEPS } PIOStep;

typedef struct IDEState IDEState;

typedef struct IDETransport {
    /* One PIO block between `buf` and the guest. What finds no place there is lost. */
    void (*pio)(IDEBus *bus, uint8_t *buf, uint32_t size, bool to_guest);
    /* How many bytes of DMA the guest has provided for, at most `limit`, beyond those that were moved. */
    uint64_t (*dma_size)(IDEBus *bus, uint64_t limit);
    /* DMA between `buf` and the guest; the result is what was moved. */
    uint64_t (*dma_copy)(IDEBus *bus, void *buf, uint64_t size, bool to_guest);
    /* … and between a disk and the guest; as block_submit(), in the background. */
    void (*dma_disk)(IDEBus *bus, BlockOp op, uint64_t offset, uint64_t bytes, BlockCallback fn, void *opaque);
    /* The bytes that a DMA command has moved, at its end. */
    void (*dma_commit)(IDEBus *bus, uint64_t bytes);
    void (*dma_rewind)(IDEBus *bus);    /* back to the beginning of what the guest provided */
    void (*done)(IDEBus *bus);
    /* Ends dma_disk() without its callback; block requests under way are waited for. */
    void (*cancel)(IDEBus *bus);
    /* The VM runs again: what an error stopped, and what was issued meanwhile. */
    void (*restart)(IDEBus *bus);
} IDETransport;

/* A command that an error stopped: how it goes on; the numbers are the wire's (ide_bus/error). */
enum {
    IDE_RETRY_DMA = 0x08, IDE_RETRY_PIO = 0x10, IDE_RETRY_READ = 0x20, IDE_RETRY_FLUSH = 0x40, IDE_RETRY_TRIM = 0x80,
    IDE_RETRY_PACKET = 0x20,        /* alone */
    IDE_RETRY_HBA = 0x100,          /* queued commands */
};

struct IDEState {
    /* migrated */
    int32_t mult_sectors, identify_set;
    uint8_t identify_data[512];
    uint8_t feature, error, sector, lcyl, hcyl;
    uint32_t nsector;
    uint8_t hob_feature, hob_nsector, hob_sector, hob_lcyl, hob_hcyl;
    uint8_t select, status, lba48;
    uint8_t sense_key, asc, cdrom_changed;
    bool tray_open, tray_locked, event_new_media, event_eject_request;
    /* migrated while a PIO block is to be moved */
    int32_t req_nb_sectors, pio_offset, pio_left, elementary_transfer_size, packet_transfer_size;
    uint8_t pio_step;
    uint8_t *io_buffer;             /* IDE_BUFFER_SIZE bytes, once there is a drive */
    /* the drive; set when a device is plugged in */
    IDEBus *bus;
    IDEKind kind;
    IDEDevice *dev;
    BlockBackend *blk;
    uint64_t sectors;               /* of 512 bytes */
    uint32_t cylinders, heads, track_sectors;
    unsigned serial_number;         /* of a drive that was given none: QM00001, … */
    /* of the command that runs */
    uint64_t lba;                   /* a packet's next block */
    uint32_t block_size;            /* a packet's: 2048 or 2352 */
    uint32_t packet_limit;          /* bytes of a DRQ block, as the guest allows them */
    uint32_t reply_index, reply_size;   /* what of io_buffer is not moved yet, and its end */
    uint32_t pio_start;             /* of a PIO block in io_buffer */
    bool dma, is_read;
    uint64_t dma_moved;
    uint32_t trim_range, trim_blocks;   /* in the block, and blocks taken */
    /* the request to the disk */
    struct iovec iov;
    BlockCallback request_fn;
    int64_t account_start;
    bool in_flight, cancelled;
    /* SMART, of as long as the process lives */
    bool smart_disabled, smart_autosave_off;
    uint8_t self_test_count;
    struct {
        uint8_t kind;
        uint16_t hours;
    } self_tests[IDE_SELF_TESTS];
};

struct IDEBus {
    BusState parent_obj;
    IDEState ifs[1];
    const IDETransport *transport;
    void *owner;                    /* the controller's */
    /* migrated */
    uint8_t cmd, unit;
    int32_t error_status;           /* IDE_RETRY_*; 0: nothing stopped */
    int64_t retry_sector_num;
    uint32_t retry_nsector;
    uint8_t retry_unit;
};

struct IDEDevice {
    DeviceState parent_obj;
    uint32_t unit;                  /* UINT32_MAX: the next one */
    BlockConf conf;
    int32_t bootindex;
    int bios_chs_trans;
    char *version, *serial, *model;
    uint64_t wwn;
    uint16_t rotation_rate;
    struct RunStateHandler *run_state;
};

extern const VMStateDescription vmstate_ide_bus, vmstate_ide_drive;
extern const PropertyKind prop_kind_bios_chs_trans;

/* ---- ide-bus.c ---- */
void ide_bus_setup(IDEBus *bus, const IDETransport *transport, void *owner);
/* Reset values of the drive's registers, and of what it was doing. */
void ide_bus_reset(IDEBus *bus);
static inline IDEState *ide_drive(IDEBus *bus)
{
    return &bus->ifs[0];
}
/* Makes the device of a -drive or the default one, for boards. */
bool ide_create_drive(IDEBus *bus, const char *type, const char *drive, GError **error);

/* ---- ata.c: commands ---- */
/* Starts a command; the registers hold its arguments. */
void ide_exec(IDEState *s, uint8_t command);
void ide_set_signature(IDEState *s);
void ide_abort(IDEState *s);            /* "command aborted" */
void ide_done(IDEState *s);
/* The machine runs again. */
void ide_restart(IDEState *s);

/* ---- ata-io.c: sectors. Each ends its command. ---- */
void ide_read_sectors(IDEState *s);
void ide_write_sectors(IDEState *s);
void ide_dma(IDEState *s, bool is_read);
void ide_trim(IDEState *s);
void ide_flush(IDEState *s);
/* Moves one PIO block, at pio_start of io_buffer. */
void ide_pio(IDEState *s, uint32_t size, bool to_guest, PIOStep step);
void ide_remember(IDEState *s);
bool ide_range_ok(const IDEState *s, uint64_t sector, uint64_t count);
uint64_t ide_get_sector(const IDEState *s);
void ide_set_sector(IDEState *s, uint64_t sector);
/* A request to the disk, of or to the first bytes of io_buffer; one at a time. fn(s, ret) comes unless cancelled. */
void ide_submit(IDEState *s, BlockOp op, uint64_t offset, uint64_t bytes, bool buffered, BlockCallback fn);
void ide_cancel(IDEState *s);
/* What bus->error_status says, again. */
void ide_retry(IDEState *s);

/* ---- ata-smart.c ---- */
/* The data is moved, or there is none; false: refused. */
bool ide_smart(IDEState *s);

/* ---- ide-identify.c ---- */
/* The 512 bytes of IDENTIFY (PACKET) DEVICE, as they are now. */
void ide_identify(IDEState *s);
bool ide_set_transfer_mode(IDEState *s, uint8_t mode);
/* The write cache was switched. */
void ide_identify_write_cache(IDEState *s);

/* ---- atapi.c ---- */
void atapi_start(IDEState *s);          /* PACKET */
void atapi_media_changed(IDEState *s, bool load);
void atapi_eject_request(IDEState *s, bool force);

#endif
