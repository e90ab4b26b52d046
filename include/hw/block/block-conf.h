/*
 * What disk devices have in common: the properties by which a user ties one to a back end and shapes it, and the checks
 * of these at realize. A device embeds a BlockConf, lists BLOCK_CONF_PROPERTIES() among its own, and in realize calls
 * the functions below in their order.
 */
#ifndef HW_BLOCK_BLOCK_CONF_H
#define HW_BLOCK_BLOCK_CONF_H

#include "block/block.h"
#include "qom/property.h"

/* "Not set": of discard_granularity. */
#define BLOCK_GRANULARITY_AUTO UINT32_MAX

typedef struct BlockConf {
    BlockBackend *blk;              /* NULL: the drive property was not set */
    uint32_t logical_block_size, physical_block_size;   /* bytes; 0: 512 */
    uint32_t min_io_size, opt_io_size;                  /* bytes; 0: nothing to say */
    uint32_t discard_granularity;
    uint32_t cyls, heads, secs;     /* 0: guessed */
    uint32_t lcyls, lheads, lsecs;  /* the BIOS's view */
    OnOffAuto write_cache, account_invalid, account_failed;
    OnOffAuto backend_defaults;     /* accepted: only mainframe disks have defaults to tell */
    int rerror, werror;             /* BlockdevOnError */
    bool share_rw;
} BlockConf;

extern const PropertyKind prop_kind_drive;          /* BlockBackend *, attached to the device, a reference */
extern const PropertyKind prop_kind_blocksize;      /* uint32_t: 0, or a power of two from 512 to 2 MiB */
extern const PropertyKind prop_kind_on_error;       /* int, a BlockdevOnError */

#define BLOCK_CONF_ON_ERROR "Error handling policy, report/ignore/enospc/stop/auto"
#define BLOCK_CONF_PROPERTIES(t, f)                                                                             \
    DEFINE_PROP("drive", prop_kind_drive, t, f.blk, 0, .no_default = true),                                     \
    DEFINE_PROP("logical_block_size", prop_kind_blocksize, t, f.logical_block_size, 0),                         \
    DEFINE_PROP("physical_block_size", prop_kind_blocksize, t, f.physical_block_size, 0),                       \
    DEFINE_PROP_SIZE32("min_io_size", t, f.min_io_size, 0),                                                     \
    DEFINE_PROP_SIZE32("opt_io_size", t, f.opt_io_size, 0),                                                     \
    DEFINE_PROP_SIZE32("discard_granularity", t, f.discard_granularity, BLOCK_GRANULARITY_AUTO),                \
    DEFINE_PROP_ON_OFF_AUTO("write-cache", t, f.write_cache, ON_OFF_AUTO_AUTO),                                 \
    DEFINE_PROP_ON_OFF_AUTO("backend_defaults", t, f.backend_defaults, ON_OFF_AUTO_AUTO),                       \
    DEFINE_PROP_ON_OFF_AUTO("account-invalid", t, f.account_invalid, ON_OFF_AUTO_AUTO),                         \
    DEFINE_PROP_ON_OFF_AUTO("account-failed", t, f.account_failed, ON_OFF_AUTO_AUTO),                           \
    DEFINE_PROP_BOOL("share-rw", t, f.share_rw, false),                                                         \
    DEFINE_PROP_ENUM("rerror", prop_kind_on_error, t, f.rerror, BLOCKDEV_ON_ERROR_AUTO,                         \
                     .description = BLOCK_CONF_ON_ERROR),                                                       \
    DEFINE_PROP_ENUM("werror", prop_kind_on_error, t, f.werror, BLOCKDEV_ON_ERROR_AUTO,                         \
                     .description = BLOCK_CONF_ON_ERROR)
#define BLOCK_CONF_CHS_PROPERTIES(t, f)                                                                         \
    DEFINE_PROP_UINT32("cyls", t, f.cyls, 0), DEFINE_PROP_UINT32("heads", t, f.heads, 0),                       \
    DEFINE_PROP_UINT32("secs", t, f.secs, 0), DEFINE_PROP_UINT32("lcyls", t, f.lcyls, 0),                       \
    DEFINE_PROP_UINT32("lheads", t, f.lheads, 0), DEFINE_PROP_UINT32("lsecs", t, f.lsecs, 0)

/* There is a drive, with a medium in it. */
bool block_conf_check_drive(const BlockConf *conf, GError **error);
/* Permissions and locks, write cache, error policies, accounting; `path` is the device's, for queries. */
bool block_conf_apply(BlockConf *conf, const char *path, GError **error);
/* … of a device that writes, whatever the drive allows, or that never does and may be without a medium. */
bool block_conf_apply_as(BlockConf *conf, const char *path, bool writes, GError **error);
/* The disk's geometry where the user gave none (from its partition table, or by size), within the limits. */
bool block_conf_geometry(BlockConf *conf, uint32_t cyls_max, uint32_t heads_max, uint32_t secs_max, GError **error);
/* Defaults of the block sizes, and whether they go together. */
bool block_conf_sizes(BlockConf *conf, GError **error);

#endif
