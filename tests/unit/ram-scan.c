#include "migration/ram-scan.h"

#include <string.h>

#include "migration/ram.h"

enum { PAGE = TARGET_PAGE_SIZE, BITS = 64, PAGES = 64 * 1024 * 1024 / PAGE };

typedef struct Fixture {
    MemoryRegion *mr;
    RAMBlock *block;
    unsigned long *wanted;
    RamScan *scan;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->mr = g_new(MemoryRegion, 1);
    g_assert_true(memory_region_init_ram(f->mr, NULL, "ram", (uint64_t)PAGES * PAGE, NULL));
    f->block = f->mr->ram;
    f->wanted = g_new(unsigned long, PAGES / BITS);
    memset(f->wanted, 0xff, PAGES / 8);
    f->scan = ram_scan_new();
}

static void tear_down(Fixture *f, gconstpointer data)
{
    ram_scan_free(f->scan);
    g_free(f->wanted);
    memory_region_destroy(f->mr);
    g_free(f->mr);
}

/* Not zero, at another byte each time, in runs of about 500 pages. */
static bool fill(Fixture *f, uint64_t page)
{
    bool full = page / 500 % 2;

    if (full) {
        f->block->host[page * PAGE + page * 97 % PAGE] = 1;
    }
    return full;
}

/* As a sender asks: in order, a page's bit being cleared after it. */
static void expect_all(Fixture *f)
{
    for (uint64_t page = 0; page < PAGES; page++) {
        if (f->wanted[page / BITS] >> page % BITS & 1) {
            g_assert_cmpint(ram_scan_is_zero(f->scan, page), ==, !(page / 500 % 2));
            f->wanted[page / BITS] &= ~(1ul << page % BITS);
        }
    }
}

static void every_page_is_told_right(Fixture *f, gconstpointer data)
{
    for (uint64_t page = 0; page < PAGES; page++) {
        fill(f, page);
    }
    ram_scan_begin(f->scan, f->block, f->wanted, PAGES);
    g_assert_true(ram_scan_block(f->scan) == f->block);
    expect_all(f);
}

static void sparse_pages_are_told_right(Fixture *f, gconstpointer data)
{
    memset(f->wanted, 0, PAGES / 8);
    for (uint64_t page = 0; page < PAGES; page += 1 + page % 777) {
        fill(f, page);
        f->wanted[page / BITS] |= 1ul << page % BITS;
    }
    ram_scan_begin(f->scan, f->block, f->wanted, PAGES);
    expect_all(f);
}

static void a_block_that_ends_within_a_word_is_told_right(Fixture *f, gconstpointer data)
{
    f->block->host[64 * PAGE] = 1;
    ram_scan_begin(f->scan, f->block, (unsigned long[]){ ~0ul, 1 }, 65);
    g_assert_true(ram_scan_is_zero(f->scan, 63));
    g_assert_false(ram_scan_is_zero(f->scan, 64));
}

static void a_new_beginning_sees_what_was_written_since(Fixture *f, gconstpointer data)
{
    for (int round = 0; round < 50; round++) {
        uint64_t page = round * 300 + 7;

        ram_scan_begin(f->scan, f->block, f->wanted, PAGES);
        g_assert_true(ram_scan_is_zero(f->scan, 0));
        ram_scan_end(f->scan);
        f->block->host[page * PAGE + 5] = 1;
        ram_scan_begin(f->scan, f->block, f->wanted, PAGES);
        g_assert_true(ram_scan_is_zero(f->scan, page - 1));
        g_assert_false(ram_scan_is_zero(f->scan, page));
    }
}

static void untouched_pages_stay_untouched(Fixture *f, gconstpointer data)
{
    unsigned long before[PAGES / BITS], after[PAGES / BITS];

    if (!ram_untouched_pages(f->block, 0, PAGES, before)) {
        g_test_skip("the kernel does not tell");
        return;
    }
    ram_scan_begin(f->scan, f->block, f->wanted, PAGES);
    for (uint64_t page = 0; page < PAGES; page++) {
        g_assert_true(ram_scan_is_zero(f->scan, page));
    }
    ram_scan_end(f->scan);
    g_assert_true(ram_untouched_pages(f->block, 0, PAGES, after));
    g_assert_cmpmem(before, sizeof(before), after, sizeof(after));
}

#define ADD(name) g_test_add("/ram-scan/" #name, Fixture, NULL, set_up, name, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(every_page_is_told_right);
    ADD(sparse_pages_are_told_right);
    ADD(a_block_that_ends_within_a_word_is_told_right);
    ADD(a_new_beginning_sees_what_was_written_since);
    ADD(untouched_pages_stay_untouched);
    return g_test_run();
}
