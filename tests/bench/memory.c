/* The cost of one access to guest memory and of remapping, in a map of many ranges. Prints ns per operation. */
#include <stdio.h>
#include <stdlib.h>

#include "system/main-loop.h"
#include "system/memory.h"
#include "util/units.h"

enum { BARS = 400, ROUNDS = 2000000 };

static uint64_t sink;

static uint64_t bar_read(void *opaque, hwaddr offset, unsigned size)
{
    return offset;
}

static void bar_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    sink += value;
}

static const MemoryRegionOps bar_ops = { .read = bar_read, .write = bar_write };

static void report(const char *what, gint64 start, unsigned rounds)
{
    printf("%-44s %8.1f ns\n", what, (double)(g_get_monotonic_time() - start) * 1000 / rounds);
}

static void accesses(void)
{
    AddressSpace *as = &address_space_memory;
    uint8_t page[4096];
    gint64 start = g_get_monotonic_time();

    for (unsigned i = 0; i < ROUNDS; i++) {
        sink += address_space_load(as, (i * 64) & (64 * MiB - 1), 4, NULL);
    }
    report("RAM load, 4 bytes", start, ROUNDS);
    start = g_get_monotonic_time();
    for (unsigned i = 0; i < ROUNDS; i++) {
        address_space_store(as, (i * 64) & (64 * MiB - 1), i, 4);
    }
    report("RAM store, 4 bytes", start, ROUNDS);
    start = g_get_monotonic_time();
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        address_space_read(as, (i * 4096) & (1 * MiB - 1), page, sizeof(page));
    }
    report("RAM read, 4 KiB", start, ROUNDS / 10);
    start = g_get_monotonic_time();
    for (unsigned i = 0; i < ROUNDS; i++) {
        sink += address_space_load(as, 0xc0000000 + 0x40, 4, NULL);
    }
    report("register read, one device", start, ROUNDS);
    start = g_get_monotonic_time();
    for (unsigned i = 0; i < ROUNDS; i++) {
        sink += address_space_load(as, 0xc0000000 + (i * 7919u % BARS) * 0x4000, 4, NULL);
    }
    report("register read, any of 400 devices", start, ROUNDS);
    start = g_get_monotonic_time();
    for (unsigned i = 0; i < ROUNDS; i++) {
        address_space_store(as, 0xc0000000 + 0x40, i, 4);
        sink += address_space_load(as, i & 0xffff8, 4, NULL);
    }
    report("register write and RAM load in turn", start, ROUNDS);
}

int main(void)
{
    static MemoryRegion ram, pci, bars[BARS];

    main_loop_init();
    memory_init();
    if (!memory_region_init_ram(&ram, NULL, "ram", 64 * MiB, NULL)) {
        return EXIT_FAILURE;
    }
    memory_region_add(memory_system(), 0, &ram);
    memory_region_init(&pci, NULL, "pci", UINT64_MAX);
    memory_region_add_overlap(memory_system(), 0, &pci, -1);
    gint64 start = g_get_monotonic_time();
    for (unsigned i = 0; i < BARS; i++) {
        memory_region_init_io(&bars[i], NULL, &bar_ops, NULL, "bar", 0x4000);
        memory_region_add_overlap(&pci, 0xc0000000 + i * 0x4000, &bars[i], 1);
        sink += address_space_load(&address_space_memory, bars[i].addr, 4, NULL);
    }
    report("mapping of a BAR and an access, 400 times", start, BARS);
    accesses();
    return sink ? EXIT_SUCCESS : EXIT_FAILURE;
}
