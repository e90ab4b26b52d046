/* Properties of disk devices, and their checks at realize. */
#include "hw/block/block-conf.h"

#include <inttypes.h>

#include "qom/object.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/keyval.h"
#include "util/units.h"

/* ---- drive ---- */

static BlockBackend **drive_field(Object *obj, const Property *prop)
{
    return property_field(obj, prop);
}

static void drive_release(Object *obj, const Property *prop)
{
    BlockBackend **blk = drive_field(obj, prop);
    if (*blk) {
        block_backend_detach(*blk, obj);
        block_backend_unref(*blk);
        *blk = NULL;
    }
}

static bool drive_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *name = json_get_string(value);
    if (!name) {
        return error_setf(error, "Invalid parameter type for '%s', expected: string", prop->name);
    }
    BlockBackend *blk = NULL;
    if (*name) {
        blk = block_backend_get(name);
        if (!blk) {
            return error_setf(error, "Property '%s.%s' can't find value '%s'", object_type(obj), prop->name, name);
        }
        if (!block_backend_attach(blk, obj, NULL)) {
            block_backend_unref(blk);
            return error_setf(error, "Drive '%s' is already in use by another device", name);
        }
    }
    drive_release(obj, prop);
    *drive_field(obj, prop) = blk;
    return true;
}

static Json *drive_get(Object *obj, const Property *prop, GError **error)
{
    const BlockBackend *blk = *drive_field(obj, prop);
    if (!blk) {
        return json_new_string("");
    }
    return json_new_string(*block_backend_name(blk) ? block_backend_name(blk) : block_backend_node_name(blk));
}

const PropertyKind prop_kind_drive = {
    .name = "str", .description = "Node name or ID of a block device to use as a backend", .set = drive_set,
    .get = drive_get, .release = drive_release,
};

/* ---- Block sizes ---- */

#define BLOCK_SIZE_MIN 512
#define BLOCK_SIZE_MAX (2 * MiB)

static bool blocksize_store(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    if (value != 0 && (value < BLOCK_SIZE_MIN || value > BLOCK_SIZE_MAX)) {
        return error_setf(error, "Property .%s doesn't take value %" PRIu64 " (minimum: %u, maximum: %u)", prop->name,
                          value, BLOCK_SIZE_MIN, (unsigned)BLOCK_SIZE_MAX);
    }
    if (value & (value - 1)) {
        return error_setf(error, "Property .%s doesn't take value '%" PRIu64 "', it's not a power of 2", prop->name,
                          value);
    }
    *(uint32_t *)property_field(obj, prop) = value;
    return true;
}

static bool blocksize_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    uint64_t size;
    if (!json_get_uint(value, &size)) {
        return error_setf(error, "Invalid parameter type for '%s', expected: integer", prop->name);
    }
    return blocksize_store(obj, prop, size, error);
}

static bool blocksize_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    uint64_t size;
    return keyval_size(prop->name, text, 1, &size, error) && blocksize_store(obj, prop, size, error);
}

static Json *blocksize_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_uint(*(uint32_t *)property_field(obj, prop));
}

static void blocksize_set_default(Object *obj, const Property *prop)
{
    *(uint32_t *)property_field(obj, prop) = prop->defval;
}

static Json *blocksize_get_default(const Property *prop)
{
    return json_new_uint(prop->defval);
}

const PropertyKind prop_kind_blocksize = {
    .name = "size",
    .description = "A power of two between 512 B and 2 MiB",
    .set = blocksize_set,
    .parse = blocksize_parse,
    .get = blocksize_get,
    .set_default = blocksize_set_default,
    .get_default = blocksize_get_default,
};

DEFINE_ENUM_KIND(prop_kind_on_error, "BlockdevOnError", [BLOCKDEV_ON_ERROR_AUTO] = "auto",
                 [BLOCKDEV_ON_ERROR_REPORT] = "report", [BLOCKDEV_ON_ERROR_IGNORE] = "ignore",
                 [BLOCKDEV_ON_ERROR_ENOSPC] = "enospc", [BLOCKDEV_ON_ERROR_STOP] = "stop");

/* ---- Realize ---- */

bool block_conf_check_drive(const BlockConf *conf, GError **error)
{
    if (!conf->blk) {
        return error_setf(error, "drive property not set");
    }
    return block_backend_has_medium(conf->blk) || error_setf(error, "Device needs media, but drive is empty");
}

bool block_conf_apply(BlockConf *conf, const char *path, GError **error)
{
    return block_conf_apply_as(conf, path, !block_backend_read_only(conf->blk), error);
}

bool block_conf_apply_as(BlockConf *conf, const char *path, bool writes, GError **error)
{
    BlockBackend *blk = conf->blk;
    block_backend_set_device_path(blk, path);
    if (!block_backend_permit(blk, writes, conf->share_rw, error)) {
        return false;
    }
    if (conf->write_cache != ON_OFF_AUTO_AUTO) {
        block_backend_set_write_cache(blk, conf->write_cache == ON_OFF_AUTO_ON);
    }
    block_backend_set_on_error(blk, conf->rerror, conf->werror);
    block_backend_set_accounting(blk, conf->account_invalid != ON_OFF_AUTO_OFF,
                                 conf->account_failed != ON_OFF_AUTO_OFF);
    return true;
}

/* The geometry that made the partition table's ends of cylinders, if it is a small disk's. */
static bool geometry_from_partitions(BlockConf *conf, uint64_t sectors)
{
    uint8_t mbr[SECTOR_SIZE];
    if (sectors == 0 || block_read_sync(conf->blk, 0, mbr, sizeof(mbr)) < 0 || mbr[510] != 0x55 || mbr[511] != 0xaa) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *entry = mbr + 446 + 16 * i;
        unsigned end_head = entry[5], end_sector = entry[6] & 63;
        if (load_le32(entry + 12) == 0 || end_head == 0 || end_sector == 0) {
            continue;
        }
        uint64_t cyls = sectors / ((end_head + 1) * end_sector);
        if (cyls < 1 || cyls > 16383) {
            continue;
        }
        if (end_head + 1 > 16) {
            return false; /* the BIOS translated: the disk's own is the usual one */
        }
        conf->cyls = cyls;
        conf->heads = end_head + 1;
        conf->secs = end_sector;
        return true;
    }
    return false;
}

static bool check_range(const char *name, uint32_t value, uint32_t max, GError **error)
{
    return (value >= 1 && value <= max) || error_setf(error, "%s must be between 1 and %u", name, max);
}

bool block_conf_geometry(BlockConf *conf, uint32_t cyls_max, uint32_t heads_max, uint32_t secs_max, GError **error)
{
    if (!conf->cyls && !conf->heads && !conf->secs) {
        uint64_t sectors = block_backend_length(conf->blk) / SECTOR_SIZE;
        if (!geometry_from_partitions(conf, sectors)) {
            conf->cyls = CLAMP(sectors / (16 * 63), 2, 16383);
            conf->heads = 16;
            conf->secs = 63;
        }
    }
    return check_range("cyls", conf->cyls, cyls_max, error) && check_range("heads", conf->heads, heads_max, error) &&
           check_range("secs", conf->secs, secs_max, error);
}

bool block_conf_sizes(BlockConf *conf, GError **error)
{
    /* Not the host's own, even of a device with larger blocks: what the guest sees must not change when it moves. */
    if (!conf->physical_block_size) {
        conf->physical_block_size = SECTOR_SIZE;
    }
    if (!conf->logical_block_size) {
        conf->logical_block_size = SECTOR_SIZE;
    }
    uint32_t block = conf->logical_block_size;
    if (block > conf->physical_block_size) {
        return error_setf(error, "logical_block_size > physical_block_size not supported");
    }
    if (conf->min_io_size % block) {
        return error_setf(error, "min_io_size must be a multiple of logical_block_size");
    }
    if (conf->min_io_size / block > UINT16_MAX) {
        return error_setf(error, "min_io_size must not exceed %u logical blocks", UINT16_MAX);
    }
    if (conf->opt_io_size % block) {
        return error_setf(error, "opt_io_size must be a multiple of logical_block_size");
    }
    if (conf->discard_granularity != BLOCK_GRANULARITY_AUTO && conf->discard_granularity % block) {
        return error_setf(error, "discard_granularity must be a multiple of logical_block_size");
    }
    return true;
}
