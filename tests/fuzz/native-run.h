/*
 * Runs code on the host's own CPU at privilege 3 with a given state, until it faults or traps: the peer of
 * x86-differential. State is loaded by rt_sigreturn with a frame made up for it, and taken from the frame of the signal
 * that ends it. Not thread-safe.
 */
#ifndef TESTS_FUZZ_NATIVE_RUN_H
#define TESTS_FUZZ_NATIVE_RUN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct NativeState {
    uint64_t regs[16], rip, rflags;     /* registers in the order of encodings */
    uint16_t selectors[6];              /* in the order of encodings: ES, CS, SS, DS, FS, GS */
    uint64_t fs_base, gs_base;          /* loaded if the selector is null */
    uint16_t fcw, fsw;
    uint8_t ftw;                        /* as FXSAVE has it: a bit for each physical register that is not empty */
    uint8_t st[8][10];                  /* ST(0) first */
    uint32_t mxcsr;
    uint64_t ymm[16][4];
    /* what ended it */
    uint32_t vector, error;
    uint64_t cr2;
} NativeState;

/* As `vector`: the code did not end within seconds. IRET with EFLAGS.AC on a misaligned stack does so: Linux takes its #AC for a split lock. */
enum { NATIVE_HANGS = 98 };
/* Linux' selectors. */
enum { NATIVE_CS_32 = 0x23, NATIVE_DATA = 0x2b, NATIVE_CS_64 = 0x33 };

/* Segments of the local descriptor table, by modify_ldt(): entry n's selector is 8 * n + 7. */
typedef struct NativeSegment {
    uint32_t base, limit;               /* the limit in pages if `pages` */
    bool code, bits_32, down, readonly /* code: not readable */, absent, pages;
} NativeSegment;
extern const NativeSegment native_segments[];
extern const unsigned native_segment_count;
enum { NATIVE_FIRST_DATA = 5 };         /* the segments of code come first */

static inline uint16_t native_selector(unsigned entry)
{
    return 8 * entry + 7;
}

/* Its descriptor. */
uint64_t native_descriptor(const NativeSegment *s);

/* False: the host does not let segments be made. */
bool native_init(void);
void native_run(NativeState *state);

#endif
