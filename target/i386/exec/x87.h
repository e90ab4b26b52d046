/* x87 state between env, memory images and the host (SDM vol. 1, chapter 8). */
#ifndef TARGET_I386_EXEC_X87_H
#define TARGET_I386_EXEC_X87_H

#include "target/i386/exec/vector.h"

enum {
    FSW_IE = 1 << 0, FSW_DE = 1 << 1, FSW_ZE = 1 << 2, FSW_OE = 1 << 3, FSW_UE = 1 << 4, FSW_PE = 1 << 5, FSW_SF = 1 << 6,
    FSW_ES = 1 << 7, FSW_B = 1 << 15, FSW_EXCEPTIONS = 0x3f, FSW_TOP_SHIFT = 11,
};
enum { FCW_INIT = 0x37f, FCW_MASKS = 0x3f, FCW_WRITABLE = 0x1f3f, FCW_ALWAYS = 0x40 };

static inline unsigned x87_top(const X86CPUState *env)
{
    return env->fpus >> FSW_TOP_SHIFT & 7;
}

/* ES and B follow from flags and masks. */
static inline void x87_update_summary(X86CPUState *env)
{
    if (env->fpus & ~env->fpuc & FSW_EXCEPTIONS) {
        env->fpus |= FSW_ES | FSW_B;
    } else {
        env->fpus &= (uint16_t)~(FSW_ES | FSW_B);
    }
}

static inline void x87_set_control(X86CPUState *env, uint16_t value)
{
    env->fpuc = (value & FCW_WRITABLE) | FCW_ALWAYS;
}

/* The two-bit tags, physical order: 0 valid, 1 zero, 2 special, 3 empty. */
uint16_t x87_full_tags(const X86CPUState *env);
/* #NM if x87 instructions may not run now; env has the registers then. */
void x87_enter_env(X86Exec *x);
/* Instructions that work on env: control, environments. NULL: another one. In x87-env.c. */
X86OpFn *x87_control_handler(const X86Op *op);

#endif
