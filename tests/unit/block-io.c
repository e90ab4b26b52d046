/* Requests of image files, with io_uring and with threads. */
#include "block-image.h"

#include <sys/stat.h>

#include "block/file-posix.h"

#define IMAGE_SIZE (4 * MiB)

/* Each test runs with both engines, and with and without O_DIRECT. */
typedef struct Engine {
    const char *name, *options;
    bool no_uring;
} Engine;

static const Engine engines[] = {
    { "io_uring", ",aio=io_uring", false },
    { "threads", ",aio=threads", false },
    { "refused-uring", "", true },
    { "direct", ",cache=none", false },
    { "direct-threads", ",cache=none,aio=threads", false },
};

static BlockBackend *open_engine(const char *path, const Engine *engine, const char *more)
{
    block_engine_no_uring = engine->no_uring;
    g_autofree char *options = g_strconcat(engine->options, more, NULL);
    return open_image_with(path, options);
}

static void write_is_read_back(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, "");
    g_autofree uint8_t *out = g_malloc(64 * KiB), *in = g_malloc0(64 * KiB);
    for (unsigned i = 0; i < 64 * KiB; i++) {
        out[i] = i * 7 + (i >> 8);
    }
    g_assert_cmpint(block_write_sync(blk, 512, out, 64 * KiB, 0), ==, 0);
    g_assert_cmpint(block_read_sync(blk, 512, in, 64 * KiB), ==, 0);
    g_assert_cmpmem(in, 64 * KiB, out, 64 * KiB);
    g_assert_cmpint(image_byte(path, 512 + 300), ==, out[300]);
    g_assert_cmpint(image_byte(path, 511), ==, 0);
    close_backend(blk);
}

static void flush_and_fua_succeed(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, "");
    uint8_t sector[SECTOR_SIZE] = { 5 };
    g_assert_cmpint(block_op_sync(blk, BLOCK_FLUSH, 0, 0, 0), ==, 0);
    g_assert_cmpint(block_write_sync(blk, 0, sector, sizeof(sector), BLOCK_FUA), ==, 0);
    g_assert_cmpint(block_write_sync(blk, 512, sector, sizeof(sector), 0), ==, 0);
    g_assert_cmpint(block_op_sync(blk, BLOCK_FLUSH, 0, 0, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 512), ==, 5);
    close_backend(blk);
}

static void flush_without_writes_reaches_no_host(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, "");
    BlockNode *file = blk->root->node->file->node;
    uint8_t sector[SECTOR_SIZE] = { 0 };
    block_write_sync(blk, 0, sector, sizeof(sector), 0);
    g_assert_cmpuint(file->write_gen, !=, file->flushed_gen);
    block_op_sync(blk, BLOCK_FLUSH, 0, 0, 0);
    g_assert_cmpuint(file->write_gen, ==, file->flushed_gen);
    close_backend(blk);
}

static void zeroes_and_discard_read_as_zero(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    image_fill(path, 0, 0xaa, IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, ",discard=unmap");
    struct stat before, after;
    stat(path, &before);
    g_assert_cmpint(block_op_sync(blk, BLOCK_WRITE_ZEROES, 512, 128 * KiB, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 511), ==, 0xaa);
    g_assert_cmpint(image_byte(path, 512), ==, 0);
    g_assert_cmpint(image_byte(path, 512 + 128 * KiB - 1), ==, 0);
    g_assert_cmpint(image_byte(path, 512 + 128 * KiB), ==, 0xaa);
    g_assert_cmpint(block_op_sync(blk, BLOCK_DISCARD, 1 * MiB, 2 * MiB, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 1 * MiB), ==, 0);
    stat(path, &after);
    g_assert_cmpint(after.st_blocks, <=, before.st_blocks - (int64_t)(2 * MiB / 512));
    g_assert_cmpint(block_op_sync(blk, BLOCK_WRITE_ZEROES, 3 * MiB, 512 * KiB, BLOCK_MAY_UNMAP | BLOCK_FUA), ==, 0);
    g_assert_cmpint(image_byte(path, 3 * MiB + 5), ==, 0);
    close_backend(blk);
}

static void discard_is_ignored_by_default(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    image_fill(path, 0, 0xaa, IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, "");
    g_assert_cmpint(block_op_sync(blk, BLOCK_DISCARD, 0, 1 * MiB, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 4096), ==, 0xaa);
    close_backend(blk);
}

static void zeroes_are_written_where_the_host_has_no_call_for_it(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    image_fill(path, 0, 0xaa, IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, "");
    FileState *s = blk->root->node->file->node->state;
    s->no_punch_hole = s->no_zero_range = 1;
    g_assert_cmpint(block_op_sync(blk, BLOCK_WRITE_ZEROES, 4096, 3 * MiB, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 4095), ==, 0xaa);
    g_assert_cmpint(image_byte(path, 4096), ==, 0);
    g_assert_cmpint(image_byte(path, 4096 + 3 * MiB - 1), ==, 0);
    g_assert_cmpint(image_byte(path, 4096 + 3 * MiB), ==, 0xaa);
    close_backend(blk);
}

static void read_past_the_end_of_an_odd_image_gives_zeros(const void *data)
{
    g_autoimage path = image_new(1000);
    image_fill(path, 0, 0x55, 1000);
    BlockBackend *blk = open_engine(path, data, "");
    uint8_t buf[1024];
    memset(buf, 0xff, sizeof(buf));
    g_assert_cmpuint(block_backend_length(blk), ==, 1024);
    g_assert_cmpint(block_read_sync(blk, 0, buf, 1024), ==, 0);
    g_assert_cmpint(buf[999], ==, 0x55);
    g_assert_cmpint(buf[1000], ==, 0);
    g_assert_cmpint(buf[1023], ==, 0);
    memset(buf, 0x66, sizeof(buf));
    g_assert_cmpint(block_write_sync(blk, 512, buf, 512, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 1023), ==, 0x66);
    close_backend(blk);
}

static void beyond_the_end_is_an_io_error(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, "");
    uint8_t sector[SECTOR_SIZE] = { 0 };
    g_assert_cmpint(block_read_sync(blk, IMAGE_SIZE, sector, SECTOR_SIZE), ==, -EIO);
    g_assert_cmpint(block_write_sync(blk, UINT64_MAX - 511, sector, SECTOR_SIZE, 0), ==, -EIO);
    g_assert_cmpint(block_op_sync(blk, BLOCK_DISCARD, 512, IMAGE_SIZE, 0), ==, -EIO);
    g_assert_cmpint(block_read_sync(blk, IMAGE_SIZE - SECTOR_SIZE, sector, SECTOR_SIZE), ==, 0);
    close_backend(blk);
}

static void write_to_a_read_only_drive_is_refused(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, ",readonly=on");
    uint8_t sector[SECTOR_SIZE] = { 1 };
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, -EPERM);
    g_assert_cmpint(block_op_sync(blk, BLOCK_WRITE_ZEROES, 0, SECTOR_SIZE, 0), ==, -EPERM);
    g_assert_cmpint(block_op_sync(blk, BLOCK_FLUSH, 0, 0, 0), ==, 0);
    g_assert_cmpint(block_read_sync(blk, 0, sector, SECTOR_SIZE), ==, 0);
    close_backend(blk);
}

typedef struct Many {
    unsigned ended;
    bool in_submit;
} Many;

static void one_ended(void *opaque, int ret)
{
    Many *many = opaque;
    g_assert_cmpint(ret, ==, 0);
    g_assert_false(many->in_submit);
    many->ended++;
}

static void many_are_in_flight_and_each_ends_once(const void *data)
{
    enum { N = 1500 };
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, "");
    g_autofree uint8_t *out = g_malloc(N * SECTOR_SIZE), *in = g_malloc0(N * SECTOR_SIZE);
    g_autofree struct iovec *iov = g_new(struct iovec, N);
    Many many = { 0 };
    for (unsigned i = 0; i < N * SECTOR_SIZE; i++) {
        out[i] = i / SECTOR_SIZE + i;
    }
    block_plug();
    many.in_submit = true;
    for (unsigned i = 0; i < N; i++) {
        iov[i] = (struct iovec){ out + i * SECTOR_SIZE, SECTOR_SIZE };
        block_submit(blk, BLOCK_WRITE, i * SECTOR_SIZE, SECTOR_SIZE, &iov[i], 1, 0, one_ended, &many);
    }
    many.in_submit = false;
    block_unplug();
    block_drain(blk);
    g_assert_cmpuint(many.ended, ==, N);
    for (unsigned i = 0; i < N; i++) {
        iov[i] = (struct iovec){ in + i * SECTOR_SIZE, SECTOR_SIZE };
        block_submit(blk, BLOCK_READ, i * SECTOR_SIZE, SECTOR_SIZE, &iov[i], 1, 0, one_ended, &many);
    }
    while (many.ended < 2 * N) {
        g_main_context_iteration(NULL, TRUE); /* and not by a drain */
    }
    g_assert_cmpmem(in, N * SECTOR_SIZE, out, N * SECTOR_SIZE);
    g_assert_cmpuint(blk->in_flight, ==, 0);
    close_backend(blk);
}

static void what_the_host_has_cached_is_read_by_the_unplug(const void *data)
{
    enum { N = 16, LARGE = 256 * KiB };
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, "");
    FileState *s = blk->root->node->file->node->state;
    g_autofree uint8_t *out = g_malloc(LARGE), *in = g_malloc0(LARGE);
    struct iovec iov[N], large = { in, LARGE };
    Many many = { 0 };
    for (unsigned i = 0; i < LARGE; i++) {
        out[i] = i * 5 + (i >> 9);
    }
    block_write_sync(blk, 0, out, LARGE, 0);
    block_plug();
    many.in_submit = true;
    for (unsigned i = 0; i < N; i++) {
        iov[i] = (struct iovec){ in + i * 4 * KiB, 4 * KiB };
        block_submit(blk, BLOCK_READ, i * 4 * KiB, 4 * KiB, &iov[i], 1, 0, one_ended, &many);
    }
    many.in_submit = false;
    g_assert_cmpuint(many.ended, ==, 0);
    block_unplug();
    g_assert_cmpuint(many.ended, ==, blk->root->node->file->node->mode.direct || s->no_nowait ? 0 : N);
    block_drain(blk);
    g_assert_cmpuint(many.ended, ==, N);
    g_assert_cmpmem(in, N * 4 * KiB, out, N * 4 * KiB);
    block_plug();
    block_submit(blk, BLOCK_READ, 0, LARGE, &large, 1, 0, one_ended, &many);
    block_unplug();
    g_assert_cmpuint(many.ended, ==, N); /* so long a copy is the engine's */
    block_drain(blk);
    g_assert_cmpuint(many.ended, ==, N + 1);
    g_assert_cmpmem(in, LARGE, out, LARGE);
    close_backend(blk);
}

static void cached_read_past_the_end_of_an_odd_image_gives_zeros(const void *data)
{
    g_autoimage path = image_new(3 * 512 + 100);
    image_fill(path, 0, 0x77, 3 * 512 + 100);
    BlockBackend *blk = open_engine(path, data, "");
    uint8_t in[2 * SECTOR_SIZE];
    struct iovec iov[2] = { { in, 700 }, { in + 700, sizeof(in) - 700 } };
    Many many = { 0 };
    memset(in, 1, sizeof(in));
    block_plug();
    block_submit(blk, BLOCK_READ, 2 * SECTOR_SIZE, sizeof(in), iov, 2, 0, one_ended, &many);
    block_unplug();
    block_drain(blk);
    g_assert_cmpuint(many.ended, ==, 1);
    g_assert_cmpint(in[SECTOR_SIZE + 99], ==, 0x77);
    g_assert_cmpint(in[SECTOR_SIZE + 100], ==, 0);
    g_assert_cmpint(in[2 * SECTOR_SIZE - 1], ==, 0);
    close_backend(blk);
}

static void scattered_vector_of_more_than_1024_entries(const void *data)
{
    enum { N = 1500 };
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, "");
    g_autofree uint8_t *mem = g_malloc(2 * N * SECTOR_SIZE + 1);
    g_autofree uint8_t *whole = g_malloc(N * SECTOR_SIZE);
    g_autofree struct iovec *iov = g_new(struct iovec, N);
    Many many = { 0 };
    for (unsigned i = 0; i < N; i++) {
        iov[i] = (struct iovec){ mem + 1 + 2 * i * SECTOR_SIZE, SECTOR_SIZE };
        memset(iov[i].iov_base, i, SECTOR_SIZE);
    }
    block_submit(blk, BLOCK_WRITE, 512, N * SECTOR_SIZE, iov, N, 0, one_ended, &many);
    block_drain(blk);
    g_assert_cmpint(block_read_sync(blk, 512, whole, N * SECTOR_SIZE), ==, 0);
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmpint(whole[i * SECTOR_SIZE + 5], ==, (uint8_t)i);
        memset(iov[i].iov_base, 0, SECTOR_SIZE);
    }
    block_submit(blk, BLOCK_READ, 512, N * SECTOR_SIZE, iov, N, 0, one_ended, &many);
    block_drain(blk);
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmpint(((uint8_t *)iov[i].iov_base)[511], ==, (uint8_t)i);
    }
    close_backend(blk);
}

/* A callback that starts another request, and waits for it. */
typedef struct Nested {
    BlockBackend *blk;
    bool ended;
    uint8_t sector[SECTOR_SIZE];
} Nested;

static void nest(void *opaque, int ret)
{
    Nested *nested = opaque;
    g_assert_cmpint(block_read_sync(nested->blk, 512, nested->sector, SECTOR_SIZE), ==, 0);
    nested->ended = true;
}

static void callback_may_start_and_wait(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    image_fill(path, 512, 9, 512);
    BlockBackend *blk = open_engine(path, data, "");
    Nested nested = { .blk = blk };
    uint8_t sector[3][SECTOR_SIZE];
    Many many = { 0 };
    struct iovec iov[3];
    for (unsigned i = 0; i < 3; i++) {
        iov[i] = (struct iovec){ sector[i], SECTOR_SIZE };
        block_submit(blk, BLOCK_READ, i * 512, 512, &iov[i], 1, 0, i == 0 ? nest : one_ended,
                     i == 0 ? (void *)&nested : &many);
    }
    block_drain_all();
    g_assert_true(nested.ended);
    g_assert_cmpuint(many.ended, ==, 2);
    g_assert_cmpint(nested.sector[7], ==, 9);
    close_backend(blk);
}

/* As on a host whose disks have sectors of 4 KiB. */
static void unaligned_direct_writes_keep_their_neighbours(const void *data)
{
    enum { N = 64 };
    g_autoimage path = image_new(IMAGE_SIZE);
    image_fill(path, 0, 0xee, 128 * KiB);
    BlockBackend *blk = open_engine(path, data, "");
    FileState *s = blk->root->node->file->node->state;
    s->offset_align = s->memory_align = 4096;
    g_autofree uint8_t *mem = g_malloc(N * SECTOR_SIZE + 3);
    struct iovec iov[N];
    Many many = { 0 };
    block_plug();
    for (unsigned i = 0; i < N; i++) {
        iov[i] = (struct iovec){ mem + 3 + i * SECTOR_SIZE, SECTOR_SIZE };
        memset(iov[i].iov_base, i, SECTOR_SIZE);
        /* all in the same few blocks, at once */
        block_submit(blk, BLOCK_WRITE, 2 * i * SECTOR_SIZE, SECTOR_SIZE, &iov[i], 1, 0, one_ended, &many);
    }
    block_unplug();
    block_drain(blk);
    g_assert_cmpuint(many.ended, ==, N);
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmpint(image_byte(path, 2 * i * SECTOR_SIZE + 100), ==, i);
        g_assert_cmpint(image_byte(path, (2 * i + 1) * SECTOR_SIZE + 100), ==, 0xee);
    }
    g_assert_cmpint(block_op_sync(blk, BLOCK_WRITE_ZEROES, 512, 512, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 512), ==, 0);
    g_assert_cmpint(image_byte(path, 1024), ==, 1);
    uint8_t sector[SECTOR_SIZE];
    g_assert_cmpint(block_read_sync(blk, 1024, sector, SECTOR_SIZE), ==, 0);
    g_assert_cmpint(sector[0], ==, 1);
    close_backend(blk);
}

static void write_without_cache_reaches_the_disk_at_once(const void *data)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_engine(path, data, ",cache.writeback=off");
    uint8_t sector[SECTOR_SIZE] = { 3 };
    g_assert_false(block_backend_write_cache(blk));
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, 0);
    g_assert_cmpint(block_op_sync(blk, BLOCK_WRITE_ZEROES, 512, 512, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 0), ==, 3);
    close_backend(blk);
}

/* Null devices */

static void null_reads_zeroes_when_told(void)
{
    GError *error = NULL;
    add_blockdev(&error, "driver=null-co,node-name=n,size=4096,read-zeroes=on");
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("n");
    block_backend_permit(blk, true, false, &error);
    g_assert_no_error(error);
    uint8_t buf[512];
    memset(buf, 1, sizeof(buf));
    g_assert_cmpint(block_read_sync(blk, 0, buf, 512), ==, 0);
    g_assert_cmpint(buf[511], ==, 0);
    g_assert_cmpint(block_write_sync(blk, 512, buf, 512, 0), ==, 0);
    g_assert_cmpint(block_read_sync(blk, 4096, buf, 512), ==, -EIO);
    close_backend(blk);
}

static void null_latency_is_waited_for(void)
{
    GError *error = NULL;
    add_blockdev(&error, "driver=null-aio,node-name=n,latency-ns=20000000");
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("n");
    uint8_t buf[512];
    struct iovec iov = { buf, 512 };
    Many many = { 0 };
    int64_t start = g_get_monotonic_time();
    g_assert_cmpint(block_read_sync(blk, 0, buf, 512), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 20000);
    start = g_get_monotonic_time();
    block_submit(blk, BLOCK_READ, 0, 512, &iov, 1, 0, one_ended, &many);
    block_submit(blk, BLOCK_READ, 0, 512, &iov, 1, 0, one_ended, &many);
    while (many.ended < 2) {
        g_main_context_iteration(NULL, TRUE);
    }
    int64_t took = g_get_monotonic_time() - start;
    g_assert_cmpint(took, >=, 20000);
    g_assert_cmpint(took, <, 2000000);
    close_backend(blk);
}

static void drain_waits_for_one_back_end_only(void)
{
    GError *error = NULL;
    add_blockdev(&error, "driver=null-co,node-name=slow,latency-ns=60000000000");
    add_blockdev(&error, "driver=null-co,node-name=fast");
    g_assert_no_error(error);
    BlockBackend *slow = block_backend_get("slow"), *fast = block_backend_get("fast");
    uint8_t buf[512];
    struct iovec iov = { buf, 512 };
    Many many = { 0 };
    block_submit(slow, BLOCK_READ, 0, 512, &iov, 1, 0, one_ended, &many);
    block_submit(fast, BLOCK_READ, 0, 512, &iov, 1, 0, one_ended, &many);
    block_drain(fast);
    g_assert_cmpuint(many.ended, ==, 1);
    g_assert_cmpuint(slow->in_flight, ==, 1);
    _exit(g_test_failed()); /* … rather than in a minute */
}

static void draining_one_leaves_another_in_flight(void)
{
    if (g_test_subprocess()) {
        drain_waits_for_one_back_end_only();
    }
    g_test_trap_subprocess(NULL, 20 * G_USEC_PER_SEC, 0);
    g_test_trap_assert_passed();
}

static void detected_zeroes_become_a_hole(void)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    image_fill(path, 0, 0xaa, IMAGE_SIZE);
    BlockBackend *blk = open_image_with(path, ",detect-zeroes=unmap,discard=unmap");
    g_autofree char *zeros = g_malloc0(1 * MiB);
    struct stat before, after;
    stat(path, &before);
    g_assert_cmpint(block_write_sync(blk, 0, zeros, 1 * MiB, 0), ==, 0);
    stat(path, &after);
    g_assert_cmpint(after.st_blocks, <, before.st_blocks);
    g_assert_cmpint(image_byte(path, 5), ==, 0);
    zeros[1 * MiB - 1] = 1;
    g_assert_cmpint(block_write_sync(blk, 1 * MiB, zeros, 1 * MiB, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 2 * MiB - 1), ==, 1);
    close_backend(blk);
}

static void raw_window_is_offset_and_bounded(void)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    BlockBackend *blk = open_image_with(path, ",offset=1M,size=64k");
    uint8_t sector[SECTOR_SIZE] = { 7 };
    g_assert_cmpuint(block_backend_length(blk), ==, 64 * KiB);
    g_assert_cmpint(block_write_sync(blk, 512, sector, SECTOR_SIZE, 0), ==, 0);
    g_assert_cmpint(image_byte(path, 1 * MiB + 512), ==, 7);
    g_assert_cmpint(block_write_sync(blk, 64 * KiB, sector, SECTOR_SIZE, 0), ==, -EIO);
    close_backend(blk);
}

static void probed_image_refuses_a_foreign_header(void)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    GError *error = NULL;
    uint8_t sector[SECTOR_SIZE] = "QFI\xfb";
    FILE *quiet = stderr;
    stderr = fopen("/dev/null", "w");
    add_drive(&error, "if=none,id=d,file=%s", path);
    fclose(stderr);
    stderr = quiet;
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("d");
    block_backend_permit(blk, true, false, &error);
    g_assert_no_error(error);
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, -EPERM);
    sector[0] = 'x';
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, 0);
    close_backend(blk);
}

static void drive_without_medium_says_so(void)
{
    GError *error = NULL;
    g_assert_true(add_drive(&error, "if=none,id=e"));
    BlockBackend *blk = block_backend_get("e");
    uint8_t sector[SECTOR_SIZE];
    g_assert_false(block_backend_has_medium(blk));
    g_assert_cmpint(block_read_sync(blk, 0, sector, SECTOR_SIZE), ==, -ENOMEDIUM);
    assert_refused(block_backend_permit(blk, true, false, &error), &error, "Device needs media, but drive is empty");
    close_backend(blk);
}

static void write_to_a_full_host_is_enospc(void)
{
    GError *error = NULL;
    /* /dev/full is a character device: no length. A window of it is not possible, so this asks the driver directly. */
    add_blockdev(&error, "driver=host_device,node-name=n,filename=/dev/full");
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("n");
    blk->root->node->length = 1 * MiB;
    block_backend_permit(blk, true, false, &error);
    g_assert_no_error(error);
    uint8_t sector[SECTOR_SIZE] = { 1 };
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, -ENOSPC);
    close_backend(blk);
}

/* A block device with sectors of 4 KiB over the file; NULL: this host gives us none. */
static char *loop_device(const char *path)
{
    g_autofree char *command = g_strdup_printf("losetup -f --show -b 4096 %s", path);
    char *device = NULL;
    int status;
    if (!g_spawn_command_line_sync(command, &device, NULL, &status, NULL) || status != 0) {
        g_free(device);
        return NULL;
    }
    return g_strstrip(device);
}

static void requests_of_a_device_with_large_sectors(const char *options)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    image_fill(path, 0, 0xee, IMAGE_SIZE);
    g_autofree char *device = loop_device(path);
    if (!device) {
        g_test_skip("no loop device");
        return;
    }
    BlockBackend *blk = open_image_with(device, options);
    uint8_t sector[SECTOR_SIZE], back[3 * SECTOR_SIZE];
    memset(sector, 0x11, sizeof(sector));
    g_assert_cmpstr(blk->root->node->file->node->driver->name, ==, "host_device");
    g_assert_cmpuint(block_backend_length(blk), ==, IMAGE_SIZE);
    g_assert_cmpint(block_write_sync(blk, 5 * SECTOR_SIZE, sector, SECTOR_SIZE, 0), ==, 0);
    g_assert_cmpint(block_read_sync(blk, 4 * SECTOR_SIZE, back, sizeof(back)), ==, 0);
    g_assert_cmpint(back[0], ==, 0xee);
    g_assert_cmpint(back[SECTOR_SIZE], ==, 0x11);
    g_assert_cmpint(back[2 * SECTOR_SIZE], ==, 0xee);
    g_assert_cmpint(block_op_sync(blk, BLOCK_WRITE_ZEROES, SECTOR_SIZE, SECTOR_SIZE, 0), ==, 0);
    g_assert_cmpint(block_read_sync(blk, 0, back, sizeof(back)), ==, 0);
    g_assert_cmpint(back[0], ==, 0xee);
    g_assert_cmpint(back[SECTOR_SIZE], ==, 0);
    g_assert_cmpint(back[2 * SECTOR_SIZE], ==, 0xee);
    /* What does not fit the sectors is left alone, and spoils nothing for what does. */
    g_assert_cmpint(block_op_sync(blk, BLOCK_DISCARD, 64 * KiB + SECTOR_SIZE, SECTOR_SIZE, 0), ==, 0);
    g_assert_cmpint(block_op_sync(blk, BLOCK_DISCARD, 1 * MiB, 1 * MiB, 0), ==, 0);
    g_assert_cmpint(block_read_sync(blk, 64 * KiB + SECTOR_SIZE, back, SECTOR_SIZE), ==, 0);
    g_assert_cmpint(back[0], ==, 0xee);
    g_assert_cmpint(block_read_sync(blk, 1 * MiB, back, SECTOR_SIZE), ==, 0);
    g_assert_cmpint(back[0], ==, 0);
    g_assert_cmpint(block_op_sync(blk, BLOCK_FLUSH, 0, 0, 0), ==, 0);
    close_backend(blk);
    g_autofree char *detach = g_strdup_printf("losetup -d %s", device);
    g_spawn_command_line_sync(detach, NULL, NULL, NULL, NULL);
}

static void block_device_with_large_sectors(void)
{
    requests_of_a_device_with_large_sectors(",discard=unmap");
}

static void block_device_with_large_sectors_and_no_cache(void)
{
    requests_of_a_device_with_large_sectors(",discard=unmap,cache=none");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(const void *);
    } tests[] = {
#define T(name) { #name, name }
        T(write_is_read_back),
        T(flush_and_fua_succeed),
        T(flush_without_writes_reaches_no_host),
        T(zeroes_and_discard_read_as_zero),
        T(discard_is_ignored_by_default),
        T(zeroes_are_written_where_the_host_has_no_call_for_it),
        T(read_past_the_end_of_an_odd_image_gives_zeros),
        T(beyond_the_end_is_an_io_error),
        T(write_to_a_read_only_drive_is_refused),
        T(many_are_in_flight_and_each_ends_once),
        T(scattered_vector_of_more_than_1024_entries),
        T(what_the_host_has_cached_is_read_by_the_unplug),
        T(cached_read_past_the_end_of_an_odd_image_gives_zeros),
        T(callback_may_start_and_wait),
        T(write_without_cache_reaches_the_disk_at_once),
#undef T
    };
    g_test_init(&argc, &argv, NULL);
    for (unsigned e = 0; e < G_N_ELEMENTS(engines); e++) {
        for (unsigned t = 0; t < G_N_ELEMENTS(tests); t++) {
            g_autofree char *path = g_strdup_printf("/block-io/%s/%s", engines[e].name, tests[t].name);
            g_test_add_data_func(path, &engines[e], tests[t].fn);
        }
    }
    g_test_add_data_func("/block-io/direct/unaligned_direct_writes_keep_their_neighbours", &engines[3],
                         unaligned_direct_writes_keep_their_neighbours);
    g_test_add_func("/block-io/null_reads_zeroes_when_told", null_reads_zeroes_when_told);
    g_test_add_func("/block-io/null_latency_is_waited_for", null_latency_is_waited_for);
    g_test_add_func("/block-io/draining_one_leaves_another_in_flight", draining_one_leaves_another_in_flight);
    g_test_add_func("/block-io/detected_zeroes_become_a_hole", detected_zeroes_become_a_hole);
    g_test_add_func("/block-io/raw_window_is_offset_and_bounded", raw_window_is_offset_and_bounded);
    g_test_add_func("/block-io/probed_image_refuses_a_foreign_header", probed_image_refuses_a_foreign_header);
    g_test_add_func("/block-io/drive_without_medium_says_so", drive_without_medium_says_so);
    g_test_add_func("/block-io/write_to_a_full_host_is_enospc", write_to_a_full_host_is_enospc);
    g_test_add_func("/block-io/block_device_with_large_sectors", block_device_with_large_sectors);
    g_test_add_func("/block-io/block_device_with_large_sectors_and_no_cache",
                    block_device_with_large_sectors_and_no_cache);
    return g_test_run();
}
