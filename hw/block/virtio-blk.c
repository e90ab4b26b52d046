/* The virtio block device: features, config space, life and state. */
#include "hw/block/virtio-blk.h"

#include <stddef.h>

#include "hw/core/bootindex.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/units.h"

/* ---- Config space (5.2.4) ---- */

enum {
    CONFIG_CAPACITY = 0,            /* le64 sectors */
    CONFIG_SEG_MAX = 12,            /* le32 */
    CONFIG_CYLINDERS = 16,          /* le16, u8, u8 */
    CONFIG_HEADS = 18,
    CONFIG_SECTORS = 19,
    CONFIG_BLK_SIZE = 20,           /* le32 bytes */
    CONFIG_PHYSICAL_BLOCK_EXP = 24, /* u8 log2 of logical blocks */
    CONFIG_MIN_IO_SIZE = 26,        /* le16 logical blocks */
    CONFIG_OPT_IO_SIZE = 28,        /* le32 logical blocks */
    CONFIG_WRITEBACK = 32,          /* u8 */
    CONFIG_NUM_QUEUES = 34,         /* le16 */
    CONFIG_MAX_DISCARD_SECTORS = 36,
    CONFIG_MAX_DISCARD_SEG = 40,
    CONFIG_DISCARD_ALIGNMENT = 44,  /* le32 sectors */
    CONFIG_MAX_ZEROES_SECTORS = 48,
    CONFIG_MAX_ZEROES_SEG = 52,
    CONFIG_ZEROES_MAY_UNMAP = 56,   /* u8 */
};

/* Without seg-max-adjust: what was offered when all queues had 128 entries. */
#define SEG_MAX_FIXED 126

/* Up to the end of the last field that a feature makes meaningful. */
static size_t config_size(const VirtIODevice *vdev)
{
    if (virtio_host_has_feature(vdev, VIRTIO_BLK_F_WRITE_ZEROES)) {
        return CONFIG_ZEROES_MAY_UNMAP + 1;
    }
    return virtio_host_has_feature(vdev, VIRTIO_BLK_F_DISCARD) ? CONFIG_DISCARD_ALIGNMENT + 4 : CONFIG_NUM_QUEUES + 2;
}

static uint32_t discard_alignment(const VirtIOBlock *s)
{
    if (!s->report_discard_granularity || s->conf.discard_granularity == BLOCK_GRANULARITY_AUTO) {
        return s->conf.logical_block_size / SECTOR_SIZE;
    }
    return s->conf.discard_granularity / SECTOR_SIZE;
}

static void virtio_blk_get_config(VirtIODevice *vdev, uint8_t *config)
{
    const VirtIOBlock *s = VIRTIO_BLK(vdev);
    const BlockConf *conf = &s->conf;
    uint32_t block = conf->logical_block_size;

    memset(config, 0, vdev->config_len);
    store_le64(config + CONFIG_CAPACITY, block_backend_length(conf->blk) / SECTOR_SIZE);
    store_le32(config + CONFIG_SEG_MAX, s->seg_max_adjust ? s->queue_size - 2 : SEG_MAX_FIXED);
    store_le16(config + CONFIG_CYLINDERS, conf->cyls);
    config[CONFIG_HEADS] = conf->heads;
    /* A track is whole logical blocks. */
    config[CONFIG_SECTORS] = conf->secs & ~(block / SECTOR_SIZE - 1);
    store_le32(config + CONFIG_BLK_SIZE, block);
    config[CONFIG_PHYSICAL_BLOCK_EXP] = __builtin_ctz(conf->physical_block_size) - __builtin_ctz(block);
    store_le16(config + CONFIG_MIN_IO_SIZE, conf->min_io_size / block);
    store_le32(config + CONFIG_OPT_IO_SIZE, conf->opt_io_size / block);
    config[CONFIG_WRITEBACK] = block_backend_write_cache(conf->blk);
    store_le16(config + CONFIG_NUM_QUEUES, s->num_queues);
    if (virtio_host_has_feature(vdev, VIRTIO_BLK_F_DISCARD)) {
        store_le32(config + CONFIG_MAX_DISCARD_SECTORS, s->max_discard_sectors);
        store_le32(config + CONFIG_MAX_DISCARD_SEG, 1);
        store_le32(config + CONFIG_DISCARD_ALIGNMENT, discard_alignment(s));
    }
    if (virtio_host_has_feature(vdev, VIRTIO_BLK_F_WRITE_ZEROES)) {
        store_le32(config + CONFIG_MAX_ZEROES_SECTORS, s->max_write_zeroes_sectors);
        store_le32(config + CONFIG_MAX_ZEROES_SEG, 1);
        config[CONFIG_ZEROES_MAY_UNMAP] = 1;
    }
}

static void virtio_blk_set_config(VirtIODevice *vdev, const uint8_t *config)
{
    block_backend_set_write_cache(VIRTIO_BLK(vdev)->conf.blk, config[CONFIG_WRITEBACK] != 0);
}

/* ---- Features and status ---- */

static uint64_t virtio_blk_get_features(VirtIODevice *vdev, uint64_t features)
{
    const VirtIOBlock *s = VIRTIO_BLK(vdev);
    bool modern = features >> VIRTIO_F_VERSION_1 & 1;
    bool config_wce = features >> VIRTIO_BLK_F_CONFIG_WCE & 1;

    features |= 1u << VIRTIO_BLK_F_SEG_MAX | 1u << VIRTIO_BLK_F_GEOMETRY | 1u << VIRTIO_BLK_F_TOPOLOGY |
                1u << VIRTIO_BLK_F_BLK_SIZE;
    if (!modern) {
        features &= ~(1ull << VIRTIO_F_ANY_LAYOUT);
        features |= 1u << VIRTIO_BLK_F_SCSI;
    }
    if (block_backend_write_cache(s->conf.blk) || (config_wce && s->enable_wce_if_config_wce)) {
        features |= 1u << VIRTIO_BLK_F_FLUSH;
    }
    if (block_backend_read_only(s->conf.blk)) {
        features |= 1u << VIRTIO_BLK_F_RO;
    }
    if (s->num_queues > 1) {
        features |= 1u << VIRTIO_BLK_F_MQ;
    }
    return features;
}

/* 5.2.5.2: a driver that can't choose the cache has it on if it can flush, and off if it can't. */
static void virtio_blk_set_status(VirtIODevice *vdev, uint8_t status)
{
    if ((status & VIRTIO_STATUS_DRIVER_OK) && !virtio_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE)) {
        block_backend_set_write_cache(VIRTIO_BLK(vdev)->conf.blk, virtio_has_feature(vdev, VIRTIO_BLK_F_FLUSH));
    }
}

static void virtio_blk_reset(VirtIODevice *vdev)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);

    block_drain(s->conf.blk); /* what an error stops meanwhile … */
    virtio_blk_drop_stopped(s, NULL); /* … is dropped here */
    block_backend_set_write_cache(s->conf.blk, s->original_wce);
}

static void virtio_blk_queue_reset(VirtIODevice *vdev, unsigned queue)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);

    block_drain(s->conf.blk);
    virtio_blk_drop_stopped(s, virtio_queue(vdev, queue));
}

static void virtio_blk_run_state(VirtIODevice *vdev, bool running)
{
    if (running) {
        virtio_blk_set_status(vdev, vdev->status); /* after a load too */
        virtio_blk_restart(VIRTIO_BLK(vdev));
    }
}

/* ---- Realize ---- */

static bool check_queues(const VirtIOBlock *s, GError **error)
{
    if (s->num_queues == 0) {
        return error_setf(error, "num-queues property must be larger than 0");
    }
    if (s->num_queues > VIRTIO_QUEUE_MAX) {
        return error_setf(error, "num-queues property must be at most %d", VIRTIO_QUEUE_MAX);
    }
    if (s->queue_size <= 2) {
        return error_setf(error, "invalid queue-size property (%u), must be > 2", s->queue_size);
    }
    if (!IS_POWER_OF_2(s->queue_size) || s->queue_size > VIRTQUEUE_MAX_SIZE) {
        return error_setf(error, "invalid queue-size property (%u), must be a power of 2 (max %d)", s->queue_size,
                          VIRTQUEUE_MAX_SIZE);
    }
    return true;
}

static bool check_limit(const char *name, uint32_t sectors, GError **error)
{
    return (sectors >= 1 && sectors <= VIRTIO_BLK_LIMIT_SECTORS) ||
           error_setf(error, "invalid %s property (%u), must be between 1 and %u", name, sectors,
                      VIRTIO_BLK_LIMIT_SECTORS);
}

static bool check_limits(const VirtIOBlock *s, GError **error)
{
    const VirtIODevice *vdev = &s->parent_obj;

    return (!virtio_host_has_feature(vdev, VIRTIO_BLK_F_DISCARD) ||
            check_limit("max-discard-sectors", s->max_discard_sectors, error)) &&
           (!virtio_host_has_feature(vdev, VIRTIO_BLK_F_WRITE_ZEROES) ||
            check_limit("max-write-zeroes-sectors", s->max_write_zeroes_sectors, error));
}

/* The host has more, or less, disk than it had. */
static void virtio_blk_resized(void *device)
{
    virtio_notify_config(device);
}

static const BlockDeviceOps block_ops = { .resized = virtio_blk_resized };

static bool virtio_blk_realize(VirtIODevice *vdev, GError **error)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);
    BlockConf *conf = &s->conf;
    g_autofree char *path = object_path(&vdev->parent_obj.parent_obj);

    if (!block_conf_check_drive(conf, error) || !check_queues(s, error) || !block_conf_apply(conf, path, error) ||
        !block_conf_geometry(conf, 65535, 255, 255, error) || !block_conf_sizes(conf, error) ||
        !check_limits(s, error)) {
        return false;
    }
    s->original_wce = block_backend_write_cache(conf->blk);
    virtio_set_config_size(vdev, config_size(vdev));
    for (unsigned i = 0; i < s->num_queues; i++) {
        virtqueue_set_prompt(
            virtio_add_queue(vdev, s->queue_size, virtio_blk_request_size(), virtio_blk_handle_queue));
    }
    block_backend_set_ops(conf->blk, &block_ops, vdev);
    return true;
}

static void virtio_blk_unrealize(VirtIODevice *vdev)
{
    virtio_blk_free_vectors(VIRTIO_BLK(vdev));
}

/* A device that was there goes, and its -drive with it; not so after a realize that failed half-way. */
static void virtio_blk_unplug(DeviceState *dev)
{
    DeviceClass *parent = DEVICE_CLASS(object_class_by_name(TYPE_VIRTIO_DEVICE));

    block_backend_mark_auto_delete(VIRTIO_BLK(dev)->conf.blk);
    parent->unrealize(dev);
}

/* ---- State ---- */

static void virtio_blk_save(VirtIODevice *vdev, Stream *stream)
{
    virtio_blk_save_stopped(VIRTIO_BLK(vdev), stream);
}

static bool virtio_blk_load(VirtIODevice *vdev, Stream *stream, GError **error)
{
    return virtio_blk_load_stopped(VIRTIO_BLK(vdev), stream, error);
}

static const VMStateDescription vmstate_virtio_blk = {
    .name = "virtio-blk", .version_id = 2, .minimum_version_id = 2, .fields = VMS_FIELDS(VMS_VIRTIO_DEVICE),
};

/* ---- Type ---- */

#define FEATURE(name, bit, on) DEFINE_PROP_BIT64(name, VirtIOBlock, parent_obj.host_features, bit, on)

static const Property virtio_blk_props[] = {
    BLOCK_CONF_PROPERTIES(VirtIOBlock, conf),
    BLOCK_CONF_CHS_PROPERTIES(VirtIOBlock, conf),
    DEFINE_PROP_STRING("serial", VirtIOBlock, serial),
    DEFINE_PROP_BOOTINDEX(VirtIOBlock, bootindex),
    FEATURE("config-wce", VIRTIO_BLK_F_CONFIG_WCE, true),
    FEATURE("scsi", VIRTIO_BLK_F_SCSI, false),
    DEFINE_PROP_BIT("request-merging", VirtIOBlock, request_merging, 0, true),
    DEFINE_PROP_UINT16("num-queues", VirtIOBlock, num_queues, VIRTIO_BLK_QUEUES_AUTO),
    DEFINE_PROP_UINT16("queue-size", VirtIOBlock, queue_size, 256),
    DEFINE_PROP_BOOL("seg-max-adjust", VirtIOBlock, seg_max_adjust, true),
    DEFINE_PROP_LINK("iothread", VirtIOBlock, iothread, "iothread"),
    FEATURE("discard", VIRTIO_BLK_F_DISCARD, true),
    DEFINE_PROP_BOOL("report-discard-granularity", VirtIOBlock, report_discard_granularity, true),
    FEATURE("write-zeroes", VIRTIO_BLK_F_WRITE_ZEROES, true),
    DEFINE_PROP_UINT32("max-discard-sectors", VirtIOBlock, max_discard_sectors, VIRTIO_BLK_LIMIT_SECTORS),
    DEFINE_PROP_UINT32("max-write-zeroes-sectors", VirtIOBlock, max_write_zeroes_sectors, VIRTIO_BLK_LIMIT_SECTORS),
    DEFINE_PROP_BOOL("x-enable-wce-if-config-wce", VirtIOBlock, enable_wce_if_config_wce, true),
};

static void virtio_blk_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    dc->categories = 1u << DEVICE_CATEGORY_STORAGE;
    dc->vmsd = &vmstate_virtio_blk;
    dc->unrealize = virtio_blk_unplug;
    vdc->device_id = VIRTIO_ID_BLOCK;
    vdc->name = "virtio-blk";
    vdc->realize = virtio_blk_realize;
    vdc->unrealize = virtio_blk_unrealize;
    vdc->get_features = virtio_blk_get_features;
    vdc->get_config = virtio_blk_get_config;
    vdc->set_config = virtio_blk_set_config;
    vdc->set_status = virtio_blk_set_status;
    vdc->reset = virtio_blk_reset;
    vdc->queue_reset = virtio_blk_queue_reset;
    vdc->run_state = virtio_blk_run_state;
    vdc->save = virtio_blk_save;
    vdc->load = virtio_blk_load;
    object_class_add_props(klass, virtio_blk_props, G_N_ELEMENTS(virtio_blk_props));
}

static const TypeInfo virtio_blk_type = {
    .name = TYPE_VIRTIO_BLK,
    .parent = TYPE_VIRTIO_DEVICE,
    .size = sizeof(VirtIOBlock),
    .class_init = virtio_blk_class_init,
};

TYPE_REGISTER(virtio_blk_type)
