/* Drivers "null-co" and "null-aio": a disk without a host behind it, for tests and measurements. */
#include <string.h>
#include <time.h>

#include "block/block-int.h"
#include "util/error.h"
#include "util/units.h"

typedef struct NullState {
    uint64_t latency_ns;
    bool read_zeroes;
} NullState;

static bool null_open(BlockNode *node, BlockOptions *opts, GError **error)
{
    NullState *s = node->state;
    bool has_size = json_has(opts->json, "size"), has_latency = json_has(opts->json, "latency-ns");
    bool has_zeroes = json_has(opts->json, "read-zeroes");
    g_autofree char *filename = NULL;
    Json *latency = json_member(opts->json, "latency-ns");
    int64_t negative;

    node->length = 1 * GiB;
    if ((json_get_int(latency, &negative) && negative < 0) ||
        (opts->style != OPTIONS_TYPED && latency && g_str_has_prefix(json_get_string(latency) ?: "", "-"))) {
        return error_setf(error, "latency-ns is invalid");
    }
    if (!options_string(opts, "filename", &filename, error) ||
        !options_size(opts, "size", &node->length, error) ||
        !options_uint(opts, "latency-ns", &s->latency_ns, error) ||
        !options_bool(opts, "read-zeroes", &s->read_zeroes, error)) {
        return false;
    }
    g_autofree char *prefix = g_strdup_printf("%s://", node->driver->name);
    if (filename && (opts->style != OPTIONS_DRIVE || strcmp(filename, prefix))) {
        json_set(opts->json, "filename", json_new_string(filename)); /* none of ours */
    }
    if (!options_finish(opts, node->driver->name, true, error)) {
        return false;
    }
    if (s->latency_ns > INT64_MAX) {
        return error_setf(error, "latency-ns is invalid");
    }
    if (node->length > INT64_MAX - SECTOR_SIZE) {
        return error_setf(error, "Image is too large");
    }
    if (has_size) {
        json_set(node->options, "size", json_new_uint(node->length));
    }
    if (has_latency) {
        json_set(node->options, "latency-ns", json_new_uint(s->latency_ns));
    }
    if (has_zeroes) {
        json_set(node->options, "read-zeroes", json_new_bool(s->read_zeroes));
    }
    if (!has_size && !has_latency && !has_zeroes) {
        node->filename = g_steal_pointer(&prefix);
    }
    return true;
}

static void null_submit(BlockNode *node, BlockRequest *req)
{
    NullState *s = node->state;
    if (req->op == BLOCK_READ && s->read_zeroes) {
        for (int i = 0; i < req->iovcnt; i++) {
            memset(req->iov[i].iov_base, 0, req->iov[i].iov_len);
        }
    }
    if (s->latency_ns) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t ns = now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
        block_request_finish_at(req, ns + (int64_t)MIN(s->latency_ns, (uint64_t)INT64_MAX - ns));
    } else {
        block_request_finish_later(req, 0);
    }
}

const BlockDriver block_driver_null_co = {
    .name = "null-co", .protocol = true, .state_size = sizeof(NullState), .open = null_open, .submit = null_submit,
};

const BlockDriver block_driver_null_aio = {
    .name = "null-aio", .protocol = true, .state_size = sizeof(NullState), .open = null_open, .submit = null_submit,
};
