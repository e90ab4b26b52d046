/* The tree of memory regions: making regions, moving them about, and telling the flat maps what changed. */
#include "system/memory.h"

#include <string.h>

#include "system/flatview.h"
#include "system/ramblock.h"
#include "util/error.h"

static unsigned transaction_depth;
static GPtrArray *listeners; /* MemoryListener *, NULL: none yet */

/* Telling the world. */

static void tell_listeners(FlatMap *map);

/* Readers without the lock can't render, and listeners want to hear: both are served when the change is complete. */
static void complete_change(void)
{
    if (transaction_depth > 0 || !(memory_has_readers() || (listeners && listeners->len))) {
        return;
    }
    for (FlatMap *map = flatmap_list; map; map = map->next) {
        if (map->dirty) {
            flatmap_update(map);
        }
        if (map->changed) {
            tell_listeners(map);
        }
    }
}

void memory_transaction_begin(void)
{
    transaction_depth++;
}

void memory_transaction_commit(void)
{
    g_assert(transaction_depth > 0);
    transaction_depth--;
    complete_change();
}

void memory_listener_add(MemoryListener *listener)
{
    if (!listeners) {
        listeners = g_ptr_array_new();
    }
    for (FlatMap *map = flatmap_list; map; map = map->next) {
        map->changed = false;
    }
    g_ptr_array_add(listeners, listener);
}

void memory_listener_remove(MemoryListener *listener)
{
    g_ptr_array_remove(listeners, listener);
}

static void tell_spaces(MemoryListener *listener, GSList *spaces, FlatMap *map, hwaddr first, hwaddr last)
{
    for (; spaces; spaces = spaces->next) {
        AddressSpace *as = spaces->data;
        if (as->map == map) {
            listener->changed(listener, as, first, last);
        }
    }
}

static void tell_listeners(FlatMap *map)
{
    map->changed = false;
    for (guint i = 0; listeners && i < listeners->len; i++) {
        MemoryListener *listener = listeners->pdata[i];
        tell_spaces(listener, map->root->spaces, map, map->changed_first, map->changed_last);
        for (guint a = 0; map->root->aliases && a < map->root->aliases->len; a++) {
            MemoryRegion *container = ((MemoryRegion *)map->root->aliases->pdata[a])->container;
            if (container) {
                tell_spaces(listener, container->spaces, map, map->changed_first, map->changed_last);
            }
        }
    }
}

/* [first, last] of the region looks different: climbs to every map that shows it. */
static void mark(MemoryRegion *mr, hwaddr first, hwaddr last)
{
    if (!mr->enabled || mr->size == 0 || first > memory_region_last(mr)) {
        return;
    }
    last = MIN(last, memory_region_last(mr));
    if (mr->map) {
        flatmap_mark(mr->map, first, last);
    }
    for (guint i = 0; mr->aliases && i < mr->aliases->len; i++) {
        MemoryRegion *alias = mr->aliases->pdata[i];
        if (alias->size == 0 || (!alias->container && !alias->map && !alias->aliases)) {
            continue;
        }
        hwaddr lo = MAX(first, alias->alias_offset);
        hwaddr hi = MIN(last, add_saturated(alias->alias_offset, memory_region_last(alias)));
        if (lo <= hi) {
            mark(alias, lo - alias->alias_offset, hi - alias->alias_offset);
        }
    }
    if (mr->container && mr->addr + first >= first) {
        mark(mr->container, mr->addr + first, add_saturated(mr->addr, last));
    }
}

static void mark_whole(MemoryRegion *mr)
{
    mark(mr, 0, UINT64_MAX);
}

/* After a change of a region: what its container's address spaces see may now be another root. */
static void finish_change(MemoryRegion *mr)
{
    MemoryRegion *root = mr->container ? mr->container : mr;

    for (GSList *link = root->spaces; link; link = link->next) {
        address_space_resolve(link->data);
    }
    complete_change();
}

/* Making regions. */

void memory_region_init(MemoryRegion *mr, Object *owner, const char *name, uint64_t size)
{
    memset(mr, 0, sizeof(*mr));
    mr->name = g_strdup(name);
    mr->owner = owner;
    mr->size = size;
    mr->enabled = true;
    mr->kind = MR_CONTAINER;
}

void memory_region_init_io(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops, void *opaque, const char *name,
                           uint64_t size)
{
    memory_region_init(mr, owner, name, size);
    mr->kind = MR_IO;
    mr->ops = ops;
    mr->opaque = opaque;
}

static bool init_block(MemoryRegion *mr, Object *owner, const char *name, MemoryRegionKind kind, uint64_t size,
                       uint64_t max_size, void *host, GError **error)
{
    memory_region_init(mr, owner, name, size);
    mr->kind = kind;
    mr->readonly = kind == MR_ROM;
    mr->ram = ramblock_new(mr, owner, name, size, max_size, host, error);
    if (!mr->ram) {
        g_clear_pointer(&mr->name, g_free);
        memset(mr, 0, sizeof(*mr));
        return false;
    }
    return true;
}

bool memory_region_init_ram(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **error)
{
    return init_block(mr, owner, name, MR_RAM, size, size, NULL, error);
}

bool memory_region_init_rom(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **error)
{
    return init_block(mr, owner, name, MR_ROM, size, size, NULL, error);
}

bool memory_region_init_resizeable_rom(MemoryRegion *mr, Object *owner, const char *name, uint64_t size,
                                       uint64_t max_size, void (*resized)(const char *name, uint64_t size, void *host),
                                       GError **error)
{
    if (!init_block(mr, owner, name, MR_ROM, size, max_size, NULL, error)) {
        return false;
    }
    mr->ram->resizeable = true;
    mr->ram->resized = resized;
    return true;
}

bool memory_region_init_ram_ptr(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, void *host, int fd,
                                bool shared, GError **error)
{
    g_assert(host);
    if (!init_block(mr, owner, name, MR_RAM, size, size, host, error)) {
        return false;
    }
    mr->ram->fd = fd;
    mr->ram->shared = shared;
    return true;
}

bool memory_region_init_rom_device(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops, void *opaque,
                                   const char *name, uint64_t size, GError **error)
{
    if (!init_block(mr, owner, name, MR_ROM_DEVICE, size, size, NULL, error)) {
        return false;
    }
    mr->ops = ops;
    mr->opaque = opaque;
    return true;
}

void memory_region_init_alias(MemoryRegion *mr, Object *owner, const char *name, MemoryRegion *target, hwaddr offset,
                              uint64_t size)
{
    memory_region_init(mr, owner, name, size);
    mr->kind = MR_ALIAS;
    mr->alias = target;
    mr->alias_offset = offset;
    if (!target->aliases) {
        target->aliases = g_ptr_array_new();
    }
    g_ptr_array_add(target->aliases, mr);
}

void memory_region_destroy(MemoryRegion *mr)
{
    g_assert(!mr->container && !mr->map && !mr->spaces);
    g_assert(!mr->aliases || mr->aliases->len == 0);
    while (mr->subregions && mr->subregions->len) {
        memory_region_del(mr, mr->subregions->pdata[mr->subregions->len - 1]);
    }
    if (mr->kind == MR_ALIAS) {
        g_ptr_array_remove_fast(mr->alias->aliases, mr);
    }
    if (mr->ram) {
        ramblock_free(mr->ram);
    }
    g_clear_pointer(&mr->aliases, g_ptr_array_unref);
    g_clear_pointer(&mr->subregions, g_ptr_array_unref);
    g_clear_pointer(&mr->notifiers, g_array_unref);
    g_free(mr->name);
    memset(mr, 0, sizeof(*mr));
}

/* Changing the tree. */

static void add(MemoryRegion *container, hwaddr offset, MemoryRegion *mr, int priority)
{
    guint place = 0;

    g_assert(!mr->container && mr->name && container->kind != MR_ALIAS);
    mr->container = container;
    mr->addr = offset;
    mr->priority = priority;
    if (!container->subregions) {
        container->subregions = g_ptr_array_new();
    }
    while (place < container->subregions->len &&
           ((MemoryRegion *)container->subregions->pdata[place])->priority > priority) {
        place++;
    }
    g_ptr_array_insert(container->subregions, (gint)place, mr);
    mark_whole(mr);
    finish_change(mr);
}

void memory_region_add(MemoryRegion *container, hwaddr offset, MemoryRegion *mr)
{
    add(container, offset, mr, 0);
}

void memory_region_add_overlap(MemoryRegion *container, hwaddr offset, MemoryRegion *mr, int priority)
{
    add(container, offset, mr, priority);
}

void memory_region_del(MemoryRegion *container, MemoryRegion *mr)
{
    g_assert(mr->container == container);
    mark_whole(mr);
    g_ptr_array_remove(container->subregions, mr);
    mr->container = NULL;
    for (GSList *link = container->spaces; link; link = link->next) {
        address_space_resolve(link->data);
    }
    complete_change();
}

void memory_region_set_enabled(MemoryRegion *mr, bool enabled)
{
    if (mr->enabled == enabled) {
        return;
    }
    mr->enabled = true; /* a disabled region has nothing to mark */
    mark_whole(mr);
    mr->enabled = enabled;
    finish_change(mr);
}

void memory_region_set_address(MemoryRegion *mr, hwaddr offset)
{
    if (mr->addr != offset) {
        mark_whole(mr);
        mr->addr = offset;
        mark_whole(mr);
        finish_change(mr);
    }
}

void memory_region_set_size(MemoryRegion *mr, uint64_t size)
{
    if (mr->size != size) {
        g_assert(!mr->ram || size <= mr->ram->max_length);
        mark_whole(mr);
        mr->size = size;
        mark_whole(mr);
        for (guint i = 0; mr->aliases && i < mr->aliases->len; i++) { /* whole it was, perhaps it is no more */
            finish_change(mr->aliases->pdata[i]);
        }
        finish_change(mr);
    }
}

void memory_region_set_alias_offset(MemoryRegion *mr, hwaddr offset)
{
    g_assert(mr->kind == MR_ALIAS);
    if (mr->alias_offset != offset) {
        mr->alias_offset = offset;
        mark_whole(mr);
        finish_change(mr);
    }
}

void memory_region_set_readonly(MemoryRegion *mr, bool readonly)
{
    if (mr->readonly != readonly) {
        mr->readonly = readonly;
        mark_whole(mr);
        finish_change(mr);
    }
}

void *memory_region_host(MemoryRegion *mr)
{
    return mr->ram ? mr->ram->host : NULL;
}

void memory_region_set_dirty(MemoryRegion *mr, hwaddr offset, uint64_t size)
{
    if (mr->ram) {
        ramblock_set_dirty(mr->ram, offset, size);
    }
}

/* Fast notifies. */

/* The index of the first notifier at or after the offset. */
static guint notifier_place(const MemoryRegion *mr, hwaddr offset)
{
    guint low = 0, high = mr->notifiers->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(mr->notifiers, MemoryNotifier, middle).offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void memory_region_add_notifier(MemoryRegion *mr, const MemoryNotifier *notifier)
{
    if (!mr->notifiers) {
        mr->notifiers = g_array_new(FALSE, FALSE, sizeof(MemoryNotifier));
    }
    g_array_insert_vals(mr->notifiers, notifier_place(mr, notifier->offset), notifier, 1);
}

void memory_region_del_notifier(MemoryRegion *mr, const MemoryNotifier *notifier)
{
    for (guint i = notifier_place(mr, notifier->offset); i < mr->notifiers->len; i++) {
        const MemoryNotifier *n = &g_array_index(mr->notifiers, MemoryNotifier, i);
        if (n->offset != notifier->offset) {
            break;
        }
        if (n->size == notifier->size && n->match_data == notifier->match_data && n->data == notifier->data &&
            n->notify == notifier->notify && n->opaque == notifier->opaque) {
            g_array_remove_index(mr->notifiers, i);
            return;
        }
    }
    g_assert_not_reached();
}

const MemoryNotifier *memory_region_find_notifier(const MemoryRegion *mr, hwaddr offset, uint64_t value, unsigned size)
{
    for (guint i = notifier_place(mr, offset); i < mr->notifiers->len; i++) {
        const MemoryNotifier *n = &g_array_index(mr->notifiers, MemoryNotifier, i);
        if (n->offset != offset) {
            break;
        }
        if ((n->size == 0 || n->size == size) && (!n->match_data || n->data == value)) {
            return n;
        }
    }
    return NULL;
}
