/* Accesses: to RAM, ROM and devices, of all sizes. The map is memory-map.c's. */
#include "memory-world.h"

/* What nobody answers. */

static void unassigned_memory_reads_as_zero(void)
{
    MemTxResult result;

    g_assert_cmphex(address_space_load(&address_space_memory, 0x1000000, 8, &result), ==, 0);
    g_assert_cmpint(result, ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(address_space_store(&address_space_memory, 0x1000000, 1, 4), ==, MEMTX_DECODE_ERROR);
}

static void unassigned_ports_read_as_all_ones(void)
{
    uint8_t bytes[4];

    g_assert_cmpint(address_space_read(&address_space_io, 0x1234, bytes, 4), ==, MEMTX_OK);
    g_assert_cmphex(*(uint32_t *)bytes, ==, 0xffffffff);
    /* Beyond the last port there is nothing. */
    g_assert_cmpint(address_space_read(&address_space_io, 0xfffe, bytes, 4), ==, MEMTX_DECODE_ERROR);
    g_assert_cmphex(*(uint32_t *)bytes, ==, 0xffff);
}

static void access_over_the_top_of_the_address_space_wraps(void)
{
    World world;
    MemoryRegion low, high;
    uint32_t value = 0x44332211;

    world_init(&world);
    add_ram(&world, &low, "low", 0, 0x1000);
    add_ram(&world, &high, "high", 0xfffffffffffff000, 0x1000);
    g_assert_cmpint(address_space_write(&world.as, UINT64_MAX - 1, &value, 4), ==, MEMTX_OK);
    g_assert_cmphex(load(&world, 0, 2), ==, 0x4433);
    g_assert_cmphex(load(&world, UINT64_MAX, 1), ==, 0x22);
    drop(&low);
    drop(&high);
    world_destroy(&world);
}

/* RAM and ROM. */

static void ram_is_zero_and_keeps_what_is_written(void)
{
    World world;
    MemoryRegion ram;
    uint8_t bytes[64];

    world_init(&world);
    add_ram(&world, &ram, "ram", 0x1000, 0x2000);
    g_assert_cmphex(load(&world, 0x1000, 8), ==, 0);
    address_space_store(&world.as, 0x1001, 0x1122334455667788, 8);
    g_assert_cmphex(load(&world, 0x1001, 8), ==, 0x1122334455667788);
    g_assert_cmphex(load(&world, 0x1002, 4), ==, 0x44556677);
    g_assert_cmphex(load(&world, 0x1003, 1), ==, 0x66);
    g_assert_cmpint(address_space_set(&world.as, 0x1100, 0xa5, 64), ==, MEMTX_OK);
    g_assert_cmpint(address_space_read(&world.as, 0x1100, bytes, 64), ==, MEMTX_OK);
    for (int i = 0; i < 64; i++) {
        g_assert_cmphex(bytes[i], ==, 0xa5);
    }
    drop(&ram);
    world_destroy(&world);
}

static void access_across_the_end_of_ram_does_the_part_that_is_there(void)
{
    World world;
    MemoryRegion ram;
    MemTxResult result;

    world_init(&world);
    add_ram(&world, &ram, "ram", 0, 0x1000);
    g_assert_cmpint(address_space_store(&world.as, 0xffc, 0x1122334455667788, 8), ==, MEMTX_DECODE_ERROR);
    g_assert_cmphex(address_space_load(&world.as, 0xffc, 8, &result), ==, 0x55667788);
    g_assert_cmpint(result, ==, MEMTX_DECODE_ERROR);
    drop(&ram);
    world_destroy(&world);
}

static void rom_drops_writes_but_loaders_may(void)
{
    World world;
    MemoryRegion rom;

    world_init(&world);
    g_assert_true(memory_region_init_rom(&rom, NULL, "rom", 0x1000, NULL));
    memory_region_add(&world.root, 0, &rom);
    address_space_store(&world.as, 0, 0x1234, 2);
    g_assert_cmphex(load(&world, 0, 2), ==, 0);
    g_assert_cmpint(address_space_write_rom(&world.as, 0, "\x34\x12", 2), ==, MEMTX_OK);
    g_assert_cmphex(load(&world, 0, 2), ==, 0x1234);
    drop(&rom);
    world_destroy(&world);
}

static void readonly_alias_makes_ram_read_only_there_alone(void)
{
    World world;
    MemoryRegion ram, alias;

    world_init(&world);
    add_ram(&world, &ram, "ram", 0, 0x1000);
    memory_region_init_alias(&alias, NULL, "alias", &ram, 0, 0x1000);
    memory_region_set_readonly(&alias, true);
    memory_region_add(&world.root, 0x10000, &alias);
    assert_map(&world, "0-fff ram@0;10000-10fff ram@0 ro;");
    address_space_store(&world.as, 0x10000, 0xff, 1);
    g_assert_cmphex(load(&world, 0, 1), ==, 0);
    address_space_store(&world.as, 0, 0x77, 1);
    g_assert_cmphex(load(&world, 0x10000, 1), ==, 0x77);
    memory_region_set_readonly(&alias, false);
    address_space_store(&world.as, 0x10000, 0x88, 1);
    g_assert_cmphex(load(&world, 0, 1), ==, 0x88);
    drop(&alias);
    drop(&ram);
    world_destroy(&world);
}

static void rom_device_reads_as_memory_and_writes_to_the_device(void)
{
    World world;
    Device dev = { .log = g_string_new(NULL) };

    world_init(&world);
    g_assert_true(memory_region_init_rom_device(&dev.mr, NULL, &plain_ops, &dev, "flash", 0x1000, NULL));
    memory_region_add(&world.root, 0, &dev.mr);
    ((uint8_t *)memory_region_host(&dev.mr))[4] = 0x42;
    g_assert_cmphex(load(&world, 4, 1), ==, 0x42);
    assert_log(&dev, "");
    address_space_store(&world.as, 8, 0x90, 1);
    assert_log(&dev, "w8.1=90 ");
    device_destroy(&dev);
    world_destroy(&world);
}

static void map_gives_what_is_contiguous_and_no_rom_to_write(void)
{
    World world;
    MemoryRegion ram, rom;
    uint64_t length = 0x10000;

    world_init(&world);
    add_ram(&world, &ram, "ram", 0, 0x2000);
    g_assert_true(memory_region_init_rom(&rom, NULL, "rom", 0x1000, NULL));
    memory_region_add(&world.root, 0x2000, &rom);
    uint8_t *host = address_space_map(&world.as, 0x1800, &length, true);
    g_assert_nonnull(host);
    g_assert_cmphex(length, ==, 0x800);
    host[0] = 0x99;
    address_space_unmap(&world.as, host, 1, true);
    g_assert_cmphex(load(&world, 0x1800, 1), ==, 0x99);
    length = 16;
    g_assert_nonnull(address_space_map(&world.as, 0x2000, &length, false));
    g_assert_null(address_space_map(&world.as, 0x2000, &length, true));
    g_assert_null(address_space_map(&world.as, 0x8000, &length, false));
    length = 0;
    g_assert_null(address_space_map(&world.as, 0, &length, false));
    drop(&ram);
    drop(&rom);
    world_destroy(&world);
}

/* Sizes of device accesses. */

static void check_access(const MemoryRegionOps *ops, hwaddr offset, unsigned size, const char *reads, uint64_t value)
{
    World world;
    Device dev;

    world_init(&world);
    device_init(&dev, ops, 0x100);
    memory_region_add(&world.root, 0x1000, &dev.mr);
    g_assert_cmphex(load(&world, 0x1000 + offset, size), ==, value);
    assert_log(&dev, reads);
    device_destroy(&dev);
    world_destroy(&world);
}

static void access_of_a_size_that_is_not_valid_reads_zero(void)
{
    static const MemoryRegionOps words = { .read = device_read, .write = device_write,
                                           .valid = { .min = 4, .max = 4 } };

    check_access(&words, 0x10, 4, "r10.4 ", 0x13121110);
    check_access(&words, 0x10, 2, "", 0);
    check_access(&words, 0x12, 4, "", 0); /* goes as two halves, neither of which is valid */
}

static void long_access_is_cut_to_what_is_valid(void)
{
    static const MemoryRegionOps quads = { .read = device_read, .write = device_write, .valid = { .min = 1, .max = 8 },
                                           .impl = { .min = 8, .max = 8 } };

    check_access(&plain_ops, 0x10, 8, "r10.4 r14.4 ", 0x1716151413121110);
    check_access(&quads, 0x10, 8, "r10.8 ", 0x1716151413121110);
}

static void unaligned_access_is_cut_at_alignment(void)
{
    check_access(&plain_ops, 0x13, 4, "r13.1 r14.2 r16.1 ", 0x16151413);
    check_access(&plain_ops, 0x12, 8, "r12.2 r14.4 r18.2 ", 0x1918171615141312);
}

static void impl_sizes_split_and_widen(void)
{
    static const MemoryRegionOps bytes = { .read = device_read, .write = device_write, .impl = { .min = 1, .max = 1 } };
    static const MemoryRegionOps longs = { .read = device_read, .write = device_write, .valid = { .min = 1, .max = 4 },
                                           .impl = { .min = 4, .max = 4 } };
    World world;
    Device dev;

    check_access(&bytes, 0x10, 4, "r10.1 r11.1 r12.1 r13.1 ", 0x13121110);
    check_access(&longs, 0x10, 2, "r10.4 ", 0x1110);
    world_init(&world);
    device_init(&dev, &bytes, 0x100);
    memory_region_add(&world.root, 0, &dev.mr);
    address_space_store(&world.as, 0, 0x11223344, 4);
    assert_log(&dev, "w0.1=44 w1.1=33 w2.1=22 w3.1=11 ");
    device_destroy(&dev);
    device_init(&dev, &longs, 0x100);
    memory_region_add(&world.root, 0, &dev.mr);
    address_space_store(&world.as, 4, 0xab, 1);
    assert_log(&dev, "w4.4=ab ");
    device_destroy(&dev);
    world_destroy(&world);
}

static void big_endian_devices_are_swapped(void)
{
    static const MemoryRegionOps big = { .read = device_read, .write = device_write, .big_endian = true };
    static const MemoryRegionOps big_bytes = { .read = device_read, .write = device_write, .big_endian = true,
                                               .impl = { .min = 1, .max = 1 } };
    World world;
    Device dev;

    check_access(&big, 0x10, 4, "r10.4 ", 0x10111213);
    check_access(&big_bytes, 0x10, 4, "r10.1 r11.1 r12.1 r13.1 ", 0x13121110);
    world_init(&world);
    device_init(&dev, &big_bytes, 0x100);
    memory_region_add(&world.root, 0, &dev.mr);
    address_space_store(&world.as, 0, 0x11223344, 4);
    assert_log(&dev, "w0.1=44 w1.1=33 w2.1=22 w3.1=11 ");
    device_destroy(&dev);
    device_init(&dev, &big, 0x100);
    memory_region_add(&world.root, 0, &dev.mr);
    address_space_store(&world.as, 0, 0x1122, 2);
    assert_log(&dev, "w0.2=2211 ");
    device_destroy(&dev);
    world_destroy(&world);
}

static bool accept_low_reads(void *opaque, hwaddr offset, unsigned size, bool is_write)
{
    return offset < 0x10 && !is_write;
}

static void accepts_has_the_last_word(void)
{
    static const MemoryRegionOps picky = { .read = device_read, .write = device_write,
                                           .valid = { .accepts = accept_low_reads } };
    World world;
    Device dev;

    check_access(&picky, 0, 4, "r0.4 ", 0x03020100);
    check_access(&picky, 0x10, 4, "", 0);
    world_init(&world);
    device_init(&dev, &picky, 0x100);
    memory_region_add(&world.root, 0, &dev.mr);
    g_assert_cmpint(address_space_store(&world.as, 0, 1, 4), ==, MEMTX_DECODE_ERROR);
    assert_log(&dev, "");
    device_destroy(&dev);
    world_destroy(&world);
}

static void access_across_two_regions_is_cut_between_them(void)
{
    World world;
    MemoryRegion ram;
    Device dev;

    world_init(&world);
    add_ram(&world, &ram, "ram", 0, 0x1000);
    device_init(&dev, &plain_ops, 0x100);
    memory_region_add(&world.root, 0x1000, &dev.mr);
    address_space_store(&world.as, 0xffe, 0x44332211, 4);
    assert_log(&dev, "w0.2=4433 ");
    g_assert_cmphex(load(&world, 0xffe, 4), ==, 0x01002211);
    device_destroy(&dev);
    drop(&ram);
    world_destroy(&world);
}

static void register_gets_a_whole_access_though_another_lies_on_a_part(void)
{
    World world;
    Device address, reset;

    world_init(&world);
    device_init(&address, &plain_ops, 4);
    device_init(&reset, &plain_ops, 1);
    memory_region_add(&world.root, 0xcf8, &address.mr);
    memory_region_add_overlap(&world.root, 0xcf9, &reset.mr, 1);
    address_space_store(&world.as, 0xcf8, 0x80000000, 4);
    assert_log(&address, "w0.4=80000000 ");
    assert_log(&reset, "");
    address_space_store(&world.as, 0xcf9, 6, 1);
    assert_log(&address, "");
    assert_log(&reset, "w0.1=6 ");
    load(&world, 0xcfa, 4); /* but nothing reaches beyond its region */
    assert_log(&address, "r2.2 ");
    device_destroy(&address);
    device_destroy(&reset);
    world_destroy(&world);
}

static World *loop_world;

static void write_to_itself(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    Device *dev = opaque;

    g_string_append_c(dev->log, 'w');
    address_space_store(&loop_world->as, 0, 1, 4);
}

static void device_that_writes_to_itself_for_ever_is_stopped(void)
{
    static const MemoryRegionOps ops = { .read = device_read, .write = write_to_itself };
    World world;
    Device dev;

    world_init(&world);
    loop_world = &world;
    device_init(&dev, &ops, 4);
    memory_region_add(&world.root, 0, &dev.mr);
    address_space_store(&world.as, 0, 1, 4);
    g_assert_cmpuint(dev.log->len, >=, 1);
    g_assert_cmpuint(dev.log->len, <, 100);
    g_string_truncate(dev.log, 0);
    address_space_store(&world.as, 0, 1, 4); /* and the guard is open again */
    g_assert_cmpuint(dev.log->len, >=, 1);
    device_destroy(&dev);
    world_destroy(&world);
}

/* Fast notifies. */

static void count(void *counter)
{
    (*(int *)counter)++;
}

static void notifier_takes_the_matching_write_and_no_other(void)
{
    World world;
    Device dev;
    int any = 0, queue1 = 0;
    MemoryNotifier on_any = { .offset = 8, .notify = count, .opaque = &any };
    MemoryNotifier on_queue1 = { .offset = 4, .size = 2, .match_data = true, .data = 1, .notify = count,
                                 .opaque = &queue1 };

    world_init(&world);
    device_init(&dev, &plain_ops, 0x100);
    memory_region_add(&world.root, 0, &dev.mr);
    memory_region_add_notifier(&dev.mr, &on_any);
    memory_region_add_notifier(&dev.mr, &on_queue1);
    address_space_store(&world.as, 4, 1, 2);
    address_space_store(&world.as, 8, 0x55, 4);
    address_space_store(&world.as, 8, 0x55, 1);
    assert_log(&dev, "");
    g_assert_cmpint(queue1, ==, 1);
    g_assert_cmpint(any, ==, 2);
    address_space_store(&world.as, 4, 2, 2);
    address_space_store(&world.as, 4, 1, 4);
    address_space_store(&world.as, 6, 1, 2);
    assert_log(&dev, "w4.2=2 w4.4=1 w6.2=1 ");
    memory_region_del_notifier(&dev.mr, &on_any);
    address_space_store(&world.as, 8, 0x55, 1);
    assert_log(&dev, "w8.1=55 ");
    g_assert_cmpint(queue1 + any, ==, 3);
    device_destroy(&dev);
    world_destroy(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init(); /* takes the big lock */
    memory_init();
#define TEST(name) g_test_add_func("/memory/" #name, name)
    TEST(unassigned_memory_reads_as_zero);
    TEST(unassigned_ports_read_as_all_ones);
    TEST(access_over_the_top_of_the_address_space_wraps);
    TEST(ram_is_zero_and_keeps_what_is_written);
    TEST(access_across_the_end_of_ram_does_the_part_that_is_there);
    TEST(rom_drops_writes_but_loaders_may);
    TEST(readonly_alias_makes_ram_read_only_there_alone);
    TEST(rom_device_reads_as_memory_and_writes_to_the_device);
    TEST(map_gives_what_is_contiguous_and_no_rom_to_write);
    TEST(access_of_a_size_that_is_not_valid_reads_zero);
    TEST(long_access_is_cut_to_what_is_valid);
    TEST(unaligned_access_is_cut_at_alignment);
    TEST(impl_sizes_split_and_widen);
    TEST(big_endian_devices_are_swapped);
    TEST(accepts_has_the_last_word);
    TEST(access_across_two_regions_is_cut_between_them);
    TEST(register_gets_a_whole_access_though_another_lies_on_a_part);
    TEST(device_that_writes_to_itself_for_ever_is_stopped);
    TEST(notifier_takes_the_matching_write_and_no_other);
    return g_test_run();
}
