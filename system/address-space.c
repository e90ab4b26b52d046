/* Address spaces: which map each one sees, and what is in it. */
#include <string.h>

#include "system/flatview.h"

AddressSpace address_space_memory, address_space_io;
GPtrArray *address_spaces;
static MemoryRegion system_region, io_region;

/* Ports that nobody has read as all ones. */
static uint64_t open_bus_read(void *opaque, hwaddr offset, unsigned size)
{
    return UINT64_MAX;
}

static void open_bus_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
}

static const MemoryRegionOps open_bus_ops = {
    .read = open_bus_read,
    .write = open_bus_write,
    .valid = { .min = 1, .max = 4, .unaligned = true },
};

MemoryRegion *memory_system(void)
{
    return &system_region;
}

MemoryRegion *memory_io(void)
{
    return &io_region;
}

void memory_init(void)
{
    memory_region_init(&system_region, NULL, "system", UINT64_MAX);
    memory_region_init_io(&io_region, NULL, &open_bus_ops, NULL, "io", 64 * 1024);
    address_space_init(&address_space_memory, &system_region, "memory");
    address_space_init(&address_space_io, &io_region, "I/O");
}

/* Life. */

/*
 * The only visible thing in the root is an alias of the whole of another region from its start: that is the root then.
 */
static MemoryRegion *effective_root(MemoryRegion *root)
{
    MemoryRegion *only = NULL;

    if (root->kind != MR_CONTAINER || !root->enabled) {
        return root;
    }
    for (guint i = 0; root->subregions && i < root->subregions->len; i++) {
        MemoryRegion *sub = root->subregions->pdata[i];
        if (sub->enabled && sub->size > 0) {
            if (only) {
                return root;
            }
            only = sub;
        }
    }
    if (only && only->kind == MR_ALIAS && only->addr == 0 && only->alias_offset == 0 && !only->readonly &&
        memory_region_last(only) >= memory_region_last(only->alias) && root->size >= only->size) {
        return only->alias;
    }
    return root;
}

void address_space_resolve(AddressSpace *as)
{
    FlatMap *old = as->map;
    MemoryRegion *root = effective_root(as->root);

    if (old && old->root == root) {
        return;
    }
    __atomic_store_n(&as->map, flatmap_get(root), __ATOMIC_RELEASE);
    if (old) {
        flatmap_put(old);
    }
}

void address_space_init(AddressSpace *as, MemoryRegion *root, const char *name)
{
    memset(as, 0, sizeof(*as));
    as->name = g_strdup(name);
    as->root = root;
    root->spaces = g_slist_prepend(root->spaces, as);
    if (!address_spaces) {
        address_spaces = g_ptr_array_new();
    }
    g_ptr_array_add(address_spaces, as);
    address_space_resolve(as);
}

void address_space_destroy(AddressSpace *as)
{
    if (!as->root) {
        return;
    }
    as->root->spaces = g_slist_remove(as->root->spaces, as);
    g_ptr_array_remove(address_spaces, as);
    flatmap_put(as->map);
    g_free(as->name);
    memset(as, 0, sizeof(*as));
}

/* Looking. */

MemorySection address_space_lookup(AddressSpace *as, hwaddr addr)
{
    const FlatRange *next, *range = flatview_lookup(address_space_view(as), addr, &next);

    if (!range) {
        hwaddr last = next ? next->first - 1 : UINT64_MAX;
        return (MemorySection){ .size = add_saturated(last - addr, 1) };
    }
    return (MemorySection){ range->mr, range->offset + (addr - range->first), add_saturated(range->last - addr, 1),
                            range->readonly };
}

void address_space_foreach(AddressSpace *as,
                           void (*fn)(hwaddr first, hwaddr last, const MemorySection *section, void *opaque),
                           void *opaque)
{
    const FlatView *view = address_space_view(as);

    for (size_t i = 0; i < view->count; i++) {
        const FlatRange *range = &view->ranges[i];
        MemorySection section = { range->mr, range->offset, add_saturated(range->last - range->first, 1),
                                  range->readonly };
        fn(range->first, range->last, &section, opaque);
    }
}
