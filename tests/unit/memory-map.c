/* What is seen where: priorities, containers, aliases, listeners, and readers while it changes. */
#include "memory-world.h"

/* Maps. */

static void higher_priority_is_seen_and_the_newer_of_two_equals(void)
{
    World world;
    MemoryRegion low, high, newer;

    world_init(&world);
    add_ram(&world, &low, "low", 0, 0x3000);
    g_assert_true(memory_region_init_ram(&high, NULL, "high", 0x1000, NULL));
    memory_region_add_overlap(&world.root, 0x1000, &high, 1);
    assert_map(&world, "0-fff low@0;1000-1fff high@0;2000-2fff low@2000;");
    add_ram(&world, &newer, "newer", 0x800, 0x1000);
    assert_map(&world, "0-7ff low@0;800-fff newer@0;1000-1fff high@0;2000-2fff low@2000;");
    memory_region_set_enabled(&high, false);
    assert_map(&world, "0-7ff low@0;800-17ff newer@0;1800-2fff low@1800;");
    drop(&newer);
    assert_map(&world, "0-2fff low@0;");
    drop(&high);
    drop(&low);
    assert_map(&world, "");
    world_destroy(&world);
}

static void priorities_count_within_a_container_only(void)
{
    World world;
    MemoryRegion container, inner, outer;

    world_init(&world);
    memory_region_init(&container, NULL, "container", 0x10000);
    g_assert_true(memory_region_init_ram(&inner, NULL, "inner", 0x1000, NULL));
    memory_region_add_overlap(&container, 0, &inner, 100);
    memory_region_add_overlap(&world.root, 0, &container, 0);
    g_assert_true(memory_region_init_ram(&outer, NULL, "outer", 0x1000, NULL));
    memory_region_add_overlap(&world.root, 0x800, &outer, 1);
    assert_map(&world, "0-7ff inner@0;800-17ff outer@0;");
    memory_region_del(&container, &inner);
    memory_region_del(&world.root, &container);
    memory_region_destroy(&inner);
    memory_region_destroy(&container);
    drop(&outer);
    world_destroy(&world);
}

static void containers_clip_what_they_hold(void)
{
    World world;
    MemoryRegion container, ram;

    world_init(&world);
    memory_region_init(&container, NULL, "container", 0x1000);
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 0x10000, NULL));
    memory_region_add(&container, 0x400, &ram);
    memory_region_add(&world.root, 0x100000, &container);
    assert_map(&world, "100400-100fff ram@0;");
    memory_region_set_size(&container, 0x2000);
    assert_map(&world, "100400-101fff ram@0;");
    memory_region_set_address(&container, 0x200000);
    assert_map(&world, "200400-201fff ram@0;");
    memory_region_del(&container, &ram);
    drop(&container);
    memory_region_destroy(&ram);
    world_destroy(&world);
}

static void alias_shows_a_part_and_follows_its_target(void)
{
    World world;
    MemoryRegion pci, window, bar;

    world_init(&world);
    memory_region_init(&pci, NULL, "pci", UINT64_MAX);
    memory_region_init_alias(&window, NULL, "window", &pci, 0xe0000000, 0x10000000);
    memory_region_add(&world.root, 0xe0000000, &window);
    g_assert_true(memory_region_init_ram(&bar, NULL, "bar", 0x4000, NULL));
    memory_region_add(&pci, 0xdfffe000, &bar);
    assert_map(&world, "e0000000-e0001fff bar@2000;");
    memory_region_set_address(&bar, 0xe8000000);
    assert_map(&world, "e8000000-e8003fff bar@0;");
    memory_region_set_alias_offset(&window, 0xd8001000);
    assert_map(&world, "effff000-efffffff bar@0;");
    memory_region_del(&pci, &bar);
    drop(&window);
    memory_region_destroy(&bar);
    memory_region_destroy(&pci);
    world_destroy(&world);
}

static void alias_beyond_the_end_of_its_target_shows_nothing_there(void)
{
    World world;
    MemoryRegion ram, alias;

    world_init(&world);
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 0x2000, NULL));
    memory_region_init_alias(&alias, NULL, "alias", &ram, 0x1000, 0x10000);
    memory_region_add(&world.root, 0, &alias);
    assert_map(&world, "0-fff ram@1000;");
    memory_region_set_alias_offset(&alias, UINT64_MAX - 0xfff);
    assert_map(&world, "");
    drop(&alias);
    memory_region_destroy(&ram);
    world_destroy(&world);
}

static void region_of_the_whole_space_is_possible(void)
{
    World world;
    Device dev;
    MemoryRegion ram;

    world_init(&world);
    device_init(&dev, &plain_ops, UINT64_MAX);
    memory_region_add_overlap(&world.root, 0, &dev.mr, -1);
    add_ram(&world, &ram, "ram", 0x1000, 0x1000);
    assert_map(&world, "0-fff dev@0;1000-1fff ram@0;2000-ffffffffffffffff dev@2000;");
    load(&world, UINT64_MAX - 3, 4);
    assert_log(&dev, "rfffffffc.4 ");
    MemorySection section = address_space_lookup(&world.as, UINT64_MAX);
    g_assert_true(section.mr == &dev.mr);
    g_assert_cmphex(section.size, ==, 1);
    drop(&ram);
    section = address_space_lookup(&world.as, 0);
    g_assert_cmphex(section.size, ==, UINT64_MAX);
    device_destroy(&dev);
    world_destroy(&world);
}

static void lookup_says_how_far_it_goes(void)
{
    World world;
    MemoryRegion ram;

    world_init(&world);
    add_ram(&world, &ram, "ram", 0x1000, 0x1000);
    MemorySection hit = address_space_lookup(&world.as, 0x1800), gap = address_space_lookup(&world.as, 0x800);
    MemorySection rest = address_space_lookup(&world.as, 0x2000);
    g_assert_true(hit.mr == &ram && !gap.mr && !rest.mr);
    g_assert_cmphex(hit.offset, ==, 0x800);
    g_assert_cmphex(hit.size, ==, 0x800);
    g_assert_cmphex(gap.size, ==, 0x800);
    g_assert_cmphex(rest.size, ==, UINT64_MAX - 0x1fff);
    drop(&ram);
    world_destroy(&world);
}

static void bus_master_sees_memory_when_enabled_and_shares_the_map(void)
{
    World world;
    MemoryRegion ram, container, alias;
    AddressSpace device;

    world_init(&world);
    add_ram(&world, &ram, "ram", 0, 0x1000);
    memory_region_init(&container, NULL, "bus master container", UINT64_MAX);
    address_space_init(&device, &container, "device");
    memory_region_init_alias(&alias, NULL, "bus master", &world.root, 0, UINT64_MAX);
    memory_region_set_enabled(&alias, false);
    memory_region_add(&container, 0, &alias);
    g_assert_null(address_space_lookup(&device, 0).mr);
    memory_region_set_enabled(&alias, true);
    g_assert_true(address_space_lookup(&device, 0).mr == &ram);
    g_assert_true(device.map == world.as.map);
    memory_region_set_address(&ram, 0x5000);
    g_assert_true(address_space_lookup(&device, 0x5000).mr == &ram);
    memory_region_set_enabled(&alias, false);
    g_assert_null(address_space_lookup(&device, 0x5000).mr);
    g_assert_true(address_space_lookup(&world.as, 0x5000).mr == &ram);
    memory_region_set_enabled(&alias, true);
    memory_region_del(&container, &alias);
    g_assert_null(address_space_lookup(&device, 0x5000).mr);
    memory_region_destroy(&alias);
    address_space_destroy(&device);
    memory_region_destroy(&container);
    drop(&ram);
    world_destroy(&world);
}

typedef struct Heard {
    MemoryListener listener;
    GString *text;
} Heard;

static void hear(MemoryListener *listener, AddressSpace *as, hwaddr first, hwaddr last)
{
    Heard *heard = (Heard *)listener;

    g_string_append_printf(heard->text, "%s:%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x ", as->name, first, last);
}

static void listeners_hear_a_transaction_once(void)
{
    World world;
    MemoryRegion ram;
    Heard heard = { .listener.changed = hear, .text = g_string_new(NULL) };

    world_init(&world);
    memory_listener_add(&heard.listener);
    add_ram(&world, &ram, "ram", 0x1000, 0x1000);
    g_assert_cmpstr(heard.text->str, ==, "world:1000-1fff ");
    g_string_truncate(heard.text, 0);
    memory_transaction_begin();
    memory_transaction_begin();
    memory_region_set_address(&ram, 0x4000);
    memory_region_set_enabled(&ram, false);
    memory_transaction_commit();
    memory_region_set_enabled(&ram, true);
    g_assert_cmpstr(heard.text->str, ==, "");
    memory_transaction_commit();
    g_assert_cmpstr(heard.text->str, ==, "world:1000-4fff ");
    memory_listener_remove(&heard.listener);
    drop(&ram);
    g_string_free(heard.text, TRUE);
    world_destroy(&world);
}

/*
 * Random changes of a random tree, each compared with a map made in the simplest way: who is seen at one address is
 * asked of the tree.
 */
enum { TREE_REGIONS = 24, TREE_SPACE = 64 };

static MemoryRegion *seen_at(MemoryRegion *mr, hwaddr offset, hwaddr *found)
{
    if (!mr->enabled || offset >= mr->size) {
        return NULL;
    }
    if (mr->kind == MR_ALIAS) {
        return seen_at(mr->alias, mr->alias_offset + offset, found);
    }
    for (guint i = 0; mr->subregions && i < mr->subregions->len; i++) {
        MemoryRegion *sub = mr->subregions->pdata[i];
        MemoryRegion *hit = offset >= sub->addr ? seen_at(sub, offset - sub->addr, found) : NULL;
        if (hit) {
            return hit;
        }
    }
    *found = offset;
    return mr->kind == MR_IO ? mr : NULL;
}

static void change_something(MemoryRegion *regions, MemoryRegion *root)
{
    int index = g_test_rand_int_range(0, TREE_REGIONS);
    MemoryRegion *mr = &regions[index];
    /* Containers lie before what they hold, so that the tree has no circle. */
    MemoryRegion *container = index < 4 ? root : &regions[g_test_rand_int_range(0, 4)];

    if (!mr->container) {
        memory_region_add_overlap(container, (hwaddr)g_test_rand_int_range(0, TREE_SPACE), mr,
                                  g_test_rand_int_range(-2, 3));
        return;
    }
    switch (g_test_rand_int_range(0, 5)) {
    case 0:
        memory_region_del(mr->container, mr);
        break;
    case 1:
        memory_region_set_enabled(mr, !mr->enabled);
        break;
    case 2:
        memory_region_set_address(mr, (hwaddr)g_test_rand_int_range(0, TREE_SPACE));
        break;
    case 3:
        memory_region_set_size(mr, (uint64_t)g_test_rand_int_range(0, TREE_SPACE));
        break;
    case 4:
        if (mr->kind == MR_ALIAS) {
            memory_region_set_alias_offset(mr, (hwaddr)g_test_rand_int_range(0, TREE_SPACE));
        }
        break;
    }
}

static void random_changes_give_the_map_that_the_tree_says(void)
{
    World world;
    MemoryRegion regions[TREE_REGIONS], shown;

    world_init(&world);
    memory_region_init_io(&shown, NULL, &plain_ops, NULL, "shown", TREE_SPACE);
    for (int i = 0; i < TREE_REGIONS; i++) {
        uint64_t size = (uint64_t)g_test_rand_int_range(1, TREE_SPACE);
        if (i < 4) {
            memory_region_init(&regions[i], NULL, "container", TREE_SPACE);
        } else if (i % 4 == 0) {
            memory_region_init_alias(&regions[i], NULL, "alias", i % 8 ? &shown : &regions[i - 1], 3, size);
        } else {
            memory_region_init_io(&regions[i], NULL, &plain_ops, NULL, "io", size);
        }
    }
    for (int round = 0; round < 20000; round++) {
        change_something(regions, &world.root);
        for (int looks = g_test_rand_int_range(0, 3); looks > 0; looks--) {
            for (hwaddr addr = 0; addr < 3 * TREE_SPACE; addr++) {
                hwaddr offset = 0;
                MemoryRegion *expected = seen_at(&world.root, addr, &offset);
                MemorySection section = address_space_lookup(&world.as, addr);
                g_assert_true(section.mr == expected);
                g_assert_true(!expected || section.offset == offset);
            }
        }
    }
    for (int i = TREE_REGIONS - 1; i >= 0; i--) {
        if (regions[i].container) {
            memory_region_del(regions[i].container, &regions[i]);
        }
    }
    for (int i = TREE_REGIONS - 1; i >= 0; i--) {
        if (regions[i].kind == MR_ALIAS) {
            memory_region_destroy(&regions[i]);
        }
    }
    for (int i = 0; i < TREE_REGIONS; i++) {
        memory_region_destroy(&regions[i]);
    }
    memory_region_destroy(&shown);
    world_destroy(&world);
}

static void thousands_of_bars_are_mapped_one_by_one_in_time(void)
{
    enum { BARS = 4000 };
    World world;
    MemoryRegion container, *bars = g_new0(MemoryRegion, BARS);
    gint64 start = g_get_monotonic_time();

    world_init(&world);
    memory_region_init(&container, NULL, "pci", UINT64_MAX);
    memory_region_add_overlap(&world.root, 0, &container, -1);
    for (int i = 0; i < BARS; i++) {
        memory_region_init_io(&bars[i], NULL, &plain_ops, NULL, "bar", 0x1000);
        memory_region_add(&container, 0xc0000000 + 0x1000 * (hwaddr)((i * 1237) % BARS), &bars[i]);
        g_assert_true(address_space_lookup(&world.as, bars[i].addr).mr == &bars[i]);
    }
    for (int i = 0; i < BARS; i++) {
        memory_region_del(&container, &bars[i]);
        memory_region_destroy(&bars[i]);
    }
    g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
    memory_region_del(&world.root, &container);
    memory_region_destroy(&container);
    world_destroy(&world);
    g_free(bars);
}

/* Readers without the big lock. */

static void old_maps_live_until_readers_were_quiescent(void)
{
    World world;
    MemoryRegion ram;
    MemoryReader reader = { 0 };

    world_init(&world);
    memory_reader_add(&reader);
    for (int i = 0; i < 100; i++) {
        add_ram(&world, &ram, "ram", 0x1000, 0x1000);
        drop(&ram);
        if (i % 10 == 0) {
            memory_reader_quiescent(&reader);
        }
    }
    memory_reader_remove(&reader); /* a leak or a use after free is the sanitizer's to find */
    world_destroy(&world);
}

static void count_free(void *count)
{
    ++*(unsigned *)count;
}

static void a_reader_that_is_away_holds_nothing_up(void)
{
    MemoryReader reader = { 0 };
    unsigned freed = 0;

    memory_reader_add(&reader);
    memory_retire(&freed, count_free);
    g_assert_cmpuint(freed, ==, 0);
    memory_reader_away(&reader);
    memory_retire(&freed, count_free);
    g_assert_cmpuint(freed, ==, 2);
    memory_reader_quiescent(&reader);
    memory_retire(&freed, count_free);
    g_assert_cmpuint(freed, ==, 2);
    memory_reader_remove(&reader);
    g_assert_cmpuint(freed, ==, 3);
}

typedef struct ReaderThread {
    World *world;
    MemoryReader reader;
    bool stop;
    unsigned hits, misses;
} ReaderThread;

static void *read_on(void *opaque)
{
    ReaderThread *self = opaque;

    while (!__atomic_load_n(&self->stop, __ATOMIC_RELAXED)) {
        uint64_t value = load(self->world, 0x1000, 8);
        g_assert_true(value == 0x5a5a || value == 0); /* there, or not there */
        memory_reader_quiescent(&self->reader);
        __atomic_fetch_add(value ? &self->hits : &self->misses, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void reader_thread_sees_maps_come_and_go(void)
{
    World world;
    MemoryRegion ram, other;
    ReaderThread self = { .world = &world };

    world_init(&world);
    add_ram(&world, &ram, "ram", 0x1000, 0x1000);
    add_ram(&world, &other, "other", 0x4000, 0x1000);
    address_space_store(&world.as, 0x1000, 0x5a5a, 8);
    memory_reader_add(&self.reader);
    GThread *thread = g_thread_new("reader", read_on, &self);
    /* Until it has seen both often; a wrong value or freed memory is what it may not see. */
    for (int i = 0; __atomic_load_n(&self.hits, __ATOMIC_RELAXED) < 1000 ||
                    __atomic_load_n(&self.misses, __ATOMIC_RELAXED) < 1000;
         i++) {
        memory_region_set_address(&other, i % 2 ? 0x4000 : 0x8000);
        memory_region_set_enabled(&ram, i % 3 != 0);
        if (i % 64 == 0) {
            g_thread_yield();
        }
    }
    __atomic_store_n(&self.stop, true, __ATOMIC_RELAXED);
    g_thread_join(thread);
    memory_reader_remove(&self.reader);
    memory_region_set_enabled(&ram, true);
    drop(&ram);
    drop(&other);
    world_destroy(&world);
}

static void print_is_as_info_mtree_shows_it(void)
{
    World world;
    MemoryRegion ram, window, pci;
    Device dev;
    g_autoptr(GString) trees = g_string_new(NULL), maps = g_string_new(NULL);

    world_init(&world);
    memory_region_init(&pci, NULL, "pci", UINT64_MAX);
    memory_region_add_overlap(&world.root, 0, &pci, -1);
    add_ram(&world, &ram, "pc.ram", 0, 0x2000);
    device_init(&dev, &plain_ops, 0x100);
    memory_region_add(&pci, 0x1ff0, &dev.mr);
    memory_region_init_alias(&window, NULL, "window", &ram, 0x1000, 0x1000);
    memory_region_add_overlap(&world.root, 0x8000, &window, 1);
    memory_print(trees, false);
    g_assert_nonnull(strstr(trees->str,
                            "address-space: world\n"
                            "  0000000000000000-ffffffffffffffff (prio 0, i/o): root\n"
                            "    0000000000000000-0000000000001fff (prio 0, ram): pc.ram\n"
                            "    0000000000000000-ffffffffffffffff (prio -1, i/o): pci\n"
                            "      0000000000001ff0-00000000000020ef (prio 0, i/o): dev\n"
                            "    0000000000008000-0000000000008fff (prio 1, ram): alias window @pc.ram "
                            "0000000000001000-0000000000001fff\n\n"));
    g_assert_nonnull(strstr(trees->str, "memory-region: pc.ram\n"
                                        "  0000000000000000-0000000000001fff (prio 0, ram): pc.ram\n\n"));
    memory_print(maps, true);
    g_assert_nonnull(strstr(maps->str,
                            "FlatView #2\n AS \"world\", root: root\n Root memory region: root\n"
                            "  0000000000000000-0000000000001fff (prio 0, ram): pc.ram\n"
                            "  0000000000002000-00000000000020ef (prio 0, i/o): dev @0000000000000010\n"
                            "  0000000000008000-0000000000008fff (prio 0, ram): pc.ram @0000000000001000\n"));
    g_assert_nonnull(strstr(maps->str, " AS \"memory\", root: system\n Root memory region: (none)\n"
                                       "  No rendered FlatView\n\n"));
    device_destroy(&dev);
    drop(&window);
    drop(&ram);
    drop(&pci);
    world_destroy(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init(); /* takes the big lock */
    memory_init();
#define TEST(name) g_test_add_func("/memory-map/" #name, name)
    TEST(higher_priority_is_seen_and_the_newer_of_two_equals);
    TEST(priorities_count_within_a_container_only);
    TEST(containers_clip_what_they_hold);
    TEST(alias_shows_a_part_and_follows_its_target);
    TEST(alias_beyond_the_end_of_its_target_shows_nothing_there);
    TEST(region_of_the_whole_space_is_possible);
    TEST(lookup_says_how_far_it_goes);
    TEST(bus_master_sees_memory_when_enabled_and_shares_the_map);
    TEST(listeners_hear_a_transaction_once);
    TEST(random_changes_give_the_map_that_the_tree_says);
    TEST(thousands_of_bars_are_mapped_one_by_one_in_time);
    TEST(old_maps_live_until_readers_were_quiescent);
    TEST(a_reader_that_is_away_holds_nothing_up);
    TEST(reader_thread_sees_maps_come_and_go);
    TEST(print_is_as_info_mtree_shows_it);
    return g_test_run();
}
