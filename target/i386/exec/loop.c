/* The engine's loop: takes what is pending between blocks, delivers exceptions, finds the next block and enters it. */
#include <string.h>
#include <sys/mman.h>

#include "system/main-loop.h"
#include "target/i386/exec/engine.h"
#include "target/i386/exec/flags.h"
#include "target/i386/exec/vector.h"

/* --- leaving an instruction --- */

static _Noreturn void leave(X86Exec *x, unsigned vector, bool has_error, uint32_t error)
{
    X86ExecPrivate *p = x->engine;

    p->raised = true;
    p->vector = vector;
    p->has_error = has_error;
    p->error = error;
    if (x->op) {
        x->eip = x->regs[X86_REG_RIP / 8] + x->op->offset;
        if ((x->mode & MODE_CODE_MASK) != X86_CODE_64) {
            x->eip = (uint32_t)x->eip;
        }
    }
    longjmp(x->exit, 1);
}

void x86_raise(X86Exec *x, unsigned vector)
{
    leave(x, vector, false, 0);
}

void x86_raise_error(X86Exec *x, unsigned vector, uint32_t error)
{
    leave(x, vector, true, error);
}

void x86_raise_page_fault(X86Exec *x, uint64_t linear, uint32_t error)
{
    x->env->cr[2] = linear;
    leave(x, EXCP_PF, true, error);
}

void x86_exit(X86Exec *x)
{
    longjmp(x->exit, 1);
}

/* --- the mode --- */

static bool covers_all(const SegmentCache *s)
{
    return s->base == 0 && s->limit == 0xffffffff;
}

/* Readable and writable, not growing down. */
static bool is_flat_data(const SegmentCache *s)
{
    return covers_all(s) && (s->flags & 0x9e00) == 0x9200;
}

static uint32_t mode_of(const X86CPUState *env)
{
    uint32_t mode;

    if (env->hflags >> HF_CS64_SHIFT & 1) {
        return X86_CODE_64 | MODE_FLAT;
    }
    mode = env->hflags >> HF_CS32_SHIFT & 1 ? X86_CODE_32 : X86_CODE_16;
    if (env->hflags >> HF_SS32_SHIFT & 1) {
        mode |= MODE_SS32;
    }
    if (env->hflags >> HF_PE_SHIFT & 1 && covers_all(&env->segs[R_CS]) && is_flat_data(&env->segs[R_DS]) &&
        is_flat_data(&env->segs[R_ES]) && is_flat_data(&env->segs[R_SS])) {
        mode |= MODE_FLAT;
    }
    return mode;
}

static void update_mode(X86Exec *x)
{
    const X86CPUState *env = x->env;
    bool smap = env->cr[4] & 1 << 21 && !(env->eflags & FLAG_AC);
    bool user = (env->hflags & HF_CPL_MASK) == 3, aligned = env->cr[0] & 1 << 18 && env->eflags & FLAG_AC;
    unsigned tlb = user ? (aligned ? 3 : 2) : smap ? 1 : 0;

    x->mode = mode_of(env) | (x->counts ? MODE_COUNT : 0) | (user ? MODE_USER : 0);
    x->tlb = x->engine->tlb[tlb];
    x->code_tag = user ? 3 : 1;
    x->regs[18] = env->segs[R_FS].base;
    x->regs[19] = env->segs[R_GS].base;
}

void x86_mode_changed(X86Exec *x)
{
    x->env->hflags = x86_cpu_state_hflags(x->env);
    update_mode(x);
}

/* --- control flow between blocks --- */

const X86Op *x86_go_back(X86Exec *x, uint64_t eip, X86Block **place)
{
    X86Block *block;

    x->op = NULL;
    x->eip = eip;
    if (unlikely(x->pending || !(x->mode & MODE_FLAT) || x->mode & MODE_SINGLE)) {
        return NULL;
    }
    block = x86_block_cached(x, eip);
    if (unlikely(!block)) {
        block = x86_block_find(x, eip);
    }
    if (unlikely(!block)) {
        return NULL;
    }
    if (place && block->host) {     /* else it is made anew each time */
        *place = block;
    }
    x->regs[X86_REG_RIP / 8] = eip;
    X86_RUN(x, block->ops);
}

const X86Op *x86_go(X86Exec *x, uint64_t eip)
{
    return x86_go_back(x, eip, NULL);
}

const X86Op *x86_follow_slow(X86Exec *x, X86Link *link, uint64_t eip)
{
    uint64_t from = x->regs[X86_REG_RIP / 8];
    X86Block *block;

    eip = (x->mode & MODE_CODE_MASK) == X86_CODE_64 ? eip : (uint32_t)eip;
    block = link->target ? NULL : link->far;
    if (likely(block && x86_block_is_at(block, eip) && !x->pending)) {
        x->regs[X86_REG_RIP / 8] = eip;
        X86_RUN(x, block->ops);
    }
    x->op = NULL;
    x->eip = eip;
    if (unlikely(x->pending)) {
        return NULL;
    }
    block = x86_block_find(x, eip);
    if (unlikely(!block)) {
        return NULL;
    }
    /* In the same page the way can't change without this block going, too. */
    if ((from ^ eip) < TARGET_PAGE_SIZE && block->host && !block->second && !link->target) {
        link->target = block;
        link->next = block->incoming;
        block->incoming = link;
    } else if (((from ^ eip) >= TARGET_PAGE_SIZE || block->second) && block->host && !link->target) {
        link->far = block;
    }
    x->regs[X86_REG_RIP / 8] = eip;
    X86_RUN(x, block->ops);
}

static void run(X86Exec *x, const X86Op *op)
{
    while (op) {
        op = op->fn(x, op);
    }
}

/* --- the loop --- */

/* Whether a block might go on behind the code segment's limit; the instruction at EIP does not. */
static bool near_code_limit(X86Exec *x)
{
    uint32_t limit = x->env->segs[R_CS].limit;

    if (likely(x->mode & MODE_FLAT)) {
        return false;
    }
    if (x->eip > limit) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (limit - x->eip >= X86_BLOCK_BYTES) {
        return false;
    }
    x86_check_fetch(x, (unsigned)(limit - x->eip) + 1);
    return true;
}

static void enter_block(X86Exec *x)
{
    X86ExecPrivate *p = x->engine;
    X86Block *block;

    while (!(block = x86_block_find(x, x->eip))) {
        if (!p->arena_full) {
            x86_raise_error(x, EXCP_GP, 0);     /* nothing to execute there */
        }
        x86_code_reset(x);
    }
    x->regs[X86_REG_RIP / 8] = x->eip;
    run(x, block->ops);
}

static void step(X86Exec *x)
{
    x86_step_before(x);
    x->engine->stepping = true;
    x->mode |= MODE_SINGLE;
    enter_block(x);
    x->engine->stepping = false;
    x->op = NULL;
    update_mode(x);
    x86_step_after(x);
}

/* One instruction, where a block would be too many. */
static void run_one(X86Exec *x)
{
    x->engine->short_budget = false;
    x->mode |= MODE_SINGLE;
    enter_block(x);
    x->op = NULL;
    update_mode(x);
}

/* What others asked for. False: the thread is wanted elsewhere. */
static bool serve(X86Exec *x)
{
    X86ExecPrivate *p = x->engine;
    uint32_t pending;

    __atomic_store_n(&p->serving, true, __ATOMIC_SEQ_CST);
    pending = __atomic_exchange_n(&x->pending, 0, __ATOMIC_SEQ_CST);
    if (pending & X86_PENDING_CODE) {
        x86_code_serve(x);
    }
    if (pending & X86_PENDING_TLB) {
        x86_tlb_reset(x);
    }
    __atomic_store_n(&p->serving, false, __ATOMIC_RELEASE);
    memory_reader_quiescent(&p->reader);
    if (pending & X86_PENDING_STOP) {
        __atomic_fetch_or(&x->pending, X86_PENDING_STOP, __ATOMIC_SEQ_CST);
        return false;
    }
    return true;
}

static void settle_exception(X86Exec *x)
{
    X86ExecPrivate *p = x->engine;

    if (p->raised) {
        p->raised = false;
        p->stepping = false;
        x->op = NULL;
        update_mode(x);
        x86_exception(x, p->vector, p->has_error, p->error);
        x86_mode_changed(x);
    } else if (p->stepping) {       /* a repetition that pauses */
        p->stepping = false;
        x->op = NULL;
        update_mode(x);
        x86_step_paused(x);
    }
}

void x86_exec_run(X86Exec *x)
{
    x->engine->raised = x->engine->stepping = x->engine->short_budget = false;
    x86_code_serve(x);
    setjmp(x->exit);
    for (;;) {
        settle_exception(x);
        x->op = NULL;
        if (unlikely(__atomic_load_n(&x->pending, __ATOMIC_RELAXED)) && !serve(x)) {
            return;
        }
        bool shadow = x->env->hflags >> HF_INHIBIT_IRQ_SHIFT & 1;
        if (unlikely(x->cpu->interrupt_request) && !shadow && x86_interrupt_pending(x->cpu) && x86_take_interrupt(x)) {
            x86_mode_changed(x);
        }
        if (unlikely(x->cpu->halted)) {
            return;
        }
        update_mode(x);
        bool single = near_code_limit(x);
        if (unlikely(x->counts && x->budget <= 0)) {
            return;
        }
        if (unlikely(x86_steps(x))) {
            step(x);
        } else if (unlikely(x->engine->short_budget || single)) {
            run_one(x);
        } else {
            enter_block(x);
        }
    }
}

void x86_exec_kick(X86Exec *x, uint32_t pending)
{
    __atomic_fetch_or(&x->pending, pending, __ATOMIC_SEQ_CST);
}

bool x86_exec_has_forgotten(const X86Exec *x)
{
    return !(__atomic_load_n(&x->pending, __ATOMIC_SEQ_CST) & X86_PENDING_TLB) &&
           !__atomic_load_n(&x->engine->serving, __ATOMIC_SEQ_CST);
}

/* --- life --- */

void x86_exec_store(X86Exec *x)
{
    vector_leave(x);
    memcpy(x->env->regs, x->regs, sizeof(x->env->regs));
    x->env->eip = x->eip;
    x->env->eflags = x86_eflags(x);
    memory_reader_away(&x->engine->reader);     /* it may sleep for long */
}

void x86_exec_load(X86Exec *x)
{
    memory_reader_quiescent(&x->engine->reader);
    vector_drop(x);
    memcpy(x->regs, x->env->regs, sizeof(x->env->regs));
    x->regs[X86_REG_ZERO / 8] = 0;
    x->eip = x->env->eip;
    x86_set_eflags(x, (uint32_t)x->env->eflags);
    x->op = NULL;
    x->delivering = -1;
    update_mode(x);
}

void x86_exec_flush(X86Exec *x)
{
    x86_code_reset(x);
    x86_tlb_reset(x);
}

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        g_error("cannot set up a CPU's engine");
    }
    return memory;
}

X86Exec *x86_exec_new(X86CPU *cpu)
{
    X86Exec *x = map(sizeof(X86Exec));

    x->engine = map(sizeof(X86ExecPrivate));
    x->engine->era[0] = x->engine->era[1] = 1;
    x->cpu = cpu;
    x->env = &cpu->env;
    pthread_mutex_init(&x->engine->mutex, NULL);
    x86_tlb_reset(x);
    x86_exec_load(x);
    x86_code_add_engine(x);
    memory_reader_add(&x->engine->reader);
    memory_reader_away(&x->engine->reader);
    return x;
}

void x86_exec_free(X86Exec *x)
{
    memory_reader_remove(&x->engine->reader);
    x86_code_remove_engine(x);
    pthread_mutex_destroy(&x->engine->mutex);
    vector_free(x);
    munmap(x->engine, sizeof(X86ExecPrivate));
    munmap(x, sizeof(X86Exec));
}
