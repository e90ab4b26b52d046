/*
 * Runs code on the host's own CPU at privilege 3 with a given state, until it faults or traps: the peer of
 * x86-differential. State is loaded by rt_sigreturn with a frame made up for it, and taken from the frame of the signal
 * that ends it. Not thread-safe; FS is not the code's to use.
 */
#ifndef TESTS_FUZZ_NATIVE_RUN_H
#define TESTS_FUZZ_NATIVE_RUN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct NativeState {
    uint64_t regs[16], rip, rflags;     /* registers in the order of encodings */
    uint16_t fcw, fsw;
    uint8_t ftw;                        /* as FXSAVE has it: a bit for each physical register that is not empty */
    uint8_t st[8][10];                  /* ST(0) first */
    uint32_t mxcsr;
    uint64_t ymm[16][4];
    /* what ended it */
    uint32_t vector, error;
    uint64_t cr2;
} NativeState;

void native_init(void);
/* Selectors are those of Linux: CS 0x33, or 0x23 for 32-bit code; DS, ES and SS 0x2b. */
void native_run(NativeState *state, bool is_64);

#endif
