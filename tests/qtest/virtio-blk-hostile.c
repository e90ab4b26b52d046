/*
 * A guest that means no good: random chains, lengths, addresses, flags and headers. Nothing of it may end or hang the
 * process, or break the disk for longer than until the next reset.
 */
#include "blk-guest.h"

#define ROUNDS 3000

static uint32_t pick(const uint32_t *from, unsigned n)
{
    return from[g_test_rand_int_range(0, n)];
}

static uint32_t random_length(void)
{
    static const uint32_t lengths[] = { 0, 1, 8, 15, 16, 16, 16, 17, 511, 512, 512, 513, 1024, 4096, 65536, 1 << 20,
                                        0x7fffffff, 0x80000000, UINT32_MAX };
    return pick(lengths, G_N_ELEMENTS(lengths));
}

static uint64_t random_address(const Guest *g)
{
    switch (g_test_rand_int_range(0, 12)) {
    case 0:
        return 0;
    case 1:
        return (64 << 20) - g_test_rand_int_range(0, 4096);    /* the end of RAM */
    case 2:
        return 0xfee00000;                                      /* no RAM */
    case 3:
        return UINT64_MAX - g_test_rand_int_range(0, 4096);
    case 4:
        return g->v->device.bar.addr;                           /* the device itself */
    case 5:
        return g->q->used;
    default:
        return g->data + g_test_rand_int_range(0, 65536);
    }
}

static void random_header(Guest *g)
{
    static const uint32_t types[] = { BLK_IN, BLK_OUT, BLK_FLUSH, BLK_ID, BLK_DISCARD, BLK_ZEROES, BLK_SCSI, 3, 10, 12, 99,
                                      1u << 31, UINT32_MAX };
    uint64_t sector = g_test_rand_int_range(0, 3) ? g_test_rand_int_range(0, 2100) : (uint64_t)g_test_rand_int() << 32;
    blk_set_header(g, g->header, pick(types, G_N_ELEMENTS(types)), sector);
    qtest_writeq(g->qt, g->data, sector);
    qtest_writel(g->qt, g->data + 8, g_test_rand_int_range(0, 64));
    qtest_writel(g->qt, g->data + 12, g_test_rand_int_range(0, 4));
}

/* A chain that is almost right, or not at all. */
static void random_chain(Guest *g)
{
    unsigned n = g_test_rand_int_range(1, 7), first = g_test_rand_int_range(0, g->q->num - 8);
    bool wild = g_test_rand_int_range(0, 4) == 0;
    for (unsigned i = 0; i < n; i++) {
        bool last = i == n - 1;
        uint16_t flags = (last ? 0 : 1) | (i > 0 && (last || g_test_rand_bit()) ? 2 : 0);
        uint64_t addr = i == 0 ? g->header : last ? g->status : random_address(g);
        uint32_t len = i == 0 ? 16 : last ? 1 : random_length();
        uint16_t next = first + i + 1;
        if (wild) {
            flags = g_test_rand_int_range(0, 8);
            addr = random_address(g);
            len = random_length();
            next = g_test_rand_int_range(0, 3) ? next : g_test_rand_int_range(0, 65536);
        }
        qvirtqueue_write_desc(g->q, g->q->desc, first + i, addr, len, flags, next);
    }
    qvirtqueue_write_head(g->q, wild && g_test_rand_bit() ? g_test_rand_int_range(0, 65536) : (int)first);
}

static void hostile(const char *device)
{
    char *path = blk_image(1 << 20);
    g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,snapshot=on,discard=unmap,file=%s", path);
    Guest g = blk_boot(drive, device);
    uint64_t memory = g.v->next;
    for (unsigned i = 0; i < ROUNDS; i++) {
        random_header(&g);
        random_chain(&g);
        if (g_test_rand_int_range(0, 3)) {
            qvirtqueue_ring(g.q);
        }
        if (g_test_rand_int_range(0, 50) == 0) {
            blk_set_config(&g, g_test_rand_int_range(0, 60), 1 << g_test_rand_int_range(0, 3), g_test_rand_int());
        }
        if (i % 16 == 15 || blk_needs_reset(&g)) {
            qvirtio_set_status(g.v, 0);
            qvirtqueue_free(g.q);
            g.v->next = memory;
            blk_drive(&g, BLK_ALL);
        }
    }
    qvirtio_set_status(g.v, 0);
    qvirtqueue_free(g.q);
    g.v->next = memory;
    blk_drive(&g, BLK_ALL);
    g_assert_cmpuint(blk_write(&g, 8, 4096), ==, BLK_OK);
    g_assert_cmpuint(blk_read(&g, 8, 4096), ==, BLK_OK);
    blk_shut_down(&g);
    blk_image_free(path);
}

static void random_chains_break_nothing_for_good(void)
{
    hostile("");
}

static void random_chains_with_large_blocks_break_nothing_for_good(void)
{
    hostile(",logical_block_size=4096,physical_block_size=4096,queue-size=16");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-blk-hostile/random_chains_break_nothing_for_good", random_chains_break_nothing_for_good);
    g_test_add_func("/virtio-blk-hostile/random_chains_with_large_blocks_break_nothing_for_good",
                    random_chains_with_large_blocks_break_nothing_for_good);
    return g_test_run();
}
