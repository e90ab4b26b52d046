/* Stand-ins until the system part is there. */
#include "target/i386/exec/exec.h"

#define WEAK __attribute__((weak))
extern X86PlainFn *const x86_plain_system[X86_INSNS] WEAK;
X86PlainFn *const x86_plain_system[X86_INSNS] WEAK;
WEAK void x86_exception(X86Exec *x, unsigned vector, bool has_error, uint32_t error) { x->cpu->halted = 1; x->pending |= X86_PENDING_STOP; (void)vector; (void)has_error; (void)error; }
WEAK bool x86_take_interrupt(X86Exec *x) { (void)x; return false; }
WEAK bool x86_interrupt_pending(const X86CPU *cpu) { (void)cpu; return false; }
WEAK bool x86_steps(const X86Exec *x) { (void)x; return false; }
WEAK void x86_step_before(X86Exec *x) { (void)x; }
WEAK void x86_step_after(X86Exec *x) { (void)x; }
WEAK bool x86_debug_watches(const X86Exec *x, uint64_t l) { (void)x; (void)l; return false; }
WEAK void x86_debug_access(X86Exec *x, uint64_t l, unsigned n, bool w) { (void)x; (void)l; (void)n; (void)w; }
