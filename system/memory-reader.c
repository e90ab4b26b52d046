/*
 * When to free what readers without the big lock may still see: each replaced thing gets the number of the epoch in
 * which it was replaced, and is freed when every reader has announced a quiescent state in a later one.
 */
#include "system/flatview.h"

typedef struct Retired {
    void *pointer;
    void (*free_fn)(void *);
    uint64_t epoch;
    struct Retired *next;
} Retired;

static MemoryReader *readers;
static uint64_t current_epoch = 1;
static Retired *retired, **retired_tail = &retired; /* oldest first */

static uint64_t oldest_seen(void)
{
    uint64_t oldest = UINT64_MAX;

    for (MemoryReader *reader = readers; reader; reader = reader->next) {
        oldest = MIN(oldest, __atomic_load_n(&reader->seen, __ATOMIC_ACQUIRE));
    }
    return oldest;
}

static void free_unseen(void)
{
    uint64_t seen = oldest_seen();

    while (retired && retired->epoch < seen) {
        Retired *old = retired;
        retired = old->next;
        old->free_fn(old->pointer);
        g_free(old);
    }
    if (!retired) {
        retired_tail = &retired;
    }
}

void memory_retire(void *pointer, void (*free_fn)(void *))
{
    if (!readers) {
        free_fn(pointer);
        return;
    }
    Retired *old = g_new0(Retired, 1);
    old->pointer = pointer;
    old->free_fn = free_fn;
    old->epoch = __atomic_fetch_add(&current_epoch, 1, __ATOMIC_SEQ_CST);
    *retired_tail = old;
    retired_tail = &old->next;
    free_unseen();
}

bool memory_has_readers(void)
{
    return readers != NULL;
}

void memory_reader_add(MemoryReader *reader)
{
    /* From now on a change renders its map at once, since readers can't: what is still to be done is done here. */
    for (FlatMap *map = flatmap_list; map; map = map->next) {
        flatmap_view(map);
    }
    memory_reader_quiescent(reader);
    reader->next = readers;
    readers = reader;
}

void memory_reader_remove(MemoryReader *reader)
{
    MemoryReader **link = &readers;

    while (*link != reader) {
        link = &(*link)->next;
    }
    *link = reader->next;
    free_unseen();
}

void memory_reader_quiescent(MemoryReader *reader)
{
    __atomic_store_n(&reader->seen, __atomic_load_n(&current_epoch, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
}

void memory_reader_away(MemoryReader *reader)
{
    __atomic_store_n(&reader->seen, UINT64_MAX, __ATOMIC_RELEASE);
}
