/*
 * For tests of the system part: assembler as guest code, and descriptor tables whose handlers halt, so that after a run
 * EIP tells which event was taken and the stack has its frame.
 */
#ifndef TESTS_UNIT_EXEC_SYSTEM_H
#define TESTS_UNIT_EXEC_SYSTEM_H

#include "exec-machine.h"
#include "target/i386/exec/system.h"

/* GUEST(name, 64, "mov $1, %eax\n"): code for guest_run(name). */
#define GUEST(name, bits, text)                                                                                     \
    __asm__(".pushsection .rodata\n.code" #bits "\nguest_" #name ":\n" text "\nguest_" #name "_end:\n.code64\n.popsection\n"); \
    extern const uint8_t guest_##name[], guest_##name##_end[];
#define guest_run(name) exec_run_bytes(guest_##name, guest_##name##_end - guest_##name)

enum {
    AT_GDT = 0x4000, AT_IDT = 0x5000, AT_TSS = 0x6000, AT_TSS_2 = 0x6200, AT_LDT = 0x6800, AT_HANDLERS = 0x7000, AT_USER = 0x40000,
    KERNEL_STACK = 0x22000, IST_STACK = 0x24008, USER_STACK = 0x48000,
};
enum {
    SEL_CODE = 0x08, SEL_DATA = 0x10, SEL_USER32 = 0x1b, SEL_USER_DATA = 0x23, SEL_USER = 0x2b, SEL_TSS = 0x30, SEL_SPARE = 0x40,
    SEL_SPARE_2 = 0x48, SEL_SPARE_3 = 0x50, GDT_LIMIT = 0x7f,
};

static inline uint64_t descriptor(uint32_t base, uint32_t limit, unsigned access, unsigned flags)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 | (uint64_t)(limit >> 16 & 15) << 48 |
           (uint64_t)flags << 52 | (uint64_t)(base >> 24) << 56;
}

static inline void put_gdt(unsigned selector, uint64_t value)
{
    exec_put64(AT_GDT + (selector & ~7u), value);
}

/* Where each vector's handler halts. */
static inline uint32_t handler_of(unsigned vector)
{
    return AT_HANDLERS + vector * 4;
}

static inline void put_gate64(unsigned vector, unsigned access, unsigned ist)
{
    uint64_t to = handler_of(vector);

    exec_put64(AT_IDT + vector * 16, (to & 0xffff) | SEL_CODE << 16 | (uint64_t)ist << 32 | (uint64_t)access << 40 | (to >> 16) << 48);
    exec_put64(AT_IDT + vector * 16 + 8, 0);
}

static inline void put_gate32(unsigned vector, unsigned access, uint16_t selector, uint32_t to)
{
    exec_put64(AT_IDT + vector * 8, (to & 0xffff) | (uint64_t)selector << 16 | (uint64_t)access << 40 | (uint64_t)(to >> 16) << 48);
}

/* A reset CPU with tables: level 0, a TSS with stacks, all vectors interrupt gates of level 0. */
static inline X86CPUState *system_reset(unsigned bits)
{
    X86CPUState *env = exec_reset(bits);

    memset(exec_at(AT_GDT), 0, 0x80);
    memset(exec_at(AT_TSS), 0, 0x800);
    memset(exec_at(AT_HANDLERS), 0xf4, 0x400);
    put_gdt(SEL_CODE, descriptor(0, 0xfffff, 0x9b, bits == 64 ? 0xa : 0xc));
    put_gdt(SEL_DATA, descriptor(0, 0xfffff, 0x93, 0xc));
    put_gdt(SEL_USER32, descriptor(0, 0xfffff, 0xfb, 0xc));
    put_gdt(SEL_USER_DATA, descriptor(0, 0xfffff, 0xf3, 0xc));
    put_gdt(SEL_USER, descriptor(0, 0xfffff, 0xfb, 0xa));
    put_gdt(SEL_TSS, descriptor(AT_TSS, 0x1ff, 0x8b, 0));
    env->gdt = (SegmentCache){ .base = AT_GDT, .limit = GDT_LIMIT };
    env->idt = (SegmentCache){ .base = AT_IDT, .limit = bits == 64 ? 0xfff : 0x7ff };
    env->tr = (SegmentCache){ .selector = SEL_TSS, .base = AT_TSS, .limit = 0x1ff, .flags = 0x8b00 };
    for (unsigned i = 0; i < 256; i++) {
        if (bits == 64) {
            put_gate64(i, 0x8e, 0);
        } else {
            put_gate32(i, 0x8e, SEL_CODE, handler_of(i));
        }
    }
    if (bits == 64) {
        exec_put64(AT_TSS + 4, KERNEL_STACK);
        exec_put64(AT_TSS + 0x24, IST_STACK);
        for (unsigned i = 0; i < 512; i++) {        /* the user may use it all */
            exec_put64(EXEC_TABLES + 0x2000 + 8 * i, (uint64_t)i << 21 | 0xe7);
        }
        exec_put64(EXEC_TABLES, (EXEC_TABLES + 0x1000) | 0x27);
        exec_put64(EXEC_TABLES + 0x1000, (EXEC_TABLES + 0x2000) | 0x27);
    } else {
        exec_put64(AT_TSS + 4, KERNEL_STACK | (uint64_t)SEL_DATA << 32);
    }
    return env;
}

/* At level 3 from now on. */
static inline void system_user(unsigned bits)
{
    X86CPUState *env = &exec_cpu->env;

    env->segs[R_CS] = (SegmentCache){
        .selector = bits == 64 ? SEL_USER : SEL_USER32, .limit = 0xffffffff, .flags = bits == 64 ? 0xa0fb00 : 0xc0fb00,
    };
    env->segs[R_SS] = env->segs[R_DS] = env->segs[R_ES] = (SegmentCache){
        .selector = SEL_USER_DATA, .limit = 0xffffffff, .flags = 0xc0f300,
    };
    env->regs[R_ESP] = USER_STACK;
    env->hflags = x86_cpu_state_hflags(env);
}

/* Which handler it stopped in; -1: none. */
static inline int taken(void)
{
    uint64_t at = exec_cpu->env.eip - 1 - AT_HANDLERS;

    return at < 0x400 && at % 4 == 0 ? (int)at / 4 : -1;
}

static inline uint32_t exec_get32(uint64_t address)
{
    return (uint32_t)exec_get64(address);
}

/* A word of the frame on the stack. */
static inline uint64_t frame64(unsigned n)
{
    return exec_get64(exec_cpu->env.regs[R_ESP] + n * 8);
}

static inline uint32_t frame32(unsigned n)
{
    return exec_get32(exec_cpu->env.regs[R_ESP] + n * 4);
}

#endif
