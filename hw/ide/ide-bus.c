/* The bus of a drive, and what a user plugs in. */
#include <string.h>

#include "hw/core/bootindex.h"
#include "hw/ide/ide.h"
#include "system/runstate.h"
#include "util/error.h"

#define UNITS 1                     /* a serial bus has one */
#define UNIT_AUTO UINT32_MAX
enum { CYLINDERS_MAX = 65535, HEADS_MAX = 16, TRACK_SECTORS_MAX = 255 };

/* ---- Bus ---- */

void ide_bus_setup(IDEBus *bus, const IDETransport *transport, void *owner)
{
    static unsigned units;          /* made so far: of parallel buses, with two each */
    IDEState *s = ide_drive(bus);

    bus->transport = transport;
    bus->owner = owner;
    s->serial_number = units + 1;
    units += 2;
    s->bus = bus;
    s->mult_sectors = IDE_MULTIPLE_MAX;
    ide_bus_reset(bus);
}

void ide_bus_reset(IDEBus *bus)
{
    IDEState *s = ide_drive(bus);

    ide_cancel(s);
    bus->cmd = bus->unit = 0;
    bus->error_status = 0;
    s->mult_sectors = IDE_MULTIPLE_MAX;
    s->feature = s->error = 0;
    s->hob_feature = s->hob_nsector = s->hob_sector = s->hob_lcyl = s->hob_hcyl = 0;
    s->select = ATA_DEVICE_ALWAYS;
    s->status = ATA_STATUS_READY | ATA_STATUS_SEEK;
    s->lba48 = 0;
    s->sense_key = s->asc = 0;
    s->cdrom_changed = 0;
    s->packet_transfer_size = s->elementary_transfer_size = s->req_nb_sectors = 0;
    s->pio_offset = s->pio_left = 0;
    s->pio_step = PIO_DUMMY;
    s->dma = false;
    ide_set_signature(s);
    if (s->kind != IDE_NONE) {
        s->error = 1;
        s->status = s->kind == IDE_CDROM ? 0x70 : 0x30;
    }
}

static char *ide_bus_path(DeviceState *dev)
{
    return NULL;
}

static void ide_bus_class_init(ObjectClass *klass, const void *data)
{
    BUS_CLASS(klass)->dev_path = ide_bus_path;
    BUS_CLASS(klass)->max_dev = 2;      /* as of the parallel ones: a second drive is the bus's refusal */
}

/* ---- Plugging in ---- */

DEFINE_ENUM_KIND(prop_kind_bios_chs_trans, "BiosAtaTranslation", "auto", "none", "lba", "large", "rechs");
enum { CHS_TRANS_AUTO, CHS_TRANS_NONE, CHS_TRANS_LBA, CHS_TRANS_LARGE };

static bool is_disk(const IDEDevice *dev)
{
    return strcmp(object_type(OBJECT(dev)), TYPE_IDE_HD) == 0;
}

static bool choose_unit(IDEDevice *dev, GError **error)
{
    IDEState *s = ide_drive(IDE_BUS(DEVICE(dev)->bus));

    if (dev->unit == UNIT_AUTO) {
        dev->unit = s->kind == IDE_NONE ? 0 : 1;
    }
    if (dev->unit >= UNITS) {
        return error_setf(error, "Can't create IDE unit %u, bus supports only %d units", dev->unit, UNITS);
    }
    return s->kind == IDE_NONE || error_setf(error, "IDE unit %u is in use", dev->unit);
}

static bool check_drive(IDEDevice *dev, bool disk, GError **error)
{
    BlockConf *conf = &dev->conf;

    if (!conf->blk && disk) {
        return error_setf(error, "No drive specified");
    }
    if (!conf->blk) {
        conf->blk = block_backend_new_empty();
        block_backend_attach(conf->blk, dev, NULL);
    }
    if (conf->discard_granularity == BLOCK_GRANULARITY_AUTO) {
        conf->discard_granularity = SECTOR_SIZE;
    } else if (conf->discard_granularity != SECTOR_SIZE) {
        return error_setf(error, "discard_granularity must be 512 for ide");
    }
    if (disk && !block_backend_has_medium(conf->blk)) {
        return error_setf(error, "Device needs media, but drive is empty");
    }
    if (!block_conf_sizes(conf, error)) {
        return false;
    }
    return true;
}

/* What the BIOS makes of the geometry. */
static void choose_translation(IDEDevice *dev)
{
    const BlockConf *conf = &dev->conf;

    if (dev->bios_chs_trans == CHS_TRANS_AUTO) {
        dev->bios_chs_trans = conf->cyls <= 1024 && conf->heads <= 16 && conf->secs <= 63 ? CHS_TRANS_NONE
                              : conf->cyls * conf->heads <= 131072 ? CHS_TRANS_LARGE : CHS_TRANS_LBA;
    }
}

static bool media_ops_tray_open(void *device)
{
    return ide_drive(IDE_BUS(DEVICE(device)->bus))->tray_open;
}

static bool media_ops_locked(void *device)
{
    return ide_drive(IDE_BUS(DEVICE(device)->bus))->tray_locked;
}

static void media_ops_change(void *device, bool load)
{
    atapi_media_changed(ide_drive(IDE_BUS(DEVICE(device)->bus)), load);
}

static void media_ops_eject(void *device, bool force)
{
    atapi_eject_request(ide_drive(IDE_BUS(DEVICE(device)->bus)), force);
}

static void disk_resized(void *device)
{
    IDEState *s = ide_drive(IDE_BUS(DEVICE(device)->bus));

    s->sectors = block_backend_length(s->blk) / SECTOR_SIZE;
    s->identify_set = 0;
}

static const BlockDeviceOps disk_ops = { .resized = disk_resized };
static const BlockDeviceOps cd_ops = {
    .change_media = media_ops_change, .eject_request = media_ops_eject, .is_tray_open = media_ops_tray_open,
    .is_medium_locked = media_ops_locked,
};

static void run_state_changed(void *opaque, bool running, RunState state)
{
    if (running) {
        ide_restart(opaque);
    }
}

static void set_default_text(char **text, char *value)
{
    if (*text) {
        g_free(value);
    } else {
        *text = value;
    }
}

static void insert_drive(IDEDevice *dev, IDEState *s, bool disk)
{
    const BlockConf *conf = &dev->conf;

    s->dev = dev;
    s->blk = conf->blk;
    s->kind = disk ? IDE_DISK : IDE_CDROM;
    s->sectors = block_backend_length(conf->blk) / SECTOR_SIZE;
    s->cylinders = conf->cyls;
    s->heads = conf->heads;
    s->track_sectors = conf->secs;
    s->io_buffer = g_malloc0(IDE_BUFFER_SIZE);
    set_default_text(&dev->version, g_strdup("2.5+"));
    set_default_text(&dev->serial, g_strdup_printf("QM%05u", s->serial_number));
    s->tray_open = s->tray_locked = false;
    ide_bus_reset(s->bus);
}

static bool ide_device_realize(DeviceState *d, GError **error)
{
    IDEDevice *dev = IDE_DEVICE(d);
    IDEState *s = ide_drive(IDE_BUS(d->bus));
    BlockConf *conf = &dev->conf;
    bool disk = is_disk(dev);
    g_autofree char *path = object_path(OBJECT(dev));

    if (!choose_unit(dev, error) || !check_drive(dev, disk, error) ||
        (disk && !block_conf_geometry(conf, CYLINDERS_MAX, HEADS_MAX, TRACK_SECTORS_MAX, error)) ||
        !block_conf_apply_as(conf, d->id ? d->id : path, disk, error)) {
        return false;
    }
    choose_translation(dev);
    insert_drive(dev, s, disk);
    block_backend_set_ops(conf->blk, disk ? &disk_ops : &cd_ops, dev);
    dev->run_state = runstate_add_handler(run_state_changed, s);
    return true;
}

static void ide_device_unrealize(DeviceState *d)
{
    IDEDevice *dev = IDE_DEVICE(d);
    IDEState *s = ide_drive(IDE_BUS(d->bus));

    runstate_remove_handler(dev->run_state);
    ide_cancel(s);
    s->kind = IDE_NONE;
    s->dev = NULL;
    s->blk = NULL;
    g_clear_pointer(&s->io_buffer, g_free);
    ide_bus_reset(s->bus);
    block_backend_mark_auto_delete(dev->conf.blk);
}

bool ide_create_drive(IDEBus *bus, const char *type, const char *drive, GError **error)
{
    DeviceState *dev = device_new(type);

    if (!object_property_parse(OBJECT(dev), "drive", drive, PROP_ORIGIN_BOARD, error)) {
        object_unref(dev);
        return false;
    }
    return device_realize_and_unref(dev, &bus->parent_obj, error);
}

/* ---- Types ---- */

static const Property ide_props[] = {
    BLOCK_CONF_PROPERTIES(IDEDevice, conf),
    DEFINE_PROP_STRING("ver", IDEDevice, version),
    DEFINE_PROP_UINT64("wwn", IDEDevice, wwn, 0),
    DEFINE_PROP_STRING("serial", IDEDevice, serial),
    DEFINE_PROP_STRING("model", IDEDevice, model),
    DEFINE_PROP_UINT32("unit", IDEDevice, unit, UNIT_AUTO),
    DEFINE_PROP_BOOTINDEX(IDEDevice, bootindex),
};

static const Property ide_hd_props[] = {
    BLOCK_CONF_CHS_PROPERTIES(IDEDevice, conf),
    DEFINE_PROP_ENUM("bios-chs-trans", prop_kind_bios_chs_trans, IDEDevice, bios_chs_trans, CHS_TRANS_AUTO,
                     .description = "Logical CHS translation algorithm, auto/none/lba/large/rechs"),
    DEFINE_PROP_UINT16("rotation_rate", IDEDevice, rotation_rate, 0),
};

static void ide_device_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = ide_device_realize;
    dc->unrealize = ide_device_unrealize;
    dc->bus_type = TYPE_IDE_BUS;
    dc->categories = 1u << DEVICE_CATEGORY_STORAGE;
    object_class_add_props(klass, ide_props, G_N_ELEMENTS(ide_props));
}

static void ide_hd_class_init(ObjectClass *klass, const void *data)
{
    klass->description = "virtual IDE disk";
    DEVICE_CLASS(klass)->fw_name = "drive";
    object_class_add_props(klass, ide_hd_props, G_N_ELEMENTS(ide_hd_props));
}

static void ide_cd_class_init(ObjectClass *klass, const void *data)
{
    klass->description = "virtual IDE CD-ROM";
    DEVICE_CLASS(klass)->fw_name = "drive";
}

static const TypeInfo ide_types[] = {
    { .name = TYPE_IDE_BUS, .parent = TYPE_BUS, .size = sizeof(IDEBus), .class_init = ide_bus_class_init },
    { .name = TYPE_IDE_DEVICE, .parent = TYPE_DEVICE, .size = sizeof(IDEDevice), .abstract = true,
      .class_init = ide_device_class_init },
    { .name = TYPE_IDE_HD, .parent = TYPE_IDE_DEVICE, .class_init = ide_hd_class_init },
    { .name = TYPE_IDE_CD, .parent = TYPE_IDE_DEVICE, .class_init = ide_cd_class_init },
};
TYPES_REGISTER(ide_types)
