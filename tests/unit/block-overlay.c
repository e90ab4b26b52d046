/* snapshot=on: the guest sees what it wrote, and the image never changes. */
#include "block-image.h"

#include <sys/stat.h>

#define IMAGE_SIZE (64 * MiB)

static void written_sectors_hide_the_image_and_leave_it_alone(void)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    image_fill(path, 0, 0x11, 64 * KiB);
    BlockBackend *blk = open_image_with(path, ",snapshot=on");
    uint8_t sector[SECTOR_SIZE];
    g_autofree uint8_t *buf = g_malloc(64 * KiB);
    memset(sector, 0x22, sizeof(sector));
    g_assert_false(block_backend_read_only(blk));
    for (unsigned i = 1; i < 128; i += 3) {
        g_assert_cmpint(block_write_sync(blk, i * SECTOR_SIZE, sector, SECTOR_SIZE, BLOCK_FUA), ==, 0);
    }
    g_assert_cmpint(block_read_sync(blk, 0, buf, 64 * KiB), ==, 0);
    for (unsigned i = 0; i < 128; i++) {
        g_assert_cmpint(buf[i * SECTOR_SIZE], ==, i % 3 == 1 ? 0x22 : 0x11);
        g_assert_cmpint(buf[i * SECTOR_SIZE + 511], ==, i % 3 == 1 ? 0x22 : 0x11);
        g_assert_cmpint(image_byte(path, i * SECTOR_SIZE), ==, 0x11);
    }
    g_assert_cmpint(block_op_sync(blk, BLOCK_FLUSH, 0, 0, 0), ==, 0);
    close_backend(blk);
    g_assert_cmpint(image_byte(path, SECTOR_SIZE), ==, 0x11);
}

typedef struct Model {
    uint8_t *bytes;
    BlockBackend *blk;
} Model;

static void compare(const Model *m, uint64_t offset, size_t bytes)
{
    /* Read through a vector whose borders are not the sectors'. */
    g_autofree uint8_t *buf = g_malloc(bytes);
    memset(buf, 0xdd, bytes);
    g_assert_cmpint(block_read_sync(m->blk, offset, buf, bytes), ==, 0);
    g_assert_cmpmem(buf, bytes, m->bytes + offset, bytes);
}

static void random_writes_zeroes_and_discards_agree_with_a_model(void)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    for (unsigned i = 0; i < 64; i++) {
        image_fill(path, i * MiB + 512 * i, i + 1, 256 * KiB);
    }
    Model m = { .bytes = g_malloc(IMAGE_SIZE), .blk = open_image_with(path, ",snapshot=on,discard=unmap") };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(read(fd, m.bytes, IMAGE_SIZE), ==, IMAGE_SIZE);
    close(fd);
    g_autofree uint8_t *buf = g_malloc(1 * MiB);
    for (unsigned i = 0; i < 400; i++) {
        uint64_t offset = g_test_rand_int_range(0, IMAGE_SIZE / SECTOR_SIZE) * SECTOR_SIZE;
        uint64_t bytes = g_test_rand_int_range(1, i % 7 ? 40 : 2048) * SECTOR_SIZE;
        bytes = MIN(bytes, IMAGE_SIZE - offset);
        if (i % 5 < 3) {
            memset(buf, i, bytes);
            memset(m.bytes + offset, i, bytes);
            g_assert_cmpint(block_write_sync(m.blk, offset, buf, bytes, 0), ==, 0);
        } else {
            memset(m.bytes + offset, 0, bytes);
            g_assert_cmpint(block_op_sync(m.blk, i % 5 == 3 ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD, offset, bytes, 0), ==,
                            0);
        }
        compare(&m, offset > MiB ? offset - MiB : 0, MIN(3 * MiB, IMAGE_SIZE - offset));
    }
    /* Whole leaves of the bitmap at once. */
    memset(m.bytes + 3 * SECTOR_SIZE, 0, 40 * MiB);
    g_assert_cmpint(block_op_sync(m.blk, BLOCK_WRITE_ZEROES, 3 * SECTOR_SIZE, 40 * MiB, 0), ==, 0);
    for (uint64_t at = 0; at < IMAGE_SIZE; at += 4 * MiB) {
        compare(&m, at, 4 * MiB);
    }
    g_free(m.bytes);
    close_backend(m.blk);
    g_assert_cmpint(image_byte(path, 3 * MiB + 512 * 3 + 70000), ==, 4);
}

static void split_read_ends_once(void *opaque, int ret)
{
    unsigned *ended = opaque;
    g_assert_cmpint(ret, ==, 0);
    ++*ended;
}

static void fragmented_read_fills_a_scattered_vector(void)
{
    g_autoimage path = image_new(IMAGE_SIZE);
    image_fill(path, 0, 0x11, 64 * KiB);
    BlockBackend *blk = open_image_with(path, ",snapshot=on");
    uint8_t sector[SECTOR_SIZE];
    memset(sector, 0x22, sizeof(sector));
    for (unsigned i = 0; i < 64; i += 2) {
        block_write_sync(blk, i * SECTOR_SIZE, sector, SECTOR_SIZE, 0);
    }
    g_autofree uint8_t *buf = g_malloc0(64 * SECTOR_SIZE);
    struct iovec iov[5];
    static const size_t cut[] = { 0, 1, 700, 700, 20000, 64 * SECTOR_SIZE };
    for (unsigned i = 0; i < 5; i++) {
        iov[i] = (struct iovec){ buf + cut[i], cut[i + 1] - cut[i] };
    }
    unsigned ended = 0;
    block_submit(blk, BLOCK_READ, 0, 64 * SECTOR_SIZE, iov, 5, 0, split_read_ends_once, &ended);
    block_drain(blk);
    g_assert_cmpuint(ended, ==, 1);
    for (unsigned i = 0; i < 64 * SECTOR_SIZE; i++) {
        g_assert_cmpint(buf[i], ==, i / SECTOR_SIZE % 2 ? 0x11 : 0x22);
    }
    close_backend(blk);
}

static void odd_image_has_a_zero_tail(void)
{
    g_autoimage path = image_new(1000);
    image_fill(path, 0, 0x33, 1000);
    BlockBackend *blk = open_image_with(path, ",snapshot=on");
    uint8_t buf[1024];
    g_assert_cmpuint(block_backend_length(blk), ==, 1024);
    g_assert_cmpint(block_read_sync(blk, 0, buf, 1024), ==, 0);
    g_assert_cmpint(buf[999], ==, 0x33);
    g_assert_cmpint(buf[1000], ==, 0);
    memset(buf, 0x44, sizeof(buf));
    g_assert_cmpint(block_write_sync(blk, 512, buf, 512, 0), ==, 0);
    g_assert_cmpint(block_read_sync(blk, 0, buf, 1024), ==, 0);
    g_assert_cmpint(buf[1023], ==, 0x44);
    g_assert_cmpint(image_byte(path, 1000), ==, -1);
    close_backend(blk);
}

static void unwritable_image_can_have_a_snapshot(void)
{
    g_autoimage path = image_new(1 * MiB);
    chmod(path, 0444);
    BlockBackend *blk = open_image_with(path, ",snapshot=on");
    uint8_t sector[SECTOR_SIZE] = { 1 };
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, 0);
    close_backend(blk);
}

static void read_only_snapshot_is_read_only(void)
{
    g_autoimage path = image_new(1 * MiB);
    BlockBackend *blk = open_image_with(path, ",snapshot=on,readonly=on");
    uint8_t sector[SECTOR_SIZE] = { 1 };
    g_assert_true(block_backend_read_only(blk));
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, -EPERM);
    close_backend(blk);
}

static void temporary_file_has_no_name(void)
{
    g_autoimage path = image_new(1 * MiB);
    BlockBackend *blk = open_image_with(path, ",snapshot=on,node-name=top");
    g_assert_cmpstr(block_backend_node_name(blk), ==, "top");
    g_assert_cmpint(access(blk->root->node->file->node->filename, F_OK), !=, 0);
    close_backend(blk);
}

static void snapshot_of_a_huge_disk_costs_little(void)
{
    GError *error = NULL;
    add_drive(&error, "if=none,id=d,format=raw,file=null-co://,file.size=4E,file.read-zeroes=on,snapshot=on");
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("d");
    block_backend_permit(blk, true, false, &error);
    g_assert_no_error(error);
    uint8_t sector[SECTOR_SIZE] = { 9 }, back[SECTOR_SIZE];
    /* The host's file system has no such offset; but the bitmap must not be why. */
    g_assert_cmpint(block_read_sync(blk, 4 * 1024 * 1024 * TiB - SECTOR_SIZE, back, SECTOR_SIZE), ==, 0);
    g_assert_cmpint(block_write_sync(blk, 1 * TiB, sector, SECTOR_SIZE, 0), ==, 0);
    g_assert_cmpint(block_read_sync(blk, 1 * TiB, back, SECTOR_SIZE), ==, 0);
    g_assert_cmpint(back[0], ==, 9);
    close_backend(blk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define T(name) g_test_add_func("/block-overlay/" #name, name)
    T(written_sectors_hide_the_image_and_leave_it_alone);
    T(random_writes_zeroes_and_discards_agree_with_a_model);
    T(fragmented_read_fills_a_scattered_vector);
    T(odd_image_has_a_zero_tail);
    T(unwritable_image_can_have_a_snapshot);
    T(read_only_snapshot_is_read_only);
    T(temporary_file_has_no_name);
    T(snapshot_of_a_huge_disk_costs_little);
#undef T
    return g_test_run();
}
