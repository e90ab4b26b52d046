/*
 * The virtio block device (Virtual I/O Device specification 1.2, 5.2). virtio-blk.c is the device: features, config
 * space, life, state. virtio-blk-request.c is what the guest asks of the disk.
 */
#ifndef HW_BLOCK_VIRTIO_BLK_H
#define HW_BLOCK_VIRTIO_BLK_H

#include "hw/block/block-conf.h"
#include "hw/virtio/virtio.h"

#define TYPE_VIRTIO_BLK "virtio-blk-device"
OBJECT_DECLARE_SIMPLE_TYPE(VirtIOBlock, VIRTIO_BLK)

/* Features (5.2.3). */
enum {
    VIRTIO_BLK_F_SEG_MAX = 2,
    VIRTIO_BLK_F_GEOMETRY = 4,
    VIRTIO_BLK_F_RO = 5,
    VIRTIO_BLK_F_BLK_SIZE = 6,
    VIRTIO_BLK_F_SCSI = 7,          /* legacy */
    VIRTIO_BLK_F_FLUSH = 9,
    VIRTIO_BLK_F_TOPOLOGY = 10,
    VIRTIO_BLK_F_CONFIG_WCE = 11,
    VIRTIO_BLK_F_MQ = 12,
    VIRTIO_BLK_F_DISCARD = 13,
    VIRTIO_BLK_F_WRITE_ZEROES = 14,
};

#define VIRTIO_BLK_QUEUES_AUTO UINT16_MAX   /* one for each CPU */
#define VIRTIO_BLK_LIMIT_SECTORS 4194303u   /* of a discard or write-zeroes: below 2 GiB */

typedef struct VirtIOBlockReq VirtIOBlockReq;

struct VirtIOBlock {
    VirtIODevice parent_obj;
    /* set by the user */
    BlockConf conf;
    Object *iothread;               /* named, and served by the main loop like all */
    char *serial;
    int32_t bootindex;
    uint32_t request_merging;       /* bit 0 */
    uint16_t num_queues, queue_size;
    bool seg_max_adjust, report_discard_granularity, enable_wce_if_config_wce;
    uint32_t max_discard_sectors, max_write_zeroes_sectors;
    /* migrated: requests that an error stopped, the latest first */
    VirtIOBlockReq *stopped;
    /* made at realize */
    bool original_wce;
    struct VirtIOBlkVector *vectors;    /* spare ones, for merged requests */
};

/* virtio-blk-request.c */
size_t virtio_blk_request_size(void);
void virtio_blk_handle_queue(VirtIODevice *vdev, VirtQueue *vq);
/* The stopped requests are tried again, the oldest first. */
void virtio_blk_restart(VirtIOBlock *s);
/* … or forgotten: of one queue, or of all (NULL). */
void virtio_blk_drop_stopped(VirtIOBlock *s, VirtQueue *vq);
void virtio_blk_save_stopped(VirtIOBlock *s, Stream *stream);
bool virtio_blk_load_stopped(VirtIOBlock *s, Stream *stream, GError **error);
void virtio_blk_free_vectors(VirtIOBlock *s);

#endif
