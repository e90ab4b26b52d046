/* `info mtree` in QEMU's format: the trees of regions, or the flat maps. */
#include <string.h>

#include "system/flatview.h"

static const char *kind_name(const MemoryRegion *mr, bool readonly)
{
    switch (mr->kind) {
    case MR_RAM:
    case MR_ROM:
        return readonly ? "rom" : "ram";
    case MR_ROM_DEVICE:
        return "romd";
    case MR_ALIAS:
        return kind_name(mr->alias, readonly || mr->alias->readonly);
    default:
        return "i/o";
    }
}

static hwaddr last_of(hwaddr first, uint64_t size)
{
    return size == UINT64_MAX ? UINT64_MAX : first + (size ? size - 1 : 0);
}

static int compare_places(gconstpointer a, gconstpointer b)
{
    const MemoryRegion *left = *(MemoryRegion *const *)a, *right = *(MemoryRegion *const *)b;

    if (left->addr != right->addr) {
        return left->addr < right->addr ? -1 : 1;
    }
    return right->priority - left->priority;
}

/* The targets of aliases that are met are added to `targets`, to be printed as trees of their own. */
static void print_region(GString *out, const MemoryRegion *mr, hwaddr base, int indent, GPtrArray *targets)
{
    hwaddr first = base + mr->addr;

    if (mr->kind == MR_ALIAS && !g_ptr_array_find(targets, mr->alias, NULL)) {
        g_ptr_array_add(targets, mr->alias);
    }
    if (mr->enabled) {
        g_string_append_printf(out, "%*s" HWADDR_FMT "-" HWADDR_FMT " (prio %d, %s): ", indent * 2, "", first,
                               last_of(first, mr->size), mr->priority, kind_name(mr, mr->readonly));
        if (mr->kind == MR_ALIAS) {
            g_string_append_printf(out, "alias %s @%s " HWADDR_FMT "-" HWADDR_FMT "\n", mr->name, mr->alias->name,
                                   mr->alias_offset, last_of(mr->alias_offset, mr->size));
        } else {
            g_string_append_printf(out, "%s\n", mr->name);
        }
    }
    if (mr->subregions) {
        g_autoptr(GPtrArray) sorted = g_ptr_array_copy(mr->subregions, NULL, NULL);
        g_ptr_array_sort(sorted, compare_places);
        for (guint i = 0; i < sorted->len; i++) {
            print_region(out, sorted->pdata[i], first, indent + 1, targets);
        }
    }
}

static void print_trees(GString *out)
{
    g_autoptr(GPtrArray) targets = g_ptr_array_new(), roots = g_ptr_array_new();

    for (guint i = 0; address_spaces && i < address_spaces->len; i++) {
        MemoryRegion *root = ((AddressSpace *)address_spaces->pdata[i])->root;
        if (g_ptr_array_find(roots, root, NULL)) {
            continue;
        }
        g_ptr_array_add(roots, root);
        for (guint j = i; j < address_spaces->len; j++) {
            AddressSpace *as = address_spaces->pdata[j];
            if (as->root == root) {
                g_string_append_printf(out, "address-space: %s\n", as->name);
            }
        }
        print_region(out, root, 0, 1, targets);
        g_string_append_c(out, '\n');
    }
    for (guint i = 0; i < targets->len; i++) { /* grows on the way */
        const MemoryRegion *mr = targets->pdata[i];
        g_string_append_printf(out, "memory-region: %s\n", mr->name);
        print_region(out, mr, 0, 1, targets);
        g_string_append_c(out, '\n');
    }
}

static void print_range(hwaddr first, hwaddr last, const MemorySection *section, void *opaque)
{
    GString *out = opaque;

    g_string_append_printf(out, "  " HWADDR_FMT "-" HWADDR_FMT " (prio %d, %s): %s", first, last, section->mr->priority,
                           kind_name(section->mr, section->readonly), section->mr->name);
    if (section->offset) {
        g_string_append_printf(out, " @" HWADDR_FMT, section->offset);
    }
    g_string_append_c(out, '\n');
}

static void print_views(GString *out)
{
    g_autoptr(GPtrArray) maps = g_ptr_array_new();

    for (guint i = 0; address_spaces && i < address_spaces->len; i++) {
        AddressSpace *first = address_spaces->pdata[i];
        if (g_ptr_array_find(maps, first->map, NULL)) {
            continue;
        }
        g_string_append_printf(out, "FlatView #%u\n", maps->len);
        g_ptr_array_add(maps, first->map);
        for (guint j = i; j < address_spaces->len; j++) {
            AddressSpace *as = address_spaces->pdata[j];
            if (as->map == first->map) {
                g_string_append_printf(out, " AS \"%s\", root: %s\n", as->name, as->root->name);
            }
        }
        if (address_space_view(first)->count == 0) {
            g_string_append(out, " Root memory region: (none)\n  No rendered FlatView\n\n");
            continue;
        }
        g_string_append_printf(out, " Root memory region: %s\n", first->map->root->name);
        address_space_foreach(first, print_range, out);
        g_string_append_c(out, '\n');
    }
}

void memory_print(GString *out, bool flat)
{
    if (flat) {
        print_views(out);
    } else {
        print_trees(out);
    }
}
