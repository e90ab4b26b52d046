/* CPUID's features as instructions need them. */
#ifndef TARGET_I386_EXEC_FEATURES_H
#define TARGET_I386_EXEC_FEATURES_H

#include "target/i386/cpu.h"
#include "target/i386/exec/insn-ids.h"

/* Whether the guest's CPU has it. X86_FEATURE_NONE: yes. */
bool x86_has_feature(const X86CPU *cpu, X86Feature feature);

#endif
