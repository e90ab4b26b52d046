#include "system/flatview.h"

#include <string.h>

#include "system/main-loop.h"
#include "system/ramblock.h"

FlatMap *flatmap_list;

/* A leaf of the region tree as it shows in the part that is rendered. Those above others have the lower order. */
typedef struct Piece {
    hwaddr first, last;
    MemoryRegion *mr;
    hwaddr offset;
    bool readonly;
    size_t order;
} Piece;

static bool has_content(const MemoryRegion *mr)
{
    return mr->kind != MR_CONTAINER && mr->kind != MR_ALIAS;
}

/*
 * Collects what [first, last] of the region shows, at address `at`: subregions by priority, then its own content.
 */
static void collect(GArray *pieces, MemoryRegion *mr, hwaddr first, hwaddr last, hwaddr at, bool readonly)
{
    if (!mr->enabled || mr->size == 0 || first > memory_region_last(mr)) {
        return;
    }
    last = MIN(last, memory_region_last(mr));
    readonly |= mr->readonly;
    if (mr->kind == MR_ALIAS) {
        hwaddr target_first = mr->alias_offset + first;
        if (target_first >= first) {
            collect(pieces, mr->alias, target_first, add_saturated(mr->alias_offset, last), at, readonly);
        }
        return;
    }
    for (guint i = 0; mr->subregions && i < mr->subregions->len; i++) {
        MemoryRegion *sub = mr->subregions->pdata[i];
        if (sub->size == 0) {
            continue;
        }
        hwaddr lo = MAX(first, sub->addr), hi = MIN(last, add_saturated(sub->addr, memory_region_last(sub)));
        if (lo <= hi) {
            collect(pieces, sub, lo - sub->addr, hi - sub->addr, at + (lo - first), readonly);
        }
    }
    if (has_content(mr)) {
        Piece piece = { at, at + (last - first), mr, first, readonly, pieces->len };
        g_array_append_val(pieces, piece);
    }
}

static gint compare_pieces(gconstpointer a, gconstpointer b)
{
    const Piece *left = a, *right = b;

    if (left->first != right->first) {
        return left->first < right->first ? -1 : 1;
    }
    return left->order < right->order ? -1 : 1;
}

static uint8_t *direct_host(const MemoryRegion *mr, hwaddr offset)
{
    return mr->ram ? mr->ram->host + offset : NULL;
}

/* Appends a range, or makes the last one longer if it goes on there. */
static void append_range(GArray *ranges, FlatRange range)
{
    FlatRange *last = ranges->len ? &g_array_index(ranges, FlatRange, ranges->len - 1) : NULL;

    if (last && last->mr == range.mr && last->readonly == range.readonly && last->last + 1 == range.first &&
        last->offset + (range.first - last->first) == range.offset) {
        last->last = range.last;
    } else {
        g_array_append_val(ranges, range);
    }
}

/* A heap of the pieces under the sweep, topmost first. */
static void heap_push(GPtrArray *heap, Piece *piece)
{
    g_ptr_array_add(heap, piece);
    guint i = heap->len - 1;
    while (i > 0 && ((Piece *)heap->pdata[(i - 1) / 2])->order > piece->order) {
        heap->pdata[i] = heap->pdata[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap->pdata[i] = piece;
}

static void heap_pop(GPtrArray *heap)
{
    Piece *moved = heap->pdata[heap->len - 1];
    guint i = 0;

    g_ptr_array_set_size(heap, (gint)heap->len - 1);
    if (heap->len == 0) {
        return;
    }
    for (guint child; (child = 2 * i + 1) < heap->len; i = child) {
        if (child + 1 < heap->len &&
            ((Piece *)heap->pdata[child + 1])->order < ((Piece *)heap->pdata[child])->order) {
            child++;
        }
        if (((Piece *)heap->pdata[child])->order > moved->order) {
            break;
        }
        heap->pdata[i] = heap->pdata[child];
    }
    heap->pdata[i] = moved;
}

/* Sweeps over the pieces by address and appends what is on top. Each piece is pushed and popped once. */
static void append_visible(GArray *ranges, GArray *pieces)
{
    g_autoptr(GPtrArray) heap = g_ptr_array_sized_new(16);
    hwaddr at = 0;
    guint next = 0;

    g_array_sort(pieces, compare_pieces);
    for (;;) {
        while (heap->len > 0 && ((Piece *)heap->pdata[0])->last < at) {
            heap_pop(heap);
        }
        if (heap->len == 0) {
            if (next == pieces->len) {
                return;
            }
            at = g_array_index(pieces, Piece, next).first;
        }
        while (next < pieces->len && g_array_index(pieces, Piece, next).first <= at) {
            heap_push(heap, &g_array_index(pieces, Piece, next++));
        }
        Piece *top = heap->pdata[0];
        if (top->last < at) {
            continue;
        }
        hwaddr last = top->last;
        if (next < pieces->len) {
            last = MIN(last, g_array_index(pieces, Piece, next).first - 1);
        }
        hwaddr offset = top->offset + (at - top->first);
        append_range(ranges, (FlatRange){ at, last, top->mr, offset, direct_host(top->mr, offset), top->readonly });
        if (last == UINT64_MAX) {
            return;
        }
        at = last + 1;
    }
}

/* Appends the old view's ranges within [first, last]. */
static void append_old(GArray *ranges, const FlatView *old, hwaddr first, hwaddr last)
{
    const FlatRange *range = NULL, *next = NULL;

    if (!old || old->count == 0) {
        return;
    }
    range = flatview_search(old, first, &next);
    for (range = range ? range : next; range && range < old->ranges + old->count && range->first <= last; range++) {
        FlatRange part = *range;
        hwaddr cut = first > part.first ? first - part.first : 0;
        part.first += cut;
        part.offset += cut;
        if (part.host) {
            part.host += cut;
        }
        part.last = MIN(part.last, last);
        append_range(ranges, part);
    }
}

void flatmap_update(FlatMap *map)
{
    if (memory_has_readers() && !big_lock_held()) {
        return;
    }
    FlatView *old = map->view;
    hwaddr first = map->dirty_first, last = map->dirty_last;
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
    g_autoptr(GArray) ranges = g_array_sized_new(FALSE, FALSE, sizeof(FlatRange), old ? old->count + 4 : 16);

    __atomic_store_n(&map->dirty, false, __ATOMIC_RELAXED);
    if (first > 0) {
        append_old(ranges, old, 0, first - 1);
    }
    collect(pieces, map->root, first, last, first, false);
    append_visible(ranges, pieces);
    if (last < UINT64_MAX) {
        append_old(ranges, old, last + 1, UINT64_MAX);
    }
    FlatView *view = g_malloc(sizeof(*view) + ranges->len * sizeof(FlatRange));
    view->count = ranges->len;
    view->last_hit = 0;
    if (ranges->len) {
        memcpy(view->ranges, ranges->data, ranges->len * sizeof(FlatRange));
    }
    __atomic_store_n(&map->view, view, __ATOMIC_RELEASE);
    if (old) {
        memory_retire(old, g_free);
    }
}

static void extend(bool *flag, hwaddr *first, hwaddr *last, hwaddr new_first, hwaddr new_last)
{
    *first = *flag ? MIN(*first, new_first) : new_first;
    *last = *flag ? MAX(*last, new_last) : new_last;
    __atomic_store_n(flag, true, __ATOMIC_RELAXED);
}

void flatmap_mark(FlatMap *map, hwaddr first, hwaddr last)
{
    extend(&map->dirty, &map->dirty_first, &map->dirty_last, first, last);
    extend(&map->changed, &map->changed_first, &map->changed_last, first, last);
}

FlatMap *flatmap_get(MemoryRegion *root)
{
    FlatMap *map = root->map;

    if (!map) {
        map = g_new0(FlatMap, 1);
        map->root = root;
        root->map = map;
        map->next = flatmap_list;
        flatmap_list = map;
        flatmap_mark(map, 0, UINT64_MAX);
        flatmap_update(map);
    }
    map->users++;
    return map;
}

static void free_map(void *opaque)
{
    FlatMap *map = opaque;

    g_free(map->view);
    g_free(map);
}

void flatmap_put(FlatMap *map)
{
    if (--map->users > 0) {
        return;
    }
    FlatMap **link = &flatmap_list;
    while (*link != map) {
        link = &(*link)->next;
    }
    *link = map->next;
    map->root->map = NULL;
    memory_retire(map, free_map);
}

const FlatRange *flatview_search(const FlatView *view, hwaddr addr, const FlatRange **next)
{
    size_t low = 0, high = view->count; /* the first range that ends at or after addr is in [low, high] */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->ranges[middle].last < addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < view->count && view->ranges[low].first <= addr) {
        __atomic_store_n(&((FlatView *)view)->last_hit, low, __ATOMIC_RELAXED);
        return &view->ranges[low];
    }
    *next = low < view->count ? &view->ranges[low] : NULL;
    return NULL;
}
