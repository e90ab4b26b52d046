/*
 * A CPU and 16 MiB of RAM for tests of the engine: code bytes are put at EXEC_CODE and run to their HLT, in 64-bit mode at
 * privilege 0 with the first GiB mapped to itself by 2 MiB pages, or in 32- or 16-bit mode without paging.
 */
#ifndef TESTS_UNIT_EXEC_MACHINE_H
#define TESTS_UNIT_EXEC_MACHINE_H

#include <string.h>

#include "hw/core/compat.h"
#include "target/i386/exec/engine.h"
#include "target/i386/exec/flags.h"
#include "target/i386/exec/mem.h"

enum { EXEC_CODE = 0x10000, EXEC_STACK = 0x20000, EXEC_DATA = 0x30000, EXEC_TABLES = 0x1000, EXEC_RAM = 16 << 20 };

static MemoryRegion exec_ram;
static X86CPU *exec_cpu;
static X86Exec *exec;

static uint8_t *exec_at(uint64_t address)
{
    return exec_ram.ram->host + address;
}

__attribute__((unused)) static void exec_put64(uint64_t address, uint64_t value)
{
    memcpy(exec_at(address), &value, 8);
}

__attribute__((unused)) static uint64_t exec_get64(uint64_t address)
{
    uint64_t value;

    memcpy(&value, exec_at(address), 8);
    return value;
}

/* Once a test program, in main(). */
__attribute__((unused)) static void exec_machine_init(const char *model)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *type = g_strdup_printf("%s-x86_64-cpu", model);
    DeviceState *dev;

    compat_install(release);
    memory_init();
    memory_region_init_ram(&exec_ram, NULL, "ram", EXEC_RAM, &error);
    g_assert_no_error(error);
    memory_region_add(memory_system(), 0, &exec_ram);
    dev = device_new(type);
    g_assert_true(device_realize_and_unref(dev, NULL, &error));
    g_assert_no_error(error);
    exec_cpu = X86_CPU(dev);
    x86_cpu_state_reset(&exec_cpu->env, 0);
    exec = x86_exec_new(exec_cpu);
    x86_cpu_set_current(exec_cpu);
}

static SegmentCache exec_segment(unsigned selector, uint32_t flags)
{
    return (SegmentCache){ .selector = selector, .base = 0, .limit = 0xffffffff, .flags = flags };
}

/* A fresh CPU; memory as it was. bits: 64, 32 or 16. */
__attribute__((unused)) static X86CPUState *exec_reset(unsigned bits)
{
    X86CPUState *env = &exec_cpu->env;

    x86_cpu_state_reset(env, 0);
    exec_cpu->halted = 0;
    exec_cpu->interrupt_request = 0;
    if (bits != 16) {
        uint32_t code = bits == 64 ? 0xa09b00 : 0xc09b00;

        for (unsigned i = 0; i < CPU_SEGMENTS; i++) {
            env->segs[i] = exec_segment(i == R_CS ? 8 : 16, i == R_CS ? code : 0xc09300);
        }
        env->cr[0] = 0x11;
    } else {
        env->segs[R_CS] = (SegmentCache){ .limit = 0xffff, .flags = 0x9b00 };
    }
    if (bits == 64) {
        for (unsigned i = 0; i < 512; i++) {
            exec_put64(EXEC_TABLES + 0x2000 + 8 * i, (uint64_t)i << 21 | 0xe3);
        }
        exec_put64(EXEC_TABLES, (EXEC_TABLES + 0x1000) | 0x23);
        exec_put64(EXEC_TABLES + 0x1000, (EXEC_TABLES + 0x2000) | 0x23);
        env->cr[3] = EXEC_TABLES;
        env->cr[4] = 0x6a0;         /* PAE, PGE, OSFXSR, OSXMMEXCPT */
        env->efer = 0xd01;          /* SCE, LME, LMA, NXE */
        env->cr[0] = 0x80010033u;   /* PG, WP, NE, ET, MP, PE */
    }
    env->regs[R_ESP] = bits == 16 ? 0xfff0 : EXEC_STACK;
    env->eip = bits == 16 ? 0x1000 : EXEC_CODE;
    env->eflags = 2;
    env->hflags = x86_cpu_state_hflags(env);
    x86_exec_flush(exec);
    return env;
}

/* Runs the bytes, with a HLT behind them; env has what they left. */
__attribute__((unused)) static void exec_run_bytes(const void *code, size_t length)
{
    uint64_t at = exec_cpu->env.segs[R_CS].base + exec_cpu->env.eip;

    memcpy(exec_at(at), code, length);
    *exec_at(at + length) = 0xf4;
    memory_region_set_dirty(&exec_ram, at, length + 1);
    exec->pending = 0;
    x86_exec_load(exec);
    x86_mode_changed(exec);
    x86_exec_run(exec);
    x86_exec_store(exec);
}

#define EXEC_RUN(...)                                                                                                   \
    do {                                                                                                                \
        static const uint8_t code_[] = { __VA_ARGS__ };                                                                 \
        exec_run_bytes(code_, sizeof(code_));                                                                           \
    } while (0)

#endif
