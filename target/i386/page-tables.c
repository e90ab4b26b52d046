#include "target/i386/page-tables.h"

#include "system/memory.h"
#include "util/byteorder.h"

enum { CR0_PG_BIT = 31, CR4_PSE_BIT = 4, CR4_PAE_BIT = 5, EFER_LMA_BIT = 10 };
/* A Linux guest has some thousand tables; a hostile one's may seem to be 512 to the third. */
enum { TABLES_MAX = 1 << 16 };
#define LONG_ADDRESS 0x3fffffffff000ull

typedef struct Walk {
    const X86CPU *cpu;
    bool (*fn)(const PageMapping *m, void *opaque);
    void *opaque;
    unsigned tables;
    bool is_long, pae, pse;
} Walk;

/* The entry's address bits, as far as they count for a page of this size. */
static uint64_t address_of(const Walk *w, uint64_t entry, unsigned shift)
{
    uint64_t inside = (1ull << MIN(shift, w->pae ? 30 : 21)) - 1;

    return entry & (w->is_long ? LONG_ADDRESS : ~0xfffull) & ~inside;
}

/* One table and those below it; level 1 is the lowest. Entries of 32-bit paging have 4 bytes. False: no more. */
static bool walk_table(Walk *w, uint64_t table, unsigned level, uint64_t linear, uint64_t rights)
{
    unsigned bits = w->pae ? 9 : 10, size = w->pae ? 8 : 4, shift = 12 + bits * (level - 1);
    bool pdpt = w->pae && !w->is_long && level == 3;
    unsigned count = pdpt ? 4 : 1u << bits;
    uint8_t bytes[4096];

    if (w->tables++ == TABLES_MAX) {
        return false;
    }
    table &= (uint64_t)(int64_t)w->cpu->env.a20_mask;
    if (address_space_read(x86_cpu_memory(w->cpu), table, bytes, count * size) != MEMTX_OK) {
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t entry = load_le(bytes + i * size, size), at = linear | (uint64_t)i << shift;
        uint64_t both = pdpt ? rights : rights & entry;
        bool leaf = level == 1 || (entry & PAGE_PS && !pdpt && level < 4 && w->pse);

        if (!(entry & PAGE_P)) {
            continue;
        }
        if (leaf) {
            PageMapping m = { at, shift, entry, address_of(w, entry, shift), both & (PAGE_W | PAGE_U) };

            if (!w->fn(&m, w->opaque)) {
                return false;
            }
        } else if (!walk_table(w, address_of(w, entry, 12) & (w->is_long ? ~0ull : LONG_ADDRESS), level - 1, at,
                               both)) {
            return false;
        }
    }
    return true;
}

bool page_tables_used(const X86CPU *cpu)
{
    return cpu->env.cr[0] >> CR0_PG_BIT & 1;
}

bool page_tables_foreach(const X86CPU *cpu, bool (*fn)(const PageMapping *m, void *opaque), void *opaque)
{
    const X86CPUState *env = &cpu->env;
    Walk w = { .cpu = cpu, .fn = fn, .opaque = opaque, .is_long = env->efer >> EFER_LMA_BIT & 1,
               .pae = env->cr[4] >> CR4_PAE_BIT & 1 };
    uint64_t root = w.is_long ? env->cr[3] & LONG_ADDRESS : w.pae ? env->cr[3] & 0xffffffe0u : env->cr[3] & 0xfffff000u;

    w.pse = w.pae || (env->cr[4] >> CR4_PSE_BIT & 1);
    walk_table(&w, root, w.is_long ? 4 : w.pae ? 3 : 2, 0, PAGE_W | PAGE_U);
    return w.tables <= TABLES_MAX;
}

uint64_t page_tables_linear(const X86CPU *cpu, uint64_t linear)
{
    return cpu->env.efer >> EFER_LMA_BIT & 1 ? (uint64_t)((int64_t)(linear << 16) >> 16) : linear;
}
