/* QMP about disks: nodes come and go, what there is and what it did. */
#include "block/block.h"
#include "monitor/qmp.h"

/* --- blockdev-add --- */

QMP_ENUM(blockdev_driver, "BlockdevDriver", "blkdebug", "file", "host_device", "null-aio", "null-co", "raw");
QMP_ENUM(discard_options, "BlockdevDiscardOptions", "ignore", "unmap");
QMP_ENUM(detect_zeroes, "BlockdevDetectZeroesOptions", "off", "on", "unmap");
QMP_ENUM(aio_options, "BlockdevAioOptions", "threads", "native", "io_uring");
QMP_ENUM(on_off_auto, "OnOffAuto", "auto", "on", "off");
QMP_STRUCT(cache_options, "BlockdevCacheOptions", { "direct", &qmp_bool, QMP_OPTIONAL }, { "no-flush", &qmp_bool, QMP_OPTIONAL });

static const QmpType qmp_blockdev_options;
static const QmpType qmp_blockdev_ref = {
    .name = "BlockdevRef", .meta = QMP_META_ALTERNATE,
    .members = QMP_MEMBERS({ "definition", &qmp_blockdev_options }, { "reference", &qmp_str }),
};
static const QmpType qmp_file_options = {
    .name = "BlockdevOptionsFile", .meta = QMP_META_STRUCT, .feature = "dynamic-auto-read-only",
    .members = QMP_MEMBERS({ "filename", &qmp_str }, { "pr-manager", &qmp_str, QMP_OPTIONAL },
                           { "locking", &qmp_on_off_auto, QMP_OPTIONAL }, { "aio", &qmp_aio_options, QMP_OPTIONAL },
                           { "aio-max-batch", &qmp_int, QMP_OPTIONAL }, { "drop-cache", &qmp_bool, QMP_OPTIONAL },
                           { "x-check-cache-dropped", &qmp_bool, QMP_OPTIONAL | QMP_UNSTABLE }),
};
QMP_STRUCT(null_options, "BlockdevOptionsNull", { "size", &qmp_int, QMP_OPTIONAL }, { "latency-ns", &qmp_uint64, QMP_OPTIONAL },
           { "read-zeroes", &qmp_bool, QMP_OPTIONAL });
QMP_STRUCT(raw_options, "BlockdevOptionsRaw", { "file", &qmp_blockdev_ref }, { "offset", &qmp_int, QMP_OPTIONAL },
           { "size", &qmp_int, QMP_OPTIONAL });
QMP_ENUM(blkdebug_event, "BlkdebugEvent", "read_aio", "write_aio", "flush_to_os", "flush_to_disk", "none");
QMP_ENUM(blkdebug_iotype, "BlkdebugIOType", "read", "write", "write-zeroes", "discard", "flush");
QMP_STRUCT(blkdebug_error, "BlkdebugInjectErrorOptions", { "event", &qmp_blkdebug_event },
           { "iotype", &qmp_blkdebug_iotype, QMP_OPTIONAL }, { "errno", &qmp_int, QMP_OPTIONAL },
           { "sector", &qmp_int, QMP_OPTIONAL }, { "once", &qmp_bool, QMP_OPTIONAL },
           { "immediately", &qmp_bool, QMP_OPTIONAL });
QMP_LIST(blkdebug_errors, blkdebug_error);
QMP_STRUCT(blkdebug_options, "BlockdevOptionsBlkdebug", { "image", &qmp_blockdev_ref },
           { "inject-error", &qmp_blkdebug_errors, QMP_OPTIONAL });
static const QmpType qmp_blockdev_options = {
    .name = "BlockdevOptions", .meta = QMP_META_STRUCT, .tag = "driver",
    .members = QMP_MEMBERS({ "driver", &qmp_blockdev_driver }, { "node-name", &qmp_str, QMP_OPTIONAL },
                           { "discard", &qmp_discard_options, QMP_OPTIONAL }, { "cache", &qmp_cache_options, QMP_OPTIONAL },
                           { "read-only", &qmp_bool, QMP_OPTIONAL }, { "auto-read-only", &qmp_bool, QMP_OPTIONAL },
                           { "force-share", &qmp_bool, QMP_OPTIONAL }, { "detect-zeroes", &qmp_detect_zeroes, QMP_OPTIONAL }),
    .variants = QMP_MEMBERS({ "blkdebug", &qmp_blkdebug_options }, { "file", &qmp_file_options }, { "host_device", &qmp_file_options },
                            { "null-aio", &qmp_null_options }, { "null-co", &qmp_null_options }, { "raw", &qmp_raw_options }),
};

static Json *add_node(Json *args, Monitor *mon, GError **error)
{
    blockdev_add(args, true, error);
    return NULL;
}

static Json *del_node(Json *args, Monitor *mon, GError **error)
{
    blockdev_del(json_member_string(args, "node-name", NULL), error);
    return NULL;
}

static Json *resize_node(Json *args, Monitor *mon, GError **error)
{
    block_resize(json_member_string(args, "device", NULL), json_member_string(args, "node-name", NULL),
                 json_member_int(args, "size", 0), error);
    return NULL;
}

/* --- query-block, query-named-block-nodes --- */

static const QmpType qmp_image_info;
QMP_STRUCT(snapshot_info, "SnapshotInfo", { "id", &qmp_str }, { "name", &qmp_str }, { "vm-state-size", &qmp_int },
           { "date-sec", &qmp_int }, { "date-nsec", &qmp_int }, { "vm-clock-sec", &qmp_int }, { "vm-clock-nsec", &qmp_int },
           { "icount", &qmp_int, QMP_OPTIONAL });
QMP_LIST(snapshot_infos, snapshot_info);
QMP_STRUCT(image_info, "ImageInfo", { "filename", &qmp_str }, { "format", &qmp_str }, { "dirty-flag", &qmp_bool, QMP_OPTIONAL },
           { "actual-size", &qmp_int, QMP_OPTIONAL }, { "virtual-size", &qmp_int }, { "cluster-size", &qmp_int, QMP_OPTIONAL },
           { "encrypted", &qmp_bool, QMP_OPTIONAL }, { "compressed", &qmp_bool, QMP_OPTIONAL },
           { "backing-filename", &qmp_str, QMP_OPTIONAL }, { "full-backing-filename", &qmp_str, QMP_OPTIONAL },
           { "backing-filename-format", &qmp_str, QMP_OPTIONAL }, { "snapshots", &qmp_snapshot_infos, QMP_OPTIONAL },
           { "backing-image", &qmp_image_info, QMP_OPTIONAL });
QMP_STRUCT(cache_info, "BlockdevCacheInfo", { "writeback", &qmp_bool }, { "direct", &qmp_bool }, { "no-flush", &qmp_bool });
QMP_STRUCT(device_info, "BlockDeviceInfo", { "file", &qmp_str }, { "node-name", &qmp_str, QMP_OPTIONAL }, { "ro", &qmp_bool },
           { "drv", &qmp_str }, { "backing_file", &qmp_str, QMP_OPTIONAL }, { "backing_file_depth", &qmp_int },
           { "encrypted", &qmp_bool }, { "detect_zeroes", &qmp_detect_zeroes }, { "bps", &qmp_int }, { "bps_rd", &qmp_int },
           { "bps_wr", &qmp_int }, { "iops", &qmp_int }, { "iops_rd", &qmp_int }, { "iops_wr", &qmp_int },
           { "image", &qmp_image_info }, { "cache", &qmp_cache_info }, { "write_threshold", &qmp_int });
QMP_LIST(device_infos, device_info);
QMP_ENUM(io_status, "BlockDeviceIoStatus", "ok", "failed", "nospace");
QMP_STRUCT(block_info, "BlockInfo", { "device", &qmp_str }, { "qdev", &qmp_str, QMP_OPTIONAL }, { "type", &qmp_str },
           { "removable", &qmp_bool }, { "locked", &qmp_bool }, { "inserted", &qmp_device_info, QMP_OPTIONAL },
           { "tray_open", &qmp_bool, QMP_OPTIONAL }, { "io-status", &qmp_io_status, QMP_OPTIONAL });
QMP_LIST(block_infos, block_info);

static Json *query_block(Json *args, Monitor *mon, GError **error)
{
    return block_query();
}

static Json *query_named_block_nodes(Json *args, Monitor *mon, GError **error)
{
    return block_query_nodes(json_member_bool(args, "flat", false));
}

/* --- query-blockstats --- */

QMP_STRUCT(timed_stats, "BlockDeviceTimedStats", { "interval_length", &qmp_int }, { "min_rd_latency_ns", &qmp_int },
           { "max_rd_latency_ns", &qmp_int }, { "avg_rd_latency_ns", &qmp_int }, { "min_wr_latency_ns", &qmp_int },
           { "max_wr_latency_ns", &qmp_int }, { "avg_wr_latency_ns", &qmp_int }, { "min_flush_latency_ns", &qmp_int },
           { "max_flush_latency_ns", &qmp_int }, { "avg_flush_latency_ns", &qmp_int }, { "avg_rd_queue_depth", &qmp_number },
           { "avg_wr_queue_depth", &qmp_number });
QMP_LIST(timed_stats_list, timed_stats);
QMP_STRUCT(device_stats, "BlockDeviceStats", { "rd_bytes", &qmp_int }, { "wr_bytes", &qmp_int }, { "unmap_bytes", &qmp_int },
           { "rd_operations", &qmp_int }, { "wr_operations", &qmp_int }, { "flush_operations", &qmp_int },
           { "unmap_operations", &qmp_int }, { "rd_total_time_ns", &qmp_int }, { "wr_total_time_ns", &qmp_int },
           { "flush_total_time_ns", &qmp_int }, { "unmap_total_time_ns", &qmp_int }, { "wr_highest_offset", &qmp_int },
           { "rd_merged", &qmp_int }, { "wr_merged", &qmp_int }, { "unmap_merged", &qmp_int },
           { "idle_time_ns", &qmp_int, QMP_OPTIONAL }, { "failed_rd_operations", &qmp_int }, { "failed_wr_operations", &qmp_int },
           { "failed_flush_operations", &qmp_int }, { "failed_unmap_operations", &qmp_int }, { "invalid_rd_operations", &qmp_int },
           { "invalid_wr_operations", &qmp_int }, { "invalid_flush_operations", &qmp_int },
           { "invalid_unmap_operations", &qmp_int }, { "account_invalid", &qmp_bool }, { "account_failed", &qmp_bool },
           { "timed_stats", &qmp_timed_stats_list });
QMP_STRUCT(file_stats, "BlockStatsSpecificFile", { "discard-nb-ok", &qmp_uint64 }, { "discard-nb-failed", &qmp_uint64 },
           { "discard-bytes-ok", &qmp_uint64 });
static const QmpType qmp_driver_stats = {
    .name = "BlockStatsSpecific", .meta = QMP_META_STRUCT, .tag = "driver", .members = QMP_MEMBERS({ "driver", &qmp_blockdev_driver }),
    .variants = QMP_MEMBERS({ "file", &qmp_file_stats }, { "host_device", &qmp_file_stats }),
};
static const QmpType qmp_block_stats;
QMP_STRUCT(block_stats, "BlockStats", { "device", &qmp_str, QMP_OPTIONAL }, { "qdev", &qmp_str, QMP_OPTIONAL },
           { "node-name", &qmp_str, QMP_OPTIONAL }, { "stats", &qmp_device_stats },
           { "driver-specific", &qmp_driver_stats, QMP_OPTIONAL }, { "parent", &qmp_block_stats, QMP_OPTIONAL },
           { "backing", &qmp_block_stats, QMP_OPTIONAL });
QMP_LIST(block_stats_list, block_stats);

static Json *query_blockstats(Json *args, Monitor *mon, GError **error)
{
    return block_query_stats(json_member_bool(args, "query-nodes", false));
}

/* --- jobs: there are none --- */

QMP_STRUCT(job_info, "JobInfo", { "id", &qmp_str }, { "type", &qmp_str }, { "status", &qmp_str },
           { "current-progress", &qmp_int }, { "total-progress", &qmp_int }, { "error", &qmp_str, QMP_OPTIONAL });
QMP_LIST(job_infos, job_info);
QMP_STRUCT(block_job_info, "BlockJobInfo", { "type", &qmp_str }, { "device", &qmp_str }, { "len", &qmp_int },
           { "offset", &qmp_int }, { "busy", &qmp_bool }, { "paused", &qmp_bool }, { "speed", &qmp_int });
QMP_LIST(block_job_infos, block_job_info);

static Json *query_jobs(Json *args, Monitor *mon, GError **error)
{
    return json_new_array();
}

static const QmpCommand commands[] = {
    { "blockdev-add", add_node, &qmp_blockdev_options, NULL, QMP_PRECONFIG },
    { "blockdev-del", del_node, QMP_ARGS({ "node-name", &qmp_str }), NULL, QMP_PRECONFIG },
    { "block_resize", resize_node, QMP_ARGS({ "device", &qmp_str, QMP_OPTIONAL }, { "node-name", &qmp_str, QMP_OPTIONAL },
                                            { "size", &qmp_int }), NULL, QMP_PRECONFIG },
    { "query-block", query_block, NULL, &qmp_block_infos, QMP_PRECONFIG },
    { "query-blockstats", query_blockstats, QMP_ARGS({ "query-nodes", &qmp_bool, QMP_OPTIONAL }), &qmp_block_stats_list },
    { "query-named-block-nodes", query_named_block_nodes, QMP_ARGS({ "flat", &qmp_bool, QMP_OPTIONAL }), &qmp_device_infos },
    { "query-jobs", query_jobs, NULL, &qmp_job_infos, QMP_PRECONFIG },
    { "query-block-jobs", query_jobs, NULL, &qmp_block_job_infos, QMP_PRECONFIG },
};
QMP_COMMANDS(commands)
