/* The state of a drive and its bus, as it goes over the wire. */
#include "hw/ide/ide.h"
#include "util/error.h"

/* ---- Bus ---- */

static bool error_needed(void *opaque)
{
    return ((IDEBus *)opaque)->error_status != 0;
}

static const VMStateDescription vmstate_bus_error = {
    .name = "ide_bus/error", .version_id = 2, .minimum_version_id = 1, .needed = error_needed,
    .fields = VMS_FIELDS(
        VMS_I32(IDEBus, error_status),
        VMS_I64(IDEBus, retry_sector_num, .version_id = 2),
        VMS_U32(IDEBus, retry_nsector, .version_id = 2),
        VMS_U8(IDEBus, retry_unit, .version_id = 2)),
};

const VMStateDescription vmstate_ide_bus = {
    .name = "ide_bus", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U8(IDEBus, cmd),
        VMS_U8(IDEBus, unit)),
    .subsections = VMS_SUBSECTIONS(&vmstate_bus_error),
};

/* ---- Drive ---- */

static bool pio_needed(void *opaque)
{
    const IDEState *s = opaque;
    const IDEBus *bus = s->bus;

    return s->io_buffer && ((s->status & ATA_STATUS_DRQ) || (bus->error_status & IDE_RETRY_PIO));
}

static bool pio_pre_load(void *opaque, GError **error)
{
    return ((IDEState *)opaque)->io_buffer || vmstate_error(error, EINVAL, "%s", "");
}

static bool pio_post_load(void *opaque, int version, GError **error)
{
    const IDEState *s = opaque;
    bool ok = s->pio_step < PIO_STEPS && s->pio_offset >= 0 && s->pio_left >= 0 && s->pio_offset <= IDE_BUFFER_SIZE &&
              s->pio_left <= IDE_BUFFER_SIZE - s->pio_offset;

    return ok || vmstate_error(error, EINVAL, "%s", "");
}

static const VMStateDescription vmstate_pio = {
    .name = "ide_drive/pio_state", .version_id = 1, .minimum_version_id = 1, .needed = pio_needed,
    .pre_load = pio_pre_load, .post_load = pio_post_load,
    .fields = VMS_FIELDS(
        VMS_I32(IDEState, req_nb_sectors),
        { .name = "io_buffer", .kind = &vms_kind_u8, .flags = VMSF_POINTER, .offset = offsetof(IDEState, io_buffer),
          .num = IDE_BUFFER_SIZE, .size = 1, .version_id = 1 },
        VMS_I32(IDEState, pio_offset, .name = "cur_io_buffer_offset"),
        VMS_I32(IDEState, pio_left, .name = "cur_io_buffer_len"),
        VMS_U8(IDEState, pio_step, .name = "end_transfer_fn_idx"),
        VMS_I32(IDEState, elementary_transfer_size),
        VMS_I32(IDEState, packet_transfer_size)),
};

static bool tray_needed(void *opaque)
{
    const IDEState *s = opaque;
    return s->tray_open || s->tray_locked;
}

static const VMStateDescription vmstate_tray = {
    .name = "ide_drive/tray_state", .version_id = 1, .minimum_version_id = 1, .needed = tray_needed,
    .fields = VMS_FIELDS(
        VMS_BOOL(IDEState, tray_open),
        VMS_BOOL(IDEState, tray_locked)),
};

static bool events_needed(void *opaque)
{
    const IDEState *s = opaque;
    return s->event_new_media || s->event_eject_request;
}

static const VMStateDescription vmstate_events = {
    .name = "ide_drive/atapi/gesn_state", .version_id = 1, .minimum_version_id = 1, .needed = events_needed,
    .fields = VMS_FIELDS(
        VMS_BOOL(IDEState, event_new_media, .name = "events.new_media"),
        VMS_BOOL(IDEState, event_eject_request, .name = "events.eject_request")),
};

static bool identify_is_set(void *opaque, int version)
{
    return ((IDEState *)opaque)->identify_set != 0;
}

/* What is not in the stream is not so. */
static bool drive_pre_load(void *opaque, GError **error)
{
    IDEState *s = opaque;

    s->tray_open = s->tray_locked = false;
    s->event_new_media = s->event_eject_request = false;
    return true;
}

/* The write cache is the guest's choice, and stands in its identify data. */
static bool drive_post_load(void *opaque, int version, GError **error)
{
    IDEState *s = opaque;
    int multiple = s->mult_sectors;

    if (multiple < 0 || multiple > IDE_MULTIPLE_MAX) {
        return vmstate_error(error, EINVAL, "%s", "");
    }
    if (s->blk && s->identify_set) {
        block_backend_set_write_cache(s->blk, s->identify_data[85 * 2] & 1 << 5);
    }
    return true;
}

const VMStateDescription vmstate_ide_drive = {
    .name = "ide_drive", .version_id = 3, .minimum_version_id = 0, .pre_load = drive_pre_load,
    .post_load = drive_post_load,
    .fields = VMS_FIELDS(
        VMS_I32(IDEState, mult_sectors),
        VMS_I32(IDEState, identify_set),
        VMS_BUFFER(IDEState, identify_data, .exists = identify_is_set),
        VMS_U8(IDEState, feature),
        VMS_U8(IDEState, error),
        VMS_U32(IDEState, nsector),
        VMS_U8(IDEState, sector),
        VMS_U8(IDEState, lcyl),
        VMS_U8(IDEState, hcyl),
        VMS_U8(IDEState, hob_feature),
        VMS_U8(IDEState, hob_sector),
        VMS_U8(IDEState, hob_nsector),
        VMS_U8(IDEState, hob_lcyl),
        VMS_U8(IDEState, hob_hcyl),
        VMS_U8(IDEState, select),
        VMS_U8(IDEState, status),
        VMS_U8(IDEState, lba48),
        VMS_U8(IDEState, sense_key),
        VMS_U8(IDEState, asc),
        VMS_U8(IDEState, cdrom_changed, .version_id = 3)),
    .subsections = VMS_SUBSECTIONS(&vmstate_pio, &vmstate_tray, &vmstate_events),
};
