/*
 * A CPU's page tables as a whole (SDM vol. 3, chapter 4), for monitors: all translations of 32-bit, PAE and 4-level paging.
 * A guest may have its tables refer to themselves: what is read of them is bounded.
 */
#ifndef TARGET_I386_PAGE_TABLES_H
#define TARGET_I386_PAGE_TABLES_H

#include "target/i386/cpu.h"

enum { PAGE_P = 1, PAGE_W = 2, PAGE_U = 4, PAGE_PWT = 8, PAGE_PCD = 0x10, PAGE_A = 0x20, PAGE_D = 0x40, PAGE_PS = 0x80, PAGE_G = 0x100 };
#define PAGE_NX (1ull << 63)

typedef struct PageMapping {
    uint64_t linear;            /* without sign extension: they ascend */
    unsigned shift;             /* the page has 1 << this bytes */
    uint64_t entry;             /* of the last level */
    uint64_t physical;          /* its address bits */
    unsigned rights;            /* PAGE_W and PAGE_U as all levels together give them */
} PageMapping;

/* Calls fn for each page that is present until it returns false. False: there were more tables than are read. */
bool page_tables_foreach(const X86CPU *cpu, bool (*fn)(const PageMapping *m, void *opaque), void *opaque);
/* Whether the CPU has paging on. */
bool page_tables_used(const X86CPU *cpu);
/* The address as the guest writes it: canonical with 4 levels. */
uint64_t page_tables_linear(const X86CPU *cpu, uint64_t linear);

#endif
