/*
 * The virtio block device as a guest sees it: its config space for each property, its features in each release, every
 * kind of request with what comes back, and many of them at once. Expected bytes and statuses are QEMU's, measured.
 */
#include "blk-guest.h"

#define NULL_DISK "-blockdev null-co,node-name=d0,size=10485760,read-zeroes=on"

/* ---- Config space ---- */

typedef struct ConfigCase {
    const char *drive, *device, *config;
} ConfigCase;

#define HEAD "0050000000000000000000"
#define TAIL "0000000000000000000001000100ffff3f000100000001000000ffff3f000100000001ffffff"

static const ConfigCase config_cases[] = {
    { "", "", HEAD "00fe0000001400103f0002" TAIL },
    { ",readonly=on", "", HEAD "00fe0000001400103f0002" TAIL },
    { "", ",discard=off",
     HEAD "00fe0000001400103f00020000000000000000000001000100000000000000000000000000ffff3f000100000001ffffff" },
    { "", ",write-zeroes=off",
     HEAD "00fe0000001400103f00020000000000000000000001000100ffff3f000100000001000000ffffffffffffffffffffffff" },
    { "", ",discard=off,write-zeroes=off",
     HEAD "00fe0000001400103f00020000000000000000000001000100ffffffffffffffffffffffffffffffffffffffffffffffff" },
    { ",cache=writethrough", "",
     HEAD "00fe0000001400103f00020000000000000000000000000100ffff3f000100000001000000ffff3f000100000001ffffff" },
    { "", ",write-cache=off",
     HEAD "00fe0000001400103f00020000000000000000000000000100ffff3f000100000001000000ffff3f000100000001ffffff" },
    { "", ",num-queues=4",
     HEAD "00fe0000001400103f00020000000000000000000001000400ffff3f000100000001000000ffff3f000100000001ffffff" },
    { "", ",queue-size=128", HEAD "007e0000001400103f0002" TAIL },
    { "", ",seg-max-adjust=off", HEAD "007e0000001400103f0002" TAIL },
    { "", ",queue-size=4", HEAD "00020000001400103f0002" TAIL },
    { "", ",logical_block_size=4096,physical_block_size=4096",
     HEAD "00fe0000001400103800100000000000000000000001000100ffff3f000100000008000000ffff3f000100000001ffffff" },
    { "", ",physical_block_size=4096,min_io_size=8192,opt_io_size=65536",
     HEAD "00fe0000001400103f00020000030010008000000001000100ffff3f000100000001000000ffff3f000100000001ffffff" },
    { "", ",discard_granularity=65536",
     HEAD "00fe0000001400103f00020000000000000000000001000100ffff3f000100000080000000ffff3f000100000001ffffff" },
    { "", ",discard_granularity=0",
     HEAD "00fe0000001400103f00020000000000000000000001000100ffff3f000100000000000000ffff3f000100000001ffffff" },
    { "", ",report-discard-granularity=off,discard_granularity=65536", HEAD "00fe0000001400103f0002" TAIL },
    { "", ",max-discard-sectors=77,max-write-zeroes-sectors=88",
     HEAD "00fe0000001400103f000200000000000000000000010001004d0000000100000001000000580000000100000001ffffff" },
    { "", ",cyls=100,heads=7,secs=9",
     HEAD "00fe0000006400070900020000000000000000000001000100ffff3f000100000001000000ffff3f000100000001ffffff" },
};

static char *config_text(Guest *g)
{
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < 60; i++) {
        g_string_append_printf(text, "%02x", blk_config(g, i, 1));
    }
    return g_string_free(text, FALSE);
}

static void config_space_follows_the_properties(void)
{
    char *path = blk_image(10485760);
    for (unsigned i = 0; i < G_N_ELEMENTS(config_cases); i++) {
        const ConfigCase *c = &config_cases[i];
        g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s%s", path, c->drive);
        Guest g = blk_machine(NULL, "q35", drive, c->device);
        g_autofree char *text = config_text(&g);
        g_test_message("%s %s", c->drive, c->device);
        g_assert_cmpstr(text, ==, c->config);
        blk_shut_down(&g);
    }
    blk_image_free(path);
}

typedef struct GeometryCase {
    uint8_t end_head, end_sector;
    uint32_t sectors;
    uint64_t size;
    uint32_t expected;      /* le16 cylinders, u8 heads, u8 sectors */
} GeometryCase;

/* A disk with one partition that ends at a head and a sector. */
static const GeometryCase geometry_cases[] = {
    { 15, 63, 10000, 64 << 20, 0x3f100082 },  { 254, 63, 10000, 64 << 20, 0x3f100082 },
    { 7, 32, 10000, 64 << 20, 0x20080200 },   { 7, 32, 0, 64 << 20, 0x3f100082 },
    { 3, 17, 99, 64 << 20, 0x11040787 },      { 7, 64, 100, 64 << 20, 0x3f100082 },
    { 0, 32, 100, 64 << 20, 0x3f100082 },     { 15, 63, 100, 20480, 0x3f100002 },
    { 3, 10, 100, 8ull << 30, 0x3f103fff },
};

static void geometry_is_the_partition_tables_or_the_sizes(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(geometry_cases); i++) {
        const GeometryCase *c = &geometry_cases[i];
        char *path = blk_image(c->size);
        uint8_t mbr[SECTOR] = { [510] = 0x55, [511] = 0xaa };
        mbr[446 + 5] = c->end_head;
        mbr[446 + 6] = c->end_sector;
        store_le32(mbr + 446 + 12, c->sectors);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        g_assert_cmpint(pwrite(fd, mbr, SECTOR, 0), ==, SECTOR);
        close(fd);
        g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", path);
        Guest g = blk_machine(NULL, "q35", drive, "");
        g_assert_cmphex(blk_config(&g, 16, 4), ==, c->expected);
        blk_shut_down(&g);
        blk_image_free(path);
    }
}

static void odd_and_empty_images_round_up(void)
{
    static const struct {
        uint64_t size;
        uint32_t sectors;
    } sizes[] = { { 0, 0 }, { 1, 1 }, { 1000, 2 }, { 10485760 + 512, 20481 } };
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        char *path = blk_image(sizes[i].size);
        g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", path);
        Guest g = blk_boot(drive, "");
        g_assert_cmpuint(blk_config(&g, 0, 4), ==, sizes[i].sectors);
        g_assert_cmpuint(blk_read(&g, sizes[i].sectors, SECTOR), ==, BLK_IOERR);
        if (sizes[i].sectors) {
            g_assert_cmpuint(blk_read(&g, sizes[i].sectors - 1, SECTOR), ==, BLK_OK);
        }
        blk_shut_down(&g);
        blk_image_free(path);
    }
}

/* ---- Features and queues ---- */

static void features_are_the_machine_versions(void)
{
    static const struct {
        const char *release, *machine, *device;
        unsigned cpus, queues;
        uint64_t features;
    } cases[] = {
        { "5.1", "pc-q35-5.1", "", 4, 1, 0x130006e54 },
        { "5.2", "pc-q35-5.2", "", 4, 4, 0x130007e54 },
        { "5.2", "pc-q35-5.1", "", 4, 1, 0x130006e54 },
        { "5.2", "pc-q35-5.2", "", 1, 1, 0x130006e54 },
        { "5.2", "pc-q35-5.1", ",num-queues=3", 1, 3, 0x130007e54 },
        { "7.2", "pc-q35-7.1", "", 1, 1, 0x130006e54 },
        { "7.2", "pc-q35-7.2", "", 1, 1, 0x10130006e54 },
        { "8.2", "pc-q35-8.2", "", 2, 2, 0x10130007e54 },
        { "8.2", "pc-q35-8.2", ",config-wce=off,discard=off,write-zeroes=off", 1, 1, 0x10130000654 },
        { "8.2", "pc-q35-8.2", ",write-cache=off", 1, 1, 0x10130006e54 },
        { "8.2", "pc-q35-8.2", ",write-cache=off,config-wce=off", 1, 1, 0x10130006454 },
        { "8.2", "pc-q35-8.2", ",write-cache=off,x-enable-wce-if-config-wce=off", 1, 1, 0x10130006c54 },
        { "8.2", "pc-q35-8.2", ",indirect_desc=off,event_idx=off,queue_reset=off", 1, 1, 0x100006e54 },
        { "8.2", "pc-q35-8.2", ",packed=on", 1, 1, 0x10530006e54 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *args = g_strdup_printf("-smp %u " NULL_DISK, cases[i].cpus);
        Guest g = blk_machine(cases[i].release, cases[i].machine, args, cases[i].device);
        g_test_message("%s -M %s%s", cases[i].release, cases[i].machine, cases[i].device);
        g_assert_cmphex(qvirtio_offered(g.v), ==, cases[i].features);
        g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_NUMQ, 2), ==, cases[i].queues);
        g_assert_cmpuint(blk_config(&g, 34, 2), ==, cases[i].queues);
        g_assert_cmpuint(qpci_msix_count(g.v->pci), ==, cases[i].queues + 1);
        blk_shut_down(&g);
    }
}

static void read_only_disk_says_so_and_refuses_writes(void)
{
    char *path = blk_image(10485760);
    g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,readonly=on,discard=unmap,file=%s", path);
    Guest g = blk_boot(drive, "");
    g_assert_cmphex(qvirtio_offered(g.v) & 0x20, ==, 0x20);
    g_assert_cmpuint(blk_read(&g, 0, SECTOR), ==, BLK_OK);
    g_assert_cmpuint(blk_write(&g, 0, SECTOR), ==, BLK_IOERR);
    g_assert_cmpuint(blk_segment(&g, BLK_ZEROES, 0, 8, 0), ==, BLK_IOERR);
    g_assert_cmpuint(blk_segment(&g, BLK_DISCARD, 0, 8, 0), ==, BLK_IOERR);
    g_assert_cmpuint(blk_segment(&g, BLK_ZEROES, 20480, 0, 0), ==, BLK_OK);
    blk_shut_down(&g);
    blk_image_free(path);
}

static void every_queue_serves(void)
{
    Guest g = blk_machine(NULL, "q35", NULL_DISK, ",num-queues=3,queue-size=16");
    blk_drive(&g, BLK_ALL);
    QVirtQueue *first = g.q;
    for (unsigned i = 1; i < 3; i++) {
        g.q = qvirtqueue_new(g.v, i, 8);
        g_assert_cmpuint(blk_read(&g, 0, SECTOR), ==, BLK_OK);
        qvirtqueue_free(g.q);
    }
    g.q = first;
    g_assert_cmpuint(blk_read(&g, 0, SECTOR), ==, BLK_OK);
    blk_shut_down(&g);
}

/* ---- Data ---- */

static void fill(Guest *g, uint8_t seed, unsigned bytes)
{
    g_autofree uint8_t *buf = g_malloc(bytes);
    for (unsigned i = 0; i < bytes; i++) {
        buf[i] = seed + i * 13 + (i >> 9);
    }
    qtest_memwrite(g->qt, g->data, buf, bytes);
}

static bool is_filled(Guest *g, uint8_t seed, unsigned bytes)
{
    g_autofree uint8_t *buf = g_malloc(bytes);
    qtest_memread(g->qt, g->data, buf, bytes);
    for (unsigned i = 0; i < bytes; i++) {
        if (buf[i] != (uint8_t)(seed + i * 13 + (i >> 9))) {
            return false;
        }
    }
    return true;
}

static void what_is_written_is_read_back_and_in_the_image(void)
{
    static const char *const options[] = {
        "", ",aio=threads", ",cache=none", ",cache=directsync,aio=native", ",cache=unsafe", ",cache=writethrough"};
    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        char *path = blk_image(10485760);
        g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s%s", path, options[i]);
        Guest g = blk_boot(drive, "");
        fill(&g, 1, 1 << 20);
        g_assert_cmpuint(blk_write(&g, 7, 1 << 20), ==, BLK_OK);
        fill(&g, 2, SECTOR);
        g_assert_cmpuint(blk_write(&g, 20479, SECTOR), ==, BLK_OK);
        g_assert_cmpuint(blk_request(&g, BLK_FLUSH, 0, 0, false, NULL), ==, BLK_OK);
        g_assert_cmpuint(blk_read(&g, 7, 1 << 20), ==, BLK_OK);
        g_assert_true(is_filled(&g, 1, 1 << 20));
        g_assert_cmpuint(blk_read(&g, 20479, SECTOR), ==, BLK_OK);
        g_assert_true(is_filled(&g, 2, SECTOR));
        g_assert_cmpint(blk_image_byte(path, 7 * SECTOR + 5), ==, 1 + 5 * 13);
        blk_shut_down(&g);
        blk_image_free(path);
    }
}

static void snapshot_takes_the_writes(void)
{
    char *path = blk_image(10485760);
    g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,snapshot=on,file=%s", path);
    Guest g = blk_boot(drive, "");
    fill(&g, 9, 4096);
    g_assert_cmpuint(blk_write(&g, 100, 4096), ==, BLK_OK);
    qtest_memset(g.qt, g.data, 0, 4096);
    g_assert_cmpuint(blk_read(&g, 100, 4096), ==, BLK_OK);
    g_assert_true(is_filled(&g, 9, 4096));
    blk_shut_down(&g);
    g_assert_cmpint(blk_image_byte(path, 100 * SECTOR), ==, 0);
    blk_image_free(path);
}

static void discard_and_zeroes_reach_the_image(void)
{
    char *path = blk_image(10485760);
    g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,discard=unmap,file=%s", path);
    Guest g = blk_boot(drive, "");
    fill(&g, 1, 64 << 10);
    g_assert_cmpuint(blk_write(&g, 0, 64 << 10), ==, BLK_OK);
    g_assert_cmpuint(blk_segment(&g, BLK_ZEROES, 1, 8, 0), ==, BLK_OK);
    g_assert_cmpint(blk_image_byte(path, SECTOR - 1), !=, 0);
    g_assert_cmpint(blk_image_byte(path, SECTOR), ==, 0);
    g_assert_cmpint(blk_image_byte(path, 9 * SECTOR - 1), ==, 0);
    g_assert_cmpint(blk_image_byte(path, 9 * SECTOR + 1), !=, 0);
    g_assert_cmpuint(blk_segment(&g, BLK_DISCARD, 16, 64, 0), ==, BLK_OK);
    g_assert_cmpint(blk_image_byte(path, 40 * SECTOR + 1), ==, 0);
    g_assert_cmpuint(blk_segment(&g, BLK_ZEROES, 80, 8, 1), ==, BLK_OK);
    g_assert_cmpint(blk_image_byte(path, 80 * SECTOR + 1), ==, 0);
    blk_shut_down(&g);
    blk_image_free(path);
}

static void id_is_the_serial_number_cut_to_20(void)
{
    Guest g = blk_boot(NULL_DISK, ",serial=abcdefghijklmnopqrstuvwxyz");
    char id[25] = { 0 };
    uint32_t used;
    qtest_memset(g.qt, g.data, 'X', 64);
    g_assert_cmpuint(blk_request(&g, BLK_ID, 0, 64, true, &used), ==, BLK_OK);
    g_assert_cmpuint(used, ==, 65);
    qtest_memread(g.qt, g.data, id, 24);
    g_assert_cmpstr(id, ==, "abcdefghijklmnopqrstXXXX");
    qtest_memset(g.qt, g.data, 'X', 64);
    g_assert_cmpuint(blk_request(&g, BLK_ID, 0, 5, true, &used), ==, BLK_OK);
    qtest_memread(g.qt, g.data, id, 24);
    g_assert_cmpstr(id, ==, "abcdeXXXXXXXXXXXXXXXXXXX");
    blk_shut_down(&g);
}

/* ---- Statuses ---- */

typedef struct StatusCase {
    uint32_t type;
    uint64_t sector;
    uint32_t len;
    bool device_writes;
    uint8_t status;
    uint32_t used;
} StatusCase;

static const StatusCase status_cases[] = {
    { BLK_IN, 0, 512, true, BLK_OK, 513 },
    { BLK_IN, 0, 1 << 20, true, BLK_OK, (1 << 20) + 1 },
    { BLK_IN, 20479, 512, true, BLK_OK, 513 },
    { BLK_IN, 20480, 512, true, BLK_IOERR, 513 },
    { BLK_IN, 20479, 1024, true, BLK_IOERR, 1025 },
    { BLK_IN, 1ull << 63, 512, true, BLK_IOERR, 513 },
    { BLK_IN, UINT64_MAX, 512, true, BLK_IOERR, 513 },
    { BLK_IN, 0, 513, true, BLK_IOERR, 514 },
    { BLK_IN, 0, 100, true, BLK_IOERR, 101 },
    { BLK_IN, 0, 0, true, BLK_OK, 1 },
    { BLK_IN, 20480, 0, true, BLK_OK, 1 },
    { BLK_IN, 20481, 0, true, BLK_IOERR, 1 },
    { BLK_IN, 0, 512, false, BLK_OK, 1 },       /* nothing to read into */
    { BLK_OUT, 0, 512, false, BLK_OK, 1 },
    { BLK_OUT, 20480, 512, false, BLK_IOERR, 1 },
    { BLK_OUT, 0, 512, true, BLK_OK, 513 },     /* nothing to write */
    { BLK_OUT | 1u << 31, 0, 512, false, BLK_OK, 1 },
    { BLK_FLUSH, 5, 0, false, BLK_OK, 1 },
    { BLK_FLUSH | 1, 0, 512, true, BLK_OK, 513 },
    { BLK_ID, 0, 0, true, BLK_OK, 1 },
    { BLK_ID | 1, 0, 512, true, BLK_OK, 513 },
    { BLK_SCSI, 0, 512, true, BLK_IOERR, 513 },
    { 6, 0, 512, true, BLK_UNSUPP, 513 },
    { 10, 0, 512, true, BLK_UNSUPP, 513 },      /* discard and zeroes without the direction's bit */
    { 12, 0, 512, true, BLK_UNSUPP, 513 },
    { 14, 0, 512, true, BLK_UNSUPP, 513 },
    { 99, 0, 512, true, BLK_UNSUPP, 513 },
    { 0x7fffffff, 0, 0, true, BLK_UNSUPP, 1 },
    { BLK_DISCARD, 0, 17, false, BLK_UNSUPP, 1 },   /* more than one segment */
    { BLK_ZEROES, 0, 32, false, BLK_UNSUPP, 1 },
};

static void requests_end_with_the_status_and_length_that_they_should(void)
{
    Guest g = blk_boot(NULL_DISK, "");
    for (unsigned i = 0; i < G_N_ELEMENTS(status_cases); i++) {
        const StatusCase *c = &status_cases[i];
        uint32_t used;
        g_test_message("type %#x sector %#" G_GINT64_MODIFIER "x len %u", c->type, c->sector, c->len);
        uint8_t status = blk_request(&g, c->type, c->sector, c->len, c->device_writes, &used);
        g_assert_cmpuint(status, ==, c->status);
        g_assert_cmpuint(used, ==, c->used);
    }
    g_assert_false(blk_needs_reset(&g));
    blk_shut_down(&g);
}

typedef struct SegmentCase {
    uint64_t sector;
    uint32_t sectors, flags;
    uint8_t discard, zeroes;    /* statuses */
} SegmentCase;

static const SegmentCase segment_cases[] = {
    { 0, 8, 0, BLK_OK, BLK_OK },
    { 0, 8, 1, BLK_UNSUPP, BLK_OK },
    { 0, 8, 2, BLK_UNSUPP, BLK_UNSUPP },
    { 0, 8, 0x80000001, BLK_UNSUPP, BLK_UNSUPP },
    { 0, 0, 0, BLK_OK, BLK_OK },
    { 0, 0, 2, BLK_UNSUPP, BLK_UNSUPP },
    { 20480, 0, 0, BLK_OK, BLK_OK },
    { 20481, 0, 0, BLK_IOERR, BLK_IOERR },
    { 0, 20480, 0, BLK_OK, BLK_OK },
    { 0, 20481, 2, BLK_IOERR, BLK_IOERR },
    { 0, 0x3fffff, 0, BLK_IOERR, BLK_IOERR },
    { 0, 0x400000, 0, BLK_IOERR, BLK_IOERR },
    { 0, UINT32_MAX, 0, BLK_IOERR, BLK_IOERR },
    { UINT64_MAX, 1, 0, BLK_IOERR, BLK_IOERR },
    { (1ull << 55) - 1, 1, 0, BLK_IOERR, BLK_IOERR },
};

static void segments_are_bounded_and_their_flags_known(void)
{
    Guest g = blk_boot(NULL_DISK, "");
    for (unsigned i = 0; i < G_N_ELEMENTS(segment_cases); i++) {
        const SegmentCase *c = &segment_cases[i];
        g_assert_cmpuint(blk_segment(&g, BLK_DISCARD, c->sector, c->sectors, c->flags), ==, c->discard);
        g_assert_cmpuint(blk_segment(&g, BLK_ZEROES, c->sector, c->sectors, c->flags), ==, c->zeroes);
    }
    blk_shut_down(&g);
    g = blk_boot(NULL_DISK, ",max-discard-sectors=4,max-write-zeroes-sectors=6");
    g_assert_cmpuint(blk_segment(&g, BLK_DISCARD, 0, 4, 0), ==, BLK_OK);
    g_assert_cmpuint(blk_segment(&g, BLK_DISCARD, 0, 5, 0), ==, BLK_IOERR);
    g_assert_cmpuint(blk_segment(&g, BLK_ZEROES, 0, 6, 0), ==, BLK_OK);
    g_assert_cmpuint(blk_segment(&g, BLK_ZEROES, 0, 7, 0), ==, BLK_IOERR);
    blk_shut_down(&g);
}

static void requests_are_whole_logical_blocks(void)
{
    Guest g = blk_boot(NULL_DISK, ",logical_block_size=4096,physical_block_size=4096");
    g_assert_cmpuint(blk_read(&g, 8, 4096), ==, BLK_OK);
    g_assert_cmpuint(blk_read(&g, 8, 512), ==, BLK_IOERR);
    g_assert_cmpuint(blk_read(&g, 1, 4096), ==, BLK_IOERR);
    g_assert_cmpuint(blk_segment(&g, BLK_DISCARD, 1, 8, 0), ==, BLK_IOERR);
    g_assert_cmpuint(blk_segment(&g, BLK_ZEROES, 0, 1, 0), ==, BLK_IOERR);
    g_assert_cmpuint(blk_segment(&g, BLK_ZEROES, 0, 8, 0), ==, BLK_OK);
    blk_shut_down(&g);
}

static void scsi_commands_are_unsupported_and_say_so_in_their_header(void)
{
    Guest g = blk_boot(NULL_DISK, "");
    QVirtBuffer buffers[] = { { g.header, 16, false }, { g.data, 6, false }, { g.data + 512, 8, true },
                              { g.data + 1024, 16, true }, { g.status, 1, true } };
    uint32_t used;
    blk_set_header(&g, g.header, BLK_SCSI, 0);
    qtest_memset(g.qt, g.data + 1024, 0xaa, 16);
    qvirtqueue_add(g.q, buffers, 5);
    qvirtqueue_ring(g.q);
    qvirtqueue_wait(g.q, &used);
    g_assert_cmpuint(used, ==, 25);
    g_assert_cmpuint(qtest_readb(g.qt, g.status), ==, BLK_UNSUPP);
    g_assert_cmphex(qtest_readq(g.qt, g.data + 1024), ==, 0xaaaaaaaa000000ff);
    blk_shut_down(&g);
}

/* ---- Layouts ---- */

static void layout_of_a_chain_is_free(void)
{
    char *path = blk_image(10485760);
    g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", path);
    Guest g = blk_boot(drive, "");
    uint32_t used;
    /* header and data of a write in one buffer */
    blk_set_header(&g, g.header, BLK_OUT, 3);
    qtest_memset(g.qt, g.header + 16, 0x5a, SECTOR);
    qvirtqueue_add(g.q, (QVirtBuffer[]){ { g.header, 16 + SECTOR, false }, { g.status, 1, true } }, 2);
    qvirtqueue_ring(g.q);
    qvirtqueue_wait(g.q, &used);
    g_assert_cmpuint(used, ==, 1);
    g_assert_cmpint(blk_image_byte(path, 3 * SECTOR), ==, 0x5a);
    /* data and status of a read in one; a header in pieces */
    blk_set_header(&g, g.header, BLK_IN, 3);
    qtest_memset(g.qt, g.data, 0xff, 1024);
    qvirtqueue_add(g.q, (QVirtBuffer[]){ { g.header, 3, false }, { g.header + 3, 13, false },
                                         { g.data, SECTOR + 1, true } }, 3);
    qvirtqueue_ring(g.q);
    qvirtqueue_wait(g.q, &used);
    g_assert_cmpuint(used, ==, SECTOR + 1);
    g_assert_cmpuint(qtest_readb(g.qt, g.data + SECTOR - 1), ==, 0x5a);
    g_assert_cmpuint(qtest_readb(g.qt, g.data + SECTOR), ==, BLK_OK);
    g_assert_cmpuint(qtest_readb(g.qt, g.data + SECTOR + 1), ==, 0xff);
    blk_shut_down(&g);
    blk_image_free(path);
}

typedef struct BrokenCase {
    uint32_t header, type, out, status;     /* lengths; 0: no such buffer */
} BrokenCase;

static void broken_chains_need_a_reset_and_get_one(void)
{
    static const BrokenCase cases[] = {
        { 8, BLK_IN, 0, 1 },       { 15, BLK_IN, 0, 1 },       { 16, BLK_OUT, 512, 0 },   { 0, BLK_IN, 0, 1 },
        { 16, BLK_DISCARD, 8, 1 }, { 16, BLK_DISCARD, 15, 1 }, { 16, BLK_DISCARD, 0, 1 }, { 16, BLK_ZEROES, 15, 1 },
    };
    Guest g = blk_boot(NULL_DISK, "");
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        const BrokenCase *c = &cases[i];
        QVirtBuffer buffers[3];
        unsigned n = 0;
        blk_set_header(&g, g.header, c->type, 0);
        qtest_writeb(g.qt, g.status, BLK_NONE);
        if (c->header) {
            buffers[n++] = (QVirtBuffer){ g.header, c->header, false };
        }
        if (c->out) {
            buffers[n++] = (QVirtBuffer){ g.data, c->out, false };
        }
        if (c->status) {
            buffers[n++] = (QVirtBuffer){ g.status, c->status, true };
        }
        qvirtqueue_add(g.q, buffers, n);
        qvirtqueue_ring(g.q);
        for (unsigned tries = 0; tries < 1000 && !blk_needs_reset(&g); tries++) {
            g_usleep(1000);
        }
        g_assert_true(blk_needs_reset(&g));
        g_assert_cmpuint(qtest_readb(g.qt, g.status), ==, BLK_NONE);
        qvirtqueue_free(g.q);
        blk_drive(&g, BLK_ALL);
        g_assert_cmpuint(blk_read(&g, 0, SECTOR), ==, BLK_OK);
    }
    blk_shut_down(&g);
}

/* ---- Many ---- */

static void full_queue_of_requests_ends_whole(void)
{
    enum { N = 85 }; /* of three descriptors each */
    char *path = blk_image(10485760);
    g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", path);
    Guest g = blk_boot(drive, "");
    for (unsigned round = 0; round < 4; round++) {
        bool write = round % 2 == 0;
        for (unsigned i = 0; i < N; i++) {
            uint64_t at = g.data + i * 4096;
            blk_set_header(&g, g.header + 32 * i, write ? BLK_OUT : BLK_IN, (i * 37 % N) * 8);
            qtest_memset(g.qt, at, write ? i + round : 0, 4096);
            qtest_writeb(g.qt, g.status + i, BLK_NONE);
            qvirtqueue_add(g.q, (QVirtBuffer[]){ { g.header + 32 * i, 16, false }, { at, 4096, !write },
                                                 { g.status + i, 1, true } }, 3);
        }
        qvirtqueue_ring(g.q);
        for (unsigned i = 0; i < N; i++) {
            qvirtqueue_wait(g.q, NULL);
        }
        for (unsigned i = 0; i < N; i++) {
            g_assert_cmpuint(qtest_readb(g.qt, g.status + i), ==, BLK_OK);
            if (!write) {
                g_assert_cmphex(qtest_readq(g.qt, g.data + i * 4096 + 2048), ==,
                                0x0101010101010101ull * (uint8_t)(i + round - 1));
            }
        }
    }
    blk_shut_down(&g);
    blk_image_free(path);
}

static void merged(const char *device, unsigned reads, unsigned writes)
{
    static const struct {
        unsigned sector, sectors;
        bool write;
    } requests[] = { { 0, 1 }, { 1, 1 }, { 2, 1 }, { 4, 1 }, { 3, 1 }, { 100, 1 }, { 10, 2, true }, { 12, 2, true },
                     { 8, 2, true }, { 5, 1 }, { 6, 1 } };
    char *path = blk_image(10485760);
    g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", path);
    Guest g = blk_boot(drive, device);
    for (unsigned i = 0; i < 20; i++) { /* each sector its own number */
        qtest_memset(g.qt, g.data + i * SECTOR, i + 1, SECTOR);
    }
    g_assert_cmpuint(blk_write(&g, 0, 20 * SECTOR), ==, BLK_OK);
    for (unsigned i = 0; i < G_N_ELEMENTS(requests); i++) {
        uint64_t at = g.data + 0x10000 + 4096 * i;
        blk_set_header(&g, g.header + 32 * i, requests[i].write, requests[i].sector);
        qtest_memset(g.qt, at, 0x80 + i, 1024);
        qvirtqueue_add(g.q, (QVirtBuffer[]){ { g.header + 32 * i, 16, false },
                                             { at, requests[i].sectors * SECTOR, !requests[i].write },
                                             { g.status + i, 1, true } }, 3);
    }
    qvirtqueue_ring(g.q);
    for (unsigned i = 0; i < G_N_ELEMENTS(requests); i++) {
        qvirtqueue_wait(g.q, NULL);
    }
    g_assert_cmpint(blk_statistic(&g, "rd_merged"), ==, reads);
    g_assert_cmpint(blk_statistic(&g, "wr_merged"), ==, writes);
    g_assert_cmpint(blk_statistic(&g, "rd_operations"), ==, 8);
    g_assert_cmpint(blk_statistic(&g, "wr_operations"), ==, 4);
    for (unsigned i = 0; i < G_N_ELEMENTS(requests); i++) {
        uint64_t at = g.data + 0x10000 + 4096 * i;
        g_assert_cmpuint(qtest_readb(g.qt, g.status + i), ==, BLK_OK);
        if (!requests[i].write) {
            g_assert_cmpuint(qtest_readb(g.qt, at + 511), ==, requests[i].sector == 100 ? 0 : requests[i].sector + 1);
        } else {
            g_assert_cmpint(blk_image_byte(path, requests[i].sector * SECTOR), ==, 0x80 + i);
        }
    }
    blk_shut_down(&g);
    blk_image_free(path);
}

static void neighbours_are_merged(void)
{
    merged("", 5, 2);
}

static void neighbours_are_not_merged_when_told(void)
{
    merged(",request-merging=off", 0, 0);
}

static void statistics_count_as_they_do_elsewhere(void)
{
    Guest g = blk_boot(NULL_DISK, "");
    blk_segment(&g, BLK_DISCARD, 0, 8, 0);
    g_assert_cmpint(blk_statistic(&g, "unmap_operations"), ==, 0);
    blk_segment(&g, BLK_ZEROES, 0, 8, 0);
    blk_segment(&g, BLK_ZEROES, 0, 99999999, 0);
    blk_request(&g, BLK_FLUSH, 0, 0, false, NULL);
    blk_request(&g, BLK_IN, 0, 100, true, NULL);
    blk_read(&g, 0, 1024);
    g_assert_cmpint(blk_statistic(&g, "wr_operations"), ==, 1);
    g_assert_cmpint(blk_statistic(&g, "wr_bytes"), ==, 4096);
    g_assert_cmpint(blk_statistic(&g, "wr_highest_offset"), ==, 4096);
    g_assert_cmpint(blk_statistic(&g, "invalid_wr_operations"), ==, 1);
    g_assert_cmpint(blk_statistic(&g, "flush_operations"), ==, 1);
    g_assert_cmpint(blk_statistic(&g, "invalid_rd_operations"), ==, 1);
    g_assert_cmpint(blk_statistic(&g, "rd_bytes"), ==, 1024);
    blk_shut_down(&g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define T(name) g_test_add_func("/virtio-blk/" #name, name)
    T(config_space_follows_the_properties);
    T(geometry_is_the_partition_tables_or_the_sizes);
    T(odd_and_empty_images_round_up);
    T(features_are_the_machine_versions);
    T(read_only_disk_says_so_and_refuses_writes);
    T(every_queue_serves);
    T(what_is_written_is_read_back_and_in_the_image);
    T(snapshot_takes_the_writes);
    T(discard_and_zeroes_reach_the_image);
    T(id_is_the_serial_number_cut_to_20);
    T(requests_end_with_the_status_and_length_that_they_should);
    T(segments_are_bounded_and_their_flags_known);
    T(requests_are_whole_logical_blocks);
    T(scsi_commands_are_unsupported_and_say_so_in_their_header);
    T(layout_of_a_chain_is_free);
    T(broken_chains_need_a_reset_and_get_one);
    T(full_queue_of_requests_ends_whole);
    T(neighbours_are_merged);
    T(neighbours_are_not_merged_when_told);
    T(statistics_count_as_they_do_elsewhere);
#undef T
    return g_test_run();
}
