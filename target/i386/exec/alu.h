/* Arithmetic with its flags, by instruction and size: for handlers that are not specialised. */
#ifndef TARGET_I386_EXEC_ALU_H
#define TARGET_I386_EXEC_ALU_H

#include "target/i386/exec/flags.h"

static inline uint64_t x86_sign_extend(uint64_t value, unsigned size)
{
    unsigned shift = 64 - 8 * size;

    return (uint64_t)((int64_t)(value << shift) >> shift);
}

/* ADD … CMP, TEST; INC, DEC, NOT, NEG (b is not used). Result: low `size` bytes count. */
uint64_t x86_alu(X86Exec *x, unsigned id, uint64_t a, uint64_t b, unsigned size);
/* ROL … SAR by count, which is masked here. */
uint64_t x86_shift(X86Exec *x, unsigned id, uint64_t value, unsigned count, unsigned size);
/* The effective address, plus `more`, cut to the address size. */
uint64_t x86_offset(X86Exec *x, const X86Op *op, int64_t more);

/* stack.c, strings.c, branch.c, integer-misc.c */
X86PlainFn x86_push, x86_pop, x86_pusha, x86_popa, x86_enter, x86_leave;
X86PlainFn x86_movs, x86_cmps, x86_stos, x86_lods, x86_scas;
X86PlainFn x86_jmp, x86_jmp_ind, x86_jcc, x86_jcxz, x86_loop, x86_call, x86_call_ind, x86_ret;
X86PlainFn x86_decimal_adjust, x86_ascii_adjust, x86_ascii_multiply, x86_lahf, x86_sahf, x86_salc, x86_carry, x86_cld, x86_std;
X86PlainFn x86_nop, x86_pause, x86_fence, x86_clflush;

#endif
