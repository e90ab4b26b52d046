/* What the tests of the memory core share: devices that log, and a root and an address space for each test. */
#ifndef TESTS_UNIT_MEMORY_WORLD_H
#define TESTS_UNIT_MEMORY_WORLD_H

#include <string.h>

#include "system/flatview.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "util/units.h"

/* A device that logs how it is called and reads as the offset of each byte (plus `base`). */
typedef struct Device {
    MemoryRegion mr;
    GString *log;
} Device;

static inline uint64_t device_read(void *opaque, hwaddr offset, unsigned size)
{
    Device *dev = opaque;
    uint64_t value = 0;

    g_string_append_printf(dev->log, "r%x.%u ", (unsigned)offset, size);
    for (unsigned i = 0; i < size; i++) {
        value |= ((offset + i) & 0xff) << (8 * i);
    }
    return value;
}

static inline void device_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    Device *dev = opaque;

    g_string_append_printf(dev->log, "w%x.%u=%" G_GINT64_MODIFIER "x ", (unsigned)offset, size, value);
}

static const MemoryRegionOps plain_ops = { .read = device_read, .write = device_write };

static inline void device_init(Device *dev, const MemoryRegionOps *ops, uint64_t size)
{
    dev->log = g_string_new(NULL);
    memory_region_init_io(&dev->mr, NULL, ops, dev, "dev", size);
}

static inline void device_destroy(Device *dev)
{
    if (dev->mr.container) {
        memory_region_del(dev->mr.container, &dev->mr);
    }
    memory_region_destroy(&dev->mr);
    g_string_free(dev->log, TRUE);
}

static inline void assert_log(Device *dev, const char *expected)
{
    g_assert_cmpstr(dev->log->str, ==, expected);
    g_string_truncate(dev->log, 0);
}

/* A root of its own for each test. */
typedef struct World {
    MemoryRegion root;
    AddressSpace as;
} World;

static inline void world_init(World *world)
{
    memory_region_init(&world->root, NULL, "root", UINT64_MAX);
    address_space_init(&world->as, &world->root, "world");
}

static inline void world_destroy(World *world)
{
    address_space_destroy(&world->as);
    memory_region_destroy(&world->root);
}

static inline uint64_t load(World *world, hwaddr addr, unsigned size)
{
    return address_space_load(&world->as, addr, size, NULL);
}

static inline void add_ram(World *world, MemoryRegion *ram, const char *name, hwaddr addr, uint64_t size)
{
    g_assert_true(memory_region_init_ram(ram, NULL, name, size, NULL));
    memory_region_add(&world->root, addr, ram);
}

static inline void drop(MemoryRegion *mr)
{
    memory_region_del(mr->container, mr);
    memory_region_destroy(mr);
}

/* The flat map as text: "first-last name@offset[ ro];". */
static inline void append_section(hwaddr first, hwaddr last, const MemorySection *section, void *text)
{
    g_string_append_printf(text, "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x %s@%" G_GINT64_MODIFIER "x%s;", first,
                           last, section->mr->name, section->offset, section->readonly ? " ro" : "");
}

static inline void assert_map(World *world, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    address_space_foreach(&world->as, append_section, text);
    g_assert_cmpstr(text->str, ==, expected);
}

#endif
