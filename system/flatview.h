/*
 * Flat maps: what one root region shows, as a sorted array of ranges. Private to the memory core.
 *
 * A FlatMap belongs to a root region and is shared by all address spaces that see the world from there. Its FlatView is
 * immutable; a change of the tree notes the part that it touches, and the next lookup publishes a new view in which
 * only that part was rendered anew.
 */
#ifndef SYSTEM_FLATVIEW_H
#define SYSTEM_FLATVIEW_H

#include "system/memory.h"

typedef struct FlatRange {
    hwaddr first, last;
    MemoryRegion *mr;
    hwaddr offset;      /* of `first` in the region */
    uint8_t *host;      /* of `first`, if the range may be read directly; NULL otherwise */
    bool readonly;
} FlatRange;

typedef struct FlatView {
    size_t count;
    size_t last_hit;    /* a hint only, any thread may set it */
    FlatRange ranges[];
} FlatView;

typedef struct FlatMap {
    MemoryRegion *root;
    FlatView *view;
    unsigned users;                 /* address spaces */
    bool dirty;                     /* [dirty_first, dirty_last] is to be rendered anew */
    hwaddr dirty_first, dirty_last;
    bool changed;                   /* as above, for listeners */
    hwaddr changed_first, changed_last;
    struct FlatMap *next;           /* all maps */
} FlatMap;

/* The map with this root, made if there is none; counted. */
FlatMap *flatmap_get(MemoryRegion *root);
void flatmap_put(FlatMap *map);
void flatmap_mark(FlatMap *map, hwaddr first, hwaddr last);
extern FlatMap *flatmap_list;

/*
 * Publishes a view in which nothing is dirty. Does nothing for a reader without the big lock: it goes on with the old
 * one.
 */
void flatmap_update(FlatMap *map);

static inline const FlatView *flatmap_view(FlatMap *map)
{
    if (G_UNLIKELY(__atomic_load_n(&map->dirty, __ATOMIC_RELAXED))) {
        flatmap_update(map);
    }
    return __atomic_load_n(&map->view, __ATOMIC_ACQUIRE);
}

/* What the address space shows now. */
static inline const FlatView *address_space_view(const AddressSpace *as)
{
    return flatmap_view(__atomic_load_n(&as->map, __ATOMIC_ACQUIRE));
}

/* The range that holds addr, or NULL with *next the first one above it (may be NULL too). */
const FlatRange *flatview_search(const FlatView *view, hwaddr addr, const FlatRange **next);

static inline const FlatRange *flatview_lookup(const FlatView *view, hwaddr addr, const FlatRange **next)
{
    size_t hit = __atomic_load_n(&view->last_hit, __ATOMIC_RELAXED);

    if (G_LIKELY(hit < view->count && addr >= view->ranges[hit].first && addr <= view->ranges[hit].last)) {
        return &view->ranges[hit];
    }
    return flatview_search(view, addr, next);
}

/* The last offset of a region; it must not be empty. */
static inline hwaddr memory_region_last(const MemoryRegion *mr)
{
    return mr->size == UINT64_MAX ? UINT64_MAX : mr->size - 1;
}

static inline hwaddr add_saturated(hwaddr a, hwaddr b)
{
    hwaddr sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Every AddressSpace, in order of creation; NULL before the first. */
extern GPtrArray *address_spaces;

/* The root that an address space really sees: through an alias of a whole region. Called when its root changed. */
void address_space_resolve(AddressSpace *as);

/* The notifier that this write is for, NULL if none. The region must have notifiers. */
const MemoryNotifier *memory_region_find_notifier(const MemoryRegion *mr, hwaddr offset, uint64_t value, unsigned size);

/* Frees later: when no reader without the lock can still see it. */
void memory_retire(void *pointer, void (*free_fn)(void *));
bool memory_has_readers(void);

#endif
