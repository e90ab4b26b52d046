#include "native-run.h"

#include <asm/ldt.h>
#include <glib.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "differential-guest.h"

enum { XSTATE_SW = 464, XSTATE_BV = 512, XSTATE_YMM = 576, XSTATE_SIZE = 832, FEATURES = 7 };
#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u

static const int greg_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                 REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

const NativeSegment native_segments[] = {
    { .base = CODE, .limit = 0xfff, .code = true },
    { .base = CODE, .limit = 0xfff, .code = true, .bits_32 = true },
    { .base = CODE, .limit = 0x7ff, .code = true },
    { .base = CODE, .limit = 0x7ff, .code = true, .bits_32 = true, .readonly = true },
    { .base = CODE, .limit = 0xfff, .code = true, .readonly = true },
    { .base = DATA, .limit = DATA_SIZE - 1, .bits_32 = true },
    { .base = DATA, .limit = DATA_SIZE - 1 },
    { .base = DATA + 0x800, .limit = 0xfff, .bits_32 = true },
    { .base = DATA, .limit = 0xfff, .down = true, .bits_32 = true },
    { .base = DATA, .limit = 0xfff, .down = true },
    { .base = DATA, .limit = DATA_SIZE - 1, .bits_32 = true, .readonly = true },
    { .base = 0, .limit = 0xfffff, .pages = true },
    { .base = DATA - 0x8000, .limit = 0xffff },
    { .base = 0xfffff000, .limit = 0xfffff, .pages = true, .bits_32 = true },
    { .base = DATA, .limit = 0xfff, .absent = true },
};
const unsigned native_segment_count = G_N_ELEMENTS(native_segments);

static uint64_t host_fs_base;

static ucontext_t frame __attribute__((aligned(64)));
static uint8_t fpstate[4096] __attribute__((aligned(64)));
static NativeState *result;
static jmp_buf back;
static volatile bool is_running;
static volatile unsigned runs, runs_at_alarm;
static struct sigaction action, others;     /* others: what the engine wants SIGFPE for */

static void take_floating_point(NativeState *s, const uint8_t *fp)
{
    uint64_t present;

    memcpy(&present, fp + XSTATE_BV, 8);
    if (present & 1) {
        memcpy(&s->fcw, fp, 2);
        memcpy(&s->fsw, fp + 2, 2);
        s->ftw = fp[4];
        for (unsigned i = 0; i < 8; i++) {
            memcpy(s->st[i], fp + 32 + 16 * i, 10);
        }
    } else {
        s->fcw = 0x37f;
        s->fsw = s->ftw = 0;
        memset(s->st, 0, sizeof(s->st));
    }
    memcpy(&s->mxcsr, fp + 24, 4);
    memset(s->ymm, 0, sizeof(s->ymm));
    for (unsigned i = 0; i < 16; i++) {
        if (present & 2) {
            memcpy(s->ymm[i], fp + 160 + 16 * i, 16);
        }
        if (present & 4) {
            memcpy(&s->ymm[i][2], fp + XSTATE_YMM + 16 * i, 16);
        }
    }
}

uint64_t native_descriptor(const NativeSegment *s)
{
    uint64_t type = s->code ? (s->readonly ? 9 : 11) : (s->down ? 4 : 0) | (s->readonly ? 1 : 3);

    return (s->limit & 0xffff) | (uint64_t)(s->base & 0xffffff) << 16 | type << 40 | 7ull << 44 | (s->absent ? 0 : 1ull << 47) |
           (uint64_t)(s->limit >> 16 & 15) << 48 | 1ull << 52 | (s->bits_32 ? 1ull << 54 : 0) | (s->pages ? 1ull << 55 : 0) |
           (uint64_t)(s->base >> 24) << 56;
}

static bool make_segments(void)
{
    for (unsigned i = 0; i < native_segment_count; i++) {
        const NativeSegment *s = &native_segments[i];
        struct user_desc d = {
            .entry_number = i, .base_addr = s->base, .limit = s->limit, .seg_32bit = s->bits_32, .contents = s->code ? 2 : s->down,
            .read_exec_only = s->readonly, .limit_in_pages = s->pages, .seg_not_present = s->absent, .useable = 1,     /* as AVL */
        };

        if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)) != 0) {
            return false;
        }
    }
    return true;
}

/* FS is the process' own: nothing that uses it may come before this. */
static inline __attribute__((always_inline)) void take_segments(NativeState *s, const ucontext_t *uc)
{
    const uint16_t *of_frame = (const uint16_t *)&uc->uc_mcontext.gregs[REG_CSGSFS];

    __asm__ volatile("mov %%es, %0" : "=m"(s->selectors[0]));
    __asm__ volatile("mov %%ds, %0" : "=m"(s->selectors[3]));
    __asm__ volatile("mov %%fs, %0" : "=m"(s->selectors[4]));
    __asm__ volatile("mov %%gs, %0" : "=m"(s->selectors[5]));
    __asm__ volatile("rdfsbase %0" : "=r"(s->fs_base));
    __asm__ volatile("rdgsbase %0" : "=r"(s->gs_base));
    __asm__ volatile("mov %0, %%fs; mov %0, %%gs; wrfsbase %1" : : "r"(0), "r"(host_fs_base));
    s->selectors[1] = of_frame[0];
    s->selectors[2] = of_frame[3];
}

static void __attribute__((no_stack_protector)) handler(int signal, siginfo_t *info, void *opaque)
{
    const ucontext_t *uc = opaque;
    const greg_t *g = uc->uc_mcontext.gregs;

    __asm__ volatile("pushf; andq $~0x244000, (%%rsp); popf" : : : "cc", "memory"); /* AC, NT, ID may be the code's */
    if (signal == SIGALRM && (!is_running || runs != runs_at_alarm)) {
        runs_at_alarm = runs;
        return;
    }
    if (signal == SIGUSR1) { /* for the template */
        frame = *uc;
        memcpy(fpstate, uc->uc_mcontext.fpregs, XSTATE_SIZE);
        return;
    }
    if (!is_running) {
        abort();
    }
    take_segments(result, uc);
    for (unsigned i = 0; i < 16; i++) {
        result->regs[i] = g[greg_of[i]];
    }
    result->rip = g[REG_RIP];
    result->rflags = g[REG_EFL];
    result->vector = signal == SIGALRM ? NATIVE_HANGS : g[REG_TRAPNO];
    result->error = g[REG_ERR];
    result->cr2 = g[REG_CR2];
    take_floating_point(result, (const uint8_t *)uc->uc_mcontext.fpregs);
    longjmp(back, 1);
}

bool native_init(void)
{
    static const int signals[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGUSR1, SIGALRM };
    enum { STACK = 1 << 17 };
    stack_t stack = { .ss_size = STACK };
    struct { uint32_t magic1, extended_size; uint64_t features; uint32_t size, padding[7]; } sw = {
        MAGIC1, XSTATE_SIZE + 4, FEATURES, XSTATE_SIZE, { 0 }
    };

    stack.ss_sp = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    sigaltstack(&stack, NULL);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        sigaction(signals[i], &action, NULL);
    }
    raise(SIGUSR1);
    memcpy(fpstate + XSTATE_SW, &sw, sizeof(sw));
    memcpy(fpstate + XSTATE_SIZE, &(uint32_t){ MAGIC2 }, 4);
    memset(fpstate + XSTATE_BV, 0, 64);
    fpstate[XSTATE_BV] = FEATURES;
    frame.uc_mcontext.fpregs = (void *)fpstate;
    __asm__ volatile("rdfsbase %0" : "=r"(host_fs_base));
    setitimer(ITIMER_REAL, &(struct itimerval){ { 5, 0 }, { 5, 0 } }, NULL);
    return make_segments();
}

void native_run(NativeState *s)
{
    greg_t *g = frame.uc_mcontext.gregs;
    uint16_t selectors[4];

    for (unsigned i = 0; i < 16; i++) {
        g[greg_of[i]] = s->regs[i];
    }
    g[REG_RIP] = s->rip;
    g[REG_EFL] = s->rflags;
    memcpy(selectors, &g[REG_CSGSFS], 8);
    selectors[0] = s->selectors[1];
    selectors[3] = s->selectors[2];
    memcpy(&g[REG_CSGSFS], selectors, 8);
    memcpy(fpstate, &s->fcw, 2);
    memcpy(fpstate + 2, &s->fsw, 2);
    memset(fpstate + 4, 0, 20);
    fpstate[4] = s->ftw;
    memcpy(fpstate + 24, &s->mxcsr, 4);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(fpstate + 32 + 16 * i, s->st[i], 10);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(fpstate + 160 + 16 * i, s->ymm[i], 16);
        memcpy(fpstate + XSTATE_YMM + 16 * i, &s->ymm[i][2], 16);
    }
    result = s;
    sigaction(SIGFPE, &action, &others);
    runs++;
    is_running = true;
    if (!_setjmp(back)) {
        __asm__ volatile("mov %0, %%es; mov %1, %%ds; mov %2, %%fs; mov %3, %%gs" : : "m"(s->selectors[0]), "m"(s->selectors[3]),
                         "m"(s->selectors[4]), "m"(s->selectors[5]));
        if (s->selectors[4] <= 3) {
            __asm__ volatile("wrfsbase %0" : : "r"(s->fs_base));
        }
        if (s->selectors[5] <= 3) {
            __asm__ volatile("wrgsbase %0" : : "r"(s->gs_base));
        }
        __asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall; ud2" : : "r"(&frame) : "rax", "memory");
        __builtin_unreachable();
    }
    is_running = false;
    sigaction(SIGFPE, &others, NULL);
}
