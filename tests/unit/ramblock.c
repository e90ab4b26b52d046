#include "system/ramblock.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "util/units.h"

static MemoryRegion *new_ram(const char *name, uint64_t size)
{
    MemoryRegion *mr = g_new(MemoryRegion, 1);

    g_assert_true(memory_region_init_ram(mr, NULL, name, size, NULL));
    return mr;
}

static void free_ram(MemoryRegion *mr)
{
    memory_region_destroy(mr);
    g_free(mr);
}

static bool append_name(RAMBlock *block, void *text)
{
    g_string_append_printf(text, "%s ", block->name);
    return true;
}

static void blocks_are_ordered_by_size_then_creation(void)
{
    MemoryRegion *a = new_ram("a", 4096), *b = new_ram("b", 8192), *c = new_ram("c", 4096), *d = new_ram("d", 5000);
    g_autoptr(GString) names = g_string_new(NULL);

    g_assert_true(ramblock_foreach(append_name, names));
    g_assert_cmpstr(names->str, ==, "b d a c ");
    free_ram(b);
    g_string_truncate(names, 0);
    ramblock_foreach(append_name, names);
    g_assert_cmpstr(names->str, ==, "d a c ");
    free_ram(a);
    free_ram(c);
    free_ram(d);
}

/* Whether the mapping that holds an address asks for huge pages ("hg" of its VmFlags); true where that can't be told. */
static bool asks_for_huge_pages(const void *host)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    bool inside = false;

    if (!g_file_test("/sys/kernel/mm/transparent_hugepage", G_FILE_TEST_IS_DIR) ||
        !g_file_get_contents("/proc/self/smaps", &text, NULL, NULL)) {
        return true;
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        unsigned long from, to;

        if (sscanf(*line, "%lx-%lx ", &from, &to) == 2) {
            inside = (uintptr_t)host >= from && (uintptr_t)host < to;
        } else if (inside && g_str_has_prefix(*line, "VmFlags:")) {
            return strstr(*line, " hg") != NULL;
        }
    }
    return true;
}

static void large_blocks_are_made_of_huge_pages(void)
{
    MemoryRegion *large = new_ram("large", 4 * MiB), *odd = new_ram("odd", 5 * MiB + 4096), *small = new_ram("small", MiB);

    g_assert_cmpuint((uintptr_t)large->ram->host % (2 * MiB), ==, 0);
    g_assert_cmpuint((uintptr_t)odd->ram->host % (2 * MiB), ==, 0);
    g_assert_true(asks_for_huge_pages(large->ram->host) && asks_for_huge_pages(odd->ram->host));
    memset(large->ram->host, 1, 4 * MiB);
    memset(odd->ram->host, 1, 5 * MiB + 4096);
    memset(small->ram->host, 1, MiB);
    free_ram(large);
    free_ram(odd);
    free_ram(small);
}

static void lengths_are_rounded_to_pages(void)
{
    MemoryRegion *mr = new_ram("odd", 5000);

    g_assert_cmpuint(mr->size, ==, 5000);
    g_assert_cmpuint(mr->ram->used_length, ==, 8192);
    free_ram(mr);
}

static void name_in_use_and_impossible_sizes_are_refused(void)
{
    MemoryRegion *first = new_ram("same", 4096), second;
    g_autoptr(GError) error = NULL;

    g_assert_false(memory_region_init_ram(&second, NULL, "same", 4096, &error));
    g_assert_cmpstr(error->message, ==, "RAMBlock \"same\" already registered");
    memory_region_destroy(&second); /* of what was not made: nothing happens */
    g_assert_false(memory_region_init_ram(&second, NULL, "none", 0, NULL));
    g_assert_false(memory_region_init_ram(&second, NULL, "endless", UINT64_MAX - 1, NULL));
    g_assert_false(memory_region_init_ram(&second, NULL, "huge", 1ull << 60, NULL));
    g_assert_null(ramblock_by_name("none"));
    free_ram(first);
    g_assert_null(ramblock_by_name("same"));
}

static char *owner_path(Object *owner)
{
    return owner ? g_strdup("0000:00:02.0") : NULL;
}

static void name_begins_with_the_owners_path(void)
{
    Object *owner = (Object *)&owner; /* never looked into */
    MemoryRegion mr;
    char *(*saved)(Object *) = ramblock_owner_path;

    ramblock_owner_path = owner_path;
    g_assert_true(memory_region_init_rom(&mr, owner, "dev.rom", 4096, NULL));
    g_assert_true(ramblock_by_name("0000:00:02.0/dev.rom") == mr.ram);
    memory_region_destroy(&mr);
    ramblock_owner_path = saved;
}

static void a_terabyte_costs_nothing_until_touched(void)
{
    MemoryRegion *mr = new_ram("terabyte", 1 * TiB);
    uint8_t *host = memory_region_host(mr);

    host[512 * GiB] = 1;
    g_assert_cmpint(host[1 * TiB - 1], ==, 0);
    free_ram(mr);
}

static void block_is_found_by_host_address(void)
{
    MemoryRegion *a = new_ram("a", 8192), *b = new_ram("b", 4096);
    uint64_t offset;

    g_assert_true(ramblock_from_host((uint8_t *)memory_region_host(a) + 5000, &offset) == a->ram);
    g_assert_cmpuint(offset, ==, 5000);
    g_assert_true(ramblock_from_host(memory_region_host(b), &offset) == b->ram);
    g_assert_null(ramblock_from_host(&offset, &offset));
    free_ram(a);
    free_ram(b);
}

static uint64_t resized_to;

static void resized(const char *name, uint64_t size, void *host)
{
    resized_to = size;
}

static void resizeable_block_takes_any_length_up_to_its_maximum(void)
{
    MemoryRegion mr;
    g_autoptr(GError) error = NULL;

    g_assert_true(memory_region_init_resizeable_rom(&mr, NULL, "tables", 4096, 65536, resized, NULL));
    ((uint8_t *)memory_region_host(&mr))[0] = 9;
    g_assert_true(ramblock_resize(mr.ram, 16384, NULL));
    g_assert_cmpuint(resized_to, ==, 16384);
    g_assert_cmpuint(mr.size, ==, 16384);
    g_assert_cmpuint(mr.ram->used_length, ==, 16384);
    g_assert_false(ramblock_resize(mr.ram, 65537, &error));
    g_assert_cmpstr(error->message, ==, "Size too large: tables: 0x10001 > 0x10000: Invalid argument");
    g_assert_cmpuint(mr.ram->used_length, ==, 16384);
    memory_region_destroy(&mr);
}

static void what_was_cut_off_grows_back_as_zeroes(void)
{
    MemoryRegion mr;

    g_assert_true(memory_region_init_resizeable_rom(&mr, NULL, "tables", 8192, 65536, NULL, NULL));
    uint8_t *host = memory_region_host(&mr);
    host[0] = 1;
    host[5000] = 2;
    g_assert_true(ramblock_resize(mr.ram, 4096, NULL));
    g_assert_true(ramblock_resize(mr.ram, 8192, NULL));
    g_assert_cmpint(host[0], ==, 1);
    g_assert_cmpint(host[5000], ==, 0);
    memory_region_destroy(&mr);
}

static void other_blocks_take_their_own_length_only(void)
{
    MemoryRegion *mr = new_ram("pc.ram", 0x1000000);
    g_autoptr(GError) error = NULL;

    g_assert_true(ramblock_resize(mr->ram, 0x1000000, NULL));
    g_assert_false(ramblock_resize(mr->ram, 0x2000000, &error));
    g_assert_cmpstr(error->message, ==, "Size mismatch: pc.ram: 0x2000000 != 0x1000000: Invalid argument");
    g_assert_false(ramblock_resize(mr->ram, UINT64_MAX, NULL));
    free_ram(mr);
}

/* Dirty pages. */

enum { PAGES = 300 };

/* The client's dirty pages as "2 3 10 ", which are clean then. */
static void assert_dirty(RAMBlock *block, DirtyClient client, const char *want)
{
    unsigned long bitmap[(PAGES + 63) / 64] = { 0 };
    g_autoptr(GString) pages = g_string_new(NULL);

    ramblock_sync_dirty(block, client, bitmap);
    for (unsigned page = 0; page < PAGES; page++) {
        if (bitmap[page / 64] >> page % 64 & 1) {
            g_string_append_printf(pages, "%u ", page);
        }
    }
    g_assert_cmpstr(pages->str, ==, want);
}

static void nothing_is_logged_before_a_client_asks(void)
{
    MemoryRegion *mr = new_ram("ram", 1 * MiB);

    memory_region_set_dirty(mr, 0, 1 * MiB);
    g_assert_null(mr->ram->dirty[DIRTY_MIGRATION]);
    g_assert_false(ramblock_is_logging());
    ramblock_dirty_log(mr->ram, DIRTY_MIGRATION, true);
    g_assert_true(ramblock_is_logging());
    assert_dirty(mr->ram, DIRTY_MIGRATION, "");
    free_ram(mr); /* ends the logging */
    g_assert_false(ramblock_is_logging());
}

static void writes_set_bits_of_each_client_that_logs(void)
{
    MemoryRegion *mr = new_ram("ram", 1 * MiB);
    AddressSpace as;
    MemoryRegion root;
    uint64_t length = 8192;

    memory_region_init(&root, NULL, "root", UINT64_MAX);
    memory_region_add(&root, 0x100000, mr);
    address_space_init(&as, &root, "as");
    ramblock_dirty_log(mr->ram, DIRTY_MIGRATION, true);
    ramblock_dirty_log(mr->ram, DIRTY_VGA, true);
    address_space_store(&as, 0x100000 + 3 * 4096 - 1, 0xffff, 2);   /* two pages */
    address_space_load(&as, 0x100000, 8, NULL);
    address_space_set(&as, 0x100000 + 10 * 4096, 0, 1);
    void *host = address_space_map(&as, 0x100000 + 20 * 4096, &length, true);
    address_space_unmap(&as, host, 1, true);
    assert_dirty(mr->ram, DIRTY_MIGRATION, "2 3 10 20 ");
    assert_dirty(mr->ram, DIRTY_MIGRATION, "");
    assert_dirty(mr->ram, DIRTY_VGA, "2 3 10 20 ");
    ramblock_dirty_log(mr->ram, DIRTY_VGA, false);
    address_space_store(&as, 0x100000, 1, 1);
    assert_dirty(mr->ram, DIRTY_VGA, "");
    assert_dirty(mr->ram, DIRTY_MIGRATION, "0 ");
    memory_region_del(&root, mr);
    address_space_destroy(&as);
    memory_region_destroy(&root);
    free_ram(mr);
}

static void ranges_set_exactly_their_pages(void)
{
    MemoryRegion *mr = new_ram("ram", PAGES * 4096);

    ramblock_dirty_log(mr->ram, DIRTY_CODE, true);
    for (int round = 0; round < 2000; round++) {
        uint64_t first = (uint64_t)g_test_rand_int_range(0, PAGES),
                 last = (uint64_t)g_test_rand_int_range((int)first, PAGES);
        unsigned long bitmap[(PAGES + 63) / 64] = { 0 };
        ramblock_set_dirty(mr->ram, first * 4096 + 17, (last - first) * 4096 + 1);
        g_assert_cmpuint(ramblock_sync_dirty(mr->ram, DIRTY_CODE, bitmap), ==, last - first + 1);
        for (uint64_t page = 0; page < PAGES; page++) {
            g_assert_cmpint(bitmap[page / 64] >> page % 64 & 1, ==, page >= first && page <= last);
        }
    }
    ramblock_set_dirty(mr->ram, (PAGES - 1) * 4096, UINT64_MAX); /* clipped */
    ramblock_set_dirty(mr->ram, PAGES * 4096, 1);                /* outside */
    assert_dirty(mr->ram, DIRTY_CODE, "299 ");
    free_ram(mr);
}

static void sync_counts_pages_that_are_new_and_clears_them(void)
{
    MemoryRegion *mr = new_ram("ram", 128 * 4096);
    unsigned long bitmap[2] = { 1, 0 };

    ramblock_dirty_log(mr->ram, DIRTY_MIGRATION, true);
    ramblock_set_dirty(mr->ram, 0, 2 * 4096);
    ramblock_set_dirty(mr->ram, 127 * 4096, 1);
    g_assert_cmpuint(ramblock_sync_dirty(mr->ram, DIRTY_MIGRATION, bitmap), ==, 2);
    g_assert_cmphex(bitmap[0], ==, 3);
    g_assert_cmphex(bitmap[1], ==, 1ul << 63);
    g_assert_cmpuint(ramblock_sync_dirty(mr->ram, DIRTY_MIGRATION, bitmap), ==, 0);
    free_ram(mr);
}

static void *dirty_all(void *opaque)
{
    for (uint64_t page = 0; page < 4096; page++) {
        ramblock_set_dirty(opaque, page * 4096, 1);
    }
    return NULL;
}

static void no_bit_is_lost_between_threads(void)
{
    MemoryRegion *mr = new_ram("ram", 4096 * 4096);
    unsigned long bitmap[64] = { 0 };
    uint64_t total = 0;

    ramblock_dirty_log(mr->ram, DIRTY_MIGRATION, true);
    GThread *a = g_thread_new("a", dirty_all, mr->ram), *b = g_thread_new("b", dirty_all, mr->ram);
    for (int i = 0; i < 100; i++) {
        total += ramblock_sync_dirty(mr->ram, DIRTY_MIGRATION, bitmap);
    }
    g_thread_join(a);
    g_thread_join(b);
    total += ramblock_sync_dirty(mr->ram, DIRTY_MIGRATION, bitmap);
    g_assert_cmpuint(total, ==, 4096);
    free_ram(mr);
}

static void memory_of_the_callers_is_left_to_it(void)
{
    void *host = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MemoryRegion mr;

    g_assert_true(memory_region_init_ram_ptr(&mr, NULL, "mine", 8192, host, 7, true, NULL));
    g_assert_true(memory_region_host(&mr) == host);
    g_assert_true(mr.ram->shared && mr.ram->fd == 7);
    memory_region_destroy(&mr);
    memset(host, 1, 8192);
    munmap(host, 8192);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/ramblock/" #name, name)
    TEST(blocks_are_ordered_by_size_then_creation);
    TEST(large_blocks_are_made_of_huge_pages);
    TEST(lengths_are_rounded_to_pages);
    TEST(name_in_use_and_impossible_sizes_are_refused);
    TEST(name_begins_with_the_owners_path);
    TEST(a_terabyte_costs_nothing_until_touched);
    TEST(block_is_found_by_host_address);
    TEST(resizeable_block_takes_any_length_up_to_its_maximum);
    TEST(what_was_cut_off_grows_back_as_zeroes);
    TEST(other_blocks_take_their_own_length_only);
    TEST(nothing_is_logged_before_a_client_asks);
    TEST(writes_set_bits_of_each_client_that_logs);
    TEST(ranges_set_exactly_their_pages);
    TEST(sync_counts_pages_that_are_new_and_clears_them);
    TEST(no_bit_is_lost_between_threads);
    TEST(memory_of_the_callers_is_left_to_it);
    return g_test_run();
}
