#ifndef TESTS_FUZZ_X86_UNDEFINED_H
#define TESTS_FUZZ_X86_UNDEFINED_H

#include "target/i386/exec/insn.h"

/* The arithmetic flags that op leaves undefined if CL is rcx's before; whether its result is undefined, too. */
uint32_t x86_undefined_flags(const X86Op *op, uint64_t rcx);
bool x86_undefined_result(const X86Op *op, uint64_t rcx);

#endif
