#include "accel/cpus.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system/clock.h"
#include "system/main-loop.h"
#include "system/qtest.h"
#include "system/ramblock.h"
#include "system/runstate.h"
#include "target/i386/exec/exec.h"
#include "util/log.h"

typedef struct CpuThread {
    X86CPU *cpu;
    X86Exec *exec;
    pthread_t thread;
    pthread_cond_t wake;
    bool executes;      /* from when its state left env until it is back there; mostly outside the big lock */
    bool waits;         /* executes, and its instruction waits for others to be idle */
    bool flush;         /* memory was written behind its back */
} CpuThread;

static bool enabled, running, ended;
static unsigned paused;
static CpuThread *threads;
static unsigned count;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;  /* some CPU stopped executing */
static __thread CpuThread *self;

static bool may_run(void)
{
    return running && paused == 0 && !ended;
}

static bool is_awake(const CpuThread *t)
{
    return !t->cpu->halted || x86_interrupt_pending(t->cpu);
}

/* --- counting: one CPU at a time, for a slice of instructions or until a timer is due --- */

enum { SLICE = 100000 };

static struct {
    bool enabled, sleep;
    unsigned shift, turn;
    X86Exec *executes;      /* with `given` as its budget at first; NULL: all is accounted for */
    int64_t given;
} counting;

static int64_t executed_since(void)
{
    const X86Exec *x = __atomic_load_n(&counting.executes, __ATOMIC_RELAXED);

    return x ? (counting.given - x->budget) << counting.shift : 0;
}

/* The slice ends before the next block, whose end may be too late for the timer. */
static void timer_is_earlier(void)
{
    X86Exec *x = counting.executes;

    if (x) {
        x86_exec_kick(x, X86_PENDING_STOP);
    }
}

static void begin_slice(X86Exec *x)
{
    int64_t now = clock_ns(CLOCK_TYPE_VIRTUAL), deadline = clock_deadline(CLOCK_TYPE_VIRTUAL);
    int64_t until_timer = deadline == INT64_MAX ? SLICE : (MAX(deadline - now, 0) >> counting.shift) + 1;

    x->counts = true;
    x->budget = counting.given = MIN(SLICE, until_timer);
    __atomic_store_n(&counting.executes, x, __ATOMIC_RELAXED);
}

/* Guest time moves by what was executed, and its timers fire. */
static void end_slice(void)
{
    int64_t now = clock_ns(CLOCK_TYPE_VIRTUAL);

    __atomic_store_n(&counting.executes, NULL, __ATOMIC_RELAXED);
    clock_step_to(now);
}

/* All are halted. */
static void wait_for_timer(CpuThread *t)
{
    int64_t now = clock_ns(CLOCK_TYPE_VIRTUAL), deadline = clock_deadline(CLOCK_TYPE_VIRTUAL);

    if (deadline == INT64_MAX) {
        big_wait(&t->wake);
        return;
    }
    if (counting.sleep && deadline > now) {
        int64_t begin = clock_ns(CLOCK_TYPE_REALTIME);

        big_wait_for(&t->wake, deadline - now);
        if (clock_ns(CLOCK_TYPE_REALTIME) - begin < deadline - now || !may_run()) {
            return;         /* something else came */
        }
    }
    clock_step_to(deadline);
}

/* Whether it is t's turn; passes the turn on to the next CPU that has something to do. */
static bool has_turn(CpuThread *t)
{
    if (&threads[counting.turn] != t) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned next = (counting.turn + i) % count;

        if (is_awake(&threads[next])) {
            counting.turn = next;
            pthread_cond_signal(&threads[next].wake);
            return &threads[next] == t;
        }
    }
    return false;
}

static void wait_for_turn(CpuThread *t)
{
    while (!may_run() || !has_turn(t)) {
        if (may_run() && &threads[counting.turn] == t) {
            wait_for_timer(t);
        } else {
            big_wait(&t->wake);
        }
    }
}

void cpus_count(unsigned shift, bool sleep)
{
    counting.enabled = true;
    counting.shift = shift;
    counting.sleep = sleep;
    clock_virtual_counted(executed_since, timer_is_earlier);
}

static void *run_cpu(void *opaque)
{
    CpuThread *t = opaque;
    sigset_t all;

    sigfillset(&all);
    sigdelset(&all, SIGFPE);    /* of vector instructions */
    sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    self = t;
    x86_cpu_set_current(t->cpu);
    big_lock();
    t->cpu->host_thread = (int)syscall(SYS_gettid);
    pthread_cond_broadcast(&idle);
    for (;;) {
        if (counting.enabled) {
            wait_for_turn(t);
            begin_slice(t->exec);
        }
        while (!may_run() || !is_awake(t)) {
            big_wait(&t->wake);
        }
        if (t->flush) {
            t->flush = false;
            x86_exec_flush(t->exec);
        }
        __atomic_fetch_and(&t->exec->pending, ~(uint32_t)X86_PENDING_STOP, __ATOMIC_SEQ_CST);
        x86_exec_load(t->exec);
        __atomic_store_n(&t->executes, true, __ATOMIC_SEQ_CST);
        big_unlock();
        x86_exec_run(t->exec);
        big_lock();
        x86_exec_store(t->exec);
        t->executes = false;
        if (counting.enabled) {
            end_slice();
            counting.turn = (counting.turn + 1) % count;
            pthread_cond_signal(&threads[counting.turn].wake);
        }
        pthread_cond_broadcast(&idle);
    }
    return NULL;
}

static void kick(X86CPU *cpu)
{
    if (cpu->exec) {
        x86_exec_kick(cpu->exec, X86_PENDING_INTERRUPT);
        pthread_cond_signal(&threads[counting.enabled ? counting.turn : cpu->index].wake);
    }
}

static void map_changed(MemoryListener *listener, AddressSpace *as, hwaddr first, hwaddr last)
{
    if (!x86_cpu_sees(as)) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        x86_exec_kick(threads[i].exec, X86_PENDING_TLB);
    }
}

static MemoryListener listener = { .changed = map_changed };

static void forget(void)
{
    cpus_pause();
    for (unsigned i = 0; i < count; i++) {
        x86_exec_kick(threads[i].exec, X86_PENDING_TLB);
    }
    cpus_resume();
}

/* Who does not execute now forgets before it does. Under the big lock an instruction may wait for us. */
static void rewrite(void)
{
    if (big_lock_held()) {
        forget();
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        x86_exec_kick(threads[i].exec, X86_PENDING_TLB);
    }
    for (unsigned i = 0; i < count; i++) {
        const CpuThread *t = &threads[i];

        while (t != self && __atomic_load_n(&t->executes, __ATOMIC_SEQ_CST) && !x86_exec_has_forgotten(t->exec)) {
            usleep(20);
        }
    }
}

static void a20_changed(X86CPU *cpu)
{
    if (cpu->exec) {
        x86_exec_kick(cpu->exec, X86_PENDING_TLB);
    }
}

static void make_threads(void)
{
    if (threads) {
        return;
    }
    count = x86_cpu_count();
    threads = g_new0(CpuThread, count);
    for (unsigned i = 0; i < count; i++) {
        CpuThread *t = &threads[i];

        t->cpu = x86_cpu_by_index(i);
        t->exec = x86_exec_new(t->cpu);
        pthread_cond_init(&t->wake, NULL);
        __atomic_store_n(&t->cpu->exec, t->exec, __ATOMIC_RELEASE);
    }
    memory_listener_add(&listener);
    x86_cpu_kick = kick;
    x86_cpu_a20_changed = a20_changed;
    ramblock_forget_hook = forget;
    ramblock_rewrite_hook = rewrite;
    for (unsigned i = 0; i < count; i++) {
        int failed = pthread_create(&threads[i].thread, NULL, run_cpu, &threads[i]);

        if (failed) {
            g_error("cannot create a CPU's thread: %s", g_strerror(failed));
        }
    }
    for (unsigned i = 0; i < count; i++) {
        while (!threads[i].cpu->host_thread) {
            big_wait(&idle);
        }
    }
}

static void wake_all(bool flush)
{
    for (unsigned i = 0; i < count; i++) {
        threads[i].flush |= flush;
        pthread_cond_signal(&threads[i].wake);
    }
}

static bool others_execute(void)
{
    for (unsigned i = 0; i < count; i++) {
        /* Two whose instructions wait may wait for each other. To anybody else both are in the middle of something. */
        if (&threads[i] != self && threads[i].executes && !(self && self->executes && threads[i].waits)) {
            return true;
        }
    }
    return false;
}

/* Waits until no other CPU executes. */
static void wait_idle(void)
{
    bool executes = self && self->executes;

    for (unsigned i = 0; i < count; i++) {
        if (&threads[i] != self) {
            x86_exec_kick(threads[i].exec, X86_PENDING_STOP);
        }
    }
    if (executes) {
        self->waits = true;
        pthread_cond_broadcast(&idle);
    }
    while (others_execute()) {
        big_wait(&idle);
    }
    if (executes) {
        self->waits = false;
    }
}

static void run_state_changed(void *opaque, bool now_running, RunState state)
{
    running = now_running;
    if (running) {
        make_threads();
        wake_all(true);
    } else if (threads) {
        wait_idle();
    }
}

void cpus_pause(void)
{
    paused++;
    if (threads) {
        wait_idle();
    }
}

void cpus_resume(void)
{
    if (--paused == 0 && threads) {
        wake_all(false);
    }
}

/* After a reset memory has other content, too. */
static void resume_after_reset(void)
{
    for (unsigned i = 0; i < count; i++) {
        threads[i].flush = true;
    }
    cpus_resume();
}

void cpus_enable(void)
{
    if (!enabled) {
        enabled = true;
        runstate_add_handler(run_state_changed, NULL);
        runstate_set_cpus(cpus_pause, resume_after_reset);
    }
}

void cpus_shutdown(void)
{
    ended = true;
    if (threads) {
        wait_idle();
    }
}
